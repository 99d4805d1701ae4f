package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

func sandbox(fs *vfs.Filesystem) *vfs.Context {
	ns := vfs.NewNamespace(fs, 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}, Umask: 0o022}
}

func newSandbox() *vfs.Context { return sandbox(tmpfs.New(tmpfs.Options{Mode: 0o755})) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func walk(t *testing.T, v *vfs.Context, name string) vfs.Path {
	t.Helper()
	p, err := v.Walk(v.Root, name, false)
	if err != nil {
		t.Fatalf("walk %s: %v", name, err)
	}
	return p
}

func put(t *testing.T, v *vfs.Context, name, data string, mode uint32) vfs.Path {
	t.Helper()
	f, err := v.Open(v.Root, name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, mode)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	defer f.Release()
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatalf("write %s: %v", name, err)
	}
	return f.Path
}

func get(t *testing.T, v *vfs.Context, name string) string {
	t.Helper()
	f, err := v.Open(v.Root, name, abi.O_RDONLY, 0)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	defer f.Release()
	buf := make([]byte, 1<<20)
	n, err := f.Read(buf)
	must(t, err)
	return string(buf[:n])
}

// describe lists a tree, a line for each file with all that an archive carries.
func describe(t *testing.T, v *vfs.Context, top string) string {
	t.Helper()
	var b strings.Builder
	links := map[uint64]string{}
	var visit func(name string)
	visit = func(name string) {
		p := walk(t, v, path.Join(top, name))
		st, err := p.Inode().Stat()
		must(t, err)
		extra := ""
		switch st.Mode & abi.S_IFMT {
		case abi.S_IFLNK:
			extra, err = p.Inode().Readlink()
			must(t, err)
		case abi.S_IFREG:
			extra = get(t, v, path.Join(top, name))
			if len(extra) > 20 {
				extra = fmt.Sprintf("%d bytes %s", len(extra), extra[len(extra)-5:])
			}
			if st.Nlink > 1 {
				if links[st.Ino] == "" {
					links[st.Ino] = name
				}
				extra += " = " + links[st.Ino]
			}
		}
		if x, ok := p.Inode().(vfs.Xattrs); ok {
			names, err := x.ListXattr()
			must(t, err)
			for _, n := range names {
				value, err := x.GetXattr(n)
				must(t, err)
				extra += fmt.Sprintf(" %s=%x", n, value)
			}
		}
		fmt.Fprintf(&b, "%s %o %d:%d %x %d.%09d %s\n", name, st.Mode, st.UID, st.GID, st.Rdev, st.Mtim.Sec, st.Mtim.Nsec, extra)
		if st.Mode&abi.S_IFMT == abi.S_IFDIR {
			list, err := p.Inode().ReadDir()
			must(t, err)
			slices.SortFunc(list, func(a, b vfs.Dirent) int { return strings.Compare(a.Name, b.Name) })
			for _, e := range list {
				visit(path.Join(name, e.Name))
			}
		}
	}
	visit(".")
	return b.String()
}

// tree makes /src with one of everything.
func tree(t *testing.T) *vfs.Context {
	t.Helper()
	v := newSandbox()
	v.Umask = 0
	must(t, v.Mkdir(v.Root, "/src", 0o751))
	must(t, v.Mkdir(v.Root, "/src/sticky", 0o1777))
	long := "/src/" + strings.Repeat("long", 50)
	must(t, v.Mkdir(v.Root, long, 0o700))
	must(t, v.Chown(put(t, v, long+"/"+strings.Repeat("ü", 100), "deep", 0o600), 1000, 1<<31))
	must(t, v.Chmod(put(t, v, "/src/suid", "x", 0o755), 0o6755))
	put(t, v, "/src/big", strings.Repeat("0123456789", 70000)+"end", 0o644)
	put(t, v, "/src/empty", "", 0)
	must(t, v.Link(walk(t, v, "/src/suid"), v.Root, "/src/zlink"))
	must(t, v.Symlink("../src/suid", v.Root, "/src/rel"))
	must(t, v.Symlink("/etc/passwd", v.Root, "/src/abs"))
	must(t, v.Chown(walk(t, v, "/src/abs"), 5, 6))
	must(t, v.Mknod(v.Root, "/src/fifo", abi.S_IFIFO|0o620, 0))
	must(t, v.Mknod(v.Root, "/src/null", abi.S_IFCHR|0o666, abi.Mkdev(1, 3)))
	must(t, v.Mknod(v.Root, "/src/disk", abi.S_IFBLK|0o660, abi.Mkdev(8, 300)))
	x := walk(t, v, "/src/big").Inode().(vfs.Xattrs)
	must(t, x.SetXattr("user.note", []byte("a=b\n\x00c"), 0))
	must(t, x.SetXattr("security.capability", []byte{1, 0, 0, 2}, 0))
	for i, name := range []string{"suid", "big", "abs", "fifo", "sticky", strings.Repeat("long", 50), "."} {
		ts := abi.Timespec{Sec: int64(1e9 + i), Nsec: 123456789}
		must(t, v.Utimes(walk(t, v, "/src/"+name), &ts, &ts, false))
	}
	v.Umask = 0o022
	return v
}

