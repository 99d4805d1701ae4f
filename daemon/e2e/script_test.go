package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCIScriptPrintsTheSameBytesAsUnderNativeBusybox(t *testing.T) {
	t.Parallel()
	e := shared(t)
	script, err := os.ReadFile("testdata/ci.sh")
	must(t, err)
	got := e.feed(strings.NewReader(string(script)), []string{"sh", "-s"})
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("not compared: busybox is not on PATH")
	}
	// PATH with nothing but busybox's own applets, as far as it prefers them.
	cmd := exec.Command(busybox, "sh", "-s")
	cmd.Stdin = strings.NewReader(string(script))
	applets := t.TempDir()
	out, err := exec.Command(busybox, "--install", "-s", applets).CombinedOutput()
	if err != nil {
		t.Skipf("not compared: busybox --install: %v: %s", err, out)
	}
	cmd.Env = []string{"PATH=" + applets, "HOME=/root", "WORK=" + t.TempDir() + "/ci-work"}
	want := finish(t, cmd)
	if got != want {
		a, b := strings.Split(got.stdout, "\n"), strings.Split(want.stdout, "\n")
		for i := range max(len(a), len(b)) {
			switch {
			case i >= len(a) || i >= len(b):
				t.Fatalf("%d lines, busybox %d", len(a), len(b))
			case a[i] != b[i]:
				t.Errorf("line %d: got %q, busybox %q", i+1, a[i], b[i])
			}
		}
		t.Errorf("stderr: got %q, busybox %q", got.stderr, want.stderr)
	}
}
