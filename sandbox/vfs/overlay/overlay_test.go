package overlay

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// makeLayer makes a layer of lines: "d path", "f path data", "l path target", "h path target", "w path" (whiteout),
// "o path" (opaque).
func makeLayer(t testing.TB, lines ...string) *layer.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, line := range lines {
		parts := strings.SplitN(line, " ", 3)
		h := tar.Header{Name: parts[1], Typeflag: tar.TypeReg, Mode: 0o644}
		arg := ""
		if len(parts) > 2 {
			arg = parts[2]
		}
		switch parts[0] {
		case "d":
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case "f":
			h.Size = int64(len(arg))
		case "l":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, arg, 0o777
		case "h":
			h.Typeflag, h.Linkname = tar.TypeLink, arg
		case "w":
			dir, name := filepath.Split(h.Name)
			h.Name = dir + ".wh." + name
		case "o":
			h.Name += "/.wh..wh..opq"
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if parts[0] == "f" {
			w.Write([]byte(arg))
		}
	}
	w.Close()
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := layer.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustOpen(t testing.TB, layers []*layer.Layer, dir string, opts Options) (*FS, *vfs.Context) {
	t.Helper()
	f, err := Open(layers, dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, contextOf(f)
}

func contextOf(f *FS) *vfs.Context {
	ns := vfs.NewNamespace(f.Filesystem(), 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
}

// tree lists a tree as text.
func tree(t testing.TB, ctx *vfs.Context) string {
	t.Helper()
	var b strings.Builder
	var walk func(dir string)
	walk = func(dir string) {
		p, err := ctx.Walk(ctx.Root, dir+"/", false)
		if err != nil {
			t.Fatalf("walk %s: %v", dir, err)
		}
		list, err := p.Inode().ReadDir()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			path := dir + "/" + e.Name
			p, err := ctx.Walk(ctx.Root, path, false)
			if err != nil {
				t.Fatalf("walk %s: %v", path, err)
			}
			st, err := p.Inode().Stat()
			if err != nil {
				t.Fatal(err)
			}
			if st.Ino != e.Ino || abi.DirentType(st.Mode) != e.Type {
				t.Errorf("%s is inode %d type %d, but its entry says %d, %d", path, st.Ino, abi.DirentType(st.Mode), e.Ino, e.Type)
			}
			fmt.Fprintf(&b, "%s %o %d", path, st.Mode, st.Nlink)
			switch st.Mode & abi.S_IFMT {
			case abi.S_IFREG:
				fmt.Fprintf(&b, " %q", read(t, ctx, path))
			case abi.S_IFLNK:
				to, _ := p.Inode().Readlink()
				b.WriteString(" -> " + to)
			}
			b.WriteByte('\n')
			if e.Type == abi.DT_DIR {
				walk(path)
			}
		}
	}
	walk("")
	return b.String()
}

func read(t testing.TB, ctx *vfs.Context, path string) string {
	t.Helper()
	f, err := ctx.Open(ctx.Cwd, path, abi.O_RDONLY, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	defer f.Release()
	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		if err != nil {
			t.Fatalf("read %s: %v", path, err)
		}
		if n == 0 {
			return string(out)
		}
		out = append(out, buf[:n]...)
	}
}

func write(t testing.TB, ctx *vfs.Context, path, data string, flags int) {
	t.Helper()
	f, err := ctx.Open(ctx.Cwd, path, abi.O_WRONLY|flags, 0o644)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
	if err := f.Release(); err != nil {
		t.Fatalf("close %s: %v", path, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func walk(t testing.TB, ctx *vfs.Context, path string) vfs.Path {
	t.Helper()
	p, err := ctx.Walk(ctx.Cwd, path, false)
	if err != nil {
		t.Fatalf("walk %s: %v", path, err)
	}
	return p
}

func stat(t testing.TB, ctx *vfs.Context, path string) abi.Stat {
	t.Helper()
	st, err := walk(t, ctx, path).Inode().Stat()
	must(t, err)
	return st
}

func TestLayersAreMerged(t *testing.T) {
	t.Parallel()
	bottom := makeLayer(t, "d a", "f a/keep 1", "f a/hide 2", "f a/over 3", "d b", "f b/gone 4", "d c", "f c/x 5", "f file 6", "d dir", "f dir/y 7")
	middle := makeLayer(t, "w a/hide", "f a/over 33", "d b", "o b", "f b/new 8", "w c", "d file", "f file/in 9", "w dir", "f dir 10", "h link a/keep", "h nowhere not/there")
	top := makeLayer(t, "f a/hide 22", "f c/z 11", "d a/sub", "l sym a/keep", "h again link")
	_, ctx := mustOpen(t, []*layer.Layer{bottom, middle, top}, t.TempDir(), Options{})
	const want = `/a 40755 3
/a/hide 100644 1 "22"
/a/keep 100644 1 "1"
/a/over 100644 1 "33"
/a/sub 40755 2
/again 100644 1 "1"
/b 40755 2
/b/new 100644 1 "8"
/c 40755 2
/c/z 100644 1 "11"
/dir 100644 1 "10"
/file 40755 2
/file/in 100644 1 "9"
/link 100644 1 "1"
/sym 120777 1 -> a/keep
`
	if got := tree(t, ctx); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if n := stat(t, ctx, "/").Nlink; n != 2+4 {
		t.Errorf("the root has %d links, want 6", n)
	}
}

func TestReadingWritesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "upper")
	f, ctx := mustOpen(t, []*layer.Layer{makeLayer(t, "d a", "f a/b 1")}, dir, Options{})
	tree(t, ctx)
	must(t, f.Close())
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the upper directory was made: %v", err)
	}
	must(t, Remove(dir))
}

// change makes changes of every kind.
func change(t testing.TB, ctx *vfs.Context) {
	t.Helper()
	cwd := ctx.Cwd
	write(t, ctx, "a/over", "written", abi.O_TRUNC)
	write(t, ctx, "a/append", " more", abi.O_APPEND)
	write(t, ctx, "new", "new", abi.O_CREAT)
	must(t, ctx.Unlink(cwd, "a/keep"))
	must(t, ctx.Chmod(walk(t, ctx, "chmod"), 0o4700))
	must(t, ctx.Rename(cwd, "dir", cwd, "moved", 0))
	must(t, ctx.Mkdir(cwd, "dir", 0o700))
	write(t, ctx, "moved/sub/deep", "!", abi.O_APPEND)
	must(t, ctx.Link(walk(t, ctx, "h1"), cwd, "h3"))
	write(t, ctx, "h2", "linked", abi.O_TRUNC)
	must(t, ctx.Symlink("some/where", cwd, "moved/sym"))
	must(t, ctx.Mknod(cwd, "fifo", abi.S_IFIFO|0o600, 0))
	must(t, ctx.Mknod(cwd, "null", abi.S_IFCHR|0o666, abi.Mkdev(1, 3)))
	must(t, ctx.Rename(cwd, "x1", cwd, "x2", abi.RENAME_EXCHANGE))
	must(t, walk(t, ctx, "xattr").Inode().(vfs.Xattrs).SetXattr("user.k", []byte("v\x00"), 0))
	ts := abi.Timespec{Sec: 1e9, Nsec: 987654321}
	must(t, ctx.Utimes(walk(t, ctx, "utimes"), &ts, &ts, false))
	must(t, ctx.Unlink(cwd, "empty/f"))
	must(t, ctx.Rmdir(cwd, "empty"))
	must(t, ctx.Mkdir(cwd, "empty", 0o711))
	must(t, ctx.Mkdir(cwd, "made", 0o755))
	must(t, ctx.Mkdir(cwd, "made/in", 0o755))
	write(t, ctx, "made/in/f", "f", abi.O_CREAT)
}

func changeLayers(t testing.TB) []*layer.Layer {
	return []*layer.Layer{
		makeLayer(t, "d a", "f a/keep 1", "f a/over 3", "f a/append 4", "f chmod 5", "d dir", "d dir/sub", "f dir/sub/deep 6",
			"f h1 7", "h h2 h1", "f x1 8", "d x2", "f x2/y 9", "f xattr 10", "f utimes 11", "d empty"),
		makeLayer(t, "f dir/sub/top 12", "f empty/f 13", "d untouched", "f untouched/z 14"),
	}
}

const changedTree = `/a 40755 2
/a/append 100644 1 "4 more"
/a/over 100644 1 "written"
/chmod 104700 1 "5"
/dir 40700 2
/empty 40711 2
/fifo 10600 1
/h1 100644 3 "linked"
/h2 100644 3 "linked"
/h3 100644 3 "linked"
/made 40755 3
/made/in 40755 2
/made/in/f 100644 1 "f"
/moved 40755 3
/moved/sub 40755 2
/moved/sub/deep 100644 1 "6!"
/moved/sub/top 100644 1 "12"
/moved/sym 120777 1 -> some/where
/new 100644 1 "new"
/null 20666 1
/untouched 40755 2
/untouched/z 100644 1 "14"
/utimes 100644 1 "11"
/x1 40755 2
/x1/y 100644 1 "9"
/x2 100644 1 "8"
/xattr 100644 1 "10"
`

func checkChanged(t *testing.T, ctx *vfs.Context) {
	t.Helper()
	if got := tree(t, ctx); got != changedTree {
		t.Errorf("got\n%swant\n%s", got, changedTree)
	}
	if v, err := walk(t, ctx, "xattr").Inode().(vfs.Xattrs).GetXattr("user.k"); string(v) != "v\x00" {
		t.Errorf("xattr %q, %v", v, err)
	}
	if st := stat(t, ctx, "utimes"); st.Mtim != (abi.Timespec{Sec: 1e9, Nsec: 987654321}) {
		t.Errorf("mtime %v", st.Mtim)
	}
	if st := stat(t, ctx, "null"); st.Rdev != abi.Mkdev(1, 3) {
		t.Errorf("rdev %x", st.Rdev)
	}
}

func inodes(t testing.TB, ctx *vfs.Context) map[string]abi.Stat {
	t.Helper()
	out := make(map[string]abi.Stat)
	for _, line := range strings.Split(strings.TrimSpace(tree(t, ctx)), "\n") {
		path, _, _ := strings.Cut(line, " ")
		st := stat(t, ctx, path)
		st.Dev = 0
		st.Atim = abi.Timespec{} // not recorded by itself
		out[path] = st
	}
	return out
}

func TestChangesSurviveClose(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{})
	change(t, ctx)
	checkChanged(t, ctx)
	before := inodes(t, ctx)
	bytes, count := f.UpperUsage()
	must(t, f.Close())
	for range 2 {
		f, ctx = mustOpen(t, layers, dir, Options{})
		checkChanged(t, ctx)
		for path, st := range inodes(t, ctx) {
			if st != before[path] {
				t.Errorf("%s was\n%+v, is\n%+v", path, before[path], st)
			}
		}
		if b, n := f.UpperUsage(); b != bytes || n != count {
			t.Errorf("usage was %d bytes, %d inodes, is %d, %d", bytes, count, b, n)
		}
		must(t, f.Close())
	}
}

func TestWrittenDataSurvivesKill(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{})
	change(t, ctx)
	open, err := ctx.Open(ctx.Cwd, "a/append", abi.O_WRONLY|abi.O_APPEND, 0)
	must(t, err)
	_, err = open.Write([]byte(" and more"))
	must(t, err)
	gone, err := ctx.Open(ctx.Cwd, "a/gone", abi.O_RDWR|abi.O_CREAT, 0o600)
	must(t, err)
	_, err = gone.Write([]byte("data"))
	must(t, err)
	must(t, ctx.Unlink(ctx.Cwd, "a/gone"))
	big, err := ctx.Open(ctx.Cwd, "big", abi.O_RDWR|abi.O_CREAT, 0o600)
	must(t, err)
	for i := range 100 {
		_, err = fmt.Fprintf(big, "%099d\n", i)
		must(t, err)
	}
	want := read(t, ctx, "big")
	// Nothing is closed: what the host has now is what a killed daemon leaves.
	_, ctx = mustOpen(t, layers, copyDir(t, dir), Options{})
	if got := read(t, ctx, "a/append"); got != "4 more and more" {
		t.Errorf("read %q", got)
	}
	if got := read(t, ctx, "big"); len(got) != 10_000 || got != want {
		t.Errorf("read %d bytes of 10000", len(got))
	}
	must(t, big.Release())
	must(t, gone.Release())
	must(t, open.Release())
	must(t, f.Close())
}

