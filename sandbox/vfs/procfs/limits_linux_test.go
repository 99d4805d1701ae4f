package procfs

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
)

func TestLimitsAreWrittenAsLinuxDoes(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Skip(err)
	}
	var s Status
	for i := range s.Limits {
		var l unix.Rlimit
		must(t, unix.Prlimit(0, i, nil, &l))
		s.Limits[i] = abi.Rlimit{Cur: l.Cur, Max: l.Max}
	}
	if got := limits(s); got != string(want) {
		t.Errorf("ours:\n%s\nLinux's:\n%s", got, want)
	}
}
