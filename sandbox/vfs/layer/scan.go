package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// builder is the tree that a tar describes, while it is read.
type builder struct {
	root *node
}

// node is an inode of the tree, or a whiteout.
type node struct {
	mode, uid, gid uint32
	rdev           uint64
	size, data     int64
	mtime          int64
	target         string
	xattrs         map[string]string
	sparse         []fragment
	flags          uint32
	whiteout       bool
	children       map[string]*node

	numbered bool
	id       ID
}

func (n *node) isDir() bool { return n.mode&abi.S_IFMT == abi.S_IFDIR }

// Prefixes of names that stand for deletions (OCI image-spec, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	whiteoutMeta   = ".wh..wh."
	whiteoutOpaque = ".wh..wh..opq"
)

func newDirectory() *node {
	return &node{mode: abi.S_IFDIR | 0o755, flags: flagImplied}
}

// scan reads a tar's headers.
func scan(f *os.File, size int64) (*builder, error) {
	b := &builder{root: newDirectory()}
	in := &window{file: f, size: size}
	tr := tar.NewReader(in)
	for next := int64(0); ; {
		hdr, err := tr.Next()
		if err == io.EOF {
			return b, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, fmt.Errorf("read tar at offset %d: %w", in.pos, err)
		}
		e := entry{Header: hdr, data: in.pos, stored: hdr.Size}
		if isSparse(hdr) {
			if e.sparse, err = in.sparseMap(hdr, next); err != nil {
				return nil, fmt.Errorf("tar entry %q: sparse map: %w", hdr.Name, err)
			}
			e.stored = 0
			for _, f := range e.sparse {
				e.stored += f.size
			}
		}
		if !hasData(hdr.Typeflag) {
			e.stored = 0
		}
		if e.stored > size-e.data {
			return nil, fmt.Errorf("tar entry %q: its data is cut short", hdr.Name)
		}
		next = e.data + (e.stored+511)&^511
		if err := b.add(e); err != nil {
			return nil, fmt.Errorf("tar entry %q: %w", hdr.Name, err)
		}
	}
}

func hasData(typ byte) bool {
	switch typ {
	case tar.TypeReg, '\x00', tar.TypeCont, tar.TypeGNUSparse:
		return true
	}
	return false
}

// entry is a header and where its data is.
type entry struct {
	*tar.Header
	data, stored int64 // offset and length in the tar
	sparse       []fragment
}

// add puts one entry into the tree, where the last of a name wins.
func (b *builder) add(e entry) error {
	if e.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	parts, err := split(e.Name)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		if e.Typeflag != tar.TypeDir {
			return errors.New("the root is not a directory")
		}
		return b.root.setAttributes(e, abi.S_IFDIR)
	}
	dir, err := b.directory(b.root, parts[:len(parts)-1], 0)
	if err != nil {
		return err
	}
	name := parts[len(parts)-1]
	if rest, ok := strings.CutPrefix(name, whiteoutPrefix); ok {
		return dir.addWhiteout(name, rest)
	}
	old := dir.children[name]
	var n *node
	switch e.Typeflag {
	case tar.TypeDir:
		if n = old; n == nil || !n.isDir() {
			n = newDirectory()
		}
		err = n.setAttributes(e, abi.S_IFDIR)
	case tar.TypeReg, '\x00', tar.TypeCont, tar.TypeGNUSparse:
		n = &node{size: e.Size, data: e.data, sparse: e.sparse}
		if e.sparse != nil {
			n.flags |= flagSparse
		}
		err = n.setAttributes(e, abi.S_IFREG)
	case tar.TypeSymlink:
		n = &node{target: e.Linkname, size: int64(len(e.Linkname))}
		if strings.IndexByte(e.Linkname, 0) >= 0 || len(e.Linkname) >= abi.PATH_MAX {
			return errors.New("link target is not a path")
		}
		err = n.setAttributes(e, abi.S_IFLNK)
	case tar.TypeLink:
		n, err = b.linkTarget(e)
	case tar.TypeChar, tar.TypeBlock:
		n = &node{rdev: abi.Mkdev(uint32(e.Devmajor), uint32(e.Devminor))}
		typ := uint32(abi.S_IFCHR)
		if e.Typeflag == tar.TypeBlock {
			typ = abi.S_IFBLK
		}
		err = n.setAttributes(e, typ)
	case tar.TypeFifo:
		n = new(node)
		err = n.setAttributes(e, abi.S_IFIFO)
	default:
		return fmt.Errorf("type %q is not supported", e.Typeflag)
	}
	if err != nil {
		return err
	}
	if old != nil && old.whiteout && n.isDir() {
		n.flags |= flagOpaque
	}
	dir.put(name, n)
	return nil
}

func (n *node) put(name string, c *node) {
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	n.children[name] = c
}

