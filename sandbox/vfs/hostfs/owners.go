package hostfs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Owners keeps what a volume's files have and the host doesn't let an ordinary user set: foreign owners, set-id bits and
// modes that would lock the daemon out, devices, and extended attributes outside "user.". It is a journal beside the volume, one
// JSON object a line, read at the start and written anew when most of it is out of date. A record is found by the file's
// inode number and, where the host tells it, the time of the inode's making, so that it follows renames and links and a
// number used again inherits nothing.
//
// Limits: a copy of the volume made on the host has other inode numbers and so loses the records. A record lasts until the
// last name is removed through the sandbox and the file is closed everywhere; one whose file the host removed, or that a
// crash left, stays as a dead line. A crash of the daemon loses nothing; a crash of the machine may lose the last seconds.
//
// A nil *Owners knows nothing.
type Owners struct {
	path string

	mu      sync.RWMutex
	f       *os.File
	records map[uint64]record // by inode number
	lines   int               // in the journal
	open    map[uint64]int    // open files, by inode number
	orphans map[uint64]bool   // of those, what has no name any more
}

// Meta is what Owners knows of a file's stat(2); Mode has the type bits.
type Meta struct {
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
	Mode uint32 `json:"mode"`
	Rdev uint64 `json:"rdev,omitempty"`
}

// record is a line of the journal; without Meta and Xattrs it takes the file's former records back.
type record struct {
	Ino    uint64       `json:"ino"`
	Btime  int64        `json:"btime,omitempty"`
	Meta   *Meta        `json:"meta,omitempty"`
	Xattrs vfs.XattrMap `json:"xattrs,omitempty"`
}

func (r record) empty() bool { return r.Meta == nil && len(r.Xattrs) == 0 }

// noRecord is a time of making that no record has.
const noRecord = -1

// OpenOwners opens the journal at a path, or starts one. A last line that a crash cut off is dropped. Only one process may
// have it open, and all filesystems of a volume must share it.
func OpenOwners(path string) (*Owners, error) {
	o := &Owners{path: path, records: make(map[uint64]record), open: make(map[uint64]int), orphans: make(map[uint64]bool)}
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("volume metadata: %w", err)
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	for line := range bytes.Lines(b[:whole]) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("volume metadata %s, line %d: %w", path, o.lines+1, err)
		}
		o.put(r)
		o.lines++
	}
	if whole != len(b) || o.stale() {
		return o, o.rewrite()
	}
	if o.f, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("volume metadata: %w", err)
	}
	return o, nil
}

// Close closes the journal.
func (o *Owners) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.f.Close()
}

func (o *Owners) put(r record) {
	if r.empty() {
		delete(o.records, r.Ino)
	} else {
		o.records[r.Ino] = r
	}
}

// stale reports whether the journal is worth writing anew.
func (o *Owners) stale() bool { return o.lines > 1000 && o.lines > 2*len(o.records) }

// rewrite writes the journal anew; o.mu is held or o is not shared yet.
func (o *Owners) rewrite() error {
	f, err := os.OpenFile(o.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("volume metadata: %w", err)
	}
	w := bufio.NewWriter(f)
	err = o.dump(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(o.path+".new", o.path)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("volume metadata: %w", err)
	}
	if o.f != nil {
		o.f.Close()
	}
	o.f, o.lines = f, len(o.records)
	return nil
}

func (o *Owners) dump(w io.Writer) error {
	enc := json.NewEncoder(w)
	for _, ino := range slices.Sorted(maps.Keys(o.records)) {
		if err := enc.Encode(o.records[ino]); err != nil {
			return err
		}
	}
	return nil
}

// find returns a file's record; o.mu is held.
func (o *Owners) find(a attr) record {
	if r, ok := o.records[a.Ino]; ok && r.Btime == a.btime {
		return r
	}
	return record{Ino: a.Ino, Btime: a.btime}
}

func (o *Owners) get(a attr) (Meta, bool) {
	if o == nil {
		return Meta{}, false
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if r := o.find(a); r.Meta != nil {
		return *r.Meta, true
	}
	return Meta{}, false
}

// typeOf returns the type that a record gives to an entry of a directory, of which only the inode number is known.
func (o *Owners) typeOf(ino uint64) (uint8, bool) {
	if o == nil {
		return 0, false
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	r, ok := o.records[ino]
	if !ok || r.Meta == nil {
		return 0, false
	}
	return abi.DirentType(r.Meta.Mode), true
}

func (o *Owners) setMeta(a attr, m Meta) error {
	return o.update(a, func(r *record) error {
		r.Meta = &m
		return nil
	})
}

// update changes a file's record and writes it down.
func (o *Owners) update(a attr, f func(*record) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.find(a)
	r.Xattrs = maps.Clone(r.Xattrs)
	if err := f(&r); err != nil {
		return err
	}
	return o.write(r)
}

func (o *Owners) write(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := o.f.Write(append(line, '\n')); err != nil {
		return err
	}
	o.put(r)
	o.lines++
	if o.stale() {
		return o.rewrite()
	}
	return nil
}

// hold keeps a file's record while the file is open; unhold when it is closed.
func (o *Owners) hold(ino uint64) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[ino]++
}

func (o *Owners) unhold(ino uint64) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open[ino]--; o.open[ino] > 0 {
		return nil
	}
	delete(o.open, ino)
	if !o.orphans[ino] {
		return nil
	}
	delete(o.orphans, ino)
	return o.forget(ino)
}

// drop forgets a file that has no name any more.
func (o *Owners) drop(a attr) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open[a.Ino] > 0 {
		o.orphans[a.Ino] = true
		return nil
	}
	return o.forget(a.Ino)
}

// forget takes a record back; o.mu is held.
func (o *Owners) forget(ino uint64) error {
	if _, ok := o.records[ino]; !ok {
		return nil
	}
	return o.write(record{Ino: ino})
}

func (o *Owners) getXattr(a attr, key string) ([]byte, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.find(a).Xattrs.Get(key)
}

func (o *Owners) listXattr(a attr) []string {
	if o == nil {
		return nil
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.find(a).Xattrs.List()
}
