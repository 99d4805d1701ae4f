package container

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/sandbox/abi"
)

const (
	// stopTimeout is how long a program has to end after its stop signal, unless the container says otherwise.
	stopTimeout = 10 * time.Second
	// killTimeout is how long SIGKILL may take.
	killTimeout = 10 * time.Second
)

// Stop asks a container's program to end: by signal, "" for the container's own, and after timeout seconds, nil for the
// container's, -1 for never, by SIGKILL. The error matches ErrNotModified when it doesn't run.
func (m *Manager) Stop(ctx context.Context, ref, signal string, timeout *int) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	c.mu.Lock()
	running := c.state.Running
	c.mu.Unlock()
	if !running {
		return ErrNotModified
	}
	sig, err := c.stopSignal(signal)
	if err != nil {
		return fmt.Errorf("cannot stop container: %s: %w", ref, err)
	}
	if err := m.stop(ctx, c, sig, timeout); err != nil && !errors.Is(err, errNotRunning) {
		return fmt.Errorf("cannot stop container: %s: %w", ref, err)
	}
	m.emit(c, events.ActionStop)
	return nil
}

// stopSignal reads a signal, "" for the container's.
func (c *container) stopSignal(text string) (abi.Signal, error) {
	if text == "" {
		c.mu.Lock()
		text = c.def.Config.StopSignal
		c.mu.Unlock()
	}
	return parseSignal(text, abi.SIGTERM)
}

// readSignal reads a signal by its name or number. As dockerd does, it takes any number: that there is such a signal
// matters when it is sent.
func readSignal(text string) (abi.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n != 0 {
		return abi.Signal(max(min(n, 1<<16), -1)), nil
	}
	sig, ok := abi.ParseSignal(text)
	if !ok {
		return 0, invalid("invalid signal: %s", text)
	}
	return sig, nil
}

func parseSignal(text string, fallback abi.Signal) (abi.Signal, error) {
	if text == "" {
		return fallback, nil
	}
	sig, err := readSignal(text)
	if err == nil && !sig.Valid() {
		return 0, invalid("the linux daemon does not support signal %s", text)
	}
	return sig, err
}

// stop ends a container and waits for that.
func (m *Manager) stop(ctx context.Context, c *container, sig abi.Signal, timeout *int) error {
	c.mu.Lock()
	if timeout == nil {
		timeout = c.def.Config.StopTimeout
	}
	c.mu.Unlock()
	patience := stopTimeout
	if timeout != nil {
		patience = time.Duration(*timeout) * time.Second
	}
	ended, err := m.signal(c, sig, true)
	if err != nil {
		return err
	}
	var late <-chan time.Time
	if patience >= 0 {
		t := time.NewTimer(patience)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-ended:
		return nil
	case <-late:
	case <-ctx.Done():
		// As with dockerd, who asked is gone, but a stop that has begun is brought to its end.
		select {
		case <-ended:
			return nil
		case <-late:
		case <-m.ctx.Done():
		}
	}
	return m.kill(c)
}

// kill ends a container by SIGKILL and waits for that.
func (m *Manager) kill(c *container) error {
	ended, err := m.signal(c, abi.SIGKILL, true)
	if err != nil {
		return err
	}
	t := time.NewTimer(killTimeout)
	defer t.Stop()
	select {
	case <-ended:
		return nil
	case <-t.C:
		return fmt.Errorf("tried to kill container, but did not receive an exit event")
	}
}

// errNotRunning says that there is nothing to send a signal to.
var errNotRunning = errors.New("not running")

// signal sends a signal to a container's program. With final, the policy doesn't restart it when it ends, a container
// that waits for its restart stops at once, and the channel closes when the container has stopped; otherwise it is nil.
func (m *Manager) signal(c *container, sig abi.Signal, final bool) (<-chan struct{}, error) {
	c.mu.Lock()
	s := &c.state
	if !s.Running {
		c.mu.Unlock()
		return nil, errNotRunning
	}
	var ended chan struct{}
	if final {
		c.cancelStop, s.Stopped = true, true
		ended = make(chan struct{})
		c.onStop(ended)
		if s.Restarting && c.restart.cancel() {
			s.Running, s.Restarting = false, false
			c.notify(untilStopped)
		}
		m.saveLogged(c)
	}
	proc, paused := c.proc, s.Paused
	c.mu.Unlock()
	if proc == nil { // between two runs
		return ended, nil
	}
	m.emit(c, events.ActionKill, "signal", strconv.Itoa(int(sig)))
	proc.Signal(sig)
	if paused && final {
		if err := m.unpause(c); err != nil && !errors.Is(err, errNotPaused) {
			return nil, err
		}
	}
	return ended, nil
}

