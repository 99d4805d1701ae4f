// Package tmpfs is a filesystem in memory (tmpfs(5)): for /tmp, /dev, /dev/shm, /run and docker's --tmpfs.
//
// Locks: filesystem.tree guards the entries of all directories and is taken first; inode.mu guards one inode's
// attributes and data. Two tasks that use different files meet at the tree lock only when they change or look up
// names, and cached dentries seldom look up.
package tmpfs

import (
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Options are the mount options of a tmpfs. The zero value is one without limits, of mode 01777, owned by root.
type Options struct {
	Size   int64  // bytes of file data, rounded up to pages; 0 is no limit
	Inodes int64  // 0 is no limit
	Mode   uint32 // of the root directory; 0 is 01777
	UID    uint32 // owner of the root directory
	GID    uint32
	Source string // the device column of /proc/mounts; "" is "tmpfs"

	// Charge accounts for delta bytes of memory, negative when they are given back; false refuses them, and the
	// write that wanted them gets ENOSPC. nil accounts for nothing.
	Charge func(delta int64) bool
}

const (
	pageSize = 4096
	magic    = 0x01021994 // TMPFS_MAGIC (statfs(2))
)

// New makes an empty filesystem. Its memory is free when nobody refers to it any more; what was charged for files
// that still are there then is not given back.
func New(opts Options) *vfs.Filesystem {
	if opts.Mode == 0 {
		opts.Mode = 0o1777
	}
	if opts.Source == "" {
		opts.Source = "tmpfs"
	}
	fs := &filesystem{opts: opts, dev: vfs.NewDevice(), maxPages: pagesOf(opts.Size)}
	fs.inodes.Store(1)
	root := fs.newInode(abi.S_IFDIR|opts.Mode&abi.PermMask, 0, vfs.Owner{UID: opts.UID, GID: opts.GID})
	out := vfs.NewFilesystem("tmpfs", opts.Source, root, false)
	out.Statfs = fs.statfs
	return out
}

type filesystem struct {
	opts     Options
	dev      uint64
	maxPages int64

	pages   atomic.Int64 // in use
	inodes  atomic.Int64
	lastIno atomic.Uint64

	tree sync.RWMutex
}

func pagesOf(size int64) int64 {
	pages := size / pageSize
	if size%pageSize != 0 {
		pages++
	}
	return pages
}

// reserve takes pages for data, if there are so many left.
func (fs *filesystem) reserve(pages int64) bool {
	if n := fs.pages.Add(pages); fs.maxPages > 0 && n > fs.maxPages {
		fs.pages.Add(-pages)
		return false
	}
	if fs.opts.Charge != nil && !fs.opts.Charge(pages*pageSize) {
		fs.pages.Add(-pages)
		return false
	}
	return true
}

func (fs *filesystem) release(pages int64) {
	if pages == 0 {
		return
	}
	fs.pages.Add(-pages)
	if fs.opts.Charge != nil {
		fs.opts.Charge(-pages * pageSize)
	}
}

// allocInode makes an inode that counts: ENOSPC.
func (fs *filesystem) allocInode(mode uint32, rdev uint64, own vfs.Owner) (*inode, error) {
	if n := fs.inodes.Add(1); fs.opts.Inodes > 0 && n > fs.opts.Inodes {
		fs.inodes.Add(-1)
		return nil, abi.ENOSPC
	}
	return fs.newInode(mode, rdev, own), nil
}

func (fs *filesystem) newInode(mode uint32, rdev uint64, own vfs.Owner) *inode {
	t := now()
	i := &inode{
		fs: fs, ino: fs.lastIno.Add(1), mode: mode, rdev: rdev, uid: own.UID, gid: own.GID,
		nlink: 1, atime: t, mtime: t, ctime: t,
	}
	if mode&abi.S_IFMT == abi.S_IFDIR {
		i.nlink = 2
		i.entries = make(map[string]*inode)
	}
	return i
}

func (fs *filesystem) statfs() abi.Statfs {
	st := abi.Statfs{Type: magic, Bsize: pageSize, Frsize: pageSize, Namelen: abi.NAME_MAX}
	if fs.maxPages > 0 {
		free := uint64(max(0, fs.maxPages-fs.pages.Load()))
		st.Blocks, st.Bfree, st.Bavail = uint64(fs.maxPages), free, free
	}
	if fs.opts.Inodes > 0 {
		st.Files, st.Ffree = uint64(fs.opts.Inodes), uint64(max(0, fs.opts.Inodes-fs.inodes.Load()))
	}
	return st
}
