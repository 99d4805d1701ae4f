package vnet

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	maxDatagram  = 65507 // bytes of one of UDP
	maxPackets   = 1024  // that wait in one socket
	maxUnixQueue = 512   // of AF_UNIX (/proc/sys/net/unix/max_dgram_qlen, as systemd sets it)
	packetCost   = 256   // what a packet counts besides its bytes
)

// datagram is a socket of messages: UDP, ICMP echo (icmp(7), IPPROTO_ICMP with SOCK_DGRAM), and AF_UNIX's SOCK_DGRAM.
type datagram struct {
	base

	// guarded by base.mu
	to       *datagram   // AF_UNIX: who it is connected to
	full     *datagram   // AF_UNIX: whose queue the last message found full
	waiting  []*datagram // AF_UNIX: who found this one's queue full
	packets  []*packet
	held     int // what packets cost
	readShut bool
	sendShut bool
	flows    map[netip.AddrPort]*flow // to hosts outside
}

type packet struct {
	from Addr
	data []byte
	anc  *ancillary
	src  *datagram // AF_UNIX: the sender, who may wait for room
}

var packetPool = sync.Pool{New: func() any { return new(packet) }}

func newDatagram(stack *Stack, domain, typ, protocol int, owner abi.Ucred) *datagram {
	d := &datagram{}
	d.init(stack, domain, typ, protocol, owner)
	return d
}

func (d *datagram) inet() bool { return d.domain != abi.AF_UNIX }
func (d *datagram) echo() bool {
	return d.inet() && (d.protocol == abi.IPPROTO_ICMP || d.protocol == abi.IPPROTO_ICMPV6)
}

func (d *datagram) table() *ports {
	if d.echo() {
		return &d.stack.icmp
	}
	return &d.stack.udp
}

func (d *datagram) Listen(int) error        { return abi.EOPNOTSUPP }
func (d *datagram) Accept() (Socket, error) { return nil, abi.EOPNOTSUPP }

func (d *datagram) Bind(a Addr) error {
	switch {
	case !d.inet() && a.Family == abi.AF_UNIX:
		return d.bindName(d, a)
	case !d.inet():
		return abi.EINVAL
	case a.Family == abi.AF_UNSPEC && d.domain == abi.AF_INET && a.IP.Addr().IsUnspecified(), a.Family == d.domain:
		if d.stack.host && !d.echo() { // its datagrams would not arrive
			return abi.EOPNOTSUPP
		}
		return d.bindInet(d, d.table(), a)
	}
	return abi.EAFNOSUPPORT
}

// autobind gives a port to a socket that sends without one.
func (d *datagram) autobind() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.local.IP.Port() != 0 {
		return nil
	}
	addr, err := d.table().bind(d, &d.base, d.wildcard())
	if err != nil {
		return abi.EAGAIN
	}
	d.portNum.Store(uint32(addr.Port()))
	d.local = Addr{Family: d.domain, IP: addr}
	return nil
}

// Connect sets where Write sends to, and what alone is received. AF_UNSPEC undoes it.
func (d *datagram) Connect(a Addr) error {
	switch {
	case a.Family == abi.AF_UNSPEC:
		d.mu.Lock()
		d.to, d.peer = nil, Addr{}
		local := d.local.IP
		d.mu.Unlock()
		if d.inet() {
			d.table().setRemote(&d.base, local, netip.AddrPort{})
		}
		return nil
	case !d.inet() && a.Family == abi.AF_UNIX:
		to, err := d.namedDatagram(a)
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.to, d.peer = to, a
		d.mu.Unlock()
		return nil
	case !d.inet():
		return abi.EINVAL
	case a.Family != d.domain && !(d.domain == abi.AF_INET6 && a.Family == abi.AF_INET):
		return abi.EAFNOSUPPORT
	}
	d.mu.Lock()
	bound, allowed := d.local.IP.Addr(), d.opts.broadcast
	d.mu.Unlock()
	if a.IP.Addr() == broadcast && !allowed {
		return abi.EACCES
	}
	h, err := d.stack.route(a.IP, bound, int(d.domain))
	if err != nil && err != abi.EHOSTUNREACH {
		return err
	}
	if h.many && !h.to.Addr().IsMulticast() && !allowed {
		return abi.EACCES
	}
	if err := d.autobind(); err != nil {
		return err
	}
	d.mu.Lock()
	d.peer = InetAddr(h.to)
	d.local.IP = netip.AddrPortFrom(h.from, d.local.IP.Port())
	local := d.local.IP
	d.mu.Unlock()
	d.table().setRemote(&d.base, local, h.to)
	return nil
}

