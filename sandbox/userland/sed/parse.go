// Package sed holds the stream editor.
package sed

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/regex"
)

// address selects lines.
type address struct {
	kind byte // 'n' line, '$' last line, '/' expression, '~' first~step, '+' a number of lines on, 'm' up to a multiple
	n    int64
	step int64
	re   *regex.Regexp // nil is the last one used
}

// command is a line of the script.
type command struct {
	from, to *address
	negated  bool
	active   bool  // within from,to
	end      int64 // the last line of an active range that a number ends
	name     byte

	text   string // of a, i, c; label of b, t, T; file of r, w
	number int    // exit code of q, Q; index of the matching } or of a jump's target
	sub    *substitution
	table  *[256]byte // of y
	out    *output    // of w
}

// substitution is an s command.
type substitution struct {
	re                     *regex.Regexp
	parts                  []part
	nth                    int
	global, print, execute bool
	out                    *output
	offsets                []int // of a match and the groups that parts use
}

// part is a piece of a replacement: text, or a group's part; fold changes the case from here on.
type part struct {
	text  string
	group int // -1 for text
	fold  byte
}

type parser struct {
	c        *applet.Context
	s        *editor
	text     string
	pos      int
	extended bool
	commands []*command
	blocks   []int
}

func (p *parser) fatal(format string, args ...any) { p.c.Fatalf(format, args...) }

func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) blanks() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// parse reads the whole script.
func (p *parser) parse() []*command {
	for {
		for p.pos < len(p.text) && strings.IndexByte(" \t\n;\r", p.text[p.pos]) >= 0 {
			p.pos++
		}
		if p.pos >= len(p.text) {
			break
		}
		if p.text[p.pos] == '#' {
			if p.pos == 0 && strings.HasPrefix(p.text, "#n\n") {
				p.s.quiet = true
			}
			p.restOfLine()
			continue
		}
		p.command()
	}
	if len(p.blocks) > 0 {
		p.fatal("unterminated {")
	}
	p.jumps()
	return p.commands
}

func (p *parser) restOfLine() string {
	end := strings.IndexByte(p.text[p.pos:], '\n')
	if end < 0 {
		end = len(p.text) - p.pos
	}
	line := p.text[p.pos : p.pos+end]
	p.pos += end
	return line
}

func (p *parser) command() {
	cmd := &command{}
	cmd.from = p.address()
	if cmd.from != nil {
		p.blanks()
		if p.peek() == ',' {
			p.pos++
			p.blanks()
			if cmd.to = p.secondAddress(); cmd.to == nil {
				p.fatal("no address after comma")
			}
		}
	}
	p.blanks()
	for p.peek() == '!' {
		cmd.negated = true
		p.pos++
		p.blanks()
	}
	if p.pos >= len(p.text) {
		p.fatal("missing command")
	}
	cmd.name = p.text[p.pos]
	p.pos++
	switch cmd.name {
	case '{':
		p.blocks = append(p.blocks, len(p.commands))
		p.commands = append(p.commands, cmd)
		return
	case '}':
		if len(p.blocks) == 0 || cmd.from != nil {
			p.fatal("unexpected }")
		}
		open := p.blocks[len(p.blocks)-1]
		p.blocks = p.blocks[:len(p.blocks)-1]
		p.commands[open].number = len(p.commands)
	case '=', 'd', 'D', 'g', 'G', 'h', 'H', 'l', 'n', 'N', 'p', 'P', 'x', 'z', 'F':
	case 'q', 'Q':
		p.blanks()
		start := p.pos
		for p.peek() >= '0' && p.peek() <= '9' {
			p.pos++
		}
		cmd.number, _ = strconv.Atoi(p.text[start:p.pos])
	case ':':
		if cmd.from != nil {
			p.fatal("unexpected :")
		}
		p.blanks()
		cmd.text = p.label()
		if cmd.text == "" {
			p.fatal("\":\" lacks a label")
		}
	case 'b', 't', 'T':
		p.blanks()
		cmd.text = p.label()
	case 'a', 'i', 'c':
		if cmd.to != nil && cmd.name != 'c' {
			p.fatal("command '%c' uses only one address", cmd.name)
		}
		p.appended(cmd)
		p.commands = append(p.commands, cmd)
		return
	case 'r', 'w':
		p.blanks()
		cmd.text = p.restOfLine()
		if cmd.text == "" {
			p.fatal("empty filename")
		}
		if cmd.name == 'w' {
			cmd.out = p.s.open(cmd.text)
		}
	case 's':
		p.substitution(cmd)
	case 'y':
		p.transliteration(cmd)
	default:
		p.fatal("unsupported command %c", cmd.name)
	}
	p.commands = append(p.commands, cmd)
}

