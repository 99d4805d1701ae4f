package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"mvdan.cc/sh/v3/syntax"
)

// tick is done between commands: it takes signals in and runs their traps. False when the commands must be left.
func (sh *shell) tick() bool {
	if sh.task.Interrupted() != nil || sh.pending != 0 {
		sh.handleSignals()
	}
	return sh.flow == flowNone
}

func (sh *shell) stmts(list []*syntax.Stmt, tail bool) {
	for i, st := range list {
		sh.stmt(st, tail && i == len(list)-1)
		if sh.flow != flowNone {
			return
		}
	}
}

// stmt executes one command. tail says that the shell ends after it, so that a program may replace the shell.
func (sh *shell) stmt(st *syntax.Stmt, tail bool) {
	if !sh.tick() {
		return
	}
	if err := sh.enter(); err != nil {
		sh.errorf("%v", err)
		sh.exit(2)
		return
	}
	defer sh.leave()
	temps := len(sh.tempFDs)
	switch {
	case st.Background:
		sh.background(st)
	case st.Coprocess || st.Disown:
		sh.abort(shellError("coprocesses are not supported"))
	case st.Negated:
		sh.tested++
		sh.command(st, false)
		sh.tested--
		if sh.flow == flowNone {
			sh.status = int(truth(sh.status == 0))
		}
	default:
		sh.command(st, tail && !sh.opt.interactive && len(sh.pseudoTraps) == 0)
	}
	if len(sh.tempFDs) > temps && sh.flow != flowExec { // a program that takes our place keeps them
		sh.closeTemps(temps)
	}
}

// abort reports an error that ends a script, and of an interactive shell the command line.
func (sh *shell) abort(err error) {
	if err == errDying || sh.task.Dying() {
		sh.exit(sh.status)
		return
	}
	if err == errInterrupted {
		sh.flow, sh.status = flowInterrupt, 130
		return
	}
	sh.errorf("%s", strerror(err))
	sh.status = 2
	if sh.bash {
		sh.status = 1
		if _, ok := err.(unsetError); ok && sh.opt.command && sh.level == 0 {
			sh.status = 127
		}
	}
	if sh.opt.interactive {
		sh.flow = flowInterrupt
	} else {
		sh.flow = flowExit
	}
}

// failed applies set -e and the ERR trap to the status of a command.
func (sh *shell) failed() {
	if sh.status == 0 || sh.tested > 0 || sh.flow != flowNone {
		return
	}
	if cmd := sh.pseudoTraps["ERR"]; cmd != "" && !sh.inTrap && (len(sh.frames) == 0 || sh.opt.errtrace) {
		sh.runTrap(cmd)
	}
	if sh.opt.errexit && sh.flow == flowNone {
		sh.flow = flowExit
	}
}

// command executes a command with its redirections.
func (sh *shell) command(st *syntax.Stmt, tail bool) {
	sh.line = int(st.Position.Line())
	if call, ok := st.Cmd.(*syntax.CallExpr); ok {
		sh.call(call, st.Redirs, tail)
		return
	}
	if len(st.Redirs) == 0 {
		sh.compound(st.Cmd, tail)
		return
	}
	saved, err := sh.redirect(st.Redirs)
	if err != nil {
		sh.restore(saved)
		sh.redirectFailed(err, false)
		return
	}
	if st.Cmd != nil {
		sh.compound(st.Cmd, tail)
	} else {
		sh.status = 0
	}
	sh.settle(saved)
}

func (sh *shell) compound(cmd syntax.Command, tail bool) {
	switch c := cmd.(type) {
	case *syntax.Block:
		sh.stmts(c.Stmts, tail)
	case *syntax.Subshell:
		sh.subshell(c.Stmts, tail)
	case *syntax.BinaryCmd:
		sh.binary(c, tail)
	case *syntax.IfClause:
		sh.ifClause(c, tail)
	case *syntax.WhileClause:
		sh.while(c)
	case *syntax.ForClause:
		sh.forClause(c)
	case *syntax.CaseClause:
		sh.caseClause(c)
	case *syntax.FuncDecl:
		sh.declareFunc(c)
	case *syntax.ArithmCmd:
		sh.arithCommand([]syntax.ArithmExpr{c.X})
	case *syntax.LetClause:
		sh.arithCommand(c.Exprs)
	case *syntax.TestClause:
		sh.testClause(c)
	case *syntax.DeclClause:
		sh.declClause(c)
	case *syntax.TimeClause:
		sh.timeClause(c)
	case *syntax.CoprocClause:
		sh.abort(shellError("coproc: not supported"))
	default:
		sh.abort(shellError(fmt.Sprintf("%T: not supported", cmd)))
	}
}

