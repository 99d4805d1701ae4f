package linux_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func sysname(nr abi.Sysno, i int) string { return fmt.Sprintf("step %d, system call %d", i, nr) }

const cwd = abi.AT_FDCWD

func TestUnknownCallsGiveENOSYS(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		for _, nr := range []abi.Sysno{abi.SYS_CLONE, abi.SYS_USELIB, 999, 0xfff, 0x10ff, 1 << 31} {
			m.want(fmt.Sprint(nr), m.call(nr), abi.ENOSYS)
		}
	})
}

func TestFilesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		data, buf := m.bytes([]byte("hello, world")), m.alloc(64)
		iov := m.words(data, 5, data+5, 7)
		m.steps(
			do(3, abi.SYS_OPENAT, cwd, "/tmp/f", abi.O_RDWR|abi.O_CREAT|abi.O_EXCL|abi.O_CLOEXEC, 0o666),
			do(abi.EEXIST, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR|abi.O_CREAT|abi.O_EXCL, 0o666),
			do(12, abi.SYS_WRITE, 3, data, 12),
			do(12, abi.SYS_LSEEK, 3, 0, abi.SEEK_CUR),
			do(7, abi.SYS_LSEEK, 3, -5, abi.SEEK_END),
			do(5, abi.SYS_READ, 3, buf, 64),
			do(0, abi.SYS_READ, 3, buf+16, 64),
			do(12, abi.SYS_WRITEV, 3, iov, 2),
			do(4, abi.SYS_PREAD64, 3, buf+16, 4, 8),
			do(2, abi.SYS_PWRITE64, 3, data, 2, 0),
			do(24, abi.SYS_PREADV, 3, m.words(buf+24, 30), 1, 0),
			do(abi.EINVAL, abi.SYS_PREAD64, 3, buf, 4, -1),
			do(abi.EINVAL, abi.SYS_LSEEK, 3, -1, abi.SEEK_SET),
			do(abi.EINVAL, abi.SYS_READV, 3, iov, 1025),
			do(0, abi.SYS_FTRUNCATE, 3, 5),
			do(0, abi.SYS_FALLOCATE, 3, 0, 0, 10),
			do(abi.EOPNOTSUPP, abi.SYS_FALLOCATE, 3, 8, 0, 10),
			do(0, abi.SYS_FSYNC, 3),
			do(0, abi.SYS_SYNC),
			do(4, abi.SYS_DUP, 3),
			do(10, abi.SYS_DUP2, 3, 10),
			do(11, abi.SYS_DUP3, 3, 11, abi.O_CLOEXEC),
			do(abi.EINVAL, abi.SYS_DUP3, 3, 3, 0),
			do(20, abi.SYS_FCNTL, 3, abi.F_DUPFD, 20),
			do(21, abi.SYS_FCNTL, 3, abi.F_DUPFD_CLOEXEC, 20),
			do(0, abi.SYS_FCNTL, 20, abi.F_GETFD),
			do(1, abi.SYS_FCNTL, 21, abi.F_GETFD),
			do(abi.O_RDWR, abi.SYS_FCNTL, 3, abi.F_GETFL),
			do(0, abi.SYS_FCNTL, 3, abi.F_SETFL, abi.O_APPEND),
			do(abi.O_RDWR|abi.O_APPEND, abi.SYS_FCNTL, 4, abi.F_GETFL),
			do(abi.EFAULT, abi.SYS_FCNTL, 3, abi.F_SETLK, 0),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, 9999, 0),
			do(0, abi.SYS_CLOSE_RANGE, 10, 30, 0),
			do(abi.EBADF, abi.SYS_READ, 20, buf, 1),
			do(0, abi.SYS_CLOSE, 4),
			do(abi.EBADF, abi.SYS_CLOSE, 4),
			do(abi.EBADF, abi.SYS_CLOSE, -1),
			do(4, abi.SYS_OPEN, "/tmp/f", abi.O_RDONLY),
			do(abi.EBADF, abi.SYS_WRITE, 4, data, 1),
			do(abi.EFAULT, abi.SYS_READ, 4, 8, 1),
			do(abi.EFAULT, abi.SYS_OPEN, 8, abi.O_RDONLY),
			do(abi.ENAMETOOLONG, abi.SYS_OPEN, strings.Repeat("a", 256), abi.O_RDONLY),
			do(abi.ENAMETOOLONG, abi.SYS_OPEN, strings.Repeat("a/", 2048), abi.O_RDONLY),
			do(abi.ENOENT, abi.SYS_OPEN, "", abi.O_RDONLY),
			do(abi.EINVAL, abi.SYS_OPEN, "/tmp", abi.O_RDONLY|abi.O_TMPFILE),
			do(5, abi.SYS_OPEN, "/tmp", abi.O_RDONLY),
			do(abi.EISDIR, abi.SYS_READ, 5, buf, 1),
		)
		if got := string(m.at(buf, 5)); got != "world" {
			t.Errorf("read %q", got)
		}
		if got := string(m.at(buf+16, 4)); got != "orld" {
			t.Errorf("pread %q", got)
		}
		if got := b.Read("/tmp/f"); got != "hello\x00\x00\x00\x00\x00" {
			t.Errorf("contents %q", got)
		}
	})
}

