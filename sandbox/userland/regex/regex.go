package regex

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Flags choose how a pattern is read and matched.
type Flags struct {
	Extended   bool
	Fixed      bool // a string, not an expression
	IgnoreCase bool
	Multiline  bool // ^ and $ match at newlines too
	Anchored   bool // only at the beginning of the text
	Word       bool // only whole words
	Line       bool // only the whole text
}

// Regexp is a compiled expression.
type Regexp struct {
	flags   Flags
	groups  int
	literal []byte // with no operators: what to look for
	needed  []byte // bytes that every match has, or nil
	source  string // in Go's syntax
	test    *regexp.Regexp
	find    *regexp.Regexp // with the leftmost-longest rule
	back    *backtracker
	lines   *regexp.Regexp // finds lines that may match in a block of them
}

// Compile reads a pattern; errors have the C library's words.
func Compile(pattern string, flags Flags) (*Regexp, error) {
	re := &Regexp{flags: flags}
	if flags.Fixed {
		if !flags.IgnoreCase && !flags.Anchored {
			re.literal = []byte(pattern)
			return re, nil
		}
		re.source = regexp.QuoteMeta(pattern)
		return re, re.prepare()
	}
	p := &parser{s: pattern, extended: flags.Extended}
	tree, err := p.alternation()
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.s) {
		return nil, errParenEnd
	}
	re.groups = p.groups
	if !flags.IgnoreCase {
		if text, whole := literalOf(tree); whole && !flags.Anchored && p.groups == 0 {
			re.literal = []byte(text)
			return re, nil
		} else if text != "" {
			re.needed = []byte(text)
		}
	}
	if p.backrefs || needsBacktracking(tree) {
		re.back = &backtracker{tree: tree, flags: flags, groups: p.groups}
		return re, nil
	}
	var b strings.Builder
	emit(&b, tree)
	re.source = b.String()
	if !flags.Word && !flags.Line && !flags.Anchored {
		withinLine(tree)
		b.Reset()
		emit(&b, tree)
		modes := "(?m)"
		if flags.IgnoreCase {
			modes = "(?mi)"
		}
		re.lines, _ = regexp.Compile(modes + b.String())
	}
	return re, re.prepare()
}

// withinLine takes the newline out of negated sets, so that no match goes past the end of a line.
func withinLine(n *node) {
	if n.op == opSet && n.set.negated {
		n.set.add('\n', '\n')
	}
	for _, sub := range n.subs {
		withinLine(sub)
	}
}

// blockSize is how many bytes NextLine gives package regexp at once: little enough for its backtracking matcher, which
// is its fastest.
const blockSize = 8 << 10

// CanSkip reports whether NextLine works for this expression.
func (re *Regexp) CanSkip() bool { return re.lines != nil }

// NextLine returns an offset in the first line of a block of lines that may match, or -1 when none does. It is much
// quicker than a test of each line.
func (re *Regexp) NextLine(block []byte) int {
	for done := 0; done < len(block); {
		part := block[done:]
		if len(part) > blockSize {
			if end := bytes.LastIndexByte(part[:blockSize], '\n'); end >= 0 {
				part = part[:end+1]
			}
		}
		// The end of the last line is not the beginning of another.
		if m := re.lines.FindIndex(bytes.TrimSuffix(part, []byte{'\n'})); m != nil {
			return done + m[0]
		}
		done += len(part)
	}
	return -1
}

func (re *Regexp) prepare() error {
	source := re.source
	if re.flags.Anchored {
		source = `\A(?:` + source + `)`
	}
	if re.flags.Line {
		source = `^(?:` + source + `)$`
	}
	modes := "s"
	if re.flags.IgnoreCase {
		modes += "i"
	}
	if re.flags.Multiline {
		modes += "m"
	}
	re.source = "(?" + modes + ")" + source
	var err error
	if re.test, err = regexp.Compile(re.source); err != nil {
		return fmt.Errorf("Regular expression too big")
	}
	return nil
}

