package shell

import "testing"

func benchmark(b *testing.B, script string) {
	s := newSandbox(b)
	b.ReportAllocs()
	for b.Loop() {
		if got := s.sh(script); got.status != 0 {
			b.Fatalf("%+v", got)
		}
	}
}

func BenchmarkStart(b *testing.B) { benchmark(b, ":") }

func BenchmarkMillionTurnsOfArithmetic(b *testing.B) {
	benchmark(b, "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done")
}

func BenchmarkThousandPrograms(b *testing.B) {
	benchmark(b, "i=0; while [ $i -lt 1000 ]; do true_; i=$((i+1)); done")
}

func BenchmarkThousandCommandSubstitutions(b *testing.B) {
	benchmark(b, "i=0; while [ $i -lt 1000 ]; do x=$(echo $i); i=$((i+1)); done")
}

func BenchmarkThousandPipelines(b *testing.B) {
	benchmark(b, "i=0; while [ $i -lt 1000 ]; do echo $i | cat >/dev/null; i=$((i+1)); done")
}

func BenchmarkReadLoop(b *testing.B) {
	benchmark(b, "seq 1 10000 | while read x; do :; done")
}
