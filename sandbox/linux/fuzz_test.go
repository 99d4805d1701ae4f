package linux_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
)

// fuzzed makes the system calls that bytes stand for, nine each: a number and an argument's kind and value for each of six
// arguments. A call may give any result, but must not panic; one that waits is ended by a signal.
func fuzzed(t *testing.T, data []byte) {
	b := guesttest.New(t, kernel.Limits{Pids: 20, Memory: 64 << 20})
	b.Write("/tmp/file", 0o644, []byte("contents"))
	b.Func("/bin/child", func(*kernel.Task) int { return 0 })
	b.Func("/bin/fuzz", func(task *kernel.Task) int {
		m := newMachine(t, task)
		m.steps(
			do(3, abi.SYS_OPEN, "/tmp/file", abi.O_RDWR),
			do(4, abi.SYS_OPEN, "/tmp", abi.O_RDONLY),
			do(5, abi.SYS_EVENTFD2, 0, 0),
			do(6, abi.SYS_EPOLL_CREATE1, 0),
			do(7, abi.SYS_INOTIFY_INIT1, 0),
			do(8, abi.SYS_TIMERFD_CREATE, 1, 0),
			do(9, abi.SYS_MEMFD_CREATE, "m", 0),
			do(0, abi.SYS_PIPE2, m.alloc(8), 0),
		)
		addrs := []uint64{
			m.bytes([]byte("/tmp/file\x00")), m.bytes([]byte("/bin/child\x00")), m.bytes([]byte("name\x00")), m.words(1, 2, 3, 4, 5, 6, 7, 8),
			m.words(memoryStart, 8, memoryStart+8, 1<<40), m.alloc(4096), memoryStart + 1<<17 - 3, 8, 1 << 63, ^uint64(0) - 2, 0,
		}
		const size = 1 + 6*2
		for ; len(data) >= size; data = data[size:] {
			nr := abi.Sysno(binary.LittleEndian.Uint16(data)) % 460
			if data[0] == 0xff {
				nr = abi.SYS_SPAWN + abi.Sysno(data[1]%8)
			}
			var a [6]uint64
			for i := range a {
				v := data[1+2*i]
				switch data[2+2*i] % 6 {
				case 0, 1:
					a[i] = addrs[int(v)%len(addrs)]
				case 2:
					a[i] = uint64(v % 16)
				case 3:
					a[i] = uint64(int64(int8(v)))
				case 4:
					a[i] = 1 << (v % 64)
				case 5:
					a[i] = uint64(v) * 0x0101010101010101
				}
			}
			linux.Syscall(task, m.mem, nr, a)
			if task.Checkpoint() != nil {
				return 0
			}
		}
		return 0
	})
	p := b.Start(guesttest.Options{}, "/bin/fuzz")
	for end := time.After(50 * time.Millisecond); ; end = time.After(10 * time.Millisecond) {
		select {
		case <-p.Done():
			if s := p.Status(); s == abi.Signaled(abi.SIGSEGV) {
				t.Error("a system call panicked")
			}
			return
		case <-end: // it waits, or is in a loop of many calls
			p.Signal(abi.SIGKILL)
			select {
			case <-p.Done():
			case <-time.After(20 * time.Second):
				t.Fatal("a system call does not end at a SIGKILL")
			}
		}
	}
}

func FuzzSyscalls(f *testing.F) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		data := make([]byte, 13*200)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(fuzzed)
}
