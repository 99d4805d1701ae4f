package shell

import (
	"maps"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"mvdan.cc/sh/v3/syntax"
)

// call executes a simple command (XCU 2.9.1).
func (sh *shell) call(c *syntax.CallExpr, redirs []*syntax.Redirect, tail bool) {
	if len(sh.aliases) > 0 && len(c.Args) > 0 && sh.alias(c, redirs) {
		return
	}
	sh.substStatus = 0
	args, err := sh.expandFields(c.Args)
	if err != nil {
		sh.abort(err)
		return
	}
	if cmd := sh.pseudoTraps["DEBUG"]; cmd != "" && !sh.inTrap {
		sh.runTrap(cmd)
	}
	if len(args) == 0 {
		sh.assignments(c.Assigns, redirs)
		return
	}
	if sh.opt.xtrace {
		sh.trace(c.Assigns, args)
		if sh.flow != flowNone {
			return
		}
	}
	fn := sh.funcs[args[0]]
	b, isBuiltin := sh.builtins[args[0]]
	special := isBuiltin && b.special
	if fn != nil && special && !sh.bash {
		fn = nil
	}
	if fn == nil && args[0] == "exec" && isBuiltin {
		sh.execBuiltin(c.Assigns, args[1:], redirs)
		return
	}
	saved, err := sh.redirect(redirs)
	defer func() { sh.settle(saved) }()
	if err != nil {
		sh.redirectFailed(err, special && fn == nil)
		return
	}
	switch {
	case fn != nil:
		undo, ok := sh.prefix(c.Assigns, false)
		if ok {
			sh.callFunc(fn, args)
		}
		undo()
	case isBuiltin:
		undo, ok := sh.prefix(c.Assigns, special && !sh.bash)
		if ok {
			sh.callBuiltin(b, args)
		}
		undo()
	default:
		env, ok := sh.prefixEnv(c.Assigns)
		if ok {
			sh.external(args, env, tail)
		}
	}
	sh.failed()
}

// assignments executes a command of assignments alone.
func (sh *shell) assignments(list []*syntax.Assign, redirs []*syntax.Redirect) {
	if len(redirs) > 0 {
		saved, err := sh.redirect(redirs)
		sh.restore(saved)
		if err != nil {
			sh.redirectFailed(err, false)
			return
		}
	}
	for _, a := range list {
		if err := sh.assign(a, 0); err != nil {
			sh.abort(err)
			return
		}
	}
	if sh.opt.xtrace && len(list) > 0 {
		sh.trace(list, nil)
	}
	sh.status = sh.substStatus
	sh.failed()
}

// assign carries out name=value, name+=value, name[i]=value and name=(…). flags are set besides.
func (sh *shell) assign(a *syntax.Assign, flags varFlags) error {
	name := a.Name.Value
	if a.Array != nil {
		return sh.assignArray(a)
	}
	value, err := sh.expandAssign(a.Value)
	if err != nil {
		return err
	}
	if a.Index != nil {
		return sh.assignElem(name, a.Index, value, a.Append)
	}
	if a.Append {
		_, v, _ := sh.lookup(name)
		old, _ := v.value()
		if v.flags&isInteger != 0 {
			value = old + "+(" + value + ")"
			if old == "" {
				value = value[1:]
			}
		} else {
			value = old + value
		}
	}
	return sh.setVar(name, value)
}

