package rewrite

// helpers returns the code of the added functions, in the order of their
// indices: yield, spend, bulk, and with a memory fill and copy.
func (w *rewriter) helpers(checkpoint uint32) [][]byte {
	refill := appendU32([]byte{opCall}, checkpoint)
	refill = appendU32(append(refill, opGlobalSet), w.added.fuel)
	fuel := appendU32([]byte{opGlobalGet}, w.added.fuel)

	// charge takes the counter and an amount from the stack; local 0 is i32.
	charge := func(b []byte) []byte {
		b = append(b, opI32Sub, opLocalTee, 0)
		b = appendU32(append(b, opGlobalSet), w.added.fuel)
		b = append(b, opLocalGet, 0, opI32Const, 0, opI32LtS, opIf, blockVoid)
		return append(append(b, refill...), opEnd)
	}

	yield := append(append([]byte{0}, refill...), opEnd)

	// spend charges what a loop has counted: from the budget to below zero.
	spend := append([]byte{0}, fuel...)
	spend = append(appendS32(append(spend, opI32Const), loopBudget), opLocalGet, 0, opI32Sub)
	spend = charge(spend)
	spend = append(appendS32(append(spend, opI32Const), loopBudget), opEnd)

	bulk := append([]byte{0}, fuel...)
	bulk = append(bulk, opLocalGet, 0, opI32Const, bulkShift, opI32ShrU)
	bulk = append(charge(bulk), opEnd)

	if !w.hasMemory {
		return [][]byte{yield, spend, bulk}
	}
	return [][]byte{yield, spend, bulk, w.fill(), w.copy()}
}

// Operands of fill and copy.
const dst, src, n = 0, 1, 2 // src is the value for fill

// fill is memory.fill of n bytes in chunks:
//
//	if dst+n > size { memory.fill(dst, src, n) } // traps, nothing written
//	for n > chunk { bulk(chunk); memory.fill(dst, src, chunk); dst += chunk; n -= chunk }
//	bulk(n); memory.fill(dst, src, n)
func (w *rewriter) fill() []byte {
	fill := []byte{opMisc, miscMemoryFill, 0}
	b := w.outside([]byte{0}, dst)
	b = append(b, opIf, blockVoid, opLocalGet, dst, opLocalGet, src, opLocalGet, n)
	b = append(append(b, fill...), opEnd)
	b = append(b, opBlock, blockVoid, opLoop, blockVoid)
	b = leaveWhenShort(b)
	b = w.chargeChunk(b)
	b = append(appendChunk(append(b, opLocalGet, dst, opLocalGet, src)), fill...)
	b = advance(b, dst, opI32Add)
	b = advance(b, n, opI32Sub)
	b = append(b, opBr, 0, opEnd, opEnd)
	b = w.chargeRest(b)
	b = append(b, opLocalGet, dst, opLocalGet, src, opLocalGet, n)
	return append(append(b, fill...), opEnd)
}

// copy is memory.copy of n bytes in chunks, from the end where the areas may
// overlap so that a chunk would overwrite what is still to be copied:
//
//	if dst+n > size || src+n > size { memory.copy(dst, src, n) } // traps
//	for n > chunk {
//		bulk(chunk)
//		if dst > src {
//			n -= chunk; memory.copy(dst+n, src+n, chunk)
//		} else {
//			memory.copy(dst, src, chunk); dst += chunk; src += chunk; n -= chunk
//		}
//	}
//	bulk(n); memory.copy(dst, src, n)
func (w *rewriter) copy() []byte {
	cp := []byte{opMisc, miscMemoryCopy, 0, 0}
	b := w.outside([]byte{0}, dst)
	b = append(w.outside(b, src), opI32Or)
	b = append(b, opIf, blockVoid, opLocalGet, dst, opLocalGet, src, opLocalGet, n)
	b = append(append(b, cp...), opEnd)
	b = append(b, opBlock, blockVoid, opLoop, blockVoid)
	b = leaveWhenShort(b)
	b = w.chargeChunk(b)
	b = append(b, opLocalGet, dst, opLocalGet, src, opI32GtU, opIf, blockVoid)
	b = advance(b, n, opI32Sub)
	b = append(b, opLocalGet, dst, opLocalGet, n, opI32Add, opLocalGet, src, opLocalGet, n, opI32Add)
	b = append(appendChunk(b), cp...)
	b = append(b, opElse, opLocalGet, dst, opLocalGet, src)
	b = append(appendChunk(b), cp...)
	b = advance(b, dst, opI32Add)
	b = advance(b, src, opI32Add)
	b = advance(b, n, opI32Sub)
	b = append(b, opEnd, opBr, 0, opEnd, opEnd)
	b = w.chargeRest(b)
	b = append(b, opLocalGet, dst, opLocalGet, src, opLocalGet, n)
	return append(append(b, cp...), opEnd)
}

// outside pushes whether the area of n bytes at a local leaves the memory.
func (w *rewriter) outside(b []byte, at byte) []byte {
	b = append(b, opLocalGet, at, opI64ExtendU, opLocalGet, n, opI64ExtendU, opI64Add)
	return append(b, opMemorySize, 0, opI64ExtendU, opI64Const, 16, opI64Shl, opI64GtU)
}

// leaveWhenShort leaves the block around a loop when one chunk is left.
func leaveWhenShort(b []byte) []byte {
	return append(appendChunk(append(b, opLocalGet, n)), opI32LeU, opBrIf, 1)
}

func (w *rewriter) chargeChunk(b []byte) []byte {
	return appendU32(append(appendChunk(b), opCall), w.added.bulk)
}

func (w *rewriter) chargeRest(b []byte) []byte {
	return appendU32(append(b, opLocalGet, n, opCall), w.added.bulk)
}

// advance adds the chunk to a local or subtracts it.
func advance(b []byte, local, op byte) []byte {
	return append(appendChunk(append(b, opLocalGet, local)), op, opLocalSet, local)
}

func appendChunk(b []byte) []byte { return appendS32(append(b, opI32Const), bulkChunk) }
