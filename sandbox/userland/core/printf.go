package core

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// Printf formats its arguments; the format is used again while arguments are left.
func Printf(c *applet.Context) int {
	args := c.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		c.Usage()
	}
	p := &printer{c: c, format: args[0], args: args[1:]}
	for {
		before := len(p.args)
		if stop := p.pass(); stop || len(p.args) == 0 || len(p.args) == before {
			return p.code
		}
	}
}

type printer struct {
	c      *applet.Context
	format string
	args   []string
	code   int
}

func (p *printer) next() (string, bool) {
	if len(p.args) == 0 {
		return "", false
	}
	arg := p.args[0]
	p.args = p.args[1:]
	return arg, true
}

// pass goes through the format once; it reports whether \c ended the output or an error the run.
func (p *printer) pass() bool {
	out, format := &p.c.Out, p.format
	for i := 0; i < len(format); i++ {
		switch format[i] {
		case '\\':
			if i+1 == len(format) {
				out.WriteByte('\\')
				continue
			}
			if format[i+1] == 'c' {
				return true
			}
			b, n := Escape(format[i+1:], false)
			out.Write(b)
			i += n
		case '%':
			n, stop := p.conversion(format[i+1:])
			if stop {
				return true
			}
			i += n
		default:
			out.WriteByte(format[i])
		}
	}
	return false
}

// conversion does one %… and returns its length.
func (p *printer) conversion(s string) (n int, stop bool) {
	if s == "" {
		p.invalid("%")
		return 0, true
	}
	if s[0] == '%' {
		p.c.Out.WriteByte('%')
		return 1, false
	}
	i := 0
	for i < len(s) && strings.IndexByte("-+ #0", s[i]) >= 0 {
		i++
	}
	flags := s[:i]
	number := func() (int, bool) {
		if i < len(s) && s[i] == '*' {
			i++
			arg, _ := p.next()
			v := p.integer(arg)
			return int(v), true
		}
		start := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		v, _ := strconv.Atoi(s[start:i])
		return v, i > start
	}
	width, hasWidth := number()
	if width < 0 {
		flags, width = flags+"-", -width
	}
	precision, hasPrecision := 0, false
	if i < len(s) && s[i] == '.' {
		i++
		precision, _ = number()
		hasPrecision = precision >= 0
	}
	for i < len(s) && strings.IndexByte("lhLqjzt", s[i]) >= 0 {
		i++
	}
	if i == len(s) {
		p.invalid("%" + s)
		return i, true
	}
	spec := "%" + flags
	if hasWidth {
		spec += strconv.Itoa(width)
	}
	verb := s[i]
	arg, _ := p.next()
	text := ""
	switch verb {
	case 'd', 'i':
		text = formatInteger(p.integer(arg), flags, precision, hasPrecision)
	case 'u', 'o', 'x', 'X':
		text = formatUnsigned(uint64(p.integer(arg)), verb, flags, precision, hasPrecision)
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		text = FormatFloat(p.float(arg), verb, flags, precision, hasPrecision)
	case 'c':
		if arg != "" {
			text = arg[:1]
		}
	case 's', 'b':
		if verb == 'b' {
			text, stop = unescape(arg, true)
		} else {
			text = arg
		}
		if hasPrecision && len(text) > precision {
			text = text[:precision]
		}
	default:
		p.invalid("%" + s)
		return i, true
	}
	p.c.Out.WriteString(Pad(text, width, flags, verb != 's' && verb != 'c' && verb != 'b' && !(hasPrecision && strings.IndexByte("diuoxX", verb) >= 0)))
	return i + 1, stop
}

func (p *printer) invalid(format string) {
	p.c.Errorf("%s: invalid format", format)
	p.code = 1
}

