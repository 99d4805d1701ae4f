package procfs

import (
	"fmt"
	"strconv"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// fdDir is the entry of /proc/PID/fd.
func fdDir(t Task) entry {
	return entry{"fd", abi.S_IFDIR | 0o500, func(n node) vfs.Inode {
		return &dir{
			node: n,
			find: func(name string) (entry, bool) { return descriptor(t, name) },
			list: func() []entry { return numbered(t.FDs(), abi.S_IFLNK) },
		}
	}}
}

// descriptor is the entry of /proc/PID/fd/N, whose mode says for what the file is open.
func descriptor(t Task, name string) (entry, bool) {
	f, n, ok := openFile(t, name)
	if !ok {
		return entry{}, false
	}
	mode := uint32(abi.S_IFLNK | 0o100)
	if acc := f.Flags() & abi.O_ACCMODE; f.Flags()&abi.O_PATH == 0 {
		if acc != abi.O_WRONLY {
			mode |= 0o400
		}
		if acc != abi.O_RDONLY {
			mode |= 0o200
		}
	}
	f.Release()
	return entry{name, mode, func(at node) vfs.Inode { return &fdLink{node: at, task: t, fd: n} }}, true
}

// openFile finds a descriptor by its name; the caller releases the file.
func openFile(t Task, name string) (f *vfs.OpenFile, n int, ok bool) {
	n, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(n) != name {
		return nil, 0, false
	}
	f, _, ok = t.FD(n)
	return f, n, ok
}

// fdLink is /proc/PID/fd/N: it leads to the open file itself, whatever has become of its name.
type fdLink struct {
	node
	vfs.NotDir
	task Task
	fd   int
}

// Stat adds the size that Linux gives these links.
func (l *fdLink) Stat() (abi.Stat, error) {
	st, err := l.node.Stat()
	st.Size = 64
	return st, err
}

// Jump returns the file's place: EACCES, ENOENT.
func (l *fdLink) Jump(ctx *vfs.Context) (vfs.Path, error) {
	if err := mayInspect(ctx, l.task); err != nil {
		return vfs.Path{}, err
	}
	f, _, ok := l.task.FD(l.fd)
	if !ok {
		return vfs.Path{}, abi.ENOENT
	}
	defer f.Release()
	if f.Path.Mount != nil {
		return f.Path, nil
	}
	a := &anonymous{file: f, base: f, task: l.task, fd: l.fd}
	if from, ok := f.Inode.(*anonymous); ok {
		a.base = from.base
	}
	return vfs.Path{Dentry: vfs.NewFilesystem("anon_inodefs", "anon_inodefs", a, true).Root()}, nil
}

// anonymous is the inode of an open file that has no name: a pipe's end, a socket, a terminal given from outside.
type anonymous struct {
	vfs.NotDir
	file *vfs.OpenFile
	base *vfs.OpenFile // the first that was opened of this file; file was opened through it
	task Task
	fd   int
}

// Stat returns the file's attributes. It belongs to the process's user, so that /dev/stdout can be opened by whom it was
// given to.
func (a *anonymous) Stat() (abi.Stat, error) {
	st, err := a.base.Stat()
	if c := a.task.Status().Cred; err == nil && c != nil {
		st.UID, st.GID = c.UID, c.GID
	}
	return st, err
}

// SetStat returns EPERM.
func (a *anonymous) SetStat(vfs.SetStat) error { return abi.EPERM }

// Open returns ENXIO; the file opens itself.
func (a *anonymous) Open(int) (vfs.File, error) { return nil, abi.ENXIO }

// Readlink returns what fd/N shows: the name that the file gives itself, or as "pipe:[7]".
func (a *anonymous) Readlink() (string, error) {
	if n, ok := a.base.File.(interface{ Name() string }); ok {
		return n.Name(), nil
	}
	st, err := a.base.Stat()
	if err != nil {
		return "", err
	}
	switch st.Mode & abi.S_IFMT {
	case abi.S_IFIFO:
		return fmt.Sprintf("pipe:[%d]", st.Ino), nil
	case abi.S_IFSOCK:
		return fmt.Sprintf("socket:[%d]", st.Ino), nil
	}
	return fmt.Sprintf("anon_inode:[%d]", st.Ino), nil
}

// OpenSelf opens the file once more: ENXIO for what can't be, as a socket, and for a descriptor closed meanwhile.
func (a *anonymous) OpenSelf(_ *vfs.Context, flags int) (vfs.File, error) {
	f, _, ok := a.task.FD(a.fd)
	if !ok {
		return nil, abi.ENXIO
	}
	defer f.Release()
	r, ok := f.File.(vfs.Reopener)
	if !ok || f != a.file {
		return nil, abi.ENXIO
	}
	return r.Reopen(flags)
}

// fdinfoDir is the entry of /proc/PID/fdinfo.
func fdinfoDir(t Task) entry {
	return entry{"fdinfo", abi.S_IFDIR | 0o500, func(n node) vfs.Inode {
		return &dir{
			node: n,
			find: func(name string) (entry, bool) {
				f, n, ok := openFile(t, name)
				if !ok {
					return entry{}, false
				}
				f.Release()
				return private(name, 0o400, func() (string, error) { return fdinfo(t, n) }), true
			},
			list: func() []entry { return numbered(t.FDs(), abi.S_IFREG) },
		}
	}}
}

// fdinfo is /proc/PID/fdinfo/N (proc_pid_fdinfo(5)).
func fdinfo(t Task, n int) (string, error) {
	f, cloexec, ok := t.FD(n)
	if !ok {
		return "", abi.ENOENT
	}
	defer f.Release()
	pos, err := f.Seek(0, abi.SEEK_CUR)
	if err != nil {
		pos = 0
	}
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	flags, mount := f.Flags()|abi.O_LARGEFILE, 0
	if cloexec {
		flags |= abi.O_CLOEXEC
	}
	if f.Path.Mount != nil {
		mount = f.Path.Mount.ID()
	}
	return fmt.Sprintf("pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\nino:\t%d\n", pos, flags, mount, st.Ino), nil
}
