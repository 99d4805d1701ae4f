package linux

import (
	"math"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	maxCount  = 0x7ffff000 // bytes of one read or write (MAX_RW_COUNT)
	maxIovecs = 1024       // UIO_MAXIOV
)

// withFile calls f with the open file of a descriptor: EBADF.
func withFile(t *kernel.Task, fd int, f func(o *vfs.OpenFile) (int64, error)) (int64, error) {
	o, err := t.Files.Get(fd)
	if err != nil {
		return 0, err
	}
	defer o.Release()
	return f(o)
}

// read: EBADF, EFAULT, EAGAIN, EINTR, EISDIR, EIO.
func read(t *kernel.Task, m Memory, a args) (int64, error) {
	o, err := t.Files.Get(a.int(0))
	if err != nil {
		return 0, err
	}
	defer o.Release()
	p, err := m.Slice(a[1], min(a[2], maxCount))
	if err != nil {
		return 0, err
	}
	n, err := t.Read(o, p)
	return int64(n), err
}

// write: EBADF, EFAULT, EAGAIN, EINTR, EPIPE with SIGPIPE, ENOSPC, EFBIG, EIO.
func write(t *kernel.Task, m Memory, a args) (int64, error) {
	o, err := t.Files.Get(a.int(0))
	if err != nil {
		return 0, err
	}
	defer o.Release()
	p, err := m.Slice(a[1], min(a[2], maxCount))
	if err != nil {
		return 0, err
	}
	n, err := t.Write(o, p)
	return int64(n), err
}

// pread64: as read, and ESPIPE, EINVAL for a negative offset.
func pread64(t *kernel.Task, m Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		p, err := m.Slice(a[1], min(a[2], maxCount))
		if err != nil {
			return 0, err
		}
		n, err := t.Pread(o, p, int64(a[3]))
		return int64(n), err
	})
}

// pwrite64: as write, and ESPIPE, EINVAL for a negative offset.
func pwrite64(t *kernel.Task, m Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		p, err := m.Slice(a[1], min(a[2], maxCount))
		if err != nil {
			return 0, err
		}
		n, err := t.Pwrite(o, p, int64(a[3]))
		return int64(n), err
	})
}

// iovecs appends the buffers of an array of struct iovec to bufs: EFAULT, EINVAL for too many or too long ones.
func iovecs(m Memory, addr, count uint64, bufs [][]byte) ([][]byte, error) {
	if count > maxIovecs {
		return nil, abi.EINVAL
	}
	list, err := m.Slice(addr, count*16)
	if err != nil {
		return nil, err
	}
	left := uint64(maxCount)
	for ; len(list) > 0; list = list[16:] {
		base, n := le.Uint64(list), le.Uint64(list[8:])
		if n > 1<<63-1 {
			return nil, abi.EINVAL
		}
		n = min(n, left)
		left -= n
		b, err := m.Slice(base, n)
		if err != nil {
			return nil, err
		}
		bufs = append(bufs, b)
	}
	return bufs, nil
}

// readv and writev: as read and write, and EINVAL.
func readv(t *kernel.Task, m Memory, a args) (int64, error)  { return vectored(t, m, a, false) }
func writev(t *kernel.Task, m Memory, a args) (int64, error) { return vectored(t, m, a, true) }

func vectored(t *kernel.Task, m Memory, a args, out bool) (int64, error) {
	o, err := t.Files.Get(a.int(0))
	if err != nil {
		return 0, err
	}
	defer o.Release()
	var few [8][]byte
	bufs, err := iovecs(m, a[1], a[2], few[:0])
	if err != nil {
		return 0, err
	}
	var n int
	if out {
		n, err = t.Writev(o, bufs, true)
	} else {
		n, err = t.Readv(o, bufs, true)
	}
	return int64(n), err
}

// preadv and preadv2: as pread64, and EINVAL; ENOTSUP for flags.
func preadv(t *kernel.Task, m Memory, a args) (int64, error) {
	return positioned(t, m, a, (*kernel.Task).Pread)
}

// pwritev and pwritev2: as pwrite64, and EINVAL; ENOTSUP for flags.
func pwritev(t *kernel.Task, m Memory, a args) (int64, error) {
	return positioned(t, m, a, (*kernel.Task).Pwrite)
}