func TestSmallVectorsStayTogetherInPipes(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		fds, buf := m.alloc(8), m.alloc(64)
		data := m.bytes([]byte("abcdef"))
		m.want("pipe2", m.call(abi.SYS_PIPE2, fds, abi.O_NONBLOCK), 0)
		r, w := int(m.u32(fds)), int(m.u32(fds+4))
		m.steps(
			do(abi.EAGAIN, abi.SYS_READ, r, buf, 10),
			do(6, abi.SYS_WRITEV, w, m.words(data, 2, data+2, 4), 2),
			do(0, abi.SYS_IOCTL, r, abi.FIONREAD, buf),
			do(6, abi.SYS_READV, r, m.words(buf+16, 2, 0+buf+18, 20), 2),
			do(abi.ESPIPE, abi.SYS_LSEEK, r, 0, 0),
			do(abi.ESPIPE, abi.SYS_PREAD64, r, buf, 1, 0),
			do(65536, abi.SYS_FCNTL, r, abi.F_GETPIPE_SZ),
			do(abi.EBADF, abi.SYS_WRITE, r, data, 1),
			do(0, abi.SYS_RT_SIGACTION, abi.SIGPIPE, m.words(abi.SIG_IGN, 0, 0, 0), 0, 8),
			do(0, abi.SYS_CLOSE, r),
			do(abi.EPIPE, abi.SYS_WRITE, w, data, 1),
			do(abi.EINVAL, abi.SYS_PIPE2, fds, 0x12345),
		)
		if m.u32(buf) != 6 || string(m.at(buf+16, 6)) != "abcdef" {
			t.Errorf("FIONREAD %d, read %q", m.u32(buf), m.at(buf+16, 6))
		}
	})
}

func TestPathsAreMadeAndChanged(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{Dir: "/tmp"}, func(b *guesttest.Box, m *machine) {
		buf := m.alloc(256)
		m.steps(
			do(0o22, abi.SYS_UMASK, 0o27),
			do(0, abi.SYS_MKDIR, "d", 0o777),
			do(abi.EEXIST, abi.SYS_MKDIRAT, cwd, "d", 0o777),
			do(3, abi.SYS_OPEN, "d", abi.O_RDONLY|abi.O_DIRECTORY),
			do(4, abi.SYS_OPENAT, 3, "f", abi.O_WRONLY|abi.O_CREAT, 0o666),
			do(0, abi.SYS_SYMLINKAT, "f", 3, "s"),
			do(1, abi.SYS_READLINKAT, 3, "s", buf, 64),
			do(abi.EINVAL, abi.SYS_READLINK, "d/f", buf, 64),
			do(0, abi.SYS_LINKAT, 3, "f", 3, "h", 0),
			do(0, abi.SYS_NEWFSTATAT, 3, "s", buf, 0),
			do(abi.ELOOP, abi.SYS_OPENAT, 3, "s", abi.O_RDONLY|abi.O_NOFOLLOW),
			do(0, abi.SYS_FACCESSAT, 3, "s", abi.R_OK),
			do(0, abi.SYS_CHMOD, "d/f", 0o755),
			do(0, abi.SYS_FCHMOD, 4, 0o4755),
			do(0, abi.SYS_FCHOWNAT, 3, "f", 7, 8, 0),
			do(0, abi.SYS_LCHOWN, "d/s", 9, 9),
			do(0, abi.SYS_RENAMEAT, 3, "f", cwd, "g"),
			do(abi.EEXIST, abi.SYS_RENAMEAT2, cwd, "g", 3, "h", abi.RENAME_NOREPLACE),
			do(abi.ENOTEMPTY, abi.SYS_RMDIR, "d"),
			do(abi.EISDIR, abi.SYS_UNLINK, "d"),
			do(0, abi.SYS_UNLINKAT, 3, "h", 0),
			do(0, abi.SYS_UNLINK, "d/s"),
			do(0, abi.SYS_UNLINKAT, cwd, "d", abi.AT_REMOVEDIR),
			do(abi.ENOENT, abi.SYS_STAT, "d", buf),
			do(abi.ENOTDIR, abi.SYS_STAT, "g/x", buf),
			do(abi.EBADF, abi.SYS_OPENAT, 77, "x", 0),
			do(abi.ENOTDIR, abi.SYS_OPENAT, 4, "x", 0),
			do(5, abi.SYS_GETCWD, buf, 256),
			do(abi.ERANGE, abi.SYS_GETCWD, buf, 4),
			do(0, abi.SYS_CHDIR, ".."),
			do(2, abi.SYS_GETCWD, buf, 256),
			do(abi.ENOTDIR, abi.SYS_CHDIR, "/tmp/g"),
			do(0, abi.SYS_TRUNCATE, "/tmp/g", 100),
			do(0, abi.SYS_MKNOD, "/tmp/p", abi.S_IFIFO|0o600, 0),
			do(0, abi.SYS_STAT, "/tmp/g", buf),
			do(0, abi.SYS_STATFS, "/tmp", buf),
			do(abi.EPERM, abi.SYS_MOUNT, "a", "b", "c", 0, 0),
			do(abi.EPERM, abi.SYS_UMOUNT2, "/", 0),
			do(0, abi.SYS_CHROOT, "/tmp"),
			do(0, abi.SYS_CHDIR, "/"),
			do(abi.ENOENT, abi.SYS_STAT, "/tmp", buf),
			do(2, abi.SYS_GETCWD, buf, 256),
		)
		st, err := stat(b, "/tmp/g")
		if err != nil || st.Mode != abi.S_IFREG|0o755 || st.UID != 7 || st.GID != 8 || st.Size != 100 {
			t.Errorf("stat %+v, %v", st, err)
		}
	})
}

