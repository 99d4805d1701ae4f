package shell

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// printf is printf(1). The format is used again while arguments are left.
func printf(sh *shell, args []string) int {
	name := ""
	args = args[1:]
	if len(args) > 1 && args[0] == "-v" {
		name, args = args[1], args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		sh.warnf("usage: printf FORMAT [ARGUMENT...]")
		return 2
	}
	p := formatter{sh: sh, args: args[1:]}
	for {
		left := len(p.args)
		if !p.format(args[0]) {
			break
		}
		if len(p.args) == 0 || len(p.args) == left {
			break
		}
		if p.out.Len() > maxValue {
			sh.warnf("%v", errTooLong)
			return 1
		}
		if sh.task.Checkpoint() != nil {
			return p.status
		}
	}
	s := p.out.String()
	if name == "" {
		if st := sh.print(s); st != 0 {
			return st
		}
		return p.status
	}
	s, _, _ = strings.Cut(s, "\x00")
	base, sub, isElem := strings.Cut(name, "[")
	if !validName(base) {
		sh.warnf("printf: `%s': not a valid identifier", name)
		return 2
	}
	var err error
	if isElem {
		sub = strings.TrimSuffix(sub, "]")
		err = sh.setElem(base, func(assoc bool) (string, int, error) {
			if assoc {
				return sub, 0, nil
			}
			n, err := sh.arithText(sub)
			return "", int(n), err
		}, s, false)
	} else {
		err = sh.setVar(base, s)
	}
	if err != nil {
		return sh.fail("%v", err)
	}
	return p.status
}

type formatter struct {
	sh     *shell
	args   []string
	out    strings.Builder
	status int
}

func (p *formatter) next() (string, bool) {
	if len(p.args) == 0 {
		return "", false
	}
	s := p.args[0]
	p.args = p.args[1:]
	return s, true
}

// format writes the format once; false ends the output: a \c, or an invalid format.
func (p *formatter) format(f string) bool {
	for i := 0; i < len(f); i++ {
		switch {
		case f[i] == '\\' && i+1 < len(f):
			i++
			if f[i] == 'c' {
				return false
			}
			c, used := escape(f[i:])
			switch {
			case f[i] == '"' || f[i] == '\'' || f[i] == '?':
				p.out.WriteByte(f[i])
			case used == 0 && (f[i] == 'u' || f[i] == 'U') && p.sh.bash:
				v, n := parseDigits(f[i+1:], 16, map[byte]int{'u': 4, 'U': 8}[f[i]])
				p.out.WriteRune(rune(v))
				i += n
			case used == 0:
				p.out.WriteByte('\\')
				p.out.WriteByte(f[i])
			default:
				p.out.WriteByte(c)
				i += used - 1
			}
		case f[i] == '%' && i+1 < len(f) && f[i+1] == '%':
			p.out.WriteByte('%')
			i++
		case f[i] == '%':
			n, ok := p.conversion(f[i:])
			if !ok {
				return false
			}
			i += n - 1
		default:
			p.out.WriteByte(f[i])
		}
	}
	return true
}

