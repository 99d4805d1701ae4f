package vnet

import (
	"context"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// listener is the queue of connections that wait to be accepted.
type listener struct {
	sock *stream

	mu      sync.Mutex
	closed  bool
	backlog int
	queue   []*stream // connected, in order
	waiting []*stream // clients that found the queue full
}

func (l *listener) ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0
}

// Listen makes the socket accept connections. One that has no address gets a port.
func (s *stream) Listen(backlog int) error {
	if backlog < 0 || backlog > abi.SOMAXCONN {
		backlog = abi.SOMAXCONN
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == listening:
		s.listener.mu.Lock()
		s.listener.backlog = backlog
		s.listener.mu.Unlock()
		return nil
	case s.state != idle || s.link.Load() != nil:
		return abi.EINVAL
	case !s.inet() && !s.bound:
		return abi.EINVAL
	}
	l := &listener{sock: s, backlog: backlog}
	if s.inet() {
		if err := s.stack.tcp.listen(s, l); err != nil {
			return err
		}
		if err := s.serveHost(l); err != nil {
			s.stack.tcp.remove(&s.base)
			return err
		}
	}
	s.state, s.listener = listening, l
	return nil
}

// Accept takes the first connection of the queue, and lets a client in that waited for room.
func (s *stream) Accept() (Socket, error) {
	s.mu.Lock()
	l := s.listener
	if s.state != listening {
		l = nil
	}
	s.mu.Unlock()
	if l == nil {
		return nil, abi.EINVAL
	}
	l.mu.Lock()
	if len(l.queue) == 0 {
		l.mu.Unlock()
		return nil, abi.EAGAIN
	}
	conn := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	for len(l.waiting) > 0 && len(l.queue) <= l.backlog {
		client := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.admit(client)
	}
	l.mu.Unlock()
	return conn, nil
}

// offer asks for a connection: nil when it is made, EINPROGRESS when the client has to wait for room, ECONNREFUSED.
func (l *listener) offer(client *stream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return abi.ECONNREFUSED
	}
	if len(l.queue) > l.backlog {
		l.waiting = append(l.waiting, client)
		return abi.EINPROGRESS
	}
	l.admit(client)
	return nil
}

// admit makes the connection and queues its far end; l.mu is held.
func (l *listener) admit(client *stream) {
	s := l.sock
	server := newStream(s.stack, int(s.domain), s.typ, s.protocol, s.owner)
	server.opts, server.state, server.told = s.opts, connected, true
	if s.inet() {
		server.local, server.peer = client.peer, client.local
		s.stack.tcp.add(server)
	} else {
		server.local, server.peer = s.local, client.local
		if server.peer.Family == abi.AF_UNSPEC {
			server.peer.Family = abi.AF_UNIX
		}
	}
	join(client, server)
	client.established()
	l.queue = append(l.queue, server)
	s.queue.Notify(abi.POLLIN | abi.POLLRDNORM)
}

// established ends connecting. A client that was closed meanwhile hangs up.
func (s *stream) established() {
	s.mu.Lock()
	gone := s.done
	if !gone {
		s.state = connected
	}
	s.cancel = nil
	s.mu.Unlock()
	if gone {
		s.hangUp(s.link.Load(), false)
		return
	}
	s.queue.Notify(abi.POLLOUT | abi.POLLWRNORM)
}

// refused ends connecting with an error.
func (s *stream) refused(e abi.Errno) {
	s.mu.Lock()
	s.state, s.cancel = idle, nil
	s.mu.Unlock()
	s.fail(e)
	s.forget()
	s.queue.Notify(abi.POLLOUT | abi.POLLERR | abi.POLLHUP)
}

// forget gives back an address that connecting had chosen.
func (s *stream) forget() {
	s.mu.Lock()
	bound := s.bound
	if s.peer = (Addr{}); !bound {
		s.local = Addr{}
	}
	s.mu.Unlock()
	if !bound && s.inet() && s.stack != nil {
		s.stack.tcp.remove(&s.base)
	}
}

func (s *stream) stopListening(l *listener) {
	if s.inet() {
		s.stack.tcp.unlisten(s)
	}
	l.mu.Lock()
	queue, waiting := l.queue, l.waiting
	l.closed, l.queue, l.waiting = true, nil, nil
	l.mu.Unlock()
	for _, c := range queue {
		c.mu.Lock()
		c.opts.linger.on, c.opts.linger.seconds = c.inet(), 0 // with a reset
		c.mu.Unlock()
		if !c.inet() {
			c.link.Load().peer.fail(abi.ECONNRESET)
		}
		c.Close()
	}
	for _, c := range waiting {
		c.refused(abi.ECONNREFUSED)
	}
}

// Connect connects to a listener: in a stack of the same networks, or outside by way of the network's Uplink.
func (s *stream) Connect(a Addr) error {
	if a.Family != s.domain && !(s.domain == abi.AF_INET6 && a.Family == abi.AF_INET) {
		if a.Family == abi.AF_UNIX && s.domain == abi.AF_UNIX {
			return abi.EINVAL
		}
		return abi.EAFNOSUPPORT
	}
	if err := s.begin(); err != nil {
		return err
	}
	var err error
	if s.inet() {
		err = s.connectTCP(a)
	} else {
		err = s.connectUnix(a)
	}
	switch err {
	case nil:
		s.mu.Lock()
		s.told = true
		s.mu.Unlock()
	case abi.EINPROGRESS:
	default:
		s.mu.Lock()
		s.state = idle
		s.mu.Unlock()
		s.forget()
	}
	return err
}

// begin checks that the socket may connect.
func (s *stream) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.done:
		return abi.EBADF
	case s.state == listening && !s.inet():
		return abi.EINVAL
	case s.state == connecting:
		return abi.EALREADY
	case s.state == connected && !s.told:
		s.told = true
		return nil
	case s.state != idle || s.link.Load() != nil:
		return abi.EISCONN
	}
	if e := s.pending.Swap(0); e != 0 {
		return abi.Errno(e)
	}
	s.state = connecting
	return nil
}

func (s *stream) connectTCP(a Addr) error {
	s.mu.Lock()
	if s.state == connected { // a connect that was in progress has ended
		s.mu.Unlock()
		return nil
	}
	bound := s.local.IP.Addr()
	s.mu.Unlock()
	hop, err := s.stack.route(a.IP, bound, int(s.domain))
	if err != nil {
		return err
	}
	if err := s.stack.tcp.choose(s, hop); err != nil {
		return err
	}
	switch {
	case hop.service:
		return s.stack.serveDNS(s)
	case hop.stack != nil:
		l := hop.stack.tcp.listener(hop.to)
		if l == nil {
			return abi.ECONNREFUSED
		}
		return l.offer(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	go s.dial(ctx, hop)
	return abi.EINPROGRESS
}

// dial connects to the outside.
func (s *stream) dial(ctx context.Context, hop hop) {
	conn, err := hop.uplink.Dial(ctx, "tcp", hop.to)
	if err != nil {
		s.refused(hostErrno(err))
		return
	}
	far := newStream(nil, int(s.domain), s.typ, s.protocol, abi.Ucred{})
	far.state, far.told = connected, true
	join(s, far)
	splice(far, conn)
	s.established()
}
