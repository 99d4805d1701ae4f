package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// reference is the real busybox (Debian's busybox-static), which the applets are compared with.
const reference = "/bin/busybox"

// build builds the busybox for this machine, as the sandbox's is built.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "busybox")
	if out, err := exec.Command("go", "run", "../build", "-native", "-o", program).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
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

// helpTexts returns what the applets of a directory print for --help and after a wrong option. The words of it are
// not compared.
func helpTexts(t *testing.T, bin string) *strings.Replacer {
	t.Helper()
	var pairs []string
	for _, name := range applet.Names() {
		cmd := exec.Command(filepath.Join(bin, name), "--help")
		if out, err := cmd.CombinedOutput(); err == nil && strings.HasPrefix(string(out), "BusyBox v") {
			pairs = append(pairs, string(out), "USAGE\n")
		}
	}
	return strings.NewReplacer(pairs...)
}

// script runs a script in a directory of its own by the host's shell (the reference's own would not look for
// applets in PATH), with the applets of one directory, and
// returns its output and exit code.
func script(t *testing.T, bin string, help *strings.Replacer, text string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", text)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin, "HOME=/root", "TZ=UTC", "LC_ALL=C", "LANG=C"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	output := help.Replace(out.String())
	output = strings.ReplaceAll(strings.ReplaceAll(output, dir, "DIR"), bin, "BIN")
	return output + "[" + cmd.ProcessState.String() + "]"
}

// TestAppletsPrintWhatBusyboxPrints runs every line of testdata/*.cases under the reference's applets and ours.
func TestAppletsPrintWhatBusyboxPrints(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(reference); err != nil {
		t.Skip("no native busybox to compare with: install busybox-static")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the applets run natively on linux/amd64 alone")
	}
	theirs, ours := links(t, reference, applet.Names()), links(t, build(t), applet.Names())
	theirHelp, ourHelp := helpTexts(t, theirs), helpTexts(t, ours)
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
				if want, got := script(t, theirs, theirHelp, line), script(t, ours, ourHelp, line); got != want {
					t.Errorf("%s\n--- busybox\n%s\n--- ours\n%s", line, want, got)
				}
			}
		})
	}
}
