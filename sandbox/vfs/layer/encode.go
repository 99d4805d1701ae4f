package layer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// encoder lays out the index of a tree: inodes are numbered breadth-first, so that a directory's entries are together.
// The numbers must stay what they are when the format changes: writable layers know lower inodes by them.
type encoder struct {
	records, dirents, fragments, text []byte
	count                             uint32 // inodes
	numbering                         uint32
	names                             map[string]uint32
	queue                             []*node
}

// encode writes the index of what the scan has found.
func (b *builder) encode(tar os.FileInfo) ([]byte, error) {
	e := &encoder{text: []byte{0}, names: make(map[string]uint32)}
	e.number(b.root)
	for len(e.queue) > 0 {
		dir := e.queue[0]
		e.queue = e.queue[1:]
		e.directory(dir)
	}
	if len(e.text) > math.MaxUint32 {
		return nil, fmt.Errorf("names and attributes of %d bytes are too many for an index", len(e.text))
	}
	body := slices.Concat(e.records, e.dirents, e.fragments, e.text)
	head := make([]byte, headerSize, headerSize+len(body))
	copy(head, magic)
	le.PutUint32(head[8:], version)
	le.PutUint64(head[16:], uint64(tar.Size()))
	le.PutUint64(head[24:], uint64(tar.ModTime().UnixNano()))
	le.PutUint32(head[32:], e.count)
	le.PutUint32(head[36:], uint32(len(e.dirents)/direntSize))
	le.PutUint32(head[40:], uint32(len(e.fragments)/fragmentSize))
	le.PutUint32(head[44:], uint32(len(e.text)))
	le.PutUint32(head[48:], e.numbering)
	out := append(head, body...)
	le.PutUint32(out[12:], crc32.Checksum(out[16:], castagnoli))
	return out, nil
}

// number gives an inode its number and its record, once.
func (e *encoder) number(n *node) {
	if n.numbered {
		return
	}
	n.numbered, n.id = true, ID(e.count)
	e.count++
	var r [inodeSize]byte
	data, count, first := n.data, uint32(0), uint32(0)
	switch {
	case n.flags&flagExternal != 0:
		data, count = int64(e.put(n.target)), uint32(len(n.target))
	case n.mode&abi.S_IFMT == abi.S_IFLNK:
		data = int64(e.put(n.target))
	case n.flags&flagSparse != 0:
		first, count = uint32(len(e.fragments)/fragmentSize), uint32(len(n.sparse))
		for _, f := range n.sparse {
			e.fragments = le.AppendUint64(e.fragments, uint64(f.off))
			e.fragments = le.AppendUint64(e.fragments, uint64(f.size))
		}
	}
	le.PutUint32(r[0:], n.mode)
	le.PutUint32(r[4:], n.uid)
	le.PutUint32(r[8:], n.gid)
	le.PutUint64(r[16:], n.rdev)
	le.PutUint64(r[24:], uint64(n.size))
	le.PutUint64(r[32:], uint64(data))
	le.PutUint64(r[40:], uint64(n.mtime))
	if len(n.xattrs) > 0 {
		le.PutUint32(r[48:], uint32(len(e.text)))
		e.text = appendXattrs(e.text, n.xattrs)
	}
	le.PutUint32(r[56:], first)
	le.PutUint32(r[60:], count)
	le.PutUint32(r[64:], n.flags)
	e.records = append(e.records, r[:]...)
	if n.isDir() {
		e.addLinks(n.id, 2)
		e.queue = append(e.queue, n)
	}
}

// directory writes the entries of a directory.
func (e *encoder) directory(dir *node) {
	names := make([]string, 0, len(dir.children))
	for name := range dir.children {
		names = append(names, name)
	}
	slices.Sort(names)
	r := e.record(dir.id)
	le.PutUint32(r[56:], uint32(len(e.dirents)/direntSize))
	le.PutUint32(r[60:], uint32(len(names)))
	for _, name := range names {
		c := dir.children[name]
		var d [direntSize]byte
		le.PutUint32(d[0:], e.put(name))
		le.PutUint16(d[8:], uint16(len(name)))
		if c.whiteout {
			d[11] = 1
		} else {
			e.number(c)
			le.PutUint32(d[4:], uint32(c.id))
			d[10] = abi.DirentType(c.mode)
			r := e.record(c.id)
			if c.isDir() {
				e.addLinks(dir.id, 1)
				le.PutUint32(r[52:], uint32(dir.id))
				le.PutUint32(r[68:], uint32(len(e.dirents)/direntSize))
			} else {
				e.addLinks(c.id, 1)
			}
		}
		e.numbering = crc32.Update(e.numbering, castagnoli, append(d[4:8:8], name...))
		e.dirents = append(e.dirents, d[:]...)
	}
}

func (e *encoder) record(id ID) []byte { return e.records[int(id)*inodeSize:][:inodeSize] }

func (e *encoder) addLinks(id ID, n uint32) {
	r := e.record(id)
	le.PutUint32(r[12:], le.Uint32(r[12:])+n)
}

// put puts a string into text, once, and returns where.
func (e *encoder) put(s string) uint32 {
	at, ok := e.names[s]
	if !ok {
		at = uint32(len(e.text))
		e.text = append(e.text, s...)
		e.names[s] = at
	}
	return at
}

// appendXattrs writes a count, then names and values with their lengths before them.
func appendXattrs(b []byte, xattrs map[string]string) []byte {
	names := make([]string, 0, len(xattrs))
	for name := range xattrs {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
		b = binary.AppendUvarint(b, uint64(len(xattrs[name])))
		b = append(b, xattrs[name]...)
	}
	return b
}
