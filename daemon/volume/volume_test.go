package volume

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/volume"

	"github.com/sockerless/sockerless/daemon/store"
)

func open(t *testing.T, dir string, told *[]string) (*Service, *store.Store) {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s, err := Open(filepath.Join(dir, "volumes"), st, nil, func(a events.Action, id string, _ map[string]string) {
		*told = append(*told, string(a)+" "+id)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, st
}

func create(t *testing.T, s *Service, name string, labels map[string]string) volume.Volume {
	t.Helper()
	v, err := s.Create(t.Context(), volume.CreateRequest{Name: name, Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func names(t *testing.T, s *Service, filters map[string][]string) []string {
	t.Helper()
	list, err := s.List(t.Context(), filters)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range list {
		names = append(names, v.Name)
	}
	return names
}

func TestVolumeIsThereUntilItIsRemovedAndSurvivesTheDaemon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var told []string
	s, st := open(t, dir, &told)
	v := create(t, s, "data", map[string]string{"a": "b"})
	if err := os.WriteFile(filepath.Join(v.Mountpoint, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := create(t, s, "data", nil); again.CreatedAt != v.CreatedAt || again.Labels["a"] != "b" {
		t.Errorf("second create made %+v", again)
	}
	st.Close()
	s, _ = open(t, dir, &told)
	got, err := s.Get(t.Context(), "data")
	if err != nil || got.Mountpoint != v.Mountpoint || got.Labels["a"] != "b" || got.Driver != "local" {
		t.Fatalf("found %+v, %v", got, err)
	}
	if _, err := s.Mount("data", "ctr1"); err != nil {
		t.Fatal(err)
	}
	err = s.Remove(t.Context(), "data", true)
	if !errdefs.IsConflict(err) || err.Error() != "remove data: volume is in use - [ctr1]" {
		t.Errorf("removal while in use: %v", err)
	}
	s.Unmount("data", "ctr1")
	if err := s.Remove(t.Context(), "data", false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(v.Mountpoint)); !os.IsNotExist(err) {
		t.Error("its directory is left")
	}
	err = s.Remove(t.Context(), "data", false)
	if !errdefs.IsNotFound(err) || err.Error() != "get data: no such volume" {
		t.Errorf("second removal: %v", err)
	}
	if err := s.Remove(t.Context(), "data", true); err != nil {
		t.Errorf("forced second removal: %v", err)
	}
	if want := []string{"create data", "destroy data"}; !slices.Equal(told, want) {
		t.Errorf("events %q", told)
	}
}

func TestListAndPruneFollowTheirFilters(t *testing.T) {
	t.Parallel()
	var told []string
	s, _ := open(t, t.TempDir(), &told)
	create(t, s, "one", map[string]string{"keep": "yes"})
	create(t, s, "two", nil)
	anonymous := create(t, s, "", nil)
	used := create(t, s, "", nil)
	if len(anonymous.Name) != 64 {
		t.Errorf("name of an anonymous volume: %q", anonymous.Name)
	}
	if _, ok := anonymous.Labels[AnonymousLabel]; !ok {
		t.Errorf("labels %v", anonymous.Labels)
	}
	if _, err := s.Mount(used.Name, "ctr"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		filter, value string
		want          []string
	}{
		{"name", "o", []string{"one", "two"}},
		{"name", "^o", []string{"one"}},
		{"name", "[", nil},
		{"label", "keep=yes", []string{"one"}},
		{"label", "keep=no", nil},
		{"dangling", "false", []string{used.Name}},
		{"driver", "other", nil},
	} {
		if got := names(t, s, map[string][]string{tt.filter: {tt.value}}); !slices.Equal(got, tt.want) {
			t.Errorf("%s=%s: %q", tt.filter, tt.value, got)
		}
	}
	if _, err := s.List(t.Context(), map[string][]string{"foo": {""}}); !errdefs.IsInvalidArgument(err) {
		t.Errorf("unknown filter: %v", err)
	}
	for _, values := range [][]string{{"x"}, {"true", "false"}} {
		_, err := s.List(t.Context(), map[string][]string{"dangling": values})
		if want := fmt.Sprintf("invalid filter 'dangling=%v'", values); !errdefs.IsInvalidArgument(err) || err.Error() != want {
			t.Errorf("dangling=%v: %v", values, err)
		}
	}
	if _, err := s.Prune(t.Context(), map[string][]string{"all": {"x"}}); !errdefs.IsInvalidArgument(err) || err.Error() != `invalid filter 'all': strconv.ParseBool: parsing "x": invalid syntax` {
		t.Errorf("all=x: %v", err)
	}
	r, err := s.Prune(t.Context(), nil)
	if err != nil || !slices.Equal(r.VolumesDeleted, []string{anonymous.Name}) {
		t.Errorf("pruned %+v, %v", r, err)
	}
	r, err = s.Prune(t.Context(), map[string][]string{"all": {"true"}, "label!": {"keep"}})
	if err != nil || !slices.Equal(r.VolumesDeleted, []string{"two"}) {
		t.Errorf("pruned %+v, %v", r, err)
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	var told []string
	s, _ := open(t, t.TempDir(), &told)
	for _, tt := range []struct {
		req  volume.CreateRequest
		is   func(error) bool
		text string
	}{
		{volume.CreateRequest{Name: "../x"}, errdefs.IsInvalidArgument, "includes invalid characters for a local volume name"},
		{volume.CreateRequest{Name: "a/b"}, errdefs.IsInvalidArgument, "includes invalid characters"},
		{volume.CreateRequest{Name: "x"}, errdefs.IsInvalidArgument, "too short"},
		{volume.CreateRequest{Name: "xx", Driver: "foo"}, errdefs.IsNotFound, `error looking up volume plugin foo: plugin "foo" not found`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"foo": "x"}}, errdefs.IsInvalidArgument, `create xx: invalid option: "foo"`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"type": "tmpfs"}}, errdefs.IsInvalidArgument, `create xx: missing required option: "device"`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"device": "/x"}}, errdefs.IsInvalidArgument, `create xx: missing required option: "type"`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"o": "bind"}}, errdefs.IsInvalidArgument, `create xx: missing required option: "device"`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"size": "1m"}}, errdefs.IsInvalidArgument, "create xx: quota size requested but no quota support"},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"size": "many"}}, errdefs.IsInvalidArgument, "invalid size: 'many'"},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"type": "nfs", "device": ":/x", "o": "addr=1.2.3.4"}}, errdefs.IsNotImplemented, `a volume of type "nfs"`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"type": "none", "device": "x", "o": "bind"}}, errdefs.IsInvalidArgument, "absolute path"},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "uid=me"}}, errdefs.IsInvalidArgument, `invalid mount option "uid=me"`},
		{volume.CreateRequest{Name: "xx", DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "huge=always"}}, errdefs.IsNotImplemented, `"huge=always"`},
	} {
		if _, err := s.Create(t.Context(), tt.req); !tt.is(err) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%+v: %v", tt.req, err)
		}
	}
}