// preadv2 and pwritev2 with offset -1 use the file's position.
func preadv2(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[5] != 0 {
		return 0, abi.ENOTSUP
	}
	if int64(a[3]) == -1 {
		return readv(t, m, a)
	}
	return preadv(t, m, a)
}

func pwritev2(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[5] != 0 {
		return 0, abi.ENOTSUP
	}
	if int64(a[3]) == -1 {
		return writev(t, m, a)
	}
	return pwritev(t, m, a)
}

func positioned(t *kernel.Task, m Memory, a args, op func(*kernel.Task, *vfs.OpenFile, []byte, int64) (int, error)) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		bufs, err := iovecs(m, a[1], a[2], nil)
		if err != nil {
			return 0, err
		}
		done := int64(0)
		for _, b := range bufs {
			n, err := op(t, o, b, int64(a[3])+done)
			done += int64(n)
			if err != nil && done > 0 {
				return done, nil
			}
			if err != nil || n < len(b) {
				return done, err
			}
		}
		return done, nil
	})
}

// lseek: EBADF, ESPIPE, EINVAL, ENXIO.
func lseek(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) { return o.Seek(int64(a[1]), a.int(2)) })
}

// close: EBADF, or the error of a write that was put off.
func closeFD(t *kernel.Task, _ Memory, a args) (int64, error) { return ok(t.Files.Close(a.int(0))) }

const closeRangeCloexec = 4 // CLOSE_RANGE_CLOEXEC

// close_range: EINVAL.
func closeRange(t *kernel.Task, _ Memory, a args) (int64, error) {
	first, last, flags := a.u32(0), a.u32(1), a.u32(2)
	if first > last || flags&^closeRangeCloexec != 0 {
		return 0, abi.EINVAL
	}
	for _, fd := range t.Files.List() {
		switch {
		case uint32(fd) < first || uint32(fd) > last:
		case flags != 0:
			_ = t.Files.SetCloexec(fd, true)
		default:
			_ = t.Files.Close(fd)
		}
	}
	return 0, nil
}

// dup: EBADF, EMFILE.
func dup(t *kernel.Task, _ Memory, a args) (int64, error) { return dupFrom(t, a.int(0), 0, false) }

func dupFrom(t *kernel.Task, fd, least int, cloexec bool) (int64, error) {
	o, err := t.Files.Get(fd)
	if err != nil {
		return 0, err
	}
	n, err := t.Files.Add(o, least, cloexec)
	return int64(n), err
}

// dup2: EBADF.
func dup2(t *kernel.Task, _ Memory, a args) (int64, error) {
	from, to := a.int(0), a.int(1)
	o, err := t.Files.Get(from)
	if err != nil {
		return 0, err
	}
	if from == to {
		o.Release()
		return int64(to), nil
	}
	return int64(to), t.Files.Set(to, o, false)
}

// dup3: EBADF, EINVAL.
func dup3(t *kernel.Task, _ Memory, a args) (int64, error) {
	from, to, flags := a.int(0), a.int(1), a.int(2)
	if from == to || flags&^abi.O_CLOEXEC != 0 {
		return 0, abi.EINVAL
	}
	o, err := t.Files.Get(from)
	if err != nil {
		return 0, err
	}
	return int64(to), t.Files.Set(to, o, flags != 0)
}

// pipe: EFAULT, EMFILE.
func pipe(t *kernel.Task, m Memory, a args) (int64, error) { return makePipe(t, m, a[0], 0) }

// pipe2: as pipe, and EINVAL.
func pipe2(t *kernel.Task, m Memory, a args) (int64, error) { return makePipe(t, m, a[0], a.int(1)) }

func makePipe(t *kernel.Task, m Memory, addr uint64, flags int) (int64, error) {
	if flags&^(abi.O_CLOEXEC|abi.O_NONBLOCK|abi.O_DIRECT) != 0 {
		return 0, abi.EINVAL
	}
	if flags&abi.O_DIRECT != 0 { // packets
		return 0, abi.EINVAL
	}
	out, err := m.Slice(addr, 8)
	if err != nil {
		return 0, err
	}
	r, w := kernel.NewPipe()
	r.SetFlags(flags & abi.O_NONBLOCK)
	w.SetFlags(flags & abi.O_NONBLOCK)
	cloexec := flags&abi.O_CLOEXEC != 0
	rfd, err := t.Files.Add(r, 0, cloexec)
	if err != nil {
		w.Release()
		return 0, err
	}
	wfd, err := t.Files.Add(w, 0, cloexec)
	if err != nil {
		t.Files.Close(rfd)
		return 0, err
	}
	le.PutUint32(out, uint32(rfd))
	le.PutUint32(out[4:], uint32(wfd))
	return 0, nil
}

