package overlay

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// A regular file's data is the lower inode's until it is changed (own is false), and then the data file's on the host,
// which is made at the first write: until then an own file is empty.
//
// The journal does not follow each write. Before the first one after a record, the file is recorded as dirty, which
// says that the data file knows the size and the time better; the last close records both. So data written before a
// crash is there after it, though the journal was written once.

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
	gone := n.nlink == 0 && n.opens == 0 && n.own
	size := n.size
	if gone {
		n.own = false
	}
	n.mu.Unlock()
	if gone {
		n.fs.reserve(-size)
		os.Remove(n.fs.dataPath(n.ino)) // there may be none; what stays is swept at the next open
	}
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

// hostFile returns the data file, opened or made. The caller holds n.wr, has acquired the node, and own is set.
func (n *node) hostFile() (*os.File, error) {
	n.mu.RLock()
	host, size := n.host, n.size
	n.mu.RUnlock()
	if host != nil {
		return host, nil
	}
	path := n.fs.dataPath(n.ino)
	host, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			host, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		}
	}
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
	var host *os.File
	if size > 0 {
		var err error
		if host, err = n.copyData(size); err != nil {
			n.fs.reserve(-size)
			return err
		}
	}
	n.mu.Lock()
	n.own, n.host, n.size = true, host, size
	n.record()
	n.mu.Unlock()
	return n.fs.flush()
}

func (n *node) copyData(size int64) (*os.File, error) {
	path := n.fs.dataPath(n.ino)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, errnoOf(err)
	}
	host, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, errnoOf(err)
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
			os.Remove(path)
			return nil, err
		}
		off += int64(got)
	}
	return host, nil
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
		err := n.markDirty()
		if err == nil {
			var host *os.File
			if host, err = n.hostFile(); err == nil {
				if err = host.Truncate(size); err != nil {
					err = errnoOf(err)
				}
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
	need := n.own && n.size > 0 && n.host == nil
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
	own, host := n.own, n.host
	stale := own && !f.noatime && (n.atime <= n.mtime || n.atime <= n.ctime)
	n.mu.RUnlock()
	if !own {
		return n.from.layer.ReadAt(n.from.id, p, off)
	}
	if stale { // as relatime; it goes into the journal with the next record
		n.mu.Lock()
		n.atime = now()
		n.mu.Unlock()
	}
	if host == nil {
		return 0, nil // never written to
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
	got, err := 0, n.markDirty()
	if err == nil {
		var host *os.File
		if host, err = n.hostFile(); err == nil {
			if got, err = host.WriteAt(p, off); err != nil {
				err = errnoOf(err)
			}
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
	own, host := n.own, n.host
	if own && n.dirty {
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
		if err := syncDir(filepath.Dir(host.Name())); err != nil {
			return errnoOf(err)
		}
	}
	return n.fs.journal.sync()
}

// syncDir writes a directory's entries to the disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Ready implements vfs.File.
func (f *file) Ready() vfs.Events { return abi.POLLIN | abi.POLLOUT }

// Queue implements vfs.File.
func (f *file) Queue() *vfs.WaitQueue { return nil }

// Close implements vfs.File.
func (f *file) Close() error { return f.node.release() }
