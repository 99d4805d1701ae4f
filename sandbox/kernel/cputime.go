package kernel

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// CPUTimer is a timer of CPU time (setitimer(2)). There is no system time apart from the program's, so both run alike.
type CPUTimer int

// Timers of CPU time.
const (
	VirtualTimer   CPUTimer = iota // ITIMER_VIRTUAL: SIGVTALRM
	ProfilingTimer                 // ITIMER_PROF: SIGPROF
)

// cpuTimers are what happens when a task has used so much CPU time. A computing task looks at next when it yields.
type cpuTimers struct {
	next atomic.Int64 // nanoseconds of CPU time; 0 is never

	mu     sync.Mutex
	timers [2]struct{ due, interval time.Duration } // due is 0 when it is off
	warn   time.Duration                            // when SIGXCPU comes next; 0 before the first
}

// SetCPUTimer sets a timer as SetTimer does, but of CPU time. A child has its own; execve(2) keeps it.
func (t *Task) SetCPUTimer(which CPUTimer, after, interval time.Duration) (left, every time.Duration) {
	left, every = t.CPUTimer(which)
	c := &t.cpuTimers
	c.mu.Lock()
	c.timers[which].due, c.timers[which].interval = 0, interval
	if after > 0 {
		c.timers[which].due = t.CPU() + after
	}
	c.mu.Unlock()
	t.clockCPU()
	return left, every
}

// CPUTimer returns the CPU time until the timer's next signal, 0 when there will be none, and its interval.
func (t *Task) CPUTimer(which CPUTimer) (left, interval time.Duration) {
	c := &t.cpuTimers
	c.mu.Lock()
	defer c.mu.Unlock()
	if due := c.timers[which].due; due != 0 {
		left = max(due-t.CPU(), 1)
	}
	return left, c.timers[which].interval
}

// clockCPU works out when something is due next.
func (t *Task) clockCPU() {
	c := &t.cpuTimers
	c.mu.Lock()
	defer c.mu.Unlock()
	next := time.Duration(math.MaxInt64)
	for i := range c.timers {
		if due := c.timers[i].due; due != 0 {
			next = min(next, due)
		}
	}
	if l := t.Limit(abi.RLIMIT_CPU); l.Cur != abi.RLIM_INFINITY || l.Max != abi.RLIM_INFINITY {
		next = min(next, max(cpuLimit(l.Cur), c.warn), cpuLimit(l.Max))
	}
	if next == math.MaxInt64 {
		next = 0
	}
	c.next.Store(int64(next))
}

// cpuLimit converts seconds. 0 is as 1, so that a program may start.
func cpuLimit(seconds uint64) time.Duration {
	if seconds > math.MaxInt64/uint64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(max(seconds, 1)) * time.Second
}

// cpuDue sends the signals that are due: past RLIMIT_CPU, SIGXCPU at the soft limit and each second after it, and SIGKILL
// at the hard one.
func (t *Task) cpuDue() {
	now := t.CPU()
	c := &t.cpuTimers
	var signals []abi.Signal
	c.mu.Lock()
	for i, s := range []abi.Signal{VirtualTimer: abi.SIGVTALRM, ProfilingTimer: abi.SIGPROF} {
		if timer := &c.timers[i]; timer.due != 0 && now >= timer.due {
			signals = append(signals, s)
			if timer.due = 0; timer.interval > 0 {
				timer.due = now + timer.interval
			}
		}
	}
	switch l := t.Limit(abi.RLIMIT_CPU); {
	case now >= cpuLimit(l.Max):
		signals = append(signals, abi.SIGKILL)
	case now >= max(cpuLimit(l.Cur), c.warn):
		signals = append(signals, abi.SIGXCPU)
		c.warn = now + time.Second
	}
	c.mu.Unlock()
	t.clockCPU()
	for _, s := range signals {
		t.Signal(s)
	}
}
