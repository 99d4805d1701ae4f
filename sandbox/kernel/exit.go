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
		if p.sig.actions[abi.SIGCHLD] == Ignore || p.sig.noZombies {
			k.reap(t)
		} else {
			p.sendLocked(abi.SIGCHLD)
		}
		p.wakeUp()
	}
	close(t.done)
	t.ended.Notify(abi.POLLIN)
}

// adopt gives the task's children to the next subreaper above it, or to pid 1; k.mu is held.
func (t *Task) adopt() {
	init := t.k.tasks[1]
	for up := t.parent; up != nil; up = up.parent {
		if up.subreaper.Load() && !up.zombie {
			init = up
			break
		}
	}
	if init == t || init != nil && init.zombie {
		init = nil
	}
	for _, c := range t.children {
		if s := c.DeathSignal(); s != 0 {
			c.sendLocked(s)
		}
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
	UID    uint32 // real user id of the child
	Status abi.WaitStatus
	CPU    time.Duration // that the child used
	MaxMem int64         // bytes, the most that it had at a time
}

// Wait waits for a child to end, stop or go on (wait4(2)). pid is a child, -1 any, 0 any of the caller's group, -n any
// of group n; options are abi.WNOHANG, WUNTRACED and WCONTINUED. With WNOHANG and nothing to tell, Pid is 0. ECHILD,
// EINTR.
func (t *Task) Wait(pid, options int) (WaitResult, error) {
	return t.WaitID(WaitFor{Pid: pid}, options|abi.WEXITED)
}

// WaitFor tells for which children to wait: those that Pid stands for, as in Wait, or one alone.
type WaitFor struct {
	Pid  int
	Only *Task
}

func (w *WaitFor) match(t, c *Task) bool {
	switch {
	case w.Only != nil:
		return c == w.Only
	case w.Pid > 0:
		return c.pid == w.Pid
	case w.Pid == 0:
		return c.pgid == t.pgid
	}
	return w.Pid == -1 || c.pgid == -w.Pid
}

// WaitID is Wait with the further options of waitid(2): without abi.WEXITED ends are passed over, and with WNOWAIT the
// child can be waited for again.
func (t *Task) WaitID(who WaitFor, options int) (WaitResult, error) {
	var res WaitResult
	var err error
	look := func() bool {
		res, err = t.collect(who, options)
		return err != nil || res.Pid != 0 || options&abi.WNOHANG != 0
	}
	if werr := t.sleepUntil(time.Time{}, look); werr != nil {
		return WaitResult{}, werr
	}
	return res, err
}

func (t *Task) collect(who WaitFor, options int) (WaitResult, error) {
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	found := false
	for _, c := range t.children {
		if !who.match(t, c) {
			continue
		}
		found = true
		res := WaitResult{Pid: c.pid, UID: c.Cred().RealUID, Status: c.status}
		keep := options&abi.WNOWAIT != 0
		switch {
		case c.zombie && options&abi.WEXITED != 0:
			res.CPU, res.MaxMem = c.cpuAtExit+c.childCPU, max(c.maxMemory.Load(), c.childMaxMem)
			if !keep {
				t.childCPU += res.CPU
				t.childMaxMem = max(t.childMaxMem, res.MaxMem)
				k.reap(c)
			}
			return res, nil
		case c.zombie || c.report == 0:
		case c.report.IsStopped() && options&abi.WUNTRACED != 0, c.report == abi.Continued && options&abi.WCONTINUED != 0:
			res.Status = c.report
			if !keep {
				c.report = 0
			}
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
