package image

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const containerID = "c7ee79cb37b4f2ddf5ae21cf4329f69170ce71430f3b5b89ae07e1e20e4074bf"

func TestGetFindsImagesByWhatUsersWrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	id := f.put(t, day, "", nil, [][]byte{tarOf(t, "a", "a")}, "foo", "localhost:5000/bar/baz:v1")
	hex := id.Encoded()
	for _, ref := range []string{
		"foo", "foo:latest", "docker.io/library/foo", "index.docker.io/foo", "localhost:5000/bar/baz:v1",
		hex, "sha256:" + hex, hex[:12], "sha256:" + hex[:12], hex[:2],
	} {
		if img, err := f.Get(ref); err != nil || img.ID != id {
			t.Errorf("Get(%q) = %v, %v", ref, img, err)
		}
	}
	zeros := strings.Repeat("0", 64)
	for ref, want := range map[string]string{
		"nosuch":                   "No such image: nosuch:latest",
		"foo:other":                "No such image: foo:other",
		"docker.io/library/x":      "No such image: x:latest",
		"sha256:abc0":              "No such image: sha256:abc0",
		zeros:                      "No such image: " + zeros,
		"sha256:" + zeros:          "No such image: sha256:" + zeros,
		"foo@sha256:" + zeros:      "No such image: foo@sha256:" + zeros,
		"foo:latest@sha256:" + hex: "No such image: foo:latest@sha256:" + hex,
	} {
		if _, err := f.Get(ref); !errdefs.IsNotFound(err) || err.Error() != want {
			t.Errorf("Get(%q): %v, want %v", ref, err, want)
		}
	}
	for ref, want := range map[string]string{
		"Upper":   "invalid reference format: repository name (library/Upper) must be lowercase",
		"foo:b:c": "invalid reference format",
		"":        "invalid reference format",
	} {
		if _, err := f.Get(ref); !errdefs.IsInvalidArgument(err) || err.Error() != want {
			t.Errorf("Get(%q): %v, want %v", ref, err, want)
		}
	}
}

func TestAmbiguousShortIDFindsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	seen := map[string]bool{}
	for i := 0; ; i++ { // until two IDs begin with the same digit: seventeen at most
		id := f.put(t, day, "", nil, [][]byte{tarOf(t, "a", fmt.Sprint(i))})
		first := id.Encoded()[:1]
		if !seen[first] {
			seen[first] = true
			continue
		}
		if _, err := f.Get(first); !errdefs.IsNotFound(err) {
			t.Errorf("Get(%q): %v", first, err)
		}
		return
	}
}

func TestTagFollowsDockerd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	one := f.put(t, day, "", nil, [][]byte{tarOf(t, "a", "a")}, "one")
	two := f.put(t, day, "", nil, [][]byte{tarOf(t, "b", "b")}, "two")
	for _, c := range []struct{ source, repo, tag, want string }{
		{"one", "foo", "b:ad", "invalid tag format"},
		{"one", "FOO", "", "invalid reference format: repository name (library/FOO) must be lowercase"},
		{"one", "foo@sha256:" + strings.Repeat("0", 64), "", "refusing to create a tag with a digest reference"},
		{"one", one.Encoded(), "", "invalid repository name (" + one.Encoded() + "), cannot specify 64-byte hexadecimal strings"},
		{"nosuch", "foo", "", "No such image: nosuch:latest"},
	} {
		if err := f.Tag(c.source, c.repo, c.tag); err == nil || err.Error() != c.want {
			t.Errorf("Tag(%q, %q, %q): %v, want %q", c.source, c.repo, c.tag, err, c.want)
		}
	}
	f.takeEvents()
	if err := f.Tag("one", "two", ""); err != nil {
		t.Fatal(err)
	}
	if err := f.Tag(one.Encoded()[:12], "localhost:5000/x:ignored", "v2"); err != nil {
		t.Fatal(err)
	}
	if got := f.takeEvents(); !slices.Equal(got, []string{
		"tag " + one.String() + " name=two:latest", "tag " + one.String() + " name=localhost:5000/x:v2",
	}) {
		t.Errorf("events %q", got)
	}
	f.reopen(t, Options{})
	if got := names(t, f.Store, "two"); !slices.Equal(got, []string{"one:latest", "two:latest", "localhost:5000/x:v2"}) {
		t.Errorf("names %q", got)
	}
	if img, err := f.Get(two.String()); err != nil || len(img.RepoTags) != 0 {
		t.Errorf("the image that lost its name: %v, %v", img, err)
	}
	if img, err := f.Get("two"); err != nil || img.LastTagged.IsZero() {
		t.Errorf("time of tagging: %v, %v", img, err)
	}
}

