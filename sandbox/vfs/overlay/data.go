package overlay

import (
	"errors"
	"io"
	"math"
	"os"
	"syscall"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/internal/sparse"
)

// A regular file's data is the lower inode's until it is changed (own is false). Then it is first kept inline, in memory
// and in the inode's record, as long as it is small: a file that a script makes and soon removes costs one write to the
// journal and none of the host's inodes. When it grows it moves to a data file on the host (onHost), and stays there.
//
// The journal does not follow each write to a data file. Before the first one after a record, the file is recorded as
// dirty, which says that the data file knows the size and the time better; the last close records both. So data written
// before a crash is there after it, though the journal was written once.

const (
	inlineMax   = 2 << 10   // bytes of a file
	inlineTotal = 256 << 10 // bytes of all files of an overlay
)

// acquire counts a user of the data file: ENOENT when the inode and its data are gone.
func (n *node) acquire() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nlink == 0 && n.opens == 0 {
		return abi.ENOENT
	}
	n.opens++
	return nil
}

// release is the end of a use; the last one closes the data file, and removes it when the inode has no name.
func (n *node) release() error {
	n.mu.Lock()
	n.opens--
	var host *os.File
	settled := false
	if n.opens == 0 {
		host, n.host = n.host, nil
		if n.dirty && n.nlink > 0 {
			n.dirty, settled = false, true
			n.record()
		}
	}
	n.mu.Unlock()
	if host != nil {
		host.Close()
	}
	n.reap()
	if settled {
		return n.fs.flush()
	}
	return nil
}

// reap removes the data of an inode that has neither names nor users.
func (n *node) reap() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nlink != 0 || n.opens != 0 || !n.own {
		return
	}
	n.own = false
	n.fs.reserve(-n.size)
	if n.onHost {
		os.Remove(n.fs.dataPath(n.ino)) // when that fails it is swept at the next open
	}
	n.setInline(nil)
}

// shut closes the data file for good, and records what the last close would have.
func (n *node) shut(keep bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.host != nil {
		n.host.Close()
	}
	if keep && n.dirty {
		n.dirty = false
		n.record()
	}
}

// setInline changes the inline data; n.mu is held for writing.
func (n *node) setInline(data []byte) {
	n.fs.inlined.Add(int64(len(data) - len(n.inline)))
	n.inline = data
}

// fitsInline reports whether data of a size may be inline. The caller holds n.wr, and own is set.
func (n *node) fitsInline(size int64) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return !n.onHost && size <= inlineMax && n.fs.inlined.Load()+size-int64(len(n.inline)) <= inlineTotal
}

// editInline changes the data, which fitsInline, to size bytes with p at off, and records it.
func (n *node) editInline(size int64, p []byte, off int64) error {
	n.mu.Lock()
	data := n.inline[:min(size, int64(len(n.inline)))]
	data = append(data, make([]byte, size-int64(len(data)))...)
	copy(data[off:], p)
	n.setInline(data)
	n.size, n.mtime = size, now()
	n.ctime = n.mtime
	n.record()
	n.mu.Unlock()
	return n.fs.flush()
}

// makeHost makes an empty data file.
func (n *node) makeHost() (*os.File, error) {
	path := n.fs.dataPath(n.ino)
	const flags = os.O_RDWR | os.O_CREATE | os.O_TRUNC
	host, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(n.fs.upper, 0o700); err == nil {
			host, err = os.OpenFile(path, flags, 0o600)
		}
	}
	if err != nil {
		return nil, errnoOf(err)
	}
	return host, nil
}

// adopt makes a data file that has the data already the node's, and records that; size bytes are in it.
func (n *node) adopt(host *os.File, size int64) error {
	n.mu.Lock()
	n.setInline(nil)
	n.own, n.onHost, n.fresh, n.host, n.size = true, true, true, host, size
	n.dirty = n.nlink > 0 // there is going to be a write
	n.record()
	n.mu.Unlock()
	return n.fs.flush()
}

