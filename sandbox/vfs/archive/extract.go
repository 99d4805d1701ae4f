package archive

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// ExtractOptions say how an archive is unpacked.
type ExtractOptions struct {
	// NoOverwriteDirNonDir refuses to put something else in a directory's place, or a directory in something else's, with an
	// OverwriteError. Otherwise what is in the way is removed.
	NoOverwriteDirNonDir bool
	// Owner is that of everything unpacked; nil for what the archive says.
	Owner *vfs.Owner
	// MaxBytes limits the files' bytes together; 0 is no limit.
	MaxBytes int64
	// Log is told what the filesystem couldn't take and was left out: extended attributes, and in binds of an ordinary
	// user's daemon foreign owners and set-id bits. nil logs nothing.
	Log *slog.Logger
}

// BreakoutError is the refusal of an entry that leads out of the directory into which the archive is unpacked, in the words
// of dockerd.
type BreakoutError string

func (e BreakoutError) Error() string { return string(e) }

// OverwriteError is a refusal by NoOverwriteDirNonDir, in the words of dockerd.
type OverwriteError string

func (e OverwriteError) Error() string { return string(e) }

// typeError is the refusal of an entry of a type that is none of a file's, in the words of dockerd.
type typeError byte

func (e typeError) Error() string { return fmt.Sprintf("unhandled tar header type %d", byte(e)) }

// TooLargeError says that the archive holds more than MaxBytes.
type TooLargeError int64

func (e TooLargeError) Error() string {
	return fmt.Sprintf("archive holds more than %d bytes", int64(e))
}

// Extract unpacks an archive, which may be compressed (see Decompress), into a directory. All names are taken in the
// sandbox's filesystem below that directory; directories that the archive doesn't mention are made with mode 0755. Rights
// are those of v's credentials, and its umask is ignored. BreakoutError, OverwriteError, TooLargeError; those of reading the archive are
// passed on as they are.
func Extract(ctx context.Context, r io.Reader, v *vfs.Context, dir vfs.Path, opts ExtractOptions) error {
	in, err := Decompress(r)
	if err != nil {
		return err
	}
	defer in.Close()
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	own := *v
	own.Umask = 0
	x := &extractor{ctx: ctx, v: &own, dir: dir, opts: opts, left: opts.MaxBytes}
	x.dirName, _ = own.NS.Name(dir, own.Root)
	tr := tar.NewReader(in)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		hdr, err := tr.Next()
		if err == io.EOF {
			return x.finish()
		}
		if err != nil {
			return err
		}
		if err := x.entry(hdr, tr); err != nil {
			return err
		}
	}
}

type extractor struct {
	ctx     context.Context
	v       *vfs.Context
	dir     vfs.Path
	dirName string
	opts    ExtractOptions
	left    int64 // of MaxBytes
	dirs    []dirTime
	buf     []byte
}

// dirTime is a directory whose time is set at the end, when nothing more is put into it.
type dirTime struct {
	place vfs.Path
	mtime abi.Timespec
}

func (x *extractor) finish() error {
	for _, d := range slices.Backward(x.dirs) {
		if err := x.v.Utimes(d.place, &d.mtime, &d.mtime, false); err != nil && err != abi.ENOENT && err != abi.ESTALE {
			return fmt.Errorf("set time of directory: %w", err)
		}
	}
	return nil
}

// entry unpacks one entry.
func (x *extractor) entry(hdr *tar.Header, data io.Reader) error {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := x.inside(hdr.Name)
	if err != nil {
		return err
	}
	if name == "." {
		return nil // the directory itself stays as it is
	}
	fail := func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("extract %s: %w", hdr.Name, err)
	}
	parent, err := x.parent(hdr.Name, name, true)
	if err != nil {
		return err
	}
	base := path.Base(name)
	exists, err := x.clear(hdr, parent, base)
	if err != nil {
		return err
	}
	if hdr.Typeflag == tar.TypeLink {
		return x.hardlink(hdr, parent, base)
	}
	if !exists {
		if err := x.create(hdr, parent, base, data); err != nil {
			if _, ok := err.(typeError); ok {
				return err
			}
			return fail(err)
		}
	}
	p, err := x.v.Walk(parent, base, false)
	if err != nil {
		return fail(err)
	}
	return fail(x.attributes(hdr, p))
}

