package hostfs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// volume shows a volume to a daemon that is an ordinary user.
func volume(t *testing.T, dir string) *vfs.Context {
	t.Helper()
	o, err := OpenOwners(filepath.Join(dir, "meta"))
	must(t, err)
	t.Cleanup(func() { o.Close() })
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return mount(t, filepath.Join(dir, "data"), Options{Owners: o}, ordinary())
}

func TestAVolumeKeepsWhatTheHostRefusesOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := volume(t, dir)
	ctx.Umask = 0
	must(t, ctx.Chmod(ctx.Root, 0o1777))
	put(t, as(ctx, 1000), "user", "x", 0o600)
	put(t, ctx, "suid", "x", 0o755)
	must(t, ctx.Chmod(walk(t, ctx, "suid"), 0o4755))
	put(t, ctx, "locked", "x", 0)
	must(t, ctx.Mkdir(ctx.Cwd, "dir", 0))
	must(t, ctx.Chown(walk(t, ctx, "dir"), 5, 6))
	must(t, ctx.Symlink("suid", ctx.Cwd, "link"))
	must(t, ctx.Chown(walk(t, ctx, "link"), 9, 9))
	must(t, ctx.Mknod(ctx.Cwd, "null", abi.S_IFCHR|0o666, abi.Mkdev(1, 3)))
	must(t, ctx.Mknod(ctx.Cwd, "fifo", abi.S_IFIFO|0o620, 0))
	must(t, walk(t, ctx, "suid").Inode().(vfs.Xattrs).SetXattr("security.capability", []byte{1, 0}, 0))
	must(t, ctx.Rename(ctx.Cwd, "suid", ctx.Cwd, "dir/moved", 0))

	check := func(t *testing.T, ctx *vfs.Context) {
		for name, want := range map[string]abi.Stat{
			".":         {Mode: abi.S_IFDIR | 0o1777},
			"user":      {Mode: abi.S_IFREG | 0o600, UID: 1000, GID: 1000},
			"dir/moved": {Mode: abi.S_IFREG | 0o4755},
			"locked":    {Mode: abi.S_IFREG},
			"dir":       {Mode: abi.S_IFDIR, UID: 5, GID: 6},
			"link":      {Mode: abi.S_IFLNK | 0o777, UID: 9, GID: 9},
			"null":      {Mode: abi.S_IFCHR | 0o666, Rdev: abi.Mkdev(1, 3)},
			"fifo":      {Mode: abi.S_IFIFO | 0o620},
		} {
			if st := stat(t, ctx, name); st.Mode != want.Mode || st.UID != want.UID || st.GID != want.GID || st.Rdev != want.Rdev {
				t.Errorf("%s: mode %o owner %d:%d rdev %x; want %o %d:%d %x", name, st.Mode, st.UID, st.GID, st.Rdev,
					want.Mode, want.UID, want.GID, want.Rdev)
			}
		}
		x := walk(t, ctx, "dir/moved").Inode().(vfs.Xattrs)
		if v, err := x.GetXattr("security.capability"); err != nil || string(v) != "\x01\x00" {
			t.Errorf("the capability is %v, %v", v, err)
		}
		list, err := ctx.Root.Inode().ReadDir()
		must(t, err)
		for _, e := range list {
			if e.Name == "null" && e.Type != abi.DT_CHR {
				t.Errorf("null is listed as type %d", e.Type)
			}
		}
	}
	check(t, ctx)
	check(t, volume(t, dir))
	for name, want := range map[string]os.FileMode{"dir/moved": 0o755, "locked": 0o600, "null": 0o666} {
		if info, err := os.Stat(filepath.Join(dir, "data", name)); err != nil || info.Mode() != want {
			t.Errorf("on the host %s is %v, %v; want mode %o", name, info.Mode(), err, want)
		}
	}
	_, err := as(ctx, 1001).Open(ctx.Cwd, "user", abi.O_RDONLY, 0)
	wantErr(t, err, abi.EACCES)
	if s, err := get(as(ctx, 1000), "user"); err != nil || s != "x" {
		t.Errorf("the owner reads %q, %v", s, err)
	}
}

func TestARemovedFileLeavesNothingToTheNext(t *testing.T) {
	t.Parallel()
	ctx := volume(t, t.TempDir())
	o := ctx.Root.Inode().(dirNode).fs.opts.Owners
	for range 3 {
		put(t, ctx, "f", "x", 0o644)
		must(t, ctx.Chown(walk(t, ctx, "f"), 5, 5))
		must(t, ctx.Link(walk(t, ctx, "f"), ctx.Cwd, "g"))
		must(t, ctx.Unlink(ctx.Cwd, "f"))
		if st := stat(t, ctx, "g"); st.UID != 5 {
			t.Errorf("the second name belongs to %d", st.UID)
		}
		put(t, ctx, "h", "x", 0o644)
		must(t, ctx.Rename(ctx.Cwd, "h", ctx.Cwd, "g", 0))
		if n := len(o.records); n != 0 {
			t.Errorf("%d records are left", n)
		}
		must(t, ctx.Unlink(ctx.Cwd, "g"))
	}
	// a number used again, with the record still there, as when the host removed the file
	a := attr{Stat: abi.Stat{Ino: 42}, btime: 1}
	must(t, o.setMeta(a, Meta{UID: 3}))
	a.btime = 2
	if m, ok := o.get(a); ok {
		t.Errorf("a new file inherits %+v", m)
	}
}

func TestAJournalCutOffInTheMiddleLosesOnlyItsLastLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "meta")
	o, err := OpenOwners(path)
	must(t, err)
	for ino := range uint64(3) {
		must(t, o.setMeta(attr{Stat: abi.Stat{Ino: ino}}, Meta{UID: uint32(ino)}))
	}
	must(t, o.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, b[:len(b)-5], 0o600))
	for range 2 { // the second time as the first left it
		o, err = OpenOwners(path)
		must(t, err)
		if len(o.records) != 2 {
			t.Errorf("records: %v", o.records)
		}
		must(t, o.Close())
	}
	must(t, os.WriteFile(path, []byte("{nonsense\n"), 0o600))
	if _, err := OpenOwners(path); err == nil {
		t.Error("a damaged journal was read")
	}
}

func TestAJournalIsWrittenAnewWhenMostOfItIsOutOfDate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "meta")
	o, err := OpenOwners(path)
	must(t, err)
	for i := range uint32(2500) {
		must(t, o.setMeta(attr{Stat: abi.Stat{Ino: uint64(i % 10)}}, Meta{UID: i}))
	}
	if o.lines > 1001 {
		t.Errorf("the journal has %d lines for 10 records", o.lines)
	}
	want := fmt.Sprint(len(o.records), *o.records[3].Meta)
	must(t, o.Close())
	o, err = OpenOwners(path)
	must(t, err)
	defer o.Close()
	if got := fmt.Sprint(len(o.records), *o.records[3].Meta); got != want {
		t.Errorf("read back %s, want %s", got, want)
	}
}
