package kernel

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

// bootOn is boot with a scheduler and limits.
func bootOn(t *testing.T, s *Scheduler, l Limits, p programs) *Kernel {
	t.Helper()
	ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{Mode: 0o755}), 0)
	k := New(Config{NS: ns, Loaders: []Loader{p}, Limits: l, Scheduler: s})
	t.Cleanup(k.Close)
	for name := range p {
		writeFile(t, k, "/"+name, "test:"+name, 0o755)
	}
	return k
}

// compute runs for some 50 µs.
func compute() {
	for end := Monotonic() + 50*time.Microsecond; Monotonic() < end; {
	}
}

// hog computes until it is killed.
func hog(t *Task) int {
	for t.Yield() == nil {
		compute()
	}
	return 0
}

func TestSharesDivideProcessorsThatAreShort(t *testing.T) {
	s := NewScheduler(2)
	big := bootOn(t, s, Limits{CPUShares: 3072}, programs{"hog": hog})
	small := bootOn(t, s, Limits{}, programs{"hog": hog})
	for range 3 {
		start(t, big, "/hog")
		start(t, small, "/hog")
	}
	measure := func() (a, b time.Duration) {
		a0, b0 := big.Usage().CPU, small.Usage().CPU
		for a+b < 300*time.Millisecond {
			time.Sleep(time.Millisecond)
			a, b = big.Usage().CPU-a0, small.Usage().CPU-b0
		}
		return a, b
	}
	measure() // all compute
	a, b := measure()
	if ratio := float64(a) / float64(b); ratio < 2.7 || ratio > 3.3 {
		t.Errorf("%v beside %v: a ratio of %.2f at shares of 3 : 1", a, b, ratio)
	}
	small.SetLimits(Limits{CPUShares: 3072})
	a, b = measure()
	if ratio := float64(a) / float64(b); ratio < 0.9 || ratio > 1.1 {
		t.Errorf("%v beside %v: a ratio of %.2f at equal shares", a, b, ratio)
	}
}

func TestASandboxMayUseWhatOthersLeave(t *testing.T) {
	t.Parallel()
	s := NewScheduler(1)
	idle := bootOn(t, s, Limits{CPUShares: maxShares}, programs{"sleep": sleepLong})
	small := bootOn(t, s, Limits{CPUShares: minShares}, programs{"work": func(t *Task) int {
		for t.CPU() < 30*time.Millisecond {
			compute()
			if t.Yield() != nil {
				return 1
			}
		}
		return 0
	}})
	start(t, idle, "/sleep")
	if st := status(t, start(t, small, "/work")); st != 0 {
		t.Errorf("status %v", st)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grants != 0 || s.free != 1 {
		t.Errorf("%d waits for a processor that nobody else wants, %d of 1 free", s.grants, s.free)
	}
}

func TestAQuotaHoldsASandboxBack(t *testing.T) {
	t.Parallel()
	const quota, period = 5 * time.Millisecond, 20 * time.Millisecond
	k := bootOn(t, NewScheduler(2), Limits{CPUQuota: quota, CPUPeriod: period}, programs{"hog": hog})
	from := time.Now()
	start(t, k, "/hog")
	start(t, k, "/hog")
	eventually(t, "it has used 50 ms", func() bool { return k.Usage().CPU >= 10*quota })
	u, elapsed := k.Usage(), time.Since(from)
	// What a period's last slices use too much is taken from the next.
	if most := quota*time.Duration(elapsed/period+2) + 5*time.Millisecond; u.CPU > most {
		t.Errorf("%v of CPU time in %v, at most %v are allowed", u.CPU, elapsed, most)
	}
	if u.ThrottledPeriods == 0 || u.ThrottledPeriods > u.CPUPeriods+1 || u.ThrottledTime <= 0 {
		t.Errorf("%+v", u)
	}
}

func TestAQuotaCountsCommandsThatEndBeforeTheyCheckIn(t *testing.T) {
	t.Parallel()
	k := bootOn(t, NewScheduler(2), Limits{CPUQuota: time.Millisecond, CPUPeriod: 10 * time.Millisecond}, programs{
		"short": func(t *Task) int { compute(); return 0 },
		"loop": func(t *Task) int {
			for {
				c, err := t.Spawn("/short", &SpawnAttr{})
				if err != nil {
					return 1
				}
				if _, err := t.Wait(c.Pid(), 0); err != nil {
					return 1
				}
			}
		},
	})
	start(t, k, "/loop")
	eventually(t, "it is throttled", func() bool { return k.Usage().ThrottledPeriods > 2 })
}

func TestAThrottledTaskCanBeKilledAndStopped(t *testing.T) {
	t.Parallel()
	limits := Limits{CPUQuota: time.Millisecond, CPUPeriod: time.Hour}
	s := NewScheduler(1)
	k := bootOn(t, s, limits, programs{"sleep": sleepLong, "hog": hog})
	start(t, k, "/sleep")
	throttled := func() *Task {
		task := start(t, k, "/hog")
		eventually(t, "it is throttled", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(k.cpu.bandwidth.waiting) > 0
		})
		return task
	}
	task := throttled()
	task.Signal(abi.SIGSTOP)
	eventually(t, "it has stopped", func() bool { return task.State() == 'T' })
	task.Signal(abi.SIGCONT)
	task.Signal(abi.SIGTERM)
	if st := status(t, task); st.Signal() != abi.SIGTERM {
		t.Errorf("status %v", st)
	}
	// A new limit sets them free.
	task = throttled()
	k.SetLimits(Limits{})
	eventually(t, "it goes on", func() bool { return task.CPU() > 10*time.Millisecond })
}

