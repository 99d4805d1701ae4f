package image

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/jsonstream"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Fallback says when the embedded image answers a pull of the names it stands in for: alpine, busybox, debian and ubuntu
// of Docker Hub's library, with any tag but no digest.
//
// Then it gets the name that was asked for, and the progress says that it did. An image that was pulled, loaded or tagged
// under that name is never replaced by it, and a later pull that reaches the registry replaces it.
type Fallback string

const (
	// FallbackAuto lets it answer when no registry can be reached: no answer at all, as when offline; never instead of
	// an answer such as "not found" or "unauthorized".
	FallbackAuto Fallback = "auto"
	// FallbackNever turns that off.
	FallbackNever Fallback = "never"
	// FallbackAlways lets it answer without asking a registry.
	FallbackAlways Fallback = "always"
)

// ParseFallback reads the value of --image-fallback.
func ParseFallback(s string) (Fallback, error) {
	switch f := Fallback(s); f {
	case FallbackAuto, FallbackNever, FallbackAlways:
		return f, nil
	}
	return "", errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid image fallback %q: must be auto, never or always", s))
}

// EmbeddedName is the embedded image's own name.
const EmbeddedName = "sockerless/base:latest"

const embeddedRepository = "docker.io/sockerless/base"

func isFallbackName(name string) bool {
	switch name {
	case "docker.io/library/alpine", "docker.io/library/busybox", "docker.io/library/debian", "docker.io/library/ubuntu", embeddedRepository:
		return true
	}
	return false
}

// SetFallback changes when the embedded image answers, from the next pull on. Empty is FallbackAuto.
func (s *Store) SetFallback(f Fallback) {
	if f == "" {
		f = FallbackAuto
	}
	s.fallback.Store(f)
}

// answersFor tells whether the embedded image stands in for a name that no registry answers for.
func (s *Store) answersFor(named reference.Named, asked *ocispec.Platform) bool {
	if s.fallback.Load() == FallbackNever || !isFallbackName(named.Name()) || asked != nil && !matches(*asked, embeddedPlatform) {
		return false
	}
	if _, ok := named.(reference.Canonical); ok {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.seed.busybox == nil {
		return false
	}
	// What a user put there wins, and then it is told that the registry could not be reached.
	t, found := s.byRef[named.String()]
	return !found || t.Fallback || s.fallback.Load() == FallbackAlways
}

// answersAlone tells whether no registry is to be asked. The embedded image's own name is no registry's: whoever came
// to own it there could hand out what they like.
func (s *Store) answersAlone(named reference.Named, asked *ocispec.Platform) bool {
	return (s.fallback.Load() == FallbackAlways || named.Name() == embeddedRepository) && s.answersFor(named, asked)
}

// answerFallback lets the embedded image answer for a name; cause is why no registry did, nil if none was asked.
func (s *Store) answerFallback(ctx context.Context, named reference.Named, cause error, progress Progress) error {
	familiar := reference.FamiliarString(named)
	id, err := s.seedAgain(ctx)
	if err != nil {
		return err
	}
	s.change.Lock()
	s.mu.RLock()
	e := s.byID[id]
	old, found := s.byRef[named.String()]
	s.mu.RUnlock()
	theirs := found && !old.Fallback
	if e != nil && !theirs {
		err = s.setReference(named, target{id, true})
	}
	s.change.Unlock()
	switch {
	case err != nil:
		return err
	case e == nil:
		return fmt.Errorf("the embedded image was removed while %s was pulled", familiar)
	case theirs:
		progress(jsonstream.Message{Status: "No registry is asked for " + familiar + " (--image-fallback=always): the image that has the name stays"})
	case cause != nil:
		s.log.Warn("no registry could be reached, the embedded image answers", "image", familiar, "error", cause)
		progress(jsonstream.Message{Status: "The registry could not be reached: " + cause.Error()})
		progress(jsonstream.Message{Status: "The image embedded in Sockerless answers for " + familiar + " (--image-fallback=never turns this off)"})
	default:
		progress(jsonstream.Message{Status: "No registry is asked for " + familiar + ": the image embedded in Sockerless answers"})
	}
	if found && (theirs || old.ID == id) {
		progress(jsonstream.Message{Status: "Status: Image is up to date for " + familiar})
	} else {
		progress(jsonstream.Message{Status: "Status: Tagged the embedded image as " + familiar})
		s.emit(events.ActionTag, id.String(), familiar, e.image)
	}
	return nil
}
