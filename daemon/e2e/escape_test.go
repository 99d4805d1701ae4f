package e2e

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Each tries to reach a file of the host that is outside of what its container was given.
func TestNothingOfTheHostIsReachedThroughPaths(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	must(t, os.WriteFile(secret, []byte("SECRET"), 0o666))
	must(t, os.Chmod(outside, 0o777))
	inside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(inside, "own"), []byte("own\n"), 0o644))
	must(t, os.Symlink(secret, filepath.Join(inside, "absolute")))
	must(t, os.Symlink("../"+filepath.Base(outside)+"/secret", filepath.Join(inside, "relative")))
	must(t, os.Symlink("../../../../../../../.."+secret, filepath.Join(inside, "deep")))
	must(t, os.Symlink(outside, filepath.Join(inside, "dir")))
	must(t, os.Symlink("loop", filepath.Join(inside, "loop")))
	must(t, os.Symlink("/proc/self/root"+secret, filepath.Join(inside, "procroot")))
	self := os.Getpid()
	for _, c := range []struct{ name, script string }{
		{"the path itself", `cat $S`},
		{"dots", `cat /../../../../..$S; cd /mnt && cat ../../../../../..$S`},
		{"dots out of the bind", `cd /mnt && cat ../` + filepath.Base(outside) + `/secret`},
		{"absolute symlink in a bind", `cat /mnt/absolute`},
		{"relative symlink in a bind", `cat /mnt/relative`},
		{"symlink with many dots", `cat /mnt/deep`},
		{"directory symlink in a bind", `cat /mnt/dir/secret; ls /mnt/dir/`},
		{"symlink over /proc/self/root", `cat /mnt/procroot`},
		{"symlink made inside", `ln -s $S /mnt/made; cat /mnt/made; ln -s ../` + filepath.Base(outside) + ` /mnt/up; cat /mnt/up/secret`},
		{"hardlink outwards", `ln $S /mnt/hard && cat /mnt/hard; ln /mnt/absolute /mnt/hard2 && cat /mnt/hard2; ln /mnt/../$S /tmp/h; cat /tmp/h`},
		{"redirection in", `cat <$S; cat </mnt/absolute; read x <$S && echo $x`},
		{"redirection out", `echo OVERWRITTEN >$S; echo OVERWRITTEN >/mnt/absolute; echo OVERWRITTEN >>/mnt/relative; echo OVERWRITTEN >/mnt/dir/new`},
		{"test", `test -e $S && echo SECRET; [ -r $S ] && echo SECRET; [ -w /mnt/dir/secret ] && echo SECRET; [ -s /mnt/absolute ] && echo SECRET`},
		{"bash test", `[[ -e $S ]] && echo SECRET; [[ $S -nt /etc/none ]] && echo SECRET`},
		{"glob", `echo $(dirname $S)/sec* | grep -v '\*' && echo SECRET; for f in /mnt/dir/*; do cat "$f"; done`},
		{"source", `. $S; source $S`},
		{"process substitution", `cat <(cat $S); cat $S > >(cat)`},
		{"cd", `cd $(dirname $S) && cat secret; cd -P /mnt/dir && cat secret`},
		{"exec", `exec 3<$S; cat <&3`},
		{"root of processes", `cat /proc/self/root$S /proc/1/root$S /proc/$$/cwd/../../..$S /proc/self/cwd$S`},
		{"host processes", `cat /proc/` + strconv.Itoa(self) + `/environ | tr '\0' '\n' | grep . && echo SECRET; ls -d /proc/` + strconv.Itoa(self) + ` && echo SECRET`},
		{"environment of pid 1", `tr '\0' '\n' </proc/1/environ | grep GOPATH= && echo SECRET`},
		{"descriptors", `for f in /proc/self/fd/*; do readlink $f; done | grep ` + outside + ` && echo SECRET; cat /dev/fd/7 /dev/fd/8 /dev/fd/9`},
		{"tar out", `cd /mnt && tar cf - absolute dir/secret ../` + filepath.Base(outside) + ` -h | cat`},
		{"find -L", `find -L /mnt -name secret -exec cat {} +`},
		{"mv and rename", `mv $S /tmp/s && cat /tmp/s; mv /mnt/dir/secret /tmp/s && cat /tmp/s`},
		{"loop", `timeout 5 cat /mnt/loop; cat /mnt/loop/x`},
		{"mknod", `mknod /tmp/sda b 8 0 && cat /tmp/sda; mknod /tmp/mem c 1 1 && cat /tmp/mem`},
		{"awk and sed", `awk '{print}' $S; sed -n p $S; awk 'BEGIN{while((getline l < "'$S'")>0) print l; "cat '$S'" | getline x; print x; system("cat '$S'")}'`},
		{"dd", `dd if=$S; echo OVERWRITTEN | dd of=$S`},
		{"xargs and env", `echo $S | xargs cat; env -i /bin/cat $S; CDPATH=/ cd ..$S`},
		{"kill a host process", `kill -0 ` + strconv.Itoa(self) + ` && echo SECRET`},
		{"command substitution of a file", `echo $(<$S); mapfile -t l <$S; echo "${l[@]}"; read -r x <$S; echo $x`},
		{"command files", `hash -p $S x; command -v $S && echo SECRET; type $S && echo SECRET; [ $S -ef $S ] && echo SECRET; PATH=$(dirname $S) secret`},
		{"network files", `cat </dev/tcp/127.0.0.1/22; exec 3<>/dev/udp/127.0.0.1/53 && echo SECRET`},
		{"host environment", `env | grep -e GOPATH -e GOFLAGS -e SSH_ && echo SECRET; echo ${GOPATH:+SECRET}`},
		{"chroot", `chroot /proc/1/root cat $S`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := shared(t)
			shell := "sh"
			if strings.Contains(c.name, "bash") || strings.Contains(c.name, "process sub") {
				shell = "bash"
			}
			got := e.run([]string{shell, "-c", "S=" + secret + "\n" + c.script}, binds(inside+":/mnt"))
			if strings.Contains(got.stdout+got.stderr, "SECRET") {
				t.Errorf("the secret is out: %s", got)
			}
			if strings.Contains(got.stderr, "panic") {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Cleanup(func() { // after the subtests, which run in parallel
		if b, err := os.ReadFile(secret); err != nil || string(b) != "SECRET" {
			t.Errorf("the secret was changed: %q, %v", b, err)
		}
		if list, _ := os.ReadDir(outside); len(list) != 1 {
			t.Errorf("files were made outside: %v", list)
		}
	})
}

// What unpacks an archive must not be led out of its directory, and not out of the container.
func TestArchivesWithBadNamesStayInTheContainer(t *testing.T) {
	t.Parallel()
	e := shared(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	must(t, os.WriteFile(secret, []byte("SECRET"), 0o666))
	inside := t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(inside, "dir")))
	id := e.launch([]string{"sleep", "1000"}, binds(inside+":/mnt"))
	file := func(name string) entry {
		return entry{name: name, typ: tar.TypeReg, mode: 0o644, data: []byte("OVERWRITTEN")}
	}
	link := func(name, to string) entry { return entry{name: name, typ: tar.TypeSymlink, mode: 0o777, link: to} }
	hard := func(name, to string) entry { return entry{name: name, typ: tar.TypeLink, mode: 0o644, link: to} }
	up := strings.Repeat("../", 12)
	for _, c := range []struct {
		name string
		dir  string
		list []entry
	}{
		{"dots", "/mnt", []entry{file(up + secret[1:])}},
		{"dots inside a name", "/mnt", []entry{file("x/" + up + secret[1:])}},
		{"absolute", "/mnt", []entry{file(secret)}},
		{"through a symlink of the bind", "/mnt", []entry{file("dir/secret")}},
		{"through a symlink of the archive", "/mnt", []entry{link("l", outside), file("l/secret")}},
		{"through a symlink with dots", "/mnt", []entry{link("r", up+outside[1:]), file("r/secret")}},
		{"over a symlink", "/mnt", []entry{link("s", secret), file("s")}},
		{"hardlink outwards", "/mnt", []entry{hard("h", secret), file("h")}},
		{"hardlink with dots", "/mnt", []entry{hard("h", up+secret[1:]), file("h")}},
		{"hardlink over a symlink", "/mnt", []entry{link("hl", secret), hard("hh", "hl"), file("hh")}},
		{"into a symlinked directory", "/mnt/dir", []entry{file("secret")}},
		{"empty name", "/mnt", []entry{file("")}},
		{"dot", "/mnt", []entry{file(".")}},
		{"dotdot", "/mnt", []entry{file("..")}},
		{"NUL-like and control names", "/mnt", []entry{file("a\nb\x01"), file(strings.Repeat("x", 300))}},
		{"many components", "/mnt", []entry{file(strings.Repeat("d/", 3000) + "f")}},
	} {
		_, err := e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: c.dir, Content: bytes.NewReader(pack(t, c.list)), AllowOverwriteDirWithFile: true})
		if b, rerr := os.ReadFile(secret); rerr != nil || string(b) != "SECRET" {
			t.Fatalf("%s: the host's file is %q now (%v; the daemon said %v)", c.name, b, rerr, err)
		}
		if list, _ := os.ReadDir(outside); len(list) != 1 {
			t.Fatalf("%s: files were made outside: %v", c.name, list)
		}
	}
	// And none comes out through a download.
	for _, path := range []string{"/mnt/dir/secret", "/mnt/dir/", "/mnt/../../.." + secret, secret, "/proc/self/root" + secret, "/proc/1/root" + secret} {
		r, err := e.CopyFromContainer(e.ctx, id, client.CopyFromContainerOptions{SourcePath: path})
		if err != nil {
			continue
		}
		for _, f := range unpack(t, r.Content) {
			if bytes.Contains(f.data, []byte("SECRET")) {
				t.Errorf("%s gave the secret", path)
			}
		}
		r.Content.Close()
	}
}

func TestVolumeNamesAndBindSpecsThatLeadElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	e := shared(t)
	for _, name := range []string{"../escape", "a/b", "..", ".", "-x", "a b"} {
		if _, err := e.VolumeCreate(e.ctx, client.VolumeCreateOptions{Name: name}); err == nil {
			t.Errorf("volume %q was made", name)
		}
	}
	for _, bind := range []string{"name:relative", "name:/", ":/x", "a:b:c:d", "name:/x:frobnicate"} {
		id, err := e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Image: "alpine", HostConfig: &container.HostConfig{Binds: []string{bind}}})
		if err == nil {
			e.remove(id.ID)
			t.Errorf("bind %q was taken", bind)
		}
	}
}
