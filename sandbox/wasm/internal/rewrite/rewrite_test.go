package rewrite

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	. "github.com/sockerless/sockerless/sandbox/wasm/internal/asm"
)

var ctx = context.Background()

// newRuntime has the checkpoint import; slice is the units it hands out.
func newRuntime(t testing.TB, rc wazero.RuntimeConfig, slice uint64) (wazero.Runtime, *int) {
	t.Helper()
	rt := wazero.NewRuntimeWithConfig(ctx, rc.WithCoreFeatures(api.CoreFeaturesV2|experimental.CoreFeaturesThreads|
		experimental.CoreFeaturesTailCall|experimental.CoreFeaturesExtendedConst))
	t.Cleanup(func() { rt.Close(ctx) })
	calls := new(int)
	_, err := rt.NewHostModuleBuilder(Reserved).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) { *calls++; s[0] = slice }), nil, []api.ValueType{I32}).
		Export("checkpoint").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.NewHostModuleBuilder("env").NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) { s[0] = s[0]*2 + 1 }), []api.ValueType{I32}, []api.ValueType{I32}).
		Export("host").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return rt, calls
}

// types of the sample modules: 0 () -> (), 1 i32 -> i32, 2 () -> i32,
// 3 (i32 i32) -> (i32 i32), 4 i32 -> v128
var types = []Type{{}, {Params: []byte{I32}, Results: []byte{I32}}, {Results: []byte{I32}},
	{Params: []byte{I32, I32}, Results: []byte{I32, I32}}, {Params: []byte{I32}, Results: []byte{V128}}}

