// Package regex compiles POSIX basic and extended regular expressions, with the GNU extensions that busybox's C
// library has, and finds leftmost-longest matches with deterministic automata over bytes, in time proportional to the
// text. Expressions with back-references run on a small backtracking matcher where an automaton says that they may match.
package regex

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type op uint8

const (
	opEmpty   op = iota
	opLiteral    // r
	opAny
	opSet    // set
	opConcat // subs
	opAlternate
	opRepeat // subs[0], min to max times; max < 0 is no limit
	opGroup  // subs[0], number n
	opBackref
	opStart // ^
	opEnd   // $
	opWordStart
	opWordEnd
	opWordEdge
	opNoWordEdge
	opBufStart // \`
	opBufEnd   // \'
)

// rawByte is added to a byte that is not part of UTF-8, as the character of an opLiteral.
const rawByte = unicode.MaxRune + 1

type node struct {
	op       op
	r        rune
	set      *set
	subs     []*node
	min, max int
	n        int
}

// set is a bracket expression.
type set struct {
	negated bool
	ranges  []rune // pairs lo, hi
}

func (s *set) add(lo, hi rune) { s.ranges = append(s.ranges, lo, hi) }

func (s *set) has(r rune) bool {
	for i := 0; i < len(s.ranges); i += 2 {
		if r >= s.ranges[i] && r <= s.ranges[i+1] {
			return !s.negated
		}
	}
	return s.negated
}

// The errors of regcomp(3), in the C library's words.
var (
	errBracket  = errors.New("Unmatched [, [^, [:, [., or [=")
	errParen    = errors.New("Unmatched ( or \\(")
	errParenEnd = errors.New("Unmatched ) or \\)")
	errBrace    = errors.New("Unmatched { or \\{")
	errContent  = errors.New("Invalid content of \\{\\}")
	errRange    = errors.New("Invalid range end")
	errClass    = errors.New("Invalid character class name")
	errBackref  = errors.New("Invalid back reference")
	errEscape   = errors.New("Trailing backslash")
	errRepeat   = errors.New("Invalid preceding regular expression")
)

type parser struct {
	s        string
	extended bool
	pos      int
	groups   int
	open     []int // numbers of the groups that are not closed yet
	backrefs bool
	escapes  bool // as in awk
	depth    int
}

// token reports whether the operator is next, as "x" in the extended syntax and "\x" in the basic one.
func (p *parser) token(x byte) bool {
	rest := p.s[p.pos:]
	if p.extended {
		return rest != "" && rest[0] == x
	}
	return len(rest) > 1 && rest[0] == '\\' && rest[1] == x
}

func (p *parser) skip() {
	p.pos++
	if !p.extended {
		p.pos++
	}
}

