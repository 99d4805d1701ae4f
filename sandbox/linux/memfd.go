package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// memfd_create: EFAULT, EINVAL, EMFILE, ENOMEM; EINVAL also for seals and huge pages, which there are none of.
func memfdCreate(t *kernel.Task, m Memory, a args) (int64, error) {
	const cloexec, exec = 1, 16 // MFD_CLOEXEC, MFD_EXEC
	const maxName = 249
	flags := a.u32(1)
	if flags&^(cloexec|exec) != 0 {
		return 0, abi.EINVAL
	}
	name, err := cstring(m, a[0], maxName+1, abi.EINVAL)
	if err != nil {
		return 0, err
	}
	o, err := t.Kernel().OpenMemory("memfd:" + name)
	if err != nil {
		return 0, err
	}
	fd, err := t.Files.Add(o, 0, flags&cloexec != 0)
	return int64(fd), err
}
