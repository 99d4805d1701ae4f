package shell

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// native runs a script under a real shell in an empty directory, with busybox's tools.
func native(t *testing.T, argv0, bin, script string) result {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "-c", script)
	cmd.Args[0] = argv0
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/bin:/usr/bin", "HOME=/root", "TMP=/tmp"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run() // its status is looked at below
	status := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		status = 128 + int(ws.Signal())
	}
	return result{strings.ReplaceAll(out.String(), dir, "/work"), strings.ReplaceAll(errs.String(), dir, "/work"), status}
}

func compareScripts(t *testing.T, argv0, bin string, scripts []string, stderr bool) {
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("%s is not installed here", bin)
	}
	for _, script := range scripts {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			want := native(t, argv0, bin, script)
			s := newSandbox(t)
			s.start("", "sleep", "1000") // as pid 1 the shell would not die of its own signals
			got := s.run("", argv0, "-c", script)
			if !stderr {
				got.stderr, want.stderr = "", ""
			}
			if got != want {
				t.Errorf("script:\n%s\n got %+v\nwant %+v", script, got, want)
			}
		})
	}
}

func TestAshScriptsGiveWhatBusyboxGives(t *testing.T) {
	t.Parallel()
	compareScripts(t, "sh", "/bin/busybox", ashScripts, true)
}

func TestBashScriptsGiveWhatBashGives(t *testing.T) {
	t.Parallel()
	compareScripts(t, "bash", "/bin/bash", bashScripts, false)
}

func TestScriptOfAContinuousIntegrationGivesWhatBusyboxGives(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/bin/busybox"); err != nil {
		t.Skip("/bin/busybox is not installed here")
	}
	script, err := os.ReadFile("testdata/ci.sh")
	if err != nil {
		t.Fatal(err)
	}
	want := native(t, "sh", "/bin/busybox", string(script))
	got := newSandbox(t).run("", "sh", "-c", string(script))
	if got != want || got.status != 0 {
		t.Errorf("got %d\n%s%s\nwant %d\n%s%s", got.status, got.stdout, got.stderr, want.status, want.stdout, want.stderr)
	}
}
