package kernel

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Task is a process. Fields without a lock are its own: only its goroutine uses them, or they never change.
type Task struct {
	k   *Kernel
	pid int

	ctx    context.Context // ends when the task must die
	cancel context.CancelFunc
	done   chan struct{} // closed when the task has ended
	start  time.Time

	// Files are the descriptors.
	Files *FDTable

	fs     atomic.Pointer[fsState]
	cred   atomic.Pointer[vfs.Cred]
	image  atomic.Pointer[Image]
	limits atomic.Pointer[[abi.RLIM_NLIMITS]abi.Rlimit]

	attention atomic.Bool // there is something to do at the next checkpoint
	wake      chan struct{}
	waiter    vfs.Waiter
	signaled  vfs.WaitQueue // of signals becoming pending
	ended     vfs.WaitQueue
	next      *exec // program that execve(2) asked for
	local     any   // what the program's ABI keeps with the task

	cpu         taskCPU
	asleep      atomic.Bool  // blocked, stopped or frozen
	memory      atomic.Int64 // bytes reserved
	maxMemory   atomic.Int64 // the most so far
	nice        atomic.Int32
	deathSignal atomic.Uint32 // sent when the parent ends (PR_SET_PDEATHSIG); 0 for none
	subreaper   atomic.Bool   // adopts orphans below it (PR_SET_CHILD_SUBREAPER)
	alarm       alarm
	cpuTimers   cpuTimers
	io          ioCounts
	exited      func(*Task) // called after the end; of tasks started from outside

	// guarded by Kernel.mu
	parent      *Task // nil for pid 1 and for tasks started from outside
	children    []*Task
	pgid        int
	sid         int
	tty         *TTY // controlling terminal
	sig         signalState
	status      abi.WaitStatus // when zombie
	zombie      bool
	dying       bool
	report      abi.WaitStatus // stop or continue to be told to the parent's wait; 0 for none
	childCPU    time.Duration  // of children waited for
	childMaxMem int64          // bytes, of the largest of them
	cpuAtExit   time.Duration
	oomKill     bool
}

// ioCounts are what a task has read and written (/proc/PID/io).
type ioCounts struct {
	reads, writes, readBytes, wroteBytes atomic.Uint64
}

// fsState is where a task stands in the filesystem; it is replaced, never changed.
type fsState struct {
	root, cwd vfs.Path
	umask     uint32
}

// Image tells what program a task runs.
type Image struct {
	Path string // as seen from the task's root
	Exe  vfs.Path
	Argv []string
	Env  []string
	Comm string // at most 15 bytes (PR_SET_NAME)
}

// Kernel returns the sandbox.
func (t *Task) Kernel() *Kernel { return t.k }

// Pid returns the process id.
func (t *Task) Pid() int { return t.pid }

// Context ends when the task must die; long host-side work on its behalf watches it.
func (t *Task) Context() context.Context { return t.ctx }

// Done is closed when the task has ended; Status is valid then.
func (t *Task) Done() <-chan struct{} { return t.done }

// Status returns how the task ended.
func (t *Task) Status() abi.WaitStatus {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.status
}

// Image returns the running program's file, arguments and environment.
func (t *Task) Image() *Image { return t.image.Load() }

// SetComm renames the task (PR_SET_NAME).
func (t *Task) SetComm(name string) {
	img := *t.Image()
	img.Comm = comm(name)
	t.image.Store(&img)
}

// SetArgv replaces what /proc/PID/cmdline shows.
func (t *Task) SetArgv(argv []string) {
	img := *t.Image()
	img.Argv = argv
	t.image.Store(&img)
}

func comm(name string) string {
	if len(name) > 15 {
		name = name[:15]
	}
	return name
}

// Ppid returns the parent's process id, 0 for none.
func (t *Task) Ppid() int {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.parent == nil {
		return 0
	}
	return t.parent.pid
}

// StartTime is when the task was made.
func (t *Task) StartTime() time.Time { return t.start }

// ChildCPU returns the time of children that have been waited for.
func (t *Task) ChildCPU() time.Duration {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.childCPU
}

// Memory returns the bytes that the task's program has reserved.
func (t *Task) Memory() int64 { return t.memory.Load() }

// Reserve accounts delta bytes of the program's memory (see Kernel.Reserve).
func (t *Task) Reserve(delta int64) bool {
	if t.OverLimit(delta) || !t.k.Reserve(delta) {
		return false
	}
	now := t.memory.Add(delta)
	if now > t.maxMemory.Load() { // only the task itself raises it
		t.maxMemory.Store(now)
	}
	return true
}

// OverLimit reports whether delta more bytes of memory would be past the task's own limits, RLIMIT_AS and RLIMIT_DATA.
func (t *Task) OverLimit(delta int64) bool {
	limit := min(t.Limit(abi.RLIMIT_AS).Cur, t.Limit(abi.RLIMIT_DATA).Cur)
	return delta > 0 && uint64(t.memory.Load()+delta) > limit
}

// MaxMemory returns the most bytes that the program has had, and the most that a child had which was waited for.
func (t *Task) MaxMemory() (own, children int64) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.maxMemory.Load(), t.childMaxMem
}

// Cred returns the credentials.
func (t *Task) Cred() *vfs.Cred { return t.cred.Load() }

