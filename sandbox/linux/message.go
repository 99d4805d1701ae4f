package linux

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// sendto: EAGAIN, EPIPE with SIGPIPE, ECONNRESET, EDESTADDRREQ, EMSGSIZE, ENOTCONN, EISCONN, EINTR.
func sendto(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		p, err := m.Slice(a[1], min(a[2], maxCount))
		if err != nil {
			return 0, err
		}
		bufs := [1][]byte{p}
		msg := vnet.Message{Bufs: bufs[:]}
		if a[4] != 0 {
			if msg.Addr, err = sockaddr(m, a[4], a.int(5), s); err != nil {
				return 0, err
			}
		}
		n, err := t.Send(o, s, &msg, a.int(3))
		return int64(n), err
	})
}

// recvfrom: EAGAIN, ECONNREFUSED, ECONNRESET, ENOTCONN, EINTR.
func recvfrom(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		p, err := m.Slice(a[1], min(a[2], maxCount))
		if err != nil {
			return 0, err
		}
		bufs := [1][]byte{p}
		msg := vnet.Message{Bufs: bufs[:]}
		n, err := t.Receive(o, s, &msg, a.int(3))
		releaseAll(msg.Files)
		if err == nil && a[4] != 0 {
			err = putSockaddr(m, a[4], a[5], msg.Addr)
		}
		return int64(n), err
	})
}

func releaseAll(files []*vfs.OpenFile) {
	for _, f := range files {
		f.Release()
	}
}

// msghdr is struct msghdr.
type msghdr struct {
	Name       uint64
	Namelen    uint32
	_          uint32
	Iov        uint64
	Iovlen     uint64
	Control    uint64
	Controllen uint64
	Flags      int32
	_          uint32
}

const (
	msghdrSize  = 56
	mmsghdrSize = 64
	cmsgHeader  = 16 // of struct cmsghdr { len u64, level i32, type i32 }
	maxControl  = 20480
	maxMessages = 1024
)

// sendmsg: as sendto, and EBADF for a descriptor in the message, EINVAL, EMSGSIZE.
func sendmsg(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		return sendMessage(t, m, o, s, a[1], a.int(2))
	})
}

func sendMessage(t *kernel.Task, m Memory, o *vfs.OpenFile, s vnet.Socket, addr uint64, flags int) (int64, error) {
	var h msghdr
	if err := get(m, addr, &h); err != nil {
		return 0, err
	}
	if h.Iovlen > maxIovecs {
		return 0, abi.EMSGSIZE
	}
	var msg vnet.Message
	var few [8][]byte
	var err error
	if msg.Bufs, err = iovecs(m, h.Iov, h.Iovlen, few[:0]); err != nil {
		return 0, err
	}
	if h.Name != 0 && h.Namelen != 0 {
		if msg.Addr, err = sockaddr(m, h.Name, int(int32(h.Namelen)), s); err != nil {
			return 0, err
		}
	}
	if h.Control != 0 && h.Controllen > 0 {
		if err := readControl(t, m, &h, &msg, s); err != nil {
			releaseAll(msg.Files)
			return 0, err
		}
	}
	n, err := t.Send(o, s, &msg, flags)
	if err != nil {
		releaseAll(msg.Files)
	}
	return int64(n), err
}

// readControl reads what a message carries besides bytes (cmsg(3)): EINVAL, EBADF, EPERM for another's identity.
func readControl(t *kernel.Task, m Memory, h *msghdr, msg *vnet.Message, s vnet.Socket) error {
	if h.Controllen > maxControl {
		return abi.ENOBUFS
	}
	b, err := m.Slice(h.Control, h.Controllen)
	if err != nil {
		return err
	}
	for len(b) >= cmsgHeader {
		n := le.Uint64(b)
		if n < cmsgHeader || n > uint64(len(b)) {
			return abi.EINVAL
		}
		level, typ, data := le.Uint32(b[8:]), le.Uint32(b[12:]), b[cmsgHeader:n]
		b = b[min((n+7)&^7, uint64(len(b))):]
		if level != abi.SOL_SOCKET {
			if s.Domain() == abi.AF_UNIX {
				continue
			}
			return abi.EINVAL
		}
		switch typ {
		case abi.SCM_RIGHTS:
			if len(data)/4+len(msg.Files) > abi.SCM_MAX_FD || s.Domain() != abi.AF_UNIX {
				return abi.EINVAL
			}
			for ; len(data) >= 4; data = data[4:] {
				f, err := t.Files.Get(int(int32(le.Uint32(data))))
				if err != nil {
					return err
				}
				msg.Files = append(msg.Files, f)
			}
		case abi.SCM_CREDENTIALS:
			if len(data) != 12 || s.Domain() != abi.AF_UNIX {
				return abi.EINVAL
			}
			cred := abi.Ucred{PID: int32(le.Uint32(data)), UID: le.Uint32(data[4:]), GID: le.Uint32(data[8:])}
			own := t.Ucred()
			if cred.PID != own.PID && !t.Cred().Has(vfs.CapSysAdmin) ||
				cred.UID != own.UID && !t.Cred().Has(vfs.CapSetuid) || cred.GID != own.GID && !t.Cred().Has(vfs.CapSetgid) {
				return abi.EPERM
			}
			msg.Cred = &cred
		default:
			return abi.EINVAL
		}
	}
	return nil
}