// samples are modules whose export f is a function i32 -> i32.
func samples() map[string]*Wasm {
	f := func(locals, code []byte) *Wasm {
		return &Wasm{Types: types, Funcs: []Func{{Type: 1, Locals: locals, Code: code}}, Memory: []byte{0, 1}, Exports: []Export{{Name: "f"}}}
	}
	out := map[string]*Wasm{
		"identity": f(nil, Cat(LocalGet, 0)),
		"sum loop": f([]byte{I32}, Cat(Loop, Void, LocalGet, 1, LocalGet, 0, I32Add, LocalSet, 1,
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, I32Eqz, BrIf, 0, End, LocalGet, 1)),
		"nested loops": f([]byte{I32, I32}, Cat(
			Loop, Void, I32Const, 3, LocalSet, 2,
			Loop, Void, LocalGet, 1, LocalGet, 0, LocalGet, 2, I32Mul, I32Add, LocalSet, 1,
			LocalGet, 2, I32Const, 1, I32Sub, LocalTee, 2, BrIf, 0, End,
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, I32Eqz, BrIf, 0, End,
			LocalGet, 1)),
		"loop with parameters": f([]byte{I32}, Cat(
			I32Const, 1, LocalGet, 0,
			Loop, 3, // (a n) -> (a n)
			LocalTee, 0, I32Const, 3, I32Mul, I32Add, // a+3n
			LocalGet, 0, I32Const, 1, I32Sub,
			LocalGet, 0, I32Const, 1, I32LtS, I32Eqz, BrIf, 0,
			End, I32Add)),
		"loop left by an outer branch": f([]byte{I32}, Cat(
			Block, Void, Loop, Void,
			LocalGet, 1, I32Const, 2, I32Add, LocalSet, 1,
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 1, I32LtS, BrIf, 1,
			Br, 0, End, End, LocalGet, 1)),
		"loop with results left from within": f([]byte{I32}, Cat(
			Block, I32, Loop, I32,
			LocalGet, 1, I32Const, 5, I32Add, LocalSet, 1,
			LocalGet, 1, I32Const, S32(64), I32LtU, If, Void, Br, 1, End,
			LocalGet, 1, LocalGet, 0, BrIf, 1, Return, End, End)),
		"br_table in a loop": f([]byte{I32}, Cat(
			Loop, Void, Block, Void, Block, Void, Block, Void,
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, BrTable, 3, 0, 1, 3, 2, // default: leave by the outermost block
			End, LocalGet, 1, I32Const, 1, I32Add, LocalSet, 1, Br, 2,
			End, LocalGet, 1, I32Const, 10, I32Add, LocalTee, 1, I32Const, S32(100), I32LtU, BrIf, 1,
			End, End, LocalGet, 1)),
		"br_table out of a tight loop": f([]byte{I32}, Cat(
			Block, Void, Block, Void, Loop, Void, Block, Void,
			LocalGet, 0, BrTable, 2, 2, 3, 0, // 0 and 1 leave the loop
			End, LocalGet, 0, I32Const, 1, I32Sub, LocalSet, 0,
			LocalGet, 1, I32Const, 7, I32Add, LocalTee, 1, I32Const, S32(1000), I32LtU,
			If, Void, Br, 1, Else, LocalGet, 1, Return, End, End,
			End, LocalGet, 1, I32Const, S32(500), I32Add, Return, End, LocalGet, 1)),
		"if else in a loop": f([]byte{I32}, Cat(
			Loop, Void, LocalGet, 0, I32Const, 1, I32And, If, Void, LocalGet, 1, I32Const, 3, I32Add, LocalSet, 1,
			Else, LocalGet, 1, I32Const, 1, I32Shl, LocalSet, 1, End,
			LocalGet, 0, I32Const, 1, I32ShrU, LocalTee, 0, BrIf, 0, End, LocalGet, 1)),
		"tight loop with results, left by its end, a branch and a return": f([]byte{I32}, Cat(
			Loop, I32, LocalGet, 1, I32Const, 7, I32Add, LocalSet, 1,
			LocalGet, 1, I32Const, S32(100), I32LtU, I32Eqz, If, Void, LocalGet, 1, Return, End,
			Block, Void, LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, BrIf, 0, Br, 1, End,
			LocalGet, 1, End, I32Const, 5, I32Mul)),
		"tight loop that goes back in its middle": f([]byte{I32}, Cat(
			Block, Void, Loop, Void, LocalGet, 1, I32Const, 3, I32Mul, I32Const, 1, I32Add, LocalSet, 1,
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 7, I32And, BrIf, 0,
			LocalGet, 0, I32Const, 1, I32LtS, BrIf, 1,
			LocalGet, 1, I32Const, 11, I32Add, LocalSet, 1, Br, 0, End, End, LocalGet, 1)),
		"long tight loop": f([]byte{I32}, Cat(Loop, Void, bytes.Repeat(Cat(LocalGet, 1, I32Const, 3, I32Add, LocalSet, 1), 10),
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, I32Eqz, BrIf, 0, End, LocalGet, 1)),
		"longer tight loop": f([]byte{I32}, Cat(Loop, Void, bytes.Repeat(Cat(LocalGet, 1, I32Const, 3, I32Add, LocalSet, 1), 15),
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, I32Eqz, BrIf, 0, End, LocalGet, 1)),
		"ref.func in a loop": {Types: types, Tables: [][]byte{{Funcref, 0, 1}}, Exports: []Export{{Name: "f"}}, Funcs: []Func{
			{Type: 1, Locals: []byte{I32}, Code: Cat(Loop, Void, I32Const, 0, RefFunc, 1, 0x26, 0,
				LocalGet, 1, I32Const, 0, CallInd, 1, 0, LocalSet, 1,
				LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, I32Eqz, BrIf, 0, End,
				Loop, Void, I32Const, 0, RefFunc, 2, 0x26, 0,
				LocalGet, 0, I32Const, 1, I32Add, LocalTee, 0, I32Const, 9, I32LtS, BrIf, 0, End,
				LocalGet, 1, I32Const, 0, CallInd, 1, 0)},
			{Type: 1, Code: Cat(LocalGet, 0, I32Const, 13, I32Add)},
			{Type: 1, Code: Cat(LocalGet, 0, I32Const, 17, I32Mul)}}, Elems: [][]byte{{3, 0, 2, 1, 2}}},
		"bulk memory": f(nil, Cat(
			I32Const, S32(100), I32Const, 7, I32Const, S32(20000), 0xfc, 11, 0,
			I32Const, S32(30000), I32Const, S32(100), I32Const, S32(20000), 0xfc, 10, 0, 0,
			LocalGet, 0, I32Const, S32(49999), I32Add, I32Load8U, 0, 0)),
		"long bulk memory": {Types: types, Memory: []byte{0, 100}, Exports: []Export{{Name: "f"}}, Funcs: []Func{
			{Type: 1, Locals: []byte{I32, I32}, Code: Cat(
				// a fill of 3.5 MB, marks in it, overlapping copies up and down, a hash
				I32Const, S32(1000), LocalGet, 0, I32Const, S32(3_500_000), 0xfc, 11, 0,
				I32Const, S32(1_500_000), I32Const, S32(1234567), I32Store, 0, 0,
				I32Const, S32(3_000_000), I32Const, S32(7654321), I32Store, 0, 0,
				I32Const, S32(500_000), I32Const, S32(1000), I32Const, S32(3_500_000), 0xfc, 10, 0, 0,
				I32Const, S32(77), I32Const, S32(900_000), I32Const, S32(3_300_000), 0xfc, 10, 0, 0,
				Loop, Void, LocalGet, 1, I32Const, 31, I32Mul, LocalGet, 2, I32Load, 0, 0, I32Add, LocalSet, 1,
				LocalGet, 2, I32Const, S32(997), I32Add, LocalTee, 2, I32Const, S32(5_000_000), I32LtU, BrIf, 0, End,
				LocalGet, 1)}}},
		"simd": f([]byte{V128}, Cat(
			Loop, Void, LocalGet, 1, 0xfd, 12, []byte("0123456789abcdef"), 0xfd, 0xae, 1, LocalTee, 1, LocalSet, 1, // i32x4.add
			LocalGet, 0, I32Const, 1, I32Sub, LocalTee, 0, I32Const, 0, I32LtS, I32Eqz, BrIf, 0, End,
			LocalGet, 1, LocalGet, 1, 0xfd, 13, []byte{3, 2, 1, 0, 7, 6, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15}, 0xfd, 27, 1)),
		"atomics": f(nil, Cat(I32Const, 8, LocalGet, 0, 0xfe, 0x1e, 2, 0, Drop, 0xfe, 3, 0, I32Const, 8, 0xfe, 0x10, 2, 0)),
		"saturating truncation and sign extension": f(nil, Cat(LocalGet, 0, 0xb2, 0xfc, 0, 0xc0)),
		"typed select":    f(nil, Cat(LocalGet, 0, I32Const, 4, LocalGet, 0, 0x1c, 1, I32)),
		"padded integers": f(nil, Cat(LocalGet, []byte{0x80, 0x80, 0x00}, I32Const, []byte{0x81, 0x80, 0x80, 0x80, 0x00}, I32Add)),
	}
	out["calls"] = &Wasm{
		Types:   types,
		Imports: []Import{{Module: "env", Name: "host", Type: 1}},
		Funcs: []Func{
			{Type: 1, Code: Cat(LocalGet, 0, Call, 0, Call, 2, I32Const, 0, CallInd, 1, 0, GlobalGet, 0, I32Add)},
			{Type: 1, Code: Cat(LocalGet, 0, I32Const, 3, I32Mul)},
			{Type: 1, Code: Cat(LocalGet, 0, ReturnCall, 2)},
			{Type: 1, Code: Cat(LocalGet, 0, I32Const, 0, I32LtS, If, I32, I32Const, 0, Else,
				LocalGet, 0, I32Const, 1, I32Sub, Call, 4, I32Const, 2, I32Add, End)},
		},
		Tables:  [][]byte{{Funcref, 0, 4}},
		Elems:   [][]byte{Cat(0, I32Const, 0, End, 2, 3, 0), Cat(4, I32Const, 2, End, 1, RefFunc, 4, End)},
		Globals: [][]byte{{I32, 0, I32Const, 40, End}, {I32, 1, I32Const, 5, I32Const, 2, I32Add, End}},
		Exports: []Export{{Name: "f", Index: 1}},
		Custom: [][]byte{Cat(Name("name"), 1, 10, 2, 0, Name("host"), 3, Name("x")),
			Cat(Name("producers"), 0)},
	}
	out["recursion"] = &Wasm{
		Types: types,
		Funcs: []Func{{Type: 1, Code: Cat(LocalGet, 0, I32Const, 1, I32LtS, If, I32, I32Const, 1, Else,
			LocalGet, 0, I32Const, 1, I32Sub, Call, 0, LocalGet, 0, I32Const, 2, I32Sub, Call, 0, I32Add, End)}},
		Exports: []Export{{Name: "f"}},
	}
	out["ref.func and tables"] = &Wasm{
		Types: types,
		Funcs: []Func{
			{Type: 1, Code: Cat(I32Const, 1, RefFunc, 1, 0x26, 0, // table.set
				I32Const, 2, I32Const, 1, I32Const, 1, 0xfc, 14, 0, 0, // table.copy
				RefNull, Funcref, I32Const, 2, 0xfc, 15, 0, Drop, // table.grow
				LocalGet, 0, I32Const, 2, CallInd, 1, 0, 0xfc, 16, 0, I32Add)}, // table.size
			{Type: 1, Code: Cat(LocalGet, 0, I32Const, 1, I32Add)},
		},
		Tables:  [][]byte{{Funcref, 0, 3}, {Externref, 1, 0, 2}},
		Elems:   [][]byte{{3, 0, 1, 1}, Cat(5, Funcref, 1, RefNull, Funcref, End)},
		Exports: []Export{{Name: "f"}},
	}
	out["data segments"] = &Wasm{
		Types:  types,
		Memory: []byte{0, 1},
		Funcs: []Func{{Type: 1, Code: Cat(
			I32Const, 0, I32Const, 0, I32Const, 4, 0xfc, 8, 1, 0, 0xfc, 9, 1,
			I32Const, 0, I32Const, 0, I32Const, 0, 0xfc, 8, 0, 0,
			I32Const, 0, I32Load, 2, 0, LocalGet, 0, I32Load8U, 0, 0, I32Add)}},
		Data:    [][]byte{Cat(0, I32Const, 2, I32Const, 2, I32Add, End, 2, "xy"), Cat(1, 4, "abcd")},
		Count:   true,
		Exports: []Export{{Name: "f"}},
	}
	return out
}

