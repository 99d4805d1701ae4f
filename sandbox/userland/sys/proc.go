package sys

import (
	"unsafe"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Process says how Spawn and Exec start a program.
type Process struct {
	Argv      []string
	Env       []string        // nil keeps the caller's environment
	Dir       string          // "" keeps the working directory
	Files     []abi.SpawnFile // actions on the descriptors, in order
	Setpgroup bool            // put the child in process group Pgid, or a new one for 0
	Pgid      int
	Setsid    bool
}

// Spawn starts a child process and returns its pid (SYS_SPAWN of abi/spawn.go).
func Spawn(path string, p *Process) (int, error) { return spawn(abi.SYS_SPAWN, path, p) }

// Exec replaces the calling program; it returns only on an error (SYS_EXEC of abi/spawn.go).
func Exec(path string, p *Process) error {
	_, err := spawn(abi.SYS_EXEC, path, p)
	return err
}

// Wait4 waits for a child; options are abi.WNOHANG and the like. usage may be nil.
func Wait4(pid, options int, usage *abi.Rusage) (int, abi.WaitStatus, error) {
	status := new(uint32)
	for {
		r, err := result(raw(abi.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(status)), uintptr(options), uintptr(unsafe.Pointer(usage)), 0, 0))
		if err != abi.EINTR {
			return r, abi.WaitStatus(*status), err
		}
	}
}

// Kill sends a signal; 0 only checks.
func Kill(pid int, sig abi.Signal) error {
	return failed(raw(abi.SYS_KILL, uintptr(pid), uintptr(sig), 0, 0, 0, 0))
}

// Ignore sets a signal's action to be ignored, across Exec and Spawn too.
func Ignore(sig abi.Signal) error { return sigaction(sig, abi.SIG_IGN) }

// Default gives a signal its default action.
func Default(sig abi.Signal) error { return sigaction(sig, abi.SIG_DFL) }

func sigaction(sig abi.Signal, handler uint64) error {
	act := new([4]uint64) // struct kernel_sigaction: handler, flags, restorer, mask
	act[0] = handler
	return failed(raw(abi.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)), 0, 8, 0, 0))
}

func id(nr abi.Sysno) int { return int(raw(nr, 0, 0, 0, 0, 0, 0)) }

// Getpid returns the process id.
func Getpid() int { return id(abi.SYS_GETPID) }

// Getppid returns the parent's process id.
func Getppid() int { return id(abi.SYS_GETPPID) }

// Getuid returns the real user id.
func Getuid() int { return id(abi.SYS_GETUID) }

// Geteuid returns the effective user id.
func Geteuid() int { return id(abi.SYS_GETEUID) }

// Getgid returns the real group id.
func Getgid() int { return id(abi.SYS_GETGID) }

// Getegid returns the effective group id.
func Getegid() int { return id(abi.SYS_GETEGID) }

// Getgroups returns the supplementary groups.
func Getgroups() ([]int, error) {
	buf := make([]uint32, 1024)
	n, err := result(raw(abi.SYS_GETGROUPS, uintptr(len(buf)), uintptr(unsafe.Pointer(&buf[0])), 0, 0, 0, 0))
	if err != nil {
		return nil, err
	}
	list := make([]int, n)
	for i := range list {
		list[i] = int(buf[i])
	}
	return list, nil
}

// Setsid makes the caller the leader of a new session.
func Setsid() error { return failed(raw(abi.SYS_SETSID, 0, 0, 0, 0, 0, 0)) }

// Setpriority sets the nice value of the caller; Getpriority reads it.
func Setpriority(nice int) error {
	return failed(raw(abi.SYS_SETPRIORITY, 0, 0, uintptr(nice), 0, 0, 0))
}

// Getpriority returns the caller's nice value.
func Getpriority() (int, error) {
	r, err := result(raw(abi.SYS_GETPRIORITY, 0, 0, 0, 0, 0, 0))
	return 20 - r, err
}

