package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// pidFile stands for a process (pidfd_open(2)); it is ready when the process has ended.
type pidFile struct {
	anonInode
	task *kernel.Task
}

// pidfd_open: EINVAL, EMFILE, ESRCH.
func pidfdOpen(t *kernel.Task, _ Memory, a args) (int64, error) {
	if a.int(0) <= 0 || a.u32(1)&^abi.O_NONBLOCK != 0 {
		return 0, abi.EINVAL
	}
	of := t.Kernel().Task(a.int(0))
	if of == nil {
		return 0, abi.ESRCH
	}
	return addFile(t, &pidFile{task: of}, abi.O_RDWR, a.int(1)|abi.O_CLOEXEC)
}

// pidfd_send_signal: EBADF, EFAULT, EINVAL, EPERM, ESRCH. Of the siginfo only the signal's number counts.
func pidfdSendSignal(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[3] != 0 {
		return 0, abi.EINVAL
	}
	if a[2] != 0 {
		var signo int32
		if err := get(m, a[2], &signo); err != nil {
			return 0, err
		}
		if int(signo) != a.int(1) {
			return 0, abi.EINVAL
		}
	}
	o, err := t.Files.Get(a.int(0))
	if err != nil {
		return 0, err
	}
	defer o.Release()
	f, isPid := o.File.(*pidFile)
	if !isPid {
		return 0, abi.EBADF
	}
	if t.Kernel().Task(f.task.Pid()) != f.task { // it was waited for
		return 0, abi.ESRCH
	}
	return sendSignal(t, f.task.Pid(), a.int(1))
}

func (*pidFile) Read([]byte, int64) (int, error)  { return 0, abi.EINVAL }
func (*pidFile) Write([]byte, int64) (int, error) { return 0, abi.EINVAL }

func (f *pidFile) Ready() vfs.Events {
	select {
	case <-f.task.Done():
		return abi.POLLIN
	default:
		return 0
	}
}

func (f *pidFile) Queue() *vfs.WaitQueue { return f.task.EndQueue() }
func (*pidFile) Close() error            { return nil }

// Name is what /proc/PID/fd shows.
func (*pidFile) Name() string { return "anon_inode:[pidfd]" }
