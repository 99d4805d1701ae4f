package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASocketOnWhichADaemonAnswersIsNotTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := listenUnix(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := listenUnix(path, ""); err == nil || !strings.Contains(err.Error(), "another daemon answers there") {
		t.Errorf("second listener: %v", err)
	}
	if _, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first listener is gone: %v", err)
	}
}

func TestASocketThatACrashLeftBehindIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	again, err := listenUnix(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("socket = %v, %v; want mode 0600", st, err)
	}
}

func TestAFileThatIsNoSocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path, ""); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("error = %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("file = %q", b)
	}
}

func TestAMissingGroupIsNamed(t *testing.T) {
	_, err := listenUnix(filepath.Join(t.TempDir(), "s"), "no-such-group-here")
	if err == nil || !strings.Contains(err.Error(), "group no-such-group-here not found") {
		t.Errorf("error = %v", err)
	}
}

func TestASocketForAGroupHasMode0660(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := listenUnix(path, "0")
	if err != nil {
		if os.Geteuid() != 0 {
			t.Skip("only root may give a socket to group 0")
		}
		t.Fatal(err)
	}
	defer l.Close()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("socket = %v, %v; want mode 0660", st, err)
	}
}
