package image

import (
	"crypto/rand"
	"fmt"
	"testing"
)

// benchModule has the size of a real busybox.
func benchModule(b *testing.B) []byte {
	module := make([]byte, 16<<20)
	if _, err := rand.Read(module); err != nil {
		b.Fatal(err)
	}
	return module
}

func BenchmarkSeedFirstTime(b *testing.B) {
	module := benchModule(b)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		f := newFixture(b, Options{})
		module[0] = byte(i)
		b.StartTimer()
		if _, err := f.Seed(b.Context(), module, testApplets); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSeedAgain is what every start of the daemon costs: the hash of the busybox.
func BenchmarkSeedAgain(b *testing.B) {
	module, f := benchModule(b), newFixture(b, Options{})
	for b.Loop() {
		if _, err := f.Seed(b.Context(), module, testApplets); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet is what creating a container costs here, with some images around.
func BenchmarkGet(b *testing.B) {
	f := newFixture(b, Options{})
	for i := range 50 {
		f.put(b, day, "", nil, [][]byte{tarOf(b, "a", fmt.Sprint(i))}, fmt.Sprint("image", i))
	}
	for b.Loop() {
		if _, err := f.Get("image7"); err != nil {
			b.Fatal(err)
		}
	}
}
