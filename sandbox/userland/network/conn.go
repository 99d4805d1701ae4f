package network

import (
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// conn is a connected socket as a reader and writer. A read gives up after timeout, if it is set: ETIMEDOUT.
type conn struct {
	fd      int
	timeout time.Duration
}

func (c *conn) Read(p []byte) (int, error) {
	if c.timeout > 0 && !ready(c.fd, abi.POLLIN, c.timeout) {
		return 0, abi.ETIMEDOUT
	}
	n, err := sys.Read(c.fd, p)
	if err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

func (c *conn) Write(p []byte) (int, error) {
	if err := sys.Write(c.fd, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// ready waits for an event.
func ready(fd int, events int16, limit time.Duration) bool {
	poll := []abi.PollFd{{Fd: int32(fd), Events: events}}
	n, err := sys.Poll(poll, int(limit.Milliseconds()))
	return err == nil && n > 0
}

// dial connects to one address; 0 waits as long as the system does.
func dial(to netip.AddrPort, from netip.AddrPort, limit time.Duration) (int, error) {
	fd, err := sys.Socket(sys.Family(to.Addr()), abi.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	if from.IsValid() {
		sys.SetsockoptInt(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
		if err := sys.Bind(fd, from); err != nil {
			sys.Close(fd)
			return -1, err
		}
	}
	if limit > 0 {
		err = connectWithin(fd, to, limit)
	} else {
		err = sys.Connect(fd, to)
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connectWithin(fd int, to netip.AddrPort, limit time.Duration) error {
	if err := sys.SetNonblock(fd, true); err != nil {
		return err
	}
	err := sys.Connect(fd, to)
	if err == abi.EINPROGRESS {
		if !ready(fd, abi.POLLOUT, limit) {
			return abi.ETIMEDOUT
		}
		if err = sys.SocketError(fd); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return sys.SetNonblock(fd, false)
}

// splitPort separates HOST:PORT; the port is 0 without one.
func splitPort(s string) (string, int) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") || strings.Count(s, ":") > 1 && s[0] != '[' {
		return strings.Trim(s, "[]"), 0
	}
	port, _ := strconv.Atoi(s[i+1:])
	return strings.Trim(s[:i], "[]"), port
}

// services are the ports that names stand for where /etc/services is missing.
var services = map[string]int{"ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "pop3": 110, "imap2": 143, "https": 443}

// port reads a port's number or name.
func port(c *applet.Context, s string) uint16 {
	n, err := strconv.Atoi(s)
	if err != nil {
		n = services[s]
	}
	if n <= 0 || n > 65535 {
		c.Fatalf("bad port '%s'", s)
	}
	return uint16(n)
}
