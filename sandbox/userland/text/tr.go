package text

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/core"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Tr translates, squeezes and deletes bytes.
func Tr(c *applet.Context) int {
	o := c.Getopt("+Ccdst", "complement=c", "delete=d", "squeeze-repeats=s", "truncate-set1=t")
	c.NArgs(1, 2)
	set1 := expandSet(c, c.Args[0])
	if o.Has("cC") {
		set1 = complement(set1)
	}
	var set2 []byte
	if len(c.Args) == 2 {
		set2 = expandSet(c, c.Args[1])
		if len(set2) == 0 {
			c.Fatalf("STRING2 cannot be empty")
		}
	}
	var table [256]byte
	var squeezed [256]bool
	var kept [256]int // 1, or 0 for what is deleted
	dropping := o.Has("ds")
	for i := range table {
		table[i], kept[i] = byte(i), 1
	}
	if o.Has("d") {
		for _, b := range set1 {
			kept[b] = 0
		}
	} else if set2 != nil {
		for i, b := range set1 {
			if i < len(set2) {
				table[b] = set2[i]
			} else if !o.Has("t") {
				table[b] = set2[len(set2)-1]
			}
		}
	}
	if o.Has("s") {
		set := set1
		if set2 != nil {
			set = set2
		}
		for _, b := range set {
			squeezed[b] = true
		}
	}
	in, out := make([]byte, 64<<10), make([]byte, 64<<10+1) // a byte that is deleted is written over
	last := -1
	for {
		n, err := sys.Read(0, in)
		if n <= 0 {
			if err != nil {
				c.Perror("read error", err)
				return 1
			}
			return 0
		}
		if !dropping {
			for i, b := range in[:n] {
				in[i] = table[b]
			}
			c.Out.Write(in[:n])
			continue
		}
		m := 0
		for _, b := range in[:n] {
			out[m] = table[b]
			keep := kept[b]
			if b = table[b]; squeezed[b] {
				if int(b) == last {
					keep = 0
				}
			}
			if m += keep; keep != 0 {
				last = int(b)
			}
		}
		c.Out.Write(out[:m])
	}
}

func complement(set []byte) []byte {
	var has [256]bool
	for _, b := range set {
		has[b] = true
	}
	var rest []byte
	for i := range has {
		if !has[i] {
			rest = append(rest, byte(i))
		}
	}
	return rest
}

// expandSet reads ranges, escapes, [:classes:], [=x=] and, as busybox does, the range [a-z] with its brackets.
func expandSet(c *applet.Context, s string) []byte {
	var set []byte
	for s != "" {
		if strings.HasPrefix(s, "[:") {
			if end := strings.Index(s, ":]"); end > 0 {
				if class, ok := classBytes(s[2:end]); ok {
					set = append(set, class...)
					s = s[end+2:]
					continue
				}
			}
		}
		if strings.HasPrefix(s, "[=") && len(s) >= 5 && s[3:5] == "=]" {
			set = append(set, s[2])
			s = s[5:]
			continue
		}
		b, n := setByte(s)
		s = s[n:]
		if len(s) >= 2 && s[0] == '-' {
			hi, n := setByte(s[1:])
			for x := int(b); x <= int(hi); x++ {
				set = append(set, byte(x))
			}
			s = s[1+n:]
			continue
		}
		set = append(set, b)
	}
	return set
}

func setByte(s string) (byte, int) {
	if s[0] == '\\' && len(s) > 1 {
		b, n := core.Escape(s[1:], false)
		if len(b) == 1 {
			return b[0], n + 1
		}
		return '\\', 1
	}
	return s[0], 1
}

func classBytes(name string) ([]byte, bool) {
	var in func(b byte) bool
	switch name {
	case "alpha":
		in = func(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
	case "alnum":
		in = func(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' }
	case "digit":
		in = func(b byte) bool { return b >= '0' && b <= '9' }
	case "lower":
		in = func(b byte) bool { return b >= 'a' && b <= 'z' }
	case "upper":
		in = func(b byte) bool { return b >= 'A' && b <= 'Z' }
	case "space":
		in = func(b byte) bool { return b >= 9 && b <= 13 || b == ' ' }
	case "blank":
		in = func(b byte) bool { return b == '\t' || b == ' ' }
	case "punct":
		in = func(b byte) bool {
			return b > ' ' && b < 0x7f && !(b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9')
		}
	case "cntrl":
		in = func(b byte) bool { return b < ' ' || b == 0x7f }
	case "graph":
		in = func(b byte) bool { return b > ' ' && b < 0x7f }
	case "print":
		in = func(b byte) bool { return b >= ' ' && b < 0x7f }
	case "xdigit":
		in = func(b byte) bool { return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'f' }
	default:
		return nil, false
	}
	var set []byte
	for i := range 256 {
		if in(byte(i)) {
			set = append(set, byte(i))
		}
	}
	return set, true
}
