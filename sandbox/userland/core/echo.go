// Package core holds the applets that deal with their arguments and the environment alone.
package core

import (
	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// True exits with 0.
func True(*applet.Context) int { return 0 }

// False exits with 1.
func False(*applet.Context) int { return 1 }

// Echo prints its arguments.
func Echo(c *applet.Context) int {
	newline, escapes := true, false
	args := c.Args
options:
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		n, e := newline, escapes
		for _, x := range []byte(args[0][1:]) {
			switch x {
			case 'n':
				n = false
			case 'e':
				e = true
			case 'E':
				e = false
			default:
				break options
			}
		}
		newline, escapes = n, e
		args = args[1:]
	}
	for i, arg := range args {
		if i > 0 {
			c.Out.WriteByte(' ')
		}
		if !escapes {
			c.Out.WriteString(arg)
			continue
		}
		text, stop := unescape(arg, true)
		c.Out.WriteString(text)
		if stop {
			return 0
		}
	}
	if newline {
		c.Out.WriteByte('\n')
	}
	return 0
}

// unescape replaces the escapes of echo -e and of printf: \a \b \c \e \f \n \r \t \v \\ \xHH and octal numbers, with
// a leading zero where octal0 is set. stop tells of a \c, which ends all output.
func unescape(s string, octal0 bool) (text string, stop bool) {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if octal0 && s[i+1] == 'c' {
			return string(b), true
		}
		out, n := Escape(s[i+1:], octal0)
		b = append(b, out...)
		i += n
	}
	return string(b), false
}

// Escape reads the escape that follows a backslash and returns its bytes and its length. An unknown one stands for
// itself, backslash included.
func Escape(s string, octal0 bool) ([]byte, int) {
	const letters, values = "abefnrtv\\", "\a\b\x1b\f\n\r\t\v\\"
	for i := range letters {
		if s[0] == letters[i] {
			return []byte{values[i]}, 1
		}
	}
	if s[0] == 'x' {
		v, n := digits(s[1:], 16, 2)
		if n == 0 {
			return []byte("\\x"), 1
		}
		return []byte{byte(v)}, n + 1
	}
	if s[0] >= '0' && s[0] <= '7' {
		max := 3
		if octal0 && s[0] == '0' {
			max = 4
		}
		v, n := digits(s, 8, max)
		return []byte{byte(v)}, n
	}
	return []byte{'\\', s[0]}, 1
}

func digits(s string, base, max int) (value, n int) {
	for n < len(s) && n < max {
		d := 99
		switch c := s[n]; {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c >= 'a' && c <= 'f':
			d = int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = int(c-'A') + 10
		}
		if d >= base {
			break
		}
		value = value*base + d
		n++
	}
	return value, n
}
