// Package awk holds the awk applet, on goawk.
package awk

import (
	"strings"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/parser"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Awk runs an awk program.
func Awk(c *applet.Context) int {
	o := c.Getopt("+F:v:f:e:")
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
	}
	if sep, ok := o.Arg('F'); ok {
		if sep == "t" {
			sep = "\\t"
		}
		config.Vars = append(config.Vars, "FS", unescape(sep))
	}
	for _, assignment := range o.All('v') {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			c.Usage()
		}
		config.Vars = append(config.Vars, name, unescape(value))
	}
	config.Environ = []string{}
	for _, kv := range c.Environ() {
		if name, value, ok := strings.Cut(kv, "="); ok {
			config.Environ = append(config.Environ, name, value)
		}
	}
	program, err := parser.ParseProgram([]byte(source), nil)
	if err != nil {
		c.Fatalf("cmd. line:%s", strings.TrimPrefix(err.Error(), "parse error at "))
	}
	code, err := interp.ExecProgram(program, config)
	if err != nil {
		c.Errorf("%s", err)
		return 2
	}
	return code
}

// output flushes as goawk expects.
type output struct{ *applet.Writer }

func (o output) Flush() error {
	o.Writer.Flush()
	return nil
}

// unescape reads the escapes of a command line assignment as those of a string constant.
func unescape(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	quoted, err := parser.ParseProgram([]byte(`BEGIN{x="`+strings.ReplaceAll(s, `"`, `\"`)+`"}`), nil)
	_ = quoted
	if err != nil {
		return s
	}
	return s
}
