package tmpfs

import (
	"math"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Open implements vfs.Inode.
func (i *inode) Open(flags int) (vfs.File, error) {
	if i.typ() != abi.S_IFREG {
		return nil, abi.ENXIO
	}
	i.mu.Lock()
	i.opens++
	i.mu.Unlock()
	return &file{inode: i, noatime: flags&abi.O_NOATIME != 0}, nil
}

// file is an open regular file.
type file struct {
	inode   *inode
	noatime bool
}

// Read implements vfs.File.
func (f *file) Read(p []byte, off int64) (int, error) {
	i := f.inode
	i.mu.RLock()
	n := i.data.readAt(p, off)
	i.mu.RUnlock()
	if !f.noatime {
		i.accessed()
	}
	return n, nil
}

// Write implements vfs.File: ENOSPC, EFBIG.
func (f *file) Write(p []byte, off int64) (int, error) {
	i := f.inode
	i.mu.Lock()
	defer i.mu.Unlock()
	if off == vfs.Append {
		off = i.data.size
	}
	if off > math.MaxInt64-int64(len(p)) {
		return 0, abi.EFBIG
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := i.data.writeAt(p, off, i.fs.reserve)
	if n == 0 {
		return 0, abi.ENOSPC
	}
	i.mtime = now()
	i.ctime = i.mtime
	return n, nil
}

// Size implements vfs.Seekable.
func (f *file) Size() (int64, error) {
	f.inode.mu.RLock()
	defer f.inode.mu.RUnlock()
	return f.inode.data.size, nil
}

// NextData implements vfs.Sparse.
func (f *file) NextData(off int64) (int64, error) {
	f.inode.mu.RLock()
	defer f.inode.mu.RUnlock()
	if at := f.inode.data.nextData(off); at >= 0 {
		return at, nil
	}
	return 0, abi.ENXIO
}

// NextHole implements vfs.Sparse.
func (f *file) NextHole(off int64) (int64, error) {
	f.inode.mu.RLock()
	defer f.inode.mu.RUnlock()
	return f.inode.data.nextHole(off), nil
}

// PunchHole implements vfs.Sparse.
func (f *file) PunchHole(off, n int64) error {
	i := f.inode
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fs.release(i.data.punch(off, n))
	i.mtime = now()
	i.ctime = i.mtime
	return nil
}

// Ready implements vfs.File.
func (f *file) Ready() vfs.Events { return abi.POLLIN | abi.POLLOUT }

// Queue implements vfs.File.
func (f *file) Queue() *vfs.WaitQueue { return nil }

// Close implements vfs.File.
func (f *file) Close() error {
	i := f.inode
	i.mu.Lock()
	i.opens--
	i.mu.Unlock()
	i.reap()
	return nil
}
