package wasi

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// pathArg reads the path at a pointer and a length: EFAULT, ENAMETOOLONG, EINVAL for one with a zero byte.
func pathArg(g *guest.Guest, addr, n uint64) (string, error) {
	if uint32(n) >= abi.PATH_MAX {
		return "", abi.ENAMETOOLONG
	}
	b, err := slice(g, addr, n)
	if err != nil {
		return "", err
	}
	name := string(b)
	if strings.IndexByte(name, 0) >= 0 {
		return "", abi.EINVAL
	}
	return name, nil
}

// at reads the path at addr and finds the directory that it is relative to: EBADF, ENOTDIR, and pathArg's.
func at(g *guest.Guest, fs *vfs.Context, fd, addr, n uint64) (vfs.Path, string, error) {
	name, err := pathArg(g, addr, n)
	if err != nil {
		return vfs.Path{}, "", err
	}
	if _, ok := preopenName(g, fdArg(fd)); ok {
		if fdArg(fd) == rootFD {
			return fs.Root, name, nil
		}
		return relative(fs, name), name, nil
	}
	o, err := file(g, fdArg(fd))
	if err != nil {
		return vfs.Path{}, "", err
	}
	defer o.Release()
	if o.Path.IsZero() {
		return vfs.Path{}, "", abi.ENOTDIR
	}
	return o.Path, name, nil
}

// relative returns where a path in the preopened directory "." begins: at the working directory, or at the root.
//
// wasi-libc strips "/" and "." from the names of preopened directories and the slash from absolute paths, and takes the
// last directory that matches: all its paths come here, and "/etc/passwd" comes as "etc/passwd" would. So the path
// begins at the first of the two where it exists, else at the first where its directory does. (Go asks for absolute
// paths in "/" only.)
func relative(fs *vfs.Context, name string) vfs.Path {
	if fs.Cwd == fs.Root {
		return fs.Root
	}
	trimmed := strings.TrimRight(name, "/")
	parent := trimmed[:strings.LastIndexByte(trimmed, '/')+1]
	for _, path := range []string{trimmed, parent} {
		if path == "" {
			return fs.Cwd
		}
		for _, from := range []vfs.Path{fs.Cwd, fs.Root} {
			if _, err := fs.Walk(from, path, false); err == nil {
				return from
			}
		}
	}
	return fs.Cwd
}

const symlinkFollow = 1 // lookupflags

// walk is at with the path resolved.
func walk(g *guest.Guest, fs *vfs.Context, fd, flags, addr, n uint64) (vfs.Path, error) {
	from, name, err := at(g, fs, fd, addr, n)
	if err != nil {
		return vfs.Path{}, err
	}
	return fs.Walk(from, name, flags&symlinkFollow != 0)
}

// pathCreateDirectory is path_create_directory.
func pathCreateDirectory(g *guest.Guest, s []uint64) error {
	fs := g.Task.FS()
	from, name, err := at(g, fs, s[0], s[1], s[2])
	if err != nil {
		return err
	}
	return fs.Mkdir(from, name, 0o777)
}

// pathFilestatGet is path_filestat_get.
func pathFilestatGet(g *guest.Guest, s []uint64) error {
	p, err := walk(g, g.Task.FS(), s[0], s[1], s[2], s[3])
	if err != nil {
		return err
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return err
	}
	return putFilestat(g, s[4], &st)
}

// pathFilestatSetTimes is path_filestat_set_times.
func pathFilestatSetTimes(g *guest.Guest, s []uint64) error {
	ts, err := timesArg(s[4], s[5], uint32(s[6]))
	if err != nil {
		return err
	}
	fs := g.Task.FS()
	p, err := walk(g, fs, s[0], s[1], s[2], s[3])
	if err != nil {
		return err
	}
	return fs.SetTimes(p, ts)
}

// pathLink is path_link.
func pathLink(g *guest.Guest, s []uint64) error {
	fs := g.Task.FS()
	old, err := walk(g, fs, s[0], s[1], s[2], s[3])
	if err != nil {
		return err
	}
	to, name, err := at(g, fs, s[4], s[5], s[6])
	if err != nil {
		return err
	}
	return fs.Link(old, to, name)
}

