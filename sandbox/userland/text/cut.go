package text

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// create opens a file for writing.
func create(name string, appending bool) (int, error) {
	flags := abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC | abi.O_CLOEXEC
	if appending {
		flags = abi.O_WRONLY | abi.O_CREAT | abi.O_APPEND | abi.O_CLOEXEC
	}
	return sys.Open(name, flags, 0o666)
}

// span is a range of a cut list, from 0, inclusive.
type span struct{ from, to int }

// Cut prints parts of lines.
func Cut(c *applet.Context) int {
	o := c.Getopt("b:c:f:d:O:sDnz", "output-delimiter=O", "bytes=b", "characters=c", "fields=f", "delimiter=d", "only-delimited=s")
	kind := o.Last("bcf")
	if kind == 0 {
		c.Fatalf("expected a list of bytes, characters, or fields")
	}
	list := cutList(c, o.Str(kind))
	delim := byte('\t')
	if d, ok := o.Arg('d'); ok {
		if kind != 'f' {
			c.Fatalf("a delimiter may be specified only when operating on fields")
		}
		if len(d) > 1 {
			c.Fatalf("the delimiter must be a single character")
		}
		delim = 0
		if d != "" {
			delim = d[0]
		}
	}
	if o.Has("s") && kind != 'f' {
		c.Fatalf("suppressing non-delimited lines makes sense only when operating on fields")
	}
	joiner := string(delim)
	if s, ok := o.Arg('O'); ok {
		joiner = s
	}
	return c.EachFInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, _, ok := lines.Next(); ok; line, _, ok = lines.Next() {
			if kind != 'f' {
				cutBytes(c, line, list)
				continue
			}
			if bytes.IndexByte(line, delim) < 0 {
				if !o.Has("s") || len(line) == 0 {
					c.Out.Line(line)
				}
				continue
			}
			cutFields(c, line, list, delim, joiner)
		}
		return lines.Err
	})
}

func cutList(c *applet.Context, text string) []span {
	var list []span
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		first, last, ranged := strings.Cut(part, "-")
		s := span{0, math.MaxInt}
		number := func(t string) int {
			n, err := strconv.ParseUint(t, 10, 31)
			if err != nil {
				c.Fatalf("invalid number '%s'", t)
			}
			if n == 0 {
				c.Fatalf("invalid range %s", part)
			}
			return int(n) - 1
		}
		if first != "" {
			s.from = number(first)
		}
		if !ranged {
			s.to = s.from
		} else if last != "" {
			s.to = number(last)
		}
		if s.to < s.from || first == "" && last == "" {
			c.Fatalf("invalid range %s", part)
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		c.Fatalf("missing list of positions")
	}
	slices.SortStableFunc(list, func(a, b span) int { return a.from - b.from })
	return list
}

func cutBytes(c *applet.Context, line []byte, list []span) {
	next := 0
	for _, s := range list {
		from := max(s.from, next)
		if from >= len(line) {
			continue
		}
		to := min(s.to, len(line)-1) + 1
		if to > from {
			c.Out.Write(line[from:to])
			next = to
		}
	}
	c.Out.WriteByte('\n')
}

func cutFields(c *applet.Context, line []byte, list []span, delim byte, joiner string) {
	printed := false
	field, span, rest := 0, 0, line
	for span < len(list) {
		for span < len(list) && list[span].to < field {
			span++
		}
		if span == len(list) {
			break
		}
		part := rest
		i := bytes.IndexByte(rest, delim)
		if i >= 0 {
			part = rest[:i]
		}
		if field >= list[span].from {
			if printed {
				c.Out.WriteString(joiner)
			}
			c.Out.Write(part)
			printed = true
		}
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		field++
	}
	c.Out.WriteByte('\n')
}

// Paste joins lines of files.
func Paste(c *applet.Context) int {
	o := c.Getopt("d:s", "delimiters=d", "serial=s")
	delims := []byte("\t")
	if d, ok := o.Arg('d'); ok {
		delims = nil
		for i := 0; i < len(d); i++ {
			b := d[i]
			if b == '\\' && i+1 < len(d) {
				i++
				switch d[i] {
				case 'n':
					b = '\n'
				case 't':
					b = '\t'
				case '0':
					b = 0
				default:
					b = d[i]
				}
			}
			delims = append(delims, b)
		}
		if len(delims) == 0 {
			delims = []byte{0}
		}
	}
	put := func(i int) {
		if d := delims[i%len(delims)]; d != 0 {
			c.Out.WriteByte(d)
		}
	}
	var files []*applet.Lines
	var stdin *applet.Lines // shared by all that are "-"
	for _, name := range c.Operands() {
		fd, ok := c.FOpen(name)
		if !ok {
			return 1
		}
		lines := stdin
		if fd != 0 || lines == nil {
			lines = applet.NewLines(fd)
		}
		if fd == 0 {
			stdin = lines
		}
		files = append(files, lines)
	}
	if o.Has("s") {
		for _, f := range files {
			n := 0
			for line, _, ok := f.Next(); ok; line, _, ok = f.Next() {
				if n > 0 {
					put(n - 1)
				}
				c.Out.Write(line)
				n++
			}
			if n > 0 {
				c.Out.WriteByte('\n')
			}
		}
		return 0
	}
	for {
		any := false
		for _, f := range files {
			any = any || f.Peek()
		}
		if !any {
			return 0
		}
		for i, f := range files {
			if i > 0 {
				put(i - 1)
			}
			line, _, _ := f.Next()
			c.Out.Write(line)
		}
		c.Out.WriteByte('\n')
	}
}

// Comm compares sorted files.
func Comm(c *applet.Context) int {
	o := c.Getopt("123")
	c.NArgs(2, 2)
	var files [2]*applet.Lines
	var line [2][]byte
	var ok [2]bool
	for i, name := range c.Args {
		fd, opened := c.FOpen(name)
		if !opened {
			return 1
		}
		files[i] = applet.NewLines(fd)
		line[i], _, ok[i] = files[i].Next()
	}
	print := func(column byte, text []byte) {
		if o.Has(string('0' + column)) {
			return
		}
		for i := byte(1); i < column; i++ {
			if !o.Has(string('0' + i)) {
				c.Out.WriteByte('\t')
			}
		}
		c.Out.Line(text)
	}
	for ok[0] || ok[1] {
		order := 0
		switch {
		case !ok[0]:
			order = 1
		case !ok[1]:
			order = -1
		default:
			order = bytes.Compare(line[0], line[1])
		}
		switch {
		case order < 0:
			print(1, line[0])
		case order > 0:
			print(2, line[1])
		default:
			print(3, line[0])
		}
		if order <= 0 {
			line[0], _, ok[0] = files[0].Next()
		}
		if order >= 0 {
			line[1], _, ok[1] = files[1].Next()
		}
	}
	return 0
}
