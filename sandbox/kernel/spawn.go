package kernel

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// SpawnAttr says how a child differs from its parent.
type SpawnAttr struct {
	Argv    []string
	Env     []string
	Dir     vfs.Path        // zero: the parent's
	Files   []abi.SpawnFile // descriptors of the parent given to the child
	Setsid  bool            // start a session
	Setpgrp bool            // join group Pgid, or start one when it is 0
	Pgid    int
	Default SigSet // signals set to their default action
	SetMask bool   // block the signals of Mask
	Mask    SigSet
	Ignore  SigSet // signals set to be ignored
	Keep    bool   // fork(2): close-on-exec descriptors and handlers stay
	Comm    string // of a Fork; "" keeps the parent's
}

// Spawn starts a program as a child: posix_spawn(3). Errors are those of execve(2), and EAGAIN at the limit of tasks.
func (t *Task) Spawn(name string, attr *SpawnAttr) (*Task, error) {
	x, err := t.load(name, attr)
	if err != nil {
		return nil, err
	}
	return t.child(x, attr)
}

// Fork starts a child that runs program in the parent's image: fork(2), for programs written in Go, which bring their
// own copied state along.
func (t *Task) Fork(program Program, attr *SpawnAttr) (*Task, error) {
	img := *t.Image()
	if attr.Comm != "" {
		img.Comm = comm(attr.Comm)
	}
	attr.Keep = true
	return t.child(&exec{program, &img, t.Cred()}, attr)
}

// Exec replaces the task's program (execve(2)). When it returns nil, the caller must end its Run; the new program runs
// then.
func (t *Task) Exec(name string, argv, env []string) error {
	return t.Replace(name, &SpawnAttr{Argv: argv, Env: env})
}

// Replace is Exec with the directory, descriptors and signals of attr; its groups and sessions do not count. Nothing is
// changed on an error.
func (t *Task) Replace(name string, attr *SpawnAttr) error {
	x, err := t.load(name, attr)
	if err != nil {
		return err
	}
	files := t.Files.clone(true)
	for _, a := range attr.Files {
		if err := files.action(t.Files, a); err != nil {
			files.closeAll()
			return err
		}
	}
	t.Files.replace(files)
	if !attr.Dir.IsZero() {
		t.SetCwd(attr.Dir)
	}
	t.k.mu.Lock()
	t.sig.inherit(&t.sig, attr)
	t.sig.caught, t.sig.noZombies, t.sig.noStops = 0, false, false
	t.k.mu.Unlock()
	if x.cred.UID != t.Cred().UID || x.cred.GID != t.Cred().GID {
		t.deathSignal.Store(0)
	}
	t.SetCred(x.cred)
	t.next = x
	return nil
}

func (t *Task) child(x *exec, attr *SpawnAttr) (*Task, error) {
	files := t.Files.clone(!attr.Keep)
	for _, a := range attr.Files {
		if err := files.action(t.Files, a); err != nil {
			files.closeAll()
			return nil, err
		}
	}
	c := newTask(t.k, files)
	fs := *t.fs.Load()
	if !attr.Dir.IsZero() {
		fs.cwd = attr.Dir
	}
	c.fs.Store(&fs)
	c.cred.Store(x.cred)
	c.limits.Store(t.limits.Load())
	c.nice.Store(t.nice.Load())
	c.image.Store(x.image)

	k := t.k
	k.mu.Lock()
	pid, err := k.newPid()
	if err == nil {
		err = c.inherit(t, pid, attr)
	}
	if err != nil {
		k.mu.Unlock()
		files.closeAll()
		return nil, err
	}
	k.admit(c, pid)
	t.children = append(t.children, c)
	k.mu.Unlock()
	c.clockCPU()
	go c.main(x.program)
	return c, nil
}

// inherit sets what a child has of its parent and of attr; k.mu is held. EPERM for a group of another session.
func (c *Task) inherit(t *Task, pid int, attr *SpawnAttr) error {
	if t.dying {
		return abi.EINTR
	}
	if !t.k.mayFork(c) {
		return abi.EAGAIN
	}
	c.parent = t
	c.pgid, c.sid, c.tty = t.pgid, t.sid, t.tty
	switch {
	case attr.Setsid:
		c.pgid, c.sid, c.tty = pid, pid, nil
	case attr.Setpgrp && attr.Pgid == 0:
		c.pgid = pid
	case attr.Setpgrp:
		if !t.k.groupIn(attr.Pgid, t.sid) {
			return abi.EPERM
		}
		c.pgid = attr.Pgid
	}
	c.sig.inherit(&t.sig, attr)
	return nil
}