func stat(b *guesttest.Box, path string) (abi.Stat, error) {
	p, err := b.Root.Walk(b.Root.Cwd, path, false)
	if err != nil {
		return abi.Stat{}, err
	}
	return p.Inode().Stat()
}

func TestAttributesHaveLinuxLayout(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o640, []byte("12345"))
		buf, x := m.alloc(144), m.alloc(256)
		times := m.words(1000, 5, 2000, 7)
		m.steps(
			do(0, abi.SYS_UTIMENSAT, cwd, "/tmp/f", times, 0),
			do(0, abi.SYS_STAT, "/tmp/f", buf),
			do(0, abi.SYS_STATX, cwd, "/tmp/f", 0, 0xfff, x),
			do(abi.EINVAL, abi.SYS_UTIMENSAT, cwd, "/tmp/f", m.words(0, 1e9, 0, 0), 0),
			do(abi.EFAULT, abi.SYS_STAT, "/tmp/f", 1),
			do(abi.EINVAL, abi.SYS_NEWFSTATAT, cwd, "/tmp/f", buf, 1),
		)
		if m.u32(buf+24) != abi.S_IFREG|0o640 || m.u64(buf+48) != 5 || m.u64(buf+72) != 1000 || m.u64(buf+96) != 7 {
			t.Errorf("struct stat % x", m.at(buf, 144))
		}
		if m.u32(x+28)&0xffff != abi.S_IFREG|0o640 || m.u64(x+40) != 5 || m.u64(x+64) != 1000 || m.u64(x+112) != 2000 || m.u32(x+120) != 7 {
			t.Errorf("struct statx % x", m.at(x, 256))
		}
		m.steps(
			do(0, abi.SYS_UTIMES, "/tmp/f", m.words(10, 20, 30, 40)),
			do(0, abi.SYS_UTIME, "/tmp/f", 0),
			do(0, abi.SYS_UTIMENSAT, cwd, "/tmp/f", m.words(50, 60, 0, abi.UTIME_OMIT), 0),
			do(0, abi.SYS_STAT, "/tmp/f", buf),
		)
		if m.u64(buf+72) != 50 || time.Since(time.Unix(int64(m.u64(buf+88)), 0)) > time.Minute {
			t.Errorf("times % x", m.at(buf+72, 48))
		}
	})
}

func TestDirectoriesAreListedInPieces(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprintf("name-%03d", i))
			b.Write("/tmp/"+want[i], 0o644, nil)
		}
		fd, buf := int(m.call(abi.SYS_OPEN, "/tmp", abi.O_RDONLY)), m.alloc(200)
		var got []string
		for {
			n := m.call(abi.SYS_GETDENTS64, fd, buf, 200)
			if n <= 0 {
				m.want("the end", n, 0)
				break
			}
			for at := buf; at < buf+uint64(n); {
				size := int(m.u32(at+16) & 0xffff)
				name, _, _ := strings.Cut(string(m.at(at+19, size-19)), "\x00")
				if size%8 != 0 {
					t.Errorf("%s: record of %d bytes", name, size)
				}
				got, at = append(got, name), at+uint64(size)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, append([]string{".", ".."}, want...)) {
			t.Errorf("%d names: %q", len(got), got)
		}
		m.steps(
			do(0, abi.SYS_LSEEK, fd, 0, 0),
			do(abi.EINVAL, abi.SYS_GETDENTS64, fd, buf, 10),
			do(abi.ENOTDIR, abi.SYS_GETDENTS64, 0, buf, 200),
		)
	})
}