// SetCred replaces them.
func (t *Task) SetCred(c *vfs.Cred) { t.cred.Store(c) }

// Root returns the root directory.
func (t *Task) Root() vfs.Path { return t.fs.Load().root }

// Cwd returns the working directory.
func (t *Task) Cwd() vfs.Path { return t.fs.Load().cwd }

// SetCwd changes it; the caller has checked that it is a directory that may be searched.
func (t *Task) SetCwd(p vfs.Path) { t.changeFS(func(s *fsState) { s.cwd = p }) }

// SetRoot changes the root directory (chroot(2)).
func (t *Task) SetRoot(p vfs.Path) { t.changeFS(func(s *fsState) { s.root = p }) }

// Umask returns the file mode creation mask.
func (t *Task) Umask() uint32 { return t.fs.Load().umask }

// SetUmask sets it and returns the old one.
func (t *Task) SetUmask(mask uint32) uint32 {
	old := t.Umask()
	t.changeFS(func(s *fsState) { s.umask = mask & 0o777 })
	return old
}

func (t *Task) changeFS(f func(*fsState)) {
	s := *t.fs.Load()
	f(&s)
	t.fs.Store(&s)
}

// FS returns the context for path operations on the task's behalf.
func (t *Task) FS() *vfs.Context {
	s := t.fs.Load()
	return &vfs.Context{NS: t.k.ns, Root: s.root, Cwd: s.cwd, Cred: t.Cred(), Umask: s.umask, Special: t.openSpecial, Caller: t}
}

// Limit returns a resource limit (getrlimit(2)).
func (t *Task) Limit(resource int) abi.Rlimit { return t.limits.Load()[resource] }

// SetLimit sets one on behalf of a task, which may be another: EINVAL when soft is above hard, EPERM when hard is raised
// without being root, or above what the system has.
func (t *Task) SetLimit(by *Task, resource int, l abi.Rlimit) error {
	if l.Cur > l.Max {
		return abi.EINVAL
	}
	if resource == abi.RLIMIT_NOFILE && l.Max > maxFDs {
		return abi.EPERM
	}
	for {
		old := t.limits.Load()
		if l.Max > old[resource].Max && !by.Cred().Has(vfs.CapSysResource) {
			return abi.EPERM
		}
		limits := *old
		limits[resource] = l
		if t.limits.CompareAndSwap(old, &limits) {
			break
		}
	}
	switch resource {
	case abi.RLIMIT_NOFILE:
		t.Files.SetLimit(l.Cur)
	case abi.RLIMIT_CPU:
		t.clockCPU()
	}
	return nil
}

// DefaultLimits are the limits of a first task, those that dockerd gives.
func DefaultLimits() [abi.RLIM_NLIMITS]abi.Rlimit {
	var l [abi.RLIM_NLIMITS]abi.Rlimit
	for i := range l {
		l[i] = abi.Rlimit{Cur: abi.RLIM_INFINITY, Max: abi.RLIM_INFINITY}
	}
	l[abi.RLIMIT_STACK].Cur = 8 << 20
	l[abi.RLIMIT_NOFILE] = abi.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	l[abi.RLIMIT_MEMLOCK] = abi.Rlimit{Cur: 8 << 20, Max: 8 << 20}
	l[abi.RLIMIT_MSGQUEUE] = abi.Rlimit{Cur: 819200, Max: 819200}
	for _, r := range []int{abi.RLIMIT_NICE, abi.RLIMIT_RTPRIO} {
		l[r] = abi.Rlimit{}
	}
	return l
}

// Nice returns the nice value (getpriority(2)).
func (t *Task) Nice() int { return int(t.nice.Load()) }

// SetNice sets it.
func (t *Task) SetNice(n int) { t.nice.Store(int32(min(max(n, -20), 19))) }

// DeathSignal returns the signal that the task gets when its parent ends, 0 for none.
func (t *Task) DeathSignal() abi.Signal { return abi.Signal(t.deathSignal.Load()) }

// SetDeathSignal sets it. A child has none, nor a program with other rights than the one that set it.
func (t *Task) SetDeathSignal(s abi.Signal) { t.deathSignal.Store(uint32(s)) }

// Subreaper reports whether orphans among the task's descendants become its children, rather than pid 1's.
func (t *Task) Subreaper() bool { return t.subreaper.Load() }

// SetSubreaper sets that.
func (t *Task) SetSubreaper(on bool) { t.subreaper.Store(on) }

// Local returns what SetLocal stored, nil in a new program. Only the task's goroutine may call it.
func (t *Task) Local() any { return t.local }

// SetLocal stores the state that the running program's ABI keeps with the task. execve(2) forgets it.
func (t *Task) SetLocal(v any) { t.local = v }

// State returns the state letter of /proc/PID/stat: R, S, T or Z.
func (t *Task) State() byte {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	switch {
	case t.zombie:
		return 'Z'
	case t.sig.stopped:
		return 'T'
	case t.asleep.Load():
		return 'S'
	}
	return 'R'
}

func sortTasks(list []*Task) {
	slices.SortFunc(list, func(a, b *Task) int { return a.pid - b.pid })
}

// Asleep reports whether the task is blocked, stopped or frozen: it does not run.
func (t *Task) Asleep() bool { return t.asleep.Load() }
