package vnet

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// stream is a socket of connections: TCP, and AF_UNIX's SOCK_STREAM and SOCK_SEQPACKET. A connection is two of them
// with a buffer in each direction; connections that leave the sandboxes have a stream at their far end too, whose other
// side the host serves (splice.go, conn.go).
type stream struct {
	base
	link atomic.Pointer[link] // set once, when connected

	// guarded by base.mu
	state    streamState
	told     bool // connect(2) has told of the connection
	cancel   context.CancelFunc
	listener *listener
	readShut bool
	host     hostListener // of a stack that is the host's
}

type streamState int

const (
	idle streamState = iota
	connecting
	connected
	listening
)

// link is a stream's side of a connection.
type link struct {
	rx, tx *buffer
	peer   *stream
}

func newStream(stack *Stack, domain, typ, protocol int, owner abi.Ucred) *stream {
	s := &stream{}
	s.init(stack, domain, typ, protocol, owner)
	return s
}

func (s *stream) inet() bool { return s.domain != abi.AF_UNIX }

// join connects two streams.
func join(a, b *stream) {
	records := a.typ == abi.SOCK_SEQPACKET
	ab := &buffer{reader: &b.queue, writer: &a.queue, size: capacity(&a.opts, &b.opts, records), records: records}
	ba := &buffer{reader: &a.queue, writer: &b.queue, size: capacity(&b.opts, &a.opts, records), records: records}
	a.link.Store(&link{rx: ba, tx: ab, peer: b})
	b.link.Store(&link{rx: ab, tx: ba, peer: a})
}

// Pair makes two connected sockets of AF_UNIX (socketpair(2)).
func Pair(typ int, owner abi.Ucred) (Socket, Socket, error) {
	switch typ {
	case abi.SOCK_STREAM, abi.SOCK_SEQPACKET:
		a, b := newStream(nil, abi.AF_UNIX, typ, 0, owner), newStream(nil, abi.AF_UNIX, typ, 0, owner)
		join(a, b)
		a.state, b.state = connected, connected
		a.peer, b.peer = Addr{Family: abi.AF_UNIX}, Addr{Family: abi.AF_UNIX}
		return a, b, nil
	case abi.SOCK_DGRAM, abi.SOCK_RAW:
		a, b := newDatagram(nil, abi.AF_UNIX, abi.SOCK_DGRAM, 0, owner), newDatagram(nil, abi.AF_UNIX, abi.SOCK_DGRAM, 0, owner)
		a.to, b.to = b, a
		a.peer, b.peer = Addr{Family: abi.AF_UNIX}, Addr{Family: abi.AF_UNIX}
		return a, b, nil
	}
	return nil, nil, abi.ESOCKTNOSUPPORT
}

// Read receives without flags.
func (s *stream) Read(p []byte, _ int64) (int, error) {
	bufs := [1][]byte{p}
	n, anc, err := s.receive(bufs[:], 0)
	anc.release()
	return min(n, len(p)), err
}

// Write sends without flags.
func (s *stream) Write(p []byte, _ int64) (int, error) {
	bufs := [1][]byte{p}
	return s.send(bufs[:], nil)
}

func (s *stream) Send(m *Message, flags int) (int, error) {
	switch {
	case flags&abi.MSG_OOB != 0:
		return 0, abi.EOPNOTSUPP
	case !s.inet() && m.Addr.Family != abi.AF_UNSPEC && s.typ == abi.SOCK_STREAM:
		if s.link.Load() != nil {
			return 0, abi.EISCONN
		}
		return 0, abi.EOPNOTSUPP
	}
	var anc *ancillary
	if len(m.Files) > 0 || m.Cred != nil {
		if s.inet() {
			return 0, abi.EINVAL
		}
		anc = &ancillary{files: m.Files, cred: m.Cred}
	}
	return s.send(m.Bufs, anc)
}