// conversion does one % conversion, and returns its length in the format.
func (p *formatter) conversion(f string) (int, bool) {
	i := 1
	if p.out.Len() > maxValue {
		p.sh.warnf("%v", errTooLong)
		p.status = 1
		return 0, false
	}
	for i < len(f) && strings.IndexByte("-+ #0'", f[i]) >= 0 {
		i++
	}
	spec := "%" + strings.ReplaceAll(f[1:i], "'", "")
	number := func() bool {
		if i < len(f) && f[i] == '*' {
			i++
			s, _ := p.next()
			n, ok := p.integer(s)
			if n > 1<<20 || n < -1<<20 {
				p.sh.warnf("invalid width %s", s)
				return false
			}
			spec += strconv.FormatInt(n, 10)
			return ok
		}
		start := i
		for i < len(f) && f[i] >= '0' && f[i] <= '9' {
			i++
		}
		if i-start > 7 {
			p.sh.warnf("invalid width %s", f[start:i])
			return false
		}
		spec += f[start:i]
		return true
	}
	if !number() {
		p.status = 1
		return 0, false
	}
	precision := false
	if i < len(f) && f[i] == '.' {
		precision = true
		spec += "."
		i++
		if !number() {
			p.status = 1
			return 0, false
		}
	}
	if i < len(f) && f[i] == '(' && p.sh.bash {
		if end := strings.Index(f[i:], ")T"); end > 0 {
			p.out.WriteString(p.date(f[i+1 : i+end]))
			return i + end + 2, true
		}
	}
	for i < len(f) && strings.IndexByte("hlLjzt", f[i]) >= 0 {
		i++
	}
	if i >= len(f) {
		p.sh.warnf("%s: invalid format", f)
		p.status = 1
		return 0, false
	}
	verb := f[i]
	i++
	switch verb {
	case 's', 'c', 'b', 'q':
		s, ok := p.next()
		stop := false
		switch verb {
		case 'c':
			if len(s) > 1 {
				s = s[:1]
			}
		case 'b':
			s, stop = unescapeEcho(s)
		case 'q':
			if !p.sh.bash {
				p.sh.warnf("%s: invalid format", f[:i])
				p.status = 1
				return 0, false
			}
			s = quoteBash(s, ok)
		}
		p.pad(spec, s, precision)
		return i, !stop
	case 'd', 'i':
		s, _ := p.next()
		n, _ := p.integer(s)
		p.out.WriteString(formatInteger(spec, precision, 'd', n < 0, uint64(max(n, -n))))
	case 'u', 'o', 'x', 'X':
		s, _ := p.next()
		n, _ := p.integer(s)
		p.out.WriteString(formatInteger(spec, precision, verb, false, uint64(n)))
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		s, _ := p.next()
		v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil && s != "" && !math.IsInf(v, 0) {
			if n, ok := charValue(s); ok {
				v = float64(n)
			} else {
				p.invalid(s)
			}
		}
		switch verb {
		case 'a':
			verb = 'x'
		case 'A':
			verb = 'X'
		case 'g', 'G':
			if !precision {
				spec += ".6"
			}
		}
		out := fmt.Sprintf(spec+string(verb), v)
		if math.IsInf(v, 0) || math.IsNaN(v) {
			out = strings.ToLower(strings.Replace(out, "+Inf", "inf", 1))
		}
		p.out.WriteString(out)
	default:
		p.sh.warnf("%s: invalid format", f[:i])
		p.status = 1
		return 0, false
	}
	return i, true
}

// formatInteger writes an integer with C's meaning of flags, width and precision.
func formatInteger(spec string, precision bool, verb byte, neg bool, n uint64) string {
	flags := spec[1:]
	end := 0
	for end < len(flags) && strings.IndexByte("-+ #0", flags[end]) >= 0 {
		end++
	}
	flags, rest := flags[:end], flags[end:]
	w, pr, _ := strings.Cut(rest, ".")
	width, _ := strconv.Atoi(w)
	prec, _ := strconv.Atoi(pr)
	left := strings.Contains(flags, "-")
	if width < 0 {
		left, width = true, -width
	}
	base := map[byte]int{'d': 10, 'u': 10, 'o': 8, 'x': 16, 'X': 16}[verb]
	digits := strconv.FormatUint(n, base)
	if verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if precision && prec == 0 && n == 0 {
		digits = ""
	}
	for len(digits) < prec {
		digits = strings.Repeat("0", prec-len(digits)) + digits
	}
	prefix := ""
	switch {
	case neg:
		prefix = "-"
	case verb == 'd' && strings.Contains(flags, "+"):
		prefix = "+"
	case verb == 'd' && strings.Contains(flags, " "):
		prefix = " "
	case strings.Contains(flags, "#") && n != 0 && verb == 'o':
		digits = "0" + digits
	case strings.Contains(flags, "#") && n != 0 && base == 16:
		prefix = "0" + string(verb)
	}
	if fill := width - len(prefix) - len(digits); fill > 0 {
		switch {
		case left:
			return prefix + digits + strings.Repeat(" ", fill)
		case strings.Contains(flags, "0") && !precision:
			digits = strings.Repeat("0", fill) + digits
		default:
			return strings.Repeat(" ", fill) + prefix + digits
		}
	}
	return prefix + digits
}

