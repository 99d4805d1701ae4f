package linux_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// flockStruct puts a struct flock into memory.
func (m *machine) flockStruct(typ, whence int, start, length int64) uint64 {
	l := abi.Flock{Type: int16(typ), Whence: int16(whence), Start: start, Len: length}
	return m.bytes(abi.Bytes(&l))
}

func TestLocksOfOneProcess(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/f", 0o666, []byte("0123456789"))
		lock := func(typ, whence int, start, n int64) uint64 { return m.flockStruct(typ, whence, start, n) }
		bad := lock(abi.F_WRLCK, abi.SEEK_SET, 0, 0)
		binary.LittleEndian.PutUint32(m.at(bad+24, 4), 7) // l_pid
		m.steps(
			do(3, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR),
			do(4, abi.SYS_OPEN, "/tmp/f", abi.O_RDONLY),
			do(5, abi.SYS_OPEN, "/tmp/f", abi.O_WRONLY),
			do(6, abi.SYS_OPEN, "/tmp/f", abi.O_PATH),
			do(0, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(abi.F_WRLCK, abi.SEEK_SET, 2, 4)),
			do(0, abi.SYS_FCNTL, 4, abi.F_SETLK, lock(abi.F_RDLCK, abi.SEEK_SET, 3, 1)), // a process's locks are its own
			do(0, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(abi.F_UNLCK, abi.SEEK_END, -5, -5)),
			do(abi.EBADF, abi.SYS_FCNTL, 4, abi.F_SETLK, lock(abi.F_WRLCK, 0, 0, 0)),
			do(abi.EBADF, abi.SYS_FCNTL, 5, abi.F_SETLK, lock(abi.F_RDLCK, 0, 0, 0)),
			do(abi.EBADF, abi.SYS_FCNTL, 6, abi.F_SETLK, lock(abi.F_RDLCK, 0, 0, 0)),
			do(abi.EBADF, abi.SYS_FLOCK, 6, abi.LOCK_EX),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(9, 0, 0, 0)),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(abi.F_RDLCK, 9, 0, 0)),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(abi.F_RDLCK, 0, -1, 0)),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(abi.F_RDLCK, 0, 3, -4)),
			do(abi.EOVERFLOW, abi.SYS_FCNTL, 3, abi.F_SETLK, lock(abi.F_RDLCK, 0, 1<<62, 1<<62+2)),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, abi.F_OFD_SETLK, bad),
			do(abi.EINVAL, abi.SYS_FCNTL, 3, abi.F_GETLK, lock(abi.F_UNLCK, 0, 0, 0)),
			do(abi.EFAULT, abi.SYS_FCNTL, 3, abi.F_GETLK, 8),
			do(0, abi.SYS_FLOCK, 3, abi.LOCK_EX),
			do(abi.EAGAIN, abi.SYS_FLOCK, 4, abi.LOCK_SH|abi.LOCK_NB),
			do(0, abi.SYS_FLOCK, 3, abi.LOCK_SH),
			do(0, abi.SYS_FLOCK, 4, abi.LOCK_SH|abi.LOCK_NB),
			do(abi.EINVAL, abi.SYS_FLOCK, 4, abi.LOCK_SH|abi.LOCK_EX),
			do(abi.EINVAL, abi.SYS_FLOCK, 4, 0),
			do(7, abi.SYS_DUP, 3), // shares the lock
			do(0, abi.SYS_CLOSE, 3),
			do(abi.EAGAIN, abi.SYS_FLOCK, 4, abi.LOCK_EX|abi.LOCK_NB),
			do(3, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR), // the failed conversion lost the lock of 4
			do(0, abi.SYS_CLOSE, 7),
			do(0, abi.SYS_FLOCK, 3, abi.LOCK_EX|abi.LOCK_NB),
		)
	})
}

// A locker is a process that makes the system calls that a test tells it.
type locker struct {
	*machine
	do  chan func()
	out chan int64
}

func (l *locker) call(nr abi.Sysno, args ...any) int64 {
	l.start(nr, args...)
	return <-l.out
}

