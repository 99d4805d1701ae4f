//go:build amd64

package linux_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
)

// netCalls makes system calls, of the sandbox or of this machine's Linux, and writes down what they gave. Memory is an arena
// that both see at the addresses they are told.
type netCalls struct {
	t     *testing.T
	sys   func(nr abi.Sysno, a [6]uint64) int64
	arena []byte
	base  uint64
	next  int
	log   strings.Builder
	dir   string
}

func (c *netCalls) alloc(n int) (uint64, []byte) {
	n = (n + 15) &^ 15
	if c.next+n > len(c.arena) {
		c.next = 0
	}
	b := c.arena[c.next : c.next+n]
	clear(b)
	addr := c.base + uint64(c.next)
	c.next += n
	return addr, b
}

func (c *netCalls) put(b []byte) uint64 {
	addr, at := c.alloc(len(b) + 1)
	copy(at, b)
	return addr
}

func (c *netCalls) call(nr abi.Sysno, args ...any) int64 {
	var a [6]uint64
	for i, v := range args {
		switch v := v.(type) {
		case int:
			a[i] = uint64(v)
		case int64:
			a[i] = uint64(v)
		case uint64:
			a[i] = v
		case []byte:
			a[i] = c.put(v)
		case string:
			a[i] = c.put([]byte(v))
		default:
			c.t.Fatalf("argument %T", v)
		}
	}
	return c.sys(nr, a)
}

func errName(n int64) string {
	if n < 0 {
		return abi.Errno(-n).Name()
	}
	return fmt.Sprint(n)
}

// do makes a call and writes its result down.
func (c *netCalls) do(what string, nr abi.Sysno, args ...any) int64 {
	n := c.call(nr, args...)
	fmt.Fprintf(&c.log, "%s: %s\n", what, errName(n))
	return n
}

// quiet makes a call that gives a descriptor, whose number differs.
func (c *netCalls) fd(what string, nr abi.Sysno, args ...any) int64 {
	n := c.call(nr, args...)
	if n >= 0 {
		fmt.Fprintf(&c.log, "%s: ok\n", what)
	} else {
		fmt.Fprintf(&c.log, "%s: %s\n", what, errName(n))
	}
	return n
}

func (c *netCalls) socket(domain, typ, proto int) int64 {
	return c.fd(fmt.Sprintf("socket %d %d %d", domain, typ, proto), abi.SYS_SOCKET, domain, typ, proto)
}

func in4(ip string, port int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, abi.AF_INET)
	b = binary.BigEndian.AppendUint16(b, uint16(port))
	var a [4]byte
	fmt.Sscanf(ip, "%d.%d.%d.%d", &a[0], &a[1], &a[2], &a[3])
	return append(append(b, a[:]...), make([]byte, 8)...)
}

func in6(ip [16]byte, port int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, abi.AF_INET6)
	b = binary.BigEndian.AppendUint16(b, uint16(port))
	b = append(b, 0, 0, 0, 0)
	return append(append(b, ip[:]...), 0, 0, 0, 0)
}

func un(path string) []byte {
	return append(binary.LittleEndian.AppendUint16(nil, abi.AF_UNIX), path...)
}

func (c *netCalls) bind(fd int64, addr []byte) int64 {
	return c.do("bind", abi.SYS_BIND, fd, addr, len(addr))
}

func (c *netCalls) connect(fd int64, addr []byte) int64 {
	return c.do("connect", abi.SYS_CONNECT, fd, addr, len(addr))
}

// name writes an address down, a port as "port".
func (c *netCalls) name(what string, nr abi.Sysno, fd int64) int {
	addr, b := c.alloc(128)
	lenAddr, l := c.alloc(4)
	binary.LittleEndian.PutUint32(l, 128)
	if n := c.do(what, nr, fd, addr, lenAddr); n < 0 {
		return 0
	}
	n := binary.LittleEndian.Uint32(l)
	port := 0
	a := append([]byte{}, b[:min(n, 128)]...)
	if f := binary.LittleEndian.Uint16(a); f == abi.AF_INET || f == abi.AF_INET6 {
		port = int(binary.BigEndian.Uint16(a[2:]))
		if port != 0 {
			a[2], a[3] = 'P', 'P'
		}
	}
	if bytes.Contains(a, []byte(c.dir)) {
		n -= uint32(len(c.dir))
	}
	fmt.Fprintf(&c.log, "  %d %s\n", n, strings.ReplaceAll(fmt.Sprintf("%q", a), c.dir, "DIR"))
	return port
}

