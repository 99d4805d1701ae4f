package text

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Fold wraps lines.
func Fold(c *applet.Context) int {
	// The old form -NUM.
	for i, arg := range c.Args {
		if len(arg) > 1 && arg[0] == '-' && arg[1] >= '0' && arg[1] <= '9' {
			c.Args = append(append(append([]string{}, c.Args[:i]...), "-w", arg[1:]), c.Args[i+1:]...)
			break
		}
	}
	o := c.Getopt("bsw:", "bytes=b", "spaces=s", "width=w")
	width := 80
	if s, ok := o.Arg('w'); ok {
		width = int(c.Number(s, nil))
		if width < 1 {
			c.Fatalf("number %s is not in 1..10000 range", s)
		}
	}
	advance := func(column int, r rune, size int) int {
		if !o.Has("b") {
			switch r {
			case '\b':
				return max(0, column-1)
			case '\r':
				return 0
			case '\t':
				return column/8*8 + 8
			}
			return column + 1
		}
		return column + size
	}
	return c.EachFInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, ended, ok := lines.Next(); ok; line, ended, ok = lines.Next() {
			start, column := 0, 0
			for i := 0; i < len(line); {
				r, size := utf8.DecodeRune(line[i:])
				if o.Has("b") {
					size = 1
				}
				next := advance(column, r, size)
				if next > width && i > start {
					end := i
					if o.Has("s") {
						if j := bytes.LastIndexAny(line[start:i], " \t"); j >= 0 {
							end = start + j + 1
						}
					}
					c.Out.Line(line[start:end])
					start, column = end, 0
					i = end
					continue
				}
				column = next
				i += size
			}
			c.Out.Write(line[start:])
			if ended {
				c.Out.WriteByte('\n')
			}
		}
		return lines.Err
	})
}

// Expand turns tabs into blanks.
func Expand(c *applet.Context) int {
	o := c.Getopt("it:", "initial=i", "tabs=t")
	stops := tabStops(c, o)
	return c.EachFInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, ended, ok := lines.Next(); ok; line, ended, ok = lines.Next() {
			column, initial := 0, true
			for len(line) > 0 {
				_, size := utf8.DecodeRune(line)
				switch b := line[0]; {
				case b == '\t' && (initial || !o.Has("i")):
					next := column/stops*stops + stops
					c.Out.WriteString(strings.Repeat(" ", next-column))
					column = next
				default:
					initial = initial && (b == ' ' || b == '\t')
					c.Out.Write(line[:size])
					column++
				}
				line = line[size:]
			}
			if ended {
				c.Out.WriteByte('\n')
			}
		}
		return lines.Err
	})
}

func tabStops(c *applet.Context, o *applet.Options) int {
	s, ok := o.Arg('t')
	if !ok {
		return 8
	}
	n := int(c.Number(s, nil))
	if n < 1 {
		c.Fatalf("invalid number '%s'", s)
	}
	return n
}

// Unexpand turns blanks into tabs.
func Unexpand(c *applet.Context) int {
	o := c.Getopt("ft:a", "first-only=f", "tabs=t", "all=a")
	stops := tabStops(c, o)
	all := o.Has("at") && !o.Has("f")
	return c.EachFInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, ended, ok := lines.Next(); ok; line, ended, ok = lines.Next() {
			column, blanks, initial := 0, 0, true
			flush := func(end int) {
				for at := end - blanks; blanks > 0; {
					next := at/stops*stops + stops
					if next <= end {
						c.Out.WriteByte('\t')
						blanks -= next - at
						at = next
						continue
					}
					c.Out.WriteString(strings.Repeat(" ", blanks))
					blanks = 0
				}
			}
			for len(line) > 0 {
				_, size := utf8.DecodeRune(line)
				switch b := line[0]; {
				case b == ' ' && (initial || all):
					column++
					blanks++
				case b == '\t' && (initial || all):
					next := column/stops*stops + stops
					blanks += next - column
					column = next
				default:
					flush(column)
					initial = false
					c.Out.Write(line[:size])
					column++
				}
				line = line[size:]
			}
			flush(column)
			if ended {
				c.Out.WriteByte('\n')
			}
		}
		return lines.Err
	})
}

