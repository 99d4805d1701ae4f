package applet

import (
	"slices"
	"strings"
)

// Options are the parsed options of an applet.
type Options struct {
	Order []byte // the option letters in the order they were given
	args  map[byte][]string
}

// Getopt parses the options as getopt_long(3) does, operands among them allowed, and leaves the operands in c.Args.
//
// spec lists the option letters, each followed by ":" when it takes an argument or "::" when the argument is
// optional; a leading "+" ends the options at the first operand. long lists "name=x" pairs, x being the letter the
// option stands for; letters past '~' may be used for options that have only a long name. A wrong option prints what
// getopt prints, the usage, and exits with 1.
func (c *Context) Getopt(spec string, long ...string) *Options {
	o := &Options{}
	stopAtOperand := strings.HasPrefix(spec, "+")
	spec = strings.TrimPrefix(spec, "+")
	var operands []string
	args := c.Args
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			operands = append(operands, args...)
			args = nil
		case len(arg) < 2 || arg[0] != '-':
			operands = append(operands, arg)
			if stopAtOperand {
				operands = append(operands, args...)
				args = nil
			}
		case strings.HasPrefix(arg, "--"):
			args = c.longOption(o, spec, long, arg[2:], args)
		default:
			args = c.shortOptions(o, spec, arg[1:], args)
		}
	}
	c.Args = operands
	return o
}

func (c *Context) shortOptions(o *Options, spec, letters string, args []string) []string {
	for i := 0; i < len(letters); i++ {
		x := letters[i]
		takes := argOf(spec, x)
		switch {
		case takes < 0:
			c.Errorf("invalid option -- '%c'", x)
			c.Usage()
		case takes == 0:
			o.add(x, "", false)
		case i+1 < len(letters):
			o.add(x, letters[i+1:], true)
			return args
		case takes == 2:
			o.add(x, "", false)
		case len(args) == 0:
			c.Errorf("option requires an argument -- '%c'", x)
			c.Usage()
		default:
			o.add(x, args[0], true)
			return args[1:]
		}
	}
	return args
}

func (c *Context) longOption(o *Options, spec string, long []string, text string, args []string) []string {
	name, value, hasValue := strings.Cut(text, "=")
	var match string
	for _, l := range long {
		full := l[:len(l)-2]
		if full == name {
			match = l
			break
		}
		if strings.HasPrefix(full, name) {
			if match != "" && match[len(match)-1] != l[len(l)-1] {
				c.Errorf("option '--%s' is ambiguous", name)
				c.Usage()
			}
			match = l
		}
	}
	if match == "" {
		c.Errorf("unrecognized option '--%s'", text)
		c.Usage()
	}
	full, x := match[:len(match)-2], match[len(match)-1]
	switch takes := argOf(spec, x); {
	case takes == 0 && hasValue:
		c.Errorf("option '--%s' doesn't allow an argument", full)
		c.Usage()
	case takes == 1 && !hasValue:
		if len(args) == 0 {
			c.Errorf("option '--%s' requires an argument", full)
			c.Usage()
		}
		o.add(x, args[0], true)
		return args[1:]
	default:
		o.add(x, value, hasValue)
	}
	return args
}

// argOf returns 0 for an option without argument, 1 with one, 2 with an optional one, -1 for an unknown option.
func argOf(spec string, x byte) int {
	i := strings.IndexByte(spec, x)
	switch {
	case i < 0 || x == ':':
		return -1
	case strings.HasPrefix(spec[i+1:], "::"):
		return 2
	case strings.HasPrefix(spec[i+1:], ":"):
		return 1
	}
	return 0
}

func (o *Options) add(x byte, arg string, hasArg bool) {
	o.Order = append(o.Order, x)
	if hasArg {
		if o.args == nil {
			o.args = map[byte][]string{}
		}
		o.args[x] = append(o.args[x], arg)
	}
}

// Has reports whether any of the letters was given.
func (o *Options) Has(letters string) bool {
	for _, x := range o.Order {
		if strings.IndexByte(letters, x) >= 0 {
			return true
		}
	}
	return false
}

// Count returns how often an option was given.
func (o *Options) Count(x byte) int {
	n := 0
	for _, y := range o.Order {
		if x == y {
			n++
		}
	}
	return n
}

// Last returns the last given of the letters, or 0.
func (o *Options) Last(letters string) byte {
	for _, x := range slices.Backward(o.Order) {
		if strings.IndexByte(letters, x) >= 0 {
			return x
		}
	}
	return 0
}

// Str returns the last argument of an option, or "".
func (o *Options) Str(x byte) string {
	if list := o.args[x]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// Arg returns the last argument of an option, and whether there was one.
func (o *Options) Arg(x byte) (string, bool) {
	list := o.args[x]
	if len(list) == 0 {
		return "", false
	}
	return list[len(list)-1], true
}

// All returns the arguments of an option in order.
func (o *Options) All(x byte) []string { return o.args[x] }

// NArgs prints the usage and exits unless the number of operands is in the range; max < 0 is no limit.
func (c *Context) NArgs(min, max int) {
	if len(c.Args) < min || max >= 0 && len(c.Args) > max {
		c.Usage()
	}
}
