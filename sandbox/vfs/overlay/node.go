package overlay

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// node is an inode of any type. Those of lower layers are made when they are looked up, and differ from the layer
// when changed is set.
type node struct {
	fs   *FS
	ino  uint64
	from lowerRef             // the lower inode that gives the link's target, the extended attributes and the data
	dir  *directory           // of a directory; guarded by FS.tree
	up   atomic.Pointer[node] // the directory in which it was found last

	wr sync.Mutex // held by who changes the data

	mu                  sync.RWMutex // guards what follows
	mode, uid, gid      uint32
	nlink               uint32
	rdev                uint64
	size                int64
	atime, mtime, ctime int64  // nanoseconds since the epoch
	target              string // of a new symbolic link
	xattrs              vfs.XattrMap
	ownXattrs           bool // xattrs hold, not those of the lower inode
	changed             bool // the writable layer has a record of it

	own    bool // the data is the writable layer's
	onHost bool // it is in a data file, not inline
	fresh  bool // the data file was made after the last fsync
	dirty  bool // the record says that the data file knows size and time
	sparse bool // the data file may have holes
	opens  int
	free   bool // it has no name yet, and may get one
	inline []byte
	host   *os.File // the data file, while somebody uses it
}

func now() int64 { return time.Now().UnixNano() }

// fill takes over a lower inode's attributes.
func (n *node) fill(i layer.Inode) {
	n.mode, n.uid, n.gid, n.nlink, n.rdev, n.size = i.Mode, i.UID, i.GID, i.Nlink, i.Rdev, i.Size
	n.atime, n.mtime, n.ctime = i.Mtime, i.Mtime, i.Mtime
}

const blockSize = 4096

// Stat implements vfs.Inode.
func (n *node) Stat() (abi.Stat, error) {
	n.mu.RLock()
	st := abi.Stat{
		Dev: n.fs.dev, Ino: n.ino, Nlink: uint64(n.nlink), Mode: n.mode, UID: n.uid, GID: n.gid, Rdev: n.rdev,
		Size: n.size, Blksize: blockSize,
		Atim: abi.TimespecOf(n.atime), Mtim: abi.TimespecOf(n.mtime), Ctim: abi.TimespecOf(n.ctime),
	}
	holes, host := n.onHost && n.sparse, n.host
	n.mu.RUnlock()
	switch st.Mode & abi.S_IFMT {
	case abi.S_IFREG:
		st.Blocks = (st.Size + blockSize - 1) / blockSize * (blockSize / 512)
		if holes {
			if blocks, ok := n.blocks(host); ok {
				st.Blocks = blocks
			}
		}
	case abi.S_IFDIR:
		st.Size, st.Blocks = blockSize, blockSize/512
	}
	return st, nil
}

// blocks asks the host how many blocks of 512 bytes a file with holes takes.
func (n *node) blocks(host *os.File) (int64, bool) {
	if host != nil {
		if info, err := host.Stat(); err == nil {
			return allocated(info.Sys())
		}
	}
	info, err := os.Stat(n.fs.dataPath(n.ino))
	if err != nil {
		return 0, false
	}
	return allocated(info.Sys())
}

// SetStat implements vfs.Inode.
func (n *node) SetStat(set vfs.SetStat) error {
	if n.fs.opts.ReadOnly {
		return abi.EROFS
	}
	if set.Size != nil {
		if err := n.truncate(*set.Size); err != nil {
			return err
		}
	}
	n.mu.Lock()
	if set.Mode != nil {
		n.mode = n.mode&abi.S_IFMT | *set.Mode&abi.PermMask
	}
	if set.UID != nil {
		n.uid = *set.UID
	}
	if set.GID != nil {
		n.gid = *set.GID
	}
	if set.Atime != nil {
		n.atime = set.Atime.Nanoseconds()
	}
	if set.Mtime != nil {
		n.mtime = set.Mtime.Nanoseconds()
		n.dirty = false // the data file would not know this time
	}
	n.ctime = now()
	n.record()
	n.mu.Unlock()
	return n.fs.flush()
}

// record puts the attributes as they are now into the journal; n.mu is held for writing. What has no name any more
// goes unrecorded.
func (n *node) record() {
	if n.nlink == 0 {
		return
	}
	n.change()
	n.fs.journal.add(appendInode(nil, n))
}

// change marks the node as one of the writable layer's.
func (n *node) change() {
	if !n.changed {
		n.changed = true
		n.fs.inodes.Add(1)
	}
}

// typ returns the type bits of the mode.
func (n *node) typ() uint32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.mode & abi.S_IFMT
}

// Sync implements vfs.Syncer, for directories and attributes.
func (n *node) Sync() error { return n.fs.journal.sync() }

// Readlink implements vfs.Inode.
func (n *node) Readlink() (string, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	switch {
	case n.mode&abi.S_IFMT != abi.S_IFLNK:
		return "", abi.EINVAL
	case n.target == "" && n.from.layer != nil:
		return n.from.layer.Readlink(n.from.id), nil
	}
	return n.target, nil
}

// lowerXattrs reads the lower inode's extended attributes, for one that has none of its own.
func (n *node) lowerXattrs() vfs.XattrMap {
	if n.ownXattrs || n.from.layer == nil {
		return n.xattrs
	}
	return n.from.layer.Xattrs(n.from.id)
}

// GetXattr implements vfs.Xattrs.
func (n *node) GetXattr(name string) ([]byte, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.lowerXattrs().Get(name)
}

// ListXattr implements vfs.Xattrs.
func (n *node) ListXattr() ([]string, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.lowerXattrs().List(), nil
}

// SetXattr implements vfs.Xattrs.
func (n *node) SetXattr(name string, value []byte, flags int) error {
	return n.changeXattrs(func(m *vfs.XattrMap) error { return m.Set(n.mode, name, value, flags) })
}

// RemoveXattr implements vfs.Xattrs.
func (n *node) RemoveXattr(name string) error {
	return n.changeXattrs(func(m *vfs.XattrMap) error { return m.Remove(name) })
}

func (n *node) changeXattrs(change func(*vfs.XattrMap) error) error {
	if n.fs.opts.ReadOnly {
		return abi.EROFS
	}
	n.mu.Lock()
	m := n.lowerXattrs()
	err := change(&m)
	if err == nil {
		n.xattrs, n.ownXattrs, n.ctime = m, true, now()
		n.record()
	}
	n.mu.Unlock()
	if err != nil {
		return err
	}
	return n.fs.flush()
}