func (re *Regexp) finder() *regexp.Regexp {
	if re.find == nil {
		re.find = regexp.MustCompile(re.source)
		re.find.Longest()
	}
	return re.find
}

// Groups returns the number of groups.
func (re *Regexp) Groups() int { return re.groups }

// Literal returns the string the expression stands for, when it has no operators.
func (re *Regexp) Literal() ([]byte, bool) {
	return re.literal, re.literal != nil && !re.flags.Word && !re.flags.Line
}

// Needed returns bytes that every match contains, or nil.
func (re *Regexp) Needed() []byte {
	if re.literal != nil {
		return re.literal
	}
	return re.needed
}

// Test reports whether the text has a match.
func (re *Regexp) Test(text []byte) bool {
	switch {
	case re.flags.Word:
		return re.Match(text, 0) != nil
	case re.literal != nil && re.flags.Line:
		return bytes.Equal(text, re.literal)
	case re.literal != nil:
		return bytes.Contains(text, re.literal)
	case re.needed != nil && !bytes.Contains(text, re.needed):
		return false
	case re.back != nil:
		return re.back.match(text, 0) != nil
	}
	return re.test.Match(text)
}

// Match returns the first match that begins at or after from, as pairs of offsets: the whole, then each group, -1 for
// one without a part in it. It returns nil without a match.
func (re *Regexp) Match(text []byte, from int) []int {
	for from <= len(text) {
		m := re.match(text, from)
		if m == nil || !re.flags.Word || wholeWord(text, m) {
			return m
		}
		// A shorter match at the same place might be a word; then the next place.
		for end := m[1] - 1; end > m[0]; end-- {
			if short := re.match(text[:end], m[0]); short != nil && short[0] == m[0] && short[1] == end && wholeWord(text, short) {
				return short
			}
		}
		from = m[0] + 1
	}
	return nil
}

func wholeWord(text []byte, m []int) bool {
	return (m[0] == 0 || !isWord(rune(text[m[0]-1]))) && (m[1] == len(text) || !isWord(rune(text[m[1]])))
}

func (re *Regexp) match(text []byte, from int) []int {
	if re.literal != nil {
		if re.flags.Line {
			if from == 0 && bytes.Equal(text, re.literal) {
				return []int{0, len(text)}
			}
			return nil
		}
		i := bytes.Index(text[from:], re.literal)
		if i < 0 {
			return nil
		}
		return []int{from + i, from + i + len(re.literal)}
	}
	if re.needed != nil && !bytes.Contains(text[from:], re.needed) {
		return nil
	}
	if re.back != nil {
		return re.back.match(text, from)
	}
	if from == 0 {
		return re.finder().FindSubmatchIndex(text)
	}
	// Package regexp has no search from a place that sees what is before it: go through the matches.
	for _, m := range re.finder().FindAllSubmatchIndex(text, -1) {
		if m[0] >= from {
			return m
		}
	}
	return nil
}

// All returns the matches that do not overlap, at most n of them when n ≥ 0, an empty one not directly after another.
func (re *Regexp) All(text []byte, n int) [][]int {
	if re.literal == nil && re.back == nil && !re.flags.Word {
		if re.needed != nil && !bytes.Contains(text, re.needed) {
			return nil
		}
		return re.finder().FindAllSubmatchIndex(text, n)
	}
	var list [][]int
	last := -1
	for from := 0; from <= len(text) && len(list) != n; {
		m := re.Match(text, from)
		if m == nil {
			break
		}
		if m[1] > m[0] || m[0] != last {
			list = append(list, m)
			last = m[1]
		}
		from = m[1]
		if m[1] == m[0] {
			from++
		}
	}
	return list
}

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80 && unicode.IsLetter(r)
}

