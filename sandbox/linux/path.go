package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

var fdcwd = abi.AT_FDCWD // a variable: the constant does not fit uint64

// cwd returns the arguments with AT_FDCWD before them: a call of the *at family in its older form.
func cwd(a args) args { return args{uint64(fdcwd), a[0], a[1], a[2], a[3], a[4]} }

// dir returns the directory that a path is relative to: EBADF, ENOTDIR.
func dir(t *kernel.Task, fs *vfs.Context, dirfd int, path string) (vfs.Path, error) {
	if dirfd == abi.AT_FDCWD || path != "" && path[0] == '/' {
		return fs.Cwd, nil
	}
	o, err := t.Files.Get(dirfd)
	if err != nil {
		return vfs.Path{}, err
	}
	defer o.Release()
	if o.Path.IsZero() {
		return vfs.Path{}, abi.ENOTDIR
	}
	return o.Path, nil
}

// at reads the path argument i of a call of the *at family, whose directory is the argument before: EFAULT, EBADF,
// ENAMETOOLONG, ENOTDIR.
func at(t *kernel.Task, m Memory, a args, i int) (*vfs.Context, vfs.Path, string, error) {
	name, err := path(m, a[i])
	if err != nil {
		return nil, vfs.Path{}, "", err
	}
	fs := t.FS()
	from, err := dir(t, fs, a.int(i-1), name)
	return fs, from, name, err
}

// walk is at with the path resolved; flags are AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.
func walk(t *kernel.Task, m Memory, a args, i, flags int) (*vfs.Context, vfs.Path, error) {
	fs, from, name, err := at(t, m, a, i)
	if err != nil {
		return nil, vfs.Path{}, err
	}
	if name == "" && flags&abi.AT_EMPTY_PATH != 0 {
		return fs, from, nil
	}
	p, err := fs.Walk(from, name, flags&abi.AT_SYMLINK_NOFOLLOW == 0)
	return fs, p, err
}

// open: see openat.
func open(t *kernel.Task, m Memory, a args) (int64, error) { return openat(t, m, cwd(a)) }

// creat: see openat.
func creat(t *kernel.Task, m Memory, a args) (int64, error) {
	return openat(t, m, args{uint64(fdcwd), a[0], abi.O_CREAT | abi.O_WRONLY | abi.O_TRUNC, a[1]})
}

// openat: EACCES, EBADF, EEXIST, EFAULT, EINTR (a fifo), EINVAL, EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENOENT, ENOSPC,
// ENOTDIR, ENXIO, EPERM, EROFS; EOPNOTSUPP for O_TMPFILE in /proc and the like.
func openat(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, from, name, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	return openFile(t, fs, from, name, a.int(2), a.u32(3))
}

func openFile(t *kernel.Task, fs *vfs.Context, from vfs.Path, name string, flags int, mode uint32) (int64, error) {
	const tmpfile = abi.O_TMPFILE &^ abi.O_DIRECTORY
	switch {
	case flags&abi.O_PATH != 0:
	case flags&tmpfile != 0 && (flags&abi.O_DIRECTORY == 0 || flags&abi.O_CREAT != 0),
		flags&(abi.O_CREAT|abi.O_DIRECTORY) == abi.O_CREAT|abi.O_DIRECTORY:
		return 0, abi.EINVAL
	}
	o, err := fs.Open(from, name, flags, mode)
	if err != nil {
		return 0, err
	}
	fd, err := t.Files.Add(o, 0, flags&abi.O_CLOEXEC != 0)
	return int64(fd), err
}

// openat2 (struct open_how): as openat, and E2BIG, EINVAL; EOPNOTSUPP for resolve flags.
func openat2(t *kernel.Task, m Memory, a args) (int64, error) {
	var how struct{ flags, mode, resolve uint64 }
	if a[3] < 24 {
		return 0, abi.EINVAL
	}
	if a[3] > 24 {
		return 0, abi.E2BIG
	}
	if err := get(m, a[2], &how); err != nil {
		return 0, err
	}
	if how.resolve != 0 {
		return 0, abi.EOPNOTSUPP
	}
	fs, from, name, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	return openFile(t, fs, from, name, int(how.flags), uint32(how.mode))
}

