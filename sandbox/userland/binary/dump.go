// Package binary holds the applets that show and compare bytes: od, hexdump, xxd and cmp.
package binary

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	mathbits "math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// unit writes the bytes of one kind of field.
type unit struct {
	size   int
	width  int // of one field, its blank included
	append func(line, b []byte) []byte
}

// textUnit is a unit for what is not written by the million.
func textUnit(size, width int, format func(b []byte) string) unit {
	return unit{size, width, func(line, b []byte) []byte { return append(line, format(b)...) }}
}

var characterNames = map[byte]string{0: `\0`, 7: `\a`, 8: `\b`, 9: `\t`, 10: `\n`, 11: `\v`, 12: `\f`, 13: `\r`}

func character(b []byte) string {
	if name, ok := characterNames[b[0]]; ok {
		return name
	}
	if b[0] >= ' ' && b[0] < 0x7f {
		return string(b[:1])
	}
	return fmt.Sprintf("%03o", b[0])
}

var controlNames = strings.Fields("nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp")

func named(b []byte) string {
	c := b[0] & 0x7f
	switch {
	case int(c) < len(controlNames):
		return controlNames[c]
	case c == 0x7f:
		return "del"
	}
	return string(rune(c))
}

// value reads a little-endian number of up to eight bytes.
func value(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	var v [8]byte
	copy(v[:], b)
	return binary.LittleEndian.Uint64(v[:])
}

// number makes a unit for integers: d, u, o or x, with zeros in front up to digits; width leaves the blank out.
func number(size int, verb byte, digits, width int) unit {
	base := map[byte]int{'d': 10, 'u': 10, 'o': 8, 'x': 16}[verb]
	shift := 64 - 8*size
	if base != 10 && digits > 1 { // always as many
		blanks := strings.Repeat(" ", width+1-digits)
		return unit{size, width + 1, func(line, b []byte) []byte {
			return appendNumber(append(line, blanks...), value(b), base, digits)
		}}
	}
	return unit{size, width + 1, func(line, b []byte) []byte {
		v := value(b)
		if signed := int64(v<<shift) >> shift; verb == 'd' && signed < 0 {
			return strconv.AppendInt(line, signed, 10)
		}
		return appendNumber(line, v, base, digits)
	}}
}

// appendNumber writes a number with at least so many digits.
func appendNumber(line []byte, v uint64, base, digits int) []byte {
	if base == 10 {
		start := len(line)
		line = strconv.AppendUint(line, v, 10)
		for n := digits - (len(line) - start); n > 0; n-- {
			line = slices.Insert(line, start, '0')
		}
		return line
	}
	bits := 4
	if base == 8 {
		bits = 3
	}
	const letters = "0123456789abcdef"
	if base == 16 && digits == 4 && v < 1<<16 {
		return append(line, letters[v>>12], letters[v>>8&15], letters[v>>4&15], letters[v&15])
	}
	n := max(1, (mathbits.Len64(v)+bits-1)/bits, digits)
	for n--; n >= 0; n-- {
		line = append(line, letters[v>>(n*bits)&uint64(base-1)])
	}
	return line
}

// odType reads a type of od -t.
func odType(c *applet.Context, text string) []unit {
	var units []unit
	for s := text; s != ""; {
		kind := s[0]
		s = s[1:]
		size := 4
		if kind == 'f' {
			size = 8
		}
		switch {
		case s != "" && strings.IndexByte("CSILFD", s[0]) >= 0:
			size = map[byte]int{'C': 1, 'S': 2, 'I': 4, 'L': 8, 'F': 4, 'D': 8}[s[0]]
			s = s[1:]
		default:
			n := 0
			for n < len(s) && s[n] >= '0' && s[n] <= '9' {
				n++
			}
			if n > 0 {
				size, _ = strconv.Atoi(s[:n])
				s = s[n:]
			}
		}
		switch {
		case kind == 'a':
			units = append(units, textUnit(1, 4, named))
		case kind == 'c':
			units = append(units, textUnit(1, 4, character))
		case kind == 'f' && size == 4:
			units = append(units, textUnit(4, 16, func(b []byte) string {
				return strconv.FormatFloat(float64(math.Float32frombits(uint32(value(b)))), 'g', 8, 64)
			}))
		case kind == 'f' && size == 8:
			units = append(units, textUnit(8, 24, func(b []byte) string {
				return strconv.FormatFloat(math.Float64frombits(value(b)), 'g', 16, 64)
			}))
		case strings.IndexByte("doux", kind) >= 0 && (size == 1 || size == 2 || size == 4 || size == 8):
			units = append(units, integer(kind, size))
		case strings.IndexByte("doux", kind) >= 0 || kind == 'f':
			c.Fatalf("invalid type string '%s'; %d-byte %s type is not supported", text, size, map[bool]string{true: "floating point", false: "integral"}[kind == 'f'])
		default:
			c.Fatalf("invalid character '%c' in type string '%s'", kind, text)
		}
	}
	return units
}

