//go:build unix

package vnet

import (
	"io"
	"net"
	"syscall"
)

// readInto reads from a host connection into a buffer, as much as there is. The buffer has memory only while it
// reads, not while it waits, so that an idle connection holds none. 0 without an error is end of file; EAGAIN and EPIPE are
// the buffer's.
func readInto(conn net.Conn, b *buffer) (n int, err error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return readGranted(conn, b)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var got error
	err = raw.Read(func(fd uintptr) bool {
		p, gerr := b.grant()
		if gerr != nil {
			got = gerr
			return true
		}
		for {
			n, got = syscall.Read(int(fd), p)
			if got != syscall.EINTR {
				break
			}
		}
		if got != nil {
			n = 0
		}
		b.commit(n)
		return got != syscall.EAGAIN
	})
	if err != nil {
		return 0, err
	}
	return n, got
}

// readGranted reads from a connection that is no host socket.
func readGranted(conn net.Conn, b *buffer) (int, error) {
	p, err := b.grant()
	if err != nil {
		return 0, err
	}
	n, err := conn.Read(p)
	b.commit(n)
	if n > 0 || err == io.EOF {
		err = nil
	}
	return n, err
}