func TestDataIsCopiedBetweenFiles(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		text := strings.Repeat("0123456789", 20000)
		b.Write("/tmp/in", 0o644, []byte(text))
		off := m.words(5)
		m.steps(
			do(3, abi.SYS_OPEN, "/tmp/in", abi.O_RDONLY),
			do(4, abi.SYS_OPEN, "/tmp/out", abi.O_RDWR|abi.O_CREAT, 0o644),
			do(150000, abi.SYS_SENDFILE, 4, 3, 0, 150000),
			do(50000, abi.SYS_COPY_FILE_RANGE, 3, 0, 4, 0, 1<<20, 0),
			do(0, abi.SYS_SENDFILE, 4, 3, 0, 10),
			do(10, abi.SYS_SENDFILE, 4, 3, off, 10),
			do(abi.EINVAL, abi.SYS_COPY_FILE_RANGE, 0, 0, 4, 0, 10, 0),
			do(abi.EBADF, abi.SYS_SENDFILE, 99, 3, 0, 10),
		)
		if b.Read("/tmp/out") != text+text[5:15] || m.u64(off) != 15 {
			t.Errorf("copied %d bytes, offset %d", len(b.Read("/tmp/out")), m.u64(off))
		}
	})
}

func TestExtendedAttributes(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o644, nil)
		value, buf := m.bytes([]byte("value")), m.alloc(64)
		m.steps(
			do(0, abi.SYS_SETXATTR, "/tmp/f", "user.a", value, 5, 0),
			do(abi.EEXIST, abi.SYS_SETXATTR, "/tmp/f", "user.a", value, 5, vfs.XattrCreate),
			do(5, abi.SYS_GETXATTR, "/tmp/f", "user.a", 0, 0),
			do(5, abi.SYS_LGETXATTR, "/tmp/f", "user.a", buf, 64),
			do(abi.ERANGE, abi.SYS_GETXATTR, "/tmp/f", "user.a", buf, 2),
			do(abi.ENODATA, abi.SYS_GETXATTR, "/tmp/f", "user.b", buf, 2),
			do(7, abi.SYS_LISTXATTR, "/tmp/f", buf+16, 40),
			do(0, abi.SYS_REMOVEXATTR, "/tmp/f", "user.a"),
			do(0, abi.SYS_LISTXATTR, "/tmp/f", buf, 40),
			do(3, abi.SYS_OPEN, "/tmp/f", abi.O_RDONLY),
			do(0, abi.SYS_FSETXATTR, 3, "user.c", value, 1, 0),
			do(1, abi.SYS_FGETXATTR, 3, "user.c", buf, 4),
			do(abi.EOPNOTSUPP, abi.SYS_FGETXATTR, 0, "user.c", buf, 4),
		)
		if string(m.at(buf+16, 7)) != "user.a\x00" {
			t.Errorf("list %q", m.at(buf+16, 7))
		}
	})
}

func TestIdentitiesChangeAsCredentialsSay(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		buf := m.alloc(64)
		m.steps(
			do(0, abi.SYS_GETUID),
			do(0, abi.SYS_SETGROUPS, 2, m.bytes([]byte{5, 0, 0, 0, 6, 0, 0, 0})),
			do(2, abi.SYS_GETGROUPS, 0, 0),
			do(abi.EINVAL, abi.SYS_GETGROUPS, 1, buf),
			do(2, abi.SYS_GETGROUPS, 8, buf),
			do(0, abi.SYS_SETRESGID, 10, 11, 12),
			do(0, abi.SYS_SETRESUID, 1000, 1000, 0),
			do(0, abi.SYS_GETRESUID, buf, buf+4, buf+8),
			do(1000, abi.SYS_GETEUID),
			do(11, abi.SYS_GETEGID),
			do(10, abi.SYS_GETGID),
			do(abi.EPERM, abi.SYS_SETUID, 5),
			do(0, abi.SYS_SETUID, 0),
			do(0, abi.SYS_GETEUID),
			do(0, abi.SYS_SETUID, 1000),
			do(abi.EPERM, abi.SYS_SETUID, 0),
			do(abi.EPERM, abi.SYS_SETREUID, 0, -1),
			do(0, abi.SYS_SETREGID, -1, 10),
			do(abi.EPERM, abi.SYS_SETGROUPS, 0, 0),
			do(abi.EPERM, abi.SYS_CHROOT, "/"),
			do(abi.EPERM, abi.SYS_SETHOSTNAME, "x", 1),
			do(abi.EACCES, abi.SYS_MKDIR, "/new", 0o777),
			do(abi.EPERM, abi.SYS_CHOWN, "/tmp", 1, 1),
		)
	})
}

