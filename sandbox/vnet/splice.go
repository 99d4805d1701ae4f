package vnet

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// splicer moves bytes between the far end of a container's connection and a connection of the host. What the host sends is
// read into the connection's buffer directly, and what the container sends is written from it: bytes are copied once on
// each way. A goroutine waits in the runtime's poller for the host; the other way has one only while there are bytes.
type splicer struct {
	far  *stream
	conn net.Conn

	waiter  vfs.Waiter
	writing atomic.Bool
	again   atomic.Bool
	room    chan struct{}
	once    sync.Once
	left    atomic.Int32 // directions that have not ended
}

// closeWriter is what a connection has that can end one direction.
type closeWriter interface{ CloseWrite() error }

// splice serves the connection until both directions have ended, and closes it then.
func splice(far *stream, conn net.Conn) {
	p := &splicer{far: far, conn: conn, room: make(chan struct{}, 1)}
	p.left.Store(2)
	p.waiter.Mask = abi.POLLIN | abi.POLLOUT
	p.waiter.Wake = p.wake
	far.queue.Add(&p.waiter)
	go p.in()
	p.wake()
}

// wake is called when the container has sent, read or ended.
func (p *splicer) wake() {
	select {
	case p.room <- struct{}{}:
	default:
	}
	p.again.Store(true)
	if p.writing.CompareAndSwap(false, true) {
		go p.out()
	}
}

// out writes to the host what the container has sent.
func (p *splicer) out() {
	for {
		p.again.Store(false)
		ended, err := p.drain()
		if err != nil {
			p.abort()
			return
		}
		if ended {
			if c, ok := p.conn.(closeWriter); ok {
				_ = c.CloseWrite() // the other side finds it out by itself when it has gone
			}
			p.ended()
			return // writing stays set: there is nothing more to do
		}
		p.writing.Store(false)
		if !p.again.Load() || !p.writing.CompareAndSwap(false, true) {
			return
		}
	}
}

func (p *splicer) drain() (ended bool, err error) {
	rx := p.far.link.Load().rx
	for {
		b, ended := rx.peek()
		if b == nil {
			if p.far.pending.Load() != 0 { // the container has reset it
				return true, abi.ECONNRESET
			}
			return ended, nil
		}
		n, err := p.conn.Write(b)
		rx.consume(n)
		if err != nil {
			return false, err
		}
	}
}

// in reads from the host what the container receives.
func (p *splicer) in() {
	tx := p.far.link.Load().tx
	for {
		n, err := readInto(p.conn, tx)
		switch {
		case n > 0 && err == nil:
		case err == abi.EAGAIN:
			<-p.room
		case err == abi.EPIPE: // nobody reads
			p.abort()
			return
		case err == nil: // end of file
			_ = p.far.Shutdown(abi.SHUT_WR) // a connected stream has no error
			p.ended()
			return
		default:
			p.abort()
			return
		}
	}
}

// ended counts a direction; after both the connection is closed.
func (p *splicer) ended() {
	if p.left.Add(-1) == 0 {
		p.close(false)
	}
}

// abort ends both directions at once, with a reset on either side.
func (p *splicer) abort() { p.close(true) }

func (p *splicer) close(reset bool) {
	p.once.Do(func() {
		if t, ok := p.conn.(*net.TCPConn); ok && reset {
			_ = t.SetLinger(0)
		}
		p.conn.Close()
		p.far.queue.Remove(&p.waiter)
		if reset {
			p.far.mu.Lock()
			p.far.opts.linger.on = true
			p.far.mu.Unlock()
		}
		p.far.Close()
		select {
		case p.room <- struct{}{}:
		default:
		}
	})
}
