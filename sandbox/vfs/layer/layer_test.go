package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// writeTar makes a layer's tar; data belongs to regular files.
func writeTar(t testing.TB, entries ...tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range entries {
		data := ""
		if h.Typeflag == tar.TypeReg {
			h.PAXRecords, data = splitData(h.PAXRecords)
			h.Size = int64(len(data))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		if _, err := w.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return writeRaw(t, buf.Bytes())
}

func writeRaw(t testing.TB, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const dataKey = "TEST.data"

func file(name, data string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, PAXRecords: map[string]string{dataKey: data}}
}

func splitData(records map[string]string) (rest map[string]string, data string) {
	for k, v := range records {
		if k == dataKey {
			data = v
			continue
		}
		if rest == nil {
			rest = make(map[string]string)
		}
		rest[k] = v
	}
	return rest, data
}

func dir(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }

func mustOpen(t testing.TB, path string) *Layer {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// find walks to a path.
func find(l *Layer, path string) (Dirent, bool) {
	d := Dirent{Type: abi.DT_DIR}
	for _, name := range strings.Split(path, "/") {
		var ok bool
		if d, ok = l.Lookup(d.ID, name); !ok {
			return Dirent{}, false
		}
	}
	return d, true
}

// dump lists a layer as text: one line for each name.
func dump(l *Layer) string {
	var b strings.Builder
	var walk func(dir ID, at string)
	walk = func(dir ID, at string) {
		for i := range l.Entries(dir) {
			e := l.Entry(dir, i)
			path := at + e.Name
			if e.Whiteout {
				fmt.Fprintf(&b, "%s whiteout\n", path)
				continue
			}
			n := l.Inode(e.ID)
			fmt.Fprintf(&b, "%s %o", path, n.Mode)
			switch n.Mode & abi.S_IFMT {
			case abi.S_IFREG:
				data := make([]byte, n.Size)
				got, err := l.ReadAt(e.ID, data, 0)
				fmt.Fprintf(&b, " links=%d %q", n.Nlink, data[:got])
				if err != nil {
					fmt.Fprintf(&b, " %v", err)
				}
			case abi.S_IFLNK:
				fmt.Fprintf(&b, " -> %s", l.Readlink(e.ID))
			case abi.S_IFCHR, abi.S_IFBLK:
				fmt.Fprintf(&b, " %d:%d", abi.Major(n.Rdev), abi.Minor(n.Rdev))
			case abi.S_IFDIR:
				fmt.Fprintf(&b, " links=%d", n.Nlink)
			}
			if n.Opaque {
				b.WriteString(" opaque")
			}
			if n.Implied {
				b.WriteString(" implied")
			}
			if n.External {
				b.WriteString(" external " + l.LinkTarget(e.ID))
			}
			b.WriteByte('\n')
			if e.Type == abi.DT_DIR {
				walk(e.ID, path+"/")
			}
		}
	}
	walk(Root, "")
	return b.String()
}

func TestIndexHoldsWhatTheTarSays(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("d", 120) + "/" + strings.Repeat("f", 200)
	tests := []struct {
		name    string
		entries []tar.Header
		want    string
	}{
		{"file and directory", []tar.Header{dir("a/"), file("a/b", "hello")}, "a 40755 links=2\na/b 100644 links=1 \"hello\"\n"},
		{"leading dot and slash", []tar.Header{dir("./"), dir("./a"), file("/a/b", "x")}, "a 40755 links=2\na/b 100644 links=1 \"x\"\n"},
		{"missing parents", []tar.Header{file("a/b/c", "x")}, "a 40755 links=3 implied\na/b 40755 links=2 implied\na/b/c 100644 links=1 \"x\"\n"},
		{"last of a name wins", []tar.Header{file("a", "1"), file("a", "22")}, "a 100644 links=1 \"22\"\n"},
		{"file in place of a directory", []tar.Header{file("a/b", "1"), file("a", "2")}, "a 100644 links=1 \"2\"\n"},
		{"directory again keeps its entries", []tar.Header{dir("a"), file("a/b", "1"), {Name: "a", Typeflag: tar.TypeDir, Mode: 0o700}}, "a 40700 links=2\na/b 100644 links=1 \"1\"\n"},
		{"hard link", []tar.Header{file("a", "1"), {Name: "b", Typeflag: tar.TypeLink, Linkname: "./a"}}, "a 100644 links=2 \"1\"\nb 100644 links=2 \"1\"\n"},
		{"hard link to a lower layer", []tar.Header{{Name: "b", Typeflag: tar.TypeLink, Linkname: "/x/a"}}, "b 0 external x/a\n"},
		{"symlink", []tar.Header{{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "../../b", Mode: 0o777}}, "a 120777 -> ../../b\n"},
		{"through a symlink", []tar.Header{dir("usr/lib"), {Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "../usr/lib", Mode: 0o777}, file("lib/a", "1")},
			"lib 120777 -> ../usr/lib\nusr 40755 links=3 implied\nusr/lib 40755 links=2\nusr/lib/a 100644 links=1 \"1\"\n"},
		{"devices and fifo", []tar.Header{{Name: "n", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3, Mode: 0o666}, {Name: "b", Typeflag: tar.TypeBlock, Devmajor: 8, Devminor: 300}, {Name: "f", Typeflag: tar.TypeFifo}},
			"b 60644 8:300\nf 10644\nn 20666 1:3\n"},
		{"whiteout", []tar.Header{file("a/.wh.b", ""), file(".wh..wh.plnk", "")}, "a 40755 links=2 implied\na/b whiteout\n"},
		{"whiteout and file", []tar.Header{file(".wh.b", ""), file("b", "1"), file("c", "2"), file(".wh.c", "")}, "b 100644 links=1 \"1\"\nc 100644 links=1 \"2\"\n"},
		{"whiteout and directory", []tar.Header{file(".wh.b", ""), dir("b")}, "b 40755 links=2 opaque\n"},
		{"opaque", []tar.Header{dir("a"), file("a/.wh..wh..opq", ""), file("a/b", "1")}, "a 40755 links=2 opaque\na/b 100644 links=1 \"1\"\n"},
		{"long names", []tar.Header{file(long, "x")}, strings.Repeat("d", 120) + " 40755 links=2 implied\n" + long + " 100644 links=1 \"x\"\n"},
		{"not UTF-8", []tar.Header{{Name: "a\xff", Typeflag: tar.TypeSymlink, Linkname: "\xfe", Mode: 0o777, Format: tar.FormatGNU}}, "a\xff 120777 -> \xfe\n"},
		{"set-id bits", []tar.Header{{Name: "a", Typeflag: tar.TypeDir, Mode: 0o7755}}, "a 47755 links=2\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeTar(t, tt.entries...)
			for range 2 { // made, then read
				if got := dump(mustOpen(t, path)); got != tt.want {
					t.Errorf("got\n%swant\n%s", got, tt.want)
				}
			}
		})
	}
}

func TestAttributesAreExact(t *testing.T) {
	t.Parallel()
	mtime := time.Unix(1700000000, 123456789)
	path := writeTar(t, tar.Header{
		Name: "a", Typeflag: tar.TypeReg, Mode: 0o4751, Uid: 1000, Gid: 1 << 30, ModTime: mtime, Format: tar.FormatPAX,
		PAXRecords: map[string]string{dataKey: "x", "SCHILY.xattr.user.b": "1\x00\n2", "SCHILY.xattr.security.capability": "\x01"},
	})
	l := mustOpen(t, path)
	d, ok := find(l, "a")
	n := l.Inode(d.ID)
	if !ok || n.Mode != abi.S_IFREG|0o4751 || n.UID != 1000 || n.GID != 1<<30 || n.Mtime != mtime.UnixNano() || !n.Xattrs {
		t.Errorf("got %+v", n)
	}
	x := l.Xattrs(d.ID)
	if len(x) != 2 || string(x["user.b"]) != "1\x00\n2" || string(x["security.capability"]) != "\x01" {
		t.Errorf("xattrs %q", x)
	}
	if l.Xattrs(Root) != nil {
		t.Error("root has xattrs")
	}
}

func TestBadEntriesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]tar.Header{
		"../bad":    {file("../bad", "")},
		"a/../bad":  {file("a/../bad", "")},
		"link":      {{Name: "link", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}},
		"self":      {dir("d"), {Name: "self", Typeflag: tar.TypeLink, Linkname: "d"}},
		"f/under":   {file("f", ""), file("f/under", "")},
		".wh..":     {file(".wh..", "")},
		"loop/file": {{Name: "loop", Typeflag: tar.TypeSymlink, Linkname: "loop"}, file("loop/file", "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeTar(t, entries...)
			l, err := Open(path)
			if err == nil {
				l.Close()
				t.Fatalf("accepted:\n%s", dump(l))
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
				t.Errorf("error does not name %q: %v", name, err)
			}
			if _, err := os.Stat(path + ".idx"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("an index was left: %v", err)
			}
		})
	}
}

