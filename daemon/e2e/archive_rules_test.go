package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// The names, link rules and texts are what the newest dockerd answers to the same requests.
func TestCopyFollowsDockerdsRulesOfLinksAndSlashes(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	e.put(id, "/tmp", pack(t, []entry{
		{name: "dir", typ: tar.TypeDir, mode: 0o755}, {name: "dir/d", typ: tar.TypeReg, mode: 0o644, data: []byte("d")},
		{name: "dir/up", typ: tar.TypeSymlink, link: "../../../.."}, {name: "file", typ: tar.TypeReg, mode: 0o644, data: []byte("f")},
		{name: "ldir", typ: tar.TypeSymlink, link: "dir"}, {name: "lfile", typ: tar.TypeSymlink, link: "file"},
		{name: "letc", typ: tar.TypeSymlink, link: "/etc"}, {name: "dangling", typ: tar.TypeSymlink, link: "nowhere"},
	}))
	for _, c := range []struct{ path, name, target, entries, text string }{
		{path: "/tmp/file", name: "file", entries: "file"},
		{path: "/tmp/dir", name: "dir", entries: "dir/ dir/d dir/up"},
		{path: "tmp/dir/", name: "dir", entries: "dir/ dir/d dir/up"},
		{path: "/tmp/dir/.", name: ".", entries: "./ ./d ./up"},
		{path: "/tmp/ldir", name: "ldir", target: "/tmp/dir", entries: "ldir"},
		{path: "/tmp/ldir/", name: "ldir", entries: "ldir/ ldir/d ldir/up"},
		{path: "/tmp/ldir/.", name: ".", entries: "./ ./d ./up"},
		{path: "/tmp/ldir/d", name: "d", entries: "d"},
		{path: "/tmp/letc/passwd", name: "passwd", entries: "passwd"},
		{path: "/tmp/dir/up", name: "up", target: "/", entries: "up"},
		{path: "/tmp/dir/up/etc/passwd", name: "passwd", entries: "passwd"},
		{path: "/tmp/dangling", name: "dangling", target: "/tmp/nowhere", entries: "dangling"},
		{path: "/tmp/dangling/", text: "404 Could not find the file /tmp/dangling/ in container ID"},
		{path: "/tmp/lfile/", text: "500 lstat /tmp/lfile/: not a directory"},
		{path: "/tmp/file/.", text: "500 lstat /tmp/file/.: not a directory"},
		{path: "/tmp/file/x", text: "500 lstat /tmp/file/x: not a directory"},
		{path: "relative", text: "404 Could not find the file relative in container ID"},
		{path: "", text: "400 bad parameter: path cannot be empty"},
	} {
		a := e.request("GET", "/containers/"+id+"/archive?path="+url.QueryEscape(c.path), "")
		if c.text != "" {
			if got := fmt.Sprintf("%d %s", a.status, anonymous(a.message())); got != c.text {
				t.Errorf("%s: %s, want %s", c.path, got, c.text)
			}
			continue
		}
		var st container.PathStat
		b, err := base64.StdEncoding.DecodeString(a.header.Get("X-Docker-Container-Path-Stat"))
		must(t, err)
		must(t, json.Unmarshal(b, &st))
		var names []string
		tr := tar.NewReader(strings.NewReader(a.body))
		for h, err := tr.Next(); err != io.EOF; h, err = tr.Next() {
			must(t, err)
			names = append(names, h.Name)
		}
		if got := strings.Join(names, " "); st.Name != c.name || st.LinkTarget != c.target || got != c.entries {
			t.Errorf("%s: name %q, link to %q, entries %s", c.path, st.Name, st.LinkTarget, got)
		}
	}
}

func TestCopyIntoReadOnlyPlacesIsRefused(t *testing.T) {
	t.Parallel()
	e := shared(t)
	files := pack(t, []entry{{name: "f", typ: tar.TypeReg, mode: 0o644, data: []byte("f")}})
	t.Cleanup(func() { removeVolume(e, "read-only-places") })
	id := e.create([]string{"true"}, binds("read-only-places:/w", "read-only-places:/r:ro"), withHost(func(h *container.HostConfig) { h.ReadonlyRootfs = true }))
	for dir, want := range map[string]string{
		"/": "container rootfs is marked read-only", "/tmp": "container rootfs is marked read-only", "/r": "mounted volume is marked read-only", "/w": "",
	} {
		_, err := e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: dir, Content: bytes.NewReader(files)})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
}

func TestHostileArchivesAreRefusedAndHarmNothing(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	before := e.get(id, "/etc/passwd")
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1} }
	link := func(typ byte, name, to string) tar.Header { return tar.Header{Name: name, Typeflag: typ, Linkname: to} }
	make := func(list ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range list {
			must(t, w.WriteHeader(&h))
			if h.Size > 0 {
				_, err := io.WriteString(w, "x")
				must(t, err)
			}
		}
		must(t, w.Close())
		return b.Bytes()
	}
	whole := pack(t, sample())
	for _, c := range []struct {
		name string
		data []byte
		want string // "" is taken
	}{
		{"up", make(reg("../evil")), `invalid entry name "../evil"`},
		{"up inside", make(reg("a/../../evil")), `invalid entry name "a/../../evil"`},
		{"absolute", make(reg("/abs")), ""},
		{"through a link", make(link(tar.TypeSymlink, "s", "/etc"), reg("s/passwd")), `"s/passwd" is outside of "/tmp"`},
		{"through a link up", make(link(tar.TypeSymlink, "u", "../etc"), reg("u/passwd")), `"u/passwd" is outside of "/tmp"`},
		{"hard link up", make(link(tar.TypeLink, "h", "../etc/passwd")), `invalid hardlink target "../etc/passwd"`},
		{"hard link to nothing", make(link(tar.TypeLink, "h", "missing")), "Could not find the file /tmp in container " + id},
		{"device", make(tar.Header{Name: "dev", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}), ""},
		{"unknown type", make(link('V', "x", "")), "unhandled tar header type 86"},
		{"no tar", bytes.Repeat([]byte("junk"), 300), "archive/tar: invalid tar header"},
		{"nothing", nil, ""},
		{"cut in a header", whole[:700], "unexpected EOF"},
		{"cut in a file", whole[:len(whole)-1<<20], "unexpected EOF"},
		{"a PAX record without an end", append(paxHeader(1<<30), bytes.Repeat([]byte("x"), 4096)...), "unexpected EOF"},
	} {
		_, err := e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/tmp", Content: bytes.NewReader(c.data)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	compare(t, e.get(id, "/etc/passwd"), before)
}

// paxHeader is the block that announces a PAX header of a size.
func paxHeader(size int64) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: size})
	block := b.Bytes()[:512]
	block[156] = 'x'
	copy(block[148:156], "        ")
	sum := 0
	for _, c := range block {
		sum += int(c)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return block
}
