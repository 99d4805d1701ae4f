//go:build !linux

package hostfs

import (
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// hostDir is a directory of the host below an os.Root, by its path. Hosts other than Linux get what os.Root gives: inode
// numbers are made from paths, and there are no fifos, extended attributes or renameat2 flags.
type hostDir struct {
	root *os.Root
	dir  string
}

func openHostDir(dir string) (*hostDir, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &hostDir{root, "."}, nil
}

func (d *hostDir) open(name string) (*hostDir, error) {
	info, err := d.root.Lstat(d.path(name))
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, abi.ENOTDIR
	}
	return &hostDir{d.root, d.path(name)}, nil
}

func (d *hostDir) close() {
	if d.dir == "." {
		d.root.Close()
	}
}

func (d *hostDir) path(name string) string { return path.Join(d.dir, name) }

func (d *hostDir) stat(name string) (attr, error) {
	info, err := d.root.Lstat(d.path(name))
	if err != nil {
		return attr{}, err
	}
	return attrOf(info, ino(d.path(name))), nil
}

func ino(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

func attrOf(info fs.FileInfo, ino uint64) attr {
	t := abi.TimespecOf(info.ModTime().UnixNano())
	return attr{Stat: abi.Stat{
		Dev: 1, Ino: ino, Nlink: 1, Mode: abi.ModeOf(info.Mode()), UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()),
		Size: info.Size(), Blksize: 4096, Blocks: (info.Size() + 511) / 512, Atim: t, Mtim: t, Ctim: t,
	}}
}

// errNoSupport is the answer to what os.Root cannot do.
var errNoSupport error = abi.EOPNOTSUPP

func statFile(f *os.File) (attr, error) {
	info, err := f.Stat()
	if err != nil {
		return attr{}, err
	}
	return attrOf(info, ino(f.Name())), nil
}

func (d *hostDir) statfs() abi.Statfs {
	return abi.Statfs{Bsize: 4096, Frsize: 4096, Namelen: abi.NAME_MAX}
}

func (d *hostDir) list() ([]vfs.Dirent, error) {
	f, err := d.root.Open(d.dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	out := make([]vfs.Dirent, len(list))
	for i, e := range list {
		out[i] = vfs.Dirent{Name: e.Name(), Ino: ino(d.path(e.Name())), Type: abi.DirentType(abi.ModeOf(e.Type()))}
	}
	return out, nil
}

func (d *hostDir) openFile(name string, flags int) (*os.File, error) {
	info, err := d.root.Lstat(d.path(name))
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, abi.ELOOP
	}
	f, err := d.root.OpenFile(d.path(name), flags&abi.O_ACCMODE, 0)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		f.Close()
		return nil, abi.ESTALE
	}
	return f, nil
}

func reopen(*os.File, int) (*os.File, error) { return nil, errNoSupport }

func (d *hostDir) create(name string, mode uint32) error {
	f, err := d.root.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(mode&0o777))
	if err != nil {
		return err
	}
	return f.Close()
}

func (d *hostDir) mknod(string, uint32) error { return errNoSupport }

func (d *hostDir) mkdir(name string, mode uint32) error {
	return d.root.Mkdir(d.path(name), fs.FileMode(mode&0o777))
}

func (d *hostDir) symlink(target, name string) error { return d.root.Symlink(target, d.path(name)) }

func (d *hostDir) link(name string, to *hostDir, newname string) error {
	return d.root.Link(d.path(name), to.path(newname))
}

func (d *hostDir) remove(name string, isDir bool) error {
	info, err := d.root.Lstat(d.path(name))
	if err != nil {
		return err
	}
	switch {
	case isDir && !info.IsDir():
		return abi.ENOTDIR
	case !isDir && info.IsDir():
		return abi.EISDIR
	}
	return d.root.Remove(d.path(name))
}

func (d *hostDir) rename(name string, to *hostDir, newname string, flags uint32) error {
	if flags&abi.RENAME_EXCHANGE != 0 {
		return abi.EINVAL
	}
	return d.root.Rename(d.path(name), to.path(newname)) // the path walk has checked RENAME_NOREPLACE
}

func (d *hostDir) readlink(name string) (string, error) { return d.root.Readlink(d.path(name)) }

func (d *hostDir) chown(name string, uid, gid uint32) error {
	return d.root.Lchown(d.path(name), int(uid), int(gid))
}

func (d *hostDir) chmod(name string, mode uint32) error {
	return d.root.Chmod(d.path(name), abi.FileMode(mode))
}

func (f *file) chmod(mode uint32) error { return f.f.Chmod(abi.FileMode(mode)) }

func (d *hostDir) utimes(name string, atime, mtime *abi.Timespec) error {
	return d.root.Chtimes(d.path(name), hostTime(atime), hostTime(mtime))
}

func (f *file) setTimes(atime, mtime *abi.Timespec) error {
	return f.node.at(func(d *hostDir, name string) error { return d.utimes(name, atime, mtime) })
}

// hostTime converts a time; the zero time leaves the file's as it is.
func hostTime(t *abi.Timespec) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Unix(t.Sec, t.Nsec)
}

// appending makes the appends of this process follow each other.
var appending sync.Mutex

func appendTo(f *os.File, p []byte) (int, error) {
	appending.Lock()
	defer appending.Unlock()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return f.WriteAt(p, info.Size())
}

func (d *hostDir) getXattr(string, string) ([]byte, error)    { return nil, errNoSupport }
func (d *hostDir) listXattr(string) ([]string, error)         { return nil, nil }
func (d *hostDir) setXattr(string, string, []byte, int) error { return errNoSupport }
func (d *hostDir) removeXattr(string, string) error           { return errNoSupport }

// errno converts an error of the host by its kind.
func errno(err error) error {
	var e abi.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, fs.ErrNotExist):
		return abi.ENOENT
	case errors.Is(err, fs.ErrExist):
		return abi.EEXIST
	case errors.Is(err, fs.ErrPermission):
		return abi.EACCES
	case errors.Is(err, fs.ErrClosed):
		return abi.EBADF
	}
	return abi.EIO
}

func (d *hostDir) tmpfile(int, uint32, bool) (*os.File, error) { return nil, abi.EOPNOTSUPP }

func (f *file) link(*hostDir, string) error { return abi.EOPNOTSUPP }
