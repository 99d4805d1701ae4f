package sys

import (
	"os"
	"syscall"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// raw makes one system call; the result is ≥ 0, or -errno. The numbers and structures are the host's own here, so
// that the applets run natively in tests.
//
//go:uintptrescapes
func raw(nr abi.Sysno, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	r, _, e := syscall.Syscall6(uintptr(nr), a0, a1, a2, a3, a4, a5)
	if e == 0 {
		return int64(r)
	}
	if e == syscall.EPIPE && nr == abi.SYS_WRITE {
		// Go's runtime has taken SIGPIPE, which would have ended the program here.
		os.Exit(128 + int(abi.SIGPIPE))
	}
	return -int64(e)
}

// spawn does what SYS_SPAWN and SYS_EXEC do in the sandbox.
func spawn(nr abi.Sysno, path string, p *Process) (int, error) {
	env := p.Env
	if env == nil {
		env = syscall.Environ()
	}
	if nr == abi.SYS_EXEC {
		for _, f := range p.Files {
			if f.From < 0 {
				Close(int(f.To))
			} else if f.From != f.To {
				Dup3(int(f.From), int(f.To), 0)
			}
		}
		return 0, hostError(syscall.Exec(path, p.Argv, env))
	}
	files := []uintptr{0, 1, 2}
	for _, f := range p.Files {
		for int(f.To) >= len(files) {
			files = append(files, ^uintptr(0))
		}
		files[f.To] = uintptr(f.From) // -1 closes
	}
	pid, err := syscall.ForkExec(path, p.Argv, &syscall.ProcAttr{
		Dir: p.Dir, Env: env, Files: files,
		Sys: &syscall.SysProcAttr{Setsid: p.Setsid, Setpgid: p.Setpgroup, Pgid: p.Pgid},
	})
	return pid, hostError(err)
}

func hostError(err error) error {
	if e, ok := err.(syscall.Errno); ok {
		return abi.Errno(e)
	}
	return err
}

// Args returns the process's arguments, argv[0] first.
func Args() []string { return os.Args }

// Environ returns the process's environment as KEY=value strings.
func Environ() []string { return syscall.Environ() }

// Exit ends the process.
func Exit(code int) { os.Exit(code) }
