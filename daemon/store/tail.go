package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
)

// change is one Put or Delete.
type change struct {
	address
	value   []byte
	deleted bool
}

// tail is the file of changes that are not in bbolt yet. A record is
//
//	crc32c of the rest  uint32, little-endian as all numbers
//	length of the body  uint32
//	sequence number     uint64, one more than that of the record before
//	body                kind byte, bucket's length uvarint, bucket, key's length uvarint, key, value
type tail struct {
	f    *os.File
	size int64  // where the next record goes, bytes
	seq  uint64 // of the last record written, here or in bbolt
	buf  []byte // the record being made, kept for the next
}

const (
	recordHeader = 16
	kindPut      = 1
	kindDelete   = 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// openTail reads the tail and hands over, in order, the changes that are newer than folded. It ends at the first record
// that is damaged or out of sequence; what is behind is cut off, for otherwise new records could one day be followed
// by old ones that seem to fit.
func openTail(path string, folded uint64, replay func(change)) (*tail, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	t := &tail{f: f, seq: folded}
	if err := t.read(replay); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return t, nil
}

func (t *tail) read(replay func(change)) error {
	all, err := io.ReadAll(t.f)
	if err != nil {
		return err
	}
	rest, previous := all, uint64(0)
	for {
		seq, c, n, ok := decodeRecord(rest)
		if !ok || previous != 0 && seq != previous+1 || seq > t.seq+1 {
			break
		}
		if seq > t.seq {
			replay(c)
			t.seq = seq
		}
		previous = seq
		rest = rest[n:]
	}
	t.size = int64(len(all) - len(rest))
	if len(rest) == 0 {
		return nil
	}
	if err := t.f.Truncate(t.size); err != nil {
		return err
	}
	return t.f.Sync()
}

// append writes c behind the last record. When it fails the tail is as before: what was written of the record is
// overwritten by the next, or is torn for the next reader.
func (t *tail) append(c change) error {
	record, err := appendRecord(t.buf[:0], t.seq+1, c)
	if err != nil {
		return err
	}
	t.buf = record
	if _, err := t.f.WriteAt(record, t.size); err != nil {
		return err
	}
	t.size += int64(len(record))
	t.seq++
	return nil
}

// empty forgets the records, all of which are in bbolt. If the old length comes back with a loss of power, they are
// skipped by their numbers.
func (t *tail) empty() error {
	if err := t.f.Truncate(0); err != nil {
		return fmt.Errorf("emptying %s: %w", t.f.Name(), err)
	}
	t.size = 0
	if cap(t.buf) > 1<<20 {
		t.buf = nil
	}
	return nil
}

func (t *tail) close() error { return t.f.Close() }

func appendRecord(b []byte, seq uint64, c change) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, recordHeader)...)
	kind := byte(kindPut)
	if c.deleted {
		kind = kindDelete
	}
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(len(c.bucket)))
	b = append(b, c.bucket...)
	b = binary.AppendUvarint(b, uint64(len(c.key)))
	b = append(b, c.key...)
	b = append(b, c.value...)
	header, body := b[start:], len(b)-start-recordHeader
	if body > math.MaxInt32 {
		return nil, fmt.Errorf("value of %d bytes is too large", len(c.value))
	}
	binary.LittleEndian.PutUint32(header[4:], uint32(body))
	binary.LittleEndian.PutUint64(header[8:], seq)
	binary.LittleEndian.PutUint32(header, crc32.Checksum(header[4:], castagnoli))
	return b, nil
}

// decodeRecord reads the record that b begins with, n bytes of it. The change has its own copy of the value.
func decodeRecord(b []byte) (seq uint64, c change, n int, ok bool) {
	if len(b) < recordHeader {
		return 0, c, 0, false
	}
	body := binary.LittleEndian.Uint32(b[4:])
	if uint64(body) > uint64(len(b)-recordHeader) || body == 0 {
		return 0, c, 0, false
	}
	n = recordHeader + int(body)
	if crc32.Checksum(b[4:n], castagnoli) != binary.LittleEndian.Uint32(b) {
		return 0, c, 0, false
	}
	seq = binary.LittleEndian.Uint64(b[8:])
	payload := b[recordHeader:n]
	kind, payload := payload[0], payload[1:]
	if c.bucket, payload, ok = cutString(payload); !ok {
		return 0, c, 0, false
	}
	if c.key, payload, ok = cutString(payload); !ok {
		return 0, c, 0, false
	}
	switch kind {
	case kindPut:
		c.value = append([]byte{}, payload...)
	case kindDelete:
		c.deleted = true
	default:
		return 0, c, 0, false
	}
	return seq, c, n, true
}

func cutString(b []byte) (string, []byte, bool) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return "", nil, false
	}
	return string(b[n : n+int(length)]), b[n+int(length):], true
}

// isUnwritable tells whether err is that of a directory or file system that cannot be written.
func isUnwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR)
}
