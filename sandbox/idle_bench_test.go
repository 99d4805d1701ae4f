package sandbox_test

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox"
)

// memory returns the process's resident memory and its share of it (PSS), in bytes.
func memory(b *testing.B) (rss, pss float64) {
	b.Helper()
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		b.Skip(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib float64
		if name, rest, _ := strings.Cut(lines.Text(), ":"); name == "Rss" {
			fmt.Sscan(rest, &kib)
			rss = kib * 1024
		} else if name == "Pss" {
			fmt.Sscan(rest, &kib)
			pss = kib * 1024
		}
	}
	return rss, pss
}

// BenchmarkIdleTasks measures what tasks that sleep take: 5,000 in one sandbox, and one in each of 500 sandboxes.
func BenchmarkIdleTasks(b *testing.B) {
	report := func(b *testing.B, n int, rss, pss float64) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(rss/float64(n)/1024, "rss-KiB/task")
		b.ReportMetric(pss/float64(n)/1024, "pss-KiB/task")
	}
	settle := func(b *testing.B, boxes []*sandbox.Sandbox, want int) {
		for asleep := 0; asleep < want; time.Sleep(10 * time.Millisecond) {
			asleep = 0
			for _, s := range boxes {
				for _, t := range s.Tasks() {
					if t.State == 'S' {
						asleep++
					}
				}
			}
		}
	}
	b.Run("one sandbox", func(b *testing.B) {
		const n = 5000
		s := open(b, nil)
		run(b, s, "sleep", "0")
		for b.Loop() {
			rss, pss := memory(b)
			p, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"sh", "-c",
				fmt.Sprintf("i=0; while [ $i -lt %d ]; do sleep 100000 & i=$((i+1)); done; wait", n)}, Env: []string{"PATH=/bin"}})
			if err != nil {
				b.Fatal(err)
			}
			settle(b, []*sandbox.Sandbox{s}, n+1)
			rss2, pss2 := memory(b)
			report(b, n, rss2-rss, pss2-pss)
			b.ReportMetric(rss2/(1<<20), "rss-MiB")
			p.Signal(9)
			<-p.Done()
		}
	})
	b.Run("500 sandboxes", func(b *testing.B) {
		const n = 500
		run(b, open(b, nil), "sleep", "0")
		for b.Loop() {
			rss, pss := memory(b)
			var all []*sandbox.Sandbox
			for range n {
				s := open(b, nil)
				if _, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"sleep", "100000"}, Env: []string{"PATH=/bin"}}); err != nil {
					b.Fatal(err)
				}
				all = append(all, s)
			}
			settle(b, all, n)
			rss2, pss2 := memory(b)
			report(b, n, rss2-rss, pss2-pss)
			for _, s := range all {
				s.Close()
			}
		}
	})
}
