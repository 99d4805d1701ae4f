package files

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// ddFlags are the words of conv=, iflag= and oflag= that dd knows.
var ddFlags = map[string][]string{
	"conv":   {"notrunc", "sync", "noerror", "fsync", "swab"},
	"iflag":  {"skip_bytes", "count_bytes", "fullblock", "direct"},
	"oflag":  {"seek_bytes", "append", "direct"},
	"status": {"none", "noxfer"},
}

type dd struct {
	c                            *applet.Context
	file                         map[string]string
	size                         map[string]int64
	flag                         map[string]bool
	in, out                      int
	fullIn, partIn, fullO, partO int64
	total                        int64
}

// Dd copies and converts.
func Dd(c *applet.Context) int {
	d := &dd{c: c, file: map[string]string{}, size: map[string]int64{"ibs": 512, "obs": 512, "count": -1}, flag: map[string]bool{}, out: 1}
	for _, arg := range c.Args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			c.Usage()
		}
		switch key {
		case "if", "of":
			d.file[key] = value
		case "bs":
			n := c.Number(value, applet.CWBKMG)
			d.size["ibs"], d.size["obs"], d.flag["bs"] = n, n, true
		case "ibs", "obs", "count", "skip", "seek":
			d.size[key] = c.Number(value, applet.CWBKMG)
		case "conv", "iflag", "oflag", "status":
			d.words(key, value)
		default:
			c.Usage()
		}
	}
	if d.size["ibs"] <= 0 || d.size["obs"] <= 0 {
		c.Fatalf("invalid number '0'")
	}
	code := d.run()
	if !d.flag["status:none"] {
		c.Out.Flush()
		d.report()
	}
	return code
}

func (d *dd) words(key, value string) {
next:
	for word := range strings.SplitSeq(value, ",") {
		for _, known := range ddFlags[key] {
			if word == known {
				d.flag[key+":"+word] = true
				continue next
			}
		}
		d.c.Fatalf("invalid argument '%s' to '%s'", word, key)
	}
}

func (d *dd) run() int {
	c := d.c
	ibs, obs := d.size["ibs"], d.size["obs"]
	if name, ok := d.file["if"]; ok {
		fd, err := sys.Open(name, abi.O_RDONLY|abi.O_CLOEXEC, 0)
		if err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		d.in = fd
	}
	seek := d.size["seek"]
	if !d.flag["oflag:seek_bytes"] {
		seek *= obs
	}
	if name, ok := d.file["of"]; ok {
		flags := abi.O_WRONLY | abi.O_CREAT | abi.O_CLOEXEC
		if seek == 0 && !d.flag["conv:notrunc"] {
			flags |= abi.O_TRUNC
		}
		if d.flag["oflag:append"] {
			flags |= abi.O_APPEND
		}
		fd, err := sys.Open(name, flags, 0o666)
		if err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		d.out = fd
		if seek > 0 && !d.flag["conv:notrunc"] {
			if err := sys.Ftruncate(fd, seek); err != nil {
				if st, e := sys.Fstat(fd); e == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
					c.Fatal(name, err)
				}
			}
		}
	}
	buf := make([]byte, ibs)
	skip := d.size["skip"]
	if !d.flag["iflag:skip_bytes"] {
		skip *= ibs
	}
	if skip > 0 {
		if _, err := sys.Lseek(d.in, skip, abi.SEEK_CUR); err != nil {
			for skip > 0 {
				n, err := sys.Read(d.in, buf[:min(skip, ibs)])
				if err != nil {
					c.Fatal(d.name("if"), err)
				}
				if n == 0 {
					break
				}
				skip -= int64(n)
			}
		}
	}
	if seek > 0 {
		if _, err := sys.Lseek(d.out, seek, abi.SEEK_CUR); err != nil {
			c.Fatal(d.name("of"), err)
		}
	}
	var pending []byte // with obs other than ibs: what has not filled a block yet
	left := d.size["count"]
	for left != 0 {
		want := ibs
		if d.flag["iflag:count_bytes"] && left >= 0 {
			want = min(want, left)
		}
		n, err := d.read(buf[:want])
		if err != nil {
			c.Perror(d.name("if"), err)
			if !d.flag["conv:noerror"] {
				return 1
			}
			n = 0
		}
		if n == 0 && err == nil {
			break
		}
		if int64(n) == ibs {
			d.fullIn++
		} else {
			d.partIn++
			if d.flag["conv:sync"] {
				clear(buf[n:])
				n = int(ibs)
			}
		}
		if left > 0 {
			if d.flag["iflag:count_bytes"] {
				left -= int64(n)
			} else {
				left--
			}
		}
		data := buf[:n]
		if d.flag["conv:swab"] {
			for i := 0; i+1 < n; i += 2 {
				data[i], data[i+1] = data[i+1], data[i]
			}
		}
		if d.flag["bs"] || ibs == obs {
			if !d.write(data, obs) {
				return 1
			}
			continue
		}
		pending = append(pending, data...)
		for int64(len(pending)) >= obs {
			if !d.write(pending[:obs], obs) {
				return 1
			}
			pending = pending[obs:]
		}
	}
	if len(pending) > 0 && !d.write(pending, obs) {
		return 1
	}
	if d.flag["conv:fsync"] {
		if err := sys.Fsync(d.out); err != nil {
			c.Perror(d.name("of"), err)
			return 1
		}
	}
	return 0
}

func (d *dd) name(key string) string {
	if name, ok := d.file[key]; ok {
		return name
	}
	if key == "if" {
		return "standard input"
	}
	return "standard output"
}

func (d *dd) read(buf []byte) (int, error) {
	n, err := sys.Read(d.in, buf)
	if d.flag["iflag:fullblock"] {
		for n > 0 && n < len(buf) && err == nil {
			var m int
			m, err = sys.Read(d.in, buf[n:])
			if m <= 0 {
				break
			}
			n += m
		}
	}
	return max(n, 0), err
}

func (d *dd) write(b []byte, obs int64) bool {
	if err := sys.Write(d.out, b); err != nil {
		d.c.Perror(d.name("of"), err)
		return false
	}
	if int64(len(b)) == obs {
		d.fullO++
	} else if len(b) > 0 {
		d.partO++
	}
	d.total += int64(len(b))
	return true
}

func (d *dd) report() {
	text := itoa(d.fullIn) + "+" + itoa(d.partIn) + " records in\n" + itoa(d.fullO) + "+" + itoa(d.partO) + " records out\n"
	sys.Write(2, []byte(text))
}
