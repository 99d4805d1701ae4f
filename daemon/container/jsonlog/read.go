package jsonlog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Entry is a line of the log, or a part of a long one.
type Entry struct {
	Time   time.Time
	Stream Stream
	Line   []byte // with the newline at its end, unless it is partial
	Attrs  map[string]string
}

// ReadOptions select entries.
type ReadOptions struct {
	Since, Until time.Time // zero for no bound
	Tail         int       // the last so many entries; negative for all
	Follow       bool      // wait for more, until the program ends
}

// Reader goes over the entries of a log. It is for one goroutine.
type Reader struct {
	log  *Log
	opts ReadOptions

	gen int      // of f
	f   *os.File // nil before the first file was there
	off int64
	buf []byte // read and not yet taken
}

// Read makes a reader; it must be closed.
func (l *Log) Read(opts ReadOptions) (*Reader, error) {
	r := &Reader{log: l, opts: opts}
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if opts.Tail == 0 {
		err = r.openAt(l.gen, -1)
	} else {
		err = r.tail(opts.Tail)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	return r, nil
}

// openAt opens the file of a generation, at an offset or with -1 at its end; log.mu is held. It is no error that there
// is none yet.
func (r *Reader) openAt(gen int, off int64) error {
	r.Close()
	r.gen, r.off, r.buf = gen, max(off, 0), nil
	f, err := os.Open(r.log.file(r.log.gen - gen))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	r.f = f
	if off < 0 {
		r.off, err = r.limit()
	}
	return err
}

// limit is how much of the reader's file is written; log.mu is held.
func (r *Reader) limit() (int64, error) {
	if r.gen == r.log.gen && r.log.known {
		return r.log.size, nil
	}
	info, err := r.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// oldest is the generation of the oldest file there is; log.mu is held.
func (l *Log) oldest() int {
	i := 0
	for i+1 < max(l.opts.MaxFiles, 1) {
		if _, err := os.Stat(l.file(i + 1)); err != nil {
			break
		}
		i++
	}
	return l.gen - i
}

// tail opens the file and place from where there are n lines to the end, or everything if n is negative; log.mu is held.
func (r *Reader) tail(n int) error {
	oldest := r.log.oldest()
	if n < 0 {
		return r.openAt(oldest, 0)
	}
	for gen := r.log.gen; ; gen-- {
		if err := r.openAt(gen, -1); err != nil {
			return err
		}
		if r.f == nil {
			return nil
		}
		at, lines, err := lastLines(r.f, r.off, n)
		if err != nil {
			return err
		}
		if n -= lines; n == 0 || gen == oldest {
			r.off = at
			return nil
		}
	}
}

// lastLines looks back from size for n lines, and returns where they begin, and how many there are.
func lastLines(f *os.File, size int64, n int) (at int64, lines int, err error) {
	block := make([]byte, 32<<10)
	at = size
	end := size - 1 // the newline there ends the last line, it doesn't begin one
	for pos := size; pos > 0; {
		from := max(pos-int64(len(block)), 0)
		b := block[:pos-from]
		if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
			return 0, 0, err
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] == '\n' && from+int64(i) != end {
				at = from + int64(i) + 1
				if lines++; lines == n {
					return at, lines, nil
				}
			}
		}
		pos = from
	}
	if size > 0 {
		at = 0
		lines++
	}
	return at, lines, nil
}

// Next returns the next entry. The error is io.EOF at the end of the log, or what ended ctx. The entry is valid until the
// next call.
func (r *Reader) Next(ctx context.Context) (Entry, error) {
	for {
		line, err := r.line(ctx)
		if err != nil {
			return Entry{}, err
		}
		var e struct {
			Log    string            `json:"log"`
			Stream string            `json:"stream"`
			Attrs  map[string]string `json:"attrs"`
			Time   time.Time         `json:"time"`
		}
		if json.Unmarshal(line, &e) != nil {
			continue // torn by the end of an earlier daemon
		}
		if e.Time.Before(r.opts.Since) {
			continue
		}
		if !r.opts.Until.IsZero() && e.Time.After(r.opts.Until) {
			return Entry{}, io.EOF
		}
		out := Entry{Time: e.Time, Line: []byte(e.Log), Attrs: e.Attrs}
		if e.Stream == Stderr.String() {
			out.Stream = Stderr
		}
		return out, nil
	}
}

// line returns the next line of the files.
func (r *Reader) line(ctx context.Context) ([]byte, error) {
	searched := 0
	for {
		if i := bytes.IndexByte(r.buf[searched:], '\n'); i >= 0 {
			line := r.buf[:searched+i]
			r.buf = r.buf[searched+i+1:]
			return line, nil
		}
		searched = len(r.buf)
		if err := r.more(ctx); err != nil {
			return nil, err
		}
	}
}

// more reads on, in the next file when this one is at its end, and waits when everything is read and there is more to
// come.
func (r *Reader) more(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := r.log
		l.mu.Lock()
		if r.f == nil {
			if err := r.openAt(max(r.gen, l.oldest()), 0); err != nil {
				l.mu.Unlock()
				return fmt.Errorf("reading the log: %w", err)
			}
		}
		var limit int64
		var err error
		if r.f != nil {
			if limit, err = r.limit(); err == nil && r.off >= limit && r.gen < l.gen {
				if err = r.openAt(max(r.gen+1, l.oldest()), 0); err == nil {
					l.mu.Unlock()
					continue
				}
			}
		}
		if err != nil {
			l.mu.Unlock()
			return fmt.Errorf("reading the log: %w", err)
		}
		if r.off < limit {
			l.mu.Unlock()
			return r.fill(limit)
		}
		if !r.opts.Follow || l.ended {
			l.mu.Unlock()
			return io.EOF
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		var until <-chan time.Time
		if !r.opts.Until.IsZero() {
			t := time.NewTimer(time.Until(r.opts.Until))
			defer t.Stop()
			until = t.C
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-until:
			return io.EOF
		}
	}
}

// fill reads the file up to limit, but not more than is good to hold.
func (r *Reader) fill(limit int64) error {
	n := int(min(limit-r.off, 64<<10))
	rest := len(r.buf)
	buf := make([]byte, rest+n)
	copy(buf, r.buf)
	n, err := r.f.ReadAt(buf[rest:], r.off)
	r.off += int64(n)
	r.buf = buf[:rest+n]
	if n == 0 && err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	return nil
}

// Close ends the reader.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}
