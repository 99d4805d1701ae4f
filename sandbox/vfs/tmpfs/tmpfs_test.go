package tmpfs_test

import (
	"bytes"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

func mount(opts tmpfs.Options) *vfs.Context {
	ns := vfs.NewNamespace(tmpfs.New(opts), 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
}

func open(t *testing.T, ctx *vfs.Context, path string, flags int) *vfs.OpenFile {
	t.Helper()
	f, err := ctx.Open(ctx.Cwd, path, flags, 0o644)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return f
}

func stat(t *testing.T, ctx *vfs.Context, path string) abi.Stat {
	t.Helper()
	p, err := ctx.Walk(ctx.Cwd, path, false)
	if err != nil {
		t.Fatalf("walk %s: %v", path, err)
	}
	st, err := p.Inode().Stat()
	if err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	return st
}

func TestWritePastSizeGivesENOSPC(t *testing.T) {
	t.Parallel()
	charged := int64(0)
	ctx := mount(tmpfs.Options{Size: 100 << 10, Charge: func(delta int64) bool { charged += delta; return true }})
	f := open(t, ctx, "a", abi.O_CREAT|abi.O_RDWR)
	if n, err := f.Write(make([]byte, 150<<10)); n != 100<<10 || err != nil {
		t.Fatalf("write = %d, %v; want the 102400 bytes that fit", n, err)
	}
	if n, err := f.Write([]byte{1}); n != 0 || err != abi.ENOSPC {
		t.Fatalf("write to a full filesystem = %d, %v; want ENOSPC", n, err)
	}
	if charged != 100<<10 {
		t.Errorf("charged %d bytes, want 102400", charged)
	}
	if err := ctx.Unlink(ctx.Cwd, "a"); err != nil {
		t.Fatal(err)
	}
	if charged == 0 {
		t.Error("an open file's memory was given back at unlink")
	}
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
	if charged != 0 {
		t.Errorf("%d bytes still charged after the last close", charged)
	}
}

func TestChargeRefusedGivesENOSPC(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{Charge: func(delta int64) bool { return delta < 0 }})
	f := open(t, ctx, "a", abi.O_CREAT|abi.O_RDWR)
	defer f.Release()
	if _, err := f.Write([]byte("x")); err != abi.ENOSPC {
		t.Fatalf("write = %v, want ENOSPC", err)
	}
}

func TestInodeLimitGivesENOSPC(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{Inodes: 2})
	if err := ctx.Mkdir(ctx.Cwd, "a", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := ctx.Mkdir(ctx.Cwd, "b", 0o755); err != abi.ENOSPC {
		t.Fatalf("mkdir past the limit = %v, want ENOSPC", err)
	}
	if err := ctx.Rmdir(ctx.Cwd, "a"); err != nil {
		t.Fatal(err)
	}
	if err := ctx.Mkdir(ctx.Cwd, "b", 0o755); err != nil {
		t.Fatalf("mkdir after rmdir: %v", err)
	}
}

func TestHolesReadAsZerosAndTakeNoMemory(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{})
	f := open(t, ctx, "a", abi.O_CREAT|abi.O_RDWR)
	defer f.Release()
	const far = 1 << 40
	if _, err := f.Pwrite([]byte("end"), far); err != nil {
		t.Fatal(err)
	}
	st := stat(t, ctx, "a")
	if st.Size != far+3 || st.Blocks > 16 {
		t.Errorf("size %d, blocks %d", st.Size, st.Blocks)
	}
	buf := []byte("xxxxxx")
	if n, err := f.Pread(buf, far-3); n != 6 || err != nil || string(buf) != "\x00\x00\x00end" {
		t.Errorf("read %d %q, %v", n, buf, err)
	}
}

