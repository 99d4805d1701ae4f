package shell

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"mvdan.cc/sh/v3/syntax"
)

// job is a pipeline, or a background list, that runs as child tasks.
type job struct {
	id         int // number for %n; 0 when it is not listed
	pgid       int // its process group, 0 for the shell's
	procs      []proc
	text       string
	background bool
	notified   bool // its end or stop has been told
	tty        *kernel.TTY
	termios    abi.Termios // of the terminal when the job was stopped
}

type proc struct {
	pid    int
	status abi.WaitStatus
	state  procState
}

type procState uint8

const (
	running procState = iota
	stopped
	done
)

func (j *job) state() procState {
	state := done
	for _, p := range j.procs {
		if p.state == running {
			return running
		}
		if p.state == stopped {
			state = stopped
		}
	}
	return state
}

func (j *job) last() *proc { return &j.procs[len(j.procs)-1] }

// status is $? of a job: the last command's, or with pipefail the last that failed.
func (j *job) status(pipefail bool) int {
	if pipefail {
		for i := len(j.procs) - 1; i >= 0; i-- {
			if c := code(j.procs[i].status); c != 0 {
				return c
			}
		}
		return 0
	}
	return code(j.last().status)
}

func code(w abi.WaitStatus) int {
	if w.IsStopped() {
		return 128 + int(w.Signal())
	}
	return w.ShellCode()
}

// spawn starts a program as a job of its own.
func (sh *shell) spawn(path string, args, env []string) (*job, error) {
	if sh.opt.monitor && sh.term != nil { // the child itself must take the terminal before the program starts
		return sh.forkJob(strings.Join(args, " "), &kernel.SpawnAttr{Comm: args[0]}, func(child *shell) {
			if err := child.task.Exec(path, args, env); err == nil {
				child.flow = flowExec
			} else if err == abi.ENOEXEC {
				if err = child.runScript(path, args, env, true); err != nil {
					child.notStarted(args[0], err)
				}
			} else {
				child.notStarted(args[0], err)
			}
		})
	}
	sh.reap()
	c, err := sh.task.Spawn(path, &kernel.SpawnAttr{Argv: args, Env: env, Default: sh.selfIgnored})
	if err != nil {
		return nil, err
	}
	j := &job{procs: []proc{{pid: c.Pid()}}}
	if sh.opt.interactive || len(sh.jobs) > 0 {
		j.text = strings.Join(args, " ")
	}
	return j, nil
}

// forkJob runs a copy of the shell as a job.
func (sh *shell) forkJob(text string, attr *kernel.SpawnAttr, run func(child *shell)) (*job, error) {
	j := &job{text: text}
	if _, err := sh.fork(j, attr, run); err != nil {
		return nil, err
	}
	return j, nil
}

// fork adds a copy of the shell to a job.
func (sh *shell) fork(j *job, attr *kernel.SpawnAttr, run func(child *shell)) (*kernel.Task, error) {
	if len(j.procs) == 0 { // later the reaping would lose the job's own, which is not listed yet
		sh.reap()
	}
	sh.environ() // once here rather than in each child
	child := sh.copy()
	attr.Default |= sh.handled() | sh.selfIgnored
	if sh.opt.monitor {
		attr.Setpgrp, attr.Pgid = true, j.pgid
	}
	var tty *kernel.TTY
	if sh.opt.monitor && !j.background {
		tty = sh.task.TTY()
	}
	c, err := sh.task.Fork(kernel.ProgramFunc(func(t *kernel.Task) int {
		child.task = t
		if tty != nil {
			child.takeTerminal(tty)
		}
		run(child)
		return child.finish()
	}), attr)
	if err != nil {
		return nil, err
	}
	if sh.opt.monitor && j.pgid == 0 {
		j.pgid = c.Pid()
	}
	j.procs = append(j.procs, proc{pid: c.Pid()})
	return c, nil
}

