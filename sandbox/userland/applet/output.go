package applet

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// outputSize is the size of the output buffer in bytes.
const outputSize = 64 << 10

// Writer buffers standard output; on a terminal it is flushed after every line. A write that fails ends the process
// with "write error", as stdio's last flush does in busybox.
type Writer struct {
	c    *Context
	buf  [outputSize]byte
	n    int
	mode byte // 0 unknown, 'l' line-buffered, 'f' fully buffered
}

// SetLineBuffered makes every line go out at once.
func (w *Writer) SetLineBuffered() { w.mode = 'l' }

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (int, error) {
	if len(b) > len(w.buf)-w.n {
		w.Flush()
		if len(b) >= len(w.buf) {
			w.write(b)
			return len(b), nil
		}
	}
	w.n += copy(w.buf[w.n:], b)
	if w.lineBuffered() && bytes.IndexByte(b, '\n') >= 0 {
		w.Flush()
	}
	return len(b), nil
}

// WriteString implements io.StringWriter.
func (w *Writer) WriteString(s string) (int, error) {
	total := len(s)
	for len(s) > len(w.buf)-w.n {
		n := copy(w.buf[w.n:], s)
		w.n += n
		s = s[n:]
		w.Flush()
	}
	w.n += copy(w.buf[w.n:], s)
	if w.n > 0 && w.buf[w.n-1] == '\n' && w.lineBuffered() {
		w.Flush()
	}
	return total, nil
}

// WriteByte implements io.ByteWriter.
func (w *Writer) WriteByte(b byte) error {
	if w.n == len(w.buf) {
		w.Flush()
	}
	w.buf[w.n] = b
	w.n++
	if b == '\n' && w.lineBuffered() {
		w.Flush()
	}
	return nil
}

// Line writes a line and its newline.
func (w *Writer) Line(b []byte) {
	w.Write(b)
	w.WriteByte('\n')
}

// Printf formats as fmt does.
func (w *Writer) Printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// Int writes a number in decimal.
func (w *Writer) Int(n int64) {
	var b [20]byte
	w.Write(strconv.AppendInt(b[:0], n, 10))
}

func (w *Writer) lineBuffered() bool {
	if w.mode == 0 {
		w.mode = 'f'
		if sys.Isatty(1) {
			w.mode = 'l'
		}
	}
	return w.mode == 'l'
}

// Flush writes what is buffered.
func (w *Writer) Flush() {
	if w.n > 0 {
		n := w.n
		w.n = 0
		w.write(w.buf[:n])
	}
}

func (w *Writer) write(b []byte) {
	if err := sys.Write(1, b); err != nil {
		if err != abi.EPIPE || w.c == nil {
			w.c.warn("write error: " + Strerror(err))
		}
		sys.Exit(1)
	}
}