func (p *parser) alternation() (*node, error) {
	var list []*node
	for {
		n, err := p.concat()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if !p.token('|') {
			break
		}
		p.skip()
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return &node{op: opAlternate, subs: list}, nil
}

func (p *parser) concat() (*node, error) {
	c := &node{op: opConcat}
	start := p.pos
	for p.pos < len(p.s) && !p.token('|') {
		if p.token(')') && (p.depth > 0 || !p.extended) {
			if p.depth == 0 {
				return nil, errParenEnd
			}
			break
		}
		n, err := p.atom(p.pos == start || len(c.subs) > 0 && !p.extended && c.subs[len(c.subs)-1].op == opStart && len(c.subs) == 1)
		if err != nil {
			return nil, err
		}
		if n, err = p.repeats(n); err != nil {
			return nil, err
		}
		c.subs = append(c.subs, n)
	}
	return c, nil
}

// atom reads one element; first tells that nothing is before it, where an operator stands for itself.
func (p *parser) atom(first bool) (*node, error) {
	r, size := utf8.DecodeRuneInString(p.s[p.pos:])
	if r == utf8.RuneError && size == 1 {
		r = rawByte + rune(p.s[p.pos])
	}
	switch {
	case p.token('('):
		p.skip()
		p.groups++
		g := &node{op: opGroup, n: p.groups}
		p.open = append(p.open, g.n)
		p.depth++
		sub, err := p.alternation()
		if err != nil {
			return nil, err
		}
		if !p.token(')') {
			return nil, errParen
		}
		p.skip()
		p.depth--
		p.open = p.open[:len(p.open)-1]
		g.subs = []*node{sub}
		return g, nil
	case r == '[':
		return p.bracket()
	case r == '.':
		p.pos++
		return &node{op: opAny}, nil
	case r == '^' && (p.extended || p.atStart()):
		p.pos++
		return &node{op: opStart}, nil
	case r == '$' && (p.extended || p.atEnd()):
		p.pos++
		return &node{op: opEnd}, nil
	case r == '\\':
		return p.escape()
	case r == '*' && first:
	case p.extended && (r == '+' || r == '?') && first:
		return nil, errRepeat
	}
	p.pos += size
	return &node{op: opLiteral, r: r}, nil
}

// atStart reports whether a basic ^ is an anchor here.
func (p *parser) atStart() bool {
	before := p.s[:p.pos]
	return before == "" || strings.HasSuffix(before, `\(`) || strings.HasSuffix(before, `\|`) || strings.HasSuffix(before, "\n")
}

// atEnd reports whether a basic $ is an anchor here.
func (p *parser) atEnd() bool {
	after := p.s[p.pos+1:]
	return after == "" || strings.HasPrefix(after, `\)`) || strings.HasPrefix(after, `\|`) || after[0] == '\n'
}

func (p *parser) escape() (*node, error) {
	if p.pos+1 == len(p.s) {
		return nil, errEscape
	}
	x := p.s[p.pos+1]
	if p.escapes {
		if r, size := controlEscape(p.s[p.pos+1:]); size > 0 {
			p.pos += 1 + size
			return &node{op: opLiteral, r: r}, nil
		}
	}
	r, size := utf8.DecodeRuneInString(p.s[p.pos+1:])
	p.pos += 1 + size
	switch x {
	case '<':
		return &node{op: opWordStart}, nil
	case '>':
		return &node{op: opWordEnd}, nil
	case 'b':
		return &node{op: opWordEdge}, nil
	case 'B':
		return &node{op: opNoWordEdge}, nil
	case '`':
		return &node{op: opBufStart}, nil
	case '\'':
		return &node{op: opBufEnd}, nil
	case 'w', 'W':
		s := &set{negated: x == 'W'}
		s.class("alnum")
		s.add('_', '_')
		return &node{op: opSet, set: s}, nil
	case 's', 'S':
		s := &set{negated: x == 'S'}
		s.class("space")
		return &node{op: opSet, set: s}, nil
	}
	if x >= '1' && x <= '9' {
		n := int(x - '0')
		if n > p.groups || slices.Contains(p.open, n) {
			return nil, errBackref
		}
		p.backrefs = true
		return &node{op: opBackref, n: n}, nil
	}
	return &node{op: opLiteral, r: r}, nil
}

// controlEscape reads what follows a backslash in awk: a letter for a control character, or up to three octal digits;
// size 0 is none of these.
func controlEscape(s string) (r rune, size int) {
	if i := strings.IndexByte("abfnrtv", s[0]); i >= 0 {
		return rune("\a\b\f\n\r\t\v"[i]), 1
	}
	for size < min(3, len(s)) && s[size] >= '0' && s[size] <= '7' {
		r = r<<3 | rune(s[size]-'0')
		size++
	}
	if r &= 0xff; r >= utf8.RuneSelf {
		r += rawByte
	}
	return r, size
}

// repeats reads the repetitions that follow an element.
func (p *parser) repeats(n *node) (*node, error) {
	for p.pos < len(p.s) {
		min, max := 0, -1
		switch {
		case p.s[p.pos] == '*':
			if !p.extended && n.op == opStart {
				return n, nil
			}
			p.pos++
		case p.token('+'):
			min = 1
			p.skip()
		case p.token('?'):
			max = 1
			p.skip()
		case p.token('{'):
			var ok bool
			var err error
			min, max, ok, err = p.interval()
			if err != nil {
				return nil, err
			}
			if !ok {
				return n, nil
			}
		default:
			return n, nil
		}
		n = &node{op: opRepeat, subs: []*node{n}, min: min, max: max}
	}
	return n, nil
}

// interval reads {m}, {m,} {,n} and {m,n}. In the extended syntax a brace that begins none stands for itself.
func (p *parser) interval() (min, max int, ok bool, err error) {
	start := p.pos
	p.skip()
	number := func() int {
		n, digits := 0, 0
		for p.pos < len(p.s) && p.s[p.pos] >= '0' && p.s[p.pos] <= '9' {
			n = n*10 + int(p.s[p.pos]-'0')
			digits++
			p.pos++
			if n > 32767 {
				n = 32768
			}
		}
		if digits == 0 {
			return -1
		}
		return n
	}
	min = number()
	max = min
	if p.pos < len(p.s) && p.s[p.pos] == ',' {
		p.pos++
		max = number()
		if min < 0 {
			min = 0
		}
	}
	if !p.token('}') {
		if p.extended {
			p.pos = start
			return 0, 0, false, nil
		}
		if p.pos < len(p.s) {
			return 0, 0, false, errContent
		}
		return 0, 0, false, errBrace
	}
	p.skip()
	if min < 0 || max >= 0 && max < min || min > 32767 || max > 32767 {
		return 0, 0, false, errContent
	}
	return min, max, true, nil
}

// bracket reads a bracket expression.
func (p *parser) bracket() (*node, error) {
	p.pos++
	s := &set{}
	if p.pos < len(p.s) && p.s[p.pos] == '^' {
		s.negated = true
		p.pos++
	}
	for first := true; ; first = false {
		if p.pos >= len(p.s) {
			return nil, errBracket
		}
		if p.s[p.pos] == ']' && !first {
			p.pos++
			return &node{op: opSet, set: s}, nil
		}
		if strings.HasPrefix(p.s[p.pos:], "[:") {
			end := strings.Index(p.s[p.pos:], ":]")
			if end < 0 {
				return nil, errBracket
			}
			if !s.class(p.s[p.pos+2 : p.pos+end]) {
				return nil, errClass
			}
			p.pos += end + 2
			continue
		}
		lo, err := p.element()
		if err != nil {
			return nil, err
		}
		hi := lo
		if p.pos+1 < len(p.s) && p.s[p.pos] == '-' && p.s[p.pos+1] != ']' {
			p.pos++
			if hi, err = p.element(); err != nil {
				return nil, err
			}
			if hi < lo {
				return nil, errRange
			}
		}
		s.add(lo, hi)
	}
}

// element reads a character of a bracket expression, or [.x.] or [=x=].
func (p *parser) element() (rune, error) {
	rest := p.s[p.pos:]
	for _, mark := range [...]string{".", "="} {
		if strings.HasPrefix(rest, "["+mark) {
			end := strings.Index(rest, mark+"]")
			if end < 3 {
				return 0, errBracket
			}
			r, _ := utf8.DecodeRuneInString(rest[2:])
			p.pos += end + 2
			return r, nil
		}
	}
	if p.escapes && rest[0] == '\\' && len(rest) > 1 {
		p.pos++
		rest = rest[1:]
		if r, size := controlEscape(rest); size > 0 {
			p.pos += size
			return r, nil
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	p.pos += size
	return r, nil
}

func (s *set) class(name string) bool {
	switch name {
	case "alpha":
		s.ranges = append(s.ranges, 'a', 'z', 'A', 'Z')
	case "digit":
		s.add('0', '9')
	case "alnum":
		s.ranges = append(s.ranges, 'a', 'z', 'A', 'Z', '0', '9')
	case "upper":
		s.add('A', 'Z')
	case "lower":
		s.add('a', 'z')
	case "space":
		s.ranges = append(s.ranges, '\t', '\r', ' ', ' ')
	case "blank":
		s.ranges = append(s.ranges, '\t', '\t', ' ', ' ')
	case "punct":
		s.ranges = append(s.ranges, '!', '/', ':', '@', '[', '`', '{', '~')
	case "print":
		s.add(' ', '~')
	case "graph":
		s.add('!', '~')
	case "cntrl":
		s.ranges = append(s.ranges, 0, 31, 127, 127)
	case "xdigit":
		s.ranges = append(s.ranges, '0', '9', 'a', 'f', 'A', 'F')
	default:
		return false
	}
	return true
}
