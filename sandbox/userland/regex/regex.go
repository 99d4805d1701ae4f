package regex

import (
	"bytes"
	"slices"
	"unicode/utf8"
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
	Escapes    bool // \n, \t, \123 and the like as in awk, in brackets too
}

// Regexp is a compiled expression. It is not safe for concurrent use.
type Regexp struct {
	flags   Flags
	groups  int
	literal []byte // with no operators: what to look for
	tree    *node  // without back-references, for which it has what they may stand for
	back    *backtracker
	prefix  []byte // what every match begins with
	utf8    bool   // in text that is not UTF-8 it means something else

	// The automata, made when they are needed: for valid UTF-8, or for all text when there is no difference, and for other
	// text; the same for blocks of lines.
	text, bytes, textLines, bytesLines *matcher
}

// matcher holds the automata of an expression.
type matcher struct {
	search, reverse *dfa
	groups          *captures

	// Where few bytes can begin a match it is quicker to try at each such place, as long as that does not take long.
	try   *dfa // or nil
	first [256]bool
}

// span returns where the first match from from on begins and ends; end is -1 without one.
func (m *matcher) span(text []byte, from int) (start, end int) {
	if m.try != nil {
		budget := 64 + len(text) - from
		for budget > 0 {
			for from < len(text) && !m.first[text[from]] {
				from++
			}
			if from == len(text) {
				return 0, -1
			}
			end, read := m.try.at(text, from)
			if end >= 0 {
				return from, end
			}
			budget -= read - from
			from++
		}
	}
	if end = m.search.forward(text, from, false); end < 0 {
		return 0, -1
	}
	return m.reverse.backward(text, from, end), end
}

// Compile reads a pattern; errors have the C library's words.
func Compile(pattern string, flags Flags) (*Regexp, error) {
	re := &Regexp{flags: flags}
	if flags.Fixed {
		if !flags.IgnoreCase && !flags.Anchored {
			re.literal = []byte(pattern)
			return re, nil
		}
		re.tree = &node{op: opConcat}
		for _, r := range pattern {
			re.tree.subs = append(re.tree.subs, &node{op: opLiteral, r: r})
		}
	} else {
		p := &parser{s: pattern, extended: flags.Extended, escapes: flags.Escapes}
		tree, err := p.alternation()
		if err != nil {
			return nil, err
		}
		if p.pos < len(p.s) {
			return nil, errParenEnd
		}
		re.tree, re.groups = tree, p.groups
		if text, ok := literalOf(tree); ok && !flags.IgnoreCase && !flags.Anchored {
			re.literal = text
			return re, nil
		}
		if p.backrefs {
			if flags.Line {
				tree = wholeLine(tree)
			}
			re.back = &backtracker{tree: tree, flags: flags, groups: p.groups}
			re.tree = withoutBackrefs(tree, tree)
		}
	}
	if flags.Line {
		re.tree = wholeLine(re.tree)
	} else if !flags.IgnoreCase && !flags.Anchored {
		re.prefix = prefixOf(re.tree)
	}
	re.utf8 = needsUTF8(re.tree)
	_, err := re.matcher(&re.text, !re.utf8, false)
	return re, err
}

func wholeLine(n *node) *node {
	return &node{op: opConcat, subs: []*node{{op: opStart}, n, {op: opEnd}}}
}

// withoutBackrefs returns n with each back-reference replaced by its group's tree in root, or by ".*" when that has
// back-references too: what matches n matches the result.
func withoutBackrefs(n, root *node) *node {
	if n.op == opBackref {
		if g := groupOf(root, n.n); g != nil && !slices.ContainsFunc(g.subs, hasBackref) {
			return withoutEdges(g.subs[0]) // the edges held where the group was
		}
		return &node{op: opRepeat, subs: []*node{{op: opAny}}, max: -1}
	}
	return n.with(func(sub *node) *node { return withoutBackrefs(sub, root) })
}

// withoutEdges returns n without assertions.
func withoutEdges(n *node) *node {
	if _, ok := assertions[n.op]; ok {
		return &node{op: opEmpty}
	}
	return n.with(withoutEdges)
}

// with returns a copy whose parts are what f makes of n's.
func (n *node) with(f func(*node) *node) *node {
	c := *n
	c.subs = make([]*node, len(n.subs))
	for i, sub := range n.subs {
		c.subs[i] = f(sub)
	}
	return &c
}