// condition runs commands whose failure set -e passes over.
func (sh *shell) condition(list []*syntax.Stmt) bool {
	sh.tested++
	sh.stmts(list, false)
	sh.tested--
	return sh.flow == flowNone && sh.status == 0
}

func (sh *shell) binary(c *syntax.BinaryCmd, tail bool) {
	if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
		sh.pipeline(c)
		return
	}
	sh.tested++
	sh.stmt(c.X, false)
	sh.tested--
	if sh.flow == flowNone && (sh.status == 0) == (c.Op == syntax.AndStmt) {
		sh.stmt(c.Y, tail)
	}
}

func (sh *shell) ifClause(c *syntax.IfClause, tail bool) {
	for ; c != nil; c = c.Else {
		if len(c.Cond) == 0 || sh.condition(c.Cond) { // $? is the condition's, in else too
			sh.stmts(c.Then, tail)
			return
		}
		if sh.flow != flowNone {
			return
		}
	}
	sh.status = 0
}

// again tells whether a loop goes on after its body, and takes break and continue.
func (sh *shell) again() bool {
	switch sh.flow {
	case flowNone:
		return true
	case flowBreak:
		if sh.count--; sh.count == 0 {
			sh.flow = flowNone
		}
		return false
	case flowContinue:
		if sh.count--; sh.count == 0 {
			sh.flow = flowNone
			return true
		}
	}
	return false
}

func (sh *shell) while(c *syntax.WhileClause) {
	sh.loops++
	defer func() { sh.loops-- }()
	last := 0
	for {
		ok := sh.condition(c.Cond)
		if sh.flow != flowNone {
			if !sh.again() {
				if sh.flow == flowNone {
					sh.status = 0
				}
				return
			}
			continue
		}
		if ok == c.Until {
			break
		}
		sh.stmts(c.Do, false)
		last = sh.status
		if !sh.again() {
			return
		}
	}
	sh.status = last
}

func (sh *shell) forClause(c *syntax.ForClause) {
	sh.loops++
	defer func() { sh.loops-- }()
	if loop, ok := c.Loop.(*syntax.CStyleLoop); ok {
		sh.forArith(loop, c.Do)
		return
	}
	loop := c.Loop.(*syntax.WordIter)
	items := sh.args
	if loop.InPos.IsValid() {
		var err error
		if items, err = sh.expandFields(loop.Items); err != nil {
			sh.abort(err)
			return
		}
	}
	if c.Select {
		sh.selectLoop(loop.Name.Value, items, c.Do)
		return
	}
	sh.status = 0
	for _, item := range items {
		if err := sh.setVar(loop.Name.Value, item); err != nil {
			sh.abort(err)
			return
		}
		if !sh.tick() {
			return
		}
		sh.stmts(c.Do, false)
		if !sh.again() {
			return
		}
	}
}

func (sh *shell) forArith(loop *syntax.CStyleLoop, body []*syntax.Stmt) {
	eval := func(e syntax.ArithmExpr) (int64, bool) {
		n, err := sh.arith(e)
		if err != nil {
			sh.abort(err)
		}
		return n, err == nil
	}
	if loop.Init != nil {
		if _, ok := eval(loop.Init); !ok {
			return
		}
	}
	sh.status = 0
	for sh.tick() {
		if loop.Cond != nil {
			if n, ok := eval(loop.Cond); !ok || n == 0 {
				return
			}
		}
		sh.stmts(body, false)
		if !sh.again() {
			return
		}
		if loop.Post != nil {
			if _, ok := eval(loop.Post); !ok {
				return
			}
		}
	}
}

// selectLoop is select: it asks for one of the items until the end of the input.
func (sh *shell) selectLoop(name string, items []string, body []*syntax.Stmt) {
	sh.status = 0
	menu := true
	for len(items) > 0 && sh.tick() {
		if menu {
			width := len(strconv.Itoa(len(items)))
			for i, item := range items {
				sh.write(2, fmt.Sprintf("%*d) %s\n", width, i+1, item))
			}
		}
		ps3, ok := sh.get("PS3")
		if !ok {
			ps3 = "#? "
		}
		sh.write(2, ps3)
		line, err := sh.readLine(0)
		if err != nil {
			sh.write(1, "\n")
			sh.status = 1
			return
		}
		menu = line == ""
		choice := ""
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n >= 1 && n <= len(items) {
			choice = items[n-1]
		}
		if line == "" {
			continue
		}
		if err := sh.setVar(name, choice); err != nil {
			sh.abort(err)
			return
		}
		if err := sh.setVar("REPLY", line); err != nil {
			sh.abort(err)
			return
		}
		sh.stmts(body, false)
		if !sh.again() {
			return
		}
	}
}