func (l *locker) start(nr abi.Sysno, args ...any) {
	l.do <- func() { l.out <- l.machine.call(nr, args...) }
}

// newLocker starts one.
func newLocker(t *testing.T, b *guesttest.Box, name string) *locker {
	t.Helper()
	l := &locker{do: make(chan func()), out: make(chan int64, 1)}
	ready := make(chan *machine)
	b.Func("/bin/"+name, func(task *kernel.Task) int {
		ready <- newMachine(t, task)
		for f := range l.do {
			f()
		}
		return 0
	})
	p := b.Start(guesttest.Options{}, "/bin/"+name)
	l.machine = <-ready
	t.Cleanup(func() {
		close(l.do)
		p.Wait()
	})
	return l
}

// blocked waits until the process sleeps in its system call.
func (l *locker) blocked() {
	for l.task.State() != 'S' {
		time.Sleep(time.Millisecond)
	}
}

func TestLocksBetweenProcesses(t *testing.T) {
	t.Parallel()
	b := guesttest.New(t, kernel.Limits{})
	b.Write("/tmp/f", 0o666, nil)
	newLocker(t, b, "init") // pid 1 has no default actions
	x, y := newLocker(t, b, "x"), newLocker(t, b, "y")
	for _, l := range []*locker{x, y} {
		l.want("open", l.call(abi.SYS_OPEN, "/tmp/f", abi.O_RDWR), 3)
		l.want("open", l.call(abi.SYS_OPEN, "/tmp/f", abi.O_RDWR), 4)
	}
	set := func(l *locker, cmd, typ int, start, n int64) int64 {
		return l.call(abi.SYS_FCNTL, 3, cmd, l.flockStruct(typ, 0, start, n))
	}
	x.want("lock", set(x, abi.F_SETLK, abi.F_WRLCK, 10, 10), 0)
	y.want("locked", set(y, abi.F_SETLK, abi.F_RDLCK, 0, 11), abi.EAGAIN)
	addr := y.flockStruct(abi.F_RDLCK, 0, 5, 0)
	y.want("get", y.call(abi.SYS_FCNTL, 3, abi.F_GETLK, addr), 0)
	if got := fmt.Sprint(y.u32(addr), y.u64(addr+8), y.u64(addr+16), y.u32(addr+24)); got != fmt.Sprint(abi.F_WRLCK, 10, 10, x.task.Pid()) {
		t.Errorf("F_GETLK gives type, start, length and pid %s", got)
	}

	// A wait ends when the lock goes.
	y.start(abi.SYS_FCNTL, 3, abi.F_SETLKW, y.flockStruct(abi.F_WRLCK, 0, 15, 1))
	y.blocked()
	x.want("unlock", set(x, abi.F_SETLK, abi.F_UNLCK, 0, 0), 0)
	y.want("wait", <-y.out, 0)

	// Who would wait for itself is told.
	x.want("x locks 1", set(x, abi.F_SETLK, abi.F_WRLCK, 1, 1), 0)
	y.start(abi.SYS_FCNTL, 3, abi.F_SETLKW, y.flockStruct(abi.F_WRLCK, 0, 1, 1))
	y.blocked()
	x.want("deadlock", set(x, abi.F_SETLKW, abi.F_WRLCK, 15, 1), abi.EDEADLK)

	// Closing any descriptor of the file takes the process's locks.
	x.want("close", x.call(abi.SYS_CLOSE, 4), 0)
	y.want("wait", <-y.out, 0)

	// A signal that is handled ends a wait.
	x.want("handle", x.call(abi.SYS_RT_SIGACTION, abi.SIGUSR1, x.words(77, 0, 0, 0), 0, 8), 0)
	x.start(abi.SYS_FCNTL, 3, abi.F_SETLKW, x.flockStruct(abi.F_WRLCK, 0, 15, 1))
	x.blocked()
	x.task.Signal(abi.SIGUSR1)
	x.want("interrupted", <-x.out, abi.EINTR)
	x.want("fetch", x.call(abi.SYS_SIGNAL_NEXT), int(abi.SIGUSR1))

	// Description locks conflict with those of processes, and have no pid.
	x.want("OFD lock", set(x, abi.F_OFD_SETLK, abi.F_WRLCK, 15, 1), abi.EAGAIN)
	x.want("OFD lock", set(x, abi.F_OFD_SETLK, abi.F_WRLCK, 30, 1), 0)
	addr = y.flockStruct(abi.F_RDLCK, 0, 30, 0)
	y.want("get", y.call(abi.SYS_FCNTL, 3, abi.F_GETLK, addr), 0)
	if pid := int32(y.u32(addr + 24)); pid != -1 {
		t.Errorf("pid of an OFD lock %d", pid)
	}

	// flock waits too, and an end releases everything.
	x.want("flock", x.call(abi.SYS_FLOCK, 3, abi.LOCK_EX), 0)
	y.start(abi.SYS_FLOCK, 3, abi.LOCK_EX)
	y.blocked()
	x.want("close", x.call(abi.SYS_CLOSE, 3), 0)
	y.want("flock", <-y.out, 0)
}

