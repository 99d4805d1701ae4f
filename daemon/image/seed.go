package image

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sockerless/sockerless/sandbox/userland/rootfs"
)

// embeddedPlatform is what clients expect of an image: its programs are WebAssembly, but what they see is linux/amd64.
var embeddedPlatform = ocispec.Platform{OS: "linux", Architecture: "amd64"}

// seedSource is what the embedded image is made of.
type seedSource struct {
	busybox []byte
	applets []string
	build   digest.Digest // of both and of how they are put together
}

// seeded is what the state store has of the embedded image.
type seeded struct {
	Build digest.Digest
	ID    digest.Digest
}

const seededKey = "embedded"

// Seed puts the embedded image, made of the busybox (a WebAssembly module, not copied) and its applets' names, into the
// store under EmbeddedName, unless just that is there. The names for which an earlier one answers get the new one.
func (s *Store) Seed(ctx context.Context, busybox []byte, applets []string) (digest.Digest, error) {
	source := seedSource{busybox: busybox, applets: slices.Clone(applets)}
	slices.Sort(source.applets)
	source.build = digest.FromString(strings.Join(append([]string{rootfs.Version, digest.FromBytes(busybox).String()}, source.applets...), "\n"))
	s.mu.Lock()
	s.seed = source
	s.mu.Unlock()
	return s.seedAgain(ctx)
}

// seedAgain makes sure that the embedded image is there, also after a user removed it.
func (s *Store) seedAgain(ctx context.Context) (digest.Digest, error) {
	own, err := reference.ParseNormalizedNamed(EmbeddedName)
	if err != nil {
		return "", err
	}
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.RLock()
	source := s.seed
	s.mu.RUnlock()
	var last seeded
	if _, err := s.meta.Get(seededKey, &last); err != nil {
		return "", err
	}
	if last.Build == source.build {
		s.mu.RLock()
		e := s.byID[last.ID]
		_, named := s.byRef[own.String()]
		s.mu.RUnlock()
		if e != nil && !e.Removed {
			if !named {
				err = s.setReference(own, target{ID: last.ID, Fallback: true})
			}
			return last.ID, err
		}
	}
	id, err := s.writeSeed(ctx, source, own)
	if err != nil {
		return "", fmt.Errorf("seeding the embedded image: %w", err)
	}
	if err := s.meta.Put(seededKey, seeded{source.build, id}); err != nil {
		return "", err
	}
	if last.ID == "" || last.ID == id {
		return id, nil
	}
	return id, s.replaceSeed(ctx, last.ID, id)
}

// writeSeed writes the embedded image's layers, configuration and manifest. s.change is held.
func (s *Store) writeSeed(ctx context.Context, source seedSource, own reference.Named) (digest.Digest, error) {
	created := rootfs.Created
	cfg := dockerspec.DockerOCIImage{
		Image: ocispec.Image{Created: &created, Author: "Sockerless", Platform: embeddedPlatform},
		Config: dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{
			Env:        []string{"PATH=" + rootfs.Path},
			Cmd:        []string{"/bin/sh"},
			WorkingDir: "/",
			Labels: map[string]string{
				ocispec.AnnotationTitle:       "Sockerless base",
				ocispec.AnnotationDescription: "The image embedded in Sockerless: a small Linux-like root whose programs run in its sandbox",
				ocispec.AnnotationLicenses:    "Apache-2.0",
			},
		}},
	}
	cfg.RootFS.Type = "layers"
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	var sizes []int64
	var diffIDs []digest.Digest
	for _, l := range rootfs.Layers(source.busybox, source.applets) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		w, err := s.content.newLayer()
		if err != nil {
			return "", err
		}
		if err := l.Write(w); err != nil {
			w.abort()
			return "", err
		}
		diffID := w.digest()
		defer s.hold([]digest.Digest{diffID})()
		// A daemon that ends behind this leaves layers that nothing leads to; the next one removes them.
		if _, found := s.content.layer(diffID); found {
			w.abort()
		} else if err := w.commit(diffID); err != nil {
			return "", err
		}
		diffIDs = append(diffIDs, diffID)
		sizes = append(sizes, w.size)
		manifest.Layers = append(manifest.Layers, ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageLayer, Digest: diffID, Size: w.size,
		})
		cfg.History = append(cfg.History, ocispec.History{Created: &created, CreatedBy: l.CreatedBy, Comment: "sockerless"})
	}
	cfg.History = append(cfg.History, ocispec.History{
		Created: &created, CreatedBy: `CMD ["/bin/sh"]`, Comment: "sockerless", EmptyLayer: true,
	})
	cfg.RootFS.DiffIDs = diffIDs

	rawConfig, err := json.Marshal(cfg)
	if err != nil {
		return "", err
	}
	id, err := s.content.putBlob(rawConfig)
	if err != nil {
		return "", err
	}
	manifest.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: id, Size: int64(len(rawConfig))}
	rawManifest, err := json.Marshal(manifest)
	if err != nil {
		return "", err
	}
	manifestDigest, err := s.content.putBlob(rawManifest)
	if err != nil {
		return "", err
	}
	if err := s.content.sync(); err != nil {
		return "", err
	}
	r := record{
		Manifest:   ocispec.Descriptor{MediaType: manifest.MediaType, Digest: manifestDigest, Size: int64(len(rawManifest))},
		LayerSizes: sizes,
	}
	return id, s.add(id, r, true, own)
}

// replaceSeed lets the names lead to the new embedded image for which the old one answered, and removes the old one
// unless somebody else uses or names it. s.change is held.
func (s *Store) replaceSeed(ctx context.Context, old, id digest.Digest) error {
	s.mu.RLock()
	e := s.byID[old]
	refs := s.referencesTo(old)
	s.mu.RUnlock()
	for _, named := range refs {
		s.mu.RLock()
		t := s.byRef[named.String()]
		s.mu.RUnlock()
		if !t.Fallback {
			continue
		}
		if err := s.setReference(named, target{id, true}); err != nil {
			return err
		}
	}
	if e == nil {
		return nil
	}
	s.mu.RLock()
	named, known := len(s.referencesTo(old)) > 0, s.users != nil
	s.mu.RUnlock()
	r := removal{s: s, ctx: ctx}
	if named || !known || len(r.containers(old)) > 0 {
		return nil
	}
	_, err := s.drop(ctx, e)
	return err
}
