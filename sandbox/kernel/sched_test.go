package kernel

import (
	"slices"
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

// contest runs tasks of sandboxes on a scheduler in simulated time, a slice at a time.
type contest struct {
	s     *Scheduler
	boxes []*Kernel
	tasks []*Task
}

// newContest makes one; no real time has an influence.
func newContest(t *testing.T, processors int) *contest {
	s := NewScheduler(processors)
	s.stall = time.NewTimer(time.Hour)
	t.Cleanup(func() { s.stall.Stop() })
	return &contest{s: s}
}

func (c *contest) add(l Limits, tasks int) *Kernel {
	k := New(Config{Limits: l, Scheduler: c.s})
	c.boxes = append(c.boxes, k)
	for range tasks {
		t := newTask(k, NewFDTable())
		c.tasks = append(c.tasks, t)
	}
	return k
}

// run returns the CPU time of each sandbox.
func (c *contest) run(turns int) []time.Duration {
	ran := make([]time.Duration, len(c.boxes))
	for range turns {
		var running []*Task // at the same time
		for _, t := range c.tasks {
			if !t.cpu.waits {
				running = append(running, t)
			}
		}
		for _, t := range running {
			select {
			case <-t.cpu.turn: // nil for one that has not waited
			default:
			}
			if t.cpu.slot {
				const slice = 250 * time.Microsecond
				t.cpu.clock.v.Add(-int64(slice)) // a stopped clock
				ran[slices.Index(c.boxes, t.k)] += slice
			}
			c.s.goesOn(t)
		}
	}
	return ran
}

func TestSharesDivideProcessorsThatAreShort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shares []int64
		tasks  []int
		want   []float64 // parts of all CPU time
	}{
		{[]int64{3072, 0}, []int{2, 2}, []float64{0.75, 0.25}},
		{[]int64{3072, 1024}, []int{3, 20}, []float64{0.75, 0.25}},
		{[]int64{0, 0}, []int{2, 50}, []float64{0.5, 0.5}},
		{[]int64{1024, 1024, 2048}, []int{4, 4, 4}, []float64{0.25, 0.25, 0.5}},
		{[]int64{3072, 1024}, []int{1, 4}, []float64{0.5, 0.5}}, // one task uses one processor
		{[]int64{2, 1 << 18}, []int{2, 0}, []float64{1, 0}},
	} {
		x := newContest(t, 2)
		for i := range c.shares {
			x.add(Limits{CPUShares: c.shares[i]}, c.tasks[i])
		}
		x.run(1000)
		ran := x.run(20000)
		total := time.Duration(0)
		for _, d := range ran {
			total += d
		}
		for i, d := range ran {
			if part := float64(d) / float64(total); part < c.want[i]-0.02 || part > c.want[i]+0.02 {
				t.Errorf("shares %v, tasks %v: sandbox %d has %.2f of the time, want %.2f", c.shares, c.tasks, i, part, c.want[i])
			}
		}
		// Each task of a sandbox has its part.
		for _, task := range x.tasks {
			if task.CPU() == 0 {
				t.Errorf("shares %v, tasks %v: a task has not run", c.shares, c.tasks)
			}
		}
	}
}

func TestSharesMayChangeWhileTasksRun(t *testing.T) {
	t.Parallel()
	x := newContest(t, 1)
	x.add(Limits{CPUShares: 3072}, 1)
	small := x.add(Limits{}, 1)
	x.run(1000)
	small.SetLimits(Limits{CPUShares: 3072})
	if ran := x.run(10000); ran[0]*100 < ran[1]*98 || ran[1]*100 < ran[0]*98 {
		t.Errorf("%v at equal shares", ran)
	}
}

func TestSandboxesThatComputeShareForReal(t *testing.T) {
	t.Parallel()
	s := NewScheduler(2)
	a := bootOn(t, s, Limits{CPUShares: 3072}, programs{"hog": hog})
	b := bootOn(t, s, Limits{}, programs{"hog": hog})
	for range 3 {
		start(t, a, "/hog")
		start(t, b, "/hog")
	}
	eventually(t, "both have run", func() bool {
		return a.Usage().CPU > 20*time.Millisecond && b.Usage().CPU > 20*time.Millisecond
	})
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
	// What a period's last slices use too much is taken from the next.
	eventually(t, "it has used 50 ms and no more than it may", func() bool {
		most := quota*time.Duration(time.Since(from)/period+2) + 5*time.Millisecond
		used := k.Usage().CPU
		return used >= 10*quota && used <= most
	})
	u := k.Usage()
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
