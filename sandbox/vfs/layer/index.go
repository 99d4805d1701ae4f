package layer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"unsafe"
)

// The index file, all numbers little-endian:
//
//	header     64 bytes: magic, version, CRC-32C of what follows it, size and mtime of the tar, counts,
//	           a checksum of names and inode numbers
//	inodes     inodeSize each; number 0 is the root directory
//	dirents    direntSize each; those of a directory are together, sorted by name
//	fragments  fragmentSize each: offset and length of the data that a sparse file has
//	text       names, link targets, extended attributes
const (
	magic        = "SLLAYER\n"
	version      = 1
	headerSize   = 64
	inodeSize    = 72
	direntSize   = 12
	fragmentSize = 16
)

// Flags of an inode record.
const (
	flagOpaque = 1 << iota
	flagImplied
	flagExternal
	flagSparse
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// index is the index's bytes and where its parts are.
type index struct {
	inodes    int
	numbering uint32
	records   []byte
	dirents   []byte
	fragments []byte
	text      string
}

// errStale means that there is no index that can be used.
var errStale = errors.New("index is missing, damaged or of another tar")

// loadIndex reads the index of a tar, or makes it.
func loadIndex(tar *os.File, path string) (index, error) {
	info, err := tar.Stat()
	if err != nil {
		return index{}, err
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		if x, err := parseIndex(raw, info); err == nil {
			return x, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return index{}, err
	}
	b, err := scan(tar, info.Size())
	if err != nil {
		return index{}, err
	}
	if raw, err = b.encode(info); err != nil {
		return index{}, err
	}
	if err := writeFile(path, raw); err != nil {
		return index{}, fmt.Errorf("write index: %w", err)
	}
	return parseIndex(raw, info)
}

// writeFile makes a file that is there whole or not at all. It need not be on the disk: a damaged index is made anew.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// parseIndex checks an index and finds its parts; it keeps raw.
func parseIndex(raw []byte, tar os.FileInfo) (index, error) {
	if len(raw) < headerSize || string(raw[:8]) != magic || le.Uint32(raw[8:]) != version {
		return index{}, errStale
	}
	if int64(le.Uint64(raw[16:])) != tar.Size() || int64(le.Uint64(raw[24:])) != tar.ModTime().UnixNano() {
		return index{}, errStale
	}
	if crc32.Checksum(raw[16:], castagnoli) != le.Uint32(raw[12:]) {
		return index{}, errStale
	}
	body := raw[headerSize:]
	inodes, dirents := int(le.Uint32(raw[32:])), int(le.Uint32(raw[36:]))
	fragments, text := int(le.Uint32(raw[40:])), int(le.Uint32(raw[44:]))
	if inodes == 0 || len(body) != inodes*inodeSize+dirents*direntSize+fragments*fragmentSize+text {
		return index{}, errStale
	}
	x := index{inodes: inodes, numbering: le.Uint32(raw[48:])}
	x.records, body = body[:inodes*inodeSize], body[inodes*inodeSize:]
	x.dirents, body = body[:dirents*direntSize], body[dirents*direntSize:]
	x.fragments, body = body[:fragments*fragmentSize], body[fragments*fragmentSize:]
	x.text = unsafe.String(unsafe.SliceData(body), len(body)) // nobody writes to raw any more
	return x, nil
}

func (x *index) inode(id ID) inodeRecord {
	return inodeRecord(x.records[int(id)*inodeSize:][:inodeSize])
}

func (x *index) direntName(n uint32) string {
	d := x.dirents[n*direntSize:][:direntSize]
	at := le.Uint32(d)
	return x.text[at : at+uint32(le.Uint16(d[8:]))]
}

func (x *index) dirent(n uint32) Dirent {
	d := x.dirents[n*direntSize:][:direntSize]
	return Dirent{Name: x.direntName(n), ID: ID(le.Uint32(d[4:])), Type: d[10], Whiteout: d[11] != 0}
}

func (x *index) fragment(n uint32) (off, size int64) {
	f := x.fragments[n*fragmentSize:][:fragmentSize]
	return int64(le.Uint64(f)), int64(le.Uint64(f[8:]))
}

// inodeRecord is an inode in the index.
type inodeRecord []byte

func (r inodeRecord) mode() uint32   { return le.Uint32(r) }
func (r inodeRecord) uid() uint32    { return le.Uint32(r[4:]) }
func (r inodeRecord) gid() uint32    { return le.Uint32(r[8:]) }
func (r inodeRecord) nlink() uint32  { return le.Uint32(r[12:]) }
func (r inodeRecord) rdev() uint64   { return le.Uint64(r[16:]) }
func (r inodeRecord) size() int64    { return int64(le.Uint64(r[24:])) }
func (r inodeRecord) data() int64    { return int64(le.Uint64(r[32:])) } // offset in the tar; a link's target in text
func (r inodeRecord) mtime() int64   { return int64(le.Uint64(r[40:])) }
func (r inodeRecord) xattrs() uint32 { return le.Uint32(r[48:]) } // in text; 0 for none
func (r inodeRecord) parent() ID     { return ID(le.Uint32(r[52:])) }
func (r inodeRecord) first() uint32  { return le.Uint32(r[56:]) } // dirent of a directory, fragment of a sparse file
func (r inodeRecord) count() uint32  { return le.Uint32(r[60:]) } // of those; length of an external link's target
func (r inodeRecord) flags() uint32  { return le.Uint32(r[64:]) }
func (r inodeRecord) own() uint32    { return le.Uint32(r[68:]) } // a directory's own dirent

// decodeXattrs reads what appendXattrs wrote.
func decodeXattrs(s string) map[string][]byte {
	field := func() string {
		n, size := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
		f := s[size:][:n]
		s = s[size+int(n):]
		return f
	}
	n, size := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
	s = s[size:]
	m := make(map[string][]byte, n)
	for range n {
		name := field()
		m[name] = []byte(field())
	}
	return m
}
