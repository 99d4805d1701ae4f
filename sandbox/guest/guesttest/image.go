package guesttest

import (
	"crypto/sha256"
	"fmt"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// imageFile is a read-only executable file.
type imageFile struct {
	vfs.NotDir
	data []byte
	id   string
}

func newImageFile(data []byte) *imageFile {
	return &imageFile{data: data, id: fmt.Sprintf("sha256:%x", sha256.Sum256(data))}
}

func (f *imageFile) Stat() (abi.Stat, error) {
	return abi.Stat{Mode: abi.S_IFREG | 0o755, Nlink: 1, Ino: 1, Size: int64(len(f.data)), Blksize: 4096}, nil
}
func (f *imageFile) SetStat(vfs.SetStat) error        { return abi.EROFS }
func (f *imageFile) Readlink() (string, error)        { return "", abi.EINVAL }
func (f *imageFile) Open(int) (vfs.File, error)       { return f, nil }
func (f *imageFile) Size() (int64, error)             { return int64(len(f.data)), nil }
func (f *imageFile) Ready() vfs.Events                { return abi.POLLIN | abi.POLLOUT }
func (f *imageFile) Queue() *vfs.WaitQueue            { return nil }
func (f *imageFile) Close() error                     { return nil }
func (f *imageFile) Write([]byte, int64) (int, error) { return 0, abi.EBADF }

func (f *imageFile) Read(p []byte, off int64) (int, error) {
	if off >= int64(len(f.data)) {
		return 0, nil
	}
	return copy(p, f.data[off:]), nil
}

// ContentID implements what guest.Loader asks of files.
func (f *imageFile) ContentID() (string, bool) {
	return f.id, true
}
