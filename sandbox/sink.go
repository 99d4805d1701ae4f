package sandbox

import (
	"io"
	"sync"
)

// NewSink returns a Sink that hands what it gets to w at once, for writers that are always ready and quick: a
// bytes.Buffer, a hash, a file. Several processes may share it; w is called by one at a time. What it writes to after
// an error of w is lost, as on a full disk.
func NewSink(w io.Writer) Sink { return &writerSink{w: w} }

type writerSink struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

func (s *writerSink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	var n int
	n, s.err = s.w.Write(p)
	return n, s.err
}

func (*writerSink) HasRoom() bool { return true }
func (*writerSink) OnRoom(func()) {}