// Uname describes the system.
func Uname() (*abi.Utsname, error) {
	u := new(abi.Utsname)
	return u, failed(raw(abi.SYS_UNAME, uintptr(unsafe.Pointer(u)), 0, 0, 0, 0, 0))
}

// Sethostname sets the host's name.
func Sethostname(name string) error {
	return failed(raw(abi.SYS_SETHOSTNAME, uintptr(cstr(name)), uintptr(len(name)), 0, 0, 0, 0))
}

// Sysinfo returns memory and load figures.
func Sysinfo() (*abi.Sysinfo, error) {
	s := new(abi.Sysinfo)
	return s, failed(raw(abi.SYS_SYSINFO, uintptr(unsafe.Pointer(s)), 0, 0, 0, 0, 0))
}

// CPUs returns the number of processors the caller may run on (sched_getaffinity(2)).
func CPUs() (int, error) {
	mask := new([128]uint64)
	n, err := result(raw(abi.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(*mask), uintptr(unsafe.Pointer(mask)), 0, 0, 0))
	count := 0
	for i := 0; i < n/8; i++ {
		for w := mask[i]; w != 0; w &= w - 1 {
			count++
		}
	}
	return count, err
}

// Clocks of clock_gettime(2).
const (
	CLOCK_REALTIME  = 0
	CLOCK_MONOTONIC = 1
)

// ClockGettime reads a clock.
func ClockGettime(clock int) abi.Timespec {
	ts := new(abi.Timespec)
	raw(abi.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(ts)), 0, 0, 0, 0)
	return *ts
}

// Now returns the wall clock's time.
func Now() abi.Timespec { return ClockGettime(CLOCK_REALTIME) }

// ClockSettime sets the wall clock.
func ClockSettime(t abi.Timespec) error {
	ts := new(abi.Timespec)
	*ts = t
	return failed(raw(abi.SYS_CLOCK_SETTIME, CLOCK_REALTIME, uintptr(unsafe.Pointer(ts)), 0, 0, 0, 0))
}

// Nanosleep sleeps that many nanoseconds, through interruptions.
func Nanosleep(ns int64) error {
	ts := new([2]abi.Timespec)
	ts[0] = abi.TimespecOf(ns)
	for {
		err := failed(raw(abi.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts[0])), uintptr(unsafe.Pointer(&ts[1])), 0, 0, 0, 0))
		if err != abi.EINTR {
			return err
		}
		ts[0] = ts[1]
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	return failed(raw(abi.SYS_IOCTL, uintptr(fd), request, uintptr(arg), 0, 0, 0))
}

// GetTermios reads a terminal's settings (TCGETS).
func GetTermios(fd int) (*abi.Termios, error) {
	t := new(abi.Termios)
	return t, ioctl(fd, abi.TCGETS, unsafe.Pointer(t))
}

// SetTermios changes a terminal's settings after its output has drained (TCSETSW).
func SetTermios(fd int, t *abi.Termios) error { return ioctl(fd, abi.TCSETSW, unsafe.Pointer(t)) }

// Isatty reports whether a descriptor is a terminal.
func Isatty(fd int) bool {
	_, err := GetTermios(fd)
	return err == nil
}

// GetWinsize reads a terminal's size (TIOCGWINSZ).
func GetWinsize(fd int) (*abi.Winsize, error) {
	w := new(abi.Winsize)
	return w, ioctl(fd, abi.TIOCGWINSZ, unsafe.Pointer(w))
}

// SetWinsize changes a terminal's size (TIOCSWINSZ).
func SetWinsize(fd int, w *abi.Winsize) error { return ioctl(fd, abi.TIOCSWINSZ, unsafe.Pointer(w)) }

// Random fills b with random bytes (getrandom(2)).
func Random(b []byte) error {
	return failed(raw(abi.SYS_GETRANDOM, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0, 0))
}
