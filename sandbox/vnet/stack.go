package vnet

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Stack is the network of one container: its interfaces, routes, ports and abstract names of AF_UNIX. Containers that share
// a network namespace share a Stack. A new one has the loopback interface alone.
type Stack struct {
	resolver Resolver
	host     bool // the sockets are the host's
	uplink   Uplink

	tcp, udp, icmp ports
	dnsBusy        chan struct{}

	mu       sync.Mutex
	ifaces   []*Interface // loopback first
	lastIdx  int
	abstract map[string]Socket
	paths    map[Socket]struct{} // sockets of AF_UNIX with a path
	lastName atomic.Uint32
	inbound  map[connKey]*datagram // the host's ends of datagrams' exchanges
}

// StackConfig describes a Stack.
type StackConfig struct {
	// Resolver answers DNS queries at ResolverAddr; nil leaves nobody there.
	Resolver Resolver
}

// NewStack makes a stack with the loopback interface.
func NewStack(cfg StackConfig) *Stack {
	st := &Stack{resolver: cfg.Resolver, dnsBusy: make(chan struct{}, maxQueries)}
	st.udp.datagrams, st.icmp.datagrams = true, true
	st.ifaces = []*Interface{{Name: "lo", Index: 1, MTU: 65536, Loopback: true,
		Addrs: []netip.Prefix{netip.PrefixFrom(loopback4, 8), netip.PrefixFrom(loopback6, 128)}}}
	st.lastIdx = 1
	return st
}

// Interface is a network interface. It is never changed.
type Interface struct {
	Name     string
	Index    int
	MAC      [6]byte
	MTU      int
	Loopback bool
	Addrs    []netip.Prefix // addresses with the lengths of their subnets
	Gateway4 netip.Addr     // of the default route; invalid for none
	Gateway6 netip.Addr
	Network  *Network // nil for loopback
}

// Interfaces lists the interfaces, loopback first.
func (st *Stack) Interfaces() []*Interface {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.ifaces)
}

// Socket makes a socket (socket(2)): EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM.
func (st *Stack) Socket(domain, typ, protocol int, owner abi.Ucred) (Socket, error) {
	if protocol < 0 || protocol > 262 {
		return nil, abi.EINVAL
	}
	switch domain {
	case abi.AF_UNIX:
		if protocol != 0 && protocol != abi.AF_UNIX {
			return nil, abi.EPROTONOSUPPORT
		}
		switch typ {
		case abi.SOCK_STREAM, abi.SOCK_SEQPACKET:
			return newStream(st, domain, typ, 0, owner), nil
		case abi.SOCK_DGRAM, abi.SOCK_RAW:
			return newDatagram(st, domain, abi.SOCK_DGRAM, 0, owner), nil
		}
		return nil, abi.ESOCKTNOSUPPORT
	case abi.AF_INET, abi.AF_INET6:
		return st.inetSocket(domain, typ, protocol, owner)
	}
	return nil, abi.EAFNOSUPPORT
}

func (st *Stack) inetSocket(domain, typ, protocol int, owner abi.Ucred) (Socket, error) {
	echo := abi.IPPROTO_ICMP
	if domain == abi.AF_INET6 {
		echo = abi.IPPROTO_ICMPV6
	}
	switch {
	case typ == abi.SOCK_STREAM && (protocol == 0 || protocol == abi.IPPROTO_TCP):
		return newStream(st, domain, typ, abi.IPPROTO_TCP, owner), nil
	case typ == abi.SOCK_DGRAM && (protocol == 0 || protocol == abi.IPPROTO_UDP):
		return newDatagram(st, domain, typ, abi.IPPROTO_UDP, owner), nil
	case typ == abi.SOCK_DGRAM && protocol == echo:
		return newDatagram(st, domain, typ, protocol, owner), nil
	case typ == abi.SOCK_RAW && owner.UID != 0:
		return nil, abi.EPERM
	case typ == abi.SOCK_STREAM, typ == abi.SOCK_DGRAM, typ == abi.SOCK_RAW:
		return nil, abi.EPROTONOSUPPORT
	}
	return nil, abi.ESOCKTNOSUPPORT
}

