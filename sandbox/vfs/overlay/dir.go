package overlay

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// directory is what a directory holds: the entries that the writable layer has, above those of the lower layers.
type directory struct {
	lower   []lowerRef       // topmost first
	entries map[string]entry // inode 0 hides a lower entry (a whiteout)
}

// entry is a name of the writable layer. Its inode is in FS.nodes.
type entry struct {
	ino uint64
	typ uint8 // abi.DT_
}

func (d *directory) set(name string, e entry) {
	if d.entries == nil {
		d.entries = make(map[string]entry)
	}
	d.entries[name] = e
}

// remove takes a name away, and hides what lower layers have under it.
func (d *directory) remove(name string) {
	if _, _, ok := lookupLower(d.lower, name); ok {
		d.set(name, entry{})
	} else {
		delete(d.entries, name)
	}
}

// find returns the node of an entry; tree is held for writing, since the node may have to be made. nil when there is
// none.
func (n *node) find(name string) *node {
	if e, ok := n.dir.entries[name]; ok {
		return n.fs.nodes[e.ino]
	}
	r, e, ok := lookupLower(n.dir.lower, name)
	if !ok {
		return nil
	}
	return n.fs.lowerNode(n, name, r, e.Type)
}

// Lookup implements vfs.Inode.
func (n *node) Lookup(name string) (vfs.Inode, error) {
	if n.dir == nil {
		return nil, abi.ENOTDIR
	}
	f := n.fs
	f.tree.RLock()
	e, hit := n.dir.entries[name]
	c := f.nodes[e.ino]
	f.tree.RUnlock()
	if !hit {
		r, e, ok := lookupLower(n.dir.lower, name) // lower layers never change
		if !ok {
			return nil, abi.ENOENT
		}
		f.tree.Lock()
		if _, hit := n.dir.entries[name]; hit {
			c = n.find(name) // it was changed meanwhile
		} else {
			c = f.lowerNode(n, name, r, e.Type)
		}
		f.tree.Unlock()
	}
	if c == nil {
		return nil, abi.ENOENT
	}
	return c, nil
}

// each calls visit for every entry, sorted, until it returns false; tree is held.
func (n *node) each(visit func(name string, ino uint64, typ uint8) bool) {
	names := make([]string, 0, len(n.dir.entries))
	for name, e := range n.dir.entries {
		if e.ino != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	upper := func(before string, all bool) bool {
		for len(names) > 0 && (all || names[0] < before) {
			e := n.dir.entries[names[0]]
			if !visit(names[0], e.ino, e.typ) {
				return false
			}
			names = names[1:]
		}
		return true
	}
	more := true
	visitLower(n.dir.lower, func(r lowerRef, e layer.Dirent) bool {
		if more = upper(e.Name, false); !more {
			return false
		}
		if _, ok := n.dir.entries[e.Name]; ok {
			return true
		}
		typ := e.Type
		if typ == abi.DT_UNKNOWN {
			to, ok := n.fs.external(r)
			if !ok {
				return true
			}
			typ = abi.DirentType(to.layer.Inode(to.id).Mode)
		}
		more = visit(strings.Clone(e.Name), n.fs.ino(r), typ)
		return more
	})
	if more {
		upper("", true)
	}
}

func (n *node) empty() bool {
	empty := true
	n.each(func(string, uint64, uint8) bool { empty = false; return false })
	return empty
}

// ReadDir implements vfs.Inode: sorted by name.
func (n *node) ReadDir() ([]vfs.Dirent, error) {
	if n.dir == nil {
		return nil, abi.ENOTDIR
	}
	n.fs.tree.RLock()
	defer n.fs.tree.RUnlock()
	var list []vfs.Dirent
	n.each(func(name string, ino uint64, typ uint8) bool {
		list = append(list, vfs.Dirent{Name: name, Ino: ino, Type: typ})
		return true
	})
	return list, nil
}

// edit is a change of directory entries in the making: what it puts into the journal goes there at once, or not.
// FS.tree is held for writing.
type edit struct {
	fs      *FS
	at      int64
	payload []byte
}

// set changes an entry.
func (e *edit) set(dir *node, name string, c *node) {
	to := entry{}
	if c == nil {
		dir.dir.remove(name)
	} else {
		to = entry{c.ino, abi.DirentType(c.typ())}
		dir.dir.set(name, to)
		c.up.Store(dir)
	}
	e.payload = appendEntry(e.payload, dir.ino, name, to)
}

// touch sets the times of a directory whose entries changed.
func (e *edit) touch(dir *node, links int) {
	dir.mu.Lock()
	dir.mtime = e.at
	dir.mu.Unlock()
	e.link(dir, links)
}

// link changes a link count; an inode without names leaves the writable layer.
func (e *edit) link(n *node, delta int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ctime = e.at
	n.nlink = uint32(int(n.nlink) + delta)
	if n.nlink > 0 {
		n.change()
		e.payload = appendInode(e.payload, n)
		return
	}
	if n.changed {
		e.payload = appendForget(e.payload, n.ino)
		e.fs.inodes.Add(-1)
		n.changed = false
	}
	delete(e.fs.nodes, n.ino)
}

// drop takes a name from an inode that is replaced or removed, and returns by how many links its directory has fewer.
func (e *edit) drop(n *node) int {
	if n.dir != nil {
		e.link(n, -int(n.links()))
		return 1
	}
	e.link(n, -1)
	return 0
}

func (n *node) links() uint32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.nlink
}

