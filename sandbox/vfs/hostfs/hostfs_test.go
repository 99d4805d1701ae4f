package hostfs

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// mount shows dir as the root of a namespace to root of the container. id is the daemon's; nil is this process.
func mount(t *testing.T, dir string, opts Options, id *ids) *vfs.Context {
	t.Helper()
	if id == nil {
		id = &ids{uint32(os.Geteuid()), uint32(os.Getegid()), os.Geteuid() == 0}
	}
	fs, err := open(dir, opts, *id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	ns := vfs.NewNamespace(fs.Filesystem(), 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}, Umask: 0o022}
}

// ordinary is a daemon that pretends not to be root: the test's own ids count as its own.
func ordinary() *ids { return &ids{uint32(os.Geteuid()), uint32(os.Getegid()), false} }

func as(ctx *vfs.Context, id uint32) *vfs.Context {
	c := *ctx
	c.Cred = &vfs.Cred{UID: id, GID: id}
	return &c
}

func put(t *testing.T, ctx *vfs.Context, path, data string, mode uint32) {
	t.Helper()
	f, err := ctx.Open(ctx.Cwd, path, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, mode)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	defer f.Release()
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
}

func get(ctx *vfs.Context, path string) (string, error) {
	f, err := ctx.Open(ctx.Cwd, path, abi.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Release()
	buf := make([]byte, 1<<16)
	n, err := f.Read(buf)
	return string(buf[:n]), err
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

func walk(t *testing.T, ctx *vfs.Context, path string) vfs.Path {
	t.Helper()
	p, err := ctx.Walk(ctx.Cwd, path, false)
	if err != nil {
		t.Fatalf("walk %s: %v", path, err)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got error, want abi.Errno) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func TestFilesOfTheContainerAreFilesOfTheHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{}, nil)
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o777))
	put(t, ctx, "d/f", "hello", 0o666)
	if b, err := os.ReadFile(filepath.Join(dir, "d/f")); err != nil || string(b) != "hello" {
		t.Errorf("the host reads %q, %v", b, err)
	}
	if st := stat(t, ctx, "d/f"); st.Mode != abi.S_IFREG|0o644 || st.Size != 5 || st.Nlink != 1 {
		t.Errorf("stat: %+v", st)
	}
	must(t, os.WriteFile(filepath.Join(dir, "d/g"), []byte("from outside"), 0o600))
	if s, err := get(ctx, "d/g"); err != nil || s != "from outside" {
		t.Errorf("the container reads %q, %v", s, err)
	}
	must(t, ctx.Symlink("d/f", ctx.Cwd, "l"))
	must(t, ctx.Link(walk(t, ctx, "d/f"), ctx.Cwd, "h"))
	if a, b := stat(t, ctx, "h"), stat(t, ctx, "d/f"); a.Ino != b.Ino || a.Nlink != 2 {
		t.Errorf("a hard link has %+v, its file %+v", a, b)
	}
	must(t, ctx.Chmod(walk(t, ctx, "h"), 0o640))
	at, mt := abi.Timespec{Sec: 11, Nsec: 22}, abi.Timespec{Sec: 33, Nsec: 44}
	must(t, ctx.Utimes(walk(t, ctx, "h"), &at, &mt, false))
	must(t, ctx.Utimes(walk(t, ctx, "l"), nil, &mt, false))
	if st := stat(t, ctx, "d/f"); st.Mode != abi.S_IFREG|0o640 || st.Atim != at || st.Mtim != mt {
		t.Errorf("after chmod and utimensat: %+v", st)
	}
	if st := stat(t, ctx, "l"); st.Mtim != mt {
		t.Errorf("a link's time is %v", st.Mtim)
	}
	types := map[string]uint8{}
	d, err := ctx.Open(ctx.Cwd, "/", abi.O_RDONLY|abi.O_DIRECTORY, 0)
	must(t, err)
	defer d.Release()
	must(t, d.ReadDir(func(e vfs.Dirent, _ int64) bool { types[e.Name] = e.Type; return true }))
	if len(types) != 5 || types["d"] != abi.DT_DIR || types["l"] != abi.DT_LNK || types["h"] != abi.DT_REG {
		t.Errorf("the directory lists %v", types)
	}
	must(t, ctx.Rename(ctx.Cwd, "h", ctx.Cwd, "d/f2", 0))
	wantErr(t, ctx.Rmdir(ctx.Cwd, "d"), abi.ENOTEMPTY)
	for _, name := range []string{"d/f", "d/f2", "d/g"} {
		must(t, ctx.Unlink(ctx.Cwd, name))
	}
	must(t, ctx.Rmdir(ctx.Cwd, "d"))
	wantErr(t, ctx.Rmdir(ctx.Cwd, "d"), abi.ENOENT)
	wantErr(t, ctx.Truncate(ctx.Root, 0), abi.EISDIR)
}