func TestSignalsArePendingBlockedAndTaken(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		usr1 := uint64(abi.SIGUSR1.Bit())
		act, old, set := m.words(0x1234, abi.SA_RESTART, 0, 0), m.alloc(32), m.words(usr1)
		pid := m.task.Pid()
		m.steps(
			do(0, abi.SYS_RT_SIGACTION, abi.SIGUSR1, act, old, 8),
			do(0, abi.SYS_RT_SIGACTION, abi.SIGUSR1, 0, old, 8),
			do(abi.EINVAL, abi.SYS_RT_SIGACTION, abi.SIGKILL, act, 0, 8),
			do(abi.EINVAL, abi.SYS_RT_SIGACTION, 65, act, 0, 8),
			do(abi.EINVAL, abi.SYS_RT_SIGACTION, abi.SIGUSR1, act, 0, 4),
			do(0, abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_KILL, pid, abi.SIGUSR1),
			do(abi.EINTR, abi.SYS_PAUSE),
			do(int(abi.SIGUSR1), abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_RT_SIGPROCMASK, abi.SIG_BLOCK, set, 0, 8),
			do(0, abi.SYS_TGKILL, pid, pid, abi.SIGUSR1),
			do(0, abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_RT_SIGPENDING, old+8, 8),
			do(abi.EINTR, abi.SYS_RT_SIGSUSPEND, m.words(0), 8),
			do(int(abi.SIGUSR1), abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_RT_SIGPROCMASK, abi.SIG_SETMASK, 0, old+16, 8),
			do(0, abi.SYS_KILL, pid, 0),
			do(abi.ESRCH, abi.SYS_KILL, 9999, 0),
			do(abi.EINVAL, abi.SYS_KILL, pid, 65),
			do(abi.EINVAL, abi.SYS_TKILL, 0, 1),
		)
		if m.u64(old) != 0x1234 || m.u64(old+8) != usr1 || m.u64(old+16) != usr1 {
			t.Errorf("old action %#x, pending %#x, mask %#x", m.u64(old), m.u64(old+8), m.u64(old+16))
		}
	})
}

func TestAlarmInterruptsAWait(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		rest := m.alloc(16)
		m.steps(
			do(0, abi.SYS_RT_SIGACTION, abi.SIGALRM, m.words(2, 0, 0, 0), 0, 8),
			do(0, abi.SYS_SETITIMER, 0, m.words(0, 0, 0, 1000), 0),
			do(abi.EINTR, abi.SYS_NANOSLEEP, m.words(3600, 0), rest),
			do(int(abi.SIGALRM), abi.SYS_SIGNAL_NEXT),
			do(0, abi.SYS_SETITIMER, 0, m.words(0, 500, 0, 500), 0),
			do(abi.EINTR, abi.SYS_PAUSE),
			do(int(abi.SIGALRM), abi.SYS_SIGNAL_NEXT),
			do(abi.EINTR, abi.SYS_PAUSE),
			do(0, abi.SYS_SETITIMER, 0, 0, 0),
			do(0, abi.SYS_ALARM, 100),
			do(100, abi.SYS_ALARM, 0),
			do(0, abi.SYS_ALARM, 0),
			do(abi.EINVAL, abi.SYS_SETITIMER, 3, 0, 0),
		)
		if left := m.u64(rest); left < 3500 || left > 3600 {
			t.Errorf("%d s left of an hour", left)
		}
	})
}

func TestClocksAndSleep(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		ts := m.alloc(64)
		for id, want := range map[int]any{0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 11: 0, 8: abi.EINVAL, -1: abi.EINVAL} {
			m.want(fmt.Sprint("clock ", id), m.call(abi.SYS_CLOCK_GETTIME, id, ts), want)
		}
		start := time.Now()
		m.steps(
			do(0, abi.SYS_NANOSLEEP, m.words(0, 2e6), 0),
			do(0, abi.SYS_CLOCK_NANOSLEEP, 0, 1, m.words(1, 0), 0),
			do(abi.EINVAL, abi.SYS_NANOSLEEP, m.words(0, 1e9), 0),
			do(abi.EFAULT, abi.SYS_NANOSLEEP, 0, 0),
			do(abi.EOPNOTSUPP, abi.SYS_CLOCK_NANOSLEEP, 2, 0, m.words(0, 1), 0),
			do(0, abi.SYS_CLOCK_GETRES, 0, ts),
			do(0, abi.SYS_GETTIMEOFDAY, ts, 0),
			do(abi.EPERM, abi.SYS_CLOCK_SETTIME, 0, ts),
			do(0, abi.SYS_GETRUSAGE, 0, m.alloc(144)),
			do(abi.EINVAL, abi.SYS_GETRUSAGE, 5, m.alloc(144)),
		)
		if d := time.Since(start); d < 2*time.Millisecond {
			t.Errorf("slept %v", d)
		}
		if now := m.call(abi.SYS_TIME, 0); now < start.Unix() {
			t.Errorf("time %d", now)
		}
	})
}

