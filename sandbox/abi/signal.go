package abi

import (
	"strconv"
	"strings"
)

// Signal is a Linux signal number (signal(7)).
type Signal uint8

// The standard signals of linux/amd64.
const (
	SIGHUP    Signal = 1
	SIGINT    Signal = 2
	SIGQUIT   Signal = 3
	SIGILL    Signal = 4
	SIGTRAP   Signal = 5
	SIGABRT   Signal = 6
	SIGBUS    Signal = 7
	SIGFPE    Signal = 8
	SIGKILL   Signal = 9
	SIGUSR1   Signal = 10
	SIGSEGV   Signal = 11
	SIGUSR2   Signal = 12
	SIGPIPE   Signal = 13
	SIGALRM   Signal = 14
	SIGTERM   Signal = 15
	SIGSTKFLT Signal = 16
	SIGCHLD   Signal = 17
	SIGCONT   Signal = 18
	SIGSTOP   Signal = 19
	SIGTSTP   Signal = 20
	SIGTTIN   Signal = 21
	SIGTTOU   Signal = 22
	SIGURG    Signal = 23
	SIGXCPU   Signal = 24
	SIGXFSZ   Signal = 25
	SIGVTALRM Signal = 26
	SIGPROF   Signal = 27
	SIGWINCH  Signal = 28
	SIGIO     Signal = 29
	SIGPWR    Signal = 30
	SIGSYS    Signal = 31
	SIGRTMIN  Signal = 34
	SIGRTMAX  Signal = 64
)

var signalNames = [...]string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL",
	10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT", 17: "CHLD",
	18: "CONT", 19: "STOP", 20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU", 25: "XFSZ",
	26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR", 31: "SYS",
}

// Name returns the name without its SIG prefix ("TERM"); real-time signals are "RTMIN+n" and "RTMAX-n".
func (s Signal) Name() string {
	switch {
	case int(s) < len(signalNames) && s > 0:
		return signalNames[s]
	case s == SIGRTMIN:
		return "RTMIN"
	case s == SIGRTMAX:
		return "RTMAX"
	case s > SIGRTMIN && s <= SIGRTMIN+15:
		return "RTMIN+" + strconv.Itoa(int(s-SIGRTMIN))
	case s > SIGRTMIN && s < SIGRTMAX:
		return "RTMAX-" + strconv.Itoa(int(SIGRTMAX-s))
	}
	return strconv.Itoa(int(s))
}

// Valid reports whether s is a signal that kill(2) accepts, other than 0.
func (s Signal) Valid() bool { return s >= 1 && s <= SIGRTMAX }

// ParseSignal reads a number or a name, with or without the SIG prefix, in any case, as kill(1) and dockerd do.
func ParseSignal(text string) (Signal, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return Signal(n), n >= 1 && n <= int(SIGRTMAX)
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	switch name {
	case "":
		return 0, false
	case "CLD":
		return SIGCHLD, true
	case "IOT":
		return SIGABRT, true
	case "POLL":
		return SIGIO, true
	}
	for s := SIGHUP; s <= SIGRTMAX; s++ {
		if s.Name() == name {
			return s, true
		}
	}
	return 0, false
}

// SigSet is a set of signals; bit n-1 stands for signal n, as in the kernel's sigset_t.
type SigSet uint64

// Has reports whether the set holds s.
func (set SigSet) Has(s Signal) bool { return set&s.Bit() != 0 }

// Bit returns the set of s alone.
func (s Signal) Bit() SigSet { return 1 << (s - 1) }

// Actions of sigaction(2) and how of sigprocmask(2).
const (
	SIG_DFL = 0
	SIG_IGN = 1

	SIG_BLOCK   = 0
	SIG_UNBLOCK = 1
	SIG_SETMASK = 2

	SA_NOCLDSTOP = 0x1
	SA_NOCLDWAIT = 0x2
	SA_RESTART   = 0x10000000
	SA_RESETHAND = 0x80000000
)

// Options of wait4(2) and waitid(2).
const (
	WNOHANG    = 1
	WUNTRACED  = 2 // WSTOPPED
	WEXITED    = 4
	WCONTINUED = 8
	WNOWAIT    = 0x1000000
)

// WaitStatus is the status word of wait(2).
type WaitStatus uint32

// Exited returns the status of a task that exited with code.
func Exited(code int) WaitStatus { return WaitStatus(code&0xff) << 8 }

// Signaled returns the status of a task killed by s.
func Signaled(s Signal) WaitStatus { return WaitStatus(s) }

// Stopped returns the status of a task stopped by s.
func Stopped(s Signal) WaitStatus { return WaitStatus(s)<<8 | 0x7f }

// Continued is the status of a task that SIGCONT resumed.
const Continued WaitStatus = 0xffff

// IsExited reports WIFEXITED.
func (w WaitStatus) IsExited() bool { return w&0x7f == 0 }

// IsSignaled reports WIFSIGNALED.
func (w WaitStatus) IsSignaled() bool { return w&0x7f != 0x7f && w&0x7f != 0 }

// IsStopped reports WIFSTOPPED.
func (w WaitStatus) IsStopped() bool { return w&0xff == 0x7f }

// ExitCode returns WEXITSTATUS.
func (w WaitStatus) ExitCode() int { return int(w>>8) & 0xff }

// Signal returns WTERMSIG, or WSTOPSIG for a stopped task.
func (w WaitStatus) Signal() Signal {
	if w.IsStopped() {
		return Signal(w >> 8)
	}
	return Signal(w & 0x7f)
}

// ShellCode returns the status as shells and Docker tell it: the exit code, or 128 plus the signal.
func (w WaitStatus) ShellCode() int {
	if w.IsSignaled() {
		return 128 + int(w.Signal())
	}
	return w.ExitCode()
}
