// Package jsonlog keeps what a container writes in the format of dockerd's json-file log driver: one JSON object a line,
// {"log":"…\n","stream":"stdout","time":"2006-01-02T15:04:05.999999999Z"}, in a file that may be rotated.
package jsonlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// maxLine is the length at which a line is split into partial entries, which have no newline at their end.
	maxLine = 16 << 10
	// idle is how long a file stays open after the last write.
	idle = 5 * time.Second
)

// Options say when a file is rotated; the zero value never does.
type Options struct {
	MaxSize  int64             // bytes; 0 for no limit
	MaxFiles int               // files kept, the current one included; less than 1 means 1
	Attrs    map[string]string // go with every entry (labels, env, tag)
}

// Log is the log of one container. The file is made by the first write. It is safe for concurrent use.
type Log struct {
	path  string
	opts  Options
	attrs []byte // as they are written

	mu      sync.Mutex
	f       *os.File // nil when closed for a while
	size    int64    // of the current file; valid when known
	known   bool
	gen     int // counts rotations
	written int // counts writes, for the idle timer
	timer   *time.Timer
	buf     []byte
	partial [2][]byte // begun lines of stdout and stderr
	ended   bool      // no more writes until Begin
	changed chan struct{}
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
	l := &Log{path: path, opts: opts, ended: true}
	if len(opts.Attrs) > 0 {
		l.attrs, _ = json.Marshal(opts.Attrs) // a map of strings always can be
	}
	return l
}

// Begin tells that a program starts: readers that follow wait for what it writes.
func (l *Log) Begin() {
	l.mu.Lock()
	l.ended = false
	l.mu.Unlock()
}

// End tells that the program has ended: begun lines are written, the file is closed, readers that follow come to an end.
func (l *Log) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.buf = l.buf[:0]
	for s, p := range l.partial {
		if len(p) > 0 {
			l.appendEntry(p, Stream(s), now)
		}
		l.partial[s] = nil
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
		begun := l.partial[stream]
		line, whole := p, false
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line, whole = p[:i+1], true
		}
		if room := maxLine - len(begun); len(line) > room && !(whole && len(line) == room+1) {
			line, whole = p[:room], true
		}
		p = p[len(line):]
		switch {
		case whole && len(begun) == 0:
			l.appendEntry(line, stream, now)
		case whole:
			begun = append(begun, line...)
			l.appendEntry(begun, stream, now)
			l.partial[stream] = begun[:0]
		default:
			l.partial[stream] = append(begun, line...)
		}
	}
	if len(l.buf) == 0 {
		return nil
	}
	err := l.flush()
	if cap(l.buf) > 64<<10 {
		l.buf = nil
	}
	return err
}

func (l *Log) appendEntry(line []byte, stream Stream, t time.Time) {
	b := append(l.buf, `{"log":`...)
	b = appendString(b, line)
	b = append(b, `,"stream":"`...)
	b = append(b, stream.String()...)
	b = append(b, '"')
	if l.attrs != nil {
		b = append(b, `,"attrs":`...)
		b = append(b, l.attrs...)
	}
	b = append(b, `,"time":"`...)
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	l.buf = append(b, '"', '}', '\n')
}

const hex = "0123456789abcdef"

// appendString writes a JSON string with dockerd's escapes.
func appendString(b, s []byte) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029': // JavaScript takes them for line ends
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hex[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
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

// mend ends the last line if an earlier daemon's end has torn it, and finds out the size.
func (l *Log) mend(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	l.size, l.known = info.Size(), true
	if l.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], l.size-1); err != nil && err != io.EOF {
		return err
	}
	if last[0] != '\n' {
		n, err := f.Write([]byte{'\n'})
		l.size += int64(n)
		return err
	}
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
		if err := os.Rename(l.file(i-1), l.file(i)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("rotating the log: %w", err)
		}
	}
	l.gen++
	l.size = 0
	return l.open()
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
	l.size, l.known, l.ended = 0, true, true
	l.wake()
	for i := range max(l.opts.MaxFiles, 1) {
		if err := os.Remove(l.file(i)); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("removing the log: %w", err)
		}
	}
	return nil
}