// integer is a unit of od for one of d, o, u and x.
func integer(kind byte, size int) unit {
	widths := map[byte][4]int{'d': {4, 6, 11, 20}, 'o': {3, 6, 11, 22}, 'u': {3, 5, 10, 20}, 'x': {2, 4, 8, 16}}
	index := map[int]int{1: 0, 2: 1, 4: 2, 8: 3}[size]
	width := widths[kind][index]
	digits := 1
	if kind == 'o' || kind == 'x' {
		digits = width
	}
	return number(size, kind, digits, width)
}

// dumper writes blocks of bytes, repeated ones as a star.
type dumper struct {
	short    int64 // bytes to skip that were not there
	c        *applet.Context
	units    []unit
	width    int
	radix    byte
	digits   int
	all      bool // no stars
	padded   bool // fill short lines up
	offset   int64
	limit    int64 // bytes left, -1 for all
	previous []byte
	starred  bool
	buf      []byte // less than a block
	line     []byte // for the next line of output
}

func (d *dumper) address(n int64) string { return string(d.appendAddress(nil, n)) }

func (d *dumper) base() int {
	switch d.radix {
	case 'd':
		return 10
	case 'o':
		return 8
	}
	return 16
}

func (d *dumper) appendAddress(line []byte, n int64) []byte {
	if d.radix == 'n' {
		return line
	}
	return appendNumber(line, uint64(n), d.base(), d.digits)
}

// dump shows the files as one stream, after the bytes to skip. line writes what follows the address.
func (d *dumper) dump(names []string, skip int64, line func(block []byte)) int {
	code := 0
	d.offset = skip
	buf := make([]byte, 64<<10)
	for _, name := range names {
		fd, ok := d.c.FOpen(name)
		if !ok {
			code = 1
			continue
		}
		for d.limit != 0 {
			want := len(buf)
			n, err := sys.Read(fd, buf[:want])
			if err != nil {
				d.c.Perror(name, err)
				code = 1
			}
			if n <= 0 {
				break
			}
			data := buf[:n]
			if skip > 0 {
				drop := min(skip, int64(n))
				data, skip = data[drop:], skip-drop
			}
			if d.limit >= 0 {
				data = data[:min(d.limit, int64(len(data)))]
				d.limit -= int64(len(data))
			}
			if len(d.buf) > 0 { // the rest of a block
				take := min(len(data), d.width-len(d.buf))
				d.buf, data = append(d.buf, data[:take]...), data[take:]
				if len(d.buf) < d.width {
					continue
				}
				d.block(d.buf, line)
				d.buf = d.buf[:0]
			}
			for ; len(data) >= d.width; data = data[d.width:] {
				d.block(data[:d.width], line)
			}
			d.buf = append(d.buf, data...)
		}
		applet.CloseInput(fd)
	}
	d.short = skip
	if len(d.buf) > 0 {
		d.block(d.buf, line)
	}
	return code
}

func (d *dumper) block(block []byte, line func(block []byte)) {
	if !d.all && len(block) == d.width && bytes.Equal(block, d.previous) {
		if !d.starred {
			d.c.Out.WriteString("*\n")
		}
		d.starred = true
		d.offset += int64(len(block))
		return
	}
	d.starred = false
	d.previous = append(d.previous[:0], block...)
	line(block)
	d.offset += int64(len(block))
}

// fields writes a line of fields for each unit.
func (d *dumper) fields(block []byte) {
	line := d.line[:0]
	for i, u := range d.units {
		start := len(line)
		line = d.appendAddress(line, d.offset)
		if i > 0 {
			blank(line[start:])
		}
		for at := 0; at < d.width; at += u.size {
			start := len(line)
			if at < len(block) {
				line = u.append(line, block[at:min(at+u.size, len(block))])
			} else if !d.padded {
				break
			}
			if n := u.width - (len(line) - start); n > 0 { // to the right
				line = slices.Grow(line, n)[:len(line)+n]
				copy(line[start+n:], line[start:])
				blank(line[start : start+n])
			}
		}
		line = append(line, '\n')
	}
	d.c.Out.Write(line)
	d.line = line
}

func blank(b []byte) {
	for i := range b {
		b[i] = ' '
	}
}

