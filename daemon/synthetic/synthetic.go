// Package synthetic is a runtime that runs nothing, for CI runners that bring their own helper binaries and only need
// the daemon's bookkeeping: every program ends at once with exit code 0 and no output. Files that are copied into a
// container are kept and found again; what its image has is not looked at.
package synthetic

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// Runtime makes sandboxes that run nothing.
type Runtime struct{}

var _ container.Runtime = Runtime{}

// Open implements container.Runtime.
func (Runtime) Open(cfg *sandbox.Config) (container.Sandbox, error) { return &box{dir: cfg.Upper}, nil }

// Remove deletes what was copied into a container.
func (Runtime) Remove(upper string) error { return os.RemoveAll(upper) }

// box is a container's files: a directory of the host, reached through os.Root only.
type box struct{ dir string }

// ended is a program that has ended.
type ended struct{ done chan struct{} }

func (b *box) Start(*sandbox.ProcessConfig) (container.Process, error) {
	done := make(chan struct{})
	close(done)
	return ended{done}, nil
}

func (ended) Pid() int                { return 1 }
func (e ended) Done() <-chan struct{} { return e.done }
func (ended) Status() abi.WaitStatus  { return abi.Exited(0) }
func (ended) OOMKilled() bool         { return false }
func (ended) Stdin() kernel.Input     { return nil }
func (ended) Resize(abi.Winsize)      {}
func (ended) Signal(abi.Signal)       {}

func (*box) Pause()                    {}
func (*box) Resume()                   {}
func (*box) Signal(abi.Signal) error   { return nil }
func (*box) Tasks() []sandbox.TaskInfo { return nil }
func (*box) Usage() sandbox.Usage      { return sandbox.Usage{} }
func (*box) SetLimits(sandbox.Limits)  {}
func (*box) Close() error              { return nil }

// root opens the container's files; fs.ErrNotExist when there are none.
func (b *box) root() (*os.Root, error) { return os.OpenRoot(b.dir) }

// local is an absolute path as os.Root takes it.
func local(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name != "" {
		return name
	}
	return "."
}

// errno gives an error of the host's files the number that the sandbox would have.
func errno(err error) error {
	var number abi.Errno
	switch {
	case err == nil || errors.As(err, &number):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return abi.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return abi.EACCES
	case strings.Contains(err.Error(), "not a directory"):
		return abi.ENOTDIR
	}
	return err
}

func (b *box) Stat(name string) (sandbox.PathStat, error) {
	st := sandbox.PathStat{Name: path.Base(name), Mode: fs.ModeDir | 0o755}
	r, err := b.root()
	if errors.Is(err, fs.ErrNotExist) && local(name) == "." {
		return st, nil
	}
	if err != nil {
		return st, errno(err)
	}
	defer r.Close()
	info, err := r.Lstat(local(name))
	if err != nil {
		return st, errno(err)
	}
	st.Size, st.Mode, st.Mtime = info.Size(), info.Mode(), info.ModTime()
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := r.Readlink(local(name))
		if err != nil {
			return st, errno(err)
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		st.LinkTarget = path.Clean(target)
	}
	return st, nil
}

// Export writes the files that were put in: there is no other filesystem.
func (b *box) Export(ctx context.Context, w io.Writer) error { return b.ReadArchive(ctx, "/", ".", w) }

// WriteLayer writes the files that were put in.
func (b *box) WriteLayer(ctx context.Context, w io.Writer) error {
	return b.ReadArchive(ctx, "/", ".", w)
}

func (b *box) ReadArchive(ctx context.Context, name, as string, w io.Writer) error {
	tw := tar.NewWriter(w)
	r, err := b.root()
	if errors.Is(err, fs.ErrNotExist) && local(name) == "." {
		return tw.Close()
	}
	if err != nil {
		return errno(err)
	}
	defer r.Close()
	top := local(name)
	err = fs.WalkDir(r.FS(), top, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || p == "." {
			return err
		}
		entry := p
		if top != "." {
			entry = path.Join(as, strings.TrimPrefix(p, top))
		}
		return b.pack(tw, r, p, entry)
	})
	if err != nil {
		return errno(err)
	}
	return tw.Close()
}

func (b *box) pack(tw *tar.Writer, r *os.Root, name, entry string) error {
	info, err := r.Lstat(name)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = r.Readlink(name); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Uid, h.Gid, h.Uname, h.Gname = entry, 0, 0, "", ""
	if info.IsDir() {
		h.Name += "/"
	}
	if err := tw.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := r.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(tw, f)
	return err
}

// WriteArchive unpacks directories, regular files and links. The directory is made when it is missing: here the image's
// are not known. Owners are not kept, devices are refused.
func (b *box) WriteArchive(ctx context.Context, dir string, r io.Reader, _ sandbox.WriteOptions) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return fmt.Errorf("keeping copied files: %w", err)
	}
	root, err := b.root()
	if err != nil {
		return errno(err)
	}
	defer root.Close()
	if err := root.MkdirAll(local(dir), 0o755); err != nil {
		return errno(err)
	}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if err := b.unpack(root, dir, h, tr); err != nil {
			return fmt.Errorf("unpacking %s: %w", h.Name, errno(err))
		}
	}
}

// unpack makes one entry of an archive, whose names are relative to dir and don't lead out of it.
func (b *box) unpack(root *os.Root, dir string, h *tar.Header, r io.Reader) error {
	inside := func(name string) string { return local(path.Join(dir, path.Clean("/"+name))) }
	at := inside(h.Name)
	if at == local(dir) {
		return nil
	}
	if err := root.MkdirAll(path.Dir(at), 0o755); err != nil {
		return err
	}
	mode := h.FileInfo().Mode().Perm()
	if info, err := root.Lstat(at); err == nil && (!info.IsDir() || h.Typeflag != tar.TypeDir) {
		if err := root.RemoveAll(at); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return root.Chmod(at, mode|0o700)
	case tar.TypeReg:
		f, err := root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o600)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return root.Chtimes(at, h.ModTime, h.ModTime)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, at)
	case tar.TypeLink:
		return root.Link(inside(h.Linkname), at)
	}
	return fmt.Errorf("type %q of entry: %w", h.Typeflag, abi.EPERM)
}

// Changes lists everything that was copied in.
func (b *box) Changes() ([]sandbox.Change, error) {
	r, err := b.root()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var list []sandbox.Change
	err = fs.WalkDir(r.FS(), ".", func(p string, _ fs.DirEntry, err error) error {
		if err == nil && p != "." {
			list = append(list, sandbox.Change{Path: "/" + p, Kind: sandbox.Added})
		}
		return err
	})
	return list, err
}

// DiskUsage sums the sizes of the copied files; what can't be read counts nothing.
func (b *box) DiskUsage() (rw, root int64) {
	r, err := b.root()
	if err != nil {
		return 0, 0
	}
	defer r.Close()
	_ = fs.WalkDir(r.FS(), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			rw += info.Size()
		}
		return nil
	})
	return rw, rw
}
