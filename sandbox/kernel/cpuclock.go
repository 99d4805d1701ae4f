package kernel

import (
	"sync/atomic"
	"time"
)

// cpuClock counts the time that a task runs. It stops while the task is blocked, stopped, throttled or queues for a
// processor, and is right for a task that holds a processor of Go's. Two things it cannot see, and counts: that the
// host's kernel runs another process on the thread, and a blocking call of the host (a read of a cold file).
//
// It is one number, so that readers never see time go back: the moment from which the task would have run had it never
// stopped while it runs; less than zero, minus one and the time so far, while it is stopped. Its owner starts and stops
// it, anyone reads.
type cpuClock struct{ v atomic.Int64 }

func (c *cpuClock) init() { c.v.Store(-1) }

func (c *cpuClock) start() { c.v.Store(int64(Monotonic()) + c.v.Load() + 1) }

func (c *cpuClock) stop() { c.v.Store(-1 - int64(c.read())) }

// read returns the time run so far.
func (c *cpuClock) read() time.Duration {
	if v := c.v.Load(); v >= 0 {
		return Monotonic() - time.Duration(v)
	} else {
		return time.Duration(-1 - v)
	}
}
