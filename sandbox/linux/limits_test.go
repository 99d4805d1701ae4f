package linux_test

import (
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func TestFileSizesAreLimited(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		m.steps(
			do(0, abi.SYS_RT_SIGACTION, abi.SIGXFSZ, m.words(77, 0, 0, 0), 0, 8),
			do(0, abi.SYS_SETRLIMIT, abi.RLIMIT_FSIZE, m.words(10, 20)),
			do(3, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR|abi.O_CREAT, 0o666),
			do(8, abi.SYS_WRITE, 3, "12345678", 8),
			do(2, abi.SYS_WRITE, 3, "12345678", 8),
			do(0, abi.SYS_SIGNAL_NEXT),
			do(abi.EFBIG, abi.SYS_WRITE, 3, "1", 1),
			do(int(abi.SIGXFSZ), abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_WRITE, 3, "", 0),
			do(3, abi.SYS_PWRITE64, 3, "123456", 6, 7),
			do(abi.EFBIG, abi.SYS_PWRITE64, 3, "1", 1, 10),
			do(int(abi.SIGXFSZ), abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_FTRUNCATE, 3, 10),
			do(abi.EFBIG, abi.SYS_FTRUNCATE, 3, 11),
			do(abi.EFBIG, abi.SYS_TRUNCATE, "/tmp/f", 11),
			do(abi.EFBIG, abi.SYS_FALLOCATE, 3, 0, 5, 10),
			do(int(abi.SIGXFSZ), abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_FCNTL, 3, abi.F_SETFL, abi.O_APPEND),
			do(abi.EFBIG, abi.SYS_PWRITE64, 3, "1", 1, 0),
			do(int(abi.SIGXFSZ), abi.SYS_SIGNAL_NEXT),
		)
	})
}

func TestProcessesOfAUserAreLimited(t *testing.T) {
	t.Parallel()
	opt := guesttest.Options{Cred: &vfs.Cred{UID: 5, RealUID: 5, SavedUID: 5}}
	inMachine(t, opt, func(b *guesttest.Box, m *machine) {
		b.Func("/bin/child", func(*kernel.Task) int { return 0 })
		m.want("setrlimit", m.call(abi.SYS_SETRLIMIT, abi.RLIMIT_NPROC, m.words(2, 2)), 0)
		start := func() error {
			_, err := m.task.Spawn("/bin/child", &kernel.SpawnAttr{Argv: []string{"child"}})
			return err
		}
		if err := start(); err != nil {
			t.Errorf("second process: %v", err)
		}
		if err := start(); err != abi.EAGAIN {
			t.Errorf("third process: %v", err)
		}
		m.want("wait4", m.call(abi.SYS_WAIT4, -1, 0, 0, 0), 3-1)
		if err := start(); err != nil {
			t.Errorf("after one was waited for: %v", err)
		}
		m.call(abi.SYS_WAIT4, -1, 0, 0, 0)
	})
}

func TestCPUTimeIsLimited(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		spin := func(task *kernel.Task) int {
			for task.Yield() == nil {
				if s := task.NextSignal(); s != 0 {
					return int(s)
				}
			}
			return 0
		}
		b.Func("/bin/limited", func(task *kernel.Task) int {
			task.SetLimit(task, abi.RLIMIT_CPU, abi.Rlimit{Cur: 1, Max: 5})
			return spin(task)
		})
		b.Func("/bin/timed", func(task *kernel.Task) int {
			task.SetAction(abi.SIGVTALRM, kernel.Handle)
			task.SetCPUTimer(kernel.VirtualTimer, 1e6, 0)
			return spin(task)
		})
		for prog, want := range map[string]abi.WaitStatus{
			"/bin/limited": abi.Signaled(abi.SIGXCPU), "/bin/timed": abi.Exited(int(abi.SIGVTALRM)),
		} {
			c, err := m.task.Spawn(prog, &kernel.SpawnAttr{Argv: []string{prog}})
			if err != nil {
				t.Fatal(err)
			}
			if res, err := m.task.Wait(c.Pid(), 0); err != nil || res.Status != want {
				t.Errorf("%s ended with %#x, %v; want %#x", prog, res.Status, err, want)
			}
		}
		old := m.alloc(32)
		m.steps(
			do(0, abi.SYS_SETITIMER, 2, m.words(0, 0, 1000, 0), 0),
			do(0, abi.SYS_SETITIMER, 2, m.words(0, 0, 0, 0), old),
			do(0, abi.SYS_GETITIMER, 1, old+16),
			do(abi.EINVAL, abi.SYS_GETITIMER, 3, old),
		)
		if left := m.u64(old + 16); left != 0 {
			t.Errorf("ITIMER_VIRTUAL has %d seconds left", left)
		}
	})
}

