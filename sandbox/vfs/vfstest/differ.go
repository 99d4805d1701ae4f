//go:build linux

// Package vfstest compares a filesystem of the sandbox with Linux's own: random sequences of system calls go to both,
// and both must give the same errors and the same tree.
package vfstest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Differ runs the same operations in a directory of the sandbox and in one of the host.
type Differ struct {
	t    testing.TB
	rng  *rand.Rand
	ctx  *vfs.Context
	host string
	open []pair
	log  []string
}

type pair struct {
	sand *vfs.OpenFile
	host int
	name string
}

// NewDiffer makes a differ whose tree is the directory /r of fs, which must be there; host is the host's directory of
// the same contents, in an otherwise empty one. The tests run as whoever the process is.
func NewDiffer(t testing.TB, fs *vfs.Filesystem, host string, seed uint64) *Differ {
	t.Helper()
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	cred := &vfs.Cred{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	for _, g := range groups {
		cred.Groups = append(cred.Groups, uint32(g))
	}
	d := &Differ{t: t, rng: rand.New(rand.NewPCG(seed, 1)), host: host}
	d.Use(fs)
	d.ctx.Cred = cred
	t.Cleanup(d.CloseFiles)
	return d
}

// Use goes on with a filesystem in place of the one before: the same one, opened anew.
func (d *Differ) Use(fs *vfs.Filesystem) {
	ns := vfs.NewNamespace(fs, 0)
	old := d.ctx
	d.ctx = &vfs.Context{NS: ns, Root: ns.Root(), Cred: &vfs.Cred{}}
	r, err := d.ctx.Walk(ns.Root(), "/r", true)
	if err != nil {
		d.t.Fatalf("/r: %v", err)
	}
	d.ctx.Cwd = r
	if old != nil {
		d.ctx.Cred = old.Cred
	}
}

// CloseFiles closes what Step has left open.
func (d *Differ) CloseFiles() {
	for _, p := range d.open {
		p.sand.Release()
		syscall.Close(p.host)
	}
	d.open = nil
}

func pick[T any](d *Differ, of ...T) T { return of[d.rng.IntN(len(of))] }

// path makes a path that leads at most one directory above the host's.
func (d *Differ) path() string {
	parts := make([]string, 0, 4)
	for range 1 + d.rng.IntN(3) {
		parts = append(parts, pick(d, "a", "b", "c", "d", "e"))
	}
	if d.rng.IntN(20) == 0 && len(parts) > 1 {
		parts[len(parts)-1] = pick(d, "..", ".")
	}
	p := strings.Join(parts, "/")
	if d.rng.IntN(25) == 0 {
		p += "/"
	}
	return p
}

func (d *Differ) at(path string) string { return d.host + "/" + path }

// Step does one random operation on both sides and compares what they say.
func (d *Differ) Step() {
	d.t.Helper()
	op := pick(d, "write", "write", "create", "mkdir", "mkdir", "rmdir", "unlink", "rename", "rename", "link", "symlink",
		"chmod", "truncate", "read", "list", "stat", "hold", "use", "use", "drop", "readlink", "exchange", "fifo", "utimes")
	p, q := d.path(), d.path()
	var desc string
	var sand, host string
	cwd := d.ctx.Cwd
	switch op {
	case "write", "create", "read", "hold":
		flags := map[string][]int{
			"write":  {abi.O_WRONLY, abi.O_WRONLY | abi.O_CREAT, abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC, abi.O_WRONLY | abi.O_APPEND, abi.O_RDWR | abi.O_CREAT | abi.O_NOFOLLOW},
			"create": {abi.O_WRONLY | abi.O_CREAT | abi.O_EXCL, abi.O_RDWR | abi.O_CREAT},
			"read":   {abi.O_RDONLY, abi.O_RDONLY | abi.O_NOFOLLOW},
			"hold":   {abi.O_RDWR | abi.O_CREAT, abi.O_RDONLY, abi.O_RDWR | abi.O_APPEND, abi.O_RDWR | abi.O_TRUNC},
		}[op]
		flag := flags[d.rng.IntN(len(flags))] | abi.O_NONBLOCK
		mode := pick(d, uint32(0o600), 0o700)
		data := strings.Repeat(pick(d, "x", "yz", "0123456789"), d.rng.IntN(600))
		off := pick(d, int64(0), 0, 5, 5000)
		desc = fmt.Sprintf("%s %q flags %#x, %d bytes at %d", op, p, flag, len(data), off)
		sf, err := d.ctx.Open(cwd, p, flag, mode)
		sand = errText(err)
		fd, herr := syscall.Open(d.at(p), flag, mode)
		host = errText(herr)
		if err == nil && herr == nil {
			switch {
			case op == "hold":
				d.open = append(d.open, pair{sf, fd, p})
				sf, fd = nil, -1
			case op == "read":
				sand, host = sandRead(sf), hostRead(fd)
			case op == "write":
				n, err := sf.Pwrite([]byte(data), off)
				sand = fmt.Sprint(n, errText(err))
				n, err = syscall.Pwrite(fd, []byte(data), off)
				host = fmt.Sprint(max(n, 0), errText(err))
			}
		}
		if sf != nil {
			sf.Release()
		}
		if fd >= 0 {
			syscall.Close(fd)
		}
		if err == nil && errors.Is(herr, syscall.ENXIO) || herr == nil && errors.Is(err, abi.ENXIO) {
			return // a fifo, which this context does not open
		}
	case "use":
		if len(d.open) == 0 {
			return
		}
		f := d.open[d.rng.IntN(len(d.open))]
		data := []byte(strings.Repeat("u", d.rng.IntN(9000)))
		desc = fmt.Sprintf("write and read held %q, %d bytes", f.name, len(data))
		if d.rng.IntN(2) == 0 {
			n, err := f.sand.Pwrite(data, 3)
			sand = fmt.Sprint(n, errText(err))
			n, err = syscall.Pwrite(f.host, data, 3)
			host = fmt.Sprint(max(n, 0), errText(err))
		}
		sand += sandRead(f.sand)
		host += hostRead(f.host)
		st, err := f.sand.Stat()
		sand += fmt.Sprintf(" %o %d %s", st.Mode, st.Size, errText(err))
		var hst syscall.Stat_t
		err = syscall.Fstat(f.host, &hst)
		if hst.Mode&abi.S_IFMT == abi.S_IFDIR {
			hst.Size = st.Size
		}
		host += fmt.Sprintf(" %o %d %s", hst.Mode, hst.Size, errText(err))
	case "drop":
		if len(d.open) == 0 {
			return
		}
		i := d.rng.IntN(len(d.open))
		f := d.open[i]
		d.open = slices.Delete(d.open, i, i+1)
		desc = "close " + f.name
		sand, host = errText(f.sand.Release()), errText(syscall.Close(f.host))
	case "mkdir":
		desc = "mkdir " + p
		sand, host = errText(d.ctx.Mkdir(cwd, p, 0o700)), errText(syscall.Mkdir(d.at(p), 0o700))
	case "rmdir":
		desc = "rmdir " + p
		sand, host = errText(d.ctx.Rmdir(cwd, p)), errText(syscall.Rmdir(d.at(p)))
	case "unlink":
		desc = "unlink " + p
		sand, host = errText(d.ctx.Unlink(cwd, p)), errText(syscall.Unlink(d.at(p)))
	case "rename", "exchange":
		flags := uint32(0)
		if op == "exchange" {
			flags = pick(d, uint32(abi.RENAME_EXCHANGE), abi.RENAME_NOREPLACE)
		}
		desc = fmt.Sprintf("rename %s %s flags %d", p, q, flags)
		sand = errText(d.ctx.Rename(cwd, p, cwd, q, flags))
		host = errText(unix.Renameat2(unix.AT_FDCWD, d.at(p), unix.AT_FDCWD, d.at(q), uint(flags)))
	case "link":
		desc = fmt.Sprintf("link %s %s", p, q)
		old, err := d.ctx.Walk(cwd, p, false)
		if err == nil {
			err = d.ctx.Link(old, cwd, q)
		}
		sand, host = errText(err), errText(syscall.Link(d.at(p), d.at(q)))
	case "symlink":
		q = pick(d, "a", "b/c", "d", "nowhere", ".", "e/a/b")
		desc = fmt.Sprintf("symlink %s %s", q, p)
		sand, host = errText(d.ctx.Symlink(q, cwd, p)), errText(syscall.Symlink(q, d.at(p)))
	case "fifo":
		desc = "mkfifo " + p
		sand, host = errText(d.ctx.Mknod(cwd, p, abi.S_IFIFO|0o600, 0)), errText(syscall.Mkfifo(d.at(p), 0o600))
	case "readlink":
		desc = "readlink " + p
		to, err := d.ctx.Readlink(cwd, p)
		sand = to + errText(err)
		buf := make([]byte, 100)
		n, err := syscall.Readlink(d.at(p), buf)
		host = string(buf[:max(n, 0)]) + errText(err)
	case "chmod", "truncate", "utimes", "stat", "list":
		desc, sand, host = d.onPath(op, p)
	}
	d.log = append(d.log, desc+": "+host)
	if sand != host {
		d.fail("%s\n sandbox: %.300s\n    host: %.300s", desc, sand, host)
	}
}

// onPath does what starts with a walk to a path.
func (d *Differ) onPath(op, p string) (desc, sand, host string) {
	desc = op + " " + p
	at, err := d.ctx.Walk(d.ctx.Cwd, p, true)
	switch op {
	case "chmod":
		mode := pick(d, uint32(0o700), 0o755, 0o4711, 0o6710, 0o1777)
		if d.ctx.Cred.UID == 0 {
			mode = pick(d, mode, 0o640) // others could not compare the trees any more
		}
		if err == nil {
			err = d.ctx.Chmod(at, mode)
		}
		return desc, errText(err), errText(syscall.Chmod(d.at(p), mode))
	case "truncate":
		size := pick(d, int64(0), 1, 100, 70000)
		if err == nil {
			err = d.ctx.Truncate(at, size)
		}
		return fmt.Sprint(desc, " ", size), errText(err), errText(syscall.Truncate(d.at(p), size))
	case "utimes":
		ts := abi.Timespec{Sec: 1e9 + int64(d.rng.IntN(100)), Nsec: 123456789}
		if err == nil {
			err = d.ctx.Utimes(at, &ts, &ts, false)
		}
		hts := unix.Timespec{Sec: ts.Sec, Nsec: ts.Nsec}
		herr := unix.UtimesNanoAt(unix.AT_FDCWD, d.at(p), []unix.Timespec{hts, hts}, 0)
		if err == nil && herr == nil {
			st, _ := at.Inode().Stat()
			var hst syscall.Stat_t
			syscall.Stat(d.at(p), &hst)
			return desc, fmt.Sprint(st.Mtim), fmt.Sprint(hst.Mtim)
		}
		return desc, errText(err), errText(herr)
	case "stat":
		var hst syscall.Stat_t
		herr := syscall.Stat(d.at(p), &hst)
		if err != nil || herr != nil {
			return desc, errText(err), errText(herr)
		}
		st, err := at.Inode().Stat()
		if err != nil {
			return desc, errText(err), ""
		}
		if st.Mode&abi.S_IFMT == abi.S_IFDIR {
			hst.Size = st.Size
		}
		return desc, fmt.Sprintf("%o %d %d %d:%d", st.Mode, st.Nlink, st.Size, st.UID, st.GID),
			fmt.Sprintf("%o %d %d %d:%d", hst.Mode, hst.Nlink, hst.Size, hst.Uid, hst.Gid)
	}
	entries, herr := os.ReadDir(d.at(p))
	if err != nil || herr != nil {
		if errors.Is(herr, syscall.ENOTDIR) && err == nil {
			_, err = at.Inode().ReadDir()
		}
		var pe *os.PathError
		if errors.As(herr, &pe) {
			herr = pe.Err
		}
		return desc, errText(err), errText(herr)
	}
	o, err := d.ctx.OpenPath(at, abi.O_RDONLY|abi.O_DIRECTORY)
	if err != nil {
		return desc, errText(err), ""
	}
	defer o.Release()
	var names, hnames []string
	if err := o.ReadDir(func(e vfs.Dirent, _ int64) bool {
		if e.Name != "." && e.Name != ".." {
			names = append(names, fmt.Sprint(e.Name, e.Type))
		}
		return true
	}); err != nil {
		return desc, errText(err), ""
	}
	for _, e := range entries {
		hnames = append(hnames, fmt.Sprint(e.Name(), abi.DirentType(abi.ModeOf(e.Type()))))
	}
	slices.Sort(names)
	return desc, strings.Join(names, " "), strings.Join(hnames, " ")
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	var e abi.Errno
	if errors.As(err, &e) {
		return e.Name()
	}
	var h syscall.Errno
	if errors.As(err, &h) {
		return abi.Errno(h).Name()
	}
	return err.Error()
}

func sandRead(f *vfs.OpenFile) string {
	buf := make([]byte, 100_000)
	n, err := f.Pread(buf, 0)
	return string(buf[:n]) + errText(err)
}

func hostRead(fd int) string {
	buf := make([]byte, 100_000)
	n, err := syscall.Pread(fd, buf, 0)
	return string(buf[:max(n, 0)]) + errText(err)
}

// Compare compares both trees: names, types, modes, link counts, sizes, contents, and which names are links to one file.
func (d *Differ) Compare() {
	d.t.Helper()
	sand, host := Tree(d.t, d.ctx, "/r"), hostTree(d.t, d.host)
	for _, name := range slices.Sorted(maps.Keys(host)) {
		if sand[name] != host[name] {
			d.fail("%s\n sandbox: %.200s\n    host: %.200s", name, sand[name], host[name])
		}
	}
	for name := range sand {
		if _, ok := host[name]; !ok {
			d.fail("%s is only in the sandbox: %s", name, sand[name])
		}
	}
}

func (d *Differ) fail(format string, args ...any) {
	d.t.Helper()
	d.t.Errorf(format, args...)
	d.t.Fatalf("after:\n%s", strings.Join(d.log[max(0, len(d.log)-30):], "\n"))
}

// Tree reads a directory of a sandbox: for each path a line that tells what is there.
func Tree(t testing.TB, ctx *vfs.Context, root string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	first := make(map[uint64]string)
	var walk func(path, name string)
	walk = func(path, name string) {
		p, err := ctx.Walk(ctx.Root, path, false)
		if err != nil {
			t.Fatalf("walk %s: %v", path, err)
		}
		st, err := p.Inode().Stat()
		if err != nil {
			t.Fatalf("stat %s: %v", path, err)
		}
		data := ""
		switch st.Mode & abi.S_IFMT {
		case abi.S_IFREG:
			f, err := p.Inode().Open(abi.O_RDONLY)
			if err != nil {
				t.Fatalf("open %s: %v", path, err)
			}
			buf := make([]byte, st.Size+1)
			n, err := f.Read(buf, 0)
			if err != nil {
				t.Fatalf("read %s: %v", path, err)
			}
			data = string(buf[:n])
			f.Close()
		case abi.S_IFLNK:
			data, _ = p.Inode().Readlink()
		case abi.S_IFDIR:
			st.Size = 0
		}
		if _, ok := first[st.Ino]; !ok {
			first[st.Ino] = name
		}
		out[name] = fmt.Sprintf("%o links=%d size=%d same=%s %q", st.Mode, st.Nlink, st.Size, first[st.Ino], data)
		if st.Mode&abi.S_IFMT == abi.S_IFDIR {
			list, err := p.Inode().ReadDir()
			if err != nil {
				t.Fatalf("list %s: %v", path, err)
			}
			slices.SortFunc(list, func(a, b vfs.Dirent) int { return strings.Compare(a.Name, b.Name) })
			for _, e := range list {
				walk(path+"/"+e.Name, filepath.Join(name, e.Name))
			}
		}
	}
	walk(root, ".")
	return out
}

func hostTree(t testing.TB, root string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	first := make(map[uint64]string)
	var walk func(path, name string)
	walk = func(path, name string) {
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			t.Fatalf("lstat %s: %v", path, err)
		}
		data := ""
		switch st.Mode & abi.S_IFMT {
		case abi.S_IFREG:
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data = string(b)
		case abi.S_IFLNK:
			data, _ = os.Readlink(path)
		case abi.S_IFDIR:
			st.Size = 0
		}
		if _, ok := first[st.Ino]; !ok {
			first[st.Ino] = name
		}
		out[name] = fmt.Sprintf("%o links=%d size=%d same=%s %q", st.Mode, st.Nlink, st.Size, first[st.Ino], data)
		if st.Mode&abi.S_IFMT == abi.S_IFDIR {
			entries, err := os.ReadDir(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				walk(path+"/"+e.Name(), filepath.Join(name, e.Name()))
			}
		}
	}
	walk(root, ".")
	return out
}
