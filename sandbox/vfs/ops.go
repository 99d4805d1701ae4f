package vfs

import "github.com/sockerless/sockerless/sandbox/abi"

// make adds an entry to a directory under its lock, and to the cache. What is made in a directory with the set-group-ID
// bit gets its group, and a directory the bit as well (inode(7)): f is given it.
func (ctx *Context) make(dir Path, name string, f func(i Inode, own Owner, setgid uint32) (Inode, error)) (*Dentry, error) {
	if err := ctx.modify(dir); err != nil {
		return nil, err
	}
	st, err := dir.Inode().Stat()
	if err != nil {
		return nil, err
	}
	own := Owner{ctx.Cred.UID, ctx.Cred.GID}
	if st.Mode&abi.S_ISGID != 0 {
		own.GID = st.GID
	}
	d := dir.Dentry
	d.mu.Lock()
	defer d.mu.Unlock()
	inode, err := f(d.inode, own, st.Mode&abi.S_ISGID)
	if err != nil {
		return nil, err
	}
	c := d.addLocked(name, inode)
	d.noteMade(name, c)
	return c, nil
}

// parentOf resolves the directory of a path whose last component is to be made: EEXIST when the path ends in a
// directory itself.
func (ctx *Context) parentOf(at Path, path string, dirOK bool) (Path, string, error) {
	dir, last, err := ctx.walkParent(at, path)
	if err != nil {
		return Path{}, "", err
	}
	if last.name == "" {
		return Path{}, "", abi.EEXIST
	}
	if _, err := dir.Dentry.child(last.name); err == nil {
		return Path{}, "", abi.EEXIST
	} else if err != abi.ENOENT {
		return Path{}, "", err
	}
	if last.dir && !dirOK {
		return Path{}, "", abi.ENOENT
	}
	return dir, last.name, nil
}

// Mkdir makes a directory (mkdir(2)).
func (ctx *Context) Mkdir(at Path, path string, mode uint32) error {
	dir, name, err := ctx.parentOf(at, path, true)
	if err != nil {
		return err
	}
	_, err = ctx.make(dir, name, func(i Inode, own Owner, setgid uint32) (Inode, error) {
		return i.Mkdir(name, mode&(0o777|abi.S_ISVTX)&^ctx.Umask|setgid, own)
	})
	return err
}

// Mknod makes a regular file, fifo, socket or device (mknod(2)). Devices take root: EPERM.
func (ctx *Context) Mknod(at Path, path string, mode uint32, rdev uint64) error {
	switch mode & abi.S_IFMT {
	case 0:
		mode |= abi.S_IFREG
	case abi.S_IFREG, abi.S_IFIFO, abi.S_IFSOCK:
	case abi.S_IFCHR, abi.S_IFBLK:
		if !ctx.Cred.Has(CapMknod) {
			return abi.EPERM
		}
	default:
		return abi.EINVAL
	}
	dir, name, err := ctx.parentOf(at, path, false)
	if err != nil {
		return err
	}
	_, err = ctx.make(dir, name, func(i Inode, own Owner, _ uint32) (Inode, error) {
		return i.Create(name, mode&^ctx.Umask, rdev, own)
	})
	return err
}

// Symlink makes a symbolic link (symlink(2)).
func (ctx *Context) Symlink(target string, at Path, path string) error {
	if target == "" {
		return abi.ENOENT
	}
	if len(target) >= abi.PATH_MAX {
		return abi.ENAMETOOLONG
	}
	dir, name, err := ctx.parentOf(at, path, false)
	if err != nil {
		return err
	}
	_, err = ctx.make(dir, name, func(i Inode, own Owner, _ uint32) (Inode, error) { return i.Symlink(name, target, own) })
	return err
}

// Link makes a hard link to the file at old (link(2)): EXDEV across mounts, EPERM for directories.
func (ctx *Context) Link(old Path, at Path, path string) error {
	st, err := old.Inode().Stat()
	if err != nil {
		return err
	}
	dir, name, err := ctx.parentOf(at, path, false)
	if err != nil {
		return err
	}
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		return abi.EPERM
	}
	if dir.Mount != old.Mount {
		return abi.EXDEV
	}
	_, err = ctx.make(dir, name, func(i Inode, _ Owner, _ uint32) (Inode, error) {
		return old.Inode(), i.Link(name, old.Inode())
	})
	return err
}

// Unlink removes a name that is not a directory's (unlink(2)).
func (ctx *Context) Unlink(at Path, path string) error { return ctx.remove(at, path, false) }

