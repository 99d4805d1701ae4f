package sandbox_test

import (
	"os/exec"
	"testing"
	"time"
)

// nativeBusybox runs a script by Debian's static busybox, the peer of the benchmarks.
const nativeBusybox = "/usr/bin/busybox"

// scripts are what scripts do most, a thousand times each. $b is a busybox in both places.
var scripts = []struct{ name, text string }{
	{"true", "i=0; while [ $i -lt 1000 ]; do $b true; i=$((i+1)); done"},
	{"expr", "i=0; while [ $i -lt 1000 ]; do $b expr $i + 1 >/dev/null; i=$((i+1)); done"},
	{"substitution", "i=0; while [ $i -lt 1000 ]; do x=$($b echo $i); i=$((i+1)); done"},
	{"pipeline", "i=0; while [ $i -lt 1000 ]; do $b echo $i | $b cat >/dev/null; i=$((i+1)); done"},
	{"subshell", "i=0; while [ $i -lt 1000 ]; do ($b true); i=$((i+1)); done"},
}

// BenchmarkShellLoop runs a thousand external commands from the sandbox's shell and, in turn, from a native busybox's.
// The shortest run of each counts: others share the machine.
func BenchmarkShellLoop(b *testing.B) {
	s := open(b, nil)
	for _, script := range scripts {
		b.Run(script.name, func(b *testing.B) {
			var ours, native time.Duration
			for b.Loop() {
				from := time.Now()
				if _, stderr, code := run(b, s, "sh", "-c", "b=/bin/busybox; "+script.text); code != 0 {
					b.Fatal(stderr)
				}
				ours = least(ours, time.Since(from))
				if _, err := exec.LookPath(nativeBusybox); err != nil {
					continue
				}
				from = time.Now()
				if out, err := exec.Command(nativeBusybox, "sh", "-c", "b="+nativeBusybox+"; "+script.text).CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				native = least(native, time.Since(from))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(ours.Microseconds())/1000, "µs/command")
			if native > 0 {
				b.ReportMetric(float64(ours)/float64(native), "ours/native")
			}
		})
	}
}

func least(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}
