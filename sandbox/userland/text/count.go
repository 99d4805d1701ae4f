package text

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// counts are what wc counts, in the order it prints them.
type counts struct{ lines, words, chars, bytes, longest int64 }

func (n *counts) list() [5]int64 { return [5]int64{n.lines, n.words, n.chars, n.bytes, n.longest} }

// Wc counts lines, words and bytes.
func Wc(c *applet.Context) int {
	o := c.Getopt("lwcmL", "lines=l", "words=w", "bytes=c", "chars=m", "max-line-length=L")
	if !o.Has("lwcmL") {
		o.Order = []byte("lwc")
	}
	shown := [5]bool{o.Has("l"), o.Has("w"), o.Has("m"), o.Has("c"), o.Has("L")}
	onlyOne := len(o.Order) == 1
	print := func(n counts, name string) {
		first := true
		for i, v := range n.list() {
			if !shown[i] {
				continue
			}
			if onlyOne && (len(c.Args) <= 1) {
				c.Out.Int(v)
			} else if first {
				c.Out.Printf("%9d", v)
			} else {
				c.Out.Printf(" %9d", v)
			}
			first = false
		}
		if name != "" {
			c.Out.WriteString(" " + name)
		}
		c.Out.WriteByte('\n')
	}
	var total counts
	code := c.EachFInput(func(fd int, name string) error {
		n, err := count(fd, shown)
		if name == "-" && len(c.Args) == 0 {
			name = ""
		}
		print(n, name)
		total.lines += n.lines
		total.words += n.words
		total.chars += n.chars
		total.bytes += n.bytes
		total.longest = max(total.longest, n.longest)
		return err
	})
	if len(c.Args) > 1 {
		print(total, "total")
	}
	return code
}

func count(fd int, shown [5]bool) (counts, error) {
	var n counts
	c := counter{n: &n, wide: shown[2] || shown[4]}
	buf := make([]byte, 64<<10)
	for {
		size, err := sys.Read(fd, buf)
		if size <= 0 {
			c.end()
			return n, err
		}
		part := buf[:size]
		n.bytes += int64(size)
		if shown[1] || c.wide {
			c.add(part)
		} else {
			n.lines += int64(applet.Count(part, '\n'))
		}
	}
}

// counter counts what comes in pieces.
type counter struct {
	n      *counts
	wide   bool // characters and the longest line too
	inWord uint8
	column int64
}

// What a byte is to words: a part of one, or nothing; else it ends one.
const (
	ofWord  = 1
	nothing = 2
)

var wordBytes = func() (table [256]uint8) {
	for i := range table {
		switch b := byte(i); {
		case b >= '\t' && b <= '\r' || b == ' ':
		case b < ' ' || b >= 0x7f: // past ASCII too, as in busybox
			table[i] = nothing
		default:
			table[i] = ofWord
		}
	}
	return table
}()

func (c *counter) add(part []byte) {
	if c.wide {
		c.columns(part)
	}
	words, in := 0, c.inWord
	for _, b := range part {
		t := wordBytes[b]
		now := t&ofWord | t>>1&in
		words += int(in &^ now)
		in = now
	}
	c.inWord = in
	c.n.words += int64(words)
	c.n.lines += int64(applet.Count(part, '\n'))
}

// columns counts characters and finds the longest line.
func (c *counter) columns(part []byte) {
	for _, b := range part {
		if b&0xc0 != 0x80 {
			c.n.chars++
		}
		switch {
		case b == '\n' || b == '\r' || b == '\f':
			c.n.longest = max(c.n.longest, c.column)
			c.column = 0
		case b == '\t':
			c.column = c.column/8*8 + 8
		case b >= ' ' && b < 0x7f: // as in busybox
			c.column++
		}
	}
}

func (c *counter) end() {
	c.n.words += int64(c.inWord)
	c.inWord = 0
	c.n.longest = max(c.n.longest, c.column)
}

// Nl numbers lines.
func Nl(c *applet.Context) int {
	o := c.Getopt("pb:i:s:v:w:n:", "body-numbering=b", "line-increment=i", "number-separator=s", "starting-line-number=v", "number-width=w", "no-renumber=p", "number-format=n")
	number, inc, width, separator, body := int64(1), int64(1), int64(6), "\t", "t"
	if s, ok := o.Arg('v'); ok {
		number = c.Signed(s)
	}
	if s, ok := o.Arg('i'); ok {
		inc = c.Signed(s)
	}
	if s, ok := o.Arg('w'); ok {
		width = c.Number(s, nil)
	}
	if s, ok := o.Arg('s'); ok {
		separator = s
	}
	if s, ok := o.Arg('b'); ok {
		body = s
	}
	blank := pad("", int(width)+len(separator))
	return c.EachInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, _, ok := lines.Next(); ok; line, _, ok = lines.Next() {
			if body == "a" || body == "t" && len(line) > 0 {
				c.Out.WriteString(pad(strconv.FormatInt(number, 10), int(width)) + separator)
				number += inc
			} else {
				c.Out.WriteString(blank)
			}
			c.Out.Line(line)
		}
		return lines.Err
	})
}

// pad writes s to the right of a field.
func pad(s string, width int) string {
	for len(s) < width {
		s = " " + s
	}
	return s
}

// Rev reverses the characters of each line.
func Rev(c *applet.Context) int {
	c.Getopt("")
	return c.EachFInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, ended, ok := lines.Next(); ok; line, ended, ok = lines.Next() {
			for len(line) > 0 {
				_, size := utf8.DecodeLastRune(line)
				c.Out.Write(line[len(line)-size:])
				line = line[:len(line)-size]
			}
			if ended {
				c.Out.WriteByte('\n')
			}
		}
		return lines.Err
	})
}

// Tac prints the lines of all files from the last to the first.
func Tac(c *applet.Context) int {
	c.Getopt("")
	return c.EachFInput(func(fd int, name string) error {
		data, err := applet.ReadAll(fd)
		for end := len(data); end > 0; {
			start := bytes.LastIndexByte(data[:end-1], '\n') + 1
			c.Out.Write(data[start:end])
			end = start
		}
		return err
	})
}

// Tee copies standard input to files and standard output.
func Tee(c *applet.Context) int {
	o := c.Getopt("ia", "ignore-interrupts=i", "append=a")
	if o.Has("i") {
		sys.Ignore(2)
	}
	code := 0
	type output struct {
		fd   int
		name string
	}
	outputs := []output{{1, "standard output"}}
	for _, name := range c.Args {
		if name == "-" {
			outputs = append(outputs, output{1, "standard output"})
			continue
		}
		fd, err := create(name, o.Has("a"))
		if err != nil {
			c.Perror(name, err)
			code = 1
			continue
		}
		outputs = append(outputs, output{fd, name})
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := sys.Read(0, buf)
		if n <= 0 {
			if err != nil {
				c.Perror("read error", err)
				return 1
			}
			return code
		}
		for i, out := range outputs {
			if out.fd < 0 {
				continue
			}
			if err := sys.Write(out.fd, buf[:n]); err != nil {
				c.Perror(out.name, err)
				outputs[i].fd = -1
				code = 1
			}
		}
	}
}
