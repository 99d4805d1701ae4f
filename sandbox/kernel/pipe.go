package kernel

import (
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// PipeSize is the capacity of a pipe (pipe(7)).
const PipeSize = 64 << 10

// Pipe is a pipe or fifo: a ring buffer between writers and readers. The buffer is made at the first write, and freed
// when the pipe has been read empty and closed.
type Pipe struct {
	queue vfs.WaitQueue

	mu      sync.Mutex
	buf     []byte
	start   int // of the unread bytes
	n       int
	readers int
	writers int
	opened  uint64 // counts opens, for fifos that wait for the other side

	release    func() // called when the last end of a fifo is closed
	everyWrite bool   // see NotifyEvery
}

var pipeBuffers = sync.Pool{New: func() any { return new([PipeSize]byte) }}

// NewPipe makes a pipe and opens both ends.
func NewPipe() (r, w *vfs.OpenFile) {
	p := &Pipe{readers: 1, writers: 1}
	r = vfs.NewOpenFile(&pipeEnd{p: p, read: true}, abi.O_RDONLY)
	w = vfs.NewOpenFile(&pipeEnd{p: p, write: true}, abi.O_WRONLY)
	return r, w
}

// pipeEnd is an open end; a fifo opened for both is both.
type pipeEnd struct {
	p           *Pipe
	read, write bool
}

func (e *pipeEnd) Read(b []byte, _ int64) (int, error) {
	p := e.p
	if len(b) == 0 {
		return 0, nil
	}
	p.mu.Lock()
	if p.n == 0 {
		defer p.mu.Unlock()
		if p.writers == 0 {
			return 0, nil
		}
		return 0, abi.EAGAIN
	}
	full := PipeSize-p.n < abi.PIPE_BUF
	n := 0
	for n < len(b) && p.n > 0 {
		c := copy(b[n:], p.buf[p.start:min(p.start+p.n, PipeSize)])
		p.start = (p.start + c) % PipeSize
		p.n -= c
		n += c
	}
	if p.n == 0 {
		p.start = 0
		if p.writers == 0 {
			p.free()
		}
	}
	p.mu.Unlock()
	if full {
		p.queue.Notify(abi.POLLOUT)
	}
	return n, nil
}

func (e *pipeEnd) Write(b []byte, _ int64) (int, error) {
	p := e.p
	p.mu.Lock()
	if p.readers == 0 {
		p.mu.Unlock()
		return 0, abi.EPIPE
	}
	room := PipeSize - p.n
	if room == 0 && len(b) > 0 || len(b) <= abi.PIPE_BUF && room < len(b) { // atomic up to PIPE_BUF
		p.mu.Unlock()
		return 0, abi.EAGAIN
	}
	if p.buf == nil {
		p.buf = pipeBuffers.Get().(*[PipeSize]byte)[:]
	}
	tell := p.n == 0 || p.everyWrite
	n := 0
	for n < len(b) && p.n < PipeSize {
		end := (p.start + p.n) % PipeSize
		limit := PipeSize
		if end < p.start {
			limit = p.start
		}
		c := copy(p.buf[end:limit], b[n:])
		p.n += c
		n += c
	}
	p.mu.Unlock()
	if tell && n > 0 {
		p.queue.Notify(abi.POLLIN)
	}
	return n, nil
}

// NotifyEvery has the pipe's queue notified of every write, not only of the first into an empty pipe, as epoll(7) promises
// to edge-triggered readers.
func (e *pipeEnd) NotifyEvery() {
	e.p.mu.Lock()
	e.p.everyWrite = true
	e.p.mu.Unlock()
}

func (e *pipeEnd) Ready() vfs.Events {
	p := e.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var ev vfs.Events
	if e.read {
		if p.n > 0 {
			ev |= abi.POLLIN
		}
		if p.writers == 0 {
			ev |= abi.POLLHUP
		}
	}
	if e.write {
		if PipeSize-p.n >= abi.PIPE_BUF {
			ev |= abi.POLLOUT
		}
		if p.readers == 0 {
			ev |= abi.POLLERR
		}
	}
	return ev
}

func (e *pipeEnd) Queue() *vfs.WaitQueue { return &e.p.queue }

func (e *pipeEnd) Close() error {
	p := e.p
	p.mu.Lock()
	if e.read {
		p.readers--
	}
	if e.write {
		p.writers--
	}
	if p.readers == 0 && (p.writers == 0 || p.n > 0) || p.writers == 0 && p.n == 0 {
		p.free()
	}
	last := p.readers == 0 && p.writers == 0
	release := p.release
	p.mu.Unlock()
	if last && release != nil {
		release()
	}
	p.queue.Notify(abi.POLLHUP)
	return nil
}

// free gives the buffer back; p.mu is held. Nobody can read what is left.
func (p *Pipe) free() {
	if p.buf != nil {
		pipeBuffers.Put((*[PipeSize]byte)(p.buf))
		p.buf, p.n, p.start = nil, 0, 0
	}
}

// PipeSize tells the pipe's capacity in bytes (F_GETPIPE_SZ).
func (e *pipeEnd) PipeSize() int { return PipeSize }

// Ioctl serves FIONREAD.
func (e *pipeEnd) Ioctl(_ vfs.IoctlContext, req uint32, _ uint64, arg []byte) (int, error) {
	if req != abi.FIONREAD {
		return 0, abi.ENOTTY
	}
	e.p.mu.Lock()
	n := int32(e.p.n)
	e.p.mu.Unlock()
	if copy(arg, abi.Bytes(&n)) < 4 {
		return 0, abi.EFAULT
	}
	return 0, nil
}

// Reopen opens the end once more, as opening /proc/PID/fd/N does.
func (e *pipeEnd) Reopen(flags int) (vfs.File, error) { return e.p.open(flags), nil }

// open adds an end.
func (p *Pipe) open(flags int) *pipeEnd {
	acc := flags & abi.O_ACCMODE
	e := &pipeEnd{p: p, read: acc != abi.O_WRONLY, write: acc != abi.O_RDONLY}
	p.mu.Lock()
	if e.read {
		p.readers++
	}
	if e.write {
		p.writers++
	}
	p.opened++
	p.mu.Unlock()
	p.queue.Notify(abi.POLLHUP)
	return e
}

// FifoTable finds the pipe behind a fifo's inode, while it is open anywhere in the kernels that share the table.
type FifoTable struct {
	mu    sync.Mutex
	pipes map[fifoKey]*Pipe
}

type fifoKey struct{ dev, ino uint64 }

// openFifo opens a fifo (fifo(7)): reading waits for a writer and writing for a reader, unless O_NONBLOCK; ENXIO for a
// non-blocking writer without a reader.
func (t *Task) openFifo(fs *vfs.Filesystem, st abi.Stat, flags int) (vfs.File, error) {
	tab, key := &t.k.fifos, fifoKey{st.Dev, st.Ino}
	if fs.Shared {
		tab = t.k.shared
	}
	tab.mu.Lock()
	p := tab.pipes[key]
	if p == nil {
		p = &Pipe{}
		p.release = func() {
			tab.mu.Lock()
			defer tab.mu.Unlock()
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.readers == 0 && p.writers == 0 && tab.pipes[key] == p {
				delete(tab.pipes, key)
			}
		}
		if tab.pipes == nil {
			tab.pipes = make(map[fifoKey]*Pipe)
		}
		tab.pipes[key] = p
	}
	if flags&abi.O_ACCMODE == abi.O_WRONLY && flags&abi.O_NONBLOCK != 0 {
		p.mu.Lock()
		none := p.readers == 0
		p.mu.Unlock()
		if none {
			tab.mu.Unlock()
			return nil, abi.ENXIO
		}
	}
	e := p.open(flags)
	p.mu.Lock()
	from := p.opened
	p.mu.Unlock()
	tab.mu.Unlock()
	if e.read && e.write || flags&abi.O_NONBLOCK != 0 {
		return e, nil
	}
	w := vfs.Waiter{Wake: t.wakeUp}
	p.queue.Add(&w)
	defer p.queue.Remove(&w)
	err := t.sleepUntil(noDeadline, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		// The other side may have come and gone already.
		return e.read && p.writers > 0 || e.write && p.readers > 0 || p.opened > from
	})
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}
