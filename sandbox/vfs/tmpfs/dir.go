package tmpfs

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Lookup implements vfs.Inode.
func (i *inode) Lookup(name string) (vfs.Inode, error) {
	if !i.isDir() {
		return nil, abi.ENOTDIR
	}
	i.fs.tree.RLock()
	defer i.fs.tree.RUnlock()
	if c := i.entries[name]; c != nil {
		return c, nil
	}
	return nil, abi.ENOENT
}

// add makes an inode and its entry.
func (i *inode) add(name string, mode uint32, rdev uint64, target string, own vfs.Owner) (vfs.Inode, error) {
	if !i.isDir() {
		return nil, abi.ENOTDIR
	}
	i.fs.tree.Lock()
	defer i.fs.tree.Unlock()
	if err := i.vacant(name); err != nil {
		return nil, err
	}
	c, err := i.fs.allocInode(mode, rdev, own)
	if err != nil {
		return nil, err
	}
	c.target = target
	i.entries[name] = c
	links := 0
	if c.isDir() {
		links = 1
	}
	i.touch(c.ctime, links)
	return c, nil
}

// vacant reports whether a name may be made in the directory: EEXIST, ENOENT when the directory itself is gone.
func (i *inode) vacant(name string) error {
	if i.entries[name] != nil {
		return abi.EEXIST
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.nlink == 0 {
		return abi.ENOENT
	}
	return nil
}

// Create implements vfs.Inode.
func (i *inode) Create(name string, mode uint32, rdev uint64, own vfs.Owner) (vfs.Inode, error) {
	return i.add(name, mode, rdev, "", own)
}

// Mkdir implements vfs.Inode.
func (i *inode) Mkdir(name string, mode uint32, own vfs.Owner) (vfs.Inode, error) {
	return i.add(name, abi.S_IFDIR|mode&abi.PermMask, 0, "", own)
}

// Symlink implements vfs.Inode.
func (i *inode) Symlink(name, target string, own vfs.Owner) (vfs.Inode, error) {
	return i.add(name, abi.S_IFLNK|0o777, 0, target, own)
}

// Link implements vfs.Inode.
func (i *inode) Link(name string, target vfs.Inode) error {
	t, ok := target.(*inode)
	switch {
	case !i.isDir():
		return abi.ENOTDIR
	case !ok || t.fs != i.fs:
		return abi.EXDEV
	case t.isDir():
		return abi.EPERM
	}
	i.fs.tree.Lock()
	defer i.fs.tree.Unlock()
	if err := i.vacant(name); err != nil {
		return err
	}
	t.mu.Lock()
	gone, first := t.nlink == 0 && !t.linkable, t.linkable
	t.linkable = false
	t.mu.Unlock()
	if gone { // its last name went while the path was walked
		return abi.ENOENT
	}
	if first {
		i.fs.inodes.Add(1)
	}
	i.entries[name] = t
	at := now()
	t.link(at, 1)
	i.touch(at, 0)
	return nil
}

// Tmpfile implements vfs.Tmpfiler.
func (i *inode) Tmpfile(mode uint32, own vfs.Owner, flags int, linkable bool) (vfs.Inode, vfs.File, error) {
	c, err := i.fs.allocInode(mode, 0, own)
	if err != nil {
		return nil, nil, err
	}
	i.fs.inodes.Add(-1) // as for all that have no name
	c.nlink, c.linkable = 0, linkable
	f, err := c.Open(flags)
	return c, f, err
}

// Unlink implements vfs.Inode.
func (i *inode) Unlink(name string) error { return i.remove(name, false) }

// Rmdir implements vfs.Inode.
func (i *inode) Rmdir(name string) error { return i.remove(name, true) }

func (i *inode) remove(name string, dir bool) error {
	if !i.isDir() {
		return abi.ENOTDIR
	}
	i.fs.tree.Lock()
	defer i.fs.tree.Unlock()
	c := i.entries[name]
	switch {
	case c == nil:
		return abi.ENOENT
	case dir && !c.isDir():
		return abi.ENOTDIR
	case !dir && c.isDir():
		return abi.EISDIR
	case dir && len(c.entries) > 0:
		return abi.ENOTEMPTY
	}
	delete(i.entries, name)
	at := now()
	i.touch(at, -c.drop(at))
	return nil
}

// drop takes one name from an inode and returns by how many links its directory has fewer.
func (i *inode) drop(t int64) int {
	delta, up := -1, 0
	if i.isDir() {
		delta, up = -2, 1
	}
	i.link(t, delta)
	i.mu.RLock()
	gone := i.nlink == 0
	i.mu.RUnlock()
	if gone {
		i.fs.inodes.Add(-1)
	}
	return up
}

// Rename implements vfs.Inode.
func (i *inode) Rename(name string, newdir vfs.Inode, newname string, flags uint32) error {
	to, ok := newdir.(*inode)
	switch {
	case !ok || to.fs != i.fs:
		return abi.EXDEV
	case !i.isDir() || !to.isDir():
		return abi.ENOTDIR
	}
	i.fs.tree.Lock()
	defer i.fs.tree.Unlock()
	src, dst := i.entries[name], to.entries[newname]
	switch {
	case src == nil:
		return abi.ENOENT
	case dst == nil:
		if flags&abi.RENAME_EXCHANGE != 0 {
			return abi.ENOENT
		}
		if err := to.vacant(newname); err != nil {
			return err
		}
	case flags&abi.RENAME_NOREPLACE != 0:
		return abi.EEXIST
	case flags&abi.RENAME_EXCHANGE != 0:
	case src == dst:
		return nil
	case src.isDir() && !dst.isDir():
		return abi.ENOTDIR
	case !src.isDir() && dst.isDir():
		return abi.EISDIR
	case len(dst.entries) > 0:
		return abi.ENOTEMPTY
	}
	at := now()
	fromLinks, toLinks := 0, 0 // subdirectories that come and go
	if src.isDir() {
		fromLinks, toLinks = -1, 1
	}
	to.entries[newname] = src
	switch {
	case flags&abi.RENAME_EXCHANGE != 0:
		i.entries[name] = dst
		if dst.isDir() {
			fromLinks, toLinks = fromLinks+1, toLinks-1
		}
		dst.link(at, 0)
	default:
		delete(i.entries, name)
		if dst != nil {
			toLinks -= dst.drop(at)
		}
	}
	src.link(at, 0)
	i.touch(at, fromLinks)
	to.touch(at, toLinks)
	return nil
}

// ReadDir implements vfs.Inode: sorted by name, so that listings repeat.
func (i *inode) ReadDir() ([]vfs.Dirent, error) {
	if !i.isDir() {
		return nil, abi.ENOTDIR
	}
	i.fs.tree.RLock()
	list := make([]vfs.Dirent, 0, len(i.entries))
	for name, c := range i.entries {
		list = append(list, vfs.Dirent{Name: name, Ino: c.ino, Type: abi.DirentType(c.typ())})
	}
	i.fs.tree.RUnlock()
	slices.SortFunc(list, func(a, b vfs.Dirent) int { return strings.Compare(a.Name, b.Name) })
	i.accessed()
	return list, nil
}

// typ returns the type bits of the mode.
func (i *inode) typ() uint32 {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.mode & abi.S_IFMT
}
