package archive

import (
	"archive/tar"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// WriteOptions say how a tree is archived.
type WriteOptions struct {
	// Name is that of the top entry, as dockerd makes it from the path that was asked for: its last component, "." for one
	// that ends in "/.", "/" for the root. When it is "", a directory's entries are named without a prefix and the directory
	// itself is left out, as docker export does with the root.
	Name string
	// SameMount leaves out what is mounted below the top: a mount point shows as an empty directory or file.
	SameMount bool
}

// Write archives the file or tree at a place, in PAX form: owners, all permission bits, times to the nanosecond, extended
// attributes, hard links, devices. A symbolic link is archived as such. Sockets are left out, as tar has none. A file that
// changes its length meanwhile is cut, or filled with zeros, to the length that it had at first.
func Write(ctx context.Context, w io.Writer, v *vfs.Context, p vfs.Path, opts WriteOptions) error {
	tw := newTreeWriter(ctx, w, v, opts)
	tw.top = p.Mount
	var err error
	if opts.Name == "" {
		err = tw.children(p, "")
	} else {
		err = tw.tree(p, path.Clean(opts.Name))
	}
	if err != nil {
		return err
	}
	return tw.tar.Close()
}

type fileID struct{ dev, ino uint64 }

type treeWriter struct {
	ctx   context.Context
	tar   *tar.Writer
	v     *vfs.Context
	opts  WriteOptions
	top   *vfs.Mount
	links map[fileID]string // first names of files with several
	buf   []byte
}

func newTreeWriter(ctx context.Context, w io.Writer, v *vfs.Context, opts WriteOptions) *treeWriter {
	return &treeWriter{ctx: ctx, tar: tar.NewWriter(w), v: v, opts: opts, links: make(map[fileID]string)}
}

// tree archives a place and what is below it.
func (w *treeWriter) tree(p vfs.Path, name string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	isDir, err := w.entry(p, name)
	if err != nil || !isDir {
		return err
	}
	return w.children(p, name)
}

// entry archives a place, without what is below it, and reports whether something may be.
func (w *treeWriter) entry(p vfs.Path, name string) (isDir bool, err error) {
	st, err := p.Inode().Stat()
	if err != nil {
		return false, fmt.Errorf("archive %s: %w", name, err)
	}
	mounted := w.opts.SameMount && p.Mount != w.top
	typ := st.Mode & abi.S_IFMT
	if typ == abi.S_IFSOCK {
		return false, nil
	}
	hdr, err := w.header(p, &st, name)
	if err != nil {
		return false, fmt.Errorf("archive %s: %w", name, err)
	}
	if mounted {
		hdr.Size = 0
	}
	// The file is opened before its header is written: one that can't be must not spoil the archive half-way.
	var f *vfs.OpenFile
	if hdr.Typeflag == tar.TypeReg && hdr.Size > 0 {
		if f, err = w.v.OpenPath(p, abi.O_RDONLY); err != nil {
			return false, fmt.Errorf("archive %s: %w", name, err)
		}
		defer f.Release()
	}
	if err := w.tar.WriteHeader(hdr); err != nil {
		return false, fmt.Errorf("archive %s: %w", name, err)
	}
	if f != nil {
		return false, w.data(f, hdr)
	}
	return typ == abi.S_IFDIR && !mounted, nil
}

// children archives the entries of a directory, sorted by name.
func (w *treeWriter) children(dir vfs.Path, name string) error {
	list, err := dir.Inode().ReadDir()
	if err != nil {
		return fmt.Errorf("archive %s: %w", cmp.Or(name, "/"), err)
	}
	slices.SortFunc(list, func(a, b vfs.Dirent) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range list {
		p, err := w.v.Walk(dir, e.Name, false)
		if err == abi.ENOENT {
			continue // removed meanwhile
		}
		if err != nil {
			return fmt.Errorf("archive %s: %w", below(name, e.Name), err)
		}
		if err := w.tree(p, below(name, e.Name)); err != nil {
			return err
		}
	}
	return nil
}

// below is the name of a directory's entry; unlike with path.Join "./" stays, as dockerd has it.
func below(dir, name string) string {
	if dir == "" || dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

func (w *treeWriter) header(p vfs.Path, st *abi.Stat, name string) (*tar.Header, error) {
	hdr := &tar.Header{
		Format: tar.FormatPAX, Name: name, Mode: int64(st.Mode & abi.PermMask), Uid: int(st.UID), Gid: int(st.GID),
		ModTime: time.Unix(st.Mtim.Sec, st.Mtim.Nsec), PAXRecords: make(map[string]string),
	}
	typ := st.Mode & abi.S_IFMT
	if typ != abi.S_IFDIR && st.Nlink > 1 {
		id := fileID{st.Dev, st.Ino}
		if first, ok := w.links[id]; ok {
			hdr.Typeflag, hdr.Linkname = tar.TypeLink, first
			return hdr, nil
		}
		w.links[id] = name
	}
	switch typ {
	case abi.S_IFREG:
		hdr.Typeflag, hdr.Size = tar.TypeReg, st.Size
	case abi.S_IFDIR:
		hdr.Typeflag = tar.TypeDir
		if name != "/" {
			hdr.Name += "/"
		}
	case abi.S_IFLNK:
		target, err := w.v.ReadlinkPath(p)
		if err != nil {
			return nil, err
		}
		hdr.Typeflag, hdr.Linkname = tar.TypeSymlink, target
	case abi.S_IFIFO:
		hdr.Typeflag = tar.TypeFifo
	case abi.S_IFCHR, abi.S_IFBLK:
		hdr.Typeflag = tar.TypeChar
		if typ == abi.S_IFBLK {
			hdr.Typeflag = tar.TypeBlock
		}
		hdr.Devmajor, hdr.Devminor = int64(abi.Major(st.Rdev)), int64(abi.Minor(st.Rdev))
	}
	return hdr, xattrs(p.Inode(), hdr)
}

// xattrs adds the extended attributes of an inode to its header.
func xattrs(i vfs.Inode, hdr *tar.Header) error {
	x, ok := i.(vfs.Xattrs)
	if !ok {
		return nil
	}
	names, err := x.ListXattr()
	if err == abi.EOPNOTSUPP {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		v, err := x.GetXattr(name)
		if err == abi.ENODATA {
			continue // removed meanwhile
		}
		if err != nil {
			return err
		}
		hdr.PAXRecords[xattrPrefix+name] = string(v)
	}
	return nil
}

const chunk = 256 << 10 // bytes copied at a time

// data writes a file's content, as long as the header says.
func (w *treeWriter) data(f *vfs.OpenFile, hdr *tar.Header) error {
	if w.buf == nil {
		w.buf = make([]byte, chunk)
	}
	ended := false
	for left := hdr.Size; left > 0; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		b := w.buf[:min(left, chunk)]
		if !ended {
			n, err := f.Read(b)
			if err != nil {
				return fmt.Errorf("archive %s: %w", hdr.Name, err)
			}
			if n == 0 {
				ended = true
				clear(w.buf)
			} else {
				b = b[:n]
			}
		}
		if _, err := w.tar.Write(b); err != nil {
			return fmt.Errorf("archive %s: %w", hdr.Name, err)
		}
		left -= int64(len(b))
	}
	return nil
}
