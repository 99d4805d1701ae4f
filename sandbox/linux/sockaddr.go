package linux

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Sizes of addresses.
const (
	sizeSockaddrIn  = 16
	sizeSockaddrIn6 = 28
	minSockaddrIn6  = 24 // RFC 2133's, without a scope
	sizeSockaddrUn  = 110
	maxSockaddr     = 128 // struct sockaddr_storage
)

// sockaddr reads an address for a socket: EFAULT, EINVAL for a length that is wrong.
func sockaddr(m Memory, addr uint64, n int, s vnet.Socket) (vnet.Addr, error) {
	if n < 0 || n > maxSockaddr {
		return vnet.Addr{}, abi.EINVAL
	}
	b, err := m.Slice(addr, uint64(n))
	if err != nil {
		return vnet.Addr{}, err
	}
	if n < 2 {
		return vnet.Addr{}, abi.EINVAL
	}
	family := le.Uint16(b)
	switch {
	case s.Domain() == abi.AF_INET && n < sizeSockaddrIn && family != abi.AF_UNSPEC,
		s.Domain() == abi.AF_INET6 && s.Type() == abi.SOCK_STREAM && n < minSockaddrIn6 && family != abi.AF_UNSPEC:
		return vnet.Addr{}, abi.EINVAL
	case family == abi.AF_UNIX && s.Domain() == abi.AF_UNIX:
		if n > sizeSockaddrUn {
			return vnet.Addr{}, abi.EINVAL
		}
		path := b[2:]
		if len(path) > 0 && path[0] != 0 {
			path, _, _ = bytes.Cut(path, []byte{0})
		}
		return vnet.Addr{Family: family, Path: string(path)}, nil
	case family == abi.AF_INET:
		if n < sizeSockaddrIn {
			return vnet.Addr{}, abi.EINVAL
		}
		a := netip.AddrFrom4([4]byte(b[4:8]))
		return vnet.Addr{Family: family, IP: netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[2:]))}, nil
	case family == abi.AF_INET6:
		if n < minSockaddrIn6 {
			return vnet.Addr{}, abi.EINVAL
		}
		a := netip.AddrFrom16([16]byte(b[8:24]))
		return vnet.Addr{Family: family, IP: netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[2:]))}, nil
	case family == abi.AF_UNSPEC && n >= sizeSockaddrIn:
		return vnet.Addr{IP: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]))}, nil
	case family == abi.AF_UNSPEC:
		return vnet.Addr{}, nil
	}
	return vnet.Addr{Family: family}, nil
}

// appendSockaddr writes an address as the kernel gives it; nothing for none.
func appendSockaddr(b []byte, a vnet.Addr) []byte {
	switch a.Family {
	case abi.AF_INET:
		ip := a.IP.Addr().As4()
		b = le.AppendUint16(b, abi.AF_INET)
		b = binary.BigEndian.AppendUint16(b, a.IP.Port())
		b = append(b, ip[:]...)
		return append(b, make([]byte, 8)...)
	case abi.AF_INET6:
		ip := a.IP.Addr().As16()
		b = le.AppendUint16(b, abi.AF_INET6)
		b = binary.BigEndian.AppendUint16(b, a.IP.Port())
		b = append(b, 0, 0, 0, 0)
		b = append(b, ip[:]...)
		return append(b, 0, 0, 0, 0)
	case abi.AF_UNIX:
		b = le.AppendUint16(b, abi.AF_UNIX)
		b = append(b, a.Path...)
		if a.Path != "" && a.Path[0] != 0 {
			b = append(b, 0)
		}
	}
	return b
}

// putSockaddr writes an address to addr and its length to lenAddr, which holds the room there is: EFAULT, EINVAL.
func putSockaddr(m Memory, addr, lenAddr uint64, a vnet.Addr) error {
	var room int32
	if err := get(m, lenAddr, &room); err != nil {
		return err
	}
	if room < 0 {
		return abi.EINVAL
	}
	var few [sizeSockaddrUn + 1]byte
	b := appendSockaddr(few[:0], a)
	out, err := m.Slice(addr, uint64(min(int(room), len(b))))
	if err != nil {
		return err
	}
	copy(out, b)
	n := int32(len(b))
	return put(m, lenAddr, &n)
}
