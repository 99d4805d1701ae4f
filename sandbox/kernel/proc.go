package kernel

import (
	"net"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/procfs"
)

// Proc shows the sandbox to /proc and /sys.
func (k *Kernel) Proc() procfs.Kernel { return &procKernel{k: k, bootID: uuid.NewString()} }

type procKernel struct {
	k      *Kernel
	bootID string
}

// System describes the machine: the sandbox's share of memory is its limit, or what a large machine has.
func (p *procKernel) System() procfs.System {
	k := p.k
	u := k.Usage()
	total := uint64(k.memLimit.Load())
	if total == 0 {
		total = defaultMemory
	}
	used := min(uint64(max(u.Memory, 0)), total)
	k.mu.Lock()
	last := k.lastPid
	running := 0
	for _, t := range k.tasks {
		if !t.zombie && !t.asleep.Load() {
			running++
		}
	}
	k.mu.Unlock()
	return procfs.System{
		Release: Release, Version: Version, Hostname: k.Hostname(), Domainname: k.Domainname(), BootID: p.bootID,
		Boot: k.boot, Running: running, LastPID: last, Forks: uint64(last), CPUs: runtime.GOMAXPROCS(0),
		CPUVendor: "Sockerless", CPUModel: "WebAssembly", UserTime: u.CPU,
		MemTotal: total, MemFree: total - used, MemAvailable: total - used, MaxFiles: maxFDs, MaxPID: PidMax,
		Interfaces: p.interfaces(),
	}
}

// defaultMemory is what a sandbox without a limit is told it has.
const defaultMemory = 4 << 30

// Cgroup tells limits and usage.
func (p *procKernel) Cgroup() procfs.Cgroup {
	u, l := p.k.Usage(), p.k.Limits()
	return procfs.Cgroup{
		MemoryMax: uint64(l.Memory), MemoryCurrent: uint64(max(u.Memory, 0)), MemoryPeak: uint64(max(u.MaxMemory, 0)),
		OOMKills: uint64(u.OOMKills),
		UserTime: u.CPU, PidsMax: int(l.Pids), PidsCurrent: u.Tasks,
	}
}

func (p *procKernel) interfaces() []procfs.Interface {
	var list []procfs.Interface
	for _, i := range p.k.net.Interfaces() {
		typ := 1
		if i.Loopback {
			typ = 772
		}
		list = append(list, procfs.Interface{Name: i.Name, Index: i.Index, Address: net.HardwareAddr(i.MAC[:]).String(), MTU: i.MTU,
			Type: typ, Flags: i.Flags()})
	}
	return list
}

// Net is the network's own account.
func (p *procKernel) Net(name string) string {
	text, _ := p.k.net.ProcNet(name)
	return text
}

func (p *procKernel) Namespace() *vfs.Namespace { return p.k.ns }

func (p *procKernel) Locks() []vfs.HeldLock { return p.k.locks.List(p.k) }

func (p *procKernel) Pids() []int {
	tasks := p.k.Tasks()
	pids := make([]int, len(tasks))
	for i, t := range tasks {
		pids[i] = t.pid
	}
	return pids
}

func (p *procKernel) Task(pid int) (procfs.Task, bool) {
	t := p.k.Task(pid)
	if t == nil {
		return nil, false
	}
	return procTask{t}, true
}

func (p *procKernel) Self(caller any) (pid, tid int) {
	if t, ok := caller.(*Task); ok && t.k == p.k {
		return t.pid, t.pid
	}
	return 0, 0
}

// procTask shows a task to /proc.
type procTask struct{ t *Task }

func (p procTask) Args() []string      { return p.t.Image().Argv }
func (p procTask) Environ() []string   { return p.t.Image().Env }
func (p procTask) Exe() vfs.Path       { return p.t.Image().Exe }
func (p procTask) Cwd() vfs.Path       { return p.t.Cwd() }
func (p procTask) Root() vfs.Path      { return p.t.Root() }
func (p procTask) FDs() []int          { return p.t.Files.List() }
func (p procTask) SetComm(name string) { p.t.SetComm(name) }

// SetOOMScoreAdj is refused: at the limit the task that asks for more memory is the one that ends.
func (p procTask) SetOOMScoreAdj(int) error { return abi.EACCES }

func (p procTask) FD(n int) (f *vfs.OpenFile, cloexec, ok bool) {
	f, err := p.t.Files.Get(n)
	if err != nil {
		return nil, false, false
	}
	cloexec, _ = p.t.Files.Cloexec(n)
	return f, cloexec, true
}

func (p procTask) Status() procfs.Status {
	t := p.t
	cpu, mem, peak := t.CPU(), uint64(max(t.Memory(), 0)), uint64(max(t.maxMemory.Load(), 0))
	st := procfs.Status{
		PID: t.pid, Comm: t.Image().Comm, State: t.State(), Cred: t.Cred(), Umask: t.Umask(), Nice: t.Nice(), Start: t.start,
		User: cpu, ChildUser: t.ChildCPU(), Size: mem, RSS: mem, PeakSize: peak, Peak: peak, FDSize: len(t.Files.List()), Limits: *t.limits.Load(),
		Foreground: -1,
		IO: procfs.IO{
			ReadChars: t.io.readBytes.Load(), WriteChars: t.io.wroteBytes.Load(), Reads: t.io.reads.Load(), Writes: t.io.writes.Load(),
		},
	}
	if mem > 0 { // a WebAssembly program's memory begins at 0
		st.Maps = []procfs.Mapping{{End: mem, Perms: "rw-p", Name: "[heap]"}}
	}
	st.Pending, st.Blocked, st.Ignored, st.Caught = t.Signals()
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.parent != nil {
		st.PPID = t.parent.pid
	}
	st.PGID, st.SID, st.ExitStatus = t.pgid, t.sid, t.status
	if t.zombie {
		st.User = time.Duration(t.cpuAtExit)
	}
	if t.tty != nil {
		st.TTY, st.Foreground = abi.Mkdev(ptsMajor, uint32(t.tty.index)), t.tty.foreground
	}
	return st
}
