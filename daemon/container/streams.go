package container

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/daemon/container/logfile"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// clientBuffer is how many bytes may wait for an attached client before the program has to.
const clientBuffer = 64 << 10

// streams are a program's standard streams: what it writes goes to the log and to all attached clients, what these
// send becomes its input. They outlive the program: clients attach before it is started.
type streams struct {
	log func() logDriver // nil, or returns nil, where nothing is logged
	err *slog.Logger     // where failures of the log are told

	out [2]*output // stdout and stderr

	mu        sync.Mutex
	clients   map[*client]struct{}
	stdin     *input        // nil when the program has none
	ready     chan struct{} // closed when a program has been started
	logFailed bool
}

// output is one of a program's output streams: its sandbox.Sink.
type output struct {
	s      *streams
	stream logfile.Stream

	// Guarded by s.mu.
	room    func()
	blocked bool // a write was refused, and room not yet called
}

var _ sandbox.Sink = (*output)(nil)

func newStreams(log func() logDriver, errors *slog.Logger) *streams {
	s := &streams{log: log, err: errors, ready: make(chan struct{})}
	s.out[logfile.Stdout] = &output{s: s, stream: logfile.Stdout}
	s.out[logfile.Stderr] = &output{s: s, stream: logfile.Stderr}
	return s
}

// Write passes on what a program has written, or refuses it while a client is behind.
func (o *output) Write(p []byte) (int, error) {
	s := o.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if !o.hasRoom() {
		o.blocked = true
		return 0, sandbox.ErrFull
	}
	if s.log != nil {
		if log := s.log(); log != nil {
			// As with dockerd, a program goes on when its log can't be written.
			err := log.Write(p, o.stream)
			if err != nil && !s.logFailed {
				s.err.Error("container output is not logged", "error", err)
			}
			s.logFailed = err != nil
		}
	}
	for c := range s.clients {
		if c.want[o.stream] {
			c.add(o.stream, p)
		}
	}
	return len(p), nil
}

// HasRoom reports whether Write would take something.
func (o *output) HasRoom() bool {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.hasRoom()
}

// hasRoom is HasRoom with s.mu held.
func (o *output) hasRoom() bool {
	for c := range o.s.clients {
		if c.want[o.stream] && len(c.buf) >= clientBuffer {
			return false
		}
	}
	return true
}

// OnRoom sets what is called when there is room again.
func (o *output) OnRoom(f func()) {
	o.s.mu.Lock()
	o.room = f
	o.s.mu.Unlock()
}

// unblock tells programs that wait for room; to be called without s.mu after a client has taken something or gone.
func (s *streams) unblock() {
	var calls [2]func()
	s.mu.Lock()
	for i, o := range s.out {
		if o.blocked && o.hasRoom() {
			o.blocked = false
			calls[i] = o.room
		}
	}
	s.mu.Unlock()
	for _, f := range calls {
		if f != nil {
			f()
		}
	}
}

// begin gives the streams of a started program its input, which may be nil.
func (s *streams) begin(stdin kernel.Input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stdin != nil {
		s.stdin = &input{w: stdin}
	}
	close(s.ready)
}

// end tells clients that the program has ended: they get what is left, and then are done.
func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stdin != nil {
		s.stdin.Close()
		s.stdin = nil
	}
	select {
	case <-s.ready:
		s.ready = make(chan struct{})
	default:
	}
	for c := range s.clients {
		c.finishLocked(nil)
	}
}

// attached reports how many clients there are.
func (s *streams) attached() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// client is somebody who reads a program's output. streams.mu guards all but done.
type client struct {
	s    *streams
	want [2]bool

	buf   []byte // not yet taken
	parts []part // whose they are
	spare []byte // the buffer before, to be used again

	wake  chan struct{} // of capacity 1
	done  chan struct{} // closed when there will be no more output
	ended bool
	err   error // why it ended: nil for the program's end
}

// part says that n bytes are of one stream.
type part struct {
	stream logfile.Stream
	n      int
}