// hostFile returns the data file, opened, or made of the inline data. The caller holds n.wr, has acquired the node, and
// own is set.
func (n *node) hostFile() (*os.File, error) {
	n.mu.RLock()
	host, onHost, inline, size := n.host, n.onHost, n.inline, n.size
	n.mu.RUnlock()
	if host != nil {
		return host, nil
	}
	if !onHost {
		host, err := n.makeHost()
		if err != nil {
			return nil, err
		}
		if _, err := host.WriteAt(inline, 0); err != nil {
			host.Close()
			os.Remove(host.Name())
			return nil, errnoOf(err)
		}
		return host, n.adopt(host, size)
	}
	host, err := os.OpenFile(n.fs.dataPath(n.ino), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errnoOf(err)
	}
	// After the host itself crashed, the journal may know of more data than the disk has; the rest reads as zeros.
	if size > 0 {
		if info, err := host.Stat(); err == nil && info.Size() < size {
			if err := host.Truncate(size); err != nil {
				host.Close()
				return nil, errnoOf(err)
			}
		}
	}
	n.mu.Lock()
	n.host = host
	n.mu.Unlock()
	return host, nil
}

// errnoOf tells the container what went wrong on the host: no room, or an input/output error.
func errnoOf(err error) error {
	for _, e := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS} {
		if errors.Is(err, e) {
			switch e {
			case syscall.EDQUOT:
				return abi.EDQUOT
			case syscall.EFBIG:
				return abi.EFBIG
			case syscall.EROFS:
				return abi.EROFS
			}
			return abi.ENOSPC
		}
	}
	return abi.EIO
}

// copyUp makes the data the writable layer's, at most keep bytes of it. The data is in its file before the journal
// says so. The caller holds n.wr and has acquired the node.
func (n *node) copyUp(keep int64) error {
	n.mu.RLock()
	own, size := n.own, min(n.size, keep)
	n.mu.RUnlock()
	if own {
		return nil
	}
	if !n.fs.reserve(size) {
		return abi.ENOSPC
	}
	var err error
	if n.fs.inlined.Load()+size <= inlineTotal && size <= inlineMax {
		err = n.copyInline(size)
	} else {
		err = n.copyData(size)
	}
	if err != nil {
		n.fs.reserve(-size)
	}
	return err
}

func (n *node) copyInline(size int64) error {
	data := make([]byte, size)
	for off := int64(0); off < size; {
		got, err := n.from.layer.ReadAt(n.from.id, data[off:], off)
		if err != nil || got == 0 {
			return abi.EIO
		}
		off += int64(got)
	}
	n.mu.Lock()
	n.setInline(data)
	n.own, n.size = true, size
	n.record()
	n.mu.Unlock()
	return n.fs.flush()
}

func (n *node) copyData(size int64) error {
	host, err := n.makeHost()
	if err != nil {
		return err
	}
	buf := make([]byte, min(size, 1<<20))
	for off := int64(0); off < size; {
		got, err := n.from.layer.ReadAt(n.from.id, buf[:min(int64(len(buf)), size-off)], off)
		if err == nil && got == 0 {
			err = abi.EIO
		}
		if err == nil {
			if _, err = host.WriteAt(buf[:got], off); err != nil {
				err = errnoOf(err)
			}
		}
		if err != nil {
			host.Close()
			os.Remove(host.Name())
			return err
		}
		off += int64(got)
	}
	return n.adopt(host, size)
}

// markDirty records that the data file is about to change. The caller holds n.wr.
func (n *node) markDirty() error {
	n.mu.Lock()
	if n.dirty || n.nlink == 0 {
		n.mu.Unlock()
		return nil
	}
	n.dirty = true
	n.record()
	n.mu.Unlock()
	return n.fs.flush()
}