func hasBackref(n *node) bool { return n.op == opBackref || slices.ContainsFunc(n.subs, hasBackref) }

func groupOf(n *node, number int) *node {
	if n.op == opGroup && n.n == number {
		return n
	}
	for _, sub := range n.subs {
		if g := groupOf(sub, number); g != nil {
			return g
		}
	}
	return nil
}

// matcher returns the automata kept at *at and makes them first if there are none: to whom every byte is a character
// with bytes, and for blocks of lines with lines.
func (re *Regexp) matcher(at **matcher, bytes, lines bool) (*matcher, error) {
	if *at != nil {
		return *at, nil
	}
	program := func(reverse, groups bool) (*program, error) {
		c := &compiler{fold: re.flags.IgnoreCase, multiline: re.flags.Multiline || lines, bytes: bytes, reverse: reverse, groups: groups, noNewline: lines}
		return c.build(re.tree)
	}
	p, err := program(false, false)
	if err != nil {
		return nil, err
	}
	m := &matcher{search: newDFA(p, false, !re.flags.Anchored)}
	if !lines {
		if p, err = program(true, false); err != nil {
			return nil, err
		}
		m.reverse = newDFA(p, true, false)
		if first, ok := m.search.firstBytes(); ok && !re.flags.Anchored {
			m.first, m.try = first, newDFA(m.search.prog, false, false)
		}
		if p, err = program(false, true); err != nil {
			return nil, err
		}
		m.groups = &captures{prog: p}
	}
	*at = m
	return m, nil
}

// of returns the automata for a text.
func (re *Regexp) of(text []byte) *matcher {
	at, raw := &re.text, !re.utf8
	if re.utf8 && !utf8.Valid(text) {
		at, raw = &re.bytes, true
	}
	m, _ := re.matcher(at, raw, false) // the program of bytes is the smaller one
	return m
}

// skip returns the first place from from on where a match may begin, or -1.
func (re *Regexp) skip(text []byte, from int) int {
	if len(re.prefix) == 0 {
		return from
	}
	i := bytes.Index(text[from:], re.prefix)
	if i < 0 {
		return -1
	}
	return from + i
}

// CanSkip reports whether NextLine works for this expression.
func (re *Regexp) CanSkip() bool {
	return re.tree != nil && !re.flags.Anchored && !hasTextEdge(re.tree)
}

func hasTextEdge(n *node) bool {
	return n.op == opBufStart || n.op == opBufEnd || n.op == opLiteral && n.r == '\n' || slices.ContainsFunc(n.subs, hasTextEdge)
}

// Exact reports whether what NextLine finds matches for certain.
func (re *Regexp) Exact() bool { return re.back == nil && !re.flags.Word }

// NextLine returns an offset in the first line of a block of lines that may match, or at its end, or -1 when none does.
// It is quicker than a test of each line.
func (re *Regexp) NextLine(block []byte) int {
	at, raw := &re.textLines, !re.utf8
	if re.utf8 && !utf8.Valid(block) {
		at, raw = &re.bytesLines, true
	}
	m, err := re.matcher(at, raw, true)
	from := re.skip(block, 0)
	if err != nil || len(block) == 0 || from < 0 {
		return -1
	}
	// The end of the last line is not the beginning of another.
	return m.search.forward(bytes.TrimSuffix(block, []byte{'\n'}), from, true)
}

// Groups returns the number of groups.
func (re *Regexp) Groups() int { return re.groups }

// Literal returns the string the expression stands for, when it has no operators.
func (re *Regexp) Literal() ([]byte, bool) {
	return re.literal, re.literal != nil && !re.flags.Word && !re.flags.Line
}

// Needed returns bytes that every match contains, or nil.
func (re *Regexp) Needed() []byte { return re.literal }

// Test reports whether the text has a match.
func (re *Regexp) Test(text []byte) bool {
	switch {
	case re.literal != nil && !re.flags.Word:
		if re.flags.Line {
			return bytes.Equal(text, re.literal)
		}
		return bytes.Contains(text, re.literal)
	case re.Exact():
		from := re.skip(text, 0)
		return from >= 0 && re.of(text).search.forward(text, from, true) >= 0
	}
	var m [2]int
	s := re.On(text)
	return s.Find(m[:], 0)
}

