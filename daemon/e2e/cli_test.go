package e2e

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// cli is the docker CLI, talking to the shared daemon.
type cli struct {
	t testing.TB
	e *engine
}

func dockerCLI(t testing.TB) cli {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("left out: the docker CLI is not on PATH")
	}
	return cli{t, shared(t)}
}

func (c cli) command(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+c.e.host, "DOCKER_CONFIG="+suite.dir+"/docker-config", "DOCKER_CLI_HINTS=false")
	return cmd
}

func (c cli) run(args ...string) result {
	c.t.Helper()
	return finish(c.t, c.command(args...))
}

// words splits a command line at its spaces; a no-break space stays one, as a space.
func words(line string) []string {
	args := strings.Split(line, " ")
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "\u00a0", " ")
	}
	return args
}

// terminal runs the CLI in a terminal of 24 lines and 80 columns.
func (c cli) terminal(args ...string) (*console, *os.File, *exec.Cmd) {
	c.t.Helper()
	cmd := c.command(args...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	must(c.t, err)
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		tty.Close()
	})
	return newConsole(c.t, tty, tty), tty, cmd
}

func exitCode(cmd *exec.Cmd) int {
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

func TestDockerRunInATerminal(t *testing.T) {
	t.Parallel()
	d := dockerCLI(t)
	c, tty, cmd := d.terminal("run", "--rm", "-it", "alpine")
	c.expect(prompt)
	c.send("echo he\x7fello | tr a-z A-Z\r")
	c.expect("\nHELLO\r\n")
	c.expect(prompt)
	c.send("stty size\r")
	c.expect("24 80\r\n")
	c.expect(prompt)
	must(t, pty.Setsize(tty, &pty.Winsize{Rows: 33, Cols: 111}))
	_ = cmd.Process.Signal(syscall.SIGWINCH)
	c.send("until [ \"$(stty size)\" = '33 111' ]; do sleep 0.05; done; echo resized\r")
	c.expect("\nresized\r\n")
	c.expect(prompt)
	c.send("echo busy; sleep 1000\r")
	c.expect("\nbusy\r\n")
	c.send("\x03")
	c.expect("^C")
	c.expect(prompt)
	c.send("printf '\\033[2J\\033[5;5Hdrawn\\033[m\\n'\r")
	c.expect("\x1b[2J\x1b[5;5Hdrawn\x1b[m")
	c.expect(prompt)
	c.send("(exit 4)\r")
	c.expect(prompt)
	c.send("\x04") // ^D: the shell ends with the last status
	if code := exitCode(cmd); code != 4 {
		t.Errorf("exit code %d, want 4", code)
	}
}

func TestDockerDetachAndAttachInATerminal(t *testing.T) {
	t.Parallel()
	d := dockerCLI(t)
	t.Cleanup(func() { d.run("rm", "-f", "cli-detach") })
	c, _, cmd := d.terminal("run", "--name", "cli-detach", "-it", "alpine")
	c.expect(prompt)
	c.send("X=kept\r")
	c.expect(prompt)
	c.send("\x10\x11")
	if code := exitCode(cmd); code != 0 {
		t.Errorf("detaching gave %d", code)
	}
	if got := d.run("ps", "--filter", "name=cli-detach", "--format", "{{.Names}} {{.State}}"); got.stdout != "cli-detach running\n" {
		t.Errorf("got %s", got)
	}
	c, _, cmd = d.terminal("attach", "--detach-keys", "ctrl-x", "cli-detach")
	c.send("echo $X\r")
	c.expect("\nkept\r\n")
	c.expect(prompt)
	c.send("\x18")
	exitCode(cmd)
	c, _, cmd = d.terminal("exec", "-it", "cli-detach", "sh")
	c.expect(prompt)
	c.send("tty\r")
	c.expect("/dev/pts/1\r\n")
	c.expect(prompt)
	c.send("exit 7\r")
	if code := exitCode(cmd); code != 7 {
		t.Errorf("exec gave %d", code)
	}
}

func TestDockerCommandsOfEveryDay(t *testing.T) {
	t.Parallel()
	d := dockerCLI(t)
	t.Cleanup(func() { d.run("rm", "-f", "cli-day", "cli-day2") })
	version := d.run("version", "--format", "{{.Server.Version}}")
	if version.code != 0 {
		t.Fatalf("got %s", version)
	}
	for _, c := range []struct {
		args   string
		stdout string
		code   int
	}{
		{"run --rm alpine echo hi", "hi\n", 0},
		{"run --rm alpine sh -c exit\u00a03", "", 3},
		{"run --rm -e A=1 -w /tmp -u nobody --hostname box alpine sh -c echo\u00a0$A;pwd;id\u00a0-un;hostname", "1\n/tmp\nnobody\nbox\n", 0},
		{"run --rm --read-only --tmpfs /t alpine sh -c echo\u00a0x>/t/f&&cat\u00a0/t/f", "x\n", 0},
		{"run --rm --entrypoint cat alpine /etc/hostname", "*", 0},
		{"run --rm alpine no-such-program", "", 127},
		{"run --rm alpine /etc/passwd", "", 126},
		{"run --rm no-such-host.invalid/image true", "", 125},
		{"run -d --name cli-day alpine sh -c echo\u00a0started;exec\u00a0sleep\u00a01000", "*", 0},
		{"logs cli-day", "started\n", 0},
		{"exec cli-day echo in", "in\n", 0},
		{"exec -e B=2 cli-day sh -c echo\u00a0$B", "2\n", 0},
		{"exec cli-day false", "", 1},
		{"exec cli-day no-such", "*", 127},
		{"top cli-day -o pid,args", "*", 0},
		{"ps -q --no-trunc --filter name=cli-day", "*", 0},
		{"inspect -f {{.State.Status}} cli-day", "running\n", 0},
		{"stats --no-stream --format {{.Name}} cli-day", "cli-day\n", 0},
		{"rename cli-day cli-day2", "", 0},
		{"pause cli-day2", "cli-day2\n", 0},
		{"unpause cli-day2", "cli-day2\n", 0},
		{"restart -t 0 cli-day2", "cli-day2\n", 0},
		{"port cli-day2", "", 0},
		{"diff cli-day2", "", 0},
		{"stop -t 0 cli-day2", "cli-day2\n", 0},
		{"wait cli-day2", "137\n", 0},
		{"rm cli-day2", "cli-day2\n", 0},
		{"rm cli-day2", "", 1},
		{"volume create cli-volume", "cli-volume\n", 0},
		{"volume inspect -f {{.Driver}} cli-volume", "local\n", 0},
		{"run --rm -v cli-volume:/v alpine touch /v/file", "", 0},
		{"run --rm --mount source=cli-volume,target=/m,readonly alpine ls /m", "file\n", 0},
		{"volume rm cli-volume", "cli-volume\n", 0},
		{"image inspect -f {{.Os}} alpine", "linux\n", 0},
		{"tag alpine cli/tagged:1", "", 0},
		{"images -q cli/tagged", "*", 0},
		{"rmi cli/tagged:1", "Untagged: cli/tagged:1\n", 0},
		{"info --format {{.OSType}}", "linux\n", 0},
	} {
		args := words(c.args)
		got := d.run(args...)
		if c.stdout != "*" && got.stdout != c.stdout || got.code != c.code {
			t.Errorf("docker %s: got %s, want stdout %q, exit code %d", strings.Join(args, " "), got, c.stdout, c.code)
		}
	}
}

func TestDockerRunPipesStandardInput(t *testing.T) {
	t.Parallel()
	d := dockerCLI(t)
	cmd := d.command("run", "--rm", "-i", "alpine", "sh", "-c", "sort | uniq -c | tr -s ' '")
	cmd.Stdin = strings.NewReader("b\na\nb\n")
	check(t, finish(t, cmd), " 1 a\n 2 b\n", 0)
	cmd = d.command("run", "--rm", "-i", "alpine", "wc", "-c")
	cmd.Stdin = io.LimitReader(zeros{}, 8<<20)
	check(t, finish(t, cmd), "8388608\n", 0)
}

func TestDockerRunForwardsSignals(t *testing.T) {
	t.Parallel()
	d := dockerCLI(t)
	cmd := d.command("run", "--rm", "alpine", "sh", "-c", "trap 'echo got; exit 9' INT; echo ready; while :; do sleep 0.05; done")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	c := newConsole(t, out, nil)
	c.expect("ready\n")
	must(t, cmd.Process.Signal(syscall.SIGINT))
	c.expect("got\n")
	if code := exitCode(cmd); code != 9 {
		t.Errorf("exit code %d", code)
	}
}

func TestDockerCopiesATreeBothWays(t *testing.T) {
	t.Parallel()
	d := dockerCLI(t)
	from, to := t.TempDir(), t.TempDir()
	for _, f := range sample() {
		path := filepath.Join(from, f.name)
		switch f.typ {
		case '5':
			must(t, os.Mkdir(path, 0o700))
		case '2':
			must(t, os.Symlink(f.link, path))
			continue
		default:
			must(t, os.WriteFile(path, f.data, 0o600))
		}
		mode := f.mode.Perm()
		if f.mode&0o4000 != 0 {
			mode |= os.ModeSetuid
		}
		must(t, os.Chmod(path, mode))
	}
	id := strings.TrimSpace(d.run("create", "alpine", "sleep", "1000").stdout)
	t.Cleanup(func() { d.run("rm", "-f", id) })
	check(t, d.run("cp", "-q", filepath.Join(from, "tree"), id+":/root/copy"), "", 0)
	check(t, d.run("start", id), id+"\n", 0)
	check(t, d.run("exec", id, "sh", "-c", "cd /root/copy; cat link; stat -c %a suid 'empty dir'; ls sub | tr '\n' ' '; ./executable"), "spaces\n4755\n700\ndeep up ran\n", 0)
	check(t, d.run("cp", "-q", id+":/root/copy", to), "", 0)
	var want, got []string
	list := func(root string, into *[]string) {
		must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			must(t, err)
			info, err := entry.Info()
			must(t, err)
			rel, _ := filepath.Rel(root, path)
			line := rel + " " + info.Mode().String()
			switch {
			case info.Mode().IsRegular():
				b, err := os.ReadFile(path)
				must(t, err)
				line += " " + clip(string(b[:min(len(b), 20)])) + " " + strings.Repeat("+", len(b)&15)
			case info.Mode()&fs.ModeSymlink != 0:
				link, _ := os.Readlink(path)
				line += " -> " + link
			}
			*into = append(*into, line)
			return nil
		}))
	}
	list(filepath.Join(from, "tree"), &want)
	list(filepath.Join(to, "copy"), &got)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A file to and from a pipe, and into a directory that a link names.
	check(t, d.run("cp", "-q", id+":/root/copy/link", filepath.Join(to, "followed")), "", 0)
	check(t, d.run("cp", "-qL", id+":/root/copy/link", filepath.Join(to, "real")), "", 0)
	if b, err := os.ReadFile(filepath.Join(to, "real")); err != nil || string(b) != "spaces\n" {
		t.Errorf("cp -L: %q, %v", b, err)
	}
	got2 := d.run("cp", id+":/no/such", to)
	if got2.code != 1 || !strings.Contains(got2.stderr, "Could not find the file /no/such in container") {
		t.Errorf("got %s", got2)
	}
}

func TestSockerlessdRunInATerminal(t *testing.T) {
	t.Parallel()
	e := shared(t)
	cmd := exec.Command(binary(t), "run", "-H", e.host, "--rm", "-it", "-v", t.TempDir()+":/mnt", "alpine", "sh")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 20, Cols: 70})
	must(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		tty.Close()
	})
	c := newConsole(t, tty, tty)
	c.expect(prompt)
	c.send("stty size; echo wrong\x15echo right\r")
	c.expect("\nright\r\n")
	c.expect(prompt)
	c.send("until [ \"$(stty size)\" = '20 70' ]; do sleep 0.05; done; echo sized\r")
	c.expect("\nsized\r\n")
	must(t, pty.Setsize(tty, &pty.Winsize{Rows: 33, Cols: 111}))
	_ = cmd.Process.Signal(syscall.SIGWINCH)
	c.send("until [ \"$(stty size)\" = '33 111' ]; do sleep 0.05; done; echo resized\r")
	c.expect("\nresized\r\n")
	c.expect(prompt)
	c.send("exit 6\r")
	if code := exitCode(cmd); code != 6 {
		t.Errorf("exit code %d, want 6", code)
	}
}
