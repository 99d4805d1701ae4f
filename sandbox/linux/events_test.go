package linux_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

func TestEpollInstances(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o666, nil)
		ev, out := m.bytes([]byte{1, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0}), m.alloc(64)
		m.steps(
			do(3, abi.SYS_EPOLL_CREATE1, abi.O_CLOEXEC),
			do(abi.EINVAL, abi.SYS_EPOLL_CREATE1, 1),
			do(abi.EINVAL, abi.SYS_EPOLL_CREATE, 0),
			do(4, abi.SYS_EPOLL_CREATE, 1),
			do(5, abi.SYS_EVENTFD2, 0, 0),
			do(6, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR),
			do(abi.EPERM, abi.SYS_EPOLL_CTL, 3, 1, 6, ev),
			do(abi.EBADF, abi.SYS_EPOLL_CTL, 3, 1, 99, ev),
			do(abi.EBADF, abi.SYS_EPOLL_CTL, 99, 1, 5, ev),
			do(abi.EINVAL, abi.SYS_EPOLL_CTL, 5, 1, 3, ev),
			do(abi.EINVAL, abi.SYS_EPOLL_CTL, 3, 1, 3, ev),
			do(abi.EINVAL, abi.SYS_EPOLL_CTL, 3, 9, 5, ev),
			do(abi.EFAULT, abi.SYS_EPOLL_CTL, 3, 1, 5, 8),
			do(abi.ENOENT, abi.SYS_EPOLL_CTL, 3, 3, 5, ev),
			do(0, abi.SYS_EPOLL_CTL, 3, 1, 5, ev),
			do(abi.EEXIST, abi.SYS_EPOLL_CTL, 3, 1, 5, ev),
			do(0, abi.SYS_EPOLL_CTL, 4, 1, 3, ev), // 3 in 4
			do(abi.ELOOP, abi.SYS_EPOLL_CTL, 3, 1, 4, ev),
			do(abi.EINVAL, abi.SYS_EPOLL_WAIT, 3, out, 0, 0),
			do(abi.EINVAL, abi.SYS_EPOLL_WAIT, 5, out, 1, 0),
			do(abi.EFAULT, abi.SYS_EPOLL_WAIT, 3, 8, 1, 0),
			do(0, abi.SYS_EPOLL_WAIT, 4, out, 4, 0),
			do(8, abi.SYS_WRITE, 5, m.words(1), 8),
			do(1, abi.SYS_EPOLL_WAIT, 4, out, 4, -1),
			do(1, abi.SYS_EPOLL_PWAIT, 3, out, 4, -1, 0, 8),
			do(1, abi.SYS_EPOLL_PWAIT2, 3, out, 4, m.words(1, 0), 0, 8),
			do(abi.EINVAL, abi.SYS_READ, 3, out, 8),
			do(0, abi.SYS_CLOSE, 5), // and it is gone from the set
			do(0, abi.SYS_EPOLL_WAIT, 4, out, 4, 0),
			do(0, abi.SYS_CLOSE, 3),
			do(0, abi.SYS_EPOLL_WAIT, 4, out, 4, 0),
		)
		if m.u32(out) != abi.POLLIN || m.u32(out+4) != 42 {
			t.Errorf("event %#x with data %d", m.u32(out), m.u32(out+4))
		}
	})
}

func TestTimersAreFiles(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		buf := m.alloc(64)
		ms := uint64(time.Millisecond)
		m.steps(
			do(3, abi.SYS_TIMERFD_CREATE, 1, abi.O_NONBLOCK),
			do(4, abi.SYS_TIMERFD_CREATE, 0, 0),
			do(abi.EINVAL, abi.SYS_TIMERFD_CREATE, 99, 0),
			do(abi.EINVAL, abi.SYS_TIMERFD_CREATE, 1, 1),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf, 8),
			do(abi.EINVAL, abi.SYS_TIMERFD_SETTIME, 3, 0, m.words(0, 0, 0, 1e9), 0),
			do(abi.EINVAL, abi.SYS_TIMERFD_SETTIME, 3, 8, m.words(0, 0, 0, 1), 0),
			do(abi.EFAULT, abi.SYS_TIMERFD_SETTIME, 3, 0, 8, 0),
			do(0, abi.SYS_TIMERFD_SETTIME, 3, 0, m.words(0, 0, 1000, 0), 0),
			do(0, abi.SYS_TIMERFD_GETTIME, 3, buf),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf+32, 8),
			do(0, abi.SYS_TIMERFD_SETTIME, 4, 0, m.words(0, ms, 0, ms), 0),
			do(8, abi.SYS_READ, 4, buf+32, 8),
			do(8, abi.SYS_READ, 4, buf+40, 8),                            // the interval goes on
			do(0, abi.SYS_TIMERFD_SETTIME, 4, 1, m.words(0, 0, 1, 0), 0), // a second after the epoch is over
			do(8, abi.SYS_READ, 4, buf+48, 8),
			do(abi.EINVAL, abi.SYS_READ, 4, buf, 7),
			do(0, abi.SYS_TIMERFD_SETTIME, 3, 0, m.words(0, 0, 0, 0), buf),
			do(abi.EINVAL, abi.SYS_TIMERFD_GETTIME, 0, buf),
		)
		if left := m.u64(buf + 16); left < 900 || left > 1000 {
			t.Errorf("%d seconds are left of 1000", left)
		}
		if m.u64(buf+32) == 0 || m.u64(buf+40) == 0 || m.u64(buf+48) != 1 {
			t.Errorf("expirations %d, %d, %d", m.u64(buf+32), m.u64(buf+40), m.u64(buf+48))
		}
	})
}

