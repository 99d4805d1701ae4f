// Package sys is the applets' thin layer over the Linux system calls: over the sandbox's wasm import on wasip1, and
// over the host's own calls on linux/amd64, where the applets are tested beside the real busybox.
//
// Errors are abi.Errno values. Each function is the call of the same name in section 2 of the man pages.
package sys

import (
	"io"
	"unsafe"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// cstr returns a zero-ended copy of s. It is converted to uintptr in the argument list of raw alone, which keeps it
// alive for the call.
func cstr(s string) unsafe.Pointer {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return unsafe.Pointer(unsafe.SliceData(b))
}

func result(r int64) (int, error) {
	if r < 0 {
		return -1, abi.Errno(-r)
	}
	return int(r), nil
}

func failed(r int64) error {
	if r < 0 {
		return abi.Errno(-r)
	}
	return nil
}

var cwd = abi.AT_FDCWD // a variable: the constant does not fit uintptr

func at(dir int) uintptr { return uintptr(dir) }

// Open opens a path; flags are abi.O_ values and mode the permission bits of a new file.
func Open(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := result(raw(abi.SYS_OPENAT, at(cwd), uintptr(cstr(path)), uintptr(flags), uintptr(mode), 0, 0))
		if err != abi.EINTR {
			return fd, err
		}
	}
}

// Close closes a descriptor.
func Close(fd int) error { return failed(raw(abi.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)) }

// Read reads up to len(b) bytes; 0 is the end of the file. It starts again when a signal interrupts it.
func Read(fd int, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, err := result(raw(abi.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0))
		if err != abi.EINTR {
			return n, err
		}
	}
}

