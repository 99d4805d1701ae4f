package image

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
)

// RemoveOptions are the query parameters of DELETE /images/{name}.
type RemoveOptions struct {
	// Force removes all references of the image, and the image even if stopped containers use it.
	Force bool
	// NoPrune leaves parents that nothing refers to.
	NoPrune bool
}

// Remove does what dockerd does for DELETE /images/{name}: a name is untagged, and the image goes with its last name; an
// ID removes the image if all its names are of one repository. What stands against it is an error of kind
// errdefs.ErrConflict with dockerd's words. What was done before an error is returned with it.
func (s *Store) Remove(ctx context.Context, ref string, opts RemoveOptions) ([]image.DeleteResponse, error) {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.RLock()
	e, err := s.find(ref)
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	r := removal{s: s, ctx: ctx}
	err = r.remove(e, ref, opts)
	return r.done, err
}

// removal is one call of Remove.
type removal struct {
	s    *Store
	ctx  context.Context
	done []image.DeleteResponse
}

func (r *removal) remove(e *entry, ref string, opts RemoveOptions) error {
	id := e.image.ID
	if isPrefixOf(id, ref) {
		if isSingle(r.refs(id)) {
			// All names are one image's in one repository, so the ID stands for them.
			if c := r.conflict(id, !opts.Force, false); c != nil {
				return c
			}
			if err := r.untagAll(e); err != nil {
				return err
			}
		}
		return r.delete(e, opts.Force, !opts.NoPrune, false)
	}

	if !opts.Force && isSingle(r.refs(id)) {
		if containers := r.containers(id); len(containers) > 0 {
			return errdefs.ErrConflict.WithMessage(fmt.Sprintf(
				"conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s",
				ref, short(containers[0].ID), short(id.Encoded())))
		}
	}
	parsed, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return invalid(err)
	}
	named, err := reference.ParseNormalizedNamed(canonicalKey(parsed))
	if err != nil {
		return invalid(err)
	}
	if err := r.untag(e, named); err != nil {
		return err
	}
	// Digests are there because a tag of the repository was pulled; they go with the last one.
	if _, ok := named.(reference.Canonical); !ok {
		if err := r.untagDigestsOf(e, named.Name()); err != nil {
			return err
		}
	}
	if len(r.refs(id)) > 0 {
		return nil
	}
	return r.delete(e, opts.Force, !opts.NoPrune, true)
}

// delete removes the image. When quiet, what stands against it only keeps the image, nameless.
func (r *removal) delete(e *entry, force, prune, quiet bool) error {
	id := e.image.ID
	if c := r.conflict(id, !force, true); c != nil {
		if quiet {
			return nil
		}
		return c
	}
	if err := r.untagAll(e); err != nil {
		return err
	}
	if len(r.containers(id)) > 0 || !r.s.knowsUsers() {
		if err := r.s.hide(e); err != nil {
			return err
		}
		r.deleted(e, nil)
		return nil
	}
	gone, err := r.s.drop(r.ctx, e)
	r.deleted(e, gone)
	if err != nil || !prune || e.Parent == "" {
		return err
	}
	r.s.mu.RLock()
	parent := r.s.byID[e.Parent]
	r.s.mu.RUnlock()
	if parent == nil || len(r.refs(e.Parent)) > 0 {
		return nil
	}
	return r.delete(parent, false, true, true)
}

// deleted notes that an image is gone, and these layers with it.
func (r *removal) deleted(e *entry, layers []Layer) {
	r.s.emit(events.ActionDelete, e.image.ID.String(), e.image.ID.String(), e.image)
	r.done = append(r.done, image.DeleteResponse{Deleted: e.image.ID.String()})
	for _, l := range layers {
		r.done = append(r.done, image.DeleteResponse{Deleted: chainID(e.image.Layers, l.DiffID).String()})
	}
}

// conflict is what stands against removing an image, or nil. What force overcomes counts only if soft is set; that names
// lead to the image, only if named is set, too.
func (r *removal) conflict(id digest.Digest, soft, named bool) error {
	cannot := func(how, why string) error {
		return errdefs.ErrConflict.WithMessage(fmt.Sprintf("conflict: unable to delete %s (%s) - %s", short(id.Encoded()), how, why))
	}
	const never, forced = "cannot be forced", "must be forced"
	r.s.mu.RLock()
	for _, e := range r.s.byID {
		if e.Parent == id && !e.Removed {
			r.s.mu.RUnlock()
			return cannot(never, "image has dependent child images")
		}
	}
	r.s.mu.RUnlock()
	containers := r.containers(id)
	for _, c := range containers {
		if c.Running {
			return cannot(never, "image is being used by running container "+short(c.ID))
		}
	}
	if !soft {
		return nil
	}
	if named && len(r.refs(id)) > 0 {
		return cannot(forced, "image is referenced in multiple repositories")
	}
	if len(containers) > 0 {
		return cannot(forced, "image is being used by stopped container "+short(containers[0].ID))
	}
	return nil
}