// inside cleans a name, taken relative to the directory: BreakoutError.
func (x *extractor) inside(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", BreakoutError(fmt.Sprintf("invalid entry name %q", name))
	}
	return clean, nil
}

// parent finds the directory of a cleaned name, and with create makes what is missing on the way. A symbolic link on the way
// is followed as the sandbox would, but must not lead out of the directory.
func (x *extractor) parent(full, name string, create bool) (vfs.Path, error) {
	at := x.dir
	dir := path.Dir(name)
	if dir == "." {
		return at, nil
	}
	for _, part := range strings.Split(dir, "/") {
		next, err := x.v.Walk(at, part, true)
		if err == abi.ENOENT && create {
			if err = x.v.Mkdir(at, part, 0o755); err == nil {
				next, err = x.v.Walk(at, part, false)
			}
		}
		if err != nil {
			return vfs.Path{}, fmt.Errorf("extract %s: %w", full, err)
		}
		at = next
		where, ok := x.v.NS.Name(at, x.v.Root)
		if !ok || where != x.dirName && !strings.HasPrefix(where, strings.TrimSuffix(x.dirName, "/")+"/") {
			return vfs.Path{}, BreakoutError(fmt.Sprintf("%q is outside of %q", full, x.dirName))
		}
	}
	return at, nil
}

// clear removes what stands in an entry's way; it leaves a directory for a directory, and reports that.
func (x *extractor) clear(hdr *tar.Header, parent vfs.Path, base string) (exists bool, err error) {
	p, err := x.v.Walk(parent, base, false)
	if err == abi.ENOENT {
		return false, nil
	}
	var st abi.Stat
	if err == nil {
		st, err = p.Inode().Stat()
	}
	if err != nil {
		return false, fmt.Errorf("extract %s: %w", hdr.Name, err)
	}
	isDir, wantDir := st.Mode&abi.S_IFMT == abi.S_IFDIR, hdr.Typeflag == tar.TypeDir
	if isDir && wantDir {
		return true, nil
	}
	if x.opts.NoOverwriteDirNonDir && isDir != wantDir {
		name := path.Clean(hdr.Name)
		if isDir {
			return false, OverwriteError(fmt.Sprintf("cannot overwrite directory %q with non-directory %q", name, x.dirName))
		}
		return false, OverwriteError(fmt.Sprintf("cannot overwrite non-directory %q with directory %q", name, x.dirName))
	}
	if err := x.remove(parent, base, isDir); err != nil {
		return false, fmt.Errorf("extract %s: %w", hdr.Name, err)
	}
	return false, nil
}

// remove removes an entry of a directory with all that is in it.
func (x *extractor) remove(parent vfs.Path, name string, isDir bool) error {
	if !isDir {
		return x.v.Unlink(parent, name)
	}
	if err := x.ctx.Err(); err != nil {
		return err
	}
	p, err := x.v.Walk(parent, name, false)
	if err != nil {
		return err
	}
	if p.Mount != parent.Mount {
		return abi.EBUSY
	}
	list, err := p.Inode().ReadDir()
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := x.remove(p, e.Name, e.Type == abi.DT_DIR); err != nil && err != abi.ENOENT {
			return err
		}
	}
	return x.v.Rmdir(parent, name)
}

// create makes what an entry is about.
func (x *extractor) create(hdr *tar.Header, parent vfs.Path, base string, data io.Reader) error {
	const private = 0o600 // until the owner is right
	switch hdr.Typeflag {
	case tar.TypeReg:
		return x.file(hdr, parent, base, data)
	case tar.TypeDir:
		return x.v.Mkdir(parent, base, 0o700)
	case tar.TypeSymlink:
		return x.v.Symlink(hdr.Linkname, parent, base)
	case tar.TypeFifo:
		return x.v.Mknod(parent, base, abi.S_IFIFO|private, 0)
	case tar.TypeChar, tar.TypeBlock:
		typ := uint32(abi.S_IFCHR)
		if hdr.Typeflag == tar.TypeBlock {
			typ = abi.S_IFBLK
		}
		return x.v.Mknod(parent, base, typ|private, abi.Mkdev(uint32(hdr.Devmajor), uint32(hdr.Devminor)))
	}
	return typeError(hdr.Typeflag)
}

