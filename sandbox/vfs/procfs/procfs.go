// Package procfs makes /proc (proc(5)), what programs ask of /sys (sysfs(5)), and a container's cgroup2 directory (Linux's
// Documentation/admin-guide/cgroup-v2.rst). Their files are written anew whenever they are read from the start, in the
// formats of Linux 6.6, from what a Kernel tells.
//
// The directory of a process belongs to the process's effective user; its environment, descriptors and magic links can be
// used by that user and root only (ptrace(2), PTRACE_MODE_READ_FSCREDS): EACCES.
package procfs

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Kernel is what is shown: the processes of one sandbox, and the machine as they see it. Its methods are called from many
// tasks at once.
type Kernel interface {
	// System tells of the machine.
	System() System
	// Cgroup tells the sandbox's limits and what it uses of them.
	Cgroup() Cgroup
	// Net is the content of a file of /proc/net: arp, dev, icmp, icmp6, if_inet6, ipv6_route, route, tcp, tcp6, udp, udp6, unix.
	Net(name string) string
	// Namespace is where the sandbox's processes live.
	Namespace() *vfs.Namespace
	// Pids lists the processes, zombies included, in rising order.
	Pids() []int
	// Task finds a process.
	Task(pid int) (Task, bool)
	// Locks lists the file locks of the sandbox's processes.
	Locks() []vfs.HeldLock
	// Self tells the process and thread that a vfs.Context's Caller is; 0 when it is none of this sandbox.
	Self(caller any) (pid, tid int)
}

// Task is a process. What was asked of one that has ended is empty.
type Task interface {
	// Status tells the process's state.
	Status() Status
	// Args and Environ are the strings of cmdline and environ.
	Args() []string
	Environ() []string
	// Exe, Cwd and Root are what the links of these names lead to; zero when there is no such place.
	Exe() vfs.Path
	Cwd() vfs.Path
	Root() vfs.Path
	// FDs lists the open descriptors, in rising order.
	FDs() []int
	// FD returns a descriptor's open file with a reference that the caller releases, and FD_CLOEXEC.
	FD(n int) (f *vfs.OpenFile, cloexec, ok bool)
	// SetComm renames the process (what is written to comm).
	SetComm(name string)
	// SetOOMScoreAdj sets Status.OOMScoreAdj, -1000 to 1000: EACCES.
	SetOOMScoreAdj(n int) error
}

// Status is what stat, status, statm and their kin tell of a process. Times are CPU times; sizes are bytes.
type Status struct {
	PID, PPID      int
	PGID, SID      int
	Threads        []int // thread ids; nil for the process's own alone
	Comm           string
	State          byte   // as ps(1) shows it: R S D T Z
	TTY            uint64 // device number of the controlling terminal, 0 for none
	Foreground     int    // process group in the terminal's foreground, -1 for none
	Cred           *vfs.Cred
	Umask          uint32
	Nice           int
	Start          time.Time
	User, System   time.Duration
	ChildUser      time.Duration // of children waited for
	ChildSystem    time.Duration
	Size, RSS      uint64
	PeakSize, Peak uint64 // of Size and RSS; 0 when not known
	Pending        abi.SigSet
	Blocked        abi.SigSet
	Ignored        abi.SigSet
	Caught         abi.SigSet
	FDSize         int // slots of the descriptor table
	Limits         [abi.RLIM_NLIMITS]abi.Rlimit
	OOMScoreAdj    int
	ExitStatus     abi.WaitStatus
	IO             IO
	Maps           []Mapping
}

// IO counts a process's reads and writes (/proc/PID/io).
type IO struct {
	ReadChars, WriteChars uint64 // bytes through read(2) and write(2)
	Reads, Writes         uint64 // calls
	ReadBytes, WriteBytes uint64 // bytes from and to disks
}

// Mapping is a line of /proc/PID/maps.
type Mapping struct {
	Start, End uint64
	Perms      string // as "r-xp"
	Offset     uint64
	Dev, Ino   uint64
	Name       string // a path, or as "[stack]"
}

// System is the machine as the sandbox sees it. Sizes are bytes.
type System struct {
	Release    string // as uname(2) gives it: "6.6.0-sockerless"
	Version    string // "#1 SMP ..."
	Hostname   string
	Domainname string // "(none)" when empty
	BootID     string // a UUID, stable while the sandbox runs

	Boot       time.Time
	Load       [3]float64
	Running    int    // tasks that could run now
	LastPID    int    // the youngest process
	Forks      uint64 // processes made since boot
	Switches   uint64 // context switches
	CPUs       int
	CPUVendor  string // as "GenuineIntel"
	CPUModel   string
	CPUMHz     float64
	UserTime   time.Duration // of all CPUs, since boot
	SystemTime time.Duration

	MemTotal, MemFree   uint64
	MemAvailable        uint64
	Cached              uint64
	Shmem               uint64
	SwapTotal, SwapFree uint64

	MaxFiles  uint64 // of the system (file-max)
	OpenFiles uint64
	MaxPID    int

	Interfaces []Interface
}

// Interface is a network interface (/sys/class/net).
type Interface struct {
	Name    string
	Index   int
	Address string // as "02:42:ac:11:00:02"
	MTU     int
	Type    int // ARPHRD_: 1 Ethernet, 772 loopback
	Flags   uint32
}

// Cgroup is the sandbox's limits and use of them.
type Cgroup struct {
	MemoryMax, MemoryCurrent uint64        // bytes; a limit of 0 is none
	MemoryPeak               uint64        // the most so far
	OOMKills                 uint64        // processes killed at the limit
	CPUQuota, CPUPeriod      time.Duration // a quota of 0 is none
	CPUWeight                int           // 1 to 10000; 0 is the default of 100
	UserTime, SystemTime     time.Duration
	PidsMax, PidsCurrent     int // a limit of 0 is none
}

// New makes the filesystem of /proc.
func New(k Kernel) *vfs.Filesystem {
	return newFilesystem("proc", "proc", 0x9fa0, k, (*filesystem).procRoot)
}

// NewSys makes the filesystem of /sys. Its fs/cgroup is there to mount NewCgroup on.
func NewSys(k Kernel) *vfs.Filesystem {
	return newFilesystem("sysfs", "sysfs", 0x62656572, k, (*filesystem).sysRoot)
}

// NewCgroup makes the filesystem of /sys/fs/cgroup: the sandbox's own group as the root, as in a cgroup namespace.
func NewCgroup(k Kernel) *vfs.Filesystem {
	return newFilesystem("cgroup2", "cgroup", 0x63677270, k, (*filesystem).cgroupRoot)
}

// filesystem is what all files of one instance share.
type filesystem struct {
	k   Kernel
	dev uint64
}

func newFilesystem(typ, source string, magic int64, k Kernel, root func(*filesystem) vfs.Inode) *vfs.Filesystem {
	fs := &filesystem{k: k, dev: vfs.NewDevice()}
	out := vfs.NewFilesystem(typ, source, root(fs), true)
	out.Statfs = func() abi.Statfs {
		return abi.Statfs{Type: magic, Bsize: pageSize, Frsize: pageSize, Namelen: abi.NAME_MAX}
	}
	return out
}

const pageSize = 4096
