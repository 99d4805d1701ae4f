package procfs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func (fs *filesystem) procRoot() vfs.Inode {
	sys := func(f func(System) string) func() string { return func() string { return f(fs.k.System()) } }
	root := &dir{node: node{fs: fs, mode: abi.S_IFDIR | 0o555, made: abi.TimespecOf(time.Now().UnixNano())}}
	root.fixed = []entry{
		symlink("self", fs.self(false)),
		symlink("thread-self", fs.self(true)),
		fixedLink("mounts", "self/mounts"),
		fixedLink("net", "self/net"),
		fixedText("cmdline", "\n"),
		text("cpuinfo", sys(cpuinfo)),
		fixedText("cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n"),
		fixedText("devices", devices),
		fixedText("diskstats", ""),
		fixedText("filesystems", filesystems),
		fixedText("interrupts", ""),
		text("loadavg", sys(fs.loadavg)),
		text("locks", func() string { return locks(fs.k.Locks()) }),
		text("meminfo", sys(meminfo)),
		fixedText("modules", ""),
		fixedText("partitions", "major minor  #blocks  name\n\n"),
		text("stat", sys(fs.stat)),
		fixedText("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
		text("uptime", sys(uptime)),
		text("version", sys(func(s System) string {
			return fmt.Sprintf("Linux version %s (sockerless) (go) %s\n", s.Release, s.Version)
		})),
		fs.sysctl(),
	}
	root.find = func(name string) (entry, bool) {
		pid, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(pid) != name {
			return entry{}, false
		}
		t, ok := fs.k.Task(pid)
		if !ok {
			return entry{}, false
		}
		return fs.process(pid, t), true
	}
	root.list = func() []entry {
		pids := fs.k.Pids()
		out := make([]entry, len(pids))
		for i, pid := range pids {
			out[i] = entry{name: strconv.Itoa(pid), mode: abi.S_IFDIR | 0o555}
		}
		return out
	}
	return root
}

// self is where /proc/self and /proc/thread-self lead: ENOENT for who is no process of the sandbox.
func (fs *filesystem) self(thread bool) func(*vfs.Context) (string, error) {
	return func(ctx *vfs.Context) (string, error) {
		pid, tid := fs.k.Self(ctx.Caller)
		switch {
		case pid == 0:
			return "", abi.ENOENT
		case thread:
			return fmt.Sprintf("%d/task/%d", pid, tid), nil
		}
		return strconv.Itoa(pid), nil
	}
}

const devices = `Character devices:
  1 mem
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
136 pts

Block devices:
`

const filesystems = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tdevpts\nnodev\tmqueue\nnodev\toverlay\n"

func uptime(s System) string {
	up := time.Since(s.Boot)
	idle := max(up*time.Duration(s.CPUs)-s.UserTime-s.SystemTime, 0)
	return fmt.Sprintf("%.2f %.2f\n", up.Seconds(), idle.Seconds())
}

func (fs *filesystem) loadavg(s System) string {
	total := 0
	for _, pid := range fs.k.Pids() {
		if t, ok := fs.k.Task(pid); ok {
			total += max(len(t.Status().Threads), 1)
		}
	}
	return fmt.Sprintf("%.2f %.2f %.2f %d/%d %d\n", s.Load[0], s.Load[1], s.Load[2], s.Running, total, s.LastPID)
}

func meminfo(s System) string {
	var b strings.Builder
	line := func(name string, bytes uint64) { fmt.Fprintf(&b, "%-16s%8d kB\n", name+":", bytes>>10) }
	used := s.MemTotal - min(s.MemFree+s.Cached, s.MemTotal)
	line("MemTotal", s.MemTotal)
	line("MemFree", s.MemFree)
	line("MemAvailable", s.MemAvailable)
	line("Buffers", 0)
	line("Cached", s.Cached)
	line("SwapCached", 0)
	line("Active", used)
	line("Inactive", s.Cached)
	line("Active(anon)", used)
	line("Inactive(anon)", 0)
	line("Active(file)", 0)
	line("Inactive(file)", s.Cached)
	line("Unevictable", 0)
	line("Mlocked", 0)
	line("SwapTotal", s.SwapTotal)
	line("SwapFree", s.SwapFree)
	for _, name := range []string{"Zswap", "Zswapped", "Dirty", "Writeback"} {
		line(name, 0)
	}
	line("AnonPages", used)
	line("Mapped", 0)
	line("Shmem", s.Shmem)
	for _, name := range []string{
		"KReclaimable", "Slab", "SReclaimable", "SUnreclaim", "KernelStack", "PageTables", "SecPageTables", "NFS_Unstable",
		"Bounce", "WritebackTmp",
	} {
		line(name, 0)
	}
	line("CommitLimit", s.MemTotal+s.SwapTotal)
	line("Committed_AS", used)
	for _, name := range []string{
		"VmallocTotal", "VmallocUsed", "VmallocChunk", "Percpu", "AnonHugePages", "ShmemHugePages", "ShmemPmdMapped",
		"FileHugePages", "FilePmdMapped",
	} {
		line(name, 0)
	}
	b.WriteString("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\n")
	line("Hugepagesize", 2<<20)
	line("Hugetlb", 0)
	return b.String()
}

// cpuinfo tells of CPUs with what every x86-64 program may rely on.
func cpuinfo(s System) string {
	var b strings.Builder
	for i := range s.CPUs {
		fmt.Fprintf(&b, "processor\t: %d\n", i)
		fmt.Fprintf(&b, "vendor_id\t: %s\n", s.CPUVendor)
		fmt.Fprintf(&b, "cpu family\t: 6\nmodel\t\t: 0\n")
		fmt.Fprintf(&b, "model name\t: %s\n", s.CPUModel)
		fmt.Fprintf(&b, "stepping\t: 0\n")
		fmt.Fprintf(&b, "cpu MHz\t\t: %.3f\n", s.CPUMHz)
		fmt.Fprintf(&b, "physical id\t: 0\nsiblings\t: %d\ncore id\t\t: %d\ncpu cores\t: %d\n", s.CPUs, i, s.CPUs)
		fmt.Fprintf(&b, "apicid\t\t: %d\ninitial apicid\t: %d\n", i, i)
		b.WriteString("fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\n")
		b.WriteString("flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm\nbugs\t\t:\n")
		fmt.Fprintf(&b, "bogomips\t: %.2f\n", 2*s.CPUMHz)
		b.WriteString("clflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 48 bits physical, 48 bits virtual\n")
		b.WriteString("power management:\n\n")
	}
	return b.String()
}

// userHZ is the unit of CPU times: sysconf(_SC_CLK_TCK) a second.
const userHZ = 100

func ticks(d time.Duration) int64 { return int64(d / (time.Second / userHZ)) }

func (fs *filesystem) stat(s System) string {
	var b strings.Builder
	cpus := max(s.CPUs, 1)
	idle := max(time.Since(s.Boot)*time.Duration(cpus)-s.UserTime-s.SystemTime, 0)
	line := func(name string, share time.Duration) {
		fmt.Fprintf(&b, "%s %d 0 %d %d 0 0 0 0 0 0\n", name, ticks(s.UserTime/share), ticks(s.SystemTime/share), ticks(idle/share))
	}
	line("cpu ", 1)
	for i := range cpus {
		line("cpu"+strconv.Itoa(i), time.Duration(cpus))
	}
	fmt.Fprintf(&b, "intr 0\nctxt %d\nbtime %d\nprocesses %d\nprocs_running %d\nprocs_blocked 0\n",
		s.Switches, s.Boot.Unix(), s.Forks, s.Running)
	b.WriteString("softirq 0 0 0 0 0 0 0 0 0 0 0\n")
	return b.String()
}
