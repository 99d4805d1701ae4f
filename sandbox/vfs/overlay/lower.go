package overlay

import (
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// lowerRef is an inode of a layer.
type lowerRef struct {
	layer *layer.Layer // nil: none
	index int          // of the layer
	id    layer.ID
}

func (f *FS) ino(r lowerRef) uint64 { return f.base[r.index] + uint64(r.id) }

// isLower reports whether a number is that of a lower layer's inode.
func (f *FS) isLower(ino uint64) bool {
	if len(f.base) == 0 {
		return false
	}
	last := len(f.base) - 1
	return ino >= f.base[0] && ino < f.base[last]+uint64(f.layers[last].Len())
}

// refOf returns the lower inode of a number.
func (f *FS) refOf(ino uint64) lowerRef {
	i := sort.Search(len(f.base), func(i int) bool { return f.base[i] > ino }) - 1
	return lowerRef{f.layers[i], i, layer.ID(ino - f.base[i])}
}

// identity tells layers apart, so that a writable layer is not used with others.
func (f *FS) identity() uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, l := range f.layers {
		h = (h ^ uint64(l.Checksum())) * 1099511628211
		h = (h ^ uint64(l.Len())) * 1099511628211
	}
	return h
}

// lowerRoot returns the root directories of the layers below the given one, topmost first.
func (f *FS) lowerRoot(below int) []lowerRef {
	var out []lowerRef
	for i := below - 1; i >= 0; i-- {
		r := lowerRef{f.layers[i], i, layer.Root}
		out = append(out, r)
		if r.layer.Inode(layer.Root).Opaque {
			break
		}
	}
	return out
}

// lookupLower finds a name in a directory that is merged of dirs, topmost first.
func lookupLower(dirs []lowerRef, name string) (lowerRef, layer.Dirent, bool) {
	for _, d := range dirs {
		if e, ok := d.layer.Lookup(d.id, name); ok {
			return lowerRef{d.layer, d.index, e.ID}, e, !e.Whiteout
		}
	}
	return lowerRef{}, layer.Dirent{}, false
}

// mergeLower returns the directories of which a directory is merged that is an entry of dirs.
func mergeLower(dirs []lowerRef, name string) []lowerRef {
	var out []lowerRef
	for _, d := range dirs {
		e, ok := d.layer.Lookup(d.id, name)
		if !ok {
			continue
		}
		if e.Whiteout || e.Type != abi.DT_DIR {
			break
		}
		out = append(out, lowerRef{d.layer, d.index, e.ID})
		if d.layer.Inode(e.ID).Opaque {
			break
		}
	}
	return out
}

