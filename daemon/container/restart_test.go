package container

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	types "github.com/moby/moby/api/types/container"
	eventtypes "github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/daemon/events"
	"github.com/sockerless/sockerless/sandbox/abi"
)

func policy(name types.RestartPolicyMode, retries int) func(*types.Config, *types.HostConfig) {
	return func(_ *types.Config, h *types.HostConfig) {
		h.RestartPolicy = types.RestartPolicy{Name: name, MaximumRetryCount: retries}
	}
}

func TestRestartPolicyDecidesByExitAndHistory(t *testing.T) {
	t.Parallel()
	const long = steadyRun
	for _, tt := range []struct {
		name              string
		policy            types.RestartPolicyMode
		max               int
		codes             []int
		took              time.Duration
		canceled, stopped bool
		delays            []time.Duration // of the restarts; fewer than codes when it gives up
	}{
		{"no", types.RestartPolicyDisabled, 0, []int{1}, 0, false, false, nil},
		{"always doubles its delay", types.RestartPolicyAlways, 0, []int{0, 1, 0}, 0, false, false, []time.Duration{restartDelay, 2 * restartDelay, 4 * restartDelay}},
		{"delay is bounded", types.RestartPolicyAlways, 0, make([]int, 12), 0, false, false, append(doubling(10), maxRestartDelay, maxRestartDelay)},
		{"delay begins anew after a steady run", types.RestartPolicyAlways, 0, []int{0, 0}, long, false, false, []time.Duration{restartDelay, restartDelay}},
		{"always, stopped by hand", types.RestartPolicyAlways, 0, []int{0}, 0, true, true, nil},
		{"unless-stopped", types.RestartPolicyUnlessStopped, 0, []int{0}, 0, false, false, []time.Duration{restartDelay}},
		{"unless-stopped that was", types.RestartPolicyUnlessStopped, 0, []int{0}, 0, false, true, nil},
		{"on-failure, success", types.RestartPolicyOnFailure, 0, []int{0}, 0, false, false, nil},
		{"on-failure gives up", types.RestartPolicyOnFailure, 2, []int{1, 1, 1}, 0, false, false, []time.Duration{restartDelay, 2 * restartDelay}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r restarts
			var delays []time.Duration
			for _, code := range tt.codes {
				d, again := r.next(types.RestartPolicy{Name: tt.policy, MaximumRetryCount: tt.max}, code, tt.took, tt.canceled, tt.stopped)
				if !again {
					break
				}
				delays = append(delays, d)
			}
			if !slices.Equal(delays, tt.delays) {
				t.Errorf("delays %v, want %v", delays, tt.delays)
			}
		})
	}
}

func doubling(n int) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = restartDelay << i
	}
	return list
}

func TestFailingContainerIsRestartedUntilItsPolicyGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", policy(types.RestartPolicyOnFailure, 2), "false")
	f := events.NewFilter(map[string][]string{"event": {"die"}})
	deaths := make(chan eventtypes.Message, 10)
	subscribed := make(chan struct{})
	go w.bus.Stream(t.Context(), time.Time{}, time.Time{}, f, func() { close(subscribed) }, func(m eventtypes.Message) error {
		deaths <- m
		return nil
	})
	<-subscribed
	if err := w.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-deaths
	}
	if code := w.exitCode(id, types.WaitConditionNotRunning); code != 1 {
		t.Errorf("exit code %d", code)
	}
	r, err := w.Inspect(t.Context(), id, false)
	if err != nil || r.RestartCount != 2 || r.State.Status != types.StateExited {
		t.Errorf("%+v, %v", r.State, err)
	}
}

func TestStopEndsAContainerThatWaitsForItsRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", policy(types.RestartPolicyAlways, 0), "false")
	ch, err := w.Wait(t.Context(), id, types.WaitConditionNextExit)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	answer(t, ch)
	if err := w.Stop(t.Context(), id, "", nil); err != nil {
		t.Fatal(err)
	}
	if s := w.state(id); s.Running || s.Restarting || s.Status != types.StateExited {
		t.Errorf("state %+v", s)
	}
	if err := w.Remove(t.Context(), id, RemoveOptions{}); err != nil {
		t.Error(err)
	}
}

func TestContainersComeBackWithTheNextDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	exited := w.run("exited", nil, "false")
	w.exitCode(exited, types.WaitConditionNotRunning)
	plain := w.run("plain", nil, "sleep")
	always := w.run("always", policy(types.RestartPolicyAlways, 0), "sleep")
	stopped := w.run("stopped", policy(types.RestartPolicyUnlessStopped, 0), "sleep")
	unless := w.run("unless", policy(types.RestartPolicyUnlessStopped, 0), "sleep")
	created := w.create("created", policy(types.RestartPolicyAlways, 0), "sleep")
	if err := w.Stop(ctx, stopped, "", nil); err != nil {
		t.Fatal(err)
	}
	w.patience = 10 * time.Second
	w.close()
	w.openAgain()
	if err := w.Restore(ctx); err != nil {
		t.Fatal(err)
	}
	w.restoring.Wait()
	for id, want := range map[string]struct {
		status types.ContainerState
		code   int
	}{
		exited: {types.StateExited, 1}, plain: {types.StateExited, 143}, always: {types.StateRunning, 0},
		stopped: {types.StateExited, 143}, unless: {types.StateRunning, 0}, created: {types.StateCreated, 0},
	} {
		if s := w.state(id); s.Status != want.status || s.ExitCode != want.code {
			r, _ := w.Inspect(ctx, id, false)
			t.Errorf("%s is %s (%d), want %v", r.Name, s.Status, s.ExitCode, want)
		}
	}
}