// untag takes a name away, and tells so.
func (r *removal) untag(e *entry, named reference.Named) error {
	if err := r.dropName(named); err != nil {
		return err
	}
	r.s.emit(events.ActionUnTag, e.image.ID.String(), e.image.ID.String(), e.image)
	return nil
}

func (r *removal) dropName(named reference.Named) error {
	if err := r.s.dropReference(named); err != nil {
		return err
	}
	r.done = append(r.done, image.DeleteResponse{Untagged: reference.FamiliarString(named)})
	return nil
}

func (r *removal) untagAll(e *entry) error {
	for _, named := range r.refs(e.image.ID) {
		if err := r.untag(e, named); err != nil {
			return err
		}
	}
	return nil
}

// untagDigestsOf untags a repository's digests if no tag of it is left; dockerd has no events for these.
func (r *removal) untagDigestsOf(e *entry, repository string) error {
	var digests []reference.Named
	for _, named := range r.refs(e.image.ID) {
		if named.Name() != repository {
			continue
		}
		if _, ok := named.(reference.Canonical); !ok {
			return nil
		}
		digests = append(digests, named)
	}
	for _, named := range digests {
		if err := r.dropName(named); err != nil {
			return err
		}
	}
	return nil
}

func (r *removal) refs(id digest.Digest) []reference.Named {
	r.s.mu.RLock()
	defer r.s.mu.RUnlock()
	return r.s.referencesTo(id)
}

func (r *removal) containers(id digest.Digest) []ContainerRef {
	r.s.mu.RLock()
	users := r.s.users
	r.s.mu.RUnlock()
	if users == nil {
		return nil
	}
	return users.ContainersUsing(id)
}

// isSingle tells whether refs are at most one tag and digests of the same repository.
func isSingle(refs []reference.Named) bool {
	tags, repositories := 0, map[string]bool{}
	for _, ref := range refs {
		repositories[ref.Name()] = true
		if _, ok := ref.(reference.Canonical); !ok {
			tags++
		}
	}
	return tags <= 1 && len(repositories) <= 1
}

func (s *Store) knowsUsers() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users != nil
}

// hide takes an image away from everybody but the containers that use it. s.change is held.
func (s *Store) hide(e *entry) error {
	r := e.record
	r.Removed = true
	if err := s.images.Put(e.image.ID.String(), r); err != nil {
		return err
	}
	s.mu.Lock()
	s.byID[e.image.ID] = &entry{r, e.image}
	s.mu.Unlock()
	return nil
}

// Collect removes the images that were removed while containers used them, once none does. The container package calls
// it after it has removed a container; with nothing to do it costs next to nothing.
func (s *Store) Collect(ctx context.Context) error {
	var hidden []*entry
	s.mu.RLock()
	users := s.users
	for _, e := range s.byID {
		if e.Removed {
			hidden = append(hidden, e)
		}
	}
	s.mu.RUnlock()
	if users == nil || len(hidden) == 0 {
		return nil
	}
	s.change.Lock()
	defer s.change.Unlock()
	for _, e := range hidden {
		s.mu.RLock()
		current := s.byID[e.image.ID]
		s.mu.RUnlock()
		if current == nil || !current.Removed || len(users.ContainersUsing(e.image.ID)) > 0 {
			continue
		}
		if _, err := s.drop(ctx, current); err != nil {
			return fmt.Errorf("removing image %s: %w", e.image.ID, err)
		}
	}
	return nil
}

// chainID identifies a layer with all below it (OCI image specification, "Layer ChainID").
func chainID(layers []Layer, diffID digest.Digest) digest.Digest {
	var chain digest.Digest
	for _, l := range layers {
		if chain == "" {
			chain = l.DiffID
		} else {
			chain = digest.FromString(chain.String() + " " + l.DiffID.String())
		}
		if l.DiffID == diffID {
			break
		}
	}
	return chain
}

// short is an ID as users see it: its first twelve digits.
func short(id string) string { return id[:min(len(id), 12)] }
