package linux_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
)

// hostCall makes a system call on the host; arguments are numbers, strings and byte slices.
func hostCall(nr abi.Sysno, args ...any) int64 {
	var a [6]uintptr
	var keep []any
	for i, v := range args {
		switch v := v.(type) {
		case int:
			a[i] = uintptr(v)
		case string:
			b := append([]byte(v), 0)
			a[i], keep = uintptr(unsafe.Pointer(&b[0])), append(keep, b)
		case []byte:
			if len(v) > 0 {
				a[i], keep = uintptr(unsafe.Pointer(&v[0])), append(keep, v)
			}
		}
	}
	r, _, e := unix.Syscall6(uintptr(nr), a[0], a[1], a[2], a[3], a[4], a[5])
	runtime.KeepAlive(keep)
	if e != 0 {
		return -int64(e)
	}
	return int64(r)
}

// events prints what an inotify instance gave; cookies are numbered as they come.
func events(b []byte, cookies map[uint32]int) string {
	var out strings.Builder
	for len(b) >= 16 {
		le := binary.LittleEndian
		wd, mask, cookie, n := le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])
		if cookie != 0 && cookies[cookie] == 0 {
			cookies[cookie] = len(cookies) + 1
		}
		fmt.Fprintf(&out, "%d:%#x:%d:%d:%s\n", int32(wd), mask, cookies[cookie], n, strings.TrimRight(string(b[16:16+n]), "\x00"))
		b = b[16+n:]
	}
	return out.String()
}

// Random operations here and on the host give the same events.
func TestInotifyTellsWhatTheHostsDoes(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("some operations need root to succeed")
	}
	for seed := range uint64(6) {
		inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
			differInotify(t, m, seed)
		})
	}
}

