package kernel

import (
	"slices"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// exit ends the task: it becomes a zombie until its parent waits, or goes at once when nobody will.
func (t *Task) exit(code int) {
	t.cancel()
	t.SetTimer(0, 0)
	t.Files.closeAll()
	if m := t.memory.Swap(0); m != 0 {
		t.k.Reserve(-m)
	}
	t.ends()
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	t.status = abi.Exited(code)
	if t.sig.fatal != 0 {
		t.status = abi.Signaled(t.sig.fatal)
	}
	t.zombie = true
	t.cpuAtExit = t.CPU()
	k.ended.Add(int64(t.cpuAtExit))
	if t.pid == t.sid && t.tty != nil {
		t.tty.sessionEnded(t)
	}
	t.adopt()
	if t.pid == 1 { // pid_namespaces(7): without an init the namespace ends
		for _, o := range k.tasks {
			if o != t {
				o.sendLocked(abi.SIGKILL)
			}
		}
	}
	switch p := t.parent; {
	case p == nil || p.zombie:
		k.reap(t)
	default:
		if p.sig.actions[abi.SIGCHLD] == Ignore {
			k.reap(t)
		} else {
			p.sendLocked(abi.SIGCHLD)
		}
		p.wakeUp()
	}
	close(t.done)
}

// adopt gives the task's children to pid 1; k.mu is held.
func (t *Task) adopt() {
	init := t.k.tasks[1]
	if init == t || init != nil && init.zombie {
		init = nil
	}
	for _, c := range t.children {
		c.parent = init
		switch {
		case init != nil:
			init.children = append(init.children, c)
			if c.zombie {
				init.sendLocked(abi.SIGCHLD)
				init.wakeUp()
			}
		case c.zombie:
			t.k.reap(c)
		}
	}
	t.children = nil
}

// reap takes a zombie out of the table; k.mu is held.
func (k *Kernel) reap(t *Task) {
	if k.tasks[t.pid] != t {
		return
	}
	delete(k.tasks, t.pid)
	if p := t.parent; p != nil {
		p.children = slices.DeleteFunc(p.children, func(c *Task) bool { return c == t })
	}
	if k.closed && len(k.tasks) == 0 {
		close(k.empty)
	}
}

// WaitResult is what Wait found.
type WaitResult struct {
	Pid    int
	Status abi.WaitStatus
	CPU    time.Duration // that the child used
}

// Wait waits for a child to end, stop or go on (wait4(2)). pid is a child, -1 any, 0 any of the caller's group, -n any
// of group n; options are abi.WNOHANG, WUNTRACED and WCONTINUED. With WNOHANG and nothing to tell, Pid is 0. ECHILD,
// EINTR.
func (t *Task) Wait(pid, options int) (WaitResult, error) {
	var res WaitResult
	var err error
	look := func() bool {
		res, err = t.collect(pid, options)
		return err != nil || res.Pid != 0 || options&abi.WNOHANG != 0
	}
	if werr := t.sleepUntil(time.Time{}, look); werr != nil {
		return WaitResult{}, werr
	}
	return res, err
}

func (t *Task) collect(pid, options int) (WaitResult, error) {
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	found := false
	for _, c := range t.children {
		switch {
		case pid > 0 && c.pid != pid, pid == 0 && c.pgid != t.pgid, pid < -1 && c.pgid != -pid:
			continue
		}
		found = true
		res := WaitResult{Pid: c.pid, Status: c.status}
		switch {
		case c.zombie:
			res.CPU = c.cpuAtExit + c.childCPU
			t.childCPU += res.CPU
			k.reap(c)
			return res, nil
		case c.report == 0:
		case c.report.IsStopped() && options&abi.WUNTRACED != 0, c.report == abi.Continued && options&abi.WCONTINUED != 0:
			res.Status, c.report = c.report, 0
			return res, nil
		}
	}
	if !found {
		return WaitResult{}, abi.ECHILD
	}
	return WaitResult{}, nil
}

// OOMKilled reports whether the task was ended by the memory limit.
func (t *Task) OOMKilled() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.oomKill
}
