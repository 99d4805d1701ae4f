package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
	"github.com/sockerless/sockerless/daemon/image"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/userland"
)

// patience bounds what a test waits for. Nothing should come near it.
const patience = 90 * time.Second

// suite is what the tests of a run share.
var suite struct {
	dir    string // temporary; short, since it holds sockets
	cache  string // compiled programs
	common func() (*server, error)
	binary func() (string, error)
}

func TestMain(m *testing.M) { os.Exit(runSuite(m)) }

func runSuite(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	suite.dir, suite.cache = dir, filepath.Join(dir, "compiled")
	if user, err := os.UserCacheDir(); err == nil { // compiling the busybox takes seconds: once is enough
		suite.cache = filepath.Join(user, "sockerless-test")
	}
	if err := warm(suite.cache); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: compiling the busybox:", err)
		return 1
	}
	var opened *server
	suite.common = sync.OnceValues(func() (*server, error) {
		s, err := newServer(filepath.Join(dir, "common"), daemon.Config{})
		opened = s
		return s, err
	})
	suite.binary = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "sockerlessd")
		out, err := exec.Command("go", "build", "-o", path, "../../cmd/sockerlessd").CombinedOutput()
		if err != nil {
			return "", errors.New("go build: " + string(out))
		}
		return path, warmBinary(path, filepath.Join(dir, "warm"))
	})
	code := m.Run()
	if opened != nil {
		opened.stop()
	}
	if stopPeer != nil {
		stopPeer()
	}
	return code
}

// warm compiles the busybox, so that no test's patience is spent on it.
func warm(cache string) error {
	busybox, err := userland.Busybox()
	if err != nil {
		return err
	}
	rt, err := sandbox.NewRuntime(context.Background(), sandbox.RuntimeConfig{CacheDir: cache})
	if err != nil {
		return err
	}
	return errors.Join(rt.Warm(context.Background(), busybox), rt.Close())
}

// warmBinary has the real binary compile the busybox: the cache of a program is not that of a test's binary, since only
// one of them knows its wazero's version.
func warmBinary(path, dir string) error {
	data, host := filepath.Join(dir, "data"), "unix://"+filepath.Join(dir, "s")
	if err := errors.Join(os.MkdirAll(data, 0o700), os.Symlink(suite.cache, filepath.Join(data, "compiled"))); err != nil {
		return err
	}
	d := exec.Command(path, "-H", host, "--data-root", data, "--exec-root", filepath.Join(dir, "exec"), "--image-fallback", "always")
	if err := d.Start(); err != nil {
		return err
	}
	defer d.Wait()
	defer d.Process.Signal(os.Interrupt)
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		out, err := exec.Command(path, "run", "-H", host, "--rm", "alpine", "true").CombinedOutput()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the daemon runs nothing: %w: %s", err, out)
		}
	}
}

// server is a daemon in this process, serving on a socket.
type server struct {
	d    *daemon.Daemon
	http *http.Server
	host string
	cfg  daemon.Config
}

// newServer starts a daemon with its files in dir. Its images come from the embedded one, without asking a registry.
func newServer(dir string, cfg daemon.Config) (*server, error) {
	cfg.DataRoot, cfg.ExecRoot = filepath.Join(dir, "data"), filepath.Join(dir, "exec")
	if cfg.CacheDir == "" {
		cfg.CacheDir = suite.cache
	}
	if cfg.ImageFallback == "" {
		cfg.ImageFallback = image.FallbackAlways
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if os.Getenv("E2E_LOG") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	d, err := daemon.New(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	s := &server{d: d, http: d.HTTPServer(), host: "unix://" + path, cfg: cfg}
	go s.http.Serve(l)
	return s, nil
}

// stop ends the daemon as SIGTERM does.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.d.Shutdown(ctx)
	err := s.http.Close()
	return errors.Join(err, s.d.Close())
}

// engine is a daemon as a test sees it: moby's client, with the test's patience.
type engine struct {
	*client.Client
	t    testing.TB
	ctx  context.Context
	host string
}

// start gives the test a daemon of its own, which the test stops at its end.
func start(t testing.TB, cfg daemon.Config) *engine {
	t.Helper()
	return connect(t, serve(t, cfg).host)
}

// serve starts a daemon that the test stops at its end.
func serve(t testing.TB, cfg daemon.Config) *server {
	t.Helper()
	s, err := newServer(shortDir(t), cfg)
	must(t, err)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stopping the daemon: %v", err)
		}
	})
	return s
}

