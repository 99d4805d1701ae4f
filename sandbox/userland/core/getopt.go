package core

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// Getopt parses the options of a script and prints them in order, quoted.
func Getopt(c *applet.Context) int {
	if len(c.Args) > 0 && (c.Args[0] == "" || c.Args[0][0] != '-') {
		// The old form: getopt OPTSTRING PARAMETERS.
		g := &getopt{c: c, spec: c.Args[0], name: "getopt", quote: func(s string) string { return s }}
		return g.parse(c.Args[1:])
	}
	o := c.Getopt("+o:l:n:qQs:Tua", "options=o", "longoptions=l", "name=n", "quiet=q", "quiet-output=Q", "shell=s", "test=T", "unquoted=u", "alternative=a")
	if o.Has("T") {
		return 4
	}
	g := &getopt{c: c, name: "getopt", quiet: o.Has("q"), mute: o.Has("Q"), alternative: o.Has("a"), quote: shellQuote}
	if o.Has("u") {
		g.quote = func(s string) string { return s }
	}
	if n, ok := o.Arg('n'); ok {
		g.name = n
	}
	args := c.Args
	spec, ok := o.Arg('o')
	if !ok {
		if len(args) == 0 {
			c.Fatalf("missing optstring argument")
		}
		spec, args = args[0], args[1:]
	}
	g.spec = spec
	for _, list := range o.All('l') {
		g.long = append(g.long, strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })...)
	}
	return g.parse(args)
}

type getopt struct {
	c                        *applet.Context
	name, spec               string
	long                     []string
	quiet, mute, alternative bool
	quote                    func(string) string
	out                      []string
	failed                   bool
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (g *getopt) complain(text string) {
	g.failed = true
	if !g.quiet {
		name := g.c.Name
		g.c.Name = g.name
		g.c.Errorf("%s", text)
		g.c.Name = name
	}
}

func (g *getopt) parse(args []string) int {
	stop, inPlace := strings.HasPrefix(g.spec, "+"), strings.HasPrefix(g.spec, "-")
	g.spec = strings.TrimLeft(g.spec, "+-")
	var operands []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			operands = append(operands, args...)
			args = nil
		case strings.HasPrefix(arg, "--") && len(arg) > 2:
			args = g.longOption(arg[2:], args)
		case len(arg) > 1 && arg[0] == '-':
			args = g.letters(arg[1:], args)
		case stop:
			operands = append(append(operands, arg), args...)
			args = nil
		case inPlace:
			g.out = append(g.out, g.quote(arg))
		default:
			operands = append(operands, arg)
		}
	}
	g.out = append(g.out, "--")
	for _, arg := range operands {
		g.out = append(g.out, g.quote(arg))
	}
	if !g.mute {
		g.c.Out.WriteString(" " + strings.Join(g.out, " ") + "\n")
	}
	if g.failed {
		return 1
	}
	return 0
}

func (g *getopt) letters(letters string, args []string) []string {
	for i := 0; i < len(letters); i++ {
		x := letters[i : i+1]
		at := strings.Index(g.spec, x)
		if at < 0 || x == ":" {
			g.complain("invalid option -- '" + x + "'")
			continue
		}
		rest := g.spec[at+1:]
		switch {
		case strings.HasPrefix(rest, "::"):
			g.out = append(g.out, "-"+x, g.quote(letters[i+1:]))
			return args
		case strings.HasPrefix(rest, ":"):
			switch {
			case i+1 < len(letters):
				g.out = append(g.out, "-"+x, g.quote(letters[i+1:]))
			case len(args) == 0:
				g.complain("option requires an argument -- '" + x + "'")
			default:
				g.out = append(g.out, "-"+x, g.quote(args[0]))
				args = args[1:]
			}
			return args
		}
		g.out = append(g.out, "-"+x)
	}
	return args
}

func (g *getopt) longOption(text string, args []string) []string {
	name, value, hasValue := strings.Cut(text, "=")
	var matches []string
	for _, l := range g.long {
		bare := strings.TrimRight(l, ":")
		if bare == name {
			matches = []string{l}
			break
		}
		if strings.HasPrefix(bare, name) {
			matches = append(matches, l)
		}
	}
	if len(slices.Compact(matches)) != 1 {
		g.complain("unrecognized option '--" + text + "'")
		return args
	}
	bare := strings.TrimRight(matches[0], ":")
	switch colons := len(matches[0]) - len(bare); {
	case colons == 0 && hasValue:
		g.complain("option '--" + bare + "' doesn't allow an argument")
	case colons == 0:
		g.out = append(g.out, "--"+bare)
	case colons == 1 && !hasValue && len(args) == 0:
		g.complain("option '--" + bare + "' requires an argument")
	case colons == 1 && !hasValue:
		g.out = append(g.out, "--"+bare, g.quote(args[0]))
		args = args[1:]
	default:
		g.out = append(g.out, "--"+bare, g.quote(value))
	}
	return args
}