func TestATaskThatWaitsForAProcessorCanBeKilled(t *testing.T) {
	t.Parallel()
	s := NewScheduler(1)
	hold := make(chan struct{})
	k := bootOn(t, s, Limits{}, programs{"sleep": sleepLong, "hog": hog, "holder": func(t *Task) int {
		_ = t.Yield()
		<-hold // the host blocks: the slot is not given back
		return 0
	}})
	start(t, k, "/sleep")
	start(t, k, "/holder")
	tasks := []*Task{start(t, k, "/hog"), start(t, k, "/hog"), start(t, k, "/hog")}
	for _, task := range tasks {
		task.Signal(abi.SIGKILL)
		if st := status(t, task); st.Signal() != abi.SIGKILL {
			t.Errorf("status %v", st)
		}
	}
	close(hold)
	eventually(t, "all slots are free", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.free == 1 && len(s.queue) == 0
	})
}

func TestASlotThatTheHostHoldsUpIsGivenOutAgain(t *testing.T) {
	t.Parallel()
	s := NewScheduler(1)
	hold := make(chan struct{})
	var held atomic.Bool
	k := bootOn(t, s, Limits{}, programs{"holder": func(t *Task) int {
		_ = t.Yield()
		held.Store(true)
		<-hold
		return 0
	}, "hog": hog})
	defer close(hold)
	start(t, k, "/holder")
	eventually(t, "the slot is held", held.Load)
	task := start(t, k, "/hog")
	eventually(t, "the other computes", func() bool { return task.CPU() > 5*time.Millisecond })
}

func TestATaskThatBlocksLeavesItsProcessor(t *testing.T) {
	t.Parallel()
	s := NewScheduler(1)
	k := bootOn(t, s, Limits{}, programs{"nap": func(t *Task) int {
		_ = t.Yield()
		return sleepLong(t)
	}})
	task := start(t, k, "/nap")
	eventually(t, "it sleeps", task.Asleep)
	s.mu.Lock()
	if s.free != 1 {
		t.Errorf("%d of 1 processors free", s.free)
	}
	s.mu.Unlock()
	before := task.CPU()
	time.Sleep(2 * time.Millisecond)
	if after := task.CPU(); after != before {
		t.Errorf("%v of CPU time became %v asleep", before, after)
	}
}

// BenchmarkYield is what a slice costs when nobody waits.
func BenchmarkYield(b *testing.B) {
	k := New(Config{})
	t := newTask(k, NewFDTable())
	t.cpu.clock.start()
	for b.Loop() {
		_ = t.Yield()
	}
}

// BenchmarkCheckpoint is what a system call costs.
func BenchmarkCheckpoint(b *testing.B) {
	k := New(Config{})
	t := newTask(k, NewFDTable())
	t.cpu.clock.start()
	for b.Loop() {
		_ = t.Checkpoint()
	}
}