// Split cuts a file into pieces.
func Split(c *applet.Context) int {
	o := c.Getopt("l:b:a:", "lines=l", "bytes=b", "suffix-length=a")
	c.NArgs(0, 2)
	suffixLen, lines, size := 2, int64(1000), int64(0)
	if s, ok := o.Arg('a'); ok {
		suffixLen = int(c.Number(s, nil))
	}
	if s, ok := o.Arg('l'); ok {
		lines = c.Number(s, applet.BKM)
	}
	if s, ok := o.Arg('b'); ok {
		size = c.Number(s, append([]applet.Suffix{{Name: "g", Mult: 1 << 30}}, applet.BKM...))
	}
	prefix := "x"
	if len(c.Args) > 1 {
		prefix = c.Args[1]
	}
	in, ok := c.Open(c.Operands()[0])
	if !ok {
		return 1
	}
	suffix := []byte(strings.Repeat("a", suffixLen))
	out, left := -1, int64(0)
	next := func() {
		if out >= 0 {
			sys.Close(out)
			i := suffixLen - 1
			for ; i >= 0; i-- {
				if suffix[i]++; suffix[i] <= 'z' {
					break
				}
				suffix[i] = 'a'
			}
			if i < 0 {
				c.Fatalf("suffixes exhausted")
			}
		}
		var err error
		if out, err = create(prefix+string(suffix), false); err != nil {
			c.Fatalf("can't open '%s': %s", prefix+string(suffix), applet.Strerror(err))
		}
		left = lines
		if size > 0 {
			left = size
		}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := sys.Read(in, buf)
		if n <= 0 {
			if err != nil {
				c.Fatal("read error", err)
			}
			return 0
		}
		for data := buf[:n]; len(data) > 0; {
			if left == 0 {
				next()
			}
			part := data
			if size > 0 {
				part = data[:min(left, int64(len(data)))]
				left -= int64(len(part))
			} else {
				end := 0
				for left > 0 && end < len(data) {
					i := bytes.IndexByte(data[end:], '\n')
					if i < 0 {
						end = len(data)
						break
					}
					end += i + 1
					left--
				}
				part = data[:end]
			}
			if err := sys.Write(out, part); err != nil {
				c.Fatal("write error", err)
			}
			data = data[len(part):]
		}
	}
}

// Strings prints runs of printable characters.
func Strings(c *applet.Context) int {
	o := c.Getopt("afon:t:", "radix=t", "bytes=n")
	least := 4
	if s, ok := o.Arg('n'); ok {
		least = int(c.Number(s, nil))
	}
	format := ""
	switch o.Str('t') {
	case "o":
		format = "%7o "
	case "d":
		format = "%7d "
	case "x":
		format = "%7x "
	}
	if o.Has("o") {
		format = "%7o "
	}
	return c.EachFInput(func(fd int, name string) error {
		data, err := applet.ReadAll(fd)
		for i := 0; i < len(data); {
			j := i
			for j < len(data) && (data[j] >= ' ' && data[j] < 0x7f || data[j] == '\t') {
				j++
			}
			if j-i >= least {
				if o.Has("f") {
					c.Out.WriteString(name + ": ")
				}
				if format != "" {
					c.Out.Printf(format, i)
				}
				c.Out.Line(data[i:j])
			}
			i = j + 1
		}
		return err
	})
}

// Dos2unix and Unix2dos change the ends of lines.
func Dos2unix(c *applet.Context) int { return lineEnds(c, false) }

// Unix2dos is Dos2unix the other way.
func Unix2dos(c *applet.Context) int { return lineEnds(c, true) }

func lineEnds(c *applet.Context, dos bool) int {
	o := c.Getopt("ud")
	switch o.Last("ud") {
	case 'u':
		dos = false
	case 'd':
		dos = true
	}
	convert := func(data []byte) []byte {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		if dos {
			data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
		}
		return data
	}
	if len(c.Args) == 0 {
		data, err := applet.ReadAll(0)
		if err != nil {
			c.Fatal("read error", err)
		}
		c.Out.Write(convert(data))
		return 0
	}
	for _, name := range c.Args {
		fd, ok := c.FOpen(name)
		if !ok {
			return 1
		}
		data, err := applet.ReadAll(fd)
		applet.CloseInput(fd)
		if err != nil {
			c.Fatal(name, err)
		}
		out, err := sys.Open(name, abi.O_WRONLY|abi.O_TRUNC|abi.O_CLOEXEC, 0)
		if err != nil {
			c.Fatal(name, err)
		}
		if err := sys.Write(out, convert(data)); err != nil {
			c.Fatal(name, err)
		}
		sys.Close(out)
	}
	return 0
}

// More shows a file a screen at a time on a terminal; elsewhere it is cat.
func More(c *applet.Context) int {
	c.Getopt("EFIMmNSRh~dflpcsu")
	if !sys.Isatty(1) {
		c.Name = "cat"
		return Cat(c)
	}
	rows := 24
	if w, err := sys.GetWinsize(1); err == nil && w.Row > 1 {
		rows = int(w.Row)
	}
	tty, err := sys.Open("/dev/tty", abi.O_RDONLY|abi.O_CLOEXEC, 0)
	if err != nil {
		tty = 2
	}
	saved, err := sys.GetTermios(tty)
	if err != nil {
		c.Name = "cat"
		return Cat(c)
	}
	raw := *saved
	raw.Lflag &^= abi.ICANON | abi.ECHO
	raw.Cc[abi.VMIN], raw.Cc[abi.VTIME] = 1, 0
	left := rows - 1
	quit := false
	code := c.EachInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, _, ok := lines.Next(); ok && !quit; line, _, ok = lines.Next() {
			if left == 0 {
				c.Out.WriteString("--More-- ")
				c.Out.Flush()
				sys.SetTermios(tty, &raw)
				key := make([]byte, 1)
				n, _ := sys.Read(tty, key)
				sys.SetTermios(tty, saved)
				c.Out.WriteString("\r        \r")
				switch {
				case n <= 0 || key[0] == 'q' || key[0] == 'Q' || key[0] == 3:
					quit = true
					continue
				case key[0] == '\n' || key[0] == '\r':
					left = 1
				default:
					left = rows - 1
				}
			}
			c.Out.Line(line)
			left--
		}
		return lines.Err
	})
	return code
}
