package core

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Seq prints numbers.
func Seq(c *applet.Context) int {
	// A negative number is not an option.
	for i, arg := range c.Args {
		if len(arg) < 2 || arg[0] != '-' {
			if i > 0 && c.Args[i-1] == "-s" {
				continue
			}
			break
		}
		if arg[1] == '.' || arg[1] >= '0' && arg[1] <= '9' {
			c.Args = slices.Insert(slices.Clone(c.Args), i, "--")
			break
		}
	}
	o := c.Getopt("+ws:", "separator=s", "equal-width=w")
	c.NArgs(1, 3)
	first, inc, last := "1", "1", c.Args[len(c.Args)-1]
	if len(c.Args) > 1 {
		first = c.Args[0]
	}
	if len(c.Args) > 2 {
		inc = c.Args[1]
	}
	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			c.Usage()
		}
		return f
	}
	start, step, end := number(first), number(inc), number(last)
	precision := max(decimals(first), decimals(inc))
	width := 0
	if o.Has("w") {
		width = max(len(strconv.FormatFloat(start, 'f', precision, 64)), len(strconv.FormatFloat(end, 'f', precision, 64)))
		if len(c.Args) > 2 {
			width = max(width, len(inc)) // busybox counts the step too
		}
	}
	separator := "\n"
	if s, ok := o.Arg('s'); ok {
		separator = s
	}
	whole := precision == 0 && start == math.Trunc(start) && step == math.Trunc(step) && math.Abs(start) < 1<<52 && math.Abs(end) < 1<<52
	var buf []byte
	for n := 0; ; n++ {
		v := start + step*float64(n)
		if step > 0 && v > end || step < 0 && v < end {
			break
		}
		if n > 0 {
			c.Out.WriteString(separator)
		}
		if whole {
			buf = strconv.AppendInt(buf[:0], int64(v), 10)
		} else {
			buf = strconv.AppendFloat(buf[:0], v, 'f', precision, 64)
		}
		if len(buf) < width {
			c.Out.WriteString(Pad(string(buf), width, "0", true))
		} else {
			c.Out.Write(buf)
		}
		if step == 0 && n > 0 && start > end {
			break
		}
	}
	if step >= 0 && start <= end || step < 0 && start >= end {
		c.Out.WriteByte('\n')
	}
	return 0
}

func decimals(s string) int {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return len(s) - i - 1
	}
	return 0
}

// Yes prints a line for ever.
func Yes(c *applet.Context) int {
	line := "y\n"
	if len(c.Args) > 0 {
		line = strings.Join(c.Args, " ") + "\n"
	}
	block := []byte(strings.Repeat(line, max(1, (16<<10)/len(line))))
	for {
		if err := sys.Write(1, block); err != nil {
			c.Fatal("write error", err)
		}
	}
}

// Sleep waits.
func Sleep(c *applet.Context) int {
	c.Getopt("+")
	c.NArgs(1, -1)
	total := 0.0
	for _, arg := range c.Args {
		seconds, ok := Duration(arg)
		if !ok {
			c.Fatalf("invalid number '%s'", arg)
		}
		total += seconds
	}
	if math.IsInf(total, 1) || total > math.MaxInt64/1e9 {
		total = math.MaxInt64 / 1e9
	}
	if err := sys.Nanosleep(int64(total * 1e9)); err != nil {
		c.Fatal("nanosleep", err)
	}
	return 0
}

// Duration reads seconds with a fraction and one of the units s, m, h and d.
func Duration(text string) (float64, bool) {
	unit := 1.0
	if n := len(text) - 1; n > 0 {
		switch text[n] {
		case 's':
			text = text[:n]
		case 'm':
			text, unit = text[:n], 60
		case 'h':
			text, unit = text[:n], 3600
		case 'd':
			text, unit = text[:n], 86400
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return f * unit, err == nil && f >= 0
}

// Usleep waits microseconds.
func Usleep(c *applet.Context) int {
	c.NArgs(1, 1)
	sys.Nanosleep(c.Number(c.Args[0], nil) * 1000)
	return 0
}

// Factor prints prime factors.
func Factor(c *applet.Context) int {
	c.Getopt("+")
	if len(c.Args) > 0 {
		for _, arg := range c.Args {
			factor(c, arg)
		}
		return 0
	}
	lines := applet.NewLines(0)
	for line, _, ok := lines.Next(); ok; line, _, ok = lines.Next() {
		for _, word := range strings.Fields(string(line)) {
			factor(c, word)
		}
	}
	return 0
}

func factor(c *applet.Context, text string) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		c.Usage()
	}
	c.Out.WriteString(text + ":")
	for p := uint64(2); n > 1; p++ {
		if p > 2 && p%2 == 0 {
			continue
		}
		if p > n/p {
			p = n
		}
		for n%p == 0 {
			c.Out.WriteString(" " + strconv.FormatUint(p, 10))
			n /= p
		}
	}
	c.Out.WriteByte('\n')
}