// hardlink makes a link to a file that is there already, below the directory.
func (x *extractor) hardlink(hdr *tar.Header, parent vfs.Path, base string) error {
	target, err := x.inside(hdr.Linkname)
	var from vfs.Path
	if err == nil {
		from, err = x.parent(hdr.Linkname, target, false)
	}
	if _, ok := err.(BreakoutError); ok {
		return BreakoutError(fmt.Sprintf("invalid hardlink target %q", hdr.Linkname))
	}
	var old vfs.Path
	if err == nil {
		old, err = x.v.Walk(from, path.Base(target), false)
	}
	if err == nil {
		err = x.v.Link(old, parent, base)
	}
	if err != nil {
		return fmt.Errorf("extract %s: link to %s: %w", hdr.Name, hdr.Linkname, err)
	}
	return nil
}

// file makes a regular file and fills it.
func (x *extractor) file(hdr *tar.Header, parent vfs.Path, base string, data io.Reader) error {
	if x.opts.MaxBytes > 0 {
		if x.left -= hdr.Size; x.left < 0 {
			return TooLargeError(x.opts.MaxBytes)
		}
	}
	f, err := x.v.Open(parent, base, abi.O_WRONLY|abi.O_CREAT|abi.O_EXCL|abi.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Release()
	if x.buf == nil {
		x.buf = make([]byte, chunk)
	}
	for {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		n, rerr := io.ReadFull(data, x.buf)
		for b := x.buf[:n]; len(b) > 0; {
			m, err := f.Write(b)
			if err != nil {
				return err
			}
			if m == 0 {
				return abi.EIO
			}
			b = b[m:]
		}
		switch rerr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return x.whole(hdr, f)
		default:
			return rerr
		}
	}
}

// whole checks that a file has all its bytes: io.ReadFull can't tell the end of an entry from that of a stream cut off.
func (x *extractor) whole(hdr *tar.Header, f *vfs.OpenFile) error {
	if pos, err := f.Seek(0, abi.SEEK_CUR); err != nil || pos == hdr.Size {
		return err
	}
	return io.ErrUnexpectedEOF
}

// attributes sets owner, mode, extended attributes and time of what was made.
func (x *extractor) attributes(hdr *tar.Header, p vfs.Path) error {
	own := vfs.Owner{UID: uint32(hdr.Uid), GID: uint32(hdr.Gid)}
	if x.opts.Owner != nil {
		own = *x.opts.Owner
	}
	left := func(what string, err error) {
		x.opts.Log.Warn("left out of the archive's "+hdr.Name, "what", what, "error", err)
	}
	if err := x.v.Chown(p, own.UID, own.GID); err == abi.EPERM {
		left(fmt.Sprintf("owner %d:%d", own.UID, own.GID), err)
	} else if err != nil {
		return err
	}
	for key, value := range hdr.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok {
			continue
		}
		if err := setXattr(p, name, value); err == abi.EOPNOTSUPP || err == abi.EPERM {
			left("extended attribute "+name, err)
		} else if err != nil {
			return err
		}
	}
	if hdr.Typeflag != tar.TypeSymlink {
		mode := uint32(hdr.Mode) & abi.PermMask
		err := x.v.Chmod(p, mode)
		if err == abi.EPERM && mode&(abi.S_ISUID|abi.S_ISGID) != 0 {
			left("set-id bits", err)
			err = x.v.Chmod(p, mode&^(abi.S_ISUID|abi.S_ISGID))
		}
		if err != nil {
			return err
		}
	}
	mtime := abi.Timespec{Sec: hdr.ModTime.Unix(), Nsec: int64(hdr.ModTime.Nanosecond())}
	if hdr.Typeflag == tar.TypeDir {
		x.dirs = append(x.dirs, dirTime{p, mtime})
		return nil
	}
	return x.v.Utimes(p, &mtime, &mtime, false)
}

func setXattr(p vfs.Path, name, value string) error {
	if x, ok := p.Inode().(vfs.Xattrs); ok {
		return x.SetXattr(name, []byte(value), 0)
	}
	return abi.EOPNOTSUPP
}
