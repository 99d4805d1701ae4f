package vfs_test

import (
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

// newContext makes a root's view of an empty tmpfs.
func newContext() *vfs.Context {
	ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{Mode: 0o755}), 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
}

// as returns the view of another user.
func as(ctx *vfs.Context, uid, gid uint32, groups ...uint32) *vfs.Context {
	c := *ctx
	c.Cred = &vfs.Cred{UID: uid, GID: gid, Groups: groups}
	return &c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, ctx *vfs.Context, path, data string) {
	t.Helper()
	f, err := ctx.Open(ctx.Cwd, path, abi.O_CREAT|abi.O_WRONLY|abi.O_TRUNC, 0o644)
	must(t, err)
	_, err = f.Write([]byte(data))
	must(t, err)
	must(t, f.Release())
}

func read(t *testing.T, ctx *vfs.Context, path string) string {
	t.Helper()
	f, err := ctx.Open(ctx.Cwd, path, abi.O_RDONLY, 0)
	must(t, err)
	defer f.Release()
	buf := make([]byte, 1000)
	n, err := f.Read(buf)
	must(t, err)
	return string(buf[:n])
}

func walk(t *testing.T, ctx *vfs.Context, path string) vfs.Path {
	t.Helper()
	p, err := ctx.Walk(ctx.Cwd, path, true)
	if err != nil {
		t.Fatalf("walk %s: %v", path, err)
	}
	return p
}

func TestPathsAreResolvedAsLinuxDoes(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	for _, d := range []string{"/a", "/a/b", "/a/b/c", "/jail", "/jail/in"} {
		must(t, ctx.Mkdir(ctx.Cwd, d, 0o755))
	}
	touch(t, ctx, "/a/f", "f")
	for link, to := range map[string]string{
		"/abs": "/a/b", "/rel": "a/b", "/a/up": "../a/f", "/loop": "loop", "/l1": "l2", "/l2": "l1", "/dangling": "none/x",
		"/slash": "a/f/", "/jail/out": "/in", "/jail/up": "../../../in", "/a/self": ".",
	} {
		must(t, ctx.Symlink(to, ctx.Cwd, link))
	}
	jail := *ctx
	jail.Root = walk(t, ctx, "/jail")
	jail.Cwd = jail.Root
	tests := []struct {
		path   string
		follow bool
		want   string // the place's name, or an error's
	}{
		{"", true, "ENOENT"},
		{"/", true, "/"},
		{"//a///b//", true, "/a/b"},
		{"a/./b/../b", true, "/a/b"},
		{"../../a", true, "/a"},
		{"abs/c", true, "/a/b/c"},
		{"rel/..", true, "/a"},
		{"abs", false, "/abs"},
		{"abs/", false, "/a/b"},
		{"a/up", true, "/a/f"},
		{"a/f/", true, "ENOTDIR"},
		{"a/f/x", true, "ENOTDIR"},
		{"a/f/..", true, "ENOTDIR"},
		{"a/f/.", true, "ENOTDIR"},
		{"slash", true, "ENOTDIR"},
		{"loop", true, "ELOOP"},
		{"loop", false, "/loop"},
		{"l1/x", true, "ELOOP"},
		{"dangling", true, "ENOENT"},
		{"dangling", false, "/dangling"},
		{"a/none/x", true, "ENOENT"},
		{strings.Repeat("a/self/../", 39) + "a", true, "/a"},
		{strings.Repeat("a/self/b/../../", 41) + "a", true, "ELOOP"},
		{strings.Repeat("n", 256), true, "ENAMETOOLONG"},
		{strings.Repeat("n", 256) + "/x", true, "ENAMETOOLONG"},
		{strings.Repeat("./", 2100), true, "ENAMETOOLONG"},
	}
	for _, tt := range tests {
		name := nameOf(ctx, tt.path, tt.follow)
		if name != tt.want {
			t.Errorf("%.40q, follow %v: %s, want %s", tt.path, tt.follow, name, tt.want)
		}
	}
	for path, want := range map[string]string{"/..": "/", "../../../a": "ENOENT", "out": "/in", "up": "/in", "/out/../../../in": "/in"} {
		if name := nameOf(&jail, path, true); name != want {
			t.Errorf("in a chroot %q: %s, want %s", path, name, want)
		}
	}
}

func nameOf(ctx *vfs.Context, path string, follow bool) string {
	p, err := ctx.Walk(ctx.Cwd, path, follow)
	if e, ok := err.(abi.Errno); ok {
		return e.Name()
	}
	name, reachable := ctx.NS.Name(p, ctx.Root)
	if !reachable {
		return "(unreachable)" + name
	}
	return name
}

