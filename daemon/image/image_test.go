package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sockerless/sockerless/daemon/store"
)

var (
	testModule  = []byte("\x00asm busybox")
	testApplets = []string{"ls", "cat", "["}
)

// fixture is a store with what a daemon has around it.
type fixture struct {
	*Store
	dir   string
	state *store.Store
	users fakeUsers

	mu     sync.Mutex
	events []string
}

type fakeUsers struct {
	mu sync.Mutex
	of map[digest.Digest][]ContainerRef
}

func (u *fakeUsers) ContainersUsing(id digest.Digest) []ContainerRef {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.of[id]
}

func (u *fakeUsers) set(id digest.Digest, containers ...ContainerRef) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.of[id] = containers
}

func newFixture(t testing.TB, opts Options) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), users: fakeUsers{of: map[digest.Digest][]ContainerRef{}}}
	f.open(t, opts)
	return f
}

func (f *fixture) open(t testing.TB, opts Options) {
	t.Helper()
	var err error
	if f.state, err = store.Open(f.dir); err != nil {
		t.Fatal(err)
	}
	state := f.state
	t.Cleanup(func() { state.Close() })
	opts.Emit = func(action events.Action, id string, attributes map[string]string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.events = append(f.events, fmt.Sprintf("%s %s name=%s", action, id, attributes["name"]))
	}
	if f.Store, err = Open(filepath.Join(f.dir, "image"), f.state, slog.New(slog.DiscardHandler), opts); err != nil {
		t.Fatal(err)
	}
	f.SetUsers(&f.users)
}

// reopen is a restart of the daemon.
func (f *fixture) reopen(t testing.TB, opts Options) {
	t.Helper()
	if err := f.state.Close(); err != nil {
		t.Fatal(err)
	}
	f.open(t, opts)
}

func (f *fixture) takeEvents() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.events
	f.events = nil
	return got
}

// files lists what is below the store's directory, without the directories.
func (f *fixture) files(t testing.TB) []string {
	t.Helper()
	var files []string
	root := filepath.Join(f.dir, "image")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tarOf is a layer with one file.
func tarOf(t testing.TB, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// put makes an image of layers, as if it had been built here.
func (f *fixture) put(t testing.TB, created time.Time, parent digest.Digest, labels map[string]string, layers [][]byte, names ...string) digest.Digest {
	t.Helper()
	cfg := configOf(created, ocispec.Platform{OS: "linux", Architecture: "amd64"}, labels, layers)
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := record{}
	for i, l := range layers {
		w, err := f.content.newLayer()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(l); err != nil {
			t.Fatal(err)
		}
		if err := w.commit(cfg.RootFS.DiffIDs[i]); err != nil {
			t.Fatal(err)
		}
		r.LayerSizes = append(r.LayerSizes, int64(len(l)))
	}
	id, err := f.content.putBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	var refs []reference.Named
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, reference.TagNameOnly(named))
	}
	r.Parent = parent
	f.change.Lock()
	defer f.change.Unlock()
	if err := f.add(id, r, false, refs...); err != nil {
		t.Fatal(err)
	}
	return id
}

func configOf(created time.Time, platform ocispec.Platform, labels map[string]string, layers [][]byte) dockerspec.DockerOCIImage {
	cfg := dockerspec.DockerOCIImage{Image: ocispec.Image{Created: &created, Platform: platform}}
	cfg.Config.Cmd = []string{"/bin/sh"}
	cfg.Config.Labels = labels
	cfg.Config.Shell = []string{"/bin/sh", "-c"}
	cfg.RootFS.Type = "layers"
	for i, l := range layers {
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, digest.FromBytes(l))
		cfg.History = append(cfg.History, ocispec.History{Created: &created, CreatedBy: fmt.Sprint("layer ", i)})
	}
	cfg.History = append(cfg.History, ocispec.History{Created: &created, CreatedBy: "CMD", EmptyLayer: true})
	return cfg
}

// talk collects the messages of a pull, progress in bytes left out.
type talk struct {
	mu       sync.Mutex
	messages []jsonstream.Message
}

func (k *talk) hear(m jsonstream.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.messages = append(k.messages, m)
}

func (k *talk) lines() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var lines []string
	for _, m := range k.messages {
		line := m.Status
		if m.ID != "" {
			line = m.ID + ": " + line
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (k *talk) has(part string) bool {
	return slices.ContainsFunc(k.lines(), func(line string) bool { return strings.Contains(line, part) })
}

func names(t testing.TB, s *Store, ref string) []string {
	t.Helper()
	img, err := s.Get(ref)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(img.RepoTags, img.RepoDigests)
}

func mustSeed(t testing.TB, f *fixture) digest.Digest {
	t.Helper()
	id, err := f.Seed(context.Background(), testModule, testApplets)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
