package sandbox_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
)

// await waits until a sink holds a text.
func await(t *testing.T, s *guesttest.Buffer, want string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); s.String() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("output %q, want %q", s, want)
		}
	}
}

// With a period of days, tail -f prints at once what another process, another sandbox and the host add: it is told of it.
func TestTailFollowsWithoutPolling(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	volume := func(c *sandbox.Config) {
		c.Mounts = append(c.Mounts, sandbox.Mount{Type: sandbox.Volume, Source: dir, Target: "/mnt"})
	}
	a, b := open(t, volume), open(t, volume)
	run(t, a, "sh", "-c", "echo 1 >/mnt/log; echo 1 >/tmp/log")
	follow := func(file string) *guesttest.Buffer {
		out := new(guesttest.Buffer)
		_, err := a.Start(&sandbox.ProcessConfig{
			Argv: []string{"sh", "-c", "exec tail -s 1000000 -F " + file + " 2>/dev/null"}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: sandbox.NewSink(out),
		})
		if err != nil {
			t.Fatal(err)
		}
		await(t, out, "1\n")
		return out
	}
	onVolume, own := follow("/mnt/log"), follow("/tmp/log")
	add := func(s *sandbox.Sandbox, text, file string) {
		t.Helper()
		if _, stderr, code := run(t, s, "sh", "-c", "echo "+text+" >>"+file); code != 0 {
			t.Fatal(stderr)
		}
	}
	add(b, "2", "/mnt/log")
	await(t, onVolume, "1\n2\n")
	add(a, "2", "/tmp/log")
	await(t, own, "1\n2\n")
	host, err := os.OpenFile(filepath.Join(dir, "log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	host.WriteString("3\n")
	host.Close()
	await(t, onVolume, "1\n2\n3\n")

	// A file that takes the name is opened anew.
	run(t, b, "sh", "-c", "mv /mnt/log /mnt/log.1; echo 4 >/mnt/log")
	await(t, onVolume, "1\n2\n3\n4\n")
	run(t, a, "sh", "-c", "mv /tmp/log /tmp/log.1; echo 3 >/tmp/log")
	await(t, own, "1\n2\n3\n")
}
