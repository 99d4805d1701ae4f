package kernel

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Config describes a sandbox.
type Config struct {
	Hostname   string
	Domainname string
	NS         *vfs.Namespace
	Loaders    []Loader
	Limits     Limits
	Shared     *Shared      // for files that other kernels have too; nil keeps their fifos and locks apart
	Scheduler  *Scheduler   // shared with the other sandboxes; nil for one of its own
	Net        *vnet.Stack  // nil makes one with loopback alone
	Names      *vnet.Names  // of sockets on files that other kernels have too; nil keeps their sockets apart
	Log        *slog.Logger // nil discards
}

// Shared is what kernels whose containers have files in common know of those files together: the pipes behind fifos, and
// locks. Its zero value is ready for use.
type Shared struct {
	fifos FifoTable
	locks vfs.LockTable
}

// Limits bound a sandbox as a whole. Zero means no limit.
type Limits struct {
	Memory int64 // bytes of programs' memory
	Pids   int64 // tasks
	// CPUShares is the weight when processors are short, as in cgroup-v1's cpu.shares: 2 to 262144, 0 for 1024.
	CPUShares int64
	// CPUQuota is the CPU time of all tasks together in each CPUPeriod; 0 does not bound it. A period of 0 is 100 ms.
	CPUQuota, CPUPeriod time.Duration
}

// Kernel is one sandbox: a pid namespace, a mount namespace, a host name and limits.
type Kernel struct {
	loaders []Loader
	ns      *vfs.Namespace
	log     *slog.Logger
	boot    time.Time
	sched   *Scheduler

	hostname   atomic.Pointer[string]
	domainname atomic.Pointer[string]

	mu      sync.Mutex
	tasks   map[int]*Task // zombies included
	lastPid int
	wrapped bool // pids are being used again
	closed  bool
	frozen  bool
	limits  Limits
	empty   chan struct{} // closed when the last task has gone after Close

	memory    atomic.Int64
	maxMemory atomic.Int64
	memLimit  atomic.Int64
	oomKills  atomic.Int64
	ended     atomic.Int64 // nanoseconds of CPU time of tasks that have ended
	cpu       cpuGroup

	fifos  FifoTable
	shared *FifoTable // of filesystems that are shared with other kernels
	locks  *vfs.LockTable
	ptys   ptyTable
	memfs  func() *vfs.Context // of files that are in memory only, made at the first

	net         *vnet.Stack
	names       vnet.Names  // of AF_UNIX sockets
	sharedNames *vnet.Names // of those on shared filesystems
}

// New makes a kernel; it runs nothing until Start.
func New(cfg Config) *Kernel {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	k := &Kernel{
		loaders: cfg.Loaders, ns: cfg.NS, log: log, limits: cfg.Limits, boot: time.Now(),
		tasks: make(map[int]*Task), empty: make(chan struct{}), sched: cfg.Scheduler,
	}
	if k.sched == nil {
		k.sched = NewScheduler(0)
	}
	k.sched.setCPULimits(&k.cpu, cfg.Limits)
	if cfg.Shared == nil {
		cfg.Shared = new(Shared)
	}
	k.shared, k.locks = &cfg.Shared.fifos, &cfg.Shared.locks
	k.memfs = sync.OnceValue(func() *vfs.Context {
		ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{Charge: k.Reserve}), 0)
		return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
	})
	if k.net = cfg.Net; k.net == nil {
		k.net = vnet.NewStack(vnet.StackConfig{})
	}
	if k.sharedNames = cfg.Names; k.sharedNames == nil {
		k.sharedNames = &k.names
	}
	k.hostname.Store(&cfg.Hostname)
	k.domainname.Store(&cfg.Domainname)
	k.memLimit.Store(cfg.Limits.Memory)
	return k
}

// Namespace returns the sandbox's mounts.
func (k *Kernel) Namespace() *vfs.Namespace { return k.ns }

// Log returns where the sandbox's own messages go.
func (k *Kernel) Log() *slog.Logger { return k.log }

// Hostname returns the host name (gethostname(2)).
func (k *Kernel) Hostname() string { return *k.hostname.Load() }

// SetHostname sets it.
func (k *Kernel) SetHostname(name string) { k.hostname.Store(&name) }

// OpenMemory opens a new file that is in memory only (memfd_create(2)), shown in /proc by a name. Its memory counts as the
// sandbox's.
func (k *Kernel) OpenMemory(name string) (*vfs.OpenFile, error) {
	ctx := k.memfs()
	return ctx.OpenUnnamed(ctx.Root, name, abi.O_RDWR|abi.O_EXCL, 0o777)
}