func (f *FS) begin() edit { return edit{fs: f, at: now()} }

func (e *edit) commit() { e.fs.journal.add(e.payload) }

// vacant checks that a name may be made: EEXIST, ENOENT when the directory itself is gone. tree is held for writing.
func (n *node) vacant(name string) error {
	if n.find(name) != nil {
		return abi.EEXIST
	}
	if n.links() == 0 {
		return abi.ENOENT
	}
	return nil
}

// add makes an inode and its entry.
func (n *node) add(name string, mode uint32, rdev uint64, target string, own vfs.Owner) (vfs.Inode, error) {
	if n.dir == nil {
		return nil, abi.ENOTDIR
	}
	f := n.fs
	if f.opts.ReadOnly {
		return nil, abi.EROFS
	}
	f.tree.Lock()
	if err := n.vacant(name); err != nil {
		f.tree.Unlock()
		return nil, err
	}
	e := f.begin()
	f.lastIno++
	c := &node{
		fs: f, ino: f.lastIno, mode: mode, uid: own.UID, gid: own.GID, rdev: rdev, target: target, size: int64(len(target)),
		nlink: 1, atime: e.at, mtime: e.at, ctime: e.at, own: mode&abi.S_IFMT == abi.S_IFREG,
	}
	links := 0
	if mode&abi.S_IFMT == abi.S_IFDIR {
		c.dir, c.nlink, links = new(directory), 2, 1
	}
	f.nodes[c.ino] = c
	e.set(n, name, c)
	e.link(c, 0)
	e.touch(n, links)
	e.commit()
	f.tree.Unlock()
	return c, f.flush()
}

// Create implements vfs.Inode.
func (n *node) Create(name string, mode uint32, rdev uint64, own vfs.Owner) (vfs.Inode, error) {
	return n.add(name, mode, rdev, "", own)
}

// Mkdir implements vfs.Inode.
func (n *node) Mkdir(name string, mode uint32, own vfs.Owner) (vfs.Inode, error) {
	return n.add(name, abi.S_IFDIR|mode&abi.PermMask, 0, "", own)
}

// Symlink implements vfs.Inode.
func (n *node) Symlink(name, target string, own vfs.Owner) (vfs.Inode, error) {
	return n.add(name, abi.S_IFLNK|0o777, 0, target, own)
}

// Link implements vfs.Inode.
func (n *node) Link(name string, target vfs.Inode) error {
	t, ok := target.(*node)
	switch {
	case n.dir == nil:
		return abi.ENOTDIR
	case !ok || t.fs != n.fs:
		return abi.EXDEV
	case t.dir != nil:
		return abi.EPERM
	case n.fs.opts.ReadOnly:
		return abi.EROFS
	}
	f := n.fs
	f.tree.Lock()
	err := n.vacant(name)
	if err == nil && !t.named() {
		err = abi.ENOENT // its last name went while the path was walked
	}
	if err != nil {
		f.tree.Unlock()
		return err
	}
	e := f.begin()
	e.set(n, name, t)
	e.link(t, 1)
	e.touch(n, 0)
	e.commit()
	f.tree.Unlock()
	return f.flush()
}