func TestRewrittenModulesComputeTheSame(t *testing.T) {
	t.Parallel()
	engines := map[string]wazero.RuntimeConfig{"interpreter": wazero.NewRuntimeConfigInterpreter()}
	if c := wazero.NewRuntimeConfigCompiler(); compilerSupported() {
		engines["compiler"] = c
	}
	for engine, rc := range engines {
		rt, _ := newRuntime(t, rc, 3)
		for name, m := range samples() {
			t.Run(engine+"/"+name, func(t *testing.T) {
				wasm := m.Bytes()
				kept := bytes.Clone(wasm)
				res, err := Rewrite(wasm)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(kept, wasm) {
					t.Error("Rewrite changed its input")
				}
				for _, arg := range []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 20} {
					want, wantErr := call(rt, wasm, nil, arg)
					got, gotErr := call(rt, res.Wasm, res.Data, arg)
					if want != got || wantErr != nil || gotErr != nil {
						t.Errorf("f(%d) = %d, %v; rewritten: %d, %v", arg, want, wantErr, got, gotErr)
					}
				}
			})
		}
	}
}

func compilerSupported() (ok bool) {
	defer func() { ok = recover() == nil }()
	wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler()).Close(ctx)
	return true
}

func call(rt wazero.Runtime, wasm []byte, data []Segment, arg uint64) (uint64, error) {
	mod, err := rt.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return 0, err
	}
	defer mod.Close(ctx)
	for _, d := range data {
		mod.Memory().Write(d.Offset, d.Bytes)
	}
	out, err := mod.ExportedFunction("f").Call(ctx, arg)
	if err != nil {
		return 0, err
	}
	return out[0], nil
}

