package kernel

import (
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// keys types text on a terminal with the given changes to its settings, and returns what a program reads in one read
// after another, and what the screen shows.
func typeKeys(t *testing.T, change func(*abi.Termios), text string) (reads []string, screen string) {
	t.Helper()
	k := boot(t, nil)
	var out recorder
	tty := k.NewTTY(&out, abi.Winsize{Row: 24, Col: 80})
	defer tty.Close()
	if change != nil {
		tio := tty.Termios()
		change(&tio)
		tty.SetTermios(tio, false)
	}
	slave := tty.Open()
	defer slave.Release()
	tty.Input([]byte(text))
	buf := make([]byte, 256)
	for {
		n, err := slave.Read(buf)
		if err != nil {
			break
		}
		reads = append(reads, string(buf[:n]))
	}
	return reads, out.String()
}

func TestTheLineDisciplineEditsLines(t *testing.T) {
	t.Parallel()
	raw := func(tio *abi.Termios) { tio.Lflag &^= abi.ICANON | abi.ECHO | abi.ISIG }
	for _, c := range []struct {
		name   string
		change func(*abi.Termios)
		keys   string
		reads  []string
		screen string
	}{
		{"a line", nil, "ls\r", []string{"ls\n"}, "ls\r\n"},
		{"two lines, two reads", nil, "a\nb\n", []string{"a\n", "b\n"}, "a\r\nb\r\n"},
		{"nothing before the newline", nil, "abc", nil, "abc"},
		{"erase", nil, "lx\x7fs\r", []string{"ls\n"}, "lx\b \bs\r\n"},
		{"erase at the start", nil, "\x7fa\r", []string{"a\n"}, "a\r\n"},
		{"erase of a character of two bytes", nil, "é\x7fa\r", []string{"a\n"}, "é\b \ba\r\n"},
		{"erase of a control character", nil, "\x01\x7fa\r", []string{"a\n"}, "^A\b \b\b \ba\r\n"},
		{"word erase", nil, "a bc \x17d\r", []string{"a d\n"}, "a bc \b \b\b \b\b \bd\r\n"},
		{"kill", nil, "abc\x15d\r", []string{"d\n"}, "abc\b \b\b \b\b \bd\r\n"},
		{"end of file at the start of a line", nil, "\x04", []string{""}, ""},
		{"end of file after text hands it over", nil, "ab\x04", []string{"ab"}, "ab"},
		{"literal next", nil, "\x16\x03\r", []string{"\x03\n"}, "^\b^C\r\n"},
		{"interrupt drops the line", nil, "abc\x03d\r", []string{"d\n"}, "abc^Cd\r\n"},
		{"no echo", func(tio *abi.Termios) { tio.Lflag &^= abi.ECHO }, "secret\r", []string{"secret\n"}, ""},
		{"echo of the newline alone", func(tio *abi.Termios) { tio.Lflag = tio.Lflag&^abi.ECHO | abi.ECHONL }, "secret\r", []string{"secret\n"}, "\r\n"},
		{"raw", raw, "a\x03\x7f\x04", []string{"a\x03\x7f\x04"}, ""},
		{"raw without CR translation", func(tio *abi.Termios) { raw(tio); tio.Iflag &^= abi.ICRNL }, "a\r", []string{"a\r"}, ""},
		{"raw output", func(tio *abi.Termios) { tio.Oflag &^= abi.OPOST }, "a\r", []string{"a\n"}, "a\n"},
	} {
		reads, screen := typeKeys(t, c.change, c.keys)
		if !equal(reads, c.reads) || screen != c.screen {
			t.Errorf("%s: typing %q gives reads %q and screen %q, want %q and %q", c.name, c.keys, reads, screen, c.reads, c.screen)
		}
	}
}

func TestKeysSignalTheForegroundGroup(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]abi.Signal{"\x03": abi.SIGINT, "\x1c": abi.SIGQUIT} {
		started := make(chan *Task, 1)
		var out recorder
		k := boot(t, programs{"job": sleepLong, "init": func(t *Task) int {
			c, err := t.Spawn("/job", &SpawnAttr{Argv: []string{"job"}, Setpgrp: true})
			if err != nil {
				return 1
			}
			if err := t.TTY().SetForeground(t, c.Pid()); err != nil {
				return 2
			}
			started <- c
			res, err := t.Wait(c.Pid(), 0)
			if err != nil {
				return 3
			}
			return res.Status.ShellCode()
		}})
		tty := k.NewTTY(&out, abi.Winsize{})
		init, err := k.Start(&InitAttr{Path: "/init", Argv: []string{"init"}, Cred: &vfs.Cred{}, TTY: tty, Files: []*vfs.OpenFile{tty.Open()}})
		if err != nil {
			t.Fatal(err)
		}
		<-started
		tty.Input([]byte(key))
		if got := status(t, init); got.ExitCode() != 128+int(want) {
			t.Errorf("key %q: the job ended with %d", key, got.ExitCode())
		}
	}
}

