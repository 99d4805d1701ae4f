package vfs

import "github.com/sockerless/sockerless/sandbox/abi"

// Open opens a path with the flags and, when it creates the file, the mode of open(2).
func (ctx *Context) Open(at Path, path string, flags int, mode uint32) (*OpenFile, error) {
	w := walker{ctx: ctx, at: at}
	dir, last, err := w.parent(path)
	if err != nil {
		return nil, err
	}
	if flags&abi.O_TMPFILE == abi.O_TMPFILE && flags&abi.O_PATH == 0 {
		p, err := w.last(dir, last, flags&abi.O_NOFOLLOW == 0)
		if err != nil {
			return nil, err
		}
		return ctx.OpenUnnamed(p, "", flags, mode)
	}
	if flags&abi.O_CREAT == 0 || flags&abi.O_PATH != 0 {
		p, err := w.last(dir, last, flags&abi.O_NOFOLLOW == 0)
		if err != nil {
			return nil, err
		}
		return ctx.OpenPath(p, flags)
	}
	if last.name == "" && flags&abi.O_EXCL != 0 {
		return nil, abi.EEXIST
	}
	if last.name == "" || last.dir {
		return nil, abi.EISDIR
	}
	// O_CREAT: a symbolic link at the end leads to where the file is made, unless O_EXCL.
	for {
		p, created, err := ctx.create(dir, last.name, flags, mode)
		if err != nil {
			return nil, err
		}
		if created {
			return ctx.openInode(p, flags&^abi.O_TRUNC)
		}
		st, err := p.Inode().Stat()
		if err != nil {
			return nil, err
		}
		if st.Mode&abi.S_IFMT != abi.S_IFLNK || flags&abi.O_NOFOLLOW != 0 {
			return ctx.OpenPath(p, flags)
		}
		if w.links++; w.links > abi.SYMLOOPS {
			return nil, abi.ELOOP
		}
		if j, ok := p.Inode().(Jumper); ok {
			if p, err = j.Jump(ctx); err != nil {
				return nil, err
			}
			return ctx.OpenPath(p, flags)
		}
		target, err := readlink(ctx, p.Inode())
		if err != nil {
			return nil, err
		}
		sub := walker{ctx: ctx, at: dir, links: w.links}
		if dir, last, err = sub.parent(target); err != nil {
			return nil, err
		}
		w.links = sub.links
		if last.name == "" || last.dir {
			return nil, abi.EISDIR
		}
	}
}

// create finds a name, or makes a regular file of it.
func (ctx *Context) create(dir Path, name string, flags int, mode uint32) (p Path, created bool, err error) {
	d, err := dir.Dentry.child(name)
	if err == abi.ENOENT {
		if d, err = ctx.make(dir, name, func(i Inode, own Owner, _ uint32) (Inode, error) {
			return i.Create(name, abi.S_IFREG|mode&abi.PermMask&^ctx.Umask, 0, own)
		}); err == nil {
			return Path{dir.Mount, d}, true, nil
		}
		if err == abi.EEXIST { // somebody else made it
			d, err = dir.Dentry.child(name)
		}
	}
	if err != nil {
		return Path{}, false, err
	}
	if flags&abi.O_EXCL != 0 {
		return Path{}, false, abi.EEXIST
	}
	return ctx.NS.enter(Path{dir.Mount, d}), false, nil
}

// OpenPath opens a place that was resolved before. O_CREAT and O_EXCL are ignored.
func (ctx *Context) OpenPath(p Path, flags int) (*OpenFile, error) {
	st, err := p.Inode().Stat()
	if err != nil {
		return nil, err
	}
	typ := st.Mode & abi.S_IFMT
	if flags&abi.O_DIRECTORY != 0 && typ != abi.S_IFDIR {
		return nil, abi.ENOTDIR
	}
	if flags&abi.O_PATH != 0 {
		return NewOpenFileAt(p, nil, flags&(abi.O_PATH|abi.O_DIRECTORY|abi.O_NOFOLLOW)), nil
	}
	if typ == abi.S_IFLNK {
		return nil, abi.ELOOP
	}
	want := uint32(abi.R_OK)
	switch flags & abi.O_ACCMODE {
	case abi.O_WRONLY:
		want = abi.W_OK
	case abi.O_RDWR:
		want = abi.R_OK | abi.W_OK
	}
	if flags&abi.O_TRUNC != 0 {
		want |= abi.W_OK
	}
	if typ == abi.S_IFDIR && (want&abi.W_OK != 0 || flags&abi.O_CREAT != 0) {
		return nil, abi.EISDIR
	}
	if want&abi.W_OK != 0 && (typ == abi.S_IFREG || typ == abi.S_IFDIR) {
		if err := p.writable(); err != nil {
			return nil, err
		}
	}
	if err := ctx.Cred.Access(&st, want); err != nil {
		return nil, err
	}
	return ctx.openInode(p, flags)
}

// openInode opens a place without checks.
func (ctx *Context) openInode(p Path, flags int) (*OpenFile, error) {
	inode := p.Inode()
	st, err := inode.Stat()
	if err != nil {
		return nil, err
	}
	keep := flags &^ (abi.O_CREAT | abi.O_EXCL | abi.O_NOCTTY | abi.O_TRUNC | abi.O_CLOEXEC)
	var f File
	if o, ok := inode.(Opener); ok {
		f, err = o.OpenSelf(ctx, keep)
	} else {
		switch st.Mode & abi.S_IFMT {
		case abi.S_IFDIR:
			f = dirFile{}
		case abi.S_IFREG:
			if flags&abi.O_TRUNC != 0 {
				if err := inode.SetStat(ctx.truncation(&st, 0)); err != nil {
					return nil, err
				}
			}
			f, err = inode.Open(keep)
		default:
			if ctx.Special == nil {
				return nil, abi.ENXIO
			}
			f, err = ctx.Special(p, st, flags)
		}
	}
	if err != nil {
		return nil, err
	}
	o := NewOpenFileAt(p, f, keep|flags&abi.O_APPEND)
	o.dropIDs = !ctx.Cred.Has(CapFsetid) && st.Mode&abi.S_IFMT == abi.S_IFREG
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		o.dir = &dirStream{path: p, inode: inode}
	}
	p.Dentry.note(abi.IN_OPEN)
	if flags&abi.O_TRUNC != 0 {
		p.Dentry.note(abi.IN_MODIFY)
	}
	return o, nil
}
