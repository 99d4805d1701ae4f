package linux_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

func TestTenThousandDescriptors(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o666, []byte("x"))
		const count = 10_000
		for fd := 3; fd < count; fd++ {
			m.next = memoryStart
			m.want("open", m.call(abi.SYS_OPEN, "/tmp/f", abi.O_RDONLY), fd)
		}
		m.steps(
			do(1, abi.SYS_READ, count-1, m.alloc(8), 8),
			do(0, abi.SYS_SETRLIMIT, abi.RLIMIT_NOFILE, m.words(count, count)),
			do(abi.EMFILE, abi.SYS_DUP, 3),
			do(0, abi.SYS_CLOSE, 5000),
			do(5000, abi.SYS_DUP, 3),
			do(0, abi.SYS_CLOSE_RANGE, 3, 1<<32-1, 0),
			do(3, abi.SYS_OPEN, "/tmp/f", abi.O_RDONLY),
		)
	})
}

func TestATreeOfTenThousandLevels(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{Dir: "/tmp"}, func(b *guesttest.Box, m *machine) {
		const levels = 10_000
		for range levels {
			m.next = memoryStart
			m.want("mkdir", m.call(abi.SYS_MKDIR, "d", 0o777), 0)
			m.want("chdir", m.call(abi.SYS_CHDIR, "d"), 0)
		}
		m.steps(
			do(abi.ENAMETOOLONG, abi.SYS_GETCWD, m.alloc(32<<10), 32<<10),
			do(0, abi.SYS_CHDIR, strings.Repeat("../", 1300)),
			do(0, abi.SYS_CHDIR, strings.Repeat("d/", 1300)),
			do(abi.ENAMETOOLONG, abi.SYS_CHDIR, strings.Repeat("../", 1366)),
			do(abi.EINVAL, abi.SYS_RENAME, "/tmp/d", "d"), // into itself
		)
		for range levels {
			m.next = memoryStart
			m.want("chdir", m.call(abi.SYS_CHDIR, ".."), 0)
			m.want("rmdir", m.call(abi.SYS_RMDIR, "d"), 0)
		}
	})
}

// A process walks up and down while another moves directories about: it never comes above its root.
func TestRenamesDoNotOpenARoot(t *testing.T) {
	t.Parallel()
	b := guesttest.New(t, kernel.Limits{})
	b.Write("/outside", 0o644, nil)
	newLocker(t, b, "init")
	var stop atomic.Bool
	b.Func("/bin/mover", func(task *kernel.Task) int {
		m := newMachine(t, task)
		for !stop.Load() && task.Checkpoint() == nil {
			m.next = memoryStart
			m.call(abi.SYS_RENAME, "/tmp/jail/a/b/c", "/tmp/jail/c")
			m.call(abi.SYS_RENAME, "/tmp/jail/c", "/tmp/jail/a/b/c")
			m.call(abi.SYS_RENAMEAT2, abi.AT_FDCWD, "/tmp/jail/a", abi.AT_FDCWD, "/tmp/jail/x", abi.RENAME_EXCHANGE)
		}
		return 0
	})
	b.Func("/bin/walker", func(task *kernel.Task) int {
		m := newMachine(t, task)
		m.want("chroot", m.call(abi.SYS_CHROOT, "/tmp/jail"), 0)
		m.want("chdir", m.call(abi.SYS_CHDIR, "/"), 0)
		for range 5000 {
			m.next = memoryStart
			m.call(abi.SYS_CHDIR, "a/b/c/d")
			for _, up := range []string{"../../../../../outside", "/../outside", "../outside", "/c/d/../../../outside", "a/b/c/../../../../outside"} {
				if fd := m.call(abi.SYS_OPEN, up, abi.O_RDONLY); fd >= 0 {
					t.Errorf("%s leads out of the root", up)
					return 1
				}
			}
			m.call(abi.SYS_CHDIR, "/")
		}
		return 0
	})
	for _, dir := range []string{"", "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/x", "/x/b"} {
		if err := b.Root.Mkdir(b.Root.Cwd, "/tmp/jail"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mover, walker := b.Start(guesttest.Options{}, "/bin/mover"), b.Start(guesttest.Options{}, "/bin/walker")
	walker.Wait()
	stop.Store(true)
	mover.Wait()
}