func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	must(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func TestOrphanDataIsSwept(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{})
	file, err := ctx.Open(ctx.Cwd, "x", abi.O_RDWR|abi.O_CREAT, 0o600)
	must(t, err)
	_, err = file.Write(make([]byte, 5000))
	must(t, err)
	must(t, ctx.Unlink(ctx.Cwd, "x"))
	buf := make([]byte, 9000)
	if n, err := file.Pread(buf, 0); n != 5000 || err != nil {
		t.Errorf("read of an unlinked file = %d, %v", n, err)
	}
	killed := copyDir(t, dir)
	path := f.dataPath(file.Inode.(*node).ino)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(dir, path)
	must(t, err)
	mustOpen(t, layers, killed, Options{})
	if _, err := os.Stat(filepath.Join(killed, name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("orphan is there: %v", err)
	}
	must(t, file.Release())
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("data is there after the last close: %v", err)
	}
	if n, _ := f.UpperUsage(); n != 0 {
		t.Errorf("%d bytes in use", n)
	}
}

func TestJournalCutAnywhereGivesAPrefix(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{})
	// The tree after each operation, and the length of the journal then.
	names := func(ctx *vfs.Context) string {
		var b strings.Builder
		for _, line := range strings.Split(tree(t, ctx), "\n") {
			line, _, _ = strings.Cut(line, ` "`) // data is not cut
			b.WriteString(line + "\n")
		}
		return b.String()
	}
	type state struct {
		end  int64
		tree string
	}
	cwd := ctx.Cwd
	states := []state{{0, names(ctx)}}
	for i, op := range []func() error{
		func() error { return ctx.Mkdir(cwd, "n", 0o755) },
		func() error { return ctx.Rename(cwd, "dir", cwd, "n/dir", 0) },
		func() error { return ctx.Unlink(cwd, "n/dir/sub/top") },
		func() error { return ctx.Rename(cwd, "n/dir/sub", cwd, "sub", 0) },
		func() error { return ctx.Link(walk(t, ctx, "h1"), cwd, "n/h") },
		func() error { return ctx.Unlink(cwd, "h1") },
		func() error { return ctx.Unlink(cwd, "h2") },
		func() error { return ctx.Rename(cwd, "n/h", cwd, "chmod", 0) },
		func() error { return ctx.Symlink("to", cwd, "n/s") },
		func() error { return ctx.Mknod(cwd, "n/f", abi.S_IFREG|0o600, 0) },
		func() error { return ctx.Rename(cwd, "n", cwd, "x2", abi.RENAME_EXCHANGE) },
		func() error { return ctx.Chmod(walk(t, ctx, "a"), 0o700) },
		func() error { return ctx.Unlink(cwd, "x2/f") },
		func() error { return ctx.Unlink(cwd, "empty/f") },
		func() error { return ctx.Rmdir(cwd, "empty") },
	} {
		if err := op(); err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
		end := f.journal.end
		states = append(states, state{end, names(ctx)})
	}
	raw, err := os.ReadFile(filepath.Join(dir, "journal"))
	must(t, err)
	for cut := range len(raw) + 1 {
		for _, garbage := range []string{"", "\xff\x00\xff\x00garbage after the cut"} {
			if garbage != "" && (cut < headerSize || cut%5 != 0) {
				continue // the header is written before anything else
			}
			upper := t.TempDir()
			must(t, os.WriteFile(filepath.Join(upper, "journal"), append(bytes.Clone(raw[:cut]), garbage...), 0o600))
			g, err := Open(layers, upper, Options{Volatile: true})
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			want := states[0].tree
			for _, s := range states {
				if s.end <= int64(cut) {
					want = s.tree
				}
			}
			ctx := contextOf(g)
			if got := names(ctx); got != want {
				t.Fatalf("cut at %d: got\n%swant\n%s", cut, got, want)
			}
			// It goes on from there.
			must(t, ctx.Mkdir(ctx.Cwd, "later", 0o700))
			must(t, g.Close())
			g, err = Open(layers, upper, Options{Volatile: true})
			must(t, err)
			stat(t, contextOf(g), "later")
			must(t, g.Close())
		}
	}
}