func TestAnEndReleasesLocks(t *testing.T) {
	t.Parallel()
	b := guesttest.New(t, kernel.Limits{})
	b.Write("/tmp/f", 0o666, nil)
	newLocker(t, b, "init")
	y := newLocker(t, b, "y")
	y.want("open", y.call(abi.SYS_OPEN, "/tmp/f", abi.O_RDWR), 3)
	locked := make(chan bool)
	b.Func("/bin/holder", func(task *kernel.Task) int {
		m := newMachine(t, task)
		m.steps(
			do(3, abi.SYS_OPEN, "/tmp/f", abi.O_RDWR),
			do(0, abi.SYS_FCNTL, 3, abi.F_SETLK, m.flockStruct(abi.F_WRLCK, 0, 0, 0)),
			do(0, abi.SYS_FLOCK, 3, abi.LOCK_EX),
		)
		locked <- true
		task.Pause()
		return 0
	})
	p := b.Start(guesttest.Options{}, "/bin/holder")
	<-locked
	y.start(abi.SYS_FCNTL, 3, abi.F_SETLKW, y.flockStruct(abi.F_WRLCK, 0, 0, 0))
	y.blocked()
	p.Signal(abi.SIGKILL)
	y.want("lock", <-y.out, 0)
	y.want("flock", y.call(abi.SYS_FLOCK, 3, abi.LOCK_EX), 0)
	p.Wait()
}

func TestLocksOnASharedVolumeWorkBetweenSandboxes(t *testing.T) {
	t.Parallel()
	_, boxes := guesttest.NewPair(t)
	x, y := newLocker(t, boxes[0], "x"), newLocker(t, boxes[1], "y")
	for _, l := range []*locker{x, y} {
		l.want("open", l.call(abi.SYS_OPEN, "/mnt/f", abi.O_RDWR|abi.O_CREAT, 0o666), 3)
	}
	x.want("flock", x.call(abi.SYS_FLOCK, 3, abi.LOCK_EX), 0)
	x.want("lock", x.call(abi.SYS_FCNTL, 3, abi.F_SETLK, x.flockStruct(abi.F_WRLCK, 0, 0, 0)), 0)
	y.want("flock", y.call(abi.SYS_FLOCK, 3, abi.LOCK_EX|abi.LOCK_NB), abi.EAGAIN)
	addr := y.flockStruct(abi.F_RDLCK, 0, 0, 0)
	y.want("get", y.call(abi.SYS_FCNTL, 3, abi.F_GETLK, addr), 0)
	if typ, pid := y.u32(addr), y.u32(addr+24); typ != abi.F_WRLCK || pid != 0 {
		t.Errorf("the other sandbox's lock is of type %d, pid %d", typ, pid)
	}
	y.start(abi.SYS_FCNTL, 3, abi.F_SETLKW, y.flockStruct(abi.F_WRLCK, 0, 0, 0))
	y.blocked()
	x.want("close", x.call(abi.SYS_CLOSE, 3), 0)
	y.want("lock", <-y.out, 0)
	y.want("flock", y.call(abi.SYS_FLOCK, 3, abi.LOCK_EX|abi.LOCK_NB), 0)
}
