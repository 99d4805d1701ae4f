package kernel

import (
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Readv reads into several buffers (readv(2)); without wait as TryRead does.
func (t *Task) Readv(o *vfs.OpenFile, bufs [][]byte, wait bool) (int, error) {
	wait = wait && !o.Nonblocking()
	done := 0
	for i, b := range bufs {
		if len(b) == 0 && i < len(bufs)-1 {
			continue
		}
		n, err := t.read(o, b, wait && done == 0)
		done += n
		if err != nil && done > 0 {
			return done, nil
		}
		if err != nil || n < len(b) {
			return done, err
		}
	}
	return done, nil
}

var pipeWrites = sync.Pool{New: func() any { return new([abi.PIPE_BUF]byte) }}

// Writev writes several buffers (writev(2)); without wait as TryWrite does. As one write, so that up to PIPE_BUF bytes
// stay together in a pipe.
func (t *Task) Writev(o *vfs.OpenFile, bufs [][]byte, wait bool) (int, error) {
	wait = wait && !o.Nonblocking()
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	if total <= abi.PIPE_BUF && len(bufs) > 1 {
		buf := pipeWrites.Get().(*[abi.PIPE_BUF]byte)
		defer pipeWrites.Put(buf)
		n := 0
		for _, b := range bufs {
			n += copy(buf[n:], b)
		}
		return t.write(o, buf[:n], wait)
	}
	done := 0
	for i, b := range bufs {
		if len(b) == 0 && i < len(bufs)-1 {
			continue
		}
		n, err := t.write(o, b, wait)
		done += n
		if err != nil && done > 0 {
			return done, nil
		}
		if err != nil || n < len(b) {
			return done, err
		}
	}
	return done, nil
}
