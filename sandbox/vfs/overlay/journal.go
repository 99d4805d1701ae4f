package overlay

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
)

// journal is the file that holds the writable layer's metadata: a header, then frames of records that hold together
// (all of a rename, for one). A frame is its length, a checksum and the records; the first one that is not whole ends
// the journal, so that what a crash cut off never was.
//
// Every record tells the whole state of what it is about, an inode's attributes or an entry. So it does no harm when
// one is read twice, and a compacted journal may be followed by records that it already took into account.
//
// Records are added in the order of the changes, under the locks of what they change, and written after those are
// given back, before the system call returns: several tasks' records in one write, when it happens so.
type journal struct {
	path    string
	header  [headerSize]byte
	durable bool // sync means fsync

	writing sync.Mutex // held over input and output, and guards file to unsynced
	file    *os.File   // nil until something is written
	end     int64      // of what is written
	base    int64      // size after the last compaction
	spare   []byte
	created bool // the directory is not known to be on the disk
	closed  bool

	mu      sync.Mutex
	pending []byte // frames to be written
}

const (
	journalMagic = "SLOVERL\x01"
	headerSize   = 16
	frameHead    = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// errForeign means that a writable layer belongs to other layers.
var errForeign = errors.New("it is of another image")

func (j *journal) init(path string, identity uint64, durable bool) {
	j.path, j.durable = path, durable
	copy(j.header[:], journalMagic)
	le.PutUint64(j.header[8:], identity)
}

// add appends a frame of records to what is to be written.
func (j *journal) add(payload []byte) {
	j.mu.Lock()
	j.pending = appendFrame(j.pending, payload)
	j.mu.Unlock()
}

func appendFrame(b, payload []byte) []byte {
	b = le.AppendUint32(b, uint32(len(payload)))
	b = le.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

// flush hands what was added to the host's kernel, where it survives the end of this process. What could not be
// written is tried again at the next flush, at the same place.
func (j *journal) flush() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	return j.flushLocked()
}

func (j *journal) flushLocked() error {
	j.mu.Lock()
	out := j.pending
	j.pending = j.spare[:0]
	j.mu.Unlock()
	j.spare = nil
	if len(out) == 0 {
		j.spare = out
		return nil
	}
	err := j.write(out)
	if err == nil {
		j.end += int64(len(out))
		if cap(out) <= 64<<10 {
			j.spare = out[:0]
		}
		return nil
	}
	j.mu.Lock()
	j.pending = append(out, j.pending...)
	j.mu.Unlock()
	return errnoOf(err)
}

func (j *journal) write(out []byte) error {
	if j.closed {
		return os.ErrClosed
	}
	if j.file == nil {
		if err := j.create(); err != nil {
			return err
		}
	}
	_, err := j.file.WriteAt(out, j.end)
	return err
}

// create makes the journal, and the directory for it.
func (j *journal) create() error {
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(j.path), 0o700); err == nil {
			f, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		}
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(j.header[:], 0); err != nil {
		f.Close()
		return err
	}
	j.file, j.end, j.created = f, headerSize, true
	return nil
}

// sync writes everything through to the disk.
func (j *journal) sync() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.flushLocked(); err != nil || j.file == nil || !j.durable {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return errnoOf(err)
	}
	if j.created {
		dir := filepath.Dir(j.path)
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if err := syncDir(d); err != nil {
				return errnoOf(err)
			}
		}
		j.created = false
	}
	return nil
}

func (j *journal) close() {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.closed = true
	if j.file != nil {
		j.file.Close()
	}
}

// read opens a journal that is there, gives its records to apply, frame by frame, and drops what follows the last
// whole frame.
func (j *journal) read(readOnly bool, apply func(payload []byte) error) error {
	raw, err := os.ReadFile(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(raw) < headerSize { // cut off while it was made
		return nil
	}
	if string(raw[:8]) != journalMagic {
		return errors.New("journal is of an unknown format")
	}
	if [headerSize]byte(raw) != j.header {
		return errForeign
	}
	end := headerSize
	for {
		rest := raw[end:]
		if len(rest) < frameHead {
			break
		}
		n := int(le.Uint32(rest))
		if n == 0 || n > len(rest)-frameHead {
			break
		}
		payload := rest[frameHead:][:n]
		if crc32.Checksum(payload, castagnoli) != le.Uint32(rest[4:]) {
			break
		}
		if err := apply(payload); err != nil {
			return err
		}
		end += frameHead + n
	}
	if readOnly {
		return nil
	}
	f, err := os.OpenFile(j.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if end < len(raw) {
		if err := f.Truncate(int64(end)); err != nil {
			f.Close()
			return err
		}
	}
	j.file, j.end, j.base = f, int64(end), headerSize
	return nil
}

// replace writes a new journal in the old one's place, if that has grown. snapshot returns its frames; from the moment
// at which it calls started, further records go after them.
func (j *journal) replace(snapshot func(started func()) []byte) {
	const least = 1 << 20
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.file == nil || j.end < least || j.end < 4*j.base {
		return
	}
	var before []byte
	frames := snapshot(func() {
		j.mu.Lock()
		before, j.pending = j.pending, nil
		j.mu.Unlock()
	})
	f, err := j.writeNew(frames)
	if err != nil {
		j.base = j.end
		j.mu.Lock()
		j.pending = append(before, j.pending...)
		j.mu.Unlock()
		return
	}
	j.file.Close()
	j.file, j.end = f, headerSize+int64(len(frames))
	j.base, j.created = j.end, true
}

func (j *journal) writeNew(frames []byte) (*os.File, error) {
	temp := j.path + ".new"
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(append(j.header[:], frames...))
	if err == nil && j.durable {
		err = f.Sync() // before the name, which must never stand for less than the old journal had
	}
	if err == nil {
		err = os.Rename(temp, j.path)
	}
	if err != nil {
		f.Close()
		os.Remove(temp)
		return nil, err
	}
	return f, nil
}

// syncDir writes a directory's entries to the disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
