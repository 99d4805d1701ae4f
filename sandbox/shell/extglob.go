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

func parseExtGlob(s string) extGlob {
	list := extGlob{}
	plain := func(p string) {
		for _, t := range compilePattern(p, false).toks {
			list = append(list, extPiece{tok: t})
		}
	}
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case mark, '\\':
			i++
			continue
		case '[':
			if _, n := parseBracket(s[i:]); n > 0 {
				i += n - 1
			}
			continue
		case '?', '*', '+', '@', '!':
		default:
			continue
		}
		if i+1 >= len(s) || s[i+1] != '(' {
			continue
		}
		alts, end := splitAlternatives(s[i+2:])
		if end < 0 {
			continue
		}
		plain(s[start:i])
		piece := extPiece{op: s[i]}
		for _, a := range alts {
			piece.alts = append(piece.alts, parseExtGlob(a))
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

// ends collects the positions at which a match of g that begins at pos may end.
func (g extGlob) ends(s string, pos int) map[int]bool {
	set := map[int]bool{pos: true}
	for i := range g {
		next := map[int]bool{}
		for p := range set {
			g[i].step(s, p, next)
		}
		if set = next; len(set) == 0 {
			break
		}
	}
	return set
}

func (p *extPiece) step(s string, pos int, out map[int]bool) {
	if p.op == 0 {
		switch {
		case p.tok.kind == tokStar:
			for i := pos; i <= len(s); i++ {
				out[i] = true
			}
		case pos < len(s):
			if r, n := nextRune(s[pos:]); p.tok.matches(r) {
				out[pos+n] = true
			}
		}
		return
	}
	once := func(from int) map[int]bool {
		set := map[int]bool{}
		for _, a := range p.alts {
			for e := range a.ends(s, from) {
				set[e] = true
			}
		}
		return set
	}
	switch p.op {
	case '!':
		no := once(pos)
		for i := pos; i <= len(s); i++ {
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
	for len(todo) > 0 {
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

func matchExt(g extGlob, s string) bool { return g.ends(s, 0)[len(s)] }

func prefixExt(g extGlob, s string, longest bool) (int, bool) {
	best, ok := 0, false
	for e := range g.ends(s, 0) {
		if !ok || longest == (e > best) {
			best, ok = e, true
		}
	}
	return best, ok
}

func suffixExt(g extGlob, s string, longest bool) (int, bool) {
	best, ok := 0, false
	for i := 0; i <= len(s); i++ {
		if g.ends(s, i)[len(s)] {
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
