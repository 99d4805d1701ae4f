package image

import (
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/go-digest"
)

// Get finds an image by a reference as users write it: name, name:tag, name@digest, or an ID, whole or its beginning as
// long as that is unambiguous, with or without "sha256:". A name goes before an ID that it could be taken for.
// When there is none the error is dockerd's, of kind errdefs.ErrNotFound; a malformed reference is of kind
// errdefs.ErrInvalidArgument.
func (s *Store) Get(ref string) (*Image, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	return s.view(e, s.referencesTo(e.image.ID)), nil
}

// ByID finds an image by its whole ID, also one that was removed while stopped containers use it.
func (s *Store) ByID(id digest.Digest) (*Image, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, found := s.byID[id]
	if !found {
		return nil, false
	}
	return s.view(e, s.referencesTo(id)), true
}

// find does what Get says. s.mu is held.
func (s *Store) find(ref string) (*entry, error) {
	parsed, err := reference.ParseAnyReference(ref)
	if err != nil {
		return nil, invalid(err)
	}
	named, isNamed := parsed.(reference.Named)
	if !isNamed {
		if d, ok := parsed.(reference.Digested); ok {
			if e := s.byID[d.Digest()]; e != nil && !e.Removed {
				return e, nil
			}
		}
		return nil, noSuchImage(ref)
	}
	if t, found := s.byRef[canonicalKey(named)]; found {
		if e := s.byID[t.ID]; e != nil {
			return e, nil
		}
	}
	if e := s.byPrefix(ref); e != nil {
		return e, nil
	}
	return nil, noSuchImage(reference.FamiliarString(reference.TagNameOnly(named)))
}

// byPrefix finds the one image whose ID begins so, or nil. s.mu is held.
func (s *Store) byPrefix(ref string) *entry {
	hex := strings.TrimPrefix(ref, "sha256:")
	if hex == "" || strings.Trim(hex, "0123456789abcdef") != "" {
		return nil
	}
	var found *entry
	for id, e := range s.byID {
		if e.Removed || !strings.HasPrefix(id.Encoded(), hex) {
			continue
		}
		if found != nil {
			return nil
		}
		found = e
	}
	return found
}

// canonicalKey is what byRef has for a name: with a digest, the tag beside it says nothing.
func canonicalKey(named reference.Named) string {
	if d, ok := named.(reference.Digested); ok {
		if c, err := reference.WithDigest(reference.TrimNamed(named), d.Digest()); err == nil {
			return c.String()
		}
	}
	return reference.TagNameOnly(named).String()
}

// isPrefixOf tells whether ref names the image by its ID, as dockerd decides it.
func isPrefixOf(id digest.Digest, ref string) bool {
	return strings.HasPrefix(id.String(), ref) || strings.HasPrefix(id.Encoded(), ref)
}

// referencesTo returns the references that lead to an image, sorted. s.mu is held.
func (s *Store) referencesTo(id digest.Digest) []reference.Named {
	var refs []reference.Named
	for key, t := range s.byRef {
		if t.ID == id {
			if named, err := reference.ParseNormalizedNamed(key); err == nil {
				refs = append(refs, named)
			}
		}
	}
	slices.SortFunc(refs, func(a, b reference.Named) int { return strings.Compare(a.String(), b.String()) })
	return refs
}

// view is the image as it is handed out, with what refs say. s.mu is held.
func (s *Store) view(e *entry, refs []reference.Named) *Image {
	img := *e.image
	img.LastTagged = e.LastTagged
	for _, ref := range refs {
		if _, ok := ref.(reference.Canonical); ok {
			img.RepoDigests = append(img.RepoDigests, reference.FamiliarString(ref))
		} else {
			img.RepoTags = append(img.RepoTags, reference.FamiliarString(ref))
		}
	}
	return &img
}

// Tag gives the image that source names the further name repo:tag, "latest" if tag is empty. If another image has the
// name it loses it.
func (s *Store) Tag(source, repo, tag string) error {
	named, err := ParseTarget(repo, tag)
	if err != nil {
		return err
	}
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.RLock()
	e, err := s.find(source)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	return s.tag(e, named)
}

// tag lets a user's name lead to an image. s.change is held.
func (s *Store) tag(e *entry, named reference.Named) error {
	id := e.image.ID
	if err := s.setReference(named, target{ID: id}); err != nil {
		return err
	}
	r := e.record
	r.LastTagged = time.Now().UTC()
	if err := s.images.Put(id.String(), r); err != nil {
		return err
	}
	s.mu.Lock()
	s.byID[id] = &entry{r, e.image}
	s.mu.Unlock()
	s.emit(events.ActionTag, id.String(), reference.FamiliarString(named), e.image)
	return nil
}

// ParseTarget makes the name that the API's parameters repo and tag stand for. The error is of kind
// errdefs.ErrInvalidArgument.
func ParseTarget(repo, tag string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(repo)
	if err != nil {
		return nil, invalid(err)
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, errdefs.ErrInvalidArgument.WithMessage("refusing to create a tag with a digest reference")
	}
	if tag == "" {
		return reference.TagNameOnly(named), nil
	}
	tagged, err := reference.WithTag(reference.TrimNamed(named), tag)
	if err != nil {
		return nil, invalid(err)
	}
	return tagged, nil
}

func noSuchImage(ref string) error {
	return errdefs.ErrNotFound.WithMessage("No such image: " + ref)
}

func invalid(err error) error { return errdefs.ErrInvalidArgument.WithMessage(err.Error()) }