func (p *parser) label() string {
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t\n;", p.text[p.pos]) < 0 {
		p.pos++
	}
	return p.text[start:p.pos]
}

// appended reads the text of a, i and c: on this line, or after a backslash and a newline.
func (p *parser) appended(cmd *command) {
	p.blanks()
	if p.peek() == '\\' {
		rest := p.pos + 1
		for rest < len(p.text) && (p.text[rest] == ' ' || p.text[rest] == '\t') {
			rest++
		}
		if rest < len(p.text) && p.text[rest] == '\n' {
			p.pos = rest + 1
		} else if rest > p.pos+1 || rest < len(p.text) {
			p.pos++ // "a\  text" keeps its blanks
		}
	}
	var b strings.Builder
	for p.pos < len(p.text) && p.text[p.pos] != '\n' {
		if p.text[p.pos] == '\\' && p.pos+1 < len(p.text) {
			p.pos++
			switch p.text[p.pos] {
			case 't':
				b.WriteByte('\t')
			case 'n':
				b.WriteByte('\n')
			default:
				b.WriteByte(p.text[p.pos])
			}
		} else {
			b.WriteByte(p.text[p.pos])
		}
		p.pos++
	}
	if b.Len() == 0 && p.pos >= len(p.text) {
		p.fatal("expected \\ after 'a', 'c' or 'i'")
	}
	cmd.text = b.String() + "\n"
}

func (p *parser) number() int64 {
	start := p.pos
	for p.peek() >= '0' && p.peek() <= '9' {
		p.pos++
	}
	n, _ := strconv.ParseInt(p.text[start:p.pos], 10, 64)
	return n
}

func (p *parser) address() *address {
	switch c := p.peek(); {
	case c >= '0' && c <= '9':
		a := &address{kind: 'n', n: p.number()}
		if p.peek() == '~' {
			p.pos++
			a.kind, a.step = '~', p.number()
		}
		return a
	case c == '$':
		p.pos++
		return &address{kind: '$'}
	case c == '/' || c == '\\':
		if c == '\\' {
			p.pos++
		}
		delim := p.peek()
		p.pos++
		pattern := p.delimited(delim, true)
		a := &address{kind: '/'}
		flags := regex.Flags{Extended: p.extended}
		for {
			switch p.peek() {
			case 'I':
				flags.IgnoreCase = true
			case 'M':
				flags.Multiline = true
			default:
				a.re = p.compile(pattern, flags)
				return a
			}
			p.pos++
		}
	}
	return nil
}

func (p *parser) secondAddress() *address {
	switch p.peek() {
	case '+':
		p.pos++
		return &address{kind: '+', n: p.number()}
	case '~':
		p.pos++
		return &address{kind: 'm', n: p.number()}
	}
	return p.address()
}

// compile compiles an expression; an empty one is nil, which stands for the last one used.
func (p *parser) compile(pattern string, flags regex.Flags) *regex.Regexp {
	if pattern == "" {
		return nil
	}
	re, err := regex.Compile(pattern, flags)
	if err != nil {
		p.fatal("bad regex '%s': %s", pattern, err)
	}
	return re
}

// delimited reads up to the delimiter. In an expression "\n" becomes a newline, an escaped delimiter the delimiter
// itself, and a delimiter in brackets does not count.
func (p *parser) delimited(delim byte, expression bool) string {
	var b strings.Builder
	bracket := -1
	for ; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		if bracket >= 0 {
			b.WriteByte(c)
			if c == '\\' && p.pos+1 < len(p.text) && p.text[p.pos+1] == 'n' {
				text := b.String()
				b.Reset()
				b.WriteString(text[:len(text)-1] + "\n")
				p.pos++
				continue
			}
			if c == '\\' && p.pos+1 < len(p.text) && p.text[p.pos+1] == 't' {
				text := b.String()
				b.Reset()
				b.WriteString(text[:len(text)-1] + "\t")
				p.pos++
				continue
			}
			if c == ']' && p.pos > bracket {
				bracket = -1
			} else if c == '[' && p.pos+1 < len(p.text) && strings.IndexByte(":.=", p.text[p.pos+1]) >= 0 {
				if end := strings.Index(p.text[p.pos+2:], string(p.text[p.pos+1])+"]"); end >= 0 {
					b.WriteString(p.text[p.pos+1 : p.pos+2+end+2])
					p.pos += end + 3
				}
			}
			continue
		}
		switch {
		case c == delim:
			p.pos++
			return b.String()
		case c == '\\' && p.pos+1 < len(p.text):
			p.pos++
			next := p.text[p.pos]
			switch {
			case next == delim && expression && delim != '/' && strings.IndexByte(`|+?(){}`, delim) >= 0 && !p.extended:
				b.WriteByte(next)
			case next == delim:
				if expression && strings.IndexByte(`.*[]^$`, delim) >= 0 || p.extended && expression && strings.IndexByte(`|+?(){}`, delim) >= 0 {
					b.WriteByte('\\')
				}
				b.WriteByte(next)
			case next == 'n' && expression:
				b.WriteByte('\n')
			case next == 't' && expression:
				b.WriteByte('\t')
			case next == 'r' && expression:
				b.WriteByte('\r')
			default:
				b.WriteByte('\\')
				b.WriteByte(next)
			}
		case c == '[' && expression:
			bracket = p.pos + 1
			b.WriteByte(c)
			if p.pos+1 < len(p.text) && p.text[p.pos+1] == '^' {
				p.pos++
				bracket++
				b.WriteByte('^')
			}
		default:
			b.WriteByte(c)
		}
	}
	p.fatal("unmatched '%c'", delim)
	return ""
}