func TestDamagedIndexIsMadeAnew(t *testing.T) {
	t.Parallel()
	path := writeTar(t, dir("a"), file("a/b", "hello"))
	first := mustOpen(t, path)
	want := dump(first)
	good, err := os.ReadFile(path + ".idx")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 7 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		for _, raw := range [][]byte{bad, good[:i]} {
			if err := os.WriteFile(path+".idx", raw, 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := Open(path)
			if err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
			if got := dump(l); got != want || l.Checksum() != first.Checksum() {
				t.Fatalf("byte %d: got\n%s", i, got)
			}
			l.Close()
		}
	}
}

func TestTarThatEndsEarlyIsRefused(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(writeTar(t, file("a", strings.Repeat("x", 2000))))
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Open(writeRaw(t, raw[:1500])); err == nil {
		l.Close()
		t.Error("accepted")
	}
}

// header makes a raw tar header block.
func header(name string, typ byte, size int, edit func(b []byte)) []byte {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x0000000000000\x00", size))
	b[156] = typ
	copy(b[257:], "ustar\x0000")
	if edit != nil {
		edit(b)
	}
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func pad(b []byte) []byte { return append(b, make([]byte, (512-len(b)%512)%512)...) }

func TestSparseFilesAreReadThroughTheirMap(t *testing.T) {
	t.Parallel()
	pax := func(records ...string) []byte {
		var b []byte
		for _, r := range records {
			n := len(r) + 3
			for len(fmt.Sprint(n))+len(r)+2 != n {
				n++
			}
			b = append(b, fmt.Sprintf("%d %s\n", n, r)...)
		}
		return append(header("pax", 'x', len(b), nil), pad(b)...)
	}
	data := append(bytes.Repeat([]byte("A"), 512), "tail"...)
	want := string(make([]byte, 1000)) + strings.Repeat("A", 512) + string(make([]byte, 3000-1512)) + "tail" + string(make([]byte, 5000-3004))
	old := header("s", 'S', len(data), func(b []byte) {
		copy(b[257:], "ustar  \x00")
		for i, n := range []int{1000, 512, 3000, 4, 5000, 0} {
			copy(b[386+12*i:], fmt.Sprintf("%011o\x00", n))
		}
		copy(b[483:], fmt.Sprintf("%011o\x00", 5000))
	})
	v1map := pad([]byte("3\n1000\n512\n3000\n4\n5000\n0\n"))
	tests := map[string][]byte{
		"old GNU": append(old, pad(bytes.Clone(data))...),
		"PAX 0.1": append(append(pax("GNU.sparse.size=5000", "GNU.sparse.numblocks=2", "GNU.sparse.map=1000,512,3000,4"),
			header("s", '0', len(data), nil)...), pad(bytes.Clone(data))...),
		"PAX 1.0": append(append(append(pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=s", "GNU.sparse.realsize=5000"),
			header("GNUSparseFile.0/s", '0', len(v1map)+len(data), nil)...), v1map...), pad(bytes.Clone(data))...),
	}
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw = append(header("before", '0', 3, nil), append(pad([]byte("abc")), raw...)...)
			raw = append(raw, header("after", '0', 3, nil)...)
			raw = append(append(raw, pad([]byte("xyz"))...), make([]byte, 1024)...)
			l := mustOpen(t, writeRaw(t, raw))
			d, _ := find(l, "s")
			got := make([]byte, 6000)
			n, err := l.ReadAt(d.ID, got, 0)
			if err != nil || string(got[:n]) != want {
				t.Errorf("read %d bytes, %v", n, err)
			}
			n, err = l.ReadAt(d.ID, got[:10], 2998)
			if err != nil || string(got[:n]) != want[2998:3008] {
				t.Errorf("read %q, %v", got[:n], err)
			}
			d, _ = find(l, "after")
			if n, _ := l.ReadAt(d.ID, got, 0); string(got[:n]) != "xyz" {
				t.Errorf("the entry after it reads %q", got[:n])
			}
		})
	}
}