// writable returns the data file, and records that it is about to change. The caller holds n.wr.
func (n *node) writable() (*os.File, error) {
	host, err := n.hostFile()
	if err == nil {
		err = n.markDirty()
	}
	return host, err
}

// truncate sets the size.
func (n *node) truncate(size int64) error {
	if n.typ() != abi.S_IFREG || size < 0 {
		return abi.EINVAL
	}
	if err := n.acquire(); err != nil {
		return err
	}
	n.wr.Lock()
	err := n.truncateLocked(size)
	n.wr.Unlock()
	if rerr := n.release(); err == nil {
		err = rerr
	}
	return err
}

func (n *node) truncateLocked(size int64) error {
	if err := n.copyUp(size); err != nil {
		return err
	}
	n.mu.RLock()
	old := n.size
	n.mu.RUnlock()
	if size != old {
		if !n.fs.reserve(size - old) {
			return abi.ENOSPC
		}
		if n.fitsInline(size) {
			return n.editInline(size, nil, 0)
		}
		host, err := n.writable()
		if err == nil {
			if err = host.Truncate(size); err != nil {
				err = errnoOf(err)
			}
		}
		if err != nil {
			n.fs.reserve(old - size)
			return err
		}
	}
	n.mu.Lock()
	n.size, n.mtime = size, now()
	n.ctime = n.mtime
	n.sparse = n.sparse || size > old
	n.mu.Unlock()
	return nil
}

// Open implements vfs.Inode.
func (n *node) Open(flags int) (vfs.File, error) {
	if n.typ() != abi.S_IFREG {
		return nil, abi.ENXIO
	}
	if err := n.acquire(); err != nil {
		return nil, err
	}
	n.mu.RLock()
	need := n.onHost && n.host == nil
	n.mu.RUnlock()
	if need {
		n.wr.Lock()
		_, err := n.hostFile()
		n.wr.Unlock()
		if err != nil {
			n.release()
			return nil, err
		}
	}
	return &file{node: n, noatime: flags&abi.O_NOATIME != 0}, nil
}

// file is an open regular file.
type file struct {
	node    *node
	noatime bool
}

// Read implements vfs.File. What a lower layer has is read from its tar.
func (f *file) Read(p []byte, off int64) (int, error) {
	n := f.node
	n.mu.RLock()
	own, onHost, host := n.own, n.onHost, n.host
	stale := own && !f.noatime && (n.atime <= n.mtime || n.atime <= n.ctime)
	got := 0
	if own && !onHost && off < int64(len(n.inline)) {
		got = copy(p, n.inline[off:])
	}
	n.mu.RUnlock()
	if !own {
		return n.from.layer.ReadAt(n.from.id, p, off)
	}
	if stale { // as relatime; it goes into the journal with the next record
		n.mu.Lock()
		n.atime = now()
		n.mu.Unlock()
	}
	if !onHost {
		return got, nil
	}
	got, err := host.ReadAt(p, off)
	if got > 0 || err == nil || errors.Is(err, io.EOF) {
		return got, nil
	}
	return 0, abi.EIO
}

