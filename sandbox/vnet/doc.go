// Package vnet is the network of sandboxes: sockets between containers, to the host and out. It knows neither Docker nor the
// kernel's tasks.
//
// A Stack is one container's network namespace; a Network joins stacks by their addresses; an Uplink carries what leaves a
// network, and decides what may. The sockets have the semantics of Linux's (socket(7), ip(7), tcp(7), udp(7), icmp(7), unix(7))
// without packets: a connection between containers is two ring buffers in memory, and a connection to the outside is such a
// pair whose far end a connection of the host serves. RATIONALE.md tells why.
//
//	bridge := vnet.NewNetwork(vnet.NetworkConfig{
//		Subnets: []vnet.Subnet{{Prefix: netip.MustParsePrefix("172.17.0.0/16"), Gateway: netip.MustParseAddr("172.17.0.1")}},
//		Uplink:  &vnet.HostUplink{}, // nil for an internal network
//	})
//	stack := vnet.NewStack(vnet.StackConfig{Resolver: resolver})
//	eth0, err := stack.Attach(bridge, vnet.InterfaceConfig{Addrs: []netip.Addr{netip.MustParseAddr("172.17.0.2")}})
//	…
//	err = stack.Forward(ctx, accepted, netip.MustParseAddrPort("172.17.0.2:80"), client) // a published port
//
// A stack outlives the processes that use it; it holds nothing that has to be closed but its interfaces (Detach) and the sockets
// that are open.
package vnet