// named reports whether a node has a name, or is one of Tmpfile that is going to have one: it is made known then.
// FS.tree is held for writing.
func (n *node) named() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.free {
		return n.nlink > 0
	}
	n.free, n.dirty = false, n.onHost
	n.fs.nodes[n.ino] = n
	return true
}

// Tmpfile implements vfs.Tmpfiler. The journal knows nothing of the file until it has a name.
func (n *node) Tmpfile(mode uint32, own vfs.Owner, _ int, linkable bool) (vfs.Inode, vfs.File, error) {
	f := n.fs
	if f.opts.ReadOnly {
		return nil, nil, abi.EROFS
	}
	f.tree.Lock()
	f.lastIno++
	ino := f.lastIno
	f.tree.Unlock()
	t := now()
	c := &node{
		fs: f, ino: ino, mode: mode, uid: own.UID, gid: own.GID, atime: t, mtime: t, ctime: t, own: true, opens: 1, free: linkable,
	}
	c.up.Store(n)
	return c, &file{node: c}, nil
}

// Unlink implements vfs.Inode.
func (n *node) Unlink(name string) error { return n.delete(name, false) }

// Rmdir implements vfs.Inode.
func (n *node) Rmdir(name string) error { return n.delete(name, true) }

func (n *node) delete(name string, dir bool) error {
	switch {
	case n.dir == nil:
		return abi.ENOTDIR
	case n.fs.opts.ReadOnly:
		return abi.EROFS
	}
	f := n.fs
	f.tree.Lock()
	c := n.find(name)
	var err error
	switch {
	case c == nil:
		err = abi.ENOENT
	case dir && c.dir == nil:
		err = abi.ENOTDIR
	case !dir && c.dir != nil:
		err = abi.EISDIR
	case dir && !c.empty():
		err = abi.ENOTEMPTY
	}
	if err != nil {
		f.tree.Unlock()
		return err
	}
	e := f.begin()
	e.set(n, name, nil)
	e.touch(n, -e.drop(c))
	e.commit()
	f.tree.Unlock()
	err = f.flush() // the record goes before the data: a name never leads to data that is gone
	c.reap()
	return err
}

// Rename implements vfs.Inode.
func (n *node) Rename(name string, newdir vfs.Inode, newname string, flags uint32) error {
	to, ok := newdir.(*node)
	switch {
	case !ok || to.fs != n.fs:
		return abi.EXDEV
	case n.dir == nil || to.dir == nil:
		return abi.ENOTDIR
	case n.fs.opts.ReadOnly:
		return abi.EROFS
	}
	f := n.fs
	f.tree.Lock()
	src, dst := n.find(name), to.find(newname)
	if err := checkRename(src, dst, to, newname, flags); err != nil || src == dst {
		f.tree.Unlock()
		return err
	}
	e := f.begin()
	fromLinks, toLinks := 0, 0 // subdirectories that come and go
	if src.dir != nil {
		fromLinks, toLinks = -1, 1
	}
	var gone *node
	if flags&abi.RENAME_EXCHANGE != 0 {
		if dst.dir != nil {
			fromLinks, toLinks = fromLinks+1, toLinks-1
		}
		e.set(n, name, dst)
		e.link(dst, 0)
	} else {
		e.set(n, name, nil)
		if gone = dst; gone != nil {
			toLinks -= e.drop(gone)
		}
	}
	e.set(to, newname, src)
	e.link(src, 0)
	e.touch(n, fromLinks)
	e.touch(to, toLinks)
	e.commit()
	f.tree.Unlock()
	err := f.flush()
	if gone != nil {
		gone.reap()
	}
	return err
}

func checkRename(src, dst, to *node, newname string, flags uint32) error {
	switch {
	case src == nil:
		return abi.ENOENT
	case dst == nil && flags&abi.RENAME_EXCHANGE != 0:
		return abi.ENOENT
	case dst == nil:
		return to.vacant(newname)
	case flags&abi.RENAME_NOREPLACE != 0:
		return abi.EEXIST
	case flags&abi.RENAME_EXCHANGE != 0 || src == dst:
		return nil
	case src.dir != nil && dst.dir == nil:
		return abi.ENOTDIR
	case src.dir == nil && dst.dir != nil:
		return abi.EISDIR
	case dst.dir != nil && !dst.empty():
		return abi.ENOTEMPTY
	}
	return nil
}
