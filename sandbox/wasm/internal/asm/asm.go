// Package asm writes small WebAssembly modules for tests: sections from parts,
// code as bytes.
package asm

// Value types and the few opcodes that tests spell out.
const (
	I32, I64, F32, F64, V128 = 0x7f, 0x7e, 0x7d, 0x7c, 0x7b
	Funcref, Externref       = 0x70, 0x6f

	Unreachable, Nop, Block, Loop, If, Else, End = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b
	Br, BrIf, BrTable, Return, Call, CallInd     = 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11
	ReturnCall, Drop, LocalGet, LocalSet         = 0x12, 0x1a, 0x20, 0x21
	LocalTee, GlobalGet, GlobalSet, TableGet     = 0x22, 0x23, 0x24, 0x25
	I32Load, I32Store, I32Load8U, I32Store8      = 0x28, 0x36, 0x2d, 0x3a
	MemorySize, MemoryGrow, I32Const, I64Const   = 0x3f, 0x40, 0x41, 0x42
	I32Eqz, I32Eq, I32Ne, I32LtS, I32LtU, I32GeU = 0x45, 0x46, 0x47, 0x48, 0x49, 0x4f
	I32Add, I32Sub, I32Mul, I32DivS, I32And      = 0x6a, 0x6b, 0x6c, 0x6d, 0x71
	I32Xor, I32Shl, I32ShrU, RefNull, RefFunc    = 0x73, 0x74, 0x76, 0xd0, 0xd2

	Void = 0x40 // block type
)

// Type is a function type.
type Type struct{ Params, Results []byte }

// Import is a function import.
type Import struct {
	Module, Name string
	Type         uint32
}

// Func is a function: its type, its locals (one value type each) and its
// instructions without the final end.
type Func struct {
	Type   uint32
	Locals []byte
	Code   []byte
}

// Export is an export; Kind is 0 function, 1 table, 2 memory, 3 global.
type Export struct {
	Name  string
	Kind  byte
	Index uint32
}

// Wasm is a module in parts. Tables, Globals, Elems and Data hold whole
// encoded entries.
type Wasm struct {
	Types   []Type
	Imports []Import
	Funcs   []Func
	Tables  [][]byte
	Memory  []byte // limits, nil for none
	Globals [][]byte
	Exports []Export
	Start   *uint32
	Elems   [][]byte
	Data    [][]byte
	Count   bool // write a data count section
	Custom  [][]byte
}

// U32 encodes an unsigned integer.
func U32(v uint32) []byte {
	var b []byte
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// S32 encodes a signed integer.
func S32(v int32) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c < 0x40 || v == -1 && c >= 0x40 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// Name encodes a string.
func Name(s string) []byte { return append(U32(uint32(len(s))), s...) }

// Cat joins bytes (of type int or byte) and byte slices.
func Cat(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			out = append(out, byte(p))
		case byte:
			out = append(out, p)
		case []byte:
			out = append(out, p...)
		case string:
			out = append(out, p...)
		default:
			panic("asm.Cat: part of another type")
		}
	}
	return out
}

// Bytes encodes the module.
func (m *Wasm) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, entries [][]byte) {
		if len(entries) == 0 {
			return
		}
		body := U32(uint32(len(entries)))
		for _, e := range entries {
			body = append(body, e...)
		}
		out = Cat(out, id, U32(uint32(len(body))), body)
	}
	var types, imports, sigs, exports, code [][]byte
	for _, t := range m.Types {
		types = append(types, Cat(0x60, U32(uint32(len(t.Params))), t.Params, U32(uint32(len(t.Results))), t.Results))
	}
	for _, i := range m.Imports {
		imports = append(imports, Cat(Name(i.Module), Name(i.Name), 0, U32(i.Type)))
	}
	for _, f := range m.Funcs {
		sigs = append(sigs, U32(f.Type))
		body := U32(uint32(len(f.Locals)))
		for _, l := range f.Locals {
			body = append(body, 1, l)
		}
		body = Cat(body, f.Code, End)
		code = append(code, Cat(U32(uint32(len(body))), body))
	}
	for _, e := range m.Exports {
		exports = append(exports, Cat(Name(e.Name), e.Kind, U32(e.Index)))
	}
	section(1, types)
	section(2, imports)
	section(3, sigs)
	section(4, m.Tables)
	if m.Memory != nil {
		section(5, [][]byte{m.Memory})
	}
	section(6, m.Globals)
	section(7, exports)
	if m.Start != nil {
		s := U32(*m.Start)
		out = Cat(out, 8, U32(uint32(len(s))), s)
	}
	section(9, m.Elems)
	if m.Count {
		n := U32(uint32(len(m.Data)))
		out = Cat(out, 12, U32(uint32(len(n))), n)
	}
	section(10, code)
	section(11, m.Data)
	for _, c := range m.Custom {
		out = Cat(out, 0, U32(uint32(len(c))), c)
	}
	return out
}
