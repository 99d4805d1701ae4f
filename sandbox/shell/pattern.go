package shell

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mark stands before a character that was quoted, in words on their way through expansion and in patterns. No shell
// string holds a zero byte, so it cannot be mistaken.
const mark = '\x00'

// pattern is a compiled pattern of POSIX 2.14 (XCU, Pattern Matching Notation): a chain of tokens. It is matched by
// following all possible positions in it at once, so that no pattern takes more than length × tokens steps.
type pattern struct {
	toks    []token
	literal string // what it matches when it has no special characters
	plain   bool
	ext     extGlob     // the pattern with extended operators
	dying   func() bool // asked in long matches; nil never is
}

// matchSlice is the steps of a match between two looks whether the task must die.
const matchSlice = 1 << 16

type tokenKind uint8

const (
	tokRune tokenKind = iota
	tokAny
	tokStar
	tokClass
)

type token struct {
	kind  tokenKind
	r     rune
	class *bracket
}

// bracket is a bracket expression.
type bracket struct {
	negate  bool
	ranges  []rune // pairs of first and last
	classes []func(rune) bool
}

func (b *bracket) has(r rune) bool {
	for i := 0; i < len(b.ranges); i += 2 {
		if b.ranges[i] <= r && r <= b.ranges[i+1] {
			return !b.negate
		}
	}
	for _, f := range b.classes {
		if f(r) {
			return !b.negate
		}
	}
	return b.negate
}

func (t *token) matches(r rune) bool {
	switch t.kind {
	case tokRune:
		return t.r == r
	case tokClass:
		return t.class.has(r)
	}
	return true
}

// compilePattern reads a pattern in marked form; ext allows the extended operators ?( *( +( @( !(.
func compilePattern(src string, ext bool) *pattern {
	p := &pattern{}
	if ext && hasExtGlob(src) {
		p.ext = parseExtGlob(src, 0)
		return p
	}
	open := false // a bracket that does not end: then none after it does
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case (c == mark || c == '\\') && i+1 < len(src):
			r, n := utf8.DecodeRuneInString(src[i+1:])
			p.toks = append(p.toks, token{r: runeOf(src[i+1:], r, n)})
			i += 1 + n
		case c == '*':
			if n := len(p.toks); n == 0 || p.toks[n-1].kind != tokStar {
				p.toks = append(p.toks, token{kind: tokStar})
			}
			i++
		case c == '?':
			p.toks = append(p.toks, token{kind: tokAny})
			i++
		case c == '[':
			if !open {
				if b, n := parseBracket(src[i:]); b != nil {
					p.toks = append(p.toks, token{kind: tokClass, class: b})
					i += n
					continue
				}
				open = true
			}
			p.toks = append(p.toks, token{r: '['})
			i++
		default:
			r, n := utf8.DecodeRuneInString(src[i:])
			p.toks = append(p.toks, token{r: runeOf(src[i:], r, n)})
			i += n
		}
	}
	p.plain = true
	var lit strings.Builder
	for _, t := range p.toks {
		if t.kind != tokRune {
			p.plain = false
			break
		}
		writeRune(&lit, t.r)
	}
	p.literal = lit.String()
	return p
}

// badByte is added to a byte that is no valid UTF-8, to carry it as a rune.
const badByte = 0x110000

func runeOf(s string, r rune, n int) rune {
	if r == utf8.RuneError && n == 1 {
		return badByte + rune(s[0])
	}
	return r
}

func nextRune(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	return runeOf(s, r, n), n
}

func lastRune(s string) (rune, int) {
	r, n := utf8.DecodeLastRuneInString(s)
	return runeOf(s[len(s)-n:], r, n), n
}

func writeRune(b *strings.Builder, r rune) {
	if r >= badByte {
		b.WriteByte(byte(r - badByte))
		return
	}
	b.WriteRune(r)
}

// maxClass is the longest [:name:] that is looked for.
const maxClass = 24

// parseBracket reads a bracket expression at the start of s; nil when it does not end.
func parseBracket(s string) (*bracket, int) {
	b := &bracket{}
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		b.negate = true
		i++
	}
	first := true
	one := func() (rune, bool) { // a single character, quoted or not
		if (s[i] == mark || s[i] == '\\') && i+1 < len(s) {
			i++
		}
		r, n := nextRune(s[i:])
		i += n
		return r, true
	}
	for i < len(s) {
		if s[i] == ']' && !first {
			return b, i + 1
		}
		first = false
		if strings.HasPrefix(s[i:], "[:") {
			if end := strings.Index(s[i:min(len(s), i+maxClass)], ":]"); end > 0 {
				f := classes[s[i+2:i+end]]
				if f == nil {
					f = func(rune) bool { return false }
				}
				b.classes = append(b.classes, f)
				i += end + 2
				continue
			}
		}
		if strings.HasPrefix(s[i:], "[.") || strings.HasPrefix(s[i:], "[=") { // collating symbols: the character itself
			if end := strings.Index(s[i+2:min(len(s), i+maxClass)], string(s[i+1])+"]"); end > 0 {
				r, _ := nextRune(s[i+2:])
				b.ranges = append(b.ranges, r, r)
				i += end + 4
				continue
			}
		}
		lo, _ := one()
		hi := lo
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			i++
			hi, _ = one()
		}
		b.ranges = append(b.ranges, lo, hi)
	}
	return nil, 0
}

