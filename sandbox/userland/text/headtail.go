package text

import (
	"bytes"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// oldCount rewrites the old form -NUM (+NUM too, for tail) as -n NUM.
func oldCount(args []string, plus bool) []string {
	if len(args) == 0 || len(args[0]) < 2 {
		return args
	}
	first := args[0]
	if first[0] == '-' && first[1] >= '0' && first[1] <= '9' {
		return append([]string{"-n", first[1:]}, args[1:]...)
	}
	if plus && first[0] == '+' && strings.Trim(first[1:], "0123456789") == "" {
		return append([]string{"-n", first}, args[1:]...)
	}
	return args
}

// Head prints the beginning of files.
func Head(c *applet.Context) int {
	c.Args = oldCount(c.Args, false)
	o := c.Getopt("n:c:qv", "lines=n", "bytes=c", "quiet=q", "silent=q", "verbose=v")
	count, unit := int64(10), byte('n')
	if x := o.Last("nc"); x != 0 {
		unit = x
		text := o.Str(x)
		negative := strings.HasPrefix(text, "-")
		count = c.Number(strings.TrimPrefix(text, "-"), applet.BKM)
		if negative {
			return headers(c, o, func(fd int, name string) error { return headAllBut(c, fd, unit, count) })
		}
	}
	return headers(c, o, func(fd int, name string) error {
		buf := make([]byte, 8<<10)
		for left := count; left > 0; {
			n, err := sys.Read(fd, buf)
			if n <= 0 {
				return err
			}
			part := buf[:n]
			if unit == 'c' {
				part = part[:min(int64(n), left)]
				left -= int64(len(part))
			} else {
				end := 0
				for left > 0 && end < n {
					i := bytes.IndexByte(part[end:], '\n')
					if i < 0 {
						end = n
						break
					}
					end += i + 1
					left--
				}
				part = part[:end]
			}
			c.Out.Write(part)
			if left == 0 && len(part) < n {
				// What was read too far goes back, for who reads the same file next.
				sys.Lseek(fd, int64(len(part)-n), abi.SEEK_CUR)
			}
		}
		return nil
	})
}

// headers goes through the files and prints "==> name <==" before each when there are several.
func headers(c *applet.Context, o *applet.Options, f func(fd int, name string) error) int {
	show := (len(c.Args) > 1 || o.Has("v")) && !(o.Last("qv") == 'q')
	first := true
	return c.EachFInput(func(fd int, name string) error {
		if show {
			if !first {
				c.Out.WriteByte('\n')
			}
			first = false
			if name == "-" {
				name = "standard input"
			}
			c.Out.WriteString("==> " + name + " <==\n")
		}
		return f(fd, name)
	})
}

func headAllBut(c *applet.Context, fd int, unit byte, count int64) error {
	data, err := applet.ReadAll(fd)
	end := len(data)
	if unit == 'c' {
		end = max(0, end-int(count))
	} else {
		if end > 0 && data[end-1] != '\n' && count > 0 {
			count--
			end = bytes.LastIndexByte(data, '\n') + 1
		}
		for ; count > 0 && end > 0; count-- {
			end = bytes.LastIndexByte(data[:end-1], '\n') + 1
		}
	}
	c.Out.Write(data[:end])
	return err
}

// Tail prints the end of files, with -f what is added to them too.
func Tail(c *applet.Context) int {
	c.Args = oldCount(c.Args, true)
	o := c.Getopt("fFc:n:qs:v", "follow=f", "lines=n", "bytes=c", "quiet=q", "verbose=v", "retry=F", "sleep-interval=s")
	count, unit, fromStart := int64(10), byte('n'), false
	if x := o.Last("nc"); x != 0 {
		unit = x
		text := o.Str(x)
		fromStart = strings.HasPrefix(text, "+")
		count = c.Number(strings.TrimLeft(text, "+-"), applet.BKM)
	}
	if fromStart && count > 0 {
		count--
	}
	t := &tailer{c: c, o: o, headers: (len(c.Args) > 1 || o.Has("v")) && o.Last("qv") != 'q', last: -1}
	code := 0
	for _, name := range c.Operands() {
		fd, err := 0, error(nil)
		if name != "-" {
			fd, err = sys.Open(name, abi.O_RDONLY|abi.O_CLOEXEC, 0)
		}
		if err != nil {
			c.Errorf("can't open '%s': %s", name, applet.Strerror(err))
			code = 1
			if !o.Has("F") {
				continue
			}
			fd = -1
		}
		t.files = append(t.files, &followed{fd: fd, name: name})
	}
	if len(t.files) == 0 {
		c.Errorf("no files")
	}
	for i, f := range t.files {
		if f.fd < 0 {
			continue
		}
		t.header(i)
		var err error
		if fromStart {
			err = t.from(f.fd, unit, count)
		} else {
			err = t.end(f.fd, unit, count)
		}
		if err != nil {
			c.Perror(f.name, err)
			code = 1
		}
		if st, err := sys.Fstat(f.fd); err == nil {
			f.ino = st.Ino
		}
	}
	if o.Has("fF") && len(t.files) > 0 {
		t.follow()
	}
	return code
}

type tailer struct {
	c       *applet.Context
	o       *applet.Options
	files   []*followed
	headers bool
	last    int // the file whose header was printed last
	inotify int // -1: there is none
}

func (t *tailer) header(i int) {
	if !t.headers || t.last == i {
		return
	}
	if t.last >= 0 {
		t.c.Out.WriteByte('\n')
	}
	t.last = i
	name := t.files[i].name
	if name == "-" {
		name = "standard input"
	}
	t.c.Out.WriteString("==> " + name + " <==\n")
}

// from prints all but the first count lines or bytes.
func (t *tailer) from(fd int, unit byte, count int64) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := sys.Read(fd, buf)
		if n <= 0 {
			return err
		}
		part := buf[:n]
		for count > 0 && len(part) > 0 {
			if unit == 'c' {
				skip := min(count, int64(len(part)))
				part, count = part[skip:], count-skip
				continue
			}
			i := bytes.IndexByte(part, '\n')
			if i < 0 {
				part = nil
				break
			}
			part, count = part[i+1:], count-1
		}
		t.c.Out.Write(part)
	}
}