// access: see faccessat.
func access(t *kernel.Task, m Memory, a args) (int64, error) { return faccessat(t, m, cwd(a)) }

// faccessat: see faccessat2; it has no flags.
func faccessat(t *kernel.Task, m Memory, a args) (int64, error) {
	a[3] = 0
	return faccessat2(t, m, a)
}

// faccessat2: EACCES, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS.
func faccessat2(t *kernel.Task, m Memory, a args) (int64, error) {
	mode, flags := a.u32(2), a.int(3)
	if mode&^7 != 0 || flags&^(abi.AT_EACCESS|abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return 0, abi.EINVAL
	}
	name, err := path(m, a[1])
	if err != nil {
		return 0, err
	}
	fs := t.FS()
	from, err := dir(t, fs, a.int(0), name)
	if err != nil {
		return 0, err
	}
	if cred := *fs.Cred; flags&abi.AT_EACCESS == 0 && (cred.UID != cred.RealUID || cred.GID != cred.RealGID) {
		cred.UID, cred.GID = cred.RealUID, cred.RealGID
		fs.Cred = &cred
	}
	p := from
	if name != "" || flags&abi.AT_EMPTY_PATH == 0 {
		if p, err = fs.Walk(from, name, flags&abi.AT_SYMLINK_NOFOLLOW == 0); err != nil {
			return 0, err
		}
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return 0, err
	}
	typ := st.Mode & abi.S_IFMT
	if mode&abi.W_OK != 0 && p.Mount.Flags()&vfs.ReadOnly != 0 && (typ == abi.S_IFREG || typ == abi.S_IFDIR || typ == abi.S_IFLNK) {
		return 0, abi.EROFS
	}
	if mode&abi.X_OK != 0 && typ == abi.S_IFREG && p.Mount.Flags()&vfs.NoExec != 0 {
		return 0, abi.EACCES
	}
	return ok(fs.Cred.Access(&st, mode))
}

// getcwd: EFAULT, ENAMETOOLONG, ERANGE; ENOENT when the directory was removed.
func getcwd(t *kernel.Task, m Memory, a args) (int64, error) {
	if t.Cwd().Dentry.Removed() {
		return 0, abi.ENOENT
	}
	name, reachable := t.Kernel().Namespace().Name(t.Cwd(), t.Root())
	if !reachable {
		name = "(unreachable)" + name
	}
	n := uint64(len(name)) + 1
	if n > abi.PATH_MAX {
		return 0, abi.ENAMETOOLONG
	}
	if a[1] < n {
		return 0, abi.ERANGE
	}
	buf, err := m.Slice(a[0], n)
	if err != nil {
		return 0, err
	}
	buf[copy(buf, name)] = 0
	return int64(n), nil
}

// chdir: EACCES, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR.
func chdir(t *kernel.Task, m Memory, a args) (int64, error) {
	name, err := path(m, a[0])
	if err != nil {
		return 0, err
	}
	return ok(t.Chdir(name))
}

// fchdir: EACCES, EBADF, ENOTDIR.
func fchdir(t *kernel.Task, _ Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		if o.Path.IsZero() {
			return 0, abi.ENOTDIR
		}
		return ok(t.ChdirPath(o.Path))
	})
}

// chroot: as chdir, and EPERM without being root.
func chroot(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, p, err := walk(t, m, cwd(a), 1, 0)
	if err != nil {
		return 0, err
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return 0, err
	}
	if st.Mode&abi.S_IFMT != abi.S_IFDIR {
		return 0, abi.ENOTDIR
	}
	if err := fs.Cred.Access(&st, abi.X_OK); err != nil {
		return 0, err
	}
	if !fs.Cred.Has(vfs.CapSysChroot) {
		return 0, abi.EPERM
	}
	t.SetRoot(p)
	return 0, nil
}

