package vnet

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Ports that are given to sockets that ask for none (/proc/sys/net/ipv4/ip_local_port_range).
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// ports is the table of a protocol's ports in a stack.
type ports struct {
	datagrams bool

	mu        sync.Mutex
	byPort    map[uint16]map[*base]*binding
	conns     map[connKey]struct{}
	listeners map[uint16][]*binding // those of byPort, which has their connections too
	next      uint16                // of the ephemeral ports
	turn      int                   // of the listeners that share a port
}

type connKey struct{ local, remote netip.AddrPort }

// binding is a socket's place in the table.
type binding struct {
	addr      netip.AddrPort // an unspecified address is every one
	both      bool           // [::], and IPv4 too
	reuse     bool           // SO_REUSEADDR
	reusePort bool           // SO_REUSEPORT
	uid       uint32
	listener  *listener
	remote    netip.AddrPort // of a connection
	sock      Socket
}

// covers reports whether the binding has an address.
func (x *binding) covers(a netip.Addr) bool {
	b := x.addr.Addr()
	if b == a || x.both && a.Is4() {
		return true
	}
	return b.IsUnspecified() && b.Is4() == a.Is4()
}

func (x *binding) conflicts(y *binding, datagrams bool) bool {
	if !x.covers(y.addr.Addr()) && !y.covers(x.addr.Addr()) {
		return false
	}
	if x.reusePort && y.reusePort && x.uid == y.uid {
		return false
	}
	return !x.reuse || !y.reuse || !datagrams && (x.listener != nil || y.listener != nil)
}

// wildcard is the unspecified address of the socket's family with port 0.
func (b *base) wildcard() netip.AddrPort {
	if b.domain == abi.AF_INET6 {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
}

// newBinding describes a socket as its options say; b.mu is held.
func newBinding(s Socket, b *base, addr netip.AddrPort) *binding {
	return &binding{
		addr: addr, both: b.domain == abi.AF_INET6 && !b.opts.v6only && addr.Addr() == netip.IPv6Unspecified(),
		reuse: b.opts.reuse, reusePort: b.opts.reusePort, uid: b.owner.UID, sock: s,
	}
}

// bind gives a socket an address; port 0 chooses one: EADDRINUSE. b.mu is held.
func (t *ports) bind(s Socket, b *base, addr netip.AddrPort) (netip.AddrPort, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := newBinding(s, b, addr)
	if addr.Port() != 0 {
		if !t.free(x, addr.Port()) {
			return addr, abi.EADDRINUSE
		}
		t.put(b, x)
		return addr, nil
	}
	for range lastEphemeral - firstEphemeral + 1 {
		port := t.ephemeral()
		if len(t.byPort[port]) == 0 {
			x.addr = netip.AddrPortFrom(addr.Addr(), port)
			t.put(b, x)
			return x.addr, nil
		}
	}
	return addr, abi.EADDRINUSE
}

func (t *ports) free(x *binding, port uint16) bool {
	for _, y := range t.byPort[port] {
		if y.sock != x.sock && x.conflicts(y, t.datagrams) {
			return false
		}
	}
	return true
}

func (t *ports) ephemeral() uint16 {
	if t.next == 0 {
		t.next = firstEphemeral + uint16(rand.IntN(lastEphemeral-firstEphemeral))
	}
	if t.next++; t.next > lastEphemeral {
		t.next = firstEphemeral
	}
	return t.next
}

func (t *ports) put(b *base, x *binding) {
	if t.byPort == nil {
		t.byPort = make(map[uint16]map[*base]*binding)
		t.conns = make(map[connKey]struct{})
		t.listeners = make(map[uint16][]*binding)
	}
	port := x.addr.Port()
	if t.byPort[port] == nil {
		t.byPort[port] = make(map[*base]*binding, 1)
	}
	t.byPort[port][b] = x
}

// remove takes a socket out of the table.
func (t *ports) remove(b *base) {
	t.mu.Lock()
	defer t.mu.Unlock()
	port := b.portLocked()
	x := t.byPort[port][b]
	if x == nil {
		return
	}
	if x.listener != nil {
		t.dropListener(x)
	}
	if x.remote.IsValid() {
		delete(t.conns, connKey{x.addr, x.remote})
	}
	delete(t.byPort[port], b)
	if len(t.byPort[port]) == 0 {
		delete(t.byPort, port)
	}
}

// choose gives a connecting socket its local address and port: EADDRNOTAVAIL when all are in use, EADDRINUSE.
func (t *ports) choose(s *stream, h hop) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	port := s.portLocked()
	if s.bound {
		local := netip.AddrPortFrom(h.from, port)
		if _, used := t.conns[connKey{local, h.to}]; used {
			return abi.EADDRNOTAVAIL
		}
		x := t.byPort[port][&s.base]
		x.addr, x.both, x.remote = local, false, h.to
		t.conns[connKey{local, h.to}] = struct{}{}
		s.local = InetAddr(local)
		s.peer = InetAddr(h.to)
		return nil
	}
	for range lastEphemeral - firstEphemeral + 1 {
		local := netip.AddrPortFrom(h.from, t.ephemeral())
		if _, used := t.conns[connKey{local, h.to}]; used || !t.shareable(local.Port()) {
			continue
		}
		x := newBinding(s, &s.base, local)
		x.reuse, x.remote = true, h.to
		t.put(&s.base, x)
		t.conns[connKey{local, h.to}] = struct{}{}
		s.portNum.Store(uint32(local.Port()))
		s.local, s.peer = InetAddr(local), InetAddr(h.to)
		return nil
	}
	return abi.EADDRNOTAVAIL
}

