package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types"
	containertypes "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/daemon/container"
)

func (s *Server) streamRoutes() {
	s.handle("POST", "/containers/{name:.+}/attach", s.attach)
	s.handle("GET", "/containers/{name:.+}/attach/ws", s.attachWebsocket)
	s.handle("POST", "/containers/{name:.+}/wait", s.wait)
	s.handle("GET", "/containers/{name:.+}/export", s.exportContainer)
	s.handle("POST", "/commit", s.commit)
	s.handle("GET", "/containers/{name:.+}/logs", s.logs)
	s.handle("GET", "/containers/{name:.+}/stats", s.stats)
	s.handle("GET", "/containers/{name:.+}/archive", s.getArchive)
	s.handle("HEAD", "/containers/{name:.+}/archive", s.headArchive)
	s.handle("PUT", "/containers/{name:.+}/archive", s.putArchive)
}

// attach answers POST /containers/{id}/attach.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) error {
	opts := container.AttachOptions{
		Stdin: boolParam(r, "stdin"), Stdout: boolParam(r, "stdout"), Stderr: boolParam(r, "stderr"),
		Stream: boolParam(r, "stream"), Logs: boolParam(r, "logs"), DetachKeys: r.Form.Get("detachKeys"),
	}
	tty, err := s.backend.Containers.TTY(name(r))
	if err != nil {
		return err
	}
	var conn net.Conn
	ctx, cancel := s.streamContext(r)
	defer cancel()
	err = s.backend.Containers.Attach(ctx, name(r), opts, func() (container.AttachStreams, error) {
		c, in, err := hijack(w, r, tty, nil)
		if err != nil {
			return container.AttachStreams{}, err
		}
		conn = c
		st := container.AttachStreams{Out: conn, Err: conn, Hangup: hangup(conn)}
		if opts.Stdin {
			st.In = in
		}
		if !tty {
			st.Out, st.Err = newMux(conn)
		}
		return st, nil
	})
	if conn == nil {
		return err
	}
	s.endStream(conn, err)
	return nil
}

// endStream closes a connection that was taken over.
func (s *Server) endStream(conn net.Conn, err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		s.log.Debug("stream ended", "error", err)
	}
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	conn.Close()
}

// wait answers POST /containers/{id}/wait. The header goes out at once: clients start the container when they see it.
func (s *Server) wait(w http.ResponseWriter, r *http.Request) error {
	cond := containertypes.WaitCondition(r.Form.Get("condition"))
	switch cond {
	case "":
		cond = containertypes.WaitConditionNotRunning
	case containertypes.WaitConditionNotRunning, containertypes.WaitConditionNextExit, containertypes.WaitConditionRemoved:
	default:
		return badRequest(fmt.Errorf("invalid condition: %q", cond))
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	result, err := s.backend.Containers.Wait(ctx, name(r), cond)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if atLeast(r, "1.30") {
		w.WriteHeader(http.StatusOK)
		flush(w)
	}
	select {
	case res, ok := <-result:
		if !ok {
			return ctx.Err()
		}
		return json.NewEncoder(w).Encode(res)
	case <-ctx.Done():
		return nil
	}
}

// logs answers GET /containers/{id}/logs.
func (s *Server) logs(w http.ResponseWriter, r *http.Request) error {
	opts := container.LogsOptions{
		Stdout: boolParam(r, "stdout"), Stderr: boolParam(r, "stderr"), Follow: boolParam(r, "follow"),
		Timestamps: boolParam(r, "timestamps"), Details: boolParam(r, "details"), Tail: -1,
	}
	if !opts.Stdout && !opts.Stderr {
		return badRequest(errors.New("must specify at least one of 'stdout' or 'stderr'"))
	}
	var err error
	if opts.Since, err = timeParam(r, "since"); err != nil {
		return badRequest(fmt.Errorf("invalid value for \"since\": %w", err))
	}
	if opts.Until, err = timeParam(r, "until"); err != nil {
		return badRequest(fmt.Errorf("invalid value for \"until\": %w", err))
	}
	if n, err := strconv.Atoi(r.Form.Get("tail")); err == nil && n >= 0 {
		opts.Tail = n
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	log, err := s.backend.Containers.Logs(ctx, name(r), opts)
	if err != nil {
		return err
	}
	defer log.Close()
	contentType := types.MediaTypeRawStream
	if !log.TTY && atLeast(r, "1.42") {
		contentType = types.MediaTypeMultiplexedStream
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	flush(w)
	if err := copyLog(ctx, w, log, opts); err != nil && ctx.Err() == nil {
		s.log.Warn("reading a log", "container", name(r), "error", err)
	}
	return nil
}

// copyLog writes a log as clients get it. What is there goes out in large pieces, and at once when there is no more for
// the moment. The error is the log's, not the client's, who may go any time.
func copyLog(ctx context.Context, w http.ResponseWriter, log *container.LogReader, opts container.LogsOptions) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	out := [2]io.Writer{buf, buf}
	if !log.TTY {
		out[0], out[1] = newMux(buf)
	}
	var line []byte
	for {
		e, err := log.Next(ctx)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if buf.Flush() != nil {
				return nil
			}
			return err
		}
		line = formatEntry(line[:0], e, opts)
		if _, err := out[e.Stream].Write(line); err != nil {
			return nil
		}
		if opts.Follow && !log.Buffered() {
			if buf.Flush() != nil {
				return nil
			}
			flush(w)
		}
	}
}

// formatEntry is a line of a log as clients get it: the time and the attributes in front when they are asked for.
func formatEntry(b []byte, e container.LogEntry, opts container.LogsOptions) []byte {
	if opts.Timestamps {
		b = e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z07:00")
		b = append(b, ' ')
	}
	if opts.Details {
		first := true
		for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, url.QueryEscape(k)...)
			b = append(b, '=')
			b = append(b, url.QueryEscape(e.Attrs[k])...)
		}
		b = append(b, ' ')
	}
	return append(b, e.Line...)
}

// stats answers GET /containers/{id}/stats.
func (s *Server) stats(w http.ResponseWriter, r *http.Request) error {
	stream := r.Form.Get("stream") == "" || boolParam(r, "stream")
	opts := container.StatsOptions{Stream: stream, OneShot: boolParam(r, "one-shot")}
	if opts.Stream && opts.OneShot {
		return badRequest(errors.New("cannot have stream=true and one-shot=true"))
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	enc := json.NewEncoder(w)
	started := false
	err := s.backend.Containers.Stats(ctx, name(r), opts, func(st *containertypes.StatsResponse) error {
		if !started {
			started = true
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
		}
		if err := enc.Encode(st); err != nil {
			return err
		}
		flush(w)
		return nil
	})
	if started {
		return nil // the client has gone, or the container
	}
	return err
}
