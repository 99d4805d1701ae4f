package kernel

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Disposition is what a task does with a signal.
type Disposition uint8

// Dispositions of sigaction(2). Handle leaves the signal to the program, which asks for it with NextSignal.
const (
	Default Disposition = iota
	Ignore
	Handle
)

type signalState struct {
	pending SigSet // sent, not delivered
	caught  SigSet // delivered to a handler, not fetched yet
	blocked SigSet
	actions [abi.SIGRTMAX + 1]Disposition
	stopped bool
	// Flags of SIGCHLD: SA_NOCLDWAIT, children leave no zombies; SA_NOCLDSTOP, their stops are not signalled.
	noZombies, noStops bool

	fatal abi.Signal // the signal that ends the task; 0 while it lives
}

// SigSet is abi.SigSet.
type SigSet = abi.SigSet

const (
	stopSignals   = 1<<(abi.SIGSTOP-1) | 1<<(abi.SIGTSTP-1) | 1<<(abi.SIGTTIN-1) | 1<<(abi.SIGTTOU-1)
	ignoreSignals = 1<<(abi.SIGCHLD-1) | 1<<(abi.SIGURG-1) | 1<<(abi.SIGWINCH-1) | 1<<(abi.SIGCONT-1)
	unblockable   = 1<<(abi.SIGKILL-1) | 1<<(abi.SIGSTOP-1)
)

// Signal sends a signal from outside the sandbox, as dockerd does: pid 1 obeys SIGKILL and SIGSTOP, and ignores the
// others that it has no handler for.
func (t *Task) Signal(s abi.Signal) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	t.sendLocked(s)
}

// Kill sends a signal to the processes that pid stands for (kill(2)): a process, 0 the caller's group, -1 all but
// pid 1 and the caller, -n the group n. Signal 0 only checks. ESRCH, EPERM, EINVAL.
func (t *Task) Kill(pid int, s abi.Signal) error {
	if s > abi.SIGRTMAX {
		return abi.EINVAL
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	found, allowed := false, false
	send := func(to *Task) {
		found = true
		if !t.mayKill(to, s) {
			return
		}
		allowed = true
		// Only the outside may kill pid 1 by a signal that it does not handle.
		if s != 0 && !(to.pid == 1 && unblockable&s.Bit() != 0) {
			to.sendLocked(s)
		}
	}
	switch {
	case pid > 0:
		if to := k.tasks[pid]; to != nil {
			send(to)
		}
	case pid == -1:
		for _, to := range k.tasks {
			if to.pid != 1 && to != t {
				send(to)
			}
		}
	default:
		pgid := -pid
		if pid == 0 {
			pgid = t.pgid
		}
		for _, to := range k.tasks {
			if to.pgid == pgid {
				send(to)
			}
		}
	}
	switch {
	case !found:
		return abi.ESRCH
	case !allowed:
		return abi.EPERM
	}
	return nil
}

func (t *Task) mayKill(to *Task, s abi.Signal) bool {
	a, b := t.Cred(), to.Cred()
	return a.Has(vfs.CapKill) || a.UID == b.RealUID || a.UID == b.SavedUID || a.RealUID == b.RealUID || a.RealUID == b.SavedUID ||
		s == abi.SIGCONT && t.sid == to.sid
}

// signalGroup sends a signal to a process group; k.mu is held.
func (k *Kernel) signalGroup(pgid int, s abi.Signal) {
	for _, t := range k.tasks {
		if t.pgid == pgid {
			t.sendLocked(s)
		}
	}
}

// sendLocked makes a signal pending; k.mu is held.
func (t *Task) sendLocked(s abi.Signal) {
	if t.zombie || s == 0 {
		return
	}
	bit := s.Bit()
	switch {
	case s == abi.SIGCONT:
		t.sig.pending &^= stopSignals
		if t.sig.stopped {
			t.sig.stopped = false
			t.tellParent(abi.Continued)
			t.wakeUp()
		}
	case stopSignals&bit != 0:
		t.sig.pending &^= abi.SIGCONT.Bit()
	}
	if t.ignores(s) && t.sig.blocked&bit == 0 {
		return
	}
	t.sig.pending |= bit
	t.signaled.Notify(abi.POLLIN)
	if t.sig.blocked&bit == 0 || unblockable&bit != 0 {
		if t.action(s) == terminate {
			t.die(s)
		}
		t.attention.Store(true)
		t.wakeUp()
	}
}

// die marks the task for death by a signal; k.mu is held.
func (t *Task) die(s abi.Signal) {
	if t.sig.fatal == 0 {
		t.sig.fatal = s
	}
	t.dying = true
	t.cancel()
	t.attention.Store(true)
	t.wakeUp()
}

// ignores reports whether a signal has no effect; k.mu is held.
func (t *Task) ignores(s abi.Signal) bool { return t.action(s) == drop }

type action uint8

const (
	drop action = iota
	terminate
	stop
	catch
)

// action tells what a signal does to the task; k.mu is held.
func (t *Task) action(s abi.Signal) action {
	switch {
	case s == abi.SIGKILL:
		return terminate
	case s == abi.SIGSTOP:
		return stop
	}
	switch t.sig.actions[s] {
	case Ignore:
		return drop
	case Handle:
		return catch
	}
	switch bit := s.Bit(); {
	case ignoreSignals&bit != 0:
		return drop
	case t.pid == 1:
		return drop // the init of a pid namespace has no default actions (pid_namespaces(7))
	case stopSignals&bit != 0:
		return stop
	}
	return terminate
}

// SetAction sets what the task does with a signal and returns what it did: EINVAL for SIGKILL and SIGSTOP.
func (t *Task) SetAction(s abi.Signal, d Disposition) (Disposition, error) {
	if !s.Valid() || unblockable&s.Bit() != 0 {
		return 0, abi.EINVAL
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	old := t.sig.actions[s]
	t.sig.actions[s] = d
	if t.ignores(s) {
		t.sig.pending &^= s.Bit()
	}
	if d != Handle {
		t.sig.caught &^= s.Bit()
	}
	return old, nil
}

// SetChildFlags sets what SA_NOCLDWAIT and SA_NOCLDSTOP of SIGCHLD's action say (sigaction(2)).
func (t *Task) SetChildFlags(noZombies, noStops bool) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	t.sig.noZombies, t.sig.noStops = noZombies, noStops
}

// Action returns what the task does with a signal.
func (t *Task) Action(s abi.Signal) Disposition {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.sig.actions[s]
}

// SetBlocked replaces the set of blocked signals and returns the old one.
func (t *Task) SetBlocked(set SigSet) SigSet {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	old := t.sig.blocked
	t.sig.blocked = set &^ unblockable
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if bit := s.Bit(); t.sig.pending&bit != 0 && t.sig.blocked&bit == 0 {
			if t.action(s) == terminate {
				t.die(s)
			}
			t.attention.Store(true)
		}
	}
	return old
}