// Match returns the first match that begins at or after from, as pairs of offsets: the whole, then each group, -1 for
// one without a part in it. It returns nil without a match.
func (re *Regexp) Match(text []byte, from int) []int {
	m, s := make([]int, 2+2*re.groups), re.On(text)
	if !s.Find(m, from) {
		return nil
	}
	return m
}

// Search looks for an expression in a text, which must not change meanwhile.
type Search struct {
	re   *Regexp
	m    *matcher
	text []byte
}

// On prepares a search.
func (re *Regexp) On(text []byte) Search {
	s := Search{re: re, text: text}
	if re.literal == nil {
		s.m = re.of(text)
	}
	return s
}

// Find finds the first match that begins at or after from, and sets offsets: pairs for the whole and for as many groups
// as there is room for, -1 for a group without a part in it.
func (s *Search) Find(offsets []int, from int) bool {
	if !s.re.flags.Word {
		return from <= len(s.text) && s.find(offsets, from)
	}
	for from <= len(s.text) {
		if !s.find(offsets, from) {
			return false
		}
		m := [2]int(offsets)
		if wholeWord(s.text, m) {
			return true
		}
		// A shorter match at the same place might be a word; then the next place.
		for end := m[1] - 1; end > m[0]; end-- {
			short := Search{s.re, s.m, s.text[:end]}
			if short.find(offsets, m[0]) && offsets[0] == m[0] && offsets[1] == end && wholeWord(s.text, [2]int(offsets)) {
				return true
			}
		}
		from = m[0] + 1
	}
	return false
}

// Matches goes through the matches that do not overlap, an empty one not directly after another.
type Matches struct {
	Search
	from, last int
}

// All begins to go through the matches in a text.
func (re *Regexp) All(text []byte) Matches { return Matches{re.On(text), 0, -1} }

// Next finds the next match, with offsets as in Find.
func (m *Matches) Next(offsets []int) bool {
	for m.from <= len(m.text) && m.Find(offsets, m.from) {
		start, end, last := offsets[0], offsets[1], m.last
		m.from, m.last = end, end
		if start < end {
			return true
		}
		for m.from++; m.from < len(m.text) && !utf8.RuneStart(m.text[m.from]); {
			m.from++
		}
		if start != last {
			return true
		}
	}
	m.from = len(m.text) + 1
	return false
}

func wholeWord(text []byte, m [2]int) bool {
	return (m[0] == 0 || !isWord(text[m[0]-1])) && (m[1] == len(text) || !isWord(text[m[1]]))
}

func (s *Search) find(offsets []int, from int) bool {
	re := s.re
	for i := 2; i < len(offsets); i++ {
		offsets[i] = -1
	}
	if re.literal != nil {
		if re.flags.Line {
			offsets[0], offsets[1] = 0, len(s.text)
			return from == 0 && bytes.Equal(s.text, re.literal)
		}
		i := bytes.Index(s.text[from:], re.literal)
		offsets[0], offsets[1] = from+i, from+i+len(re.literal)
		return i >= 0
	}
	for {
		if from = re.skip(s.text, from); from < 0 {
			return false
		}
		start, end := from, -1
		if re.flags.Anchored {
			end = s.m.search.forward(s.text, from, false)
		} else {
			start, end = s.m.span(s.text, from)
		}
		if end < 0 {
			return false
		}
		if re.back == nil {
			offsets[0], offsets[1] = start, end
			if len(offsets) > 2 {
				s.m.groups.find(s.text, offsets)
			}
			return true
		}
		if re.back.match(s.text, start, offsets) {
			return true
		}
		if from = start + 1; re.flags.Anchored || from > len(s.text) {
			return false
		}
	}
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}

// literalOf returns the text that a tree of nothing but literals stands for.
func literalOf(n *node) ([]byte, bool) {
	text := prefixOf(n)
	if n.op == opConcat {
		return text, !slices.ContainsFunc(n.subs, func(sub *node) bool { return sub.op != opLiteral })
	}
	return text, n.op == opLiteral
}

// prefixOf returns the text of the literals at the beginning of a tree.
func prefixOf(n *node) []byte {
	list := []*node{n}
	if n.op == opConcat {
		list = n.subs
	}
	text := []byte{}
	for _, n := range list {
		switch {
		case n.op != opLiteral:
			return text
		case n.r >= rawByte:
			text = append(text, byte(n.r-rawByte))
		default:
			text = utf8.AppendRune(text, n.r)
		}
	}
	return text
}
