package overlay

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// ChangeKind is how a path differs from the image.
type ChangeKind byte

// Kinds of changes, as docker diff prints them.
const (
	Modified ChangeKind = 'C'
	Added    ChangeKind = 'A'
	Deleted  ChangeKind = 'D'
)

// Change is a path of the container that differs from the image.
type Change struct {
	Path string // absolute
	Kind ChangeKind
}

// Changes tells how the tree differs from the image (GET /containers/{id}/changes of the Docker API), sorted by path.
// The directories above a change are changes too; of a directory that was deleted, only it is named.
func (f *FS) Changes() ([]Change, error) {
	f.tree.Lock()
	defer f.tree.Unlock()
	d := differ{fs: f, touched: make(map[*node]bool)}
	for _, n := range f.nodes {
		n.mu.RLock()
		changed := n.changed
		n.mu.RUnlock()
		for ; changed && n != nil && !d.touched[n]; n = n.up.Load() {
			d.touched[n] = true
		}
	}
	if d.touched[f.root] {
		d.directory(f.root, f.root.dir.lower, "/", true)
	}
	slices.SortFunc(d.out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return d.out, nil
}

type differ struct {
	fs      *FS
	touched map[*node]bool // changed, or a directory above such
	out     []Change
}

// directory compares a directory with what the image has at its path, merged of was. inPlace says that these are the
// directory's own lower directories, so that entries which are not touched are the same.
func (d *differ) directory(n *node, was []lowerRef, path string, inPlace bool) {
	n.each(func(name string, ino uint64, typ uint8) bool {
		_, ours := n.dir.entries[name]
		c := d.fs.nodes[ino]
		if inPlace && !ours && !d.touched[c] {
			return true
		}
		if c == nil {
			r, e, _ := lookupLower(n.dir.lower, name)
			if c = d.fs.lowerNode(n, name, r, e.Type); c == nil {
				return true
			}
		}
		_, _, existed := lookupLower(was, name)
		kind := Added
		if existed {
			kind = Modified
		}
		d.out = append(d.out, Change{path + name, kind})
		if typ == abi.DT_DIR {
			d.directory(c, mergeLower(was, name), path+name+"/", inPlace && !ours)
		}
		return true
	})
	visitLower(was, func(_ lowerRef, e layer.Dirent) bool {
		ours, there := n.dir.entries[e.Name]
		if there {
			there = ours.ino != 0
		} else {
			_, _, there = lookupLower(n.dir.lower, e.Name)
		}
		if !there {
			d.out = append(d.out, Change{path + e.Name, Deleted})
		}
		return true
	})
}
