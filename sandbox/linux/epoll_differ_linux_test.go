package linux_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
)

// Random operations on pipes and counters, here and on the host, make the same events.
func TestEpollBehavesAsTheHosts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) { differEpoll(t, m, seed) })
	}
}

func differEpoll(t *testing.T, m *machine, seed uint64) {
	hostEp, ep := int(hostCall(abi.SYS_EPOLL_CREATE1, 0)), int(m.call(abi.SYS_EPOLL_CREATE1, 0))
	defer unix.Close(hostEp)
	type pair struct{ host, here int }
	var fds []pair // of pipes: reading end, writing end; of a counter: itself twice
	open := func(counter bool) (pair, pair) {
		if counter {
			p := pair{int(hostCall(abi.SYS_EVENTFD2, 0, abi.O_NONBLOCK)), int(m.call(abi.SYS_EVENTFD2, 0, abi.O_NONBLOCK))}
			return p, p
		}
		var h [2]int
		if err := unix.Pipe2(h[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		addr := m.alloc(8)
		m.want("pipe2", m.call(abi.SYS_PIPE2, addr, abi.O_NONBLOCK), 0)
		return pair{h[0], int(m.u32(addr))}, pair{h[1], int(m.u32(addr + 4))}
	}
	for i := range 4 {
		r, w := open(i == 3)
		fds = append(fds, r, w)
	}
	defer func() {
		for _, p := range fds {
			unix.Close(p.host)
		}
	}()
	rnd := rand.New(rand.NewPCG(seed, 1))
	var log []string
	both := func(nr abi.Sysno, hostArgs, args []any) {
		want, got := hostCall(nr, hostArgs...), m.call(nr, args...)
		log = append(log, fmt.Sprint(nr, args, got))
		if got != want {
			t.Errorf("seed %d: system call %d%v gives %d, on the host %d", seed, nr, args, got, want)
		}
	}
	for step := range 2000 {
		i := rnd.IntN(len(fds))
		p := fds[i]
		switch rnd.IntN(8) {
		case 0, 1, 2:
			op := 1 + rnd.IntN(3)
			events := []uint32{abi.POLLIN, abi.POLLOUT, abi.POLLIN | abi.POLLOUT, 0}[rnd.IntN(4)] |
				[]uint32{0, 1 << 30, 1 << 31, 1<<30 | 1<<31}[rnd.IntN(4)]
			ev := make([]byte, 12)
			ev[0], ev[3], ev[4] = byte(events), byte(events>>24), byte(i)
			both(abi.SYS_EPOLL_CTL, []any{hostEp, op, p.host, ev}, []any{ep, op, p.here, int(m.bytes(ev))})
		case 3, 4:
			data := []byte{1, 0, 0, 0, 0, 0, 0, 0}
			both(abi.SYS_WRITE, []any{p.host, data, 8}, []any{p.here, int(m.bytes(data)), 8})
		case 5:
			both(abi.SYS_READ, []any{p.host, make([]byte, 8), 8}, []any{p.here, int(m.alloc(8)), 8})
		case 6:
			if rnd.IntN(10) > 0 {
				break
			}
			// Close both ends, or one, and make others.
			k := i &^ 1
			for _, p := range slices.Compact([]pair{fds[k], fds[k+1]}) {
				both(abi.SYS_CLOSE, []any{p.host}, []any{p.here})
			}
			fds[k], fds[k+1] = open(fds[k] == fds[k+1])
		}
		read := func(b []byte, n int64) string {
			var list []string
			for ; n > 0; n-- {
				list = append(list, fmt.Sprintf("%x:%d", b[:4], b[4]))
				b = b[12:]
			}
			slices.Sort(list)
			return strings.Join(list, " ")
		}
		buf := make([]byte, 12*16)
		want := read(buf, hostCall(abi.SYS_EPOLL_WAIT, hostEp, buf, 16, 0))
		addr := m.alloc(12 * 16)
		n := m.call(abi.SYS_EPOLL_WAIT, ep, int(addr), 16, 0)
		if got := read(m.at(addr, 12*16), n); got != want {
			t.Errorf("seed %d, step %d: events %s, on the host %s\n%s", seed, step, got, want, strings.Join(log[max(0, len(log)-25):], "\n"))
		}
		if t.Failed() {
			return
		}
	}
}