func TestSignalsAreRead(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		buf := m.alloc(256)
		set := m.words(uint64(abi.SIGUSR1.Bit() | abi.SIGCHLD.Bit()))
		ev := m.bytes([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		pid := m.task.Pid()
		m.steps(
			do(0, abi.SYS_RT_SIGPROCMASK, abi.SIG_BLOCK, set, 0, 8),
			do(3, abi.SYS_SIGNALFD4, -1, set, 8, abi.O_NONBLOCK),
			do(abi.EINVAL, abi.SYS_SIGNALFD4, -1, set, 4, 0),
			do(abi.EINVAL, abi.SYS_SIGNALFD4, 0, set, 8, 0),
			do(4, abi.SYS_EPOLL_CREATE1, 0),
			do(0, abi.SYS_EPOLL_CTL, 4, 1, 3, ev),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf, 256),
			do(0, abi.SYS_EPOLL_WAIT, 4, buf, 1, 0),
			do(0, abi.SYS_KILL, pid, abi.SIGUSR1),
			do(1, abi.SYS_EPOLL_WAIT, 4, buf, 1, -1),
			do(0, abi.SYS_KILL, pid, abi.SIGCHLD),
			do(256, abi.SYS_READ, 3, buf, 256),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf, 128),
			do(3, abi.SYS_SIGNALFD4, 3, m.words(uint64(abi.SIGCHLD.Bit())), 8, 0),
			do(0, abi.SYS_KILL, pid, abi.SIGUSR1),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf+128, 128),
			do(abi.EINVAL, abi.SYS_READ, 3, buf, 127),
		)
		if a, b := m.u32(buf), m.u32(buf+128); a != uint32(abi.SIGUSR1) || b != uint32(abi.SIGCHLD) {
			t.Errorf("signals %d and %d", a, b)
		}
	})
}

func TestProcessesAreFiles(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Func("/bin/sleeper", func(task *kernel.Task) int {
			task.Pause()
			return 0
		})
		child, err := m.task.Spawn("/bin/sleeper", &kernel.SpawnAttr{Argv: []string{"sleeper"}})
		if err != nil {
			t.Fatal(err)
		}
		pid := child.Pid()
		poll := m.words(3 | abi.POLLIN<<32)
		info := m.alloc(128)
		m.steps(
			do(abi.EINVAL, abi.SYS_PIDFD_OPEN, 0, 0),
			do(abi.EINVAL, abi.SYS_PIDFD_OPEN, pid, 1),
			do(abi.ESRCH, abi.SYS_PIDFD_OPEN, 99999, 0),
			do(3, abi.SYS_PIDFD_OPEN, pid, 0),
			do(abi.FD_CLOEXEC, abi.SYS_FCNTL, 3, abi.F_GETFD),
			do(0, abi.SYS_POLL, poll, 1, 0),
			do(0, abi.SYS_PIDFD_SEND_SIGNAL, 3, 0, 0, 0),
			do(abi.EINVAL, abi.SYS_PIDFD_SEND_SIGNAL, 3, 99, 0, 0),
			do(abi.EBADF, abi.SYS_PIDFD_SEND_SIGNAL, 0, 9, 0, 0),
			do(0, abi.SYS_PIDFD_SEND_SIGNAL, 3, abi.SIGKILL, 0, 0),
			do(1, abi.SYS_POLL, poll, 1, -1),
			do(0, abi.SYS_WAITID, 3, 3, info, 4, 0), // P_PIDFD, WEXITED
			do(abi.ESRCH, abi.SYS_PIDFD_SEND_SIGNAL, 3, 0, 0, 0),
			do(abi.ECHILD, abi.SYS_WAITID, 3, 3, info, 4, 0),
			do(abi.EBADF, abi.SYS_WAITID, 3, 77, info, 4, 0),
		)
		if got := m.u32(info + 16); got != uint32(pid) {
			t.Errorf("pid %d, want %d", got, pid)
		}
	})
}

