package linux

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// poll: EFAULT, EINTR, EINVAL.
func poll(t *kernel.Task, m Memory, a args) (int64, error) {
	return pollUntil(t, m, a, millis(a.int(2)))
}

// ppoll: as poll. What is left of the time is not written back.
func ppoll(t *kernel.Task, m Memory, a args) (int64, error) {
	deadline, err := deadlineAt(m, a[2])
	if err != nil {
		return 0, err
	}
	return withMask(t, m, a[3], a[4], func() (int64, error) { return pollUntil(t, m, a, deadline) })
}

// deadlineAt reads a struct timespec from now on; NULL is never.
func deadlineAt(m Memory, addr uint64) (time.Time, error) {
	if addr == 0 {
		return time.Time{}, nil
	}
	var ts abi.Timespec
	if err := get(m, addr, &ts); err != nil {
		return time.Time{}, err
	}
	d, err := duration(ts)
	return time.Now().Add(d), err
}

// withMask calls f with the blocked signals that are at addr, if it is not NULL.
func withMask(t *kernel.Task, m Memory, addr, size uint64, f func() (int64, error)) (int64, error) {
	if addr == 0 {
		return f()
	}
	if size != sigsetSize {
		return 0, abi.EINVAL
	}
	var set abi.SigSet
	if err := get(m, addr, &set); err != nil {
		return 0, err
	}
	old := t.SetBlocked(set)
	defer t.SetBlocked(old)
	return f()
}

const pollFdSize = 8

func pollUntil(t *kernel.Task, m Memory, a args, deadline time.Time) (int64, error) {
	n := uint64(a.u32(1))
	if n > t.Limit(abi.RLIMIT_NOFILE).Cur {
		return 0, abi.EINVAL
	}
	list, err := m.Slice(a[0], n*pollFdSize)
	if err != nil {
		return 0, err
	}
	files := make([]kernel.PollFile, n)
	defer release(files)
	invalid := 0
	for i := range files {
		p := list[i*pollFdSize:]
		fd, events := int(int32(le.Uint32(p))), vfs.Events(le.Uint16(p[4:]))
		le.PutUint16(p[6:], 0)
		if fd < 0 {
			continue
		}
		o, err := t.Files.Get(fd)
		if err != nil {
			le.PutUint16(p[6:], abi.POLLNVAL)
			invalid++
			continue
		}
		files[i] = kernel.PollFile{File: o, Events: events}
	}
	if invalid > 0 {
		deadline = time.Unix(0, 0) // only look
	}
	found, err := t.Poll(files, deadline)
	if err != nil {
		return 0, err
	}
	for i := range files {
		if files[i].File != nil {
			le.PutUint16(list[i*pollFdSize+6:], uint16(files[i].Ready))
		}
	}
	return int64(found + invalid), nil
}

func release(files []kernel.PollFile) {
	for i := range files {
		if files[i].File != nil {
			files[i].File.Release()
		}
	}
}

// selectCall is select: EBADF, EFAULT, EINTR, EINVAL. What is left of the time is written back, as Linux does.
func selectCall(t *kernel.Task, m Memory, a args) (int64, error) {
	var deadline time.Time
	if a[4] != 0 {
		var tv abi.Timeval
		if err := get(m, a[4], &tv); err != nil {
			return 0, err
		}
		if tv.Sec < 0 || tv.Usec < 0 {
			return 0, abi.EINVAL
		}
		d, err := duration(abi.Timespec{Sec: tv.Sec + tv.Usec/1e6, Nsec: tv.Usec % 1e6 * 1000})
		if err != nil {
			return 0, err
		}
		deadline = time.Now().Add(d)
	}
	n, err := selectUntil(t, m, a, deadline)
	if a[4] != 0 && err != abi.EFAULT {
		left := timeval(max(time.Until(deadline), 0))
		if perr := put(m, a[4], &left); perr != nil {
			return 0, perr
		}
	}
	return n, err
}

// pselect6: as select.
func pselect6(t *kernel.Task, m Memory, a args) (int64, error) {
	deadline, err := deadlineAt(m, a[4])
	if err != nil {
		return 0, err
	}
	var mask struct{ addr, size uint64 }
	if a[5] != 0 {
		if err := get(m, a[5], &mask); err != nil {
			return 0, err
		}
	}
	return withMask(t, m, mask.addr, mask.size, func() (int64, error) { return selectUntil(t, m, a, deadline) })
}

const maxSelect = 1 << 16 // descriptors

func selectUntil(t *kernel.Task, m Memory, a args, deadline time.Time) (int64, error) {
	n := a.int(0)
	if n < 0 {
		return 0, abi.EINVAL
	}
	n = min(n, maxSelect)
	// What poll(2) events each set asks for, and which make it ready.
	sets := [3]struct {
		bits       []byte
		ask, ready vfs.Events
	}{
		{ask: abi.POLLIN, ready: abi.POLLIN | abi.POLLHUP | abi.POLLERR},
		{ask: abi.POLLOUT, ready: abi.POLLOUT | abi.POLLERR},
		{ask: abi.POLLPRI, ready: abi.POLLPRI},
	}
	size := uint64(n+63) / 64 * 8
	for i := range sets {
		if a[1+i] != 0 {
			var err error
			if sets[i].bits, err = m.Slice(a[1+i], size); err != nil {
				return 0, err
			}
		}
	}
	var files []kernel.PollFile
	var fds []int
	defer func() { release(files) }()
	for fd := range n {
		var ask vfs.Events
		for _, s := range sets {
			if s.bits != nil && s.bits[fd/8]>>(fd%8)&1 != 0 {
				ask |= s.ask
			}
		}
		if ask == 0 {
			continue
		}
		o, err := t.Files.Get(fd)
		if err != nil {
			return 0, err
		}
		files, fds = append(files, kernel.PollFile{File: o, Events: ask}), append(fds, fd)
	}
	if _, err := t.Poll(files, deadline); err != nil {
		return 0, err
	}
	var asked [3][]byte
	for i, s := range sets {
		asked[i] = append([]byte{}, s.bits...)
		clear(s.bits)
	}
	found := int64(0)
	for i, fd := range fds {
		for j, s := range sets {
			if s.bits != nil && asked[j][fd/8]>>(fd%8)&1 != 0 && files[i].Ready&s.ready != 0 {
				s.bits[fd/8] |= 1 << (fd % 8)
				found++
			}
		}
	}
	return found, nil
}
