package wasm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/wasm/internal/rewrite"
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

// BenchmarkWakeup measures how long a goroutine waits to run that becomes
// runnable while 50 guests compute.
func BenchmarkWakeup(b *testing.B) {
	e := newEngine(b, Config{})
	m := load(b, e, endless()["nested loops"])
	var stop atomic.Bool
	var guests sync.WaitGroup
	for range 50 {
		guests.Go(func() {
			m.Run(context.Background(), &testGuest{checkpoint: func() error {
				if stop.Load() {
					return errKilled
				}
				return nil
			}})
		})
	}
	defer guests.Wait()
	defer stop.Store(true)
	pipeR, pipeW, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer pipeR.Close()
	defer pipeW.Close()
	for name, wait := range map[string]func(sent chan time.Time) time.Duration{
		"channel": func(sent chan time.Time) time.Duration {
			go func() { sent <- time.Now() }()
			return time.Since(<-sent)
		},
		"timer": func(chan time.Time) time.Duration {
			due := time.Now().Add(time.Millisecond)
			<-time.After(time.Millisecond)
			return time.Since(due)
		},
		"pipe": func(sent chan time.Time) time.Duration {
			go func() {
				time.Sleep(time.Millisecond)
				sent <- time.Now()
				pipeW.Write([]byte{1})
			}()
			pipeR.Read(make([]byte, 1))
			return time.Since(<-sent)
		},
	} {
		b.Run(name, func(b *testing.B) {
			sent := make(chan time.Time, 1)
			var waits []time.Duration
			for b.Loop() {
				waits = append(waits, wait(sent))
			}
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(waits[len(waits)-1].Microseconds()), "max-µs")
		})
	}
}

// BenchmarkIdleInstance measures what an instance that waits in the pool takes
// from the host.
func BenchmarkIdleInstance(b *testing.B) {
	e := newEngine(b, Config{})
	m := load(b, e, goProgram(b, "echo", true))
	resident := func() float64 {
		runtime.GC()
		data, _ := os.ReadFile("/proc/self/statm")
		var size, rss float64
		fmt.Sscan(string(data), &size, &rss)
		return rss * float64(os.Getpagesize())
	}
	mappings := func() float64 {
		data, _ := os.ReadFile("/proc/self/maps")
		return float64(bytes.Count(data, []byte("\n")))
	}
	b.ReportAllocs()
	rss, maps := resident(), mappings()
	var all []*instance
	for b.Loop() {
		inst, err := m.instantiate(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, inst)
	}
	b.ReportMetric((resident()-rss)/float64(len(all)), "rss-B/op")
	b.ReportMetric((mappings()-maps)/float64(len(all)), "mappings/op")
	closeAll(all)
}

// BenchmarkExit is BenchmarkRunTemplate/pooled with os.Exit instead of a return.
func BenchmarkExit(b *testing.B) {
	e := newEngine(b, Config{})
	m := load(b, e, goProgram(b, "exit", true))
	b.ReportAllocs()
	for b.Loop() {
		run(b, m, &testGuest{out: io.Discard})
	}
}

// BenchmarkLoad measures the way of a module from its bytes to its template,
// with a cache that is empty and with one that has it.
func BenchmarkLoad(b *testing.B) {
	wasm := goProgram(b, "mix", false)
	loadOnce := func(b *testing.B, dir string) {
		e := newEngine(b, Config{CacheDir: dir})
		load(b, e, wasm)
	}
	b.Run("rewrite", func(b *testing.B) {
		b.SetBytes(int64(len(wasm)))
		for b.Loop() {
			if _, err := rewrite.Rewrite(wasm); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compile", func(b *testing.B) {
		b.SetBytes(int64(len(wasm)))
		for b.Loop() {
			loadOnce(b, "")
		}
	})
	b.Run("cached", func(b *testing.B) {
		dir := b.TempDir()
		loadOnce(b, dir)
		b.SetBytes(int64(len(wasm)))
		b.ResetTimer()
		for b.Loop() {
			loadOnce(b, dir)
		}
	})
}