// visitLower calls visit for each name in a directory that is merged of dirs, sorted, until it returns false.
func visitLower(dirs []lowerRef, visit func(lowerRef, layer.Dirent) bool) {
	next := make([]int, len(dirs))
	heads := make([]layer.Dirent, len(dirs))
	advance := func(i int) {
		if d := dirs[i]; next[i] < d.layer.Entries(d.id) {
			heads[i] = d.layer.Entry(d.id, next[i])
			next[i]++
		} else {
			heads[i] = layer.Dirent{}
		}
	}
	for i := range dirs {
		advance(i)
	}
	for {
		best := -1
		for i := range heads {
			if heads[i].Name != "" && (best < 0 || heads[i].Name < heads[best].Name) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		e := heads[best]
		for i := range heads {
			if heads[i].Name == e.Name {
				advance(i)
			}
		}
		if !e.Whiteout && !visit(lowerRef{dirs[best].layer, dirs[best].index, e.ID}, e) {
			return
		}
	}
}

// subdirectories counts the directories in a directory that is merged of dirs. Only they are looked up.
func subdirectories(dirs []lowerRef) uint32 {
	if len(dirs) == 1 {
		return dirs[0].layer.Inode(dirs[0].id).Nlink - 2
	}
	n := uint32(0)
	for i, d := range dirs {
		for k := range d.layer.Entries(d.id) {
			e := d.layer.Entry(d.id, k)
			if e.Type != abi.DT_DIR || e.Whiteout {
				continue
			}
			if !slices.ContainsFunc(dirs[:i], func(up lowerRef) bool { _, ok := up.layer.Lookup(up.id, e.Name); return ok }) {
				n++
			}
		}
	}
	return n
}

// external finds the file that a hard link to a lower layer means: one of its attributes and data, though with a
// number of its own.
func (f *FS) external(r lowerRef) (lowerRef, bool) {
	for r.layer.Inode(r.id).External {
		dirs := f.lowerRoot(r.index)
		path := strings.Split(r.layer.LinkTarget(r.id), "/")
		for _, name := range path[:len(path)-1] {
			dirs = mergeLower(dirs, name)
		}
		to, e, ok := lookupLower(dirs, path[len(path)-1])
		if !ok || e.Type == abi.DT_DIR {
			return lowerRef{}, false
		}
		r = to
	}
	return r, true
}

// makeRoot makes the node of the root directory.
func (f *FS) makeRoot() *node {
	dirs := f.lowerRoot(len(f.layers))
	n := &node{fs: f, ino: rootIno, dir: &directory{lower: dirs}, mode: abi.S_IFDIR | 0o755, nlink: 2}
	f.attributes(n, dirs)
	if n.mtime == 0 { // no layer tells: the root is as old as the writable layer
		n.mtime = now()
		if info, err := os.Stat(f.upper); err == nil {
			n.mtime = info.ModTime().UnixNano()
		}
		n.atime, n.ctime = n.mtime, n.mtime
	}
	return n
}

// attributes gives a directory's node the attributes of the topmost layer that has any.
func (f *FS) attributes(n *node, dirs []lowerRef) {
	if len(dirs) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(dirs, func(d lowerRef) bool { return !d.layer.Inode(d.id).Implied }))
	n.from = dirs[i]
	n.fill(n.from.layer.Inode(n.from.id))
	n.nlink = 2 + subdirectories(dirs)
}

// lowerNode returns the node of an entry that the lower layers have in the directory up; tree is held for writing.
// The entry of a hard link that leads nowhere gives nil.
func (f *FS) lowerNode(up *node, name string, r lowerRef, typ uint8) *node {
	ino := f.ino(r)
	if n := f.nodes[ino]; n != nil {
		n.up.CompareAndSwap(nil, up)
		return n
	}
	n := &node{fs: f, ino: ino}
	n.up.Store(up)
	if typ == abi.DT_DIR {
		n.dir = &directory{lower: mergeLower(up.dir.lower, name)}
		f.attributes(n, n.dir.lower)
	} else if !f.fillFile(n, r) {
		return nil
	}
	f.nodes[ino] = n
	return n
}

// fillFile gives a node that is no directory its lower attributes.
func (f *FS) fillFile(n *node, r lowerRef) bool {
	from, ok := f.external(r)
	if !ok {
		return false
	}
	n.from = from
	n.fill(from.layer.Inode(from.id))
	if from != r {
		n.nlink = max(1, r.layer.Inode(r.id).Nlink)
	}
	return true
}

// nodeOf returns the node of a lower inode by its number, for what the journal speaks of; nil when there is none.
func (f *FS) nodeOf(ino uint64) *node {
	if n := f.nodes[ino]; n != nil {
		return n
	}
	if !f.isLower(ino) {
		return nil
	}
	r := f.refOf(ino)
	if r.layer.Inode(r.id).Mode&abi.S_IFMT != abi.S_IFDIR {
		n := &node{fs: f, ino: ino}
		if !f.fillFile(n, r) {
			return nil
		}
		f.nodes[ino] = n
		return n
	}
	var path []string
	for id := r.id; id != layer.Root; {
		up, name := r.layer.Parent(id)
		path = append(path, name)
		id = up
	}
	n := f.root
	for _, name := range slices.Backward(path) {
		r, e, ok := lookupLower(n.dir.lower, name)
		if !ok || e.Type != abi.DT_DIR {
			return nil
		}
		n = f.lowerNode(n, name, r, e.Type)
	}
	return n
}