// Od shows bytes, in octal unless told otherwise.
func Od(c *applet.Context) int {
	o := c.Getopt("abcdfhilosxvA:j:N:t:w::S:", "address-radix=A", "skip-bytes=j", "read-bytes=N", "format=t", "output-duplicates=v", "width=w")
	d := &dumper{c: c, width: 16, radix: 'o', digits: 7, all: o.Has("v"), limit: -1}
	types := o.All('t')
	old := map[byte]string{'a': "a", 'b': "o1", 'c': "c", 'd': "u2", 'f': "fF", 'h': "x2", 'i': "d2", 'l': "d4", 'o': "o2", 's': "d2", 'x': "x2"}
	for _, x := range o.Order {
		switch {
		case x == 't':
			d.units = append(d.units, odType(c, types[0])...)
			types = types[1:]
		case old[x] != "":
			d.units = append(d.units, odType(c, old[x])...)
		}
	}
	if len(d.units) == 0 {
		d.units = odType(c, "o2")
	}
	if text, ok := o.Arg('A'); ok {
		switch text[:min(1, len(text))] {
		case "d", "o":
			d.radix = text[0]
		case "x":
			d.radix, d.digits = 'x', 6
		case "n":
			d.radix = 'n'
		default:
			c.Fatalf("bad output address radix '%s' (must be [doxn])", text)
		}
	}
	skip := int64(0)
	if text, ok := o.Arg('j'); ok {
		skip = c.Number(text, applet.CWBKMG)
	}
	if text, ok := o.Arg('N'); ok {
		d.limit = c.Number(text, applet.CWBKMG)
	}
	if o.Has("w") {
		d.width = 32
		if text := o.Str('w'); text != "" {
			d.width = int(c.Number(text, nil))
		}
	}
	if o.Has("S") {
		c.Fatalf("-S is not supported")
	}
	code := d.dump(c.Operands(), skip, d.fields)
	if d.short > 0 {
		c.Fatalf("can't skip past end of combined input")
	}
	if d.radix != 'n' && (code == 0 || d.offset > skip) {
		c.Out.WriteString(d.address(d.offset) + "\n")
	}
	return code
}

// Hexdump shows bytes.
func Hexdump(c *applet.Context) int {
	o := c.Getopt("bcdoxCe:f:n:s:v")
	d := &dumper{c: c, width: 16, radix: 'x', digits: 7, all: o.Has("v"), limit: -1, padded: true}
	skip := int64(0)
	if text, ok := o.Arg('n'); ok {
		d.limit = c.Number(text, applet.CWBKMG)
	}
	if text, ok := o.Arg('s'); ok {
		skip = c.Number(text, applet.CWBKMG)
	}
	if o.Has("ef") {
		return customHexdump(c, o, d, skip)
	}
	line := d.fields
	for _, x := range o.Order {
		switch x {
		case 'b':
			d.units = append(d.units, number(1, 'o', 3, 3))
		case 'c':
			d.units = append(d.units, textUnit(1, 4, character))
		case 'd':
			d.units = append(d.units, number(2, 'u', 5, 7))
		case 'o':
			d.units = append(d.units, number(2, 'o', 6, 7))
		case 'x':
			d.units = append(d.units, number(2, 'x', 4, 7))
		case 'C':
			d.digits = 8
			line = d.canonical
		}
	}
	if len(d.units) == 0 {
		d.units = []unit{number(2, 'x', 4, 4)}
	}
	code := d.dump(c.Operands(), skip, line)
	if d.offset > skip || skip > 0 {
		c.Out.WriteString(d.address(d.offset) + "\n")
	}
	return code
}

func (d *dumper) canonical(block []byte) {
	line := append(d.appendAddress(d.line[:0], d.offset), ' ')
	for i := range 16 {
		if i%8 == 0 {
			line = append(line, ' ')
		}
		if i < len(block) {
			line = append(appendHex(line, block[i]), ' ')
		} else {
			line = append(line, "   "...)
		}
	}
	line = append(line, " |"...)
	line = append(appendPrintable(line, block), "|\n"...)
	d.c.Out.Write(line)
	d.line = line
}

func appendHex(line []byte, b byte) []byte {
	const digits = "0123456789abcdef"
	return append(line, digits[b>>4], digits[b&15])
}

func printable(block []byte) string { return string(appendPrintable(nil, block)) }

// appendPrintable writes a dot for what is not printable ASCII.
func appendPrintable(line, block []byte) []byte {
	for _, b := range block {
		if b < ' ' || b >= 0x7f {
			b = '.'
		}
		line = append(line, b)
	}
	return line
}