func (s *stream) send(bufs [][]byte, anc *ancillary) (int, error) {
	l := s.link.Load()
	if l == nil {
		if err := s.Error(); err != nil {
			return 0, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.state == connecting:
			return 0, abi.EAGAIN
		case s.inet():
			return 0, abi.EPIPE
		}
		return 0, abi.ENOTCONN
	}
	if s.pending.Load() != 0 && s.inet() {
		if err := s.Error(); err != nil {
			return 0, err
		}
	}
	n, err := l.tx.write(bufs, anc)
	if err == abi.EPIPE && s.inet() {
		l.tx.mu.Lock()
		first := l.tx.closed && !l.tx.shut
		l.tx.shut = true
		l.tx.mu.Unlock()
		if first {
			// The peer answers what nobody will read with a reset, which the next call sees.
			s.wasReset()
			return size(bufs), nil
		}
	}
	return n, err
}

// wasReset is the arrival of a reset: an error, or a broken pipe when the peer had ended its side already (tcp_reset).
func (s *stream) wasReset() {
	l := s.link.Load()
	_, _, fin, _, _, _ := l.rx.state()
	l.rx.cut()
	l.tx.cut()
	if fin {
		s.fail(abi.EPIPE)
	} else {
		s.fail(abi.ECONNRESET)
	}
	s.queue.Notify(abi.POLLIN | abi.POLLOUT | abi.POLLERR | abi.POLLHUP | abi.POLLRDHUP)
}

func (s *stream) Receive(m *Message, flags int) (int, error) {
	if flags&abi.MSG_OOB != 0 {
		if s.inet() {
			return 0, abi.EINVAL
		}
		return 0, abi.EOPNOTSUPP
	}
	m.Addr, m.Files, m.Cred, m.Flags = Addr{}, nil, nil, 0
	n, anc, err := s.receive(m.Bufs, flags)
	if err != nil {
		return 0, err
	}
	if s.typ == abi.SOCK_SEQPACKET && n > 0 {
		m.Flags |= abi.MSG_EOR
	}
	if most := size(m.Bufs); n > most && s.typ == abi.SOCK_SEQPACKET {
		m.Flags |= abi.MSG_TRUNC
		if flags&abi.MSG_TRUNC == 0 {
			n = most
		}
	}
	if anc != nil {
		if m.Files = anc.files; flags&abi.MSG_PEEK != 0 {
			m.Files = slices.Clone(m.Files)
			for _, f := range m.Files {
				f.Retain()
			}
		}
		m.Cred = anc.cred
	}
	if !s.inet() {
		s.passCred(m)
	}
	return n, nil
}

// passCred fills or drops the sender's identity as SO_PASSCRED says.
func (s *stream) passCred(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opts.passCred {
		m.Cred = nil
	} else if m.Cred == nil {
		owner := s.link.Load().peer.owner
		m.Cred = &owner
	}
}

func (s *stream) receive(bufs [][]byte, flags int) (int, *ancillary, error) {
	l := s.link.Load()
	if l == nil {
		if err := s.Error(); err != nil {
			return 0, nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.state == connecting:
			return 0, nil, abi.EAGAIN
		case s.inet():
			return 0, nil, abi.ENOTCONN
		case s.typ == abi.SOCK_SEQPACKET:
			return 0, nil, abi.ENOTCONN
		}
		return 0, nil, abi.EINVAL
	}
	if s.inet() && flags&abi.MSG_TRUNC != 0 && flags&abi.MSG_PEEK == 0 { // tcp(7): the bytes are dropped
		bufs = discards(bufs)
	}
	n, anc, err := l.rx.read(bufs, flags&abi.MSG_PEEK != 0)
	if err == nil && n > 0 || err == nil && (size(bufs) == 0 || anc != nil) {
		return n, anc, nil
	}
	if err != nil && !s.isReadShut() {
		if e := s.Error(); e != nil {
			err = e
		}
		return 0, nil, err
	}
	if _, _, fin, _, _, _ := l.rx.state(); !fin || !s.inet() {
		if e := s.Error(); e != nil {
			return 0, nil, e
		}
	}
	return 0, nil, nil
}

func (s *stream) isReadShut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readShut
}

// discards are buffers of the same length that nobody reads.
func discards(bufs [][]byte) [][]byte {
	out := make([][]byte, len(bufs))
	for i := range bufs {
		out[i] = make([]byte, len(bufs[i]))
	}
	return out
}

