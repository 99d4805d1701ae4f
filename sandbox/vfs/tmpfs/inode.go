package tmpfs

import (
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// inode is a file of any type.
type inode struct {
	fs     *filesystem
	ino    uint64
	rdev   uint64
	target string // of a symbolic link

	entries map[string]*inode // of a directory; guarded by filesystem.tree

	mu                  sync.RWMutex // guards what follows
	mode                uint32
	uid, gid            uint32
	nlink               uint32
	names               int   // of a directory's entries
	atime, mtime, ctime int64 // nanoseconds since the epoch
	data                data
	opens               int
	linkable            bool // it has no name yet, and may get one
	xattrs              vfs.XattrMap
}

func now() int64 { return time.Now().UnixNano() }

func (i *inode) isDir() bool { return i.entries != nil }

// Stat implements vfs.Inode. A directory's size is 20 bytes an entry, as Linux's tmpfs has it.
func (i *inode) Stat() (abi.Stat, error) {
	const direntSize = 20 // BOGO_DIRENT_SIZE
	st := abi.Stat{Dev: i.fs.dev, Ino: i.ino, Rdev: i.rdev, Blksize: pageSize}
	i.mu.RLock()
	defer i.mu.RUnlock()
	st.Mode, st.UID, st.GID, st.Nlink = i.mode, i.uid, i.gid, uint64(i.nlink)
	switch i.mode & abi.S_IFMT {
	case abi.S_IFDIR:
		st.Size = int64(i.names+2) * direntSize
	case abi.S_IFLNK:
		st.Size = int64(len(i.target))
	case abi.S_IFREG:
		st.Size, st.Blocks = i.data.size, i.data.pages*(pageSize/512)
	}
	st.Atim, st.Mtim, st.Ctim = abi.TimespecOf(i.atime), abi.TimespecOf(i.mtime), abi.TimespecOf(i.ctime)
	return st, nil
}

// SetStat implements vfs.Inode.
func (i *inode) SetStat(set vfs.SetStat) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	t := now()
	if set.Size != nil {
		if i.mode&abi.S_IFMT != abi.S_IFREG || *set.Size < 0 {
			return abi.EINVAL
		}
		i.fs.release(i.data.truncate(*set.Size))
		i.mtime = t
	}
	if set.Mode != nil {
		i.mode = i.mode&abi.S_IFMT | *set.Mode&abi.PermMask
	}
	if set.UID != nil {
		i.uid = *set.UID
	}
	if set.GID != nil {
		i.gid = *set.GID
	}
	if set.Atime != nil {
		i.atime = set.Atime.Nanoseconds()
	}
	if set.Mtime != nil {
		i.mtime = set.Mtime.Nanoseconds()
	}
	i.ctime = t
	return nil
}

// Readlink implements vfs.Inode.
func (i *inode) Readlink() (string, error) {
	if i.target == "" {
		return "", abi.EINVAL
	}
	i.accessed()
	return i.target, nil
}

// accessed sets the access time as the mount option relatime does: when the file was changed since, or a day ago.
func (i *inode) accessed() {
	t := now()
	i.mu.RLock()
	due := i.atime <= i.mtime || i.atime <= i.ctime || t-i.atime >= int64(24*time.Hour)
	i.mu.RUnlock()
	if due {
		i.mu.Lock()
		i.atime = t
		i.mu.Unlock()
	}
}

// touch tells a directory that its entries changed; filesystem.tree is held.
func (i *inode) touch(t int64, links int) {
	i.mu.Lock()
	i.mtime, i.ctime = t, t
	i.nlink = uint32(int(i.nlink) + links)
	i.names = len(i.entries)
	i.mu.Unlock()
}

// link adds to the link count; the last name gone, the data goes with the last open file.
func (i *inode) link(t int64, delta int) {
	i.mu.Lock()
	i.ctime = t
	i.nlink = uint32(int(i.nlink) + delta)
	i.mu.Unlock()
	i.reap()
}

// reap frees a file that has neither names nor users.
func (i *inode) reap() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.nlink == 0 && i.opens == 0 {
		i.fs.release(i.data.truncate(0))
	}
}

// GetXattr implements vfs.Xattrs.
func (i *inode) GetXattr(name string) ([]byte, error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.xattrs.Get(name)
}

// SetXattr implements vfs.Xattrs.
func (i *inode) SetXattr(name string, value []byte, flags int) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	err := i.xattrs.Set(i.mode, name, value, flags)
	if err == nil {
		i.ctime = now()
	}
	return err
}

// ListXattr implements vfs.Xattrs.
func (i *inode) ListXattr() ([]string, error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.xattrs.List(), nil
}

// RemoveXattr implements vfs.Xattrs.
func (i *inode) RemoveXattr(name string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	err := i.xattrs.Remove(name)
	if err == nil {
		i.ctime = now()
	}
	return err
}
