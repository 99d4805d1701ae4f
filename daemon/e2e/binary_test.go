package e2e

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// process is sockerlessd, running.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	dir  string
	host string
	log  *lockedBuffer
	done chan struct{}
	err  error // of Wait, after done
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// boot starts the real binary on a socket and data of its own.
func boot(t testing.TB, args ...string) *process { return bootIn(t, shortDir(t), args...) }

// bootIn does so with the data that is in dir.
func bootIn(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	p := launchBinary(t, dir, nil, append([]string{"-H", "unix://" + filepath.Join(dir, "s")}, args...)...)
	p.ready()
	return p
}

// launchBinary starts the binary without waiting. prepare may change the command first.
func launchBinary(t testing.TB, dir string, prepare func(*exec.Cmd), args ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, host: "unix://" + filepath.Join(dir, "s"), log: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(binary(t), append([]string{
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--image-fallback", "always",
	}, args...)...)
	// The compiled programs of the other tests.
	must(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	if err := os.Symlink(suite.cache, filepath.Join(dir, "data", "compiled")); err != nil && !errors.Is(err, os.ErrExist) {
		must(t, err)
	}
	must(t, os.MkdirAll(suite.cache, 0o700))
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if prepare != nil {
		prepare(p.cmd)
	}
	must(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", p.log)
		}
	})
	return p
}

// ready waits until the daemon answers.
func (p *process) ready() {
	p.t.Helper()
	eventually(p.t, "the daemon answers", func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("the daemon ended: %v\n%s", p.err, p.log)
		default:
		}
		conn, err := net.Dial("unix", strings.TrimPrefix(p.host, "unix://"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// kill sends a signal and waits for the end; it returns the exit code, -1 for death by signal.
func (p *process) kill(sig syscall.Signal) int {
	_ = p.cmd.Process.Signal(sig)
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) connect(t testing.TB) *engine {
	t.Helper()
	return connect(t, p.host)
}

// sockerlessd runs the binary to its end.
func sockerlessd(t testing.TB, env []string, args ...string) result {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env = append(os.Environ(), env...)
	return finish(t, cmd)
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func TestFlagsAreCheckedAndErrorsExitWith1(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	plain := file("plain", "")
	for _, c := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"version", []string{"--version"}, "Sockerless version ", 0},
		{"help", []string{"--help"}, "--data-root", 0},
		{"validate", []string{"--validate", "--config-file", file("ok.json", `{"log-level":"debug","hosts":["unix:///tmp/x"]}`)}, "configuration OK", 0},
		{"unknown key", []string{"--validate", "--config-file", file("key.json", `{"log-levle":"debug"}`)}, "don't match any configuration option: log-levle", 1},
		{"no JSON", []string{"--validate", "--config-file", file("bad.json", `{`)}, "bad.json", 1},
		{"missing file", []string{"--validate", "--config-file", filepath.Join(dir, "none")}, "no such file", 1},
		{"both ways", []string{"--validate", "-l", "info", "--config-file", file("twice.json", `{"log-level":"debug"}`)}, "specified both as a flag and in the configuration file: log-level", 1},
		{"unknown flag", []string{"--frobnicate"}, "unknown flag: --frobnicate", 1},
		{"log level", []string{"--validate", "-l", "loud"}, "invalid logging level: loud", 1},
		{"image fallback", []string{"--validate", "--image-fallback", "maybe"}, "image-fallback", 1},
		{"protocol", []string{"--validate", "-H", "ftp://x"}, `unknown protocol "ftp"`, 1},
		{"open TCP", []string{"--validate", "-H", "tcp://0.0.0.0:2375"}, "refusing to listen", 1},
		{"loopback TCP", []string{"--validate", "-H", "tcp://127.0.0.1:2375"}, "configuration OK", 0},
		{"data root is a file", []string{"--data-root", plain, "-H", "unix://" + filepath.Join(dir, "t")}, "data root", 1},
		{"data root below a file", []string{"--data-root", plain + "/x", "-H", "unix://" + filepath.Join(dir, "t")}, "data root", 1},
		{"socket is a file", []string{"--data-root", filepath.Join(dir, "d1"), "-H", "unix://" + plain}, "not a socket", 1},
		{"socket directory missing", []string{"--data-root", filepath.Join(dir, "d2"), "-H", "unix://" + dir + "/no/s"}, "no such file or directory", 1},
		{"no sockets from systemd", []string{"--data-root", filepath.Join(dir, "d3"), "-H", "fd://"}, "no sockets found via socket activation", 1},
		{"unknown group", []string{"--data-root", filepath.Join(dir, "d4"), "-H", "unix://" + dir + "/g", "--group", "no-such-group"}, "no-such-group not found", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := sockerlessd(t, nil, c.args...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.want) {
				t.Errorf("got %s, want %q and exit code %d", got, c.want, c.code)
			}
		})
	}
}

func TestSecondDaemonOnOneDataRootOrSocketIsRefused(t *testing.T) {
	t.Parallel()
	p := boot(t)
	got := sockerlessd(t, nil, "--data-root", filepath.Join(p.dir, "data"), "-H", "unix://"+filepath.Join(p.dir, "other"))
	if got.code != 1 || !strings.Contains(got.stderr, "another daemon") && !strings.Contains(got.stderr, "in use") {
		t.Errorf("same data root: %s", got)
	}
	got = sockerlessd(t, nil, "--data-root", filepath.Join(p.dir, "data2"), "-H", p.host)
	if got.code != 1 || !strings.Contains(got.stderr, "another daemon answers there") {
		t.Errorf("same socket: %s", got)
	}
	p.ready()
}

func TestSocketIsPrivateOrTheGroups(t *testing.T) {
	t.Parallel()
	p := boot(t)
	st, err := os.Stat(filepath.Join(p.dir, "s"))
	must(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o without a group, want 600", st.Mode().Perm())
	}
	gid := os.Getgid()
	g := boot(t, "--group", strconv.Itoa(gid))
	st, err = os.Stat(filepath.Join(g.dir, "s"))
	must(t, err)
	if st.Mode().Perm() != 0o660 || int(st.Sys().(*syscall.Stat_t).Gid) != gid {
		t.Errorf("mode %o, gid %d with --group, want 660, %d", st.Mode().Perm(), st.Sys().(*syscall.Stat_t).Gid, gid)
	}
}

func TestSIGTERMStopsContainersAndTheDaemonInGoodOrder(t *testing.T) {
	t.Parallel()
	p := boot(t)
	e := p.connect(t)
	id := e.launch([]string{"sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"})
	e.printed(id, "ready")
	if code := p.kill(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "s")); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	again := bootIn(t, p.dir).connect(t)
	if st := again.state(id); st.Status != container.StateExited || st.ExitCode != 0 {
		t.Errorf("got %+v", st)
	}
	if out, _ := again.logs(id); out != "ready\nbye\n" {
		t.Errorf("log %q", out)
	}
}

