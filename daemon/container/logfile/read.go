package logfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
)

// ReadOptions select entries.
type ReadOptions struct {
	Since, Until time.Time // zero for no bound
	Tail         int       // the last so many entries; negative for all
	Follow       bool      // wait for more, until the program ends
}

// Reader goes over the entries of a log. It is for one goroutine. What it holds does not depend on how far it is behind:
// files that are rotated away while it reads on are passed over.
type Reader struct {
	log  *Log
	opts ReadOptions
	skip int // entries to pass over
	dec  decoder

	gen   int          // of f
	f     *os.File     // nil before the first file was there
	z     *gzip.Reader // over f, if it is compressed
	off   int64        // what is read of f; of what is decompressed with z
	buf   []byte       // read and not yet taken; in room
	room  []byte
	entry Entry
}

// decoder has what decoding may use.
type decoder struct {
	line    []byte
	attrs   []byte // as they are written, and what they mean
	attrMap map[string]string
}

// Read makes a reader; it must be closed.
func (l *Log) Read(opts ReadOptions) (*Reader, error) {
	r := &Reader{log: l, opts: opts}
	l.mu.Lock()
	newest, oldest := l.gen, l.oldest()
	r.dec.attrs, r.dec.attrMap = l.attrs, l.attrMap
	l.mu.Unlock()
	var err error
	switch {
	case opts.Tail < 0:
		err = r.openAt(oldest, 0)
	case opts.Tail == 0:
		err = r.openAt(newest, -1)
	default:
		err = r.tail(newest, oldest)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	return r, nil
}

// openAt opens the file of a generation, at an offset or with -1 at its end, which compressed files don't know. It is no
// error that there is none, or none any more.
func (r *Reader) openAt(gen int, off int64) error {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.openLocked(gen, off)
}

// openLocked is openAt with log.mu held.
func (r *Reader) openLocked(gen int, off int64) error {
	r.Close()
	r.gen, r.off, r.buf = gen, max(off, 0), nil
	name := r.log.file(r.log.gen - gen)
	f, err := os.Open(name)
	packed := false
	if os.IsNotExist(err) && gen < r.log.gen {
		f, err = os.Open(name + compressed)
		packed = true
	}
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	r.f = f
	if packed {
		r.z, err = gzip.NewReader(f)
		return err
	}
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
	for i+1 < max(l.opts.MaxFiles, 1) && (exists(l.file(i+1)) || exists(l.file(i+1)+compressed)) {
		i++
	}
	return l.gen - i
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// tail opens the file and finds the place from where there are opts.Tail entries to the end, or everything if there are
// fewer.
func (r *Reader) tail(newest, oldest int) error {
	left := r.opts.Tail
	for gen := newest; ; gen-- {
		if err := r.openAt(gen, -1); err != nil {
			return err
		}
		found := 0
		switch {
		case r.f == nil:
		case r.z != nil: // can only be read from its beginning
			n, err := r.count()
			if err != nil {
				return err
			}
			if err := r.openAt(gen, 0); err != nil {
				return err
			}
			found = min(n, left)
			r.skip = n - found
		default:
			at, n, err := r.log.opts.Format.last(r.f, r.off, left)
			if err != nil {
				return err
			}
			r.off, found = at, n
		}
		if left -= found; left == 0 || gen <= oldest {
			return nil
		}
	}
}

// count reads a compressed file to its end and counts the records.
func (r *Reader) count() (int, error) {
	for n := 0; ; n++ {
		for {
			if _, ok := r.record(); ok {
				break
			}
			if err := r.fill(fillSize); err != nil {
				return n, ignoreEOF(err)
			}
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Buffered reports whether Next can return an entry without reading the file or waiting.
func (r *Reader) Buffered() bool {
	_, ok := r.log.opts.Format.next(r.buf)
	return ok
}

// Next returns the next entry. The error is io.EOF at the end of the log, or what ended ctx. The entry is valid until the
// next call.
func (r *Reader) Next(ctx context.Context) (Entry, error) {
	e := &r.entry
	for {
		record, ok := r.record()
		if !ok {
			if err := r.more(ctx); err != nil {
				return Entry{}, err
			}
			continue
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		if !r.log.opts.Format.decode(record, e, &r.dec) {
			continue // torn by the end of an earlier daemon
		}
		if e.Time.Before(r.opts.Since) {
			continue
		}
		if !r.opts.Until.IsZero() && e.Time.After(r.opts.Until) {
			return Entry{}, io.EOF
		}
		return *e, nil
	}
}

// record takes the next record from what has been read.
func (r *Reader) record() ([]byte, bool) {
	n, ok := r.log.opts.Format.next(r.buf)
	if !ok {
		return nil, false
	}
	record := r.buf[:n]
	r.buf = r.buf[n:]
	return record, true
}

// more reads on, in the next file when this one is at its end, and waits when everything is read and there is more to
// come.
func (r *Reader) more(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.z != nil {
			err := r.fill(fillSize)
			if !errors.Is(err, io.EOF) {
				return err
			}
			if err := r.openAt(r.gen+1, 0); err != nil {
				return fmt.Errorf("reading the log: %w", err)
			}
			continue
		}
		l := r.log
		l.mu.Lock()
		limit, moved, err := r.advance()
		if err != nil || moved || r.off < limit {
			l.mu.Unlock()
			switch {
			case err != nil:
				return fmt.Errorf("reading the log: %w", err)
			case moved:
				continue
			}
			return r.fill(int(min(limit-r.off, fillSize)))
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
		if err := r.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// advance opens the next file when the reader's is at its end, or the first if there was none; log.mu is held. limit is
// how much of the open file is written.
func (r *Reader) advance() (limit int64, moved bool, err error) {
	if r.f != nil {
		if limit, err = r.limit(); err != nil || r.off < limit || r.gen >= r.log.gen {
			return limit, false, err
		}
		err = r.openLocked(max(r.gen+1, r.log.oldest()), 0)
		return 0, true, err
	}
	if err = r.openLocked(max(r.gen, r.log.oldest()), 0); err != nil || r.f == nil {
		return 0, false, err
	}
	return 0, true, nil
}

// wait waits until something changes.
func (r *Reader) wait(ctx context.Context, changed <-chan struct{}) error {
	var until <-chan time.Time
	if !r.opts.Until.IsZero() {
		t := time.NewTimer(time.Until(r.opts.Until))
		defer t.Stop()
		until = t.C
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-until:
		return io.EOF
	}
}

// fillSize is how much is read at once, in bytes.
const fillSize = 64 << 10

// fill reads up to n bytes more. The error is io.EOF at the end of a compressed file.
func (r *Reader) fill(n int) error {
	rest := len(r.buf)
	if len(r.room) < rest+n {
		r.room = make([]byte, max(rest+n, fillSize))
	}
	copy(r.room, r.buf)
	buf := r.room[:rest+n]
	var err error
	if r.z != nil {
		n, err = io.ReadFull(r.z, buf[rest:])
	} else {
		n, err = r.f.ReadAt(buf[rest:], r.off)
	}
	r.off += int64(n)
	r.buf = buf[:rest+n]
	if n > 0 {
		return nil
	}
	if err != nil {
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
	r.f, r.z = nil, nil
	return err
}