func TestCompactionKeepsTheTree(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{Volatile: true})
	change(t, ctx)
	var longest int64
	for i := range 20_000 {
		must(t, ctx.Chmod(walk(t, ctx, "new"), uint32(0o600|i&1)))
		longest = max(longest, f.journal.end)
	}
	must(t, ctx.Chmod(walk(t, ctx, "new"), 0o644))
	if longest > 1<<20+1<<10 {
		t.Errorf("the journal grew to %d bytes", longest)
	}
	checkChanged(t, ctx)
	must(t, f.Close())
	_, ctx = mustOpen(t, layers, dir, Options{})
	checkChanged(t, ctx)
}

func TestWritableLayerOfAnotherImageIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, ctx := mustOpen(t, changeLayers(t), dir, Options{})
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o755))
	must(t, f.Close())
	if _, err := Open([]*layer.Layer{makeLayer(t, "f a 1")}, dir, Options{}); !errors.Is(err, errForeign) {
		t.Errorf("open = %v", err)
	}
}

func TestChangesAreThoseOfDockerDiff(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{})
	if c, err := f.Changes(); len(c) != 0 || err != nil {
		t.Fatalf("fresh: %v, %v", c, err)
	}
	change(t, ctx)
	const want = `C /a
C /a/append
D /a/keep
C /a/over
C /chmod
C /dir
D /dir/sub
C /empty
D /empty/f
A /fifo
C /h1
C /h2
A /h3
A /made
A /made/in
A /made/in/f
A /moved
A /moved/sub
A /moved/sub/deep
A /moved/sub/top
A /moved/sym
A /new
A /null
C /utimes
C /x1
A /x1/y
C /x2
C /xattr
`
	for range 2 {
		changes, err := f.Changes()
		must(t, err)
		var b strings.Builder
		for _, c := range changes {
			fmt.Fprintf(&b, "%c %s\n", c.Kind, c.Path)
		}
		if b.String() != want {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
		must(t, f.Close())
		f, _ = mustOpen(t, layers, dir, Options{})
	}
}

