package vfs

import (
	"strconv"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Tmpfiler is what a directory has whose filesystem can make files without a name.
type Tmpfiler interface {
	// Tmpfile makes a regular file that is gone when it is closed, unless linkable lets Link give it a name before.
	// flags are those of open(2). ENOSPC, EROFS.
	Tmpfile(mode uint32, own Owner, flags int, linkable bool) (Inode, File, error)
}

// OpenUnnamed opens a new file without a name in the filesystem of a directory (open(2), O_TMPFILE), which /proc shows by
// the given name or, for "", by its inode number: EACCES, EINVAL, ENOTDIR, EROFS; EOPNOTSUPP where there are none.
func (ctx *Context) OpenUnnamed(dir Path, shown string, flags int, mode uint32) (*OpenFile, error) {
	st, err := dir.Inode().Stat()
	switch {
	case err != nil:
		return nil, err
	case st.Mode&abi.S_IFMT != abi.S_IFDIR:
		return nil, abi.ENOTDIR
	case flags&abi.O_ACCMODE == abi.O_RDONLY:
		return nil, abi.EINVAL
	}
	if err := ctx.modify(dir); err != nil {
		return nil, err
	}
	t, ok := dir.Inode().(Tmpfiler)
	if !ok {
		return nil, abi.EOPNOTSUPP
	}
	own := Owner{ctx.Cred.UID, ctx.Cred.GID}
	if st.Mode&abi.S_ISGID != 0 {
		own.GID = st.GID
	}
	// O_EXCL: it never gets a name.
	inode, f, err := t.Tmpfile(abi.S_IFREG|mode&abi.PermMask&^ctx.Umask, own, flags, flags&abi.O_EXCL == 0)
	if err != nil {
		return nil, err
	}
	p := Path{dir.Mount, dir.Dentry.unnamed(inode, shown)}
	o := NewOpenFileAt(p, f, flags&^(abi.O_CREAT|abi.O_EXCL|abi.O_NOCTTY|abi.O_TRUNC|abi.O_CLOEXEC))
	o.dropIDs = !ctx.Cred.Has(CapFsetid)
	return o, nil
}

// unnamed makes the dentry of a file that has no name in a directory; /proc shows it as a removed one.
func (d *Dentry) unnamed(inode Inode, name string) *Dentry {
	c := &Dentry{fs: d.fs, inode: inode}
	if name == "" {
		name = "#"
		if st, err := inode.Stat(); err == nil {
			name += strconv.FormatUint(st.Ino, 10)
		}
	}
	c.place.Store(&place{d, name})
	c.removed.Store(true)
	return c
}
