package rewrite

import "bytes"

// A table costs every instance about 40 bytes an entry in wazero, and Go's
// linker makes an entry of every function: 300 KB for the busybox. Where no
// instruction but call_indirect uses the table its contents are known, so that
// functions can take its place: one for each type that is called, which switches
// on the upper bits of the index, and below it one for each block of entries,
// which switches on the lower and calls the function. They are tail calls: no
// frame is left on the stack.

const (
	dispatchShift = 8 // entries of a block, bits
	dispatchBlock = 1 << dispatchShift
	// Tables of fewer entries are not worth it, of more entries or called by more
	// types would become much code.
	minDispatched   = 512
	maxDispatched   = 1 << 16
	maxDispatchArea = 1 << 18 // entries times types
)

// noFunction is an entry of a table that is null.
const noFunction = ^uint32(0)

// Entries of the small table that is left, for the traps.
const (
	trapNull   = 0 // null
	trapNoArgs = 1 // a function () -> ()
	trapI32    = 2 // a function (i32) -> ()
	trapSize   = 3
)

// dispatch replaces the table of a module.
type dispatch struct {
	table []uint32 // function of each entry, original index
	types []uint32 // type of each dispatcher, in order
	first uint32   // index of the first dispatcher
	typ   uint32   // index of the first one's type
}

// dispatchable returns the dispatch for a module whose only table is constant as
// far as its sections tell, else nil.
func (w *rewriter) dispatchable() *dispatch {
	if w.tables != 1 || w.tableType != typeFuncref || w.tableMin < minDispatched || w.tableMin > maxDispatched || w.exportsTable() {
		return nil
	}
	d := &dispatch{table: make([]uint32, w.tableMin)}
	for i := range d.table {
		d.table[i] = noFunction
	}
	known := true
	err := w.section(secElement, "element", func(r *reader, n int) {
		for ; n > 0 && r.err == nil; n-- {
			if r.u32() != 0 { // of another kind than an active segment of functions
				known = false
				return
			}
			_, offset, ok := r.constExpr(nil, &w.space, w.shift, w.globalValue)
			count := r.count()
			if known = known && ok && uint64(uint32(offset))+uint64(count) <= uint64(len(d.table)); !known {
				return
			}
			for i := range count {
				d.table[int(uint32(offset))+i] = r.indexBelow(w.funcs, "function")
			}
		}
	})
	if !known || err != nil { // an error is told when the section is written
		return nil
	}
	return d
}

func (w *rewriter) exportsTable() (yes bool) {
	_ = w.section(secExport, "export", func(r *reader, n int) {
		for ; n > 0 && r.err == nil; n-- {
			r.name()
			yes = r.byte() == 1 || yes
			r.u32()
		}
	})
	return yes
}

// of returns the function that dispatches calls of a type.
func (d *dispatch) of(w *rewriter, typ uint32) uint32 {
	for i, t := range d.types {
		if t == typ || bytes.Equal(w.types[t].body, w.types[typ].body) {
			return d.first + uint32(i)
		}
	}
	d.types = append(d.types, typ)
	return d.first + uint32(len(d.types)-1)
}

// callIndirect appends a call_indirect or its tail call.
func (w *rewriter) callIndirect(out, code []byte, in instr) []byte {
	if w.dispatch == nil {
		return append(out, code[in.start:in.end]...)
	}
	op := byte(opCall)
	if in.op == opReturnCallIn {
		op = opReturnCall
	}
	return appendU32(append(out, op), w.dispatch.of(w, in.index))
}

// tooMuch tells that the functions would be out of proportion.
func (d *dispatch) tooMuch() bool { return len(d.table)*len(d.types) > maxDispatchArea }