func TestPermissionsAreChecked(t *testing.T) {
	t.Parallel()
	root := newContext()
	for _, d := range []struct {
		path     string
		mode     uint32
		uid, gid uint32
	}{{"/open", 0o777, 0, 0}, {"/sticky", 0o1777, 0, 0}, {"/closed", 0o700, 0, 0}, {"/look", 0o744, 0, 0}, {"/mine", 0o700, 1, 1}, {"/group", 0o070, 0, 50}, {"/setgid", 0o2777, 0, 50}} {
		must(t, root.Mkdir(root.Cwd, d.path, 0))
		must(t, root.Chown(walk(t, root, d.path), d.uid, d.gid))
		must(t, root.Chmod(walk(t, root, d.path), d.mode))
		touch(t, root, d.path+"/roots", "")
	}
	alice, bob := as(root, 1, 1, 50), as(root, 2, 2)
	touch(t, alice, "/sticky/alices", "")
	touch(t, alice, "/open/alices", "")
	must(t, root.Chmod(walk(t, root, "/open/roots"), 0o604))
	must(t, root.Mkdir(root.Cwd, "/setgid/sub", 0o755))
	open := func(ctx *vfs.Context, path string, flags int) error {
		f, err := ctx.Open(ctx.Cwd, path, flags, 0o644)
		if err == nil {
			f.Release()
		}
		return err
	}
	tests := []struct {
		what string
		got  error
		want error
	}{
		{"bob reads for others", open(bob, "/open/roots", abi.O_RDONLY), nil},
		{"bob writes root's file", open(bob, "/open/roots", abi.O_WRONLY), abi.EACCES},
		{"bob truncates root's file", open(bob, "/open/roots", abi.O_RDONLY|abi.O_TRUNC), abi.EACCES},
		{"bob enters a closed directory", open(bob, "/closed/roots", abi.O_RDONLY), abi.EACCES},
		{"root enters it", open(root, "/closed/roots", abi.O_RDONLY), nil},
		{"bob lists without search", open(bob, "/look", abi.O_RDONLY|abi.O_DIRECTORY), nil},
		{"bob searches without x", open(bob, "/look/roots", abi.O_RDONLY), abi.EACCES},
		{"alice in her own", open(alice, "/mine/new", abi.O_CREAT|abi.O_WRONLY), nil},
		{"bob in hers", open(bob, "/mine/new", abi.O_CREAT|abi.O_WRONLY), abi.EACCES},
		{"alice by a group", open(alice, "/group/new", abi.O_CREAT|abi.O_WRONLY), nil},
		{"bob not of the group", open(bob, "/group/new", abi.O_CREAT|abi.O_WRONLY), abi.EACCES},
		{"bob removes hers in an open directory", bob.Unlink(bob.Cwd, "/open/alices"), nil},
		{"bob removes hers in a sticky one", bob.Unlink(bob.Cwd, "/sticky/alices"), abi.EPERM},
		{"bob renames hers in a sticky one", bob.Rename(bob.Cwd, "/sticky/alices", bob.Cwd, "/sticky/bobs", 0), abi.EPERM},
		{"alice renames hers", alice.Rename(alice.Cwd, "/sticky/alices", alice.Cwd, "/sticky/hers", 0), nil},
		{"bob removes from a closed directory", bob.Unlink(bob.Cwd, "/closed/roots"), abi.EACCES},
		{"bob makes a device", bob.Mknod(bob.Cwd, "/open/null", abi.S_IFCHR|0o666, abi.Mkdev(1, 3)), abi.EPERM},
		{"bob makes a fifo", bob.Mknod(bob.Cwd, "/open/fifo", abi.S_IFIFO|0o666, 0), nil},
		{"bob changes alice's mode", bob.Chmod(walk(t, root, "/sticky/hers"), 0o777), abi.EPERM},
		{"alice gives hers away", alice.Chown(walk(t, root, "/sticky/hers"), 2, vfs.NoID), abi.EPERM},
		{"alice gives hers to her group", alice.Chown(walk(t, root, "/sticky/hers"), vfs.NoID, 50), nil},
		{"alice gives hers to another group", alice.Chown(walk(t, root, "/sticky/hers"), vfs.NoID, 51), abi.EPERM},
		{"bob sets times of hers", bob.Utimes(walk(t, root, "/sticky/hers"), &abi.Timespec{}, nil, false), abi.EPERM},
		{"bob sets now on hers", bob.Utimes(walk(t, root, "/sticky/hers"), &abi.Timespec{}, nil, true), abi.EACCES},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, tt.got, tt.want)
		}
	}
	touch(t, bob, "/setgid/new", "")
	if st, _ := walk(t, root, "/setgid/new").Inode().Stat(); st.GID != 50 || st.Mode&abi.S_ISGID != 0 {
		t.Errorf("a file in a set-group-ID directory has group %d, mode %o", st.GID, st.Mode)
	}
	if st, _ := walk(t, root, "/setgid/sub").Inode().Stat(); st.GID != 50 || st.Mode&abi.S_ISGID == 0 {
		t.Errorf("a directory in a set-group-ID directory has group %d, mode %o", st.GID, st.Mode)
	}
}

