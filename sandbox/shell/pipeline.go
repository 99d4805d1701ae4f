package shell

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"mvdan.cc/sh/v3/syntax"
)

// pipeline runs a | b | c, each command in a task of its own.
func (sh *shell) pipeline(c *syntax.BinaryCmd) {
	type element struct {
		st  *syntax.Stmt
		all bool // |&
	}
	var elems []element
	last := &syntax.Stmt{Position: c.Pos(), Cmd: c}
	for {
		b, ok := last.Cmd.(*syntax.BinaryCmd)
		if !ok || b.Op != syntax.Pipe && b.Op != syntax.PipeAll || len(last.Redirs) > 0 || last.Negated {
			break
		}
		elems = append(elems, element{b.Y, false})
		last = b.X
		elems = append(elems, element{nil, b.Op == syntax.PipeAll})
	}
	// elems holds, from the right, each command and how the one before it is joined to it.
	var cmds []element
	cmds = append(cmds, element{last, false})
	for i := len(elems) - 2; i >= 0; i -= 2 {
		cmds[len(cmds)-1].all = elems[i+1].all
		cmds = append(cmds, elems[i])
	}
	j := &job{}
	if sh.opt.interactive {
		j.text = sourceOf(&syntax.Stmt{Position: c.Pos(), Cmd: c})
	}
	in := -1
	files := sh.task.Files
	for i, e := range cmds {
		attr := &kernel.SpawnAttr{}
		r, w := -1, -1
		if in >= 0 {
			attr.Files = append(attr.Files, abi.SpawnFile{From: int32(in), To: 0}, abi.SpawnFile{From: -1, To: int32(in)})
		}
		var err error
		if i < len(cmds)-1 {
			if r, w, err = sh.pipe(); err == nil {
				attr.Files = append(attr.Files, abi.SpawnFile{From: int32(w), To: 1}, abi.SpawnFile{From: -1, To: int32(w)},
					abi.SpawnFile{From: -1, To: int32(r)})
				if e.all {
					attr.Files = append(attr.Files, abi.SpawnFile{From: int32(w), To: 2})
				}
			}
		}
		if err == nil {
			st := e.st
			_, err = sh.fork(j, attr, func(child *shell) { child.stmt(st, true) })
		}
		if in >= 0 {
			files.Close(in)
		}
		if w >= 0 {
			files.Close(w)
		}
		in = r
		if err != nil {
			if r >= 0 {
				files.Close(r)
			}
			if len(j.procs) > 0 {
				sh.waitJob(j)
			}
			sh.abort(shellError("can't fork: " + strerror(err)))
			return
		}
	}
	sh.status = sh.waitJob(j)
	sh.setPipeStatus(j)
	sh.failed()
}

// setPipeStatus keeps the status of each command in PIPESTATUS (bash).
func (sh *shell) setPipeStatus(j *job) {
	if !sh.bash {
		return
	}
	var list []string
	for _, p := range j.procs {
		list = append(list, strconv.Itoa(code(p.status)))
	}
	sh.setArray("PIPESTATUS", list)
}

// commandSubst is $(…) and `…`: the output without the newlines at its end.
func (sh *shell) commandSubst(c *syntax.CmdSubst) (string, error) {
	if len(c.Stmts) == 0 {
		sh.substStatus = 0
		return "", nil
	}
	if c.TempFile || c.ReplyVar {
		return "", shellError("bad substitution")
	}
	if st := c.Stmts[0]; len(c.Stmts) == 1 && st.Cmd == nil && len(st.Redirs) == 1 && st.Redirs[0].Op == syntax.RdrIn { // $(<file)
		f, err := sh.openRedirect(st.Redirs[0])
		if err != nil {
			sh.errorf("%v", err)
			sh.substStatus = 1
			return "", nil
		}
		defer f.Release()
		s, err := sh.readAll(f, maxValue)
		sh.substStatus = 0
		return strings.TrimRight(s, "\n"), err
	}
	r, w, err := sh.pipe()
	if err != nil {
		return "", shellError("can't create pipe: " + strerror(err))
	}
	attr := &kernel.SpawnAttr{Files: []abi.SpawnFile{{From: int32(w), To: 1}, {From: -1, To: int32(w)}, {From: -1, To: int32(r)}}}
	monitor := sh.opt.monitor
	sh.opt.monitor = false // it stays in the shell's group
	j, err := sh.forkJob("", attr, func(child *shell) {
		if child.bash && !child.opt.inheritErrexit {
			child.opt.errexit = false
		}
		child.stmts(c.Stmts, true)
	})
	sh.opt.monitor = monitor
	files := sh.task.Files
	files.Close(w)
	if err != nil {
		files.Close(r)
		return "", shellError("can't fork: " + strerror(err))
	}
	in, err := files.Get(r)
	files.Close(r)
	if err != nil {
		return "", shellError(strerror(err))
	}
	s, rerr := sh.readAll(in, maxValue)
	in.Release()
	sh.opt.monitor = false
	sh.substStatus = sh.waitJob(j)
	sh.opt.monitor = monitor
	sh.status = sh.substStatus
	if rerr != nil {
		return "", rerr
	}
	return strings.TrimRight(s, "\n"), nil
}

// processSubst is <(…) and >(…): the name of a descriptor that is a pipe to the commands.
func (sh *shell) processSubst(p *syntax.ProcSubst) (string, error) {
	r, w, err := sh.pipe()
	if err != nil {
		return "", shellError("can't create pipe: " + strerror(err))
	}
	mine, theirs, to := r, w, int32(1)
	if p.Op == syntax.CmdOut {
		mine, theirs, to = w, r, 0
	}
	attr := &kernel.SpawnAttr{Files: []abi.SpawnFile{{From: int32(theirs), To: to}, {From: -1, To: int32(w)}, {From: -1, To: int32(r)}}}
	j := &job{background: true}
	stmts := p.Stmts
	monitor := sh.opt.monitor
	sh.opt.monitor = false
	c, err := sh.fork(j, attr, func(child *shell) { child.stmts(stmts, true) })
	sh.opt.monitor = monitor
	sh.task.Files.Close(theirs)
	if err != nil {
		sh.task.Files.Close(mine)
		return "", shellError("can't fork: " + strerror(err))
	}
	sh.lastBackground = c.Pid()
	sh.addJob(j)
	j.id, j.notified = 0, true
	sh.task.Files.SetCloexec(mine, false)
	sh.tempFDs = append(sh.tempFDs, mine)
	return "/dev/fd/" + strconv.Itoa(mine), nil
}