func TestAnOpenFileOutlivesItsName(t *testing.T) {
	t.Parallel()
	ctx := mount(t, t.TempDir(), Options{}, nil)
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o777))
	put(t, ctx, "d/f", "12345", 0o644)
	f, err := ctx.Open(ctx.Cwd, "d/f", abi.O_RDWR, 0)
	must(t, err)
	defer f.Release()
	must(t, ctx.Rename(ctx.Cwd, "d", ctx.Cwd, "e", 0))
	st, err := f.Stat()
	if err != nil || st.Size != 5 {
		t.Errorf("after a rename above: %+v, %v", st, err)
	}
	must(t, ctx.Unlink(ctx.Cwd, "e/f"))
	must(t, ctx.Truncate(f.Path, 2))
	must(t, ctx.Chmod(f.Path, 0o600))
	if st, err := f.Stat(); err != nil || st.Size != 2 || st.Mode != abi.S_IFREG|0o600 || st.Nlink != 0 {
		t.Errorf("after the removal: %+v, %v", st, err)
	}
	g, err := ctx.OpenPath(f.Path, abi.O_RDONLY) // as /proc/self/fd/N does
	must(t, err)
	defer g.Release()
	buf := make([]byte, 10)
	if n, err := g.Read(buf); err != nil || string(buf[:n]) != "12" {
		t.Errorf("the file reads %q, %v", buf[:n], err)
	}
}

func TestAppendsOfManyWritersDoNotOverlap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{}, nil)
	put(t, ctx, "log", "", 0o644)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			f, err := ctx.Open(ctx.Cwd, "log", abi.O_WRONLY|abi.O_APPEND, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Release()
			for range 200 {
				if _, err := f.Write([]byte("0123456789\n")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if info, err := os.Stat(filepath.Join(dir, "log")); err != nil || info.Size() != 4*200*11 {
		t.Errorf("size %d, %v", info.Size(), err)
	}
}

func TestReadOnlyMountRefusesEveryChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644))
	ctx := mount(t, dir, Options{ReadOnly: true}, nil)
	p := walk(t, ctx, "f")
	_, err := ctx.Open(ctx.Cwd, "f", abi.O_RDWR, 0)
	wantErr(t, err, abi.EROFS)
	_, err = ctx.Open(ctx.Cwd, "new", abi.O_WRONLY|abi.O_CREAT, 0o644)
	wantErr(t, err, abi.EROFS)
	wantErr(t, ctx.Mkdir(ctx.Cwd, "d", 0o755), abi.EROFS)
	wantErr(t, ctx.Symlink("f", ctx.Cwd, "l"), abi.EROFS)
	wantErr(t, ctx.Link(p, ctx.Cwd, "h"), abi.EROFS)
	wantErr(t, ctx.Unlink(ctx.Cwd, "f"), abi.EROFS)
	wantErr(t, ctx.Rename(ctx.Cwd, "f", ctx.Cwd, "g", 0), abi.EROFS)
	wantErr(t, ctx.Chmod(p, 0o600), abi.EROFS)
	wantErr(t, ctx.Truncate(p, 0), abi.EROFS)
	wantErr(t, p.Inode().(vfs.Xattrs).SetXattr("user.a", nil, 0), abi.EROFS)
}