// removed is what Remove answers, in short.
func removed(t *testing.T, f *fixture, ref string, force bool) string {
	t.Helper()
	done, err := f.Remove(t.Context(), ref, RemoveOptions{Force: force})
	var out []string
	for _, d := range done {
		if d.Untagged != "" {
			out = append(out, "untagged "+d.Untagged)
		} else {
			out = append(out, "deleted "+short(digest.Digest(d.Deleted).Encoded()))
		}
	}
	if err != nil {
		if !errdefs.IsConflict(err) && !errdefs.IsNotFound(err) {
			t.Errorf("Remove(%q): kind of %v", ref, err)
		}
		out = append(out, err.Error())
	}
	return strings.Join(out, ", ")
}

func TestRemoveFollowsDockerd(t *testing.T) {
	t.Parallel()
	type call struct {
		ref   string // ID is the image's ID, ID12 the beginning of it
		force bool
		want  string
	}
	stopped, running := ContainerRef{ID: containerID}, ContainerRef{ID: containerID, Running: true}
	for name, c := range map[string]struct {
		names      []string
		containers []ContainerRef
		calls      []call
	}{
		"the last name takes the image": {names: []string{"t1", "t2:x"}, calls: []call{
			{"t2:x", false, "untagged t2:x"},
			{"t1", false, "untagged t1:latest, deleted ID, deleted LAYER"},
			{"t1", false, "No such image: t1:latest"},
		}},
		"an ID of several repositories": {names: []string{"t1", "t2"}, calls: []call{
			{"ID", false, "conflict: unable to delete ID (must be forced) - image is referenced in multiple repositories"},
			{"ID", true, "untagged t1:latest, untagged t2:latest, deleted ID, deleted LAYER"},
			{"ID12", false, "No such image: ID:latest"},
		}},
		"an ID of two tags": {names: []string{"t1", "t1:other"}, calls: []call{
			{"ID", false, "conflict: unable to delete ID (must be forced) - image is referenced in multiple repositories"},
		}},
		"an ID of one name": {names: []string{"t1"}, calls: []call{
			{"ID12", false, "untagged t1:latest, deleted ID, deleted LAYER"},
		}},
		"a stopped container keeps the last name": {names: []string{"t1", "t2", "localhost:5000/foo/bar"}, containers: []ContainerRef{stopped}, calls: []call{
			{"t1", false, "untagged t1:latest"},
			{"t2", false, "untagged t2:latest"},
			{"localhost:5000/foo/bar", false, `conflict: unable to remove repository reference "localhost:5000/foo/bar" (must force) - container c7ee79cb37b4 is using its referenced image ID`},
			{"ID", false, "conflict: unable to delete ID (must be forced) - image is being used by stopped container c7ee79cb37b4"},
			{"ID", true, "untagged localhost:5000/foo/bar:latest, deleted ID"},
			{"ID", true, "No such image: IDFULL"},
		}},
		"a running container keeps the image": {names: []string{"t1"}, containers: []ContainerRef{running}, calls: []call{
			{"t1", false, `conflict: unable to remove repository reference "t1" (must force) - container c7ee79cb37b4 is using its referenced image ID`},
			{"t1", true, "untagged t1:latest"},
			{"ID", false, "conflict: unable to delete ID (cannot be forced) - image is being used by running container c7ee79cb37b4"},
			{"ID", true, "conflict: unable to delete ID (cannot be forced) - image is being used by running container c7ee79cb37b4"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, Options{})
			layer := tarOf(t, "a", "a")
			id := f.put(t, day, "", nil, [][]byte{layer}, c.names...)
			f.users.set(id, c.containers...)
			for _, call := range c.calls {
				ref := strings.NewReplacer("ID12", id.Encoded()[:12], "ID", id.String()).Replace(call.ref)
				want := strings.NewReplacer("IDFULL", id.String(), "ID", short(id.Encoded()), "LAYER", short(digest.FromBytes(layer).Encoded())).Replace(call.want)
				if got := removed(t, f, ref, call.force); got != want {
					t.Errorf("Remove(%s, force %v):\n got %s\nwant %s", call.ref, call.force, got, want)
				}
			}
		})
	}
}

