package rewrite

// The weights of the checks, in units of about one instruction. DESIGN: a
// function counts its loops' work down in a local and settles with the shared
// counter (a global) only when loopBudget is spent; what an activation leaves
// unsettled is at most loopBudget, which entryWeight makes up for.
const (
	loopBudget  = 512
	entryWeight = 48
	// maxLeaf is the size up to which a function without calls and loops is
	// left to its caller's count.
	maxLeaf = 64
	// bulkFree is the length in bytes (or elements) from which a bulk
	// instruction is charged: bulkShift bits less than the length in units.
	// Fills and copies are done in chunks of bulkChunk bytes, because an
	// instruction cannot be interrupted: one over 4 GiB takes more than a second.
	bulkFree  = 4 << 10
	bulkShift = 4
	// bulkWeight is what a bulk instruction is charged besides its length.
	bulkWeight = 32
	bulkChunk  = 1 << 20
)

// added holds the indices of what the rewriting adds to a module.
type added struct {
	fuel  uint32 // global: units left in the slice, i32
	yield uint32 // func(): ask the host for the next slice
	spend uint32 // func(i32) i32: settle a budget that is used up, return the next
	bulk  uint32 // func(i32): charge a bulk instruction of that length
	fill  uint32 // func(i32 i32 i32): memory.fill in chunks, if there is a memory
	copy  uint32 // func(i32 i32 i32): memory.copy in chunks, if there is a memory
	three uint32 // type of fill and copy
	refs  uint32 // table of the functions that ref.func names
}

// rewriter carries one module through the rewriting.
type rewriter struct {
	*sections
	space
	types         []funcType
	importedFuncs int
	funcTypes     []uint32 // of the defined functions
	globals       []global
	added         added

	refFuncs []uint32          // functions named by ref.func in code, original indices
	refIndex map[uint32]uint32 // function -> element of table added.refs

	points []instr // scratch: what the survey of a function found to change

	tableType     byte // of the last table
	tableMin      uint32
	dispatch      *dispatch // takes the place of the table, nil when it cannot
	dispatchTypes []int     // of its functions, by number
	usesTable     bool      // an instruction besides call_indirect names a table

	usesDataSegments bool // memory.init or data.drop
	irreversible     bool // an instruction changes what a reset cannot restore
}

// shift maps a function index: the checkpoint import comes after the module's
// own imports and moves what the module defines.
func (w *rewriter) shift(i uint32) uint32 {
	if int(i) >= w.importedFuncs {
		return i + 1
	}
	return i
}

// body is what a first walk over a function finds out.
type body struct {
	locals uint32 // declared locals, parameters not counted
	loops  []loop // in order of appearance
	entry  int    // weight of what is outside loops
	calls  bool
	bulks  bool
}

// loop is what the survey finds out about a loop.
type loop struct {
	size  int // instructions directly in it
	bulks int // bulk instructions among them
	calls bool
	// tight loops are innermost, without bulk instructions and parameters, and
	// no br_table goes back to their head: they can be split (see emitTight).
	tight bool
}

func (l *loop) weight() int32 { return weight(l.size) + int32(bulkWeight*min(l.bulks, 1000)) }

// weight is what running through size instructions is charged. Of large bodies
// a part is run mostly (interpreters, the functions of Go's compiler), of which
// a guest that means ill makes at most a factor of 16.
func weight(size int) int32 { return int32(max(min(size, 63), size/16, 1)) }