func TestLinksOfTheHostAreResolvedInTheContainer(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	must(t, os.WriteFile(filepath.Join(base, "secret"), []byte("secret"), 0o644))
	dir := filepath.Join(base, "in")
	must(t, os.Mkdir(dir, 0o755))
	for name, target := range map[string]string{
		"abs": filepath.Join(base, "secret"), "up": "../secret", "upup": "../../../../../../../../" + base + "/secret", "dir": base,
		"loop": "loop", "proc": "/proc/self/root" + base + "/secret",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	ctx := mount(t, dir, Options{}, nil)
	for _, name := range []string{"abs", "up", "upup", "dir/secret", "../secret", "../in/../secret", "proc", "loop", "loop/x"} {
		if s, err := get(ctx, name); err == nil && s == "secret" {
			t.Errorf("%s leads to %q", name, s)
		}
		if f, err := ctx.Open(ctx.Cwd, name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, 0o644); err == nil {
			f.Release()
		}
	}
	if err := ctx.Mkdir(ctx.Cwd, "dir/made", 0o755); err == nil {
		t.Error("mkdir through a link to an absolute path succeeded")
	}
	if b, err := os.ReadFile(filepath.Join(base, "secret")); err != nil || string(b) != "secret" {
		t.Errorf("outside is now %q, %v", b, err)
	}
	if list, err := os.ReadDir(base); err != nil || len(list) != 2 {
		t.Errorf("outside has %v, %v", list, err)
	}
}

// A directory and a file are swapped for links that lead out, all the time, while the container opens, writes, lists and
// removes.
func TestNoRaceLeadsOutOfTheMount(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	in, out := filepath.Join(base, "in"), filepath.Join(base, "out")
	for _, d := range []string{in, out, filepath.Join(in, "d")} {
		must(t, os.Mkdir(d, 0o755))
	}
	for _, d := range []string{out, filepath.Join(in, "d")} {
		must(t, os.WriteFile(filepath.Join(d, "f"), []byte(filepath.Base(d)), 0o644))
	}
	must(t, os.Symlink(out, filepath.Join(in, "link")))
	must(t, os.Symlink(filepath.Join(out, "f"), filepath.Join(in, "flink")))
	must(t, os.WriteFile(filepath.Join(in, "file"), []byte("d"), 0o644))

	var stop atomic.Bool
	var wg sync.WaitGroup
	for _, pair := range [][2]string{{"d", "link"}, {"file", "flink"}} {
		wg.Go(func() { // the attacker: another process of the host, or another container with the same bind
			a, b, tmp := filepath.Join(in, pair[0]), filepath.Join(in, pair[1]), filepath.Join(in, pair[0]+".tmp")
			for !stop.Load() {
				os.Rename(a, tmp)
				os.Rename(b, a)
				os.Rename(a, b)
				os.Rename(tmp, a)
			}
		})
	}
	ctx := mount(t, in, Options{}, nil)
	opened := 0
	for i := range 4000 {
		for _, name := range []string{"d/f", "file"} {
			if s, err := get(ctx, name); err == nil {
				opened++
				if s != "d" {
					t.Fatalf("%s reads %q", name, s)
				}
			}
			if f, err := ctx.Open(ctx.Cwd, name, abi.O_WRONLY|abi.O_APPEND, 0); err == nil {
				st, err := f.Stat()
				if err == nil && st.Size != 1 {
					t.Fatalf("%s has %d bytes", name, st.Size)
				}
				f.Release()
			}
		}
		if p, err := ctx.Walk(ctx.Cwd, "d/f", false); err == nil {
			ctx.Chmod(p, 0o644|uint32(i&1)<<6)
			ctx.Truncate(p, 1)
		}
		ctx.Mkdir(ctx.Cwd, "d/made", 0o755)
		ctx.Rmdir(ctx.Cwd, "d/made")
		ctx.Symlink("x", ctx.Cwd, "d/made")
		ctx.Rename(ctx.Cwd, "d/made", ctx.Cwd, "d/moved", 0)
		ctx.Unlink(ctx.Cwd, "d/moved")
	}
	stop.Store(true)
	wg.Wait()
	if opened == 0 {
		t.Error("nothing could be opened at all")
	}
	list, err := os.ReadDir(out)
	if err != nil || len(list) != 1 {
		t.Errorf("outside has %v, %v", list, err)
	}
	if info, err := os.Stat(filepath.Join(out, "f")); err != nil || info.Size() != 3 || info.Mode() != 0o644 {
		t.Errorf("the file outside is %v, %v", info, err)
	}
}

func TestADirectoryPutInAnothersPlaceIsNotTakenForIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{}, nil)
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o755))
	cwd := *ctx
	cwd.Cwd = walk(t, ctx, "d")
	must(t, os.Rename(filepath.Join(dir, "d"), filepath.Join(dir, "old")))
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	_, err := cwd.Open(cwd.Cwd, "f", abi.O_WRONLY|abi.O_CREAT, 0o644)
	wantErr(t, err, abi.ESTALE)
	put(t, ctx, "d/f", "x", 0o644)
}