// attach adds a client. before runs with the streams at rest, ahead of the first byte for the client; it may be nil.
func (s *streams) attach(stdout, stderr bool, before func()) *client {
	c := &client{s: s, want: [2]bool{stdout, stderr}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before != nil {
		before()
	}
	if s.clients == nil {
		s.clients = map[*client]struct{}{}
	}
	s.clients[c] = struct{}{}
	return c
}

// detach takes the client away.
func (c *client) detach() {
	c.s.mu.Lock()
	delete(c.s.clients, c)
	c.finishLocked(nil)
	c.s.mu.Unlock()
	c.s.unblock()
}

// finish ends the client for a reason of its own.
func (c *client) finish(err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.finishLocked(err)
}

func (c *client) finishLocked(err error) {
	if !c.ended {
		c.ended, c.err = true, err
		close(c.done)
	}
}

// add appends output; s.mu is held.
func (c *client) add(stream logfile.Stream, p []byte) {
	if c.ended {
		return
	}
	if c.buf == nil {
		c.buf, c.spare = c.spare, nil
	}
	c.buf = append(c.buf, p...)
	if n := len(c.parts); n > 0 && c.parts[n-1].stream == stream {
		c.parts[n-1].n += len(p)
	} else {
		c.parts = append(c.parts, part{stream, len(p)})
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// copyTo writes the program's output until it ends, somebody calls finish, or a writer fails: the client has hung up.
// A nil writer discards.
func (c *client) copyTo(out, err io.Writer) error {
	writers := [2]io.Writer{out, err}
	for {
		c.s.mu.Lock()
		buf, parts, ended, reason := c.buf, c.parts, c.ended, c.err
		c.buf, c.parts = nil, nil
		c.s.mu.Unlock()
		if len(buf) > 0 {
			c.s.unblock()
			rest := buf
			for _, p := range parts {
				if w := writers[p.stream]; w != nil {
					if _, err := w.Write(rest[:p.n]); err != nil {
						return err
					}
				}
				rest = rest[p.n:]
			}
			c.s.mu.Lock()
			if cap(buf) <= clientBuffer {
				c.spare = buf[:0]
			}
			c.s.mu.Unlock()
			continue
		}
		if ended {
			return reason
		}
		select {
		case <-c.wake:
		case <-c.done:
		}
	}
}

// feed copies what a client sends to the program's input, from when it is started. It ends at the end of r, when the
// program or the client's attachment has ended, or when nobody reads the input.
func (c *client) feed(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			w := c.input()
			if w == nil {
				return nil
			}
			if _, err := w.Write(buf[:n], c.done); err != nil {
				return nil // nobody reads it: not the client's fault
			}
		}
		if err != nil {
			return err
		}
	}
}

// input waits for the program's start and returns its standard input; nil when there is none or the client has ended.
func (c *client) input() *input {
	s := c.s
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	select {
	case <-c.done:
		return nil
	default:
	}
	select {
	case <-ready:
	case <-c.done:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdin
}

// input is a program's standard input, shared by clients. Close doesn't wait for a Write that waits for the program.
type input struct {
	mu      sync.Mutex // held by a Write, or the closing
	w       kernel.Input
	closing atomic.Bool
	closed  bool
}

// Write waits for the program to read, or for the end of the client that writes.
func (in *input) Write(p []byte, ended <-chan struct{}) (int, error) {
	if in.closing.Load() {
		return 0, io.ErrClosedPipe
	}
	in.mu.Lock()
	n, err := 0, io.ErrClosedPipe
	if !in.closed {
		n, err = in.w.WriteUntil(p, ended)
	}
	in.mu.Unlock()
	if in.closing.Load() {
		in.close()
	}
	return n, err
}

// Close closes the input, at latest when the Write that is under way returns.
func (in *input) Close() {
	in.closing.Store(true)
	in.close()
}

// close closes unless somebody holds mu, who does it then.
func (in *input) close() {
	if !in.mu.TryLock() {
		return
	}
	defer in.mu.Unlock()
	if !in.closed {
		in.closed = true
		in.w.Close() // its error says nothing that Write hasn't
	}
}
