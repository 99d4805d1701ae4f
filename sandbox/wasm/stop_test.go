package wasm

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/sockerless/sockerless/sandbox/wasm/internal/asm"
)

var errKilled = errors.New("killed")

// endless are programs that never end by themselves, each in its own way.
func endless() map[string][]byte {
	mutual := Wasm{
		Types: []Type{{}, {Params: []byte{I32}, Results: []byte{I32}}},
		Funcs: []Func{
			{Code: Cat(I32Const, 30, Call, 1, Drop, ReturnCall, 0)},
			// f(n) = n < 1 ? 1 : f(n-1) + f(n-1), no loop anywhere
			{Type: 1, Code: Cat(LocalGet, 0, I32Const, 1, I32LtS, If, I32, I32Const, 1, Else,
				LocalGet, 0, I32Const, 1, I32Sub, Call, 1, LocalGet, 0, I32Const, 1, I32Sub, Call, 1, I32Add, End)},
		},
		Exports: []Export{{Name: "_start"}},
	}
	indirect := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Code: Cat(I32Const, 0, 0x13, 0, 0)}}, // return_call_indirect to itself
		Tables:  [][]byte{{Funcref, 0, 1}},
		Elems:   [][]byte{{0, I32Const, 0, End, 1, 0}},
		Exports: []Export{{Name: "_start"}},
	}
	return map[string][]byte{
		"loop br 0":     command(nil, Cat(Loop, Void, Br, 0, End)),
		"nested loops":  command(nil, Cat(Loop, Void, Loop, Void, Br, 1, End, End)),
		"br_table":      command(nil, Cat(Loop, Void, I32Const, 0, BrTable, 1, 0, 0, End)),
		"br_if":         command(nil, Cat(Loop, Void, I32Const, 1, BrIf, 0, End)),
		"recursion":     mutual.Bytes(),
		"tail calls":    indirect.Bytes(),
		"bulk in loop":  command(nil, Cat(Loop, Void, I32Const, 0, I32Const, 0, I32Const, S32(65536), 0xfc, 11, 0, Br, 0, End)),
		"loop results":  command(nil, Cat(Loop, I32, I32Const, 1, Br, 0, End, Drop)),
		"grow refused":  command(nil, Cat(Loop, Void, I32Const, S32(1<<20), MemoryGrow, 0, Drop, Br, 0, End)),
		"loop in block": command(nil, Cat(Block, Void, Loop, Void, Br, 0, End, End)),
		"start section": startLoop(),
	}
}

func startLoop() []byte {
	start := uint32(0)
	m := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Code: Cat(Loop, Void, Br, 0, End)}, {}},
		Exports: []Export{{Name: "_start", Index: 1}},
		Start:   &start,
	}
	return m.Bytes()
}

func TestCheckpointErrorEndsEveryEndlessProgram(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	for name, wasm := range endless() {
		t.Run(name, func(t *testing.T) {
			m := load(t, e, wasm)
			calls := 0
			_, err := m.Run(context.Background(), &testGuest{checkpoint: func() error {
				if calls++; calls == 3 {
					return errKilled
				}
				return nil
			}})
			if !errors.Is(err, errKilled) {
				t.Fatalf("Run returned %v", err)
			}
		})
	}
}

func TestLongFillCanBeEnded(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{Slice: 100_000}) // 1.6 MB
	fill := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Code: Cat(I32Const, 0, I32Const, 1, I32Const, S32(64<<20), 0xfc, 11, 0, Unreachable)}},
		Memory:  Cat(0, U32(1024)),
		Exports: []Export{{Name: "_start"}},
	}
	m := load(t, e, fill.Bytes())
	calls := 0
	_, err := m.Run(context.Background(), &testGuest{checkpoint: func() error {
		if calls++; calls == 20 {
			return errKilled
		}
		return nil
	}})
	if !errors.Is(err, errKilled) {
		t.Errorf("Run returned %v after %d checkpoints", err, calls)
	}
}

func TestGarbageIsCollectedWhileGuestsLoop(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := load(t, e, endless()["loop br 0"])
	var stop atomic.Bool
	var running, done sync.WaitGroup
	for range 4 {
		running.Add(1)
		done.Add(1)
		var once sync.Once
		go func() {
			defer done.Done()
			_, err := m.Run(context.Background(), &testGuest{checkpoint: func() error {
				once.Do(running.Done)
				if stop.Load() {
					return errKilled
				}
				return nil
			}})
			if !errors.Is(err, errKilled) {
				t.Errorf("Run returned %v", err)
			}
		}()
	}
	running.Wait()
	for range 3 {
		runtime.GC()
	}
	stop.Store(true)
	done.Wait()
}

func TestFiftyEndlessProgramsEndOnTheirErrors(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := load(t, e, endless()["nested loops"])
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			n := 0
			_, err := m.Run(context.Background(), &testGuest{checkpoint: func() error {
				if n++; n == 20 {
					return errKilled
				}
				return nil
			}})
			if !errors.Is(err, errKilled) {
				t.Errorf("Run returned %v", err)
			}
		})
	}
	wg.Wait()
}

func TestFaultsAreTraps(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	deep := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Code: Cat(Call, 0)}},
		Exports: []Export{{Name: "_start"}},
	}
	for reason, wasm := range map[string][]byte{
		"unreachable":                 command(nil, []byte{Unreachable}),
		"integer divide by zero":      command(nil, Cat(I32Const, 1, I32Const, 0, I32DivS, Drop)),
		"out of bounds memory access": command(nil, Cat(I32Const, S32(-1), I32Load, 2, 0, Drop)),
		"stack overflow":              deep.Bytes(),
	} {
		t.Run(reason, func(t *testing.T) {
			m := load(t, e, wasm)
			for range 2 { // the second runs in the instance that trapped
				_, err := m.Run(context.Background(), &testGuest{})
				var trap *Trap
				if !errors.As(err, &trap) || trap.Reason != reason {
					t.Fatalf("Run returned %v", err)
				}
			}
		})
	}
}

func TestTrapNamesTheFunctionsOnTheStack(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := Wasm{
		Types:   []Type{{}},
		Funcs:   []Func{{Code: Cat(Call, 1)}, {Code: Cat(Unreachable)}},
		Exports: []Export{{Name: "_start"}},
		Custom:  [][]byte{Cat(Name("name"), 1, 15, 2, 0, Name("outer"), 1, Name("inner"))},
	}
	_, err := load(t, e, m.Bytes()).Run(context.Background(), &testGuest{})
	var trap *Trap
	if !errors.As(err, &trap) || !strings.Contains(trap.Stack, "inner") || !strings.Contains(trap.Stack, "outer") {
		t.Fatalf("%v, stack %q", err, trap.Stack)
	}
}

func TestAbortInHostFunctionEndsTheRunWithItsError(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := load(t, e, goProgram(t, "echo", true))
	_, err := m.Run(context.Background(), &testGuest{out: abortingWriter{}})
	if !errors.Is(err, errKilled) {
		t.Fatalf("Run returned %v", err)
	}
	// The instance that was left in the middle of a call is as good as new.
	var out bytes.Buffer
	if code := run(t, m, &testGuest{out: &out}); code != 7 || out.Len() == 0 {
		t.Errorf("code %d, output %q", code, &out)
	}
}

type abortingWriter struct{}

func (abortingWriter) Write([]byte) (int, error) { Abort(errKilled); return 0, nil }
