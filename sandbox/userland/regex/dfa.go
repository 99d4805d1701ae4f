package regex

import (
	"encoding/binary"
	"slices"
)

// dfa runs a program as a deterministic automaton whose states are made when they are first reached, and forgotten
// when they are too many.
//
// A state is a list of groups of instructions, each of a place where a match may begin, the leftmost first. An
// instruction that an earlier group has is left out of later ones, and when a group matches, later ones end: so the
// last match seen is the leftmost and, among these, the longest. Whether a match ends somewhere is known one byte later
// (or at the end of the text), because of assertions that look ahead.
type dfa struct {
	prog    *program
	reverse bool // the text is read backwards: what comes next is before
	search  bool // matches may begin anywhere
	class   [256]uint8
	bytes   []byte // one of each class
	stride  int32

	trans  []int32 // by state (a multiple of stride) and class; the last class is the end of the text
	states []dfaState
	size   int // instructions in all states
	index  map[string]int32
	first  [4]int32 // initial states by the kind of what is before; 0 not made yet
	start  int32    // the only initial state of a program without assertions, or 0

	queue, after sparseSet
	stack, list  []int32
	key          []byte
}

type dfaState struct {
	insts   []int32 // groups end with groupEnd
	before  kind
	asserts bool // some instruction is an assertion
}

const (
	groupEnd = -1
	dead     = 0 // the state without instructions

	// Entries of trans that are no state: one that is not made yet, the dead state, and matches, -(state)+matched.
	unknown = -1
	dying   = -2
	matched = -3

	// Bounds of what a dfa holds before it starts anew.
	maxTransitions = 1 << 20
	maxStateInsts  = 1 << 20
)

func newDFA(p *program, reverse, search bool) *dfa {
	d := &dfa{prog: p, reverse: reverse, search: search}
	var edge [257]bool
	for _, i := range p.insts {
		switch i.op {
		case iByte:
			edge[i.lo], edge[int(i.hi)+1] = true, true
		case iSet:
			set := &p.sets[i.arg]
			for b := 1; b < 256; b++ {
				edge[b] = edge[b] || set[b] != set[b-1]
			}
		}
	}
	for b := range 256 {
		if b > 0 && (edge[b] || p.asserts && kindOf(byte(b)) != kindOf(byte(b-1))) {
			d.bytes = append(d.bytes, byte(b))
		} else if b == 0 {
			d.bytes = []byte{0}
		}
		d.class[b] = uint8(len(d.bytes) - 1)
	}
	d.stride = int32(len(d.bytes) + 1)
	d.queue.init(len(p.insts))
	d.after.init(len(p.insts))
	d.reset()
	return d
}

// reset forgets all states but the dead one.
func (d *dfa) reset() {
	d.trans, d.states, d.size = d.trans[:0], d.states[:0], 0
	d.index = map[string]int32{}
	d.first, d.start = [4]int32{}, 0
	d.list = d.list[:0]
	d.intern(kindNone)
}

// intern returns the state with the instructions in d.list, and makes it if need be.
func (d *dfa) intern(before kind) int32 {
	asserts := false
	d.key = d.key[:0]
	for _, i := range d.list {
		d.key = binary.LittleEndian.AppendUint32(d.key, uint32(i))
		asserts = asserts || i >= 0 && d.prog.insts[i].op == iAssert
	}
	if !asserts {
		before = kindNone
	}
	d.key = append(d.key, byte(before))
	if s, ok := d.index[string(d.key)]; ok {
		return s
	}
	s := int32(len(d.trans))
	for range d.stride {
		d.trans = append(d.trans, unknown)
	}
	d.states = append(d.states, dfaState{slices.Clone(d.list), before, asserts})
	d.size += len(d.list)
	d.index[string(d.key)] = s
	return s
}

// initial returns the state at the beginning of the search, what is before being of a kind.
func (d *dfa) initial(before kind) int32 {
	if s := d.first[before]; s != 0 {
		return s
	}
	d.list = d.list[:0]
	d.after.clear()
	d.close(&d.after, d.prog.start, 0)
	d.group(&d.after, 0)
	if d.search {
		from := len(d.after.dense)
		d.close(&d.after, d.prog.insts[d.prog.loop].out, 0)
		d.group(&d.after, from)
	}
	s := d.intern(before)
	d.first[before] = s
	if !d.prog.asserts {
		d.start = s
	}
	return s
}

