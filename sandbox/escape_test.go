package sandbox_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sockerless/sockerless/sandbox"
)

const hidden = "what no program may read"

// outside makes a directory of the host with a secret beside what is bound.
func outside(t *testing.T) (bound, secret string) {
	t.Helper()
	base := t.TempDir()
	bound, secret = filepath.Join(base, "bound"), filepath.Join(base, "secret")
	if err := os.Mkdir(bound, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte(hidden), 0o644); err != nil {
		t.Fatal(err)
	}
	return bound, secret
}

func bind(dir string) func(*sandbox.Config) {
	return func(c *sandbox.Config) {
		c.Mounts = append(c.Mounts, sandbox.Mount{Type: sandbox.Bind, Source: dir, Target: "/mnt"})
	}
}

// No path leads out of a sandbox: not through /proc, not by "..", not by links, whoever made them.
func TestNoPathLeadsOut(t *testing.T) {
	t.Parallel()
	bound, secret := outside(t)
	if err := os.Symlink("../secret", filepath.Join(bound, "up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(bound, "absolute")); err != nil {
		t.Fatal(err)
	}
	s := open(t, bind(bound))
	var list []string
	for _, p := range []string{
		secret, "/proc/self/root" + secret, "/proc/1/root/.." + secret, "/proc/self/root/../../.." + secret, "/proc/self/cwd/../.." + secret,
		"/mnt/../secret", "/mnt/up", "/mnt/absolute", "/proc/self/fd/0/../.." + secret, "/mnt/./../mnt/up", "/proc/self/task/../root/mnt/up",
		strings.Repeat("/..", 100) + secret, "/dev/fd/../.." + secret,
	} {
		list = append(list, "'"+p+"'")
	}
	stdout, _, _ := run(t, s, "sh", "-c", "for f in "+strings.Join(list, " ")+"; do cat \"$f\" </mnt 2>/dev/null; cp \"$f\" /tmp/x 2>/dev/null && cat /tmp/x; done")
	if strings.Contains(stdout, hidden) {
		t.Errorf("a path leads to the host: %q", stdout)
	}
}

// tarOf makes an archive with an empty file.
func tarOf(t *testing.T, name string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// The host swaps a directory for a link to outside, again and again, while programs read and copy what is in it.
func TestSwappedDirectoriesLeadNowhere(t *testing.T) {
	t.Parallel()
	bound, secret := outside(t)
	dir, link, spare := filepath.Join(bound, "dir"), filepath.Join(bound, "link"), filepath.Join(bound, "spare")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("harmless"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(secret), link); err != nil {
		t.Fatal(err)
	}
	s := open(t, bind(bound))
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, r := range [][2]string{{dir, spare}, {link, dir}, {dir, link}, {spare, dir}} {
				if err := os.Rename(r[0], r[1]); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	script := "i=0; while [ $i -lt 200 ]; do i=$((i+1)); cat /mnt/dir/secret; cp -r /mnt/dir /tmp/c; cat /tmp/c/secret; rm -rf /tmp/c; " +
		"echo no >/mnt/dir/new; mv /mnt/dir/secret /mnt/dir/moved; mv /mnt/dir/moved /mnt/dir/secret; done 2>/dev/null"
	stdout, _, _ := run(t, s, "sh", "-c", script)
	for range 50 { // what docker cp does
		var archive bytes.Buffer
		if err := s.ReadArchive(t.Context(), "/mnt/dir", "dir", &archive); err == nil {
			stdout += archive.String()
		}
		_ = s.WriteArchive(t.Context(), "/mnt/dir", tarOf(t, "new"), sandbox.WriteOptions{})
	}
	close(stop)
	swapper.Wait()
	if strings.Contains(stdout, hidden) {
		t.Error("the secret was read")
	}
	if b, _ := os.ReadFile(secret); string(b) != hidden {
		t.Errorf("the secret is %q now", b)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(secret), "new")); err == nil {
		t.Error("a file was made outside")
	}
}

// Names with every byte that may be in one, long paths and deep trees are ordinary.
func TestStrangeNames(t *testing.T) {
	t.Parallel()
	bound, _ := outside(t)
	s := open(t, bind(bound))
	for _, dir := range []string{"/tmp", "/mnt", "/root"} {
		stdout, stderr, code := run(t, s, "sh", "-c", fmt.Sprintf(`cd %s && mkdir n && cd n &&
			n=$(printf 'a\nb\t \001\377"*\\x') && echo 1 >"$n" && cat "$n" && ls | wc -l && rm "$n" &&
			long=$(printf '%%0255d' 0) && echo 2 >$long && cat $long && ! touch 0$long 2>/dev/null &&
			i=0; while [ $i -lt 40 ]; do i=$((i+1)); mkdir $(printf '%%0100d' 0) && cd $(printf '%%0100d' 0) || exit 1; done
			echo deep >f && cat f && ! cat $(pwd)/$(printf '%%04096d' 0) 2>/dev/null && cd %s && rm -r n && ls n 2>/dev/null; true`, dir, dir))
		if stdout != "1\n1\n2\ndeep\n" || code != 0 {
			t.Errorf("in %s: %q, %q, %d", dir, stdout, stderr, code)
		}
	}
}
