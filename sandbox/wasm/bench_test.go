package wasm

import (
	"context"
	"io"
	"testing"
)

func BenchmarkRunTemplate(b *testing.B) {
	e := newEngine(b, Config{})
	m := load(b, e, goProgram(b, "echo", true))
	ctx := context.Background()
	b.Run("pooled", func(b *testing.B) {
		for b.Loop() {
			run(b, m, &testGuest{out: io.Discard})
		}
	})
	b.Run("instantiate", func(b *testing.B) {
		for b.Loop() {
			inst, err := m.instantiate(ctx)
			if err != nil {
				b.Fatal(err)
			}
			inst.close()
		}
	})
	inst, err := m.instantiate(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer inst.close()
	b.Run("reset untouched", func(b *testing.B) {
		for b.Loop() {
			inst.reset()
		}
	})
	g := &testGuest{out: io.Discard}
	inst.attach(g)
	b.Run("run and reset", func(b *testing.B) {
		for b.Loop() {
			m.run(&runContext{Context: ctx, guest: g}, inst)
			inst.reset()
		}
	})
	b.Run("reset after run", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			m.run(&runContext{Context: ctx, guest: g}, inst)
			b.StartTimer()
			inst.reset()
		}
	})
	inst.detach()
}

func BenchmarkTightLoop(b *testing.B) {
	e := newEngine(b, Config{})
	for name, wasm := range tightLoops() {
		benchmarkBoth(b, e, name, wasm)
	}
}

func BenchmarkGoProgram(b *testing.B) {
	e := newEngine(b, Config{})
	benchmarkBoth(b, e, "mix", goProgram(b, "mix", false))
}

func BenchmarkCProgram(b *testing.B) {
	e := newEngine(b, Config{})
	benchmarkBoth(b, e, "bench", cProgram(b, "bench"))
}

// benchmarkBoth runs a command with and without the checks.
func benchmarkBoth(b *testing.B, e *Engine, name string, wasm []byte) {
	g := &testGuest{out: io.Discard}
	b.Run(name+"/unchecked", func(b *testing.B) {
		c := compileUnchecked(b, e, wasm)
		for b.Loop() {
			runUnchecked(b, e, c, g)
		}
	})
	b.Run(name+"/checked", func(b *testing.B) {
		m := load(b, e, wasm)
		n := 0
		g := &testGuest{out: io.Discard, checkpoint: func() error { n++; return nil }}
		for b.Loop() {
			run(b, m, g)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(max(n, 1)), "µs/slice")
	})
}

func BenchmarkRunCommand(b *testing.B) {
	e := newEngine(b, Config{})
	m := load(b, e, command(nil, nil))
	b.ReportAllocs()
	for b.Loop() {
		run(b, m, &testGuest{})
	}
}