// Write implements vfs.File: ENOSPC, EFBIG.
func (f *file) Write(p []byte, off int64) (int, error) {
	n := f.node
	if n.fs.opts.ReadOnly {
		return 0, abi.EROFS
	}
	if len(p) == 0 {
		return 0, nil
	}
	n.wr.Lock()
	defer n.wr.Unlock()
	if err := n.copyUp(math.MaxInt64); err != nil {
		return 0, err
	}
	n.mu.RLock()
	size := n.size
	n.mu.RUnlock()
	if off == vfs.Append {
		off = size
	}
	if off > math.MaxInt64-int64(len(p)) {
		return 0, abi.EFBIG
	}
	grow := max(0, off+int64(len(p))-size)
	if !n.fs.reserve(grow) {
		// A part may fit: what is overwritten, and what is left of the limit.
		left := n.fs.opts.SizeLimit - n.fs.bytes.Load()
		fits := max(0, int64(len(p))-grow) + max(0, left-max(0, off-size))
		if fits <= 0 || fits >= int64(len(p)) {
			return 0, abi.ENOSPC
		}
		p = p[:fits]
		if grow = max(0, off+fits-size); !n.fs.reserve(grow) {
			return 0, abi.ENOSPC
		}
	}
	if end := max(size, off+int64(len(p))); n.fitsInline(end) {
		return len(p), n.editInline(end, p, off)
	}
	got := 0
	host, err := n.writable()
	if err == nil {
		if got, err = host.WriteAt(p, off); err != nil {
			err = errnoOf(err)
		}
	}
	grown := int64(0)
	if got > 0 {
		n.mu.Lock()
		n.mtime = now()
		n.ctime = n.mtime
		n.sparse = n.sparse || off > size
		grown = max(0, off+int64(got)-size)
		n.size = size + grown
		n.mu.Unlock()
		err = nil
	}
	n.fs.reserve(grown - grow)
	return got, err
}

// Size implements vfs.Seekable.
func (f *file) Size() (int64, error) {
	f.node.mu.RLock()
	defer f.node.mu.RUnlock()
	return f.node.size, nil
}

// NextData implements vfs.Sparse.
func (f *file) NextData(off int64) (int64, error) { return f.next(off, false) }

// NextHole implements vfs.Sparse.
func (f *file) NextHole(off int64) (int64, error) { return f.next(off, true) }

// next asks the host about a data file; what a lower layer has, and what is inline, is one extent of data.
func (f *file) next(off int64, hole bool) (int64, error) {
	n := f.node
	n.mu.RLock()
	onHost, host, size := n.own && n.onHost, n.host, n.size
	n.mu.RUnlock()
	switch {
	case onHost:
		return sparse.Next(host, off, hole)
	case hole:
		return size, nil
	}
	return off, nil
}

// PunchHole implements vfs.Sparse.
func (f *file) PunchHole(off, count int64) error {
	n := f.node
	if n.fs.opts.ReadOnly {
		return abi.EROFS
	}
	n.wr.Lock()
	defer n.wr.Unlock()
	if err := n.copyUp(math.MaxInt64); err != nil {
		return err
	}
	n.mu.RLock()
	size, onHost := n.size, n.onHost
	n.mu.RUnlock()
	if count = min(count, size-off); count <= 0 {
		return nil
	}
	if !onHost {
		return n.editInline(size, make([]byte, count), off)
	}
	host, err := n.writable()
	if err == nil {
		err = sparse.Punch(host, off, count)
	}
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.mtime = now()
	n.ctime, n.sparse = n.mtime, true
	n.mu.Unlock()
	return nil
}

// ContentID identifies the data while it is that of an image layer; false once it has been written to.
func (f *file) ContentID() (string, bool) {
	n := f.node
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.own {
		return "", false
	}
	return n.from.layer.ContentID(n.from.id), true
}

// Sync implements vfs.Syncer: data, then the journal that tells of it.
func (f *file) Sync() error {
	n := f.node
	n.mu.Lock()
	host, fresh := n.host, n.fresh
	if n.dirty {
		n.record() // with the size and time of now
	}
	n.mu.Unlock()
	if n.fs.opts.Volatile {
		return n.fs.flush()
	}
	if host != nil {
		if err := host.Sync(); err != nil {
			return errnoOf(err)
		}
	}
	if fresh {
		if err := syncDir(n.fs.upper); err != nil {
			return errnoOf(err)
		}
		n.mu.Lock()
		n.fresh = false
		n.mu.Unlock()
	}
	return n.fs.journal.sync()
}

// Ready implements vfs.File.
func (f *file) Ready() vfs.Events { return abi.POLLIN | abi.POLLOUT }

// Queue implements vfs.File.
func (f *file) Queue() *vfs.WaitQueue { return nil }

// Close implements vfs.File.
func (f *file) Close() error { return f.node.release() }
