package sandbox

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Process is a program started in a sandbox from outside.
type Process struct {
	task  *kernel.Task
	tty   *kernel.TTY
	stdin kernel.Input
	oom   bool // the memory limit ended another process of the sandbox; valid after done

	started chan struct{} // closed when Start is done with it
	done    chan struct{}
}

// Pid returns the process id inside the sandbox.
func (p *Process) Pid() int { return p.task.Pid() }

// Done is closed when the process has ended and, for the first one, all others have.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status tells how it ended, after Done.
func (p *Process) Status() abi.WaitStatus { return p.task.Status() }

// OOMKilled reports whether the memory limit ended it or, for the first one, any process of the sandbox; valid after
// Done.
func (p *Process) OOMKilled() bool { return p.oom || p.task.OOMKilled() }

// Stdin is the process's standard input, nil when it was not asked for. Close ends the input; a terminal has no end.
func (p *Process) Stdin() kernel.Input { return p.stdin }

// Resize sets the terminal's window size, if there is one.
func (p *Process) Resize(size abi.Winsize) {
	if p.tty != nil {
		p.tty.Resize(size)
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s abi.Signal) { p.task.Signal(s) }

// Start starts a program. The first is pid 1: when it ends, all others are killed, and a later Start begins anew. A
// program that cannot be started is a *kernel.StartError; a user that is not there, ErrNoUser.
func (s *Sandbox) Start(c *ProcessConfig) (*Process, error) {
	in, err := s.use()
	if err != nil {
		return nil, err
	}
	p, err := s.start(in, c)
	if err != nil {
		s.drop(in)
		return nil, err
	}
	return p, nil
}

func (s *Sandbox) start(in *instance, c *ProcessConfig) (*Process, error) {
	ctx := in.context()
	id, err := lookupIdentity(ctx, c.User, c.Groups)
	if err != nil {
		return nil, err
	}
	env := c.Env
	if !hasEnv(env, "HOME") {
		env = append(env[:len(env):len(env)], "HOME="+id.home)
	}
	if c.MakeDir && c.Dir != "" {
		if err := makeDir(ctx, c.Dir, id.cred); err != nil {
			return nil, &kernel.StartError{Op: "mkdir", Path: c.Dir, Err: err}
		}
	}
	p := &Process{started: make(chan struct{}), done: make(chan struct{})}
	attr := &kernel.InitAttr{
		Path: c.Argv[0], Argv: c.Argv, Env: env, Dir: c.Dir, Cred: id.cred, Umask: 0o022, Reaper: c.Init,
		Exited: func(*kernel.Task) { s.exited(in, p) },
	}
	if len(c.Rlimits) > 0 {
		limits := kernel.DefaultLimits()
		for r, l := range c.Rlimits {
			limits[r] = l
		}
		attr.Limits = &limits
	}
	if err := p.streams(in, ctx, attr, c); err != nil {
		return nil, err
	}
	if err := in.listen(attr, c.Listen); err != nil {
		p.abandon(attr)
		return nil, err
	}
	if c.Exec && !s.runs(in) {
		p.abandon(attr)
		return nil, ErrClosed
	}
	// No lock: the program may have to be compiled first.
	p.task, err = in.kernel.Start(attr)
	if err != nil {
		if p.tty != nil {
			p.tty.Close()
		}
		if c.Exec && !s.runs(in) {
			err = ErrClosed
		}
		return nil, err
	}
	if p.task.Pid() == 1 {
		s.mu.Lock()
		in.init = p
		s.mu.Unlock()
	}
	close(p.started)
	return p, nil
}

// runs reports whether the sandbox's first process runs in the instance.
func (s *Sandbox) runs(in *instance) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && in.init != nil && s.live == in
}

// streams opens the standard descriptors.
func (p *Process) streams(in *instance, ctx *vfs.Context, attr *kernel.InitAttr, c *ProcessConfig) error {
	if c.TTY {
		out := c.Stdout
		if out == nil {
			out = discard{}
		}
		p.tty = in.kernel.NewTTY(out, c.Size)
		out.OnRoom(p.tty.OutputReady)
		attr.TTY = p.tty
		attr.Files = []*vfs.OpenFile{p.tty.Open(), p.tty.Open(), p.tty.Open()}
		p.stdin = p.tty.Keyboard()
		return nil
	}
	null := func(flags int) (*vfs.OpenFile, error) { return ctx.Open(ctx.Root, "/dev/null", flags, 0) }
	stdin, err := null(abi.O_RDONLY)
	if err != nil {
		return err
	}
	if c.Stdin {
		stdin.Release()
		stdin, p.stdin = kernel.NewInput()
	}
	attr.Files = []*vfs.OpenFile{stdin}
	for _, sink := range []Sink{c.Stdout, c.Stderr} {
		if sink == nil {
			sink = discard{}
		}
		queue := new(vfs.WaitQueue)
		sink.OnRoom(func() { queue.Notify(abi.POLLOUT) })
		attr.Files = append(attr.Files, kernel.WriterFile(sink, queue, sink.HasRoom))
	}
	return nil
}

// listen opens the listening sockets that the program finds from descriptor 3 on.
func (in *instance) listen(attr *kernel.InitAttr, addrs []netip.AddrPort) error {
	for _, ap := range addrs {
		a := vnet.InetAddr(ap)
		l, err := in.kernel.Net().Socket(int(a.Family), abi.SOCK_STREAM, 0, abi.Ucred{UID: attr.Cred.UID, GID: attr.Cred.GID})
		if err != nil {
			return fmt.Errorf("listening on %s: %w", ap, err)
		}
		attr.Files = append(attr.Files, kernel.OpenSocket(l, abi.O_NONBLOCK)) // Go takes no other
		_ = l.SetOption(abi.SOL_SOCKET, abi.SO_REUSEADDR, []byte{1, 0, 0, 0}) // every socket has it
		if err := l.Bind(a); err != nil {
			return fmt.Errorf("listening on %s: %w", ap, err)
		}
		if err := l.Listen(abi.SOMAXCONN); err != nil {
			return fmt.Errorf("listening on %s: %w", ap, err)
		}
	}
	if len(addrs) > 0 {
		attr.Env = append(attr.Env[:len(attr.Env):len(attr.Env)], fmt.Sprintf("LISTEN_FDS=%d", len(addrs)), "LISTEN_PID=1")
	}
	return nil
}

// abandon gives back what was opened for a process that is not started.
func (p *Process) abandon(attr *kernel.InitAttr) {
	for _, f := range attr.Files {
		f.Release()
	}
	if p.tty != nil {
		p.tty.Close()
	}
}

// exited is called on the task's goroutine when it has ended.
func (s *Sandbox) exited(in *instance, p *Process) {
	<-p.started
	first := p.task.Pid() == 1
	if first {
		s.mu.Lock()
		if s.live == in {
			s.live = nil // the next Start begins anew
		}
		s.mu.Unlock()
	}
	if first {
		in.kernel.Close()
		p.oom = in.kernel.Usage().OOMKills > 0
	}
	if p.tty != nil {
		p.tty.Close()
	}
	s.drop(in)
	close(p.done)
}

// discard is a Sink for output that nobody wants.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) HasRoom() bool               { return true }
func (discard) OnRoom(func())               {}

func hasEnv(env []string, name string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, name+"=") {
			return true
		}
	}
	return false
}
