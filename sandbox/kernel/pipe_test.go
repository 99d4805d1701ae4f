package kernel

import (
	"bytes"
	"io"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func TestAPipeHolds64KiBAndThenWaits(t *testing.T) {
	t.Parallel()
	r, w := NewPipe()
	defer r.Release()
	defer w.Release()
	if n, err := w.Write(make([]byte, PipeSize+1)); n != PipeSize || err != nil {
		t.Fatalf("write = %d, %v", n, err)
	}
	if _, err := w.Write([]byte("x")); err != abi.EAGAIN {
		t.Errorf("write to a full pipe: %v", err)
	}
	buf := make([]byte, abi.PIPE_BUF-1)
	r.Read(buf)
	if _, err := w.Write(make([]byte, abi.PIPE_BUF)); err != abi.EAGAIN {
		t.Errorf("a write of PIPE_BUF bytes was torn: %v", err)
	}
	if w.Ready()&abi.POLLOUT != 0 {
		t.Error("POLLOUT without room for PIPE_BUF")
	}
	r.Read(buf[:1])
	if n, err := w.Write(make([]byte, abi.PIPE_BUF)); n != abi.PIPE_BUF || err != nil {
		t.Errorf("write = %d, %v", n, err)
	}
}

func TestAPipeTellsWhenTheOtherEndHasGone(t *testing.T) {
	t.Parallel()
	r, w := NewPipe()
	w.Write([]byte("last"))
	w.Release()
	buf := make([]byte, 10)
	if n, err := r.Read(buf); n != 4 || err != nil {
		t.Errorf("read = %d, %v", n, err)
	}
	if n, err := r.Read(buf); n != 0 || err != nil {
		t.Errorf("read at the end = %d, %v", n, err)
	}
	if r.Ready()&abi.POLLHUP == 0 {
		t.Error("no POLLHUP")
	}
	r2, w2 := NewPipe()
	r2.Release()
	if _, err := w2.Write([]byte("x")); err != abi.EPIPE {
		t.Errorf("write without reader: %v", err)
	}
	if w2.Ready()&abi.POLLERR == 0 {
		t.Error("no POLLERR")
	}
	w2.Release()
	r.Release()
}

func TestBytesGoThroughAPipeInOrder(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	var got bytes.Buffer
	k := boot(t, programs{
		"writer": func(t *Task) int {
			o, err := t.Files.Get(1)
			if err != nil {
				return 1
			}
			defer o.Release()
			if n, err := t.Write(o, want); n != size || err != nil {
				return 2
			}
			return 0
		},
		"init": func(t *Task) int {
			r, w := NewPipe()
			fd, _ := t.Files.Add(w, 0, true)
			c, err := t.Spawn("/writer", &SpawnAttr{Argv: []string{"w"}, Files: []abi.SpawnFile{{From: int32(fd), To: 1}}})
			if err != nil {
				return 1
			}
			t.Files.Close(fd)
			buf := make([]byte, 5000)
			for {
				n, err := t.Read(r, buf)
				if err != nil {
					return 2
				}
				if n == 0 {
					break
				}
				got.Write(buf[:n])
			}
			r.Release()
			res, _ := t.Wait(c.Pid(), 0)
			return res.Status.ShellCode()
		},
	})
	if st := status(t, start(t, k, "/init")); st != 0 {
		t.Fatalf("status = %#x", uint32(st))
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("the bytes differ")
	}
}

func TestWritingToNobodyIsSIGPIPE(t *testing.T) {
	t.Parallel()
	_, _, c := nursery(t, func(t *Task) int {
		r, w := NewPipe()
		r.Release()
		if _, err := t.Write(w, []byte("x")); err != abi.EPIPE {
			return 1
		}
		return 0
	}, SpawnAttr{})
	if got := status(t, c); got != abi.Signaled(abi.SIGPIPE) {
		t.Errorf("status = %#x", uint32(got))
	}
}

func TestAFifoMeetsReaderAndWriter(t *testing.T) {
	t.Parallel()
	var got string
	k := boot(t, programs{
		"writer": func(t *Task) int {
			fs := t.FS()
			o, err := fs.Open(fs.Root, "/fifo", abi.O_WRONLY, 0)
			if err != nil {
				return 1
			}
			defer o.Release()
			t.Write(o, []byte("through"))
			return 0
		},
		"init": func(t *Task) int {
			fs := t.FS()
			if err := fs.Mknod(fs.Root, "/fifo", abi.S_IFIFO|0o600, 0); err != nil {
				return 1
			}
			if _, err := fs.Open(fs.Root, "/fifo", abi.O_WRONLY|abi.O_NONBLOCK, 0); err != abi.ENXIO {
				return 2
			}
			if _, err := t.Spawn("/writer", &SpawnAttr{Argv: []string{"w"}}); err != nil {
				return 3
			}
			o, err := fs.Open(fs.Root, "/fifo", abi.O_RDONLY, 0)
			if err != nil {
				return 4
			}
			defer o.Release()
			b, err := io.ReadAll(taskReader{t, o})
			got = string(b)
			if err != nil {
				return 5
			}
			return 0
		},
	})
	if st := status(t, start(t, k, "/init")); st != 0 || got != "through" {
		t.Errorf("status = %#x, read %q", uint32(st), got)
	}
}

// taskReader reads on a task's behalf.
type taskReader struct {
	t *Task
	o *vfs.OpenFile
}

func (r taskReader) Read(p []byte) (int, error) {
	n, err := r.t.Read(r.o, p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func BenchmarkPipe(b *testing.B) {
	r, w := NewPipe()
	defer r.Release()
	defer w.Release()
	buf := make([]byte, PipeSize)
	b.SetBytes(PipeSize)
	b.ReportAllocs()
	for b.Loop() {
		w.Write(buf)
		r.Read(buf)
	}
}