// group ends a group of d.list with what a set holds from a place on; its order does not matter, so it is sorted to
// make fewer states.
func (d *dfa) group(q *sparseSet, from int) {
	start := len(d.list)
	for _, i := range q.dense[from:] {
		switch d.prog.insts[i].op {
		case iByte, iSet, iAssert, iMatch:
			d.list = append(d.list, i)
		}
	}
	if len(d.list) > start {
		slices.Sort(d.list[start:])
		d.list = append(d.list, groupEnd)
	}
}

// close adds an instruction to a set, and those that follow it without a byte, past assertions that are in the mask. It
// reports whether a match may begin here.
func (d *dfa) close(q *sparseSet, i int32, mask uint16) (spawn bool) {
	d.stack = append(d.stack[:0], i)
	for len(d.stack) > 0 {
		i := d.stack[len(d.stack)-1]
		d.stack = d.stack[:len(d.stack)-1]
		if !q.add(i) {
			continue
		}
		switch in := &d.prog.insts[i]; in.op {
		case iSplit:
			d.stack = append(d.stack, in.alt, in.out)
		case iSave:
			d.stack = append(d.stack, in.out)
		case iSpawn:
			spawn = true
			d.stack = append(d.stack, in.out)
		case iAssert:
			if in.arg&mask != 0 {
				d.stack = append(d.stack, in.out)
			}
		}
	}
	return spawn
}

// firstBytes returns the bytes that every match begins with one of; ok is false when a match may be empty or depends on
// what is before.
func (d *dfa) firstBytes() (first [256]bool, ok bool) {
	d.after.clear()
	d.close(&d.after, d.prog.start, 0)
	for _, i := range d.after.dense {
		switch in := &d.prog.insts[i]; in.op {
		case iByte:
			for b := int(in.lo); b <= int(in.hi); b++ {
				first[b] = true
			}
		case iSet:
			for b, in := range d.prog.sets[in.arg] {
				first[b] = first[b] || in
			}
		case iAssert, iMatch:
			return first, false
		}
	}
	return first, true
}

// step makes the transition of state s by a class, and returns its entry in trans.
func (d *dfa) step(s int32, class int) int32 {
	st := d.states[s/d.stride]
	if len(d.trans) > maxTransitions || d.size > maxStateInsts {
		insts := st.insts
		d.reset()
		d.list = append(d.list[:0], insts...)
		s = d.intern(st.before)
		st = d.states[s/d.stride]
	}
	next, b, end := kindNone, byte(0), class == len(d.bytes)
	if !end {
		b = d.bytes[class]
		next = kindOf(b)
	}
	insts := st.insts
	if st.asserts {
		before, after := st.before, next
		if d.reverse {
			before, after = after, before
		}
		insts = d.settle(insts, holding(before, after))
	}
	// After the first group that matches, the others end.
	match := false
	for i, at := 0, 0; i < len(insts); i++ {
		if insts[i] != groupEnd {
			match = match || d.prog.insts[insts[i]].op == iMatch
			continue
		}
		if at = i + 1; match {
			insts = insts[:at]
		}
	}
	d.list = d.list[:0]
	if !end {
		d.move(insts, b)
	}
	to := int32(dead)
	if len(d.list) > 0 {
		to = d.intern(next)
	}
	entry := to
	switch {
	case match:
		entry = matched - to
	case to == dead:
		entry = dying
	}
	d.trans[s+int32(class)] = entry
	return entry
}

// settle goes on past the assertions that hold.
func (d *dfa) settle(insts []int32, mask uint16) []int32 {
	d.queue.clear()
	var out []int32
	from := 0
	for _, i := range insts {
		if i != groupEnd {
			d.close(&d.queue, i, mask)
			continue
		}
		for _, j := range d.queue.dense[from:] {
			switch d.prog.insts[j].op {
			case iByte, iSet, iMatch:
				out = append(out, j)
			}
		}
		out = append(out, groupEnd)
		from = len(d.queue.dense)
	}
	return out
}

