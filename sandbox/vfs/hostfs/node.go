package hostfs

import (
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// fileID is which file of the host a node stands for.
type fileID struct{ dev, ino uint64 }

// attr is a file's attributes as the host tells them.
type attr struct {
	abi.Stat
	btime int64 // when the file was made, in ns; 0 where the host doesn't tell
}

func (a *attr) id() fileID { return fileID{a.Dev, a.Ino} }

// node is a file of the host by its name in a directory: the root, when it has no parent. The path walk makes a new one
// at each step, so that a node lives as long as somebody looks at the file.
type node struct {
	fs      *FS
	parent  *node
	name    string
	id      fileID // as it was found; of directories it must stay so
	isDir   bool
	unnamed bool // of Tmpfile: it is found by what is open of it only

	mu   sync.Mutex
	seen abi.Stat // what Stat told last, on which the caller's permission checks rest
	open []*file  // what was opened through this node; it outlives a rename or removal of the name
}

// closedNode is a file of the host that may be looked at but not opened: a device, a socket or a fifo.
type closedNode struct{ *node }

// OpenSelf returns ENXIO.
func (closedNode) OpenSelf(*vfs.Context, int) (vfs.File, error) { return nil, abi.ENXIO }

// dirNode is a directory.
type dirNode struct{ *node }

// OpenSelf keeps the host's directory open, so that it is found whatever becomes of its name.
func (n dirNode) OpenSelf(*vfs.Context, int) (vfs.File, error) {
	d, err := n.fs.dirs.acquire(n.node)
	if err != nil {
		return nil, errno(err)
	}
	return &heldDir{cache: &n.fs.dirs, dir: d}, nil
}

// heldDir is an open directory.
type heldDir struct {
	cache *dirCache
	dir   *openDir
}

func (*heldDir) Read([]byte, int64) (int, error)  { return 0, abi.EISDIR }
func (*heldDir) Write([]byte, int64) (int, error) { return 0, abi.EISDIR }
func (*heldDir) Ready() vfs.Events                { return abi.POLLIN }
func (*heldDir) Queue() *vfs.WaitQueue            { return nil }

func (h *heldDir) Close() error {
	h.cache.release(h.dir)
	return nil
}

// nodeOf unwraps an inode of this package: EXDEV for others.
func (fs *FS) nodeOf(i vfs.Inode) (*node, error) {
	switch w := i.(type) {
	case closedNode:
		i = w.node
	case dirNode:
		i = w.node
	}
	if n, ok := i.(*node); ok && n.fs == fs {
		return n, nil
	}
	return nil, abi.EXDEV
}

// child makes the inode of an entry with the given attributes.
func (n *node) child(name string, a attr) vfs.Inode {
	c := &node{fs: n.fs, parent: n, name: name, id: a.id(), isDir: a.Mode&abi.S_IFMT == abi.S_IFDIR}
	switch a.Mode & abi.S_IFMT {
	case abi.S_IFDIR:
		return dirNode{c}
	case abi.S_IFREG, abi.S_IFLNK:
		return c
	case abi.S_IFIFO, abi.S_IFSOCK:
		if n.fs.ours(c.id) {
			return c
		}
	}
	return closedNode{c}
}

// ours reports whether a fifo or socket is one of the sandbox, made through us, rather than one of the host. What it
// carries is the sandbox's matter; the host's inode is only its name.
func (fs *FS) ours(id fileID) bool {
	if fs.opts.Owners != nil {
		return true
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	_, ok := fs.special[id]
	return ok
}

// special reports whether a mode is that of a fifo or socket.
func special(mode uint32) bool {
	return mode&abi.S_IFMT == abi.S_IFIFO || mode&abi.S_IFMT == abi.S_IFSOCK
}

// use calls f with the node's open directory.
func (n *node) use(f func(*hostDir) error) error {
	d, err := n.fs.dirs.acquire(n)
	if err != nil {
		return errno(err)
	}
	defer n.fs.dirs.release(d)
	return errno(f(d.handle))
}

// openDir opens the node's directory by its name: ESTALE when another one took its place.
func (n *node) openDir() (h *hostDir, err error) {
	err = n.parent.use(func(d *hostDir) error {
		if h, err = d.open(n.name); err != nil {
			return err
		}
		a, err := h.stat("")
		if err == nil && a.id() != n.id {
			err = abi.ESTALE
		}
		if err != nil {
			h.close()
		}
		return err
	})
	return h, err
}

// at calls f with a directory and the name by which the node is found there: of directories, themselves and "".
func (n *node) at(f func(d *hostDir, name string) error) error {
	if n.isDir {
		return n.use(func(d *hostDir) error { return f(d, "") })
	}
	if n.unnamed {
		return abi.ENOENT
	}
	return n.parent.use(func(d *hostDir) error { return f(d, n.name) })
}

// opened returns a file opened through the node, one for writing if there is any.
func (n *node) opened() *file {
	n.mu.Lock()
	defer n.mu.Unlock()
	var best *file
	for _, f := range n.open {
		if best == nil || f.writable {
			best = f
		}
	}
	return best
}

// attr returns the host's attributes.
func (n *node) attr() (a attr, err error) {
	if f := n.opened(); f != nil {
		if a, err = statFile(f.f); err == nil {
			return a, nil
		}
	}
	if n.isDir {
		return n.dirAttr()
	}
	err = n.at(func(d *hostDir, name string) error {
		a, err = d.stat(name)
		return err
	})
	return a, err
}

// dirAttr asks a directory itself if it is open, and does not open it otherwise: ESTALE when another file took its name.
func (n *node) dirAttr() (a attr, err error) {
	if d := n.fs.dirs.find(n); d != nil {
		defer n.fs.dirs.release(d)
		a, err = d.handle.stat("")
		return a, errno(err)
	}
	if n.parent == nil {
		return a, abi.EIO // closed
	}
	err = n.parent.use(func(d *hostDir) error {
		if a, err = d.stat(n.name); err == nil && a.id() != n.id {
			err = abi.ESTALE
		}
		return err
	})
	return a, err
}

// Stat returns the attributes as the container sees them.
func (n *node) Stat() (abi.Stat, error) {
	a, err := n.attr()
	if err != nil {
		return abi.Stat{}, err
	}
	st := n.fs.show(a)
	n.mu.Lock()
	n.seen = st
	n.mu.Unlock()
	return st, nil
}

// SetStat changes the attributes: EROFS, and EPERM for what an ordinary user may not do on the host.
func (n *node) SetStat(set vfs.SetStat) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	a, err := n.attr()
	if err != nil {
		return err
	}
	if set.Size != nil {
		if err := n.truncate(*set.Size); err != nil {
			return err
		}
	}
	if set.UID != nil || set.GID != nil || set.Mode != nil {
		if err := n.setOwner(a, set); err != nil {
			return err
		}
	}
	if set.Atime != nil || set.Mtime != nil {
		return n.host(
			func(f *file) error { return f.setTimes(set.Atime, set.Mtime) },
			func(d *hostDir, name string) error { return d.utimes(name, set.Atime, set.Mtime) })
	}
	return nil
}

// host changes the file through what is open of it, or else by its name.
func (n *node) host(byFile func(*file) error, byName func(d *hostDir, name string) error) error {
	if f := n.opened(); f != nil {
		return errno(byFile(f))
	}
	return n.at(byName)
}

func (n *node) truncate(size int64) error {
	if f := n.opened(); f != nil && f.writable {
		return errno(f.f.Truncate(size))
	}
	f, _, err := n.openHost(abi.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	return errno(f.Truncate(size))
}

// setOwner changes owner, group and permission bits.
func (n *node) setOwner(a attr, set vfs.SetStat) error {
	st := n.fs.show(a)
	was := st
	if set.UID != nil {
		st.UID = *set.UID
	}
	if set.GID != nil {
		st.GID = *set.GID
	}
	if set.Mode != nil {
		st.Mode = st.Mode&abi.S_IFMT | *set.Mode&abi.PermMask
	}
	if st.UID != was.UID || st.GID != was.GID {
		if err := n.chown(st); err != nil {
			return err
		}
	}
	if host := n.fs.hostMode(st.Mode); set.Mode != nil && host != a.Mode&abi.PermMask && st.Mode&abi.S_IFMT != abi.S_IFLNK {
		if err := n.chmod(st.Mode, host); err != nil {
			return err
		}
	}
	return n.keep(st)
}

// chown sets the owner on the host where it may, and leaves it to the sidecar of a volume otherwise.
func (n *node) chown(st abi.Stat) error {
	err := abi.EPERM
	if n.fs.ids.root {
		e := n.host(
			func(f *file) error { return f.f.Chown(int(st.UID), int(st.GID)) },
			func(d *hostDir, name string) error { return d.chown(name, st.UID, st.GID) })
		if e == nil {
			return nil
		}
		if e != abi.EPERM {
			return e
		}
	}
	if n.fs.opts.Owners != nil {
		return nil
	}
	return err
}

func (n *node) chmod(mode, host uint32) error {
	if n.fs.opts.Owners == nil && setID(mode) {
		return abi.EPERM
	}
	return n.host(
		func(f *file) error { return f.chmod(host) },
		func(d *hostDir, name string) error { return d.chmod(name, host) })
}

// setID reports whether a file of this mode would run with its owner's rights.
func setID(mode uint32) bool {
	return mode&abi.S_IFMT != abi.S_IFDIR && mode&(abi.S_ISUID|abi.S_ISGID) != 0
}

// keep writes into the sidecar of a volume what the host doesn't say.
func (n *node) keep(st abi.Stat) error {
	if n.fs.opts.Owners == nil {
		return nil
	}
	a, err := n.attr()
	if err != nil {
		return err
	}
	return n.fs.keep(a, st)
}

func (fs *FS) keep(a attr, st abi.Stat) error {
	if fs.opts.Owners == nil {
		return nil
	}
	plain := fs.show(attr{Stat: a.Stat, btime: noRecord})
	same := plain.UID == st.UID && plain.GID == st.GID && plain.Mode == st.Mode && st.Rdev == plain.Rdev
	if _, ok := fs.opts.Owners.get(a); same && !ok {
		return nil
	}
	return errno(fs.opts.Owners.setMeta(a, Meta{UID: st.UID, GID: st.GID, Mode: st.Mode, Rdev: st.Rdev}))
}

// Readlink returns a symbolic link's target.
func (n *node) Readlink() (target string, err error) {
	if n.isDir {
		return "", abi.EINVAL
	}
	err = n.at(func(d *hostDir, name string) error {
		target, err = d.readlink(name)
		return err
	})
	return target, err
}