// shared is the daemon that most tests use together. They look only at what is theirs.
func shared(t testing.TB) *engine {
	t.Helper()
	s, err := suite.common()
	must(t, err)
	return connect(t, s.host)
}

// connect makes an engine of a daemon's address, and has alpine there.
func connect(t testing.TB, host string) *engine {
	t.Helper()
	e := dial(t, host)
	if _, err := e.ImageInspect(e.ctx, "alpine"); err != nil {
		e.pull("alpine")
	}
	return e
}

// dial makes an engine of a daemon's address.
func dial(t testing.TB, host string) *engine {
	t.Helper()
	cli, err := client.New(client.WithHost(host))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(func() { cancel(); cli.Close() })
	return &engine{Client: cli, t: t, ctx: ctx, host: host}
}

// shortDir is t.TempDir with a name that leaves room for a socket's (sun_path has 108 bytes, unix(7)).
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(suite.dir, "")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (e *engine) pull(ref string) (messages []string) {
	e.t.Helper()
	resp, err := e.ImagePull(e.ctx, ref, client.ImagePullOptions{})
	must(e.t, err)
	defer resp.Close()
	for m, err := range resp.JSONMessages(e.ctx) {
		must(e.t, err)
		if m.Error != nil {
			e.t.Fatalf("pulling %s: %v", ref, m.Error)
		}
		messages = append(messages, m.Status)
	}
	return messages
}

// option changes what is created.
type option func(*client.ContainerCreateOptions)

func withConfig(f func(*container.Config)) option {
	return func(o *client.ContainerCreateOptions) { f(o.Config) }
}

func withHost(f func(*container.HostConfig)) option {
	return func(o *client.ContainerCreateOptions) { f(o.HostConfig) }
}

// noNetwork is a HostConfig that dockerd needs no bridge for.
func noNetwork() *container.HostConfig { return &container.HostConfig{NetworkMode: "none"} }

func named(name string) option { return func(o *client.ContainerCreateOptions) { o.Name = name } }

func binds(list ...string) option {
	return withHost(func(h *container.HostConfig) { h.Binds = append(h.Binds, list...) })
}

func withTTY(o *client.ContainerCreateOptions) {
	o.Config.Tty, o.Config.OpenStdin, o.Config.StdinOnce = true, true, true
	o.Config.AttachStdin, o.Config.AttachStdout, o.Config.AttachStderr = true, true, true
}

// noStdinOnce leaves the standard input open when a client closes its own.
func noStdinOnce(c *container.Config) { c.StdinOnce = false }

func withStdin(o *client.ContainerCreateOptions) {
	o.Config.OpenStdin, o.Config.StdinOnce, o.Config.AttachStdin = true, true, true
}

// create makes a container that is removed at the test's end.
func (e *engine) create(cmd []string, opts ...option) string {
	e.t.Helper()
	o := client.ContainerCreateOptions{
		Config:     &container.Config{Image: "alpine", Cmd: cmd, AttachStdout: true, AttachStderr: true},
		HostConfig: noNetwork(),
	}
	for _, opt := range opts {
		opt(&o)
	}
	created, err := e.ContainerCreate(e.ctx, o)
	must(e.t, err)
	e.t.Cleanup(func() { e.remove(created.ID) })
	return created.ID
}

// remove removes a container, whatever became of the test.
func (e *engine) remove(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cli, err := client.New(client.WithHost(e.host))
	if err != nil {
		return
	}
	defer cli.Close()
	_, _ = cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
}

// launch creates and starts a container.
func (e *engine) launch(cmd []string, opts ...option) string {
	e.t.Helper()
	id := e.create(cmd, opts...)
	e.begin(id)
	return id
}

func (e *engine) begin(id string) {
	e.t.Helper()
	must(e.t, e.tryStart(id))
}

func (e *engine) tryStart(id string) error {
	_, err := e.ContainerStart(e.ctx, id, client.ContainerStartOptions{})
	return err
}

func stopAfter(seconds int) client.ContainerStopOptions {
	return client.ContainerStopOptions{Timeout: &seconds}
}

// wait waits for a container's end and returns its exit code.
func (e *engine) wait(id string) int {
	e.t.Helper()
	return e.waitFor(e.ContainerWait(e.ctx, id, client.ContainerWaitOptions{}))
}

func (e *engine) waitFor(w client.ContainerWaitResult) int {
	e.t.Helper()
	select {
	case r := <-w.Result:
		if r.Error != nil {
			e.t.Fatalf("wait: %s", r.Error.Message)
		}
		return int(r.StatusCode)
	case err := <-w.Error:
		e.t.Fatalf("wait: %v", err)
	}
	return -1
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
}