func TestMountsCoverAndUncover(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	for _, d := range []string{"/mnt", "/mnt/below", "/other"} {
		must(t, ctx.Mkdir(ctx.Cwd, d, 0o755))
	}
	touch(t, ctx, "/file", "covered")
	fs := tmpfs.New(tmpfs.Options{})
	m, err := ctx.NS.Mount(fs.Root(), walk(t, ctx, "/mnt"), 0)
	must(t, err)
	must(t, ctx.Mkdir(ctx.Cwd, "/mnt/dir", 0o755))
	touch(t, ctx, "/mnt/f", "above")
	check := func(path, want string) {
		t.Helper()
		if name := nameOf(ctx, path, true); name != want {
			t.Errorf("%s: %s, want %s", path, name, want)
		}
	}
	check("/mnt/below", "ENOENT")
	check("/mnt/dir/../..", "/")
	check("/mnt/dir/../../other", "/other")
	if name := ctx.NS.MountPoint(m); name != "/mnt" {
		t.Errorf("mounted at %s", name)
	}

	over, err := ctx.NS.Mount(tmpfs.New(tmpfs.Options{}).Root(), walk(t, ctx, "/mnt"), vfs.ReadOnly)
	must(t, err)
	check("/mnt/dir", "ENOENT")
	if err := ctx.NS.Unmount(m); err != abi.EINVAL && err != abi.EBUSY {
		t.Errorf("unmount of a covered mount: %v", err)
	}
	for what, err := range map[string]error{
		"mkdir":               ctx.Mkdir(ctx.Cwd, "/mnt/x", 0o755),
		"rename of a mount":   ctx.Rename(ctx.Cwd, "/mnt", ctx.Cwd, "/moved", 0),
		"rmdir of a mount":    ctx.Rmdir(ctx.Cwd, "/mnt"),
		"rename across":       ctx.Rename(ctx.Cwd, "/file", ctx.Cwd, "/mnt/file", 0),
		"link across":         ctx.Link(walk(t, ctx, "/file"), ctx.Cwd, "/mnt/file"),
		"directory on file":   mountError(ctx, fs.Root(), walk(t, ctx, "/file")),
		"unmount of the root": ctx.NS.Unmount(walk(t, ctx, "/").Mount),
	} {
		want := map[string]error{"mkdir": abi.EROFS, "rename of a mount": abi.EBUSY, "rmdir of a mount": abi.EBUSY, "rename across": abi.EXDEV,
			"link across": abi.EXDEV, "directory on file": abi.ENOTDIR, "unmount of the root": abi.EINVAL}[what]
		if err != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	must(t, ctx.NS.Unmount(over))
	check("/mnt/dir", "/mnt/dir")

	// A bind of a file, and of a part of a filesystem.
	bind, err := ctx.NS.Mount(walk(t, ctx, "/mnt/f").Dentry, walk(t, ctx, "/file"), vfs.ReadOnly)
	must(t, err)
	if got := read(t, ctx, "/file"); got != "above" {
		t.Errorf("bound file reads %q", got)
	}
	if _, err := ctx.Open(ctx.Cwd, "/file", abi.O_WRONLY, 0); err != abi.EROFS {
		t.Errorf("writing through a read-only bind: %v", err)
	}
	must(t, ctx.NS.Unmount(bind))
	if got := read(t, ctx, "/file"); got != "covered" {
		t.Errorf("uncovered file reads %q", got)
	}
	_, err = ctx.NS.Mount(walk(t, ctx, "/mnt/dir").Dentry, walk(t, ctx, "/other"), 0)
	must(t, err)
	touch(t, ctx, "/other/x", "shared")
	if got := read(t, ctx, "/mnt/dir/x"); got != "shared" {
		t.Errorf("read %q", got)
	}
	check("/other/..", "/")
	must(t, ctx.NS.Unmount(m))
	check("/mnt/below", "/mnt/below")
}

func mountError(ctx *vfs.Context, d *vfs.Dentry, at vfs.Path) error {
	_, err := ctx.NS.Mount(d, at, 0)
	return err
}

func TestOpenFlags(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o755))
	touch(t, ctx, "f", "data")
	must(t, ctx.Symlink("f", ctx.Cwd, "l"))
	must(t, ctx.Symlink("made", ctx.Cwd, "to-new"))
	must(t, ctx.Mknod(ctx.Cwd, "fifo", abi.S_IFIFO|0o644, 0))
	tests := []struct {
		path  string
		flags int
		want  error
	}{
		{"f", abi.O_CREAT | abi.O_EXCL, abi.EEXIST},
		{"l", abi.O_CREAT | abi.O_EXCL, abi.EEXIST},
		{"l", abi.O_NOFOLLOW, abi.ELOOP},
		{"l", abi.O_NOFOLLOW | abi.O_PATH, nil},
		{"to-new", abi.O_RDWR, abi.ENOENT},
		{"to-new", abi.O_RDWR | abi.O_CREAT, nil},
		{"made", abi.O_RDONLY, nil},
		{"f", abi.O_DIRECTORY, abi.ENOTDIR},
		{"d", abi.O_DIRECTORY, nil},
		{"d", abi.O_RDWR, abi.EISDIR},
		{"d", abi.O_CREAT, abi.EISDIR},
		{"new/", abi.O_CREAT, abi.EISDIR},
		{"f/", abi.O_RDONLY, abi.ENOTDIR},
		{"none/new", abi.O_CREAT, abi.ENOENT},
		{"fifo", abi.O_RDONLY, abi.ENXIO}, // this context opens no fifos
	}
	for _, tt := range tests {
		f, err := ctx.Open(ctx.Cwd, tt.path, tt.flags, 0o644)
		if err == nil {
			f.Release()
		}
		if err != tt.want {
			t.Errorf("open %s, %#x: %v, want %v", tt.path, tt.flags, err, tt.want)
		}
	}
}

