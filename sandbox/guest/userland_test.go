package guest_test

import (
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/userland"
)

// busybox makes a sandbox with the userland's busybox and links to it.
func busybox(t testing.TB) *guesttest.Box {
	t.Helper()
	module, err := userland.Busybox()
	if err != nil {
		t.Skip(err)
	}
	b := guesttest.New(t, kernel.Limits{})
	b.Image("/bin/busybox", module)
	for _, name := range userland.Applets() {
		if name != "busybox" {
			if err := b.Root.Symlink("busybox", b.Root.Cwd, "/bin/"+name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b
}

// compiled is busybox, compiled and with an instance ready.
func compiled(b *testing.B) *guesttest.Box {
	b.Helper()
	box := busybox(b)
	box.Run(guesttest.Options{}, "/bin/true")
	return box
}

func TestBusyboxRunsCommands(t *testing.T) {
	t.Parallel()
	b := busybox(t)
	b.Write("/tmp/a", 0o644, []byte("one\ntwo\nthree\n"))
	for _, c := range []struct {
		argv  []string
		stdin string
		want  string
		code  int
	}{
		{[]string{"busybox", "echo", "hi"}, "", "hi\n", 0},
		{[]string{"cat", "/tmp/a", "-"}, "four\n", "one\ntwo\nthree\nfour\n", 0},
		{[]string{"ls", "/tmp"}, "", "a\n", 0},
		{[]string{"xargs", "-n1", "echo", "got"}, "a b\nc\n", "got a\ngot b\ngot c\n", 0},
		{[]string{"false"}, "", "", 1},
		{[]string{"env", "-i", "A=b", "/bin/env"}, "", "A=b\n", 0},
		{[]string{"awk", "{ print $1 | \"cat\" }"}, "x y\n", "x\n", 0},
		{[]string{"pwd"}, "", "/tmp\n", 0},
		{[]string{"wc", "-l", "a"}, "", "3 a\n", 0},
	} {
		stdout, stderr, status := b.Run(guesttest.Options{Dir: "/tmp", Stdin: c.stdin}, c.argv...)
		if c.argv[0] == "awk" && strings.Contains(stderr, "/bin/sh") {
			continue // there is no shell here
		}
		if stdout != c.want || status.ShellCode() != c.code {
			t.Errorf("%q: stdout %q, stderr %q, status %d; want %q, %d", c.argv, stdout, stderr, status.ShellCode(), c.want, c.code)
		}
	}
	stdout, stderr, _ := b.Run(guesttest.Options{}, "ls", "-l", "/tmp/a")
	if !strings.HasPrefix(stdout, "-rw-r--r--") || !strings.Contains(stdout, " 14 ") {
		t.Errorf("ls -l: %q, %q", stdout, stderr)
	}
}

// TestAccountsAreMadeInTheContainersFiles runs the applets that change /etc/passwd and its kin.
func TestAccountsAreMadeInTheContainersFiles(t *testing.T) {
	t.Parallel()
	b := busybox(t)
	b.Run(guesttest.Options{}, "mkdir", "/etc")
	b.Write("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	b.Write("/etc/group", 0o644, []byte("root:x:0:root\nnogroup:x:65533:\nstaff:x:50:\n"))
	b.Write("/etc/shadow", 0o640, []byte("root:*::0:::::\n"))
	for _, c := range []struct {
		argv  []string
		stdin string
		out   string // beginning of both outputs
		code  int
	}{
		{[]string{"adduser", "-D", "-s", "/bin/sh", "ann"}, "", "", 0},
		{[]string{"adduser", "-D", "ann"}, "", "adduser: user 'ann' in use\n", 1},
		{[]string{"grep", "ann", "/etc/passwd", "/etc/group"}, "", "/etc/passwd:ann:x:1000:1000:Linux User,,,:/home/ann:/bin/sh\n/etc/group:ann:x:1000:\n", 0},
		{[]string{"stat", "-c", "%a %u %g", "/home/ann"}, "", "2755 1000 1000\n", 0},
		{[]string{"adduser", "-S", "-H", "-G", "staff", "-u", "77", "-h", "/var/empty", "svc"}, "", "", 0},
		{[]string{"grep", "svc", "/etc/passwd", "/etc/group"}, "", "/etc/passwd:svc:x:77:50:Linux User,,,:/var/empty:/sbin/nologin\n/etc/group:staff:x:50:svc\n", 0},
		{[]string{"adduser", "-D", "-G", "nosuch", "bob"}, "", "adduser: unknown group nosuch\n", 1},
		{[]string{"adduser", "-D", "b:b"}, "", "adduser: illegal character with code 58 at position 1\n", 1},
		{[]string{"addgroup", "-g", "50", "g"}, "", "addgroup: gid '50' in use\n", 1},
		{[]string{"addgroup", "-S", "sysgroup"}, "", "", 0},
		{[]string{"addgroup", "ann", "sysgroup"}, "", "", 0},
		{[]string{"id", "ann"}, "", "uid=1000(ann) gid=1000(ann) groups=1000(ann),100(sysgroup)\n", 0},
		{[]string{"delgroup", "ann"}, "", "delgroup: 'ann' still has 'ann' as their primary group!\n", 1},
		{[]string{"chpasswd"}, "ann:secret\n", "chpasswd: password for 'ann' changed\n", 0},
		{[]string{"chpasswd"}, "nobody:x\n", "chpasswd: unknown user nobody\n", 1},
		{[]string{"grep", "-c", `ann:$6$[./0-9A-Za-z]\{16\}$[./0-9A-Za-z]\{86\}:[0-9]*:0:99999:7:::`, "/etc/shadow"}, "", "1\n", 0},
		{[]string{"passwd", "-l", "ann"}, "", "passwd: password for ann changed by root\n", 0},
		{[]string{"passwd", "-l", "ann"}, "", "passwd: password for ann is already locked\n", 1},
		{[]string{"passwd", "-u", "ann"}, "", "passwd: password for ann changed by root\n", 0},
		{[]string{"passwd", "ann"}, "new\nnew\n", "Changing password for ann\npasswd: password for ann changed by root\n", 0},
		{[]string{"delgroup", "ann", "sysgroup"}, "", "", 0},
		{[]string{"deluser", "--remove-home", "ann"}, "", "", 0},
		{[]string{"deluser", "ann"}, "", "deluser: unknown user ann\n", 1},
		{[]string{"delgroup", "sysgroup"}, "", "", 0},
		{[]string{"cat", "/etc/group"}, "", "root:x:0:root\nnogroup:x:65533:\nstaff:x:50:svc\n", 0},
		{[]string{"ls", "/home"}, "", "", 0},
		{[]string{"stat", "-c", "%a", "/etc/shadow"}, "", "640\n", 0},
	} {
		stdout, stderr, status := b.Run(guesttest.Options{Stdin: c.stdin}, c.argv...)
		if c.argv[0] == "passwd" {
			stderr = strings.NewReplacer("New password: \n", "", "Retype password: \n", "").Replace(stderr)
		}
		if got := stdout + stderr; got != c.out || status.ShellCode() != c.code {
			t.Errorf("%q: %q, status %d; want %q, %d", c.argv, got, status.ShellCode(), c.out, c.code)
		}
	}
}

func BenchmarkBusybox(bench *testing.B) {
	b := compiled(bench)
	b.Write("/tmp/a", 0o644, []byte("one\ntwo\nthree\n"))
	for name, argv := range map[string][]string{
		"true": {"/bin/true"}, "echo": {"/bin/echo", "hello"}, "cat": {"/bin/cat", "/tmp/a"}, "ls": {"/bin/ls", "-l", "/tmp"},
	} {
		bench.Run(name, func(bench *testing.B) {
			bench.ReportAllocs()
			for bench.Loop() {
				if _, stderr, status := b.Run(guesttest.Options{}, argv...); status != 0 {
					bench.Fatal(stderr, status)
				}
			}
		})
	}
}

// BenchmarkSpawn starts commands from a task, as a shell does.
func BenchmarkSpawn(bench *testing.B) {
	b := compiled(bench)
	b.InTask(guesttest.Options{}, func(t *kernel.Task) {
		attr := &kernel.SpawnAttr{Argv: []string{"true"}, Env: t.Image().Env}
		bench.ReportAllocs()
		for bench.Loop() {
			child, err := t.Spawn("/bin/true", attr)
			if err != nil {
				bench.Error(err)
				return
			}
			if _, err := t.Wait(child.Pid(), 0); err != nil {
				bench.Error(err)
				return
			}
		}
	})
}

// BenchmarkPipe sends 64 MiB through a pipe between two commands.
func BenchmarkPipe(bench *testing.B) {
	b := compiled(bench)
	b.Root.Mknod(b.Root.Cwd, "/dev/zero", abi.S_IFCHR|0o666, kernel.DevZero)
	b.InTask(guesttest.Options{}, func(t *kernel.Task) {
		const size = 64 << 20
		bench.SetBytes(size)
		for bench.Loop() {
			r, w := kernel.NewPipe()
			rfd, _ := t.Files.Add(r, 3, true)
			wfd, _ := t.Files.Add(w, 3, true)
			env := t.Image().Env
			_, err := t.Spawn("/bin/dd", &kernel.SpawnAttr{Argv: []string{"dd", "if=/dev/zero", "bs=64k", "count=1024"}, Env: env,
				Files: []abi.SpawnFile{{From: int32(wfd), To: 1}}})
			if err != nil {
				bench.Error(err)
			}
			if _, err = t.Spawn("/bin/dd", &kernel.SpawnAttr{Argv: []string{"dd", "of=/dev/null", "bs=64k"}, Env: env,
				Files: []abi.SpawnFile{{From: int32(rfd), To: 0}}}); err != nil {
				bench.Error(err)
			}
			t.Files.Close(rfd)
			t.Files.Close(wfd)
			for range 2 {
				if _, err := t.Wait(-1, 0); err != nil {
					bench.Error(err)
				}
			}
		}
	})
}
