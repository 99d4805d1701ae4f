package shell

import (
	"strings"
	"sync"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// session is an interactive shell on a terminal, and the person before it.
type session struct {
	t    *testing.T
	s    *sandbox
	tty  *kernel.TTY
	task *kernel.Task

	mu  sync.Mutex
	out strings.Builder
	at  int // how far expect has read
}

func (s *session) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func newSession(t *testing.T, argv ...string) *session {
	t.Helper()
	s := &session{t: t, s: newSandbox(t)}
	s.tty = s.s.k.NewTTY(s, abi.Winsize{Row: 24, Col: 80})
	f := s.tty.Open()
	task, err := s.s.k.Start(&kernel.InitAttr{
		Path: "sh", Argv: argv, Dir: "/work", Cred: &vfs.Cred{}, TTY: s.tty,
		Env:   []string{"PATH=/bin", "HOME=/root", "TERM=xterm"},
		Files: []*vfs.OpenFile{f, f.Retain(), f.Retain()},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.task = task
	s.expect("/work # ")
	return s
}

// keys types.
func (s *session) keys(text string) {
	s.t.Helper()
	if _, err := s.tty.Input([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits until the text has come, after what was expected before.
func (s *session) expect(text string) {
	s.t.Helper()
	defer func() {
		if s.t.Failed() {
			s.t.Logf("unread: %q", s.seen())
		}
	}()
	until(s.t, "output of "+text, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := strings.Index(s.out.String()[s.at:], text)
		if i >= 0 {
			s.at += i + len(text)
		}
		return i >= 0
	})
}

func (s *session) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()[s.at:]
}

// foreground waits until the terminal is a job's.
func (s *session) foreground(comm string) *kernel.Task {
	s.t.Helper()
	var found *kernel.Task
	until(s.t, comm+" in the foreground", func() bool {
		for _, t := range s.s.k.Tasks() {
			if t.Image().Comm == comm && t.State() == 'S' {
				found = t
				return true
			}
		}
		return false
	})
	return found
}

func TestInteractiveSessionRunsCommands(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	s.keys("echo hel")
	s.expect("echo hel")
	s.keys("lo\r")
	s.expect("lo\r\nhello\r\n/work # ")
	s.keys("cd /tmp\r")
	s.expect("/tmp # ")
	s.keys("false\r")
	s.expect("# ")
	s.keys("echo $?\r")
	s.expect("\r\n1\r\n")
	s.keys("for i in 1 2\r")
	s.expect("> ")
	s.keys("do echo n$i; done\r")
	s.expect("\r\nn1\r\nn2\r\n")
	s.keys("if\rfi\r")
	s.expect("syntax error")
	s.expect("# ")
	s.keys("exit 4\r")
	if st := ended(t, s.task); st.ExitCode() != 4 {
		t.Errorf("exit code %d, want 4", st.ExitCode())
	}
}

func TestInteractiveEditing(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	for _, c := range []struct{ keys, want string }{
		{"echo ab\x7fc", "ac"},
		{"echo bd\x1b[Dc\x1b[D\x1b[Da", "abcd"},
		{"cho one\x01e\x05 two", "one two"},
		{"echo a bbb\x17c", "a c"},
		{"echo x\x0bnothing\x15echo y", "y"},
		{"echo äö\x7fü", "äü"},
		{"echo 漢字\x1b[D仮", "漢仮字"},
		{"echo abc\x1b[D\x1b[D\x1b[3~", "ac"},
		{"echo one two\x1b[1;5D\x1b[1;5Dzero ", "zero one two"},
		{"echo first\r\x1b[A", "first"},
		{"echo 2nd\recho 3rd\r\x1b[A\x1b[A\x1b[Bx", "3rdx"},
		{"\x12fir", "first"},
		{"echo del\x02\x02\x02\x04", "el"},
	} {
		s.keys(c.keys + "\r")
		s.expect("\r\n" + c.want + "\r\n/work # ")
	}
	s.keys("\x0c")
	s.expect("\x1b[H\x1b[2J")
	s.expect("/work # ")
	s.keys("\x04")
	if st := ended(t, s.task); st.ExitCode() != 0 {
		t.Errorf("exit code %d, want 0", st.ExitCode())
	}
}

func TestInteractiveCompletion(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	s.keys("touch longname1 longname2 other\r")
	s.expect("# ")
	s.keys("echo oth\t\r")
	s.expect("\r\nother\r\n")
	s.keys("echo lo\t\t")
	s.expect("longname1  longname2\r\n")
	s.keys("2\r")
	s.expect("\r\nlongname2\r\n")
	s.keys("mkdi\td\recho /etc/pa\t\r")
	s.expect("\r\n/etc/passwd\r\n")
	s.keys("cd d\t\r")
	s.expect("/work/d # ")
}

func TestInteractiveInterrupts(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	s.keys("echo not run\x03")
	s.expect("^C\r\n/work # ")
	s.keys("echo $?\r")
	s.expect("\r\n130\r\n")
	s.keys("sleep 1000\r")
	s.foreground("sleep")
	s.keys("\x03")
	s.expect("^C")
	s.expect("/work # ")
	s.keys("echo $?\r")
	s.expect("\r\n130\r\n")
	s.keys("while :; do :; done\r")
	s.expect("done\r\n")
	s.keys("\x03")
	s.expect("/work # ")
	s.keys("read x\r")
	s.expect("read x\r\n")
	s.keys("\x03")
	s.expect("/work # ")
	s.keys("if true\r")
	s.expect("> ")
	s.keys("\x03")
	s.expect("/work # ")
	s.keys("sleep 1000 | cat\r")
	s.foreground("sleep")
	s.keys("\x03")
	s.expect("/work # ")
	s.keys("trap 'echo trapped' INT\rkill -INT $$\r")
	s.expect("trapped\r\n")
	s.expect("/work # ")
	s.keys("sh -c 'sleep 1000; echo no'\r")
	s.foreground("sleep")
	s.keys("\x03")
	s.expect("/work # ")
	s.keys("\x04")
	ended(t, s.task)
	if strings.Contains(s.out.String(), "\r\nno\r\n") {
		t.Error("a script went on after ^C")
	}
}

func TestInteractiveJobControl(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	s.keys("sleep 1000\r")
	s.foreground("sleep")
	s.keys("\x1a")
	s.expect("[1]+  Stopped")
	s.expect("sleep 1000")
	s.expect("/work # ")
	s.keys("jobs\r")
	s.expect("[1]+  Stopped                    sleep 1000")
	s.keys("bg\r")
	s.expect("[1] sleep 1000")
	s.keys("fg\r")
	s.expect("sleep 1000\r\n")
	s.foreground("sleep")
	s.keys("\x1a")
	s.expect("Stopped")
	s.keys("exit\r")
	s.expect("You have stopped jobs.")
	s.keys("kill %1; wait %1; echo st $?\r")
	s.expect("st 143")
	s.keys("sleep 0 & wait; history\r")
	s.expect("jobs\r\n")
	s.expect("/work # ")
	s.keys("cat\r")
	s.foreground("cat")
	s.keys("line\r")
	s.expect("line\r\nline\r\n")
	s.keys("\x04")
	s.expect("/work # ")
	s.keys("sh -c 'pid'; pid\r")
	s.expect("/work # ")
	s.keys("cat &\r")
	s.expect("/work # ")
	until(t, "the stop of a background reader", func() bool {
		for _, o := range s.s.k.Tasks() {
			if o.State() == 'T' {
				return true
			}
		}
		return false
	})
	s.keys("\r")
	s.expect("Stopped (tty input)")
	s.keys("kill -KILL %1\rexit\r")
	s.expect("# ")
	s.keys("exit\r")
	ended(t, s.task)
}

func TestInteractiveResizeReachesPrograms(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	s.tty.Resize(abi.Winsize{Row: 24, Col: 20})
	s.keys("echo 0123456789abcdefghij")
	s.expect("hij")
	s.keys("\x01\x05\r")
	s.expect("\r\n0123456789abcdefghij\r\n/work # ")
	s.keys("trap 'echo winch' WINCH; sleep 1000\r")
	s.foreground("sleep")
	s.tty.Resize(abi.Winsize{Row: 30, Col: 100})
	s.keys("\x03")
	s.expect("/work # ")
}

func TestLoginShellReadsItsProfiles(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.file("/etc/profile", "A=1\n", 0o644)
	s.file("/root/.profile", "B=2\n", 0o644)
	if got := s.run("", "sh", "-l", "-c", "echo $A$B"); got.stdout != "12\n" {
		t.Errorf("sh -l: %+v", got)
	}
	if got := s.run("", "sh", "-c", "echo $A$B"); got.stdout != "\n" {
		t.Errorf("sh: %+v", got)
	}
}

func TestInteractiveWithoutTerminalReadsPlainly(t *testing.T) {
	t.Parallel()
	got := newSandbox(t).run("echo a\nfalse\necho $?\n", "sh", "-i")
	if got.stdout != "a\n1\n" || !strings.Contains(got.stderr, "/work # ") {
		t.Errorf("%+v", got)
	}
}

func TestWindowHangupEndsTheShell(t *testing.T) {
	t.Parallel()
	s := newSession(t, "sh")
	s.tty.Hangup()
	ended(t, s.task)
}