// end prints the last count lines or bytes; a file is read backwards from its end.
func (t *tailer) end(fd int, unit byte, count int64) error {
	if size, err := sys.Lseek(fd, 0, abi.SEEK_END); err == nil && size > 0 {
		st, err := sys.Fstat(fd)
		if err == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
			return t.endOfFile(fd, size, unit, count)
		}
	}
	// A stream: keep what may be the end.
	var keep []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := sys.Read(fd, buf)
		if n <= 0 {
			t.c.Out.Write(keep[endStart(keep, unit, count):])
			return err
		}
		keep = append(keep, buf[:n]...)
		if len(keep) > 1<<20 {
			keep = append(keep[:0], keep[endStart(keep, unit, count):]...)
		}
	}
}

func (t *tailer) endOfFile(fd int, size int64, unit byte, count int64) error {
	step := int64(64 << 10)
	for want := step; ; want *= 4 {
		if unit == 'c' {
			want = max(want, count)
		}
		start := max(0, size-want)
		if _, err := sys.Lseek(fd, start, abi.SEEK_SET); err != nil {
			return err
		}
		data := make([]byte, size-start)
		read := 0
		for read < len(data) {
			n, err := sys.Read(fd, data[read:])
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			read += n
		}
		data = data[:read]
		from := endStart(data, unit, count)
		if from > 0 || start == 0 {
			t.c.Out.Write(data[from:])
			return nil
		}
	}
}

// endStart returns where the last count lines or bytes of data begin.
func endStart(data []byte, unit byte, count int64) int {
	if unit == 'c' {
		return max(0, len(data)-int(min(count, int64(len(data)))))
	}
	pos := len(data)
	if pos > 0 && data[pos-1] == '\n' {
		pos--
	}
	if count == 0 {
		return len(data)
	}
	for ; count > 0; count-- {
		i := bytes.LastIndexByte(data[:pos], '\n')
		if i < 0 {
			return 0
		}
		pos = i
	}
	return pos + 1
}
