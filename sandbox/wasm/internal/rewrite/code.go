package rewrite

// space holds the sizes of a module's index spaces as its author wrote them.
// Every index in the code is checked against it: the rewriting appends a
// function, a global and locals of its own, and an index that was out of range
// must not come to mean one of them.
type space struct {
	types, funcs, globals, tables, elems, datas int
	hasMemory                                   bool
}

// instr is one decoded instruction; its bytes are buf[start:end].
type instr struct {
	start, end int
	op         byte
	sub        uint32 // sub-opcode behind 0xfc, 0xfd, 0xfe
	index      uint32 // label, function, global, local, table, data or element index
	index2     uint32 // table index of call_indirect, second of table.init and table.copy
	params     bool   // a block that takes parameters, by its type index
}

// next decodes one instruction of a function body with nlocals locals
// (parameters included).
func (r *reader) next(s *space, nlocals uint32) (in instr) {
	in.start = r.pos
	in.op = r.byte()
	if r.err != nil {
		return in
	}
	switch immediateOf(in.op) {
	case immNone:
	case immBlock:
		in.params = r.blockType(s)
	case immLabel:
		in.index = r.u32()
	case immLabels:
		for n := r.count(); n >= 0 && r.err == nil; n-- {
			r.u32()
		}
	case immFunc:
		in.index = r.indexBelow(s.funcs, "function")
	case immCallIndirect:
		in.index = r.indexBelow(s.types, "type")
		in.index2 = r.indexBelow(s.tables, "table")
	case immTypes:
		for n := r.count(); n > 0 && r.err == nil; n-- {
			r.valueType()
		}
	case immLocal:
		in.index = r.indexBelow(int(nlocals), "local")
	case immGlobal:
		in.index = r.indexBelow(s.globals, "global")
	case immTable:
		in.index = r.indexBelow(s.tables, "table")
	case immMemarg:
		r.memarg()
	case immZero:
		r.zero()
	case immI32:
		r.signed(32)
	case immI64:
		r.signed(64)
	case immF32:
		r.bytes(4)
	case immF64:
		r.bytes(8)
	case immHeap:
		if t := r.byte(); !isRefType(t) {
			r.fail("unknown heap type %#x", t)
		}
	case immPrefix:
		r.prefixed(s, &in)
	default:
		r.fail("unknown opcode %#x", in.op)
	}
	in.end = r.pos
	return in
}

func (r *reader) prefixed(s *space, in *instr) {
	start := r.pos
	in.sub = r.u32()
	// wazero reads these sub-opcodes as bytes; a longer encoding of the same
	// number would mean something else to it.
	if want := 1; r.err == nil {
		if in.sub >= 0x80 {
			want = 2
		}
		if r.pos-start != want || in.sub > 0xff {
			r.fail("unknown opcode %#x %#x", in.op, in.sub)
			return
		}
	}
	switch in.op {
	case opMisc:
		r.misc(s, in)
	case opVec:
		switch n := in.sub; {
		case n <= 11 || n == 92 || n == 93:
			r.memarg()
		case n == vecConst || n == vecShuffle:
			r.bytes(16)
		case n >= 21 && n <= 34:
			r.byte()
		case n >= 84 && n <= 91:
			r.memarg()
			r.byte()
		}
	case opAtomic:
		switch n := in.sub; {
		case n == atomicFence:
			r.zero()
		case n <= 2 || (n >= 0x10 && n <= 0x4e):
			r.memarg()
		default:
			r.fail("unknown opcode %#x %#x", in.op, in.sub)
		}
	}
}

func (r *reader) misc(s *space, in *instr) {
	switch in.sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating truncation
	case miscMemoryInit:
		in.index = r.indexBelow(s.datas, "data segment")
		r.zero()
	case miscDataDrop:
		in.index = r.indexBelow(s.datas, "data segment")
	case miscMemoryCopy:
		r.zero()
		r.zero()
	case miscMemoryFill:
		r.zero()
	case miscTableInit:
		in.index = r.indexBelow(s.elems, "element segment")
		in.index2 = r.indexBelow(s.tables, "table")
	case miscElemDrop:
		in.index = r.indexBelow(s.elems, "element segment")
	case miscTableCopy:
		in.index = r.indexBelow(s.tables, "table")
		in.index2 = r.indexBelow(s.tables, "table")
	case miscTableGrow, miscTableSize, miscTableFill:
		in.index = r.indexBelow(s.tables, "table")
	default:
		r.fail("unknown opcode %#x %#x", in.op, in.sub)
	}
}

func (r *reader) indexBelow(n int, what string) uint32 {
	i := r.u32()
	if r.err == nil && uint64(i) >= uint64(n) {
		r.fail("%s index %d out of range (%d)", what, i, n)
	}
	return i
}

func (r *reader) zero() {
	if b := r.byte(); r.err == nil && b != 0 {
		r.fail("reserved byte is %#x", b)
	}
}

func (r *reader) memarg() {
	r.u32()
	r.u32()
}

func (r *reader) valueType() byte {
	t := r.byte()
	if r.err == nil && !isValueType(t) {
		r.fail("unknown value type %#x", t)
	}
	return t
}

// blockType reads the type of a block and tells whether it may have parameters.
func (r *reader) blockType(s *space) bool {
	if r.pos < len(r.buf) && (r.buf[r.pos] == blockVoid || isValueType(r.buf[r.pos])) {
		r.pos++
		return false
	}
	if i := r.signed(33); r.err == nil && (i < 0 || i >= int64(s.types)) {
		r.fail("block type %d out of range (%d types)", i, s.types)
	}
	return true
}

// constExpr reads a constant expression up to and including its end, appends
// it to out with function indices mapped by shift, and returns the value of
// those made of i32 arithmetic (ok tells). globals yields the values of earlier
// i32 globals.
func (r *reader) constExpr(out []byte, s *space, shift func(uint32) uint32, globals func(uint32) (int32, bool)) (_ []byte, v int32, ok bool) {
	var stack []int32
	known := true
	start := r.pos
	flush := func() { out, start = append(out, r.buf[start:r.pos]...), r.pos }
	for r.err == nil {
		op := r.byte()
		switch op {
		case opEnd:
			flush()
			if known && len(stack) == 1 {
				return out, stack[0], true
			}
			return out, 0, false
		case opI32Const:
			stack = append(stack, int32(r.signed(32)))
		case opI32Add, opI32Sub, opI32Mul:
			if len(stack) < 2 {
				known = false
				break
			}
			a, b := stack[len(stack)-2], stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			switch op {
			case opI32Add:
				a += b
			case opI32Sub:
				a -= b
			default:
				a *= b
			}
			stack[len(stack)-1] = a
		case opGlobalGet:
			i := r.indexBelow(s.globals, "global")
			g, have := globals(i)
			known = known && have
			stack = append(stack, g)
		case opI64Const:
			known = false
			r.signed(64)
		case opF32Const:
			known = false
			r.bytes(4)
		case opF64Const:
			known = false
			r.bytes(8)
		case opI64Add, opI64Sub, opI64Mul:
			known = false
		case opVec:
			known = false
			if r.byte() != vecConst {
				r.fail("not a constant instruction")
			}
			r.bytes(16)
		case opRefNull:
			known = false
			if t := r.byte(); !isRefType(t) {
				r.fail("unknown heap type %#x", t)
			}
		case opRefFunc:
			known = false
			flush()
			i := r.indexBelow(s.funcs, "function")
			out, start = appendU32(out, shift(i)), r.pos
		default:
			r.fail("opcode %#x in a constant expression", op)
		}
	}
	return out, 0, false
}