// Domainname returns the NIS domain name (getdomainname(2)).
func (k *Kernel) Domainname() string { return *k.domainname.Load() }

// BootTime is when the sandbox was made.
func (k *Kernel) BootTime() time.Time { return k.boot }

// SetLimits changes the limits of a running sandbox.
func (k *Kernel) SetLimits(l Limits) {
	k.mu.Lock()
	k.limits = l
	k.mu.Unlock()
	k.memLimit.Store(l.Memory)
	k.sched.setCPULimits(&k.cpu, l)
}

// Limits returns the limits.
func (k *Kernel) Limits() Limits {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.limits
}

// SetDomainname sets it.
func (k *Kernel) SetDomainname(name string) { k.domainname.Store(&name) }

// Reserve accounts delta bytes of a program's memory; false, when the limit would be passed, refuses them.
func (k *Kernel) Reserve(delta int64) bool {
	now := k.memory.Add(delta)
	if limit := k.memLimit.Load(); delta > 0 && limit > 0 && now > limit {
		k.memory.Add(-delta)
		return false
	}
	for {
		peak := k.maxMemory.Load()
		if now <= peak || k.maxMemory.CompareAndSwap(peak, now) {
			return true
		}
	}
}

// Usage is what a sandbox uses.
type Usage struct {
	CPU       time.Duration // of all tasks, ended ones included
	Memory    int64         // bytes reserved now
	MaxMemory int64         // the most so far
	Tasks     int
	OOMKills  int64
	// Of a sandbox with a quota: periods in which it ran, those in which it used its quota up, and for how long it then
	// had to wait.
	CPUPeriods, ThrottledPeriods int64
	ThrottledTime                time.Duration
}

// Usage tells what the sandbox uses.
func (k *Kernel) Usage() Usage {
	u := Usage{CPU: time.Duration(k.ended.Load()), Memory: k.memory.Load(), MaxMemory: k.maxMemory.Load(), OOMKills: k.oomKills.Load()}
	for _, t := range k.Tasks() {
		select {
		case <-t.done: // a zombie's time is in k.cpu
		default:
			u.CPU += t.CPU()
		}
		u.Tasks++
	}
	k.sched.usage(&k.cpu, &u)
	return u
}

// Tasks lists the tasks that have not ended, by pid.
func (k *Kernel) Tasks() []*Task {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]*Task, 0, len(k.tasks))
	for _, t := range k.tasks {
		list = append(list, t)
	}
	sortTasks(list)
	return list
}

// Task finds a task by pid, zombies included.
func (k *Kernel) Task(pid int) *Task {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tasks[pid]
}

// Freeze stops all tasks at their next checkpoint or system call, until Thaw (docker pause).
func (k *Kernel) Freeze() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frozen = true
	for _, t := range k.tasks {
		t.attention.Store(true)
	}
}

// Thaw lets them go on.
func (k *Kernel) Thaw() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frozen = false
	for _, t := range k.tasks {
		t.wakeUp()
	}
}

// Close kills every task and waits for them to end.
func (k *Kernel) Close() {
	k.mu.Lock()
	k.frozen = false
	if !k.closed {
		k.closed = true
		if len(k.tasks) == 0 {
			close(k.empty)
		}
	}
	for _, t := range k.tasks {
		t.sendLocked(abi.SIGKILL)
		t.wakeUp()
	}
	k.mu.Unlock()
	<-k.empty
}

// newPid takes the next free process id; k.mu is held.
func (k *Kernel) newPid() (int, error) {
	if k.closed {
		return 0, abi.EAGAIN
	}
	if k.limits.Pids > 0 && int64(len(k.tasks)) >= k.limits.Pids {
		return 0, abi.EAGAIN
	}
	for range PidMax {
		if k.lastPid++; k.lastPid >= PidMax {
			k.lastPid, k.wrapped = 2, true
		}
		if !k.pidUsed(k.lastPid) {
			return k.lastPid, nil
		}
	}
	return 0, abi.EAGAIN
}

// pidUsed reports whether a number is a task's, a group's or a session's.
func (k *Kernel) pidUsed(pid int) bool {
	if k.tasks[pid] != nil {
		return true
	}
	if k.wrapped {
		for _, t := range k.tasks {
			if t.pgid == pid || t.sid == pid {
				return true
			}
		}
	}
	return false
}

// PidMax bounds process ids (/proc/sys/kernel/pid_max).
const PidMax = 1 << 22