// fcntl: EBADF, EINVAL for unknown commands, EMFILE, EPERM for a pipe larger than there is;
// those of recordLock.
func fcntl(t *kernel.Task, m Memory, a args) (int64, error) {
	fd, cmd, arg := a.int(0), a.int(1), a.int(2)
	return withFile(t, fd, func(o *vfs.OpenFile) (int64, error) {
		if o.Flags()&abi.O_PATH != 0 {
			switch cmd { // what open(2) allows on O_PATH
			case abi.F_DUPFD, abi.F_DUPFD_CLOEXEC, abi.F_GETFD, abi.F_SETFD, abi.F_GETFL:
			default:
				return 0, abi.EBADF
			}
		}
		switch cmd {
		case abi.F_DUPFD, abi.F_DUPFD_CLOEXEC:
			return dupFrom(t, fd, arg, cmd == abi.F_DUPFD_CLOEXEC)
		case abi.F_GETFD:
			if on, err := t.Files.Cloexec(fd); err != nil || on {
				return abi.FD_CLOEXEC, err
			}
			return 0, nil
		case abi.F_SETFD:
			return ok(t.Files.SetCloexec(fd, arg&abi.FD_CLOEXEC != 0))
		case abi.F_GETFL:
			return int64(o.Flags()), nil
		case abi.F_SETFL:
			o.SetFlags(arg)
			return 0, nil
		case abi.F_GETLK, abi.F_SETLK, abi.F_SETLKW, abi.F_OFD_GETLK, abi.F_OFD_SETLK, abi.F_OFD_SETLKW:
			return recordLock(t, m, o, cmd, a[2])
		case abi.F_GETPIPE_SZ, abi.F_SETPIPE_SZ:
			p, isPipe := o.File.(interface{ PipeSize() int })
			switch {
			case !isPipe:
				return 0, abi.EBADF
			case cmd == abi.F_SETPIPE_SZ && arg < 0:
				return 0, abi.EINVAL
			case cmd == abi.F_SETPIPE_SZ && arg > p.PipeSize():
				return 0, abi.EPERM
			}
			return int64(p.PipeSize()), nil
		}
		return 0, abi.EINVAL
	})
}

// fsync and fdatasync: EBADF, EINVAL for what is not on a disk, EIO, ENOSPC.
func fsync(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		if o.Flags()&abi.O_PATH != 0 {
			return 0, abi.EBADF
		}
		if o.Inode == nil {
			return 0, abi.EINVAL
		}
		return ok(o.Sync())
	})
}

// sync writes nothing: what programs write without fsync is handed to the host as it comes.
func syncAll(*kernel.Task, Memory, args) (int64, error) { return 0, nil }

// syncfs: EBADF.
func syncfs(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) { return ok(o.Sync()) })
}

// ftruncate: EBADF, EINVAL, EFBIG, EROFS.
func ftruncate(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		if err := t.MayGrow(int64(a[1])); err != nil {
			return 0, err
		}
		return ok(o.Truncate(int64(a[1])))
	})
}

// fallocate: EBADF, EFBIG with SIGXFSZ, EINVAL, ENODEV, ENOSPC, ESPIPE; EOPNOTSUPP for all modes but 0, KEEP_SIZE, PUNCH_HOLE and
// ZERO_RANGE. It reserves no space.
func fallocate(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		off, n := int64(a[2]), int64(a[3])
		if off >= 0 && n > 0 && off <= math.MaxInt64-n && a.u32(1)&abi.FALLOC_FL_KEEP_SIZE == 0 {
			if err := t.MayGrow(off + n); err != nil {
				return 0, err
			}
		}
		return ok(o.Allocate(a.u32(1), off, n))
	})
}

// fadvise64: EBADF, ESPIPE, EINVAL. The advice is not needed.
func fadvise64(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		if o.Inode == nil {
			return 0, abi.ESPIPE
		}
		if a[3] > 5 {
			return 0, abi.EINVAL
		}
		return 0, nil
	})
}