// Rmdir removes an empty directory (rmdir(2)): EBUSY for a mount point, EINVAL for ".", ENOTEMPTY
// for "..".
func (ctx *Context) Rmdir(at Path, path string) error { return ctx.remove(at, path, true) }

func (ctx *Context) remove(at Path, path string, isDir bool) error {
	dir, last, err := ctx.walkParent(at, path)
	if err != nil {
		return err
	}
	if last.name == "" {
		switch {
		case !isDir:
			return abi.EISDIR
		case last.dots == ".":
			return abi.EINVAL
		case last.dots == "..":
			return abi.ENOTEMPTY
		}
		return abi.EBUSY
	}
	d := dir.Dentry
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.lookupLocked(last.name)
	if err != nil {
		return err
	}
	st, err := c.inode.Stat()
	if err != nil {
		return err
	}
	if err := ctx.mayRemove(dir, &st); err != nil {
		return err
	}
	switch {
	case isDir && st.Mode&abi.S_IFMT != abi.S_IFDIR, !isDir && last.dir && st.Mode&abi.S_IFMT != abi.S_IFDIR:
		return abi.ENOTDIR
	case !isDir && st.Mode&abi.S_IFMT == abi.S_IFDIR:
		return abi.EISDIR
	case c.mounts.Load() > 0:
		return abi.EBUSY
	}
	if isDir {
		err = d.inode.Rmdir(last.name)
	} else {
		err = d.inode.Unlink(last.name)
	}
	if err != nil {
		return err
	}
	c.removed.Store(true)
	d.dropLocked(last.name)
	c.noteUnlinked(false)
	d.noteEntry(abi.IN_DELETE, 0, last.name, &st)
	return nil
}

// mayRemove checks that an entry may be taken from a directory; in a sticky one only by the owner of either.
func (ctx *Context) mayRemove(dir Path, st *abi.Stat) error {
	if err := ctx.modify(dir); err != nil {
		return err
	}
	if ctx.Cred.Has(CapFowner) {
		return nil
	}
	dst, err := dir.Inode().Stat()
	if err != nil {
		return err
	}
	if dst.Mode&abi.S_ISVTX != 0 && dst.UID != ctx.Cred.UID && st.UID != ctx.Cred.UID {
		return abi.EPERM
	}
	return nil
}

// Rename moves a name (renameat2(2)): EXDEV across mounts, EINVAL into itself, EBUSY for mount points, ENOTEMPTY.
func (ctx *Context) Rename(oldAt Path, oldPath string, newAt Path, newPath string, flags uint32) error {
	if flags&^(abi.RENAME_NOREPLACE|abi.RENAME_EXCHANGE) != 0 || flags == abi.RENAME_NOREPLACE|abi.RENAME_EXCHANGE {
		return abi.EINVAL
	}
	from, src, err := ctx.walkParent(oldAt, oldPath)
	if err != nil {
		return err
	}
	to, dst, err := ctx.walkParent(newAt, newPath)
	if err != nil {
		return err
	}
	switch {
	case from.Mount != to.Mount:
		return abi.EXDEV
	case src.name == "":
		return abi.EBUSY
	case dst.name == "" && flags&abi.RENAME_NOREPLACE != 0:
		return abi.EEXIST
	case dst.name == "":
		return abi.EBUSY
	}
	fs := from.Dentry.fs
	fs.rename.Lock() // parents stay what they are
	defer fs.rename.Unlock()
	unlock := lockBoth(from.Dentry, to.Dentry)
	defer unlock()

	s, err := from.Dentry.lookupLocked(src.name)
	if err != nil {
		return err
	}
	d, err := to.Dentry.lookupLocked(dst.name)
	if err != nil && err != abi.ENOENT {
		return err
	}
	exists := err == nil
	r := rename{from, to, s, d, exists, src, dst, flags}
	same, err := ctx.checkRename(r)
	if err != nil || same {
		return err
	}
	if err := from.Dentry.inode.Rename(src.name, to.Dentry.inode, dst.name, flags); err != nil {
		return err
	}
	r.note()
	if fs.volatile {
		return nil
	}
	delete(from.Dentry.children, src.name)
	if to.Dentry.children == nil {
		to.Dentry.children = make(map[string]*Dentry)
	}
	to.Dentry.children[dst.name] = s
	s.place.Store(&place{to.Dentry, dst.name})
	if exists {
		if flags&abi.RENAME_EXCHANGE != 0 {
			from.Dentry.children[src.name] = d
			d.place.Store(&place{from.Dentry, src.name})
		} else {
			d.removed.Store(true)
		}
	}
	return nil
}

