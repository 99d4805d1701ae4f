package vfs

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// MountFlags are the options of a mount.
type MountFlags uint8

// Flags of a mount (mount(2)).
const (
	ReadOnly MountFlags = 1 << iota
	NoExec
	NoSuid
	NoDev
)

// Mount is a filesystem, or a part of one, at a place.
type Mount struct {
	fs     *Filesystem
	root   *Dentry
	flags  MountFlags
	id     int     // unique in the process
	parent *Mount  // nil for the root mount
	point  *Dentry // the dentry of parent's filesystem that it covers
}

// Filesystem returns the mounted filesystem.
func (m *Mount) Filesystem() *Filesystem { return m.fs }

// Flags returns the mount's options; no mount, as that of a pipe, has none.
func (m *Mount) Flags() MountFlags {
	if m == nil {
		return 0
	}
	return m.flags
}

// Remount sets the options (mount(2), MS_REMOUNT), before anybody uses the mount.
func (m *Mount) Remount(flags MountFlags) { m.flags = flags }

// ID returns the mount's number (proc_pid_mountinfo(5)), unique in the process.
func (m *Mount) ID() int { return m.id }

// Root returns the dentry of the filesystem that is mounted: its root, or what a bind shows.
func (m *Mount) Root() *Dentry { return m.root }

// Parent returns the mount on which this one stands, nil for the root of the namespace.
func (m *Mount) Parent() *Mount { return m.parent }

var lastMount atomic.Int64

// Path is a place in a namespace: a dentry, and the mount through which it was reached. It is comparable. Anonymous
// files, as pipes, have a dentry but no mount.
type Path struct {
	Mount  *Mount
	Dentry *Dentry
}

// Inode returns the file at the place.
func (p Path) Inode() Inode { return p.Dentry.inode }

// IsZero reports whether p is no place at all.
func (p Path) IsZero() bool { return p.Dentry == nil }

func (p Path) writable() error {
	if p.Mount != nil && p.Mount.flags&ReadOnly != 0 {
		return abi.EROFS
	}
	return nil
}

// Namespace is a tree of mounts (mount_namespaces(7)).
type Namespace struct {
	root *Mount

	mu     sync.RWMutex
	mounts map[Path]*Mount // by the place that they cover
	order  []*Mount
}

// NewNamespace makes a namespace whose root is the given filesystem.
func NewNamespace(fs *Filesystem, flags MountFlags) *Namespace {
	root := &Mount{fs: fs, root: fs.root, flags: flags, id: int(lastMount.Add(1))}
	return &Namespace{root: root, mounts: make(map[Path]*Mount), order: []*Mount{root}}
}

// Root returns the namespace's root directory.
func (ns *Namespace) Root() Path { return Path{ns.root, ns.root.root} }

// Mount mounts root, a dentry of any filesystem (a whole filesystem's root, or a part for a bind), at a place.
// A directory covers a directory and a file a file: ENOTDIR otherwise.
func (ns *Namespace) Mount(root *Dentry, at Path, flags MountFlags) (*Mount, error) {
	over, err := at.Inode().Stat()
	if err != nil {
		return nil, err
	}
	st, err := root.inode.Stat()
	if err != nil {
		return nil, err
	}
	if (over.Mode&abi.S_IFMT == abi.S_IFDIR) != (st.Mode&abi.S_IFMT == abi.S_IFDIR) {
		return nil, abi.ENOTDIR
	}
	ns.mu.Lock()
	for { // mount on top of what is mounted there
		m := ns.mounts[at]
		if m == nil {
			break
		}
		at = Path{m, m.root}
	}
	m := &Mount{fs: root.fs, root: root, flags: flags, id: int(lastMount.Add(1)), parent: at.Mount, point: at.Dentry}
	ns.mounts[at] = m
	ns.order = append(ns.order, m)
	ns.mu.Unlock()
	at.Dentry.pin(1)
	return m, nil
}

// Unmount takes the topmost mount at a place away: EINVAL when nothing is mounted there, EBUSY when it holds further
// mounts. Open files stay usable.
func (ns *Namespace) Unmount(m *Mount) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	at := Path{m.parent, m.point}
	if m.parent == nil || ns.mounts[at] != m {
		return abi.EINVAL
	}
	for _, o := range ns.order {
		if o.parent == m {
			return abi.EBUSY
		}
	}
	delete(ns.mounts, at)
	ns.order = slices.DeleteFunc(ns.order, func(o *Mount) bool { return o == m })
	m.point.pin(-1)
	return nil
}

// Mounts lists the mounts, in the order in which they were made.
func (ns *Namespace) Mounts() []*Mount {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return slices.Clone(ns.order)
}

// enter follows mounts on a place downwards.
func (ns *Namespace) enter(p Path) Path {
	for p.Dentry.mounts.Load() > 0 {
		ns.mu.RLock()
		m := ns.mounts[p]
		ns.mu.RUnlock()
		if m == nil {
			break
		}
		p = Path{m, m.root}
	}
	return p
}

// up returns the directory above a place, crossing mounts; root is its own parent.
func (ns *Namespace) up(p, root Path) Path {
	for {
		if p == root {
			return p
		}
		if p.Dentry == p.Mount.root {
			if p.Mount.parent == nil {
				return p
			}
			p = Path{p.Mount.parent, p.Mount.point}
			continue
		}
		return ns.enter(Path{p.Mount, p.Dentry.Parent()})
	}
}

// Name returns the absolute path of a place as seen from root. A place that is not below root is given from the
// namespace's root, and reachable is false.
func (ns *Namespace) Name(p, root Path) (name string, reachable bool) {
	var parts []string
	for p != root && p.Mount != nil {
		if p.Dentry == p.Mount.root {
			if p.Mount.parent == nil {
				break
			}
			p = Path{p.Mount.parent, p.Mount.point}
			continue
		}
		at := p.Dentry.place.Load()
		if at == nil {
			break
		}
		parts = append(parts, at.name)
		p.Dentry = at.parent
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/"), p == root
}

// MountPoint returns where a mount is, as seen from the namespace's root.
func (ns *Namespace) MountPoint(m *Mount) string {
	if m.parent == nil {
		return "/"
	}
	name, _ := ns.Name(Path{m.parent, m.point}, ns.Root())
	return name
}