func TestCacheOpensALayerOnce(t *testing.T) {
	t.Parallel()
	path := writeTar(t, file("a", "1"))
	var c Cache
	var wg sync.WaitGroup
	layers := make([]*Layer, 8)
	for i := range layers {
		wg.Go(func() {
			l, err := c.Open(path)
			if err != nil {
				t.Error(err)
			}
			layers[i] = l
		})
	}
	wg.Wait()
	for _, l := range layers {
		if l != layers[0] {
			t.Fatal("opened twice")
		}
	}
	for _, l := range layers {
		if _, err := l.ReadAt(1, make([]byte, 1), 0); err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if _, err := layers[0].ReadAt(1, make([]byte, 1), 0); err == nil {
		t.Error("the tar is still open after the last close")
	}
	l, err := c.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if len(c.layers) != 0 {
		t.Error("a closed layer is still in the cache")
	}
}

func bigTar(b *testing.B, files int) string {
	entries := make([]tar.Header, 0, files+files/100)
	for i := range files {
		if i%100 == 0 {
			entries = append(entries, dir(fmt.Sprintf("usr/share/d%04d", i/100)))
		}
		entries = append(entries, file(fmt.Sprintf("usr/share/d%04d/file-%06d.txt", i/100, i), "data"))
	}
	return writeTar(b, entries...)
}

func BenchmarkIndex100k(b *testing.B) {
	path := bigTar(b, 100_000)
	for b.Loop() {
		os.Remove(path + ".idx")
		l, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

func BenchmarkOpen100k(b *testing.B) {
	path := bigTar(b, 100_000)
	mustOpen(b, path)
	for b.Loop() {
		l, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

func BenchmarkLookup(b *testing.B) {
	l := mustOpen(b, bigTar(b, 100_000))
	d, _ := find(l, "usr/share")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.Lookup(d.ID, "d0777"); !ok {
			b.Fatal("not found")
		}
	}
}
