package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// addFile gives a descriptor to an anonymous file; flags are O_NONBLOCK and O_CLOEXEC: EMFILE.
func addFile(t *kernel.Task, f vfs.File, access, flags int) (int64, error) {
	o := vfs.NewOpenFile(f, access|flags&abi.O_NONBLOCK)
	fd, err := t.Files.Add(o, 0, flags&abi.O_CLOEXEC != 0)
	return int64(fd), err
}

// anonFile calls f with the anonymous file of type F behind a descriptor: EBADF, EINVAL.
func anonFile[F vfs.File](t *kernel.Task, fd int, f func(o *vfs.OpenFile, file F) (int64, error)) (int64, error) {
	return withFile(t, fd, func(o *vfs.OpenFile) (int64, error) {
		file, ok := o.File.(F)
		if !ok {
			return 0, abi.EINVAL
		}
		return f(o, file)
	})
}

// anonInode gives the attributes of an anonymous inode, as those of eventfd and epoll.
type anonInode struct{}

func (anonInode) Stat() (abi.Stat, error) {
	return abi.Stat{Mode: 0o600, Nlink: 1, Blksize: 4096}, nil
}