func (d *datagram) namedDatagram(a Addr) (*datagram, error) {
	s, err := d.named(a)
	if err != nil {
		return nil, err
	}
	to, ok := s.(*datagram)
	if !ok {
		return nil, abi.EPROTOTYPE
	}
	return to, nil
}

func (d *datagram) PeerAddr() (Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peer.Family == abi.AF_UNSPEC {
		return Addr{}, abi.ENOTCONN
	}
	return d.peer.as(d.domain), nil
}

func (d *datagram) Read(p []byte, _ int64) (int, error) {
	m := Message{Bufs: [][]byte{p}}
	n, err := d.Receive(&m, 0)
	for _, f := range m.Files {
		f.Release()
	}
	return n, err
}

func (d *datagram) Write(p []byte, _ int64) (int, error) {
	bufs := [1][]byte{p}
	m := Message{Bufs: bufs[:]}
	return d.Send(&m, 0)
}

// Send sends one datagram: EDESTADDRREQ, EMSGSIZE, EACCES for a broadcast without SO_BROADCAST. What finds no room at an IP
// socket is lost, as in a network; at one of AF_UNIX it is EAGAIN.
func (d *datagram) Send(m *Message, flags int) (int, error) {
	if flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if err := d.Error(); err != nil && d.inet() {
		return 0, err
	}
	d.mu.Lock()
	shut := d.sendShut
	d.mu.Unlock()
	if shut {
		return 0, abi.EPIPE
	}
	if d.inet() {
		if len(m.Files) > 0 || m.Cred != nil {
			return 0, abi.EINVAL
		}
		return d.sendInet(m)
	}
	return d.sendUnix(m)
}

func (d *datagram) sendUnix(m *Message) (int, error) {
	d.mu.Lock()
	to, from, limit := d.to, d.localLocked(), orDefault(d.opts.sndBuf)
	connected := d.peer.Family != abi.AF_UNSPEC
	d.mu.Unlock()
	if m.Addr.Family != abi.AF_UNSPEC {
		if m.Addr.Family != abi.AF_UNIX {
			return 0, abi.EINVAL
		}
		var err error
		if to, err = d.namedDatagram(m.Addr); err != nil {
			return 0, err
		}
	} else if !connected {
		return 0, abi.ENOTCONN
	}
	n := size(m.Bufs)
	if n+packetCost/8 > limit {
		return 0, abi.EMSGSIZE
	}
	p := newPacket(from, m.Bufs)
	p.src = d
	if len(m.Files) > 0 || m.Cred != nil {
		p.anc = &ancillary{files: m.Files, cred: m.Cred}
	}
	if err := to.put(p); err != nil {
		if err == abi.EAGAIN {
			d.mu.Lock()
			d.full = to
			d.mu.Unlock()
		}
		if err == abi.ECONNREFUSED && m.Addr.Family == abi.AF_UNSPEC {
			d.mu.Lock()
			d.to, d.peer = nil, Addr{}
			d.mu.Unlock()
		}
		return 0, err
	}
	return n, nil
}

func newPacket(from Addr, bufs [][]byte) *packet {
	p := packetPool.Get().(*packet)
	p.from, p.anc, p.src, p.data = from, nil, nil, p.data[:0]
	for _, b := range bufs {
		p.data = append(p.data, b...)
	}
	return p
}

func (p *packet) free() {
	p.anc, p.src, p.from = nil, nil, Addr{}
	packetPool.Put(p)
}