// assignArray is name=(…) and name+=(…).
func (sh *shell) assignArray(a *syntax.Assign) error {
	name, v, _ := sh.lookup(a.Name.Value)
	if v.flags&isReadonly != 0 {
		return readonlyError(name)
	}
	if v.kind == associative {
		m := sh.ownAssoc(nil)
		if a.Append {
			m = sh.ownAssoc(v.assoc)
		}
		for _, e := range a.Array.Elems {
			if e.Index == nil {
				return shellError(name + ": must use subscript when assigning associative array")
			}
			key, _, err := sh.index(e.Index, true)
			if err != nil {
				return err
			}
			s, err := sh.expandAssign(e.Value)
			if err != nil {
				return err
			}
			m.put(key, s)
		}
		v.assoc = m
	} else {
		arr := &array{owner: sh.owner}
		if a.Append {
			if v.kind == indexed {
				arr = sh.ownArray(v.arr)
			} else if v.set() {
				arr.put(0, v.str)
			}
		}
		next := arr.end()
		for _, e := range a.Array.Elems {
			if e.Index != nil {
				_, i, err := sh.index(e.Index, false)
				if err != nil {
					return err
				}
				if i < 0 {
					return shellError(name + ": bad array subscript")
				}
				s, err := sh.expandAssign(e.Value)
				if err != nil {
					return err
				}
				arr.put(i, s)
				next = i + 1
				continue
			}
			list, err := sh.expandFields([]*syntax.Word{e.Value})
			if err != nil {
				return err
			}
			for _, s := range list {
				if s, err = sh.convert(&v, s); err != nil {
					return err
				}
				if err := sh.account(varSize + len(s)); err != nil {
					return err
				}
				arr.put(next, s)
				next++
			}
		}
		v.kind, v.str, v.arr = indexed, "", arr
	}
	v.flags |= isSet
	sh.store(name, v)
	return nil
}

// prefix makes the assignments before a function or builtin, and returns what takes them back.
func (sh *shell) prefix(list []*syntax.Assign, keep bool) (undo func(), ok bool) {
	undo = func() {}
	if len(list) == 0 {
		return undo, true
	}
	saved := map[string]savedVar{}
	if !keep {
		undo = func() {
			for name, s := range saved {
				sh.putBack(name, s)
			}
		}
	}
	for _, a := range list {
		name := a.Name.Value
		if _, done := saved[name]; !done {
			v, had := sh.vars[name]
			saved[name] = savedVar{v, had}
		}
		err := sh.assign(a, 0)
		if err == nil && !keep {
			err = sh.setFlags(name, isExported, 0)
		}
		if err != nil {
			sh.abort(err)
			return undo, false
		}
	}
	return undo, true
}

// putBack restores a variable.
func (sh *shell) putBack(name string, s savedVar) {
	sh.env = nil
	if s.ok {
		sh.ownVars()[name] = s.v
	} else {
		delete(sh.ownVars(), name)
	}
	sh.changed(name)
}

// prefixEnv gives the environment of a program with the assignments before it.
func (sh *shell) prefixEnv(list []*syntax.Assign) ([]string, bool) {
	env := sh.environ()
	if len(list) == 0 {
		return env, true
	}
	env = env[:len(env):len(env)]
	for _, a := range list {
		value, err := sh.expandAssign(a.Value)
		if err == nil && sh.vars[a.Name.Value].flags&isReadonly != 0 {
			err = readonlyError(a.Name.Value)
		}
		if err != nil {
			sh.abort(err)
			return nil, false
		}
		if a.Append {
			value = sh.getenv(a.Name.Value) + value
		}
		out := make([]string, 0, len(env)+1)
		for _, s := range env {
			if !strings.HasPrefix(s, a.Name.Value+"=") {
				out = append(out, s)
			}
		}
		env = append(out, a.Name.Value+"="+value)
	}
	return env, true
}

// trace is set -x.
func (sh *shell) trace(assigns []*syntax.Assign, args []string) {
	sh.opt.xtrace = false
	ps4 := sh.expandPrompt("PS4")
	var b strings.Builder
	b.WriteString(ps4)
	sep := ""
	for _, a := range assigns {
		value, err := "", error(nil)
		switch {
		case args == nil && a.Array == nil && a.Index == nil && !a.Append:
			value = sh.getenv(a.Name.Value) // it has been expanded once; twice could do something twice
		case a.Value != nil:
			value, err = sh.expandAssign(a.Value)
		}
		if err != nil {
			sh.opt.xtrace = true
			sh.abort(err)
			return
		}
		b.WriteString(sep + a.Name.Value + "=")
		if value != "" {
			b.WriteString(quoteIfNeeded(value))
		}
		sep = " "
	}
	for _, s := range args {
		b.WriteString(sep + quoteIfNeeded(s))
		sep = " "
	}
	b.WriteString("\n")
	sh.write(2, b.String())
	sh.opt.xtrace = true
}

