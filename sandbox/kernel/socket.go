package kernel

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Net returns the sandbox's network.
func (k *Kernel) Net() *vnet.Stack { return k.net }

// SocketOf returns the socket that an open file is: ENOTSOCK, EBADF.
func SocketOf(o *vfs.OpenFile) (vnet.Socket, error) {
	if o.Flags()&abi.O_PATH != 0 {
		return nil, abi.EBADF
	}
	if s, ok := o.File.(vnet.Socket); ok {
		return s, nil
	}
	return nil, abi.ENOTSOCK
}

// Ucred is the task's identity as its sockets show it.
func (t *Task) Ucred() abi.Ucred {
	c := t.Cred()
	return abi.Ucred{PID: int32(t.pid), UID: c.UID, GID: c.GID}
}

// NewSocket makes a socket and opens it (socket(2)); flags may hold O_NONBLOCK.
func (t *Task) NewSocket(domain, typ, protocol, flags int) (*vfs.OpenFile, error) {
	s, err := t.k.net.Socket(domain, typ, protocol, t.Ucred())
	if err != nil {
		return nil, err
	}
	return OpenSocket(s, flags), nil
}

// NewSocketPair makes two connected ones of AF_UNIX (socketpair(2)).
func (t *Task) NewSocketPair(typ, flags int) (a, b *vfs.OpenFile, err error) {
	x, y, err := vnet.Pair(typ, t.Ucred())
	if err != nil {
		return nil, nil, err
	}
	return OpenSocket(x, flags), OpenSocket(y, flags), nil
}

// OpenSocket opens a socket; flags may hold O_NONBLOCK.
func OpenSocket(s vnet.Socket, flags int) *vfs.OpenFile {
	return vfs.NewOpenFile(s, abi.O_RDWR|flags&abi.O_NONBLOCK)
}

// BindSocket gives a socket an address; a path of AF_UNIX becomes a file (bind(2)): EADDRINUSE, EACCES, ENOENT.
func (t *Task) BindSocket(s vnet.Socket, a vnet.Addr) error {
	if a.Family != abi.AF_UNIX || a.Path == "" || a.Path[0] == 0 || s.Domain() != abi.AF_UNIX {
		return s.Bind(a)
	}
	if s.LocalAddr().Path != "" {
		return abi.EINVAL
	}
	ctx := t.FS()
	if err := ctx.Mknod(ctx.Cwd, a.Path, abi.S_IFSOCK|0o777, 0); err != nil {
		if err == abi.EEXIST {
			err = abi.EADDRINUSE
		}
		return err
	}
	if err := t.resolve(ctx, &a); err != nil {
		return err
	}
	return s.Bind(a)
}

// ResolveSocket finds what a path of AF_UNIX leads to, before it is connected or sent to: ECONNREFUSED for what is no socket,
// EACCES, ENOENT.
func (t *Task) ResolveSocket(a *vnet.Addr) error {
	if a.Family != abi.AF_UNIX || a.Path == "" || a.Path[0] == 0 {
		return nil
	}
	return t.resolve(t.FS(), a)
}

func (t *Task) resolve(ctx *vfs.Context, a *vnet.Addr) error {
	p, err := ctx.Walk(ctx.Cwd, a.Path, true)
	if err != nil {
		return err
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return err
	}
	if err := ctx.Cred.Access(&st, abi.W_OK); err != nil {
		return err
	}
	if st.Mode&abi.S_IFMT != abi.S_IFSOCK {
		return abi.ECONNREFUSED
	}
	a.Node = vnet.Node{Table: &t.k.names, Dev: st.Dev, Ino: st.Ino}
	if p.Dentry.Filesystem().Shared {
		a.Node.Table = t.k.sharedNames
	}
	return nil
}

// Connect connects a socket, waiting for the end unless it is non-blocking (connect(2)): EINPROGRESS, EINTR.
func (t *Task) Connect(o *vfs.OpenFile, s vnet.Socket, a vnet.Addr) error {
	if err := t.ResolveSocket(&a); err != nil {
		return err
	}
	err := s.Connect(a)
	if err != abi.EINPROGRESS || o.Nonblocking() {
		return err
	}
	_, limit := s.Timeouts()
	if err := t.Await(o, abi.POLLOUT, deadlineIn(limit)); err != nil {
		if err == abi.ETIMEDOUT {
			err = abi.EINPROGRESS
		}
		return err
	}
	if err := s.Error(); err != nil {
		return err
	}
	return s.Connect(a) // tells that it is done
}

