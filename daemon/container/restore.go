package container

import (
	"context"
	"errors"
	"slices"
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

// Shutdown stops all containers at once, each with its signal, and kills those that haven't ended after timeout, or
// their own stop timeout if that is longer. What their policy restarts is started by the next daemon's Restore. It
// returns when nothing runs any more; nothing can be started from its beginning on.
func (m *Manager) Shutdown(_ context.Context, timeout time.Duration) error {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	var waits []<-chan struct{}
	for _, c := range m.all() {
		c.op.Lock() // a start that was under way comes to its end
		sig, err := c.stopSignal("")
		c.op.Unlock()
		if err != nil {
			return err
		}
		c.mu.Lock()
		if c.state.Running {
			c.state.Interrupted = true
		}
		stopped := c.state.Stopped
		c.mu.Unlock()
		ended, err := m.signal(c, sig, true)
		if err != nil {
			continue // it doesn't run
		}
		c.mu.Lock()
		c.state.Stopped = stopped // not by hand
		m.saveLogged(c)
		if own := c.def.Config.StopTimeout; own != nil {
			timeout = max(timeout, time.Duration(*own)*time.Second)
		}
		c.mu.Unlock()
		waits = append(waits, ended)
	}
	late := time.NewTimer(timeout)
	defer late.Stop()
	for _, ended := range waits {
		select {
		case <-ended:
			continue
		case <-late.C:
		}
		break
	}
	var errs []error
	for _, c := range m.all() {
		c.mu.Lock()
		stopped := c.state.Stopped
		c.mu.Unlock()
		err := m.kill(c)
		if errors.Is(err, errNotRunning) {
			continue
		}
		errs = append(errs, err)
		c.mu.Lock()
		c.state.Stopped = stopped
		m.saveLogged(c)
		c.mu.Unlock()
	}
	m.restoring.Wait()
	m.tasks.Wait()
	m.cancel()
	return errors.Join(errs...)
}