// pad writes a string with width and precision, which count bytes as C does.
func (p *formatter) pad(spec, s string, precision bool) {
	flags := strings.TrimLeft(spec, "%")
	left := strings.Contains(flags[:len(flags)-len(strings.TrimLeft(flags, "-+ #0"))], "-")
	w, pr, _ := strings.Cut(strings.TrimLeft(flags, "-+ #0"), ".")
	if precision {
		n, _ := strconv.Atoi(pr)
		if n >= 0 && n < len(s) {
			s = s[:n]
		}
	}
	width, _ := strconv.Atoi(w)
	fill := strings.Repeat(" ", max(width-len(s), 0))
	if left {
		p.out.WriteString(s + fill)
	} else {
		p.out.WriteString(fill + s)
	}
}

// charValue reads a number written as a quote and a character.
func charValue(s string) (int64, bool) {
	if s[0] == '\'' || s[0] == '"' {
		r, _ := utf8.DecodeRuneInString(s[1:])
		if len(s) == 1 {
			r = 0
		}
		return int64(r), true
	}
	return 0, false
}

func (p *formatter) integer(s string) (int64, bool) {
	if s == "" {
		return 0, true
	}
	if n, ok := charValue(s); ok {
		return n, true
	}
	t := strings.TrimLeft(s, " \t\n")
	if n, err := strconv.ParseInt(strings.TrimPrefix(t, "+"), 0, 64); err == nil && !strings.ContainsAny(t, "_oObB") {
		return n, true
	}
	if n, err := strconv.ParseUint(t, 0, 64); err == nil && !strings.ContainsAny(t, "_oObB") {
		return int64(n), true
	}
	p.invalid(s)
	end := 0
	for end < len(t) && (t[end] >= '0' && t[end] <= '9' || end == 0 && (t[end] == '-' || t[end] == '+')) {
		end++
	}
	n, err := strconv.ParseInt(t[:end], 10, 64)
	if err != nil || !p.sh.bash {
		n = 0
	}
	return n, false
}

func (p *formatter) invalid(s string) {
	p.status = 1
	if p.sh.bash {
		p.sh.warnf("printf: %s: invalid number", s)
		return
	}
	p.sh.warnf("invalid number '%s'", s)
}

// date is bash's %(format)T: a time by strftime(3), now without an argument or for -1.
func (p *formatter) date(format string) string {
	s, ok := p.next()
	t := time.Now()
	if n, err := strconv.ParseInt(s, 10, 64); ok && err == nil && n >= 0 {
		t = time.Unix(n, 0)
	}
	return strftime(format, t.UTC())
}

func strftime(format string, t time.Time) string {
	layouts := map[byte]string{'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'j': "002", 'e': "_2",
		'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
		'I': "03", 'p': "PM", 'Z': "MST", 'z': "-0700", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'h': "Jan"}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch c := format[i]; {
		case layouts[c] != "":
			b.WriteString(t.Format(layouts[c]))
		case c == 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case c == 'n':
			b.WriteByte('\n')
		case c == 't':
			b.WriteByte('\t')
		case c == '%':
			b.WriteByte('%')
		default:
			b.WriteString("%" + string(c))
		}
	}
	return b.String()
}

// quoteBash is bash's %q.
func quoteBash(s string, _ bool) string {
	if s == "" {
		return "''"
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 127 {
			return "$" + ansiQuote(s)
		}
		if strings.IndexByte(" \t!\"#$&'()*,;<>?[\\]^`{|}", c) >= 0 || c == '~' && i == 0 {
			if c == '#' && i > 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

func ansiQuote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == 27:
			b.WriteString(`\E`)
		case c == 7:
			b.WriteString(`\a`)
		case c == '\'' || c == '\\':
			b.WriteString("\\" + string(c))
		case c < ' ' || c == 127:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}