func TestFilesInMemory(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		buf := m.alloc(256)
		m.steps(
			do(3, abi.SYS_MEMFD_CREATE, "x", 1),
			do(abi.FD_CLOEXEC, abi.SYS_FCNTL, 3, abi.F_GETFD),
			do(abi.EINVAL, abi.SYS_MEMFD_CREATE, "x", 2),
			do(abi.EINVAL, abi.SYS_MEMFD_CREATE, strings.Repeat("x", 250), 0),
			do(abi.EFAULT, abi.SYS_MEMFD_CREATE, 8, 0),
			do(5, abi.SYS_WRITE, 3, "hello", 5),
			do(5, abi.SYS_PREAD64, 3, buf, 9, 0),
			do(0, abi.SYS_FTRUNCATE, 3, 1<<20),
			do(0, abi.SYS_FSTAT, 3, buf+16),
			do(5, abi.SYS_LSEEK, 3, 0, abi.SEEK_CUR),
			do(0, abi.SYS_FALLOCATE, 3, 3, 0, 4096),
			do(0, abi.SYS_FLOCK, 3, abi.LOCK_EX),
			do(abi.EXDEV, abi.SYS_LINKAT, 3, "", cwd, "/tmp/m", abi.AT_EMPTY_PATH),
		)
		var st abi.Stat
		copy(abi.Bytes(&st), m.at(buf+16, 144))
		if st.Mode != abi.S_IFREG|0o777 || st.Nlink != 0 || st.Size != 1<<20 {
			t.Errorf("attributes %+v", st)
		}
	})
}

func TestInotifyArguments(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o666, nil)
		buf := m.alloc(256)
		m.steps(
			do(3, abi.SYS_INOTIFY_INIT1, abi.O_NONBLOCK|abi.O_CLOEXEC),
			do(abi.EINVAL, abi.SYS_INOTIFY_INIT1, 1),
			do(4, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR),
			do(abi.EINVAL, abi.SYS_INOTIFY_ADD_WATCH, 4, "/tmp", abi.IN_MODIFY),
			do(abi.EBADF, abi.SYS_INOTIFY_ADD_WATCH, 9, "/tmp", abi.IN_MODIFY),
			do(abi.EINVAL, abi.SYS_INOTIFY_ADD_WATCH, 3, "/tmp", 0),
			do(abi.ENOENT, abi.SYS_INOTIFY_ADD_WATCH, 3, "/tmp/none", abi.IN_MODIFY),
			do(abi.ENOTDIR, abi.SYS_INOTIFY_ADD_WATCH, 3, "/tmp/f", abi.IN_MODIFY|abi.IN_ONLYDIR),
			do(abi.EFAULT, abi.SYS_INOTIFY_ADD_WATCH, 3, 8, abi.IN_MODIFY),
			do(1, abi.SYS_INOTIFY_ADD_WATCH, 3, "/tmp", abi.IN_MODIFY),
			do(1, abi.SYS_INOTIFY_ADD_WATCH, 3, "/tmp", abi.IN_MODIFY|abi.IN_ATTRIB),
			do(abi.EEXIST, abi.SYS_INOTIFY_ADD_WATCH, 3, "/tmp", abi.IN_MODIFY|abi.IN_MASK_CREATE),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf, 64),
			do(1, abi.SYS_WRITE, 4, "x", 1),
			do(1, abi.SYS_WRITE, 4, "x", 1), // the same again is told once
			do(0, abi.SYS_IOCTL, 3, abi.FIONREAD, buf+128),
			do(abi.EINVAL, abi.SYS_READ, 3, buf, 31),
			do(32, abi.SYS_READ, 3, buf, 64),
			do(abi.EBADF, abi.SYS_WRITE, 3, buf, 16),
			do(abi.EINVAL, abi.SYS_INOTIFY_RM_WATCH, 3, 2),
			do(0, abi.SYS_INOTIFY_RM_WATCH, 3, 1),
			do(16, abi.SYS_READ, 3, buf+64, 64),
			do(1, abi.SYS_WRITE, 4, "x", 1),
			do(abi.EAGAIN, abi.SYS_READ, 3, buf, 64),
		)
		if n := m.u32(buf + 128); n != 32 {
			t.Errorf("FIONREAD gives %d", n)
		}
		if m.u32(buf+4) != abi.IN_MODIFY || string(m.at(buf+16, 2)) != "f\x00" || m.u32(buf+64+4) != abi.IN_IGNORED {
			t.Errorf("events %q", m.at(buf, 80))
		}
	})
}
