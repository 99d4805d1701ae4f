// Package network gives containers their networks.
package network

import (
	"errors"
	"net/netip"
	"sync"

	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Bridge is the default network, "bridge": every container on it has an address of 172.17.0.0/16 and reaches the others and,
// by the host, the outside; not the host itself.
type Bridge struct {
	net    *vnet.Network
	subnet netip.Prefix

	mu   sync.Mutex
	last netip.Addr
	used map[netip.Addr]bool
}

// NewBridge makes the default network.
func NewBridge() *Bridge {
	subnet := netip.MustParsePrefix("172.17.0.0/16")
	gateway := subnet.Addr().Next()
	return &Bridge{
		net: vnet.NewNetwork(vnet.NetworkConfig{
			Subnets: []vnet.Subnet{{Prefix: subnet, Gateway: gateway}}, Uplink: &vnet.HostUplink{},
		}),
		subnet: subnet, last: gateway, used: map[netip.Addr]bool{},
	}
}

// Join gives a container's stack an address, which leave gives back.
func (b *Bridge) Join(stack *vnet.Stack) (addr netip.Addr, leave func(), err error) {
	if addr, err = b.allocate(); err != nil {
		return addr, nil, err
	}
	eth0, err := stack.Attach(b.net, vnet.InterfaceConfig{Addrs: []netip.Addr{addr}})
	if err != nil {
		b.free(addr)
		return addr, nil, err
	}
	return addr, func() {
		stack.Detach(eth0)
		b.free(addr)
	}, nil
}

// allocate takes the next address that is free; the last of the subnet is for broadcasts.
func (b *Bridge) allocate() (netip.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range 1<<(32-b.subnet.Bits()) - 3 {
		next := b.last.Next()
		if !b.subnet.Contains(next.Next()) {
			next = b.subnet.Addr().Next().Next()
		}
		if b.last = next; !b.used[next] {
			b.used[next] = true
			return next, nil
		}
	}
	return netip.Addr{}, errors.New("no available IPv4 addresses on this network's address pools: bridge")
}

func (b *Bridge) free(a netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.used, a)
}
