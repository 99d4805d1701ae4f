package wasm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	. "github.com/sockerless/sockerless/sandbox/wasm/internal/asm"
)

// probe is a reactor that returns what it finds and leaves something else: the
// words at two addresses, a global, the memory's size.
func probe() []byte {
	m := Wasm{
		Types:   []Type{{}, {Results: []byte{I32}}},
		Memory:  []byte{1, 2, 10},
		Globals: [][]byte{{I32, 1, I32Const, 5, End}},
		Data:    [][]byte{Cat(0, I32Const, 16, End, 4, 1, 0, 0, 0)},
		Funcs: []Func{
			// _initialize: word 100 = 2, global = 7
			{Code: Cat(I32Const, S32(100), I32Const, 2, I32Store, 2, 0, I32Const, 7, GlobalSet, 0)},
			// run: sum of word 16 (1), word 100 (2), global (7) and pages (2) = 12; then all change
			{Type: 1, Code: Cat(
				I32Const, 16, I32Load, 2, 0, I32Const, S32(100), I32Load, 2, 0, I32Add,
				GlobalGet, 0, I32Add, MemorySize, 0, I32Add,
				I32Const, S32(100000), I32Load, 2, 0, I32Add,
				I32Const, 16, I32Const, S32(1000), I32Store, 2, 0,
				I32Const, S32(100), I32Const, S32(1000), I32Store, 2, 0,
				I32Const, S32(100000), I32Const, S32(1000), I32Store, 2, 0,
				I32Const, S32(1000), GlobalSet, 0,
				I32Const, 3, MemoryGrow, 0, Drop,
				I32Const, S32(3*65536), I32Load, 2, 0, I32Add, // of the grown part
				I32Const, S32(3*65536), I32Const, S32(1000), I32Store, 2, 0,
			)},
		},
		Exports: []Export{{Name: "_initialize"}, {Name: "run", Index: 1}, {Name: "memory", Kind: 2}},
	}
	return m.Bytes()
}

func TestEachRunStartsFromTheTemplate(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := load(t, e, probe())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				g := &testGuest{}
				if code := run(t, m, g); code != 12 {
					t.Errorf("found %d, want 12", code)
				}
				if g.reserved != 0 || g.peak != 5*65536 {
					t.Errorf("reserved %d at the end, %d at most", g.reserved, g.peak)
				}
			}
		})
	}
	wg.Wait()
}

func TestUnresettableReactorInitialisesEachRun(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := Wasm{
		Types:  []Type{{}, {Results: []byte{I32}}},
		Tables: [][]byte{{Funcref, 0, 2}},
		Funcs: []Func{
			{Code: Cat(I32Const, 0, RefFunc, 0, 0x26, 0)}, // table.set
			{Type: 1, Code: Cat(I32Const, 0, TableGet, 0, 0xd1, I32Const, 1, TableGet, 0, 0xd1, // ref.is_null
				I32Const, 1, RefFunc, 0, 0x26, 0, I32Const, 1, I32Shl, I32Add)},
		},
		Exports: []Export{{Name: "_initialize"}, {Name: "run", Index: 1}},
		Elems:   [][]byte{{3, 0, 1, 0}}, // declares the function for ref.func
	}
	mod := load(t, e, m.Bytes())
	if mod.info.Resettable {
		t.Error("the module counts as resettable")
	}
	for range 3 {
		if code := run(t, mod, &testGuest{}); code != 2 {
			t.Errorf("found %d, want 2", code)
		}
	}
}

func TestGuestMemoryLimit(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	grow := load(t, e, command([]byte{I32}, Cat(I32Const, 8, MemoryGrow, 0, LocalTee, 0, I32Const, S32(-1), I32Ne,
		If, Void, Unreachable, End)))
	g := &testGuest{limit: 4 * 65536}
	if code := run(t, grow, g); code != 0 || g.reserved != 0 {
		t.Errorf("code %d, %d bytes still reserved", code, g.reserved)
	}
	for range 2 {
		_, err := grow.Run(context.Background(), &testGuest{limit: 1000})
		if !errors.Is(err, ErrMemoryLimit) {
			t.Errorf("Run returned %v", err)
		}
	}
}

func TestDeepStackIsChargedToTheGuest(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{Slice: 10_000})
	var code []byte // as many locals as frames need to be large
	for i := range 64 {
		code = Cat(code, LocalGet, i, I32Const, i, I32Add, LocalSet, i)
	}
	m := Wasm{
		Types: []Type{{}},
		Funcs: []Func{{Locals: bytes.Repeat([]byte{I32}, 64),
			Code: Cat(code, Call, 0, LocalGet, 1, LocalGet, 2, I32Add, LocalGet, 63, I32Add, Drop)}},
		Exports: []Export{{Name: "_start"}},
	}
	mod := load(t, e, m.Bytes())
	if !stackOf(mod.eng.pool.all.Front().Value.(*idle).inst.mod.ExportedFunction("_start")).IsValid() {
		if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
			t.Skip("the interpreter's stack is not to be seen")
		}
		t.Fatal("the stack is not found in wazero's call engine")
	}
	g := &testGuest{limit: 8 << 20}
	if _, err := mod.Run(context.Background(), g); !errors.Is(err, ErrMemoryLimit) {
		t.Errorf("Run returned %v", err)
	}
	if g.peak < 1<<20 || g.reserved != 0 {
		t.Errorf("%d bytes charged at most, %d at the end", g.peak, g.reserved)
	}
}

