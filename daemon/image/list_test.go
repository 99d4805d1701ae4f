package image

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
)

func TestListFiltersAndSorts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	old := f.put(t, day, "", map[string]string{"a": "1"}, [][]byte{tarOf(t, "old", "")}, "old", "localhost:5000/team/old:v1")
	f.put(t, day.Add(time.Hour), "", map[string]string{"a": "2", "b": ""}, [][]byte{tarOf(t, "mid", "")}, "mid:v1")
	f.put(t, day.Add(2*time.Hour), old, nil, [][]byte{tarOf(t, "old", ""), tarOf(t, "x", "")})
	untagged := f.put(t, day.Add(-time.Hour), "", nil, [][]byte{tarOf(t, "base", "")})
	f.put(t, day.Add(3*time.Hour), untagged, nil, [][]byte{tarOf(t, "base", ""), tarOf(t, "top", "")}, "top")

	for _, c := range []struct {
		filters map[string][]string
		all     bool
		want    string
	}{
		{nil, false, "top:latest, <none>, mid:v1, old:latest localhost:5000/team/old:v1"},
		{nil, true, "top:latest, <none>, mid:v1, old:latest localhost:5000/team/old:v1, <none>"},
		{map[string][]string{"dangling": {"true"}}, false, "<none>"},
		{map[string][]string{"dangling": {"0"}}, false, "top:latest, mid:v1, old:latest localhost:5000/team/old:v1"},
		{map[string][]string{"label": {"a"}}, false, "mid:v1, old:latest localhost:5000/team/old:v1"},
		{map[string][]string{"label": {"a=2", "b"}}, false, "mid:v1"},
		{map[string][]string{"label": {"a=3"}}, false, ""},
		{map[string][]string{"reference": {"o*"}}, false, "old:latest"},
		{map[string][]string{"reference": {"localhost:5000/*/old:v?", "mid"}}, false, "mid:v1, localhost:5000/team/old:v1"},
		{map[string][]string{"before": {"mid:v1"}}, false, "old:latest localhost:5000/team/old:v1"},
		{map[string][]string{"since": {"mid:v1"}, "dangling": {"false"}}, false, "top:latest"},
		{map[string][]string{"until": {"2026-03-01T12:30:00Z"}}, false, "old:latest localhost:5000/team/old:v1"},
		{map[string][]string{"until": {"1772368200.5"}}, false, "old:latest localhost:5000/team/old:v1"},
	} {
		list, err := f.List(t.Context(), ListOptions{All: c.all, Filters: c.filters})
		if err != nil {
			t.Errorf("%v: %v", c.filters, err)
			continue
		}
		var got []string
		for _, s := range list {
			if s.Containers != -1 || s.SharedSize != -1 || s.RepoTags == nil || s.RepoDigests == nil || s.Size == 0 {
				t.Errorf("summary %+v", s)
			}
			if len(s.RepoTags) == 0 {
				s.RepoTags = []string{"<none>"}
			}
			slices.SortFunc(s.RepoTags, func(a, b string) int { return strings.Compare(b, a) })
			got = append(got, strings.Join(s.RepoTags, " "))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%v, all %v:\n got %s\nwant %s", c.filters, c.all, got, c.want)
		}
	}
	for name, want := range map[string]struct {
		value, text string
		kind        func(error) bool
	}{
		"colour":    {"red", "invalid filter 'colour'", errdefs.IsInvalidArgument},
		"dangling":  {"maybe", "invalid filter 'dangling=[maybe]'", errdefs.IsInvalidArgument},
		"before":    {"nosuch", "No such image: nosuch:latest", errdefs.IsNotFound},
		"until":     {"soon", "invalid filter 'until=soon': not a duration, a time or a date", errdefs.IsInvalidArgument},
		"reference": {"[", "syntax error in pattern", errdefs.IsInvalidArgument},
	} {
		_, err := f.List(t.Context(), ListOptions{Filters: map[string][]string{name: {want.value}}})
		if !want.kind(err) || err.Error() != want.text {
			t.Errorf("%s=%s: %v, want %s", name, want.value, err, want.text)
		}
	}
}

func TestUntilTakesDurationsTimesAndDates(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Time{
		"2h":                   day.Add(-2 * time.Hour),
		"1772366400":           day,
		"2026-03-01":           day.Add(-12 * time.Hour),
		"2026-03-01T12:00:00Z": day,
		"2026-03-01T12:00":     day,
	} {
		if got, err := parseUntil(v, day); err != nil || !got.Equal(want) {
			t.Errorf("parseUntil(%q) = %v, %v; want %v", v, got, err, want)
		}
	}
}

func TestHistoryIsNewestFirstWithSizesAndParents(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	first, second := tarOf(t, "a", "a"), tarOf(t, "b", strings.Repeat("b", 5000))
	parent := f.put(t, day, "", nil, [][]byte{first}, "base")
	id := f.put(t, day, parent, nil, [][]byte{first, second}, "one", "two")
	items, err := f.HistoryOf("one")
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 3 || items[0].CreatedBy != "CMD" || items[0].Size != 0 || items[1].Size != int64(len(second)) || items[2].Size != int64(len(first)) {
		t.Errorf("%+v", items)
	}
	if items[0].ID != id.String() || !slices.Equal(items[0].Tags, []string{"one:latest", "two:latest"}) ||
		items[1].ID != parent.String() || !slices.Equal(items[1].Tags, []string{"base:latest"}) || items[2].ID != "<missing>" {
		t.Errorf("IDs and tags: %+v", items)
	}
	if _, err := f.HistoryOf("nosuch"); !errdefs.IsNotFound(err) {
		t.Error(err)
	}
}

func TestInspectHasWhatClientsRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Options{})
	layer := tarOf(t, "a", "a")
	id := f.put(t, day, "", map[string]string{"k": "v"}, [][]byte{layer}, "one")
	img, err := f.Get("one")
	if err != nil {
		t.Fatal(err)
	}
	got := img.Inspect()
	if got.ID != id.String() || got.Os != "linux" || got.Architecture != "amd64" || got.Created != "2026-03-01T12:00:00Z" ||
		got.Size != int64(len(layer)) || got.RepoDigests == nil || got.Config.Labels["k"] != "v" || got.Config.Shell[1] != "-c" ||
		got.RootFS.Type != "layers" || len(got.RootFS.Layers) != 1 || !slices.Equal(got.RepoTags, []string{"one:latest"}) {
		t.Errorf("%+v", got)
	}
}
