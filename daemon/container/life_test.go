package container

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	types "github.com/moby/moby/api/types/container"
	eventtypes "github.com/moby/moby/api/types/events"
)

func TestContainerRunsFromCreateToRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("one", nil, "echo", "hello", "world")
	if s := w.state(id); s.Status != types.StateCreated || s.Running || s.StartedAt != "0001-01-01T00:00:00Z" {
		t.Fatalf("created as %+v", s)
	}
	ch, err := w.Wait(t.Context(), "one", types.WaitConditionNextExit)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), id[:12]); err != nil {
		t.Fatal(err)
	}
	if r := answer(t, ch); r.StatusCode != 0 || r.Error != nil {
		t.Fatalf("wait answered %+v", r)
	}
	if s := w.state(id); s.Status != types.StateExited || s.ExitCode != 0 || s.Pid != 0 {
		t.Fatalf("ended as %+v", s)
	}
	if got := w.logged(id, LogsOptions{Stdout: true, Tail: -1}); got != "hello world\n" {
		t.Errorf("logged %q", got)
	}
	if err := w.Remove(t.Context(), "/one", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Inspect(t.Context(), id, false); !errdefs.IsNotFound(err) || err.Error() != "No such container: "+id {
		t.Errorf("inspect after removal: %v", err)
	}
	want := []string{"create", "start", "die", "destroy"}
	if got := w.past(eventtypes.ContainerEventType, id); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestNameOfAnotherContainerIsAConflictUntilThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("twice", nil, "true")
	req := &types.CreateRequest{Config: &types.Config{Image: "test"}}
	_, err := w.Create(t.Context(), "twice", req, nil)
	want := `Conflict. The container name "/twice" is already in use by container "` + id + `". You have to remove (or rename) that container to be able to reuse that name.`
	if !errdefs.IsConflict(err) || err.Error() != want {
		t.Fatalf("got %v", err)
	}
	if err := w.Rename(t.Context(), "twice", "once"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create(t.Context(), "twice", req, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Create(t.Context(), "a b", req, nil); !errdefs.IsInvalidArgument(err) {
		t.Errorf("bad name: %v", err)
	}
}

func TestProgramThatCannotBeStartedLeavesDockersTextAndExitCode(t *testing.T) {
	t.Parallel()
	const prefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: "
	for _, tt := range []struct {
		argv, user, dir, text string
		code                  int
	}{
		{"nope", "", "", prefix + `exec: "nope": executable file not found in $PATH: unknown`, 127},
		{"/nope", "", "", prefix + `exec: "/nope": stat /nope: no such file or directory: unknown`, 127},
		{"true", "nobody", "", "unable to find user nobody: no matching entries in passwd file", 126},
		{"false", "", "/etc/passwd", "Cannot mkdir: /etc/passwd is not a directory", 128},
		{"/etc", "", "", prefix + `exec: "/etc": permission denied: unknown`, 126},
	} {
		t.Run(tt.argv, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.create("", func(c *types.Config, _ *types.HostConfig) { c.User, c.WorkingDir = tt.user, tt.dir }, tt.argv)
			err := w.Start(t.Context(), id)
			if !errdefs.IsInvalidArgument(err) || err.Error() != tt.text {
				t.Fatalf("got %v", err)
			}
			s := w.state(id)
			if s.ExitCode != tt.code || s.Status != types.StateCreated || s.Error != tt.text {
				t.Errorf("state %+v", s)
			}
		})
	}
}

func TestStateMachineRefusesWhatDockerdRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.create("created", nil, "sleep")
	running := w.run("running", nil, "sleep")
	paused := w.run("paused", nil, "sleep")
	if err := w.Pause(t.Context(), paused); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, tt := range []struct {
		what string
		err  error
		is   func(error) bool
		text string
	}{
		{"start running", w.Start(ctx, running), notModified, ""},
		{"stop created", w.Stop(ctx, created, "", nil), notModified, ""},
		{"kill created", w.Kill(ctx, created, ""), errdefs.IsConflict, "container " + created + " is not running"},
		{"kill with a bad signal", w.Kill(ctx, running, "FOO"), errdefs.IsInvalidArgument, "invalid signal: FOO"},
		{"pause created", w.Pause(ctx, created), errdefs.IsConflict, "container " + created + " is not running"},
		{"pause paused", w.Pause(ctx, paused), errdefs.IsConflict, "container " + paused + " is already paused"},
		{"unpause running", w.Unpause(ctx, running), errdefs.IsConflict, "Container " + running + " is not paused"},
		{"start paused", w.Start(ctx, paused), errdefs.IsConflict, "cannot start a paused container, try unpause instead"},
		{"remove running", w.Remove(ctx, running, RemoveOptions{}), errdefs.IsConflict,
			`cannot remove container "` + running + `": container is running: stop the container before removing or force remove`},
		{"remove paused", w.Remove(ctx, paused, RemoveOptions{}), errdefs.IsConflict,
			`cannot remove container "` + paused + `": container is paused and must be unpaused first`},
		{"unknown", w.Start(ctx, "nobody"), errdefs.IsNotFound, "No such container: nobody"},
	} {
		if !tt.is(tt.err) || !strings.Contains(tt.err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.what, tt.err)
		}
	}
	if err := w.Remove(ctx, paused, RemoveOptions{Force: true}); err != nil {
		t.Errorf("forced removal of a paused container: %v", err)
	}
	if got := w.Count(); got != (Counts{Total: 2, Running: 1, Stopped: 1}) {
		t.Errorf("counts %+v", got)
	}
}

