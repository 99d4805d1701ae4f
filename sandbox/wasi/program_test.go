package wasi_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func goBox(t *testing.T, limits kernel.Limits) *guesttest.Box {
	t.Helper()
	code := guesttest.GoProgram(t, "./testdata/program")
	b := guesttest.New(t, limits)
	b.Image("/bin/program", code)
	return b
}

func cBox(t *testing.T) *guesttest.Box {
	t.Helper()
	code := guesttest.CProgram(t, filepath.Join("testdata", "c", "program.c"))
	b := guesttest.New(t, kernel.Limits{})
	b.Image("/bin/program", code)
	return b
}

// eventually waits for what a program does by itself.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for range 6000 {
		if cond() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not within a minute: ", what)
}

func TestGoProgramsWork(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"files", "dirs", "links", "times", "random", "clock", "errors"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := goBox(t, kernel.Limits{})
			if stdout, stderr, status := b.Run(guesttest.Options{}, "/bin/program", name); status != 0 {
				t.Errorf("status %#x, stdout %q, stderr %q", status, stdout, stderr)
			}
		})
	}
}

func TestGoProgramGetsArgumentsAndEnvironment(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{})
	stdout, stderr, status := b.Run(guesttest.Options{Env: []string{"A=b c", "PWD=/wrong"}, Dir: "/tmp"}, "/bin/program", "args", "", "two words")
	if want := `["/bin/program" "args" "" "two words"] "b c" "/tmp"` + "\n"; stdout != want || status != 0 {
		t.Errorf("%q, %q, status %#x; want %q", stdout, stderr, status, want)
	}
}

func TestGoProgramWorksInItsWorkingDirectory(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{})
	stdout, stderr, _ := b.Run(guesttest.Options{Dir: "/tmp"}, "/bin/program", "cwd")
	if stdout != "/tmp\n" || b.Read("/tmp/made-here") != "/tmp" {
		t.Errorf("%q, %q", stdout, stderr)
	}
	if _, err := b.Root.Walk(b.Root.Cwd, "/made-at-root", false); err != nil {
		t.Error("directory of an absolute path: ", err)
	}
}

func TestExitCodesAndDeathsAreTold(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{})
	for name, want := range map[string]abi.WaitStatus{
		"exit": abi.Exited(42), "panic": abi.Exited(2), "deep": abi.Signaled(abi.SIGSEGV),
	} {
		if _, stderr, status := b.Run(guesttest.Options{}, "/bin/program", name); status != want {
			t.Errorf("%s: status %#x, want %#x; stderr %.200q", name, status, want, stderr)
		}
	}
}

func TestStandardInputIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{})
	in := strings.Repeat("a line of text\n", 20000)
	stdout, stderr, status := b.Run(guesttest.Options{Stdin: in}, "/bin/program", "copy")
	if stdout != in || status != 0 {
		t.Errorf("%d bytes, want %d; stderr %q, status %#x", len(stdout), len(in), stderr, status)
	}
}

func TestWaitingForInputLetsGoroutinesRun(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{})
	p := b.Start(guesttest.Options{Open: true}, "/bin/program", "wait")
	eventually(t, "the program is ready", func() bool { return p.Stdout.String() == "ready\n" })
	p.Stdin.Write([]byte("one\ntwo\n"))
	p.Stdin.Close()
	if status := p.Wait(); status != 0 || p.Stdout.String() != "ready\nline one\nline two\n" {
		t.Errorf("status %#x, stdout %q, stderr %q", status, p.Stdout, p.Stderr)
	}
}

// The first program of a sandbox is pid 1, which only its parent could kill by signals it has no handler for.
func startSecond(t *testing.T, b *guesttest.Box, idle, command string) *guesttest.Process {
	t.Helper()
	first := b.Start(guesttest.Options{Open: true}, "/bin/program", idle)
	t.Cleanup(func() { first.Stdin.Close() })
	p := b.Start(guesttest.Options{Open: true}, "/bin/program", command)
	t.Cleanup(func() { p.Stdin.Close() })
	return p
}

func TestSignalsEndPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		signal abi.Signal
	}{
		{"loop", abi.SIGKILL}, {"loop", abi.SIGTERM}, {"sleep", abi.SIGKILL}, {"sleep", abi.SIGINT},
	} {
		t.Run(c.what+" "+c.signal.Name(), func(t *testing.T) {
			t.Parallel()
			p := startSecond(t, goBox(t, kernel.Limits{}), "copy", c.what)
			eventually(t, "started", func() bool { return p.Stdout.String() == "started\n" })
			p.Signal(c.signal)
			if status := p.Wait(); status != abi.Signaled(c.signal) {
				t.Errorf("status %#x", status)
			}
		})
	}
}

func TestBlockedReadEndsByAKill(t *testing.T) {
	t.Parallel()
	p := startSecond(t, cBox(t), "upper", "upper")
	eventually(t, "it waits", func() bool { return p.State() == 'S' })
	p.Signal(abi.SIGKILL)
	if status := p.Wait(); status != abi.Signaled(abi.SIGKILL) {
		t.Errorf("status %#x", status)
	}
}

func TestStoppedProgramGoesOn(t *testing.T) {
	t.Parallel()
	p := startSecond(t, goBox(t, kernel.Limits{}), "copy", "loop")
	eventually(t, "started", func() bool { return p.Stdout.String() == "started\n" })
	p.Signal(abi.SIGSTOP)
	eventually(t, "stopped", func() bool { return p.State() == 'T' && p.Asleep() })
	p.Signal(abi.SIGCONT)
	eventually(t, "goes on", func() bool { return p.State() == 'R' })
	p.Signal(abi.SIGKILL)
	p.Wait()
}

