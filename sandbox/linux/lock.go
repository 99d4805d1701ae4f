package linux

import (
	"math"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// flock: EBADF, EINTR, EINVAL, ENOLCK, EWOULDBLOCK.
func flock(t *kernel.Task, _ Memory, a args) (int64, error) {
	op := a.int(1)
	l := vfs.Lock{End: vfs.LockEnd}
	switch op &^ abi.LOCK_NB {
	case abi.LOCK_SH:
		l.Type = abi.F_RDLCK
	case abi.LOCK_EX:
		l.Type = abi.F_WRLCK
	case abi.LOCK_UN:
		l.Type = abi.F_UNLCK
	default:
		return 0, abi.EINVAL
	}
	return withFile(t, a.int(0), func(o *vfs.OpenFile) (int64, error) {
		if o.Flags()&abi.O_PATH != 0 {
			return 0, abi.EBADF
		}
		return ok(t.LockFile(o, vfs.FlockLock, l, op&abi.LOCK_NB == 0))
	})
}

// recordLock is the locking commands of fcntl: EACCES never (EAGAIN instead), EAGAIN, EBADF, EDEADLK, EFAULT, EINTR,
// EINVAL, ENOLCK, EOVERFLOW.
func recordLock(t *kernel.Task, m Memory, o *vfs.OpenFile, cmd int, addr uint64) (int64, error) {
	var raw abi.Flock
	if err := get(m, addr, &raw); err != nil {
		return 0, err
	}
	kind := vfs.ProcessLock
	switch cmd {
	case abi.F_OFD_GETLK, abi.F_OFD_SETLK, abi.F_OFD_SETLKW:
		if raw.Pid != 0 {
			return 0, abi.EINVAL
		}
		kind = vfs.DescriptionLock
	}
	testing := cmd == abi.F_GETLK || cmd == abi.F_OFD_GETLK
	l, err := lockOf(o, &raw)
	if err != nil {
		return 0, err
	}
	if testing {
		if l.Type == abi.F_UNLCK && kind == vfs.ProcessLock {
			return 0, abi.EINVAL
		}
		found, pid, ok, err := t.TestLock(o, kind, l)
		if err != nil {
			return 0, err
		}
		raw.Type = abi.F_UNLCK
		if ok {
			raw = abi.Flock{Type: int16(found.Type), Whence: abi.SEEK_SET, Start: found.Start, Pid: int32(pid)}
			if found.End != vfs.LockEnd {
				raw.Len = found.End - found.Start + 1
			}
		}
		return 0, put(m, addr, &raw)
	}
	access := o.Flags() & abi.O_ACCMODE
	if l.Type == abi.F_RDLCK && access == abi.O_WRONLY || l.Type == abi.F_WRLCK && access == abi.O_RDONLY {
		return 0, abi.EBADF
	}
	return ok(t.LockFile(o, kind, l, cmd == abi.F_SETLKW || cmd == abi.F_OFD_SETLKW))
}

// lockOf converts a struct flock.
func lockOf(o *vfs.OpenFile, raw *abi.Flock) (vfs.Lock, error) {
	l := vfs.Lock{Type: int(raw.Type)}
	if l.Type != abi.F_RDLCK && l.Type != abi.F_WRLCK && l.Type != abi.F_UNLCK {
		return l, abi.EINVAL
	}
	base := int64(0)
	switch raw.Whence {
	case abi.SEEK_SET:
	case abi.SEEK_CUR:
		base, _ = o.Seek(0, abi.SEEK_CUR) // a stream has no position: 0
	case abi.SEEK_END:
		st, err := o.Stat()
		if err != nil {
			return l, err
		}
		base = st.Size
	default:
		return l, abi.EINVAL
	}
	if raw.Start > 0 && base > math.MaxInt64-raw.Start {
		return l, abi.EOVERFLOW
	}
	l.Start = base + raw.Start
	switch {
	case l.Start < 0:
		return l, abi.EINVAL
	case raw.Len > 0:
		if l.Start > math.MaxInt64-(raw.Len-1) {
			return l, abi.EOVERFLOW
		}
		l.End = l.Start + raw.Len - 1
	case raw.Len < 0:
		if l.Start+raw.Len < 0 {
			return l, abi.EINVAL
		}
		l.Start, l.End = l.Start+raw.Len, l.Start-1
	default:
		l.End = vfs.LockEnd
	}
	return l, nil
}
