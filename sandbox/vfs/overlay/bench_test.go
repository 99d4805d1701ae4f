package overlay

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

func bigLayer(b *testing.B, files int) *layer.Layer {
	lines := []string{"d usr", "d usr/share", "d usr/share/doc", "d usr/share/doc/pkg", "f usr/share/doc/pkg/README " + string(make([]byte, 4000))}
	for i := range files {
		lines = append(lines, fmt.Sprintf("f usr/share/d%03d/f%05d data", i/50, i))
	}
	return makeLayer(b, lines...)
}

func BenchmarkWalk5(b *testing.B) {
	_, ctx := mustOpen(b, []*layer.Layer{bigLayer(b, 100)}, b.TempDir(), Options{Volatile: true})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ctx.Walk(ctx.Cwd, "/usr/share/doc/pkg/README", true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenReadCloseLower(b *testing.B) {
	_, ctx := mustOpen(b, []*layer.Layer{bigLayer(b, 100)}, b.TempDir(), Options{Volatile: true})
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		f, err := ctx.Open(ctx.Cwd, "/usr/share/doc/pkg/README", abi.O_RDONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := f.Read(buf); n != 4000 || err != nil {
			b.Fatal(n, err)
		}
		f.Release()
	}
}

func BenchmarkCreateWriteUnlink(b *testing.B) {
	_, ctx := mustOpen(b, []*layer.Layer{bigLayer(b, 100)}, b.TempDir(), Options{Volatile: true})
	data := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		f, err := ctx.Open(ctx.Cwd, "/usr/share/new", abi.O_CREAT|abi.O_WRONLY, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			b.Fatal(err)
		}
		f.Release()
		if err := ctx.Unlink(ctx.Cwd, "/usr/share/new"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenOverlay5000(b *testing.B) {
	layers := []*layer.Layer{bigLayer(b, 5000)}
	dir := b.TempDir() + "/upper"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		f, err := Open(layers, dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(n), "B/open")
}

// BenchmarkFirstWrite is what a container pays that writes one file, from open to remove.
func BenchmarkFirstWrite(b *testing.B) {
	layers := []*layer.Layer{bigLayer(b, 100)}
	for name, volatile := range map[string]bool{"volatile": true, "durable": false} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir() + "/upper"
			for b.Loop() {
				f, err := Open(layers, dir, Options{Volatile: volatile})
				if err != nil {
					b.Fatal(err)
				}
				ctx := contextOf(f)
				write(b, ctx, "a", "hello", abi.O_CREAT)
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
				if err := Remove(dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendLine(b *testing.B) {
	_, ctx := mustOpen(b, nil, b.TempDir(), Options{Volatile: true})
	f, err := ctx.Open(ctx.Cwd, "log", abi.O_CREAT|abi.O_WRONLY|abi.O_APPEND, 0o644)
	must(b, err)
	defer f.Release()
	line := []byte("a line of a log\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}
