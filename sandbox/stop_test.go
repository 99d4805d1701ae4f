package sandbox_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
)

// busy are programs that go on for long, each in a way of its own: computing, in the host's code on a program's behalf,
// or blocked. Each writes a line when it is at it.
var busy = []struct{ name, script string }{
	{"WebAssembly loop", `echo; exec awk 'BEGIN { while (1) i++ }'`},
	{"WebAssembly recursion", `echo; exec awk 'function f(n) { return n < 1 ? 1 : f(n-1) + f(n-1) } BEGIN { f(100) }'`},
	{"regular expression", `echo; yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | grep -c '\(a*\)*\(a*\)*b'`},
	{"sorting", `echo; yes | head -c 50000000 | sort >/dev/null; sleep 1000`},
	{"copying a gigabyte", `echo; dd if=/dev/zero of=/dev/shm/big bs=256M count=4 2>/dev/null; sleep 1000`},
	{"shell loop", `echo; while :; do :; done`},
	{"shell arithmetic", `echo; while :; do i=$((i*7+1)); done`},
	{"shell recursion", `f() { f; }; echo; while :; do (f) 2>/dev/null; done`},
	{"shell starting programs", `echo; while :; do true; /bin/true; done`},
	{"long expansion", `echo; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do x=a$x$x; done; y=${x//a*b/c}; sleep 1000`},
	{"sleep", `echo; exec sleep 1000`},
	{"empty pipe", `echo; sleep 1000 | cat`},
	{"full pipe", `echo; yes | sleep 1000`},
	{"fifo without a writer", `mkfifo /tmp/fifo; echo; cat /tmp/fifo`},
	{"file that is followed", `echo; exec tail -f /etc/passwd`},
	{"wait for children", `sleep 1000 & echo; wait`},
	{"stopped", `echo; sh -c 'kill -STOP $$; :'; sleep 1000`},
}

// startBusy starts a program and waits until it is at it.
func startBusy(t testing.TB, s *sandbox.Sandbox, script string) *sandbox.Process {
	t.Helper()
	var out guesttest.Buffer
	p, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: sandbox.NewSink(&out)})
	if err != nil {
		t.Fatal(err)
	}
	for out.String() == "" {
		select {
		case <-p.Done():
			t.Fatalf("%s has ended: %v", script, p.Status())
		case <-time.After(time.Millisecond):
		}
	}
	return p
}

func TestAnythingCanBeKilled(t *testing.T) {
	t.Parallel()
	for _, c := range busy {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, nil)
			p := startBusy(t, s, c.script)
			time.Sleep(10 * time.Millisecond) // well into it
			p.Signal(abi.SIGKILL)
			select {
			case <-p.Done():
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
			if st := p.Status(); st.Signal() != abi.SIGKILL {
				t.Errorf("status %v", st)
			}
		})
	}
}

func TestAPauseStopsAnythingThatComputes(t *testing.T) {
	t.Parallel()
	for _, c := range busy[:9] {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, nil)
			p := startBusy(t, s, c.script)
			s.Pause()
			stands := func() bool {
				before := s.Usage().CPU
				time.Sleep(5 * time.Millisecond)
				return s.Usage().CPU == before
			}
			for end := time.Now().Add(20 * time.Second); !stands(); {
				if time.Now().After(end) {
					t.Fatal("it goes on")
				}
			}
			s.Resume()
			p.Signal(abi.SIGKILL)
			<-p.Done()
		})
	}
}

// BenchmarkKill measures how long after SIGKILL a program has gone, files and memory given back.
func BenchmarkKill(b *testing.B) {
	for _, c := range busy {
		b.Run(c.name, func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				s := open(b, nil)
				p := startBusy(b, s, c.script)
				time.Sleep(10 * time.Millisecond)
				from := time.Now()
				p.Signal(abi.SIGKILL)
				<-p.Done()
				all = append(all, time.Since(from))
				s.Close()
			}
			reportTimes(b, all)
		})
	}
}

// BenchmarkBusyNeighbours measures what 50 programs that loop do to others: how long a command takes besides, and how
// late a sleeping program wakes up.
func BenchmarkBusyNeighbours(b *testing.B) {
	for range 50 {
		startBusy(b, open(b, nil), busy[0].script)
	}
	s := open(b, nil)
	run(b, s, "true")
	for name, argv := range map[string][]string{
		"command":       {"true"},
		"wake from 1ms": {"sleep", "0.001"},
		"system calls":  {"sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do [ -e /etc/passwd ]; done"},
	} {
		b.Run(name, func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				from := time.Now()
				run(b, s, argv...)
				all = append(all, time.Since(from))
			}
			reportTimes(b, all)
		})
	}
}

// BenchmarkPauses measures how long garbage collection holds everything up while 50 programs loop.
func BenchmarkPauses(b *testing.B) {
	for range 50 {
		startBusy(b, open(b, nil), busy[0].script)
	}
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	for b.Loop() {
		runtime.GC()
	}
	debug.ReadGCStats(&after)
	reportTimes(b, after.Pause[:min(after.NumGC-before.NumGC, int64(len(after.Pause)))])
}

func reportTimes(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	b.ReportMetric(0, "ns/op")
	for _, p := range []int{50, 99, 100} {
		b.ReportMetric(float64(all[min(len(all)*p/100, len(all)-1)].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}