// shareable reports whether only connections have a port.
func (t *ports) shareable(port uint16) bool {
	for _, x := range t.byPort[port] {
		if !x.remote.IsValid() {
			return false
		}
	}
	return true
}

// listen marks a socket as a listener, and gives it a port when it has none: EADDRINUSE. s.mu is held.
func (t *ports) listen(s *stream, l *listener) error {
	if !s.bound {
		addr, err := t.bind(s, &s.base, s.wildcard())
		if err != nil {
			return err
		}
		s.portNum.Store(uint32(addr.Port()))
		s.local, s.bound = Addr{Family: s.domain, IP: addr}, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.byPort[s.portLocked()][&s.base]
	port := x.addr.Port()
	for _, y := range t.listeners[port] { // those that are only bound don't matter, if they could be bound
		if x.conflicts(y, false) {
			return abi.EADDRINUSE
		}
	}
	x.listener = l
	t.listeners[port] = append(t.listeners[port], x)
	return nil
}

func (t *ports) unlisten(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.byPort[s.portLocked()][&s.base]; x != nil {
		t.dropListener(x)
	}
}

// dropListener takes a binding out of the listeners; t.mu is held.
func (t *ports) dropListener(x *binding) {
	port := x.addr.Port()
	x.listener = nil
	t.listeners[port] = slices.DeleteFunc(t.listeners[port], func(y *binding) bool { return y == x })
	if len(t.listeners[port]) == 0 {
		delete(t.listeners, port)
	}
}

// add enters a connection that a listener has taken.
func (t *ports) add(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := newBinding(s, &s.base, s.local.IP)
	x.remote, x.reuse = s.peer.IP, true
	s.portNum.Store(uint32(s.local.IP.Port()))
	t.put(&s.base, x)
}

// listener finds who accepts connections to an address: the most specific one; those that share it take turns.
func (t *ports) listener(to netip.AddrPort) *listener {
	t.mu.Lock()
	defer t.mu.Unlock()
	var best *listener
	rank, same := 0, 0
	for _, x := range t.listeners[to.Port()] {
		if !x.covers(to.Addr()) {
			continue
		}
		r := x.rank(to.Addr())
		switch {
		case r > rank:
			best, rank, same = x.listener, r, 1
		case r == rank:
			if same++; t.turn%same == 0 {
				best = x.listener
			}
		}
	}
	t.turn++
	return best
}

func (x *binding) rank(a netip.Addr) int {
	switch {
	case x.addr.Addr() == a:
		return 3
	case x.addr.Addr().Is4() == a.Is4():
		return 2
	}
	return 1
}

// receivers finds the sockets that a datagram reaches: the best one, or all when it goes to many.
func (t *ports) receivers(from, to netip.AddrPort, many bool) []*datagram {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []*datagram
	rank := 0
	for _, x := range t.byPort[to.Port()] {
		d, ok := x.sock.(*datagram)
		if !ok || x.remote.IsValid() && x.remote != from {
			continue
		}
		if many {
			if d.wants(to.Addr(), x) {
				found = append(found, d)
			}
			continue
		}
		if !x.covers(to.Addr()) {
			continue
		}
		r := x.rank(to.Addr())
		if x.remote.IsValid() {
			r += 10
		}
		// Of those that share a port by SO_REUSEADDR the youngest receives.
		if r > rank || r == rank && found[0].ino < d.ino {
			found, rank = []*datagram{d}, r
		}
	}
	return found
}

// setRemote records where a datagram socket is connected to.
func (t *ports) setRemote(b *base, addr, remote netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.byPort[b.portLocked()][b]; x != nil {
		x.addr, x.remote = addr, remote
		x.both = x.both && addr.Addr().IsUnspecified()
	}
}

// list returns the sockets, by inode number.
func (t *ports) list() []*binding {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*binding
	for _, m := range t.byPort {
		for _, x := range m {
			c := *x
			all = append(all, &c)
		}
	}
	slices.SortFunc(all, func(a, b *binding) int { return int(baseOf(a.sock).ino) - int(baseOf(b.sock).ino) })
	return all
}

// portLocked is the port under which the socket is in its table.
func (b *base) portLocked() uint16 { return uint16(b.portNum.Load()) }

// bindInet gives a socket an address of the stack: EADDRNOTAVAIL for others.
func (b *base) bindInet(self Socket, t *ports, a Addr) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bound || b.local.IP.Port() != 0 {
		return abi.EINVAL
	}
	addr := unmap(a.IP)
	if b.domain == abi.AF_INET6 && b.opts.v6only && addr.Addr().Is4() {
		return abi.EINVAL
	}
	if !b.stack.owns(addr.Addr()) {
		return abi.EADDRNOTAVAIL
	}
	addr, err := t.bind(self, b, addr)
	if err != nil {
		return err
	}
	b.portNum.Store(uint32(addr.Port()))
	b.local, b.bound = Addr{Family: b.domain, IP: addr}, true
	return nil
}

// Bind gives the socket its address.
func (s *stream) Bind(a Addr) error {
	s.mu.Lock()
	used := s.state != idle || s.done
	s.mu.Unlock()
	switch {
	case used:
		return abi.EINVAL
	case !s.inet() && a.Family == abi.AF_UNIX:
		return s.bindName(s, a)
	case a.Family == abi.AF_INET && s.domain == abi.AF_INET || a.Family == abi.AF_INET6 && s.domain == abi.AF_INET6:
		return s.bindInet(s, &s.stack.tcp, a)
	case !s.inet():
		return abi.EINVAL
	}
	return abi.EAFNOSUPPORT
}
