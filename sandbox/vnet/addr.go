package vnet

import (
	"net/netip"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Addr is the address of a socket. IPv4 addresses are never in their IPv6 form here: a socket of AF_INET6 that has an
// IPv4 address shows it as ::ffff:a.b.c.d to its program alone.
type Addr struct {
	Family uint16         // abi.AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC for none
	IP     netip.AddrPort // of AF_INET and AF_INET6
	Path   string         // of AF_UNIX: a path, a name that begins with a zero byte (abstract), "" for none
	Node   Node           // of AF_UNIX: what the path leads to
}

// Node is a socket's inode in a filesystem: where a path of AF_UNIX leads, resolved by the kernel.
type Node struct {
	Table    *Names // of the kernels that see the same filesystem
	Dev, Ino uint64
}

// InetAddr makes an address of an IP address and port.
func InetAddr(ap netip.AddrPort) Addr {
	ap = unmap(ap)
	if ap.Addr().Is4() {
		return Addr{Family: abi.AF_INET, IP: ap}
	}
	return Addr{Family: abi.AF_INET6, IP: ap}
}

// String gives "1.2.3.4:80", a path, or "@name" for an abstract name.
func (a Addr) String() string {
	if a.Family != abi.AF_UNIX {
		return a.IP.String()
	}
	if a.Path != "" && a.Path[0] == 0 {
		return "@" + a.Path[1:]
	}
	return a.Path
}

func unmap(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }

// as shows an IP address to a socket of a family.
func (a Addr) as(family uint16) Addr {
	if family != abi.AF_INET6 || !a.IP.Addr().Is4() {
		return a
	}
	a.Family = abi.AF_INET6
	a.IP = netip.AddrPortFrom(netip.AddrFrom16(a.IP.Addr().As16()), a.IP.Port())
	return a
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
	broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// lastAddr returns the broadcast address of an IPv4 subnet.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
