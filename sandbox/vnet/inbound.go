package vnet

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// DialPacket makes the host's end of an exchange of datagrams with a socket of the stack, as a published UDP port needs one
// for each client: what is written comes from "from" at the container's socket, and what that sends back is read. to is an
// address of the stack. Close it when the client has been silent for long.
func (st *Stack) DialPacket(to, from netip.AddrPort) (net.Conn, error) {
	to, from = unmap(to), unmap(from)
	c := &packetConn{st: st, to: to, from: from, wait: newWaiter(),
		d: newDatagram(nil, int(InetAddr(to).Family), abi.SOCK_DGRAM, abi.IPPROTO_UDP, abi.Ucred{})}
	st.mu.Lock()
	defer st.mu.Unlock()
	key := connKey{local: to, remote: from}
	if st.inbound[key] != nil {
		return nil, &net.OpError{Op: "dial", Net: "udp", Addr: net.UDPAddrFromAddrPort(to), Err: abi.EADDRINUSE}
	}
	if st.inbound == nil {
		st.inbound = make(map[connKey]*datagram)
	}
	st.inbound[key] = c.d
	return c, nil
}

// inboundFlow finds the host's end that a datagram is an answer to.
func (st *Stack) inboundFlow(local, remote netip.AddrPort) *datagram {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.inbound[connKey{local: local, remote: remote}]
}

type packetConn struct {
	st       *Stack
	d        *datagram
	to, from netip.AddrPort
	rmu      sync.Mutex
	wait     *waiter
	rtime    deadline
}

func (c *packetConn) Read(p []byte) (int, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for {
		if c.closed() {
			return 0, c.error("read", net.ErrClosed)
		}
		n, err := c.d.Read(p, 0)
		if err == nil {
			return n, nil
		}
		err = c.wait.wait(&c.d.queue, c.rtime.channel(), func() bool { return c.closed() || c.d.Ready()&abi.POLLIN != 0 })
		if err != nil {
			return 0, c.error("read", err)
		}
	}
}

func (c *packetConn) Write(p []byte) (int, error) {
	if c.closed() {
		return 0, c.error("write", net.ErrClosed)
	}
	found := c.st.udp.receivers(c.from, c.to, false)
	if len(found) == 0 {
		return 0, c.error("write", abi.ECONNREFUSED)
	}
	deliver(found[0], newPacket(InetAddr(c.from), [][]byte{p}))
	return len(p), nil
}

func (c *packetConn) closed() bool {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	return c.d.done
}

func (c *packetConn) error(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *packetConn) Close() error {
	c.st.mu.Lock()
	if key := (connKey{local: c.to, remote: c.from}); c.st.inbound[key] == c.d {
		delete(c.st.inbound, key)
	}
	c.st.mu.Unlock()
	c.d.mu.Lock()
	c.d.done, c.d.packets = true, nil
	c.d.mu.Unlock()
	c.d.queue.Notify(abi.POLLHUP)
	return nil
}

func (c *packetConn) LocalAddr() net.Addr  { return net.UDPAddrFromAddrPort(c.from) }
func (c *packetConn) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.to) }

func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.rtime.set(t)
	return nil
}

// SetWriteDeadline has no effect: a write never waits.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
