package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker's image manifest version 2, schema 2, beside OCI's.
const (
	dockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig       = "application/vnd.docker.container.image.v1+json"
)

// Pull fetches the image that ref names from its registry: "latest" if ref has neither tag nor digest. platform is as
// ParsePlatform takes it; without one, WebAssembly goes before linux/amd64. Who pulls the same at the same time shares the
// work. progress is called on the caller's goroutine with the messages docker's clients draw. Breaking off leaves nothing
// behind.
//
// If no registry can be reached the embedded image answers for some names, see Fallback; the progress says so.
func (s *Store) Pull(ctx context.Context, ref, platform string, auth registry.AuthConfig, progress Progress) error {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return invalid(err)
	}
	asked, err := ParsePlatform(platform)
	if err != nil {
		return err
	}
	named = reference.TagNameOnly(named)
	if progress == nil {
		progress = func(jsonstream.Message) {}
	}
	credentials, err := json.Marshal(auth)
	if err != nil {
		return fmt.Errorf("encoding credentials: %w", err)
	}
	key := digest.FromString(named.String() + "\x00" + platform + "\x00" + string(credentials)).String()
	return s.flights.do(ctx, key, progress, func(ctx context.Context, progress Progress) error {
		if s.answersAlone(named, asked) {
			return s.answerFallback(ctx, named, nil, progress)
		}
		p := &puller{s: s, named: named, asked: asked, progress: progress}
		ctx = context.WithValue(ctx, contactKey{}, &p.contact)
		err := p.pull(ctx, auth)
		if p.contact.unreachable(ctx, err) && s.answersFor(named, asked) {
			return s.answerFallback(ctx, named, err, progress)
		}
		return err
	})
}

// puller is one pull.
type puller struct {
	s        *Store
	named    reference.Named
	asked    *ocispec.Platform
	progress Progress
	contact  contact
	client   *remote.Puller
	repo     name.Repository
}

// resolved is what a reference leads to.
type resolved struct {
	top      digest.Digest // of what the reference names: the index, if there is one
	raw      []byte        // the manifest
	desc     ocispec.Descriptor
	manifest ocispec.Manifest
}

func (p *puller) pull(ctx context.Context, auth registry.AuthConfig) (err error) {
	if p.client, err = p.s.client(&p.contact, auth); err != nil {
		return err
	}
	if p.repo, err = repositoryOf(p.named); err != nil {
		return err
	}
	r, err := p.resolve(ctx)
	if err != nil {
		return pullError(p.named, err)
	}
	id := r.manifest.Config.Digest
	downloaded, err := p.fetch(ctx, r)
	if err != nil {
		return pullError(p.named, err)
	}
	p.progress(jsonstream.Message{Status: "Digest: " + r.top.String()})
	if downloaded {
		p.progress(jsonstream.Message{Status: "Status: Downloaded newer image for " + reference.FamiliarString(p.named)})
	} else {
		p.progress(jsonstream.Message{Status: "Status: Image is up to date for " + reference.FamiliarString(p.named)})
	}
	if img, found := p.s.ByID(id); found {
		p.s.emit(events.ActionPull, reference.FamiliarString(p.named), reference.FamiliarName(p.named), img)
	}
	return nil
}

// resolve follows the reference to the manifest of one platform.
func (p *puller) resolve(ctx context.Context) (*resolved, error) {
	var ref name.Reference
	tag := ""
	switch named := p.named.(type) {
	case reference.Canonical:
		ref, tag = p.repo.Digest(named.Digest().String()), named.Digest().String()
	case reference.Tagged:
		ref, tag = p.repo.Tag(named.Tag()), named.Tag()
	}
	desc, err := p.client.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	p.progress(jsonstream.Message{Status: "Pulling from " + reference.Path(p.named), ID: tag})
	top := digest.Digest(desc.Digest.String())
	switch string(desc.MediaType) {
	case ocispec.MediaTypeImageIndex, dockerManifestList:
		var index ocispec.Index
		if err := json.Unmarshal(desc.Manifest, &index); err != nil {
			return nil, fmt.Errorf("decoding the image index: %w", err)
		}
		chosen, found := choose(index.Manifests, p.asked)
		if !found {
			return nil, p.noPlatform()
		}
		if err := checkDigest(chosen.Digest); err != nil {
			return nil, fmt.Errorf("manifest in the image index: %w", err)
		}
		if desc, err = p.client.Get(ctx, p.repo.Digest(chosen.Digest.String())); err != nil {
			return nil, err
		}
	}
	r := &resolved{top: top, raw: desc.Manifest, desc: ocispec.Descriptor{
		MediaType: string(desc.MediaType), Digest: digest.Digest(desc.Digest.String()), Size: int64(len(desc.Manifest)),
	}}
	return r, r.parse()
}