func (s *stream) Ready() vfs.Events {
	const in, out = abi.POLLIN | abi.POLLRDNORM, abi.POLLOUT | abi.POLLWRNORM
	var ev vfs.Events
	if s.pending.Load() != 0 {
		ev |= abi.POLLERR
	}
	l := s.link.Load()
	if l == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch s.state {
		case idle:
			ev |= out | abi.POLLHUP
			if !s.inet() {
				ev |= abi.POLLWRBAND
			}
			if ev&abi.POLLERR != 0 {
				ev |= in | abi.POLLRDHUP
			}
		case listening:
			if s.listener.ready() {
				ev |= in
			}
		}
		return ev
	}
	unread, _, fin, dead, _, _ := l.rx.state()
	_, room, _, _, shut, closed := l.tx.state()
	recvShut, sendShut := fin || dead || s.isReadShut(), shut || closed && !s.inet()
	if unread > 0 || recvShut {
		ev |= in
	}
	if recvShut {
		ev |= abi.POLLRDHUP
	}
	if recvShut && sendShut {
		ev |= abi.POLLHUP
	}
	if sendShut || room >= l.tx.size/3 || closed {
		ev |= out
		if !s.inet() {
			ev |= abi.POLLWRBAND
		}
	}
	return ev
}

func (s *stream) Shutdown(how int) error {
	if how < abi.SHUT_RD || how > abi.SHUT_RDWR {
		return abi.EINVAL
	}
	l := s.link.Load()
	if l == nil {
		s.mu.Lock()
		lis := s.listener
		if s.state == listening && how != abi.SHUT_WR {
			s.state, s.listener = idle, nil
		} else {
			lis = nil
		}
		state := s.state
		s.mu.Unlock()
		if lis != nil {
			s.stopListening(lis)
			s.queue.Notify(abi.POLLIN | abi.POLLHUP)
			return nil
		}
		if state == idle && s.inet() {
			return abi.ENOTCONN
		}
		return nil
	}
	if _, _, _, dead, _, _ := l.rx.state(); dead && s.inet() {
		return abi.ENOTCONN
	}
	if how != abi.SHUT_RD {
		l.tx.finish()
	}
	if how != abi.SHUT_WR {
		s.mu.Lock()
		s.readShut = true
		s.mu.Unlock()
		if !s.inet() { // the peer finds out
			l.rx.mu.Lock()
			l.rx.shut = true
			l.rx.mu.Unlock()
		}
	}
	const ev = abi.POLLIN | abi.POLLOUT | abi.POLLHUP | abi.POLLRDHUP
	s.queue.Notify(ev)
	l.peer.queue.Notify(ev)
	return nil
}

// Close ends the connection: in order, or with a reset when something was not read (RFC 2525, 2.17) or SO_LINGER says so.
func (s *stream) Close() error {
	s.mu.Lock()
	if s.done {
		s.mu.Unlock()
		return nil
	}
	s.done = true
	lis, cancel, host := s.listener, s.cancel, s.host
	s.listener, s.cancel, s.host = nil, nil, nil
	abort := s.opts.linger.on && s.opts.linger.seconds == 0
	wasConnecting := s.state == connecting
	s.state = idle
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if host != nil {
		host.Close()
	}
	s.release()
	if lis != nil {
		s.stopListening(lis)
	}
	if l := s.link.Load(); l != nil {
		s.hangUp(l, abort)
	} else if wasConnecting {
		s.queue.Notify(abi.POLLHUP)
	}
	return nil
}

func (s *stream) hangUp(l *link, abort bool) {
	unread := l.rx.abandon()
	switch {
	case s.inet() && (unread || abort):
		l.tx.cut()
		l.peer.wasReset()
		return
	case unread:
		l.peer.fail(abi.ECONNRESET)
	}
	l.tx.finish()
	l.peer.queue.Notify(abi.POLLIN | abi.POLLOUT | abi.POLLHUP | abi.POLLRDHUP)
}

func (s *stream) PeerAddr() (Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.link.Load()
	if l == nil {
		return Addr{}, abi.ENOTCONN
	}
	if _, _, _, dead, _, _ := l.rx.state(); dead {
		return Addr{}, abi.ENOTCONN
	}
	return s.peer.as(s.domain), nil
}

// release gives the address back.
func (s *stream) release() {
	if s.stack != nil && s.inet() {
		s.stack.tcp.remove(&s.base)
	}
	s.dropName(s)
}
