package logfile

import (
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// compressed is what the names of compressed files end in.
const compressed = ".gz"

// compress starts the compressing of old files, unless it is under way; l.mu is held. Neither writers nor readers wait
// for it.
func (l *Log) compress() {
	if l.compressing != nil || !l.opts.Compress {
		return
	}
	done := make(chan struct{})
	l.compressing = done
	go func() {
		defer close(done)
		for l.compressOldest() {
		}
	}()
}

// compressOldest compresses the oldest file that isn't, and reports whether there was one and there may be more.
func (l *Log) compressOldest() (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if !more {
			l.compressing = nil
		}
	}()
	var in *os.File
	gen := 0
	for i := max(l.opts.MaxFiles, 1) - 1; i >= 1 && in == nil && !l.removed; i-- {
		in, _ = os.Open(l.file(i))
		gen = l.gen - i
	}
	if in == nil {
		return false
	}
	defer in.Close()
	tmp := l.path + compressed + ".tmp"
	l.mu.Unlock()
	err := l.gzip(in, tmp)
	l.mu.Lock()
	name := l.file(l.gen - gen) // what has been rotated meanwhile has another name
	if err == nil && !l.removed && l.gen-gen < max(l.opts.MaxFiles, 1) {
		if err = os.Rename(tmp, name+compressed); err == nil {
			err = os.Remove(name)
		}
	}
	os.Remove(tmp)
	// After a failure, such as of a full disk, the file stays as it is until the next rotation.
	return err == nil
}

func (l *Log) gzip(in io.Reader, name string) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("compressing the log: %w", err)
	}
	defer out.Close()
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(z, stoppable{l, in})
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return fmt.Errorf("compressing the log: %w", err)
	}
	return nil
}

// stoppable is a reader that ends with the log's removal.
type stoppable struct {
	l *Log
	io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	s.l.mu.Lock()
	removed := s.l.removed
	s.l.mu.Unlock()
	if removed {
		return 0, os.ErrClosed
	}
	return s.Reader.Read(p)
}
