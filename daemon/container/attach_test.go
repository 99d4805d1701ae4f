package container

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	types "github.com/moby/moby/api/types/container"
	eventtypes "github.com/moby/moby/api/types/events"
)

// attachment is a client of Attach in a test.
type attachment struct {
	in       *io.PipeWriter
	out, err safeBuffer
	done     chan error
}

// attach attaches and returns when the client is there.
func (w *world) attach(ctx context.Context, id string, opts AttachOptions) *attachment {
	w.t.Helper()
	a := &attachment{done: make(chan error, 1)}
	r, in := io.Pipe()
	a.in = in
	ready := make(chan struct{})
	go func() {
		err := w.Attach(ctx, id, opts, func() (AttachStreams, error) {
			close(ready)
			return AttachStreams{In: r, Out: &a.out, Err: &a.err}, nil
		})
		r.Close()
		a.done <- err
	}()
	select {
	case <-ready:
	case err := <-a.done:
		w.t.Fatal(err)
	}
	return a
}

var everything = AttachOptions{Stdin: true, Stdout: true, Stderr: true, Stream: true}

func interactive(c *types.Config, _ *types.HostConfig) { c.OpenStdin, c.StdinOnce = true, true }
func terminal(c *types.Config, _ *types.HostConfig)    { c.OpenStdin, c.Tty = true, true }

func TestClientThatAttachesBeforeTheStartMissesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", nil, "both")
	a := w.attach(t.Context(), id, everything)
	if err := w.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	if a.out.String() != "out\n" || a.err.String() != "err\n" {
		t.Errorf("got %q and %q", &a.out, &a.err)
	}
	w.exitCode(id, types.WaitConditionNotRunning)
	got := w.past(eventtypes.ContainerEventType, id)
	slices.Sort(got) // attach is told when the client is served, the start may be there by then
	if !slices.Equal(got, []string{"attach", "create", "die", "start"}) {
		t.Errorf("events %q", got)
	}
}

func TestEndOfTheClientsInputClosesThatOfTheProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", interactive, "cat")
	a := w.attach(t.Context(), id, everything)
	if err := w.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	io.WriteString(a.in, "typed\n")
	a.out.waitFor(t, "typed\n")
	a.in.Close()
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	if code := w.exitCode(id, types.WaitConditionNotRunning); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSeveralClientsShareAProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.run("", func(c *types.Config, _ *types.HostConfig) { c.OpenStdin = true }, "cat")
	one := w.attach(t.Context(), id, everything)
	two := w.attach(t.Context(), id, everything)
	io.WriteString(one.in, "from one\n")
	one.out.waitFor(t, "from one\n")
	two.out.waitFor(t, "from one\n")
	io.WriteString(two.in, "from two\n")
	one.out.waitFor(t, "from two\n")
	// The end of one client's input ends only that client.
	two.in.Close()
	if err := <-two.done; err != nil {
		t.Fatal(err)
	}
	io.WriteString(one.in, "still here\n")
	one.out.waitFor(t, "still here\n")
	if err := w.Kill(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	if err := <-one.done; err != nil {
		t.Fatal(err)
	}
	if strings.Contains(two.out.String(), "still here") {
		t.Error("a client that has gone was written to")
	}
}

func TestDetachKeysLeaveTheProgramRunningForTheNextClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.run("", terminal, "cat")
	a := w.attach(t.Context(), id, everything)
	io.WriteString(a.in, "one\n")
	a.out.waitFor(t, "one\n")
	io.WriteString(a.in, "\x10\x11")
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	if !w.state(id).Running {
		t.Fatal("detaching ended the program")
	}
	opts := everything
	opts.DetachKeys, opts.Logs = "ctrl-a,x", true
	a = w.attach(t.Context(), id, opts)
	a.out.waitFor(t, "one\n") // the replay
	io.WriteString(a.in, "\x10\x11two\n")
	a.out.waitFor(t, "two\n")
	io.WriteString(a.in, "\x01x")
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	got := w.past(eventtypes.ContainerEventType, id)
	if !slices.Equal(got, []string{"create", "start", "attach", "detach", "attach", "detach"}) {
		t.Errorf("events %q", got)
	}
	opts.DetachKeys = "ctrl-nothing"
	err := w.Attach(t.Context(), id, opts, nil)
	if !errdefs.IsInvalidArgument(err) {
		t.Errorf("bad keys: %v", err)
	}
}

// stuck is a client that takes nothing until it hangs up.
type stuck struct{ hangUp chan struct{} }

func (s stuck) Write([]byte) (int, error) {
	<-s.hangUp
	return 0, errors.New("connection reset by peer")
}

