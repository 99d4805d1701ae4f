// Package logfile keeps what a container writes in files that may be rotated and compressed, in the formats of dockerd's
// log drivers json-file and local.
package logfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// idle is how long a file stays open after the last write.
const idle = 5 * time.Second

// Format is how entries are written: JSON or Local.
type Format interface {
	// attrs prepares attributes for encode.
	attrs(map[string]string) []byte
	// encode appends a record.
	encode(b []byte, e *Entry, attrs []byte) []byte
	// next returns the length of the record at the beginning of buf, and whether it is whole.
	next(buf []byte) (n int, ok bool)
	// decode reads a record; it reports false for one that is damaged. What it sets may be in d's buffers.
	decode(record []byte, e *Entry, d *decoder) bool
	// last looks back from size for n records: where they begin, and how many there are.
	last(f io.ReaderAt, size int64, n int) (at int64, found int, err error)
	// mend makes a file of that size, not 0, fit for further records if the end of an earlier daemon has torn its last,
	// and returns the new size.
	mend(f file, size int64) (int64, error)
}

type file interface {
	io.ReaderAt
	io.Writer
	Truncate(int64) error
}

// Options say in what form a log is kept, and when its file is rotated; the zero value of the sizes never does.
type Options struct {
	Format   Format
	MaxSize  int64 // bytes; 0 for no limit
	MaxFiles int   // files kept, the current one included; less than 1 means 1
	Compress bool  // all but the current one
}

// Log is the log of one container. The file is made by the first write. It is safe for concurrent use.
type Log struct {
	path string
	opts Options

	mu          sync.Mutex
	attrs       []byte // go with every entry, as they are written
	attrMap     map[string]string
	f           *os.File // nil when closed for a while
	size        int64    // of the current file; valid when known
	known       bool
	gen         int // counts rotations
	written     int // counts writes, for the idle timer
	timer       *time.Timer
	buf         []byte
	split       [2]Splitter
	entry       Entry // being written
	ended       bool  // no more writes until Begin
	removed     bool
	changed     chan struct{}
	compressing chan struct{} // closed when old files are compressed; nil when nobody does that
}

// Entry is a line of the log, or a part of a long one.
type Entry struct {
	Time    time.Time
	Stream  Stream
	Line    []byte // with the newline at its end, if it has one
	Attrs   map[string]string
	Partial Partial // known of JSON's only while they are written
}

// Stream is one of a program's outputs.
type Stream int

// The streams that are logged.
const (
	Stdout Stream = iota
	Stderr
)

func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// New makes the log in the file path. Nothing is opened.
func New(path string, opts Options) *Log {
	return &Log{path: path, opts: opts, ended: true}
}

// Begin tells that a program starts, whose entries get the attributes: readers that follow wait for what it writes.
func (l *Log) Begin(attrs map[string]string) {
	l.mu.Lock()
	l.attrs, l.attrMap = l.opts.Format.attrs(attrs), attrs
	l.ended = false
	l.mu.Unlock()
}

// End tells that the program has ended: begun lines are written, the file is closed, readers that follow come to an end.
func (l *Log) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.buf = l.buf[:0]
	for s := range l.split {
		if e, ok := l.split[s].Flush(now); ok {
			e.Stream = Stream(s)
			l.buf = l.opts.Format.encode(l.buf, &e, l.attrs)
		}
	}
	err := l.flush()
	l.ended = true
	l.wake()
	l.closeFile()
	l.buf = nil
	return err
}

// Write logs what a program wrote to a stream. Lines are logged when they are complete.
func (l *Log) Write(p []byte, stream Stream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.buf = l.buf[:0]
	for len(p) > 0 {
		e, rest, ok := l.split[stream].Next(p, now)
		if !ok {
			break
		}
		p, l.entry = rest, e
		l.entry.Stream = stream
		l.buf = l.opts.Format.encode(l.buf, &l.entry, l.attrs)
		if l.opts.MaxSize > 0 && (!l.known || l.size+int64(len(l.buf)) >= l.opts.MaxSize) {
			if err := l.flush(); err != nil {
				return err
			}
			l.buf = l.buf[:0]
		}
	}
	err := l.flush()
	if cap(l.buf) > 64<<10 {
		l.buf = nil
	}
	return err
}

// flush appends l.buf to the file in one write, and rotates before it when it is full; l.mu is held.
func (l *Log) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	if err := l.open(); err != nil {
		return err
	}
	if l.opts.MaxSize > 0 && l.size >= l.opts.MaxSize {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	n, err := l.f.Write(l.buf)
	l.size += int64(n)
	if err != nil {
		// What was half written is taken back, so that the next entry begins a line.
		if l.f.Truncate(l.size-int64(n)) == nil {
			l.size -= int64(n)
		}
		return fmt.Errorf("writing the log: %w", err)
	}
	l.wake()
	return nil
}

// open opens the current file if it isn't; l.mu is held.
func (l *Log) open() error {
	l.written++
	if l.f != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(l.path), 0o710); err != nil {
			return fmt.Errorf("making the log: %w", err)
		}
		f, err = os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	}
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	if !l.known {
		if err := l.mend(f); err != nil {
			f.Close()
			return fmt.Errorf("opening the log: %w", err)
		}
	}
	l.f = f
	written := l.written
	var closeIdle func()
	closeIdle = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.f != f {
			return
		}
		if l.written == written {
			l.closeFile()
			return
		}
		written = l.written
		l.timer = time.AfterFunc(idle, closeIdle)
	}
	l.timer = time.AfterFunc(idle, closeIdle)
	return nil
}

// mend repairs what an earlier daemon's end has torn, and finds out the size.
func (l *Log) mend(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if l.size = info.Size(); l.size > 0 {
		if l.size, err = l.opts.Format.mend(f, l.size); err != nil {
			return err
		}
	}
	l.known = true
	return nil
}

func (l *Log) closeFile() {
	if l.f != nil {
		l.f.Close()
		l.f = nil
		l.timer.Stop()
	}
}

// rotate makes the current file the first old one; l.mu is held and the file is open.
func (l *Log) rotate() error {
	l.closeFile()
	files := max(l.opts.MaxFiles, 1)
	if files == 1 {
		if err := os.Remove(l.path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("rotating the log: %w", err)
		}
	}
	for i := files - 1; i >= 1; i-- {
		for _, suffix := range []string{"", compressed} {
			err := os.Rename(l.file(i-1)+suffix, l.file(i)+suffix)
			if err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("rotating the log: %w", err)
			}
			if err != nil && i == files-1 { // the oldest goes also if what comes in its place is in the other form
				os.Remove(l.file(i) + suffix)
			}
		}
	}
	l.gen++
	l.size = 0
	if err := l.open(); err != nil {
		return err
	}
	l.compress()
	return nil
}

// file is the name of the i-th newest file.
func (l *Log) file(i int) string {
	if i == 0 {
		return l.path
	}
	return l.path + "." + strconv.Itoa(i)
}

// wake tells readers that follow; l.mu is held.
func (l *Log) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Remove deletes the log's files.
func (l *Log) Remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeFile()
	l.size, l.known, l.ended, l.removed = 0, true, true, true
	l.wake()
	if done := l.compressing; done != nil {
		l.mu.Unlock()
		<-done
		l.mu.Lock()
	}
	for i := range max(l.opts.MaxFiles, 1) {
		for _, suffix := range []string{"", compressed} {
			if err := os.Remove(l.file(i) + suffix); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("removing the log: %w", err)
			}
		}
	}
	return nil
}
