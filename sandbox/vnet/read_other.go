//go:build !unix

package vnet

import (
	"io"
	"net"
)

// readInto reads from a host connection into a buffer. 0 without an error is end of file; EAGAIN and EPIPE are the
// buffer's.
func readInto(conn net.Conn, b *buffer) (int, error) { return readGranted(conn, b) }

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