func TestContainersOfADaemonThatDiedHaveExitedUncleanly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	plain := w.run("plain", nil, "sleep")
	always := w.run("always", policy(types.RestartPolicyAlways, 0), "sleep")
	gone := w.run("gone", func(_ *types.Config, h *types.HostConfig) { h.AutoRemove = true }, "sleep")
	dead := w.Manager
	// The store as it is now, as after kill -9.
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	defer dead.Shutdown(ctx, 0)
	w.openAgain()
	if err := w.Restore(ctx); err != nil {
		t.Fatal(err)
	}
	w.restoring.Wait()
	if s := w.state(plain); s.Status != types.StateExited || s.ExitCode != 255 {
		t.Errorf("plain: %+v", s)
	}
	if s := w.state(always); s.Status != types.StateRunning {
		t.Errorf("always: %+v", s)
	}
	if _, err := w.get(gone); err == nil {
		t.Error("a container with --rm is still there")
	}
	if err := dead.Shutdown(ctx, 0); err != nil {
		t.Error(err)
	}
}

func TestManyCallersAgreeAboutManyContainers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	var all sync.WaitGroup
	var starts, removals atomic.Int32
	const containers, callers = 20, 4
	for range containers {
		id := w.create("", nil, "sleep")
		for i := range callers {
			all.Go(func() {
				if w.Start(ctx, id) == nil {
					starts.Add(1)
				}
				w.Inspect(ctx, id, true)
				w.List(ctx, ListOptions{All: true})
				w.Pause(ctx, id)
				w.Unpause(ctx, id)
				if i%2 == 0 {
					w.Kill(ctx, id, "TERM")
				} else {
					w.Stop(ctx, id, "", nil)
				}
				if w.Remove(ctx, id, RemoveOptions{Force: true}) == nil {
					removals.Add(1)
				}
			})
		}
	}
	all.Wait()
	if starts.Load() < containers || removals.Load() != containers {
		t.Errorf("%d starts, %d removals of %d containers", starts.Load(), removals.Load(), containers)
	}
	if n := w.Count(); n.Total != 0 || len(w.names) != 0 {
		t.Errorf("left: %+v, names %v", n, w.names)
	}
	left := 0
	for range w.states.All() {
		left++
	}
	for range w.defs.All() {
		left++
	}
	if left != 0 {
		t.Errorf("%d records are left", left)
	}
}

func TestRestartRunsTheProgramAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.run("", func(_ *types.Config, h *types.HostConfig) { h.AutoRemove = true }, "sleep")
	if err := w.Restart(t.Context(), id, "INT", nil); err != nil {
		t.Fatal(err)
	}
	if s := w.state(id); !s.Running {
		t.Errorf("state %+v", s)
	}
	want := []string{"create", "start", "kill", "die", "stop", "start", "restart"}
	got := w.past(eventtypes.ContainerEventType, id)
	if !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	ch, err := w.Wait(t.Context(), id, types.WaitConditionRemoved)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Kill(t.Context(), id, abi.SIGKILL.Name()); err != nil {
		t.Fatal(err)
	}
	if r := answer(t, ch); r.StatusCode != 137 {
		t.Errorf("answer %+v", r)
	}
}

// BenchmarkLife is what the Manager adds to a container's life: create, start, wait, remove.
func BenchmarkLife(b *testing.B) {
	w := newWorld(b)
	ctx := b.Context()
	req := &types.CreateRequest{Config: &types.Config{Image: "test", Cmd: []string{"true"}}}
	b.ReportAllocs()
	for b.Loop() {
		r, err := w.Create(ctx, "", req, nil)
		if err != nil {
			b.Fatal(err)
		}
		ch, err := w.Wait(ctx, r.ID, types.WaitConditionNextExit)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Start(ctx, r.ID); err != nil {
			b.Fatal(err)
		}
		<-ch
		if err := w.Remove(ctx, r.ID, RemoveOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleMemory is what the Manager holds for a running container that does nothing, sandbox apart.
func BenchmarkIdleMemory(b *testing.B) {
	w := newWorld(b)
	var before, after runtime.MemStats
	const n = 200
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		var ids []string
		for range n {
			ids = append(ids, w.run("", nil, "sleep"))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n, "B/container")
		for _, id := range ids {
			if err := w.Remove(b.Context(), id, RemoveOptions{Force: true}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
