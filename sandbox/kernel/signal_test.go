package kernel

import (
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: never", what)
		}
	}
}

// nursery starts an init that starts one child and reports it.
func nursery(t *testing.T, child func(*Task) int, attr SpawnAttr) (k *Kernel, init, c *Task) {
	t.Helper()
	started := make(chan *Task, 1)
	k = boot(t, programs{"child": child, "init": func(t *Task) int {
		attr.Argv = []string{"child"}
		c, err := t.Spawn("/child", &attr)
		if err != nil {
			return 1
		}
		started <- c
		for !t.Dying() {
			t.Sleep(time.Hour)
		}
		return 0
	}})
	init = start(t, k, "/init")
	return k, init, <-started
}

func TestDefaultActionsEndTasksThatSleepOrCompute(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]func(*Task) int{"sleeping": sleepLong, "computing": spin} {
		for _, s := range []abi.Signal{abi.SIGTERM, abi.SIGINT, abi.SIGHUP, abi.SIGUSR1, abi.SIGKILL, abi.SIGPIPE, abi.SIGRTMIN + 1} {
			_, _, c := nursery(t, program, SpawnAttr{})
			c.Signal(s)
			if got := status(t, c); got != abi.Signaled(s) {
				t.Errorf("%s task after SIG%s: status %#x", name, s.Name(), uint32(got))
			}
		}
	}
}

func TestPid1IgnoresWhatItHasNoHandlerForButNotSIGKILL(t *testing.T) {
	t.Parallel()
	_, init, c := nursery(t, sleepLong, SpawnAttr{})
	init.Signal(abi.SIGTERM)
	init.Signal(abi.SIGINT)
	if err := c.Kill(1, abi.SIGKILL); err != nil { // from inside it is ignored
		t.Error(err)
	}
	if init.Dying() {
		t.Fatal("pid 1 is dying")
	}
	init.Signal(abi.SIGKILL)
	if got := status(t, init); got != abi.Signaled(abi.SIGKILL) {
		t.Errorf("status = %#x", uint32(got))
	}
	if got := status(t, c); got != abi.Signaled(abi.SIGKILL) {
		t.Errorf("the child outlived its namespace: %#x", uint32(got))
	}
}

func TestAHandledSignalInterruptsAndIsFetched(t *testing.T) {
	t.Parallel()
	ready := make(chan struct{})
	_, _, c := nursery(t, func(t *Task) int {
		t.SetAction(abi.SIGUSR1, Handle)
		t.SetAction(abi.SIGUSR2, Ignore)
		close(ready)
		return sleepLong(t)
	}, SpawnAttr{})
	<-ready
	c.Signal(abi.SIGUSR2)
	c.Signal(abi.SIGUSR1)
	if got := status(t, c); got != abi.Exited(7) {
		t.Errorf("status = %#x", uint32(got))
	}
}

func TestABlockedSignalWaitsUntilItIsUnblocked(t *testing.T) {
	t.Parallel()
	sent := make(chan struct{})
	var pending abi.SigSet
	_, _, c := nursery(t, func(t *Task) int {
		<-sent
		pending, _, _, _ = t.Signals()
		if t.Checkpoint() != nil {
			return 1
		}
		t.SetBlocked(0)
		if t.Checkpoint() == nil {
			return 2
		}
		return 3
	}, SpawnAttr{SetMask: true, Mask: abi.SIGTERM.Bit() | abi.SIGKILL.Bit()})
	c.Signal(abi.SIGTERM)
	close(sent)
	if got := status(t, c); got != abi.Signaled(abi.SIGTERM) || !pending.Has(abi.SIGTERM) {
		t.Errorf("status = %#x, pending %#x", uint32(got), uint64(pending))
	}
}

func TestStopAndContinueAreToldToTheParent(t *testing.T) {
	t.Parallel()
	type told struct {
		res WaitResult
		err error
	}
	reports := make(chan told)
	child := make(chan *Task, 1)
	k := boot(t, programs{"child": spin, "init": func(t *Task) int {
		c, err := t.Spawn("/child", &SpawnAttr{Argv: []string{"child"}})
		if err != nil {
			return 1
		}
		child <- c
		for range 3 {
			res, err := t.Wait(-1, abi.WUNTRACED|abi.WCONTINUED)
			reports <- told{res, err}
		}
		return 0
	}})
	init := start(t, k, "/init")
	c := <-child
	for _, step := range []struct {
		s    abi.Signal
		want abi.WaitStatus
	}{{abi.SIGSTOP, abi.Stopped(abi.SIGSTOP)}, {abi.SIGCONT, abi.Continued}, {abi.SIGTERM, abi.Signaled(abi.SIGTERM)}} {
		c.Signal(step.s)
		got := <-reports
		if got.err != nil || got.res.Pid != c.Pid() || got.res.Status != step.want {
			t.Errorf("after SIG%s: %+v, %v", step.s.Name(), got.res, got.err)
		}
	}
	status(t, init)
}

