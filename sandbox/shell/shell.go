package shell

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"mvdan.cc/sh/v3/syntax"
)

// flow says why commands are being left.
type flow uint8

const (
	flowNone flow = iota
	flowBreak
	flowContinue
	flowReturn
	flowExit
	flowExec      // the task goes on with another program
	flowInterrupt // back to the prompt
)

// shell is the state of one shell process. Only its task's goroutine uses it.
type shell struct {
	task *kernel.Task
	bash bool // the dialect: bash, otherwise ash
	opt  settings

	arg0    string
	args    []string // $1…
	pid     int      // $$: a subshell keeps its parent's
	ppid    int
	level   int // subshells above
	started time.Time
	random  uint32

	vars      map[string]variable
	funcs     map[string]*function
	aliases   map[string]string
	owner     *owner
	varsOwner *owner
	funcOwner *owner
	lost      map[string]bool // dynamic variables that were unset
	env       []string        // the exported variables; nil when they must be listed anew
	ifs       *ifs
	frames    []frame           // function calls
	hashed    map[string]string // where commands were found
	patterns  map[string]*pattern
	regexps   map[string]*regexp.Regexp

	memory   int // of variables and functions, about; see account
	reserved int // of the sandbox's memory

	status         int  // $?
	substStatus    int  // of the last command substitution in the command under way
	flow           flow // why commands are being left
	count          int  // levels that break or continue still leaves
	loops          int
	sourced        int // files being sourced
	tested         int // a condition is being evaluated: set -e does not apply
	depth          int
	lastBackground int
	exiting        bool // the EXIT trap is running

	name     string // of the script, for messages; "" for -c
	builtin  string // under way, for messages
	line     int
	raised   bool  // the builtin failed in a way that ends a script when it is a special one
	tempFDs  []int // of process substitutions of the command under way
	optPos   int   // getopts: in the argument under way
	dirStack []string

	traps       map[abi.Signal]string
	pseudoTraps map[string]string // EXIT, ERR, DEBUG, RETURN
	pending     abi.SigSet
	interrupted bool // an interactive shell got SIGINT
	inTrap      bool
	selfIgnored abi.SigSet // ignored by an interactive shell for itself, not for its children

	jobs     []*job
	builtins map[string]builtin
	term     *terminal // of an interactive shell with a terminal
}

// function is a shell function.
type function struct {
	name string
	body *syntax.Stmt
}

// frame is a function call: what its locals hide.
type frame struct {
	name  string
	saved map[string]savedVar
	opts  *settings // local -
}

type savedVar struct {
	v  variable
	ok bool
}

// maxDepth bounds the nesting of commands, functions and expressions, so that a program cannot use up the stack.
const maxDepth = 12000

func (sh *shell) enter() error {
	if sh.depth++; sh.depth > maxDepth {
		sh.depth--
		return errTooDeep
	}
	return nil
}

func (sh *shell) leave() { sh.depth-- }

// newShell makes a shell with the variables of an environment.
func newShell(t *kernel.Task, table map[string]builtin, env []string) *shell {
	now := time.Now()
	sh := &shell{
		builtins: table, task: t, pid: t.Pid(), ppid: t.Ppid(), started: now, random: uint32(now.UnixNano()) ^ uint32(t.Pid()), owner: &owner{},
		vars: make(map[string]variable, len(env)+8), ifs: newIFS("", false), hashed: map[string]string{}, lost: map[string]bool{},
	}
	sh.varsOwner, sh.funcOwner = sh.owner, sh.owner
	for _, s := range env {
		if name, value, ok := strings.Cut(s, "="); ok && validName(name) && name != "IFS" {
			sh.vars[name] = variable{flags: isSet | isExported, str: value}
		}
	}
	for name, value := range map[string]string{"IFS": " \t\n", "PS1": `\w \$ `, "PS2": "> ", "PS4": "+ ", "OPTIND": "1"} {
		if v, ok := sh.vars[name]; ok && name != "OPTIND" && v.set() {
			continue
		}
		sh.vars[name] = variable{flags: isSet, str: value}
	}
	if _, ok := sh.vars["PATH"]; !ok {
		sh.vars["PATH"] = variable{flags: isSet, str: defaultPath}
	}
	pwd, _ := t.Kernel().Namespace().Name(t.Cwd(), t.Root())
	if v, ok := sh.vars["PWD"]; ok && strings.HasPrefix(v.str, "/") { // it may name the place through symbolic links
		fs := t.FS()
		if p, err := fs.Walk(fs.Cwd, v.str, true); err == nil && p == fs.Cwd {
			pwd = v.str
		}
	}
	sh.vars["PWD"] = variable{flags: isSet | isExported, str: pwd}
	level, _ := strconv.Atoi(sh.vars["SHLVL"].str)
	sh.vars["SHLVL"] = variable{flags: isSet | isExported, str: strconv.Itoa(max(level, 0) + 1)}
	return sh
}

