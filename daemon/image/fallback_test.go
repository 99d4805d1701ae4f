package image

import (
	"archive/tar"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/sockerless/sockerless/sandbox/abi"
)

func TestEmbeddedImageAnswersWhenNoRegistryCanBeReached(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{Transport: offline})
	id := mustSeed(t, f)
	for _, ref := range []string{"alpine", "alpine:3.20", "busybox:musl", "docker.io/library/debian", "ubuntu:24.04"} {
		k, err := f.pull(t, ref, "")
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if !k.has("The registry could not be reached: ") || !k.has("no such host") || !k.has("embedded in Sockerless answers for "+ref) && ref == "alpine:3.20" {
			t.Errorf("%s: the progress does not say so: %q", ref, k.lines())
		}
		if img, err := f.Get(ref); err != nil || img.ID != id {
			t.Errorf("%s leads to %v, %v", ref, img, err)
		}
	}
	if k, err := f.pull(t, "alpine", ""); err != nil || !k.has("Status: Image is up to date for alpine:latest") {
		t.Errorf("second pull: %v %q", err, k.lines())
	}
	if _, err := f.pull(t, "alpine", "linux/amd64"); err != nil {
		t.Errorf("for its own platform: %v", err)
	}
	for _, c := range [][2]string{
		{"fedora", ""}, {"someone/alpine", ""}, {"localhost:1/alpine", ""}, {"alpine", "linux/arm64"},
		{"alpine@sha256:" + strings.Repeat("0", 64), ""},
	} {
		if _, err := f.pull(t, c[0], c[1]); err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("%s for %q: %v", c[0], c[1], err)
		}
	}
}

func TestFallbackNeverAndAlways(t *testing.T) {
	t.Parallel()
	never := newFixture(t, Options{Transport: offline, Fallback: FallbackNever})
	mustSeed(t, never)
	for _, ref := range []string{"alpine", EmbeddedName} {
		if _, err := never.pull(t, ref, ""); err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("never, %s: %v", ref, err)
		}
	}
	asked := roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("always asked for %s", r.URL)
		return nil, errors.New("asked")
	})
	always := newFixture(t, Options{Transport: asked, Fallback: FallbackAlways})
	mustSeed(t, always)
	theirs := always.put(t, day, "", nil, [][]byte{tarOf(t, "a", "a")}, "ubuntu")
	if k, err := always.pull(t, "alpine", ""); err != nil || !k.has("No registry is asked for alpine:latest: the image embedded in Sockerless answers") {
		t.Errorf("always: %v, %q", err, k.lines())
	}
	if k, err := always.pull(t, "ubuntu", ""); err != nil || !k.has("the image that has the name stays") {
		t.Errorf("always, a name that is taken: %v, %q", err, k.lines())
	}
	if img, err := always.Get("ubuntu"); err != nil || img.ID != theirs {
		t.Errorf("always replaced an image: %v, %v", img, err)
	}
	for s, ok := range map[string]bool{"auto": true, "never": true, "always": true, "": false, "sometimes": false} {
		if _, err := ParseFallback(s); (err == nil) != ok {
			t.Errorf("ParseFallback(%q): %v", s, err)
		}
	}
}

func TestAnswersOfARegistryAreNotReplaced(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		reg := newRegistry(t)
		reg.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.WriteHeader(status)
				return true
			}
			return false
		})
		f := newFixture(t, Options{Transport: reg.hub()})
		mustSeed(t, f)
		if k, err := f.pull(t, "alpine", ""); !errdefs.IsNotFound(err) {
			t.Errorf("status %d: %v, %q", status, err, k.lines())
		}
	}
}

func TestPulledImageWinsOverTheEmbeddedOne(t *testing.T) {
	t.Parallel()
	reg := newRegistry(t)
	real := reg.image("library/alpine", "latest", amd64, gzipped, tarOf(t, "a", "alpine's"))
	down := true
	f := newFixture(t, Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if down {
			return offline(r)
		}
		return reg.hub().RoundTrip(r)
	})})
	id := mustSeed(t, f)
	if _, err := f.pull(t, "alpine", ""); err != nil {
		t.Fatal(err)
	}
	down = false
	if _, err := f.pull(t, "alpine", ""); err != nil {
		t.Fatal(err)
	}
	if img, err := f.Get("alpine"); err != nil || img.ID != real.id {
		t.Errorf("the pulled image did not take the name: %v, %v", img, err)
	}
	down = true
	if _, err := f.pull(t, "alpine", ""); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("offline again: %v", err)
	}
	if img, err := f.Get("alpine"); err != nil || img.ID != real.id {
		t.Errorf("the embedded image took the name: %v, %v", img, err)
	}
	// What a user tagged is theirs, too, even if it is the embedded image.
	if err := f.Tag(id.String(), "busybox", "mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.pull(t, "busybox:mine", ""); err == nil {
		t.Error("a pull answered for a name that a user gave")
	}
}

func TestSeedingIsDoneOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{Transport: offline})
	id := mustSeed(t, f)
	before := f.files(t)
	layer, err := os.Stat(f.content.dir + "/" + before[len(before)-1])
	if err != nil {
		t.Fatal(err)
	}
	f.reopen(t, Options{Transport: offline})
	if again := mustSeed(t, f); again != id {
		t.Errorf("second seed has ID %s, the first %s", again, id)
	}
	after, err := os.Stat(f.content.dir + "/" + before[len(before)-1])
	if err != nil || !os.SameFile(layer, after) || !slices.Equal(f.files(t), before) {
		t.Errorf("the second seed wrote: %q, %v", f.files(t), err)
	}

	other := newFixture(t, Options{})
	if got := mustSeed(t, other); got != id {
		t.Errorf("ID elsewhere %s, here %s", got, id)
	}
}

func TestSeededImageIsARealOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	id := mustSeed(t, f)
	img, err := f.Get(EmbeddedName)
	if err != nil || img.ID != id {
		t.Fatal(img, err)
	}
	if img.Platform.OS != "linux" || img.Platform.Architecture != "amd64" || !slices.Equal(img.Config.Cmd, []string{"/bin/sh"}) ||
		len(img.Config.Env) != 1 || len(img.Layers) != 3 || len(img.History) != 4 || img.Created.IsZero() || img.Manifest.Digest == "" {
		t.Errorf("%+v", img)
	}
	found := map[string]string{}
	for _, l := range img.Layers {
		file, err := os.Open(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if d, err := digest.FromReader(file); err != nil || d != l.DiffID {
			t.Errorf("layer %s has digest %s, %v", l.DiffID, d, err)
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		tr := tar.NewReader(file)
		for h, err := tr.Next(); err == nil; h, err = tr.Next() {
			content, _ := io.ReadAll(tr)
			found[h.Name] = string(content)
		}
	}
	if found["bin/busybox"] != string(testModule) || !strings.HasPrefix(found["bin/sh"], abi.ShellMagic) {
		t.Errorf("busybox %q, sh %q", found["bin/busybox"], found["bin/sh"])
	}
	for _, d := range []digest.Digest{id, img.Manifest.Digest} {
		if raw, err := f.content.blob(d); err != nil || digest.FromBytes(raw) != d {
			t.Errorf("blob %s: %v", d, err)
		}
	}
}

func TestNewBuildTakesTheNamesOfTheOldOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{Transport: offline})
	old := mustSeed(t, f)
	if _, err := f.pull(t, "alpine", ""); err != nil {
		t.Fatal(err)
	}
	files := len(f.files(t))
	id, err := f.Seed(t.Context(), []byte("\x00asm newer"), testApplets)
	if err != nil || id == old {
		t.Fatal(id, err)
	}
	for _, ref := range []string{"alpine", EmbeddedName} {
		if img, err := f.Get(ref); err != nil || img.ID != id {
			t.Errorf("%s leads to %v, %v", ref, img, err)
		}
	}
	if _, found := f.ByID(old); found || len(f.files(t)) != files {
		t.Errorf("the old one is still there: %v, %q", found, f.files(t))
	}

	// One that containers use, or a user named, stays.
	f.users.set(id, ContainerRef{ID: containerID})
	third, err := f.Seed(t.Context(), []byte("\x00asm newest"), testApplets)
	if err != nil {
		t.Fatal(err)
	}
	if _, found := f.ByID(id); !found {
		t.Error("the image of a container is gone")
	}
	if err := f.Tag(third.String(), "mine", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seed(t.Context(), testModule, testApplets); err != nil {
		t.Fatal(err)
	}
	if img, err := f.Get("mine"); err != nil || img.ID != third {
		t.Errorf("a user's name leads to %v, %v", img, err)
	}
}

func TestEmbeddedImageThatWasRemovedComesBackWhenNeeded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{Transport: offline})
	id := mustSeed(t, f)
	if _, err := f.Remove(t.Context(), EmbeddedName, RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := f.files(t); len(got) != 0 {
		t.Errorf("left %q", got)
	}
	if _, err := f.pull(t, "alpine", ""); err != nil {
		t.Fatal(err)
	}
	if img, err := f.Get("alpine"); err != nil || img.ID != id {
		t.Errorf("%v, %v", img, err)
	}
}

func TestCrashWhileSeedingIsMadeGood(t *testing.T) {
	t.Parallel()
	whole := newFixture(t, Options{})
	id := mustSeed(t, whole)
	files := whole.files(t)
	// Whatever of the files was written before the record: the next daemon sweeps it and seeds anew.
	for n := range len(files) + 1 {
		f := newFixture(t, Options{})
		for _, name := range files[:n] {
			content, err := os.ReadFile(whole.content.dir + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f.content.dir+"/"+name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f.reopen(t, Options{})
		if got := f.files(t); len(got) != 0 {
			t.Fatalf("after %d files: left %q", n, got)
		}
		if got := mustSeed(t, f); got != id || !slices.Equal(f.files(t), files) {
			t.Fatalf("after %d files: %s with %q", n, got, f.files(t))
		}
	}
}
