package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Requests of ioctl(2) that concern the descriptor.
const (
	fionclex = 0x5450
	fioclex  = 0x5451
)

// ioctlSize returns how many bytes a request reads or writes at its argument; 0 for an argument that is a number.
func ioctlSize(req uint32) uint64 {
	switch req {
	case abi.TCGETS, abi.TCSETS, abi.TCSETSW, abi.TCSETSF:
		return 36
	case abi.TIOCGWINSZ, abi.TIOCSWINSZ:
		return 8
	case abi.TIOCGPGRP, abi.TIOCSPGRP, abi.TIOCOUTQ, abi.TIOCGSID, abi.FIONREAD, abi.FIONBIO:
		return 4
	}
	if req >= abi.SIOCGIFNAME && req <= abi.SIOCGIFMAP { // struct ifreq
		return 40
	}
	if req>>30 != 0 { // _IOR, _IOW, _IOWR tell it
		return uint64(req >> 16 & 0x3fff)
	}
	return 0
}

// ioctl: EBADF, EFAULT, ENOTTY for requests that the file has not, and the request's own.
func ioctl(t *kernel.Task, m Memory, a args) (int64, error) {
	fd, req := a.int(0), a.u32(1)
	return withFile(t, fd, func(o *vfs.OpenFile) (int64, error) {
		if o.Flags()&abi.O_PATH != 0 {
			return 0, abi.EBADF
		}
		switch req {
		case fioclex, fionclex:
			return ok(t.Files.SetCloexec(fd, req == fioclex))
		case abi.FIONBIO:
			var on int32
			if err := get(m, a[2], &on); err != nil {
				return 0, err
			}
			flags := o.Flags() &^ abi.O_NONBLOCK
			if on != 0 {
				flags |= abi.O_NONBLOCK
			}
			o.SetFlags(flags)
			return 0, nil
		case abi.SIOCGIFCONF:
			return interfaceConf(t, m, o, a[2])
		}
		if f, isIoctler := o.File.(vfs.Ioctler); isIoctler {
			// A request that does not need the memory does not mind that it is bad.
			arg, _ := m.Slice(a[2], ioctlSize(req))
			for {
				n, err := f.Ioctl(t, req, a[2], arg)
				// A background job that was stopped for it and goes on tries again.
				if err != abi.EINTR || t.Interrupted() != nil {
					return int64(n), err
				}
			}
		}
		if _, isRegular := o.File.(vfs.Seekable); isRegular && req == abi.FIONREAD {
			st, err := o.Stat()
			if err != nil {
				return 0, err
			}
			at, err := o.Seek(0, abi.SEEK_CUR)
			if err != nil {
				return 0, err
			}
			left := int32(min(max(st.Size-at, 0), 1<<31-1))
			return ok(put(m, a[2], &left))
		}
		return 0, abi.ENOTTY
	})
}

// interfaceConf is SIOCGIFCONF: struct ifconf { int len; pointer to an array of struct ifreq }, whose length alone is asked for when
// the pointer is NULL.
func interfaceConf(t *kernel.Task, m Memory, o *vfs.OpenFile, addr uint64) (int64, error) {
	if _, err := kernel.SocketOf(o); err != nil {
		return 0, abi.ENOTTY
	}
	var conf struct {
		len int32
		_   int32
		buf uint64
	}
	if err := get(m, addr, &conf); err != nil {
		return 0, err
	}
	list := t.Kernel().Net().Conf()
	if conf.buf != 0 {
		list = list[:min(len(list), int(max(conf.len, 0))/40*40)]
		out, err := m.Slice(conf.buf, uint64(len(list)))
		if err != nil {
			return 0, err
		}
		copy(out, list)
	}
	conf.len = int32(len(list))
	return ok(put(m, addr, &conf))
}
