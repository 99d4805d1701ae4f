package linux

import (
	"math"
	"slices"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	maxWatches = 8192  // of one instance (/proc/sys/fs/inotify/max_user_watches)
	maxQueued  = 16384 // events (/proc/sys/fs/inotify/max_queued_events)
)

// inotifyFile is an inotify instance (inotify(7)).
type inotifyFile struct {
	anonInode
	queue vfs.WaitQueue

	ctl sync.Mutex // held by who adds and removes watches

	mu      sync.Mutex // guards what follows; events come in under locks of the filesystem
	watches map[int32]*inotifyWatch
	events  []inotifyEvent
	last    int32
}

type inotifyWatch struct {
	id     vfs.FileID
	mask   uint32
	cancel func() // guarded by ctl
}

type inotifyEvent struct {
	wd int32
	vfs.WatchEvent
}

// size returns how many bytes read gives of an event; the name ends with zero bytes.
func (e *inotifyEvent) size() int {
	const header = 16
	if e.Name == "" {
		return header
	}
	return header + (len(e.Name)/header+1)*header
}

// inotify_init and inotify_init1: EINVAL, EMFILE.
func inotifyInit(t *kernel.Task, m Memory, _ args) (int64, error) { return inotifyInit1(t, m, args{}) }

func inotifyInit1(t *kernel.Task, _ Memory, a args) (int64, error) {
	flags := a.int(0)
	if flags&^(abi.O_CLOEXEC|abi.O_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	f := &inotifyFile{watches: make(map[int32]*inotifyWatch)}
	return addFile(t, f, abi.O_RDONLY, flags)
}

// inotify_add_watch: EACCES, EBADF, EEXIST, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR; ENOSYS for a file of
// the host where that cannot be watched.
func inotifyAddWatch(t *kernel.Task, m Memory, a args) (int64, error) {
	mask := a.u32(2)
	if mask&abi.IN_ALL_EVENTS == 0 || mask&abi.IN_MASK_ADD != 0 && mask&abi.IN_MASK_CREATE != 0 {
		return 0, abi.EINVAL
	}
	return anonFile(t, a.int(0), func(_ *vfs.OpenFile, f *inotifyFile) (int64, error) {
		flags := 0
		if mask&abi.IN_DONT_FOLLOW != 0 {
			flags = abi.AT_SYMLINK_NOFOLLOW
		}
		fs, p, err := walk(t, m, cwd(args{a[1]}), 1, flags)
		if err != nil {
			return 0, err
		}
		st, err := p.Inode().Stat()
		if err == nil && mask&abi.IN_ONLYDIR != 0 && st.Mode&abi.S_IFMT != abi.S_IFDIR {
			err = abi.ENOTDIR
		}
		if err == nil {
			err = fs.Cred.Access(&st, abi.R_OK)
		}
		if err != nil {
			return 0, err
		}
		wd, err := f.add(p, vfs.IDOf(&st), mask)
		return int64(wd), err
	})
}

func (f *inotifyFile) add(p vfs.Path, id vfs.FileID, mask uint32) (int32, error) {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	var wd int32
	f.mu.Lock()
	count := len(f.watches)
	for n, w := range f.watches {
		if w.id == id {
			wd = n
		}
	}
	old := f.watches[wd]
	if old == nil {
		f.last++
		wd = f.last
	}
	f.mu.Unlock()
	switch {
	case old != nil && mask&abi.IN_MASK_CREATE != 0:
		return 0, abi.EEXIST
	case old == nil && (count >= maxWatches || wd == math.MaxInt32):
		return 0, abi.ENOSPC
	case old != nil && mask&abi.IN_MASK_ADD != 0:
		mask |= old.mask
	}
	w := &inotifyWatch{id: id, mask: mask}
	f.mu.Lock()
	f.watches[wd] = w
	f.mu.Unlock()
	cancel, err := p.Watch(mask, func(ev vfs.WatchEvent) { f.put(wd, w, ev) })
	if err != nil {
		f.mu.Lock()
		if delete(f.watches, wd); old != nil {
			f.watches[wd] = old
		}
		f.mu.Unlock()
		return 0, err
	}
	if w.cancel = cancel; old != nil {
		old.cancel()
	}
	return wd, nil
}

// put queues an event of a watch that is still there.
func (f *inotifyFile) put(wd int32, w *inotifyWatch, ev vfs.WatchEvent) {
	f.mu.Lock()
	if f.watches[wd] != w {
		f.mu.Unlock()
		return
	}
	if ev.Mask&abi.IN_IGNORED != 0 {
		delete(f.watches, wd)
	}
	added := f.queueLocked(inotifyEvent{wd, ev})
	f.mu.Unlock()
	if added {
		f.queue.Notify(abi.POLLIN)
	}
}

// queueLocked adds an event unless it repeats the last one; f.mu is held.
func (f *inotifyFile) queueLocked(ev inotifyEvent) bool {
	n := len(f.events)
	switch {
	case n > 0 && f.events[n-1] == ev, n > maxQueued:
		return false
	case n == maxQueued:
		ev = inotifyEvent{-1, vfs.WatchEvent{Mask: abi.IN_Q_OVERFLOW}}
	}
	f.events = append(f.events, ev)
	return true
}

// inotify_rm_watch: EBADF, EINVAL.
func inotifyRmWatch(t *kernel.Task, _ Memory, a args) (int64, error) {
	wd := int32(a.u32(1))
	return anonFile(t, a.int(0), func(_ *vfs.OpenFile, f *inotifyFile) (int64, error) {
		f.ctl.Lock()
		defer f.ctl.Unlock()
		f.mu.Lock()
		w := f.watches[wd]
		if w == nil {
			f.mu.Unlock()
			return 0, abi.EINVAL
		}
		delete(f.watches, wd)
		f.queueLocked(inotifyEvent{wd, vfs.WatchEvent{Mask: abi.IN_IGNORED}})
		f.mu.Unlock()
		w.cancel()
		f.queue.Notify(abi.POLLIN)
		return 0, nil
	})
}

// Read gives as many whole events as fit: EINVAL when not even one does.
func (f *inotifyFile) Read(p []byte, _ int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, taken := 0, 0
	for i := range f.events {
		e := &f.events[i]
		size := e.size()
		if size > len(p)-n {
			break
		}
		head := abi.InotifyEvent{Wd: e.wd, Mask: e.Mask, Cookie: e.Cookie, Len: uint32(size - 16)}
		copy(p[n:], abi.Bytes(&head))
		clear(p[n+16+copy(p[n+16:n+size], e.Name) : n+size])
		n, taken = n+size, taken+1
	}
	switch {
	case len(f.events) == 0:
		return 0, abi.EAGAIN
	case taken == 0:
		return 0, abi.EINVAL
	}
	f.events = slices.Delete(f.events, 0, taken)
	return n, nil
}

func (f *inotifyFile) Write([]byte, int64) (int, error) { return 0, abi.EBADF }

// Ioctl answers FIONREAD.
func (f *inotifyFile) Ioctl(_ vfs.IoctlContext, req uint32, _ uint64, arg []byte) (int, error) {
	if req != abi.FIONREAD {
		return 0, abi.ENOTTY
	}
	if len(arg) < 4 {
		return 0, abi.EFAULT
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for i := range f.events {
		n += f.events[i].size()
	}
	le.PutUint32(arg, uint32(n))
	return 0, nil
}

func (f *inotifyFile) Ready() vfs.Events {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) > 0 {
		return abi.POLLIN
	}
	return 0
}

func (f *inotifyFile) Queue() *vfs.WaitQueue { return &f.queue }

// Name is what /proc/PID/fd shows.
func (*inotifyFile) Name() string { return "anon_inode:inotify" }

func (f *inotifyFile) Close() error {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	f.mu.Lock()
	list := f.watches
	f.watches = nil
	f.mu.Unlock()
	for _, w := range list {
		w.cancel()
	}
	return nil
}
