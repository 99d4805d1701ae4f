package wasi

import (
	"math"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

const (
	// subscription is { userdata u64, tag u8, clock { id u32, timeout u64, precision u64, flags u16 } or fd u32 }.
	subscriptionSize = 48
	// event is { userdata u64, error u16, type u8, nbytes u64, flags u16 }.
	eventSize = 32

	maxSubscriptions = 1 << 14

	// eventtype
	eventClock   = 0
	eventFDRead  = 1
	eventFDWrite = 2

	abstime = 1 // subclockflags
	hangup  = 1 // eventrwflags
)

// pollOneoff is poll_oneoff.
func pollOneoff(g *guest.Guest, s []uint64) error {
	n := int(uint32(s[2]))
	if n == 0 || n > maxSubscriptions {
		return abi.EINVAL
	}
	subs, err := slice(g, s[0], uint64(n)*subscriptionSize)
	if err != nil {
		return err
	}
	events, err := slice(g, s[1], uint64(n)*eventSize)
	if err != nil {
		return err
	}
	if _, err := slice(g, s[3], 4); err != nil {
		return err
	}
	// The subscriptions are copied: events may be written over them.
	list := make([]subscription, n)
	files := make([]kernel.PollFile, n)
	defer func() {
		for _, f := range files {
			if f.File != nil {
				f.File.Release()
			}
		}
	}()
	start := time.Now()
	var deadline time.Time
	wait := func(until time.Time) {
		if deadline.IsZero() || until.Before(deadline) {
			deadline = until
		}
	}
	for i := range list {
		sub := &list[i]
		sub.parse(g, subs[i*subscriptionSize:], start)
		switch {
		case sub.err != nil:
			wait(start)
		case sub.kind == eventClock:
			wait(sub.due)
		default:
			o, err := file(g, sub.fd)
			if err != nil {
				sub.err = err
				wait(start)
				continue
			}
			files[i] = kernel.PollFile{File: o, Events: sub.mask()}
		}
	}
	if _, err := g.Task.Poll(files, deadline); err != nil {
		return err
	}
	now := time.Now()
	count := 0
	for i := range list {
		sub := &list[i]
		e := events[count*eventSize:]
		switch {
		case sub.err != nil:
			sub.put(e, 0, 0)
		case sub.kind == eventClock:
			if now.Before(sub.due) {
				continue
			}
			sub.put(e, 0, 0)
		case files[i].Ready == 0:
			continue
		default:
			flags := uint16(0)
			if files[i].Ready&(abi.POLLHUP|abi.POLLERR) != 0 {
				flags = hangup
			}
			sub.put(e, available(g, files[i]), flags)
		}
		count++
	}
	return putU32(g, s[3], uint32(count))
}

type subscription struct {
	userdata uint64
	kind     uint8
	fd       int
	due      time.Time // of a clock
	err      error
}

func (sub *subscription) parse(g *guest.Guest, b []byte, start time.Time) {
	sub.userdata, sub.kind = le.Uint64(b), b[8]
	switch sub.kind {
	case eventClock:
		now, err := clock(g, uint64(le.Uint32(b[16:])))
		if err != nil {
			sub.err = err
			return
		}
		timeout := le.Uint64(b[24:])
		if le.Uint16(b[40:])&abstime != 0 {
			timeout -= min(uint64(now), timeout)
		}
		// Durations end after 292 years.
		sub.due = start.Add(time.Duration(min(timeout, math.MaxInt64)))
	case eventFDRead, eventFDWrite:
		sub.fd = int(int32(le.Uint32(b[16:])))
	default:
		sub.err = abi.EINVAL
	}
}

func (sub *subscription) mask() vfs.Events {
	if sub.kind == eventFDWrite {
		return abi.POLLOUT
	}
	return abi.POLLIN
}

func (sub *subscription) put(b []byte, nbytes uint64, flags uint16) {
	clear(b[:eventSize])
	le.PutUint64(b, sub.userdata)
	le.PutUint16(b[8:], uint16(errno(sub.err)))
	b[10] = sub.kind
	le.PutUint64(b[16:], nbytes)
	le.PutUint16(b[24:], flags)
}

// available tells how many bytes can be read or written without waiting, as far as the file tells; at least 1 when it is
// ready.
func available(g *guest.Guest, f kernel.PollFile) uint64 {
	if f.Ready&f.Events == 0 {
		return 0
	}
	if file, ok := f.File.File.(vfs.Ioctler); ok && f.Events&abi.POLLIN != 0 {
		var n int32
		if _, err := file.Ioctl(g.Task, abi.FIONREAD, 0, abi.Bytes(&n)); err == nil {
			return uint64(n)
		}
	}
	return 1
}
