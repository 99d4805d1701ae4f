package image

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
)

// ListOptions are the query parameters of GET /images/json.
type ListOptions struct {
	// All adds the images that are only parents of others built here.
	All bool
	// Filters are values by the filter's name: before, dangling, label, reference, since, until. Several values of
	// label must all match, of the others any of them.
	Filters map[string][]string
}

// List returns what GET /images/json answers, newest first. An unknown filter or a value it cannot have is an error of
// kind errdefs.ErrInvalidArgument.
func (s *Store) List(ctx context.Context, opts ListOptions) ([]image.Summary, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	keep, err := s.filter(opts.Filters)
	if err != nil {
		return nil, err
	}
	refs := map[digest.Digest][]reference.Named{}
	for _, key := range slices.Sorted(maps.Keys(s.byRef)) {
		if named, err := reference.ParseNormalizedNamed(key); err == nil {
			id := s.byRef[key].ID
			refs[id] = append(refs[id], named)
		}
	}
	parents := map[digest.Digest]bool{}
	for _, e := range s.byID {
		parents[e.Parent] = true
	}
	list := []image.Summary{}
	for id, e := range s.byID {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if e.Removed || !opts.All && parents[id] && len(refs[id]) == 0 {
			continue
		}
		if img := s.view(e, refs[id]); keep(img, refs[id]) {
			list = append(list, img.Summary())
		}
	}
	slices.SortFunc(list, func(a, b image.Summary) int {
		if a.Created != b.Created {
			return int(min(max(b.Created-a.Created, -1), 1))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

// predicate decides whether an image, which has those references, is in a list. It may take names from img.
type predicate func(img *Image, refs []reference.Named) bool

// filter makes one predicate of all filters. s.mu is held, also when the predicate is called.
func (s *Store) filter(filters map[string][]string) (predicate, error) {
	var all []predicate
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		values := filters[name]
		if len(values) == 0 {
			continue
		}
		var p predicate
		var err error
		switch name {
		case "dangling":
			p, err = danglingFilter(values)
		case "label":
			p = func(img *Image, _ []reference.Named) bool { return hasLabels(img.Config.Labels, values) }
		case "reference":
			p, err = referenceFilter(values)
		case "before", "since":
			p, err = s.ageFilter(name, values)
		case "until":
			p, err = untilFilter(values)
		default:
			err = invalidFilter(name)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return func(img *Image, refs []reference.Named) bool {
		for _, p := range all {
			if !p(img, refs) {
				return false
			}
		}
		return true
	}, nil
}

func danglingFilter(values []string) (predicate, error) {
	var want [2]bool
	for _, v := range values {
		switch strings.ToLower(v) {
		case "1", "true":
			want[1] = true
		case "0", "false":
			want[0] = true
		default:
			return nil, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter 'dangling=[%s]'", v))
		}
	}
	if want[0] && want[1] {
		return nil, errdefs.ErrInvalidArgument.WithMessage("invalid filter 'dangling=[" + strings.Join(values, " ") + "]'")
	}
	return func(_ *Image, refs []reference.Named) bool { return (len(refs) == 0) == want[1] }, nil
}

// hasLabels tells whether each of values, "key" or "key=value", is among labels.
func hasLabels(labels map[string]string, values []string) bool {
	for _, v := range values {
		key, want, hasValue := strings.Cut(v, "=")
		got, found := labels[key]
		if !found || hasValue && got != want {
			return false
		}
	}
	return true
}

// referenceFilter matches the references with path.Match patterns, and leaves only those that match.
func referenceFilter(patterns []string) (predicate, error) {
	for _, p := range patterns {
		if _, err := reference.FamiliarMatch(p, matchProbe{}); err != nil {
			return nil, invalid(err)
		}
	}
	return func(img *Image, refs []reference.Named) bool {
		img.RepoTags, img.RepoDigests = nil, nil
		for _, ref := range refs {
			if !slices.ContainsFunc(patterns, func(p string) bool {
				found, err := reference.FamiliarMatch(p, ref)
				return err == nil && found
			}) {
				continue
			}
			if _, ok := ref.(reference.Canonical); ok {
				img.RepoDigests = append(img.RepoDigests, reference.FamiliarString(ref))
			} else {
				img.RepoTags = append(img.RepoTags, reference.FamiliarString(ref))
			}
		}
		return len(img.RepoTags)+len(img.RepoDigests) > 0
	}, nil
}

// matchProbe is a reference to try a pattern's syntax on.
type matchProbe struct{}

func (matchProbe) String() string { return "probe" }

func (s *Store) ageFilter(name string, values []string) (predicate, error) {
	var times []time.Time
	for _, v := range values {
		e, err := s.find(v)
		if err != nil {
			return nil, err
		}
		times = append(times, e.image.Created)
	}
	return func(img *Image, _ []reference.Named) bool {
		return slices.ContainsFunc(times, func(t time.Time) bool {
			if name == "before" {
				return img.Created.Before(t)
			}
			return img.Created.After(t)
		})
	}, nil
}

// untilFilter takes a Go duration back from now, a Unix time in seconds, or a date of RFC 3339.
func untilFilter(values []string) (predicate, error) {
	if len(values) > 1 {
		return nil, errdefs.ErrInvalidArgument.WithMessage("more than one until filter specified")
	}
	until, err := parseUntil(values[0], time.Now())
	if err != nil {
		return nil, err
	}
	return func(img *Image, _ []reference.Named) bool { return img.Created.Before(until) }, nil
}

func parseUntil(v string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(v); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, nil
		}
	}
	var seconds, nanoseconds int64
	whole, fraction, _ := strings.Cut(v, ".")
	if _, err := fmt.Sscanf(whole, "%d", &seconds); err != nil || strings.Trim(v, "0123456789.") != "" {
		return time.Time{}, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter 'until=%s': not a duration, a time or a date", v))
	}
	if fraction != "" {
		if _, err := fmt.Sscanf((fraction + "000000000")[:9], "%d", &nanoseconds); err != nil {
			return time.Time{}, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter 'until=%s': %v", v, err))
		}
	}
	return time.Unix(seconds, nanoseconds), nil
}

func invalidFilter(name string) error {
	return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter '%s'", name))
}
