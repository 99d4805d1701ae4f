package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// Description is what an image is made of here, on top of another.
type Description struct {
	Parent    *Image           // nil for none
	Platform  ocispec.Platform // if there is no Parent
	Config    dockerspec.DockerOCIImageConfig
	Author    string
	Comment   string
	Created   time.Time
	CreatedBy string // the command that made the layer
	// Layer writes the uncompressed tar of one layer more; nil for none. An empty one is not added.
	Layer func(w io.Writer) error
}

// Create makes an image, and lets name lead to it unless that is nil. All that it needs is on the disk before it is known.
func (s *Store) Create(ctx context.Context, d Description, name reference.Named) (digest.Digest, error) {
	cfg := config{Comment: d.Comment, DockerOCIImage: dockerspec.DockerOCIImage{
		Image: ocispec.Image{Created: &d.Created, Author: d.Author, Platform: d.Platform}, Config: d.Config,
	}}
	cfg.RootFS.Type = "layers"
	var r record
	var below []digest.Digest
	if p := d.Parent; p != nil {
		cfg.Platform, cfg.History, r.Parent = p.Platform, slices.Clone(p.History), p.ID
		for _, l := range p.Layers {
			below = append(below, l.DiffID)
			r.LayerSizes = append(r.LayerSizes, l.Size)
		}
	}
	defer s.hold(below)()
	cfg.RootFS.DiffIDs = below
	step := ocispec.History{Created: &d.Created, CreatedBy: d.CreatedBy, Author: d.Author, Comment: d.Comment, EmptyLayer: true}
	if d.Layer != nil {
		l, release, err := s.AddLayer(ctx, d.Layer)
		if err != nil {
			return "", err
		}
		defer release()
		if l.DiffID != emptyLayer {
			step.EmptyLayer = false
			cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, l.DiffID)
			r.LayerSizes = append(r.LayerSizes, l.Size)
		}
	}
	cfg.History = append(cfg.History, step)
	raw, err := json.Marshal(cfg)
	if err != nil {
		return "", err
	}

	s.change.Lock()
	defer s.change.Unlock()
	id, err := s.content.putBlob(raw)
	if err != nil {
		return "", fmt.Errorf("storing the image's configuration: %w", err)
	}
	if err := s.content.sync(); err != nil {
		return "", err
	}
	if err := s.add(id, r, false); err != nil {
		return "", err
	}
	s.mu.RLock()
	e := s.byID[id]
	s.mu.RUnlock()
	s.emit(events.ActionCreate, id.String(), id.String(), e.image)
	if name == nil {
		return id, nil
	}
	return id, s.tag(e, name)
}

// emptyLayer is the digest of a tar without entries.
const emptyLayer = digest.Digest("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")

// AddLayer stores a layer, whose uncompressed tar write is to write, with its index, under its digest. It stays until
// release is called, and from then on if an image has it. A layer that can't be used as one is refused.
func (s *Store) AddLayer(ctx context.Context, write func(w io.Writer) error) (_ Layer, release func(), err error) {
	w, err := s.content.newLayer()
	if err != nil {
		return Layer{}, nil, fmt.Errorf("storing a layer: %w", err)
	}
	if err := write(w); err != nil {
		w.abort()
		return Layer{}, nil, fmt.Errorf("storing a layer: %w", err)
	}
	diffID := w.digest()
	unlock, err := s.layers.lock(ctx, diffID.String()) // a pull may be about to bring the same
	if err != nil {
		w.abort()
		return Layer{}, nil, err
	}
	defer unlock()
	release = s.hold([]digest.Digest{diffID})
	if _, found := s.content.layer(diffID); found {
		w.abort()
	} else if err := w.commit(diffID); err != nil {
		release()
		return Layer{}, nil, fmt.Errorf("storing a layer: %w", err)
	}
	path := s.content.layerPath(diffID)
	l, err := layer.Open(path)
	if err != nil {
		release()
		return Layer{}, nil, err
	}
	l.Close()
	return Layer{DiffID: diffID, Size: w.size, Path: path}, release, nil
}