// put queues a packet at its receiver: EAGAIN without room, ECONNREFUSED when it is closed.
func (d *datagram) put(p *packet) error {
	d.mu.Lock()
	err := error(nil)
	switch {
	case d.done:
		err = abi.ECONNREFUSED
	case d.readShut:
		err = abi.EPIPE
	case !d.inet() && d.to != nil && d.to != p.src:
		err = abi.EPERM
	case d.inet() && (d.held+len(p.data)+packetCost > orDefault(d.opts.rcvBuf) && d.held > 0 || len(d.packets) >= maxPackets),
		!d.inet() && len(d.packets) >= maxUnixQueue:
		err = abi.EAGAIN
		if !d.inet() && !slices.Contains(d.waiting, p.src) {
			d.waiting = append(d.waiting, p.src)
		}
	default:
		d.packets = append(d.packets, p)
		d.held += len(p.data) + packetCost
	}
	d.mu.Unlock()
	if err == nil {
		d.queue.Notify(abi.POLLIN | abi.POLLRDNORM)
	}
	return err
}

func (d *datagram) sendInet(m *Message) (int, error) {
	if err := d.autobind(); err != nil {
		return 0, err
	}
	to := m.Addr.IP
	d.mu.Lock()
	connected := d.peer.Family != abi.AF_UNSPEC
	if m.Addr.Family == abi.AF_UNSPEC {
		to = d.peer.IP
	}
	bound, allowed := d.local.IP.Addr(), d.opts.broadcast
	d.mu.Unlock()
	switch {
	case m.Addr.Family == abi.AF_UNSPEC && !connected:
		return 0, abi.EDESTADDRREQ
	case m.Addr.Family != abi.AF_UNSPEC && m.Addr.Family != d.domain && !(d.domain == abi.AF_INET6 && m.Addr.Family == abi.AF_INET):
		return 0, abi.EAFNOSUPPORT
	case size(m.Bufs) > maxDatagram:
		return 0, abi.EMSGSIZE
	case to.Port() == 0 && !d.echo():
		return 0, abi.EINVAL
	case to.Addr() == broadcast && !allowed:
		return 0, abi.EACCES
	}
	h, err := d.stack.route(to, bound, int(d.domain))
	if err != nil {
		return 0, err
	}
	if h.many && !h.to.Addr().IsMulticast() && !allowed {
		return 0, abi.EACCES
	}
	if d.echo() {
		return d.sendEcho(h, m)
	}
	n := size(m.Bufs)
	from := netip.AddrPortFrom(h.from, d.portLocked())
	switch {
	case h.service:
		d.askDNS(m.Bufs)
	case h.many:
		for _, st := range h.network.all() {
			for _, r := range st.udp.receivers(from, h.to, true) {
				if r != d || !d.noLoop() {
					deliver(r, newPacket(InetAddr(from), m.Bufs))
				}
			}
		}
	case h.stack != nil:
		found := h.stack.udp.receivers(from, h.to, false)
		if len(found) == 0 {
			if connected { // ICMP's "port unreachable" comes back
				d.fail(abi.ECONNREFUSED)
				d.queue.Notify(abi.POLLIN | abi.POLLERR)
			}
			return n, nil
		}
		deliver(found[0], newPacket(InetAddr(from), m.Bufs))
	default:
		if r := d.stack.inboundFlow(from, h.to); r != nil {
			deliver(r, newPacket(InetAddr(from), m.Bufs))
			return n, nil
		}
		if err := d.sendOutside(h, m.Bufs); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (d *datagram) noLoop() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opts.noLoop
}

// deliver puts a packet at a socket, or loses it.
func deliver(to *datagram, p *packet) {
	if to.put(p) != nil {
		p.free()
	}
}

// wants reports whether the socket receives what is sent to many: a broadcast, or a group that it has joined.
func (d *datagram) wants(to netip.Addr, x *binding) bool {
	if !to.IsMulticast() {
		return x.addr.Addr().IsUnspecified() || x.addr.Addr() == to
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.opts.groups, to)
}

func (d *datagram) Receive(m *Message, flags int) (int, error) {
	m.Addr, m.Files, m.Cred, m.Flags = Addr{}, nil, nil, 0
	if flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if err := d.Error(); err != nil {
		return 0, err
	}
	d.mu.Lock()
	if len(d.packets) == 0 {
		defer d.mu.Unlock()
		if d.readShut {
			return 0, nil
		}
		return 0, abi.EAGAIN
	}
	p := d.packets[0]
	peek := flags&abi.MSG_PEEK != 0
	if !peek {
		d.packets[0] = nil
		if d.packets = d.packets[1:]; len(d.packets) == 0 {
			d.packets = nil
		}
		d.held -= len(p.data) + packetCost
	}
	n := 0
	for _, b := range m.Bufs {
		n += copy(b, p.data[n:])
	}
	if n < len(p.data) {
		m.Flags |= abi.MSG_TRUNC
		if flags&abi.MSG_TRUNC != 0 {
			n = len(p.data)
		}
	}
	m.Addr = p.from.as(d.domain)
	if d.inet() || p.from.Path != "" {
		m.Addr = p.from.as(d.domain)
	}
	if p.anc != nil {
		if m.Files, m.Cred = p.anc.files, p.anc.cred; peek {
			m.Files = slices.Clone(m.Files)
			for _, f := range m.Files {
				f.Retain()
			}
		}
	}
	src := p.src
	if !d.opts.passCred {
		m.Cred = nil
	} else if m.Cred == nil && src != nil {
		owner := src.owner
		m.Cred = &owner
	}
	var waiting []*datagram
	if !peek {
		waiting, d.waiting = d.waiting, nil
	}
	d.mu.Unlock()
	if !peek {
		p.free()
	}
	for _, w := range waiting {
		w.queue.Notify(abi.POLLOUT | abi.POLLWRNORM)
	}
	return n, nil
}

func (d *datagram) Ready() vfs.Events {
	var ev vfs.Events
	if d.pending.Load() != 0 {
		ev |= abi.POLLERR
	}
	d.mu.Lock()
	if len(d.packets) > 0 || d.readShut {
		ev |= abi.POLLIN | abi.POLLRDNORM
	}
	if d.readShut {
		ev |= abi.POLLRDHUP
	}
	if d.readShut && d.sendShut {
		ev |= abi.POLLHUP
	}
	to, full := d.to, d.full
	d.mu.Unlock()
	if (to == nil || to == d || to.hasRoom()) && (full == nil || full.hasRoom()) {
		ev |= abi.POLLOUT | abi.POLLWRNORM | abi.POLLWRBAND
	}
	return ev
}

func (d *datagram) hasRoom() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done || len(d.packets) < maxUnixQueue
}

