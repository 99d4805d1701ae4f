package sandbox_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/userland"
	"github.com/sockerless/sockerless/sandbox/userland/rootfs"
)

// world is a runtime with the embedded image, shared by the package's tests: compiling the busybox takes seconds.
type world struct {
	rt     *sandbox.Runtime
	layers []string
}

var shared = sync.OnceValues(func() (*world, error) {
	busybox, err := userland.Busybox()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		return nil, err
	}
	tar, err := os.Create(filepath.Join(dir, "layer.tar"))
	if err != nil {
		return nil, err
	}
	defer tar.Close()
	if err := rootfs.Write(tar, busybox, userland.Applets()); err != nil {
		return nil, err
	}
	rt, err := sandbox.NewRuntime(context.Background(), sandbox.RuntimeConfig{CacheDir: cacheDir()})
	if err != nil {
		return nil, err
	}
	return &world{rt, []string{tar.Name()}}, rt.Warm(context.Background(), busybox)
})

// cacheDir is where compiled programs are kept between runs of the tests.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "sockerless-test")
}

func open(t testing.TB, change func(*sandbox.Config)) *sandbox.Sandbox {
	t.Helper()
	w, err := shared()
	if err != nil {
		t.Skipf("left out: %v", err)
	}
	cfg := &sandbox.Config{ID: t.Name(), Hostname: "box", Layers: w.layers, Upper: filepath.Join(t.TempDir(), "upper")}
	if change != nil {
		change(cfg)
	}
	s, err := w.rt.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// run runs a program to its end.
func run(t testing.TB, s *sandbox.Sandbox, argv ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs guesttest.Buffer
	p, err := s.Start(&sandbox.ProcessConfig{Argv: argv, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Stdout: sandbox.NewSink(&out), Stderr: sandbox.NewSink(&errs)})
	if err != nil {
		t.Fatalf("starting %v: %v", argv, err)
	}
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatalf("%v does not end", argv)
	}
	return out.String(), errs.String(), p.Status().ShellCode()
}

func TestProgramsOfTheEmbeddedImageRun(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, c := range []struct {
		argv           []string
		stdout, stderr string
		code           int
	}{
		{[]string{"echo", "hello"}, "hello\n", "", 0},
		{[]string{"false"}, "", "", 1},
		{[]string{"cat", "/nonexistent"}, "", "cat: can't open '/nonexistent': No such file or directory\n", 1},
		{[]string{"hostname"}, "box\n", "", 0},
		{[]string{"id", "-u"}, "0\n", "", 0},
		{[]string{"sh", "-c", "echo $((6*7)); exit 3"}, "42\n", "", 3},
		{[]string{"sh", "-c", "echo b a c | tr ' ' '\\n' | sort | tr '\\n' ' '"}, "a b c ", "", 0},
	} {
		stdout, stderr, code := run(t, s, c.argv...)
		if stdout != c.stdout || stderr != c.stderr || code != c.code {
			t.Errorf("%q gives %q, %q, %d; want %q, %q, %d", c.argv, stdout, stderr, code, c.stdout, c.stderr, c.code)
		}
	}
}

func TestWhatWasWrittenIsThereForTheNextStart(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	run(t, s, "sh", "-c", "echo kept >/root/file; echo gone >/dev/shm/file")
	stdout, _, code := run(t, s, "sh", "-c", "cat /root/file; test -e /dev/shm/file")
	if stdout != "kept\n" || code != 1 {
		t.Errorf("second start sees %q, %d", stdout, code)
	}
}

func TestTheEndOfPid1EndsEverything(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	init, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"/bin/sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"/bin/sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Tasks()); n != 2 {
		t.Errorf("%d tasks", n)
	}
	init.Signal(abi.SIGKILL)
	<-init.Done()
	select {
	case <-other.Done():
	default:
		t.Error("the second process outlived pid 1")
	}
	if got := init.Status(); got != abi.Signaled(abi.SIGKILL) {
		t.Errorf("status = %#x", uint32(got))
	}
}

func TestStandardInputReachesTheProgram(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	var out guesttest.Buffer
	p, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"/bin/cat"}, Stdin: true, Stdout: sandbox.NewSink(&out)})
	if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if _, err := p.Stdin().Write(big); err != nil {
		t.Fatal(err)
	}
	p.Stdin().Close()
	<-p.Done()
	if out.String() != string(big) {
		t.Errorf("cat gave %d bytes of %d", len(out.String()), len(big))
	}
}

func BenchmarkLife(b *testing.B) {
	s := open(b, nil)
	run(b, s, "/bin/true")
	for b.Loop() {
		run(b, s, "/bin/true")
	}
}

func BenchmarkExec(b *testing.B) {
	s := open(b, nil)
	if _, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"/bin/sleep", "100000"}}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run(b, s, "/bin/true")
	}
}

func TestAProgramThatReplacedAShellWithRedirectionsLeavesNoPipeOpen(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for _, script := range []string{
		`sh -c "cat </etc/hostname >/dev/null" | cat`,
		`sh -c "{ cat </etc/hostname; } >/dev/null" | cat`,
		`(exec >/dev/null; exec cat /etc/hostname) | cat`,
		`f() { cat /etc/hostname; }; (f >/dev/null) | cat`,
	} {
		if stdout, stderr, code := run(t, s, "sh", "-c", script); stdout != "" || stderr != "" || code != 0 {
			t.Errorf("%s gives %q, %q, %d", script, stdout, stderr, code)
		}
	}
}

func TestASandboxWithoutAnUpperDirectoryLeavesNothing(t *testing.T) {
	w, err := shared()
	if err != nil {
		t.Skipf("left out: %v", err)
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s, err := w.rt.Open(&sandbox.Config{Layers: w.layers})
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, status := run(t, s, "/bin/sh", "-c", "echo kept > /tmp/f; mkdir /new; ls -d /new"); out != "/new\n" || status != 0 {
		t.Errorf("%q, %q, status %#x", out, errs, status)
	}
	if out, _, _ := run(t, s, "/bin/cat", "/tmp/f"); out != "kept\n" {
		t.Errorf("the second program reads %q", out)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
