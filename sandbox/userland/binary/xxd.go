package binary

import (
	"bytes"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Xxd dumps in hexadecimal, or reads such a dump with -r.
func Xxd(c *applet.Context) int {
	o := c.Getopt("l:s:aprio:g:c:")
	c.NArgs(0, 2)
	if o.Has("r") {
		return undump(c, o.Has("p"))
	}
	columns, group := 16, 2
	if o.Has("i") {
		columns = 12
	}
	if o.Has("p") {
		columns, group = 30, 0
	}
	if text, ok := o.Arg('c'); ok {
		if n := int(c.Number(text, nil)); n > 0 {
			columns = n
		}
	}
	if text, ok := o.Arg('g'); ok {
		group = int(c.Number(text, nil))
	}
	d := &dumper{c: c, width: columns, all: true, limit: -1, radix: 'x', digits: 8}
	if text, ok := o.Arg('l'); ok {
		d.limit = c.Number(text, applet.CWBKMG)
	}
	skip, shift := int64(0), int64(0)
	if text, ok := o.Arg('s'); ok {
		skip = c.Number(strings.TrimPrefix(text, "+"), applet.CWBKMG)
	}
	if text, ok := o.Arg('o'); ok {
		shift = c.Signed(text)
	}
	name := c.Operands()[0]
	out := &c.Out
	switch {
	case o.Has("p"):
		return d.dump([]string{name}, skip, func(block []byte) {
			d.line = d.line[:0]
			for _, b := range block {
				d.line = appendHex(d.line, b)
			}
			d.line = append(d.line, '\n')
			out.Write(d.line)
		})
	case o.Has("i"):
		return include(d, name, skip)
	}
	if group == 0 {
		group = columns
	}
	width := 2*columns + (columns+group-1)/group - 1
	return d.dump([]string{name}, skip, func(block []byte) {
		line := append(d.appendAddress(d.line[:0], d.offset+shift), ": "...)
		start := len(line)
		for i, b := range block {
			if i > 0 && i%group == 0 {
				line = append(line, ' ')
			}
			line = appendHex(line, b)
		}
		for len(line) < start+width {
			line = append(line, ' ')
		}
		line = append(appendPrintable(append(line, "  "...), block), '\n')
		out.Write(line)
		d.line = line
	})
}

// include writes a C array.
func include(d *dumper, name string, skip int64) int {
	out := &d.c.Out
	identifier := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, name)
	if name != "-" {
		out.Printf("unsigned char %s[] = {\n", identifier)
	}
	code := d.dump([]string{name}, skip, func(block []byte) {
		for i, b := range block {
			if i == 0 {
				out.WriteString("  ")
			} else {
				out.WriteByte(' ')
			}
			out.Write(append(appendHex(append(d.line[:0], "0x"...), b), ','))
		}
		out.WriteByte('\n')
	})
	if name != "-" {
		out.Printf("};\nunsigned int %s_len = %d;\n", identifier, d.offset-skip)
	}
	return code
}

// undump turns a dump back into bytes.
func undump(c *applet.Context, plain bool) int {
	return c.EachInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, _, ok := lines.Next(); ok; line, _, ok = lines.Next() {
			text := string(line)
			if !plain {
				_, rest, found := strings.Cut(text, ":")
				if !found {
					continue
				}
				text = strings.TrimLeft(rest, " ")
				if i := strings.Index(text, "  "); i >= 0 {
					text = text[:i]
				}
			}
			high := -1
			for i := range len(text) {
				v := strings.IndexByte("0123456789abcdef", text[i]|0x20)
				if text[i] == ' ' || text[i] == '\t' || text[i] == '\r' {
					continue
				}
				if v < 0 {
					break
				}
				if high < 0 {
					high = v
				} else {
					c.Out.WriteByte(byte(high<<4 | v))
					high = -1
				}
			}
		}
		return lines.Err
	})
}

// Cmp compares two files: 0 the same, 1 different, 2 an error.
func Cmp(c *applet.Context) int {
	o := c.Getopt("sln:", "silent=s", "quiet=s", "verbose=l", "bytes=n")
	c.NArgs(1, 4)
	names := [2]string{c.Args[0], "-"}
	if len(c.Args) > 1 {
		names[1] = c.Args[1]
	}
	limit := int64(-1)
	if text, ok := o.Arg('n'); ok {
		limit = c.Number(text, applet.CWBKMG)
	}
	var in [2]*byteReader
	for i, name := range names {
		fd := 0
		if name != "-" {
			var err error
			if fd, err = sys.Open(name, abi.O_RDONLY|abi.O_CLOEXEC, 0); err != nil {
				if !o.Has("s") {
					c.Perror(name, err)
				}
				return 2
			}
		}
		in[i] = &byteReader{fd: fd}
		if len(c.Args) > 2+i {
			in[i].skip(c.Number(c.Args[2+i], applet.CWBKMG))
		}
	}
	code := 0
	for char, line := int64(1), int64(1); limit < 0 || char <= limit; {
		a, b := in[0].peek(), in[1].peek()
		n := min(len(a), len(b))
		if limit >= 0 {
			n = int(min(int64(n), limit-char+1))
		}
		if n == 0 {
			if len(a) == len(b) {
				break
			}
			short := names[0]
			if len(a) > 0 {
				short = names[1]
			}
			if !o.Has("s") {
				c.Errorf("EOF on %s", short)
			}
			return 1
		}
		if !bytes.Equal(a[:n], b[:n]) {
			n = 0
			for a[n] == b[n] {
				n++
			}
		}
		line += int64(applet.Count(a[:n], '\n'))
		char += int64(n)
		if n < len(a) && n < len(b) && (limit < 0 || char <= limit) {
			code = 1
			if o.Has("s") {
				return 1
			}
			if !o.Has("l") {
				c.Out.Printf("%s %s differ: char %d, line %d\n", names[0], names[1], char, line)
				return 1
			}
			c.Out.Printf("%d %3o %3o\n", char, a[n], b[n])
			if a[n] == '\n' {
				line++
			}
			char++
			n++
		}
		in[0].at += n
		in[1].at += n
	}
	return code
}

type byteReader struct {
	fd  int
	buf [64 << 10]byte
	at  int
	end int
}

// peek returns what is read and not taken yet, nothing at the end of the file.
func (r *byteReader) peek() []byte {
	if r.at == r.end {
		n, _ := sys.Read(r.fd, r.buf[:])
		r.at, r.end = 0, max(n, 0)
	}
	return r.buf[r.at:r.end]
}

// skip takes bytes as far as there are any.
func (r *byteReader) skip(n int64) {
	for n > 0 {
		part := int(min(n, int64(len(r.peek()))))
		if part == 0 {
			return
		}
		r.at += part
		n -= int64(part)
	}
}