func TestSizeLimitGivesENOSPC(t *testing.T) {
	t.Parallel()
	f, ctx := mustOpen(t, []*layer.Layer{makeLayer(t, "f big "+strings.Repeat("x", 2000))}, t.TempDir(), Options{SizeLimit: 1000})
	file, err := ctx.Open(ctx.Cwd, "a", abi.O_CREAT|abi.O_RDWR, 0o644)
	must(t, err)
	defer file.Release()
	if n, err := file.Write(make([]byte, 1500)); n != 1000 || err != nil {
		t.Errorf("write = %d, %v; want the 1000 that fit", n, err)
	}
	if _, err := file.Write([]byte("x")); err != abi.ENOSPC {
		t.Errorf("write past the limit = %v", err)
	}
	if n, err := file.Pwrite([]byte("xyz"), 10); n != 3 || err != nil {
		t.Errorf("overwriting = %d, %v", n, err)
	}
	if err := ctx.Truncate(walk(t, ctx, "a"), 10); err != nil {
		t.Error(err)
	}
	big, err := ctx.Open(ctx.Cwd, "big", abi.O_WRONLY, 0)
	must(t, err)
	if _, err := big.Write([]byte("y")); err != abi.ENOSPC {
		t.Errorf("copy-up past the limit = %v", err)
	}
	must(t, big.Release())
	if n, _ := f.UpperUsage(); n != 10 {
		t.Errorf("%d bytes in use, want 10", n)
	}
	if st := f.Filesystem().Statfs(); st.Type != magic {
		t.Errorf("statfs %+v", st)
	}
}