// integer reads a number in C's forms, or a quote and a character.
func (p *printer) integer(arg string) int64 {
	if arg == "" {
		return 0
	}
	if arg[0] == '"' || arg[0] == '\'' {
		r, size := utf8.DecodeRuneInString(arg[1:])
		if r == utf8.RuneError && size == 1 {
			return int64(arg[1])
		}
		if size == 0 {
			return 0
		}
		return int64(r)
	}
	text := strings.TrimLeft(arg, " \t\n")
	n, err := strconv.ParseInt(cNumber(text), 0, 64)
	if err == nil {
		return n
	}
	u, err := strconv.ParseUint(cNumber(strings.TrimPrefix(text, "+")), 0, 64)
	if err == nil {
		return int64(u)
	}
	p.c.Errorf("invalid number '%s'", arg)
	p.code = 1
	return 0
}

// cNumber turns away the forms that Go knows and C does not.
func cNumber(s string) string {
	t := strings.TrimLeft(s, "+-")
	if len(t) > 1 && t[0] == '0' && strings.IndexByte("bBoO", t[1]) >= 0 || strings.Contains(s, "_") {
		return "?"
	}
	return s
}

func (p *printer) float(arg string) float64 {
	if arg == "" {
		return 0
	}
	if arg[0] == '"' || arg[0] == '\'' {
		return float64(p.integer(arg))
	}
	f, err := strconv.ParseFloat(strings.TrimLeft(arg, " \t\n"), 64)
	if err != nil && !math.IsInf(f, 0) {
		p.c.Errorf("invalid number '%s'", arg)
		p.code = 1
	}
	return f
}

func formatInteger(n int64, flags string, precision int, hasPrecision bool) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	switch {
	case n < 0:
		sign, digits = "-", digits[1:]
	case strings.Contains(flags, "+"):
		sign = "+"
	case strings.Contains(flags, " "):
		sign = " "
	}
	return sign + atLeast(digits, n == 0, precision, hasPrecision)
}

func formatUnsigned(n uint64, verb byte, flags string, precision int, hasPrecision bool) string {
	base := map[byte]int{'u': 10, 'o': 8, 'x': 16, 'X': 16}[verb]
	digits := atLeast(strconv.FormatUint(n, base), n == 0, precision, hasPrecision)
	if strings.Contains(flags, "#") {
		switch {
		case verb == 'o' && !strings.HasPrefix(digits, "0"):
			digits = "0" + digits
		case base == 16 && n != 0:
			digits = "0x" + digits
		}
	}
	if verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	return digits
}

func atLeast(digits string, zero bool, precision int, hasPrecision bool) string {
	if hasPrecision {
		if precision == 0 && zero {
			return ""
		}
		if len(digits) < precision {
			return strings.Repeat("0", precision-len(digits)) + digits
		}
	}
	return digits
}

// FormatFloat formats as C's printf does.
func FormatFloat(f float64, verb byte, flags string, precision int, hasPrecision bool) string {
	spec := "%"
	for _, x := range []byte("+ #") {
		if strings.IndexByte(flags, x) >= 0 {
			spec += string(x)
		}
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		text := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%v", f), "+"))
		if verb < 'a' {
			text = strings.ToUpper(text)
		}
		return text
	}
	if !hasPrecision {
		precision = 6
	}
	switch verb {
	case 'a', 'A':
		verb += 'x' - 'a'
		if !hasPrecision {
			return fmt.Sprintf(spec+string(verb), f)
		}
	case 'g', 'G':
		if precision == 0 {
			precision = 1
		}
	}
	return fmt.Sprintf(spec+"."+strconv.Itoa(precision)+string(verb), f)
}

// Pad fills a field up to its width.
func Pad(text string, width int, flags string, zeros bool) string {
	missing := width - len(text)
	switch {
	case missing <= 0:
		return text
	case strings.Contains(flags, "-"):
		return text + strings.Repeat(" ", missing)
	case zeros && strings.Contains(flags, "0") && !strings.ContainsAny(text, "nN"):
		sign := 0
		if text != "" && strings.IndexByte("+- ", text[0]) >= 0 {
			sign = 1
		}
		if len(text) > sign+1 && text[sign] == '0' && (text[sign+1] == 'x' || text[sign+1] == 'X') {
			sign += 2
		}
		return text[:sign] + strings.Repeat("0", missing) + text[sign:]
	}
	return strings.Repeat(" ", missing) + text
}
