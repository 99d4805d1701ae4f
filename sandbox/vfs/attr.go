package vfs

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// SetTimes sets access and modification times as utimensat(2) takes them: UTIME_NOW and UTIME_OMIT as nanoseconds have
// their meaning, nil sets both to the present. EACCES, EPERM, EROFS.
func (ctx *Context) SetTimes(p Path, ts *[2]abi.Timespec) error {
	now := abi.TimespecOf(time.Now().UnixNano())
	if ts == nil {
		return ctx.Utimes(p, &now, &now, true)
	}
	var set [2]*abi.Timespec
	allNow := true
	for i := range ts {
		switch ts[i].Nsec {
		case abi.UTIME_NOW:
			set[i] = &now
		case abi.UTIME_OMIT:
			allNow = false
		default:
			set[i], allNow = &ts[i], false
		}
	}
	if set[0] == nil && set[1] == nil {
		return nil
	}
	return ctx.Utimes(p, set[0], set[1], allNow)
}

// Truncate sets the size of a regular file that is open for writing (ftruncate(2)): EBADF, EINVAL.
func (o *OpenFile) Truncate(size int64) error {
	if o.Flags()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	st, err := o.Stat()
	if err != nil {
		return err
	}
	if o.Flags()&abi.O_ACCMODE == abi.O_RDONLY || o.Inode == nil || st.Mode&abi.S_IFMT != abi.S_IFREG || size < 0 {
		return abi.EINVAL
	}
	if o.Path.Dentry == nil {
		return o.Inode.SetStat(SetStat{Size: &size})
	}
	return o.Path.Dentry.change(SetStat{Size: &size})
}