func TestLimitsOfOthers(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Func("/bin/child", func(task *kernel.Task) int {
			task.Pause()
			return 0
		})
		c, err := m.task.Spawn("/bin/child", &kernel.SpawnAttr{Argv: []string{"child"}})
		if err != nil {
			t.Fatal(err)
		}
		old := m.alloc(32)
		m.steps(
			do(0, abi.SYS_PRLIMIT64, c.Pid(), abi.RLIMIT_NOFILE, m.words(10, 20), 0),
			do(0, abi.SYS_PRLIMIT64, c.Pid(), abi.RLIMIT_NOFILE, 0, old),
			do(abi.EINVAL, abi.SYS_PRLIMIT64, c.Pid(), abi.RLIMIT_NOFILE, m.words(21, 20), 0),
			do(abi.ESRCH, abi.SYS_PRLIMIT64, 9999, abi.RLIMIT_NOFILE, 0, old),
			do(0, abi.SYS_SETRESUID, 5, 5, 5),
			do(abi.EPERM, abi.SYS_PRLIMIT64, c.Pid(), abi.RLIMIT_NOFILE, 0, old),
			do(abi.EPERM, abi.SYS_SETRLIMIT, abi.RLIMIT_NOFILE, m.words(10, 1<<20+1)),
		)
		if m.u64(old) != 10 || m.u64(old+8) != 20 {
			t.Errorf("the child's limit is %d, %d", m.u64(old), m.u64(old+8))
		}
		c.Signal(abi.SIGKILL)
	})
}

func TestWaitsForWhatItIsAsked(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Func("/bin/child", func(task *kernel.Task) int {
			task.Pause()
			return 7
		})
		child := func() *kernel.Task {
			c, err := m.task.Spawn("/bin/child", &kernel.SpawnAttr{Argv: []string{"child"}})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		const exited, stopped, continued, nohang, nowait = abi.WEXITED, abi.WUNTRACED, abi.WCONTINUED, abi.WNOHANG, abi.WNOWAIT
		const clone, all = 1 << 31, 1 << 30
		info := m.alloc(128)
		c := child()
		pid := c.Pid()
		m.steps(
			do(abi.EINVAL, abi.SYS_WAITID, 0, 0, info, nohang, 0),
			do(abi.EINVAL, abi.SYS_WAITID, 1, 0, info, exited, 0),
			do(abi.EINVAL, abi.SYS_WAITID, 9, 0, info, exited, 0),
			do(abi.ECHILD, abi.SYS_WAITID, 1, 999, info, exited, 0),
			do(abi.ECHILD, abi.SYS_WAITID, 0, 0, info, exited|clone, 0),
			do(0, abi.SYS_WAITID, 0, 0, info, exited|clone|all|nohang, 0),
			do(0, abi.SYS_WAITID, 2, 0, info, exited|nohang, 0),
			do(abi.ESRCH, abi.SYS_WAIT4, -1<<31, 0, 0, 0),
			do(abi.ECHILD, abi.SYS_WAIT4, -1, 0, clone, 0),
			do(abi.EINVAL, abi.SYS_WAIT4, -1, 0, exited, 0),
			do(0, abi.SYS_KILL, pid, abi.SIGSTOP),
			do(0, abi.SYS_WAITID, 1, pid, info, stopped|nowait, 0),
			do(0, abi.SYS_WAITID, 1, pid, info, stopped, 0),
			do(0, abi.SYS_WAITID, 1, pid, info+32, stopped|nohang, 0),
			do(0, abi.SYS_KILL, pid, abi.SIGCONT),
			do(0, abi.SYS_WAITID, 0, 0, info+32, continued, 0),
			do(0, abi.SYS_KILL, pid, abi.SIGTERM),
			do(0, abi.SYS_WAITID, 1, pid, info+64, exited|nowait, 0),
			do(0, abi.SYS_WAITID, 1, pid, info, continued|nohang, 0), // ends are not asked for
			do(pid, abi.SYS_WAIT4, -1, info, all, 0),
			do(abi.ECHILD, abi.SYS_WAITID, 1, pid, info, exited, 0),
		)
		// SA_NOCLDWAIT leaves nothing to wait for.
		m.want("sigaction", m.call(abi.SYS_RT_SIGACTION, abi.SIGCHLD, m.words(abi.SIG_DFL, 2, 0, 0), 0, 8), 0)
		c = child()
		c.Signal(abi.SIGKILL)
		m.want("wait4", m.call(abi.SYS_WAIT4, -1, 0, 0, 0), abi.ECHILD)
	})
}
