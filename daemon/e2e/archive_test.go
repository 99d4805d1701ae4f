package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// tree is what archives are made from and compared with: a line a file.
type entry struct {
	name string
	typ  byte
	mode fs.FileMode
	data []byte
	link string
	uid  int
}

func (e entry) String() string {
	return fmt.Sprintf("%s %c %o %d %s %x", e.name, e.typ, e.mode, e.uid, e.link, sha256.Sum256(e.data))
}

// sample is a tree with what docker cp has to keep.
func sample() []entry {
	big := make([]byte, 20<<20+7)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(big)
	long := strings.Repeat("long-name-", 20)
	return []entry{
		{name: "tree", typ: tar.TypeDir, mode: 0o750},
		{name: "tree/a file with spaces", typ: tar.TypeReg, mode: 0o644, data: []byte("spaces\n")},
		{name: "tree/ünïcode €", typ: tar.TypeReg, mode: 0o600, data: []byte("bytes\x00\xff")},
		{name: "tree/big", typ: tar.TypeReg, mode: 0o640, data: big},
		{name: "tree/dangling", typ: tar.TypeSymlink, mode: 0o777, link: "no/where"},
		{name: "tree/empty", typ: tar.TypeReg, mode: 0o400},
		{name: "tree/empty dir", typ: tar.TypeDir, mode: 0o700},
		{name: "tree/executable", typ: tar.TypeReg, mode: 0o755, data: []byte("#!/bin/sh\necho ran\n")},
		{name: "tree/" + long, typ: tar.TypeReg, mode: 0o644, data: []byte("long")},
		{name: "tree/link", typ: tar.TypeSymlink, mode: 0o777, link: "a file with spaces"},
		{name: "tree/sub", typ: tar.TypeDir, mode: 0o755},
		{name: "tree/sub/deep", typ: tar.TypeDir, mode: 0o755},
		{name: "tree/sub/deep/file", typ: tar.TypeReg, mode: 0o644, data: []byte("deep")},
		{name: "tree/sub/up", typ: tar.TypeSymlink, mode: 0o777, link: "../empty dir"},
		{name: "tree/suid", typ: tar.TypeReg, mode: 0o4755, data: []byte("s")},
	}
}

func pack(t testing.TB, list []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range list {
		h := &tar.Header{Name: e.name, Typeflag: e.typ, Mode: int64(e.mode), Size: int64(len(e.data)), Linkname: e.link, Uid: e.uid, ModTime: time.Unix(1e9, 0)}
		must(t, w.WriteHeader(h))
		_, err := w.Write(e.data)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func unpack(t testing.TB, r io.Reader) (list []entry) {
	t.Helper()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
			return list
		}
		must(t, err)
		data, err := io.ReadAll(tr)
		must(t, err)
		list = append(list, entry{path.Clean(h.Name), h.Typeflag, fs.FileMode(h.Mode & 0o7777), data, h.Linkname, h.Uid})
	}
}

func compare(t testing.TB, got, want []entry) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing %v", want[i])
		case i >= len(want):
			t.Errorf("too many: %v", got[i])
		case got[i].String() != want[i].String():
			t.Errorf("got  %v\nwant %v", got[i], want[i])
		}
	}
}

func (e *engine) put(id, dir string, archive []byte) {
	e.t.Helper()
	_, err := e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: dir, Content: bytes.NewReader(archive)})
	must(e.t, err)
}

func (e *engine) get(id, name string) []entry {
	e.t.Helper()
	r, err := e.CopyFromContainer(e.ctx, id, client.CopyFromContainerOptions{SourcePath: name})
	must(e.t, err)
	defer r.Content.Close()
	return unpack(e.t, r.Content)
}

