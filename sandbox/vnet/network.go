package vnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Network joins stacks: what one sends to an address of the network reaches the stack that has it. Nothing is forwarded
// between networks.
type Network struct {
	subnets []Subnet
	uplink  Uplink
	mtu     int

	mu      sync.Mutex
	members map[netip.Addr]*Stack
}

// Subnet is a range of a network's addresses. The gateway is the host's address in it; invalid for none.
type Subnet struct {
	Prefix  netip.Prefix
	Gateway netip.Addr
}

// NetworkConfig describes a Network.
type NetworkConfig struct {
	Subnets []Subnet
	Uplink  Uplink // nil: nothing leaves the network ("internal")
	MTU     int    // 0 means 1500
}

// NewNetwork makes a network that nobody has joined.
func NewNetwork(cfg NetworkConfig) *Network {
	n := &Network{subnets: slices.Clone(cfg.Subnets), uplink: cfg.Uplink, mtu: cfg.MTU, members: make(map[netip.Addr]*Stack)}
	if n.mtu == 0 {
		n.mtu = 1500
	}
	return n
}

// InterfaceConfig describes a stack's interface on a network.
type InterfaceConfig struct {
	Name  string       // "" is the first free of eth0, eth1, …
	MAC   [6]byte      // zero makes one of the first IPv4 address, as dockerd does
	Addrs []netip.Addr // each in one of the network's subnets, and nobody else's
	// NoDefault makes it no way to the outside: the network's gateways are not used.
	NoDefault bool
}

// Attach gives a stack an interface on a network.
func (st *Stack) Attach(n *Network, cfg InterfaceConfig) (*Interface, error) {
	i := &Interface{Name: cfg.Name, MAC: cfg.MAC, MTU: n.mtu, Network: n}
	for _, a := range cfg.Addrs {
		sub := n.subnet(a)
		if sub == nil {
			return nil, fmt.Errorf("address %s is in none of the network's subnets", a)
		}
		i.Addrs = append(i.Addrs, netip.PrefixFrom(a, sub.Prefix.Bits()))
		switch {
		case cfg.NoDefault:
		case a.Is4() && !i.Gateway4.IsValid():
			i.Gateway4 = sub.Gateway
		case !a.Is4() && !i.Gateway6.IsValid():
			i.Gateway6 = sub.Gateway
		}
		if a.Is4() && i.MAC == ([6]byte{}) {
			b := a.As4()
			i.MAC = [6]byte{0x02, 0x42, b[0], b[1], b[2], b[3]}
		}
	}
	if n.uplink == nil {
		i.Gateway4, i.Gateway6 = netip.Addr{}, netip.Addr{}
	}
	if err := n.join(st, cfg.Addrs); err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for k := 0; i.Name == "" || st.named(i.Name); k++ {
		if i.Name != "" && i.Name == cfg.Name {
			n.leave(st, cfg.Addrs)
			return nil, fmt.Errorf("interface %s exists", i.Name)
		}
		i.Name = fmt.Sprintf("eth%d", k)
	}
	st.lastIdx++
	i.Index = st.lastIdx
	st.ifaces = append(st.ifaces, i)
	return i, nil
}

func (st *Stack) named(name string) bool {
	return slices.ContainsFunc(st.ifaces, func(i *Interface) bool { return i.Name == name })
}

// Detach takes an interface away. Connections over it stay until their programs end them.
func (st *Stack) Detach(i *Interface) {
	st.mu.Lock()
	st.ifaces = slices.DeleteFunc(st.ifaces, func(x *Interface) bool { return x == i })
	st.mu.Unlock()
	var addrs []netip.Addr
	for _, p := range i.Addrs {
		addrs = append(addrs, p.Addr())
	}
	i.Network.leave(st, addrs)
}

func (n *Network) join(st *Stack, addrs []netip.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		if n.members[a] != nil {
			return fmt.Errorf("address %s is in use", a)
		}
	}
	for _, a := range addrs {
		n.members[a] = st
	}
	return nil
}

func (n *Network) leave(st *Stack, addrs []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		if n.members[a] == st {
			delete(n.members, a)
		}
	}
}

// find returns the stack that has an address.
func (n *Network) find(a netip.Addr) *Stack {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members[a]
}

// all returns every stack on the network once.
func (n *Network) all() []*Stack {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []*Stack
	for _, st := range n.members {
		if !slices.Contains(list, st) {
			list = append(list, st)
		}
	}
	return list
}

func (n *Network) subnet(a netip.Addr) *Subnet {
	for i := range n.subnets {
		if n.subnets[i].Prefix.Contains(a) {
			return &n.subnets[i]
		}
	}
	return nil
}

func (n *Network) gateway(ip4 bool) netip.Addr {
	for _, s := range n.subnets {
		if s.Prefix.Addr().Is4() == ip4 {
			return s.Gateway
		}
	}
	return netip.Addr{}
}

// Uplink carries what leaves a network. Its methods may be called by many goroutines at once; they decide what may be
// reached. Errors are syscall.Errno or abi.Errno, possibly wrapped.
type Uplink interface {
	// Dial connects to an address outside: "tcp", or "udp" for a socket that exchanges datagrams with that address.
	Dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// Pinger is an Uplink that can send an ICMP echo request outside. Ping waits for the reply.
type Pinger interface {
	Ping(ctx context.Context, to netip.Addr, payload []byte) error
}