var classes = map[string]func(rune) bool{
	"alpha":  unicode.IsLetter,
	"digit":  func(r rune) bool { return '0' <= r && r <= '9' },
	"alnum":  func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) },
	"upper":  unicode.IsUpper,
	"lower":  unicode.IsLower,
	"space":  func(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r", r) },
	"blank":  func(r rune) bool { return r == ' ' || r == '\t' },
	"punct":  func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) },
	"print":  func(r rune) bool { return r == ' ' || unicode.IsGraphic(r) },
	"graph":  func(r rune) bool { return r != ' ' && unicode.IsGraphic(r) },
	"cntrl":  unicode.IsControl,
	"xdigit": func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) },
	"word":   func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) },
}

// match reports whether the pattern matches all of s.
func (p *pattern) match(s string) bool {
	switch {
	case p.ext != nil:
		return matchExt(p, s)
	case p.plain:
		return p.literal == s
	}
	end, ok := p.run(s, true, false)
	return ok && end == len(s)
}

// prefix finds how much of the start of s matches: the most, or the least.
func (p *pattern) prefix(s string, longest bool) (int, bool) {
	switch {
	case p.ext != nil:
		return prefixExt(p, s, longest)
	case p.plain:
		return len(p.literal), strings.HasPrefix(s, p.literal)
	}
	return p.run(s, longest, false)
}

// suffix finds where the end of s that matches begins, the longest or the shortest one.
func (p *pattern) suffix(s string, longest bool) (int, bool) {
	switch {
	case p.ext != nil:
		return suffixExt(p, s, longest)
	case p.plain:
		return len(s) - len(p.literal), strings.HasSuffix(s, p.literal)
	}
	n, ok := p.run(s, longest, true)
	return len(s) - n, ok
}

// run follows the pattern from the start of s, or backwards from its end, and returns the length of the longest or
// shortest match.
func (p *pattern) run(s string, longest, back bool) (length int, ok bool) {
	m := len(p.toks)
	at := func(i int) *token {
		if back {
			return &p.toks[m-1-i]
		}
		return &p.toks[i]
	}
	var small [2][32]bool
	cur, next := small[0][:], small[1][:]
	if m >= len(cur) {
		cur, next = make([]bool, m+1), make([]bool, m+1)
	}
	cur, next = cur[:m+1], next[:m+1]
	enter := func(set []bool, i int) {
		set[i] = true
		for i < m && at(i).kind == tokStar { // a star may match nothing
			i++
			set[i] = true
		}
	}
	enter(cur, 0)
	pos, steps := 0, 0
	for {
		if cur[m] {
			length, ok = pos, true
			if !longest {
				return length, true
			}
		}
		if pos == len(s) {
			return length, ok
		}
		var r rune
		var n int
		if back {
			r, n = lastRune(s[:len(s)-pos])
		} else {
			r, n = nextRune(s[pos:])
		}
		pos += n
		if steps += m; steps > matchSlice {
			if steps = 0; p.dying != nil && p.dying() {
				return 0, false
			}
		}
		alive := false
		clear(next)
		for i := range m {
			if !cur[i] {
				continue
			}
			t := at(i)
			if t.kind == tokStar {
				enter(next, i)
				alive = true
			} else if t.matches(r) {
				enter(next, i+1)
				alive = true
			}
		}
		if !alive {
			return length, ok
		}
		cur, next = next, cur
	}
}

// hasMeta reports whether a word in marked form has characters that are special in patterns and not quoted.
func hasMeta(s string) bool {
	open := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case mark, '\\':
			i++
		case '*', '?':
			return true
		case '[':
			if open {
				continue
			}
			if b, _ := parseBracket(s[i:]); b != nil {
				return true
			}
			open = true
		}
	}
	return false
}

// unmark takes the marks out.
func unmark(s string) string {
	if strings.IndexByte(s, mark) < 0 {
		return s
	}
	return strings.ReplaceAll(s, string(rune(mark)), "")
}

// special are the characters that mean something in patterns or regular expressions, or to tilde expansion.
const special = "*?[]\\!-^+@()|.{}$~/:"

var isSpecial = func() (t [256]bool) {
	for i := range len(special) {
		t[special[i]] = true
	}
	return t
}()
