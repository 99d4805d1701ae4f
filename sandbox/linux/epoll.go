package linux

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	epollAdd = 1 // EPOLL_CTL_ADD
	epollDel = 2 // EPOLL_CTL_DEL
	epollMod = 3 // EPOLL_CTL_MOD

	epollExclusive = 1 << 28 // EPOLLEXCLUSIVE: all are woken nevertheless
	epollWakeup    = 1 << 29 // EPOLLWAKEUP: nothing sleeps here
	epollOneshot   = 1 << 30 // EPOLLONESHOT
	epollEdge      = 1 << 31 // EPOLLET
	epollFlags     = epollExclusive | epollWakeup | epollOneshot | epollEdge

	epollEventSize = 12 // struct epoll_event, packed: events u32, data u64
	maxEpollEvents = 1<<31 - 1
)

// epollFile is an epoll instance (epoll(7)).
//
// Locks: a file's wait queue is locked while it wakes an item, which takes mu; so mu is never held while a queue is used.
type epollFile struct {
	anonInode
	queue vfs.WaitQueue

	mu    sync.Mutex // guards what follows, and the items
	items map[epollKey]*epollItem
	ready []*epollItem // that may have events, in the order of their coming
	// An instance is in others, or has others in it, but never both: so they make no circle.
	inner, outer int
}

// epollKey is what an item stands for: a descriptor, and the open file that it was when it was added.
type epollKey struct {
	fd   int
	file *vfs.OpenFile
}

type epollItem struct {
	ep  *epollFile
	key epollKey

	ctl    sync.Mutex // held while waiter is put on and off its queue
	waiter vfs.Waiter
	unhook func() // this and gone are guarded by ctl
	gone   bool

	// guarded by ep.mu
	events  uint32 // asked for; 0 after a one-shot event
	data    uint64
	queued  bool // in ep.ready
	removed bool
}

// epoll_create and epoll_create1: EINVAL, EMFILE.
func epollCreate(t *kernel.Task, m Memory, a args) (int64, error) {
	if a.int(0) <= 0 {
		return 0, abi.EINVAL
	}
	return epollCreate1(t, m, args{})
}

func epollCreate1(t *kernel.Task, _ Memory, a args) (int64, error) {
	if a.int(0)&^abi.O_CLOEXEC != 0 {
		return 0, abi.EINVAL
	}
	return addFile(t, &epollFile{items: make(map[epollKey]*epollItem)}, abi.O_RDWR, a.int(0))
}

// epoll_ctl: EBADF, EEXIST, EFAULT, EINVAL, ELOOP for instances in instances in instances, ENOENT, EPERM for files that are
// always ready, as regular ones.
func epollCtl(t *kernel.Task, m Memory, a args) (int64, error) {
	op, fd := a.int(1), a.int(2)
	var events uint32
	var data uint64
	if op != epollDel {
		b, err := m.Slice(a[3], epollEventSize)
		if err != nil {
			return 0, err
		}
		events, data = le.Uint32(b), le.Uint64(b[4:])
	}
	return withFile(t, a.int(0), func(eo *vfs.OpenFile) (int64, error) {
		return withFile(t, fd, func(o *vfs.OpenFile) (int64, error) {
			if o.File == nil {
				return 0, abi.EBADF
			}
			if o.File.Queue() == nil {
				return 0, abi.EPERM
			}
			ep, isEpoll := eo.File.(*epollFile)
			if !isEpoll || o == eo {
				return 0, abi.EINVAL
			}
			key := epollKey{fd, o}
			switch op {
			case epollAdd:
				return ok(ep.add(key, events, data))
			case epollMod:
				return ok(ep.modify(key, events, data))
			case epollDel:
				if !ep.remove(key) {
					return 0, abi.ENOENT
				}
				return 0, nil
			}
			return 0, abi.EINVAL
		})
	})
}