func TestLoadIsSharedAndBounded(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{Modules: 2})
	program := func(n int) []byte {
		return command(nil, Cat(I32Const, S32(int32(n)), Drop))
	}
	var wg sync.WaitGroup
	mods := make([]*Module, 8)
	for i := range mods {
		wg.Go(func() { mods[i], _ = e.Load(context.Background(), program(0)) })
	}
	wg.Wait()
	for _, m := range mods {
		if m == nil || m != mods[0] {
			t.Fatal("the same bytes give different modules")
		}
	}
	for i := range 5 {
		load(t, e, program(i+1))
	}
	if n := e.recent.Len(); n != 2 || len(e.modules) != 2 {
		t.Errorf("%d modules kept, %d known", n, len(e.modules))
	}
	run(t, mods[0], &testGuest{}) // evicted, but held
	if m := load(t, e, program(0)); m == mods[0] {
		t.Error("the evicted module is still known")
	}
}

func TestFileIsReadOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{Modules: 1})
	reads := 0
	open := func(key string) *Module {
		m, err := e.LoadFile(context.Background(), key, func() ([]byte, error) { reads++; return probe(), nil })
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := open("a")
	if open("a") != first || open("b") != first || open("b") != first || reads != 2 {
		t.Errorf("%d reads", reads)
	}
	load(t, e, command(nil, nil)) // evicts it
	if len(e.files) != 0 {
		t.Errorf("%d keys of evicted modules", len(e.files))
	}
	if open("a"); reads != 3 {
		t.Errorf("%d reads", reads)
	}
	if _, err := e.LoadFile(context.Background(), "c", func() ([]byte, error) { return nil, errKilled }); !errors.Is(err, errKilled) {
		t.Errorf("LoadFile returned %v", err)
	}
}

func TestIdleInstancesAreBounded(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{IdleInstances: 3})
	m := load(t, e, probe())
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { run(t, m, &testGuest{}) })
	}
	wg.Wait()
	if n := e.pool.all.Len(); n < 1 || n > 3 {
		t.Errorf("%d idle instances", n)
	}
	e.Trim()
	if n := e.pool.all.Len(); n != 0 || e.pool.bytes != 0 {
		t.Errorf("%d idle instances and %d bytes after Trim", n, e.pool.bytes)
	}
	run(t, m, &testGuest{})
}

func TestCancelledLoadEndsAnEndlessInitialisation(t *testing.T) {
	t.Parallel()
	m := Wasm{
		Types:   []Type{{}, {Results: []byte{I32}}},
		Funcs:   []Func{{Code: Cat(Loop, Void, Br, 0, End)}, {Type: 1, Code: Cat(I32Const, 0)}},
		Exports: []Export{{Name: "_initialize"}, {Name: "run", Index: 1}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := newEngine(t, Config{InitGuest: &testGuest{checkpoint: func() error { cancel(); return nil }}})
	if _, err := e.Load(ctx, m.Bytes()); !errors.Is(err, context.Canceled) {
		t.Errorf("Load returned %v", err)
	}
}

func TestLoadRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	imports := Wasm{
		Types:   []Type{{}},
		Imports: []Import{{Module: "env", Name: "missing"}},
		Funcs:   []Func{{}},
		Exports: []Export{{Name: "_start", Index: 1}},
	}
	mistyped := command(nil, Cat(I32Const, 1))
	for name, c := range map[string]struct {
		wasm []byte
		want string
	}{
		"empty file":      {nil, "not a WebAssembly"},
		"text":            {[]byte("#!/bin/sh\n"), "not a WebAssembly"},
		"no entry":        {(&Wasm{}).Bytes(), "neither _start"},
		"missing import":  {imports.Bytes(), "env"},
		"ill-typed code":  {mistyped, "invalid function"},
		"truncated":       {mistyped[:len(mistyped)-3], "offset"},
		"failing startup": {failingInit(), "_initialize"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Load(context.Background(), c.wasm)
			var me *ModuleError
			if !errors.As(err, &me) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Load returned %v", err)
			}
		})
	}
}

func failingInit() []byte {
	m := Wasm{
		Types:   []Type{{}, {Results: []byte{I32}}},
		Funcs:   []Func{{Code: Cat(Unreachable)}, {Type: 1, Code: Cat(I32Const, 0)}},
		Exports: []Export{{Name: "_initialize"}, {Name: "run", Index: 1}},
	}
	return m.Bytes()
}

func TestCompilationCacheServesASecondEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		e := newEngine(t, Config{CacheDir: dir})
		if code := run(t, load(t, e, probe()), &testGuest{}); code != 12 {
			t.Errorf("found %d", code)
		}
	}
}

func TestDamagedCacheIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	load(t, newEngine(t, Config{CacheDir: dir}), probe())
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("nothing is cached by this engine")
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 0xff
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := newEngine(t, Config{CacheDir: dir})
	if code := run(t, load(t, e, probe()), &testGuest{}); code != 12 {
		t.Errorf("found %d", code)
	}
}

func TestCProgramGivesTheSameOutput(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	sameOutput(t, e, cProgram(t, "bench"), 5)
}

func TestGoProgramGivesTheSameOutput(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	sameOutput(t, e, goProgram(t, "mix", false), 3)
}

// sameOutput compares a command with its rewritten self.
func sameOutput(t *testing.T, e *Engine, wasm []byte, code uint32) {
	t.Helper()
	var want, got bytes.Buffer
	if c := runUnchecked(t, e, compileUnchecked(t, e, wasm), &testGuest{out: &want}); c != code {
		t.Fatalf("unchecked: code %d, output %s", c, &want)
	}
	m := load(t, e, wasm)
	for i := range 2 {
		got.Reset()
		if c := run(t, m, &testGuest{out: &got}); c != code || got.String() != want.String() {
			t.Errorf("run %d: code %d, output:\n%s\nwant:\n%s", i, c, &got, &want)
		}
	}
	if want.Len() == 0 {
		t.Error("no output")
	}
}