// codeOf is a module with one function of code and one of everything else.
func codeOf(code []byte) []byte {
	m := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Code: code}},
		Tables:  [][]byte{{Funcref, 0, 1}},
		Memory:  []byte{0, 1},
		Globals: [][]byte{{I32, 1, I32Const, 0, End}},
		Exports: []Export{{Name: "_start"}},
	}
	return m.Bytes()
}

func TestIndicesOfWhatIsAddedAreRefused(t *testing.T) {
	t.Parallel()
	for name, code := range map[string][]byte{
		"the counter":            Cat(I32Const, 100, GlobalSet, 1),
		"the counter's value":    Cat(GlobalGet, 1, Drop),
		"a helper function":      Cat(Call, 1),
		"a helper by tail call":  Cat(ReturnCall, 2),
		"a helper by reference":  Cat(RefFunc, 1, Drop),
		"the budget local":       Cat(Loop, Void, I32Const, 100, LocalSet, 0, Br, 0, End),
		"an added type":          Cat(I32Const, 0, CallInd, 1, 0),
		"an added type in block": Cat(Loop, 1, End),
		"the added table":        Cat(I32Const, 0, TableGet, 1, Drop),
	} {
		if _, err := Rewrite(codeOf(code)); err == nil || !strings.Contains(err.Error(), "out of range") {
			t.Errorf("%s: %v", name, err)
		}
	}
	reserved := []Wasm{
		{Types: []Type{{Results: []byte{I32}}}, Imports: []Import{{Module: Reserved, Name: "checkpoint"}}},
		{Globals: [][]byte{{I32, 1, I32Const, 0, End}}, Exports: []Export{{Name: FuelExport, Kind: 3}}},
	}
	for _, m := range reserved {
		if _, err := Rewrite(m.Bytes()); err == nil || !strings.Contains(err.Error(), "reserved") {
			t.Errorf("reserved name: %v", err)
		}
	}
}

