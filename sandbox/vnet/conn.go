package vnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Dial connects from the host to a listener of the stack, who sees from as the peer: ECONNREFUSED when nobody listens.
// to is an address of the stack.
func (st *Stack) Dial(ctx context.Context, to, from netip.AddrPort) (net.Conn, error) {
	far, err := st.dial(ctx, to, from)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return newConn(far), nil
}

// Forward connects like Dial and serves the connection with conn, a connection that the host has accepted for it, until
// both directions have ended. It owns conn, and closes it on an error too.
func (st *Stack) Forward(ctx context.Context, conn net.Conn, to, from netip.AddrPort) error {
	far, err := st.dial(ctx, to, from)
	if err != nil {
		conn.Close()
		return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	splice(far, conn)
	return nil
}

func (st *Stack) dial(ctx context.Context, to, from netip.AddrPort) (*stream, error) {
	to, from = unmap(to), unmap(from)
	l := st.tcp.listener(to)
	if l == nil {
		return nil, abi.ECONNREFUSED
	}
	far := newStream(nil, int(InetAddr(to).Family), abi.SOCK_STREAM, abi.IPPROTO_TCP, abi.Ucred{})
	far.state, far.told = connecting, true
	far.local, far.peer = InetAddr(from), InetAddr(to)
	err := l.offer(far)
	if err == abi.EINPROGRESS {
		w := newWaiter()
		err = w.wait(&far.queue, ctx.Done(), func() bool {
			return far.pending.Load() != 0 || far.link.Load() != nil
		})
		if err == nil {
			err = far.Error()
		}
	}
	if err != nil {
		far.Close()
		return nil, err
	}
	return far, nil
}

// waiter waits on a queue for the host.
type waiter struct {
	w    vfs.Waiter
	wake chan struct{}
}

func newWaiter() *waiter {
	w := &waiter{wake: make(chan struct{}, 1)}
	w.w.Mask = ^vfs.Events(0)
	w.w.Wake = func() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return w
}

// wait returns when ready holds; os.ErrDeadlineExceeded when cancel is closed before.
func (w *waiter) wait(q *vfs.WaitQueue, cancel <-chan struct{}, ready func() bool) error {
	q.Add(&w.w)
	defer q.Remove(&w.w)
	for !ready() {
		select {
		case <-w.wake:
		case <-cancel:
			return os.ErrDeadlineExceeded
		}
	}
	return nil
}

// deadline is a moment after which a direction of a connection gives up.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{}
}

func (d *deadline) channel() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.expired != nil {
		select {
		case <-d.expired:
			d.expired = nil
		default:
		}
	}
	if t.IsZero() {
		return
	}
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	expired := d.expired
	left := time.Until(t)
	if left <= 0 {
		close(expired)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // it was not set anew meanwhile
			d.timer = nil
			close(expired)
		}
	})
	d.timer = timer
}

// conn is the host's side of a stream, as a net.Conn.
type conn struct {
	s            *stream
	rmu, wmu     sync.Mutex
	rwait, wwait *waiter
	rtime, wtime deadline
}

func newConn(s *stream) *conn { return &conn{s: s, rwait: newWaiter(), wwait: newWaiter()} }

func (c *conn) Read(p []byte) (int, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for {
		if expired(c.rtime.channel()) {
			return 0, c.error("read", os.ErrDeadlineExceeded)
		}
		if c.closed() {
			return 0, c.error("read", net.ErrClosed)
		}
		n, err := c.s.Read(p, 0)
		switch {
		case err == nil && n == 0 && len(p) > 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case err != abi.EAGAIN:
			return n, c.error("read", err)
		}
		err = c.rwait.wait(&c.s.queue, c.rtime.channel(), func() bool {
			return c.closed() || c.s.Ready()&(abi.POLLIN|abi.POLLERR|abi.POLLHUP) != 0
		})
		if err != nil {
			return 0, c.error("read", err)
		}
	}
}

func (c *conn) Write(p []byte) (int, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	done := 0
	for done < len(p) {
		if expired(c.wtime.channel()) {
			return done, c.error("write", os.ErrDeadlineExceeded)
		}
		if c.closed() {
			return done, c.error("write", net.ErrClosed)
		}
		n, err := c.s.Write(p[done:], 0)
		done += n
		if err != nil && err != abi.EAGAIN {
			return done, c.error("write", err)
		}
		if err == nil {
			continue
		}
		err = c.wwait.wait(&c.s.queue, c.wtime.channel(), func() bool {
			return c.closed() || c.s.Ready()&(abi.POLLOUT|abi.POLLERR|abi.POLLHUP) != 0
		})
		if err != nil {
			return done, c.error("write", err)
		}
	}
	return done, nil
}

func expired(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (c *conn) closed() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.done
}

func (c *conn) error(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Close ends the connection and wakes who waits for it.
func (c *conn) Close() error {
	err := c.s.Close()
	c.s.queue.Notify(abi.POLLHUP)
	return err
}

// CloseWrite ends the writing direction.
func (c *conn) CloseWrite() error { return c.s.Shutdown(abi.SHUT_WR) }

func (c *conn) LocalAddr() net.Addr  { return c.addr(&c.s.local) }
func (c *conn) RemoteAddr() net.Addr { return c.addr(&c.s.peer) }

func (c *conn) addr(a *Addr) net.Addr {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return net.TCPAddrFromAddrPort(a.IP)
}

func (c *conn) SetDeadline(t time.Time) error {
	c.rtime.set(t)
	c.wtime.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.rtime.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.wtime.set(t)
	return nil
}
