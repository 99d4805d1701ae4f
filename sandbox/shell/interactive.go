package shell

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"mvdan.cc/sh/v3/syntax"
)

func itoa[T ~int | ~uint32](n T) string { return strconv.Itoa(int(n)) }

// ttyOf gives the controlling terminal when that is what an open file is, nil otherwise.
func (sh *shell) ttyOf(f *vfs.OpenFile) *kernel.TTY {
	st, err := f.Stat()
	if err != nil || st.Mode&abi.S_IFMT != abi.S_IFCHR {
		return nil
	}
	tty := sh.task.TTY()
	if tty == nil || st.Rdev != kernel.DevTTY && st.Rdev != kernel.DevConsole && st.Rdev != abi.Mkdev(136, uint32(tty.Index())) {
		return nil
	}
	return tty
}

func (sh *shell) isTTY(fd int) bool {
	f, err := sh.task.Files.Get(fd)
	if err != nil {
		return false
	}
	defer f.Release()
	return sh.ttyOf(f) != nil
}

// startInteractive takes the signals of an interactive shell, and with a terminal job control and line editing.
func (sh *shell) startInteractive() {
	sh.ignoreSelf(abi.SIGTERM, abi.SIGQUIT)
	sh.task.SetAction(abi.SIGINT, kernel.Handle)
	f, err := sh.task.Files.Get(0)
	if err != nil {
		return
	}
	tty := sh.ttyOf(f)
	if tty == nil {
		f.Release()
		return
	}
	sh.term = &terminal{sh: sh, tty: tty, in: f}
	sh.task.SetAction(abi.SIGWINCH, kernel.Handle)
	sh.task.Setpgid(0, 0) // EPERM for a session's leader, which has its group already
	sh.opt.monitor = true
	sh.setMonitor(true)
	sh.takeTerminal(tty)
}

// ignoreSelf ignores signals for the shell, not for its children.
func (sh *shell) ignoreSelf(list ...abi.Signal) {
	for _, s := range list {
		if _, trapped := sh.traps[s]; !trapped {
			sh.task.SetAction(s, kernel.Ignore)
			sh.selfIgnored |= s.Bit()
		}
	}
}

// setMonitor is set -m: with it each job is a process group.
func (sh *shell) setMonitor(on bool) {
	list := []abi.Signal{abi.SIGTSTP, abi.SIGTTIN, abi.SIGTTOU}
	if on {
		sh.ignoreSelf(list...)
		return
	}
	for _, s := range list {
		if sh.selfIgnored.Has(s) {
			sh.task.SetAction(s, kernel.Default)
			sh.selfIgnored &^= s.Bit()
		}
	}
}

// giveTerminal makes a group the foreground one.
func (sh *shell) giveTerminal(tty *kernel.TTY, pgid int) {
	old := sh.task.SetBlocked(abi.SIGTTOU.Bit())
	tty.SetForeground(sh.task, pgid) // fails only when the terminal or the group has gone
	sh.task.SetBlocked(old)
}

// jobEnded takes the terminal back from a foreground job that ended or stopped.
func (sh *shell) jobEnded(j *job) {
	tty := sh.task.TTY()
	if tty != nil && sh.term != nil {
		if pgid, err := sh.task.Pgid(0); err == nil {
			sh.giveTerminal(tty, pgid)
		}
	}
	if j.state() != stopped {
		return
	}
	if tty != nil {
		j.tty, j.termios = tty, tty.Termios()
		if sh.term != nil {
			tty.SetTermios(sh.term.cooked, false)
		}
	}
	if j.id == 0 {
		sh.addJob(j)
	}
	sh.write(2, "\n"+sh.jobLine(j, false))
	j.notified = true
}

// stoppedJobs warns, once, before an interactive shell leaves stopped jobs behind.
func (sh *shell) stoppedJobs() bool {
	if sh.term == nil || sh.term.warned > 0 {
		return false
	}
	sh.reap()
	for _, j := range sh.jobs {
		if j.state() == stopped {
			sh.write(2, "You have stopped jobs.\n")
			sh.term.warned = 2
			return true
		}
	}
	return false
}

// notify tells about the background jobs that have ended or stopped.
func (sh *shell) notify() {
	sh.reap()
	for _, j := range append([]*job(nil), sh.jobs...) {
		state := j.state()
		if state == running || j.notified {
			if state == done && j.notified {
				sh.removeJob(j)
			}
			continue
		}
		if j.id > 0 {
			sh.write(2, sh.jobLine(j, false))
		}
		j.notified = true
		if state == done {
			sh.removeJob(j)
		}
	}
}

// lineSource gives the parser the lines of an interactive shell, each after a prompt.
type lineSource struct {
	sh     *shell
	parser *syntax.Parser
	left   string
	fresh  bool // the next line begins a command
	eof    bool
}