// owns reports whether a socket may be bound to an address.
func (st *Stack) owns(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == broadcast {
		return true
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.ownsLocked(a)
}

func (st *Stack) ownsLocked(a netip.Addr) bool {
	for _, i := range st.ifaces {
		for _, p := range i.Addrs {
			if p.Addr() == a || a.Is4() && !i.Loopback && p.Addr().Is4() && a == lastAddr(p) {
				return true
			}
		}
	}
	return false
}

// hop is where an address leads from a stack.
type hop struct {
	from    netip.Addr     // the sender's address
	to      netip.AddrPort // the receiver's
	stack   *Stack         // whose the address is
	network *Network       // on the way there, if any
	many    bool           // broadcast or multicast on network
	uplink  Uplink         // to the outside
	service bool           // the stack's resolver
}

// route finds where an address leads. bound is what the socket is bound to, if anything: ENETUNREACH, EHOSTUNREACH,
// EINVAL.
func (st *Stack) route(to netip.AddrPort, bound netip.Addr, domain int) (hop, error) {
	to = unmap(to)
	a := to.Addr()
	switch {
	case a.IsUnspecified() && a.Is4():
		a = loopback4
	case a.IsUnspecified():
		a = loopback6
	}
	to = netip.AddrPortFrom(a.WithZone(""), to.Port())
	h := hop{to: to, from: bound}
	if !bound.IsValid() || bound.IsUnspecified() || bound.IsMulticast() {
		h.from = netip.Addr{}
	}
	if h.from.IsValid() && h.from.Is4() != a.Is4() {
		return h, abi.ENETUNREACH
	}
	if st.host {
		h.uplink = st.uplink
		if !h.from.IsValid() {
			h.from = a
		}
		return h, nil
	}
	if to == ResolverAddr && st.resolver != nil {
		h.service, h.stack = true, st
		h.source(loopback4)
		return h, nil
	}
	if a.IsLoopback() {
		h.stack = st
		h.source(map[bool]netip.Addr{true: loopback4, false: loopback6}[a.Is4()])
		return h, nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	many := a.IsMulticast() || a == broadcast
	for _, i := range st.ifaces {
		for _, p := range i.Addrs {
			switch {
			case p.Addr() == a:
				h.stack = st
				h.source(a)
				return h, nil
			case i.Loopback || p.Addr().Is4() != a.Is4():
			case many, a.Is4() && a == lastAddr(p) && p.Bits() < 31:
				h.many, h.network = true, i.Network
				h.source(p.Addr())
				return h, nil
			case p.Contains(a):
				h.source(p.Addr())
				h.network = i.Network
				if h.from.IsLoopback() {
					return h, abi.EINVAL
				}
				if h.stack = i.Network.find(a); h.stack != nil {
					return h, nil
				}
				if a == i.Network.gateway(a.Is4()) && i.Network.uplink != nil {
					h.uplink = i.Network.uplink
					return h, nil
				}
				return h, abi.EHOSTUNREACH
			}
		}
	}
	for _, i := range st.ifaces {
		gateway := i.Gateway6
		if a.Is4() {
			gateway = i.Gateway4
		}
		if !gateway.IsValid() || many {
			continue
		}
		for _, p := range i.Addrs {
			if p.Addr().Is4() == a.Is4() {
				h.source(p.Addr())
				break
			}
		}
		if h.from.IsLoopback() {
			return h, abi.EINVAL
		}
		if i.Network.uplink == nil {
			return h, abi.EHOSTUNREACH
		}
		h.network, h.uplink = i.Network, i.Network.uplink
		return h, nil
	}
	return h, abi.ENETUNREACH
}

func (h *hop) source(a netip.Addr) {
	if !h.from.IsValid() {
		h.from = a
	}
}
