package abi

import (
	"testing"
	"unsafe"
)

func TestStructuresHaveLinuxSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"stat", unsafe.Sizeof(Stat{}), 144},
		{"statfs", unsafe.Sizeof(Statfs{}), 120},
		{"termios", unsafe.Sizeof(Termios{}), 36},
		{"winsize", unsafe.Sizeof(Winsize{}), 8},
		{"utsname", unsafe.Sizeof(Utsname{}), 390},
		{"sysinfo", unsafe.Sizeof(Sysinfo{}), 112},
		{"rusage", unsafe.Sizeof(Rusage{}), 144},
		{"pollfd", unsafe.Sizeof(PollFd{}), 8},
		{"spawn attr", unsafe.Sizeof(SpawnAttr{}), 64},
	} {
		if c.got != c.want {
			t.Errorf("sizeof %s = %d, want %d", c.name, c.got, c.want)
		}
	}
}

func TestParseSignalTakesWhatKillAndDockerTake(t *testing.T) {
	for text, want := range map[string]Signal{
		"9": SIGKILL, "KILL": SIGKILL, "sigterm": SIGTERM, "SIGUSR1": SIGUSR1, "RTMIN+3": SIGRTMIN + 3, "SIGRTMAX-1": SIGRTMAX - 1,
	} {
		if got, ok := ParseSignal(text); !ok || got != want {
			t.Errorf("ParseSignal(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "0", "65", "SIG", "NOPE", "-1"} {
		if got, ok := ParseSignal(text); ok {
			t.Errorf("ParseSignal(%q) = %v, want refusal", text, got)
		}
	}
}

func TestWaitStatusKeepsItsForms(t *testing.T) {
	if w := Exited(3); !w.IsExited() || w.IsSignaled() || w.IsStopped() || w.ShellCode() != 3 {
		t.Errorf("Exited(3) = %#x", uint32(w))
	}
	if w := Signaled(SIGKILL); w.IsExited() || !w.IsSignaled() || w.ShellCode() != 137 {
		t.Errorf("Signaled(SIGKILL) = %#x", uint32(w))
	}
	if w := Stopped(SIGTSTP); !w.IsStopped() || w.Signal() != SIGTSTP {
		t.Errorf("Stopped(SIGTSTP) = %#x", uint32(w))
	}
}