// takeTerminal makes the task's group the foreground one.
func (sh *shell) takeTerminal(tty *kernel.TTY) {
	pgid, err := sh.task.Pgid(0)
	if err != nil {
		return
	}
	old := sh.task.SetBlocked(abi.SIGTTOU.Bit())
	tty.SetForeground(sh.task, pgid) // fails only for a terminal that was taken away
	sh.task.SetBlocked(old)
}

// handled is the set of signals that the shell catches.
func (sh *shell) handled() (set abi.SigSet) {
	for s, cmd := range sh.traps {
		if cmd != "" {
			set |= s.Bit()
		}
	}
	if sh.opt.interactive {
		set |= abi.SIGINT.Bit() | abi.SIGWINCH.Bit()
	}
	return set
}

// defaultSignals gives up what an interactive shell does with signals for itself, before exec.
func (sh *shell) defaultSignals() {
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if sh.selfIgnored.Has(s) {
			sh.task.SetAction(s, kernel.Default)
		}
	}
}

// waitJob waits for a foreground job to end or stop, and gives its status.
func (sh *shell) waitJob(j *job) int {
	options := 0
	if sh.opt.monitor {
		options = abi.WUNTRACED
	}
	for j.state() == running {
		res, err := sh.task.Wait(-1, options)
		switch {
		case err == abi.EINTR:
			if sh.task.Dying() {
				sh.exit(sh.status)
				return sh.status
			}
			sh.collectSignals()
			continue
		case err != nil: // ECHILD: somebody ignores SIGCHLD
			for i := range j.procs {
				j.procs[i].state = done
			}
			continue
		}
		sh.record(res, j)
	}
	status := j.status(sh.opt.pipefail)
	for _, p := range j.procs {
		sh.tellSignal(p, j)
	}
	if sh.opt.monitor {
		sh.jobEnded(j)
	}
	return status
}

// tellSignal prints what killed a foreground command.
func (sh *shell) tellSignal(p proc, j *job) {
	if p.state != done || !p.status.IsSignaled() {
		return
	}
	switch s := p.status.Signal(); s {
	case abi.SIGINT, abi.SIGPIPE:
		if s == abi.SIGINT && sh.opt.interactive {
			sh.write(2, "\n")
		}
	default:
		sh.write(2, describeSignal(s)+"\n")
	}
}

// record notes what wait told about a child; j is the job being waited for, which need not be listed.
func (sh *shell) record(res kernel.WaitResult, j *job) {
	note := func(j *job) bool {
		for i := range j.procs {
			if p := &j.procs[i]; p.pid == res.Pid && p.state != done {
				p.status = res.Status
				switch {
				case res.Status.IsStopped():
					p.state = stopped
				case res.Status == abi.Continued:
					p.state = running
				default:
					p.state = done
				}
				j.notified = false
				return true
			}
		}
		return false
	}
	if j != nil && note(j) {
		return
	}
	for _, o := range sh.jobs {
		if note(o) {
			return
		}
	}
}

// reap takes in the children that have ended meanwhile.
func (sh *shell) reap() {
	if len(sh.jobs) == 0 && sh.task.Pid() != 1 {
		return
	}
	options := abi.WNOHANG
	if sh.opt.monitor {
		options |= abi.WUNTRACED | abi.WCONTINUED
	}
	for {
		res, err := sh.task.Wait(-1, options)
		if err != nil || res.Pid == 0 {
			return
		}
		sh.record(res, nil)
	}
}

// addJob lists a job. Ended ones that nobody asked about are forgotten when there are many.
func (sh *shell) addJob(j *job) {
	id := 0
	for _, o := range sh.jobs {
		id = max(id, o.id)
	}
	j.id = id + 1
	if len(sh.jobs) >= maxJobs {
		for i, o := range sh.jobs {
			if o.state() == done {
				sh.jobs = append(sh.jobs[:i:i], sh.jobs[i+1:]...)
				break
			}
		}
	}
	sh.jobs = append(sh.jobs, j)
}