// move puts the groups after a byte into d.list.
func (d *dfa) move(insts []int32, b byte) {
	d.after.clear()
	from := 0
	for _, i := range insts {
		if i == groupEnd {
			d.group(&d.after, from)
			from = len(d.after.dense)
			continue
		}
		in := &d.prog.insts[i]
		if in.op == iByte && in.lo <= b && b <= in.hi || in.op == iSet && d.prog.sets[in.arg][b] {
			if d.prog.insts[in.out].op == iSpawn {
				// The loop before the search, whose group is the last: a match may begin here, and that is older
				// than what the loop finds next.
				d.close(&d.after, d.prog.start, 0)
				d.group(&d.after, from)
				from = len(d.after.dense)
			}
			d.close(&d.after, in.out, 0)
		}
	}
}

// kindAt returns the kind of a byte of text, or of its ends.
func kindAt(text []byte, i int) kind {
	if i < 0 || i >= len(text) {
		return kindNone
	}
	return kindOf(text[i])
}

// forward searches from a place on. With shortest it returns where the first match ends that is seen, else where the
// leftmost and longest ends, -1 without one.
func (d *dfa) forward(text []byte, from int, shortest bool) int {
	s := d.start
	if s == 0 {
		s = d.initial(kindAt(text, from-1))
	}
	trans, class := d.trans, &d.class
	end := -1
	for i := from; i < len(text); i++ {
		t := trans[s+int32(class[text[i]])]
		if t >= 0 {
			s = t
			continue
		}
		if t == unknown {
			t = d.step(s, int(class[text[i]]))
			trans = d.trans
		}
		if t == dying {
			return end
		}
		if t <= matched {
			end = i
			if t = matched - t; shortest || t == dead {
				return end
			}
		}
		s = t
	}
	if d.ends(s) {
		return len(text)
	}
	return end
}

// at matches at one place: it returns where the longest match ends, -1 without one, and how far it has read.
func (d *dfa) at(text []byte, from int) (end, read int) {
	s := d.start
	if s == 0 {
		s = d.initial(kindAt(text, from-1))
	}
	end = -1
	for i := from; i < len(text); i++ {
		t := d.trans[s+int32(d.class[text[i]])]
		if t >= 0 {
			s = t
			continue
		}
		if t == unknown {
			t = d.step(s, int(d.class[text[i]]))
		}
		if t == dying {
			return end, i
		}
		if t <= matched {
			end = i
			if t = matched - t; t == dead {
				return end, i
			}
		}
		s = t
	}
	if d.ends(s) {
		end = len(text)
	}
	return end, len(text)
}

// backward reads the text from end back to from; it returns where the longest match that ends there begins.
func (d *dfa) backward(text []byte, from, end int) int {
	s := d.start
	if s == 0 {
		s = d.initial(kindAt(text, end))
	}
	start := -1
	for i := end - 1; i >= from; i-- {
		t := d.trans[s+int32(d.class[text[i]])]
		if t == unknown {
			t = d.step(s, int(d.class[text[i]]))
		}
		if t == dying {
			return start
		}
		if t <= matched {
			start = i + 1
			if t = matched - t; t == dead {
				return start
			}
		}
		s = t
	}
	if from == 0 {
		if d.ends(s) {
			return 0
		}
		return start
	}
	c := int(d.class[text[from-1]])
	t := d.trans[s+int32(c)]
	if t == unknown {
		t = d.step(s, c)
	}
	if t <= matched {
		return from
	}
	return start
}

// ends reports whether a state matches at the end of the text.
func (d *dfa) ends(s int32) bool {
	t := d.trans[s+d.stride-1]
	if t == unknown {
		t = d.step(s, len(d.bytes))
	}
	return t <= matched
}

// sparseSet is a set of small numbers that remembers their order and is cleared at once.
type sparseSet struct{ dense, sparse []int32 }

func (s *sparseSet) init(n int) { s.dense, s.sparse = make([]int32, 0, n), make([]int32, n) }
func (s *sparseSet) clear()     { s.dense = s.dense[:0] }

// add reports whether n is new.
func (s *sparseSet) add(n int32) bool {
	if i := s.sparse[n]; int(i) < len(s.dense) && s.dense[i] == n {
		return false
	}
	s.sparse[n] = int32(len(s.dense))
	s.dense = append(s.dense, n)
	return true
}
