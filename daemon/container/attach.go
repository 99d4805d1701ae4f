package container

import (
	"context"
	"errors"
	"io"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/term"

	"github.com/sockerless/sockerless/daemon/container/logfile"
)

// AttachOptions are the parameters of POST /containers/{id}/attach.
type AttachOptions struct {
	Stdin, Stdout, Stderr bool
	Stream                bool   // the output from now on, and input
	Logs                  bool   // the output so far
	DetachKeys            string // "" is ctrl-p,ctrl-q
}

// AttachStreams are a client's ends of a program's streams. Out and Err separate the streams if they have to be.
type AttachStreams struct {
	In       io.Reader
	Out, Err io.Writer
	// Hangup waits until the client has gone or the streams have been closed, while nobody reads In. It is nil where that
	// can't be told.
	Hangup func()
}

// Attach connects a client to a container's streams until the program ends or the client goes; a container that is not
// running is waited for. connect is called when nothing stands against it any more, and from then on an error can only
// be told in the streams. Nothing here waits for In: when Attach returns, the caller closes it. The end of ctx detaches.
func (m *Manager) Attach(ctx context.Context, ref string, opts AttachOptions, connect func() (AttachStreams, error)) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	keys, err := detachKeys(opts.DetachKeys)
	if err != nil {
		return err
	}
	c.mu.Lock()
	st, config := c.state, c.def.Config
	c.mu.Unlock()
	switch {
	case st.Paused:
		return conflict("container %s is paused, unpause the container before attach", ref)
	case st.Restarting:
		return conflict("container %s is restarting, wait until the container is running", ref)
	case st.Removing:
		return conflict("container %s is marked for removal and cannot be attached to", ref)
	}
	if opts.Logs && c.log == nil {
		return errNoReading
	}

	// The client is there before it is told so: it misses nothing of what it starts next. Its replay ends where its
	// stream begins.
	var replay logReader
	begin := func() {
		if opts.Logs {
			replay, err = c.log.Read(logfile.ReadOptions{Tail: -1, Until: now()})
		}
	}
	var cl *client
	if opts.Stream {
		cl = c.streams.attach(opts.Stdout, opts.Stderr && !config.Tty, begin)
		defer cl.detach()
	} else {
		begin()
	}
	if err != nil {
		return err
	}
	if replay != nil {
		defer replay.Close()
	}
	s, err := connect()
	if err != nil {
		return err
	}
	if replay != nil {
		if err := replayLog(ctx, replay, opts, s); err != nil {
			return err
		}
	}
	if cl == nil {
		return nil
	}
	m.emit(c, events.ActionAttach)
	if !opts.Stdin || !config.OpenStdin {
		s.In = nil
	}
	err = cl.serve(ctx, s, keys, config.Tty, config.StdinOnce)
	if errors.As(err, new(term.EscapeError)) {
		m.emit(c, events.ActionDetach)
		return nil
	}
	return err
}

// serve moves bytes both ways until the program has ended or the client has gone. The end of the client's input closes
// the program's if closeStdin is set and it is no terminal; otherwise the client has gone with it.
func (c *client) serve(ctx context.Context, s AttachStreams, keys []byte, tty, closeStdin bool) error {
	stop := context.AfterFunc(ctx, func() { c.finish(ctx.Err()) })
	defer stop()
	hangup := func() {
		if s.Hangup != nil {
			s.Hangup()
			c.finish(nil)
		}
	}
	if s.In == nil {
		go hangup()
	} else {
		in := s.In
		if tty {
			in = term.NewEscapeProxy(in, keys)
		}
		go func() {
			err := c.feed(in)
			switch {
			case errors.As(err, new(term.EscapeError)):
				c.finish(err)
			case err == nil: // the program doesn't read, and may still write
			case closeStdin && !tty:
				if w := c.input(); w != nil {
					w.Close()
				}
				hangup() // it may still be reading
			default:
				c.finish(nil)
			}
		}()
	}
	return c.copyTo(s.Out, s.Err)
}

func replayLog(ctx context.Context, r logReader, opts AttachOptions, s AttachStreams) error {
	for {
		e, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		w := s.Out
		if e.Stream == logfile.Stderr {
			w = s.Err
		}
		if wanted := e.Stream == logfile.Stdout && opts.Stdout || e.Stream == logfile.Stderr && opts.Stderr; !wanted || w == nil {
			continue
		}
		if _, err := w.Write(e.Line); err != nil {
			return err
		}
	}
}

// detachKeys reads a sequence of keys, such as "ctrl-p,ctrl-q".
func detachKeys(spec string) ([]byte, error) {
	if spec == "" {
		return []byte{16, 17}, nil
	}
	keys, err := term.ToBytes(spec)
	if err != nil {
		return nil, invalid("Invalid detach keys (%s) provided", spec)
	}
	return keys, nil
}