func TestManyDirectoriesDoNotUseUpDescriptors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{}, nil)
	for i := range 3 * maxDirs {
		name := "d" + strconv.Itoa(i)
		must(t, ctx.Mkdir(ctx.Cwd, name, 0o755))
		put(t, ctx, name+"/f", name, 0o644)
	}
	for i := range 3 * maxDirs {
		name := "d" + strconv.Itoa(i)
		if s, err := get(ctx, name+"/f"); err != nil || s != name {
			t.Fatalf("%s: %q, %v", name, s, err)
		}
	}
	fs := ctx.Root.Inode().(dirNode).fs
	if n := len(fs.dirs.open); n > maxDirs {
		t.Errorf("%d directories are open, want at most %d", n, maxDirs)
	}
}

func TestSpecialFilesOfTheHostCannotBeOpened(t *testing.T) {
	t.Parallel()
	ctx := mount(t, "/dev", Options{}, nil)
	_, err := ctx.Open(ctx.Cwd, "null", abi.O_RDONLY, 0)
	wantErr(t, err, abi.ENXIO)
	if st := stat(t, ctx, "null"); st.Mode&abi.S_IFMT != abi.S_IFCHR || abi.Major(st.Rdev) != 1 || abi.Minor(st.Rdev) != 3 {
		t.Errorf("null is %+v", st)
	}
}

func TestSpecialFilesMadeInABindAreTheSandboxes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{}, nil)
	other := mount(t, dir, Options{}, nil)
	must(t, ctx.Mknod(ctx.Cwd, "fifo", abi.S_IFIFO|0o644, 0))
	asked := 0
	special := func(vfs.Path, abi.Stat, int) (vfs.File, error) { asked++; return nil, abi.EAGAIN }
	ctx.Special, other.Special = special, special
	_, err := ctx.Open(ctx.Cwd, "fifo", abi.O_RDONLY, 0)
	wantErr(t, err, abi.EAGAIN)
	_, err = other.Open(other.Cwd, "fifo", abi.O_RDONLY, 0) // somebody else's, as far as this mount knows
	wantErr(t, err, abi.ENXIO)
	if asked != 1 {
		t.Errorf("the kernel was asked %d times, want 1", asked)
	}
	wantErr(t, ctx.Mknod(ctx.Cwd, "sda", abi.S_IFBLK|0o600, abi.Mkdev(8, 0)), abi.EPERM)
}

