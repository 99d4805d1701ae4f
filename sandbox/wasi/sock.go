package wasi

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// riflags, roflags and sdflags.
const (
	recvPeek    = 1
	recvWaitall = 2
	recvTrunc   = 1 // of roflags

	shutRead  = 1
	shutWrite = 2
)

// socketOf returns the socket of a descriptor, whose file the caller releases: EBADF, ENOTSOCK.
func socketOf(g *guest.Guest, fd int) (*vfs.OpenFile, vnet.Socket, error) {
	o, err := file(g, fd)
	if err != nil {
		return nil, nil, err
	}
	s, err := kernel.SocketOf(o)
	if err != nil {
		o.Release()
		return nil, nil, err
	}
	return o, s, nil
}

// dontWait is the flag of recv and send for a descriptor's own non-blocking flag.
func dontWait(g *guest.Guest, fd int) int {
	if nonblocking(g, fd) {
		return abi.MSG_DONTWAIT
	}
	return 0
}

// sockAccept is sock_accept(fd, fdflags) -> fd.
func sockAccept(g *guest.Guest, s []uint64) error {
	fd, flags := fdArg(s[0]), uint32(s[1])
	if flags&^allFlags != 0 {
		return abi.EINVAL
	}
	o, sock, err := socketOf(g, fd)
	if err != nil {
		return err
	}
	defer o.Release()
	if _, err := slice(g, s[2], 4); err != nil {
		return err
	}
	var conn *vfs.OpenFile
	if nonblocking(g, fd) { // the flag is the program's descriptor's
		var c vnet.Socket
		if c, err = sock.Accept(); err == nil {
			conn = kernel.OpenSocket(c, 0)
		}
	} else {
		conn, _, err = g.Task.Accept(o, sock, 0)
	}
	if err != nil {
		return err
	}
	n, err := g.Task.Files.Add(conn, 0, false)
	if err != nil {
		return err
	}
	setNonblocking(g, programFD(n), flags&flagNonblock != 0)
	return putU32(g, s[2], uint32(programFD(n)))
}

// sockRecv is sock_recv(fd, iovs, riflags) -> size, roflags.
func sockRecv(g *guest.Guest, s []uint64) error {
	fd, ri := fdArg(s[0]), uint32(s[3])
	if ri&^(recvPeek|recvWaitall) != 0 {
		return abi.ENOTSUP
	}
	o, sock, err := socketOf(g, fd)
	if err != nil {
		return err
	}
	defer o.Release()
	var few [8][]byte
	var m vnet.Message
	if m.Bufs, err = iovecs(g, s[1], s[2], few[:0]); err != nil {
		return err
	}
	flags := dontWait(g, fd)
	if ri&recvPeek != 0 {
		flags |= abi.MSG_PEEK
	}
	if ri&recvWaitall != 0 {
		flags |= abi.MSG_WAITALL
	}
	n, err := g.Task.Receive(o, sock, &m, flags)
	for _, f := range m.Files {
		f.Release()
	}
	if err != nil {
		return err
	}
	out, err := slice(g, s[5], 2)
	if err != nil {
		return err
	}
	ro := uint16(0)
	if m.Flags&abi.MSG_TRUNC != 0 {
		ro = recvTrunc
	}
	le.PutUint16(out, ro)
	return putU32(g, s[4], uint32(n))
}

// sockSend is sock_send(fd, ciovs, siflags) -> size; there are no siflags.
func sockSend(g *guest.Guest, s []uint64) error {
	fd := fdArg(s[0])
	if uint32(s[3]) != 0 {
		return abi.ENOTSUP
	}
	o, sock, err := socketOf(g, fd)
	if err != nil {
		return err
	}
	defer o.Release()
	var few [8][]byte
	var m vnet.Message
	if m.Bufs, err = iovecs(g, s[1], s[2], few[:0]); err != nil {
		return err
	}
	n, err := g.Task.Send(o, sock, &m, dontWait(g, fd))
	if err != nil {
		return err
	}
	return putU32(g, s[4], uint32(n))
}

// sockShutdown is sock_shutdown(fd, sdflags).
func sockShutdown(g *guest.Guest, s []uint64) error {
	o, sock, err := socketOf(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	switch uint32(s[1]) {
	case shutRead:
		return sock.Shutdown(abi.SHUT_RD)
	case shutWrite:
		return sock.Shutdown(abi.SHUT_WR)
	case shutRead | shutWrite:
		return sock.Shutdown(abi.SHUT_RDWR)
	}
	return abi.EINVAL
}
