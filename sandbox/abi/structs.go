package abi

import "unsafe"

// The structures below have the memory layout of linux/amd64, so that a program's memory can be read and written
// as bytes: little-endian, every padding spelled out. Go lays them out alike on amd64, arm64 and wasm.

// Timespec is struct timespec.
type Timespec struct {
	Sec  int64
	Nsec int64
}

// TimespecOf converts nanoseconds since the epoch.
func TimespecOf(ns int64) Timespec {
	sec, nsec := ns/1e9, ns%1e9
	if nsec < 0 {
		sec, nsec = sec-1, nsec+1e9
	}
	return Timespec{Sec: sec, Nsec: nsec}
}

// Nanoseconds returns the time as nanoseconds since the epoch.
func (t Timespec) Nanoseconds() int64 { return t.Sec*1e9 + t.Nsec }

// Timeval is struct timeval.
type Timeval struct {
	Sec  int64
	Usec int64
}

// Stat is struct stat (stat(2)).
type Stat struct {
	Dev     uint64
	Ino     uint64
	Nlink   uint64
	Mode    uint32
	UID     uint32
	GID     uint32
	_       uint32
	Rdev    uint64
	Size    int64
	Blksize int64
	Blocks  int64 // units of 512 bytes
	Atim    Timespec
	Mtim    Timespec
	Ctim    Timespec
	_       [3]int64
}

// Statfs is struct statfs (statfs(2)).
type Statfs struct {
	Type    int64
	Bsize   int64
	Blocks  uint64
	Bfree   uint64
	Bavail  uint64
	Files   uint64
	Ffree   uint64
	Fsid    [2]int32
	Namelen int64
	Frsize  int64
	Flags   int64
	_       [4]int64
}

// Flock is struct flock (fcntl(2)).
type Flock struct {
	Type   int16
	Whence int16
	_      int32
	Start  int64
	Len    int64
	Pid    int32
	_      int32
}

// Iovec is struct iovec.
type Iovec struct {
	Base uint64
	Len  uint64
}

// PollFd is struct pollfd.
type PollFd struct {
	Fd      int32
	Events  int16
	Revents int16
}

// Utsname is struct utsname (uname(2)); each field ends with a zero byte.
type Utsname struct {
	Sysname    [65]byte
	Nodename   [65]byte
	Release    [65]byte
	Version    [65]byte
	Machine    [65]byte
	Domainname [65]byte
}

// Sysinfo is struct sysinfo (sysinfo(2)).
type Sysinfo struct {
	Uptime    int64
	Loads     [3]uint64
	Totalram  uint64
	Freeram   uint64
	Sharedram uint64
	Bufferram uint64
	Totalswap uint64
	Freeswap  uint64
	Procs     uint16
	_         [6]byte
	Totalhigh uint64
	Freehigh  uint64
	Unit      uint32
	_         [4]byte
}

// Rusage is struct rusage (getrusage(2)).
type Rusage struct {
	Utime  Timeval
	Stime  Timeval
	Maxrss int64 // KiB
	_      [13]int64
}

// Rlimit is struct rlimit64 (prlimit64(2)).
type Rlimit struct {
	Cur uint64
	Max uint64
}

// RLIM_INFINITY is "no limit".
const RLIM_INFINITY = ^uint64(0)

// Resources of prlimit64(2).
const (
	RLIMIT_CPU        = 0
	RLIMIT_FSIZE      = 1
	RLIMIT_DATA       = 2
	RLIMIT_STACK      = 3
	RLIMIT_CORE       = 4
	RLIMIT_RSS        = 5
	RLIMIT_NPROC      = 6
	RLIMIT_NOFILE     = 7
	RLIMIT_MEMLOCK    = 8
	RLIMIT_AS         = 9
	RLIMIT_LOCKS      = 10
	RLIMIT_SIGPENDING = 11
	RLIMIT_MSGQUEUE   = 12
	RLIMIT_NICE       = 13
	RLIMIT_RTPRIO     = 14
	RLIMIT_RTTIME     = 15
	RLIM_NLIMITS      = 16
)

// Winsize is struct winsize (ioctl_tty(2)).
type Winsize struct {
	Row    uint16
	Col    uint16
	Xpixel uint16
	Ypixel uint16
}

// Termios is the kernel's struct termios, as TCGETS and TCSETS carry it (36 bytes).
type Termios struct {
	Iflag uint32
	Oflag uint32
	Cflag uint32
	Lflag uint32
	Line  uint8
	Cc    [19]uint8
}

// Flags of Termios (termios(3)).
const (
	IGNBRK  = 0o1
	BRKINT  = 0o2
	ICRNL   = 0o400
	INLCR   = 0o100
	IGNCR   = 0o200
	ISTRIP  = 0o40
	IXON    = 0o2000
	IXANY   = 0o4000
	IMAXBEL = 0o20000
	IUTF8   = 0o40000

	OPOST  = 0o1
	ONLCR  = 0o4
	OCRNL  = 0o10
	ONOCR  = 0o20
	ONLRET = 0o40

	CS8    = 0o60
	CREAD  = 0o200
	HUPCL  = 0o2000
	B38400 = 0o17

	ISIG    = 0o1
	ICANON  = 0o2
	ECHO    = 0o10
	ECHOE   = 0o20
	ECHOK   = 0o40
	ECHONL  = 0o100
	NOFLSH  = 0o200
	TOSTOP  = 0o400
	ECHOCTL = 0o1000
	ECHOKE  = 0o4000
	IEXTEN  = 0o100000
)

// Indexes of Termios.Cc.
const (
	VINTR    = 0
	VQUIT    = 1
	VERASE   = 2
	VKILL    = 3
	VEOF     = 4
	VTIME    = 5
	VMIN     = 6
	VSTART   = 8
	VSTOP    = 9
	VSUSP    = 10
	VEOL     = 11
	VREPRINT = 12
	VWERASE  = 14
	VLNEXT   = 15
	VEOL2    = 16
)

// Requests of ioctl(2).
const (
	TCGETS     = 0x5401
	TCSETS     = 0x5402
	TCSETSW    = 0x5403
	TCSETSF    = 0x5404
	TCFLSH     = 0x540b
	TIOCSCTTY  = 0x540e
	TIOCGPGRP  = 0x540f
	TIOCSPGRP  = 0x5410
	TIOCOUTQ   = 0x5411
	TIOCGWINSZ = 0x5413
	TIOCSWINSZ = 0x5414
	FIONREAD   = 0x541b
	TIOCNOTTY  = 0x5422
	FIONBIO    = 0x5421
	TIOCGSID   = 0x5429
	TIOCGPTN   = 0x80045430
	TIOCSPTLCK = 0x40045431
)

// Bytes returns the memory of an ABI structure as bytes; T must be one of this package's structures or an integer.
func Bytes[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

// DirentHeader is the size of struct linux_dirent64 before its name (getdents64(2)).
const DirentHeader = 19