func (c *netCalls) poll(fd int64) {
	b := make([]byte, 8)
	binary.LittleEndian.PutUint32(b, uint32(fd))
	binary.LittleEndian.PutUint16(b[4:], 0x3fff)
	addr, at := c.alloc(8)
	copy(at, b)
	n := c.call(abi.SYS_POLL, addr, 1, 0)
	fmt.Fprintf(&c.log, "poll: %s %#x\n", errName(n), binary.LittleEndian.Uint16(at[6:]))
}

func (c *netCalls) send(fd int64, data string, flags int) int64 {
	return c.do("send", abi.SYS_SENDTO, fd, data, len(data), flags|abi.MSG_NOSIGNAL, 0, 0)
}

func (c *netCalls) recv(fd int64, n, flags int) int64 {
	addr, b := c.alloc(n)
	got := c.do("recv", abi.SYS_RECVFROM, fd, addr, n, flags, 0, 0)
	if got > 0 {
		fmt.Fprintf(&c.log, "  %q\n", b[:min(int(got), n)])
	}
	return got
}

func (c *netCalls) setInt(fd int64, level, name, v int) {
	c.do(fmt.Sprintf("setsockopt %d %d", level, name), abi.SYS_SETSOCKOPT, fd, level, name, binary.LittleEndian.AppendUint32(nil, uint32(v)), 4)
}

func (c *netCalls) getInt(fd int64, level, name int) {
	addr, b := c.alloc(16)
	lenAddr, l := c.alloc(4)
	binary.LittleEndian.PutUint32(l, 16)
	c.do(fmt.Sprintf("getsockopt %d %d", level, name), abi.SYS_GETSOCKOPT, fd, level, name, addr, lenAddr)
	fmt.Fprintf(&c.log, "  %d %v\n", binary.LittleEndian.Uint32(l), b[:min(binary.LittleEndian.Uint32(l), 16)])
}

// listener makes a TCP listener, not blocking, and returns its port.
func (c *netCalls) listener() (int64, int) {
	l := c.socket(abi.AF_INET, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
	c.bind(l, in4("127.0.0.1", 0))
	c.do("listen", abi.SYS_LISTEN, l, 5)
	return l, c.name("getsockname", abi.SYS_GETSOCKNAME, l)
}

// pair makes a TCP connection; the sockets do not block once they are connected.
func (c *netCalls) pair() (client, server int64) {
	l, port := c.listener()
	client = c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
	c.connect(client, in4("127.0.0.1", port))
	c.poll(l)
	server = c.fd("accept4", abi.SYS_ACCEPT4, l, 0, 0, abi.SOCK_NONBLOCK)
	c.close(l)
	return client, server
}

func (c *netCalls) unixPair(typ int) (int64, int64) {
	addr, b := c.alloc(8)
	c.do("socketpair", abi.SYS_SOCKETPAIR, abi.AF_UNIX, typ|abi.SOCK_NONBLOCK, 0, addr)
	return int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:]))
}

func (c *netCalls) close(fd int64) { c.do("close", abi.SYS_CLOSE, fd) }

// settle lets what is under way on the machine's loopback arrive.
func (c *netCalls) settle() { time.Sleep(2 * time.Millisecond) }

func (c *netCalls) shutdown(fd int64, how int) { c.do("shutdown", abi.SYS_SHUTDOWN, fd, how) }

var wild6 [16]byte
var loop6 = [16]byte{15: 1}

