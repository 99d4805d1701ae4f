package e2e

import (
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// session starts a container with a terminal of 24 lines and 80 columns and attaches to it.
func session(t *testing.T, e *engine, cmd []string, detachKeys string) (string, *console) {
	t.Helper()
	id := e.create(cmd, withTTY, func(o *client.ContainerCreateOptions) { o.HostConfig.ConsoleSize = [2]uint{24, 80} })
	c := attach(t, e, id, detachKeys)
	e.begin(id)
	return id, c
}

func attach(t *testing.T, e *engine, id, detachKeys string) *console {
	t.Helper()
	conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true, DetachKeys: detachKeys})
	must(t, err)
	t.Cleanup(conn.Close)
	return newConsole(t, conn.Reader, conn.Conn)
}

const prompt = "/ # "

func TestInteractiveShellPromptsEchoesAndEnds(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh"}, "")
	c.expect(prompt)
	c.send("echo one two\r")
	if got := c.expect(prompt); !strings.Contains(got, "echo one two") || !strings.Contains(got, "\none two\r\n") {
		t.Errorf("got %q", got)
	}
	c.send("cd /tmp && tty\r")
	c.expect("/dev/pts/0\r\n")
	c.expect("/tmp # ")
	c.send("exit 3\r")
	c.end()
	if code := e.wait(id); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

func TestControlDEndsTheShellAndControlCTheCommand(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh"}, "")
	c.expect(prompt)
	c.send("sleep 1000\r")
	eventually(t, "sleep runs", func() bool {
		top, err := e.ContainerTop(e.ctx, id, client.ContainerTopOptions{})
		must(t, err)
		return len(top.Processes) == 2 && top.Processes[1][len(top.Processes[1])-1] == "sleep 1000"
	})
	c.send("\x03")
	c.expect("^C")
	c.expect(prompt)
	c.send("echo code $?\r")
	c.expect("code 130\r\n")
	c.expect(prompt)
	c.send("echo busy; while :; do :; done\r")
	c.expect("\nbusy\r\n")
	c.send("\x03")
	c.expect("^C")
	c.expect(prompt)
	c.send("echo started; cat\r")
	c.expect("\nstarted\r\n")
	c.send("echoed\r")
	c.expect("echoed\r\nechoed\r\n")
	c.send("\x04")
	c.expect(prompt)
	c.send("half a line\x03")
	c.expect(prompt)
	c.send("\x04")
	c.end()
	e.wait(id)
}

func TestCommandLinesCanBeEdited(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh"}, "")
	c.expect(prompt)
	for _, line := range []struct{ name, keys, want string }{
		{"backspace", "echo abx\x7fc\r", "\nabc\r\n"},
		{"left and right", "echo bd\x1b[D" + "c\x1b[C" + "e\r", "\nbcde\r\n"},
		{"home and end", "cho hm\x01e\x05!\r", "\nhm!\r\n"},
		{"kill to the start", "rubbish\x15" + "echo clean\r", "\nclean\r\n"},
		{"kill a word", "echo one two\x17three\r", "\none three\r\n"},
		{"history", "\x1b[A\r", "\none three\r\n"},
		{"history twice", "\x1b[A\x1b[A\r", "\nclean\r\n"},
		{"continuation", "for i in 1 2\rdo echo n$i\rdone\r", "\nn2\r\n"},
		{"quotes over lines", "echo 'a\rb'\r", "\na\r\nb\r\n"},
		{"tab completes a file", "echo /etc/host\tname\r", "/etc/hostname"},
		{"UTF-8", "echo äx\x7f\x7fö€\r", "\nö€\r\n"},
	} {
		c.send(line.keys)
		c.expect(line.want)
		c.expect(prompt)
	}
	c.send("\x04")
	c.end()
	e.wait(id)
}

func TestWindowChangesReachThePrograms(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh", "-c", "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"}, "")
	c.expect("24 80\r\n")
	_, err := e.ContainerResize(e.ctx, id, client.ContainerResizeOptions{Height: 50, Width: 132})
	must(t, err)
	c.expect("50 132\r\n")
	_, err = e.ContainerResize(e.ctx, id, client.ContainerResizeOptions{Height: 10, Width: 40})
	must(t, err)
	c.expect("10 40\r\n")
}

// fullScreen draws a frame as large as the window, a key at a time in raw mode, as editors do.
const fullScreen = `
old=$(stty -g)
stty raw -echo
draw() {
	set -- $(stty size)
	printf '\033[?1049h\033[2J\033[H%s' "$1x$2"
	r=2
	while [ $r -lt $1 ]; do printf '\033[%d;1H~' $r; r=$((r+1)); done
	printf '\033[%d;1H\033[7m key %s \033[0m' $1 "$key"
}
trap 'key=winch; draw' WINCH
key=none
draw
while :; do
	key=$(dd bs=1 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n')
	case $key in
	71) break ;;
	'') ;;
	*) draw ;;
	esac
done
printf '\033[?1049l'
stty "$old"
echo bye
`

func TestFullScreenProgramsDrawAndReadKeys(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh", "-c", fullScreen}, "")
	screen := c.expect("key none \x1b[0m")
	if !strings.Contains(screen, "\x1b[?1049h\x1b[2J\x1b[H24x80") || strings.Count(screen, "~") != 22 {
		t.Errorf("first screen %q", screen)
	}
	c.send("\x03") // no signal in raw mode
	c.expect("\x1b[24;1H\x1b[7m key 03 \x1b[0m")
	c.send("\r")
	c.expect("key 0d ")
	_, err := e.ContainerResize(e.ctx, id, client.ContainerResizeOptions{Height: 30, Width: 90})
	must(t, err)
	c.send("x") // a signal's trap waits for the command that runs
	c.expect("\x1b[H30x90")
	c.send("q")
	c.expect("\x1b[?1049l")
	if got := c.end(); !strings.HasSuffix(got, "bye\r\n") {
		t.Errorf("ended with %q", got)
	}
	if code := e.wait(id); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestDetachKeysLeaveTheContainerRunningAndOneCanReattach(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh"}, "")
	c.expect(prompt)
	c.send("X=kept\r")
	c.expect(prompt)
	c.send("\x10\x11") // ctrl-p ctrl-q
	c.end()
	if !e.state(id).Running {
		t.Fatal("detaching ended the container")
	}
	again := attach(t, e, id, "ctrl-a,z")
	again.send("echo $X\r")
	again.expect("\nkept\r\n")
	again.expect(prompt)
	again.send("echo a\x01b\r") // not the detach sequence: it goes to the program
	again.expect(prompt)
	again.send("\x01z")
	again.end()
	if !e.state(id).Running {
		t.Fatal("detaching ended the container")
	}
	last := attach(t, e, id, "")
	last.send("\x15exit 5\r")
	last.end()
	if code := e.wait(id); code != 5 {
		t.Errorf("exit code %d", code)
	}
}

func TestJobsAreStoppedContinuedAndKilledFromTheTerminal(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh"}, "")
	c.expect(prompt)
	c.send("echo go; sleep 1000\r")
	c.expect("\ngo\r\n")
	eventually(t, "sleep runs", func() bool {
		top, err := e.ContainerTop(e.ctx, id, client.ContainerTopOptions{})
		must(t, err)
		return len(top.Processes) == 2 && strings.HasSuffix(strings.Join(top.Processes[1], " "), "sleep 1000")
	})
	c.send("\x1a")
	c.expect("^Z")
	c.expect("Stopped")
	c.expect(prompt)
	c.send("jobs\r")
	c.expect("[1]+  Stopped")
	c.expect(prompt)
	c.send("bg\r")
	c.expect("sleep 1000")
	c.expect(prompt)
	c.send("jobs\r")
	c.expect("[1]+  Running")
	c.expect(prompt)
	c.send("fg\r")
	c.expect("sleep 1000\r\n")
	c.send("\x03")
	c.expect(prompt)
	c.send("sleep 1000 & kill $!; wait; echo waited\r")
	c.expect("\nwaited\r\n")
	c.expect(prompt)
	c.send("cat <<X\rhere $((1+1))\rX\r")
	c.expect("\nhere 2\r\n")
	c.expect(prompt)
	c.send("exit\r")
	c.end()
	e.wait(id)
}

func TestPagerAndTopDrawOnTheTerminal(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id, c := session(t, e, []string{"sh"}, "")
	c.expect(prompt)
	c.send("seq 1 500 | less\r")
	c.expect("\n22")
	c.send(" ")
	c.expect("40")
	c.send("q")
	c.expect(prompt)
	c.send("top -d 1\r")
	c.expect("PID")
	c.expect("top")
	c.send("q")
	c.expect(prompt)
	c.send("\x04")
	c.end()
	e.wait(id)
}
