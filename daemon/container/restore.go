package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// Restore brings the containers of an earlier daemon back: those that ran when it ended without Shutdown have exited
// with code 255, what was being removed is removed, --rm takes effect, and restart policies start containers. It is
// called once, before the API serves. Starting goes on after it has returned.
func (m *Manager) Restore(context.Context) error {
	var start []*container
	for _, c := range m.all() {
		c.mu.Lock()
		s := &c.state
		removing := s.Removing
		unclean := s.Running
		if unclean {
			s.Running, s.Paused, s.Restarting, s.Pid = false, false, false, 0
			s.ExitCode, s.FinishedAt = exitUnclean, now()
			m.saveLogged(c)
		}
		def, st := c.def, *s
		c.mu.Unlock()
		for _, p := range def.Mounts {
			if p.Type != mount.TypeVolume {
				continue
			}
			if _, err := m.volumes.Mount(p.Name, c.id); err != nil {
				m.log.Warn("volume of a container is missing", "container", c.id, "volume", p.Name, "error", err)
			}
		}
		switch {
		case removing, def.HostConfig.AutoRemove && !st.StartedAt.IsZero():
			c.mu.Lock()
			s.Removing = false
			c.mu.Unlock()
			m.autoRemove(c)
		case wanted(def.HostConfig.RestartPolicy, &st, unclean):
			start = append(start, c)
		}
	}
	// Oldest first: others may depend on them.
	slices.Reverse(start)
	m.restoring.Go(func() {
		for _, c := range start {
			if err := m.start(c, true); err != nil && !errors.Is(err, ErrNotModified) && !errors.Is(err, errStopping) {
				m.log.Error("container not restarted", "container", c.id, "error", err)
			}
		}
	})
	return nil
}

// wanted tells whether the policy starts a container with the daemon.
func wanted(policy types.RestartPolicy, s *state, unclean bool) bool {
	switch policy.Name {
	case types.RestartPolicyAlways:
		return !s.StartedAt.IsZero()
	case types.RestartPolicyUnlessStopped:
		return !s.StartedAt.IsZero() && !s.Stopped
	case types.RestartPolicyOnFailure:
		return (unclean || s.Interrupted) && s.ExitCode != 0
	}
	return false
}

// Shutdown stops all containers at once, each as Stop does: a container has its stop timeout, or timeout if that is
// shorter than the default, until it is killed. What their policy restarts is started by the next daemon's Restore. It
// returns when nothing runs any more; nothing can be started from its beginning on.
func (m *Manager) Shutdown(ctx context.Context, timeout time.Duration) error {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	all := m.all()
	errs := make([]error, len(all))
	var stops sync.WaitGroup
	for i, c := range all {
		c.op.Lock() // a start that was under way comes to its end
		c.mu.Lock()
		running := c.state.Running
		c.mu.Unlock()
		c.op.Unlock()
		if running {
			stops.Go(func() { errs[i] = m.interrupt(ctx, c, timeout) })
		}
	}
	stops.Wait()
	m.restoring.Wait()
	m.tasks.Wait()
	m.cancel()
	return errors.Join(errs...)
}

// interrupt stops a container because the daemon ends, which is not a stop by hand.
func (m *Manager) interrupt(ctx context.Context, c *container, timeout time.Duration) error {
	sig, err := c.stopSignal("")
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.state.Interrupted = true
	byHand := c.state.Stopped
	seconds := int(min(timeout, stopTimeout) / time.Second)
	if own := c.def.Config.StopTimeout; own != nil && *own >= 0 {
		seconds = *own
	} else if own != nil {
		seconds = int(timeout / time.Second)
	}
	c.mu.Unlock()
	err = m.stop(ctx, c, sig, &seconds)
	c.mu.Lock()
	c.state.Stopped = byHand
	m.saveLogged(c)
	c.mu.Unlock()
	if err != nil && !errors.Is(err, errNotRunning) {
		return fmt.Errorf("stopping container %s: %w", c.id, err)
	}
	return nil
}