func TestContentIDIsLostOnCopyUp(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, []*layer.Layer{makeLayer(t, "f a hello", "h b a")}, t.TempDir(), Options{})
	id := func(path string) string {
		f, err := ctx.Open(ctx.Cwd, path, abi.O_RDONLY, 0)
		must(t, err)
		defer f.Release()
		id, ok := f.File.(interface{ ContentID() (string, bool) }).ContentID()
		if !ok {
			return ""
		}
		return id
	}
	must(t, ctx.Chmod(walk(t, ctx, "a"), 0o755))
	if x, y := id("a"), id("b"); x == "" || x != y {
		t.Errorf("ids %q and %q of one file", x, y)
	}
	write(t, ctx, "a", "j", 0)
	if x := id("b"); x != "" {
		t.Errorf("id %q of a changed file", x)
	}
}

func TestReaderSeesTheCopyUp(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, []*layer.Layer{makeLayer(t, "f a hello")}, t.TempDir(), Options{})
	f, err := ctx.Open(ctx.Cwd, "a", abi.O_RDONLY, 0)
	must(t, err)
	defer f.Release()
	write(t, ctx, "a", "J", 0)
	buf := make([]byte, 10)
	if n, err := f.Pread(buf, 0); string(buf[:n]) != "Jello" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

