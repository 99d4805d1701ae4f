package sys

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Socket makes a socket.
func Socket(domain, typ, protocol int) (int, error) {
	return result(raw(abi.SYS_SOCKET, uintptr(domain), uintptr(typ), uintptr(protocol), 0, 0, 0))
}

// Family returns the address family of an address.
func Family(a netip.Addr) int {
	if a.Is4() {
		return abi.AF_INET
	}
	return abi.AF_INET6
}

// sockaddr lays an address out as struct sockaddr_in or sockaddr_in6.
func sockaddr(ap netip.AddrPort) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(Family(ap.Addr())))
	b = binary.BigEndian.AppendUint16(b, ap.Port())
	if ap.Addr().Is4() {
		a := ap.Addr().As4()
		return append(append(b, a[:]...), make([]byte, 8)...)
	}
	a := ap.Addr().As16()
	return append(append(append(b, 0, 0, 0, 0), a[:]...), 0, 0, 0, 0)
}

func parseSockaddr(b []byte) netip.AddrPort {
	switch port := binary.BigEndian.Uint16(b[2:]); binary.LittleEndian.Uint16(b) {
	case abi.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case abi.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// Connect connects a socket.
func Connect(fd int, to netip.AddrPort) error {
	b := sockaddr(to)
	return failed(raw(abi.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0))
}

// Bind gives a socket an address.
func Bind(fd int, a netip.AddrPort) error {
	b := sockaddr(a)
	return failed(raw(abi.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0))
}

// Listen makes a socket accept connections.
func Listen(fd, backlog int) error {
	return failed(raw(abi.SYS_LISTEN, uintptr(fd), uintptr(backlog), 0, 0, 0, 0))
}

// Accept takes a connection; it starts again when a signal interrupts it.
func Accept(fd int) (int, netip.AddrPort, error) {
	var b [128]byte
	for {
		n := uint32(len(b))
		c, err := result(raw(abi.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0, 0, 0))
		if err != abi.EINTR {
			return c, parseSockaddr(b[:]), err
		}
	}
}

// Getsockname returns a socket's own address, and Getpeername its peer's.
func Getsockname(fd int) (netip.AddrPort, error) { return sockName(abi.SYS_GETSOCKNAME, fd) }
func Getpeername(fd int) (netip.AddrPort, error) { return sockName(abi.SYS_GETPEERNAME, fd) }

func sockName(nr abi.Sysno, fd int) (netip.AddrPort, error) {
	var b [128]byte
	n := uint32(len(b))
	err := failed(raw(nr, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0, 0, 0))
	return parseSockaddr(b[:]), err
}

// Sendto sends a datagram; an invalid address leaves it to where the socket is connected to.
func Sendto(fd int, p []byte, to netip.AddrPort) error {
	p = append(p, 0)
	if !to.IsValid() {
		return failed(raw(abi.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)-1), 0, 0, 0))
	}
	b := sockaddr(to)
	return failed(raw(abi.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)-1), 0,
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

// Recvfrom receives a datagram.
func Recvfrom(fd int, p []byte, flags int) (int, netip.AddrPort, error) {
	var b [128]byte
	n := uint32(len(b))
	got, err := result(raw(abi.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n))))
	return got, parseSockaddr(b[:]), err
}

// Shutdown ends a direction of a connection.
func Shutdown(fd, how int) error {
	return failed(raw(abi.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0, 0, 0, 0))
}

// SetsockoptInt sets an option that is a number.
func SetsockoptInt(fd, level, name int, v int32) error {
	return failed(raw(abi.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(&v)), 4, 0))
}

// Ifreq makes a request about an interface (netdevice(7)); value is what follows the name.
func Ifreq(fd int, request uintptr, name string) (value [24]byte, err error) {
	var r [40]byte
	copy(r[:15], name)
	err = ioctl(fd, request, unsafe.Pointer(&r[0]))
	copy(value[:], r[16:])
	return value, err
}

// SetNonblock sets or clears O_NONBLOCK.
func SetNonblock(fd int, on bool) error {
	flags, err := Fcntl(fd, abi.F_GETFL, 0)
	if err != nil {
		return err
	}
	flags &^= abi.O_NONBLOCK
	if on {
		flags |= abi.O_NONBLOCK
	}
	_, err = Fcntl(fd, abi.F_SETFL, flags)
	return err
}

// SocketError takes a socket's pending error (SO_ERROR).
func SocketError(fd int) error {
	var v, n uint32 = 0, 4
	err := failed(raw(abi.SYS_GETSOCKOPT, uintptr(fd), abi.SOL_SOCKET, abi.SO_ERROR, uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&n)), 0))
	if err == nil && v != 0 {
		err = abi.Errno(v)
	}
	return err
}

// Pipe2 makes a pipe.
func Pipe2(flags int) (r, w int, err error) {
	var fds [2]int32
	err = failed(raw(abi.SYS_PIPE2, uintptr(unsafe.Pointer(&fds)), uintptr(flags), 0, 0, 0, 0))
	return int(fds[0]), int(fds[1]), err
}
