package regex

import (
	"errors"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A program is a nondeterministic automaton over bytes, made from a tree by Thompson's construction. Characters are
// sequences of byte ranges; for text that is not UTF-8 there is a second program, to which every byte is a character.

type instOp uint8

const (
	iByte   instOp = iota // a byte in lo to hi, then out
	iSet                  // a byte in sets[arg], then out
	iSplit                // out, or else alt
	iAssert               // out where the assertion arg holds
	iSave                 // out, and notes the place as offset arg of the groups
	iSpawn                // out, and a match may begin here: the loop before an unanchored search
	iMatch
)

type inst struct {
	op       instOp
	lo, hi   byte
	arg      uint16
	out, alt int32
}

// Assertions about a place in the text, as a set of bits.
const (
	atTextStart = 1 << iota
	atTextEnd
	atLineStart
	atLineEnd
	atWordStart
	atWordEnd
	atWordEdge
	atNoWordEdge
)

var assertions = map[op]uint16{
	opStart: atTextStart, opEnd: atTextEnd, opWordStart: atWordStart, opWordEnd: atWordEnd, opWordEdge: atWordEdge,
	opNoWordEdge: atNoWordEdge, opBufStart: atTextStart, opBufEnd: atTextEnd,
}

// kind is what the assertions must know of a byte.
type kind uint8

const (
	kindNone kind = iota // the text ends
	kindNewline
	kindWord
	kindOther
)

func kindOf(b byte) kind {
	switch {
	case b == '\n':
		return kindNewline
	case isWord(b):
		return kindWord
	}
	return kindOther
}

// holding returns the assertions that hold between two bytes.
func holding(before, after kind) uint16 {
	mask := uint16(0)
	if before == kindNone {
		mask |= atTextStart | atLineStart
	}
	if before == kindNewline {
		mask |= atLineStart
	}
	if after == kindNone {
		mask |= atTextEnd | atLineEnd
	}
	if after == kindNewline {
		mask |= atLineEnd
	}
	switch {
	case (before == kindWord) == (after == kindWord):
		mask |= atNoWordEdge
	case after == kindWord:
		mask |= atWordStart | atWordEdge
	default:
		mask |= atWordEnd | atWordEdge
	}
	return mask
}

// maxProgram is the most instructions of a program.
const maxProgram = 1 << 18

var errTooBig = errors.New("Regular expression too big")

type program struct {
	insts   []inst
	sets    [][256]bool
	start   int32
	loop    int32 // the loop before an unanchored search
	asserts bool
}

// compiler makes a program.
type compiler struct {
	program
	fold, multiline bool
	bytes           bool // every byte is a character
	reverse         bool // the program reads the text backwards
	groups          bool // note where groups begin and end
	noNewline       bool // no character is a newline
	setIndex        map[[256]bool]uint16
}

// build makes the program of a tree.
func (c *compiler) build(tree *node) (*program, error) {
	c.setIndex = map[[256]bool]uint16{}
	match := c.emit(inst{op: iMatch})
	c.start = c.node(tree, match)
	c.noNewline = false
	spawn := c.emit(inst{op: iSpawn})
	c.insts[spawn].out = c.ranges([]rune{0, unicode.MaxRune}, spawn)
	c.loop = spawn
	if len(c.insts) >= maxProgram {
		return nil, errTooBig
	}
	return &c.program, nil
}

func (c *compiler) emit(i inst) int32 {
	if len(c.insts) < maxProgram { // else build fails
		c.insts = append(c.insts, i)
	}
	return int32(len(c.insts) - 1)
}

func (c *compiler) split(out, alt int32) int32 { return c.emit(inst{op: iSplit, out: out, alt: alt}) }

// node emits what matches n and goes on at next; it returns where that begins.
func (c *compiler) node(n *node, next int32) int32 {
	if len(c.insts) >= maxProgram {
		return next
	}
	switch n.op {
	case opEmpty:
		return next
	case opLiteral:
		if n.r >= rawByte {
			b := byte(n.r - rawByte)
			return c.emit(inst{op: iByte, lo: b, hi: b, out: next})
		}
		return c.ranges(c.folded([]rune{n.r, n.r}), next)
	case opAny:
		return c.ranges(without(nil), next)
	case opSet:
		ranges := c.folded(n.set.ranges)
		if n.set.negated {
			ranges = without(ranges)
		}
		return c.ranges(ranges, next)
	case opConcat:
		for i := range n.subs {
			if !c.reverse {
				i = len(n.subs) - 1 - i
			}
			next = c.node(n.subs[i], next)
		}
		return next
	case opAlternate:
		at := c.node(n.subs[len(n.subs)-1], next)
		for _, sub := range slices.Backward(n.subs[:len(n.subs)-1]) {
			at = c.split(c.node(sub, next), at)
		}
		return at
	case opGroup:
		if !c.groups {
			return c.node(n.subs[0], next)
		}
		end := c.emit(inst{op: iSave, arg: uint16(2*n.n + 1), out: next})
		return c.emit(inst{op: iSave, arg: uint16(2 * n.n), out: c.node(n.subs[0], end)})
	case opRepeat:
		return c.repeat(n, next)
	}
	mask := assertions[n.op]
	if c.multiline && n.op == opStart {
		mask = atLineStart
	}
	if c.multiline && n.op == opEnd {
		mask = atLineEnd
	}
	c.asserts = true
	return c.emit(inst{op: iAssert, arg: mask, out: next})
}

func (c *compiler) repeat(n *node, next int32) int32 {
	sub := n.subs[0]
	switch {
	case n.max < 0 && n.min == 0 && !canBeEmpty(sub):
		loop := c.split(0, next)
		c.insts[loop].out = c.node(sub, loop)
		return loop
	case n.max < 0:
		// The last turn that must be made is the loop: x+, and (x+)? for x*, so that a turn which matches nothing
		// counts once.
		loop := c.split(0, next)
		at := c.node(sub, loop)
		c.insts[loop].out = at
		if n.min == 0 {
			return c.split(at, next)
		}
		next = at
	case n.max > n.min:
		optional := next
		for range n.max - n.min {
			optional = c.split(c.node(sub, optional), next)
		}
		next = optional
	}
	required := n.min
	if n.max < 0 {
		required--
	}
	for range required {
		next = c.node(sub, next)
	}
	return next
}

func canBeEmpty(n *node) bool {
	switch n.op {
	case opLiteral, opAny, opSet:
		return false
	case opConcat:
		for _, sub := range n.subs {
			if !canBeEmpty(sub) {
				return false
			}
		}
		return true
	case opAlternate:
		return slices.ContainsFunc(n.subs, canBeEmpty)
	case opGroup:
		return canBeEmpty(n.subs[0])
	case opRepeat:
		return n.min == 0 || canBeEmpty(n.subs[0])
	}
	return true
}

// folded adds the other cases of the characters in ranges.
func (c *compiler) folded(ranges []rune) []rune {
	if !c.fold {
		return ranges
	}
	var list []rune
	for i := 0; i < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		list = append(list, lo, hi)
		for r := lo; r <= min(hi, 0x1ffff); r++ { // no character past these has another case
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				list = append(list, f, f)
			}
		}
	}
	return list
}