func (ep *epollFile) add(key epollKey, events uint32, data uint64) error {
	item := &epollItem{ep: ep, key: key, events: events, data: data}
	item.waiter.Wake = item.wake
	inner, nested := key.file.File.(*epollFile)
	if nested && !inner.enter() {
		return abi.ELOOP
	}
	ep.mu.Lock()
	var err error
	switch {
	case ep.items[key] != nil:
		err = abi.EEXIST
	case nested && ep.inner > 0:
		err = abi.ELOOP
	default:
		ep.items[key] = item
		if nested {
			ep.outer++
		}
	}
	ep.mu.Unlock()
	if err != nil {
		if nested {
			inner.leave()
		}
		return err
	}
	unhook := key.file.OnClose(func() { ep.remove(key) })
	item.ctl.Lock()
	item.unhook = unhook
	gone := item.gone
	item.ctl.Unlock()
	if gone { // another task was fast to remove it
		unhook()
		return nil
	}
	item.listen(events)
	return nil
}

// enter counts that the instance is in another; false when it has instances in it.
func (ep *epollFile) enter() bool {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.outer > 0 {
		return false
	}
	ep.inner++
	return true
}

func (ep *epollFile) leave() {
	ep.mu.Lock()
	ep.inner--
	ep.mu.Unlock()
}

// listen puts the item on its file's queue for some events, and looks whether one holds already.
func (i *epollItem) listen(events uint32) {
	i.ctl.Lock()
	q := i.key.file.File.Queue()
	q.Remove(&i.waiter)
	if e, ok := i.key.file.File.(interface{ NotifyEvery() }); ok && events&epollEdge != 0 {
		e.NotifyEvery()
	}
	if !i.gone {
		i.waiter.Mask = vfs.Events(events)
		switch i.key.file.Flags() & abi.O_ACCMODE { // the other end of a pipe uses the same queue
		case abi.O_RDONLY:
			i.waiter.Mask &^= abi.POLLOUT
		case abi.O_WRONLY:
			i.waiter.Mask &^= abi.POLLIN
		}
		q.Add(&i.waiter)
	}
	i.ctl.Unlock()
	if i.now(events) != 0 {
		i.wake()
	}
}

// now returns which of the asked events hold.
func (i *epollItem) now(events uint32) uint32 {
	if events&^epollFlags == 0 {
		return 0
	}
	return uint32(i.key.file.Ready()) & (events | abi.POLLERR | abi.POLLHUP) &^ epollFlags
}

// wake is called when an event may hold.
func (i *epollItem) wake() {
	ep := i.ep
	ep.mu.Lock()
	news := !i.removed && !i.queued && i.events&^epollFlags != 0
	if news {
		i.queued = true
		ep.ready = append(ep.ready, i)
	}
	ep.mu.Unlock()
	if news {
		ep.queue.Notify(abi.POLLIN)
	}
}

func (ep *epollFile) modify(key epollKey, events uint32, data uint64) error {
	ep.mu.Lock()
	item := ep.items[key]
	switch {
	case item == nil:
		ep.mu.Unlock()
		return abi.ENOENT
	case (events|item.events)&epollExclusive != 0:
		ep.mu.Unlock()
		return abi.EINVAL
	}
	item.events, item.data = events, data
	ep.mu.Unlock()
	item.listen(events)
	return nil
}

func (ep *epollFile) remove(key epollKey) bool {
	inner, nested := key.file.File.(*epollFile)
	ep.mu.Lock()
	item := ep.items[key]
	if item == nil {
		ep.mu.Unlock()
		return false
	}
	delete(ep.items, key)
	item.removed = true
	if nested {
		ep.outer--
	}
	ep.mu.Unlock()
	item.ctl.Lock()
	item.gone = true
	key.file.File.Queue().Remove(&item.waiter)
	unhook := item.unhook
	item.ctl.Unlock()
	if unhook != nil {
		unhook()
	}
	if nested {
		inner.leave()
	}
	return true
}

