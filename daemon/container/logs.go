package container

import (
	"context"
	"time"

	"github.com/containerd/errdefs"

	"github.com/sockerless/sockerless/daemon/container/logfile"
)

// errNoReading is dockerd's answer where nothing is logged.
var errNoReading = errdefs.ErrNotImplemented.WithMessage("configured logging driver does not support reading")

// LogsOptions are the parameters of GET /containers/{id}/logs.
type LogsOptions struct {
	Stdout, Stderr bool
	Follow         bool
	Timestamps     bool // the caller's to show
	Details        bool // the caller's to show: LogEntry.Attrs
	Since, Until   time.Time
	Tail           int // the last so many lines; negative for all
}

// LogEntry is a line of a container's output, or a part of a long one. Line has its newline, if it is complete.
type LogEntry = logfile.Entry

// LogReader goes over a container's log. It must be closed.
type LogReader struct {
	logReader
	streams [2]bool
	// TTY tells that the container has a terminal: its output is shown as it is, not multiplexed.
	TTY bool
}

// Logs reads a container's log. With Follow, the reader waits for more until the container stops.
func (m *Manager) Logs(_ context.Context, ref string, opts LogsOptions) (*LogReader, error) {
	if !opts.Stdout && !opts.Stderr {
		return nil, invalid("You must choose at least one stream")
	}
	c, err := m.get(ref)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	removing, tty := c.state.Removing, c.def.Config.Tty
	c.mu.Unlock()
	if removing {
		return nil, conflict("can not get logs from container which is dead or marked for removal")
	}
	if c.logErr != nil {
		return nil, c.logErr
	}
	if c.log == nil {
		return nil, errNoReading
	}
	r, err := c.log.Read(logfile.ReadOptions{Since: opts.Since, Until: opts.Until, Tail: opts.Tail, Follow: opts.Follow})
	if err != nil {
		return nil, err
	}
	return &LogReader{logReader: r, streams: [2]bool{opts.Stdout, opts.Stderr}, TTY: tty}, nil
}

// Next returns the next entry, valid until the next call. The error is io.EOF at the end, or that of ctx.
func (l *LogReader) Next(ctx context.Context) (LogEntry, error) {
	for {
		e, err := l.logReader.Next(ctx)
		if err != nil || l.streams[e.Stream] {
			return e, err
		}
	}
}