func differInotify(t *testing.T, m *machine, seed uint64) {
	host, here := t.TempDir()+"/w", "/tmp/w"
	both := func(nr abi.Sysno, hostArgs, args []any) int64 {
		want, got := hostCall(nr, hostArgs...), m.call(nr, args...)
		if got != want {
			t.Errorf("seed %d: system call %d%v gives %d, on the host %d", seed, nr, args, got, want)
		}
		return got
	}
	both(abi.SYS_MKDIR, []any{host, 0o755}, []any{here, 0o755})
	hostDir, dir := hostCall(abi.SYS_OPEN, host, abi.O_RDONLY), m.call(abi.SYS_OPEN, here, abi.O_RDONLY)
	hostIn, in := hostCall(abi.SYS_INOTIFY_INIT1, abi.O_NONBLOCK), m.call(abi.SYS_INOTIFY_INIT1, abi.O_NONBLOCK)
	defer unix.Close(int(hostDir))
	defer unix.Close(int(hostIn))
	at := func(nr abi.Sysno, args ...any) int64 { // with the directory before each path
		a, b := []any{}, []any{}
		for _, v := range args {
			if s, isPath := v.(string); isPath {
				a, b = append(a, int(hostDir), s), append(b, int(dir), s)
			} else {
				a, b = append(a, v), append(b, v)
			}
		}
		return both(nr, a, b)
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	name := func() string {
		return []string{"a", "b", "a/f", "a/g", "b/f", "b/g", "f", "g", "a/d", "b/d"}[rnd.IntN(10)]
	}
	cookies := [2]map[uint32]int{{}, {}}
	hostFDs, fds := []int{}, []int{}
	var log []string
	for step := range 1200 {
		n1, n2 := name(), name()
		what := rnd.IntN(17)
		log = append(log, fmt.Sprintf("%d %s %s", what, n1, n2))
		switch what {
		case 0, 1:
			mask := []int{abi.IN_ALL_EVENTS, abi.IN_CREATE | abi.IN_DELETE, abi.IN_MODIFY | abi.IN_MASK_ADD, abi.IN_ALL_EVENTS | abi.IN_ONESHOT,
				abi.IN_ALL_EVENTS | abi.IN_EXCL_UNLINK, abi.IN_ATTRIB | abi.IN_ONLYDIR, abi.IN_MASK_CREATE | abi.IN_OPEN}[rnd.IntN(7)]
			both(abi.SYS_INOTIFY_ADD_WATCH, []any{int(hostIn), host + "/" + n1, mask}, []any{int(in), here + "/" + n1, mask})
		case 2, 3, 4:
			flags := []int{abi.O_RDONLY, abi.O_RDWR | abi.O_CREAT, abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC, abi.O_RDONLY | abi.O_DIRECTORY,
				abi.O_RDWR | abi.O_TRUNC, abi.O_PATH, abi.O_RDWR | abi.O_CREAT | abi.O_EXCL}[rnd.IntN(7)] | abi.O_CLOEXEC
			h := hostCall(abi.SYS_OPENAT, int(hostDir), n1, flags, 0o644)
			fd := m.call(abi.SYS_OPENAT, int(dir), n1, flags, 0o644)
			if (h < 0 || fd < 0) && h != fd {
				t.Errorf("seed %d: open %s %#x gives %d, on the host %d", seed, n1, flags, fd, h)
			}
			log[len(log)-1] = fmt.Sprintf("open %s %#x gives %d", n1, flags, fd)
			if fd >= 0 && h >= 0 {
				hostFDs, fds = append(hostFDs, int(h)), append(fds, int(fd))
			}
		case 5, 6, 7, 8:
			if len(fds) == 0 {
				break
			}
			i := rnd.IntN(len(fds))
			op := rnd.IntN(6)
			log[len(log)-1] = fmt.Sprintf("operation %d on %d", op, fds[i])
			switch op {
			case 0:
				both(abi.SYS_WRITE, []any{hostFDs[i], []byte("data"), 4}, []any{fds[i], "data", 4})
			case 1:
				buf := make([]byte, 8)
				both(abi.SYS_PREAD64, []any{hostFDs[i], buf, 8, 0}, []any{fds[i], int(m.alloc(8)), 8, 0})
			case 2:
				both(abi.SYS_FTRUNCATE, []any{hostFDs[i], 2}, []any{fds[i], 2})
			case 3:
				both(abi.SYS_FCHMOD, []any{hostFDs[i], 0o755}, []any{fds[i], 0o755})
			default:
				both(abi.SYS_CLOSE, []any{hostFDs[i]}, []any{fds[i]})
				hostFDs = append(hostFDs[:i], hostFDs[i+1:]...)
				fds = append(fds[:i], fds[i+1:]...)
			}
		case 9:
			at(abi.SYS_MKDIRAT, n1, 0o755)
		case 10:
			at(abi.SYS_UNLINKAT, n1, 0)
		case 11:
			at(abi.SYS_UNLINKAT, n1, abi.AT_REMOVEDIR)
		case 12, 13:
			at(abi.SYS_RENAMEAT2, n1, n2, []int{0, 0, abi.RENAME_NOREPLACE, abi.RENAME_EXCHANGE}[rnd.IntN(4)])
		case 14:
			at(abi.SYS_LINKAT, n1, n2, 0)
		case 15:
			at(abi.SYS_FCHMODAT, n1, 0o700+rnd.IntN(8))
		case 16:
			wd := rnd.IntN(20)
			both(abi.SYS_INOTIFY_RM_WATCH, []any{int(hostIn), wd}, []any{int(in), wd})
		}
		buf := make([]byte, 8192)
		want := events(buf[:max(0, hostCall(abi.SYS_READ, int(hostIn), buf, len(buf)))], cookies[0])
		addr := m.alloc(8192)
		got := events(m.at(addr, 8192)[:max(0, m.call(abi.SYS_READ, int(in), int(addr), 8192))], cookies[1])
		if got != want {
			t.Errorf("seed %d, step %d, %s\ngot\n%s\nwant\n%s", seed, step, strings.Join(log[max(0, step-40):], "\n"), got, want)
		}
		if t.Failed() {
			return
		}
	}
	for i := range hostFDs {
		unix.Close(hostFDs[i])
	}
}