func TestABindAsAnOrdinaryUserRefusesWhatTheHostWould(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{UID: 7, GID: 8}, ordinary())
	put(t, ctx, "f", "x", 0o644)
	p := walk(t, ctx, "f")
	if st := stat(t, ctx, "f"); st.UID != 7 || st.GID != 8 {
		t.Errorf("the daemon's own file is shown as %d:%d", st.UID, st.GID)
	}
	must(t, ctx.Chown(p, 7, 8))
	wantErr(t, ctx.Chown(p, 0, 0), abi.EPERM)
	wantErr(t, ctx.Chmod(p, 0o4755), abi.EPERM)
	wantErr(t, p.Inode().(vfs.Xattrs).SetXattr("trusted.x", []byte("1"), 0), abi.EPERM)
	if os.Geteuid() == 0 {
		must(t, os.Chown(filepath.Join(dir, "f"), 1234, 1234))
		if st := stat(t, ctx, "f"); st.UID != Nobody || st.GID != Nobody {
			t.Errorf("somebody else's file is shown as %d:%d", st.UID, st.GID)
		}
	}
}

func TestADaemonThatIsRootSetsTheHostsOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777))
	ctx := mount(t, dir, Options{}, nil)
	put(t, as(ctx, 1000), "f", "x", 0o644)
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o755))
	must(t, ctx.Chown(walk(t, ctx, "d"), 5, 6))
	for name, want := range map[string][2]uint32{"f": {1000, 1000}, "d": {5, 6}} {
		if st := stat(t, ctx, name); st.UID != want[0] || st.GID != want[1] {
			t.Errorf("%s belongs to %d:%d, want %v", name, st.UID, st.GID, want)
		}
	}
	_, err := as(ctx, 1001).Open(ctx.Cwd, "f", abi.O_WRONLY, 0)
	wantErr(t, err, abi.EACCES)
}

func TestASingleFileCanBeMounted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "conf")
	must(t, os.WriteFile(name, []byte("one"), 0o644))
	fs, err := Open(name, Options{})
	must(t, err)
	t.Cleanup(func() { fs.Close() })
	ctx := mount(t, t.TempDir(), Options{}, nil)
	put(t, ctx, "etc", "", 0o644)
	_, err = ctx.NS.Mount(fs.Filesystem().Root(), walk(t, ctx, "etc"), 0)
	must(t, err)
	if s, err := get(ctx, "etc"); err != nil || s != "one" {
		t.Errorf("reads %q, %v", s, err)
	}
	put(t, ctx, "etc", "two", 0)
	if b, err := os.ReadFile(name); err != nil || string(b) != "two" {
		t.Errorf("the host reads %q, %v", b, err)
	}
	wantErr(t, ctx.Unlink(ctx.Cwd, "etc"), abi.EBUSY)
	must(t, os.Remove(name))
	must(t, os.Symlink("/etc/passwd", name))
	if s, err := get(ctx, "etc"); err == nil {
		t.Errorf("a link in the file's place was followed: %q", s)
	}
}

func TestAClosedFilesystemAnswersEIO(t *testing.T) {
	t.Parallel()
	fs, err := Open(t.TempDir(), Options{})
	must(t, err)
	must(t, fs.Close())
	must(t, fs.Close())
	_, err = fs.Filesystem().Root().Inode().Stat()
	wantErr(t, err, abi.EIO)
}

func TestMountsDeepInADirectoryOfTheHostStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := mount(t, dir, Options{}, nil)
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o755))
	over := mount(t, t.TempDir(), Options{}, nil).Root.Dentry
	m, err := ctx.NS.Mount(over, walk(t, ctx, "a/b"), 0)
	must(t, err)
	put(t, ctx, "a/b/f", "x", 0o644)
	if _, err := os.Stat(filepath.Join(dir, "a/b/f")); err == nil {
		t.Error("the file went to the directory below the mount")
	}
	wantErr(t, ctx.Rename(ctx.Cwd, "a/b", ctx.Cwd, "z", 0), abi.EBUSY)
	wantErr(t, ctx.Rename(ctx.Cwd, "a", ctx.Cwd, "z", 0), abi.EBUSY)
	must(t, ctx.NS.Unmount(m))
	stat(t, ctx, "a/b/c")
	must(t, ctx.Rename(ctx.Cwd, "a", ctx.Cwd, "z", 0))
}