func TestTreeCopiedInAndOutIsTheSame(t *testing.T) {
	t.Parallel()
	e := shared(t)
	want := sample()
	archive := pack(t, want)
	stopped := e.create([]string{"sleep", "1000"})
	e.put(stopped, "/root", archive)
	compare(t, e.get(stopped, "/root/tree"), want)

	running := e.launch([]string{"sleep", "1000"})
	e.put(running, "/tmp", archive)
	compare(t, e.get(running, "/tmp/tree"), want)
	check(t, e.exec(running, []string{"sh", "-c", "cd /tmp/tree; cat link; ls -d sub/up/; stat -c '%a %n' suid 'empty dir'; ./executable; sha256sum <big"}),
		fmt.Sprintf("spaces\nsub/up/\n4755 suid\n700 empty dir\nran\n%x  -\n", sha256.Sum256(want[3].data)), 0)

	// What was copied into a stopped container is there when it starts, and what it writes when it has stopped.
	e.begin(stopped)
	check(t, e.exec(stopped, []string{"sh", "-c", "cat '/root/tree/sub/deep/file'; echo new >/root/tree/new; rm /root/tree/suid"}), "deep", 0)
	_, err := e.ContainerKill(e.ctx, stopped, client.ContainerKillOptions{})
	must(t, err)
	e.wait(stopped)
	want = slices.DeleteFunc(want, func(x entry) bool { return x.name == "tree/suid" })
	want = append(want, entry{name: "tree/new", typ: tar.TypeReg, mode: 0o644, data: []byte("new\n")})
	compare(t, e.get(stopped, "/root/tree"), want)
}

func TestCopyTellsOfTheFileAndFollowsTheLastLink(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	e.put(id, "/root", pack(t, sample()))
	st, err := e.ContainerStatPath(e.ctx, id, client.ContainerStatPathOptions{Path: "/root/tree/link"})
	must(t, err)
	if st.Stat.Name != "link" || st.Stat.Mode&os.ModeSymlink == 0 || st.Stat.LinkTarget != "/root/tree/a file with spaces" {
		t.Errorf("got %+v", st.Stat)
	}
	st, err = e.ContainerStatPath(e.ctx, id, client.ContainerStatPathOptions{Path: "/root/tree/sub"})
	must(t, err)
	if st.Stat.Name != "sub" || st.Stat.Mode != os.ModeDir|0o755 {
		t.Errorf("got %+v", st.Stat)
	}
	got := e.get(id, "/root/tree/sub/.")
	if len(got) != 4 || got[0].name != "." || got[1].name != "deep" {
		t.Errorf("a directory's contents: %v", got)
	}
	if got := e.get(id, "/root/tree/sub/up"); len(got) != 1 || got[0].typ != tar.TypeSymlink {
		t.Errorf("a link: %v", got)
	}
}

func TestCopyErrorsAreDockers(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	_, err := e.ContainerStatPath(e.ctx, id, client.ContainerStatPathOptions{Path: "/no/such"})
	if !errdefs.IsNotFound(err) {
		t.Errorf("stat: %v", err)
	}
	_, err = e.CopyFromContainer(e.ctx, id, client.CopyFromContainerOptions{SourcePath: "/no/such"})
	if !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "Could not find the file /no/such in container "+id) {
		t.Errorf("get: %v", err)
	}
	_, err = e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/no/such", Content: bytes.NewReader(pack(t, nil))})
	if !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "Could not find the file /no/such in container "+id) {
		t.Errorf("put: %v", err)
	}
	_, err = e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/etc/passwd", Content: bytes.NewReader(pack(t, nil))})
	if !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "extraction point is not a directory") {
		t.Errorf("put into a file: %v", err)
	}
	_, err = e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/root", Content: strings.NewReader("this is no tar archive, but it is long enough to be looked at as one" + strings.Repeat("!", 512))})
	if err == nil {
		t.Error("rubbish was taken for a tar")
	}
	dir := []entry{{name: "etc", typ: tar.TypeReg, mode: 0o644, data: []byte("x")}}
	_, err = e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: bytes.NewReader(pack(t, dir))})
	if err == nil || !strings.Contains(err.Error(), "cannot overwrite directory") {
		t.Errorf("a file over a directory: %v", err)
	}
}

