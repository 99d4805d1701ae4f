//go:build !wasip1 && !(linux && amd64)

package sys

import (
	"os"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// raw refuses every call: the applets run in the sandbox, and natively on linux/amd64 alone.
func raw(nr abi.Sysno, a0, a1, a2, a3, a4, a5 uintptr) int64 { return -int64(abi.ENOSYS) }

func spawn(nr abi.Sysno, path string, p *Process) (int, error) { return -1, abi.ENOSYS }

// Args returns the process's arguments, argv[0] first.
func Args() []string { return os.Args }

// Environ returns the process's environment as KEY=value strings.
func Environ() []string { return os.Environ() }

// Exit ends the process.
func Exit(code int) { os.Exit(code) }