const defaultPath = "/sbin:/usr/sbin:/bin:/usr/bin"

// copy gives a subshell's state: what is shared is copied by the first to change it.
func (sh *shell) copy() *shell {
	c := *sh
	sh.owner, c.owner = &owner{}, &owner{}
	c.args = slices.Clip(sh.args)
	c.aliases = maps.Clone(sh.aliases)
	c.hashed = maps.Clone(sh.hashed)
	c.lost = maps.Clone(sh.lost)
	c.patterns, c.regexps, c.jobs, c.tempFDs = nil, nil, nil, nil
	c.frames = slices.Clone(sh.frames)
	c.dirStack = slices.Clone(sh.dirStack)
	c.level++
	c.memory, c.reserved = 0, 0 // what it shares is its parent's
	c.traps, c.pseudoTraps = nil, nil
	for s, cmd := range sh.traps {
		if cmd == "" { // ignored signals stay ignored
			if c.traps == nil {
				c.traps = map[abi.Signal]string{}
			}
			c.traps[s] = ""
		}
	}
	if cmd, ok := sh.pseudoTraps["ERR"]; ok && sh.opt.errtrace {
		c.pseudoTraps = map[string]string{"ERR": cmd}
	}
	c.pending, c.interrupted, c.inTrap, c.exiting, c.selfIgnored = 0, false, false, false, 0
	c.opt.interactive, c.opt.monitor = false, false
	c.term = nil
	return &c
}

// exit makes the shell end.
func (sh *shell) exit(status int) { sh.flow, sh.status = flowExit, status&0xff }

// finish runs the EXIT trap, and gives the exit code.
func (sh *shell) finish() int {
	if sh.flow == flowExec || sh.task.Dying() {
		return sh.status
	}
	if sh.flow == flowNone { // what came during the last command
		sh.tick()
	}
	if cmd, ok := sh.pseudoTraps["EXIT"]; ok && !sh.exiting {
		sh.exiting = true
		delete(sh.pseudoTraps, "EXIT")
		sh.flow, sh.depth, sh.loops, sh.tested = flowNone, 0, 0, 0
		status := sh.status
		sh.runString(cmd, false)
		if sh.flow != flowExit {
			sh.status = status
		}
	}
	return sh.status & 0xff
}

// errorf reports an error as ash does: the shell, the builtin and the line.
func (sh *shell) errorf(format string, a ...any) {
	prefix := sh.arg0 + ": "
	name := sh.builtin
	if name == "" {
		name = sh.name
	}
	if name != "" {
		if name != sh.arg0 {
			prefix += name + ": "
		}
		if !sh.opt.interactive {
			line := sh.line
			if sh.name == "" {
				line = max(line-1, 0)
			}
			prefix += "line " + strconv.Itoa(line) + ": "
		}
	}
	sh.write(2, prefix+fmt.Sprintf(format, a...)+"\n")
}

// warnf reports an error as ash's builtins do that are applets too: only the shell's name before it.
func (sh *shell) warnf(format string, a ...any) {
	sh.write(2, sh.arg0+": "+fmt.Sprintf(format, a...)+"\n")
}

// fail reports an error of a builtin that ends a script when the builtin is a special one.
func (sh *shell) fail(format string, a ...any) int {
	sh.errorf(format, a...)
	sh.raised = true
	return 2
}

// write writes to a descriptor, false on an error.
func (sh *shell) write(fd int, s string) error {
	f, err := sh.task.Files.Get(fd)
	if err != nil {
		return err
	}
	defer f.Release()
	for b := []byte(s); len(b) > 0; {
		n, err := sh.task.Write(f, b)
		b = b[n:]
		switch {
		case err == abi.EINTR && !sh.task.Dying():
			sh.collectSignals()
		case err == abi.EAGAIN || err == nil && n == 0: // a program has left the file non-blocking
			if err := sh.task.Await(f, abi.POLLOUT, time.Time{}); err != nil && err != abi.EINTR {
				return err
			}
			if sh.task.Dying() {
				return abi.EINTR
			}
		case err != nil:
			return err
		}
	}
	return nil
}

// print writes to the standard output; the status of a builtin that only does that.
func (sh *shell) print(s string) int {
	if s == "" {
		return 0
	}
	if err := sh.write(1, s); err != nil {
		if !sh.task.Dying() {
			sh.warnf("write error: %s", strerror(err))
		}
		return 1
	}
	return 0
}

// strerror gives an error's text as strerror(3).
func strerror(err error) string {
	if e, ok := err.(abi.Errno); ok {
		return e.Strerror()
	}
	return err.Error()
}
