package procfs

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

type testKernel struct {
	ns    *vfs.Namespace
	tasks map[int]*testTask
}

func (k *testKernel) System() System {
	return System{
		Release: "6.6.0-sockerless", Version: "#1 SMP", Hostname: "box", BootID: "7dc212e6-cdc0-4040-b593-14c9f55d7eaf",
		Boot: time.Unix(1e9, 0), Running: 1, LastPID: 7, Forks: 9, CPUs: 2, CPUVendor: "GenuineIntel", CPUModel: "CPU", CPUMHz: 2500,
		UserTime: 3 * time.Second, SystemTime: time.Second, MemTotal: 1 << 30, MemFree: 1 << 29, MemAvailable: 1 << 29,
		MaxFiles: 1000, MaxPID: 32768, Interfaces: []Interface{{Name: "lo", Index: 1, Address: "00:00:00:00:00:00", MTU: 65536, Type: 772, Flags: 9}},
	}
}

func (k *testKernel) Cgroup() Cgroup {
	return Cgroup{MemoryMax: 1 << 28, MemoryCurrent: 1 << 20, CPUQuota: 150 * time.Millisecond, PidsCurrent: 2}
}
func (k *testKernel) Net(name string) string {
	text, _ := vnet.NewStack(vnet.StackConfig{}).ProcNet(name)
	return text
}

func (k *testKernel) Namespace() *vfs.Namespace { return k.ns }
func (k *testKernel) Pids() []int {
	var out []int
	for pid := range k.tasks {
		out = append(out, pid)
	}
	slices.Sort(out)
	return out
}

func (k *testKernel) Task(pid int) (Task, bool) {
	t, ok := k.tasks[pid]
	return t, ok
}

func (k *testKernel) Locks() []vfs.HeldLock {
	posix, ofd := &vfs.LockOwner{PID: 7}, &vfs.LockOwner{Kind: vfs.DescriptionLock, PID: 7}
	return []vfs.HeldLock{
		{Lock: vfs.Lock{Owner: posix, Type: abi.F_WRLCK, Start: 5, End: 9}, File: vfs.FileID{Dev: abi.Mkdev(0xfe, 1), Ino: 12}},
		{Lock: vfs.Lock{Owner: ofd, Type: abi.F_RDLCK, End: vfs.LockEnd}, File: vfs.FileID{Ino: 13}},
	}
}

func (k *testKernel) Self(caller any) (int, int) {
	if t, ok := caller.(*testTask); ok {
		return t.status.PID, t.status.PID
	}
	return 0, 0
}

type testTask struct {
	status    Status
	args, env []string
	ctx       *vfs.Context
	fds       map[int]*vfs.OpenFile
}

