package regex

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// backtracker matches a tree by trying: greedy first, without the leftmost-longest rule for alternatives.
type backtracker struct {
	tree   *node
	flags  Flags
	groups int
	text   []byte
	caps   []int
}

// match matches at a place, and sets the offsets of the match and its groups.
func (b *backtracker) match(text []byte, start int, caps []int) bool {
	b.text = text
	b.caps = slices.Grow(b.caps[:0], 2+2*b.groups)[:2+2*b.groups]
	for i := range b.caps {
		b.caps[i] = -1
	}
	end := -1
	if !b.try(b.tree, start, func(pos int) bool {
		end = pos
		return true
	}) {
		return false
	}
	b.caps[0], b.caps[1] = start, end
	copy(caps, b.caps)
	return true
}

func (b *backtracker) rune(pos int) (rune, int) {
	if pos >= len(b.text) {
		return 0, 0
	}
	r, size := utf8.DecodeRune(b.text[pos:])
	if r == utf8.RuneError && size == 1 {
		r = rawByte + rune(b.text[pos])
	}
	return r, size
}

func (b *backtracker) wordAt(pos int) bool {
	return pos >= 0 && pos < len(b.text) && isWord(b.text[pos])
}

// try matches n at pos and goes on with next.
func (b *backtracker) try(n *node, pos int, next func(int) bool) bool {
	switch n.op {
	case opEmpty:
		return next(pos)
	case opLiteral, opAny, opSet:
		r, size := b.rune(pos)
		return size > 0 && b.one(n, r) && next(pos+size)
	case opConcat:
		return b.sequence(n.subs, pos, next)
	case opAlternate:
		for _, sub := range n.subs {
			if b.try(sub, pos, next) {
				return true
			}
		}
		return false
	case opGroup:
		old0, old1 := b.caps[2*n.n], b.caps[2*n.n+1]
		if b.try(n.subs[0], pos, func(end int) bool {
			in0, in1 := b.caps[2*n.n], b.caps[2*n.n+1]
			b.caps[2*n.n], b.caps[2*n.n+1] = pos, end
			if next(end) {
				return true
			}
			b.caps[2*n.n], b.caps[2*n.n+1] = in0, in1
			return false
		}) {
			return true
		}
		b.caps[2*n.n], b.caps[2*n.n+1] = old0, old1
		return false
	case opRepeat:
		return b.repeat(n, 0, pos, -1, next)
	case opBackref:
		from, to := b.caps[2*n.n], b.caps[2*n.n+1]
		if from < 0 {
			return false
		}
		part := b.text[from:to]
		if len(b.text)-pos < len(part) {
			return false
		}
		here := b.text[pos : pos+len(part)]
		if !bytes.Equal(here, part) && !(b.flags.IgnoreCase && bytes.EqualFold(here, part)) {
			return false
		}
		return next(pos + len(part))
	}
	return b.edge(n.op, pos) && next(pos)
}

func (b *backtracker) edge(o op, pos int) bool {
	before, after := b.wordAt(pos-1), b.wordAt(pos)
	switch o {
	case opStart:
		return pos == 0 || b.flags.Multiline && b.text[pos-1] == '\n'
	case opEnd:
		return pos == len(b.text) || b.flags.Multiline && b.text[pos] == '\n'
	case opWordStart:
		return !before && after
	case opWordEnd:
		return before && !after
	case opWordEdge:
		return before != after
	case opNoWordEdge:
		return before == after
	case opBufStart:
		return pos == 0
	}
	return pos == len(b.text)
}

func (b *backtracker) one(n *node, r rune) bool {
	switch n.op {
	case opAny:
		return true
	case opLiteral:
		return r == n.r || b.flags.IgnoreCase && unicode.ToLower(r) == unicode.ToLower(n.r)
	}
	return n.set.has(r) || b.flags.IgnoreCase && (n.set.has(unicode.ToLower(r)) || n.set.has(unicode.ToUpper(r)))
}

func (b *backtracker) sequence(list []*node, pos int, next func(int) bool) bool {
	if len(list) == 0 {
		return next(pos)
	}
	return b.try(list[0], pos, func(p int) bool { return b.sequence(list[1:], p, next) })
}

// repeat tries as many as it can; a turn that matches nothing ends the trying.
func (b *backtracker) repeat(n *node, count, pos, last int, next func(int) bool) bool {
	if sub := n.subs[0]; sub.op == opLiteral || sub.op == opAny || sub.op == opSet {
		return b.repeatOne(n, pos, next)
	}
	if (n.max < 0 || count < n.max) && pos != last {
		if b.try(n.subs[0], pos, func(p int) bool { return b.repeat(n, count+1, p, pos, next) }) {
			return true
		}
	}
	return count >= n.min && next(pos)
}

// repeatOne is repeat for single characters, without recursion.
func (b *backtracker) repeatOne(n *node, pos int, next func(int) bool) bool {
	ends := []int{pos}
	for n.max < 0 || len(ends) <= n.max {
		r, size := b.rune(ends[len(ends)-1])
		if size == 0 || !b.one(n.subs[0], r) {
			break
		}
		ends = append(ends, ends[len(ends)-1]+size)
	}
	for i := len(ends) - 1; i >= n.min; i-- {
		if next(ends[i]) {
			return true
		}
	}
	return false
}
