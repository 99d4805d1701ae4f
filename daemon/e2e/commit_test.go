package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/ulikunitz/xz"
)

// commit makes an image of a container; it is removed at the test's end.
func (e *engine) commit(id string, o client.ContainerCommitOptions) string {
	e.t.Helper()
	got, err := e.ContainerCommit(e.ctx, id, o)
	must(e.t, err)
	e.t.Cleanup(func() {
		if cli, err := client.New(client.WithHost(e.host)); err == nil {
			_, _ = cli.ImageRemove(e.t.Context(), got.ID, client.ImageRemoveOptions{Force: true})
			cli.Close()
		}
	})
	return got.ID
}

func onImage(ref string) option { return withConfig(func(c *container.Config) { c.Image = ref }) }

func TestCommittedImageHasWhatTheContainerHad(t *testing.T) {
	t.Parallel()
	e := shared(t)
	const change = `set -e; mkdir -p /new/dir; echo data >/new/dir/file; ln /new/dir/file /new/hard; ln -s dir /new/soft
		chown 1000:2000 /new/hard; chmod 4711 /new/hard; rm /etc/group; rm -r /var; mkdir /var; echo kept >/var/only; chmod 700 /tmp; mkfifo /new/pipe
		rm -f /etc/profile; mkdir /etc/profile; echo in >/etc/profile/x; echo no >/vol/x; echo no >/run/y; head -c 3000000 /dev/zero >/new/big`
	const show = `cat /new/soft/file /var/only /etc/profile/x; stat -c '%u:%g %a %h' /new/hard; stat -c '%a %F' /tmp /new/pipe; ls -A /var /vol; ls -d /etc/group /run/y; wc -c </new/big`
	id := e.launch([]string{"sh", "-c", change}, binds("/vol"), withHost(func(h *container.HostConfig) { h.Tmpfs = map[string]string{"/run": ""} }))
	if code := e.wait(id); code != 0 {
		_, errs := e.logs(id)
		t.Fatalf("exit code %d: %s", code, errs)
	}
	image := e.commit(id, client.ContainerCommitOptions{Reference: "committed:once", Author: "somebody", Comment: "why", Changes: []string{
		`CMD ["sh", "-c", "echo $GREETING from $PWD"]`, `ENV GREETING=hello`, `LABEL a=b c="d e"`, `EXPOSE 80 8000-8002/udp`,
		`VOLUME /data`, `WORKDIR /new`, `WORKDIR dir`, `USER 1000`, `STOPSIGNAL SIGINT`, `ONBUILD RUN true`, `HEALTHCHECK --interval=3s CMD true`,
	}})
	if got := e.run(nil, onImage("committed:once")); got.stdout != "hello from /new/dir\n" || got.code != 0 {
		t.Errorf("the image's command: %s", got)
	}
	got := e.sh(show, onImage(image), withConfig(func(c *container.Config) { c.User = "root" }))
	want := "data\nkept\nin\n1000:2000 4711 2\n700 directory\n644 fifo\n/var:\nonly\n\n/vol:\n3000000\n"
	if got.stdout != want {
		t.Errorf("got %s\nwant %q", got, want)
	}
	info, err := e.ImageInspect(e.ctx, image)
	must(t, err)
	c := info.Config
	if c.User != "1000" || c.WorkingDir != "/new/dir" || c.StopSignal != "SIGINT" || c.Labels["c"] != "d e" || len(c.ExposedPorts) != 4 ||
		!slices.Equal(c.OnBuild, []string{"RUN true"}) || c.Healthcheck == nil || len(c.Volumes) != 1 {
		t.Errorf("config %+v", c)
	}
	if info.Author != "somebody" || info.Comment != "why" || !slices.Equal(info.RepoTags, []string{"committed:once"}) || info.ID != image {
		t.Errorf("image %+v", info.InspectResponse)
	}
	history, err := e.ImageHistory(e.ctx, image)
	must(t, err)
	if h := history.Items[0]; h.Comment != "why" || !strings.HasPrefix(h.CreatedBy, "sh -c set -e;") || h.Size < 3000000 {
		t.Errorf("history %+v", h)
	}
	// An image of the image: nothing has changed, so that it has no layer more.
	again := e.create([]string{"true"}, onImage(image))
	second, err := e.ImageInspect(e.ctx, e.commit(again, client.ContainerCommitOptions{}))
	must(t, err)
	if !slices.Equal(second.RootFS.Layers, info.RootFS.Layers) {
		t.Errorf("layers %v, want %v", second.RootFS.Layers, info.RootFS.Layers)
	}
}

