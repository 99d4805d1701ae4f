package vnet

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// HostUplink reaches the outside by the host's sockets. What is the host's own is refused: loopback, unspecified and multicast
// addresses, and what Deny says.
type HostUplink struct {
	// Deny refuses further addresses; nil refuses none.
	Deny func(network string, to netip.AddrPort) error
	// Timeout of connecting; 0 leaves it to the host.
	Timeout time.Duration
}

// Dial connects by the host: EACCES, ECONNREFUSED for the host's own addresses, and the host's errors.
func (u *HostUplink) Dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if err := u.check(network, to); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: u.Timeout, KeepAlive: -1}
	return d.DialContext(ctx, network, to.String())
}

func (u *HostUplink) check(network string, to netip.AddrPort) error {
	a := to.Addr().Unmap()
	if a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a == broadcast || !a.IsValid() {
		return abi.ECONNREFUSED
	}
	if u.Deny != nil {
		return u.Deny(network, netip.AddrPortFrom(a, to.Port()))
	}
	return nil
}

// NewHostStack makes a stack whose sockets of TCP and UDP are the host's, loopback included: docker's "--network host".
// Abstract names of AF_UNIX are its own all the same: the host's services are not reached by them.
func NewHostStack() *Stack {
	st := NewStack(StackConfig{})
	st.host, st.uplink = true, directUplink{}
	return st
}

// directUplink reaches whatever the host reaches.
type directUplink struct{}

func (directUplink) Dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, network, to.String())
}

type hostListener interface{ Close() error }

// serveHost opens the host's listener behind a socket of a host stack. The connections that it accepts are offered to the
// socket as those of other containers are. s.mu is held.
func (s *stream) serveHost(l *listener) error {
	if !s.stack.host || s.host != nil {
		return nil
	}
	network := "tcp4"
	if s.domain == abi.AF_INET6 {
		if network = "tcp6"; !s.opts.v6only && s.local.IP.Addr().IsUnspecified() {
			network = "tcp"
		}
	}
	hl, err := net.Listen(network, s.local.IP.String())
	if err != nil {
		return hostErrno(err)
	}
	s.host = hl
	go acceptHost(hl, l)
	return nil
}

// acceptHost takes connections until the host's listener is closed.
func acceptHost(hl net.Listener, l *listener) {
	for {
		conn, err := hl.Accept()
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				continue
			}
			return
		}
		far := newStream(nil, int(l.sock.domain), abi.SOCK_STREAM, abi.IPPROTO_TCP, abi.Ucred{})
		far.state, far.told = connecting, true
		far.local, far.peer = hostAddr(conn.RemoteAddr()), hostAddr(conn.LocalAddr())
		err = l.offer(far)
		if err == abi.EINPROGRESS { // no further ones until the program has made room
			_ = newWaiter().wait(&far.queue, nil, func() bool { return far.pending.Load() != 0 || far.link.Load() != nil })
			err = far.Error()
		}
		if err != nil {
			conn.Close()
			continue
		}
		splice(far, conn)
	}
}

func hostAddr(a net.Addr) Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return InetAddr(a.AddrPort())
	case *net.UDPAddr:
		return InetAddr(a.AddrPort())
	}
	return Addr{}
}
