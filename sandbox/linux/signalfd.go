package linux

import (
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const siginfoSize = 128 // struct signalfd_siginfo

// signalFile gives pending signals to who reads it (signalfd(2)): those of the process that made it, whoever reads.
type signalFile struct {
	anonInode
	task *kernel.Task
	mask atomic.Uint64
}

// signalfd and signalfd4: EBADF, EFAULT, EINVAL, EMFILE. Of a signal only the number is told.
func signalfd(t *kernel.Task, m Memory, a args) (int64, error) {
	return signalfd4(t, m, args{a[0], a[1], a[2]})
}

func signalfd4(t *kernel.Task, m Memory, a args) (int64, error) {
	flags := a.int(3)
	if flags&^(abi.O_CLOEXEC|abi.O_NONBLOCK) != 0 || a[2] != sigsetSize {
		return 0, abi.EINVAL
	}
	var set abi.SigSet
	if err := get(m, a[1], &set); err != nil {
		return 0, err
	}
	set &^= abi.SIGKILL.Bit() | abi.SIGSTOP.Bit()
	if a.int(0) == -1 {
		f := &signalFile{task: t}
		f.mask.Store(uint64(set))
		return addFile(t, f, abi.O_RDWR, flags)
	}
	return anonFile(t, a.int(0), func(_ *vfs.OpenFile, f *signalFile) (int64, error) {
		f.mask.Store(uint64(set))
		f.Queue().Notify(abi.POLLIN)
		return int64(a.int(0)), nil
	})
}

func (f *signalFile) Read(p []byte, _ int64) (int, error) {
	if len(p) < siginfoSize {
		return 0, abi.EINVAL
	}
	n := 0
	for ; n+siginfoSize <= len(p); n += siginfoSize {
		s := f.task.TakePending(abi.SigSet(f.mask.Load()))
		if s == 0 {
			break
		}
		clear(p[n : n+siginfoSize])
		le.PutUint32(p[n:], uint32(s))
	}
	if n == 0 {
		return 0, abi.EAGAIN
	}
	return n, nil
}

func (*signalFile) Write([]byte, int64) (int, error) { return 0, abi.EINVAL }

func (f *signalFile) Ready() vfs.Events {
	if pending, _, _, _ := f.task.Signals(); pending&abi.SigSet(f.mask.Load()) != 0 {
		return abi.POLLIN
	}
	return 0
}

func (f *signalFile) Queue() *vfs.WaitQueue { return f.task.PendingQueue() }
func (*signalFile) Close() error            { return nil }

// Name is what /proc/PID/fd shows.
func (*signalFile) Name() string { return "anon_inode:[signalfd]" }
