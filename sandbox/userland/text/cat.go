// Package text holds the applets that filter text line by line.
package text

import (
	"strconv"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Cat prints files.
func Cat(c *applet.Context) int {
	o := c.Getopt("etvnbAu")
	if !o.Has("nbetvA") {
		buf := make([]byte, 64<<10)
		code := 0
		opened := c.EachInput(func(fd int, name string) error {
			for {
				n, err := sys.Read(fd, buf)
				if err != nil {
					c.Perror("read error", err)
					code = 1
				}
				if n <= 0 {
					return nil
				}
				if err := sys.Write(1, buf[:n]); err != nil {
					c.Fatal("write error", err)
				}
			}
		})
		return max(code, opened)
	}
	ends, tabs, visible := o.Has("eA"), o.Has("tA"), o.Has("etvA")
	number := 1
	return c.EachInput(func(fd int, name string) error {
		lines := applet.NewLines(fd)
		for line, ended, ok := lines.Next(); ok; line, ended, ok = lines.Next() {
			if o.Has("n") && !o.Has("b") || o.Has("b") && len(line) > 0 {
				writeNumber(c, number)
				number++
			}
			if visible {
				writeVisible(c, line, tabs)
			} else {
				c.Out.Write(line)
			}
			if ended && ends {
				c.Out.WriteByte('$')
			}
			if ended || o.Has("nb") {
				c.Out.WriteByte('\n')
			}
		}
		return lines.Err
	})
}

func writeNumber(c *applet.Context, n int) {
	s := strconv.Itoa(n)
	for i := len(s); i < 6; i++ {
		c.Out.WriteByte(' ')
	}
	c.Out.WriteString(s)
	c.Out.WriteByte('\t')
}

// writeVisible writes control characters as ^X and bytes past 127 as M-x.
func writeVisible(c *applet.Context, line []byte, tabs bool) {
	for _, b := range line {
		if b >= 128 {
			c.Out.WriteString("M-")
			b -= 128
		}
		switch {
		case b == '\t' && !tabs:
			c.Out.WriteByte(b)
		case b < 32:
			c.Out.WriteByte('^')
			c.Out.WriteByte(b + 64)
		case b == 127:
			c.Out.WriteString("^?")
		default:
			c.Out.WriteByte(b)
		}
	}
}
