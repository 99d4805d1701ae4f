package api

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hangup returns what waits until the other end of a connection has gone altogether, and not only has ended what it
// sends: POLLHUP of poll(2), which unix sockets have. It takes nothing from the stream, and nobody may read meanwhile.
// The closing of conn ends it, too. It is nil where there is no such thing.
func hangup(conn net.Conn) func() {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return func() {
		_ = raw.Read(func(fd uintptr) bool {
			fds := []unix.PollFd{{Fd: int32(fd)}}
			n, err := unix.Poll(fds, 0)
			return err == nil && n > 0 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		})
	}
}
