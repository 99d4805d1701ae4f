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
	const n = 20_000_000
	mix := Cat(LocalGet, 1, I32Const, S32(1664525), I32Mul, I32Const, S32(1013904223), I32Add, LocalSet, 1)
	sum := Cat(LocalGet, 1, LocalGet, 0, I32Const, S32(0xffff), I32And, I32Load8U, 0, 0, I32Add, LocalSet, 1)
	fill := Cat(LocalGet, 0, I32Const, S32(0xffff), I32And, LocalGet, 0, I32Store8, 0, 0)
	locals := []byte{I32, I32}
	return map[string][]byte{
		"empty": command(locals, countLoop(n, nil)),
		"mix":   command(locals, countLoop(n, mix)),
		"sum":   command(locals, countLoop(n, sum)),
		"fill":  command(locals, countLoop(n, fill)),
	}
}