var netScripts = []struct {
	name string
	run  func(c *netCalls)
}{
	{"making sockets", func(c *netCalls) {
		for _, a := range [][3]int{{1, 1, 0}, {1, 2, 0}, {1, 5, 0}, {1, 1, 1}, {1, 1, 6}, {1, 4, 0}, {2, 1, 0}, {2, 1, 6}, {2, 2, 17}, {2, 1, 17},
			{2, 2, 6}, {2, 5, 0}, {10, 1, 0}, {10, 2, 0}, {2, 77, 0}, {99, 1, 0}, {0, 1, 0}, {-1, 1, 0}, {2, 1 | 1<<20, 0}, {2, 1, -1}, {2, 1, 300}} {
			c.socket(a[0], a[1], a[2])
		}
		addr, _ := c.alloc(8)
		c.do("inet pair", abi.SYS_SOCKETPAIR, 2, 1, 0, addr)
		c.do("bad protocol", abi.SYS_SOCKETPAIR, 1, 1, 7, addr)
		c.do("bad family", abi.SYS_SOCKETPAIR, 77, 1, 0, addr)
	}},
	{"calls on what is no socket", func(c *netCalls) {
		r, _ := c.alloc(8)
		c.do("pipe", abi.SYS_PIPE, r)
		fd := int64(binary.LittleEndian.Uint32(c.arena[r-c.base:]))
		c.bind(fd, in4("127.0.0.1", 0))
		c.do("listen", abi.SYS_LISTEN, fd, 1)
		c.send(fd, "x", 0)
		c.recv(fd, 4, 0)
		c.do("listen bad", abi.SYS_LISTEN, 999, 1)
	}},
	{"a fresh stream", func(c *netCalls) {
		for _, domain := range []int{abi.AF_INET, abi.AF_UNIX, abi.AF_INET6} {
			s := c.socket(domain, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
			c.poll(s)
			c.send(s, "x", 0)
			c.recv(s, 4, 0)
			c.name("getsockname", abi.SYS_GETSOCKNAME, s)
			c.name("getpeername", abi.SYS_GETPEERNAME, s)
			c.do("accept", abi.SYS_ACCEPT, s, 0, 0)
			c.shutdown(s, abi.SHUT_RDWR)
			c.close(s)
		}
	}},
	{"a connection", func(c *netCalls) {
		a, b := c.pair()
		c.poll(a)
		c.name("peer", abi.SYS_GETPEERNAME, a)
		c.name("own", abi.SYS_GETSOCKNAME, b)
		c.recv(b, 10, 0)
		c.send(a, "hello", 0)
		c.settle()
		c.poll(b)
		c.recv(b, 3, abi.MSG_PEEK)
		c.recv(b, 2, 0)
		c.recv(b, 10, 0)
		c.recv(b, 10, 0)
		c.connect(a, in4("127.0.0.1", 9))
		c.bind(a, in4("127.0.0.1", 0))
		c.do("listen", abi.SYS_LISTEN, a, 1)
		c.do("accept", abi.SYS_ACCEPT, a, 0, 0)
		c.recv(a, 1, abi.MSG_DONTWAIT)
		c.recv(a, 1, abi.MSG_OOB)
	}},
	{"half-close", func(c *netCalls) {
		a, b := c.pair()
		c.send(a, "last", 0)
		c.shutdown(a, abi.SHUT_WR)
		c.settle()
		c.poll(a)
		c.poll(b)
		c.send(a, "more", 0)
		c.recv(b, 10, 0)
		c.recv(b, 10, 0)
		c.send(b, "answer", 0)
		c.settle()
		c.recv(a, 10, 0)
		c.shutdown(b, abi.SHUT_WR)
		c.settle()
		c.poll(a)
		c.poll(b)
		c.recv(a, 10, 0)
		c.shutdown(a, 7)
	}},
	{"shutdown of reading", func(c *netCalls) {
		a, b := c.pair()
		c.shutdown(b, abi.SHUT_RD)
		c.poll(b)
		c.recv(b, 10, 0)
		c.send(a, "x", 0)
		c.settle()
		c.recv(b, 10, 0)
		c.recv(b, 10, 0)
		c.poll(a)
	}},
	{"the peer closes in order", func(c *netCalls) {
		a, b := c.pair()
		c.close(b)
		c.settle()
		c.poll(a)
		c.recv(a, 10, 0)
		c.send(a, "one", 0)
		c.settle()
		c.poll(a)
		c.send(a, "two", 0)
		c.send(a, "three", 0)
		c.recv(a, 10, 0)
		c.getInt(a, abi.SOL_SOCKET, abi.SO_ERROR)
		c.poll(a)
	}},
	{"the peer closes with unread bytes", func(c *netCalls) {
		a, b := c.pair()
		c.send(a, "unread", 0)
		c.settle()
		c.close(b)
		c.settle()
		c.poll(a)
		c.recv(a, 10, 0)
		c.recv(a, 10, 0)
		c.send(a, "x", 0)
		c.name("peer", abi.SYS_GETPEERNAME, a)
	}},
	{"a reset is seen by send first", func(c *netCalls) {
		a, b := c.pair()
		c.send(a, "unread", 0)
		c.settle()
		c.close(b)
		c.settle()
		c.send(a, "x", 0)
		c.send(a, "x", 0)
		c.recv(a, 10, 0)
	}},
	{"a reset does not take what has arrived", func(c *netCalls) {
		a, b := c.pair()
		c.send(b, "for a", 0)
		c.send(a, "unread", 0)
		c.settle()
		c.close(b)
		c.settle()
		c.poll(a)
		c.recv(a, 10, 0)
		c.recv(a, 10, 0)
		c.recv(a, 10, 0)
	}},
	{"linger of nothing resets", func(c *netCalls) {
		a, b := c.pair()
		c.do("linger", abi.SYS_SETSOCKOPT, b, abi.SOL_SOCKET, abi.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}, 8)
		c.close(b)
		c.settle()
		c.getInt(a, abi.SOL_SOCKET, abi.SO_ERROR)
		c.poll(a)
		c.recv(a, 1, 0)
	}},
	{"refused", func(c *netCalls) {
		l, port := c.listener()
		c.close(l)
		s := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.connect(s, in4("127.0.0.1", port))
		c.poll(s)
		c.getInt(s, abi.SOL_SOCKET, abi.SO_ERROR)
		c.connect(s, in4("127.0.0.1", port))
		c.connect(s, un("/x"))
	}},
	{"addresses in use and foreign", func(c *netCalls) {
		l, port := c.listener()
		s := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.bind(s, in4("127.0.0.1", port))
		c.bind(s, in4("0.0.0.0", port))
		c.bind(s, in4("127.0.0.2", port))
		c.bind(s, in4("127.0.0.3", port))
		d := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.setInt(d, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
		c.bind(d, in4("0.0.0.0", port))
		c.bind(d, in4("198.51.100.7", 0))
		c.bind(d, in4("127.0.0.1", 0)[:10])
		c.bind(d, un("/tmp/x"))
		c.bind(d, in6(loop6, 0))
		e := c.socket(abi.AF_INET6, abi.SOCK_STREAM, 0)
		c.bind(e, in6(wild6, port))
		f := c.socket(abi.AF_INET6, abi.SOCK_STREAM, 0)
		c.setInt(f, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY, 1)
		c.bind(f, in6(wild6, port))
		c.bind(f, in4("127.0.0.1", 0))
		c.do("listen again", abi.SYS_LISTEN, l, 7)
		c.connect(l, in4("127.0.0.1", port))
		u := c.socket(abi.AF_INET, abi.SOCK_DGRAM, 0)
		c.bind(u, in4("127.0.0.1", port))
	}},
	{"reuse of an address and of a port", func(c *netCalls) {
		a := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.setInt(a, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
		c.bind(a, in4("127.0.0.1", 0))
		port := c.name("own", abi.SYS_GETSOCKNAME, a)
		b := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.setInt(b, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
		c.bind(b, in4("127.0.0.1", port))
		c.do("listen", abi.SYS_LISTEN, a, 1)
		c.do("listen", abi.SYS_LISTEN, b, 1)
		x := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.setInt(x, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1)
		c.bind(x, in4("127.0.0.1", 0))
		port = c.name("own", abi.SYS_GETSOCKNAME, x)
		c.do("listen", abi.SYS_LISTEN, x, 1)
		y := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.setInt(y, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1)
		c.bind(y, in4("127.0.0.1", port))
		c.do("listen", abi.SYS_LISTEN, y, 1)
	}},
	{"dual stack", func(c *netCalls) {
		l := c.socket(abi.AF_INET6, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
		c.getInt(l, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY)
		c.bind(l, in6(wild6, 0))
		c.do("listen", abi.SYS_LISTEN, l, 5)
		port := c.name("own", abi.SYS_GETSOCKNAME, l)
		s := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.connect(s, in4("127.0.0.1", port))
		b := c.fd("accept", abi.SYS_ACCEPT, l, 0, 0)
		c.name("own", abi.SYS_GETSOCKNAME, b)
		c.name("peer", abi.SYS_GETPEERNAME, b)
		t := c.socket(abi.AF_INET6, abi.SOCK_STREAM, 0)
		mapped := [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}
		c.connect(t, in6(mapped, port))
		c.name("own", abi.SYS_GETSOCKNAME, t)
		b = c.fd("accept", abi.SYS_ACCEPT, l, 0, 0)
		c.name("peer", abi.SYS_GETPEERNAME, b)
	}},
	{"a listener is closed with connections waiting", func(c *netCalls) {
		l, port := c.listener()
		s := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.connect(s, in4("127.0.0.1", port))
		c.send(s, "x", 0)
		c.close(l)
		c.settle()
		c.poll(s)
		c.recv(s, 1, 0)
		c.recv(s, 1, 0)
		c.send(s, "y", 0)
	}},
	{"connecting to the unspecified address", func(c *netCalls) {
		l, port := c.listener()
		s := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		c.connect(s, in4("0.0.0.0", port))
		c.name("peer", abi.SYS_GETPEERNAME, s)
		c.fd("accept", abi.SYS_ACCEPT, l, 0, 0)
		c.do("accept", abi.SYS_ACCEPT, l, 0, 0)
		c.do("accept4", abi.SYS_ACCEPT4, l, 0, 0, 1)
	}},
	{"options", func(c *netCalls) {
		s := c.socket(abi.AF_INET, abi.SOCK_STREAM, 0)
		for _, o := range []int{abi.SO_REUSEADDR, abi.SO_TYPE, abi.SO_ERROR, abi.SO_BROADCAST, abi.SO_KEEPALIVE, abi.SO_LINGER, abi.SO_REUSEPORT,
			abi.SO_ACCEPTCONN, abi.SO_PROTOCOL, abi.SO_DOMAIN, abi.SO_RCVTIMEO, abi.SO_OOBINLINE, abi.SO_PRIORITY, abi.SO_RCVLOWAT, 9999} {
			c.getInt(s, abi.SOL_SOCKET, o)
		}
		for _, o := range []int{abi.SO_REUSEADDR, abi.SO_TYPE, abi.SO_KEEPALIVE, abi.SO_ERROR, 9999, abi.SO_DOMAIN} {
			c.setInt(s, abi.SOL_SOCKET, o, 5)
			c.getInt(s, abi.SOL_SOCKET, o)
		}
		c.do("short", abi.SYS_SETSOCKOPT, s, abi.SOL_SOCKET, abi.SO_REUSEADDR, []byte{1, 0, 0, 0}, 2)
		c.do("linger short", abi.SYS_SETSOCKOPT, s, abi.SOL_SOCKET, abi.SO_LINGER, []byte{1, 0, 0, 0}, 4)
		for _, o := range []int{abi.TCP_NODELAY, abi.TCP_KEEPIDLE, abi.TCP_KEEPINTVL, abi.TCP_KEEPCNT, abi.TCP_CORK, 9999} {
			c.getInt(s, abi.IPPROTO_TCP, o)
			c.setInt(s, abi.IPPROTO_TCP, o, 3)
			c.getInt(s, abi.IPPROTO_TCP, o)
			c.setInt(s, abi.IPPROTO_TCP, o, -1)
		}
		c.getInt(s, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY)
		c.setInt(s, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY, 1)
		c.setInt(s, abi.SOL_SOCKET, abi.SO_RCVBUF, 10000)
		c.getInt(s, abi.SOL_SOCKET, abi.SO_RCVBUF)
		c.setInt(s, abi.SOL_SOCKET, abi.SO_SNDBUF, 1)
		c.getInt(s, abi.SOL_SOCKET, abi.SO_SNDBUF)
		c.do("timeout", abi.SYS_SETSOCKOPT, s, abi.SOL_SOCKET, abi.SO_RCVTIMEO, make([]byte, 16), 16)
		c.do("bad timeout", abi.SYS_SETSOCKOPT, s, abi.SOL_SOCKET, abi.SO_RCVTIMEO, append(make([]byte, 12), 255, 0, 0, 0), 16)
		u := c.socket(abi.AF_UNIX, abi.SOCK_STREAM, 0)
		c.setInt(u, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1)
		c.setInt(u, abi.SOL_SOCKET, abi.SO_PASSCRED, 1)
		c.getInt(u, abi.SOL_SOCKET, abi.SO_PASSCRED)
		d := c.socket(abi.AF_INET, abi.SOCK_DGRAM, 0)
		c.setInt(d, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1)
		c.getInt(d, abi.SOL_SOCKET, abi.SO_SNDBUF)
		c.getInt(d, abi.SOL_SOCKET, abi.SO_RCVBUF)
		c.getInt(d, abi.IPPROTO_IP, abi.IP_TTL)
		c.do("bad pointer", abi.SYS_SETSOCKOPT, d, abi.SOL_SOCKET, abi.SO_REUSEADDR, 8, 4)
	}},
	{"datagrams", func(c *netCalls) {
		a := c.socket(abi.AF_INET, abi.SOCK_DGRAM|abi.SOCK_NONBLOCK, 0)
		c.poll(a)
		c.send(a, "x", 0)
		c.recv(a, 4, 0)
		c.name("own", abi.SYS_GETSOCKNAME, a)
		c.bind(a, in4("127.0.0.1", 0))
		port := c.name("own", abi.SYS_GETSOCKNAME, a)
		b := c.socket(abi.AF_INET, abi.SOCK_DGRAM|abi.SOCK_NONBLOCK, 0)
		to := in4("127.0.0.1", port)
		c.do("sendto", abi.SYS_SENDTO, b, "hello", 5, 0, to, len(to))
		c.do("sendto nothing", abi.SYS_SENDTO, b, "", 0, 0, to, len(to))
		c.do("sendto port 0", abi.SYS_SENDTO, b, "x", 1, 0, in4("127.0.0.1", 0), 16)
		c.name("own", abi.SYS_GETSOCKNAME, b)
		c.settle()
		c.poll(a)
		c.recv(a, 3, abi.MSG_PEEK|abi.MSG_TRUNC)
		c.recv(a, 3, abi.MSG_TRUNC)
		c.recv(a, 3, 0)
		c.recv(a, 3, 0)
		c.connect(b, to)
		c.name("peer", abi.SYS_GETPEERNAME, b)
		c.name("own", abi.SYS_GETSOCKNAME, b)
		c.send(b, "two", 0)
		c.do("listen", abi.SYS_LISTEN, b, 1)
		c.do("accept", abi.SYS_ACCEPT, b, 0, 0)
		c.close(a)
		c.send(b, "nobody", 0)
		c.settle()
		c.poll(b)
		c.send(b, "error", 0)
		c.send(b, "error", 0)
		c.settle()
		c.recv(b, 3, 0)
		c.shutdown(b, abi.SHUT_WR)
		c.send(b, "after", 0)
		c.connect(b, in4("255.255.255.255", 9))
		big := make([]byte, 65508)
		d := c.socket(abi.AF_INET, abi.SOCK_DGRAM, 0)
		c.do("too big", abi.SYS_SENDTO, d, big, len(big), 0, in4("127.0.0.1", 9), 16)
		c.shutdown(d, abi.SHUT_RD)
	}},
	{"a pair of streams", func(c *netCalls) {
		a, b := c.unixPair(abi.SOCK_STREAM)
		c.name("own", abi.SYS_GETSOCKNAME, a)
		c.name("peer", abi.SYS_GETPEERNAME, a)
		c.poll(a)
		c.send(a, "hello", 0)
		c.poll(b)
		c.recv(b, 2, 0)
		c.recv(b, 20, 0)
		c.recv(b, 20, 0)
		c.shutdown(a, abi.SHUT_WR)
		c.poll(a)
		c.poll(b)
		c.recv(b, 20, 0)
		c.send(a, "x", 0)
		c.send(b, "y", 0)
		c.close(b)
		c.poll(a)
		c.recv(a, 20, 0)
		c.recv(a, 20, 0)
	}},
	{"one of a pair of streams closes with unread bytes", func(c *netCalls) {
		a, b := c.unixPair(abi.SOCK_STREAM)
		c.send(a, "unread", 0)
		c.close(b)
		c.poll(a)
		c.send(a, "x", 0)
		c.recv(a, 20, 0)
		c.recv(a, 20, 0)
	}},
	{"shutdown of reading in a pair", func(c *netCalls) {
		a, b := c.unixPair(abi.SOCK_STREAM)
		c.shutdown(b, abi.SHUT_RD)
		c.poll(a)
		c.poll(b)
		c.send(a, "x", 0)
		c.recv(b, 4, 0)
	}},
	{"records", func(c *netCalls) {
		a, b := c.unixPair(abi.SOCK_SEQPACKET)
		c.send(a, "one", 0)
		c.send(a, "second", 0)
		c.recv(b, 2, abi.MSG_PEEK)
		c.recv(b, 2, 0)
		c.recv(b, 20, abi.MSG_TRUNC)
		c.recv(b, 20, 0)
		c.send(a, "third", 0)
		c.recv(b, 2, abi.MSG_TRUNC)
		c.close(a)
		c.poll(b)
		c.recv(b, 20, 0)
	}},
	{"a pair of datagram sockets", func(c *netCalls) {
		a, b := c.unixPair(abi.SOCK_DGRAM)
		c.send(a, "one", 0)
		c.send(a, "second", 0)
		c.poll(b)
		c.recv(b, 2, 0)
		c.recv(b, 20, 0)
		c.recv(b, 20, 0)
		for i := 0; i < 5000; i++ { // how many there may be is a setting of the system
			if c.call(abi.SYS_SENDTO, a, "fill", 4, 0, 0, 0) < 0 {
				break
			}
		}
		c.send(a, "full", 0)
		c.poll(a)
		c.recv(b, 20, 0)
		c.close(b)
		c.send(a, "x", 0)
		c.recv(a, 5, 0)
	}},
	{"names in the filesystem", func(c *netCalls) {
		path := c.dir + "/s"
		l := c.socket(abi.AF_UNIX, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
		c.do("listen unbound", abi.SYS_LISTEN, l, 1)
		c.bind(l, un(path))
		c.bind(l, un(path+"2"))
		c.name("own", abi.SYS_GETSOCKNAME, l)
		s := c.socket(abi.AF_UNIX, abi.SOCK_STREAM, 0)
		c.connect(s, un(path))
		c.connect(s, un(c.dir+"/none"))
		c.connect(s, un(c.dir))
		c.do("listen", abi.SYS_LISTEN, l, 1)
		c.connect(s, un(path))
		c.connect(s, un(path))
		b := c.fd("accept", abi.SYS_ACCEPT, l, 0, 0)
		c.name("own", abi.SYS_GETSOCKNAME, b)
		c.name("peer", abi.SYS_GETPEERNAME, b)
		c.name("peer", abi.SYS_GETPEERNAME, s)
		o := c.socket(abi.AF_UNIX, abi.SOCK_STREAM, 0)
		c.bind(o, un(path))
		d := c.socket(abi.AF_UNIX, abi.SOCK_DGRAM, 0)
		c.connect(d, un(path))
		c.fd("open", abi.SYS_OPEN, path, 2, 0)
		c.do("unlink", abi.SYS_UNLINK, path)
		c.connect(o, un(path))
		c.send(s, "still", 0)
		c.recv(b, 10, abi.MSG_DONTWAIT)
	}},
	{"abstract names", func(c *netCalls) {
		name := fmt.Sprintf("\x00sockerless-%d", os.Getpid())
		l := c.socket(abi.AF_UNIX, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
		c.bind(l, un(name))
		o := c.socket(abi.AF_UNIX, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
		c.bind(o, un(name))
		c.do("listen", abi.SYS_LISTEN, l, 1)
		c.connect(o, un(name))
		c.fd("accept", abi.SYS_ACCEPT, l, 0, 0)
		c.close(l)
		p := c.socket(abi.AF_UNIX, abi.SOCK_STREAM, 0)
		c.connect(p, un(name))
		c.bind(p, un(name))
	}},
	{"descriptors in messages", func(c *netCalls) {
		a, b := c.unixPair(abi.SOCK_STREAM)
		r, _ := c.unixPair(abi.SOCK_STREAM)
		c.send(a, "before", 0)
		c.sendFDs(a, "with", r)
		c.send(a, "after", 0)
		c.recvFDs(b, 100, 64)
		c.recvFDs(b, 100, 64)
		c.recvFDs(b, 100, 64)
		c.sendFDs(a, "cut", r)
		c.recvFDs(b, 100, 0)
		c.sendFDs(a, "bad", 9999)
		c.sendFDs(a, "two", r, a)
		c.recvFDs(b, 100, 20)
	}},
}

func (c *netCalls) sendFDs(fd int64, data string, fds ...int64) {
	ctl := binary.LittleEndian.AppendUint64(nil, uint64(16+4*len(fds)))
	ctl = binary.LittleEndian.AppendUint32(ctl, abi.SOL_SOCKET)
	ctl = binary.LittleEndian.AppendUint32(ctl, abi.SCM_RIGHTS)
	for _, f := range fds {
		ctl = binary.LittleEndian.AppendUint32(ctl, uint32(f))
	}
	c.do("sendmsg", abi.SYS_SENDMSG, fd, c.msghdr(c.put([]byte(data)), len(data), c.put(ctl), len(ctl)), abi.MSG_NOSIGNAL)
}

func (c *netCalls) msghdr(data uint64, n int, ctl uint64, ctlLen int) uint64 {
	iov := binary.LittleEndian.AppendUint64(nil, data)
	iov = binary.LittleEndian.AppendUint64(iov, uint64(n))
	h := make([]byte, 56)
	binary.LittleEndian.PutUint64(h[16:], c.put(iov))
	binary.LittleEndian.PutUint64(h[24:], 1)
	binary.LittleEndian.PutUint64(h[32:], ctl)
	binary.LittleEndian.PutUint64(h[40:], uint64(ctlLen))
	return c.put(h)
}

func (c *netCalls) recvFDs(fd int64, n, room int) {
	data, b := c.alloc(n)
	ctl, cb := c.alloc(room + 16)
	h := c.msghdr(data, n, ctl, room)
	got := c.do("recvmsg", abi.SYS_RECVMSG, fd, h, 0)
	if got < 0 {
		return
	}
	hb := c.arena[h-c.base:]
	size, flags := binary.LittleEndian.Uint64(hb[40:]), binary.LittleEndian.Uint32(hb[48:])
	fmt.Fprintf(&c.log, "  %q control %d flags %#x\n", b[:got], size, flags)
	if size >= 16 {
		fmt.Fprintf(&c.log, "  len %d type %d\n", binary.LittleEndian.Uint64(cb), binary.LittleEndian.Uint32(cb[12:]))
	}
}

const arenaSize = 1 << 20

// TestSocketsGiveWhatLinuxGives runs scripts of socket calls here and on this machine's Linux, over loopback.
func TestSocketsGiveWhatLinuxGives(t *testing.T) {
	for _, s := range netScripts {
		t.Run(s.name, func(t *testing.T) {
			var ours string
			b := guesttest.New(t, kernel.Limits{})
			b.InTask(guesttest.Options{}, func(task *kernel.Task) {
				m := make(memory, arenaSize)
				c := &netCalls{t: t, arena: m, base: memoryStart, dir: "/tmp"}
				c.sys = func(nr abi.Sysno, a [6]uint64) int64 { return linux.Syscall(task, m, nr, a) }
				s.run(c)
				ours = c.log.String()
			})
			want := onLinux(t, s.run)
			if ours != want {
				t.Errorf("differs:\n%s", sideBySide(ours, want))
			}
		})
	}
}

// onLinux runs a script by real system calls; descriptors it leaves open are closed.
func onLinux(t *testing.T, run func(c *netCalls)) string {
	arena, err := unix.Mmap(-1, 0, arenaSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(arena)
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := &netCalls{t: t, arena: arena, base: uint64(uintptr(unsafe.Pointer(&arena[0]))), dir: dir}
	open := map[uint64]bool{}
	c.sys = func(nr abi.Sysno, a [6]uint64) int64 {
		r, _, e := unix.Syscall6(uintptr(nr), uintptr(a[0]), uintptr(a[1]), uintptr(a[2]), uintptr(a[3]), uintptr(a[4]), uintptr(a[5]))
		if e != 0 {
			return -int64(e)
		}
		switch nr {
		case abi.SYS_SOCKET, abi.SYS_ACCEPT, abi.SYS_ACCEPT4, abi.SYS_OPEN:
			open[uint64(r)] = true
		case abi.SYS_CLOSE:
			delete(open, a[0])
		}
		return int64(r)
	}
	run(c)
	for fd := range open {
		unix.Close(int(fd))
	}
	return c.log.String()
}

func sideBySide(ours, want string) string {
	a, b := strings.Split(ours, "\n"), strings.Split(want, "\n")
	var out strings.Builder
	for i := range max(len(a), len(b)) {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		mark := " "
		if x != y {
			mark = "|"
		}
		fmt.Fprintf(&out, "%-50s %s %s\n", x, mark, y)
	}
	return out.String()
}
