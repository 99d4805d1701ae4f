package kernel

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Dying reports whether the task was killed: its program must return.
func (t *Task) Dying() bool {
	if !t.attention.Load() {
		return false
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.dying
}

// Checkpoint acts on what came in: it waits while the task is stopped or the sandbox frozen, and returns EINTR when
// the task is dying. Programs call it often; it costs two atomic loads when there is nothing.
func (t *Task) Checkpoint() error {
	t.share()
	if due := t.cpuTimers.next.Load(); due != 0 && int64(t.CPU()) >= due {
		t.cpuDue()
	}
	if !t.attention.Load() {
		return nil
	}
	return t.attend(false)
}

// Interrupted is what a blocking call asks before it sleeps: EINTR when the task is dying or has caught a signal.
func (t *Task) Interrupted() error {
	t.share()
	if !t.attention.Load() {
		return nil
	}
	return t.attend(true)
}

func (t *Task) attend(caughtToo bool) error {
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		// Cleared first, so that a signal that comes in from here on sets it again.
		t.attention.Store(false)
		t.deliverLocked()
		if t.dying {
			t.attention.Store(true)
			return abi.EINTR
		}
		if !t.sig.stopped && !k.frozen {
			break
		}
		k.mu.Unlock()
		t.sleep(nil)
		k.mu.Lock()
		// The wake-up may have been for what the task waited for when it was stopped: it must look again.
		defer t.wakeUp()
	}
	if t.sig.caught != 0 {
		t.attention.Store(true)
		if caughtToo {
			return abi.EINTR
		}
	}
	return nil
}

// wakeUp ends the task's sleep; the task looks again at what it waits for.
func (t *Task) wakeUp() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// sleep waits for wakeUp or the timer. The time does not count as the task's.
func (t *Task) sleep(timer <-chan time.Time) (timeout bool) {
	t.blocks()
	t.asleep.Store(true)
	t.cpu.clock.stop()
	select {
	case <-t.wake:
	case <-timer:
		timeout = true
	}
	t.cpu.clock.start()
	t.asleep.Store(false)
	return timeout
}

// Await waits until one of the events holds on a file, or an error or hang-up does. EINTR on a signal, ETIMEDOUT at
// the deadline (zero for none), EAGAIN for a file that cannot be waited for.
func (t *Task) Await(o *vfs.OpenFile, mask vfs.Events, deadline time.Time) error {
	q := o.File.Queue()
	if q == nil {
		return abi.EAGAIN
	}
	w := &t.waiter
	w.Mask, w.Wake = mask, t.wakeUp
	q.Add(w)
	defer q.Remove(w)
	return t.sleepUntil(deadline, func() bool {
		return o.Ready()&(mask|abi.POLLERR|abi.POLLHUP) != 0
	})
}

// sleepUntil sleeps until cond holds: EINTR, ETIMEDOUT. Whoever makes cond true wakes the task.
func (t *Task) sleepUntil(deadline time.Time, cond func() bool) error {
	var timer *time.Timer
	var expired <-chan time.Time
	for !cond() {
		if err := t.Interrupted(); err != nil {
			return err
		}
		if !deadline.IsZero() && timer == nil {
			d := time.Until(deadline)
			if d <= 0 {
				return abi.ETIMEDOUT
			}
			timer = time.NewTimer(d)
			defer timer.Stop()
			expired = timer.C
		}
		if t.sleep(expired) {
			if cond() {
				return nil
			}
			return abi.ETIMEDOUT
		}
	}
	return nil
}

// Sleep waits for a time (nanosleep(2)): EINTR, with what is left.
func (t *Task) Sleep(d time.Duration) (left time.Duration, err error) {
	end := time.Now().Add(d)
	if err := t.sleepUntil(end, func() bool { return false }); err != abi.ETIMEDOUT {
		return max(time.Until(end), 0), err
	}
	return 0, nil
}

// Pause waits for a signal (pause(2)): always EINTR.
func (t *Task) Pause() error { return t.sleepUntil(time.Time{}, func() bool { return false }) }

// Read reads from an open file, waiting for data unless it is non-blocking (read(2)).
func (t *Task) Read(o *vfs.OpenFile, p []byte) (int, error) { return t.read(o, p, !o.Nonblocking()) }

// TryRead is Read of a file as if it were non-blocking: EAGAIN.
func (t *Task) TryRead(o *vfs.OpenFile, p []byte) (int, error) { return t.read(o, p, false) }