// code returns the functions, and for each the number of its type among types.
func (d *dispatch) code(w *rewriter) (bodies [][]byte, types []int) {
	for i := range d.types {
		bodies, types = append(bodies, nil), append(types, i)
	}
	for i, typ := range d.types {
		s := dispatchSwitch{w: w, typ: typ}
		for at := 0; at < len(d.table); at += dispatchBlock {
			block := d.table[at:min(at+dispatchBlock, len(d.table))]
			body, empty := d.block(w, typ, block)
			if empty {
				s.labels = append(s.labels, labelNull)
				continue
			}
			s.add(d.first + uint32(len(bodies)))
			bodies, types = append(bodies, body), append(types, i)
		}
		s.selector = append(appendU32([]byte{opLocalGet}, uint32(w.types[typ].params)), opI32Const)
		s.selector = append(appendS32(s.selector, dispatchShift), opI32ShrU)
		s.passIndex = true
		bodies[i] = s.code()
	}
	return bodies, types
}

// block returns the function for one block of entries; empty tells that all are
// null.
func (d *dispatch) block(w *rewriter, typ uint32, entries []uint32) (_ []byte, empty bool) {
	s := dispatchSwitch{w: w, typ: typ}
	empty = true
	for _, f := range entries {
		switch {
		case f == noFunction:
			s.labels = append(s.labels, labelNull)
			continue
		case !bytes.Equal(w.types[w.funcTypes[f]].body, w.types[typ].body):
			s.labels = append(s.labels, labelMismatch)
		default:
			s.add(w.shift(f))
		}
		empty = false
	}
	s.selector = append(appendU32([]byte{opLocalGet}, uint32(w.types[typ].params)), opI32Const)
	s.selector = append(appendS32(s.selector, dispatchBlock-1), opI32And)
	return s.code(), empty
}

const (
	labelNull     = -1
	labelMismatch = -2
)

// dispatchSwitch is a function that chooses another by its last parameter.
type dispatchSwitch struct {
	w         *rewriter
	typ       uint32
	selector  []byte // pushes the number of a label; one out of range is labelNull
	labels    []int  // index in targets, or a trap
	targets   []uint32
	passIndex bool // targets take the last parameter too
}

func (s *dispatchSwitch) add(target uint32) {
	s.labels = append(s.labels, len(s.targets))
	s.targets = append(s.targets, target)
}

func (s *dispatchSwitch) code() []byte {
	null, mismatch := len(s.targets), len(s.targets)+1
	b := []byte{0}
	for range len(s.targets) + 2 {
		b = append(b, opBlock, blockVoid)
	}
	b = append(append(b, s.selector...), opBrTable)
	b = appendU32(b, uint32(len(s.labels)))
	for _, l := range s.labels {
		switch l {
		case labelNull:
			l = null
		case labelMismatch:
			l = mismatch
		}
		b = appendU32(b, uint32(l))
	}
	b = append(appendU32(b, uint32(null)), opEnd)
	for _, t := range s.targets {
		b = s.arguments(b, s.passIndex)
		b = append(appendU32(append(b, opReturnCall), t), opEnd)
	}
	// The calls that the program meant, of entries that trap in the same way.
	b = s.trap(b, trapNull)
	b = append(b, opReturn, opEnd)
	wrong := int32(trapNoArgs)
	if t := s.w.types[s.typ]; t.params == 0 && len(t.results) == 0 {
		wrong = trapI32
	}
	return append(s.trap(b, wrong), opEnd)
}

func (s *dispatchSwitch) arguments(b []byte, index bool) []byte {
	n := s.w.types[s.typ].params
	if index {
		n++
	}
	for i := range n {
		b = appendU32(append(b, opLocalGet), uint32(i))
	}
	return b
}

func (s *dispatchSwitch) trap(b []byte, entry int32) []byte {
	b = appendS32(append(s.arguments(b, false), opI32Const), entry)
	return append(appendU32(append(b, opCallIndirect), s.typ), 0)
}

// typeBody encodes a dispatcher's type: the called one with an i32 more.
func (d *dispatch) typeBody(t funcType) []byte {
	r := &reader{buf: t.body}
	r.u32()
	params := r.bytes(uint32(t.params))
	out := append(appendU32(nil, uint32(t.params)+1), params...)
	return append(append(out, typeI32), t.body[r.pos:]...)
}
