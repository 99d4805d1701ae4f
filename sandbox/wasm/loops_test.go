package wasm

import (
	. "github.com/sockerless/sockerless/sandbox/wasm/internal/asm"
)

// command is a module whose _start runs code; the memory has one page.
func command(locals, code []byte) []byte {
	m := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Locals: locals, Code: code}},
		Memory:  []byte{0, 1},
		Exports: []Export{{Name: "_start"}, {Name: "memory", Kind: 2}},
	}
	return m.Bytes()
}

// countLoop counts local 0 down from n, body first in each round.
func countLoop(n int32, body []byte) []byte {
	return Cat(I32Const, S32(n), LocalSet, 0, Loop, Void, body,
		LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, BrIf, 0, End)
}

// tightLoops are loops of few instructions, the worst case of counting.
func tightLoops() map[string][]byte {
	const n = 10_000_000
	round := func(n int32, body ...any) []byte {
		return command([]byte{I32, I32, I32, F64}, countLoop(n, Cat(body...)))
	}
	index := Cat(LocalGet, 0, I32Const, S32(0xffff), I32And)
	inner := func(rounds int32, body ...any) []byte {
		return Cat(I32Const, S32(rounds), LocalSet, 2, Loop, Void, Cat(body...),
			LocalGet, 2, I32Const, 1, I32Sub, LocalTee, 2, BrIf, 0, End)
	}
	add := Cat(LocalGet, 1, LocalGet, 2, I32Add, LocalSet, 1)
	mix := Cat(LocalGet, 1, I32Const, S32(1664525), I32Mul, I32Const, S32(1013904223), I32Add, LocalSet, 1)
	fill := func(n int32) []byte { return Cat(I32Const, 0, I32Const, 7, I32Const, S32(n), 0xfc, 11, 0) }
	f64 := func(v byte) []byte { return Cat(0x44, 0, 0, 0, 0, 0, 0, 0xf0, v) } // f64.const
	double := Wasm{
		Types: []Type{{}, {Params: []byte{I32}, Results: []byte{I32}}},
		Funcs: []Func{{Locals: []byte{I32, I32}, Code: countLoop(n, Cat(LocalGet, 1, Call, 1, LocalSet, 1))},
			{Type: 1, Code: Cat(LocalGet, 0, LocalGet, 0, I32Add)}},
		Exports: []Export{{Name: "_start"}},
	}
	return map[string][]byte{
		"empty":             round(n),
		"multiply-add":      round(n, mix),
		"byte sum":          round(n, LocalGet, 1, index, I32Load8U, 0, 0, I32Add, LocalSet, 1),
		"word sum":          round(n, LocalGet, 1, index, I32Load, 2, 0, I32Add, LocalSet, 1),
		"byte store":        round(n, index, LocalGet, 0, I32Store8, 0, 0),
		"byte copy":         round(n, index, index, I32Load8U, 0, 1, I32Store8, 0, 0),
		"float":             round(n, LocalGet, 3, f64(0x3f), 0xa2, f64(0x3f), 0xa0, LocalSet, 3), // f64.mul, f64.add
		"if and else":       round(n, LocalGet, 0, I32Const, 1, I32And, If, Void, mix, Else, add, End),
		"continue":          round(n, Block, Void, LocalGet, 0, I32Const, 3, I32And, BrIf, 0, mix, End),
		"br_table":          round(n, Block, Void, Block, Void, LocalGet, 0, I32Const, 3, I32And, BrTable, 2, 0, 1, 0, End, mix, End, add),
		"nested, 3 rounds":  round(n/4, inner(3, add)),
		"nested, 10 rounds": round(n/8, inner(10, add)),
		"nested, 100":       round(n/100, inner(100, index, I32Load8U, 0, 0, Drop, add)),
		"call":              double.Bytes(),
		"fill of 16 bytes":  round(n, fill(16)),
		"fill of 4 KiB":     round(n/20, fill(4096)),
		"fill of 64 KiB":    round(n/500, fill(65536)),
		"30 instructions":   round(n/4, mix, mix, mix, mix, mix),
		"60 instructions":   round(n/8, mix, mix, mix, mix, mix, mix, mix, mix, mix, mix),
	}
}
