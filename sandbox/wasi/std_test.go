package wasi_test

import (
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
)

// The Go standard library's own tests run in the sandbox, with its source mounted where it is on the host.
func TestGoStandardLibraryPassesItsTests(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out with -short: it builds and runs the tests of os, io/fs, net, time and others")
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	for _, pkg := range []string{"context", "internal/poll", "io", "io/fs", "net", "os", "os/exec", "os/signal", "path/filepath", "syscall", "time"} {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			code := guesttest.GoTest(t, pkg)
			b := guesttest.New(t, kernel.Limits{})
			b.Image("/bin/std.test", code)
			dir := ""
			for name := range strings.SplitSeq(strings.Trim(root, "/"), "/") {
				dir += "/" + name
				if err := b.Root.Mkdir(b.Root.Cwd, dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			at, err := b.Root.Walk(b.Root.Cwd, root, true)
			if err != nil {
				t.Fatal(err)
			}
			fs, err := hostfs.Open(root, hostfs.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { fs.Close() })
			if _, err := b.Kernel.Namespace().Mount(fs.Filesystem().Root(), at, vfs.ReadOnly); err != nil {
				t.Fatal(err)
			}
			b.Root.Mkdir(b.Root.Cwd, "/etc", 0o755)
			b.Write("/etc/group", 0o644, []byte("root:x:0:\n"))
			b.Write("/etc/hosts", 0o644, []byte("127.0.0.1 localhost\n::1 localhost\n"))
			p := b.Start(guesttest.Options{
				Dir: path.Join(root, "src", pkg), Env: []string{"HOME=/", "GOROOT=" + root, "PATH=/bin"},
			}, "/bin/std.test", "-test.short")
			if status := p.WaitFor(10 * time.Minute); status != 0 {
				t.Errorf("status %#x\n%s\n%s", uint32(status), p.Stdout, p.Stderr)
			}
		})
	}
}