const maxJobs = 1024

func (sh *shell) removeJob(j *job) {
	for i, o := range sh.jobs {
		if o == j {
			sh.jobs = append(sh.jobs[:i:i], sh.jobs[i+1:]...)
			return
		}
	}
}

// background starts st & .
func (sh *shell) background(st *syntax.Stmt) {
	copied := *st
	copied.Background = false
	attr := &kernel.SpawnAttr{}
	j := &job{background: true, text: sourceOf(&copied)}
	if !sh.opt.monitor {
		attr.Ignore = abi.SIGINT.Bit() | abi.SIGQUIT.Bit()
	}
	monitor := sh.opt.monitor
	c, err := sh.fork(j, attr, func(child *shell) {
		if !monitor {
			if f, err := child.open("/dev/null", abi.O_RDONLY); err == nil {
				child.task.Files.Set(0, f, false)
			}
		}
		child.tested = 0
		child.stmt(&copied, true)
	})
	if err != nil {
		sh.abort(shellError("can't fork: " + strerror(err)))
		return
	}
	sh.addJob(j)
	sh.lastBackground = c.Pid()
	if sh.opt.interactive && sh.bash {
		sh.write(2, fmt.Sprintf("[%d] %d\n", j.id, c.Pid()))
	}
	sh.status = 0
}

// subshell is ( ). In tail position the shell itself, which ends anyway, becomes the subshell.
func (sh *shell) subshell(list []*syntax.Stmt, tail bool) {
	if tail && sh.level > 0 {
		sh.level++
		sh.stmts(list, true)
		return
	}
	j, err := sh.forkJob(sh.textOf(list), &kernel.SpawnAttr{}, func(child *shell) { child.stmts(list, true) })
	if err != nil {
		sh.abort(shellError("can't fork: " + strerror(err)))
		return
	}
	sh.status = sh.waitJob(j)
	sh.failed()
}

// sourceOf gives a command's source text in one line, for jobs.
func sourceOf(n syntax.Node) string {
	var b strings.Builder
	syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, n)
	return strings.TrimSpace(b.String())
}

func (sh *shell) textOf(list []*syntax.Stmt) string {
	if !sh.opt.interactive {
		return ""
	}
	var b strings.Builder
	b.WriteString("(")
	for i, st := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		io.WriteString(&b, sourceOf(st))
	}
	return b.String() + ")"
}

var signalTexts = map[abi.Signal]string{
	abi.SIGHUP: "Hangup", abi.SIGINT: "Interrupt", abi.SIGQUIT: "Quit", abi.SIGILL: "Illegal instruction", abi.SIGTRAP: "Trace/breakpoint trap",
	abi.SIGABRT: "Aborted", abi.SIGBUS: "Bus error", abi.SIGFPE: "Floating point exception", abi.SIGKILL: "Killed",
	abi.SIGUSR1: "User defined signal 1", abi.SIGSEGV: "Segmentation fault", abi.SIGUSR2: "User defined signal 2",
	abi.SIGPIPE: "Broken pipe", abi.SIGALRM: "Alarm clock", abi.SIGTERM: "Terminated", abi.SIGXCPU: "CPU time limit exceeded",
	abi.SIGXFSZ: "File size limit exceeded", abi.SIGVTALRM: "Virtual timer expired", abi.SIGPROF: "Profiling timer expired",
	abi.SIGIO: "I/O possible", abi.SIGPWR: "Power failure", abi.SIGSYS: "Bad system call",
	abi.SIGSTOP: "Stopped (signal)", abi.SIGTSTP: "Stopped", abi.SIGTTIN: "Stopped (tty input)", abi.SIGTTOU: "Stopped (tty output)",
}

// describeSignal gives a signal's text as strsignal(3).
func describeSignal(s abi.Signal) string {
	if t := signalTexts[s]; t != "" {
		return t
	}
	return "Signal " + strconv.Itoa(int(s))
}
