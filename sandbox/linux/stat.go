package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// stat: see newfstatat.
func stat(t *kernel.Task, m Memory, a args) (int64, error) {
	return newfstatat(t, m, args{uint64(fdcwd), a[0], a[1]})
}

// lstat: see newfstatat.
func lstat(t *kernel.Task, m Memory, a args) (int64, error) {
	return newfstatat(t, m, args{uint64(fdcwd), a[0], a[1], abi.AT_SYMLINK_NOFOLLOW})
}

// fstat: EBADF, EFAULT.
func fstat(t *kernel.Task, m Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		st, err := o.Stat()
		if err != nil {
			return 0, err
		}
		return ok(put(m, a[1], &st))
	})
}

const atNoAutomount = 0x800 // AT_NO_AUTOMOUNT; nothing is mounted by itself

// newfstatat: EACCES, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR.
func newfstatat(t *kernel.Task, m Memory, a args) (int64, error) {
	st, err := attributes(t, m, a, a.int(3))
	if err != nil {
		return 0, err
	}
	return ok(put(m, a[2], &st))
}

// attributes reads those of the file that arguments 0 and 1 name.
func attributes(t *kernel.Task, m Memory, a args, flags int) (abi.Stat, error) {
	if flags&^(abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH|atNoAutomount) != 0 {
		return abi.Stat{}, abi.EINVAL
	}
	name, err := path(m, a[1])
	if err != nil {
		return abi.Stat{}, err
	}
	if name == "" && flags&abi.AT_EMPTY_PATH != 0 && a.int(0) != abi.AT_FDCWD {
		o, err := t.Files.Get(a.int(0)) // has no path, perhaps
		if err != nil {
			return abi.Stat{}, err
		}
		defer o.Release()
		return o.Stat()
	}
	_, p, err := walk(t, m, a, 1, flags)
	if err != nil {
		return abi.Stat{}, err
	}
	return p.Inode().Stat()
}

// statx: as newfstatat. The basic attributes alone are filled in, whatever the mask asks.
func statx(t *kernel.Task, m Memory, a args) (int64, error) {
	const syncTypes, basic, reserved = 0x6000, 0x7ff, 1 << 31 // AT_STATX_SYNC_TYPE, STATX_BASIC_STATS, STATX__RESERVED
	if a.u32(3)&reserved != 0 || a.int(2)&syncTypes == syncTypes {
		return 0, abi.EINVAL
	}
	st, err := attributes(t, m, a, a.int(2)&^syncTypes)
	if err != nil {
		return 0, err
	}
	b, err := m.Slice(a[4], 256)
	if err != nil {
		return 0, err
	}
	clear(b)
	le.PutUint32(b, basic)
	le.PutUint32(b[4:], uint32(st.Blksize))
	le.PutUint32(b[16:], uint32(st.Nlink))
	le.PutUint32(b[20:], st.UID)
	le.PutUint32(b[24:], st.GID)
	le.PutUint16(b[28:], uint16(st.Mode))
	le.PutUint64(b[32:], st.Ino)
	le.PutUint64(b[40:], uint64(st.Size))
	le.PutUint64(b[48:], uint64(st.Blocks))
	for i, ts := range []abi.Timespec{st.Atim, {}, st.Ctim, st.Mtim} { // the second is that of creation
		le.PutUint64(b[64+16*i:], uint64(ts.Sec))
		le.PutUint32(b[72+16*i:], uint32(ts.Nsec))
	}
	for i, v := range []uint32{abi.Major(st.Rdev), abi.Minor(st.Rdev), abi.Major(st.Dev), abi.Minor(st.Dev)} {
		le.PutUint32(b[128+4*i:], v)
	}
	return 0, nil
}

// statfs: EACCES, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR.
func statfs(t *kernel.Task, m Memory, a args) (int64, error) {
	_, p, err := walk(t, m, cwd(a), 1, 0)
	if err != nil {
		return 0, err
	}
	return ok(putStatfs(m, a[1], p))
}

