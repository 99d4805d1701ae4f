package overlay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Kinds of records. Numbers in them are varints, strings have their length before them.
const (
	recordInode  = 1 // number, flags, attributes, link target, inline data, extended attributes
	recordEntry  = 2 // directory, name, inode (0: none), type
	recordForget = 3 // number
)

// Flags of an inode's record.
const (
	flagOwn = 1 << iota
	flagDirty
	flagSparse
	flagXattrs
	flagHost
)

// appendInode appends the record of a node; node.mu is held.
func appendInode(b []byte, n *node) []byte {
	flags := uint64(0)
	set := func(flag uint64, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagOwn, n.own)
	set(flagDirty, n.dirty)
	set(flagSparse, n.sparse)
	set(flagXattrs, n.ownXattrs)
	set(flagHost, n.onHost)
	parent := uint64(0)
	if up := n.up.Load(); up != nil {
		parent = up.ino
	}
	b = append(b, recordInode)
	for _, v := range [...]uint64{
		n.ino, flags, uint64(n.mode), uint64(n.uid), uint64(n.gid), uint64(n.nlink), n.rdev, uint64(n.size), parent,
	} {
		b = binary.AppendUvarint(b, v)
	}
	for _, t := range [...]int64{n.atime, n.mtime, n.ctime} {
		b = binary.AppendVarint(b, t)
	}
	b = appendString(b, n.target)
	if n.own && !n.onHost {
		b = appendString(b, string(n.inline))
	}
	if n.ownXattrs {
		b = binary.AppendUvarint(b, uint64(len(n.xattrs)))
		for _, name := range n.xattrs.List() {
			b = appendString(b, name)
			b = appendString(b, string(n.xattrs[name]))
		}
	}
	return b
}

func appendEntry(b []byte, dir uint64, name string, e entry) []byte {
	b = append(b, recordEntry)
	b = binary.AppendUvarint(b, dir)
	b = appendString(b, name)
	b = binary.AppendUvarint(b, e.ino)
	return append(b, e.typ)
}