func TestTwoContainersShareAVolume(t *testing.T) {
	t.Parallel()
	e := shared(t)
	writer := e.launch([]string{"sh", "-c", "umask 027; echo one >/data/file; chown 1000:1000 /data/file; echo ready; sleep 1000"}, binds("shared-volume:/data"))
	e.printed(writer, "ready")
	t.Cleanup(func() { e.remove(writer); removeVolume(e, "shared-volume") })
	reader := e.launch([]string{"sleep", "1000"}, binds("shared-volume:/mnt:ro"))
	check(t, e.exec(reader, []string{"sh", "-c", "cat /mnt/file; stat -c '%u %a' /mnt/file; echo x >/mnt/file"}), "one\n1000 640\n", 1)
	check(t, e.exec(writer, []string{"sh", "-c", "echo two >>/data/file; mv /data/file /data/renamed"}), "", 0)
	check(t, e.exec(reader, []string{"cat", "/mnt/renamed"}), "one\ntwo\n", 0)
	check(t, e.exec(writer, []string{"mkfifo", "/data/pipe"}), "", 0)
	through := e.launch([]string{"cat", "/data/pipe"}, binds("shared-volume:/data"))
	check(t, e.exec(writer, []string{"sh", "-c", "echo through the pipe >/data/pipe"}), "", 0)
	e.wait(through)
	if out, _ := e.logs(through); out != "through the pipe\n" {
		t.Errorf("a fifo between two containers gave %q", out)
	}
	v, err := e.VolumeInspect(e.ctx, "shared-volume", client.VolumeInspectOptions{})
	must(t, err)
	if v.Volume.Driver != "local" || v.Volume.Scope != "local" {
		t.Errorf("got %+v", v.Volume)
	}
	_, err = e.VolumeRemove(e.ctx, "shared-volume", client.VolumeRemoveOptions{})
	if !errdefs.IsConflict(err) || !strings.Contains(err.Error(), "volume is in use") {
		t.Errorf("removing a volume in use: %v", err)
	}
}

func removeVolume(e *engine, name string) {
	cli, err := client.New(client.WithHost(e.host))
	if err != nil {
		return
	}
	defer cli.Close()
	_, _ = cli.VolumeRemove(e.t.Context(), name, client.VolumeRemoveOptions{Force: true})
}

func TestNewVolumeTakesTheImagesFilesAndAnonymousOnesGoWithTheirContainer(t *testing.T) {
	t.Parallel()
	e := shared(t)
	check(t, e.sh("ls /etc/passwd; echo mine >/etc/mine", binds("from-image:/etc")), "/etc/passwd\n", 0)
	check(t, e.sh("cat /vol/mine; grep -c ^root: /vol/passwd", binds("from-image:/vol")), "mine\n1\n", 0)
	_, err := e.VolumeRemove(e.ctx, "from-image", client.VolumeRemoveOptions{})
	if err != nil {
		t.Logf("still used by containers that the test removes at its end: %v", err)
	}
	id := e.create([]string{"true"}, binds("/anonymous"))
	mounts := e.inspect(id).Mounts
	if len(mounts) != 1 || mounts[0].Destination != "/anonymous" || mounts[0].Type != "volume" || len(mounts[0].Name) != 64 {
		t.Fatalf("got %+v", mounts)
	}
	_, err = e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{RemoveVolumes: true})
	must(t, err)
	if _, err := e.VolumeInspect(e.ctx, mounts[0].Name, client.VolumeInspectOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("the anonymous volume is left: %v", err)
	}
}

func TestBindMountsShowTheHostsDirectory(t *testing.T) {
	t.Parallel()
	e := shared(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "from-host"), []byte("host\n"), 0o644))
	check(t, e.sh("cat /mnt/from-host; echo container >/mnt/from-container; mkdir /mnt/sub; ln -s from-host /mnt/link; chmod 600 /mnt/from-container", binds(dir+":/mnt")), "host\n", 0)
	b, err := os.ReadFile(filepath.Join(dir, "from-container"))
	if err != nil || string(b) != "container\n" {
		t.Errorf("got %q, %v", b, err)
	}
	if st, err := os.Stat(filepath.Join(dir, "from-container")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", st, err)
	}
	if to, err := os.Readlink(filepath.Join(dir, "link")); err != nil || to != "from-host" {
		t.Errorf("got %q, %v", to, err)
	}
	check(t, e.sh("cat /f; echo no >/f", binds(filepath.Join(dir, "from-host")+":/f:ro")), "host\n", 1)
	_, err = e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Image: "alpine", HostConfig: &container.HostConfig{
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: filepath.Join(dir, "missing"), Target: "/x"}},
	}})
	if !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), "bind source path does not exist: "+filepath.Join(dir, "missing")) {
		t.Errorf("a missing source: %v", err)
	}
}