// Accept takes a connection, waiting for one unless the socket is non-blocking (accept(2)). flags may hold O_NONBLOCK.
func (t *Task) Accept(o *vfs.OpenFile, s vnet.Socket, flags int) (*vfs.OpenFile, vnet.Socket, error) {
	for {
		c, err := s.Accept()
		if err == nil {
			return OpenSocket(c, flags), c, nil
		}
		if err != abi.EAGAIN || o.Nonblocking() {
			return nil, nil, err
		}
		if err := t.awaitSocket(o, abi.POLLIN); err != nil {
			return nil, nil, err
		}
	}
}

// Send sends a message (sendmsg(2)): all of it, when it waits. EPIPE comes with SIGPIPE unless flags say otherwise.
func (t *Task) Send(o *vfs.OpenFile, s vnet.Socket, m *vnet.Message, flags int) (int, error) {
	if err := t.ResolveSocket(&m.Addr); err != nil {
		return 0, err
	}
	wait := !o.Nonblocking() && flags&abi.MSG_DONTWAIT == 0
	total := 0
	for _, b := range m.Bufs {
		total += len(b)
	}
	done := 0
	for {
		n, err := s.Send(m, flags)
		if err == nil {
			m.Files, m.Cred = nil, nil
		}
		done += n
		switch {
		case err == abi.EPIPE && done == 0:
			if flags&abi.MSG_NOSIGNAL == 0 && s.Type() != abi.SOCK_DGRAM {
				t.Signal(abi.SIGPIPE)
			}
			return 0, err
		case err == nil && (done >= total || s.Type() != abi.SOCK_STREAM):
			return done, nil
		case err == nil:
			m.Bufs = advance(m.Bufs, n)
			if wait {
				continue
			}
			return done, nil
		case err != abi.EAGAIN || !wait:
			if done > 0 {
				err = nil
			}
			return done, err
		}
		if err := t.awaitSocket(o, abi.POLLOUT); err != nil {
			if done > 0 {
				err = nil
			}
			return done, err
		}
	}
}

// Receive receives a message (recvmsg(2)), with MSG_WAITALL all that fits.
func (t *Task) Receive(o *vfs.OpenFile, s vnet.Socket, m *vnet.Message, flags int) (int, error) {
	wait := !o.Nonblocking() && flags&abi.MSG_DONTWAIT == 0
	all := flags&(abi.MSG_WAITALL|abi.MSG_PEEK) == abi.MSG_WAITALL && s.Type() == abi.SOCK_STREAM
	done := 0
	for {
		n, err := s.Receive(m, flags)
		done += n
		switch {
		case err == nil:
			if m.Bufs = advance(m.Bufs, n); !all || n == 0 || len(m.Bufs) == 0 || len(m.Files) > 0 {
				return done, nil
			}
			continue
		case err != abi.EAGAIN || !wait:
			if done > 0 {
				err = nil
			}
			return done, err
		}
		if err := t.awaitSocket(o, abi.POLLIN); err != nil {
			if done > 0 {
				err = nil
			}
			return done, err
		}
	}
}

// advance drops n bytes from the front of buffers, and those that are empty then.
func advance(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 {
		if n < len(bufs[0]) {
			bufs[0] = bufs[0][n:]
			return bufs
		}
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	return bufs
}

// awaitSocket is Await of a file that, as a socket, may have a time limit (SO_RCVTIMEO, SO_SNDTIMEO): EAGAIN then.
func (t *Task) awaitSocket(o *vfs.OpenFile, mask vfs.Events) error {
	var limit time.Duration
	if s, ok := o.File.(vnet.Socket); ok {
		receive, send := s.Timeouts()
		if limit = receive; mask&abi.POLLOUT != 0 {
			limit = send
		}
	}
	err := t.Await(o, mask, deadlineIn(limit))
	if err == abi.ETIMEDOUT {
		err = abi.EAGAIN
	}
	return err
}

// deadlineIn is the moment after a time; none for 0.
func deadlineIn(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}