// rename is what a rename is about: the directories, and in them the entries and their names.
type rename struct {
	from, to Path
	s, d     *Dentry // d is nil when it does not exist
	exists   bool
	src, dst lastName
	flags    uint32
}

// note tells those who watch of a rename that was done.
func (r *rename) note() {
	fs := r.from.Dentry.fs
	if fs.watches.count.Load() == 0 {
		return
	}
	moved := func(d *Dentry, from, to Path, src, dst string) {
		st, err := d.inode.Stat()
		if err != nil {
			return
		}
		cookie := lastCookie.Add(1)
		from.Dentry.noteEntry(abi.IN_MOVED_FROM, cookie, src, &st)
		to.Dentry.noteEntry(abi.IN_MOVED_TO, cookie, dst, &st)
	}
	moved(r.s, r.from, r.to, r.src.name, r.dst.name)
	if r.flags&abi.RENAME_EXCHANGE != 0 {
		r.s.noteSelf(abi.IN_MOVE_SELF)
		moved(r.d, r.to, r.from, r.dst.name, r.src.name)
		r.d.noteSelf(abi.IN_MOVE_SELF)
		return
	}
	if r.exists {
		r.d.noteUnlinked(true)
	}
	r.s.noteSelf(abi.IN_MOVE_SELF)
}

// checkRename applies Linux's checks in Linux's order. same tells that both names are links to one file, and that
// there is nothing to do.
func (ctx *Context) checkRename(r rename) (same bool, err error) {
	sst, err := r.s.inode.Stat()
	if err != nil {
		return false, err
	}
	var dst abi.Stat
	if r.exists {
		if dst, err = r.d.inode.Stat(); err != nil {
			return false, err
		}
	}
	exchange := r.flags&abi.RENAME_EXCHANGE != 0
	sIsDir, dIsDir := sst.Mode&abi.S_IFMT == abi.S_IFDIR, dst.Mode&abi.S_IFMT == abi.S_IFDIR
	switch {
	case r.exists && r.flags&abi.RENAME_NOREPLACE != 0:
		return false, abi.EEXIST
	case !r.exists && exchange:
		return false, abi.ENOENT
	case exchange && r.dst.dir && !dIsDir, !exchange && r.dst.dir && !sIsDir, r.src.dir && !sIsDir:
		return false, abi.ENOTDIR
	case r.s.isAncestor(r.to.Dentry):
		return false, abi.EINVAL
	case r.exists && r.d.isAncestor(r.from.Dentry):
		if exchange {
			return false, abi.EINVAL
		}
		return false, abi.ENOTEMPTY
	case r.exists && dst.Dev == sst.Dev && dst.Ino == sst.Ino:
		return true, nil
	}
	if err := ctx.mayRemove(r.from, &sst); err != nil {
		return false, err
	}
	if !r.exists {
		err = ctx.modify(r.to)
	} else {
		err = ctx.mayRemove(r.to, &dst)
	}
	switch {
	case err != nil:
		return false, err
	case r.exists && !exchange && sIsDir && !dIsDir:
		return false, abi.ENOTDIR
	case r.exists && !exchange && !sIsDir && dIsDir:
		return false, abi.EISDIR
	case r.s.mounts.Load() > 0, r.s.pins.Load() > 0, r.exists && r.d.mounts.Load() > 0:
		return false, abi.EBUSY
	}
	return false, nil
}

// lockBoth locks two directories, a parent before its child; fs.rename is held.
func lockBoth(a, b *Dentry) (unlock func()) {
	if a == b {
		a.mu.Lock()
		return a.mu.Unlock
	}
	if b.isAncestor(a) {
		a, b = b, a
	}
	a.mu.Lock()
	b.mu.Lock()
	return func() { b.mu.Unlock(); a.mu.Unlock() }
}

// Readlink returns the target of the symbolic link at a path: EINVAL when it is none.
func (ctx *Context) Readlink(at Path, path string) (string, error) {
	p, err := ctx.Walk(at, path, false)
	if err != nil {
		return "", err
	}
	return ctx.ReadlinkPath(p)
}

// ReadlinkPath is Readlink for a place that was resolved before.
func (ctx *Context) ReadlinkPath(p Path) (string, error) {
	if j, ok := p.Inode().(Jumper); ok {
		to, err := j.Jump(ctx)
		if err != nil {
			return "", err
		}
		if to.Mount == nil {
			return to.Inode().Readlink()
		}
		name, _ := ctx.NS.Name(to, ctx.Root)
		if to.Dentry.Removed() {
			name += " (deleted)"
		}
		return name, nil
	}
	return readlink(ctx, p.Inode())
}

