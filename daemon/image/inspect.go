package image

import (
	"slices"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"
	"github.com/opencontainers/go-digest"
)

// storageDriver is the name under which clients see how layers are kept.
const storageDriver = "sockerless"

// Inspect returns what GET /images/{name}/json answers (Docker API v1.51).
func (img *Image) Inspect() image.InspectResponse {
	layers := make([]string, len(img.Layers))
	for i, l := range img.Layers {
		layers[i] = l.DiffID.String()
	}
	created := ""
	if !img.Created.IsZero() {
		created = img.Created.Format(time.RFC3339Nano)
	}
	return image.InspectResponse{
		ID:           img.ID.String(),
		RepoTags:     orEmpty(img.RepoTags),
		RepoDigests:  orEmpty(img.RepoDigests),
		Comment:      img.Comment,
		Created:      created,
		Author:       img.Author,
		Config:       &img.Config,
		Architecture: img.Platform.Architecture,
		Variant:      img.Platform.Variant,
		Os:           img.Platform.OS,
		OsVersion:    img.Platform.OSVersion,
		Size:         img.Size,
		GraphDriver:  &storage.DriverData{Name: storageDriver},
		RootFS:       image.RootFS{Type: "layers", Layers: layers},
		Metadata:     image.Metadata{LastTagTime: img.LastTagged},
	}
}

// Summary returns the image's line of GET /images/json. Containers and SharedSize are -1: not computed.
func (img *Image) Summary() image.Summary {
	return image.Summary{
		Containers:  -1,
		Created:     unix(img.Created),
		ID:          img.ID.String(),
		Labels:      img.Config.Labels,
		ParentID:    img.Parent.String(),
		RepoDigests: orEmpty(img.RepoDigests),
		RepoTags:    orEmpty(img.RepoTags),
		SharedSize:  -1,
		Size:        img.Size,
	}
}

// HistoryOf returns what GET /images/{name}/history answers, newest first. The names stand at the first line, which is
// the image itself; a line's ID is that of an image built here, or "<missing>".
func (s *Store) HistoryOf(ref string) ([]image.HistoryResponseItem, error) {
	img, err := s.Get(ref)
	if err != nil {
		return nil, err
	}
	items := make([]image.HistoryResponseItem, 0, len(img.History))
	layer := 0
	for _, h := range img.History {
		item := image.HistoryResponseItem{ID: "<missing>", CreatedBy: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			item.Created = unix(*h.Created)
		}
		if !h.EmptyLayer && layer < len(img.Layers) {
			item.Size = img.Layers[layer].Size
			layer++
		}
		items = append(items, item)
	}
	slices.Reverse(items)
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, i := img.ID, 0; id != "" && i < len(items); i++ {
		items[i].ID = id.String()
		if i == 0 {
			items[i].Tags = img.RepoTags
		} else if e := s.byID[id]; e != nil {
			items[i].Tags = s.view(e, s.referencesTo(id)).RepoTags
		}
		id = s.parentOf(id)
	}
	return items, nil
}

// parentOf returns the image's parent, empty if there is none here. s.mu is held.
func (s *Store) parentOf(id digest.Digest) digest.Digest {
	if e := s.byID[id]; e != nil {
		return e.Parent
	}
	return ""
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// unix is t in seconds since the epoch, 0 for no time, where dockerd gives year 1.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
