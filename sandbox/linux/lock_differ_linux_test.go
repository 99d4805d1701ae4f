package linux_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
)

// Random locks of open file descriptions, set here and on the host: results and what is locked agree.
func TestLocksBehaveAsTheHosts(t *testing.T) {
	t.Parallel()
	host := t.TempDir() + "/f"
	if err := os.WriteFile(host, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o666, nil)
		const files, probe, first = 4, 3, 3
		var fds [files]int
		for i := range fds {
			m.want("open", m.call(abi.SYS_OPEN, "/tmp/f", abi.O_RDWR), first+i)
			fd, err := unix.Open(host, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			fds[i] = fd
		}
		result := func(err error) int64 {
			if e, ok := err.(unix.Errno); ok {
				return -int64(e)
			}
			return 0
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for step := range 3000 {
			i := rnd.IntN(probe)
			if rnd.IntN(5) == 0 {
				op := []int{abi.LOCK_SH, abi.LOCK_EX, abi.LOCK_UN}[rnd.IntN(3)] | abi.LOCK_NB
				got, want := m.call(abi.SYS_FLOCK, first+i, op), result(unix.Flock(fds[i], op))
				if got != want {
					t.Fatalf("step %d: flock %d %d gives %d, on the host %d", step, i, op, got, want)
				}
				continue
			}
			l := unix.Flock_t{Type: int16(rnd.IntN(3)), Start: int64(rnd.IntN(24)), Len: int64(rnd.IntN(8))}
			addr := m.flockStruct(int(l.Type), 0, l.Start, l.Len)
			got := m.call(abi.SYS_FCNTL, first+i, abi.F_OFD_SETLK, addr)
			if err := unix.FcntlFlock(uintptr(fds[i]), unix.F_OFD_SETLK, &l); got != result(err) {
				t.Fatalf("step %d: lock %d %+v gives %d, on the host %v", step, i, l, got, err)
			}
			for at := range int64(34) {
				for _, typ := range []int{abi.F_RDLCK, abi.F_WRLCK} {
					l := unix.Flock_t{Type: int16(typ), Start: at, Len: 1}
					addr := m.flockStruct(typ, 0, at, 1)
					m.want("F_OFD_GETLK", m.call(abi.SYS_FCNTL, first+probe, abi.F_OFD_GETLK, addr), 0)
					if err := unix.FcntlFlock(uintptr(fds[probe]), unix.F_OFD_GETLK, &l); err != nil {
						t.Fatal(err)
					}
					got, want := fmt.Sprint(int16(m.u32(addr)) == abi.F_UNLCK), fmt.Sprint(l.Type == unix.F_UNLCK)
					if got != want {
						t.Fatalf("step %d, byte %d, type %d: free %s, on the host %s", step, at, typ, got, want)
					}
				}
			}
		}
	})
}