func TestEverythingIsThereAfterKill9(t *testing.T) {
	t.Parallel()
	p := boot(t)
	e := p.connect(t)
	_, err := e.VolumeCreate(e.ctx, client.VolumeCreateOptions{Name: "kept", Labels: map[string]string{"a": "b"}})
	must(t, err)
	_, err = e.ImageTag(e.ctx, client.ImageTagOptions{Source: "alpine", Target: "mine:1"})
	must(t, err)
	policy := func(name container.RestartPolicyMode) option {
		return withHost(func(h *container.HostConfig) { h.RestartPolicy.Name = name })
	}
	script := "echo run >>/root/runs; mkdir -p /root/dir; ln -s target /root/dir/link; echo v >/data/file; echo ready; exec sleep 1000"
	always := e.launch([]string{"sh", "-c", script}, named("always"), policy("always"), binds("kept:/data"))
	never := e.launch([]string{"sh", "-c", script}, named("never"), binds("kept:/data"))
	stopped := e.launch([]string{"sh", "-c", script}, named("stopped"), policy("unless-stopped"), binds("kept:/data"))
	created := e.create([]string{"true"}, named("created"))
	ended := e.launch([]string{"sh", "-c", "echo out; exit 4"}, named("ended"))
	removed := e.launch([]string{"sleep", "1000"}, named("auto"), withHost(func(h *container.HostConfig) { h.AutoRemove = true }))
	for _, id := range []string{always, never, stopped} {
		e.printed(id, "ready")
	}
	e.wait(ended)
	zero := 0
	_, err = e.ContainerStop(e.ctx, stopped, client.ContainerStopOptions{Timeout: &zero})
	must(t, err)

	p.kill(syscall.SIGKILL)
	e = bootIn(t, p.dir).connect(t)

	for id, want := range map[string]string{always: "running", never: "exited", stopped: "exited", created: "created", ended: "exited"} {
		eventually(t, "container "+id+" is "+want, func() bool { return string(e.state(id).Status) == want })
	}
	eventually(t, "the --rm container is removed", func() bool {
		_, err := e.ContainerInspect(e.ctx, removed, client.ContainerInspectOptions{})
		return err != nil
	})
	if st := e.state(ended); st.ExitCode != 4 {
		t.Errorf("exit code %d, want 4", st.ExitCode)
	}
	if out, _ := e.logs(ended); out != "out\n" {
		t.Errorf("log %q", out)
	}
	eventually(t, "the restarted container has run twice", func() bool {
		return e.exec(always, []string{"cat", "/root/runs"}).stdout == "run\nrun\n"
	})
	e.begin(never)
	eventually(t, "the other one too", func() bool {
		return e.exec(never, []string{"sh", "-c", "cat /root/runs; readlink /root/dir/link"}).stdout == "run\nrun\ntarget\n"
	})
	check(t, e.sh("cat /data/file", binds("kept:/data")), "v\n", 0)
	v, err := e.VolumeInspect(e.ctx, "kept", client.VolumeInspectOptions{})
	if err != nil || v.Volume.Labels["a"] != "b" {
		t.Errorf("volume %+v, %v", v, err)
	}
	if _, err := e.ImageInspect(e.ctx, "mine:1"); err != nil {
		t.Error(err)
	}
}