func TestSparseFilesTakeFewBlocks(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, nil, t.TempDir(), Options{})
	write(t, ctx, "a", "x", abi.O_CREAT)
	must(t, ctx.Truncate(walk(t, ctx, "a"), 1<<30))
	if st := stat(t, ctx, "a"); st.Size != 1<<30 || st.Blocks > 1024 {
		t.Errorf("size %d, blocks %d", st.Size, st.Blocks)
	}
}

func TestReadOnlyOverlayGivesEROFS(t *testing.T) {
	t.Parallel()
	f, ctx := mustOpen(t, changeLayers(t), t.TempDir(), Options{ReadOnly: true})
	for name, err := range map[string]error{
		"mkdir": ctx.Mkdir(ctx.Cwd, "new", 0o755), "unlink": ctx.Unlink(ctx.Cwd, "chmod"),
		"rename": ctx.Rename(ctx.Cwd, "x1", ctx.Cwd, "y", 0), "chmod": ctx.Chmod(walk(t, ctx, "a"), 0o700),
		"link": ctx.Link(walk(t, ctx, "h1"), ctx.Cwd, "h9"), "truncate": ctx.Truncate(walk(t, ctx, "h1"), 0),
	} {
		if err != abi.EROFS {
			t.Errorf("%s = %v, want EROFS", name, err)
		}
	}
	if n, i := f.UpperUsage(); n != 0 || i != 0 {
		t.Errorf("usage %d, %d", n, i)
	}
}

func TestDiscardRemovesTheWritableLayer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "upper")
	f, ctx := mustOpen(t, changeLayers(t), dir, Options{})
	change(t, ctx)
	must(t, f.Discard())
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

func TestSmallFilesNeedNoDataFile(t *testing.T) {
	t.Parallel()
	layers, dir := []*layer.Layer{makeLayer(t, "f lower hello")}, t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{})
	write(t, ctx, "small", "small", abi.O_CREAT)
	write(t, ctx, "lower", " you", abi.O_APPEND)
	write(t, ctx, "grown", strings.Repeat("x", inlineMax), abi.O_CREAT)
	count := func() int {
		entries, err := os.ReadDir(dir)
		must(t, err)
		return len(entries) - 1
	}
	if n := count(); n != 0 {
		t.Errorf("%d data files", n)
	}
	write(t, ctx, "grown", "y", abi.O_APPEND)
	if n := count(); n != 1 {
		t.Errorf("%d data files, want that of the file that grew", n)
	}
	must(t, f.Close())
	_, ctx = mustOpen(t, layers, dir, Options{})
	for path, want := range map[string]string{"small": "small", "lower": "hello you", "grown": strings.Repeat("x", inlineMax) + "y"} {
		if got := read(t, ctx, path); got != want {
			t.Errorf("%s reads %d bytes, want %d", path, len(got), len(want))
		}
	}
}