// literalOf returns the longest run of literals at the top of the tree, and whether the tree is nothing else.
func literalOf(n *node) (text string, whole bool) {
	if n.op == opLiteral {
		return string(n.r), true
	}
	if n.op != opConcat {
		return "", false
	}
	whole = true
	run := ""
	for _, sub := range n.subs {
		if sub.op == opLiteral {
			run += string(sub.r)
			continue
		}
		whole = false
		if len(run) > len(text) {
			text = run
		}
		run = ""
	}
	if len(run) > len(text) {
		text = run
	}
	return text, whole
}

// needsBacktracking reports whether a word's start or end stands where \b would not mean the same.
func needsBacktracking(n *node) bool {
	for i, sub := range n.subs {
		switch {
		case sub.op == opWordStart && !(n.op == opConcat && i+1 < len(n.subs) && alwaysWord(n.subs[i+1])):
			return true
		case sub.op == opWordEnd && !(n.op == opConcat && i > 0 && alwaysWord(n.subs[i-1])):
			return true
		case needsBacktracking(sub):
			return true
		}
	}
	return n.op == opWordStart || n.op == opWordEnd
}

// alwaysWord reports whether an element begins and ends with a word character.
func alwaysWord(n *node) bool {
	switch n.op {
	case opLiteral:
		return isWord(n.r) && n.r < 0x80
	case opSet:
		if n.set.negated {
			return false
		}
		for i := 0; i < len(n.set.ranges); i += 2 {
			for r := n.set.ranges[i]; r <= n.set.ranges[i+1]; r++ {
				if r >= 0x80 || !isWord(r) {
					return false
				}
			}
		}
		return true
	case opRepeat:
		return n.min > 0 && alwaysWord(n.subs[0])
	case opGroup:
		return alwaysWord(n.subs[0])
	case opConcat:
		return len(n.subs) > 0 && alwaysWord(n.subs[0]) && alwaysWord(n.subs[len(n.subs)-1])
	case opAlternate:
		for _, sub := range n.subs {
			if !alwaysWord(sub) {
				return false
			}
		}
		return true
	}
	return false
}

// emit writes a tree in Go's syntax.
func emit(b *strings.Builder, n *node) {
	switch n.op {
	case opLiteral:
		b.WriteString(regexp.QuoteMeta(string(n.r)))
	case opAny:
		b.WriteByte('.')
	case opSet:
		emitSet(b, n.set)
	case opConcat:
		for _, sub := range n.subs {
			emit(b, sub)
		}
	case opAlternate:
		b.WriteString("(?:")
		for i, sub := range n.subs {
			if i > 0 {
				b.WriteByte('|')
			}
			emit(b, sub)
		}
		b.WriteByte(')')
	case opGroup:
		b.WriteByte('(')
		emit(b, n.subs[0])
		b.WriteByte(')')
	case opRepeat:
		emitRepeat(b, n)
	case opStart:
		b.WriteByte('^')
	case opEnd:
		b.WriteByte('$')
	case opWordStart, opWordEnd, opWordEdge:
		b.WriteString(`\b`)
	case opNoWordEdge:
		b.WriteString(`\B`)
	case opBufStart:
		b.WriteString(`\A`)
	case opBufEnd:
		b.WriteString(`\z`)
	}
}

func emitRepeat(b *strings.Builder, n *node) {
	b.WriteString("(?:")
	emit(b, n.subs[0])
	b.WriteString(")")
	switch {
	case n.min == 0 && n.max < 0:
		b.WriteByte('*')
	case n.min == 1 && n.max < 0:
		b.WriteByte('+')
	case n.min == 0 && n.max == 1:
		b.WriteByte('?')
	case n.max < 0:
		fmt.Fprintf(b, "{%d,}", n.min)
	default:
		fmt.Fprintf(b, "{%d,%d}", n.min, n.max)
	}
}

func emitSet(b *strings.Builder, s *set) {
	b.WriteByte('[')
	if s.negated {
		b.WriteByte('^')
	}
	for i := 0; i < len(s.ranges); i += 2 {
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, s.ranges[i], s.ranges[i+1])
	}
	b.WriteByte(']')
}
