package e2e

import (
	"io"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

func TestExecRunsProgramsBesideTheFirst(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	check(t, e.exec(id, []string{"echo", "hi"}), "hi\n", 0)
	check(t, e.exec(id, []string{"sh", "-c", "exit 9"}), "", 9)
	check(t, e.exec(id, []string{"sh", "-c", "echo $A; pwd; id -un"}, func(o *client.ExecCreateOptions) {
		o.Env, o.WorkingDir, o.User = []string{"A=b"}, "/tmp", "nobody"
	}), "b\n/tmp\nnobody\n", 0)
	if got := e.exec(id, []string{"sh", "-c", "echo err >&2; kill -9 $$"}); got.stderr != "err\n" || got.code != 137 {
		t.Errorf("got %s", got)
	}
	check(t, e.exec(id, []string{"ps", "-o", "args"}), "COMMAND\nsleep 1000\nps -o args\n", 0)
	check(t, e.exec(id, []string{"sh", "-c", "echo kept >/tmp/file"}), "", 0)
	check(t, e.exec(id, []string{"cat", "/tmp/file"}), "kept\n", 0)
}

func TestExecThatCannotStartTellsWhy(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{Cmd: []string{"no-such"}, AttachStdout: true, AttachStderr: true})
	must(t, err)
	conn, err := e.ExecAttach(e.ctx, x.ID, client.ExecAttachOptions{})
	text := ""
	if err == nil {
		b, _ := io.ReadAll(conn.Reader)
		text = string(b)
		conn.Close()
	} else {
		text = err.Error()
	}
	if !strings.Contains(text, `OCI runtime exec failed: exec failed: unable to start container process: exec: "no-such": executable file not found in $PATH: unknown`) {
		t.Errorf("got %q", text)
	}
	state, err := e.ExecInspect(e.ctx, x.ID, client.ExecInspectOptions{})
	must(t, err)
	if state.ExitCode != 127 || state.Running {
		t.Errorf("got %+v, want exit code 127", state)
	}
	_, err = e.ExecCreate(e.ctx, e.create([]string{"true"}), client.ExecCreateOptions{Cmd: []string{"true"}})
	if err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("exec in a container that does not run: %v", err)
	}
}

func TestExecWithATerminalHasOneAndItsSize(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{
		Cmd: []string{"sh", "-c", "tty; stty size; read line; stty size; echo got $line"}, TTY: true,
		AttachStdin: true, AttachStdout: true, AttachStderr: true, ConsoleSize: client.ConsoleSize{Height: 30, Width: 100},
	})
	must(t, err)
	conn, err := e.ExecAttach(e.ctx, x.ID, client.ExecAttachOptions{TTY: true, ConsoleSize: client.ConsoleSize{Height: 30, Width: 100}})
	must(t, err)
	defer conn.Close()
	c := newConsole(t, conn.Reader, conn.Conn)
	c.expect("/dev/pts/")
	c.expect("30 100")
	_, err = e.ExecResize(e.ctx, x.ID, client.ExecResizeOptions{Height: 40, Width: 120})
	must(t, err)
	c.send("typed\n")
	c.expect("40 120")
	c.expect("got typed")
	c.end()
}

func TestDetachedExecRunsOn(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{Cmd: []string{"sh", "-c", "echo done >/tmp/detached"}})
	must(t, err)
	_, err = e.ExecStart(e.ctx, x.ID, client.ExecStartOptions{Detach: true})
	must(t, err)
	eventually(t, "the exec ends", func() bool {
		s, err := e.ExecInspect(e.ctx, x.ID, client.ExecInspectOptions{})
		must(t, err)
		return !s.Running
	})
	check(t, e.exec(id, []string{"cat", "/tmp/detached"}), "done\n", 0)
	if _, err := e.ExecStart(e.ctx, x.ID, client.ExecStartOptions{Detach: true}); err == nil {
		t.Error("an exec started twice")
	}
}

func TestExecTakesStandardInput(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{Cmd: []string{"wc", "-c"}, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	must(t, err)
	conn, err := e.ExecAttach(e.ctx, x.ID, client.ExecAttachOptions{})
	must(t, err)
	defer conn.Close()
	go func() {
		_, _ = io.Copy(conn.Conn, io.LimitReader(zeros{}, 1<<20))
		_ = conn.CloseWrite()
	}()
	var out strings.Builder
	_, err = stdcopy.StdCopy(&out, io.Discard, conn.Reader)
	must(t, err)
	if strings.TrimSpace(out.String()) != "1048576" {
		t.Errorf("got %q", out.String())
	}
}

func TestExecsEndWithTheirContainer(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{Cmd: []string{"sh", "-c", "echo on; sleep 1000"}, AttachStdout: true})
	must(t, err)
	conn, err := e.ExecAttach(e.ctx, x.ID, client.ExecAttachOptions{})
	must(t, err)
	defer conn.Close()
	c := newConsole(t, conn.Reader, nil)
	c.expect("on")
	_, err = e.ContainerKill(e.ctx, id, client.ContainerKillOptions{})
	must(t, err)
	c.end()
}

// zeros is an endless stream.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
