package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// sigaction is the kernel's struct sigaction; what the kernel has no use for is given back as it came.
type sigaction struct {
	handler, flags, _, _ uint64
}

// stack is stack_t.
type stack struct {
	_     uint64 // ss_sp
	flags int32
	_     int32
	size  uint64
}

// state is what this ABI keeps with a task, until execve(2).
type state struct {
	actions [abi.SIGRTMAX + 1]sigaction // handlers are addresses in the program, which the kernel does not know
	stack   stack
}

const ssDisable = 2 // SS_DISABLE

func stateOf(t *kernel.Task) *state {
	s, ok := t.Local().(*state)
	if !ok {
		s = &state{stack: stack{flags: ssDisable}}
		t.SetLocal(s)
	}
	return s
}

func signalArg(n int) (abi.Signal, error) {
	if n < 1 || n > int(abi.SIGRTMAX) {
		return 0, abi.EINVAL
	}
	return abi.Signal(n), nil
}

const sigsetSize = 8

// rt_sigaction: EFAULT, EINVAL. The flags are kept, but SA_RESTART and SA_RESETHAND have no effect.
func rtSigaction(t *kernel.Task, m Memory, a args) (int64, error) {
	s, err := signalArg(a.int(0))
	if err != nil {
		return 0, err
	}
	if a[3] != sigsetSize {
		return 0, abi.EINVAL
	}
	st := stateOf(t)
	old := sigaction{}
	switch t.Action(s) {
	case kernel.Ignore:
		old.handler = abi.SIG_IGN
	case kernel.Handle:
		old = st.actions[s]
	}
	if a[1] != 0 {
		var act sigaction
		if err := get(m, a[1], &act); err != nil {
			return 0, err
		}
		d := kernel.Handle
		switch act.handler {
		case abi.SIG_DFL:
			d = kernel.Default
		case abi.SIG_IGN:
			d = kernel.Ignore
		}
		if _, err := t.SetAction(s, d); err != nil {
			return 0, err
		}
		st.actions[s] = act
		if s == abi.SIGCHLD {
			const noCldStop, noCldWait = 1, 2 // SA_NOCLDSTOP, SA_NOCLDWAIT
			t.SetChildFlags(act.flags&noCldWait != 0, act.flags&noCldStop != 0)
		}
	}
	return ok(putOpt(m, a[2], &old))
}

// rt_sigprocmask: EFAULT, EINVAL.
func rtSigprocmask(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[3] != sigsetSize {
		return 0, abi.EINVAL
	}
	_, old, _, _ := t.Signals()
	if a[1] != 0 {
		var set abi.SigSet
		if err := get(m, a[1], &set); err != nil {
			return 0, err
		}
		switch a.int(0) {
		case abi.SIG_BLOCK:
			set |= old
		case abi.SIG_UNBLOCK:
			set = old &^ set
		case abi.SIG_SETMASK:
		default:
			return 0, abi.EINVAL
		}
		t.SetBlocked(set)
	}
	return ok(putOpt(m, a[2], &old))
}

// rt_sigpending: EFAULT, EINVAL.
func rtSigpending(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[1] > sigsetSize {
		return 0, abi.EINVAL
	}
	pending, blocked, _, _ := t.Signals()
	pending &= blocked
	b, err := m.Slice(a[0], a[1])
	copy(b, abi.Bytes(&pending))
	return 0, err
}

// rt_sigsuspend: EFAULT, EINVAL, and EINTR always.
func rtSigsuspend(t *kernel.Task, m Memory, a args) (int64, error) {
	if a[1] != sigsetSize {
		return 0, abi.EINVAL
	}
	var set abi.SigSet
	if err := get(m, a[0], &set); err != nil {
		return 0, err
	}
	old := t.SetBlocked(set)
	defer t.SetBlocked(old)
	return ok(t.Pause())
}

// pause: EINTR always.
func pause(t *kernel.Task, _ Memory, _ args) (int64, error) { return ok(t.Pause()) }

// sigaltstack: EFAULT, EINVAL, ENOMEM. The stack is kept; nothing runs on it.
func sigaltstack(t *kernel.Task, m Memory, a args) (int64, error) {
	const minSize = 2048 // MINSIGSTKSZ
	st := stateOf(t)
	old := st.stack
	if a[0] != 0 {
		var s stack
		if err := get(m, a[0], &s); err != nil {
			return 0, err
		}
		switch {
		case s.flags&^(ssDisable|1) != 0: // SS_ONSTACK
			return 0, abi.EINVAL
		case s.flags&ssDisable == 0 && s.size < minSize:
			return 0, abi.ENOMEM
		}
		st.stack = s
	}
	return ok(putOpt(m, a[1], &old))
}

// kill: EINVAL, EPERM, ESRCH.
func kill(t *kernel.Task, _ Memory, a args) (int64, error) { return sendSignal(t, a.int(0), a.int(1)) }

func sendSignal(t *kernel.Task, pid, sig int) (int64, error) {
	if sig < 0 || sig > int(abi.SIGRTMAX) {
		return 0, abi.EINVAL
	}
	return ok(t.Kill(pid, abi.Signal(sig)))
}

// tkill: EINVAL, EPERM, ESRCH.
func tkill(t *kernel.Task, _ Memory, a args) (int64, error) {
	if a.int(0) <= 0 {
		return 0, abi.EINVAL
	}
	return sendSignal(t, a.int(0), a.int(1))
}

// tgkill: as tkill; the thread group's id is the thread's.
func tgkill(t *kernel.Task, _ Memory, a args) (int64, error) {
	if a.int(0) <= 0 || a.int(1) <= 0 {
		return 0, abi.EINVAL
	}
	if a.int(0) != a.int(1) {
		return 0, abi.ESRCH
	}
	return sendSignal(t, a.int(1), a.int(2))
}

// signalNext is SYS_SIGNAL_NEXT.
func signalNext(t *kernel.Task, _ Memory, _ args) (int64, error) { return int64(t.NextSignal()), nil }
