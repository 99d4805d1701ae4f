package wasm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
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

// BenchmarkCountdown tells how many times as long loops and programs take with
// the checks as without them. Both are run in turn, and the shortest run of
// each counts: others share the machine.
func BenchmarkCountdown(b *testing.B) {
	e := newEngine(b, Config{})
	loops := tightLoops()
	for _, name := range slices.Sorted(maps.Keys(loops)) {
		benchmarkCountdown(b, e, "loop/"+name, loops[name])
	}
	b.Run("program", func(b *testing.B) {
		benchmarkCountdown(b, e, "Go", goProgram(b, "mix", false))
		benchmarkCountdown(b, e, "C", cProgram(b, "bench"))
	})
}

func benchmarkCountdown(b *testing.B, e *Engine, name string, wasm []byte) {
	b.Run(name, func(b *testing.B) {
		plain, m := compileUnchecked(b, e, wasm), load(b, e, wasm)
		defer plain.Close(context.Background())
		var checks int
		g := &testGuest{out: io.Discard, checkpoint: func() error { checks++; return nil }}
		var unchecked, checked, all time.Duration
		keep := func(least *time.Duration, run func()) {
			from := time.Now()
			run()
			if d := time.Since(from); *least == 0 || d < *least {
				*least = d
			}
		}
		runs := 0
		for b.Loop() {
			for range 3 {
				runs++
				keep(&unchecked, func() { runUnchecked(b, e, plain, g) })
				from := time.Now()
				keep(&checked, func() { run(b, m, g) })
				all += time.Since(from)
			}
		}
		b.ReportMetric(float64(checked)/float64(unchecked), "checked/unchecked")
		b.ReportMetric(float64(all.Microseconds())/float64(max(checks, 1)), "µs/slice")
		b.ReportMetric(0, "ns/op")
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