var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// copyFile copies up to n bytes between files, at the offsets or, where nil, at the files' positions.
func copyFile(t *kernel.Task, out *vfs.OpenFile, outOff *int64, in *vfs.OpenFile, inOff *int64, n uint64) (int64, error) {
	buf := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buf)
	done := int64(0)
	for left := int64(min(n, maxCount)); left > 0; {
		if done > 0 {
			if err := t.Interrupted(); err != nil {
				break
			}
		}
		p := buf[:min(left, int64(len(buf)))]
		var r, w int
		var err error
		if inOff != nil {
			r, err = in.Pread(p, *inOff)
		} else {
			r, err = t.Read(in, p)
		}
		if err == nil && r > 0 {
			if outOff != nil {
				w, err = t.Pwrite(out, p[:r], *outOff)
			} else {
				w, err = t.Write(out, p[:r])
			}
		}
		if inOff != nil {
			*inOff += int64(w)
		} else if w < r { // what could not be written was not taken
			if _, serr := in.Seek(int64(w-r), abi.SEEK_CUR); serr != nil && err == nil {
				err = serr
			}
		}
		if outOff != nil {
			*outOff += int64(w)
		}
		done, left = done+int64(w), left-int64(w)
		if err != nil && done == 0 {
			return 0, err
		}
		if err != nil || w < len(p) {
			break
		}
	}
	return done, nil
}

// sendfile: EBADF, EFAULT, EINVAL, EAGAIN, EINTR, ESPIPE.
func sendfile(t *kernel.Task, m Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(out *vfs.OpenFile) (int64, error) {
		return withFile(t, a.int(1), func(in *vfs.OpenFile) (int64, error) {
			if _, ok := in.File.(vfs.Seekable); !ok {
				return 0, abi.EINVAL
			}
			return withOffset(m, a[2], func(off *int64) (int64, error) {
				return copyFile(t, out, nil, in, off, a[3])
			})
		})
	})
}

// withOffset calls f with the offset at addr, nil when addr is NULL, and writes it back.
func withOffset(m Memory, addr uint64, f func(off *int64) (int64, error)) (int64, error) {
	if addr == 0 {
		return f(nil)
	}
	var off int64
	if err := get(m, addr, &off); err != nil {
		return 0, err
	}
	n, err := f(&off)
	if err == nil {
		err = put(m, addr, &off)
	}
	return n, err
}

// copy_file_range: EBADF, EFAULT, EINVAL for what is not a regular file, EISDIR.
func copyFileRange(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[5] != 0 {
		return 0, abi.EINVAL
	}
	return withFile(t, a.int(0), func(in *vfs.OpenFile) (int64, error) {
		return withFile(t, a.int(2), func(out *vfs.OpenFile) (int64, error) {
			for _, o := range []*vfs.OpenFile{in, out} {
				st, err := o.Stat()
				switch {
				case err != nil:
					return 0, err
				case st.Mode&abi.S_IFMT == abi.S_IFDIR:
					return 0, abi.EISDIR
				case st.Mode&abi.S_IFMT != abi.S_IFREG:
					return 0, abi.EINVAL
				}
			}
			if out.Flags()&abi.O_APPEND != 0 {
				return 0, abi.EBADF
			}
			return withOffset(m, a[1], func(inOff *int64) (int64, error) {
				return withOffset(m, a[3], func(outOff *int64) (int64, error) {
					return copyFile(t, out, outOff, in, inOff, a[4])
				})
			})
		})
	})
}

// getdents64: EBADF, EFAULT, EINVAL for a buffer too small, ENOTDIR.
func getdents64(t *kernel.Task, m Memory, a args) (int64, error) {
	o, err := t.Files.Get(a.int(0))
	if err != nil {
		return 0, err
	}
	defer o.Release()
	buf, err := m.Slice(a[1], min(a[2], maxCount))
	if err != nil {
		return 0, err
	}
	n, full := 0, false
	err = o.ReadDir(func(e vfs.Dirent, next int64) bool {
		size := (abi.DirentHeader + len(e.Name) + 1 + 7) &^ 7
		if full = size > len(buf)-n; full {
			return false
		}
		d := buf[n : n+size]
		le.PutUint64(d, e.Ino)
		le.PutUint64(d[8:], uint64(next))
		le.PutUint16(d[16:], uint16(size))
		d[18] = e.Type
		clear(d[abi.DirentHeader+copy(d[abi.DirentHeader:], e.Name):])
		n += size
		return true
	})
	if err == nil && full && n == 0 {
		err = abi.EINVAL
	}
	return int64(n), err
}