// addWhiteout hides a name of lower layers. What this layer itself has stays (OCI image-spec: whiteouts apply to
// lower layers only).
func (n *node) addWhiteout(name, hidden string) error {
	switch {
	case name == whiteoutOpaque:
		n.flags |= flagOpaque
	case strings.HasPrefix(name, whiteoutMeta): // aufs's own files
	case hidden == "" || hidden == "." || hidden == "..":
		return errors.New("bad whiteout")
	default:
		switch old := n.children[hidden]; {
		case old == nil:
			n.put(hidden, &node{whiteout: true})
		case old.isDir():
			old.flags |= flagOpaque
		}
	}
	return nil
}

// setAttributes takes over what the header says.
func (n *node) setAttributes(e entry, typ uint32) error {
	if e.Uid < 0 || e.Uid > math.MaxUint32 || e.Gid < 0 || e.Gid > math.MaxUint32 {
		return fmt.Errorf("owner %d:%d is out of range", e.Uid, e.Gid)
	}
	n.mode = typ | uint32(e.Mode)&abi.PermMask
	n.uid, n.gid = uint32(e.Uid), uint32(e.Gid)
	if !e.ModTime.IsZero() {
		n.mtime = e.ModTime.UnixNano()
	}
	n.flags &^= flagImplied
	n.xattrs = nil
	for key, value := range e.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if n.xattrs == nil {
				n.xattrs = make(map[string]string)
			}
			n.xattrs[name] = value
		}
	}
	return nil
}

// linkTarget finds the file that a hard link means, in this layer or by its path in a lower one.
func (b *builder) linkTarget(e entry) (*node, error) {
	parts, err := split(e.Linkname)
	if err != nil || len(parts) == 0 {
		return nil, fmt.Errorf("hard link to %q: bad name", e.Linkname)
	}
	n := b.root
	for i, name := range parts {
		c := n.children[name]
		if c == nil {
			ext := &node{target: strings.Join(parts, "/"), flags: flagExternal}
			return ext, nil
		}
		if c.whiteout || i < len(parts)-1 && !c.isDir() {
			return nil, fmt.Errorf("hard link to %q: no such file", e.Linkname)
		}
		n = c
	}
	if n.isDir() {
		return nil, fmt.Errorf("hard link to %q: it is a directory", e.Linkname)
	}
	return n, nil
}

// directory walks to a directory from dir and makes what is missing. A symbolic link of the same layer on the way is
// followed, as unpacking into a chroot would.
func (b *builder) directory(dir *node, parts []string, links int) (*node, error) {
	trail := []*node{dir}
	for len(parts) > 0 {
		name := parts[0]
		parts = parts[1:]
		if name == ".." {
			if len(trail) > 1 {
				trail = trail[:len(trail)-1]
			}
			continue
		}
		dir := trail[len(trail)-1]
		c := dir.children[name]
		switch {
		case c == nil || c.whiteout:
			d := newDirectory()
			if c != nil {
				d.flags |= flagOpaque
			}
			dir.put(name, d)
			c = d
		case c.mode&abi.S_IFMT == abi.S_IFLNK:
			if links++; links > abi.SYMLOOPS {
				return nil, abi.ELOOP
			}
			var target []string
			for _, t := range strings.Split(c.target, "/") {
				if t != "" && t != "." {
					target = append(target, t)
				}
			}
			if strings.HasPrefix(c.target, "/") {
				trail = trail[:1]
			}
			parts = append(target, parts...)
			continue
		case !c.isDir():
			return nil, fmt.Errorf("%q is not a directory", name)
		}
		trail = append(trail, c)
	}
	return trail[len(trail)-1], nil
}

// split takes a name of a tar entry apart. Leading slashes and "." go; ".." is refused, and so is what is no name.
func split(name string) ([]string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, errors.New("bad name: it has a zero byte")
	}
	var parts []string
	for _, p := range strings.Split(name, "/") {
		switch {
		case p == "" || p == ".":
		case p == "..":
			return nil, errors.New("bad name: it leads out of the layer")
		case len(p) > abi.NAME_MAX:
			return nil, errors.New("bad name: a part is longer than 255 bytes")
		default:
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// window reads a file through a buffer, and knows where it is.
type window struct {
	file  io.ReaderAt
	size  int64
	pos   int64
	buf   []byte
	start int64 // of buf in the file
}

const windowSize = 64 << 10

// Read implements io.Reader.
func (w *window) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if w.pos < w.start || w.pos >= w.start+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		n, err := w.file.ReadAt(w.buf[:cap(w.buf)], w.pos)
		w.buf, w.start = w.buf[:n], w.pos
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, w.buf[w.pos-w.start:])
	w.pos += int64(n)
	return n, nil
}

// Seek implements io.Seeker, for the tar reader to skip data.
func (w *window) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += w.pos
	case io.SeekEnd:
		off += w.size
	}
	if off < 0 {
		return 0, errors.New("negative position")
	}
	w.pos = off
	return off, nil
}
