package container

import (
	"context"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"

	"github.com/sockerless/sockerless/daemon/container/jsonlog"
)

// Names of log drivers.
const (
	logJSONFile = "json-file"
	logNone     = "none"
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
type LogEntry = jsonlog.Entry

// LogReader goes over a container's log. It must be closed.
type LogReader struct {
	r       *jsonlog.Reader
	streams [2]bool
	// TTY tells that the container has a terminal: its output is shown as it is, not multiplexed.
	TTY bool
}

// Logs reads a container's log. With Follow, the reader waits for more until the container stops.
func (m *Manager) Logs(_ context.Context, ref string, opts LogsOptions) (*LogReader, error) {
	if !opts.Stdout && !opts.Stderr {
		return nil, invalid("You must choose at least one stream")
	}
	if !opts.Until.IsZero() && opts.Until.Before(opts.Since) {
		return nil, invalid("`until` time cannot be before `since` time")
	}
	c, err := m.get(ref)
	if err != nil {
		return nil, err
	}
	if c.log == nil {
		return nil, errNoReading
	}
	r, err := c.log.Read(jsonlog.ReadOptions{Since: opts.Since, Until: opts.Until, Tail: opts.Tail, Follow: opts.Follow})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &LogReader{r: r, streams: [2]bool{opts.Stdout, opts.Stderr}, TTY: c.def.Config.Tty}, nil
}

// Next returns the next entry, valid until the next call. The error is io.EOF at the end, or that of ctx.
func (l *LogReader) Next(ctx context.Context) (LogEntry, error) {
	for {
		e, err := l.r.Next(ctx)
		if err != nil || l.streams[e.Stream] {
			return e, err
		}
	}
}

// Close ends the reading.
func (l *LogReader) Close() error { return l.r.Close() }

// logOptions checks a container's log configuration.
func logOptions(id string, def *definition) (jsonlog.Options, error) {
	cfg := def.HostConfig.LogConfig
	var opts jsonlog.Options
	switch cfg.Type {
	case logNone:
		return opts, nil
	case logJSONFile, "":
	default:
		return opts, invalid("error looking up logging plugin %[1]s: plugin %[1]q not found", cfg.Type)
	}
	for key, value := range cfg.Config {
		switch key {
		case "max-size":
			n, err := units.FromHumanSize(value)
			if err != nil || n <= 0 && value != "-1" {
				return opts, invalid("invalid value for max-size: %s", value)
			}
			opts.MaxSize = max(n, 0)
		case "max-file":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return opts, invalid("max-file cannot be less than 1")
			}
			opts.MaxFiles = n
		case "mode":
			if value != "blocking" && value != "non-blocking" {
				return opts, invalid("logger: logging mode not supported: %s", value)
			}
		case "max-buffer-size": // of non-blocking mode: writing never blocks here
		case "compress":
			if on, err := strconv.ParseBool(value); err != nil || on {
				return opts, invalid("log option compress=%s is not supported", value)
			}
		case "labels", "labels-regex", "env", "env-regex", "tag":
		default:
			return opts, invalid("unknown log opt '%s' for json-file log driver", key)
		}
	}
	if opts.MaxFiles > 1 && opts.MaxSize == 0 {
		return opts, invalid("max-file cannot be set when max-size is not")
	}
	var err error
	opts.Attrs, err = logAttrs(id, def, cfg.Config)
	return opts, err
}

// logAttrs are what the options labels, env and tag add to each entry.
func logAttrs(id string, def *definition, options map[string]string) (map[string]string, error) {
	attrs := map[string]string{}
	choose := func(option string, values iter.Seq2[string, string]) error {
		names := strings.Split(options[option], ",")
		var match *regexp.Regexp
		if pattern := options[option+"-regex"]; pattern != "" {
			var err error
			if match, err = regexp.Compile(pattern); err != nil {
				return invalid("invalid log option %s-regex: %v", option, err)
			}
		}
		for k, v := range values {
			if slices.Contains(names, k) || match != nil && match.MatchString(k) {
				attrs[k] = v
			}
		}
		return nil
	}
	variables := func(yield func(k, v string) bool) {
		for _, e := range def.Config.Env {
			if k, v, ok := strings.Cut(e, "="); ok && !yield(k, v) {
				return
			}
		}
	}
	if err := choose("labels", maps.All(def.Config.Labels)); err != nil {
		return nil, err
	}
	if err := choose("env", variables); err != nil {
		return nil, err
	}
	if tag := options["tag"]; tag != "" {
		r := strings.NewReplacer("{{.ID}}", shortID(id), "{{.FullID}}", id, "{{.ImageName}}", def.Config.Image, "{{.Name}}", def.Name)
		if tag = r.Replace(tag); strings.Contains(tag, "{{") {
			return nil, invalid("log option tag: template not supported: %s", tag)
		}
		attrs["tag"] = tag
	}
	return attrs, nil
}