func TestManySmallFilesDoNotStayInMemory(t *testing.T) {
	t.Parallel()
	f, ctx := mustOpen(t, nil, t.TempDir(), Options{Volatile: true})
	data := strings.Repeat("x", inlineMax)
	for i := range 2 * inlineTotal / inlineMax {
		write(t, ctx, fmt.Sprint(i), data, abi.O_CREAT)
	}
	if n := f.inlined.Load(); n > inlineTotal {
		t.Errorf("%d bytes are inline", n)
	}
}

func TestTasksShareAnOverlay(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, []*layer.Layer{makeLayer(t, "f d/shared "+strings.Repeat("s", 5000))}, t.TempDir(), Options{Volatile: true})
	put := func(path, data string, flags int) error {
		f, err := ctx.Open(ctx.Cwd, path, abi.O_WRONLY|flags, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte(data))
		return errors.Join(err, f.Release())
	}
	length := func(path string, want int) error {
		f, err := ctx.Open(ctx.Cwd, path, abi.O_RDONLY, 0)
		if err != nil {
			return err
		}
		n, err := f.Read(make([]byte, 10_000))
		if err == nil && n != want {
			err = fmt.Errorf("%s reads %d bytes, want %d", path, n, want)
		}
		return errors.Join(err, f.Release())
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprintf("d/%d", i)
			for range 50 {
				if err := errors.Join(
					put(name, strings.Repeat("x", 700*i), abi.O_CREAT|abi.O_TRUNC),
					put("d/shared", "S", 0),
					length("d/shared", 5000),
					ctx.Rename(ctx.Cwd, name, ctx.Cwd, name+"x", 0),
					length(name+"x", 700*i),
					ctx.Unlink(ctx.Cwd, name+"x"),
				); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := tree(t, ctx); !strings.HasPrefix(got, "/d 40755 2\n/d/shared") || strings.Count(got, "\n") != 2 {
		t.Errorf("left:\n%.200s", got)
	}
}

func TestHostThatTakesNoWritesGivesAnError(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(blocked, nil, 0o600))
	f, err := Open([]*layer.Layer{makeLayer(t, "f a hello")}, t.TempDir(), Options{})
	must(t, err)
	f.journal.path = filepath.Join(blocked, "journal") // as if the disk had gone
	ctx := contextOf(f)
	if err := ctx.Mkdir(ctx.Cwd, "d", 0o755); err != abi.EIO {
		t.Errorf("mkdir = %v, want EIO", err)
	}
	if got := read(t, ctx, "a"); got != "hello" {
		t.Errorf("read %q", got)
	}
	if err := f.Close(); err == nil {
		t.Error("close hides that nothing was written")
	}
}

func TestDamageInTheJournalEndsIt(t *testing.T) {
	t.Parallel()
	layers, dir := changeLayers(t), t.TempDir()
	f, ctx := mustOpen(t, layers, dir, Options{Volatile: true})
	must(t, ctx.Mkdir(ctx.Cwd, "first", 0o755))
	end := f.journal.end
	must(t, ctx.Mkdir(ctx.Cwd, "second", 0o755))
	must(t, f.Close())
	path := filepath.Join(dir, "journal")
	raw, err := os.ReadFile(path)
	must(t, err)
	for i := end; i < int64(len(raw)); i++ {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x10
		must(t, os.WriteFile(path, bad, 0o600))
		f, err := Open(layers, dir, Options{Volatile: true})
		must(t, err)
		ctx := contextOf(f)
		stat(t, ctx, "first")
		if _, err := ctx.Walk(ctx.Cwd, "second", true); err != abi.ENOENT {
			t.Errorf("byte %d: the damaged record was taken: %v", i, err)
		}
		must(t, f.Close())
	}
}