func (t *testTask) Status() Status             { return t.status }
func (t *testTask) Args() []string             { return t.args }
func (t *testTask) Environ() []string          { return t.env }
func (t *testTask) Exe() vfs.Path              { return vfs.Path{} }
func (t *testTask) Cwd() vfs.Path              { return t.ctx.Cwd }
func (t *testTask) Root() vfs.Path             { return t.ctx.Root }
func (t *testTask) SetComm(s string)           { t.status.Comm = s }
func (t *testTask) SetOOMScoreAdj(n int) error { t.status.OOMScoreAdj = n; return nil }
func (t *testTask) FDs() []int {
	var out []int
	for n := range t.fds {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (t *testTask) FD(n int) (*vfs.OpenFile, bool, bool) {
	f, ok := t.fds[n]
	if ok {
		f.Retain()
	}
	return f, true, ok
}

// pipe counts the ends that are open.
type pipe struct {
	open *atomic.Int32
	got  *[]byte
}

func newPipe() pipe {
	p := pipe{new(atomic.Int32), new([]byte)}
	p.open.Store(1)
	return p
}

func (p pipe) Read(b []byte, _ int64) (int, error) { return 0, nil }
func (p pipe) Write(b []byte, _ int64) (int, error) {
	*p.got = append(*p.got, b...)
	return len(b), nil
}
func (p pipe) Ready() vfs.Events            { return 0 }
func (p pipe) Queue() *vfs.WaitQueue        { return nil }
func (p pipe) Close() error                 { p.open.Add(-1); return nil }
func (p pipe) Reopen(int) (vfs.File, error) { p.open.Add(1); return p, nil }

// sandbox has /proc, /sys and the cgroup mounted, and a process 7 of user 1000.
func sandbox(t *testing.T) (*testKernel, *testTask) {
	t.Helper()
	ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{Mode: 0o755, Source: "over lay"}), 0)
	k := &testKernel{ns: ns, tasks: map[int]*testTask{}}
	root := &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
	for _, m := range []struct {
		at    string
		fs    *vfs.Filesystem
		flags vfs.MountFlags
	}{
		{"proc", New(k), vfs.NoSuid | vfs.NoDev | vfs.NoExec}, {"sys", NewSys(k), vfs.ReadOnly},
		{"sys/fs/cgroup", NewCgroup(k), vfs.ReadOnly},
	} {
		if m.at != "sys/fs/cgroup" {
			must(t, root.Mkdir(ns.Root(), m.at, 0o755))
		}
		p, err := root.Walk(ns.Root(), m.at, true)
		must(t, err)
		_, err = ns.Mount(m.fs.Root(), p, m.flags)
		must(t, err)
	}
	cred := &vfs.Cred{UID: 1000, GID: 100, RealUID: 1000, RealGID: 100, SavedUID: 1000, SavedGID: 100, Groups: []uint32{4, 24}}
	task := &testTask{
		args: []string{"sh", "-c", "a b"}, env: []string{"A=1", "B="}, fds: map[int]*vfs.OpenFile{},
		status: Status{
			PID: 7, PPID: 1, PGID: 7, SID: 7, Comm: "a) b", State: 'S', Foreground: -1, Cred: cred, Umask: 0o22, Start: time.Unix(1e9+5, 0),
			User: time.Second, Size: 8 << 20, RSS: 1 << 20, Blocked: abi.SIGCHLD.Bit(), FDSize: 64, Threads: []int{7, 8},
		},
	}
	ctx := *root
	ctx.Cred, ctx.Caller = cred, task
	task.ctx = &ctx
	k.tasks[7] = task
	k.tasks[1] = &testTask{ctx: root, status: Status{PID: 1, Comm: "init", State: 'R', Cred: root.Cred}}
	return k, task
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(ctx *vfs.Context, path string) (string, error) {
	f, err := ctx.Open(ctx.Cwd, path, abi.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Release()
	var out []byte
	buf := make([]byte, 100) // small: the text must not change between reads
	for {
		n, err := f.Read(buf)
		if n == 0 || err != nil {
			return string(out), err
		}
		out = append(out, buf[:n]...)
	}
}

func wantText(t *testing.T, ctx *vfs.Context, path, want string) {
	t.Helper()
	if got, err := read(ctx, path); err != nil || got != want {
		t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
	}
}

func TestFilesOfAProcess(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	ctx := task.ctx
	for path, want := range map[string]string{
		"/proc/self/cmdline":       "sh\x00-c\x00a b\x00",
		"/proc/self/environ":       "A=1\x00B=\x00",
		"/proc/7/comm":             "a) b\n",
		"/proc/7/task/8/comm":      "a) b\n",
		"/proc/thread-self/cgroup": "0::/\n",
		"/proc/7/statm":            "2048 256 0 0 0 2048 0\n",
		"/proc/7/oom_score":        "666\n",
		"/proc/sys/kernel/ostype":  "Linux\n",
		"/proc/7/stat": "7 (a) b) S 1 7 7 0 -1 4194304 0 0 0 0 100 0 0 0 20 0 2 0 500 8388608 256 0 0 0 0 0 0 0 65536 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 " +
			"0 0 0 0\n",
		"/sys/fs/cgroup/memory.max":         "268435456\n",
		"/sys/fs/cgroup/cpu.max":            "150000 100000\n",
		"/sys/fs/cgroup/pids.max":           "max\n",
		"/sys/fs/cgroup/cgroup.procs":       "1\n7\n",
		"/sys/devices/system/cpu/online":    "0-1\n",
		"/proc/net/dev":                     string(head(t, "/proc/net/dev", 2)) + "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n",
		"/proc/net/tcp":                     head(t, "/proc/net/tcp", 1),
		"/proc/net/udp":                     head(t, "/proc/net/udp", 1),
		"/proc/net/tcp6":                    head(t, "/proc/net/tcp6", 1),
		"/proc/net/udp6":                    head(t, "/proc/net/udp6", 1),
		"/proc/net/unix":                    head(t, "/proc/net/unix", 1),
		"/proc/net/route":                   head(t, "/proc/net/route", 1),
		"/proc/net/raw":                     head(t, "/proc/net/raw", 1),
		"/sys/class/net/lo/address":         head(t, "/sys/class/net/lo/address", 1),
		"/sys/class/net/lo/mtu":             head(t, "/sys/class/net/lo/mtu", 1),
		"/sys/class/net/lo/type":            head(t, "/sys/class/net/lo/type", 1),
		"/sys/class/net/lo/operstate":       head(t, "/sys/class/net/lo/operstate", 1),
		"/sys/class/net/lo/flags":           head(t, "/sys/class/net/lo/flags", 1),
		"/proc/net/arp":                     head(t, "/proc/net/arp", 1),
		"/proc/swaps":                       head(t, "/proc/swaps", 1),
		"/proc/self/../sys/kernel/hostname": "box\n",
	} {
		if want == "" {
			continue // this machine has no such table
		}
		wantText(t, ctx, path, want)
	}
	for path, want := range map[string]string{"/proc/self": "7", "/proc/thread-self": "7/task/7", "/proc/mounts": "self/mounts", "/proc/self/root": "/"} {
		if got, err := ctx.Readlink(ctx.Cwd, path); err != nil || got != want {
			t.Errorf("%s leads to %q, %v; want %q", path, got, err, want)
		}
	}
	if s, err := read(ctx, "/proc/1/stat"); err != nil || len(strings.Fields(s)) != 52 {
		t.Errorf("stat has %d fields, %v; want 52", len(strings.Fields(s)), err)
	}
	if _, err := ctx.Readlink(ctx.Cwd, "/proc/self/exe"); err != abi.ENOENT {
		t.Errorf("exe of nothing: %v", err)
	}
	for _, path := range []string{"/proc/8", "/proc/07", "/proc/self/fd/0", "/proc/7/task/9", "/proc/7/task/7/task", "/proc/nothing"} {
		if _, err := ctx.Walk(ctx.Cwd, path, true); err != abi.ENOENT {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := ctx.Mkdir(ctx.Cwd, "/proc/x", 0o755); err == nil {
		t.Error("a directory was made in /proc")
	}
}

// head returns the first lines of a file of the machine's own, "" when there is none.
func head(t *testing.T, path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Logf("not compared: %v", err)
		return ""
	}
	return strings.Join(strings.SplitAfterN(string(b), "\n", lines+1)[:lines], "")
}

var number = regexp.MustCompile(`[0-9a-f]{16}|\d+`)

// Lines of the machine's own files and ours must have the same names, in the same order, and the same blanks between.
func TestTablesLookLikeLinux(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	for _, name := range []string{"self/status", "meminfo", "self/io", "self/fdinfo/0", "stat", "self/smaps_rollup"} {
		b, err := os.ReadFile("/proc/" + name)
		if err != nil {
			t.Logf("not compared: %v", err)
			continue
		}
		task.fds[0] = vfs.NewOpenFile(newPipe(), 0)
		ours, err := read(task.ctx, "/proc/"+name)
		must(t, err)
		split := func(line string) string {
			key, _, _ := strings.Cut(line, " ")
			key, _, _ = strings.Cut(key, ":")
			return key
		}
		theirs := strings.Split(string(b), "\n")
		at := 0
		for _, line := range strings.Split(ours, "\n") {
			i := slices.IndexFunc(theirs[at:], func(s string) bool { return split(s) == split(line) })
			if i < 0 {
				t.Errorf("%s: this machine has no %q where ours has", name, line)
				continue
			}
			at += i + 1
			shape := func(s string) string {
				s = number.ReplaceAllStringFunc(s, func(n string) string { return strings.Repeat(" ", min(len(n), 7)) + "N" })
				return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
			}
			switch split(line) {
			case "Name", "State", "Groups", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed", "intr", "Umask", "Mems_allowed_list":
				continue // a value of their own
			}
			if a, b := shape(line), shape(theirs[at-1]); a != b || len(line) != len(theirs[at-1]) && strings.HasSuffix(line, " kB") && len(theirs[at-1]) <= 27 {
				t.Errorf("%s: ours %q, this machine's %q", name, line, theirs[at-1])
			}
		}
	}
}

func TestLocksAndNamespacesAreShown(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	text, err := read(task.ctx, "/proc/locks")
	must(t, err)
	if want := "1: POSIX  ADVISORY  WRITE 7 fe:01:12 5 9\n2: OFDLCK ADVISORY  READ  -1 00:00:13 0 EOF\n"; text != want {
		t.Errorf("locks\n%swant\n%s", text, want)
	}
	pid, err := task.ctx.Readlink(task.ctx.Cwd, "/proc/self/ns/pid")
	must(t, err)
	forChildren, err := task.ctx.Readlink(task.ctx.Cwd, "/proc/1/ns/pid_for_children")
	must(t, err)
	if pid != forChildren || !strings.HasPrefix(pid, "pid:[") {
		t.Errorf("namespaces %s, %s", pid, forChildren)
	}
	p, err := task.ctx.Walk(task.ctx.Cwd, "/proc/self/ns/mnt", true)
	must(t, err)
	st, err := p.Inode().Stat()
	must(t, err)
	if name, _ := p.Inode().Readlink(); name != fmt.Sprintf("mnt:[%d]", st.Ino) {
		t.Errorf("%s has the number %d", name, st.Ino)
	}
	if _, err := task.ctx.Open(task.ctx.Cwd, "/proc/self/ns/mnt", abi.O_RDONLY, 0); err != abi.EACCES {
		t.Errorf("open of a namespace: %v", err)
	}
}

func TestStatusTellsTheCredentials(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	text, err := read(task.ctx, "/proc/self/status")
	must(t, err)
	for _, want := range []string{
		"Name:\ta) b\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nNgid:\t0\nPid:\t7\nPPid:\t1\n",
		"Uid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nFDSize:\t64\nGroups:\t4 24 \n",
		"VmSize:\t    8192 kB\n", "SigBlk:\t0000000000010000\n", "Threads:\t2\n", "Cpus_allowed:\t3\nCpus_allowed_list:\t0-1\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("status lacks %q:\n%s", want, text)
		}
	}
}

func TestMountsAreThoseBelowTheRootOfTheProcess(t *testing.T) {
	t.Parallel()
	k, task := sandbox(t)
	wantText(t, task.ctx, "/proc/mounts", "over\\040lay / tmpfs rw,relatime 0 0\n"+
		"proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n"+
		"sysfs /sys sysfs ro,relatime 0 0\n"+
		"cgroup /sys/fs/cgroup cgroup2 ro,relatime 0 0\n")
	info, err := read(task.ctx, "/proc/self/mountinfo")
	must(t, err)
	lines := strings.Split(strings.TrimSpace(info), "\n")
	ids := k.ns.Mounts()
	want := fmt.Sprintf(`^%d %d 0:\d+ / /sys/fs/cgroup ro,relatime - cgroup2 cgroup ro$`, ids[3].ID(), ids[2].ID())
	if len(lines) != 4 || !regexp.MustCompile(want).MatchString(lines[3]) {
		t.Errorf("mountinfo is\n%s\nwant the last line %s", info, want)
	}
	inside := *task.ctx
	task.ctx = &inside
	inside.Root, err = inside.Walk(inside.Root, "/sys", true)
	must(t, err)
	fs := &filesystem{k: k}
	if got := fs.mounts(task); got != "sysfs / sysfs ro,relatime 0 0\ncgroup /fs/cgroup cgroup2 ro,relatime 0 0\n" {
		t.Errorf("in a chroot: %q", got)
	}
}

func TestOthersMayNotLookIntoAProcess(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	other := *task.ctx
	other.Cred = &vfs.Cred{UID: 1001, GID: 100, RealUID: 1001, RealGID: 100, SavedUID: 1001, SavedGID: 100}
	task.fds[1] = vfs.NewOpenFile(newPipe(), abi.O_WRONLY)
	for _, path := range []string{"/proc/7/environ", "/proc/7/fd/1", "/proc/7/fdinfo/1", "/proc/7/cwd/", "/proc/7/root/etc", "/proc/7/io"} {
		if _, err := read(&other, path); err != abi.EACCES {
			t.Errorf("%s: %v, want EACCES", path, err)
		}
	}
	for _, path := range []string{"/proc/7/cwd", "/proc/7/root", "/proc/7/exe", "/proc/7/fd/1"} {
		if s, err := other.Readlink(other.Cwd, path); err != abi.EACCES {
			t.Errorf("readlink %s: %q, %v, want EACCES", path, s, err)
		}
	}
	if _, err := read(&other, "/proc/7/status"); err != nil {
		t.Errorf("status: %v", err)
	}
	root := other
	root.Cred = &vfs.Cred{}
	wantText(t, &root, "/proc/7/environ", "A=1\x00B=\x00")
	// a program that has changed its user id: the old user's processes must not see it
	task.status.Cred = &vfs.Cred{UID: 1001, GID: 100, RealUID: 0, RealGID: 100, SavedUID: 0, SavedGID: 100}
	if _, err := other.Readlink(other.Cwd, "/proc/7/cwd"); err != abi.EACCES {
		t.Errorf("readlink of a set-user-ID program's cwd: %v, want EACCES", err)
	}
}

func TestAPipeCanBeOpenedAgainThroughItsDescriptor(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	p := newPipe()
	out := vfs.NewOpenFile(p, abi.O_WRONLY)
	task.fds[1] = out
	ctx := task.ctx
	root := *ctx
	root.Cred = &vfs.Cred{}
	must(t, root.Mkdir(ctx.Cwd, "/dev", 0o755))
	must(t, root.Symlink("/proc/self/fd/1", ctx.Cwd, "/dev/stdout"))
	f, err := ctx.Open(ctx.Cwd, "/dev/stdout", abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, 0o666)
	must(t, err)
	if _, err := f.Write([]byte("hello")); err != nil || string(*p.got) != "hello" {
		t.Errorf("the pipe got %q, %v", *p.got, err)
	}
	task.fds[5] = f
	want := fmt.Sprintf("pipe:[%d]", out.ID)
	for _, path := range []string{"/proc/self/fd/1", "/proc/self/fd/5"} { // the second is a reopened one
		if s, err := ctx.Readlink(ctx.Cwd, path); err != nil || s != want {
			t.Errorf("%s is %q, %v; want %q", path, s, err, want)
		}
	}
	delete(task.fds, 1)
	must(t, out.Release())
	g, err := ctx.Open(ctx.Cwd, "/proc/self/fd/5", abi.O_WRONLY, 0)
	must(t, err)
	if n := p.open.Load(); n != 2 {
		t.Errorf("%d ends are open, want 2", n)
	}
	must(t, g.Release())
	must(t, f.Release())
	if n := p.open.Load(); n != 0 {
		t.Errorf("%d ends are open at the end", n)
	}
	if err := ctx.Chmod(f.Path, 0o600); !errors.Is(err, abi.EPERM) {
		t.Errorf("chmod of a pipe: %v", err)
	}
	if _, err := ctx.Open(ctx.Cwd, "/proc/self/fd/5/x", abi.O_RDONLY, 0); err != abi.ENOTDIR {
		t.Errorf("a path through a pipe: %v", err)
	}
}

func TestADescriptorLeadsToAFileWithoutItsName(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	root := *task.ctx
	root.Cred = &vfs.Cred{}
	f, err := root.Open(root.Cwd, "/tmpfile", abi.O_RDWR|abi.O_CREAT, 0o666)
	must(t, err)
	defer f.Release()
	_, err = f.Write([]byte("data"))
	must(t, err)
	task.fds[3] = f
	if s, err := task.ctx.Readlink(root.Cwd, "/proc/7/fd/3"); err != nil || s != "/tmpfile" {
		t.Errorf("fd/3 is %q, %v", s, err)
	}
	must(t, root.Unlink(root.Cwd, "/tmpfile"))
	if s, err := task.ctx.Readlink(root.Cwd, "/proc/7/fd/3"); err != nil || s != "/tmpfile (deleted)" {
		t.Errorf("fd/3 is %q, %v", s, err)
	}
	wantText(t, task.ctx, "/proc/self/fd/3", "data")
	st, err := f.Stat()
	must(t, err)
	wantText(t, task.ctx, "/proc/self/fdinfo/3", fmt.Sprintf("pos:\t4\nflags:\t02100002\nmnt_id:\t%d\nino:\t%d\n", f.Path.Mount.ID(), st.Ino))
}

func TestFilesThatCanBeWritten(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	write := func(path, text string) error {
		f, err := task.ctx.Open(task.ctx.Cwd, path, abi.O_WRONLY|abi.O_TRUNC, 0)
		if err != nil {
			return err
		}
		defer f.Release()
		_, err = f.Write([]byte(text))
		return err
	}
	must(t, write("/proc/self/comm", "new\n"))
	must(t, write("/proc/self/oom_score_adj", "500\n"))
	wantText(t, task.ctx, "/proc/self/comm", "new\n")
	wantText(t, task.ctx, "/proc/self/oom_score_adj", "500\n")
	if err := write("/proc/self/oom_score_adj", "5000"); err != abi.EINVAL {
		t.Errorf("oom_score_adj out of range: %v", err)
	}
	task.ctx.Cred = &vfs.Cred{}
	if err := write("/proc/sys/kernel/hostname", "x"); err != abi.EROFS {
		t.Errorf("hostname: %v", err)
	}
}

func TestEveryFileCanBeReadAndHasTheListedNumber(t *testing.T) {
	t.Parallel()
	_, task := sandbox(t)
	task.fds[0] = vfs.NewOpenFile(newPipe(), 0)
	root := *task.ctx
	root.Cred = &vfs.Cred{}
	files := 0
	var visit func(path string)
	visit = func(path string) {
		p, err := root.Walk(root.Root, path, false)
		must(t, err)
		list, err := p.Inode().ReadDir()
		must(t, err)
		seen := map[uint64]string{}
		for _, e := range list {
			name := path + "/" + e.Name
			p, err := root.Walk(root.Root, name, false)
			must(t, err)
			st, err := p.Inode().Stat()
			must(t, err)
			if p.Dentry.Parent() != nil && (st.Ino != e.Ino || abi.DirentType(st.Mode) != e.Type) {
				t.Errorf("%s has number %d and mode %o, but is listed as %d, type %d", name, st.Ino, st.Mode, e.Ino, e.Type)
			}
			if seen[e.Ino] != "" {
				t.Errorf("%s and %s have the same number", name, seen[e.Ino])
			}
			seen[e.Ino] = name
			switch e.Type {
			case abi.DT_DIR:
				visit(name)
			case abi.DT_REG:
				files++
				if _, err := read(&root, name); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	visit("/proc")
	visit("/sys")
	if files < 150 {
		t.Errorf("only %d files were read", files)
	}
}