func TestPollAndSelectFindWhatIsReady(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		fds := m.alloc(8)
		m.want("pipe", m.call(abi.SYS_PIPE, fds), 0)
		r, w := uint64(m.u32(fds)), uint64(m.u32(fds+4))
		list := m.words(r|abi.POLLIN<<32, w|abi.POLLOUT<<32, 0xffffffff|abi.POLLIN<<32)
		revents := func(i uint64) uint32 { return m.u32(list+8*i+4) >> 16 }
		m.want("poll", m.call(abi.SYS_POLL, list, 3, -1), 1)
		if revents(0) != 0 || revents(1) != abi.POLLOUT || revents(2) != 0 {
			t.Errorf("an empty pipe: %#x %#x %#x", revents(0), revents(1), revents(2))
		}
		m.steps(
			do(0, abi.SYS_POLL, list, 1, 0),
			do(0, abi.SYS_PPOLL, list, 1, m.words(0, 1000), 0, 0),
			do(1, abi.SYS_WRITE, int(w), "x", 1),
			do(2, abi.SYS_PPOLL, list, 2, 0, 0, 0),
		)
		set, wset := m.words(1<<r|1<<w, 0), m.words(1<<w)
		m.want("select", m.call(abi.SYS_SELECT, 64, set, wset, 0, m.words(5, 0)), 2)
		if m.u64(set) != 1<<r || m.u64(wset) != 1<<w {
			t.Errorf("sets %#x, %#x", m.u64(set), m.u64(wset))
		}
		m.steps(
			do(abi.EBADF, abi.SYS_PSELECT6, 64, m.words(1<<50), 0, 0, 0, 0),
			do(abi.EINVAL, abi.SYS_SELECT, -1, 0, 0, 0, 0),
			do(1, abi.SYS_POLL, m.words(50), 1, -1), // POLLNVAL
			do(0, abi.SYS_CLOSE, int(w)),
			do(1, abi.SYS_POLL, m.words(r), 1, -1), // POLLHUP needs no asking
		)
		e := int(m.call(abi.SYS_EVENTFD2, 3, abi.O_NONBLOCK))
		buf := m.words(4)
		m.steps(
			do(8, abi.SYS_WRITE, e, buf, 8),
			do(8, abi.SYS_READ, e, buf, 8),
			do(abi.EAGAIN, abi.SYS_READ, e, buf, 8),
			do(abi.EINVAL, abi.SYS_READ, e, buf, 7),
		)
		if m.u64(buf) != 7 {
			t.Errorf("eventfd %d", m.u64(buf))
		}
	})
}

func TestSystemIsDescribed(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{Cred: privileged}, func(b *guesttest.Box, m *machine) {
		buf := m.alloc(400)
		m.steps(
			do(0, abi.SYS_SETHOSTNAME, "newname", 7),
			do(0, abi.SYS_UNAME, buf),
			do(0, abi.SYS_SYSINFO, m.alloc(112)),
			do(16, abi.SYS_GETRANDOM, m.alloc(16), 16, 0),
			do(abi.EINVAL, abi.SYS_GETRANDOM, m.alloc(16), 16, 8),
			do(8, abi.SYS_SCHED_GETAFFINITY, 0, 128, m.alloc(128)),
			do(0, abi.SYS_GETRLIMIT, abi.RLIMIT_NOFILE, m.alloc(16)),
			do(0, abi.SYS_PRLIMIT64, 0, abi.RLIMIT_NOFILE, m.words(4, 4), 0),
			do(3, abi.SYS_DUP, 0),
			do(abi.EMFILE, abi.SYS_DUP, 0),
			do(abi.EINVAL, abi.SYS_SETRLIMIT, 99, m.words(4, 4)),
			do(20, abi.SYS_GETPRIORITY, 0, 0),
			do(0, abi.SYS_SETPRIORITY, 0, 0, 5),
			do(15, abi.SYS_GETPRIORITY, 0, 0),
			do(0, abi.SYS_PRCTL, 15, "a name longer than fits"),
			do(0, abi.SYS_PRCTL, 16, buf+384),
			do(abi.EINVAL, abi.SYS_PRCTL, 9999, 1),
			do(abi.EAFNOSUPPORT, abi.SYS_SOCKET, abi.AF_NETLINK, 3, 0),
			do(abi.ENOTSOCK, abi.SYS_CONNECT, 0, buf, 16),
			do(abi.ENOTTY, abi.SYS_IOCTL, 0, abi.TCGETS, buf),
			do(1, abi.SYS_GETPID),
			do(0, abi.SYS_GETPPID),
			do(1, abi.SYS_GETPGRP),
			do(abi.EPERM, abi.SYS_SETSID),
		)
		for off, want := range map[uint64]string{0: "Linux", 65: "newname", 130: kernel.Release, 260: "x86_64", 384: "a name longer t"} {
			if got, _, _ := strings.Cut(string(m.at(buf+off, 16)), "\x00"); !strings.HasPrefix(want, got) || got == "" {
				t.Errorf("at %d: %q, want %q", off, got, want)
			}
		}
	})
}

