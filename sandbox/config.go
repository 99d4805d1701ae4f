package sandbox

import (
	"errors"
	"net/netip"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Config describes a sandbox.
type Config struct {
	ID         string
	Hostname   string
	Domainname string

	// Layers are the image's layers, lowest first: paths of uncompressed tars.
	Layers []string
	// Upper is the directory of the writable layer; it is made when something is first written. "" keeps
	// what is written in a temporary directory, until the sandbox is closed.
	Upper string
	// Volatile saves the work of writing the writable layer through to the disk: for sandboxes that are removed when they
	// end. It still survives the end of the process.
	Volatile bool
	// SizeLimit bounds the writable layer in bytes; 0 does not.
	SizeLimit int64
	// NoNewPrivileges has programs with the set-user-ID or set-group-ID bit run as anybody else's.
	NoNewPrivileges bool
	// ReadOnly makes the root filesystem read-only.
	ReadOnly bool

	Mounts []Mount
	// Files are small generated files mounted over the image's, by path: /etc/hosts, /etc/hostname, /etc/resolv.conf.
	// The sandbox may change its copy.
	Files map[string][]byte
	// ShmSize is the size of /dev/shm in bytes; 0 means 64 MiB.
	ShmSize int64

	// Net is the network that its programs see; nil makes one with loopback alone. Sandboxes may share one.
	Net *vnet.Stack

	Limits Limits
}

// Limits bound a sandbox as a whole; zero means no limit.
type Limits struct {
	Memory int64 // bytes of programs' memory
	Pids   int64 // tasks
	// CPUShares is the weight against other sandboxes when processors are short, as in cgroup-v1's cpu.shares: 2 to
	// 262144, 0 for 1024.
	CPUShares int64
	// CPUQuota is the CPU time of all tasks together in each CPUPeriod; 0 does not bound it. A period of 0 is 100 ms.
	CPUQuota, CPUPeriod time.Duration
}

// MountType tells what a Mount mounts.
type MountType string

// Kinds of mounts.
const (
	Bind   MountType = "bind"   // a directory or file of the host
	Volume MountType = "volume" // a directory of the host that belongs to sandboxes: owners and devices are kept
	Tmpfs  MountType = "tmpfs"  // memory
	Image  MountType = "image"  // layers of an image, read-only
)

// Mount is a filesystem mounted in a sandbox. Missing mount points are made.
type Mount struct {
	Type MountType
	// Source is the host path of a bind or volume. A tmpfs with one is shared: what sandboxes mount under the same
	// Source is the same filesystem, as long as one of them runs. No sandbox's memory limit counts it.
	Source   string
	Layers   []string // image: its layers, as Config.Layers
	Subpath  string   // image: the directory or file in it to mount; "" is all of it
	Target   string   // absolute path in the sandbox
	ReadOnly bool
	NoExec   bool
	Size     int64   // tmpfs: bytes, 0 for no limit
	Mode     *uint32 // tmpfs: permission bits of its root, nil for 01777
	UID, GID uint32  // tmpfs: owner of its root
	// Populate copies what the image has at Target into an empty volume, as dockerd does on its first use.
	Populate bool
}

// ProcessConfig describes a program to start.
type ProcessConfig struct {
	Argv    []string // Argv[0] is a path, or looked up in PATH of Env
	Env     []string
	Dir     string // working directory; "" is "/". It is made when MakeDir is set and it is missing.
	MakeDir bool
	User    string   // "name|uid[:group|gid]", as docker's --user; "" is root
	Groups  []string // further groups, names or numbers (--group-add)
	TTY     bool     // give it a terminal; Stderr is not used then
	Size    abi.Winsize
	Stdin   bool // give it an open standard input (Process.Stdin); /dev/null otherwise
	Stdout  Sink // nil discards
	Stderr  Sink
	// Init runs it as the child of an init process, which is pid 1: it reaps orphans and passes signals on.
	Init bool
	// Exec starts it only beside a first process that runs: ErrClosed otherwise (docker exec).
	Exec bool
	// Listen are addresses on which it gets listening sockets, of TCP, from descriptor 3 on, as systemd's socket activation gives
	// them: for programs of WASI, which cannot make their own. LISTEN_FDS in its environment tells how many.
	Listen []netip.AddrPort
	// Rlimits are resource limits by abi.RLIMIT_ number, besides the defaults.
	Rlimits map[int]abi.Rlimit
}

// Sink takes what a program writes. Write runs on the program's goroutine: it takes p whole and quickly, or nothing
// and returns ErrFull; when it has room again it calls what OnRoom was given. p is only valid during the call.
type Sink interface {
	Write(p []byte) (int, error)
	// HasRoom reports whether Write would take more now.
	HasRoom() bool
	// OnRoom sets the function to call when there is room again; it doesn't block.
	OnRoom(func())
}

// ErrFull is what a Sink returns that cannot take more now.
var ErrFull error = abi.EAGAIN

// Errors of starting a process, besides abi.Errno wrapped in *kernel.StartError.
var (
	// ErrNoUser: the user or group of ProcessConfig is not in the sandbox's /etc/passwd or /etc/group. The error
	// text is "unable to find user NAME: no matching entries in passwd file" or the group's.
	ErrNoUser = errors.New("no such user or group")
	// ErrClosed: the sandbox has been closed or its first process has ended.
	ErrClosed = errors.New("sandbox is closed")
)

// TaskInfo is a line of docker top.
type TaskInfo struct {
	Pid, Ppid int
	UID       uint32
	User      string // name in the sandbox's /etc/passwd, or the number
	State     byte   // R, S, T, Z
	StartUnix int64  // seconds
	CPUNanos  int64
	TTY       string // "pts/0" or "?"
	Command   string // arguments joined by blanks
	Memory    int64
}
