package sums

import (
	"encoding/base32"
	"encoding/base64"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// encoding is what base64.Encoding and base32.Encoding have in common.
type encoding interface {
	Encode(dst, src []byte)
	Decode(dst, src []byte) (int, error)
	EncodedLen(n int) int
	DecodedLen(n int) int
}

// Base64 encodes or decodes.
func Base64(c *applet.Context) int {
	return base(c, base64.StdEncoding, base64.StdEncoding.WithPadding(base64.NoPadding),
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 3, 4)
}

// Base32 is Base64 for base 32.
func Base32(c *applet.Context) int {
	return base(c, base32.StdEncoding, base32.StdEncoding.WithPadding(base32.NoPadding), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5, 8)
}

// base is the applet for an encoding and the same without padding: groups of so many bytes are so many letters.
func base(c *applet.Context, padded, unpadded encoding, alphabet string, bytes, letters int) int {
	o := c.Getopt("dw:", "decode=d", "wrap=w")
	c.NArgs(0, 1)
	width := 76
	if text, ok := o.Arg('w'); ok {
		width = int(c.Number(text, nil))
	}
	fd, ok := c.FOpen(c.Operands()[0])
	if !ok {
		return 1
	}
	if o.Has("d") {
		data, err := applet.ReadAll(fd)
		if err != nil {
			c.Fatal("read error", err)
		}
		decode(c, unpadded, alphabet, letters, data)
		return 0
	}
	in := make([]byte, 8<<10*bytes)
	out := make([]byte, padded.EncodedLen(len(in)))
	for column := 0; ; {
		n, err := readFull(fd, in)
		if err != nil {
			c.Fatal("read error", err)
		}
		text := out[:padded.EncodedLen(n)]
		padded.Encode(text, in[:n])
		if width == 0 {
			c.Out.Write(text)
		}
		for width > 0 && len(text) > 0 {
			part := min(width-column, len(text))
			c.Out.Write(text[:part])
			text = text[part:]
			if column += part; column == width {
				c.Out.WriteByte('\n')
				column = 0
			}
		}
		if n < len(in) {
			if column > 0 {
				c.Out.WriteByte('\n')
			}
			return 0
		}
	}
}

// readFull fills b unless the input ends.
func readFull(fd int, b []byte) (int, error) {
	for n := 0; n < len(b); {
		k, err := sys.Read(fd, b[n:])
		if err != nil || k == 0 {
			return n, err
		}
		n += k
	}
	return len(b), nil
}

// decode writes what text stands for; padding may be anywhere between whole groups.
func decode(c *applet.Context, e encoding, alphabet string, letters int, text []byte) {
	const (
		none = iota
		letter
		space
	)
	var kind [256]uint8
	for i := range len(alphabet) {
		kind[alphabet[i]] = letter
	}
	for _, b := range []byte(" \t\r\n") {
		kind[b] = space
	}
	n := 0
	for _, b := range text {
		text[n] = b
		if kind[b] != space {
			n++
		}
	}
	text = text[:n]
	out := make([]byte, 48<<10)
	for len(text) > 0 {
		n := 0
		for n < len(text) && kind[text[n]] == letter {
			n++
		}
		end := n
		for end < len(text) && end%letters != 0 && text[end] == '=' {
			end++
		}
		whole := n
		if end%letters != 0 {
			whole = n / letters * letters
		}
		for part := text[:whole]; len(part) > 0; {
			size := min(len(part), 1<<10*letters)
			k, err := e.Decode(out, part[:size])
			c.Out.Write(out[:k])
			if err != nil {
				c.Fatalf("truncated input")
			}
			part = part[size:]
		}
		if end%letters != 0 || end == 0 {
			c.Fatalf("truncated input")
		}
		text = text[end:]
	}
}