// mayFork reports whether a user may have one more task, c (RLIMIT_NPROC; root may always). k.mu is held.
func (k *Kernel) mayFork(c *Task) bool {
	limit, uid := c.Limit(abi.RLIMIT_NPROC).Cur, c.Cred().RealUID
	if limit == abi.RLIM_INFINITY || uid == 0 || c.Cred().Has(vfs.CapSysResource) || c.Cred().Has(vfs.CapSysAdmin) {
		return true
	}
	count := uint64(1)
	for _, o := range k.tasks {
		if o.Cred().RealUID == uid {
			count++
		}
	}
	return count <= limit
}

// inherit sets what a new program has of an old one's signals and of attr; from may be s itself. Kernel.mu is held.
func (s *signalState) inherit(from *signalState, attr *SpawnAttr) {
	s.blocked = from.blocked
	if attr.SetMask {
		s.blocked = attr.Mask &^ unblockable
	}
	for n, d := range from.actions {
		if d == Handle && !attr.Keep {
			d = Default
		}
		if n > 0 {
			switch bit := abi.Signal(n).Bit(); {
			case attr.Default&bit != 0:
				d = Default
			case attr.Ignore&bit&^unblockable != 0:
				d = Ignore
			}
		}
		s.actions[n] = d
	}
}

// groupIn reports whether a process group exists in a session; k.mu is held.
func (k *Kernel) groupIn(pgid, sid int) bool {
	for _, t := range k.tasks {
		if t.pgid == pgid && t.sid == sid {
			return true
		}
	}
	return false
}

// action applies one SpawnFile; from is the parent's table.
func (f *FDTable) action(from *FDTable, a abi.SpawnFile) error {
	if a.From < 0 {
		if err := f.Close(int(a.To)); err != nil && err != abi.EBADF {
			return err
		}
		return nil
	}
	file, err := from.Get(int(a.From))
	if err != nil {
		return err
	}
	return f.Set(int(a.To), file, false)
}

// InitAttr describes a task started from outside: pid 1, or a further one (docker exec).
type InitAttr struct {
	Path  string // a path, or a name looked up in PATH of Env
	Argv  []string
	Env   []string
	Dir   string // created when it is missing and MakeDir is set
	Cred  *vfs.Cred
	Files []*vfs.OpenFile // descriptors 0, 1, 2…; nil leaves a gap. Start takes over the references.
	TTY   *TTY            // becomes the controlling terminal
	Umask uint32
	// Reaper makes pid 1 an init process, whose child the program is.
	Reaper bool
	// Exited, if set, is called when the task has ended, on its goroutine.
	Exited func(*Task)
	// Limits are the resource limits; nil gives DefaultLimits.
	Limits *[abi.RLIM_NLIMITS]abi.Rlimit
}

// Start starts a program from outside the sandbox, as the leader of a session of its own. The first is pid 1.
func (k *Kernel) Start(attr *InitAttr) (*Task, error) {
	files := NewFDTable()
	for fd, f := range attr.Files {
		if f != nil {
			files.Set(fd, f, false)
		}
	}
	t := newTask(k, files)
	limits := DefaultLimits()
	if attr.Limits != nil {
		limits = *attr.Limits
	}
	t.limits.Store(&limits)
	files.SetLimit(limits[abi.RLIMIT_NOFILE].Cur)
	root := k.ns.Root()
	t.fs.Store(&fsState{root: root, cwd: root, umask: attr.Umask})
	t.cred.Store(attr.Cred)
	t.image.Store(&Image{})
	fail := func(err error) (*Task, error) {
		files.closeAll()
		return nil, err
	}
	if attr.Dir != "" {
		p, err := t.FS().Walk(root, attr.Dir, true)
		if err == nil {
			err = t.mayChdir(p)
		}
		if err != nil {
			return fail(&StartError{Op: "chdir", Path: attr.Dir, Err: err})
		}
		t.SetCwd(p)
	}
	name, err := t.LookPath(attr.Path, env(attr.Env, "PATH"))
	if err != nil {
		return fail(&StartError{Op: "exec", Path: attr.Path, Err: err})
	}
	x, err := t.load(name, &SpawnAttr{Argv: attr.Argv, Env: attr.Env})
	if err != nil {
		return fail(&StartError{Op: "exec", Path: attr.Path, Err: err})
	}
	program := x.program
	t.image.Store(x.image)
	t.cred.Store(x.cred)
	if attr.Reaper {
		program = &reaper{x}
		t.image.Store(reaperImage(x))
		t.handleAll()
	}

	k.mu.Lock()
	pid, err := k.newPid()
	if err != nil {
		k.mu.Unlock()
		return fail(err)
	}
	t.pgid, t.sid, t.exited = pid, pid, attr.Exited
	k.admit(t, pid)
	if attr.TTY != nil {
		attr.TTY.setController(t)
	}
	k.mu.Unlock()
	t.clockCPU()
	go t.main(program)
	return t, nil
}

