// Package host stands in for os, os/exec and syscall in the copy of goawk that the busybox is built with
// (sandbox/userland/build): files and programs through the applets' system calls, so that system(), pipes and
// getline work in the sandbox, where Go's own os/exec does not.
package host

import (
	"io"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Flags of OpenFile, as in package os.
const (
	O_WRONLY = abi.O_WRONLY
	O_CREATE = abi.O_CREAT
	O_TRUNC  = abi.O_TRUNC
	O_APPEND = abi.O_APPEND
)

// The standard streams.
const (
	Stdin  = sys.FD(0)
	Stdout = sys.FD(1)
	Stderr = sys.FD(2)
)

// PathError is a file's error with the words of strerror(3).
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Path + ": " + applet.Strerror(e.Err) }

// Unwrap returns the abi.Errno.
func (e *PathError) Unwrap() error { return e.Err }

// Open opens a file for reading.
func Open(name string) (sys.FD, error) { return OpenFile(name, abi.O_RDONLY, 0) }

// OpenFile opens a file; /dev/stdin, /dev/stdout and /dev/stderr are the descriptors themselves.
func OpenFile(name string, flags int, mode uint32) (sys.FD, error) {
	var fd int
	var err error
	switch name {
	case "/dev/stdin":
		fd, err = sys.Fcntl(0, abi.F_DUPFD_CLOEXEC, 3)
	case "/dev/stdout":
		fd, err = sys.Fcntl(1, abi.F_DUPFD_CLOEXEC, 3)
	case "/dev/stderr":
		fd, err = sys.Fcntl(2, abi.F_DUPFD_CLOEXEC, 3)
	default:
		fd, err = sys.Open(name, flags|abi.O_CLOEXEC, 0o666)
	}
	if err != nil {
		return -1, &PathError{name, err}
	}
	return sys.FD(fd), nil
}

// Environ returns the environment.
func Environ() []string { return sys.Environ() }

// Cmd is a program to run, as in package os/exec. Its standard streams are this process's own, but for a pipe made
// by StdinPipe or StdoutPipe; the caller has flushed what it buffers.
type Cmd struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	argv  []string
	files []abi.SpawnFile
	child []int // the child's ends of pipes, closed once it runs
	pid   int
}

// Command prepares a program.
func Command(name string, args ...string) *Cmd { return &Cmd{argv: append([]string{name}, args...)} }

// CommandContext prepares a program; its end is not bound to the context, which the busybox does not use.
func CommandContext(_ any, name string, args ...string) *Cmd { return Command(name, args...) }

// StdinPipe makes a pipe to the program's standard input.
func (c *Cmd) StdinPipe() (io.WriteCloser, error) {
	r, w, err := sys.Pipe(abi.O_CLOEXEC)
	c.files = append(c.files, abi.SpawnFile{From: int32(r), To: 0})
	c.child = append(c.child, r)
	return sys.FD(w), err
}

// StdoutPipe makes a pipe from the program's standard output.
func (c *Cmd) StdoutPipe() (io.ReadCloser, error) {
	r, w, err := sys.Pipe(abi.O_CLOEXEC)
	c.files = append(c.files, abi.SpawnFile{From: int32(w), To: 1})
	c.child = append(c.child, w)
	return sys.FD(r), err
}

// Start starts the program.
func (c *Cmd) Start() error {
	pid, err := sys.Spawn(c.argv[0], &sys.Process{Argv: c.argv, Files: c.files})
	c.pid = pid
	for _, fd := range c.child {
		sys.Close(fd)
	}
	if err != nil {
		return &PathError{c.argv[0], err}
	}
	return nil
}

// Wait waits for the program; an end other than exit code 0 is an *ExitError.
func (c *Cmd) Wait() error {
	_, status, err := sys.Wait4(c.pid, 0, nil)
	if err == nil && status != 0 {
		err = &ExitError{ProcessState: &ProcessState{WaitStatus(status)}}
	}
	return err
}

// ExitError tells how a program failed.
type ExitError struct{ ProcessState *ProcessState }

func (e *ExitError) Error() string { return "exit status" }

// ProcessState holds the wait status.
type ProcessState struct{ status WaitStatus }

// Sys returns the WaitStatus.
func (p *ProcessState) Sys() any { return p.status }

// WaitStatus has the methods of syscall.WaitStatus.
type WaitStatus abi.WaitStatus

// CoreDump reports a core dump, of which there are none here.
func (w WaitStatus) CoreDump() bool { return false }

// Signaled reports the end by a signal.
func (w WaitStatus) Signaled() bool { return abi.WaitStatus(w).IsSignaled() }

// Signal returns that signal.
func (w WaitStatus) Signal() abi.Signal { return abi.WaitStatus(w).Signal() }

// Exited reports the end by exit.
func (w WaitStatus) Exited() bool { return abi.WaitStatus(w).IsExited() }

// ExitStatus returns the exit code.
func (w WaitStatus) ExitStatus() int { return abi.WaitStatus(w).ExitCode() }
