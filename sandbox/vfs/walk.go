package vfs

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Cred is whose rights an operation has (credentials(7)). It is never changed once it is in use.
type Cred struct {
	UID, GID           uint32 // effective ids, which the filesystem checks
	RealUID, RealGID   uint32
	SavedUID, SavedGID uint32
	Groups             []uint32
	Caps               *Caps // nil: those that go with the ids
	KeepCaps           bool  // PR_SET_KEEPCAPS
	NoNewPrivs         bool  // PR_SET_NO_NEW_PRIVS
}

// Member reports whether gid is the group or one of the supplementary groups.
func (c *Cred) Member(gid uint32) bool { return c.GID == gid || slices.Contains(c.Groups, gid) }

// Context is on whose behalf, and from where, paths are resolved: a task's view of the filesystem.
type Context struct {
	NS    *Namespace
	Root  Path // chroot(2)
	Cwd   Path
	Cred  *Cred
	Umask uint32
	// Special opens what is not data: fifos, character and block devices, sockets. The kernel gives it.
	Special func(p Path, st abi.Stat, flags int) (File, error)
	// Caller is the kernel's task, for files of procfs that depend on who asks.
	Caller any
}

// Access checks want (a set of abi.R_OK, W_OK and X_OK) against a file's mode, as Linux's generic_permission: EACCES.
func (c *Cred) Access(st *abi.Stat, want uint32) error {
	if c.Has(CapDACOverride) {
		if want&abi.X_OK != 0 && st.Mode&abi.S_IFMT != abi.S_IFDIR && st.Mode&0o111 == 0 {
			return abi.EACCES
		}
		return nil
	}
	perm := st.Mode
	switch {
	case st.UID == c.UID:
		perm >>= 6
	case c.Member(st.GID):
		perm >>= 3
	}
	if perm&want != want {
		return abi.EACCES
	}
	return nil
}

// search checks that a directory may be walked through.
func (c *Cred) search(i Inode) error {
	if c.Has(CapDACOverride) {
		return nil
	}
	st, err := i.Stat()
	if err != nil {
		return err
	}
	return c.Access(&st, abi.X_OK)
}

// modify checks that a directory's entries may be changed.
func (ctx *Context) modify(dir Path) error {
	if err := dir.writable(); err != nil {
		return err
	}
	if dir.Dentry.removed.Load() {
		return abi.ENOENT
	}
	if ctx.Cred.Has(CapDACOverride) {
		return nil
	}
	st, err := dir.Inode().Stat()
	if err != nil {
		return err
	}
	return ctx.Cred.Access(&st, abi.W_OK|abi.X_OK)
}

// Walk resolves a path from a directory, which absolute paths ignore: path_resolution(7). With follow, a symbolic
// link at the end is followed too. ENOENT (also for ""), ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
func (ctx *Context) Walk(at Path, path string, follow bool) (Path, error) {
	w := walker{ctx: ctx, at: at}
	p, last, err := w.parent(path)
	if err != nil {
		return Path{}, err
	}
	return w.last(p, last, follow)
}

// lastName is the final component of a path: a name, or "" when the walk ended at a directory itself.
type lastName struct {
	name string
	dots string // the "." or ".." that the walk ended with; "" for the root
	dir  bool   // a slash follows: it must be a directory
}

// walkParent resolves all but the last component.
func (ctx *Context) walkParent(at Path, path string) (Path, lastName, error) {
	w := walker{ctx: ctx, at: at}
	return w.parent(path)
}

type walker struct {
	ctx   *Context
	at    Path
	links int
}

func (w *walker) parent(path string) (Path, lastName, error) {
	if path == "" {
		return Path{}, lastName{}, abi.ENOENT
	}
	if len(path) >= abi.PATH_MAX {
		return Path{}, lastName{}, abi.ENAMETOOLONG
	}
	p := w.at
	if path[0] == '/' {
		p = w.ctx.Root
	}
	for {
		path = strings.TrimLeft(path, "/")
		if path == "" {
			return p, lastName{dir: true}, nil
		}
		name, rest := path, ""
		slash := false
		if i := strings.IndexByte(path, '/'); i >= 0 {
			name, rest, slash = path[:i], path[i+1:], true
		}
		if len(name) > abi.NAME_MAX {
			return Path{}, lastName{}, abi.ENAMETOOLONG
		}
		if err := w.ctx.Cred.search(p.Inode()); err != nil {
			return Path{}, lastName{}, err
		}
		final := !slash || strings.Trim(rest, "/") == ""
		switch {
		case name == "." || name == "..":
			st, err := p.Inode().Stat()
			if err != nil {
				return Path{}, lastName{}, err
			}
			if st.Mode&abi.S_IFMT != abi.S_IFDIR {
				return Path{}, lastName{}, abi.ENOTDIR
			}
			if name == ".." {
				p = w.ctx.NS.up(p, w.ctx.Root)
			}
			if final {
				return p, lastName{dots: name, dir: true}, nil
			}
		case final:
			return p, lastName{name: name, dir: slash}, nil
		default:
			var err error
			if p, err = w.last(p, lastName{name: name, dir: true}, true); err != nil {
				return Path{}, lastName{}, err
			}
		}
		path = rest
	}
}

// last resolves one component in p.
func (w *walker) last(p Path, last lastName, follow bool) (Path, error) {
	if last.name == "" {
		return p, nil
	}
	d, err := p.Dentry.child(last.name)
	if err != nil {
		return Path{}, err
	}
	next := w.ctx.NS.enter(Path{p.Mount, d})
	if !follow && !last.dir {
		return next, nil
	}
	st, err := next.Inode().Stat()
	if err != nil {
		return Path{}, err
	}
	if st.Mode&abi.S_IFMT == abi.S_IFLNK {
		if next, err = w.follow(p, next); err != nil {
			return Path{}, err
		}
		if !last.dir {
			return next, nil
		}
		if st, err = next.Inode().Stat(); err != nil {
			return Path{}, err
		}
	}
	if last.dir && st.Mode&abi.S_IFMT != abi.S_IFDIR {
		return Path{}, abi.ENOTDIR
	}
	return next, nil
}

// follow resolves a symbolic link that stands in dir.
func (w *walker) follow(dir, link Path) (Path, error) {
	if w.links++; w.links > abi.SYMLOOPS {
		return Path{}, abi.ELOOP
	}
	if j, ok := link.Inode().(Jumper); ok {
		return j.Jump(w.ctx)
	}
	target, err := readlink(w.ctx, link.Inode())
	if err != nil {
		return Path{}, err
	}
	sub := walker{ctx: w.ctx, at: dir, links: w.links}
	p, last, err := sub.parent(target)
	if err == nil {
		p, err = sub.last(p, last, true)
	}
	w.links = sub.links
	return p, err
}
