package vnet

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Ioctl serves FIONREAD and TIOCOUTQ, and the requests about interfaces.
func (s *stream) Ioctl(_ vfs.IoctlContext, req uint32, _ uint64, arg []byte) (int, error) {
	var n int
	l := s.link.Load()
	switch {
	case req == abi.FIONREAD && s.listens():
		return 0, abi.EINVAL
	case req == abi.FIONREAD && l != nil:
		n, _, _, _, _, _ = l.rx.state()
	case req == abi.SIOCOUTQ && l != nil:
		n, _, _, _, _, _ = l.tx.state()
	case req != abi.FIONREAD && req != abi.SIOCOUTQ:
		return s.base.ioctl(req, arg)
	}
	return putInt(arg, n)
}

func (s *stream) listens() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == listening
}

// Ioctl serves FIONREAD, the size of the next datagram, and the requests about interfaces.
func (d *datagram) Ioctl(_ vfs.IoctlContext, req uint32, _ uint64, arg []byte) (int, error) {
	switch req {
	case abi.FIONREAD:
		d.mu.Lock()
		defer d.mu.Unlock()
		n := 0
		if len(d.packets) > 0 {
			n = len(d.packets[0].data)
		}
		return putInt(arg, n)
	case abi.SIOCOUTQ:
		return putInt(arg, 0)
	}
	return d.base.ioctl(req, arg)
}

func putInt(arg []byte, n int) (int, error) {
	if len(arg) < 4 {
		return 0, abi.EFAULT
	}
	binary.NativeEndian.PutUint32(arg, uint32(n))
	return 0, nil
}

const (
	ifreqSize = 40
	ifNameLen = 16
)

// ioctl serves the requests of netdevice(7) that read; arg is a struct ifreq. Those that change something give EPERM.
func (b *base) ioctl(req uint32, arg []byte) (int, error) {
	switch req {
	case abi.SIOCSIFFLAGS, abi.SIOCSIFADDR, abi.SIOCSIFNETMASK, abi.SIOCSIFMTU, abi.SIOCADDRT, abi.SIOCDELRT:
		return 0, abi.EPERM
	case abi.SIOCGIFNAME, abi.SIOCGIFFLAGS, abi.SIOCGIFADDR, abi.SIOCGIFDSTADDR, abi.SIOCGIFBRDADDR, abi.SIOCGIFNETMASK,
		abi.SIOCGIFMETRIC, abi.SIOCGIFMTU, abi.SIOCGIFHWADDR, abi.SIOCGIFINDEX, abi.SIOCGIFTXQLEN, abi.SIOCGIFMAP:
	default:
		return 0, abi.ENOTTY
	}
	if b.stack == nil {
		return 0, abi.ENODEV
	}
	if len(arg) < ifreqSize {
		return 0, abi.EFAULT
	}
	name, _, _ := bytes.Cut(arg[:ifNameLen], []byte{0})
	value := arg[ifNameLen:ifreqSize]
	var i *Interface
	for _, x := range b.stack.Interfaces() {
		if req == abi.SIOCGIFNAME && x.Index == int(binary.NativeEndian.Uint32(value)) || req != abi.SIOCGIFNAME && x.Name == string(name) {
			i = x
		}
	}
	if i == nil {
		return 0, abi.ENODEV
	}
	if req == abi.SIOCGIFNAME {
		clear(arg[copy(arg[:ifNameLen], i.Name):ifNameLen])
		return 0, nil
	}
	clear(value)
	return 0, i.describe(req, value)
}

// describe answers a request about an interface: EADDRNOTAVAIL when it has no IPv4 address.
func (i *Interface) describe(req uint32, value []byte) error {
	var prefix netip.Prefix
	for _, p := range i.Addrs {
		if p.Addr().Is4() {
			prefix = p
			break
		}
	}
	put := func(v uint32) { binary.NativeEndian.PutUint32(value, v) }
	addr := func(a netip.Addr) {
		binary.NativeEndian.PutUint16(value, abi.AF_INET)
		b := a.As4()
		copy(value[4:], b[:])
	}
	switch req {
	case abi.SIOCGIFFLAGS:
		binary.NativeEndian.PutUint16(value, uint16(i.Flags()))
	case abi.SIOCGIFMTU:
		put(uint32(i.MTU))
	case abi.SIOCGIFINDEX:
		put(uint32(i.Index))
	case abi.SIOCGIFTXQLEN:
		put(txQueueLen(i))
	case abi.SIOCGIFHWADDR:
		binary.NativeEndian.PutUint16(value, i.hardware())
		copy(value[2:], i.MAC[:])
	case abi.SIOCGIFADDR, abi.SIOCGIFDSTADDR, abi.SIOCGIFBRDADDR, abi.SIOCGIFNETMASK:
		if !prefix.IsValid() {
			return abi.EADDRNOTAVAIL
		}
		switch {
		case req == abi.SIOCGIFNETMASK:
			addr(mask4(prefix.Bits()))
		case req == abi.SIOCGIFBRDADDR && i.Loopback:
			addr(netip.IPv4Unspecified())
		case req == abi.SIOCGIFBRDADDR:
			addr(lastAddr(prefix))
		default:
			addr(prefix.Addr())
		}
	}
	return nil
}

// Flags are the IFF_ flags.
func (i *Interface) Flags() uint32 {
	if i.Loopback {
		return abi.IFF_UP | abi.IFF_LOOPBACK | abi.IFF_RUNNING
	}
	return abi.IFF_UP | abi.IFF_BROADCAST | abi.IFF_RUNNING | abi.IFF_MULTICAST
}

// hardware is the ARPHRD_ type.
func (i *Interface) hardware() uint16 {
	if i.Loopback {
		return 772
	}
	return 1
}

func txQueueLen(i *Interface) uint32 {
	if i.Loopback {
		return 1000
	}
	return 0
}

func mask4(bits int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], ^uint32(0)<<(32-bits))
	return netip.AddrFrom4(b)
}

// Conf lists the interfaces with an IPv4 address as struct ifreq, one after the other (SIOCGIFCONF).
func (st *Stack) Conf() []byte {
	var out []byte
	for _, i := range st.Interfaces() {
		for _, p := range i.Addrs {
			if !p.Addr().Is4() {
				continue
			}
			var r [ifreqSize]byte
			copy(r[:ifNameLen-1], i.Name)
			binary.NativeEndian.PutUint16(r[ifNameLen:], abi.AF_INET)
			b := p.Addr().As4()
			copy(r[ifNameLen+4:], b[:])
			out = append(out, r[:]...)
		}
	}
	return out
}