func TestTruncateThenGrowShowsZeros(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{})
	f := open(t, ctx, "a", abi.O_CREAT|abi.O_RDWR)
	defer f.Release()
	if _, err := f.Write(bytes.Repeat([]byte("x"), 200_000)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{70_001, 200_000, 3, 9000} {
		if err := f.Inode.SetStat(vfs.SetStat{Size: &size}); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 10_000)
	n, err := f.Pread(got, 0)
	want := append([]byte("xxx"), make([]byte, 8997)...)
	if err != nil || !bytes.Equal(got[:n], want) {
		t.Errorf("read %d bytes, %v: not xxx and zeros", n, err)
	}
}

func TestAppendWritesAtEnd(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{})
	a := open(t, ctx, "a", abi.O_CREAT|abi.O_WRONLY|abi.O_APPEND)
	b := open(t, ctx, "a", abi.O_RDWR|abi.O_APPEND)
	for _, f := range []*vfs.OpenFile{a, b, a} {
		if _, err := f.Write([]byte("ab")); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 10)
	if n, _ := b.Pread(buf, 0); string(buf[:n]) != "ababab" {
		t.Errorf("read %q", buf[:n])
	}
	a.Release()
	b.Release()
}

func TestXattrsAreKept(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{})
	open(t, ctx, "a", abi.O_CREAT|abi.O_RDWR).Release()
	p, err := ctx.Walk(ctx.Cwd, "a", true)
	if err != nil {
		t.Fatal(err)
	}
	x := p.Inode().(vfs.Xattrs)
	steps := []struct {
		name  string
		flags int
		want  error
	}{
		{"user.a", vfs.XattrReplace, abi.ENODATA},
		{"user.a", vfs.XattrCreate, nil},
		{"user.a", vfs.XattrCreate, abi.EEXIST},
		{"user.a", 0, nil},
		{"trusted.overlay", 0, nil},
		{"nothing", 0, abi.EOPNOTSUPP},
		{"other.a", 0, abi.EOPNOTSUPP},
	}
	for _, s := range steps {
		if err := x.SetXattr(s.name, []byte("v"), s.flags); err != s.want && (err != nil || s.want != nil) {
			t.Errorf("SetXattr(%s, %d) = %v, want %v", s.name, s.flags, err, s.want)
		}
	}
	if names, _ := x.ListXattr(); len(names) != 2 || names[0] != "trusted.overlay" {
		t.Errorf("names %q", names)
	}
	if err := x.RemoveXattr("user.a"); err != nil {
		t.Error(err)
	}
	if _, err := x.GetXattr("user.a"); err != abi.ENODATA {
		t.Errorf("GetXattr = %v, want ENODATA", err)
	}
}

func TestLinkCounts(t *testing.T) {
	t.Parallel()
	ctx := mount(tmpfs.Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(ctx.Mkdir(ctx.Cwd, "d", 0o755))
	must(ctx.Mkdir(ctx.Cwd, "d/e", 0o755))
	must(ctx.Mkdir(ctx.Cwd, "f", 0o755))
	open(t, ctx, "d/x", abi.O_CREAT|abi.O_RDWR).Release()
	x, err := ctx.Walk(ctx.Cwd, "d/x", true)
	must(err)
	must(ctx.Link(x, ctx.Cwd, "y"))
	want := func(path string, n uint64) {
		t.Helper()
		if got := stat(t, ctx, path).Nlink; got != n {
			t.Errorf("%s has %d links, want %d", path, got, n)
		}
	}
	want("/", 4)
	want("d", 3)
	want("y", 2)
	must(ctx.Rename(ctx.Cwd, "d/e", ctx.Cwd, "f", 0))
	want("/", 4)
	want("d", 2)
	must(ctx.Rename(ctx.Cwd, "d/x", ctx.Cwd, "z", 0))
	must(ctx.Rename(ctx.Cwd, "y", ctx.Cwd, "z", 0)) // the same file: both stay
	want("z", 2)
	must(ctx.Rename(ctx.Cwd, "d", ctx.Cwd, "y", abi.RENAME_EXCHANGE))
	want("y", 2)
	must(ctx.Unlink(ctx.Cwd, "d"))
	want("z", 1)
}