// rename and renameat: see renameat2.
func rename(t *kernel.Task, m Memory, a args) (int64, error) {
	return renameat2(t, m, args{uint64(fdcwd), a[0], uint64(fdcwd), a[1]})
}

func renameat(t *kernel.Task, m Memory, a args) (int64, error) {
	a[4] = 0
	return renameat2(t, m, a)
}

// renameat2: EACCES, EBADF, EBUSY, EEXIST, EFAULT, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR,
// ENOTEMPTY, EPERM, EROFS, EXDEV.
func renameat2(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, from, old, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	_, to, name, err := at(t, m, a, 3)
	if err != nil {
		return 0, err
	}
	return ok(fs.Rename(from, old, to, name, a.u32(4)))
}

// mkdir and mkdirat: EACCES, EBADF, EEXIST, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, EROFS.
func mkdir(t *kernel.Task, m Memory, a args) (int64, error) { return mkdirat(t, m, cwd(a)) }

func mkdirat(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, from, name, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	return ok(fs.Mkdir(from, name, a.u32(2)))
}

// mknod and mknodat: as mkdir, and EINVAL, EPERM.
func mknod(t *kernel.Task, m Memory, a args) (int64, error) { return mknodat(t, m, cwd(a)) }

func mknodat(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, from, name, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	return ok(fs.Mknod(from, name, a.u32(2), uint64(a.u32(3))))
}

// unlink: see unlinkat.
func unlink(t *kernel.Task, m Memory, a args) (int64, error) {
	return unlinkat(t, m, args{uint64(fdcwd), a[0]})
}

// rmdir: see unlinkat.
func rmdir(t *kernel.Task, m Memory, a args) (int64, error) {
	return unlinkat(t, m, args{uint64(fdcwd), a[0], abi.AT_REMOVEDIR})
}

// unlinkat: EACCES, EBADF, EBUSY, EFAULT, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EROFS.
func unlinkat(t *kernel.Task, m Memory, a args) (int64, error) {
	flags := a.int(2)
	if flags&^abi.AT_REMOVEDIR != 0 {
		return 0, abi.EINVAL
	}
	fs, from, name, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	if flags != 0 {
		return ok(fs.Rmdir(from, name))
	}
	return ok(fs.Unlink(from, name))
}

// link: see linkat.
func link(t *kernel.Task, m Memory, a args) (int64, error) {
	return linkat(t, m, args{uint64(fdcwd), a[0], uint64(fdcwd), a[1]})
}

// linkat: EACCES, EBADF, EEXIST, EFAULT, EINVAL, ELOOP, EMLINK, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS, EXDEV.
func linkat(t *kernel.Task, m Memory, a args) (int64, error) {
	flags := a.int(4)
	if flags&^(abi.AT_SYMLINK_FOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return 0, abi.EINVAL
	}
	how := abi.AT_SYMLINK_NOFOLLOW | flags&abi.AT_EMPTY_PATH
	if flags&abi.AT_SYMLINK_FOLLOW != 0 {
		how &^= abi.AT_SYMLINK_NOFOLLOW
	}
	fs, old, err := walk(t, m, a, 1, how)
	if err != nil {
		return 0, err
	}
	_, to, name, err := at(t, m, a, 3)
	if err != nil {
		return 0, err
	}
	return ok(fs.Link(old, to, name))
}

// symlink and symlinkat: as mkdir.
func symlink(t *kernel.Task, m Memory, a args) (int64, error) {
	return symlinkat(t, m, args{a[0], uint64(fdcwd), a[1]})
}

func symlinkat(t *kernel.Task, m Memory, a args) (int64, error) {
	target, err := path(m, a[0])
	if err != nil {
		return 0, err
	}
	fs, from, name, err := at(t, m, a, 2)
	if err != nil {
		return 0, err
	}
	return ok(fs.Symlink(target, from, name))
}