func write(t *testing.T, v *vfs.Context, name string, opts WriteOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, Write(t.Context(), &b, v, walk(t, v, name), opts))
	return b.Bytes()
}

func TestATreeComesBackAsItWas(t *testing.T) {
	t.Parallel()
	v := tree(t)
	want := describe(t, v, "/src")
	data := write(t, v, "/src", WriteOptions{Name: "dst"})
	for name, to := range map[string]*vfs.Context{"memory": newSandbox(), "volume": volume(t)} {
		must(t, Extract(t.Context(), bytes.NewReader(data), to, to.Root, ExtractOptions{}))
		if got := describe(t, to, "/dst"); got != want && name == "memory" {
			t.Errorf("%s: unpacked\n%s\nwant\n%s", name, got, want)
		} else if name == "volume" && strip(got) != strip(want) {
			t.Errorf("%s: unpacked\n%s\nwant\n%s", name, got, want)
		}
		must(t, Extract(t.Context(), bytes.NewReader(data), to, to.Root, ExtractOptions{NoOverwriteDirNonDir: true})) // over itself
		if got := describe(t, to, "/dst"); strip(got) != strip(want) {
			t.Errorf("%s: unpacked twice\n%s\nwant\n%s", name, got, want)
		}
	}
}

// strip leaves user attributes out, which the host's filesystem may not have.
func strip(s string) string { return strings.ReplaceAll(s, " user.note=613d620a0063", "") }

func volume(t *testing.T) *vfs.Context {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "data"), 0o755))
	o, err := hostfs.OpenOwners(filepath.Join(dir, "meta"))
	must(t, err)
	fs, err := hostfs.Open(filepath.Join(dir, "data"), hostfs.Options{Owners: o})
	must(t, err)
	t.Cleanup(func() { fs.Close(); o.Close() })
	return sandbox(fs.Filesystem())
}

func TestNamesOfEntries(t *testing.T) {
	t.Parallel()
	v := newSandbox()
	must(t, v.Mkdir(v.Root, "/d", 0o755))
	must(t, v.Mkdir(v.Root, "/d/m", 0o755))
	put(t, v, "/d/f", "x", 0o644)
	put(t, v, "/d/bound", "", 0o644)
	must(t, v.Mknod(v.Root, "/d/socket", abi.S_IFSOCK|0o600, 0))
	inner := tmpfs.New(tmpfs.Options{})
	_, err := v.NS.Mount(inner.Root(), walk(t, v, "/d/m"), 0)
	must(t, err)
	put(t, v, "/d/m/inside", "x", 0o644)
	_, err = v.NS.Mount(walk(t, v, "/d/f").Dentry, walk(t, v, "/d/bound"), 0)
	must(t, err)
	for _, c := range []struct {
		at   string
		opts WriteOptions
		want string
	}{
		{"/d", WriteOptions{Name: "e"}, "e/ e/bound e/f e/m/ e/m/inside"},
		{"/d", WriteOptions{}, "bound f m/ m/inside"},
		{"/d", WriteOptions{SameMount: true}, "bound f m/"},
		{"/d/f", WriteOptions{Name: "g"}, "g"},
		{"/d", WriteOptions{Name: "."}, "./ ./bound ./f ./m/ ./m/inside"},
		{"/", WriteOptions{Name: "/"}, "/ /d/ /d/bound /d/f /d/m/ /d/m/inside"},
	} {
		var names []string
		tr := tar.NewReader(bytes.NewReader(write(t, v, c.at, c.opts)))
		for hdr, err := tr.Next(); err != io.EOF; hdr, err = tr.Next() {
			must(t, err)
			names = append(names, hdr.Name)
		}
		got := strings.Join(names, " ")
		if got != c.want {
			t.Errorf("%s as %q: %s, want %s", c.at, c.opts.Name, got, c.want)
		}
	}
}

