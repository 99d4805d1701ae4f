package wasi

import (
	"math"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	maxIovecs = 1024
	maxCount  = 0x7ffff000 // bytes of one call
)

// iovecs appends the buffers of an array of iovec or ciovec, { buf u32, len u32 }, to bufs: EFAULT, EINVAL.
func iovecs(g *guest.Guest, addr, count uint64, bufs [][]byte) ([][]byte, error) {
	n := uint32(count)
	if n > maxIovecs {
		return nil, abi.EINVAL
	}
	list, err := slice(g, addr, uint64(n)*8)
	if err != nil {
		return nil, err
	}
	left := uint64(maxCount)
	for ; len(list) > 0; list = list[8:] {
		size := min(uint64(le.Uint32(list[4:])), left)
		left -= size
		b, err := g.Mem.Slice(uint64(le.Uint32(list)), size)
		if err != nil {
			return nil, err
		}
		bufs = append(bufs, b)
	}
	return bufs, nil
}

// fdRead is fd_read.
func fdRead(g *guest.Guest, s []uint64) error { return vectored(g, s, false) }

// fdWrite is fd_write.
func fdWrite(g *guest.Guest, s []uint64) error { return vectored(g, s, true) }

func vectored(g *guest.Guest, s []uint64, out bool) error {
	fd := fdArg(s[0])
	o, err := file(g, fd)
	if err != nil {
		return err
	}
	defer o.Release()
	var few [8][]byte
	bufs, err := iovecs(g, s[1], s[2], few[:0])
	if err != nil {
		return err
	}
	var n int
	if out {
		n, err = g.Task.Writev(o, bufs, !nonblocking(g, fd))
	} else {
		n, err = g.Task.Readv(o, bufs, !nonblocking(g, fd))
	}
	if err != nil {
		return err
	}
	return putU32(g, s[3], uint32(n))
}

// fdPread is fd_pread.
func fdPread(g *guest.Guest, s []uint64) error { return positioned(g, s, (*kernel.Task).Pread) }

// fdPwrite is fd_pwrite.
func fdPwrite(g *guest.Guest, s []uint64) error { return positioned(g, s, (*kernel.Task).Pwrite) }

func positioned(g *guest.Guest, s []uint64, op func(*kernel.Task, *vfs.OpenFile, []byte, int64) (int, error)) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	var few [8][]byte
	bufs, err := iovecs(g, s[1], s[2], few[:0])
	if err != nil {
		return err
	}
	done := 0
	for _, b := range bufs {
		n, err := op(g.Task, o, b, int64(s[3])+int64(done))
		done += n
		if err != nil && done == 0 {
			return err
		}
		if err != nil || n < len(b) {
			break
		}
	}
	return putU32(g, s[4], uint32(done))
}

// fdSeek is fd_seek; whence is set, cur, end.
func fdSeek(g *guest.Guest, s []uint64) error { return seek(g, s[0], int64(s[1]), s[2], s[3]) }

// fdTell is fd_tell.
func fdTell(g *guest.Guest, s []uint64) error { return seek(g, s[0], 0, abi.SEEK_CUR, s[1]) }

func seek(g *guest.Guest, fd uint64, off int64, whence, result uint64) error {
	if uint32(whence) > abi.SEEK_END {
		return abi.EINVAL
	}
	o, err := file(g, fdArg(fd))
	if err != nil {
		return err
	}
	defer o.Release()
	at, err := o.Seek(off, int(uint32(whence)))
	if err != nil {
		return err
	}
	return putU64(g, result, uint64(at))
}

// fdSync is fd_sync and fd_datasync.
func fdSync(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	if o.Inode == nil {
		return abi.EINVAL
	}
	return o.Sync()
}

// fdAdvise is fd_advise; the advice is not needed.
func fdAdvise(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	switch {
	case uint32(s[3]) > 5:
		return abi.EINVAL
	case o.Inode == nil:
		return abi.ESPIPE
	}
	return nil
}

// fdAllocate is fd_allocate.
func fdAllocate(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	if off, n := int64(s[1]), int64(s[2]); off >= 0 && n > 0 && off <= math.MaxInt64-n {
		if err := g.Task.MayGrow(off + n); err != nil {
			return err
		}
	}
	return o.Allocate(0, int64(s[1]), int64(s[2]))
}

const direntHeader = 24 // of dirent: { next u64, ino u64, namlen u32, type u8 }

// fdReaddir is fd_readdir. An entry that does not fit is cut, and the buffer then full.
func fdReaddir(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	buf, err := slice(g, s[1], s[2])
	if err != nil {
		return err
	}
	if _, err := slice(g, s[4], 4); err != nil {
		return err
	}
	if st, err := o.Stat(); err != nil || st.Mode&abi.S_IFMT != abi.S_IFDIR {
		return abi.ENOTDIR
	}
	if _, err := o.Seek(int64(s[3]), abi.SEEK_SET); err != nil {
		return err
	}
	n := 0
	err = o.ReadDir(func(e vfs.Dirent, next int64) bool {
		var d [direntHeader]byte
		le.PutUint64(d[:], uint64(next))
		le.PutUint64(d[8:], e.Ino)
		le.PutUint32(d[16:], uint32(len(e.Name)))
		d[20] = direntType(e.Type)
		n += copy(buf[n:], d[:])
		n += copy(buf[n:], e.Name)
		return n < len(buf)
	})
	if err != nil {
		return err
	}
	return putU32(g, s[4], uint32(n))
}