// alias replaces a first word that is an alias; true when it has executed the command.
func (sh *shell) alias(c *syntax.CallExpr, redirs []*syntax.Redirect) bool {
	name := c.Args[0].Lit()
	text, ok := sh.aliases[name]
	if !ok || name == "" || sh.bash && !sh.opt.interactive && !sh.opt.expandAliases {
		return false
	}
	var b strings.Builder
	p := syntax.NewPrinter(syntax.SingleLine(true))
	for _, a := range c.Assigns {
		p.Print(&b, &syntax.CallExpr{Assigns: []*syntax.Assign{a}})
		b.WriteString(" ")
	}
	b.WriteString(text)
	rest := c.Args[1:]
	if strings.HasSuffix(text, " ") && len(rest) > 0 { // the next word may be an alias too
		if next, ok := sh.aliases[rest[0].Lit()]; ok {
			b.WriteString(next)
			rest = rest[1:]
		}
	}
	if len(rest) > 0 || len(redirs) > 0 {
		b.WriteString(" ")
		st := &syntax.Stmt{Redirs: redirs}
		if len(rest) > 0 {
			st.Cmd = &syntax.CallExpr{Args: rest}
		}
		p.Print(&b, st)
	}
	old := sh.aliases
	sh.aliases = maps.Clone(old) // its own name means the command
	delete(sh.aliases, name)
	narrowed := len(sh.aliases)
	sh.runString(b.String(), false)
	if len(sh.aliases) == narrowed {
		sh.aliases = old
	} else {
		sh.aliases[name] = text
	}
	return true
}

// callFunc calls a function.
func (sh *shell) callFunc(fn *function, args []string) {
	if err := sh.enter(); err != nil {
		sh.errorf("%v", err)
		sh.exit(2)
		return
	}
	old, loops := sh.args, sh.loops
	sh.args, sh.loops = args[1:], 0
	sh.frames = append(sh.frames, frame{name: fn.name})
	sh.stmt(fn.body, false)
	if sh.flow == flowReturn {
		sh.flow = flowNone
	}
	if cmd := sh.pseudoTraps["RETURN"]; cmd != "" && sh.flow == flowNone {
		sh.runTrap(cmd)
	}
	f := sh.frames[len(sh.frames)-1]
	sh.frames = sh.frames[:len(sh.frames)-1]
	for name, s := range f.saved {
		sh.putBack(name, s)
	}
	if f.opts != nil {
		sh.opt = *f.opts
	}
	sh.args, sh.loops = old, loops
	sh.leave()
}

func (sh *shell) setFunc(name string, body *syntax.Stmt) {
	if err := sh.account(1024 + int(body.End().Offset()-body.Pos().Offset())); err != nil {
		sh.abort(err)
		return
	}
	sh.ownFuncs()[name] = &function{name, body}
}

func (sh *shell) ownFuncs() map[string]*function {
	if sh.funcs == nil {
		sh.funcs, sh.funcOwner = map[string]*function{}, sh.owner
	}
	if sh.funcOwner != sh.owner {
		sh.funcs, sh.funcOwner = maps.Clone(sh.funcs), sh.owner
	}
	return sh.funcs
}

func (sh *shell) callBuiltin(b builtin, args []string) {
	old := sh.builtin
	sh.builtin, sh.raised = args[0], false
	status := b.run(sh, args)
	sh.builtin = old
	if sh.flow != flowExit && sh.flow != flowInterrupt && sh.flow != flowExec {
		sh.status = status
	}
	if sh.raised && b.special && !sh.opt.interactive && sh.flow == flowNone && !sh.bash {
		sh.flow = flowExit
	}
	sh.raised = false
}