func TestInputThatComesDuringAStopIsRead(t *testing.T) {
	t.Parallel()
	p := startSecond(t, cBox(t), "upper", "upper")
	eventually(t, "it waits", func() bool { return p.State() == 'S' })
	p.Signal(abi.SIGSTOP)
	eventually(t, "stopped", func() bool { return p.State() == 'T' })
	p.Stdin.Write([]byte("data"))
	p.Stdin.Close()
	p.Signal(abi.SIGCONT)
	if status := p.Wait(); status != 0 || p.Stdout.String() != "DATA" {
		t.Errorf("status %#x, stdout %q", status, p.Stdout)
	}
}

func TestFrozenSandboxDoesNotRun(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{})
	p := b.Start(guesttest.Options{}, "/bin/program", "loop")
	eventually(t, "started", func() bool { return p.Stdout.String() == "started\n" })
	b.Kernel.Freeze()
	eventually(t, "frozen", p.Asleep)
	b.Kernel.Thaw()
	eventually(t, "thawed", func() bool { return !p.Asleep() })
}

func TestGrowthPastTheMemoryLimitKillsTheProgram(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{Memory: 128 << 20})
	_, stderr, status := b.Run(guesttest.Options{}, "/bin/program", "grow")
	if status != abi.Signaled(abi.SIGKILL) {
		t.Errorf("status %#x, stderr %.300q", status, stderr)
	}
	if u := b.Kernel.Usage(); u.OOMKills == 0 || u.Memory != 0 || u.MaxMemory > 128<<20 || u.MaxMemory < 64<<20 {
		t.Errorf("usage after it: %+v", u)
	}
}

func TestProgramLargerThanTheMemoryLimitIsKilled(t *testing.T) {
	t.Parallel()
	b := goBox(t, kernel.Limits{Memory: 64 << 10})
	p := b.Start(guesttest.Options{}, "/bin/program", "args")
	if status := p.Wait(); status != abi.Signaled(abi.SIGKILL) || !p.OOMKilled() {
		t.Errorf("status %#x, OOM kill %v", status, p.OOMKilled())
	}
}

func TestCProgramsWork(t *testing.T) {
	t.Parallel()
	b := cBox(t)
	b.Write("/tmp/a", 0o644, []byte("contents"))
	for _, c := range []struct {
		argv   []string
		stdin  string
		stdout string
		stderr string
		want   abi.WaitStatus
	}{
		{[]string{"files"}, "", "", "", 0},
		{[]string{"args", "x"}, "", "/bin/program\nargs\nx\nb\n", "", abi.Exited(7)},
		{[]string{"upper"}, "some text", "SOME TEXT", "", 0},
		{[]string{"tty"}, "", "000\n", "", 0},
		{[]string{"cat", "/tmp/a"}, "", "contents", "", 0},
		{[]string{"cat", "/tmp/none"}, "", "", "/tmp/none: No such file or directory\n", abi.Exited(1)},
		{[]string{"abort"}, "", "", "program: wasm trap: unreachable\n", abi.Signaled(abi.SIGABRT)},
		{[]string{"divide"}, "", "", "program: wasm trap: integer divide by zero\n", abi.Signaled(abi.SIGFPE)},
		{[]string{"fault"}, "", "", "program: wasm trap: out of bounds memory access\n", abi.Signaled(abi.SIGSEGV)},
	} {
		stdout, stderr, status := b.Run(guesttest.Options{Env: []string{"A=b"}, Stdin: c.stdin}, append([]string{"/bin/program"}, c.argv...)...)
		if stdout != c.stdout || !strings.HasPrefix(stderr, c.stderr) || status != c.want {
			t.Errorf("%q: stdout %q, stderr %q, status %#x; want %q, %q, %#x", c.argv, stdout, stderr, status, c.stdout, c.stderr, c.want)
		}
	}
}

func TestCProgramFindsRelativeAndAbsolutePaths(t *testing.T) {
	t.Parallel()
	b := cBox(t)
	if err := b.Root.Mkdir(b.Root.Cwd, "/work", 0o755); err != nil {
		t.Fatal(err)
	}
	b.Write("/work/here", 0o644, []byte("relative "))
	b.Write("/tmp/there", 0o644, []byte("absolute"))
	run := func(argv ...string) string {
		t.Helper()
		stdout, stderr, status := b.Run(guesttest.Options{Dir: "/work"}, append([]string{"/bin/program"}, argv...)...)
		if status != 0 {
			t.Errorf("%q: %q, status %#x", argv, stderr, status)
		}
		return stdout
	}
	if got := run("cat", "here", "./here", "../work/here", "/tmp/there"); got != "relative relative relative absolute" {
		t.Errorf("cat: %q", got)
	}
	run("create", "new")
	run("create", "/tmp/new")
	b.Read("/work/new")
	b.Read("/tmp/new")
}

func TestProgramKnowsATerminal(t *testing.T) {
	t.Parallel()
	b := cBox(t)
	var out guesttest.Buffer
	tty := b.Kernel.NewTTY(&out, abi.Winsize{Row: 24, Col: 80})
	p, err := b.Kernel.Start(&kernel.InitAttr{
		Path: "/bin/program", Argv: []string{"program", "tty"}, Cred: &vfs.Cred{}, TTY: tty,
		Files: []*vfs.OpenFile{tty.Open(), tty.Open(), tty.Open()},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := out.String(); got != "110\r\n" {
		t.Errorf("isatty of standard input, output and /dev/null: %q", got)
	}
}