func TestOptionsOfTheLocalDriverSayWhatIsMounted(t *testing.T) {
	t.Parallel()
	var told []string
	s, _ := open(t, t.TempDir(), &told)
	for name, opts := range map[string]map[string]string{
		"memory": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=7,gid=8,mode=750,noexec"},
		"shown":  {"type": "none", "device": "/some//dir/", "o": "bind,ro"},
		"plain":  {},
	} {
		if _, err := s.Create(t.Context(), volume.CreateRequest{Name: name, DriverOpts: opts}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := s.Mount("memory", "ctr")
	if err != nil || m.Tmpfs == nil || m.Tmpfs.Size != 1<<20 || m.Tmpfs.UID != 7 || m.Tmpfs.GID != 8 || *m.Tmpfs.Mode != 0o750 || !m.NoExec || m.Bind {
		t.Errorf("got %+v, %v", m, err)
	}
	b, err := s.Mount("shown", "ctr")
	if err != nil || !b.Bind || b.Dir != "/some/dir" || !b.ReadOnly || b.Tmpfs != nil {
		t.Errorf("got %+v, %v", b, err)
	}
	p, err := s.Mount("plain", "ctr")
	v, _ := s.Get(t.Context(), "plain")
	if err != nil || p != (Source{Dir: v.Mountpoint}) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestDiskUsageCountsLinkedFilesOnce(t *testing.T) {
	t.Parallel()
	var told []string
	s, _ := open(t, t.TempDir(), &told)
	v := create(t, s, "data", nil)
	if err := os.WriteFile(filepath.Join(v.Mountpoint, "f"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(v.Mountpoint, "f"), filepath.Join(v.Mountpoint, "g")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Mount("data", "ctr"); err != nil {
		t.Fatal(err)
	}
	list, err := s.DiskUsage(t.Context())
	if err != nil || len(list) != 1 || list[0].UsageData.Size != 1000 || list[0].UsageData.RefCount != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestRemainsOfRemovedVolumesAreSweptAtTheNextStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, "volumes", removed+"x", "_data")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	var told []string
	open(t, dir, &told)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
}
