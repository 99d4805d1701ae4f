package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// reference is the real busybox (Debian's busybox-static), which the applets are compared with.
const reference = "/bin/busybox"

// TestMain lets this test binary be the busybox: the tests run it under the applets' names.
func TestMain(m *testing.M) {
	if os.Getenv("BUSYBOX_UNDER_TEST") != "" {
		os.Exit(run(os.Args))
	}
	os.Exit(m.Run())
}

// links makes a directory with a link to program for every applet.
func links(t *testing.T, program string, names []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/bin/sh", filepath.Join(dir, "sh")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// usageText is what follows a wrong option; its words are not compared.
var usageText = regexp.MustCompile(`(?s)BusyBox v1\.35\.0 .*`)

// script runs a script in a directory of its own by the host's shell (the reference's own would not look for
// applets in PATH), with the applets of one directory, and
// returns its output and exit code.
func script(t *testing.T, bin, text string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", text)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin, "HOME=/root", "TZ=UTC", "BUSYBOX_UNDER_TEST=1", "LC_ALL=C", "LANG=C"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	output := usageText.ReplaceAllString(out.String(), "USAGE\n")
	output = strings.ReplaceAll(strings.ReplaceAll(output, dir, "DIR"), bin, "BIN")
	return output + "[" + cmd.ProcessState.String() + "]"
}

// TestAppletsPrintWhatBusyboxPrints runs every line of testdata/*.cases under the reference's applets and ours.
func TestAppletsPrintWhatBusyboxPrints(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(reference); err != nil {
		t.Skip("no native busybox to compare with: install busybox-static")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := links(t, reference, applet.Names()), links(t, self, applet.Names())
	files, err := filepath.Glob("testdata/*.cases")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".cases"), func(t *testing.T) {
			t.Parallel()
			for line := range strings.SplitSeq(string(data), "\n") {
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				if want, got := script(t, theirs, line), script(t, ours, line); got != want {
					t.Errorf("%s\n--- busybox\n%s\n--- ours\n%s", line, want, got)
				}
			}
		})
	}
}
