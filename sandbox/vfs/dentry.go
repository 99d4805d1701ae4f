package vfs

import (
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Filesystem is one instance of a filesystem: a root and the dentries below it. Mounting it in several places or
// namespaces shares the dentries.
type Filesystem struct {
	// Type is the name that /proc/mounts gives, as "overlay"; Source the device column, as "overlay" or "tmpfs".
	Type, Source string
	// Statfs tells sizes (statfs(2)); nil gives zeros.
	Statfs func() abi.Statfs
	// Shared says that its files may be open in other sandboxes too, under the same device and inode numbers.
	Shared bool

	// Watcher watches files of a filesystem that others change too (inotify(7)); nil: only what is done through this
	// package changes them.
	Watcher Watcher

	root     *Dentry
	volatile bool
	watches  watches

	rename sync.Mutex // held by renames that change a dentry's parent
}

// NewFilesystem makes a filesystem with the given root directory (or file: a bind of a single file). A volatile one may change behind our back
// (a host directory, /proc): its dentries are looked up anew each time.
func NewFilesystem(typ, source string, root Inode, volatile bool) *Filesystem {
	fs := &Filesystem{Type: typ, Source: source, volatile: volatile}
	fs.root = &Dentry{fs: fs, inode: root}
	return fs
}

// Root returns the root dentry.
func (fs *Filesystem) Root() *Dentry { return fs.root }

// Dentry is a name in a directory, bound to its inode. The root of a filesystem has no name and no parent.
type Dentry struct {
	fs    *Filesystem
	inode Inode

	place atomic.Pointer[place] // nil for the root; replaced by rename

	mu       sync.RWMutex // guards children, and makes them agree with the directory
	children map[string]*Dentry

	mounts  atomic.Int32 // mounts on this dentry, over all namespaces
	pins    atomic.Int32 // mounts on this dentry or below it; counted in volatile filesystems only
	opens   atomic.Int32 // open files of this name
	removed atomic.Bool  // unlinked; "(deleted)" in /proc
}

type place struct {
	parent *Dentry
	name   string
}

// Inode returns the file that the name stands for.
func (d *Dentry) Inode() Inode { return d.inode }

// Filesystem returns the filesystem that the dentry is of.
func (d *Dentry) Filesystem() *Filesystem { return d.fs }

// Parent returns the directory that holds the name, nil for a filesystem's root.
func (d *Dentry) Parent() *Dentry {
	if p := d.place.Load(); p != nil {
		return p.parent
	}
	return nil
}

// Name returns the name in its directory, "" for a filesystem's root.
func (d *Dentry) Name() string {
	if p := d.place.Load(); p != nil {
		return p.name
	}
	return ""
}

// Removed reports whether the name has been unlinked.
func (d *Dentry) Removed() bool { return d.removed.Load() }

// child finds a name in a directory: ENOENT, ENOTDIR.
func (d *Dentry) child(name string) (*Dentry, error) {
	d.mu.RLock()
	c := d.children[name]
	d.mu.RUnlock()
	if c != nil && (!d.fs.volatile || c.pins.Load() > 0) {
		return c, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lookupLocked(name)
}

// lookupLocked is child with d.mu held.
func (d *Dentry) lookupLocked(name string) (*Dentry, error) {
	if c := d.children[name]; c != nil && (!d.fs.volatile || c.pins.Load() > 0) {
		return c, nil
	}
	if d.removed.Load() {
		return nil, abi.ENOENT
	}
	inode, err := d.inode.Lookup(name)
	if err != nil {
		return nil, err
	}
	return d.addLocked(name, inode), nil
}

// addLocked makes the dentry of an entry that exists.
func (d *Dentry) addLocked(name string, inode Inode) *Dentry {
	c := &Dentry{fs: d.fs, inode: inode}
	c.place.Store(&place{d, name})
	if !d.fs.volatile {
		if d.children == nil {
			d.children = make(map[string]*Dentry)
		}
		d.children[name] = c
	}
	return c
}

// dropLocked forgets an entry that was removed.
func (d *Dentry) dropLocked(name string) {
	if c := d.children[name]; c != nil {
		c.removed.Store(true)
		delete(d.children, name)
	}
}

// pin counts mounts on a dentry. In a volatile filesystem it keeps the dentry and those above it in the cache meanwhile,
// so that the next walk comes by the same.
func (d *Dentry) pin(delta int32) {
	d.mounts.Add(delta)
	if !d.fs.volatile {
		return
	}
	for p := d.place.Load(); p != nil; p = d.place.Load() {
		up := p.parent
		up.mu.Lock()
		if d.pins.Add(delta) > 0 {
			if up.children == nil {
				up.children = make(map[string]*Dentry)
			}
			up.children[p.name] = d
		} else if up.children[p.name] == d {
			delete(up.children, p.name)
		}
		up.mu.Unlock()
		d = up
	}
}

// isAncestor reports whether d is e or a directory above it, within one filesystem.
func (d *Dentry) isAncestor(e *Dentry) bool {
	for ; e != nil; e = e.Parent() {
		if e.same(d) {
			return true
		}
	}
	return false
}

// same reports whether two dentries are one name. A volatile filesystem makes a new dentry at each walk, so that there the
// names count.
func (d *Dentry) same(e *Dentry) bool {
	for d != e {
		if d == nil || e == nil || !d.fs.volatile || d.Name() != e.Name() {
			return false
		}
		d, e = d.Parent(), e.Parent()
	}
	return true
}