func (sh *shell) caseClause(c *syntax.CaseClause) {
	word, err := sh.expandString(c.Word)
	if err != nil {
		sh.abort(err)
		return
	}
	if sh.opt.nocasematch {
		word = strings.ToLower(word)
	}
	sh.status = 0
	through := false // ;& goes on with the next commands
	for _, item := range c.Items {
		hit := through
		for _, p := range item.Patterns {
			if hit {
				break
			}
			pat, err := sh.expandPattern(p)
			if err != nil {
				sh.abort(err)
				return
			}
			if sh.opt.nocasematch {
				src, _ := sh.expandTo(p, patternMode, false)
				pat = sh.pattern(strings.ToLower(src))
			}
			hit = pat.match(word)
		}
		if !hit {
			continue
		}
		sh.stmts(item.Stmts, false)
		if sh.flow != flowNone {
			return
		}
		switch item.Op {
		case syntax.Fallthrough:
			through = true
		case syntax.Resume, syntax.ResumeKorn:
			through = false
		default:
			return
		}
	}
}

func (sh *shell) declareFunc(c *syntax.FuncDecl) {
	if c.Name == nil {
		sh.abort(shellError("anonymous functions are not supported"))
		return
	}
	sh.setFunc(c.Name.Value, c.Body)
	sh.status = 0
}

// arithCommand is (( )) and let: it succeeds when the last expression is not zero.
func (sh *shell) arithCommand(list []syntax.ArithmExpr) {
	var n int64
	for _, e := range list {
		var err error
		if n, err = sh.arith(e); err != nil {
			if err == errDying {
				sh.abort(err)
				return
			}
			sh.errorf("%v", err)
			sh.status = 1
			sh.failed()
			return
		}
	}
	sh.status = int(truth(n == 0))
	sh.failed()
}

// timeClause is the time keyword: it reports the real time, and that of the commands, in seconds.
func (sh *shell) timeClause(c *syntax.TimeClause) {
	from, self, child := time.Now(), sh.task.CPU(), sh.task.ChildCPU()
	if c.Stmt != nil {
		sh.stmt(c.Stmt, false)
	}
	real := time.Since(from)
	user := sh.task.CPU() - self + sh.task.ChildCPU() - child
	if c.PosixFormat {
		sh.write(2, fmt.Sprintf("real %.2f\nuser %.2f\nsys 0.00\n", real.Seconds(), user.Seconds()))
		return
	}
	show := func(d time.Duration) string {
		return fmt.Sprintf("%dm%.3fs", int(d.Minutes()), (d % time.Minute).Seconds())
	}
	if sh.bash {
		sh.write(2, fmt.Sprintf("\nreal\t%s\nuser\t%s\nsys\t%s\n", show(real), show(user), show(0)))
	} else {
		ash := func(d time.Duration) string {
			return fmt.Sprintf("%dm %.2fs", int(d.Minutes()), (d % time.Minute).Seconds())
		}
		sh.write(2, fmt.Sprintf("real\t%s\nuser\t%s\nsys\t%s\n", ash(real), ash(user), ash(0)))
	}
}

// handleSignals takes in the signals that came and runs their traps.
func (sh *shell) handleSignals() {
	if sh.task.Dying() {
		sh.exit(sh.status)
		return
	}
	sh.collectSignals()
	if sh.interrupted && sh.flow == flowNone && sh.opt.interactive {
		sh.flow, sh.status = flowInterrupt, 128+int(abi.SIGINT)
		return
	}
	if sh.inTrap {
		return
	}
	for sh.pending != 0 && sh.flow == flowNone {
		for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
			if sh.pending.Has(s) {
				sh.pending &^= s.Bit()
				if cmd := sh.traps[s]; cmd != "" {
					sh.runTrap(cmd)
				}
			}
		}
	}
}

// collectSignals notes the signals that came; their traps run later.
func (sh *shell) collectSignals() {
	for s := sh.task.NextSignal(); s != 0; s = sh.task.NextSignal() {
		switch {
		case sh.traps[s] != "":
			sh.pending |= s.Bit()
		case s == abi.SIGINT:
			sh.interrupted = true
		}
	}
}

// runTrap runs a trap's commands; $? is kept.
func (sh *shell) runTrap(cmd string) {
	old, status := sh.inTrap, sh.status
	sh.inTrap = true
	sh.runString(cmd, false)
	sh.inTrap = old
	if sh.flow == flowNone || sh.flow == flowBreak || sh.flow == flowContinue {
		sh.status = status
	}
}