// without returns the characters that are not in ranges.
func without(ranges []rune) []rune {
	sorted := sortedRanges(ranges)
	var rest []rune
	next := rune(0)
	for i := 0; i < len(sorted); i += 2 {
		if sorted[i] > next {
			rest = append(rest, next, sorted[i]-1)
		}
		next = sorted[i+1] + 1
	}
	if next <= unicode.MaxRune {
		rest = append(rest, next, unicode.MaxRune)
	}
	return rest
}

// sortedRanges sorts ranges and joins those that touch.
func sortedRanges(ranges []rune) []rune {
	pairs := make([][2]rune, 0, len(ranges)/2)
	for i := 0; i < len(ranges); i += 2 {
		pairs = append(pairs, [2]rune{ranges[i], ranges[i+1]})
	}
	slices.SortFunc(pairs, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	var out []rune
	for _, p := range pairs {
		if n := len(out); n > 0 && p[0] <= out[n-1]+1 {
			out[n-1] = max(out[n-1], p[1])
		} else {
			out = append(out, p[0], p[1])
		}
	}
	return out
}

// ranges emits what matches one of the characters.
func (c *compiler) ranges(ranges []rune, next int32) int32 {
	ranges = sortedRanges(ranges)
	var single [256]bool
	any := false
	at := int32(-1)
	add := func(i int32) {
		if at < 0 {
			at = i
		} else {
			at = c.split(i, at)
		}
	}
	for i := 0; i < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		for r := lo; r <= min(hi, 0x7f); r++ {
			single[r], any = true, true
		}
		switch lo = max(lo, 0x80); {
		case lo > hi:
		case !c.bytes:
			c.sequences(lo, hi, next, add)
		case hi == unicode.MaxRune || hi-lo > 0x400:
			// A part of "any character", as negated sets are: all bytes that are no ASCII.
			for b := 0x80; b < 0x100; b++ {
				single[b], any = true, true
			}
		default:
			for r := lo; r <= hi; r++ {
				add(c.sequence([]byte(string(r)), []byte(string(r)), next))
			}
		}
	}
	if c.noNewline {
		single['\n'] = false
	}
	if any {
		add(c.set(&single, next))
	}
	if at < 0 { // no character at all
		at = c.set(&[256]bool{}, next)
	}
	return at
}