func TestABackgroundJobThatReadsItsTerminalStops(t *testing.T) {
	t.Parallel()
	var out recorder
	k := boot(t, programs{
		"job": func(t *Task) int {
			o, _ := t.Files.Get(0)
			defer o.Release()
			buf := make([]byte, 16)
			n, err := t.Read(o, buf)
			if err != nil || string(buf[:n]) != "line\n" {
				return 1
			}
			return 0
		},
		"init": func(t *Task) int {
			c, err := t.Spawn("/job", &SpawnAttr{Argv: []string{"job"}, Setpgrp: true})
			if err != nil {
				return 1
			}
			if res, err := t.Wait(c.Pid(), abi.WUNTRACED); err != nil || res.Status != abi.Stopped(abi.SIGTTIN) {
				return 2
			}
			t.TTY().SetForeground(t, c.Pid())
			t.Kill(-c.Pid(), abi.SIGCONT)
			t.TTY().Input([]byte("line\n"))
			res, err := t.Wait(c.Pid(), 0)
			if err != nil {
				return 3
			}
			return res.Status.ShellCode()
		},
	})
	tty := k.NewTTY(&out, abi.Winsize{})
	init, err := k.Start(&InitAttr{Path: "/init", Argv: []string{"init"}, Cred: &vfs.Cred{}, TTY: tty, Files: []*vfs.OpenFile{tty.Open()}})
	if err != nil {
		t.Fatal(err)
	}
	if got := status(t, init); got != 0 {
		t.Errorf("status = %#x", uint32(got))
	}
}

func TestAResizeSendsSIGWINCHAndShowsInTheIoctl(t *testing.T) {
	t.Parallel()
	ready := make(chan struct{})
	var size abi.Winsize
	k := boot(t, programs{"init": func(t *Task) int {
		t.SetAction(abi.SIGWINCH, Handle)
		close(ready)
		for t.NextSignal() != abi.SIGWINCH {
			t.Pause()
			if t.Dying() {
				return 1
			}
		}
		o, _ := t.Files.Get(0)
		defer o.Release()
		o.File.(vfs.Ioctler).Ioctl(t, abi.TIOCGWINSZ, 0, abi.Bytes(&size))
		return 0
	}})
	tty := k.NewTTY(&recorder{}, abi.Winsize{Row: 24, Col: 80})
	init, err := k.Start(&InitAttr{Path: "/init", Argv: []string{"init"}, Cred: &vfs.Cred{}, TTY: tty, Files: []*vfs.OpenFile{tty.Open()}})
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	tty.Resize(abi.Winsize{Row: 50, Col: 132})
	if got := status(t, init); got != 0 || size.Row != 50 || size.Col != 132 {
		t.Errorf("status = %#x, size = %+v", uint32(got), size)
	}
}

func TestAHangupEndsReadsAndKillsTheSession(t *testing.T) {
	t.Parallel()
	k := boot(t, programs{"child": sleepLong, "init": func(t *Task) int {
		t.SetAction(abi.SIGHUP, Ignore)
		o, _ := t.Files.Get(0)
		defer o.Release()
		n, err := t.Read(o, make([]byte, 10))
		if n != 0 || err != nil {
			return 1
		}
		if _, err := t.Write(o, []byte("x")); err != abi.EIO {
			return 2
		}
		return 0
	}})
	tty := k.NewTTY(&recorder{}, abi.Winsize{})
	init, err := k.Start(&InitAttr{Path: "/init", Argv: []string{"init"}, Cred: &vfs.Cred{}, TTY: tty, Files: []*vfs.OpenFile{tty.Open()}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "read", func() bool { return init.State() == 'S' })
	tty.Hangup()
	if got := status(t, init); got != 0 {
		t.Errorf("status = %#x", uint32(got))
	}
}

func TestKeyboardWaitsForAProgramThatDoesNotRead(t *testing.T) {
	t.Parallel()
	k := boot(t, nil)
	tty := k.NewTTY(&recorder{}, abi.Winsize{})
	tio := tty.Termios()
	tio.Lflag &^= abi.ICANON | abi.ECHO
	tty.SetTermios(tio, false)
	slave := tty.Open()
	defer slave.Release()
	const size = 3 * maxInput
	done := make(chan error, 1)
	go func() {
		_, err := tty.Keyboard().Write([]byte(strings.Repeat("x", size)))
		done <- err
	}()
	got := 0
	buf := make([]byte, 1000)
	for got < size {
		n, err := slave.Read(buf)
		if err == abi.EAGAIN {
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