func TestChildrenAreSpawnedAndWaitedFor(t *testing.T) {
	t.Parallel()
	b := guesttest.New(t, kernel.Limits{})
	b.Func("/bin/child", func(task *kernel.Task) int {
		m := newMachine(t, task)
		img := task.Image()
		text := fmt.Sprintf("%q %q", img.Argv, img.Env)
		m.call(abi.SYS_WRITE, 7, text, len(text))
		m.want("a descriptor that was close-on-exec", m.call(abi.SYS_CLOSE, 3), abi.EBADF)
		buf := m.alloc(64)
		m.want("getcwd", m.call(abi.SYS_GETCWD, buf, 64), 5)
		if pgid := m.call(abi.SYS_GETPGRP); pgid != int64(task.Pid()) {
			t.Errorf("group %d of task %d", pgid, task.Pid())
		}
		return 300
	})
	b.Func("/bin/stop", func(task *kernel.Task) int {
		newMachine(t, task).call(abi.SYS_KILL, task.Pid(), abi.SIGSTOP)
		if task.Checkpoint() != nil {
			return 0
		}
		return 9
	})
	b.Write("/bin/script", 0o755, []byte("#!/bin/child arg\n"))
	b.Write("/bin/text", 0o755, []byte("not a program"))
	b.Write("/bin/data", 0o644, []byte("func 0"))
	b.InTask(guesttest.Options{}, func(task *kernel.Task) {
		m := newMachine(t, task)
		fds, status, usage, buf := m.alloc(8), m.alloc(4), m.alloc(144), m.alloc(256)
		m.want("pipe2", m.call(abi.SYS_PIPE2, fds, abi.O_CLOEXEC), 0)
		r, w := m.u32(fds), m.u32(fds+4)
		str := func(s string) uint64 { return m.bytes(append([]byte(s), 0)) }
		argv := m.words(str("child"), str("a b"), 0)
		envp := m.words(str("X=1"), 0)
		files := m.words(uint64(w) | 7<<32)
		attr := m.words(argv, envp, str("/tmp"), files, 1|abi.SPAWN_SETPGROUP<<32, 0, 0, 0)
		pid := m.call(abi.SYS_SPAWN, "/bin/script", attr)
		m.want("wait4", m.call(abi.SYS_WAIT4, int(pid), status, 0, usage), int(pid))
		if m.u32(status) != (300&0xff)<<8 {
			t.Errorf("status %#x", m.u32(status))
		}
		n := m.call(abi.SYS_READ, int(r), buf, 256)
		if want := `["/bin/child" "arg" "/bin/script" "a b"] ["X=1"]`; string(m.at(buf, int(n))) != want {
			t.Errorf("child: %q, want %q", m.at(buf, int(n)), want)
		}
		plain := m.words(argv, 0, 0, 0, 0, 0, 0, 0)
		m.steps(
			do(abi.ECHILD, abi.SYS_WAIT4, -1, status, 0, 0),
			do(abi.EINVAL, abi.SYS_WAIT4, -1, status, 0x100, 0),
			do(abi.ENOENT, abi.SYS_SPAWN, "/bin/none", plain),
			do(abi.ENOEXEC, abi.SYS_SPAWN, "/bin/text", plain),
			do(abi.EACCES, abi.SYS_SPAWN, "/bin/data", plain),
			do(abi.EACCES, abi.SYS_SPAWN, "/tmp", plain),
			do(abi.EFAULT, abi.SYS_SPAWN, "/bin/script", 0),
			do(abi.EFAULT, abi.SYS_SPAWN, "/bin/script", m.words(1, 0, 0, 0, 0, 0, 0, 0)),
			do(abi.EBADF, abi.SYS_SPAWN, "/bin/script", m.words(argv, 0, 0, m.words(99|1<<32), 1, 0, 0, 0)),
			do(abi.EPERM, abi.SYS_SPAWN, "/bin/script", m.words(argv, 0, 0, 0, abi.SPAWN_SETPGROUP<<32, 12345, 0, 0)),
			do(abi.EINVAL, abi.SYS_SPAWN, "/bin/script", m.words(argv, 0, 0, 0, 0xff<<32, 0, 0, 0)),
		)
		child := int(m.call(abi.SYS_SPAWN, "/bin/stop", plain))
		m.want("wait4 of a stop", m.call(abi.SYS_WAIT4, child, status, abi.WUNTRACED, 0), child)
		if got := abi.WaitStatus(m.u32(status)); got != abi.Stopped(abi.SIGSTOP) {
			t.Errorf("status %#x", uint32(got))
		}
		m.want("WNOHANG", m.call(abi.SYS_WAIT4, child, status, abi.WNOHANG, 0), 0)
		m.want("kill", m.call(abi.SYS_KILL, child, abi.SIGCONT), 0)
		info := m.alloc(128)
		m.want("waitid", m.call(abi.SYS_WAITID, 1, child, info, 4, 0), 0)
		if m.u32(info) != uint32(abi.SIGCHLD) || m.u32(info+8) != 1 || m.u32(info+16) != uint32(child) || m.u32(info+24) != 9 {
			t.Errorf("siginfo % x", m.at(info, 32))
		}
	})
}

