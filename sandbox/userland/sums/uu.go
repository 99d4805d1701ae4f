package sums

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// uuAlphabet is the traditional one: a blank is a grave accent.
const uuAlphabet = "`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"

// uuLine is the number of bytes in a line.
const uuLine = 45

// Uuencode writes a file as printable characters, with its name and mode.
func Uuencode(c *applet.Context) int {
	o := c.Getopt("m")
	c.NArgs(1, 2)
	fd, mode, name := 0, uint32(0), c.Args[0]
	if len(c.Args) == 2 {
		fd = c.MustOpen(c.Args[0])
		st, err := sys.Fstat(fd)
		if err != nil {
			c.Fatal(c.Args[0], err)
		}
		mode, name = st.Mode&0o777, c.Args[1]
	} else {
		mask := sys.Umask(0o777)
		sys.Umask(mask)
		mode = 0o666 &^ mask
	}
	data, err := applet.ReadAll(fd)
	if err != nil {
		c.Fatal(c.Args[0], err)
	}
	if o.Has("m") {
		c.Out.Printf("begin-base64 %o %s\n", mode, name)
		for chunk := data; len(chunk) > 0; chunk = chunk[min(uuLine, len(chunk)):] {
			c.Out.WriteString(base64.StdEncoding.EncodeToString(chunk[:min(uuLine, len(chunk))]) + "\n")
		}
		c.Out.WriteString("====\n")
		return 0
	}
	c.Out.Printf("begin %o %s\n", mode, name)
	encoding := base64.NewEncoding(uuAlphabet).WithPadding(base64.NoPadding)
	for ; len(data) > 0; data = data[min(uuLine, len(data)):] {
		chunk := data[:min(uuLine, len(data))]
		padded := append([]byte(nil), chunk...)
		for len(padded)%3 != 0 {
			padded = append(padded, 0)
		}
		c.Out.WriteByte(uuAlphabet[len(chunk)])
		c.Out.WriteString(encoding.EncodeToString(padded) + "\n")
	}
	c.Out.WriteString("`\nend\n")
	return 0
}

// Uudecode restores what uuencode wrote.
func Uudecode(c *applet.Context) int {
	o := c.Getopt("o:")
	c.NArgs(0, 1)
	fd, ok := c.FOpen(c.Operands()[0])
	if !ok {
		return 1
	}
	in := applet.NewLines(fd)
	for {
		line, _, ok := in.Next()
		if !ok {
			c.Fatalf("no 'begin' line")
		}
		text := string(line)
		decode := uuBody
		rest, found := strings.CutPrefix(text, "begin ")
		if !found {
			if rest, found = strings.CutPrefix(text, "begin-base64 "); !found {
				continue
			}
			decode = base64Body
		}
		modeText, name, found := strings.Cut(rest, " ")
		if name = strings.TrimRight(name, " \t\r"); !found || name == "" {
			break
		}
		mode, err := strconv.ParseUint(modeText, 8, 32)
		if err != nil {
			continue
		}
		if out, given := o.Arg('o'); given {
			name = out
		}
		data := decode(c, in)
		if name == "-" || name == "/dev/stdout" {
			c.Out.Write(data)
			return 0
		}
		out, err := sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC, 0o666)
		if err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		if err := sys.Write(out, data); err != nil {
			c.Fatal(name, err)
		}
		sys.Fchmod(out, uint32(mode)&0o777)
		sys.Close(out)
		return 0
	}
	c.Fatalf("no 'begin' line")
	return 1
}

// uuBody decodes the lines up to "end".
func uuBody(c *applet.Context, in *applet.Lines) []byte {
	var data []byte
	for {
		line, _, ok := in.Next()
		if !ok {
			c.Fatalf("short file")
		}
		if string(line) == "end" {
			return data
		}
		if len(line) == 0 {
			continue
		}
		size := int(line[0]-' ') & 0x3f
		if size == 0 {
			continue
		}
		body := line[1:]
		if len(body)*3/4 < size {
			c.Fatalf("short file")
		}
		var chunk []byte
		for len(body) >= 4 {
			n := 0
			for _, x := range body[:4] {
				n = n<<6 | int(x-' ')&0x3f
			}
			chunk = append(chunk, byte(n>>16), byte(n>>8), byte(n))
			body = body[4:]
		}
		data = append(data, chunk[:min(size, len(chunk))]...)
	}
}

// base64Body decodes up to the line "====".
func base64Body(c *applet.Context, in *applet.Lines) []byte {
	var text strings.Builder
	for {
		line, _, ok := in.Next()
		if !ok || strings.HasPrefix(string(line), "====") {
			break
		}
		fmt.Fprintf(&text, "%s", line)
	}
	data, err := base64.StdEncoding.DecodeString(text.String())
	if err != nil {
		c.Fatalf("invalid input")
	}
	return data
}