// readlink and readlinkat: EACCES, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR. An empty path is the
// link that was opened with O_PATH and O_NOFOLLOW.
func readlink(t *kernel.Task, m Memory, a args) (int64, error) { return readlinkat(t, m, cwd(a)) }

func readlinkat(t *kernel.Task, m Memory, a args) (int64, error) {
	if a.int(3) <= 0 {
		return 0, abi.EINVAL
	}
	fs, from, name, err := at(t, m, a, 1)
	if err != nil {
		return 0, err
	}
	var target string
	if name == "" && a.int(0) != abi.AT_FDCWD {
		target, err = from.Inode().Readlink()
	} else {
		target, err = fs.Readlink(from, name)
	}
	if err != nil {
		return 0, err
	}
	n := min(uint64(len(target)), uint64(a.u32(3)))
	buf, err := m.Slice(a[2], n)
	if err != nil {
		return 0, err
	}
	return int64(copy(buf, target)), nil
}

// chmod and fchmodat: EACCES, EBADF, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, EROFS.
func chmod(t *kernel.Task, m Memory, a args) (int64, error) { return fchmodat(t, m, cwd(a)) }

func fchmodat(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, p, err := walk(t, m, a, 1, 0)
	if err != nil {
		return 0, err
	}
	return ok(fs.Chmod(p, a.u32(2)))
}

// placed calls f with the place of an open file: EBADF, EINVAL for pipes and other files without one.
func placed(t *kernel.Task, fd int, f func(fs *vfs.Context, p vfs.Path) error) (int64, error) {
	return withFile(t, fd, func(o *vfs.OpenFile) (int64, error) {
		switch {
		case o.Flags()&abi.O_PATH != 0:
			return 0, abi.EBADF
		case o.Path.IsZero():
			return 0, abi.EINVAL
		}
		return ok(f(t.FS(), o.Path))
	})
}

// fchmod: EBADF, EINVAL, EPERM, EROFS.
func fchmod(t *kernel.Task, _ Memory, a args) (int64, error) {
	return placed(t, a.int(0), func(fs *vfs.Context, p vfs.Path) error { return fs.Chmod(p, a.u32(1)) })
}

// chown, lchown and fchownat: EACCES, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, EROFS.
func chown(t *kernel.Task, m Memory, a args) (int64, error) {
	return fchownat(t, m, args{uint64(fdcwd), a[0], a[1], a[2]})
}

func lchown(t *kernel.Task, m Memory, a args) (int64, error) {
	return fchownat(t, m, args{uint64(fdcwd), a[0], a[1], a[2], abi.AT_SYMLINK_NOFOLLOW})
}

func fchownat(t *kernel.Task, m Memory, a args) (int64, error) {
	flags := a.int(4)
	if flags&^(abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return 0, abi.EINVAL
	}
	fs, p, err := walk(t, m, a, 1, flags)
	if err != nil {
		return 0, err
	}
	return ok(fs.Chown(p, a.u32(2), a.u32(3)))
}

// fchown: EBADF, EINVAL, EPERM, EROFS.
func fchown(t *kernel.Task, _ Memory, a args) (int64, error) {
	return placed(t, a.int(0), func(fs *vfs.Context, p vfs.Path) error { return fs.Chown(p, a.u32(1), a.u32(2)) })
}

// truncate: EACCES, EFAULT, EFBIG, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS.
func truncate(t *kernel.Task, m Memory, a args) (int64, error) {
	fs, p, err := walk(t, m, cwd(a), 1, 0)
	if err != nil {
		return 0, err
	}
	if err := t.MayGrow(int64(a[1])); err != nil {
		return 0, err
	}
	return ok(fs.Truncate(p, int64(a[1])))
}

// umask cannot fail.
func umask(t *kernel.Task, _ Memory, a args) (int64, error) { return int64(t.SetUmask(a.u32(0))), nil }
