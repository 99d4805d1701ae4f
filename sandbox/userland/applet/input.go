package applet

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Open opens a file for reading, "-" being standard input. An error is told as "can't open 'name': …".
func (c *Context) Open(name string) (int, bool) {
	fd, err := open(name)
	if err != nil {
		c.Errorf("can't open '%s': %s", name, Strerror(err))
	}
	return fd, err == nil
}

// FOpen is Open with the message of busybox's fopen_or_warn: "name: …".
func (c *Context) FOpen(name string) (int, bool) {
	fd, err := open(name)
	if err != nil {
		c.Perror(name, err)
	}
	return fd, err == nil
}

// MustOpen is Open, or exit 1.
func (c *Context) MustOpen(name string) int {
	fd, ok := c.Open(name)
	if !ok {
		c.Exit(1)
	}
	return fd
}

func open(name string) (int, error) {
	if name == "-" {
		return 0, nil
	}
	return sys.Open(name, abi.O_RDONLY|abi.O_CLOEXEC, 0)
}

// CloseInput closes what Open opened.
func CloseInput(fd int) {
	if fd > 0 {
		sys.Close(fd)
	}
}

// Operands returns the arguments, or "-" when there are none.
func (c *Context) Operands() []string {
	if len(c.Args) == 0 {
		return []string{"-"}
	}
	return c.Args
}

// EachInput opens every operand in turn (standard input without any) and calls f; it returns the exit code. A file
// that cannot be opened is told and skipped. An error of f is told as "name: error".
func (c *Context) EachInput(f func(fd int, name string) error) int {
	return c.eachInput((*Context).Open, f)
}

// EachFInput is EachInput with FOpen's messages.
func (c *Context) EachFInput(f func(fd int, name string) error) int {
	return c.eachInput((*Context).FOpen, f)
}

func (c *Context) eachInput(open func(*Context, string) (int, bool), f func(fd int, name string) error) int {
	code := 0
	for _, name := range c.Operands() {
		fd, ok := open(c, name)
		if !ok {
			code = 1
			continue
		}
		if err := f(fd, name); err != nil {
			c.Perror(name, err)
			code = 1
		}
		CloseInput(fd)
	}
	return code
}

// ReadAll reads a descriptor to its end.
func ReadAll(fd int) ([]byte, error) {
	buf := make([]byte, 0, 8<<10)
	if st, err := sys.Fstat(fd); err == nil && st.Size > 0 && st.Size < 1<<30 {
		buf = make([]byte, 0, st.Size+512)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := sys.Read(fd, buf[len(buf):cap(buf)])
		if err != nil {
			return buf, err
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

// ReadFile reads a whole file.
func ReadFile(name string) ([]byte, error) {
	fd, err := open(name)
	if err != nil {
		return nil, err
	}
	defer CloseInput(fd)
	return ReadAll(fd)
}

// Lines reads a descriptor line by line.
type Lines struct {
	Err   error // the error that ended the input, other than its end
	fd    int
	delim byte
	buf   []byte
	start int
	end   int
	eof   bool
}

// NewLines reads lines that end with a newline.
func NewLines(fd int) *Lines { return NewRecords(fd, '\n') }

// NewRecords reads records that end with delim.
func NewRecords(fd int, delim byte) *Lines {
	return &Lines{fd: fd, delim: delim, buf: make([]byte, 64<<10)}
}

// Next returns the next line without its delimiter, valid until the next call. ended tells whether the delimiter was
// there; ok is false at the end of the input.
func (l *Lines) Next() (line []byte, ended, ok bool) {
	scanned := l.start
	for {
		if i := bytes.IndexByte(l.buf[scanned:l.end], l.delim); i >= 0 {
			line = l.buf[l.start : scanned+i]
			l.start = scanned + i + 1
			return line, true, true
		}
		scanned = l.end
		if l.eof {
			line = l.buf[l.start:l.end]
			l.start = l.end
			return line, false, len(line) > 0
		}
		if l.start > 0 {
			scanned -= l.start
			l.end = copy(l.buf, l.buf[l.start:l.end])
			l.start = 0
		}
		if l.end == len(l.buf) {
			l.buf = append(l.buf, make([]byte, len(l.buf))...)
		}
		n, err := sys.Read(l.fd, l.buf[l.end:])
		if n <= 0 {
			l.eof = true
			if err != nil {
				l.Err = err
			}
			continue
		}
		l.end += n
	}
}

// SkipEqual skips records that are equal to one and in the buffer, and returns how many.
func (l *Lines) SkipEqual(record []byte) int {
	n := len(record)
	for count := 0; ; count++ {
		rest := l.buf[l.start:l.end]
		if len(rest) <= n || rest[n] != l.delim || !bytes.Equal(rest[:n], record) {
			return count
		}
		l.start += n + 1
	}
}

// Peek reports whether another line follows.
func (l *Lines) Peek() bool {
	for l.start == l.end && !l.eof {
		l.start, l.end = 0, 0
		n, err := sys.Read(l.fd, l.buf)
		if n <= 0 {
			l.eof = true
			l.Err = err
			break
		}
		l.end = n
	}
	return l.start < l.end
}

// Count counts a byte, eight bytes at a time.
func Count(b []byte, c byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	n, pattern := 0, uint64(c)*ones
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b) ^ pattern
		// The high bit of each byte of x that is not zero, without carries between bytes.
		n += 8 - bits.OnesCount64(((x&^highs)+(highs-ones)|x)&highs)
		b = b[8:]
	}
	for _, x := range b {
		if x == c {
			n++
		}
	}
	return n
}