func appendForget(b []byte, ino uint64) []byte {
	return binary.AppendUvarint(append(b, recordForget), ino)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// saved is what the journal says: the last record of each inode, and the entries.
type saved struct {
	inodes  map[uint64]*node // their attributes alone
	parents map[uint64]uint64
	entries map[uint64]map[string]entry
	lastIno uint64
}

var errRecord = errors.New("journal has a record that cannot be read")

// apply takes over the records of a frame.
func (s *saved) apply(payload []byte) error {
	r := reader{rest: payload}
	for len(r.rest) > 0 && !r.bad {
		kind := r.byte()
		ino := r.uint()
		s.lastIno = max(s.lastIno, ino)
		switch kind {
		case recordInode:
			n := &node{ino: ino, changed: true}
			flags := r.uint()
			n.own, n.dirty, n.sparse, n.ownXattrs = flags&flagOwn != 0, flags&flagDirty != 0, flags&flagSparse != 0, flags&flagXattrs != 0
			n.mode, n.uid, n.gid, n.nlink = uint32(r.uint()), uint32(r.uint()), uint32(r.uint()), uint32(r.uint())
			n.rdev, n.size = r.uint(), int64(r.uint())
			s.parents[ino] = r.uint()
			n.atime, n.mtime, n.ctime = r.int(), r.int(), r.int()
			n.target = r.string()
			if n.onHost = flags&flagHost != 0; n.own && !n.onHost {
				n.inline = []byte(r.string())
			}
			if n.ownXattrs {
				n.xattrs = make(vfs.XattrMap)
				for i := r.uint(); i > 0 && !r.bad; i-- {
					name := r.string()
					n.xattrs[name] = []byte(r.string())
				}
			}
			s.inodes[ino] = n
		case recordEntry:
			name := r.string()
			e := entry{ino: r.uint(), typ: r.byte()}
			if s.entries[ino] == nil {
				s.entries[ino] = make(map[string]entry)
			}
			s.entries[ino][name] = e
		case recordForget:
			delete(s.inodes, ino)
			delete(s.entries, ino)
		default:
			return errRecord
		}
	}
	if r.bad {
		return errRecord
	}
	return nil
}

// reader takes a record apart.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, n = true, 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad, n = true, 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) string() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// load makes the nodes that the journal tells of.
func (f *FS) load() error {
	s := saved{inodes: make(map[uint64]*node), parents: make(map[uint64]uint64), entries: make(map[uint64]map[string]entry)}
	if err := f.journal.read(f.opts.ReadOnly, s.apply); err != nil {
		return err
	}
	if len(s.inodes) == 0 && s.lastIno == 0 {
		return nil
	}
	f.lastIno = max(f.lastIno, s.lastIno)
	for ino, from := range s.inodes {
		n := f.nodeOf(ino)
		if n == nil {
			if f.isLower(ino) {
				return fmt.Errorf("journal speaks of inode %d, which no layer has", ino)
			}
			n = &node{fs: f, ino: ino}
			if from.mode&abi.S_IFMT == abi.S_IFDIR {
				n.dir = new(directory)
			}
			f.nodes[ino] = n
		}
		f.restore(n, from)
	}
	for ino, parent := range s.parents {
		if n := f.nodes[ino]; n != nil && n.changed {
			n.up.Store(f.nodeOf(parent))
		}
	}
	for ino, entries := range s.entries {
		dir := f.nodeOf(ino)
		if dir == nil || dir.dir == nil {
			return fmt.Errorf("journal has entries of %d, which is no directory", ino)
		}
		for name, e := range entries {
			switch {
			case e.ino == 0:
				dir.dir.remove(name)
			case f.nodes[e.ino] == nil:
				return fmt.Errorf("journal has an entry for inode %d, which is not there", e.ino)
			default:
				dir.dir.set(name, e)
			}
		}
	}
	if f.opts.ReadOnly {
		return nil
	}
	return f.sweep()
}

// restore gives a node the attributes of its record.
func (f *FS) restore(n, from *node) {
	n.mode, n.uid, n.gid, n.nlink, n.rdev, n.size = from.mode, from.uid, from.gid, from.nlink, from.rdev, from.size
	n.atime, n.mtime, n.ctime = from.atime, from.mtime, from.ctime
	n.target, n.xattrs, n.ownXattrs = from.target, from.xattrs, from.ownXattrs
	n.own, n.onHost, n.sparse = from.own, from.onHost, from.sparse
	n.setInline(from.inline)
	n.changed = true
	f.inodes.Add(1)
	if from.dirty && from.onHost {
		n.size = 0
		if info, err := os.Stat(f.dataPath(n.ino)); err == nil {
			n.size = info.Size()
			n.mtime = max(n.mtime, info.ModTime().UnixNano())
			n.ctime = max(n.ctime, n.mtime)
		}
	}
	if n.own {
		f.bytes.Add(n.size)
	}
}

// flush writes the journal's pending records, and the journal anew when it has grown.
func (f *FS) flush() error {
	if err := f.journal.flush(); err != nil {
		return err
	}
	f.compact()
	return nil
}

// compact writes the journal anew when it has grown: each inode and entry once. When that fails the old one stays in
// use, and it is tried again when it has grown further.
func (f *FS) compact() {
	f.journal.replace(func(started func()) []byte {
		f.tree.Lock()
		defer f.tree.Unlock()
		started()
		var out, payload []byte
		inos := make([]uint64, 0, len(f.nodes))
		for ino := range f.nodes {
			inos = append(inos, ino)
		}
		slices.Sort(inos)
		for _, ino := range inos {
			n := f.nodes[ino]
			n.mu.RLock()
			if n.changed {
				payload = appendInode(payload[:0], n)
				out = appendFrame(out, payload)
			}
			n.mu.RUnlock()
		}
		for _, ino := range inos {
			n := f.nodes[ino]
			if n.dir == nil || len(n.dir.entries) == 0 {
				continue
			}
			payload = payload[:0]
			for name, e := range n.dir.entries {
				payload = appendEntry(payload, ino, name, e)
			}
			out = appendFrame(out, payload)
		}
		return out
	})
}