func (d *datagram) Shutdown(how int) error {
	if how < abi.SHUT_RD || how > abi.SHUT_RDWR {
		return abi.EINVAL
	}
	d.mu.Lock()
	connected := d.peer.Family != abi.AF_UNSPEC
	if connected || !d.inet() {
		d.readShut = d.readShut || how != abi.SHUT_WR
		d.sendShut = d.sendShut || how != abi.SHUT_RD
	}
	d.mu.Unlock()
	d.queue.Notify(abi.POLLIN | abi.POLLOUT | abi.POLLHUP)
	if d.inet() && !connected {
		return abi.ENOTCONN
	}
	return nil
}

func (d *datagram) Close() error {
	d.mu.Lock()
	if d.done {
		d.mu.Unlock()
		return nil
	}
	d.done = true
	packets, to, flows, waiting := d.packets, d.to, d.flows, d.waiting
	d.packets, d.flows, d.waiting, d.full, d.held = nil, nil, nil, nil, 0
	d.mu.Unlock()
	for _, p := range packets {
		p.anc.release()
	}
	for _, w := range waiting {
		w.queue.Notify(abi.POLLOUT)
	}
	for _, f := range flows {
		f.conn.Close()
	}
	if d.inet() {
		d.table().remove(&d.base)
	}
	d.dropName(d)
	if to != nil && to != d {
		to.queue.Notify(abi.POLLOUT | abi.POLLHUP)
	}
	return nil
}

// Option of a datagram socket has no peer's identity but that of a pair.
func (d *datagram) Option(level, name int) ([]byte, error) {
	if level == abi.SOL_SOCKET {
		switch name {
		case abi.SO_ACCEPTCONN:
			return number(0), nil
		case abi.SO_PEERCRED:
			cred := abi.Ucred{UID: ^uint32(0), GID: ^uint32(0)}
			d.mu.Lock()
			to := d.to
			d.mu.Unlock()
			if to != nil {
				cred = to.owner
			}
			return slices.Clone(abi.Bytes(&cred)), nil
		}
	}
	return d.base.Option(level, name)
}
