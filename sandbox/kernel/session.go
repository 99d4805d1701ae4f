package kernel

import "github.com/sockerless/sockerless/sandbox/abi"

// Pgid returns the process group of the task, or with pid of another (getpgid(2)): ESRCH.
func (t *Task) Pgid(pid int) (int, error) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	o := t.other(pid)
	if o == nil {
		return 0, abi.ESRCH
	}
	return o.pgid, nil
}

// Sid returns the session (getsid(2)): ESRCH.
func (t *Task) Sid(pid int) (int, error) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	o := t.other(pid)
	if o == nil {
		return 0, abi.ESRCH
	}
	return o.sid, nil
}

func (t *Task) other(pid int) *Task {
	if pid == 0 {
		return t
	}
	return t.k.tasks[pid]
}

// Setpgid moves the task or a child to a group (setpgid(2)): ESRCH, EPERM, EINVAL. 0 stands for the task itself, and
// for a group of the moved task's own.
func (t *Task) Setpgid(pid, pgid int) error {
	if pgid < 0 {
		return abi.EINVAL
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	o := t.other(pid)
	if o == nil || o != t && o.parent != t {
		return abi.ESRCH
	}
	if pgid == 0 {
		pgid = o.pid
	}
	if o.sid != t.sid || o.pid == o.sid || pgid != o.pid && !k.groupIn(pgid, o.sid) {
		return abi.EPERM
	}
	o.pgid = pgid
	return nil
}

// Setsid starts a session (setsid(2)): EPERM for the leader of a group.
func (t *Task) Setsid() (int, error) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	for _, o := range t.k.tasks {
		if o.pgid == t.pid {
			return 0, abi.EPERM
		}
	}
	t.sid, t.pgid, t.tty = t.pid, t.pid, nil
	return t.pid, nil
}

// TTY returns the controlling terminal, nil for none.
func (t *Task) TTY() *TTY {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.tty
}
