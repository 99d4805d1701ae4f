package hostfs

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// hostDir is an open directory of the host (O_PATH). Its methods take single names, or "" for the directory itself, and
// never follow a symbolic link.
type hostDir struct{ fd int }

const dirFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

// openHostDir opens a directory by a path of the host, following links.
func openHostDir(path string) (*hostDir, error) {
	fd, err := unix.Open(path, dirFlags, 0)
	if err != nil {
		return nil, err
	}
	return &hostDir{fd}, nil
}

// openat calls openat(2) again when a signal interrupted it.
func (d *hostDir) openat(name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func (d *hostDir) open(name string) (*hostDir, error) {
	fd, err := d.openat(name, dirFlags, 0)
	if err != nil {
		return nil, err
	}
	return &hostDir{fd}, nil
}

func (d *hostDir) close() { unix.Close(d.fd) }

func (d *hostDir) stat(name string) (attr, error) {
	return statx(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
}

// statFile returns the attributes of an open file.
func statFile(f *os.File) (a attr, err error) {
	err = control(f, func(fd int) error {
		a, err = statx(fd, "", 0)
		return err
	})
	return a, err
}

// control calls g with the file's descriptor, which stays open meanwhile.
func control(f *os.File, g func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var gerr error
	if err := c.Control(func(fd uintptr) { gerr = g(int(fd)) }); err != nil {
		return err
	}
	return gerr
}

func statx(fd int, name string, flags int) (attr, error) {
	var x unix.Statx_t
	err := unix.Statx(fd, name, flags|unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &x)
	if err != nil {
		return attr{}, err
	}
	a := attr{Stat: abi.Stat{
		Dev: abi.Mkdev(x.Dev_major, x.Dev_minor), Ino: x.Ino, Nlink: uint64(x.Nlink), Mode: uint32(x.Mode), UID: x.Uid, GID: x.Gid,
		Rdev: abi.Mkdev(x.Rdev_major, x.Rdev_minor), Size: int64(x.Size), Blksize: int64(x.Blksize), Blocks: int64(x.Blocks),
		Atim: timespec(x.Atime), Mtim: timespec(x.Mtime), Ctim: timespec(x.Ctime),
	}}
	if x.Mask&unix.STATX_BTIME != 0 {
		btime := timespec(x.Btime)
		a.btime = btime.Nanoseconds()
	}
	return a, nil
}

func timespec(t unix.StatxTimestamp) abi.Timespec {
	return abi.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)}
}

func (d *hostDir) statfs() abi.Statfs {
	var s unix.Statfs_t
	if unix.Fstatfs(d.fd, &s) != nil {
		return abi.Statfs{}
	}
	return abi.Statfs{
		Type: int64(s.Type), Bsize: int64(s.Bsize), Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail,
		Files: s.Files, Ffree: s.Ffree, Namelen: int64(s.Namelen), Frsize: int64(s.Frsize), Flags: int64(s.Flags),
	}
}

func (d *hostDir) list() ([]vfs.Dirent, error) {
	fd, err := d.openat(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var out []vfs.Dirent
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return out, err
		}
		for b := buf[:n]; len(b) > 0; {
			e := (*unix.Dirent)(unsafe.Pointer(&b[0]))
			name := b[unsafe.Offsetof(e.Name):e.Reclen]
			s, _, _ := strings.Cut(string(name), "\x00")
			if s != "." && s != ".." {
				out = append(out, vfs.Dirent{Name: s, Ino: e.Ino, Type: e.Type})
			}
			b = b[e.Reclen:]
		}
	}
}

// openFlags converts those flags of open(2) that a regular file of the host is to know.
func openFlags(flags int) int {
	host := flags & abi.O_ACCMODE
	if flags&abi.O_SYNC == abi.O_SYNC {
		host |= unix.O_SYNC
	} else if flags&abi.O_DSYNC != 0 {
		host |= unix.O_DSYNC
	}
	return host
}