func TestUnsupportedAndMalformedModulesAreRefused(t *testing.T) {
	t.Parallel()
	section := func(id byte, b ...any) []byte {
		c := Cat(b...)
		return Cat("\x00asm\x01\x00\x00\x00", id, U32(uint32(len(c))), c)
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	for want, wasm := range map[string][]byte{
		"unknown opcode 0x6":            codeOf(Cat(0x06, Void, End)),
		"unknown opcode 0x1f":           codeOf(Cat(0x1f, Void, 0, End)),
		"unknown opcode 0xfc 0x12":      codeOf(Cat(0xfc, 18)),
		"unknown opcode 0xfc 0x8":       codeOf(Cat(I32Const, 0, I32Const, 0, I32Const, 0, 0xfc, 0x88, 0)),
		"unknown opcode 0xfd 0x100":     codeOf(Cat(0xfd, 0x80, 2)),
		"unknown opcode 0xfe 0x4f":      codeOf(Cat(0xfe, 0x4f)),
		"does not fit 32 bits":          codeOf(Cat(I32Const, []byte{0xff, 0xff, 0xff, 0xff, 0x4f}, Drop)),
		"shared memory":                 section(5, 1, 3, 1, 2),
		"importing a memory":            section(2, 1, Name("a"), Name("b"), 2, 0, 1),
		"importing a global":            section(2, 1, Name("a"), Name("b"), 3, I32, 0),
		"section 13":                    section(13, 0),
		"type of form 0x4e":             section(1, 1, 0x4e, 0),
		"tables of 134217727 entries":   section(4, 1, Funcref, 0, U32(1<<27-1)),
		"memory of more than 65536":     section(5, 1, 0, U32(1<<16+1)),
		"vector of 4294967295 elements": section(1, huge),
		"more than one memory":          section(5, 2, 0, 1, 0, 1),
		"out of order":                  Cat(section(5, 1, 0, 1), 4, 1, 0),
		"segment ends at":               Cat(section(5, 1, 0, 1), 11, 9, 1, 0, I32Const, S32(65536), End, 1, 0),
		"there twice":                   Cat(section(5, 1, 0, 1), 7, 9, 2, Name("m"), 2, 0, Name("m"), 2, 0),
		"4294967295 locals":             Cat(section(1, 1, 0x60, 0, 0), 3, 2, 1, 0, 10, 11, 1, 9, 1, huge, I32, End, End),
		"0 bodies for 1 functions":      Cat(section(1, 1, 0x60, 0, 0), 3, 2, 1, 0, 10, 1, 0),
		"code after the end":            codeOf(Cat(End, Nop)),
	} {
		_, err := Rewrite(wasm)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestLongBulkInstructionsTrapBeforeTheyWrite(t *testing.T) {
	t.Parallel()
	rt, _ := newRuntime(t, wazero.NewRuntimeConfigInterpreter(), 1000)
	for name, op := range map[string][]byte{
		"fill":              Cat(I32Const, S32(100), I32Const, 1, I32Const, S32(6_600_000), 0xfc, 11, 0),
		"copy":              Cat(I32Const, S32(100), I32Const, 4, I32Const, S32(6_600_000), 0xfc, 10, 0, 0),
		"copy from outside": Cat(I32Const, 4, I32Const, S32(100), I32Const, S32(6_553_550), 0xfc, 10, 0, 0),
		"wrapping fill":     Cat(I32Const, S32(-1), I32Const, 1, I32Const, S32(2_000_000), 0xfc, 11, 0),
	} {
		m := Wasm{Types: types, Memory: []byte{0, 100},
			Data:    [][]byte{Cat(0, I32Const, 4, End, 4, "\x2a\x00\x00\x00")},
			Funcs:   []Func{{Type: 1, Code: Cat(op, I32Const, 0)}},
			Exports: []Export{{Name: "f"}}}
		res, err := Rewrite(m.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		mod, err := rt.InstantiateWithConfig(ctx, res.Wasm, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mod.ExportedFunction("f").Call(ctx, 0); err == nil || !strings.Contains(err.Error(), "out of bounds") {
			t.Errorf("%s: %v", name, err)
		}
		if v, _ := mod.Memory().ReadUint32Le(100); v != 0 {
			t.Errorf("%s wrote before it trapped", name)
		}
		mod.Close(ctx)
	}
}

func TestSmallLeafFunctionsAreLeftAlone(t *testing.T) {
	t.Parallel()
	rt, calls := newRuntime(t, wazero.NewRuntimeConfigInterpreter(), 1)
	res, err := Rewrite(samples()["identity"].Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call(rt, res.Wasm, nil, 1); err != nil || *calls != 0 {
		t.Errorf("%d checkpoints, %v", *calls, err)
	}
}

func FuzzRewrite(f *testing.F) {
	for _, m := range samples() {
		f.Add(m.Bytes())
	}
	rt, _ := newRuntime(f, wazero.NewRuntimeConfigInterpreter(), 1000)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		s, err := split(wasm)
		if err != nil {
			return
		}
		again, err := split(s.join())
		if err != nil || !bytes.Equal(again.join(), s.join()) {
			t.Fatalf("split and join are not inverse: %v", err)
		}
		res, err := Rewrite(wasm)
		if err != nil {
			return
		}
		if len(res.Wasm) > 40*len(wasm)+1000 {
			t.Fatalf("%d bytes became %d", len(wasm), len(res.Wasm))
		}
		if res.TableEntries > 1<<20 {
			return
		}
		// What was valid stays valid.
		before, err := rt.CompileModule(ctx, wasm)
		if err != nil {
			return
		}
		before.Close(ctx)
		after, err := rt.CompileModule(ctx, res.Wasm)
		if err != nil {
			t.Fatalf("valid before, after rewriting: %v", err)
		}
		after.Close(ctx)
	})
}