// run runs a command in a container of its own, as docker run does.
func (e *engine) run(cmd []string, opts ...option) result {
	e.t.Helper()
	return e.feed(nil, cmd, opts...)
}

// sh runs a script.
func (e *engine) sh(script string, opts ...option) result {
	e.t.Helper()
	return e.run([]string{"sh", "-c", script}, opts...)
}

// feed is run with a standard input, unless that is nil.
func (e *engine) feed(stdin io.Reader, cmd []string, opts ...option) result {
	e.t.Helper()
	if stdin != nil {
		opts = append(opts, withStdin)
	}
	id := e.create(cmd, opts...)
	conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: stdin != nil, Stdout: true, Stderr: true})
	must(e.t, err)
	defer conn.Close()
	waiting := e.ContainerWait(e.ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	e.begin(id)
	if stdin != nil {
		go func() {
			_, _ = io.Copy(conn.Conn, stdin)
			_ = conn.CloseWrite()
		}()
	}
	var out, errs bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &errs, conn.Reader)
	must(e.t, err)
	return result{out.String(), errs.String(), e.waitFor(waiting)}
}

// exec runs a command in a container that runs.
func (e *engine) exec(id string, cmd []string, opts ...func(*client.ExecCreateOptions)) result {
	e.t.Helper()
	o := client.ExecCreateOptions{Cmd: cmd, AttachStdout: true, AttachStderr: true}
	for _, opt := range opts {
		opt(&o)
	}
	x, err := e.ExecCreate(e.ctx, id, o)
	must(e.t, err)
	conn, err := e.ExecAttach(e.ctx, x.ID, client.ExecAttachOptions{TTY: o.TTY})
	must(e.t, err)
	defer conn.Close()
	var out, errs bytes.Buffer
	if o.TTY {
		_, err = io.Copy(&out, conn.Reader)
	} else {
		_, err = stdcopy.StdCopy(&out, &errs, conn.Reader)
	}
	must(e.t, err)
	state, err := e.ExecInspect(e.ctx, x.ID, client.ExecInspectOptions{})
	must(e.t, err)
	if state.Running {
		e.t.Errorf("exec %v is running after its stream has ended", cmd)
	}
	return result{out.String(), errs.String(), state.ExitCode}
}

// logs returns all that a container has written.
func (e *engine) logs(id string) (stdout, stderr string) {
	e.t.Helper()
	r, err := e.ContainerLogs(e.ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	must(e.t, err)
	defer r.Close()
	var out, errs bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &errs, r)
	must(e.t, err)
	return out.String(), errs.String()
}

// state is what inspect says of a container.
func (e *engine) state(id string) *container.State {
	e.t.Helper()
	return e.inspect(id).State
}

func (e *engine) inspect(id string) container.InspectResponse {
	e.t.Helper()
	c, err := e.ContainerInspect(e.ctx, id, client.ContainerInspectOptions{})
	must(e.t, err)
	return c.Container
}

// printed waits until a container has written text.
func (e *engine) printed(id, text string) {
	e.t.Helper()
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	r, err := e.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	must(e.t, err)
	defer r.Close()
	var got bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), text) {
		n, err := r.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			e.t.Fatalf("container ended, or never wrote %q; it wrote %q (%v)", text, got.String(), err)
		}
	}
}

// eventually asks again and again, until the answer is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for delay := time.Millisecond; !ok(); delay = min(2*delay, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(delay)
	}
}

// binary returns the path of sockerlessd, built from this source.
func binary(t testing.TB) string {
	t.Helper()
	path, err := suite.binary()
	must(t, err)
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		_, file, line, _ := runtime.Caller(2)
		t.Fatalf("%v (%s:%d)", err, filepath.Base(file), line)
	}
}

// check compares how a program ended.
func check(t testing.TB, got result, stdout string, code int) {
	t.Helper()
	if got.stdout != stdout || got.code != code {
		t.Errorf("got %s, want stdout %s, exit code %d", got, clip(stdout), code)
	}
}

func (r result) String() string {
	return fmt.Sprintf("stdout %s, stderr %s, exit code %d", clip(r.stdout), clip(r.stderr), r.code)
}

// clip quotes a text for a message, the beginning of a long one.
func clip(s string) string {
	if len(s) > 4000 {
		return fmt.Sprintf("%q… (%d bytes)", s[:4000], len(s))
	}
	return strconv.Quote(s)
}