func TestCommitPausesARunningContainerAndTellsOfIt(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "while :; do date >/now; done"})
	events := e.Events(e.ctx, client.EventsListOptions{Filters: client.Filters{}.Add("container", id)})
	image := e.commit(id, client.ContainerCommitOptions{Comment: "c", Reference: "running:image"})
	for _, want := range []string{"pause", "commit", "unpause"} {
		select {
		case m := <-events.Messages:
			a := m.Actor.Attributes
			if string(m.Action) != want || want == "commit" && (a["imageID"] != image || a["comment"] != "c" || a["imageRef"] != "running:image") {
				t.Errorf("event %s %v, want %s", m.Action, a, want)
			}
		case err := <-events.Err:
			t.Fatal(err)
		}
	}
	if st := e.state(id); !st.Running || st.Paused {
		t.Errorf("state %+v", st)
	}
}

// The texts are the newest dockerd's.
func TestCommitRefusesBadChanges(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	for change, want := range map[string]string{
		"RUN true":           "RUN is not a valid change command",
		"FROM x":             "FROM is not a valid change command",
		"FROB":               "FROB is not a valid change command",
		"ONBUILD ONBUILD x":  "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
		"ONBUILD FROM x":     "FROM isn't allowed as an ONBUILD trigger",
		"ENV":                "ENV requires at least one argument",
		"ENV a":              "ENV must have two arguments",
		"EXPOSE x":           "invalid containerPort: x",
		"STOPSIGNAL SIGFROB": "invalid signal: SIGFROB",
		"VOLUME":             "VOLUME requires at least one argument",
		"USER":               "USER requires exactly one argument",
		`VOLUME [""]`:        "VOLUME specified can not be an empty string",
		"LABEL =x":           "LABEL names can not be blank",
	} {
		a := e.request("POST", "/commit?container="+id+"&changes="+url.QueryEscape(change), "")
		if a.status != 400 || !strings.Contains(a.message(), want) {
			t.Errorf("%s: %d %s, want %s", change, a.status, a.message(), want)
		}
	}
	for query, want := range map[string]string{
		"container=ghost":               "No such container: ghost",
		"container=" + id + "&repo=NOT": "invalid reference format: repository name (library/NOT) must be lowercase",
		"":                              "No container name or ID supplied",
	} {
		if a := e.request("POST", "/commit?"+query, ""); a.status/100 != 4 || !strings.Contains(a.message(), want) {
			t.Errorf("%s: %d %s, want %s", query, a.status, a.message(), want)
		}
	}
}

func TestExportIsTheRootFilesystemAsItIs(t *testing.T) {
	t.Parallel()
	e := shared(t)
	want := sample()
	id := e.launch([]string{"sleep", "1000"}, binds("/vol"))
	e.put(id, "/root", pack(t, want))
	e.exec(id, []string{"sh", "-c", "echo hidden >/vol/x; mkfifo /root/tree/fifo; ln /root/tree/executable /root/tree/same; chown -h 5:6 /root/tree/link; rm /etc/passwd"})
	r, err := e.ContainerExport(e.ctx, id, client.ContainerExportOptions{})
	must(t, err)
	defer r.Close()
	got := map[string]*tar.Header{}
	var tree []entry
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		if strings.HasPrefix(h.Name, "/") || strings.HasPrefix(h.Name, "./") {
			t.Fatalf("name %q", h.Name)
		}
		got[h.Name] = h
		if rest, ok := strings.CutPrefix(h.Name, "root/"); ok && rest != "" {
			data, err := io.ReadAll(tr)
			must(t, err)
			if h.Uid == 0 && h.Typeflag != tar.TypeFifo && h.Typeflag != tar.TypeLink && !strings.HasSuffix(h.Name, "/link") {
				tree = append(tree, entry{strings.TrimSuffix(rest, "/"), h.Typeflag, fs.FileMode(h.Mode & 0o7777), data, h.Linkname, 0})
			}
		}
	}
	slices.SortFunc(tree, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	compare(t, tree, slices.DeleteFunc(want, func(x entry) bool { return x.name == "tree/link" }))
	if h := got["root/tree/link"]; h == nil || h.Uid != 5 || h.Gid != 6 {
		t.Errorf("owner of a link: %+v", h)
	}
	if h := got["root/tree/same"]; h == nil || h.Typeflag != tar.TypeLink || h.Linkname != "root/tree/executable" {
		t.Errorf("hard link: %+v", h)
	}
	if h := got["root/tree/fifo"]; h == nil || h.Typeflag != tar.TypeFifo {
		t.Errorf("fifo: %+v", h)
	}
	for _, name := range []string{"vol/x", "etc/passwd", "proc/1/", "dev/null", "sys/kernel/"} {
		if got[name] != nil {
			t.Errorf("%s is in it", name)
		}
	}
	if h := got["vol/"]; h == nil || h.Typeflag != tar.TypeDir {
		t.Errorf("the mount point: %+v", h)
	}
}

