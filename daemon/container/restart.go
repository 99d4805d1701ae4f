package container

import (
	"time"

	types "github.com/moby/moby/api/types/container"
)

// Delays between the end of a program and its restart: they double, until it has run for long enough.
const (
	restartDelay    = 100 * time.Millisecond
	maxRestartDelay = time.Minute
	steadyRun       = 10 * time.Second
)

// restarts applies a restart policy to the ends of a container's program. container.mu guards it.
type restarts struct {
	delay  time.Duration
	count  int
	timer  *time.Timer // of the restart that is due
	byHand bool        // Restart is under way: its stop is not the end
}

// next decides whether a program that has ended is started again, and after what delay. canceled says that it was
// stopped on purpose, stopped that this was remembered from before.
func (r *restarts) next(policy types.RestartPolicy, code int, took time.Duration, canceled, stopped bool) (time.Duration, bool) {
	if canceled {
		return 0, false
	}
	if took >= steadyRun {
		r.delay = 0
	}
	if r.delay == 0 {
		r.delay = restartDelay
	} else {
		r.delay = min(2*r.delay, maxRestartDelay)
	}
	again := false
	switch policy.Name {
	case types.RestartPolicyAlways:
		again = true
	case types.RestartPolicyUnlessStopped:
		again = !stopped
	case types.RestartPolicyOnFailure:
		again = code != 0 && (policy.MaximumRetryCount == 0 || r.count < policy.MaximumRetryCount)
	}
	if again {
		r.count++
	}
	return r.delay, again
}

// reset forgets what was, after a start by hand.
func (r *restarts) reset() { r.delay, r.count = 0, 0 }

// cancel stops a restart that is due, and reports whether there was one that now won't begin.
func (r *restarts) cancel() bool {
	if r.timer == nil {
		return false
	}
	stopped := r.timer.Stop()
	r.timer = nil
	return stopped
}