// onStop closes ended when the container stops; c.mu is held.
func (c *container) onStop(ended chan struct{}) {
	w := &waiter{condition: types.WaitConditionNextExit, ch: make(chan types.WaitResponse, 1)}
	w.stop = func() bool { close(ended); return true }
	c.waiters = append(c.waiters, w)
}

// Kill sends a signal to a container's program, "" for SIGKILL, whose effect it waits for.
func (m *Manager) Kill(_ context.Context, ref, signal string) error {
	sig, err := parseSignal(signal, abi.SIGKILL)
	if err != nil {
		return fmt.Errorf("cannot kill container: %s: %w", ref, err)
	}
	c, err := m.get(ref)
	if err != nil {
		return fmt.Errorf("cannot kill container: %s: %w", ref, err)
	}
	send := func() error {
		if sig == abi.SIGKILL {
			return m.kill(c)
		}
		c.mu.Lock()
		own := c.def.Config.StopSignal
		c.mu.Unlock()
		// dockerd's rule: without a stop signal of its own, any signal by hand is the container's last.
		last, _ := parseSignal(own, sig)
		_, err := m.signal(c, sig, last == sig)
		return err
	}
	if err = send(); errors.Is(err, errNotRunning) {
		c.settle() // a client may see the program's first words before its start is recorded
		err = send()
	}
	if errors.Is(err, errNotRunning) {
		return conflict("cannot kill container: %s: container %s is not running", ref, c.id)
	}
	return err
}

// settle waits for a start or stop that is under way.
func (c *container) settle() {
	c.op.Lock()
	defer c.op.Unlock()
}

// Restart stops a container if it runs, as Stop does, and starts it.
func (m *Manager) Restart(ctx context.Context, ref, signal string, timeout *int) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	sig, err := c.stopSignal(signal)
	if err != nil {
		return fmt.Errorf("Cannot restart container %s: %w", ref, err)
	}
	c.mu.Lock()
	c.restart.byHand = true
	c.mu.Unlock()
	if err = m.stop(ctx, c, sig, timeout); err == nil {
		m.emit(c, events.ActionStop)
	}
	if err == nil || errors.Is(err, errNotRunning) {
		err = m.start(c, true)
	}
	c.mu.Lock()
	c.restart.byHand = false
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("Cannot restart container %s: %w", ref, err)
	}
	m.emit(c, events.ActionRestart)
	return nil
}

// errNotPaused says that there is nothing to unpause.
var errNotPaused = errors.New("not paused")

// Pause stops all programs of a container where they are.
func (m *Manager) Pause(_ context.Context, ref string) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	c.mu.Lock()
	st := c.state
	if st.alive() && !st.Paused {
		c.state.Paused = true
		m.saveLogged(c)
	}
	c.mu.Unlock()
	switch {
	case !st.Running:
		return notRunning(c.id)
	case st.Paused:
		return conflict("container %s is already paused", c.id)
	case st.Restarting:
		return conflict("Container %s is restarting, wait until the container is running", c.id)
	}
	c.box.open().Pause() // it runs, and can't end while c.op is held
	m.emit(c, events.ActionPause)
	return nil
}

// Unpause lets them go on.
func (m *Manager) Unpause(_ context.Context, ref string) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	if err := m.unpause(c); errors.Is(err, errNotPaused) {
		return conflict("Container %s is not paused", c.id)
	} else if err != nil {
		return err
	}
	return nil
}

func (m *Manager) unpause(c *container) error {
	c.op.Lock()
	defer c.op.Unlock()
	c.mu.Lock()
	paused := c.state.Paused
	if paused {
		c.state.Paused = false
		m.saveLogged(c)
	}
	c.mu.Unlock()
	if !paused {
		return errNotPaused
	}
	c.box.open().Resume()
	m.emit(c, events.ActionUnPause)
	return nil
}