// Chmod sets the permission bits (chmod(2)): EPERM for others than the owner.
func (ctx *Context) Chmod(p Path, mode uint32) error {
	st, err := ctx.owned(p)
	if err != nil {
		return err
	}
	mode &= abi.PermMask
	if !ctx.Cred.Has(CapFsetid) && st.Mode&abi.S_IFMT != abi.S_IFDIR && !ctx.Cred.Member(st.GID) {
		mode &^= abi.S_ISGID
	}
	return p.Dentry.change(SetStat{Mode: &mode})
}

// change sets attributes, and tells who watches.
func (d *Dentry) change(set SetStat) error {
	err := d.inode.SetStat(set)
	if err != nil || d.fs.watches.count.Load() == 0 {
		return err
	}
	// As fsnotify_change of Linux.
	var mask uint32
	if set.UID != nil || set.GID != nil || set.Mode != nil || set.Atime != nil && set.Mtime != nil {
		mask |= abi.IN_ATTRIB
	} else if set.Atime != nil {
		mask |= abi.IN_ACCESS
	} else if set.Mtime != nil {
		mask |= abi.IN_MODIFY
	}
	if set.Size != nil {
		mask |= abi.IN_MODIFY
	}
	d.note(mask)
	return nil
}

// owned returns the attributes of a file that the caller may change as its owner.
func (ctx *Context) owned(p Path) (abi.Stat, error) {
	if err := p.writable(); err != nil {
		return abi.Stat{}, err
	}
	st, err := p.Inode().Stat()
	if err == nil && !ctx.Cred.Has(CapFowner) && st.UID != ctx.Cred.UID {
		err = abi.EPERM
	}
	return st, err
}

// NoID as an owner given to Chown leaves it as it is.
const NoID = ^uint32(0)

// Chown changes owner and group (chown(2)): EPERM. It takes set-id bits of executables away.
func (ctx *Context) Chown(p Path, uid, gid uint32) error {
	if err := p.writable(); err != nil {
		return err
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return err
	}
	// The owner may give the file to another of its groups.
	if !ctx.Cred.Has(CapChown) && (st.UID != ctx.Cred.UID || uid != NoID && uid != st.UID || gid != NoID && !ctx.Cred.Member(gid)) {
		return abi.EPERM
	}
	var set SetStat
	if uid != NoID {
		set.UID = &uid
	}
	if gid != NoID {
		set.GID = &gid
	}
	if mode, drop := withoutSetID(&st); drop {
		set.Mode = &mode
	}
	return p.Dentry.change(set)
}

// Utimes sets the times; nil leaves one. now says that both are the present, which a writer may set too
// (utimensat(2)): EPERM, EACCES.
func (ctx *Context) Utimes(p Path, atime, mtime *abi.Timespec, now bool) error {
	if err := p.writable(); err != nil {
		return err
	}
	if !ctx.Cred.Has(CapFowner) {
		st, err := p.Inode().Stat()
		if err != nil {
			return err
		}
		if st.UID != ctx.Cred.UID {
			if !now {
				return abi.EPERM
			}
			if err := ctx.Cred.Access(&st, abi.W_OK); err != nil {
				return err
			}
		}
	}
	return p.Dentry.change(SetStat{Atime: atime, Mtime: mtime})
}

// Truncate sets a file's size by its place (truncate(2)): EISDIR, EINVAL, EACCES.
func (ctx *Context) Truncate(p Path, size int64) error {
	st, err := p.Inode().Stat()
	if err != nil {
		return err
	}
	switch {
	case st.Mode&abi.S_IFMT == abi.S_IFDIR:
		return abi.EISDIR
	case st.Mode&abi.S_IFMT != abi.S_IFREG || size < 0:
		return abi.EINVAL
	}
	if err := p.writable(); err != nil {
		return err
	}
	if err := ctx.Cred.Access(&st, abi.W_OK); err != nil {
		return err
	}
	return p.Dentry.change(ctx.truncation(&st, size))
}

// truncation is the change that sets a file's size, and takes its set-id bits when not root does it.
func (ctx *Context) truncation(st *abi.Stat, size int64) SetStat {
	set := SetStat{Size: &size}
	if mode, drop := withoutSetID(st); drop && !ctx.Cred.Has(CapFsetid) {
		set.Mode = &mode
	}
	return set
}
