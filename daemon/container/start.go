package container

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Start starts a container. The error matches ErrNotModified when it runs already; when the program can't be started it
// has dockerd's text, and the container has the exit code 126, 127 or 128.
func (m *Manager) Start(_ context.Context, ref string) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	return m.start(c, true)
}

// start starts a container, by hand or by its restart policy.
func (m *Manager) start(c *container, byHand bool) error {
	c.op.Lock()
	err := m.startLocked(c, byHand)
	c.op.Unlock()
	if _, failed := err.(*startError); failed {
		def, _ := c.snapshot()
		if def.HostConfig.AutoRemove {
			m.autoRemove(c)
		}
	}
	return err
}

// startError marks errors of starting the program, as against those of the container's state.
type startError struct{ error }

func (e *startError) Unwrap() error { return e.error }

// startLocked is start with c.op held.
func (m *Manager) startLocked(c *container, byHand bool) error {
	c.mu.Lock()
	if byHand {
		c.cancelStop = false
	} else if c.cancelStop && c.state.Restarting { // stopped when it was just due
		c.state.Running, c.state.Restarting = false, false
		m.saveLogged(c)
		c.notify(untilStopped)
	}
	def, st := c.def, c.state
	gone := c.gone
	c.mu.Unlock()
	switch {
	case gone:
		return noSuchContainer(c.id)
	case st.Removing:
		return conflict("container is marked for removal and cannot be started")
	case st.Paused:
		return conflict("cannot start a paused container, try unpause instead")
	case st.alive(), st.Restarting && byHand:
		return ErrNotModified
	case !st.Restarting && !byHand:
		return nil // stopped while it waited for its restart
	}
	m.mu.RLock()
	stopping := m.stopping
	m.mu.RUnlock()
	if stopping {
		return errStopping
	}

	code, err := m.run(c, &def)
	if err != nil {
		c.mu.Lock()
		s := &c.state
		s.Running, s.Restarting, s.Pid = false, false, 0
		s.ExitCode, s.Error = code, err.Error()
		m.saveLogged(c)
		if st.Restarting {
			c.notify(untilStopped)
		} // otherwise who waits for an end goes on waiting, as with dockerd: nothing has ended
		c.mu.Unlock()
		c.streams.end()
		return &startError{err}
	}
	if byHand {
		c.mu.Lock()
		c.restart.reset()
		c.mu.Unlock()
	}
	m.startHealth(c)
	return nil
}

// run opens the sandbox and starts the program in it; with an error comes the container's exit code.
func (m *Manager) run(c *container, def *definition) (int, error) {
	for _, network := range def.Networks {
		if !knownNetwork(network) {
			return exitUnknown, notFound("failed to set up container networking: network %s not found", network)
		}
	}
	box, err := m.acquire(c)
	if err != nil {
		return exitUnknown, err
	}
	attrs, err := m.logAttrs(c.id, def)
	if err = errors.Join(c.logErr, err); err != nil {
		m.release(c)
		return exitUnknown, fmt.Errorf("failed to create task for container: failed to initialize logging driver: %w", err)
	}
	m.emitVolumes(c, events.ActionMount)
	if c.log != nil {
		c.log.Begin(attrs)
	}
	proc, err := box.Start(processConfig(def, c.streams))
	if err != nil {
		m.release(c)
		m.emitVolumes(c, events.ActionUnmount)
		if c.log != nil {
			c.log.End()
		}
		return startFailure(err)
	}

	c.mu.Lock()
	s := &c.state
	s.Running, s.Paused, s.Restarting, s.OOMKilled, s.Stopped, s.Interrupted, s.Opened = true, false, false, false, false, false, true
	s.Pid, s.ExitCode, s.Error = proc.Pid(), 0, ""
	s.StartedAt = now()
	c.proc = proc
	canceled := c.cancelStop // while it was being restarted
	m.saveLogged(c)
	c.mu.Unlock()
	// The program may have ended by now. Its end is handled after this: that needs c.op.
	m.emit(c, events.ActionStart)
	c.streams.begin(proc.Stdin())
	if canceled {
		proc.Signal(abi.SIGKILL)
	}
	m.tasks.Add(1)
	go m.watch(c, box, proc)
	return 0, nil
}

// knownNetwork tells the networks that there are before there are networks.
func knownNetwork(name string) bool {
	switch name {
	case "bridge", "host", "none":
		return true
	}
	return false
}

// watch waits for the end of a container's program.
func (m *Manager) watch(c *container, box Sandbox, proc Process) {
	defer m.tasks.Done()
	<-proc.Done()
	c.op.Lock()
	removeIt := m.ended(c, box, proc)
	c.op.Unlock()
	if removeIt {
		m.autoRemove(c)
	}
}

// ended brings a container whose program has ended to rest, or on its way to the next start; c.op is held. It reports
// whether the container is to be removed.
func (m *Manager) ended(c *container, box Sandbox, proc Process) (removeIt bool) {
	code := proc.Status().ShellCode()
	oom := proc.OOMKilled() || box.Usage().OOMKills > 0
	m.stopHealth(c)
	c.streams.end()
	if c.log != nil {
		if err := c.log.End(); err != nil {
			m.log.Error("container output is not logged", "container", c.id, "error", err)
		}
	}
	m.release(c)
	if oom {
		m.emit(c, events.ActionOOM)
	}

	m.mu.RLock()
	stopping := m.stopping
	m.mu.RUnlock()
	c.mu.Lock()
	s := &c.state
	took := time.Since(s.StartedAt)
	delay, again := c.restart.next(c.def.HostConfig.RestartPolicy, code, took, c.cancelStop || stopping, s.Stopped)
	s.Running, s.Restarting, s.Paused = again, again, false
	s.Pid, s.ExitCode, s.OOMKilled, s.FinishedAt = 0, code, oom, now()
	if again {
		s.RestartCount++
	}
	c.proc, c.ending = nil, true
	m.saveLogged(c)
	c.mu.Unlock()
	// Whoever waits for the end finds everything told.
	m.emit(c, events.ActionDie, "execDuration", strconv.Itoa(int(took.Seconds())), "exitCode", strconv.Itoa(code))
	m.emitVolumes(c, events.ActionUnmount)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = false
	c.notify(untilStopped)
	if again {
		c.restart.timer = time.AfterFunc(delay, func() { m.restartByPolicy(c) })
		return false
	}
	return c.def.HostConfig.AutoRemove && !c.restart.byHand
}

// restartByPolicy starts a container after its delay. When that fails, it is as if the program had ended at once.
func (m *Manager) restartByPolicy(c *container) {
	err := m.start(c, false)
	if err == nil {
		return
	}
	m.log.Warn("container not restarted", "container", c.id, "error", err)
}
