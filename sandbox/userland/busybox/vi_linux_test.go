package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/creack/pty"
)

// TestViEditsAFileByTheKeysOfATerminal types into vi on a pty and looks at what it has saved. The real busybox takes an
// escape that other keys follow at once for the beginning of a key's name, so it cannot be typed to like this.
func TestViEditsAFileByTheKeysOfATerminal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the applets run natively on linux/amd64 alone")
	}
	ours := build(t)
	const start = "one two three\nfour five\n\tsix\nseven\neight nine ten\n"
	for _, c := range []struct{ keys, want string }{
		{"ihello \x1b:wq\r", "hello one two three\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"dd:wq\r", "four five\n\tsix\nseven\neight nine ten\n"},
		{"2ddp:x\r", "\tsix\none two three\nfour five\nseven\neight nine ten\n"},
		{"yyPGp:wq\r", "one two three\none two three\nfour five\n\tsix\nseven\neight nine ten\none two three\n"},
		{"ddu:w\r:q\r", start},
		{"/five\rxx:wq\r", "one two three\nfour ve\n\tsix\nseven\neight nine ten\n"},
		{"/e\rnnx:wq\r", "one two thre\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"wcwTWO\x1b:wq\r", "one TWO three\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"d2w:wq\r", "three\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"A end\x1bjo\x09new\rline\x1b:wq\r", "one two three end\nfour five\n\tnew\nline\n\tsix\nseven\neight nine ten\n"},
		{"GOabove\x1bZZ", "one two three\nfour five\n\tsix\nseven\nabove\neight nine ten\n"},
		{"3G$x:wq\r", "one two three\nfour five\n\tsi\nseven\neight nine ten\n"},
		{":%s/e/E/g\r:wq\r", "onE two thrEE\nfour fivE\n\tsix\nsEvEn\nEight ninE tEn\n"},
		{":2,3d\r:wq\r", "one two three\nseven\neight nine ten\n"},
		{":4\rD:wq\r", "one two three\nfour five\n\tsix\n\neight nine ten\n"},
		{"J:wq\r", "one two three four five\n\tsix\nseven\neight nine ten\n"},
		{"rX3l~:wq\r", "Xne two three\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"wywP:wq\r", "one two two three\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"iab\x7fc\x1b:wq\r", "acone two three\nfour five\n\tsix\nseven\neight nine ten\n"},
		{"jj>>kdG:wq\r", "one two three\n"},
		{"\x1b[B\x1b[Cx:wq\r", "one two three\nfur five\n\tsix\nseven\neight nine ten\n"},
		{"dd:q\r:q!\r", start},
		{"ftD:wq\r", "one \nfour five\n\tsix\nseven\neight nine ten\n"},
	} {
		if got := typed(t, ours, start, c.keys); got != c.want {
			t.Errorf("%q saved\n%q, want\n%q", c.keys, got, c.want)
		}
	}
}

// typed runs vi on a file, types the keys and returns the file.
func typed(t *testing.T, program, content, keys string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "vi")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, name)
	cmd.Env = []string{"TERM=vt100", "HOME=/nonexistent"}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	// Not before the screen is drawn: until then the terminal is not raw.
	if _, err := tty.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := tty.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, tty)
	cmd.Wait()
	saved, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(saved)
}