// Signals returns the sets of pending, blocked, ignored and caught signals (/proc/PID/status).
func (t *Task) Signals() (pending, blocked, ignored, caught SigSet) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		switch t.sig.actions[s] {
		case Ignore:
			ignored |= s.Bit()
		case Handle:
			caught |= s.Bit()
		}
	}
	return t.sig.pending, t.sig.blocked, ignored, caught
}

// TakePending takes a pending signal of a set without delivering it (signalfd(2)), 0 for none.
func (t *Task) TakePending(set SigSet) abi.Signal {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if t.sig.pending&set&s.Bit() != 0 {
			t.sig.pending &^= s.Bit()
			return s
		}
	}
	return 0
}

// PendingQueue announces with POLLIN that a signal became pending.
func (t *Task) PendingQueue() *vfs.WaitQueue { return &t.signaled }

// EndQueue announces with POLLIN that the task has ended.
func (t *Task) EndQueue() *vfs.WaitQueue { return &t.ended }

// NextSignal takes a signal that the program handles, 0 for none.
func (t *Task) NextSignal() abi.Signal {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	t.deliverLocked()
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if t.sig.caught&s.Bit() != 0 {
			t.sig.caught &^= s.Bit()
			return s
		}
	}
	return 0
}

// deliverLocked takes the unblocked pending signals and acts on them, but for the waiting of a stop; k.mu is held.
func (t *Task) deliverLocked() {
	ready := t.sig.pending &^ (t.sig.blocked &^ unblockable)
	if ready == 0 {
		return
	}
	t.sig.pending &^= ready
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		if ready&s.Bit() == 0 {
			continue
		}
		switch t.action(s) {
		case terminate:
			t.die(s)
		case stop:
			if s != abi.SIGSTOP && t.orphanedGroup() {
				continue // nobody could resume it (POSIX 2.4.3)
			}
			if !t.sig.stopped {
				t.sig.stopped = true
				t.tellParent(abi.Stopped(s))
			}
		case catch:
			t.sig.caught |= s.Bit()
		}
	}
}

// orphanedGroup reports whether no member of the task's group has a parent in another group of its session; k.mu is held.
func (t *Task) orphanedGroup() bool {
	for _, m := range t.k.tasks {
		if m.pgid == t.pgid && !m.zombie && m.parent != nil && m.parent.pgid != t.pgid && m.parent.sid == t.sid {
			return false
		}
	}
	return true
}

// tellParent reports a stop or a continue to the parent's wait; k.mu is held.
func (t *Task) tellParent(w abi.WaitStatus) {
	t.report = w
	if t.parent != nil {
		if !t.parent.sig.noStops {
			t.parent.sendLocked(abi.SIGCHLD)
		}
		t.parent.wakeUp()
	}
}
