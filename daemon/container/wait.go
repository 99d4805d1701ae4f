package container

import (
	"context"

	types "github.com/moby/moby/api/types/container"
)

// Wait returns a channel that will have one answer: the exit code when the condition is met. When ctx ends before, the
// answer has its error.
func (m *Manager) Wait(ctx context.Context, ref string, condition types.WaitCondition) (<-chan types.WaitResponse, error) {
	switch condition {
	case "":
		condition = types.WaitConditionNotRunning
	case types.WaitConditionNotRunning, types.WaitConditionNextExit, types.WaitConditionRemoved:
	default:
		return nil, invalid("invalid condition: %q", condition)
	}
	c, err := m.get(ref)
	if err != nil {
		return nil, err
	}
	w := &waiter{condition: condition, ch: make(chan types.WaitResponse, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || condition == types.WaitConditionNotRunning && !c.state.Running && !c.ending {
		w.ch <- c.response()
		return w.ch, nil
	}
	c.waiters = append(c.waiters, w)
	if ctx.Done() != nil {
		w.stop = context.AfterFunc(ctx, func() { c.forget(w, ctx.Err()) })
	}
	return w.ch, nil
}

// forget ends a waiter that doesn't want to wait any more.
func (c *container) forget(w *waiter, reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, have := range c.waiters {
		if have == w {
			c.waiters = append(c.waiters[:i:i], c.waiters[i+1:]...)
			w.ch <- types.WaitResponse{StatusCode: -1, Error: &types.WaitExitError{Message: reason.Error()}}
			return
		}
	}
}

// Conditions that what happens meets.
func untilStopped(w types.WaitCondition) bool { return w != types.WaitConditionRemoved }
func untilRemoved(types.WaitCondition) bool   { return true }