func TestSocketsFromSystemdAreUsedAndItIsNotified(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	must(t, err)
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	must(t, err)
	l.Close()
	defer file.Close()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "n"), Net: "unixgram"})
	must(t, err)
	defer notify.Close()
	states := make(chan string, 100)
	go func() {
		defer close(states)
		buf := make([]byte, 4096)
		for {
			n, err := notify.Read(buf)
			if err != nil {
				return
			}
			states <- string(buf[:n])
		}
	}()
	next := func(want string) {
		t.Helper()
		timeout := time.After(patience)
		for {
			select {
			case s := <-states:
				if strings.Contains(s, want) {
					return
				}
			case <-timeout:
				t.Fatalf("systemd never heard %s", want)
			}
		}
	}
	p := launchBinary(t, dir, func(c *exec.Cmd) {
		// LISTEN_PID must be the daemon's own pid: the shell's, which becomes the daemon.
		args := c.Args
		c.Path, c.Args = "/bin/sh", append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, args...)
		c.ExtraFiles = []*os.File{file}
		c.Env = append(os.Environ(), "LISTEN_FDS=1", "NOTIFY_SOCKET="+filepath.Join(dir, "n"), "WATCHDOG_USEC=300000")
	}, "-H", "fd://")
	next("READY=1")
	e := p.connect(t)
	check(t, e.run([]string{"echo", "hi"}), "hi\n", 0)
	next("WATCHDOG=1")
	next("WATCHDOG=1")
	if code := p.kill(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	next("STOPPING=1")
	if _, err := os.Stat(filepath.Join(dir, "s")); err != nil {
		t.Errorf("systemd's socket was removed: %v", err)
	}
}

func TestRunCommandRunsOneContainerWithoutACLI(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	must(t, os.MkdirAll(filepath.Join(dir, "d"), 0o700))
	must(t, os.MkdirAll(suite.cache, 0o700))
	must(t, os.Symlink(suite.cache, filepath.Join(dir, "d", "compiled")))
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("from the host\n"), 0o600))
	run := func(args ...string) result {
		t.Helper()
		return sockerlessd(t, []string{"PASSED=on"}, append([]string{"run", "--data-root", filepath.Join(dir, "d"), "--image-fallback", "always"}, args...)...)
	}
	// No daemon answers: one is started for the command, and offline the pull says who answers.
	got := run("--rm", "-e", "A=1", "-e", "PASSED", "-v", dir+":/host:ro", "-w", "/host", "alpine", "sh", "-c", "echo $A $PASSED; cat file; exit 6")
	if got.stdout != "1 on\nfrom the host\n" || got.code != 6 || !strings.Contains(got.stderr, "Unable to find image 'alpine' locally") {
		t.Errorf("got %s", got)
	}
	// One answers: it is used.
	p := boot(t)
	got = run("-H", p.host, "--name", "kept", "alpine", "true")
	if got.code != 0 {
		t.Errorf("got %s", got)
	}
	if st := p.connect(t).state("kept"); st.Status != container.StateExited {
		t.Errorf("got %+v", st)
	}
	got = run("-H", p.host, "--rm", "alpine", "no-such-program")
	if got.code != 127 || !strings.Contains(got.stderr, "executable file not found in $PATH") {
		t.Errorf("got %s, want exit code 127 as docker run gives", got)
	}
}

func TestDaemonListensOnLoopbackTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	l.Close()
	p := boot(t, "-H", "tcp://"+addr)
	cli, err := client.New(client.WithHost("tcp://" + addr))
	must(t, err)
	defer cli.Close()
	_, err = cli.Ping(context.Background(), client.PingOptions{})
	if err != nil {
		t.Errorf("%v\n%s", err, p.log)
	}
}
