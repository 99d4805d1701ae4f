package kernel

import (
	"slices"
	"time"
)

// bandwidth is a sandbox's quota of CPU time: so much in each period (cgroup-v1's cpu.cfs_quota_us and
// cpu.cfs_period_us). What is used beyond it is owed. Scheduler.mu guards it.
type bandwidth struct {
	quota, period time.Duration // no quota: 0
	left          time.Duration // of this period; not above zero when it is used up
	end           time.Duration // of this period, by Monotonic
	waiting       []*Task       // for the next period
	since         time.Duration // when the quota was used up, by Monotonic
	timer         *time.Timer   // runs while the quota is used up

	periods, throttledPeriods int64
	throttledTime             time.Duration
}

// use takes CPU time from the quota.
func (b *bandwidth) use(d time.Duration) {
	if b.quota > 0 {
		b.refill()
		b.left -= d
	}
}

func (b *bandwidth) refill() {
	now := Monotonic()
	if now < b.end {
		return
	}
	n := (now-b.end)/b.period + 1
	b.end += n * b.period
	b.left = min(b.quota, b.left+n*b.quota)
	b.periods++
}

func (b *bandwidth) exhausted() bool { return b.quota > 0 && b.left <= 0 }

// throttle lets a task wait for the sandbox's next period; s.mu is held.
func (s *Scheduler) throttle(g *cpuGroup, t *Task) {
	b := &g.bandwidth
	t.waits(true)
	b.waiting = append(b.waiting, t)
	s.exhaust(g)
	s.dispatch()
}

// exhaust marks that a sandbox's quota is used up; s.mu is held.
func (s *Scheduler) exhaust(g *cpuGroup) {
	b := &g.bandwidth
	if g.throttled.Load() {
		return
	}
	g.throttled.Store(true)
	b.throttledPeriods++
	b.since = Monotonic()
	b.timer = time.AfterFunc(b.end-b.since, func() { s.nextPeriod(g) })
}

func (s *Scheduler) nextPeriod(g *cpuGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &g.bandwidth
	if !g.throttled.Load() {
		return
	}
	if b.refill(); b.exhausted() {
		b.throttledPeriods++
		b.timer.Reset(max(b.end-Monotonic(), 0))
		return
	}
	s.unthrottle(g)
}

// unthrottle lets a sandbox's tasks go on; s.mu is held.
func (s *Scheduler) unthrottle(g *cpuGroup) {
	b := &g.bandwidth
	if !g.throttled.Load() {
		return
	}
	g.throttled.Store(false)
	b.timer.Stop()
	b.throttledTime += Monotonic() - b.since
	for _, t := range b.waiting {
		t.waits(false)
		t.cpu.turn <- struct{}{}
	}
	b.waiting = nil
}

func (b *bandwidth) forget(t *Task) {
	b.waiting = slices.DeleteFunc(b.waiting, func(o *Task) bool { return o == t })
}

// setCPULimits changes a sandbox's shares and quota.
func (s *Scheduler) setCPULimits(g *cpuGroup, l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.shares = defaultShares
	if l.CPUShares > 0 {
		g.shares = min(max(l.CPUShares, minShares), maxShares)
	}
	b := &g.bandwidth
	period := l.CPUPeriod
	if period <= 0 {
		period = defaultPeriod
	}
	if quota := max(l.CPUQuota, 0); quota != b.quota || period != b.period {
		b.quota, b.period = quota, period
		b.left, b.end = quota, Monotonic()+period
		s.unthrottle(g)
	}
}

// usage adds what the scheduler knows of a sandbox.
func (s *Scheduler) usage(g *cpuGroup, u *Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &g.bandwidth
	u.CPUPeriods, u.ThrottledPeriods, u.ThrottledTime = b.periods, b.throttledPeriods, b.throttledTime
	if g.throttled.Load() {
		u.ThrottledTime += Monotonic() - b.since
	}
}
