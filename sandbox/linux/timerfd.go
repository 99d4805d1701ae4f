package linux

import (
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// timerFile is a timer that can be waited for (timerfd_create(2)).
type timerFile struct {
	anonInode
	queue vfs.WaitQueue
	clock int

	mu       sync.Mutex
	timer    *time.Timer // runs until the first expiration that was not read
	due      time.Time   // the next expiration; zero: disarmed
	interval time.Duration
}

type itimerspec struct{ interval, value abi.Timespec }

// timerfd_create: EINVAL, EMFILE.
func timerfdCreate(t *kernel.Task, _ Memory, a args) (int64, error) {
	switch a.int(0) {
	case clockRealtime, clockMonotonic, clockBoottime:
	default: // the clocks of alarms wake a machine up, which takes CAP_WAKE_ALARM
		return 0, abi.EINVAL
	}
	if a.int(1)&^(abi.O_CLOEXEC|abi.O_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	return addFile(t, &timerFile{clock: a.int(0)}, abi.O_RDWR, a.int(1))
}

// timerfd_settime: EBADF, EFAULT, EINVAL. TFD_TIMER_CANCEL_ON_SET has no effect, as nobody sets the clock.
func timerfdSettime(t *kernel.Task, m Memory, a args) (int64, error) {
	const absolute, cancelOnSet = 1, 2
	flags := a.int(1)
	var v itimerspec
	if err := get(m, a[2], &v); err != nil {
		return 0, err
	}
	if flags&^(absolute|cancelOnSet) != 0 {
		return 0, abi.EINVAL
	}
	after, err := duration(v.value)
	if err != nil {
		return 0, err
	}
	interval, err := duration(v.interval)
	if err != nil {
		return 0, err
	}
	return anonFile(t, a.int(0), func(_ *vfs.OpenFile, f *timerFile) (int64, error) {
		armed := after > 0
		if flags&absolute != 0 && armed {
			now, err := clock(t, f.clock)
			if err != nil {
				return 0, err
			}
			after -= time.Duration(now)
		}
		f.mu.Lock()
		old := f.left()
		if f.timer != nil {
			f.timer.Stop()
		}
		f.due, f.interval, f.timer = time.Time{}, interval, nil
		if armed {
			f.due = time.Now().Add(after)
			f.start()
		}
		f.mu.Unlock()
		return ok(putOpt(m, a[3], &old))
	})
}

// timerfd_gettime: EBADF, EFAULT, EINVAL.
func timerfdGettime(t *kernel.Task, m Memory, a args) (int64, error) {
	return anonFile(t, a.int(0), func(_ *vfs.OpenFile, f *timerFile) (int64, error) {
		f.mu.Lock()
		now := f.left()
		f.mu.Unlock()
		return ok(put(m, a[1], &now))
	})
}

// start sets the timer for what is due; f.mu is held.
func (f *timerFile) start() {
	f.timer = time.AfterFunc(time.Until(f.due), func() { f.queue.Notify(abi.POLLIN) })
}

// left tells the time to the next expiration and the interval; f.mu is held.
func (f *timerFile) left() itimerspec {
	v := itimerspec{interval: abi.TimespecOf(int64(f.interval))}
	if f.due.IsZero() {
		return v
	}
	left := time.Until(f.due)
	if left <= 0 && f.interval > 0 {
		left += (-left/f.interval + 1) * f.interval
	}
	v.value = abi.TimespecOf(int64(max(left, 0)))
	return v
}

// Read gives how often the timer has expired since the last read.
func (f *timerFile) Read(p []byte, _ int64) (int, error) {
	if len(p) < 8 {
		return 0, abi.EINVAL
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	late := time.Since(f.due)
	if f.due.IsZero() || late < 0 {
		return 0, abi.EAGAIN
	}
	count := uint64(1)
	if f.interval > 0 {
		n := late/f.interval + 1
		count = uint64(n)
		f.due = f.due.Add(n * f.interval)
		f.start()
	} else {
		f.due = time.Time{}
	}
	le.PutUint64(p, count)
	return 8, nil
}

func (*timerFile) Write([]byte, int64) (int, error) { return 0, abi.EINVAL }

func (f *timerFile) Ready() vfs.Events {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.due.IsZero() && time.Since(f.due) >= 0 {
		return abi.POLLIN
	}
	return 0
}

func (f *timerFile) Queue() *vfs.WaitQueue { return &f.queue }

// Name is what /proc/PID/fd shows.
func (*timerFile) Name() string { return "anon_inode:[timerfd]" }

func (f *timerFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	return nil
}
