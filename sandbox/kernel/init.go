package kernel

import "github.com/sockerless/sockerless/sandbox/abi"

// reaper is the program of a process 1 that runs another program as its child (docker run --init): it passes on the
// signals that it gets, waits for orphans, and ends with its child, with the child's exit code. It does what tini(1)
// does, in the kernel.
type reaper struct{ x *exec }

// reaperImage is how it shows in ps: as Docker's.
func reaperImage(x *exec) *Image {
	const path = "/sbin/docker-init"
	return &Image{Path: path, Exe: x.image.Exe, Argv: append([]string{path, "--"}, x.image.Argv...), Env: x.image.Env, Comm: "docker-init"}
}

// handleAll has the task take every signal that can be passed on; nobody else knows the task yet.
func (t *Task) handleAll() {
	for s := abi.SIGHUP; s <= abi.SIGRTMAX; s++ {
		switch {
		case unblockable&s.Bit() != 0, s == abi.SIGCHLD, s == abi.SIGTTIN, s == abi.SIGTTOU:
		default:
			t.sig.actions[s] = Handle
		}
	}
}

// Run runs the child in a process group of its own, in the foreground of the terminal if there is one.
func (r *reaper) Run(t *Task) int {
	ready := make(chan struct{})
	child, err := t.child(&exec{gated{r.x.program, ready}, r.x.image, r.x.cred}, &SpawnAttr{Setpgrp: true})
	if err != nil {
		t.k.log.Error("init starts no child", "error", err)
		return 127
	}
	if tty := t.TTY(); tty != nil {
		if err := tty.SetForeground(t, child.pid); err != nil {
			t.k.log.Error("init's child is not in the foreground", "error", err)
		}
	}
	close(ready)
	for {
		ended, err := t.Wait(-1, 0)
		if err == nil && ended.Pid == child.pid {
			return ended.Status.ShellCode()
		}
		if t.Dying() {
			return 0
		}
		for s := t.NextSignal(); s != 0; s = t.NextSignal() {
			child.Signal(s)
		}
	}
}

// gated is a program that waits until it may begin.
type gated struct {
	Program
	ready <-chan struct{}
}

func (g gated) Run(t *Task) int {
	<-g.ready
	return g.Program.Run(t)
}