func TestAccessModeIsKept(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	touch(t, ctx, "f", "data")
	buf := make([]byte, 10)
	for flags, want := range map[int][2]error{abi.O_RDONLY: {nil, abi.EBADF}, abi.O_WRONLY: {abi.EBADF, nil}, abi.O_RDWR: {nil, nil}, abi.O_PATH: {abi.EBADF, abi.EBADF}} {
		f, err := ctx.Open(ctx.Cwd, "f", flags, 0)
		must(t, err)
		_, rerr := f.Read(buf)
		_, werr := f.Write(buf)
		if rerr != want[0] || werr != want[1] {
			t.Errorf("flags %#x: read %v, write %v", flags, rerr, werr)
		}
		must(t, f.Release())
	}
}

func TestSeekMovesThePosition(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	touch(t, ctx, "f", "0123456789")
	f, err := ctx.Open(ctx.Cwd, "f", abi.O_RDWR, 0)
	must(t, err)
	defer f.Release()
	for _, tt := range []struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		{4, abi.SEEK_SET, 4, nil}, {3, abi.SEEK_CUR, 7, nil}, {-2, abi.SEEK_END, 8, nil}, {-9, abi.SEEK_CUR, 0, abi.EINVAL},
		{0, abi.SEEK_CUR, 8, nil}, {20, abi.SEEK_END, 30, nil}, {0, 9, 0, abi.EINVAL}, {3, abi.SEEK_DATA, 3, nil},
		{3, abi.SEEK_HOLE, 10, nil}, {10, abi.SEEK_DATA, 0, abi.ENXIO},
	} {
		if got, err := f.Seek(tt.off, tt.whence); got != tt.want || err != tt.err {
			t.Errorf("seek %d, %d = %d, %v; want %d, %v", tt.off, tt.whence, got, err, tt.want, tt.err)
		}
	}
}

func TestDirectoryListingSurvivesRemoval(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o755))
	for _, name := range []string{"a", "b", "c"} {
		touch(t, ctx, "d/"+name, "")
	}
	f, err := ctx.Open(ctx.Cwd, "d", abi.O_RDONLY|abi.O_DIRECTORY, 0)
	must(t, err)
	defer f.Release()
	var got []string
	for range 2 {
		must(t, f.ReadDir(func(e vfs.Dirent, _ int64) bool {
			got = append(got, e.Name)
			if e.Name != "." && e.Name != ".." {
				must(t, ctx.Unlink(ctx.Cwd, "d/"+e.Name))
			}
			return true
		}))
		_, err := f.Seek(0, abi.SEEK_SET)
		must(t, err)
	}
	if s := strings.Join(got, " "); s != ". .. a b c . .." {
		t.Errorf("listed %q", s)
	}
}

func TestRemovedDirectoryTakesNoEntries(t *testing.T) {
	t.Parallel()
	ctx := newContext()
	must(t, ctx.Mkdir(ctx.Cwd, "d", 0o755))
	d := walk(t, ctx, "d")
	must(t, ctx.Rmdir(ctx.Cwd, "d"))
	if err := ctx.Mkdir(d, "x", 0o755); err != abi.ENOENT {
		t.Errorf("mkdir in a removed directory: %v", err)
	}
	if _, err := ctx.Open(d, "x", abi.O_CREAT|abi.O_RDWR, 0o644); err != abi.ENOENT {
		t.Errorf("create in a removed directory: %v", err)
	}
	if !d.Dentry.Removed() {
		t.Error("the dentry does not know that it is removed")
	}
}
