package kernel

import (
	"context"
	"errors"
	"io"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// WriterFile makes an open file of a writer outside the sandbox, for a program's output. Writes go straight to it, on
// the writing task's goroutine. The writer may hold a write back for a moment, not for good: a task in it cannot be
// killed. To hold back longer it returns abi.EAGAIN with the count of bytes it took, and announces room on queue.
func WriterFile(w io.Writer, queue *vfs.WaitQueue, ready func() bool) *vfs.OpenFile {
	return vfs.NewOpenFile(&writerFile{w: w, queue: queue, ready: ready}, abi.O_WRONLY)
}

type writerFile struct {
	w     io.Writer
	queue *vfs.WaitQueue
	ready func() bool
}

func (f *writerFile) Read([]byte, int64) (int, error) { return 0, abi.EBADF }

func (f *writerFile) Write(p []byte, _ int64) (int, error) {
	n, err := f.w.Write(p)
	var errno abi.Errno
	if err != nil && !errors.As(err, &errno) {
		err = abi.EIO
	}
	return n, err
}

func (f *writerFile) Ready() vfs.Events {
	if f.ready == nil || f.ready() {
		return abi.POLLOUT
	}
	return 0
}

func (f *writerFile) Queue() *vfs.WaitQueue { return f.queue }
func (f *writerFile) Close() error          { return nil }

// Reopen gives the same writer again, for /dev/stdout and /proc/self/fd/1.
func (f *writerFile) Reopen(int) (vfs.File, error) { return f, nil }

// PipeInput is the outside end of a pipe into the sandbox: what a client types becomes a program's standard input.
type PipeInput struct {
	w *vfs.OpenFile
}

// NewInput makes a pipe whose reading end a task gets, and its writing end for the outside.
func NewInput() (*vfs.OpenFile, *PipeInput) {
	r, w := NewPipe()
	return r, &PipeInput{w}
}

// Write waits for room: io.ErrClosedPipe when nobody reads any more.
func (in *PipeInput) Write(p []byte) (int, error) { return in.WriteUntil(p, nil) }

// WriteUntil is Write that gives up when cancel is closed: context.Canceled.
func (in *PipeInput) WriteUntil(p []byte, cancel <-chan struct{}) (int, error) {
	done := 0
	wait := newHostWaiter(abi.POLLOUT)
	for {
		n, err := in.w.Write(p[done:])
		done += n
		switch err {
		case nil:
			if done == len(p) {
				return done, nil
			}
		case abi.EAGAIN:
			if !wait.on(in.w.File.Queue(), func() bool { return in.w.Ready()&(abi.POLLOUT|abi.POLLERR) != 0 }, cancel) {
				return done, context.Canceled
			}
		case abi.EPIPE:
			return done, io.ErrClosedPipe
		default:
			return done, err
		}
	}
}

// Close ends the input: the reader finds end of file.
func (in *PipeInput) Close() error { return in.w.Release() }

// Input is the outside end of a program's input. Write waits while the program doesn't read.
type Input interface {
	io.WriteCloser
	// WriteUntil is Write that gives up when cancel is closed: context.Canceled.
	WriteUntil(p []byte, cancel <-chan struct{}) (int, error)
}

// Keyboard is the outside end of a terminal: what is written are keys. A write waits while programs don't read:
// io.ErrClosedPipe when the terminal is gone. Close does nothing: a terminal's input ends by a key (VEOF).
func (t *TTY) Keyboard() Input { return keyboard{t} }

type keyboard struct{ t *TTY }

func (k keyboard) Write(p []byte) (int, error) { return k.WriteUntil(p, nil) }

func (k keyboard) WriteUntil(p []byte, cancel <-chan struct{}) (int, error) {
	done := 0
	wait := newHostWaiter(abi.POLLOUT)
	for done < len(p) {
		n, err := k.t.Input(p[done:])
		done += n
		switch err {
		case nil:
		case abi.EAGAIN:
			if !wait.on(&k.t.masterQueue, k.t.inputReady, cancel) {
				return done, context.Canceled
			}
		default:
			return done, io.ErrClosedPipe
		}
	}
	return done, nil
}

func (k keyboard) Close() error { return nil }

// inputReady reports whether Input would take more, or fail.
func (t *TTY) inputReady() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hungup || len(t.input)+len(t.line) < maxInput
}

// hostWaiter waits on a queue outside of any task.
type hostWaiter struct {
	waiter vfs.Waiter
	wake   chan struct{}
}

func newHostWaiter(mask vfs.Events) *hostWaiter {
	h := &hostWaiter{wake: make(chan struct{}, 1)}
	h.waiter.Mask = mask
	h.waiter.Wake = func() {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
	return h
}

// on waits until ready holds; whoever makes it true notifies the queue. False: cancel was closed before.
func (h *hostWaiter) on(q *vfs.WaitQueue, ready func() bool, cancel <-chan struct{}) bool {
	q.Add(&h.waiter)
	defer q.Remove(&h.waiter)
	for !ready() {
		select {
		case <-h.wake:
		case <-cancel:
			return false
		}
	}
	return true
}