// survey walks a function body once: it checks every index, sizes the loops and
// notes in w.points the instructions that may have to be changed.
func (w *rewriter) survey(code []byte, params int) (b body, exprAt int, err error) {
	r := &reader{buf: code}
	total := uint64(0)
	for n := r.count(); n > 0 && r.err == nil; n-- {
		total += uint64(r.u32())
		r.valueType()
	}
	const maxLocals = 50_000 // as engines on the web allow
	if r.err == nil && total+uint64(params) > maxLocals {
		r.fail("%d locals (at most %d)", total, maxLocals)
	}
	b.locals = uint32(total)
	exprAt = r.pos
	nlocals := b.locals + uint32(params)

	// open holds for each open block the loop it belongs to, none outside any.
	const none = -1
	type block struct {
		loop int
		head bool // the block is the loop itself
	}
	open := append(make([]block, 0, 16), block{loop: none})
	w.points = w.points[:0]
	for len(open) > 0 && r.err == nil {
		in := r.next(&w.space, nlocals)
		at := open[len(open)-1].loop
		loose := func() { // the loop around is not tight
			if at != none {
				b.loops[at].tight = false
			}
		}
		if at != none {
			b.loops[at].size++
		} else {
			b.entry++
		}
		if changes(in.op) || at != none && branches(in.op) {
			w.points = append(w.points, in)
		}
		switch in.op {
		case opLoop:
			loose()
			open = append(open, block{len(b.loops), true})
			b.loops = append(b.loops, loop{tight: !in.params})
		case opBlock, opIf:
			open = append(open, block{loop: at})
		case opEnd:
			open = open[:len(open)-1]
		case opBrTable:
			labels(code[in.start+1:in.end], func(d uint32) {
				if int64(d) < int64(len(open)) && open[len(open)-1-int(d)].head {
					b.loops[open[len(open)-1-int(d)].loop].tight = false
				}
			})
		case opCall, opCallIndirect, opReturnCall, opReturnCallIn:
			b.calls = true
			if at != none {
				b.loops[at].calls = true
			}
		case opMemoryGrow:
			loose()
		case opTableGet:
			w.usesTable = true
		case opTableSet:
			w.irreversible, w.usesTable = true, true
		case opRefFunc:
			w.noteRefFunc(in.index)
			loose()
		case opMisc:
			w.surveyMisc(in.sub, &b)
			if in.sub >= miscMemoryInit {
				loose()
				if at != none {
					b.loops[at].bulks++
				}
			}
		}
	}
	if r.err == nil && !r.empty() {
		r.fail("code after the end of the function")
	}
	return b, exprAt, r.err
}

// changes tells which instructions function may change, branches which it may
// change in a tight loop besides.
func changes(op byte) bool {
	return op == opLoop || op == opCall || op == opReturnCall || op == opCallIndirect || op == opReturnCallIn || op == opRefFunc || op == opMisc
}

func branches(op byte) bool {
	return op == opBlock || op == opIf || op == opEnd || op == opBr || op == opBrIf || op == opBrTable
}

// labels calls f with the labels of a br_table, given its immediate.
func labels(imm []byte, f func(uint32)) {
	r := &reader{buf: imm}
	for n := r.count(); n >= 0 && r.err == nil; n-- {
		f(r.u32())
	}
}

func (w *rewriter) surveyMisc(sub uint32, b *body) {
	switch sub {
	case miscMemoryInit:
		w.usesDataSegments = true
		b.bulks = true
	case miscDataDrop:
		w.usesDataSegments = true
		w.irreversible = true
	case miscMemoryCopy, miscMemoryFill:
		b.bulks = true
	case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
		w.irreversible, w.usesTable = true, true
		b.bulks = true
	case miscElemDrop:
		w.irreversible, w.usesTable = true, true
	case miscTableSize:
		w.usesTable = true
	}
}

func (w *rewriter) noteRefFunc(i uint32) {
	if _, ok := w.refIndex[i]; ok {
		return
	}
	if w.refIndex == nil {
		w.refIndex = map[uint32]uint32{}
	}
	w.refIndex[i] = uint32(len(w.refFuncs))
	w.refFuncs = append(w.refFuncs, i)
}

