package hostfs

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Lookup finds an entry.
func (n *node) Lookup(name string) (i vfs.Inode, err error) {
	err = n.use(func(d *hostDir) error {
		a, err := d.stat(name)
		if err == nil {
			i = n.child(name, a)
		}
		return err
	})
	return i, err
}

// make adds an entry with f and gives it its mode and owner.
func (n *node) make(name string, mode uint32, rdev uint64, own vfs.Owner, f func(*hostDir) error) (i vfs.Inode, err error) {
	if err := n.fs.writable(); err != nil {
		return nil, err
	}
	if n.fs.opts.Owners == nil && setID(mode) {
		return nil, abi.EPERM
	}
	err = n.use(func(d *hostDir) error {
		if err := f(d); err != nil {
			return err
		}
		a, err := d.stat(name)
		if err == nil {
			a, err = n.settle(d, name, a, mode, rdev, own)
		}
		if err != nil {
			d.remove(name, mode&abi.S_IFMT == abi.S_IFDIR)
			return err
		}
		i = n.child(name, a)
		return nil
	})
	return i, err
}

// settle sets what the host's umask or rights left out when an entry was made.
func (n *node) settle(d *hostDir, name string, a attr, mode uint32, rdev uint64, own vfs.Owner) (attr, error) {
	fs := n.fs
	if fs.ids.root && (own.UID != a.UID || own.GID != a.GID) {
		if err := d.chown(name, own.UID, own.GID); err != nil && (fs.opts.Owners == nil || errno(err) != abi.EPERM) {
			return a, err
		}
	}
	if host := fs.hostMode(mode); mode&abi.S_IFMT != abi.S_IFLNK && host != a.Mode&abi.PermMask {
		if err := d.chmod(name, host); err != nil {
			return a, err
		}
	}
	a, err := d.stat(name)
	if err != nil {
		return a, err
	}
	if special(a.Mode) {
		fs.mu.Lock()
		fs.special[a.id()] = struct{}{}
		fs.mu.Unlock()
	}
	st := a.Stat
	st.UID, st.GID, st.Mode, st.Rdev = own.UID, own.GID, mode, rdev
	return a, fs.keep(a, st)
}

// Create makes a regular file, fifo or socket, and in a volume a device: there an empty file of the host stands for it, and
// the sidecar says what it is. In a bind devices are EPERM.
func (n *node) Create(name string, mode uint32, rdev uint64, own vfs.Owner) (vfs.Inode, error) {
	typ := mode & abi.S_IFMT
	if (typ == abi.S_IFCHR || typ == abi.S_IFBLK) && n.fs.opts.Owners == nil {
		return nil, abi.EPERM
	}
	return n.make(name, mode, rdev, own, func(d *hostDir) error {
		if typ == abi.S_IFIFO || typ == abi.S_IFSOCK {
			return d.mknod(name, typ|n.fs.hostMode(mode))
		}
		return d.create(name, n.fs.hostMode(mode))
	})
}

// Mkdir makes a directory.
func (n *node) Mkdir(name string, mode uint32, own vfs.Owner) (vfs.Inode, error) {
	mode = abi.S_IFDIR | mode&abi.PermMask
	if n.fs.opts.Owners == nil {
		if st, err := n.Stat(); err == nil {
			mode |= st.Mode & abi.S_ISGID // mkdir(2): inherited
		}
	}
	return n.make(name, mode, 0, own, func(d *hostDir) error { return d.mkdir(name, n.fs.hostMode(mode)) })
}

// Symlink makes a symbolic link.
func (n *node) Symlink(name, target string, own vfs.Owner) (vfs.Inode, error) {
	return n.make(name, abi.S_IFLNK|0o777, 0, own, func(d *hostDir) error { return d.symlink(target, name) })
}

// Link makes a hard link.
func (n *node) Link(name string, target vfs.Inode) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	t, err := n.fs.nodeOf(target)
	if err != nil {
		return err
	}
	if t.parent == nil {
		return abi.EPERM
	}
	if t.unnamed {
		f := t.opened()
		if f == nil {
			return abi.ENOENT
		}
		return n.use(func(d *hostDir) error { return f.link(d, name) })
	}
	return n.use(func(d *hostDir) error {
		return t.at(func(from *hostDir, old string) error { return from.link(old, d, name) })
	})
}

// Tmpfile makes a regular file without a name: EOPNOTSUPP where the host cannot.
func (n *node) Tmpfile(mode uint32, own vfs.Owner, flags int, linkable bool) (vfs.Inode, vfs.File, error) {
	if err := n.fs.writable(); err != nil {
		return nil, nil, err
	}
	if n.fs.opts.Owners == nil && setID(mode) {
		return nil, nil, abi.EPERM
	}
	c := &node{fs: n.fs, parent: n, unnamed: true}
	var f *file
	err := n.use(func(d *hostDir) error {
		h, err := d.tmpfile(flags, n.fs.hostMode(mode), linkable)
		if err != nil {
			return err
		}
		a, err := statFile(h)
		if err != nil {
			h.Close()
			return err
		}
		c.id = a.id()
		f = c.hold(h, a, true)
		perm := mode & abi.PermMask
		set := vfs.SetStat{Mode: &perm}
		if n.fs.ids.root || n.fs.opts.Owners != nil {
			set.UID, set.GID = &own.UID, &own.GID
		}
		if err := c.setOwner(a, set); err != nil {
			f.Close()
			return err
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return c, f, nil
}

// Unlink removes an entry that is no directory.
func (n *node) Unlink(name string) error { return n.remove(name, false) }

// Rmdir removes an empty directory.
func (n *node) Rmdir(name string) error { return n.remove(name, true) }

func (n *node) remove(name string, isDir bool) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	return n.use(func(d *hostDir) error {
		a, err := d.stat(name)
		if err != nil {
			return err
		}
		if err := d.remove(name, isDir); err != nil {
			return err
		}
		return n.fs.gone(a)
	})
}

// gone forgets a file one of whose names was removed.
func (fs *FS) gone(a attr) error {
	if a.Mode&abi.S_IFMT == abi.S_IFDIR {
		fs.dirs.forget(a.id())
	} else if a.Nlink > 1 {
		return nil
	}
	if special(a.Mode) {
		fs.mu.Lock()
		delete(fs.special, a.id())
		fs.mu.Unlock()
	}
	return fs.opts.Owners.drop(a)
}

// Rename moves an entry.
func (n *node) Rename(name string, newdir vfs.Inode, newname string, flags uint32) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	to, err := n.fs.nodeOf(newdir)
	if err != nil {
		return err
	}
	return n.use(func(d *hostDir) error {
		return to.use(func(t *hostDir) error {
			over, overErr := t.stat(newname)
			if err := d.rename(name, t, newname, flags); err != nil {
				return err
			}
			if overErr == nil && flags&abi.RENAME_EXCHANGE == 0 {
				return n.fs.gone(over)
			}
			return nil
		})
	})
}

// ReadDir lists the directory.
func (n *node) ReadDir() (list []vfs.Dirent, err error) {
	err = n.use(func(d *hostDir) error {
		list, err = d.list()
		return err
	})
	for i := range list {
		if typ, ok := n.fs.opts.Owners.typeOf(list[i].Ino); ok {
			list[i].Type = typ
		}
	}
	return list, err
}