// oflags
const (
	oCreat     = 1
	oDirectory = 2
	oExcl      = 4
	oTrunc     = 8
	allOflags  = 15
)

// pathOpen is path_open. A file is opened for reading and writing as the base rights ask, a directory for reading.
func pathOpen(g *guest.Guest, s []uint64) error {
	oflags, rights, fdflags := uint32(s[4]), s[5], uint32(s[7])
	if oflags&^allOflags != 0 || fdflags&^allFlags != 0 || oflags&(oCreat|oDirectory) == oCreat|oDirectory {
		return abi.EINVAL
	}
	result, err := slice(g, s[8], 4)
	if err != nil {
		return err
	}
	flags := openFlags(fdflags)
	switch write := rights&rightFDWrite != 0; {
	case oflags&oDirectory != 0:
		flags |= abi.O_DIRECTORY
	case write && rights&rightFDRead != 0:
		flags |= abi.O_RDWR
	case write:
		flags |= abi.O_WRONLY
	}
	for _, f := range []struct {
		oflag uint32
		flag  int
	}{{oCreat, abi.O_CREAT}, {oExcl, abi.O_EXCL}, {oTrunc, abi.O_TRUNC}} {
		if oflags&f.oflag != 0 {
			flags |= f.flag
		}
	}
	if s[1]&symlinkFollow == 0 {
		flags |= abi.O_NOFOLLOW
	}
	if fdflags&flagNonblock != 0 {
		flags |= abi.O_NONBLOCK
	}
	fs := g.Task.FS()
	from, name, err := at(g, fs, s[0], s[2], s[3])
	if err != nil {
		return err
	}
	o, err := fs.Open(from, name, flags, 0o666)
	if err != nil {
		return err
	}
	fd, err := g.Task.Files.Add(o, 0, false)
	if err != nil {
		return err
	}
	le.PutUint32(result, uint32(programFD(fd)))
	return nil
}

// pathReadlink is path_readlink. A target that does not fit is cut.
func pathReadlink(g *guest.Guest, s []uint64) error {
	fs := g.Task.FS()
	from, name, err := at(g, fs, s[0], s[1], s[2])
	if err != nil {
		return err
	}
	target, err := fs.Readlink(from, name)
	if err != nil {
		return err
	}
	buf, err := slice(g, s[3], s[4])
	if err != nil {
		return err
	}
	return putU32(g, s[5], uint32(copy(buf, target)))
}

// pathRemoveDirectory is path_remove_directory.
func pathRemoveDirectory(g *guest.Guest, s []uint64) error {
	fs := g.Task.FS()
	from, name, err := at(g, fs, s[0], s[1], s[2])
	if err != nil {
		return err
	}
	return fs.Rmdir(from, name)
}

// pathRename is path_rename.
func pathRename(g *guest.Guest, s []uint64) error {
	fs := g.Task.FS()
	from, old, err := at(g, fs, s[0], s[1], s[2])
	if err != nil {
		return err
	}
	to, name, err := at(g, fs, s[3], s[4], s[5])
	if err != nil {
		return err
	}
	return fs.Rename(from, old, to, name, 0)
}

// pathSymlink is path_symlink.
func pathSymlink(g *guest.Guest, s []uint64) error {
	target, err := pathArg(g, s[0], s[1])
	if err != nil {
		return err
	}
	fs := g.Task.FS()
	from, name, err := at(g, fs, s[2], s[3], s[4])
	if err != nil {
		return err
	}
	return fs.Symlink(target, from, name)
}

// pathUnlinkFile is path_unlink_file.
func pathUnlinkFile(g *guest.Guest, s []uint64) error {
	fs := g.Task.FS()
	from, name, err := at(g, fs, s[0], s[1], s[2])
	if err != nil {
		return err
	}
	return fs.Unlink(from, name)
}