func notModified(err error) bool { return errors.Is(err, ErrNotModified) }

func TestStopSendsTheStopSignalAndKillsWhoIgnoresIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	polite := w.run("", func(c *types.Config, _ *types.HostConfig) { c.StopSignal = "SIGINT" }, "sleep")
	if err := w.Stop(t.Context(), polite, "", nil); err != nil {
		t.Fatal(err)
	}
	if s := w.state(polite); s.ExitCode != 130 {
		t.Errorf("exit code %d of a program that SIGINT ended", s.ExitCode)
	}
	stubborn := w.run("", nil, "stubborn")
	zero := 0
	if err := w.Stop(t.Context(), stubborn, "", &zero); err != nil {
		t.Fatal(err)
	}
	if s := w.state(stubborn); s.ExitCode != 137 || s.OOMKilled {
		t.Errorf("killed as %+v", s)
	}
	want := []string{"create", "start", "kill", "kill", "die", "stop"}
	if got := w.past(eventtypes.ContainerEventType, stubborn); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestRemovedConditionAnswersAfterAutoRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", func(_ *types.Config, h *types.HostConfig) { h.AutoRemove = true }, "false")
	ch, err := w.Wait(t.Context(), id, types.WaitConditionRemoved)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if r := answer(t, ch); r.StatusCode != 1 {
		t.Errorf("wait answered %+v", r)
	}
	if _, err := w.Inspect(t.Context(), id, false); !errdefs.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
	if got := w.past(eventtypes.ContainerEventType, id); !slices.Equal(got, []string{"create", "start", "die", "destroy"}) {
		t.Errorf("events %q", got)
	}
	// One that can't be started is removed, too, and the code tells why.
	id = w.create("", func(_ *types.Config, h *types.HostConfig) { h.AutoRemove = true }, "nope")
	if ch, err = w.Wait(t.Context(), id, types.WaitConditionRemoved); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), id); err == nil {
		t.Fatal("a missing program was started")
	}
	if r := answer(t, ch); r.StatusCode != 127 {
		t.Errorf("wait answered %+v", r)
	}
}

func TestProgramKilledByTheMemoryLimitIsToldAsOOM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.run("", nil, "oom")
	if code := w.exitCode(id, types.WaitConditionNotRunning); code != 137 {
		t.Errorf("exit code %d", code)
	}
	if s := w.state(id); !s.OOMKilled {
		t.Errorf("state %+v", s)
	}
	if got := w.past(eventtypes.ContainerEventType, id); !slices.Equal(got, []string{"create", "start", "oom", "die"}) {
		t.Errorf("events %q", got)
	}
}
