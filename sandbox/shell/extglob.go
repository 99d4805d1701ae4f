package shell

import "strings"

// extGlob is a pattern with bash's extended operators: a sequence of pieces. It is matched by backtracking, with
// matches of the rest remembered by position.
type extGlob []extPiece

type extPiece struct {
	op   byte      // 0 for a plain pattern piece of one token, otherwise one of ?*+@!
	tok  token     // of a plain piece
	alts []extGlob // of an operator
}

// hasExtGlob reports whether an unquoted extended operator occurs.
func hasExtGlob(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		switch s[i] {
		case mark, '\\':
			i++
		case '?', '*', '+', '@', '!':
			if s[i+1] == '(' {
				return true
			}
		}
	}
	return false
}

// maxExtDepth bounds the nesting of operators; deeper ones are taken for plain text.
const maxExtDepth = 32

func parseExtGlob(s string, depth int) extGlob {
	list := extGlob{}
	plain := func(p string) {
		for _, t := range compilePattern(p, false).toks {
			list = append(list, extPiece{tok: t})
		}
	}
	start := 0
	open := false // an operator that does not end: then none after it does
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case mark, '\\':
			i++
			continue
		case '?', '*', '+', '@', '!':
		default:
			continue
		}
		if open || depth == maxExtDepth || i+1 >= len(s) || s[i+1] != '(' {
			continue
		}
		alts, end := splitAlternatives(s[i+2:])
		if end < 0 {
			open = true
			continue
		}
		plain(s[start:i])
		piece := extPiece{op: s[i]}
		for _, a := range alts {
			piece.alts = append(piece.alts, parseExtGlob(a, depth+1))
		}
		list = append(list, piece)
		i += 2 + end
		start = i + 1
	}
	plain(s[start:])
	return list
}

// splitAlternatives splits what follows an operator's parenthesis at its bars; end is where the parenthesis closes.
func splitAlternatives(s string) (alts []string, end int) {
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case mark, '\\':
			i++
		case '(':
			depth++
		case '|':
			if depth == 0 {
				alts = append(alts, s[start:i])
				start = i + 1
			}
		case ')':
			if depth == 0 {
				return append(alts, s[start:i]), i
			}
			depth--
		}
	}
	return nil, -1
}

// extMatch is a match under way. It gives up, finding nothing, after maxExtSteps or when the task must die.
type extMatch struct {
	p     *pattern
	s     string
	steps int
	over  bool
}

const maxExtSteps = 20 << 20

func (m *extMatch) tick() bool {
	m.steps++
	if m.steps&0xffff == 0 && (m.steps > maxExtSteps || m.p.dying != nil && m.p.dying()) {
		m.over = true
	}
	return !m.over
}

// ends collects the positions at which a match of g that begins at pos may end.
func (m *extMatch) ends(g extGlob, pos int) map[int]bool {
	set := map[int]bool{pos: true}
	for i := range g {
		next := map[int]bool{}
		for p := range set {
			if m.step(&g[i], p, next); m.over {
				return nil
			}
		}
		if set = next; len(set) == 0 {
			break
		}
	}
	return set
}

func (m *extMatch) step(p *extPiece, pos int, out map[int]bool) {
	if p.op == 0 {
		switch {
		case p.tok.kind == tokStar:
			for i := pos; i <= len(m.s) && m.tick(); i++ {
				out[i] = true
			}
		case pos < len(m.s) && m.tick():
			if r, n := nextRune(m.s[pos:]); p.tok.matches(r) {
				out[pos+n] = true
			}
		}
		return
	}
	once := func(from int) map[int]bool {
		set := map[int]bool{}
		for _, a := range p.alts {
			for e := range m.ends(a, from) {
				set[e] = true
			}
		}
		return set
	}
	switch p.op {
	case '!':
		no := once(pos)
		for i := pos; i <= len(m.s) && m.tick(); i++ {
			if !no[i] {
				out[i] = true
			}
		}
		return
	case '?', '*':
		out[pos] = true
	}
	todo := []int{pos}
	seen := map[int]bool{pos: true}
	for len(todo) > 0 && m.tick() {
		from := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for e := range once(from) {
			out[e] = true
			if (p.op == '*' || p.op == '+') && !seen[e] {
				seen[e] = true
				todo = append(todo, e)
			}
		}
	}
}

func matchExt(p *pattern, s string) bool {
	m := extMatch{p: p, s: s}
	return m.ends(p.ext, 0)[len(s)] && !m.over
}

func prefixExt(p *pattern, s string, longest bool) (int, bool) {
	m := extMatch{p: p, s: s}
	best, ok := 0, false
	for e := range m.ends(p.ext, 0) {
		if !ok || longest == (e > best) {
			best, ok = e, true
		}
	}
	return best, ok
}

func suffixExt(p *pattern, s string, longest bool) (int, bool) {
	m := extMatch{p: p, s: s}
	best, ok := 0, false
	for i := 0; i <= len(s) && !m.over; i++ {
		if m.ends(p.ext, i)[len(s)] {
			best, ok = i, true
			if longest {
				break
			}
		}
	}
	return best, ok
}

// regexpOf turns a word in marked form into a regular expression in which the quoted characters stand for themselves
// ([[ x =~ word ]]).
func regexpOf(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == mark && i+1 < len(s) {
			i++
			if strings.IndexByte(`\.+*?()|[]{}^$`, s[i]) >= 0 {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