func TestClientThatDoesNotReadHoldsItsContainerAndNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	noLog := func(_ *types.Config, h *types.HostConfig) { h.LogConfig.Type = "none" }
	id := w.run("flood", noLog, "flood")
	s := stuck{make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		done <- w.Attach(t.Context(), id, AttachOptions{Stdout: true, Stream: true}, func() (AttachStreams, error) {
			return AttachStreams{Out: s}, nil
		})
	}()
	c, err := w.get(id)
	if err != nil {
		t.Fatal(err)
	}
	for { // until the program has to wait
		c.streams.mu.Lock()
		blocked := c.streams.out[0].blocked
		c.streams.mu.Unlock()
		if blocked {
			break
		}
		w.state(id)
	}
	other := w.run("", nil, "echo", "other")
	if code := w.exitCode(other, types.WaitConditionNotRunning); code != 0 {
		t.Errorf("other ended with %d", code)
	}
	close(s.hangUp)
	if err := <-done; err == nil {
		t.Error("hanging up is no error")
	}
	if n := c.streams.attached(); n != 0 {
		t.Errorf("%d clients after the hang-up", n)
	}
	// The program goes on, and a new client hears of it.
	a := w.attach(t.Context(), id, AttachOptions{Stdout: true, Stream: true})
	a.out.waitFor(t, "xxx")
	if err := w.Kill(t.Context(), id, "KILL"); err != nil {
		t.Fatal(err)
	}
	if err := <-a.done; err != nil {
		t.Error(err)
	}
}

func TestEndOfTheRequestDetachesTheClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.run("", nil, "sleep")
	ctx, cancel := context.WithCancel(t.Context())
	a := w.attach(ctx, id, everything)
	cancel()
	if err := <-a.done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !w.state(id).Running {
		t.Error("the program ended with its client")
	}
}

func TestExecRunsBesideTheProgramAndCanBeInspected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	id := w.run("", nil, "sleep")
	exec, err := w.ExecCreate(ctx, id, &types.ExecCreateRequest{Cmd: []string{"cat"}, AttachStdin: true, AttachStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	if x, err := w.ExecInspect(ctx, exec); err != nil || x.Running || x.ExitCode != nil || x.ProcessConfig.Entrypoint != "cat" {
		t.Fatalf("created as %+v, %v", x, err)
	}
	var out safeBuffer
	err = w.ExecStart(ctx, exec, ExecStartOptions{}, func() (AttachStreams, error) {
		return AttachStreams{In: strings.NewReader("through"), Out: &out}, nil
	})
	if err != nil || out.String() != "through" {
		t.Fatalf("got %q, %v", &out, err)
	}
	x, err := w.ExecInspect(ctx, exec)
	if err != nil || x.Running || x.ExitCode == nil || *x.ExitCode != 0 {
		t.Fatalf("ended as %+v, %v", x, err)
	}
	if err := w.ExecStart(ctx, exec, ExecStartOptions{}, nil); !errdefs.IsConflict(err) {
		t.Errorf("second start: %v", err)
	}
	nope, err := w.ExecCreate(ctx, id, &types.ExecCreateRequest{Cmd: []string{"nope"}})
	if err != nil {
		t.Fatal(err)
	}
	err = w.ExecStart(ctx, nope, ExecStartOptions{Detach: true}, nil)
	const text = `OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown`
	if err == nil || err.Error() != text {
		t.Errorf("missing program: %v", err)
	}
	if x, err := w.ExecInspect(ctx, nope); err != nil || x.ExitCode == nil || *x.ExitCode != 127 {
		t.Errorf("missing program: %+v, %v", x, err)
	}
	want := []string{"create", "start", "exec_create: cat ", "exec_start: cat ", "exec_die", "exec_create: nope ", "exec_start: nope "}
	if got := w.past(eventtypes.ContainerEventType, id); !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	if err := w.Remove(ctx, id, RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ExecInspect(ctx, exec); !errdefs.IsNotFound(err) || err.Error() != "No such exec instance: "+exec {
		t.Errorf("after removal: %v", err)
	}
}

func TestExecOfAContainerThatDoesNotRunIsAConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", nil, "sleep")
	_, err := w.ExecCreate(t.Context(), id, &types.ExecCreateRequest{Cmd: []string{"true"}})
	if !errdefs.IsConflict(err) {
		t.Errorf("got %v", err)
	}
	if err := w.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	exec, err := w.ExecCreate(t.Context(), id, &types.ExecCreateRequest{Cmd: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Kill(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.ExecStart(t.Context(), exec, ExecStartOptions{Detach: true}, nil); !errdefs.IsConflict(err) {
		t.Errorf("got %v", err)
	}
}
