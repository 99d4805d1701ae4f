package network

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Nc connects standard input and output with a connection. Beyond Debian's busybox it knows -z, -v, -n, -u and -s as the larger
// ones do.
func Nc(c *applet.Context) int {
	// -e takes the rest of the command line.
	var prog []string
	for i, a := range c.Args {
		if a == "-e" {
			if prog = c.Args[i+1:]; len(prog) == 0 {
				c.Usage()
			}
			c.Args = c.Args[:i]
			break
		}
	}
	o := c.Getopt("lp:w:i:f:zvnus:k46q:", "zero=z")
	wait := seconds(c, o, 'w')
	local := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if s, ok := o.Arg('s'); ok {
		addrs, err := lookup(s, 0)
		if err != nil {
			c.Fatalf("bad address '%s'", s)
		}
		local = netip.AddrPortFrom(addrs[0], 0)
	}
	if p, ok := o.Arg('p'); ok {
		local = netip.AddrPortFrom(local.Addr(), port(c, p))
	}
	typ := abi.SOCK_STREAM
	if o.Has("u") {
		typ = abi.SOCK_DGRAM
	}
	if file, ok := o.Arg('f'); ok {
		fd, err := sys.Open(file, abi.O_RDWR, 0)
		if err != nil {
			c.Fatal("can't open '"+file+"'", err)
		}
		return ncRun(c, fd, prog, 0, o.Has("u"))
	}
	if o.Has("l") {
		if len(c.Args) == 1 && local.Port() == 0 { // nc -l PORT
			local = netip.AddrPortFrom(local.Addr(), port(c, c.Args[0]))
		} else if len(c.Args) > 1 {
			c.Usage()
		}
		return ncListen(c, o, local, typ, prog, wait)
	}
	c.NArgs(2, 2)
	addrs, err := lookup(c.Args[0], 0)
	if err != nil {
		c.Fatalf("bad address '%s'", c.Args[0])
	}
	to := netip.AddrPortFrom(addrs[0], port(c, c.Args[1]))
	var fd int
	if typ == abi.SOCK_DGRAM {
		if fd, err = sys.Socket(sys.Family(to.Addr()), typ, 0); err == nil {
			if local.Port() != 0 {
				err = sys.Bind(fd, local)
			}
			if err == nil {
				err = sys.Connect(fd, to)
			}
		}
	} else {
		from := netip.AddrPort{}
		if local.Port() != 0 || !local.Addr().IsUnspecified() {
			from = local
		}
		fd, err = dial(to, from, wait)
	}
	if err == abi.ETIMEDOUT && wait > 0 {
		c.Fatalf("timed out")
	}
	if err != nil {
		c.Fatalf("can't connect to remote host (%s): %s", to.Addr(), applet.Strerror(err))
	}
	if o.Has("v") {
		c.Errorf("%s (%s:%d) open", c.Args[0], to.Addr(), to.Port())
	}
	if o.Has("z") {
		return 0
	}
	return ncRun(c, fd, prog, wait, o.Has("u"))
}

func ncListen(c *applet.Context, o *applet.Options, local netip.AddrPort, typ int, prog []string, wait time.Duration) int {
	if local.Addr() == netip.IPv4Unspecified() && !o.Has("4") {
		local = netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port()) // and IPv4
	}
	l, err := sys.Socket(sys.Family(local.Addr()), typ|abi.SOCK_CLOEXEC, 0)
	if err != nil {
		c.Fatal("socket", err)
	}
	sys.SetsockoptInt(l, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
	if err := sys.Bind(l, local); err != nil {
		c.Fatal("bind", err)
	}
	if typ == abi.SOCK_DGRAM { // the first datagram tells who it is
		_, from, err := sys.Recvfrom(l, make([]byte, 1), abi.MSG_PEEK)
		if err == nil {
			err = sys.Connect(l, from)
		}
		if err != nil {
			c.Fatal("recvfrom", err)
		}
		return ncRun(c, l, prog, 0, true)
	}
	if err := sys.Listen(l, 20); err != nil {
		c.Fatal("listen", err)
	}
	if local.Port() == 0 {
		a, _ := sys.Getsockname(l)
		c.Out.Printf("%d\n", a.Port())
		c.Out.Flush()
	}
	again := o.Count('l') > 1 || o.Has("k")
	for {
		if wait > 0 && !ready(l, abi.POLLIN, wait) {
			c.Fatalf("timed out")
		}
		fd, _, err := sys.Accept(l)
		if err != nil {
			c.Fatal("accept", err)
		}
		if !again {
			sys.Close(l)
			return ncRun(c, fd, prog, 0, false)
		}
		if len(prog) == 0 {
			ncRun(c, fd, nil, 0, false)
			continue
		}
		_, err = c.Spawn(&sys.Process{Argv: prog, Files: []abi.SpawnFile{{From: int32(fd), To: 0}, {From: int32(fd), To: 1}, {From: int32(fd), To: 2}}})
		if err != nil {
			c.Errorf("can't execute '%s': %s", prog[0], applet.Strerror(err))
		}
		sys.Close(fd)
		for { // children that have ended
			if pid, _, err := sys.Wait4(-1, abi.WNOHANG, nil); err != nil || pid <= 0 {
				break
			}
		}
	}
}

// ncRun runs a program on the connection, or copies between it and standard input and output until both sides have ended.
func ncRun(c *applet.Context, fd int, prog []string, idle time.Duration, datagrams bool) int {
	if len(prog) > 0 {
		c.Exec(&sys.Process{Argv: prog, Files: []abi.SpawnFile{{From: int32(fd), To: 0}, {From: int32(fd), To: 1}, {From: int32(fd), To: 2}, {From: -1, To: int32(fd)}}})
	}
	defer sys.Close(fd)
	buf := make([]byte, 64<<10)
	poll := []abi.PollFd{{Fd: 0, Events: abi.POLLIN}, {Fd: int32(fd), Events: abi.POLLIN}}
	for {
		limit := -1
		if idle > 0 {
			limit = int(idle.Milliseconds())
		}
		n, err := sys.Poll(poll, limit)
		if err == abi.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return 1
		}
		if poll[1].Revents != 0 {
			n, err := sys.Read(fd, buf)
			if err != nil {
				c.Fatal("read", err)
			}
			if n == 0 && !datagrams {
				return 0
			}
			if err := sys.Write(1, buf[:n]); err != nil {
				c.Fatal("write", err)
			}
		}
		if poll[0].Revents != 0 {
			n, err := sys.Read(0, buf)
			if err == nil && n > 0 {
				err = sys.Write(fd, buf[:n])
			} else if n == 0 {
				sys.Shutdown(fd, abi.SHUT_WR)
				poll[0].Fd = -1
			}
			if err != nil {
				c.Fatal("write", err)
			}
		}
	}
}

// seconds reads an option that is a number of seconds.
func seconds(c *applet.Context, o *applet.Options, x byte) time.Duration {
	s, ok := o.Arg(x)
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 {
		c.Fatalf("invalid number '%s'", s)
	}
	return time.Duration(v * float64(time.Second))
}