// pack makes an archive of headers; regular files hold their own name.
func pack(t *testing.T, list ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range list {
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		must(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := w.Write([]byte(h.Name))
			must(t, err)
		}
	}
	must(t, w.Close())
	return b.Bytes()
}

func file(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
func dir(name string) tar.Header  { return tar.Header{Name: name, Typeflag: tar.TypeDir} }
func sym(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}
}
func hard(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeLink}
}

func TestEntriesThatLeadOutAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		archive []tar.Header
		want    string
	}{
		"dots":                       {[]tar.Header{file("../evil")}, `invalid entry name "../evil"`},
		"dots inside":                {[]tar.Header{file("a/../../evil")}, `invalid entry name "a/../../evil"`},
		"just dots":                  {[]tar.Header{dir("..")}, `invalid entry name ".."`},
		"absolute dots":              {[]tar.Header{file("/../evil")}, `invalid entry name "/../evil"`},
		"link climbing out":          {[]tar.Header{sym("l", "../etc"), file("l/passwd")}, `"l/passwd" is outside of "/dst"`},
		"through an absolute dir":    {[]tar.Header{sym("l", "/etc"), file("l/passwd")}, `"l/passwd" is outside of "/dst"`},
		"through a chain":            {[]tar.Header{sym("a", "/dst/b"), sym("b", "/"), file("a/etc/passwd")}, `"a/etc/passwd" is outside of "/dst"`},
		"through one that was there": {[]tar.Header{file("out/passwd")}, `"out/passwd" is outside of "/dst"`},
		"prefix of the name":         {[]tar.Header{sym("l", "/dst2"), file("l/x")}, `"l/x" is outside of "/dst"`},
		"hard link up":               {[]tar.Header{hard("h", "../etc/passwd")}, `invalid hardlink target "../etc/passwd"`},
		"hard link through a link": {[]tar.Header{sym("l", "/etc"), hard("h", "l/passwd")},
			`invalid hardlink target "l/passwd"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newSandbox()
			for _, d := range []string{"/dst", "/dst2", "/etc"} {
				must(t, v.Mkdir(v.Root, d, 0o755))
			}
			put(t, v, "/etc/passwd", "root", 0o644)
			must(t, v.Symlink("/etc", v.Root, "/dst/out"))
			err := Extract(t.Context(), bytes.NewReader(pack(t, c.archive...)), v, walk(t, v, "/dst"), ExtractOptions{})
			var b BreakoutError
			if !errors.As(err, &b) || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if s := get(t, v, "/etc/passwd"); s != "root" {
				t.Errorf("passwd is now %q", s)
			}
			if st, err := walk(t, v, "/etc/passwd").Inode().Stat(); err != nil || st.Nlink != 1 {
				t.Errorf("passwd has %d names, %v", st.Nlink, err)
			}
			for _, evil := range []string{"/evil", "/dst2/x"} {
				if _, err := v.Walk(v.Root, evil, false); err != abi.ENOENT {
					t.Errorf("%s: %v", evil, err)
				}
			}
		})
	}
}

func TestNamesAreTakenBelowTheDirectory(t *testing.T) {
	t.Parallel()
	v := newSandbox()
	must(t, v.Mkdir(v.Root, "/dst", 0o755))
	must(t, v.Mkdir(v.Root, "/dst/real", 0o755))
	must(t, v.Symlink("real", v.Root, "/dst/link"))
	data := pack(t, file("/abs"), file("new/dirs/f"), file("./dot/../f"), file("link/f"), dir("./"), sym("loop", "loop"), hard("h", "/abs"),
		sym("passwd", "/etc/passwd"))
	must(t, Extract(t.Context(), bytes.NewReader(data), v, walk(t, v, "/dst"), ExtractOptions{Owner: &vfs.Owner{UID: 7, GID: 8}}))
	for name, want := range map[string]string{"abs": "/abs", "new/dirs/f": "new/dirs/f", "f": "./dot/../f", "real/f": "link/f", "h": "/abs"} {
		if got := get(t, v, "/dst/"+name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if st, err := walk(t, v, "/dst/abs").Inode().Stat(); err != nil || st.UID != 7 || st.GID != 8 || st.Nlink != 2 {
		t.Errorf("abs: %+v, %v", st, err)
	}
	if err := Extract(t.Context(), bytes.NewReader(pack(t, file("loop/x"))), v, walk(t, v, "/dst"), ExtractOptions{}); !errors.Is(err, abi.ELOOP) {
		t.Errorf("through a link to itself: %v", err)
	}
}

func TestOverwriting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts ExtractOptions
		with tar.Header
		want string // the error, or what the name is then
	}{
		"a directory with a file":             {ExtractOptions{}, file("dir"), "file"},
		"a file with a directory":             {ExtractOptions{}, dir("file"), "dir"},
		"a link with a file":                  {ExtractOptions{}, file("link"), "file"},
		"a directory with a file, refused":    {ExtractOptions{NoOverwriteDirNonDir: true}, file("dir"), `cannot overwrite directory "dir" with non-directory "/dst"`},
		"a file with a directory, refused":    {ExtractOptions{NoOverwriteDirNonDir: true}, dir("file"), `cannot overwrite non-directory "file" with directory "/dst"`},
		"a directory with a link, refused":    {ExtractOptions{NoOverwriteDirNonDir: true}, sym("dir", "file"), `cannot overwrite directory "dir" with non-directory "/dst"`},
		"a link to a directory with the same": {ExtractOptions{NoOverwriteDirNonDir: true}, dir("link"), `cannot overwrite non-directory "link" with directory "/dst"`},
		"a file with a file":                  {ExtractOptions{NoOverwriteDirNonDir: true}, file("file"), "file"},
		"a mount point":                       {ExtractOptions{}, file("mount"), "extract mount: device or resource busy"},
		"a directory that holds a mount":      {ExtractOptions{}, file("outer"), "extract outer: device or resource busy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newSandbox()
			for _, d := range []string{"/dst", "/dst/dir", "/dst/dir/sub", "/dst/mount", "/dst/outer", "/dst/outer/mount", "/target"} {
				must(t, v.Mkdir(v.Root, d, 0o755))
			}
			put(t, v, "/dst/dir/sub/f", "old", 0o644)
			put(t, v, "/dst/file", "old", 0o644)
			put(t, v, "/target/f", "kept", 0o644)
			must(t, v.Symlink("/target/f", v.Root, "/dst/link"))
			for _, at := range []string{"/dst/mount", "/dst/outer/mount"} {
				_, err := v.NS.Mount(tmpfs.New(tmpfs.Options{}).Root(), walk(t, v, at), 0)
				must(t, err)
			}
			err := Extract(t.Context(), bytes.NewReader(pack(t, c.with)), v, walk(t, v, "/dst"), c.opts)
			if err == nil {
				st, serr := walk(t, v, "/dst/"+c.with.Name).Inode().Stat()
				must(t, serr)
				err = errors.New(map[uint32]string{abi.S_IFREG: "file", abi.S_IFDIR: "dir"}[st.Mode&abi.S_IFMT])
			}
			if err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if s := get(t, v, "/target/f"); s != "kept" {
				t.Errorf("the link's target holds %q", s)
			}
		})
	}
}

func TestCompressedArchives(t *testing.T) {
	t.Parallel()
	plain := pack(t, file("f"))
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write(plain)
	must(t, g.Close())
	z, err := zstd.NewWriter(&zs)
	must(t, err)
	z.Write(plain)
	must(t, z.Close())
	// an archive with f, compressed by Python's bz2
	bz, err := base64.StdEncoding.DecodeString(bzipped)
	must(t, err)
	for name, data := range map[string][]byte{"identity": plain, "gzip": gz.Bytes(), "zstd": zs.Bytes(), "bzip2": bz} {
		v := newSandbox()
		if err := Extract(t.Context(), bytes.NewReader(data), v, v.Root, ExtractOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s := get(t, v, "/f"); s != "f" {
			t.Errorf("%s: the file holds %q", name, s)
		}
		if name == "identity" {
			continue
		}
		if err := Extract(t.Context(), bytes.NewReader(data[:len(data)/2]), v, v.Root, ExtractOptions{}); err == nil {
			t.Errorf("%s: half of an archive was taken for a whole", name)
		}
	}
	v := newSandbox()
	if err := Extract(t.Context(), strings.NewReader(""), v, v.Root, ExtractOptions{}); err != nil {
		t.Errorf("an empty body: %v", err)
	}
	if err := Extract(t.Context(), strings.NewReader(strings.Repeat("no tar at all ", 100)), v, v.Root, ExtractOptions{}); err == nil {
		t.Error("nonsense was unpacked")
	}
}

func TestArchivesThatEndTooSoonOrAreTooLarge(t *testing.T) {
	t.Parallel()
	v := newSandbox()
	put(t, v, "/big", strings.Repeat("x", 3*chunk/2), 0o644)
	data := write(t, v, "/big", WriteOptions{Name: "big"})
	for _, n := range []int{2000, chunk, len(data) / 2} {
		if err := Extract(t.Context(), bytes.NewReader(data[:n]), newSandbox(), v.Root, ExtractOptions{}); err == nil {
			t.Errorf("an archive cut off at %d was taken for a whole", n)
		}
	}
	to := newSandbox()
	err := Extract(t.Context(), bytes.NewReader(data), to, to.Root, ExtractOptions{MaxBytes: chunk})
	var large TooLargeError
	if !errors.As(err, &large) {
		t.Errorf("over the limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Extract(ctx, bytes.NewReader(data), to, to.Root, ExtractOptions{}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	if err := Write(ctx, io.Discard, v, v.Root, WriteOptions{}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWhatABindCannotTakeIsLeftOut(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	fs, err := hostfs.Open(at, hostfs.Options{})
	must(t, err)
	t.Cleanup(func() { fs.Close() })
	v := sandbox(fs.Filesystem())
	h := file("f")
	h.Mode, h.PAXRecords = 0o4755, map[string]string{xattrPrefix + "trusted.x": "1"}
	must(t, Extract(t.Context(), bytes.NewReader(pack(t, h)), v, v.Root, ExtractOptions{}))
	info, err := os.Stat(filepath.Join(at, "f"))
	if err != nil || info.Mode() != 0o755 {
		t.Errorf("on the host: %v, %v", info.Mode(), err)
	}
}

func TestStatOfAPath(t *testing.T) {
	t.Parallel()
	v := newSandbox()
	must(t, v.Mkdir(v.Root, "/d", 0o1755))
	p := put(t, v, "/d/f", "12345", 0o640)
	ts := abi.Timespec{Sec: 1e9, Nsec: 5}
	must(t, v.Utimes(p, &ts, &ts, false))
	must(t, v.Symlink("../d/f", v.Root, "/d/l"))
	must(t, v.Symlink("gone/x", v.Root, "/d/broken"))
	for name, want := range map[string]PathStat{
		"/d/f":      {Name: "f", Size: 5, Mode: 0o640, Mtime: time.Unix(1e9, 5)},
		"/d/l":      {Name: "l", Size: 6, Mode: os.ModeSymlink | 0o777, LinkTarget: "/d/f"},
		"/d/broken": {Name: "broken", Size: 6, Mode: os.ModeSymlink | 0o777, LinkTarget: "/d/gone/x"},
		"/d":        {Name: "d", Mode: os.ModeDir | os.ModeSticky | 0o755},
		"/":         {Name: "/", Mode: os.ModeDir | 0o755},
	} {
		got, err := Stat(v, walk(t, v, name))
		must(t, err)
		if want.Mtime.IsZero() {
			got.Mtime = want.Mtime
		}
		if want.Mode.IsDir() {
			got.Size = 0
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

const bzipped = "QlpoOTFBWSZTWcwXIL4AAG1bgMmAYABlAAAA4QAeAAgIIABURqaNAA09QSTVDTEaMGvpjQgfAIRWP3I8pOSBEBBVicCLNI0caWyqwfZck0ACJ8XckU4UJDMFyC+A"