func (p *parser) substitution(cmd *command) {
	delim := p.peek()
	if delim == 0 || delim == '\n' || delim == '\\' {
		p.fatal("bad format in substitution expression")
	}
	p.pos++
	pattern := p.delimited(delim, true)
	replacement := p.delimited(delim, false)
	s := &substitution{nth: 1}
	flags := regex.Flags{Extended: p.extended}
options:
	for {
		switch c := p.peek(); {
		case c == 'g':
			s.global = true
		case c == 'p':
			s.print = true
		case c == 'i' || c == 'I':
			flags.IgnoreCase = true
		case c == 'm' || c == 'M':
			flags.Multiline = true
		case c == 'e':
			s.execute = true
		case c >= '1' && c <= '9':
			s.nth = int(p.number())
			continue
		case c == 'w':
			p.pos++
			p.blanks()
			s.out = p.s.open(p.restOfLine())
			break options
		case c == 0 || c == ';' || c == '\n' || c == '}' || c == '#' || c == ' ' || c == '\t' || c == '\r':
			break options
		default:
			p.fatal("bad option in substitution expression")
		}
		p.pos++
	}
	s.re = p.compile(pattern, flags)
	s.parts = p.replacement(replacement, s.re)
	cmd.sub = s
}

func (p *parser) replacement(text string, re *regex.Regexp) []part {
	var parts []part
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			parts = append(parts, part{text: b.String(), group: -1})
			b.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '&':
			flush()
			parts = append(parts, part{group: 0})
		case c == '\\' && i+1 < len(text):
			i++
			switch c = text[i]; {
			case c >= '0' && c <= '9':
				flush()
				n := int(c - '0')
				if re != nil && n > re.Groups() {
					p.fatal("invalid reference \\%d on s command's RHS", n)
				}
				parts = append(parts, part{group: n})
			case c == 'n':
				b.WriteByte('\n')
			case c == 't':
				b.WriteByte('\t')
			case c == 'r':
				b.WriteByte('\r')
			case strings.IndexByte("ULEul", c) >= 0:
				flush()
				parts = append(parts, part{group: -1, fold: c})
			default:
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
	}
	flush()
	return parts
}

func (p *parser) transliteration(cmd *command) {
	delim := p.peek()
	p.pos++
	unescape := func(s string) string {
		return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(s)
	}
	from, to := unescape(p.delimited(delim, false)), unescape(p.delimited(delim, false))
	if len(from) != len(to) {
		p.fatal("y/xxx/yyy/: strings have different lengths")
	}
	cmd.table = new([256]byte)
	for i := range cmd.table {
		cmd.table[i] = byte(i)
	}
	for i := range len(from) {
		cmd.table[from[i]] = to[i]
	}
}

// jumps finds the targets of b, t and T; the end of the script for one without a label.
func (p *parser) jumps() {
	labels := map[string]int{}
	for i, cmd := range p.commands {
		if cmd.name == ':' {
			labels[cmd.text] = i
		}
	}
	for _, cmd := range p.commands {
		if cmd.name != 'b' && cmd.name != 't' && cmd.name != 'T' {
			continue
		}
		cmd.number = len(p.commands)
		if cmd.text == "" {
			continue
		}
		target, ok := labels[cmd.text]
		if !ok {
			p.fatal("can't find label for jump to '%s'", cmd.text)
		}
		cmd.number = target
	}
}