// collect takes up to len(buf) events, and tells how many.
func (ep *epollFile) collect(buf []byte) int {
	ep.mu.Lock()
	list := ep.ready
	ep.ready = nil
	for _, i := range list {
		i.queued = false
	}
	ep.mu.Unlock()
	n := 0
	for at, i := range list {
		if n == len(buf)/epollEventSize {
			ep.requeue(list[at:])
			break
		}
		ep.mu.Lock()
		events, data, removed := i.events, i.data, i.removed
		ep.mu.Unlock()
		if removed {
			continue
		}
		found := i.now(events)
		if found == 0 {
			continue
		}
		b := buf[n*epollEventSize:]
		le.PutUint32(b, found)
		le.PutUint64(b[4:], data)
		n++
		switch {
		case events&epollOneshot != 0:
			ep.mu.Lock()
			i.events &= epollFlags
			ep.mu.Unlock()
		case events&epollEdge == 0: // it may still hold next time
			ep.requeue(list[at : at+1])
		}
	}
	return n
}

// requeue puts items at the end of the ready ones.
func (ep *epollFile) requeue(list []*epollItem) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for _, i := range list {
		if !i.removed && !i.queued {
			i.queued = true
			ep.ready = append(ep.ready, i)
		}
	}
}

// Ready looks at the files whose events have come; those that hold no more are dropped.
func (ep *epollFile) Ready() vfs.Events {
	ep.mu.Lock()
	list := ep.ready
	ep.ready = nil
	for _, i := range list {
		i.queued = false
	}
	ep.mu.Unlock()
	keep := list[:0:0]
	for _, i := range list {
		ep.mu.Lock()
		events, removed := i.events, i.removed
		ep.mu.Unlock()
		if !removed && i.now(events) != 0 {
			keep = append(keep, i)
		}
	}
	ep.requeue(keep)
	if len(keep) > 0 {
		return abi.POLLIN
	}
	return 0
}

func (*epollFile) Read([]byte, int64) (int, error)  { return 0, abi.EINVAL }
func (*epollFile) Write([]byte, int64) (int, error) { return 0, abi.EINVAL }
func (ep *epollFile) Queue() *vfs.WaitQueue         { return &ep.queue }

// Name is what /proc/PID/fd shows.
func (*epollFile) Name() string { return "anon_inode:[eventpoll]" }

func (ep *epollFile) Close() error {
	ep.mu.Lock()
	keys := slices.Collect(maps.Keys(ep.items))
	ep.mu.Unlock()
	for _, key := range keys {
		ep.remove(key)
	}
	return nil
}

// epoll_wait: EBADF, EFAULT, EINTR, EINVAL.
func epollWait(t *kernel.Task, m Memory, a args) (int64, error) {
	return epollUntil(t, m, a, millis(a.int(3)))
}

// millis is the deadline of a time-out in milliseconds; a negative one is never.
func millis(ms int) time.Time {
	if ms < 0 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(ms) * time.Millisecond)
}

// epoll_pwait: as epoll_wait.
func epollPwait(t *kernel.Task, m Memory, a args) (int64, error) {
	return withMask(t, m, a[4], a[5], func() (int64, error) { return epollWait(t, m, a) })
}

// epoll_pwait2 (struct timespec): as epoll_wait.
func epollPwait2(t *kernel.Task, m Memory, a args) (int64, error) {
	deadline, err := deadlineAt(m, a[3])
	if err != nil {
		return 0, err
	}
	return withMask(t, m, a[4], a[5], func() (int64, error) { return epollUntil(t, m, a, deadline) })
}

func epollUntil(t *kernel.Task, m Memory, a args, deadline time.Time) (int64, error) {
	count := a.int(2)
	if count <= 0 || count > maxEpollEvents/epollEventSize {
		return 0, abi.EINVAL
	}
	return anonFile(t, a.int(0), func(o *vfs.OpenFile, ep *epollFile) (int64, error) {
		buf, err := m.Slice(a[1], uint64(count)*epollEventSize)
		if err != nil {
			return 0, err
		}
		for {
			if n := ep.collect(buf); n > 0 {
				return int64(n), nil
			}
			wait := [1]kernel.PollFile{{File: o, Events: abi.POLLIN}}
			n, err := t.Poll(wait[:], deadline)
			if err != nil || n == 0 {
				return 0, err
			}
		}
	})
}