func (d *hostDir) openFile(name string, flags int) (*os.File, error) {
	// O_NONBLOCK: a fifo that took the file's place must not block the daemon.
	fd, err := d.openat(name, openFlags(flags)|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// tmpfile opens a new file without a name, which linkable lets have one later.
func (d *hostDir) tmpfile(flags int, mode uint32, linkable bool) (*os.File, error) {
	how := openFlags(flags) | unix.O_TMPFILE
	if !linkable {
		how |= unix.O_EXCL
	}
	fd, err := unix.Open(procFD(d.fd), how|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tmpfile"), nil
}

// link gives an open file without a name one.
func (f *file) link(d *hostDir, name string) error {
	return control(f.f, func(fd int) error {
		return unix.Linkat(unix.AT_FDCWD, procFD(fd), d.fd, name, unix.AT_SYMLINK_FOLLOW)
	})
}

// reopen opens an open file anew; it works without a name too.
func reopen(f *os.File, flags int) (g *os.File, err error) {
	err = control(f, func(fd int) error {
		fd, err := unix.Open(procFD(fd), openFlags(flags)|unix.O_CLOEXEC, 0)
		if err == nil {
			g = os.NewFile(uintptr(fd), f.Name())
		}
		return err
	})
	return g, err
}

func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// path names an entry for the calls that have no *at form. The kernel resolves it without following a link at the end.
func (d *hostDir) path(name string) string {
	if name == "" {
		name = "."
	}
	return procFD(d.fd) + "/" + name
}

func (d *hostDir) create(name string, mode uint32) error {
	fd, err := d.openat(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func (d *hostDir) mknod(name string, mode uint32) error { return unix.Mknodat(d.fd, name, mode, 0) }

func (d *hostDir) mkdir(name string, mode uint32) error { return unix.Mkdirat(d.fd, name, mode) }

func (d *hostDir) symlink(target, name string) error { return unix.Symlinkat(target, d.fd, name) }

func (d *hostDir) link(name string, to *hostDir, newname string) error {
	return unix.Linkat(d.fd, name, to.fd, newname, 0)
}

func (d *hostDir) remove(name string, isDir bool) error {
	flags := 0
	if isDir {
		flags = unix.AT_REMOVEDIR
	}
	return unix.Unlinkat(d.fd, name, flags)
}

func (d *hostDir) rename(name string, to *hostDir, newname string, flags uint32) error {
	return unix.Renameat2(d.fd, name, to.fd, newname, uint(flags))
}

func (d *hostDir) readlink(name string) (string, error) {
	buf := make([]byte, abi.PATH_MAX)
	n, err := unix.Readlinkat(d.fd, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func (d *hostDir) chown(name string, uid, gid uint32) error {
	return unix.Fchownat(d.fd, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
}

func (d *hostDir) chmod(name string, mode uint32) error {
	if name == "" {
		return unix.Chmod(procFD(d.fd), mode)
	}
	err := unix.Fchmodat(d.fd, name, mode, unix.AT_SYMLINK_NOFOLLOW)
	if err != unix.EOPNOTSUPP && err != unix.ENOSYS {
		return err
	}
	// Before Linux 6.6 there is no such call: pin the file first, whatever it is, and then change what was pinned.
	fd, err := d.openat(name, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unix.EOPNOTSUPP
	}
	return unix.Chmod(procFD(fd), mode)
}

func (f *file) chmod(mode uint32) error {
	return control(f.f, func(fd int) error { return unix.Fchmod(fd, mode) })
}

func (d *hostDir) utimes(name string, atime, mtime *abi.Timespec) error {
	ts := []unix.Timespec{hostTime(atime), hostTime(mtime)}
	if name == "" {
		return unix.UtimesNanoAt(unix.AT_FDCWD, procFD(d.fd), ts, 0)
	}
	return unix.UtimesNanoAt(d.fd, name, ts, unix.AT_SYMLINK_NOFOLLOW)
}

func (f *file) setTimes(atime, mtime *abi.Timespec) error {
	return control(f.f, func(fd int) error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, procFD(fd), []unix.Timespec{hostTime(atime), hostTime(mtime)}, 0)
	})
}

func hostTime(t *abi.Timespec) unix.Timespec {
	if t == nil {
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.Timespec{Sec: t.Sec, Nsec: t.Nsec}
}

// appendTo writes at the end of a file in one step, whoever else writes to it.
func appendTo(f *os.File, p []byte) (n int, err error) {
	err = control(f, func(fd int) error {
		for n < len(p) {
			m, err := unix.Pwritev2(fd, [][]byte{p[n:]}, 0, unix.RWF_APPEND)
			switch err {
			case nil:
				n += m
			case unix.EINTR:
			case unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL: // before Linux 4.16, or no Linux at all behind the calls
				m, err = appendAnew(fd, p[n:])
				n += m
				return err
			default:
				return err
			}
		}
		return nil
	})
	return n, err
}

// appendAnew opens a file once more to write at its end.
func appendAnew(fd int, p []byte) (int, error) {
	g, err := os.OpenFile(procFD(fd), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	return g.Write(p)
}

func (d *hostDir) getXattr(name, key string) ([]byte, error) {
	return growing(func(buf []byte) (int, error) { return unix.Lgetxattr(d.path(name), key, buf) })
}

func (d *hostDir) listXattr(name string) ([]string, error) {
	b, err := growing(func(buf []byte) (int, error) { return unix.Llistxattr(d.path(name), buf) })
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}

// growing calls f with a buffer that is large enough.
func growing(f func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 4 {
		buf := make([]byte, size)
		n, err := f(buf)
		if err == unix.ERANGE && size < 1<<20 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}

func (d *hostDir) setXattr(name, key string, value []byte, flags int) error {
	return unix.Lsetxattr(d.path(name), key, value, flags)
}

func (d *hostDir) removeXattr(name, key string) error { return unix.Lremovexattr(d.path(name), key) }

// errno converts an error of the host; Linux's numbers are the sandbox's.
func errno(err error) error {
	if err == nil {
		return nil
	}
	var e abi.Errno
	if errors.As(err, &e) {
		return e
	}
	var se unix.Errno
	if errors.As(err, &se) {
		return abi.Errno(se)
	}
	if errors.Is(err, os.ErrClosed) {
		return abi.EBADF
	}
	return abi.EIO
}