// fstatfs: EBADF, EFAULT.
func fstatfs(t *kernel.Task, m Memory, a args) (int64, error) {
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) { return ok(putStatfs(m, a[1], o.Path)) })
}

const pipefsMagic = 0x50495045 // PIPEFS_MAGIC

func putStatfs(m Memory, addr uint64, p vfs.Path) error {
	var s abi.Statfs
	switch {
	case p.IsZero():
		s.Type, s.Bsize = pipefsMagic, abi.PIPE_BUF
	case p.Dentry.Filesystem().Statfs != nil:
		s = p.Dentry.Filesystem().Statfs()
	}
	if s.Namelen == 0 {
		s.Namelen = abi.NAME_MAX
	}
	if s.Frsize == 0 {
		s.Frsize = s.Bsize
	}
	s.Flags |= 0x20 // ST_VALID
	if p.Mount != nil {
		for _, f := range []struct {
			flag vfs.MountFlags
			st   int64
		}{{vfs.ReadOnly, 1}, {vfs.NoSuid, 2}, {vfs.NoDev, 4}, {vfs.NoExec, 8}} {
			if p.Mount.Flags()&f.flag != 0 {
				s.Flags |= f.st
			}
		}
	}
	return put(m, addr, &s)
}

// utime (struct utimbuf): see utimensat.
func utime(t *kernel.Task, m Memory, a args) (int64, error) {
	var secs [2]int64
	if a[1] == 0 {
		return setTimes(t, m, cwd(a), 0, nil)
	}
	if err := get(m, a[1], &secs); err != nil {
		return 0, err
	}
	return setTimes(t, m, cwd(a), 0, &[2]abi.Timespec{{Sec: secs[0]}, {Sec: secs[1]}})
}

// utimes: see futimesat.
func utimes(t *kernel.Task, m Memory, a args) (int64, error) { return futimesat(t, m, cwd(a)) }

// futimesat (struct timeval[2]): as utimensat.
func futimesat(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[2] == 0 {
		return setTimes(t, m, a, 0, nil)
	}
	var tv [2]abi.Timeval
	if err := get(m, a[2], &tv); err != nil {
		return 0, err
	}
	var ts [2]abi.Timespec
	for i, v := range tv {
		if v.Usec < 0 || v.Usec >= 1e6 {
			return 0, abi.EINVAL
		}
		ts[i] = abi.Timespec{Sec: v.Sec, Nsec: v.Usec * 1000}
	}
	return setTimes(t, m, a, 0, &ts)
}

// utimensat: EACCES, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, EROFS.
func utimensat(t *kernel.Task, m Memory, a args) (int64, error) {
	flags := a.int(3)
	if flags&^(abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return 0, abi.EINVAL
	}
	if a[2] == 0 {
		return setTimes(t, m, a, flags, nil)
	}
	var ts [2]abi.Timespec
	if err := get(m, a[2], &ts); err != nil {
		return 0, err
	}
	for _, v := range ts {
		if v.Nsec != abi.UTIME_NOW && v.Nsec != abi.UTIME_OMIT && (v.Nsec < 0 || v.Nsec >= 1e9) {
			return 0, abi.EINVAL
		}
	}
	return setTimes(t, m, a, flags, &ts)
}

// setTimes sets the times of the file that arguments 0 and 1 name, of the descriptor itself when the path is NULL; nil
// sets the present.
func setTimes(t *kernel.Task, m Memory, a args, flags int, ts *[2]abi.Timespec) (int64, error) {
	if a[1] == 0 {
		if a.int(0) == abi.AT_FDCWD {
			return 0, abi.EFAULT
		}
		return placed(t, a.int(0), func(fs *vfs.Context, p vfs.Path) error { return fs.SetTimes(p, ts) })
	}
	fs, p, err := walk(t, m, a, 1, flags)
	if err != nil {
		return 0, err
	}
	return ok(fs.SetTimes(p, ts))
}