// function appends the rewritten code of one function to out.
func (w *rewriter) function(out, code []byte, params int) ([]byte, error) {
	b, exprAt, err := w.survey(code, params)
	if err != nil {
		return nil, err
	}
	counted := b.calls || len(b.loops) > 0 || b.entry > maxLeaf
	count := uint32(params) + b.locals // local: what is left of the loop budget
	length := count                    // local: operand of a bulk instruction
	extra := uint32(0)
	if counted {
		extra, length = 1, count+1
	}
	if b.bulks {
		extra++
	}
	out = appendLocals(out, code[:exprAt], extra)
	if counted {
		// Locals count too: they are stack, which the host learns of, and may
		// refuse, at the checks only.
		charge := weight(b.entry) + int32(b.locals)/2
		if len(b.loops) > 0 {
			charge += entryWeight
		}
		out = w.emitEntry(out, count, charge)
		if len(b.loops) > 0 {
			out = appendS32(append(out, opI32Const), loopBudget)
			out = appendU32(append(out, opLocalSet), count)
		}
	}

	copied, loops := exprAt, b.loops // not yet copied, not yet met
	for i := 0; i < len(w.points); i++ {
		in := w.points[i]
		switch in.op {
		case opLoop:
			l := &loops[0]
			loops = loops[1:]
			out = append(out, code[copied:in.start]...)
			if l.tight && (!l.calls || unroll(l.size) > 1) {
				n := bodyOf(w.points[i+1:])
				out = w.emitTight(out, code, w.points[i:i+1+n], count, l.size)
				i += n
				copied = w.points[i].end
				break
			}
			out = append(out, code[in.start:in.end]...)
			copied = in.end
			out = w.emitLoop(out, count, l.weight())
		case opCall, opReturnCall:
			out = append(out, code[copied:in.start]...)
			out = appendU32(append(out, in.op), w.shift(in.index))
			copied = in.end
		case opCallIndirect, opReturnCallIn:
			out = append(out, code[copied:in.start]...)
			out = w.callIndirect(out, code, in)
			copied = in.end
		case opRefFunc:
			// wazero allocates for every ref.func it runs and frees only with
			// the instance; a table filled once holds them instead.
			out = append(out, code[copied:in.start]...)
			out = appendS32(append(out, opI32Const), int32(w.refIndex[in.index]))
			out = appendU32(append(out, opTableGet), w.added.refs)
			copied = in.end
		case opMisc:
			switch in.sub {
			case miscMemoryFill, miscMemoryCopy:
				if !w.hasMemory {
					break // wazero will refuse it
				}
				out = append(out, code[copied:in.start]...)
				out = w.emitChunked(out, length, code[in.start:in.end], in.sub)
				copied = in.end
			case miscMemoryInit,
				miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
				out = append(out, code[copied:in.start]...)
				out = w.emitBulk(out, length)
				copied = in.start
			}
		}
	}
	return append(out, code[copied:]...), nil
}

// appendLocals appends the local declarations with n i32 more.
func appendLocals(out, decl []byte, n uint32) []byte {
	if n == 0 {
		return append(out, decl...)
	}
	r := &reader{buf: decl}
	groups := r.u32()
	out = appendU32(out, groups+1)
	out = append(out, decl[r.pos:]...)
	return append(appendU32(out, n), typeI32)
}

// emitEntry charges the shared counter on function entry.
func (w *rewriter) emitEntry(out []byte, tmp uint32, weight int32) []byte {
	out = appendU32(append(out, opGlobalGet), w.added.fuel)
	out = append(appendS32(append(out, opI32Const), weight), opI32Sub)
	out = appendU32(append(out, opLocalTee), tmp)
	out = appendU32(append(out, opGlobalSet), w.added.fuel)
	out = appendU32(append(out, opLocalGet), tmp)
	out = append(out, opI32Const, 0, opI32LtS, opIf, blockVoid, opCall)
	return append(appendU32(out, w.added.yield), opEnd)
}

// emitLoop counts a loop head down in the function's local.
func (w *rewriter) emitLoop(out []byte, count uint32, weight int32) []byte {
	out = appendU32(append(out, opLocalGet), count)
	out = append(appendS32(append(out, opI32Const), weight), opI32Sub)
	out = appendU32(append(out, opLocalTee), count)
	out = append(out, opI32Const, 0, opI32LtS, opIf, blockVoid)
	out = appendU32(append(out, opLocalGet), count)
	out = appendU32(append(out, opCall), w.added.spend)
	return append(appendU32(append(out, opLocalSet), count), opEnd)
}

// bodyOf returns how many points the body of a tight loop has, its end included.
func bodyOf(points []instr) int {
	depth := 0
	for i, in := range points {
		switch in.op {
		case opBlock, opIf:
			depth++
		case opEnd:
			if depth == 0 {
				return i + 1
			}
			depth--
		}
	}
	return len(points) // not a whole function: the survey refuses it
}

// unroll tells how many times the body of a tight loop is written.
func unroll(size int) int {
	switch {
	case size <= 24:
		return 4
	case size <= 48:
		return 2
	}
	return 1
}

