// Package sparse finds and makes holes in files of the host (lseek(2), fallocate(2)).
package sparse

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Next returns where the next data from off on begins or, with hole, the next hole; there is one at the end of the file.
// ENXIO: there is no data any more.
func Next(f *os.File, off int64, hole bool) (int64, error) {
	whence := unix.SEEK_DATA
	if hole {
		whence = unix.SEEK_HOLE
	}
	at, err := f.Seek(off, whence)
	switch {
	case err == nil:
		return at, nil
	case errors.Is(err, unix.ENXIO):
		return 0, abi.ENXIO
	}
	return 0, abi.EIO
}

// Punch makes n bytes from off on read as zeros and, where the host can, take no room: EOPNOTSUPP where it cannot. The size
// stays.
func Punch(f *os.File, off, n int64) error {
	c, err := f.SyscallConn()
	if err != nil {
		return abi.EIO
	}
	cerr := c.Control(func(fd uintptr) {
		for err = unix.EINTR; err == unix.EINTR; {
			err = unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
		}
	})
	switch {
	case cerr != nil:
		return abi.EIO
	case err == nil:
		return nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return abi.EOPNOTSUPP
	case errors.Is(err, unix.ENOSPC):
		return abi.ENOSPC
	}
	return abi.EIO
}
