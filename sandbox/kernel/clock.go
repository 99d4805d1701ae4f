package kernel

import (
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// epoch is where CLOCK_MONOTONIC begins. All sandboxes share it, because a program's start state may be made once for
// all of them, with the clock in it.
var epoch = time.Now().Add(-time.Second)

// Monotonic reads CLOCK_MONOTONIC (clock_gettime(2)); it is never zero.
func Monotonic() time.Duration { return time.Since(epoch) }

// alarm is a task's timer of real time (ITIMER_REAL).
type alarm struct {
	mu       sync.Mutex
	timer    *time.Timer // nil: none was set
	due      time.Time   // zero: not running
	interval time.Duration
}

// SetTimer sets the timer that sends SIGALRM after a time and, when interval is not zero, again and again
// (setitimer(2), ITIMER_REAL); zero stops it. It returns what Timer did before. execve(2) keeps it, a child has its own.
func (t *Task) SetTimer(after, interval time.Duration) (left, every time.Duration) {
	a := &t.alarm
	a.mu.Lock()
	defer a.mu.Unlock()
	left, every = a.left()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.due, a.interval = time.Time{}, interval
	if after > 0 {
		a.due = time.Now().Add(after)
		a.timer = time.AfterFunc(after, t.ring)
	}
	return left, every
}

// Timer returns the time until the next SIGALRM, 0 when there will be none, and the interval of the further ones.
func (t *Task) Timer() (left, interval time.Duration) {
	t.alarm.mu.Lock()
	defer t.alarm.mu.Unlock()
	return t.alarm.left()
}

func (a *alarm) left() (left, interval time.Duration) {
	if !a.due.IsZero() {
		left = max(time.Until(a.due), 1)
	}
	return left, a.interval
}

// ring is called when the timer fires; it may have been set anew meanwhile.
func (t *Task) ring() {
	a := &t.alarm
	a.mu.Lock()
	if a.due.IsZero() || time.Now().Before(a.due) {
		a.mu.Unlock()
		return
	}
	a.due = time.Time{}
	if a.interval > 0 {
		a.due = time.Now().Add(a.interval)
		a.timer = time.AfterFunc(a.interval, t.ring)
	}
	a.mu.Unlock()
	t.Signal(abi.SIGALRM)
}