// Write writes all of b.
func Write(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := result(raw(abi.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0))
		if err == abi.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Lseek moves the file offset; whence is an abi.SEEK_ value.
func Lseek(fd int, offset int64, whence int) (int64, error) {
	r := raw(abi.SYS_LSEEK, uintptr(fd), uintptr(offset), uintptr(whence), 0, 0, 0)
	return r, failed(r)
}

// Ftruncate sets a file's size in bytes.
func Ftruncate(fd int, size int64) error {
	return failed(raw(abi.SYS_FTRUNCATE, uintptr(fd), uintptr(size), 0, 0, 0, 0))
}

// Fsync writes a file's data to its store.
func Fsync(fd int) error { return failed(raw(abi.SYS_FSYNC, uintptr(fd), 0, 0, 0, 0, 0)) }

// Sync writes everything.
func Sync() { raw(abi.SYS_SYNC, 0, 0, 0, 0, 0, 0) }

// Stat follows symbolic links.
func Stat(path string) (*abi.Stat, error) { return fstatat(path, 0) }

// Lstat does not follow a final symbolic link.
func Lstat(path string) (*abi.Stat, error) { return fstatat(path, abi.AT_SYMLINK_NOFOLLOW) }

func fstatat(path string, flags int) (*abi.Stat, error) {
	st := new(abi.Stat)
	err := failed(raw(abi.SYS_NEWFSTATAT, at(cwd), uintptr(cstr(path)), uintptr(unsafe.Pointer(st)), uintptr(flags), 0, 0))
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Fstat describes an open file.
func Fstat(fd int) (*abi.Stat, error) {
	st := new(abi.Stat)
	if err := failed(raw(abi.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0)); err != nil {
		return nil, err
	}
	return st, nil
}

// Statfs describes the file system of a path.
func Statfs(path string) (*abi.Statfs, error) {
	st := new(abi.Statfs)
	if err := failed(raw(abi.SYS_STATFS, uintptr(cstr(path)), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0)); err != nil {
		return nil, err
	}
	return st, nil
}

// Access checks the caller's permissions on a path with its effective ids; mode is made of abi.R_OK, W_OK and X_OK.
func Access(path string, mode int) error {
	return failed(raw(abi.SYS_FACCESSAT, at(cwd), uintptr(cstr(path)), uintptr(mode), 0, 0, 0))
}

// Dirent is an entry of a directory.
type Dirent struct {
	Name string
	Ino  uint64
	Type uint8 // abi.DT_ value
}

// ReadDir lists a directory in the order of the file system, without "." and "..".
func ReadDir(path string) ([]Dirent, error) {
	fd, err := Open(path, abi.O_RDONLY|abi.O_DIRECTORY|abi.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer Close(fd)
	var list []Dirent
	buf := make([]byte, 16<<10)
	for {
		n, err := result(raw(abi.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0))
		if err != nil {
			return list, err
		}
		if n == 0 {
			return list, nil
		}
		for b := buf[:n]; len(b) > abi.DirentHeader; {
			size := int(b[16]) | int(b[17])<<8
			name := b[abi.DirentHeader:size]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			if s := string(name); s != "." && s != ".." {
				list = append(list, Dirent{Name: s, Ino: *(*uint64)(unsafe.Pointer(&b[0])), Type: b[18]})
			}
			b = b[size:]
		}
	}
}

// Readlink returns the target of a symbolic link.
func Readlink(path string) (string, error) {
	buf := make([]byte, abi.PATH_MAX)
	n, err := result(raw(abi.SYS_READLINKAT, at(cwd), uintptr(cstr(path)), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0))
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// Symlink makes path a symbolic link to target.
func Symlink(target, path string) error {
	return failed(raw(abi.SYS_SYMLINKAT, uintptr(cstr(target)), at(cwd), uintptr(cstr(path)), 0, 0, 0))
}

// Link makes path a hard link to old; flags may be abi.AT_SYMLINK_FOLLOW.
func Link(old, path string, flags int) error {
	return failed(raw(abi.SYS_LINKAT, at(cwd), uintptr(cstr(old)), at(cwd), uintptr(cstr(path)), uintptr(flags), 0))
}

// Rename renames old to path.
func Rename(old, path string) error {
	return failed(raw(abi.SYS_RENAMEAT, at(cwd), uintptr(cstr(old)), at(cwd), uintptr(cstr(path)), 0, 0))
}

// Unlink removes a name that is not a directory.
func Unlink(path string) error {
	return failed(raw(abi.SYS_UNLINKAT, at(cwd), uintptr(cstr(path)), 0, 0, 0, 0))
}

// Rmdir removes an empty directory.
func Rmdir(path string) error {
	return failed(raw(abi.SYS_UNLINKAT, at(cwd), uintptr(cstr(path)), abi.AT_REMOVEDIR, 0, 0, 0))
}

// Mkdir makes a directory.
func Mkdir(path string, mode uint32) error {
	return failed(raw(abi.SYS_MKDIRAT, at(cwd), uintptr(cstr(path)), uintptr(mode), 0, 0, 0))
}

// Mknod makes a file, device or fifo.
func Mknod(path string, mode uint32, dev uint64) error {
	return failed(raw(abi.SYS_MKNODAT, at(cwd), uintptr(cstr(path)), uintptr(mode), uintptr(dev), 0, 0))
}

// Chmod sets the permission bits of a path, following links.
func Chmod(path string, mode uint32) error {
	return failed(raw(abi.SYS_FCHMODAT, at(cwd), uintptr(cstr(path)), uintptr(mode), 0, 0, 0))
}

// Fchmod sets the permission bits of an open file.
func Fchmod(fd int, mode uint32) error {
	return failed(raw(abi.SYS_FCHMOD, uintptr(fd), uintptr(mode), 0, 0, 0, 0))
}

// Chown sets owner and group; -1 keeps one. With flags abi.AT_SYMLINK_NOFOLLOW a link itself is changed.
func Chown(path string, uid, gid int, flags int) error {
	return failed(raw(abi.SYS_FCHOWNAT, at(cwd), uintptr(cstr(path)), uintptr(uint32(uid)), uintptr(uint32(gid)), uintptr(flags), 0))
}

// Utimens sets access and modification times; flags may be abi.AT_SYMLINK_NOFOLLOW.
func Utimens(path string, atim, mtim abi.Timespec, flags int) error {
	ts := new([2]abi.Timespec)
	ts[0], ts[1] = atim, mtim
	return failed(raw(abi.SYS_UTIMENSAT, at(cwd), uintptr(cstr(path)), uintptr(unsafe.Pointer(ts)), uintptr(flags), 0, 0))
}

// Getcwd returns the working directory.
func Getcwd() (string, error) {
	buf := make([]byte, abi.PATH_MAX)
	n, err := result(raw(abi.SYS_GETCWD, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0, 0))
	if err != nil {
		return "", err
	}
	return string(buf[:n-1]), nil
}

// Chdir changes the working directory.
func Chdir(path string) error { return failed(raw(abi.SYS_CHDIR, uintptr(cstr(path)), 0, 0, 0, 0, 0)) }

// Umask sets the file mode mask and returns the one before.
func Umask(mask uint32) uint32 { return uint32(raw(abi.SYS_UMASK, uintptr(mask), 0, 0, 0, 0, 0)) }

// Pipe makes a pipe; flags may be abi.O_CLOEXEC.
func Pipe(flags int) (r, w int, err error) {
	fds := new([2]int32)
	err = failed(raw(abi.SYS_PIPE2, uintptr(unsafe.Pointer(fds)), uintptr(flags), 0, 0, 0, 0))
	return int(fds[0]), int(fds[1]), err
}

// Dup3 makes to a copy of from.
func Dup3(from, to, flags int) error {
	return failed(raw(abi.SYS_DUP3, uintptr(from), uintptr(to), uintptr(flags), 0, 0, 0))
}

// Fcntl manipulates a descriptor.
func Fcntl(fd, cmd, arg int) (int, error) {
	return result(raw(abi.SYS_FCNTL, uintptr(fd), uintptr(cmd), uintptr(arg), 0, 0, 0))
}

// Poll waits for events; timeout is in milliseconds, -1 waits for ever. It returns the number of ready descriptors.
func Poll(fds []abi.PollFd, timeout int) (int, error) {
	return result(raw(abi.SYS_POLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)), uintptr(timeout), 0, 0, 0))
}

// InotifyInit1 makes an instance of inotify(7); flags are O_CLOEXEC and O_NONBLOCK.
func InotifyInit1(flags int) (int, error) {
	return result(raw(abi.SYS_INOTIFY_INIT1, uintptr(flags), 0, 0, 0, 0, 0))
}

// InotifyAddWatch watches a file for the events of mask, abi.IN_ values, and returns the number of the watch.
func InotifyAddWatch(fd int, path string, mask uint32) (int, error) {
	return result(raw(abi.SYS_INOTIFY_ADD_WATCH, uintptr(fd), uintptr(cstr(path)), uintptr(mask), 0, 0, 0))
}

// InotifyRmWatch ends a watch.
func InotifyRmWatch(fd, watch int) error {
	return failed(raw(abi.SYS_INOTIFY_RM_WATCH, uintptr(fd), uintptr(watch), 0, 0, 0, 0))
}

// HashBlocks is abi.SYS_HASH; natively it gives ENOSYS.
func HashBlocks(algorithm int, state *[64]byte, data []byte) error {
	return failed(raw(abi.SYS_HASH, uintptr(algorithm), uintptr(unsafe.Pointer(state)), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), 0, 0))
}

// FD is a descriptor as an io.Reader, io.Writer and io.Closer.
type FD int

// Read implements io.Reader.
func (fd FD) Read(b []byte) (int, error) {
	n, err := Read(int(fd), b)
	if err != nil {
		return 0, err
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (fd FD) Write(b []byte) (int, error) {
	if err := Write(int(fd), b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements io.Closer.
func (fd FD) Close() error { return Close(int(fd)) }
