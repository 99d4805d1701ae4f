package container

import (
	"context"
	"slices"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// What applies where a health check leaves it open, and bounds of what is kept of its results.
const (
	probeInterval      = 30 * time.Second
	probeTimeout       = 30 * time.Second
	probeStartInterval = 5 * time.Second
	probeRetries       = 3
	probesKept         = 5
	probeOutput        = 4096 // bytes
)

// mergeHealth takes over from the image what the container's health check leaves open.
func mergeHealth(c *types.Config, base *types.HealthConfig) error {
	switch {
	case base == nil:
	case c.Healthcheck == nil:
		c.Healthcheck = base
	default:
		own := *c.Healthcheck
		if len(own.Test) == 0 {
			own.Test = base.Test
		}
		own.Interval = first(own.Interval, base.Interval)
		own.Timeout = first(own.Timeout, base.Timeout)
		own.StartPeriod = first(own.StartPeriod, base.StartPeriod)
		own.StartInterval = first(own.StartInterval, base.StartInterval)
		own.Retries = first(own.Retries, base.Retries)
		c.Healthcheck = &own
	}
	h := c.Healthcheck
	if h == nil {
		return nil
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"Interval", h.Interval}, {"Timeout", h.Timeout}, {"StartPeriod", h.StartPeriod}, {"StartInterval", h.StartInterval}} {
		if d.d != 0 && d.d < types.MinimumDuration {
			return invalid("%s in Healthcheck cannot be less than %s", d.name, types.MinimumDuration)
		}
	}
	if h.Retries < 0 {
		return invalid("Retries in Healthcheck cannot be negative")
	}
	return nil
}

// first returns the first value that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// health is the health of a container that has a check, since its last start. container.mu guards it.
type health struct {
	types.Health
	started time.Time
	timer   *time.Timer // of the next probe
	cancel  context.CancelFunc
}

// probeCommand is what the health check runs; nil when there is none.
func probeCommand(c *types.Config) []string {
	h := c.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	switch h.Test[0] {
	case "CMD":
		return h.Test[1:]
	case "CMD-SHELL":
		shell := c.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(slices.Clone(shell), h.Test[1:]...)
	}
	return nil
}

// healthState is what inspect shows; c.mu is held.
func (c *container) healthState() *types.Health {
	if c.health == nil {
		return nil
	}
	h := c.health.Health
	h.Log = slices.Clone(h.Log)
	return &h
}

// startHealth begins to check a container that has been started.
func (m *Manager) startHealth(c *container) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil || probeCommand(c.def.Config) == nil {
		c.health = nil
		return
	}
	ctx, cancel := context.WithCancel(m.ctx)
	h := &health{Health: types.Health{Status: types.Starting, Log: []*types.HealthcheckResult{}}, started: time.Now(), cancel: cancel}
	c.health = h
	m.scheduleProbe(ctx, c, h)
}

// scheduleProbe sets the time of the next probe; c.mu is held. Between probes nothing runs.
func (m *Manager) scheduleProbe(ctx context.Context, c *container, h *health) {
	check := c.def.Config.Healthcheck
	delay := first(check.Interval, probeInterval)
	if h.Status == types.Starting && check.StartPeriod > 0 && time.Since(h.started) < check.StartPeriod {
		delay = min(delay, first(check.StartInterval, probeStartInterval))
	}
	h.timer = time.AfterFunc(delay, func() { m.probe(ctx, c, h) })
}

// stopHealth ends the checks of a container whose program has ended.
func (m *Manager) stopHealth(c *container) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health != nil && c.health.timer != nil {
		c.health.timer.Stop()
		c.health.cancel()
	}
}

// probe runs the check once and draws the conclusion.
func (m *Manager) probe(ctx context.Context, c *container, h *health) {
	c.mu.Lock()
	config := c.def.Config
	paused := c.state.Paused
	c.mu.Unlock()
	if paused {
		c.mu.Lock()
		if ctx.Err() == nil {
			m.scheduleProbe(ctx, c, h)
		}
		c.mu.Unlock()
		return
	}
	r := m.runProbe(ctx, c, config)
	c.mu.Lock()
	if ctx.Err() != nil { // the container has been stopped meanwhile
		c.mu.Unlock()
		return
	}
	before := h.Status
	if h.Log = append(h.Log, r); len(h.Log) > probesKept {
		h.Log = h.Log[1:]
	}
	check := config.Healthcheck
	switch {
	case r.ExitCode == 0:
		h.FailingStreak, h.Status = 0, types.Healthy
	case h.Status == types.Starting && r.Start.Sub(h.started) < check.StartPeriod:
		// Failing is allowed while it starts.
	default:
		if h.FailingStreak++; h.FailingStreak >= first(check.Retries, probeRetries) {
			h.Status = types.Unhealthy
		}
	}
	after := h.Status
	m.scheduleProbe(ctx, c, h)
	c.mu.Unlock()
	if before != after {
		m.emit(c, events.ActionHealthStatus+": "+events.Action(after))
	}
}

// runProbe runs the check as an exec.
func (m *Manager) runProbe(ctx context.Context, c *container, config *types.Config) *types.HealthcheckResult {
	r := &types.HealthcheckResult{Start: time.Now(), ExitCode: -1}
	timeout := first(config.Healthcheck.Timeout, probeTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e := m.newExec(c, types.ExecCreateRequest{Cmd: probeCommand(config), AttachStdout: true, AttachStderr: true}, nil)
	cl := e.streams.attach(true, true, nil)
	defer cl.detach()
	m.emit(c, events.ActionExecCreate+": "+events.Action(e.command()), "execID", e.id)
	out := &bounded{max: probeOutput}
	if err := m.startExec(e, nil, false); err != nil {
		r.End, r.Output = time.Now(), err.Error()
		return r
	}
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		proc := e.proc
		c.mu.Unlock()
		if proc != nil {
			proc.Signal(abi.SIGKILL)
		}
	})
	defer stop()
	// The output ends with the program; bounded never fails.
	_ = cl.copyTo(out, out)
	<-e.done
	r.End, r.Output = time.Now(), out.String()
	if ctx.Err() != nil {
		r.Output = "Health check exceeded timeout (" + timeout.String() + ")"
		return r
	}
	c.mu.Lock()
	r.ExitCode = *e.exitCode
	c.mu.Unlock()
	return r
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	max int
	buf []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p[:min(len(p), b.max-len(b.buf))]...)
	return len(p), nil
}

func (b *bounded) String() string { return string(b.buf) }