// emitTight rewrites a tight loop; points are its branches from the loop to its
// end. It becomes two: the outer head settles, the inner is where the program
// goes back to as long as the budget lasts, so that the inner loop has no call
// and the compiler keeps its variables and the memory's address in registers.
// Small bodies are repeated, and counted once for all:
//
//	block                     // exit, with the loop's results
//	  loop                    // outer
//	    settle
//	    loop                  // inner
//	      block body br 3 end // going back leads to the next copy,
//	      block body br 3 end // coming to the end out of the loop
//	      body                // going back: inner while the budget lasts, else outer
//	    end end end
//
// A round that leaves early is counted by the outer head alone: as one.
func (w *rewriter) emitTight(out, code []byte, points []instr, count uint32, size int) []byte {
	head, body := points[0], points[1:]
	copies := unroll(size)
	t := tightLoop{w: w, count: count, weight: weight(size) * int32(copies), beyond: 1}
	typ := code[head.start+1 : head.end]
	if copies > 1 {
		t.beyond++
		out = append(append(out, opBlock), typ...)
	}
	out = append(append(out, opLoop), typ...)
	out = w.emitLoop(out, count, weight(size))
	out = append(append(out, opLoop), typ...)
	for range copies - 1 {
		out = append(out, opBlock, blockVoid)
		out = t.body(out, code, head.end, body, false)
		out = append(out, opBr, 3, opEnd)
	}
	out = t.body(out, code, head.end, body, true)
	if copies > 1 {
		out = append(out, opEnd)
	}
	return append(out, opEnd, opEnd)
}

// tightLoop is how the branches of a tight loop's body change.
type tightLoop struct {
	w      *rewriter
	count  uint32 // the local that is counted down
	weight int32  // of all copies of the body
	beyond uint32 // how much further away labels outside the loop are in the last copy
}

// body appends a copy of the body that begins at from, without its end.
func (t *tightLoop) body(out, code []byte, from int, points []instr, last bool) []byte {
	beyond := t.beyond
	if !last {
		beyond++
	}
	depth := uint32(0) // blocks open within the loop
	label := func(d uint32) uint32 {
		if d > depth {
			return d + beyond
		}
		return d
	}
	for _, in := range points {
		out = append(out, code[from:in.start]...)
		from = in.end
		switch in.op {
		case opBlock, opIf:
			depth++
		case opEnd:
			if depth == 0 {
				return out
			}
			depth--
		case opCall, opReturnCall:
			out = appendU32(append(out, in.op), t.w.shift(in.index))
			continue
		case opCallIndirect, opReturnCallIn:
			out = t.w.callIndirect(out, code, in)
			continue
		case opBr:
			if last && in.index == depth {
				out = t.back(out, depth)
			} else {
				out = appendU32(append(out, opBr), label(in.index))
			}
			continue
		case opBrIf:
			if last && in.index == depth {
				out = append(t.back(append(out, opIf, blockVoid), depth+1), opEnd)
			} else {
				out = appendU32(append(out, opBrIf), label(in.index))
			}
			continue
		case opBrTable:
			var list []byte
			n := uint32(0)
			labels(code[in.start+1:in.end], func(d uint32) {
				list = appendU32(list, label(d))
				n++
			})
			out = append(appendU32(append(out, opBrTable), n-1), list...)
			continue
		}
		out = append(out, code[in.start:in.end]...)
	}
	return out
}

// back goes back to the inner head, depth blocks out, if the budget lasts, and
// to the outer otherwise.
func (t *tightLoop) back(out []byte, depth uint32) []byte {
	out = appendU32(append(out, opLocalGet), t.count)
	out = append(appendS32(append(out, opI32Const), t.weight), opI32Sub)
	out = appendU32(append(out, opLocalTee), t.count)
	out = appendU32(append(out, opI32Const, 0, opI32GeS, opBrIf), depth)
	return appendU32(append(out, opBr), depth+1)
}

// emitBulk charges a bulk instruction whose length is on top of the stack.
func (w *rewriter) emitBulk(out []byte, length uint32) []byte {
	out = appendU32(append(out, opLocalTee), length)
	out = appendU32(append(out, opLocalGet), length)
	out = appendS32(append(out, opI32Const), bulkFree)
	out = append(out, opI32GeU, opIf, blockVoid)
	out = appendU32(append(out, opLocalGet), length)
	return append(appendU32(append(out, opCall), w.added.bulk), opEnd)
}

// emitChunked puts a call in the place of a long fill or copy.
func (w *rewriter) emitChunked(out []byte, length uint32, raw []byte, sub uint32) []byte {
	helper := w.added.fill
	if sub == miscMemoryCopy {
		helper = w.added.copy
	}
	out = appendU32(append(out, opLocalTee), length)
	out = appendU32(append(out, opLocalGet), length)
	out = appendS32(append(out, opI32Const), bulkFree)
	out = appendS32(append(out, opI32GeU, opIf), int32(w.added.three)) // the block takes the operands
	out = appendU32(append(out, opCall), helper)
	out = append(append(out, opElse), raw...)
	return append(out, opEnd)
}
