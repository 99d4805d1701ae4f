// Package awk holds the awk applet, on goawk.
package awk

import (
	"strings"
	"time"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/lexer"
	"github.com/benhoyt/goawk/parser"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
	"github.com/sockerless/sockerless/sandbox/userland/system"
)

// Awk runs an awk program.
func Awk(c *applet.Context) int {
	o := c.Getopt("+F:v:f:e:W:", "field-separator=F", "assign=v", "file=f")
	source := ""
	for _, file := range o.All('f') {
		text, err := applet.ReadFile(file)
		if err != nil {
			c.Fatalf("can't open '%s': %s", file, applet.Strerror(err))
		}
		source += string(text) + "\n"
	}
	for _, text := range o.All('e') {
		source += text + "\n"
	}
	if !o.Has("fe") {
		c.NArgs(1, -1)
		source, c.Args = c.Args[0], c.Args[1:]
	}
	config := &interp.Config{
		Stdin:        sys.FD(0),
		Output:       output{&c.Out},
		Error:        sys.FD(2),
		Argv0:        c.Name,
		Args:         c.Args,
		ShellCommand: []string{"/bin/sh", "-c"},
		Environ:      []string{},
		Funcs:        functions(c),
	}
	if sep, ok := o.Arg('F'); ok {
		config.Vars = append(config.Vars, "FS", unescape(c, sep))
	}
	for _, assignment := range o.All('v') {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			c.Usage()
		}
		config.Vars = append(config.Vars, name, unescape(c, value))
	}
	for _, kv := range c.Environ() {
		if name, value, ok := strings.Cut(kv, "="); ok {
			config.Environ = append(config.Environ, name, value)
		}
	}
	program, err := parser.ParseProgram([]byte(source), &parser.ParserConfig{Funcs: config.Funcs})
	if err != nil {
		text := err.Error()
		if e, ok := err.(*parser.ParseError); ok {
			text = e.Message
		}
		c.Fatalf("cmd. line:%s", strings.TrimPrefix(text, "parse error at "))
	}
	code, err := interp.ExecProgram(program, config)
	if err != nil {
		c.Errorf("%s", err)
		return 1
	}
	return code
}

// functions are those that busybox's awk has beyond POSIX.
func functions(c *applet.Context) map[string]any {
	bits := func(f float64) uint64 { return uint64(int64(f)) }
	return map[string]any{
		"and":    func(a, b float64) float64 { return float64(bits(a) & bits(b)) },
		"or":     func(a, b float64) float64 { return float64(bits(a) | bits(b)) },
		"xor":    func(a, b float64) float64 { return float64(bits(a) ^ bits(b)) },
		"compl":  func(a float64) float64 { return float64(^bits(a)) },
		"lshift": func(a, n float64) float64 { return float64(bits(a) << bits(n)) },
		"rshift": func(a, n float64) float64 { return float64(bits(a) >> bits(n)) },
		"systime": func() float64 {
			return float64(sys.Now().Sec)
		},
		"strftime": func(args ...string) string {
			format, t := "%a %b %e %H:%M:%S %Z %Y", c.Now()
			if len(args) > 0 {
				format = args[0]
			}
			if len(args) > 1 {
				t = time.Unix(seconds(args[1]), 0).In(c.Location())
			}
			return system.Strftime(format, t)
		},
		"mktime": func(spec string) float64 {
			var v [6]int
			fields := strings.Fields(spec)
			if len(fields) < 6 {
				return -1
			}
			for i := range v {
				v[i] = int(seconds(fields[i]))
			}
			return float64(time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], 0, c.Location()).Unix())
		},
	}
}

// seconds reads the whole part of a number.
func seconds(text string) int64 {
	negative := strings.HasPrefix(text, "-")
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	n, _ := applet.ParseNumber(whole, nil)
	if negative {
		return -n
	}
	return n
}

// output flushes as goawk expects.
type output struct{ *applet.Writer }

func (o output) Flush() error {
	o.Writer.Flush()
	return nil
}

// unescape reads the escapes of a command line assignment as those of a string constant.
func unescape(c *applet.Context, s string) string {
	text, err := lexer.Unescape(s)
	if err != nil {
		c.Fatalf("%s", err)
	}
	return text
}