// external runs a program. In tail position it takes the shell's place.
func (sh *shell) external(args, env []string, tail bool) {
	path, err := sh.find(args[0])
	if err == nil && tail && len(sh.traps) == 0 {
		if err = sh.task.Exec(path, args, env); err == nil {
			sh.flow = flowExec
			return
		}
	} else if err == nil {
		var j *job
		if j, err = sh.spawn(path, args, env); err == nil {
			sh.status = sh.waitJob(j)
			return
		}
	}
	if err == abi.ENOEXEC {
		if err = sh.runScript(path, args, env, tail); err == nil {
			return
		}
	}
	sh.notStarted(args[0], err)
}

// notStarted reports why a program could not be started: 127 when it is not there, 126 otherwise.
func (sh *shell) notStarted(name string, err error) {
	sh.status = 126
	switch {
	case err == abi.ENOENT || err == abi.ENOTDIR:
		sh.status = 127
		sh.errorf("%s: not found", name)
	case err == abi.EAGAIN || err == abi.ENOMEM:
		sh.abort(shellError("can't fork: " + strerror(err)))
	default:
		sh.errorf("%s: %s", name, strerror(err))
	}
}

// find finds a command's file in PATH, remembering where.
func (sh *shell) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	if path, ok := sh.hashed[name]; ok {
		if st, err := sh.stat(path, true); err == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
			return path, nil
		}
		delete(sh.hashed, name)
	}
	path, err := sh.task.LookPath(name, sh.getenv("PATH"))
	if err == nil && strings.HasPrefix(path, "/") {
		sh.hashed[name] = path
	}
	return path, err
}

// runScript runs a text file that has no "#!" as a script of this shell (XCU 2.9.1.1): ENOEXEC for a binary one.
func (sh *shell) runScript(path string, args, env []string, tail bool) error {
	fs := sh.task.FS()
	f, err := fs.Open(fs.Cwd, path, abi.O_RDONLY, 0)
	if err != nil {
		return err
	}
	head := make([]byte, 256)
	n, err := f.Pread(head, 0)
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	f.Release()
	if err != nil {
		return err
	}
	if strings.IndexByte(line, 0) >= 0 {
		return abi.ENOEXEC
	}
	bash := sh.bash
	argv := append([]string{sh.arg0, path}, args[1:]...)
	j, err := sh.forkJob(args[0], &kernel.SpawnAttr{}, func(child *shell) {
		child.task.SetArgv(argv)
		fresh := newShell(child.task, child.builtins, env)
		fresh.bash = bash
		child.status = fresh.main(argv)
		child.pseudoTraps, child.flow = nil, flowExit
	})
	if err != nil {
		return err
	}
	sh.status = sh.waitJob(j)
	return nil
}

// execBuiltin is exec: it replaces the shell by a program, or makes redirections that stay.
func (sh *shell) execBuiltin(assigns []*syntax.Assign, args []string, redirs []*syntax.Redirect) {
	saved, err := sh.redirect(redirs)
	if err != nil {
		sh.restore(saved)
		sh.redirectFailed(err, true)
		return
	}
	sh.forget(saved)
	if _, ok := sh.prefix(assigns, true); !ok {
		return
	}
	argv0 := ""
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-a" {
			argv0, args = args[1], args[2:]
			continue
		}
		args = args[1:]
	}
	if len(args) == 0 {
		sh.status = 0
		return
	}
	sh.builtin = "exec"
	defer func() { sh.builtin = "" }()
	env, _ := sh.prefixEnv(nil)
	for _, a := range assigns { // exported to the program alone
		env = append(env[:len(env):len(env)], a.Name.Value+"="+sh.getenv(a.Name.Value))
	}
	path, err := sh.find(args[0])
	if argv0 != "" {
		args = append([]string{argv0}, args[1:]...)
	}
	if err == nil {
		sh.defaultSignals()
		if err = sh.task.Exec(path, args, env); err == nil {
			sh.flow = flowExec
			return
		}
		if err == abi.ENOEXEC {
			if err = sh.runScript(path, args, env, true); err == nil {
				sh.flow = flowExit
				return
			}
		}
	}
	sh.notStarted(args[0], err)
	if !sh.opt.interactive {
		sh.flow = flowExit
	}
}