func (r *lineSource) Read(p []byte) (int, error) {
	if err := guard(); err != nil {
		return 0, err
	}
	if r.left == "" {
		name := "PS2"
		if r.fresh || !r.parser.Incomplete() {
			name = "PS1"
			r.sh.notify()
		}
		r.fresh = false
		line, err := r.sh.inputLine(r.sh.expandPrompt(name))
		if err != nil {
			r.eof = err == io.EOF
			return 0, err
		}
		r.left = line + "\n"
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// inputLine reads a line: with the editor on a terminal, plainly otherwise. io.EOF at the end, errInterrupted on ^C.
func (sh *shell) inputLine(prompt string) (string, error) {
	if sh.term != nil {
		return sh.term.readLine(prompt)
	}
	sh.write(2, prompt)
	f, err := sh.task.Files.Get(0)
	if err != nil {
		return "", io.EOF
	}
	defer f.Release()
	var b strings.Builder
	var c [1]byte
	for {
		n, err := sh.read(f, c[:])
		switch {
		case err == errInterrupted:
			return "", err
		case err != nil || n == 0:
			if b.Len() > 0 {
				return b.String(), nil
			}
			return "", io.EOF
		case c[0] == '\n':
			return b.String(), nil
		}
		b.WriteByte(c[0])
	}
}

// interact is the read-and-execute loop of an interactive shell.
func (sh *shell) interact() {
	for {
		parser := syntax.NewParser()
		src := &lineSource{sh: sh, parser: parser, fresh: true}
		for stmts, err := range parser.InteractiveSeq(src) {
			if err != nil {
				if !src.eof && !errors.Is(err, errInterrupted) && !sh.task.Dying() {
					sh.syntaxError(err, 0)
				}
				break
			}
			if parser.Incomplete() {
				continue
			}
			sh.interrupted = false
			for _, st := range stmts {
				sh.stmt(st, false)
				if sh.flow == flowExit || sh.flow == flowExec {
					return
				}
				if sh.flow != flowNone {
					break
				}
			}
			sh.afterLine()
		}
		if sh.task.Dying() {
			sh.exit(sh.status)
			return
		}
		if sh.interrupted {
			sh.interrupted = false
			sh.status = 130
		}
		if src.eof {
			if sh.stoppedJobs() {
				continue
			}
			sh.write(2, "\n")
			return
		}
		sh.afterLine()
	}
}

// afterLine makes the shell ready for another command line, however the last was left.
func (sh *shell) afterLine() {
	if sh.interrupted || sh.flow == flowInterrupt && sh.status == 130 {
		sh.write(2, "\n")
	}
	sh.flow, sh.interrupted = flowNone, false
	sh.depth, sh.loops, sh.tested, sh.sourced = 0, 0, 0, 0
	for len(sh.frames) > 0 { // of functions that were left by an interrupt
		sh.frames = sh.frames[:len(sh.frames)-1]
	}
	sh.builtin = ""
	if sh.term != nil && sh.term.warned > 0 {
		sh.term.warned--
	}
	sh.closeTemps(0)
}

// expandPrompt expands a prompt variable: parameters and commands, then the escapes.
func (sh *shell) expandPrompt(name string) string {
	s := sh.getenv(name)
	if strings.ContainsAny(s, "$`") {
		status := sh.status
		doc := strings.ReplaceAll(s, `\`, `\\`)
		if w, err := syntax.NewParser().Document(strings.NewReader(doc)); err == nil && w != nil {
			if t, err := sh.expandDocument(w); err == nil {
				s = t
			}
		}
		sh.status = status
	}
	return sh.prompt(s)
}

// prompt resolves the escapes of a prompt, those of busybox and bash.
func (sh *shell) prompt(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	now := time.Now().UTC()
	host := sh.task.Kernel().Hostname()
	cwd := sh.getenv("PWD")
	if home := sh.getenv("HOME"); len(home) > 1 && (cwd == home || strings.HasPrefix(cwd, home+"/")) {
		cwd = "~" + cwd[len(home):]
	}
	root := sh.task.Cred().UID == 0
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'u':
			uid := itoa(sh.task.Cred().RealUID)
			if f := sh.passwd(func(f []string) bool { return f[2] == uid }); f != nil {
				uid = f[0]
			}
			b.WriteString(uid)
		case 'h':
			short, _, _ := strings.Cut(host, ".")
			b.WriteString(short)
		case 'H':
			b.WriteString(host)
		case 'w':
			b.WriteString(cwd)
		case 'W':
			if cwd != "/" {
				b.WriteString(cwd[strings.LastIndexByte(cwd, '/')+1:])
			} else {
				b.WriteString(cwd)
			}
		case '$':
			if root {
				b.WriteByte('#')
			} else {
				b.WriteByte('$')
			}
		case '!', '#':
			n := 1
			if sh.term != nil {
				n += len(sh.term.history)
			}
			b.WriteString(strconv.Itoa(n))
		case 'j':
			b.WriteString(strconv.Itoa(len(sh.jobs)))
		case 't':
			b.WriteString(now.Format("15:04:05"))
		case 'T':
			b.WriteString(now.Format("03:04:05"))
		case 'A':
			b.WriteString(now.Format("15:04"))
		case '@':
			b.WriteString(now.Format("03:04 PM"))
		case 'd':
			b.WriteString(now.Format("Mon Jan 02"))
		case 's':
			b.WriteString(strings.TrimPrefix(sh.arg0, "-"))
		case '[', ']':
		default:
			c, used := escape(s[i:])
			if used == 0 {
				b.WriteByte('\\')
				b.WriteByte(s[i])
				continue
			}
			b.WriteByte(c)
			i += used - 1
		}
	}
	return b.String()
}