// StartError tells which step of Start failed: "chdir" or "exec".
type StartError struct {
	Op, Path string
	Err      error
}

func (e *StartError) Error() string { return fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the errno.
func (e *StartError) Unwrap() error { return e.Err }

// LookPath finds an executable as shells and execvp(3) do: a name without a slash in the directories of path. ENOENT
// when there is none, EACCES when all that was found may not be executed.
func (t *Task) LookPath(name, dirs string) (string, error) {
	if name == "" {
		return "", abi.ENOENT
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	fs := t.FS()
	var denied error = abi.ENOENT
	for {
		dir, rest, more := strings.Cut(dirs, ":")
		full := dir + "/" + name
		if dir == "" {
			full = "./" + name
		}
		p, err := fs.Walk(fs.Cwd, full, true)
		if err == nil {
			st, serr := p.Inode().Stat()
			if serr == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
				if err = fs.Cred.Access(&st, abi.X_OK); err == nil {
					return full, nil
				}
			}
		}
		if err == abi.EACCES {
			denied = err
		}
		if !more {
			break
		}
		dirs = rest
	}
	return "", denied
}

func env(list []string, name string) string {
	for _, s := range list {
		if k, v, _ := strings.Cut(s, "="); k == name {
			return v
		}
	}
	return ""
}

func (t *Task) mayChdir(p vfs.Path) error {
	st, err := p.Inode().Stat()
	if err != nil {
		return err
	}
	if st.Mode&abi.S_IFMT != abi.S_IFDIR {
		return abi.ENOTDIR
	}
	return t.Cred().Access(&st, abi.X_OK)
}

// Chdir changes the working directory (chdir(2)): ENOENT, ENOTDIR, EACCES.
func (t *Task) Chdir(name string) error {
	fs := t.FS()
	p, err := fs.Walk(fs.Cwd, name, true)
	if err != nil {
		return err
	}
	return t.ChdirPath(p)
}

// ChdirPath is Chdir to a place (fchdir(2)).
func (t *Task) ChdirPath(p vfs.Path) error {
	if err := t.mayChdir(p); err != nil {
		return err
	}
	t.SetCwd(p)
	return nil
}

func newTask(k *Kernel, files *FDTable) *Task {
	t := &Task{k: k, Files: files, done: make(chan struct{}), wake: make(chan struct{}, 1), start: time.Now()}
	t.cpu.clock.init()
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// admit puts a task into the table; k.mu is held.
func (k *Kernel) admit(t *Task, pid int) {
	t.pid = pid
	k.tasks[pid] = t
	if k.frozen {
		t.attention.Store(true)
	}
}

// main is a task's goroutine.
func (t *Task) main(p Program) {
	t.cpu.clock.start()
	code := t.run(p)
	for t.next != nil && !t.Dying() {
		x := t.next
		t.next, t.local = nil, nil
		t.image.Store(x.image)
		code = t.run(x.program)
	}
	t.exit(code)
	if t.exited != nil {
		t.exited(t)
	}
}

// run runs a program. A panic in it is a defect of ours and must not end the daemon: the task dies like one that
// broke its memory.
func (t *Task) run(p Program) (code int) {
	defer func() {
		if r := recover(); r != nil {
			t.k.log.Error("program panicked", "pid", t.pid, "comm", t.Image().Comm, "panic", r, "stack", string(debug.Stack()))
			t.Fault(abi.SIGSEGV)
		}
	}()
	if t.Checkpoint() != nil {
		return 0
	}
	return p.Run(t)
}

// Fault ends the task by a signal that it has itself caused: SIGSEGV, SIGILL, SIGFPE, SIGABRT. It cannot be caught.
// The program must return.
func (t *Task) Fault(s abi.Signal) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	t.die(s)
}

// OOM ends the task because the sandbox's memory limit was reached: SIGKILL, counted as an OOM kill.
func (t *Task) OOM() {
	t.k.oomKills.Add(1)
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	t.oomKill = true
	t.die(abi.SIGKILL)
}
