// Package layer gives access to an image layer without unpacking it: the layer is its uncompressed tar, and beside it
// lies an index that tells, for every path, the attributes and where in the tar the data is (OCI image-spec, "Image
// Layer Filesystem Changeset"). Owners, modes, extended attributes, hard links and devices are kept exactly, by
// whoever the daemon runs as.
//
// The index is one block of bytes, read at once and used as it is: nothing is decoded when a layer is opened, and a
// lookup is a binary search.
package layer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Layer is an open image layer. Its methods may be called from many tasks at once. IDs and dirent numbers that it
// did not give out are the caller's fault and panic.
type Layer struct {
	path  string
	tar   *os.File
	refs  atomic.Int32
	cache *Cache // nil when opened without one
	index
}

// ID names an inode of a layer. The root directory's is Root.
type ID uint32

// Root is the layer's root directory; every layer has one.
const Root ID = 0

// Inode is the attributes of a file in a layer.
type Inode struct {
	Mode     uint32 // type and permission bits
	UID, GID uint32
	Nlink    uint32 // names in this layer; 2 + subdirectories for a directory
	Rdev     uint64
	Size     int64
	Mtime    int64 // nanoseconds since the epoch

	Opaque   bool // a directory that hides what lower layers have in it
	Implied  bool // a directory that has no tar entry of its own: a lower layer's attributes hold
	External bool // a hard link to a lower layer's file, see Layer.LinkTarget
	Xattrs   bool // it has extended attributes
}

// Dirent is an entry of a layer's directory.
type Dirent struct {
	Name     string
	ID       ID
	Type     uint8 // abi.DT_; DT_UNKNOWN for a whiteout and for an external hard link
	Whiteout bool  // the name is hidden in lower layers, and is not in this one
}

// Open opens the layer whose uncompressed tar is at tarPath. The index, tarPath + ".idx", is made first when it is
// missing, damaged or older than the tar; the error then names the tar entry that is at fault.
func Open(tarPath string) (*Layer, error) {
	f, err := os.Open(tarPath)
	if err != nil {
		return nil, fmt.Errorf("open layer: %w", err)
	}
	x, err := loadIndex(f, tarPath+".idx")
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open layer %s: %w", tarPath, err)
	}
	l := &Layer{path: tarPath, tar: f, index: x}
	l.refs.Store(1)
	return l, nil
}

// Retain adds a user.
func (l *Layer) Retain() *Layer {
	l.refs.Add(1)
	return l
}

// Close drops a user; the last one closes the tar.
func (l *Layer) Close() error {
	if l.cache != nil {
		return l.cache.drop(l)
	}
	if l.refs.Add(-1) != 0 {
		return nil
	}
	return l.tar.Close()
}

// Path returns where the tar is.
func (l *Layer) Path() string { return l.path }

// Len returns how many inodes there are; IDs are below it.
func (l *Layer) Len() int { return l.inodes }

// Checksum is of the names in the layer and the numbers of their inodes. It is the same whatever the index's format.
func (l *Layer) Checksum() uint32 { return l.numbering }

// Inode returns a file's attributes.
func (l *Layer) Inode(id ID) Inode {
	r := l.inode(id)
	flags := r.flags()
	return Inode{
		Mode: r.mode(), UID: r.uid(), GID: r.gid(), Nlink: r.nlink(), Rdev: r.rdev(), Size: r.size(), Mtime: r.mtime(),
		Opaque: flags&flagOpaque != 0, Implied: flags&flagImplied != 0, External: flags&flagExternal != 0,
		Xattrs: r.xattrs() != 0,
	}
}

// Lookup finds an entry of a directory.
func (l *Layer) Lookup(dir ID, name string) (Dirent, bool) {
	r := l.inode(dir)
	if r.mode()&abi.S_IFMT != abi.S_IFDIR {
		return Dirent{}, false
	}
	first, n := r.first(), r.count()
	lo, hi := first, first+n
	for lo < hi {
		mid := (lo + hi) / 2
		if l.direntName(mid) < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < first+n && l.direntName(lo) == name {
		return l.dirent(lo), true
	}
	return Dirent{}, false
}

// Entries returns how many entries a directory has, whiteouts included.
func (l *Layer) Entries(dir ID) int {
	r := l.inode(dir)
	if r.mode()&abi.S_IFMT != abi.S_IFDIR {
		return 0
	}
	return int(r.count())
}

// Entry returns a directory's n-th entry; they are sorted by name, as bytes.
func (l *Layer) Entry(dir ID, n int) Dirent { return l.dirent(l.inode(dir).first() + uint32(n)) }

// Parent returns the directory that holds a directory, and its name there. The root is its own parent.
func (l *Layer) Parent(dir ID) (ID, string) {
	r := l.inode(dir)
	if dir == Root {
		return Root, ""
	}
	return r.parent(), l.direntName(r.own())
}

// Readlink returns a symbolic link's target.
func (l *Layer) Readlink(id ID) string {
	r := l.inode(id)
	if r.mode()&abi.S_IFMT != abi.S_IFLNK {
		return ""
	}
	return l.text[r.data():][:r.size()]
}

// LinkTarget returns the path, without a leading slash, of the lower layer's file that an external hard link means.
func (l *Layer) LinkTarget(id ID) string {
	r := l.inode(id)
	if r.flags()&flagExternal == 0 {
		return ""
	}
	return l.text[r.data():][:r.count()]
}

// Xattrs returns a file's extended attributes; nil when there are none.
func (l *Layer) Xattrs(id ID) map[string][]byte {
	at := l.inode(id).xattrs()
	if at == 0 {
		return nil
	}
	return decodeXattrs(l.text[at:])
}

// ContentID identifies a regular file's data, as long as the layer is the same.
func (l *Layer) ContentID(id ID) string {
	r := l.inode(id)
	return fmt.Sprintf("%s:%d:%d", l.path, r.data(), r.size())
}

// ReadAt reads a regular file's data at off; 0 bytes are its end. Errors are abi.Errno.
func (l *Layer) ReadAt(id ID, p []byte, off int64) (int, error) {
	r := l.inode(id)
	if r.mode()&abi.S_IFMT != abi.S_IFREG {
		return 0, abi.EINVAL
	}
	size := r.size()
	if off < 0 {
		return 0, abi.EINVAL
	}
	if off >= size || len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), size-off)]
	if r.flags()&flagSparse != 0 {
		return l.readSparse(r, p, off)
	}
	return l.readTar(p, r.data()+off)
}

func (l *Layer) readTar(p []byte, at int64) (int, error) {
	n, err := l.tar.ReadAt(p, at)
	if err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
		return n, abi.EIO // the tar was cut short or the disk failed
	}
	return n, nil
}

// readSparse fills p, which lies within the file, from the fragments that the tar has; the rest are holes.
func (l *Layer) readSparse(r inodeRecord, p []byte, off int64) (int, error) {
	clear(p)
	at, end := r.data(), off+int64(len(p))
	for i := range r.count() {
		from, n := l.fragment(r.first() + i)
		lo, hi := max(from, off), min(from+n, end)
		if lo < hi {
			if got, err := l.readTar(p[lo-off:hi-off], at+lo-from); err != nil || int64(got) < hi-lo {
				return 0, abi.EIO
			}
		}
		at += n
	}
	return len(p), nil
}
