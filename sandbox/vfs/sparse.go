package vfs

import (
	"math"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Sparse is what a file with holes has. Of others, all bytes count as data, and holes are written as zeros.
type Sparse interface {
	// NextData returns where, from off on, the next data begins: ENXIO when there is none. off is below the size.
	NextData(off int64) (int64, error)
	// NextHole returns where the next hole begins; there is one at the end. off is below the size.
	NextHole(off int64) (int64, error)
	// PunchHole makes n bytes from off on zeros that take no room, as far as they lie below the size. EOPNOTSUPP.
	PunchHole(off, n int64) error
}

// nextExtent is SEEK_DATA and SEEK_HOLE of lseek(2): ENXIO.
func (o *OpenFile) nextExtent(off, size int64, hole bool) (int64, error) {
	if off < 0 || off >= size {
		return 0, abi.ENXIO
	}
	f, sparse := o.File.(Sparse)
	switch {
	case sparse && hole:
		return f.NextHole(off)
	case sparse:
		return f.NextData(off)
	case hole:
		return size, nil
	}
	return off, nil
}

// Allocate is fallocate(2) on a regular file that is open for writing. Mode 0 makes it at least off+n bytes long,
// FALLOC_FL_PUNCH_HOLE and FALLOC_FL_ZERO_RANGE make the bytes zeros; other modes give EOPNOTSUPP. It reserves no space.
// EBADF, EFBIG, EINVAL, ENODEV, ENOSPC, ESPIPE.
func (o *OpenFile) Allocate(mode uint32, off, n int64) error {
	const known = abi.FALLOC_FL_KEEP_SIZE | abi.FALLOC_FL_PUNCH_HOLE | abi.FALLOC_FL_ZERO_RANGE
	punch, zero := mode&abi.FALLOC_FL_PUNCH_HOLE != 0, mode&abi.FALLOC_FL_ZERO_RANGE != 0
	switch {
	case o.Flags()&abi.O_PATH != 0:
		return abi.EBADF
	case off < 0 || n <= 0:
		return abi.EINVAL
	case mode&^known != 0, punch && zero, punch && mode&abi.FALLOC_FL_KEEP_SIZE == 0:
		return abi.EOPNOTSUPP
	case o.Flags()&abi.O_ACCMODE == abi.O_RDONLY:
		return abi.EBADF
	}
	st, err := o.Stat()
	switch {
	case err != nil:
		return err
	case st.Mode&abi.S_IFMT == abi.S_IFIFO:
		return abi.ESPIPE
	case st.Mode&abi.S_IFMT == abi.S_IFDIR:
		return abi.EISDIR
	case st.Mode&abi.S_IFMT != abi.S_IFREG || o.Inode == nil:
		return abi.ENODEV
	case off > math.MaxInt64-n:
		return abi.EFBIG
	}
	if punch || zero {
		if inside := min(n, st.Size-off); inside > 0 {
			if err := o.clear(off, inside); err != nil {
				return err
			}
			o.note(abi.IN_MODIFY)
		}
	}
	if mode&abi.FALLOC_FL_KEEP_SIZE != 0 || off+n <= st.Size {
		return nil
	}
	return o.Truncate(off + n)
}

// clear makes bytes below the size zeros.
func (o *OpenFile) clear(off, n int64) error {
	if f, ok := o.File.(Sparse); ok {
		if err := f.PunchHole(off, n); err != abi.EOPNOTSUPP {
			return err
		}
	}
	zeros := make([]byte, min(n, 64<<10))
	for n > 0 {
		done, err := o.File.Write(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		if done == 0 {
			return abi.EIO
		}
		off, n = off+int64(done), n-int64(done)
	}
	return nil
}
