package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// withSocket calls f with the socket of a descriptor: EBADF, ENOTSOCK.
func withSocket(t *kernel.Task, fd int, f func(o *vfs.OpenFile, s vnet.Socket) (int64, error)) (int64, error) {
	o, err := t.Files.Get(fd)
	if err != nil {
		return 0, err
	}
	defer o.Release()
	s, err := kernel.SocketOf(o)
	if err != nil {
		return 0, err
	}
	return f(o, s)
}

// typeFlags splits the type argument of socket(2): EINVAL for unknown flags.
func typeFlags(v int) (typ, flags int, err error) {
	typ, flags = v&abi.SOCK_TYPE_MASK, v&^abi.SOCK_TYPE_MASK
	if flags&^(abi.SOCK_CLOEXEC|abi.SOCK_NONBLOCK) != 0 {
		return 0, 0, abi.EINVAL
	}
	return typ, flags, nil
}

// socket: EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EINVAL, EMFILE, EPERM for raw sockets without being root.
func socket(t *kernel.Task, _ Memory, a args) (int64, error) {
	typ, flags, err := typeFlags(a.int(1))
	switch {
	case err != nil:
		return 0, err
	case a.int(0) < 0 || a.int(0) >= abi.AF_MAX:
		return 0, abi.EAFNOSUPPORT
	case typ > abi.SOCK_PACKET:
		return 0, abi.EINVAL
	}
	o, err := t.NewSocket(a.int(0), typ, a.int(2), flags)
	if err != nil {
		return 0, err
	}
	fd, err := t.Files.Add(o, 0, flags&abi.SOCK_CLOEXEC != 0)
	return int64(fd), err
}

// socketpair: as socket, and EOPNOTSUPP for what is not AF_UNIX; EFAULT.
func socketpair(t *kernel.Task, m Memory, a args) (int64, error) {
	typ, flags, err := typeFlags(a.int(1))
	if err != nil {
		return 0, err
	}
	switch domain := a.int(0); {
	case domain == abi.AF_INET || domain == abi.AF_INET6:
		return 0, abi.EOPNOTSUPP
	case domain != abi.AF_UNIX:
		return 0, abi.EAFNOSUPPORT
	case a.int(2) != 0 && a.int(2) != abi.AF_UNIX:
		return 0, abi.EPROTONOSUPPORT
	}
	out, err := m.Slice(a[3], 8)
	if err != nil {
		return 0, err
	}
	x, y, err := t.NewSocketPair(typ, flags)
	if err != nil {
		return 0, err
	}
	cloexec := flags&abi.SOCK_CLOEXEC != 0
	xfd, err := t.Files.Add(x, 0, cloexec)
	if err != nil {
		y.Release()
		return 0, err
	}
	yfd, err := t.Files.Add(y, 0, cloexec)
	if err != nil {
		t.Files.Close(xfd)
		return 0, err
	}
	le.PutUint32(out, uint32(xfd))
	le.PutUint32(out[4:], uint32(yfd))
	return 0, nil
}

// bind: EADDRINUSE, EADDRNOTAVAIL, EINVAL, EAFNOSUPPORT, and those of making a file.
func bind(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) {
		addr, err := sockaddr(m, a[1], a.int(2), s)
		if err != nil {
			return 0, err
		}
		return ok(t.BindSocket(s, addr))
	})
}

// listen: EADDRINUSE, EINVAL, EOPNOTSUPP.
func listen(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) { return ok(s.Listen(a.int(1))) })
}

// connect: ECONNREFUSED, EINPROGRESS, EALREADY, EISCONN, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EINTR.
func connect(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		addr, err := sockaddr(m, a[1], a.int(2), s)
		if err != nil {
			return 0, err
		}
		return ok(t.Connect(o, s, addr))
	})
}

// accept: EAGAIN, EINVAL, EMFILE, EOPNOTSUPP, EINTR.
func accept(t *kernel.Task, m Memory, a args) (int64, error) {
	return accept4(t, m, args{a[0], a[1], a[2]})
}

func accept4(t *kernel.Task, m Memory, a args) (int64, error) {
	flags := a.int(3)
	if flags&^(abi.SOCK_CLOEXEC|abi.SOCK_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		c, conn, err := t.Accept(o, s, flags)
		if err != nil {
			return 0, err
		}
		if a[1] != 0 {
			peer, _ := conn.PeerAddr() // none, when it has gone already
			if err := putSockaddr(m, a[1], a[2], peer); err != nil {
				c.Release()
				return 0, err
			}
		}
		fd, err := t.Files.Add(c, 0, flags&abi.SOCK_CLOEXEC != 0)
		return int64(fd), err
	})
}

// getsockname: EFAULT, EINVAL.
func getsockname(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) {
		return ok(putSockaddr(m, a[1], a[2], s.LocalAddr()))
	})
}

// getpeername: as getsockname, and ENOTCONN.
func getpeername(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) {
		peer, err := s.PeerAddr()
		if err != nil {
			return 0, err
		}
		return ok(putSockaddr(m, a[1], a[2], peer))
	})
}

// shutdown: EINVAL, ENOTCONN.
func shutdown(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) { return ok(s.Shutdown(a.int(1))) })
}

const maxOption = 1 << 10 // bytes of an option's value that are looked at

// setsockopt: EFAULT, EINVAL, ENOPROTOOPT, EDOM.
func setsockopt(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) {
		n := a.int(4)
		if n < 0 {
			return 0, abi.EINVAL
		}
		value, err := m.Slice(a[3], uint64(min(n, maxOption)))
		if err != nil {
			return 0, err
		}
		return ok(s.SetOption(a.int(1), a.int(2), value))
	})
}

// getsockopt: EFAULT, EINVAL, ENOPROTOOPT.
func getsockopt(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(_ *vfs.OpenFile, s vnet.Socket) (int64, error) {
		var n int32
		if err := get(m, a[4], &n); err != nil {
			return 0, err
		}
		if n < 0 {
			return 0, abi.EINVAL
		}
		value, err := s.Option(a.int(1), a.int(2))
		if err != nil {
			return 0, err
		}
		n = min(n, int32(len(value)))
		out, err := m.Slice(a[3], uint64(n))
		if err != nil {
			return 0, err
		}
		copy(out, value)
		return ok(put(m, a[4], &n))
	})
}