// Each script is run in both, on an image with the same files in /t; what it changes is listed the same. What becomes of
// a directory's entries when a file takes its place, of a file that gets a second name, and of a directory that only has
// another time, depends on dockerd's storage driver and is left out.
func TestChangesAreThoseOfDockerd(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dockerd")
	}
	t.Parallel()
	var engines [2]*engine
	var images [2]string
	for i, e := range []*engine{shared(t), dockerd(t)} {
		id := e.launch([]string{"sh", "-c", "mkdir -p /t/dir/sub; echo a >/t/a; echo b >/t/dir/b; ln -s a /t/soft; touch -d 2020-01-01 /t/a /t/dir/b /t/dir /t"})
		e.wait(id)
		engines[i], images[i] = e, e.commit(id, client.ContainerCommitOptions{})
	}
	for _, script := range []string{
		"true",
		"echo x >/t/new",
		"mkdir -p /n/b/c; touch /n/b/c/f",
		"echo x >>/t/a",
		"rm /t/a",
		"rm /t/a; echo new >/t/a",
		"chmod 600 /t/a",
		"chown 1:2 /t/dir/b",
		"touch /t/a",
		"chmod 700 /t/dir",
		"mv /t/a /t/moved",
		"mv /t /moved",
		"rm -r /t/dir",
		"rm -r /t/dir; mkdir /t/dir; touch /t/dir/only",
		"rm /t/a; mkdir -p /t/a/dir",
		"ln -s a /t/soft2",
		"rm /t/soft; ln -s b /t/soft",
		"mkfifo /t/fifo; mkdir /t/dir/sub/x",
		"touch /t/x /root/y /tmp/z",
		"cp /t/a /t/copy; rm /t/copy; echo again >/t/copy",
	} {
		var got [2]string
		for i, e := range engines {
			id := e.launch([]string{"sh", "-c", script}, onImage(images[i]))
			e.wait(id)
			a := e.request("GET", differVersion+"/containers/"+id+"/changes", "")
			var list []container.FilesystemChange
			must(t, json.Unmarshal([]byte(a.body), &list))
			var lines []string
			for _, c := range list {
				lines = append(lines, fmt.Sprintf("%v %s", c.Kind, c.Path))
			}
			slices.Sort(lines)
			got[i] = strings.Join(lines, "\n")
		}
		if got[0] != got[1] {
			t.Errorf("%s\nours:\n%s\ndockerd:\n%s", script, got[0], got[1])
		}
	}
}

var compressors = map[string]func(testing.TB, io.Writer, []byte){
	"gzip": func(t testing.TB, w io.Writer, b []byte) { packed(t, gzip.NewWriter(w), nil, b) },
	"zstd": func(t testing.TB, w io.Writer, b []byte) { z, err := zstd.NewWriter(w); packed(t, z, err, b) },
	"xz":   func(t testing.TB, w io.Writer, b []byte) { z, err := xz.NewWriter(w); packed(t, z, err, b) },
}

func packed(t testing.TB, z io.WriteCloser, err error, b []byte) {
	t.Helper()
	must(t, err)
	_, err = z.Write(b)
	must(t, err)
	must(t, z.Close())
}

func TestArchivesOfEveryCompressionAreUnpacked(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	list := []entry{{name: "f", typ: tar.TypeReg, mode: 0o644, data: []byte("content\n")}}
	for name, compress := range compressors {
		var b bytes.Buffer
		compress(t, &b, pack(t, list))
		e.put(id, "/root", b.Bytes())
		compare(t, e.get(id, "/root/f"), list)
		_, err := e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/root", Content: bytes.NewReader(b.Bytes()[:b.Len()/2])})
		if err == nil {
			t.Errorf("half of a %s archive was taken", name)
		}
	}
}