func TestRemoveDeletesOnlyWhatNothingElseNeeds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	shared, own := tarOf(t, "shared", "s"), tarOf(t, "own", "o")
	one := f.put(t, day, "", nil, [][]byte{shared}, "one")
	two := f.put(t, day, one, nil, [][]byte{shared, own}, "two")
	if got := removed(t, f, "one", false); got != "untagged one:latest" {
		t.Errorf("a parent's last name: %s", got)
	}
	if got := removed(t, f, one.String(), true); !strings.Contains(got, "(cannot be forced) - image has dependent child images") {
		t.Errorf("a parent: %s", got)
	}
	// The index that sandbox/vfs keeps beside a layer goes with it.
	beside := strings.TrimSuffix(f.content.layerPath(digest.FromBytes(own)), ".tar") + ".idx"
	if err := os.WriteFile(beside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.takeEvents()
	if _, err := f.Remove(t.Context(), "two", RemoveOptions{NoPrune: true}); err != nil {
		t.Fatal(err)
	}
	if got := f.takeEvents(); !slices.Equal(got, []string{
		fmt.Sprintf("untag %s name=%s", two, two), fmt.Sprintf("delete %s name=%s", two, two),
	}) {
		t.Errorf("events %q", got)
	}
	want := []string{"blobs/sha256/" + one.Encoded(), "layers/sha256/" + digest.FromBytes(shared).Encoded() + ".tar"}
	if got := f.files(t); !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if _, err := f.Remove(t.Context(), one.String(), RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := f.files(t); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestRemovePrunesParentsWithoutNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	one := f.put(t, day, "", nil, [][]byte{tarOf(t, "a", "a")})
	two := f.put(t, day, one, nil, [][]byte{tarOf(t, "a", "a"), tarOf(t, "b", "b")})
	f.put(t, day, two, nil, [][]byte{tarOf(t, "a", "a"), tarOf(t, "b", "b"), tarOf(t, "c", "c")}, "three")
	if got := strings.Count(removed(t, f, "three", false), "deleted"); got != 6 {
		t.Errorf("%d images and layers deleted, want 6", got)
	}
	if got := f.files(t); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestForcedRemovalKeepsTheLayersForStoppedContainers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	id := f.put(t, day, "", nil, [][]byte{tarOf(t, "a", "a")}, "one")
	f.users.set(id, ContainerRef{ID: containerID})
	if got, want := removed(t, f, "one", true), "untagged one:latest, deleted "+short(id.Encoded()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := f.Get(id.String()); !errdefs.IsNotFound(err) {
		t.Errorf("Get of what was removed: %v", err)
	}
	f.reopen(t, Options{})
	if list, err := f.List(t.Context(), ListOptions{All: true}); err != nil || len(list) != 0 {
		t.Errorf("List: %v, %v", list, err)
	}
	if img, found := f.ByID(id); !found || len(img.Layers) != 1 {
		t.Errorf("the container's image is gone: %v", img)
	}
	if err := f.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.files(t); len(got) != 2 {
		t.Errorf("collected while in use: %q", got)
	}
	f.users.set(id)
	if err := f.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.files(t); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestOpenSweepsWhatNothingLeadsTo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	f.put(t, day, "", nil, [][]byte{tarOf(t, "a", "a")}, "one")
	before := f.files(t)
	for _, path := range []string{"tmp/layer-123", "layers/sha256/" + strings.Repeat("0", 64) + ".tar", "layers/sha256/" + strings.Repeat("0", 64) + ".idx", "blobs/sha256/" + strings.Repeat("1", 64)} {
		if err := os.WriteFile(f.content.dir+"/"+path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.reopen(t, Options{})
	if got := f.files(t); !slices.Equal(got, before) {
		t.Errorf("after Open %q, want %q", got, before)
	}
}

func TestOpenDropsImagesWhoseFilesAreDamaged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	layer := tarOf(t, "a", "a")
	f.put(t, day, "", nil, [][]byte{layer}, "bad")
	f.put(t, day, "", nil, [][]byte{tarOf(t, "b", "b")}, "good")
	if err := os.Truncate(f.content.layerPath(digest.FromBytes(layer)), 100); err != nil {
		t.Fatal(err)
	}
	f.reopen(t, Options{})
	if _, err := f.Get("bad"); !errdefs.IsNotFound(err) {
		t.Errorf("damaged image: %v", err)
	}
	if _, err := f.Get("good"); err != nil {
		t.Errorf("whole image: %v", err)
	}
	if got := f.files(t); len(got) != 2 {
		t.Errorf("left %q", got)
	}
}