// chunk is how many bytes are moved between checkpoints: a fraction of a millisecond's work.
const chunk = 4 << 20

func (t *Task) read(o *vfs.OpenFile, p []byte, wait bool) (int, error) {
	n, err := t.readAll(o, p, wait)
	t.io.reads.Add(1)
	t.io.readBytes.Add(uint64(n))
	return n, err
}

func (t *Task) readAll(o *vfs.OpenFile, p []byte, wait bool) (int, error) {
	for done := 0; ; {
		if f, ok := o.File.(*ttyFile); ok {
			if err := f.t.mayUse(t, false); err != nil || len(p) == 0 {
				return 0, err
			}
		}
		n, err := o.Read(p[done:min(len(p), done+chunk)])
		switch done += n; {
		case n == chunk && err == nil && done < len(p):
			// There may be more. A task that is killed meanwhile does not need it.
			if t.Checkpoint() == nil {
				continue
			}
			return done, nil
		case done > 0:
			return done, nil
		case err != abi.EAGAIN || !wait:
			return n, err
		}
		if err := t.awaitSocket(o, abi.POLLIN); err != nil {
			return 0, err
		}
	}
}

// Write writes all of p, waiting for room unless the file is non-blocking (write(2)). A broken pipe sends SIGPIPE.
func (t *Task) Write(o *vfs.OpenFile, p []byte) (int, error) { return t.write(o, p, !o.Nonblocking()) }

// TryWrite is Write to a file as if it were non-blocking: EAGAIN.
func (t *Task) TryWrite(o *vfs.OpenFile, p []byte) (int, error) { return t.write(o, p, false) }

func (t *Task) write(o *vfs.OpenFile, p []byte, wait bool) (int, error) {
	n, err := t.writeAll(o, p, wait)
	t.io.writes.Add(1)
	t.io.wroteBytes.Add(uint64(n))
	return n, err
}

func (t *Task) writeAll(o *vfs.OpenFile, p []byte, wait bool) (int, error) {
	if f, ok := o.File.(*ttyFile); ok {
		if err := f.t.mayUse(t, true); err != nil {
			return 0, err
		}
	}
	p, err := t.fits(o, p, position)
	if err != nil {
		return 0, err
	}
	done := 0
	for {
		n, err := o.Write(p[done:min(len(p), done+chunk)])
		done += n
		switch {
		case err == abi.EAGAIN && !wait:
			if done > 0 {
				err = nil
			}
			return done, err
		case err == abi.EAGAIN || err == nil && done < len(p) && n > 0:
		case err == abi.EPIPE:
			t.Signal(abi.SIGPIPE)
			return done, err
		default:
			return done, err
		}
		if err == nil {
			if t.Checkpoint() != nil {
				return done, nil
			}
			continue
		}
		if err := t.awaitSocket(o, abi.POLLOUT); err != nil {
			if done > 0 {
				err = nil
			}
			return done, err
		}
	}
}

// PollFile is one file of Poll; File may be nil, and is passed over then.
type PollFile struct {
	File   *vfs.OpenFile
	Events vfs.Events // asked for
	Ready  vfs.Events // found, with POLLERR, POLLHUP and POLLNVAL besides
}

// Poll waits until an event holds on one of the files (poll(2)), and returns how many have one. A zero deadline waits
// without end; one that has passed only looks. EINTR.
func (t *Task) Poll(files []PollFile, deadline time.Time) (int, error) {
	look := func() int {
		n := 0
		for i := range files {
			f := &files[i]
			f.Ready = 0
			if f.File != nil {
				f.Ready = f.File.Ready() & (f.Events | abi.POLLERR | abi.POLLHUP | abi.POLLNVAL)
			}
			if f.Ready != 0 {
				n++
			}
		}
		return n
	}
	if n := look(); n > 0 || !deadline.IsZero() && !time.Now().Before(deadline) {
		return n, nil
	}
	waiters := make([]vfs.Waiter, len(files))
	for i, f := range files {
		if f.File == nil || f.File.File == nil {
			continue
		}
		if q := f.File.File.Queue(); q != nil {
			w := &waiters[i]
			w.Mask, w.Wake = f.Events, t.wakeUp
			q.Add(w)
			defer q.Remove(w)
		}
	}
	n := 0
	err := t.sleepUntil(deadline, func() bool { n = look(); return n > 0 })
	if err == abi.ETIMEDOUT {
		err = nil
	}
	return n, err
}
