package linux

import (
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	efdSemaphore = 1         // EFD_SEMAPHORE
	eventMax     = 1<<64 - 2 // the largest counter
)

// eventFile is a counter that can be waited for (eventfd(2)).
type eventFile struct {
	anonInode
	queue     vfs.WaitQueue
	semaphore bool

	mu    sync.Mutex
	count uint64
}

// eventfd and eventfd2: EINVAL, EMFILE.
func eventfd(t *kernel.Task, m Memory, a args) (int64, error) { return eventfd2(t, m, args{a[0]}) }

func eventfd2(t *kernel.Task, _ Memory, a args) (int64, error) {
	flags := a.int(1)
	if flags&^(efdSemaphore|abi.O_CLOEXEC|abi.O_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	return addFile(t, &eventFile{semaphore: flags&efdSemaphore != 0, count: uint64(a.u32(0))}, abi.O_RDWR, flags)
}

func (f *eventFile) Read(p []byte, _ int64) (int, error) {
	if len(p) < 8 {
		return 0, abi.EINVAL
	}
	f.mu.Lock()
	n := f.count
	if f.semaphore {
		n = min(n, 1)
	}
	f.count -= n
	f.mu.Unlock()
	if n == 0 {
		return 0, abi.EAGAIN
	}
	le.PutUint64(p, n)
	f.queue.Notify(abi.POLLOUT)
	return 8, nil
}

func (f *eventFile) Write(p []byte, _ int64) (int, error) {
	if len(p) < 8 {
		return 0, abi.EINVAL
	}
	n := le.Uint64(p)
	if n == 1<<64-1 {
		return 0, abi.EINVAL
	}
	f.mu.Lock()
	full := f.count > eventMax-n
	if !full {
		f.count += n
	}
	f.mu.Unlock()
	if full {
		return 0, abi.EAGAIN
	}
	f.queue.Notify(abi.POLLIN)
	return 8, nil
}

func (f *eventFile) Ready() vfs.Events {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ev vfs.Events
	if f.count > 0 {
		ev |= abi.POLLIN
	}
	if f.count < eventMax {
		ev |= abi.POLLOUT
	}
	return ev
}

// Name is what /proc/PID/fd shows.
func (*eventFile) Name() string { return "anon_inode:[eventfd]" }

func (f *eventFile) Queue() *vfs.WaitQueue { return &f.queue }
func (f *eventFile) Close() error          { return nil }
