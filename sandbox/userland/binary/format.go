package binary

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/core"
)

// element is a unit of hexdump -e: count/bytes "format".
type element struct {
	count, bytes int
	format       string
}

// parseFormat reads a format string of hexdump -e.
func parseFormat(c *applet.Context, text string) []element {
	var list []element
	for {
		text = strings.TrimLeft(text, " \t\n")
		if text == "" || text[0] == '#' {
			return list
		}
		e := element{count: 1}
		number := func() (int, bool) {
			n := 0
			for n < len(text) && text[n] >= '0' && text[n] <= '9' {
				n++
			}
			v, err := strconv.Atoi(text[:n])
			text = text[n:]
			return v, err == nil
		}
		if n, ok := number(); ok {
			e.count = n
		}
		text = strings.TrimLeft(text, " \t")
		if strings.HasPrefix(text, "/") {
			text = text[1:]
			e.bytes, _ = number()
			text = strings.TrimLeft(text, " \t")
		}
		if !strings.HasPrefix(text, `"`) {
			c.Fatalf("bad format {%s}", text)
		}
		end := strings.IndexByte(text[1:], '"')
		if end < 0 {
			c.Fatalf("bad format {%s}", text)
		}
		e.format = text[1 : 1+end]
		text = text[2+end:]
		if e.bytes == 0 {
			if verb := verbOf(e.format); verb == 'c' || strings.HasPrefix(afterPercent(e.format), "_") {
				e.bytes = 1
			} else if verb != 0 {
				e.bytes = 4
			}
		}
		list = append(list, e)
	}
}

func afterPercent(format string) string {
	_, rest, _ := strings.Cut(format, "%")
	return strings.TrimLeft(rest, "-+# 0123456789.")
}

// verbOf returns the conversion of a format, or 0.
func verbOf(format string) byte {
	if rest := afterPercent(format); rest != "" {
		return rest[0]
	}
	return 0
}

// customHexdump is hexdump -e.
func customHexdump(c *applet.Context, o *applet.Options, d *dumper, skip int64) int {
	var formats [][]element
	for _, name := range o.All('f') {
		data, err := applet.ReadFile(name)
		if err != nil {
			c.Fatal(name, err)
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			formats = append(formats, parseFormat(c, line))
		}
	}
	for _, text := range o.All('e') {
		formats = append(formats, parseFormat(c, text))
	}
	d.width = 1
	for _, list := range formats {
		size := 0
		for _, e := range list {
			size += e.count * e.bytes
		}
		d.width = max(d.width, size)
	}
	return d.dump(c.Operands(), skip, func(block []byte) {
		for _, list := range formats {
			at := 0
			for _, e := range list {
				for i := range e.count {
					format := e.format
					if i == e.count-1 && e.count > 1 {
						format = strings.TrimRight(format, " ")
					}
					if e.bytes > 0 && at >= len(block) {
						// Blanks in place of what is missing.
						blank := d.apply(format, make([]byte, d.width), at, e.bytes)
						c.Out.WriteString(strings.Map(toBlank, blank))
					} else {
						c.Out.WriteString(d.apply(format, block, at, e.bytes))
					}
					at += e.bytes
				}
			}
		}
	})
}

func toBlank(r rune) rune {
	if r == '\n' {
		return r
	}
	return ' '
}

// apply writes one format with the bytes at a place.
func (d *dumper) apply(format string, block []byte, at, size int) string {
	var b strings.Builder
	part := block[min(at, len(block)):min(at+size, len(block))]
	for i := 0; i < len(format); i++ {
		switch {
		case format[i] == '\\' && i+1 < len(format):
			text, n := core.Escape(format[i+1:], false)
			b.Write(text)
			i += n
		case format[i] == '%' && i+1 < len(format):
			j := i + 1
			for j < len(format) && strings.IndexByte("-+# 0123456789.", format[j]) >= 0 {
				j++
			}
			if j == len(format) {
				return b.String()
			}
			spec := format[i:j]
			i = j
			switch format[j] {
			case '_':
				i++
				if i >= len(format) {
					return b.String()
				}
				switch format[i] {
				case 'a', 'A':
					i++
					radix := byte('x')
					if i < len(format) {
						radix = format[i]
					}
					fmt.Fprintf(&b, spec+string(radix), d.offset+int64(at))
				case 'p':
					fmt.Fprintf(&b, spec+"s", printable(part))
				case 'c':
					fmt.Fprintf(&b, spec+"s", character(part))
				case 'u':
					fmt.Fprintf(&b, spec+"s", named(part))
				}
			case 'd', 'i':
				shift := 64 - 8*len(part)
				fmt.Fprintf(&b, spec+"d", int64(value(part)<<shift)>>shift)
			case 'u':
				fmt.Fprintf(&b, spec+"d", value(part))
			case 'o', 'x', 'X':
				fmt.Fprintf(&b, spec+string(format[j]), value(part))
			case 'c':
				fmt.Fprintf(&b, spec+"s", string(part))
			case 's':
				fmt.Fprintf(&b, spec+"s", strings.TrimRight(string(part), "\x00"))
			case '%':
				b.WriteByte('%')
			}
		default:
			b.WriteByte(format[i])
		}
	}
	return b.String()
}
