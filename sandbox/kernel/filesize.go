package kernel

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// MayGrow checks a file's new size against RLIMIT_FSIZE: EFBIG, with SIGXFSZ.
func (t *Task) MayGrow(size int64) error {
	if size > 0 && uint64(size) > t.Limit(abi.RLIMIT_FSIZE).Cur {
		t.Signal(abi.SIGXFSZ)
		return abi.EFBIG
	}
	return nil
}

// fits cuts what is to be written at an offset, vfs.Append for the end and position for the file's own, at RLIMIT_FSIZE:
// EFBIG, with SIGXFSZ, when nothing is left.
func (t *Task) fits(o *vfs.OpenFile, p []byte, off int64) ([]byte, error) {
	limit := t.Limit(abi.RLIMIT_FSIZE).Cur
	if limit == abi.RLIM_INFINITY || len(p) == 0 {
		return p, nil
	}
	st, err := o.Stat()
	if err != nil || st.Mode&abi.S_IFMT != abi.S_IFREG {
		return p, err
	}
	switch {
	case o.Flags()&abi.O_APPEND != 0:
		off = st.Size
	case off == position:
		if off, err = o.Seek(0, abi.SEEK_CUR); err != nil {
			return nil, err
		}
	}
	if uint64(off) >= limit {
		t.Signal(abi.SIGXFSZ)
		return nil, abi.EFBIG
	}
	return p[:min(uint64(len(p)), limit-uint64(off))], nil
}

const position = -2 // as an offset: the open file's

// Pread reads at an offset (pread(2)).
func (t *Task) Pread(o *vfs.OpenFile, p []byte, off int64) (int, error) { return o.Pread(p, off) }

// Pwrite writes at an offset (pwrite(2)), within RLIMIT_FSIZE.
func (t *Task) Pwrite(o *vfs.OpenFile, p []byte, off int64) (int, error) {
	if off >= 0 {
		var err error
		if p, err = t.fits(o, p, off); err != nil {
			return 0, err
		}
	}
	return o.Pwrite(p, off)
}
