package hostfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func benchTree(b *testing.B) *vfs.Context {
	dir := b.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a/b/c/d"), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/b/c/d/f"), make([]byte, 4096), 0o644); err != nil {
		b.Fatal(err)
	}
	fs, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { fs.Close() })
	ns := vfs.NewNamespace(fs.Filesystem(), 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
}

func BenchmarkStatFiveDeep(b *testing.B) {
	ctx := benchTree(b)
	for b.Loop() {
		p, err := ctx.Walk(ctx.Cwd, "a/b/c/d/f", true)
		if err == nil {
			_, err = p.Inode().Stat()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenReadCloseFiveDeep(b *testing.B) {
	ctx := benchTree(b)
	buf := make([]byte, 4096)
	for b.Loop() {
		f, err := ctx.Open(ctx.Cwd, "a/b/c/d/f", abi.O_RDONLY, 0)
		if err == nil {
			_, err = f.Read(buf)
		}
		if err != nil {
			b.Fatal(err)
		}
		f.Release()
	}
}
