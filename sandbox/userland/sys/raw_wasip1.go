package sys

import (
	"runtime"
	"unsafe"

	"github.com/sockerless/sockerless/sandbox/abi"
)

//go:wasmimport linux syscall
func syscall6(nr uint32, a0, a1, a2, a3, a4, a5 uint64) int64

// raw makes one system call; the result is ≥ 0, or -errno.
//
//go:uintptrescapes
func raw(nr abi.Sysno, a0, a1, a2, a3, a4, a5 uintptr) int64 {
	return syscall6(uint32(nr), uint64(a0), uint64(a1), uint64(a2), uint64(a3), uint64(a4), uint64(a5))
}

// spawn makes SYS_SPAWN or SYS_EXEC of abi/spawn.go.
func spawn(nr abi.Sysno, path string, p *Process) (int, error) {
	argv, argvMem := stringArray(p.Argv)
	attr := abi.SpawnAttr{Argv: uint64(uintptr(unsafe.Pointer(&argv[0])))}
	var envp []uint64
	var envMem []byte
	if p.Env != nil {
		envp, envMem = stringArray(p.Env)
		attr.Envp = uint64(uintptr(unsafe.Pointer(&envp[0])))
	}
	var dir []byte
	if p.Dir != "" {
		dir = append([]byte(p.Dir), 0)
		attr.Dir = uint64(uintptr(unsafe.Pointer(&dir[0])))
	}
	if len(p.Files) > 0 {
		attr.Files = uint64(uintptr(unsafe.Pointer(&p.Files[0])))
		attr.NFiles = uint32(len(p.Files))
	}
	if p.Setpgroup {
		attr.Flags |= abi.SPAWN_SETPGROUP
		attr.Pgid = int32(p.Pgid)
	}
	if p.Setsid {
		attr.Flags |= abi.SPAWN_SETSID
	}
	r, err := result(raw(nr, uintptr(cstr(path)), uintptr(unsafe.Pointer(&attr)), 0, 0, 0, 0))
	runtime.KeepAlive(argv)
	runtime.KeepAlive(argvMem)
	runtime.KeepAlive(envp)
	runtime.KeepAlive(envMem)
	runtime.KeepAlive(dir)
	runtime.KeepAlive(p)
	return r, err
}

// stringArray lays strings out as a NULL-ended array of addresses of zero-ended strings. Both results must stay
// alive for the call.
func stringArray(list []string) ([]uint64, []byte) {
	size := 0
	for _, s := range list {
		size += len(s) + 1
	}
	mem := make([]byte, 0, size+1)
	addrs := make([]uint64, len(list)+1)
	base := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
	for i, s := range list {
		addrs[i] = base + uint64(len(mem))
		mem = append(append(mem, s...), 0)
	}
	return addrs, mem
}

// Args returns the process's arguments, argv[0] first.
func Args() []string { return stringList(abi.SYS_ARGS) }

// Environ returns the process's environment as KEY=value strings.
func Environ() []string { return stringList(abi.SYS_ENVIRON) }

// stringList reads a list of zero-ended strings: SYS_ARGS and SYS_ENVIRON of abi/spawn.go.
func stringList(nr abi.Sysno) []string {
	buf := make([]byte, 2048)
	n := int(raw(nr, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0, 0))
	if n > len(buf) {
		buf = make([]byte, n)
		n = int(raw(nr, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0, 0))
	}
	if n <= 0 {
		return nil
	}
	var list []string
	text := string(buf[:n])
	for start, i := 0, 0; i < len(text); i++ {
		if text[i] == 0 {
			list = append(list, text[start:i])
			start = i + 1
		}
	}
	return list
}

// Exit ends the process.
func Exit(code int) {
	raw(abi.SYS_EXIT_GROUP, uintptr(code), 0, 0, 0, 0, 0)
	panic("exit_group returned")
}