func (c *compiler) set(s *[256]bool, next int32) int32 {
	lo, hi, n := -1, -1, 0
	for b, in := range s {
		if in {
			if lo < 0 {
				lo = b
			}
			hi = b
			n++
		}
	}
	if n > 0 && n == hi-lo+1 {
		return c.emit(inst{op: iByte, lo: byte(lo), hi: byte(hi), out: next})
	}
	i, ok := c.setIndex[*s]
	if !ok {
		i = uint16(len(c.sets))
		c.setIndex[*s] = i
		c.sets = append(c.sets, *s)
		if i == 1<<16-1 {
			c.insts = append(c.insts, make([]inst, maxProgram)...) // too big
		}
	}
	return c.emit(inst{op: iSet, arg: i, out: next})
}

// sequences splits a range of characters past ASCII so that each part is a sequence of independent byte ranges.
func (c *compiler) sequences(lo, hi rune, next int32, add func(int32)) {
	for _, top := range []rune{0x7ff, 0xd7ff, 0xdfff, 0xffff} {
		if lo <= top && hi > top {
			c.sequences(lo, top, next, add)
			c.sequences(top+1, hi, next, add)
			return
		}
	}
	if lo >= 0xd800 && hi <= 0xdfff {
		return // surrogates are no UTF-8
	}
	for bits := 6; bits <= 18; bits += 6 {
		mask := rune(1)<<bits - 1
		if lo&^mask == hi&^mask {
			break
		}
		if lo&mask != 0 {
			c.sequences(lo, lo|mask, next, add)
			c.sequences((lo|mask)+1, hi, next, add)
			return
		}
		if hi&mask != mask {
			c.sequences(lo, hi&^mask-1, next, add)
			c.sequences(hi&^mask, hi, next, add)
			return
		}
	}
	var a, b [utf8.UTFMax]byte
	n := utf8.EncodeRune(a[:], lo)
	utf8.EncodeRune(b[:], hi)
	add(c.sequence(a[:n], b[:n], next))
}

func (c *compiler) sequence(lo, hi []byte, next int32) int32 {
	for i := range lo {
		if !c.reverse {
			i = len(lo) - 1 - i
		}
		next = c.emit(inst{op: iByte, lo: lo[i], hi: hi[i], out: next})
	}
	return next
}

// needsUTF8 reports whether a tree means something else in text that is not UTF-8.
func needsUTF8(n *node) bool {
	switch n.op {
	case opAny, opNoWordEdge:
		return true
	case opSet:
		if n.set.negated {
			return true
		}
		for _, r := range n.set.ranges {
			if r >= utf8.RuneSelf {
				return true
			}
		}
	}
	return slices.ContainsFunc(n.subs, needsUTF8)
}