// recvmsg: as recvfrom, and EINVAL, EMSGSIZE.
func recvmsg(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		return receiveMessage(t, m, o, s, a[1], a.int(2))
	})
}

func receiveMessage(t *kernel.Task, m Memory, o *vfs.OpenFile, s vnet.Socket, addr uint64, flags int) (int64, error) {
	var h msghdr
	if err := get(m, addr, &h); err != nil {
		return 0, err
	}
	if h.Iovlen > maxIovecs {
		return 0, abi.EMSGSIZE
	}
	var few [8][]byte
	var msg vnet.Message
	var err error
	if msg.Bufs, err = iovecs(m, h.Iov, h.Iovlen, few[:0]); err != nil {
		return 0, err
	}
	n, err := t.Receive(o, s, &msg, flags)
	if err != nil {
		return 0, err
	}
	h.Flags = int32(msg.Flags | flags&abi.MSG_CMSG_CLOEXEC)
	if h.Name != 0 {
		b := appendSockaddr(nil, msg.Addr)
		out, err := m.Slice(h.Name, uint64(min(len(b), int(h.Namelen))))
		if err != nil {
			releaseAll(msg.Files)
			return 0, err
		}
		copy(out, b)
		h.Namelen = uint32(len(b))
	}
	if err := writeControl(t, m, &h, &msg, flags); err != nil {
		return 0, err
	}
	return int64(n), put(m, addr, &h)
}

// writeControl writes what came with a message; what has no room is dropped and MSG_CTRUNC set.
func writeControl(t *kernel.Task, m Memory, h *msghdr, msg *vnet.Message, flags int) error {
	room := min(h.Controllen, maxControl)
	h.Controllen = 0
	if h.Control == 0 {
		room = 0
	}
	out, err := m.Slice(h.Control, room)
	if err != nil {
		releaseAll(msg.Files)
		return err
	}
	add := func(typ uint32, data []byte) {
		n := cmsgHeader + len(data)
		le.PutUint64(out, uint64(n))
		le.PutUint32(out[8:], abi.SOL_SOCKET)
		le.PutUint32(out[12:], typ)
		copy(out[cmsgHeader:], data)
		step := min((n+7)&^7, len(out))
		out = out[step:]
		h.Controllen += uint64(step)
	}
	if c := msg.Cred; c != nil {
		if len(out) >= cmsgHeader+12 {
			add(abi.SCM_CREDENTIALS, abi.Bytes(c))
		} else {
			h.Flags |= abi.MSG_CTRUNC
		}
	}
	if len(msg.Files) == 0 {
		return nil
	}
	var fds []byte
	for i, f := range msg.Files {
		if cmsgHeader+len(fds)+4 > len(out) {
			h.Flags |= abi.MSG_CTRUNC
			releaseAll(msg.Files[i:])
			break
		}
		fd, err := t.Files.Add(f, 0, flags&abi.MSG_CMSG_CLOEXEC != 0)
		if err != nil {
			h.Flags |= abi.MSG_CTRUNC
			releaseAll(msg.Files[i+1:])
			break
		}
		fds = le.AppendUint32(fds, uint32(fd))
	}
	if len(fds) > 0 {
		add(abi.SCM_RIGHTS, fds)
	}
	return nil
}

// sendmmsg: as sendmsg, for the first message.
func sendmmsg(t *kernel.Task, m Memory, a args) (int64, error) {
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		return messages(m, a, func(addr uint64, _ int) (int64, error) {
			return sendMessage(t, m, o, s, addr, a.int(3))
		})
	})
}

// recvmmsg: as recvmsg, for the first message. The timeout is looked at after each message, as Linux does.
func recvmmsg(t *kernel.Task, m Memory, a args) (int64, error) {
	deadline, err := deadlineAt(m, a[4])
	if err != nil {
		return 0, err
	}
	return withSocket(t, a.int(0), func(o *vfs.OpenFile, s vnet.Socket) (int64, error) {
		flags := a.int(3)
		return messages(m, a, func(addr uint64, i int) (int64, error) {
			f := flags &^ abi.MSG_WAITFORONE
			if i > 0 && (flags&abi.MSG_WAITFORONE != 0 || !deadline.IsZero() && !time.Now().Before(deadline)) {
				f |= abi.MSG_DONTWAIT
			}
			return receiveMessage(t, m, o, s, addr, f)
		})
	})
}

// messages goes through an array of struct mmsghdr until one fails, and returns how many did not.
func messages(m Memory, a args, f func(addr uint64, i int) (int64, error)) (int64, error) {
	n := int(min(a.u32(2), maxMessages))
	for i := range n {
		addr := a[1] + uint64(i)*mmsghdrSize
		count, err := f(addr, i)
		if err == nil {
			length := uint32(count)
			err = put(m, addr+msghdrSize, &length)
		}
		if err != nil && i == 0 {
			return 0, err
		}
		if err != nil {
			return int64(i), nil
		}
	}
	return int64(n), nil
}