func TestExecReplacesTheProgram(t *testing.T) {
	t.Parallel()
	b := guesttest.New(t, kernel.Limits{})
	b.Func("/bin/second", func(task *kernel.Task) int {
		m := newMachine(t, task)
		m.want("a descriptor that was close-on-exec", m.call(abi.SYS_CLOSE, 5), abi.EBADF)
		m.want("one that was not", m.call(abi.SYS_CLOSE, 6), 0)
		old := m.alloc(32)
		m.want("sigaction", m.call(abi.SYS_RT_SIGACTION, abi.SIGUSR1, 0, old, 8), 0)
		if m.u64(old) != abi.SIG_DFL || task.Image().Comm != "second" || len(task.Image().Argv) != 2 {
			t.Errorf("handler %#x, image %+v", m.u64(old), task.Image())
		}
		return 3
	})
	b.Func("/bin/first", func(task *kernel.Task) int {
		m := newMachine(t, task)
		m.steps(
			do(5, abi.SYS_FCNTL, 0, abi.F_DUPFD_CLOEXEC, 5),
			do(6, abi.SYS_FCNTL, 0, abi.F_DUPFD, 6),
			do(0, abi.SYS_RT_SIGACTION, abi.SIGUSR1, m.words(77, 0, 0, 0), 0, 8),
			do(abi.ENOENT, abi.SYS_EXECVE, "/bin/none", 0, 0),
			do(0, abi.SYS_EXECVE, "/bin/second", m.words(m.bytes([]byte("x\x00")), m.bytes([]byte("y\x00")), 0), 0),
		)
		return 1
	})
	if _, _, status := b.Run(guesttest.Options{}, "/bin/first"); status != abi.Exited(3) {
		t.Errorf("status %#x", uint32(status))
	}
}

func TestHostileArgumentsGiveErrorsOnly(t *testing.T) {
	t.Parallel()
	values := []uint64{0, 1, 2, 3, 4, 8, 100, memoryStart, memoryStart + 1, memoryStart + 1<<12, memoryStart + 1<<17 - 8, memoryStart + 1<<17,
		1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 4096, 1<<64 - 1, 1<<64 - 100}
	for part := range 8 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
				rng := rand.New(rand.NewPCG(7, uint64(part)))
				for nr := abi.Sysno(part); nr < 0x1008; nr += 8 {
					if nr == 450 {
						nr = 0x1000 + abi.Sysno(part)
					}
					for range 400 {
						// A caught signal that is not taken ends every wait.
						m.task.SetAction(abi.SIGUSR1, kernel.Handle)
						m.task.SetBlocked(0)
						m.task.Signal(abi.SIGUSR1)
						for range 16 {
							m.mem[rng.IntN(512)] = byte(rng.Uint32())
						}
						var a [6]uint64
						for i := range a {
							a[i] = values[rng.IntN(len(values))]
						}
						linux.Syscall(m.task, m.mem, nr, a)
					}
				}
				m.task.SetTimer(0, 0)
			})
		})
	}
}

func TestSystemCallsDoNotAllocate(t *testing.T) {
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o644, make([]byte, 4096))
		fd := uint64(m.call(abi.SYS_OPEN, "/tmp/f", abi.O_RDWR))
		null := uint64(m.call(abi.SYS_OPEN, "/dev/null", abi.O_RDWR))
		dir := uint64(m.call(abi.SYS_OPEN, "/tmp", abi.O_RDONLY))
		buf, vec := m.alloc(4096), m.words(memoryStart, 10, memoryStart+10, 10)
		for name, c := range map[string]struct {
			nr abi.Sysno
			a  [6]uint64
		}{
			"pread64": {abi.SYS_PREAD64, [6]uint64{fd, buf, 4096, 0}}, "write": {abi.SYS_WRITE, [6]uint64{null, buf, 100}},
			"read": {abi.SYS_READ, [6]uint64{null, buf, 100}}, "readv": {abi.SYS_READV, [6]uint64{null, vec, 2}},
			"getdents64": {abi.SYS_GETDENTS64, [6]uint64{dir, buf, 4096}}, "lseek": {abi.SYS_LSEEK, [6]uint64{fd, 0, 0}},
			"clock_gettime": {abi.SYS_CLOCK_GETTIME, [6]uint64{1, buf}}, "fstat": {abi.SYS_FSTAT, [6]uint64{fd, buf}},
		} {
			var mem linux.Memory = &m.mem
			if n := testing.AllocsPerRun(100, func() { linux.Syscall(m.task, mem, c.nr, c.a) }); n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	})
}