func TestAStoppedTaskCanBeKilled(t *testing.T) {
	t.Parallel()
	_, _, c := nursery(t, spin, SpawnAttr{})
	c.Signal(abi.SIGSTOP)
	eventually(t, "stop", func() bool { return c.State() == 'T' })
	c.Signal(abi.SIGKILL)
	if got := status(t, c); got != abi.Signaled(abi.SIGKILL) {
		t.Errorf("status = %#x", uint32(got))
	}
}

func TestAFrozenSandboxStandsStillAndCanBeClosed(t *testing.T) {
	t.Parallel()
	turns := make(chan struct{}, 1)
	k, _, c := nursery(t, func(t *Task) int {
		for t.Yield() == nil {
			select {
			case turns <- struct{}{}:
			default:
			}
		}
		return 0
	}, SpawnAttr{})
	<-turns
	k.Freeze()
	eventually(t, "freeze", func() bool { return c.State() == 'S' })
	select { // one may have been left from before
	case <-turns:
	default:
	}
	if c.State() != 'S' || len(turns) != 0 {
		t.Error("the task went on")
	}
	k.Thaw()
	<-turns
	k.Freeze()
	k.Close()
	status(t, c)
}

func TestKillReachesGroupsAndRespectsOwners(t *testing.T) {
	t.Parallel()
	results := make(chan error, 8)
	k := boot(t, programs{"child": sleepLong, "init": func(t *Task) int {
		a, _ := t.Spawn("/child", &SpawnAttr{Argv: []string{"a"}, Setpgrp: true})
		b, _ := t.Spawn("/child", &SpawnAttr{Argv: []string{"b"}, Setpgrp: true, Pgid: a.Pid()})
		results <- t.Kill(-a.Pid(), abi.SIGTERM)
		<-a.Done()
		<-b.Done()
		results <- t.Kill(9999, abi.SIGTERM)
		results <- t.Kill(a.Pid(), 0) // a zombie still is there
		c, _ := t.Spawn("/child", &SpawnAttr{Argv: []string{"c"}})
		cred := *t.Cred()
		cred.UID, cred.RealUID, cred.SavedUID = 1000, 1000, 1000
		t.SetCred(&cred)
		results <- t.Kill(c.Pid(), abi.SIGTERM)
		close(results)
		return 0
	}})
	status(t, start(t, k, "/init"))
	var got []error
	for err := range results {
		got = append(got, err)
	}
	if want := []error{nil, abi.ESRCH, nil, abi.EPERM}; !equal(got, want) {
		t.Errorf("kill = %v, want %v", got, want)
	}
}

func TestOrphansGoToPid1(t *testing.T) {
	t.Parallel()
	var got WaitResult
	var grandchild, ppid int
	k := boot(t, programs{
		"grandchild": func(t *Task) int {
			for t.Ppid() != 1 {
				t.Yield()
			}
			ppid = t.Ppid()
			return 9
		},
		"child": func(t *Task) int {
			g, err := t.Spawn("/grandchild", &SpawnAttr{Argv: []string{"g"}})
			if err != nil {
				return 1
			}
			grandchild = g.Pid()
			return 0
		},
		"init": func(t *Task) int {
			c, err := t.Spawn("/child", &SpawnAttr{Argv: []string{"c"}})
			if err != nil {
				return 1
			}
			t.Wait(c.Pid(), 0)
			got, _ = t.Wait(-1, 0)
			if _, err := t.Wait(-1, 0); err != abi.ECHILD {
				return 2
			}
			return 0
		},
	})
	if st := status(t, start(t, k, "/init")); st != 0 {
		t.Fatalf("status = %#x", uint32(st))
	}
	if got.Pid != grandchild || got.Status != abi.Exited(9) || ppid != 1 {
		t.Errorf("pid 1 reaped %+v, want %d with 9; parent %d", got, grandchild, ppid)
	}
}

func TestWaitTakesGroupsAndDoesNotHang(t *testing.T) {
	t.Parallel()
	k := boot(t, programs{"quick": func(*Task) int { return 5 }, "slow": sleepLong, "init": func(t *Task) int {
		slow, _ := t.Spawn("/slow", &SpawnAttr{Argv: []string{"s"}})
		if res, err := t.Wait(-1, abi.WNOHANG); err != nil || res.Pid != 0 {
			return 1
		}
		quick, _ := t.Spawn("/quick", &SpawnAttr{Argv: []string{"q"}, Setpgrp: true})
		if res, err := t.Wait(-quick.Pid(), 0); err != nil || res.Pid != quick.Pid() || res.Status != abi.Exited(5) {
			return 2
		}
		if _, err := t.Wait(quick.Pid(), 0); err != abi.ECHILD {
			return 3
		}
		t.Kill(slow.Pid(), abi.SIGKILL)
		if res, err := t.Wait(0, 0); err != nil || res.Status != abi.Signaled(abi.SIGKILL) {
			return 4
		}
		return 0
	}})
	if st := status(t, start(t, k, "/init")); st != 0 {
		t.Errorf("status = %#x", uint32(st))
	}
}
