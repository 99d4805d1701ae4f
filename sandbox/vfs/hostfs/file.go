package hostfs

import (
	"io"
	"os"
	"slices"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/internal/sparse"
)

// file is an open regular file of the host.
type file struct {
	node     *node
	f        *os.File
	ino      uint64
	writable bool
}

// Open opens a regular file: EACCES when the host doesn't let the daemon, ENXIO when it is no regular file any more, and
// ESTALE when another file took its place to which the caller's permission check would not have applied.
func (n *node) Open(flags int) (vfs.File, error) {
	acc := flags & abi.O_ACCMODE
	if acc != abi.O_RDONLY {
		if err := n.fs.writable(); err != nil {
			return nil, err
		}
	}
	h, a, err := n.openHost(flags)
	if err != nil {
		return nil, err
	}
	return n.hold(h, a, acc != abi.O_RDONLY), nil
}

// hold makes the file of one that was opened on the host.
func (n *node) hold(h *os.File, a attr, writable bool) *file {
	n.fs.opts.Owners.hold(a.Ino)
	f := &file{node: n, f: h, ino: a.Ino, writable: writable}
	n.mu.Lock()
	n.open = append(n.open, f)
	n.mu.Unlock()
	return f
}

// openHost opens the file on the host and makes sure that it is the one that Stat told of, or just like it.
func (n *node) openHost(flags int) (f *os.File, a attr, err error) {
	if o := n.opened(); o != nil {
		f, err = reopen(o.f, flags)
	}
	if f == nil {
		err = n.at(func(d *hostDir, name string) error {
			f, err = d.openFile(name, flags)
			return err
		})
	}
	if err != nil {
		return nil, a, err
	}
	a, err = statFile(f)
	if err == nil {
		err = n.check(a)
	}
	if err != nil {
		f.Close()
		return nil, a, errno(err)
	}
	return f, a, nil
}

func (n *node) check(a attr) error {
	if a.Mode&abi.S_IFMT != abi.S_IFREG {
		return abi.ENXIO
	}
	n.mu.Lock()
	seen := n.seen
	n.mu.Unlock()
	st := n.fs.show(a)
	if a.id() != n.id && seen.Mode != 0 && (st.Mode != seen.Mode || st.UID != seen.UID || st.GID != seen.GID) {
		return abi.ESTALE
	}
	return nil
}

// Read reads at off.
func (f *file) Read(p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	if err == io.EOF || n > 0 {
		err = nil
	}
	return n, errno(err)
}

// Write writes at off or at the end.
func (f *file) Write(p []byte, off int64) (n int, err error) {
	if off == vfs.Append {
		n, err = appendTo(f.f, p)
	} else {
		n, err = f.f.WriteAt(p, off)
	}
	if n > 0 {
		err = nil
	}
	return n, errno(err)
}

// Size returns the size now.
func (f *file) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, errno(err)
	}
	return info.Size(), nil
}

// NextData implements vfs.Sparse.
func (f *file) NextData(off int64) (int64, error) { return sparse.Next(f.f, off, false) }

// NextHole implements vfs.Sparse.
func (f *file) NextHole(off int64) (int64, error) { return sparse.Next(f.f, off, true) }

// PunchHole implements vfs.Sparse.
func (f *file) PunchHole(off, n int64) error { return sparse.Punch(f.f, off, n) }

// Sync writes the data through to the disk.
func (f *file) Sync() error { return errno(f.f.Sync()) }

// Ready tells that regular files never wait.
func (f *file) Ready() vfs.Events { return abi.POLLIN | abi.POLLOUT }

// Queue is nil: always ready.
func (f *file) Queue() *vfs.WaitQueue { return nil }

// Close closes the host's file.
func (f *file) Close() error {
	n := f.node
	n.mu.Lock()
	n.open = slices.DeleteFunc(n.open, func(o *file) bool { return o == f })
	n.mu.Unlock()
	var err error
	if n.unnamed {
		if a, serr := statFile(f.f); serr == nil && a.Nlink == 0 {
			err = n.fs.opts.Owners.drop(a) // deferred until nobody holds it
		}
	}
	if cerr := f.f.Close(); err == nil {
		err = cerr
	}
	if uerr := n.fs.opts.Owners.unhold(f.ino); err == nil {
		err = uerr
	}
	return errno(err)
}