func (p *puller) noPlatform() error {
	want := preferred[len(preferred)-1]
	if p.asked != nil {
		want = *p.asked
	}
	return errdefs.ErrNotFound.WithMessage(fmt.Sprintf(
		"no matching manifest for %s in the manifest list entries", platformString(want)))
}

// parse decodes the manifest and refuses what is no image.
func (r *resolved) parse() error {
	switch r.desc.MediaType {
	case ocispec.MediaTypeImageManifest, dockerManifest:
	case "application/vnd.docker.distribution.manifest.v1+json", "application/vnd.docker.distribution.manifest.v1+prettyjws":
		return errdefs.ErrInvalidArgument.WithMessage("Docker Image manifest version 2, schema 1 is not supported: the image has to be pushed anew")
	default:
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("unsupported manifest media type %q", r.desc.MediaType))
	}
	if len(r.raw) > maxConfig {
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("the manifest has %d bytes, at most %d are supported", len(r.raw), maxConfig))
	}
	if err := json.Unmarshal(r.raw, &r.manifest); err != nil {
		return fmt.Errorf("decoding the manifest: %w", err)
	}
	switch r.manifest.Config.MediaType {
	case ocispec.MediaTypeImageConfig, dockerConfig, "":
	default:
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf(
			"unsupported media type %s: this is no container image", r.manifest.Config.MediaType))
	}
	if err := checkDigest(r.manifest.Config.Digest); err != nil {
		return fmt.Errorf("configuration in the manifest: %w", err)
	}
	for _, l := range r.manifest.Layers {
		if err := checkDigest(l.Digest); err != nil {
			return fmt.Errorf("layer in the manifest: %w", err)
		}
	}
	return nil
}

// fetch brings everything of the image here that is missing, makes it known, and tells whether the name leads to
// another image than before.
func (p *puller) fetch(ctx context.Context, r *resolved) (changed bool, err error) {
	s, id := p.s, r.manifest.Config.Digest
	raw, err := p.config(ctx, r.manifest.Config)
	if err != nil {
		return false, err
	}
	cfg, err := parseConfig(raw)
	if err != nil {
		return false, err
	}
	if p.asked != nil && !matches(*p.asked, cfg.Platform) {
		return false, errdefs.ErrNotFound.WithMessage(fmt.Sprintf(
			"image with reference %s was found but its platform (%s) does not match the specified platform (%s)",
			reference.FamiliarString(p.named), platformString(cfg.Platform), platformString(*p.asked)))
	}
	if len(cfg.RootFS.DiffIDs) != len(r.manifest.Layers) {
		return false, fmt.Errorf("the manifest has %d layers, the configuration %d diff IDs", len(r.manifest.Layers), len(cfg.RootFS.DiffIDs))
	}
	release := s.hold(cfg.RootFS.DiffIDs)
	defer release()
	s.mu.RLock()
	known, found := s.byID[id]
	s.mu.RUnlock()
	var sizes []int64
	if found {
		sizes = known.LayerSizes
	} else if sizes, err = p.layers(ctx, r.manifest.Layers, cfg.RootFS.DiffIDs); err != nil {
		return false, err
	}

	names := []reference.Named{p.named}
	byDigest, err := reference.WithDigest(reference.TrimNamed(p.named), r.top)
	if err != nil {
		return false, err
	}
	if _, ok := p.named.(reference.Canonical); ok {
		names = nil
	}
	names = append(names, byDigest)

	s.change.Lock()
	defer s.change.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	for _, blob := range [][]byte{raw, r.raw} {
		if _, err := s.content.putBlob(blob); err != nil {
			return false, err
		}
	}
	if err := s.content.sync(); err != nil {
		return false, err
	}
	s.mu.RLock()
	old := s.byRef[names[0].String()]
	s.mu.RUnlock()
	err = s.add(id, record{Manifest: r.desc, LayerSizes: sizes}, false, names...)
	return old.ID != id, err
}

// config reads the configuration, from here if it is here.
func (p *puller) config(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	if raw, err := p.s.content.blob(desc.Digest); err == nil && digest.FromBytes(raw) == desc.Digest {
		return raw, nil
	}
	if desc.Size > maxConfig {
		return nil, fmt.Errorf("the configuration has %d bytes, at most %d are supported", desc.Size, maxConfig)
	}
	body, err := p.blob(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if got := digest.FromBytes(raw); got != desc.Digest {
		return nil, fmt.Errorf("the configuration has the digest %s, the manifest says %s", got, desc.Digest)
	}
	return raw, nil
}

// blob opens a blob of the repository. Its reader checks the digest at the end.
func (p *puller) blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	layer, err := p.client.Layer(ctx, p.repo.Digest(desc.Digest.String()))
	if err != nil {
		return nil, err
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	if body == nil {
		return nil, errors.New("the registry gave no body")
	}
	return body, nil
}
