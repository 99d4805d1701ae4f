package rewrite

// Opcodes the rewriting treats by name (core spec 2.0, 5.4).
const (
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opReturnCall   = 0x12
	opReturnCallIn = 0x13
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32LtS       = 0x48
	opI32GtU       = 0x4b
	opI32LeU       = 0x4d
	opI32GeS       = 0x4e
	opI32GeU       = 0x4f
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32Mul       = 0x6c
	opI64GtU       = 0x56
	opI32And       = 0x71
	opI32Or        = 0x72
	opI32ShrU      = 0x76
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64Shl       = 0x86
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVec          = 0xfd
	opAtomic       = 0xfe

	// Sub-opcodes of 0xfc.
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17

	// Sub-opcodes of 0xfd with an immediate.
	vecConst   = 12
	vecShuffle = 13

	atomicFence = 3

	typeI32       = 0x7f
	typeI64       = 0x7e
	typeF32       = 0x7d
	typeF64       = 0x7c
	typeV128      = 0x7b
	typeFuncref   = 0x70
	typeExternref = 0x6f
	blockVoid     = 0x40
)

// immediate tells what follows a one-byte opcode.
type immediate uint8

const (
	immUnknown immediate = iota
	immNone
	immBlock
	immLabel
	immLabels
	immFunc
	immCallIndirect
	immTypes // select t*
	immLocal
	immGlobal
	immTable
	immMemarg
	immZero // one reserved zero byte
	immI32
	immI64
	immF32
	immF64
	immHeap
	immPrefix
)

// immediateOf tells what follows a one-byte opcode.
func immediateOf(op byte) immediate {
	switch {
	case op >= opI32LtS-3 && op <= 0xc4, op <= 0x01, op == 0x0f, op == 0x1a, op == 0x1b,
		op == opElse, op == opEnd, op == 0xd1:
		return immNone
	case op >= 0x28 && op <= 0x3e:
		return immMemarg
	case op >= opLocalGet && op <= opLocalTee:
		return immLocal
	case op >= opBlock && op <= opIf:
		return immBlock
	}
	switch op {
	case opBr, opBrIf:
		return immLabel
	case opBrTable:
		return immLabels
	case opCall, opReturnCall, opRefFunc:
		return immFunc
	case opCallIndirect, opReturnCallIn:
		return immCallIndirect
	case 0x1c:
		return immTypes
	case opGlobalGet, opGlobalSet:
		return immGlobal
	case opTableGet, opTableSet:
		return immTable
	case opMemorySize, opMemoryGrow:
		return immZero
	case opI32Const:
		return immI32
	case opI64Const:
		return immI64
	case opF32Const:
		return immF32
	case opF64Const:
		return immF64
	case opRefNull:
		return immHeap
	case opMisc, opVec, opAtomic:
		return immPrefix
	}
	return immUnknown
}

func isValueType(b byte) bool {
	switch b {
	case typeI32, typeI64, typeF32, typeF64, typeV128, typeFuncref, typeExternref:
		return true
	}
	return false
}

func isRefType(b byte) bool { return b == typeFuncref || b == typeExternref }
