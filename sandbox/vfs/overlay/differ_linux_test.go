package overlay

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sockerless/sockerless/sandbox/vfs/layer"
	"github.com/sockerless/sockerless/sandbox/vfs/vfstest"
)

// seedTree makes a tree on the host and the same one as two layers, which hide and merge parts of each other.
func seedTree(t *testing.T, host string) []*layer.Layer {
	t.Helper()
	do := func(err error) {
		t.Helper()
		must(t, err)
	}
	for _, d := range []string{"", "a", "a/b", "a/b/c", "c", "d", "d/e"} {
		do(os.Mkdir(filepath.Join(host, d), 0o700))
	}
	for name, data := range map[string]string{"a/a": "lower", "a/b/d": "deep", "c/a": "over", "c/b": "", "d/e/a": "x"} {
		do(os.WriteFile(filepath.Join(host, name), []byte(data), 0o600))
	}
	do(os.Link(host+"/a/a", host+"/c/e"))
	do(os.Symlink("a/b", host+"/b"))

	type entry struct {
		name, data string
		typ        byte
	}
	build := func(entries ...entry) *layer.Layer {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		do(w.WriteHeader(&tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755, Uid: os.Getuid(), Gid: os.Getgid()}))
		for _, e := range entries {
			h := tar.Header{Name: "r/" + e.name, Typeflag: e.typ, Mode: 0o600, Uid: os.Getuid(), Gid: os.Getgid()}
			switch e.typ {
			case tar.TypeDir:
				h.Mode = 0o700
			case tar.TypeReg:
				h.Size = int64(len(e.data))
			case tar.TypeLink:
				h.Linkname = "r/" + e.data
			default:
				h.Linkname, h.Mode = e.data, 0o777
			}
			do(w.WriteHeader(&h))
			if e.typ == tar.TypeReg {
				_, err := w.Write([]byte(e.data))
				do(err)
			}
		}
		do(w.Close())
		path := filepath.Join(t.TempDir(), "layer.tar")
		do(os.WriteFile(path, buf.Bytes(), 0o600))
		l, err := layer.Open(path)
		do(err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	const d, f, h, s = tar.TypeDir, tar.TypeReg, tar.TypeLink, tar.TypeSymlink
	return []*layer.Layer{
		build(entry{"", "", d}, entry{"a", "", d}, entry{"a/b", "", d}, entry{"a/b/d", "deep", f}, entry{"a/b/gone", "", f},
			entry{"a/a", "lower", f}, entry{"c", "", d}, entry{"c/a", "below", f}, entry{"c/e", "a/a", h}, entry{"d", "", d},
			entry{"d/hidden", "", f}, entry{"b", "", d}, entry{"b/hidden", "", f}, entry{"e", "", f}),
		build(entry{"a/b/.wh.gone", "", f}, entry{"a/b/c", "", d}, entry{"c/a", "over", f}, entry{"c/b", "", f}, entry{"d", "", d},
			entry{"d/.wh..wh..opq", "", f}, entry{"d/e", "", d}, entry{"d/e/a", "x", f}, entry{"b", "a/b", s}, entry{".wh.e", "", f}),
	}
}

func TestOverlayBehavesAsTheHost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			host := t.TempDir() + "/r"
			layers, dir := seedTree(t, host), t.TempDir()
			// Not mustOpen: d closes its files before the overlay is closed.
			f, err := Open(layers, dir, Options{Volatile: true})
			must(t, err)
			t.Cleanup(func() { f.Close() })
			d := vfstest.NewDiffer(t, f.Filesystem(), host, seed)
			d.Compare()
			for i := range 1500 {
				d.Step()
				if i%100 == 99 {
					d.Compare()
				}
				if i%300 == 299 { // a restart
					d.CloseFiles()
					must(t, f.Close())
					f, err = Open(layers, dir, Options{Volatile: true})
					must(t, err)
					d.Use(f.Filesystem())
					d.Compare()
				}
				if i%300 == 150 { // a crash: the same, without Close
					d.CloseFiles()
					g, err := Open(layers, copyDir(t, dir), Options{Volatile: true})
					must(t, err)
					d.Use(g.Filesystem())
					d.Compare()
					must(t, g.Close())
					d.Use(f.Filesystem())
				}
			}
			if _, err := f.Changes(); err != nil {
				t.Error(err)
			}
		})
	}
}
