package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/go-digest"

	"github.com/sockerless/sockerless/daemon/store"
)

// Options are the store's settings; the zero value is usable.
type Options struct {
	// Fallback says when the embedded image answers for names it stands in for. Empty is FallbackAuto.
	Fallback Fallback
	// ConnectTimeout bounds each attempt to reach a registry: name resolution and connection, and then the TLS
	// handshake, each. Zero is three seconds: offline, nobody wants to wait.
	ConnectTimeout time.Duration
	// Transport replaces the connections to registries, in tests.
	Transport http.RoundTripper
	// Emit, if set, is told of what happens to images: the action, the actor's ID (an image ID, or the name for a
	// pull) and its attributes, "name" and the image's labels, as docker's image events have them. It must not change
	// images itself: changes wait for each other.
	Emit func(action events.Action, id string, attributes map[string]string)
}

// Users knows who uses images: the container package. It must not change images itself: changes wait for each other.
// A container counts as soon as it may look for its image's layers; who creates one makes sure with ByID, after it
// counts, that the image is still there.
type Users interface {
	ContainersUsing(image digest.Digest) []ContainerRef
}

// ContainerRef is a container that uses an image.
type ContainerRef struct {
	ID      string
	Running bool
}

// Store is the images of one data root. It is safe for concurrent use.
type Store struct {
	content content
	images  store.Bucket // record by image ID
	refs    store.Bucket // target by canonical reference
	meta    store.Bucket
	state   *store.Store
	log     *slog.Logger
	opts    Options
	remote  http.RoundTripper

	// change is held by whoever changes records, references and what files there are for them. It is taken before mu.
	change sync.Mutex

	mu    sync.RWMutex
	byID  map[digest.Digest]*entry
	byRef map[string]target     // by canonical reference: "docker.io/library/alpine:3.20", "…@sha256:…"
	holds map[digest.Digest]int // pulls that need a layer, by diff ID; no images have it yet
	users Users
	seed  seedSource

	flights flights
	layers  keyedMutex

	fallback atomic.Value // Fallback
}

// entry is an image with its record.
type entry struct {
	record
	image *Image // without what its references say, see Store.view
}

// The state store's buckets.
const (
	imageBucket     = "images"
	referenceBucket = "references"
	metaBucket      = "image-store"
)

// Open opens the store in dir, which is created when missing, with its records in st. What an earlier daemon left half
// done is removed. Images whose files are damaged from outside are dropped, with a warning.
func Open(dir string, st *store.Store, log *slog.Logger, opts Options) (*Store, error) {
	if opts.ConnectTimeout == 0 {
		opts.ConnectTimeout = 3 * time.Second
	}
	if opts.Emit == nil {
		opts.Emit = func(events.Action, string, map[string]string) {}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		content: content{dir},
		images:  st.Bucket(imageBucket),
		refs:    st.Bucket(referenceBucket),
		meta:    st.Bucket(metaBucket),
		state:   st,
		log:     log,
		opts:    opts,
		remote:  newTransport(opts),
		byID:    map[digest.Digest]*entry{},
		byRef:   map[string]target{},
		holds:   map[digest.Digest]int{},
	}
	s.SetFallback(opts.Fallback)
	if err := s.content.prepare(); err != nil {
		return nil, fmt.Errorf("preparing the image store: %w", err)
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("loading the images: %w", err)
	}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("sweeping the image store: %w", err)
	}
	return s, nil
}

// SetUsers names who uses images. Until it is called no image is removed for good.
func (s *Store) SetUsers(u Users) {
	s.mu.Lock()
	s.users = u
	s.mu.Unlock()
}

// load takes the records and references over from the state store.
func (s *Store) load() error {
	for key, value := range s.images.All() {
		var r record
		err := json.Unmarshal(value, &r)
		id := digest.Digest(key)
		var img *Image
		if err == nil {
			img, err = s.content.image(id, r)
		}
		if err == nil {
			s.byID[id] = &entry{r, img}
			continue
		}
		s.log.Warn("dropping an image that is damaged", "image", key, "error", err)
		if err := s.images.Delete(key); err != nil {
			return err
		}
	}
	for key, value := range s.refs.All() {
		var t target
		if err := json.Unmarshal(value, &t); err == nil && s.byID[t.ID] != nil {
			s.byRef[key] = t
			continue
		}
		s.log.Warn("dropping a reference that leads to no image", "reference", key)
		if err := s.refs.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes the files that no image needs.
func (s *Store) sweep() error {
	blobs, layers := map[string]bool{}, map[string]bool{}
	for id, e := range s.byID {
		blobs[id.Encoded()] = true
		if e.Manifest.Digest != "" {
			blobs[e.Manifest.Digest.Encoded()] = true
		}
		for _, l := range e.image.Layers {
			layers[l.DiffID.Encoded()] = true
		}
	}
	return errors.Join(
		removeUnless(filepath.Join(s.content.dir, blobDir), func(hex string) bool { return blobs[hex] }),
		removeUnless(filepath.Join(s.content.dir, layerDir), func(hex string) bool { return layers[hex] }),
	)
}

func removeUnless(dir string, wanted func(hex string) bool) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		hex, _, _ := strings.Cut(f.Name(), ".")
		if !wanted(hex) {
			if err := os.RemoveAll(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// add makes an image known whose blobs and layers are in place, and lets names lead to it. s.change is held.
func (s *Store) add(id digest.Digest, r record, fallback bool, names ...reference.Named) error {
	img, err := s.content.image(id, r)
	if err != nil {
		return err
	}
	s.mu.RLock()
	old := s.byID[id]
	s.mu.RUnlock()
	if old != nil {
		r.Parent, r.LastTagged = old.Parent, old.LastTagged
		img.Parent = old.Parent
	}
	if err := s.images.Put(id.String(), r); err != nil {
		return err
	}
	s.mu.Lock()
	s.byID[id] = &entry{r, img}
	s.mu.Unlock()
	for _, name := range names {
		if err := s.setReference(name, target{id, fallback}); err != nil {
			return err
		}
	}
	return nil
}

// setReference lets name lead to t. s.change is held.
func (s *Store) setReference(name reference.Named, t target) error {
	key := name.String()
	s.mu.RLock()
	old, found := s.byRef[key]
	s.mu.RUnlock()
	if found && old == t {
		return nil
	}
	if err := s.refs.Put(key, t); err != nil {
		return err
	}
	s.mu.Lock()
	s.byRef[key] = t
	s.mu.Unlock()
	return nil
}

// dropReference lets name lead nowhere. s.change is held.
func (s *Store) dropReference(name reference.Named) error {
	key := name.String()
	if err := s.refs.Delete(key); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.byRef, key)
	s.mu.Unlock()
	return nil
}

// drop forgets an image that has no references any more, and removes the files nothing else needs. It returns the
// layers that went. s.change is held.
func (s *Store) drop(ctx context.Context, e *entry) ([]Layer, error) {
	if err := s.images.Delete(e.image.ID.String()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.byID, e.image.ID)
	s.mu.Unlock()
	// First the record's end must be on the disk: a record that comes back after a loss of power would lead to files
	// that are gone.
	if err := s.state.Sync(ctx); err != nil {
		return nil, err
	}
	var gone []Layer
	for _, l := range slices.Backward(e.image.Layers) {
		removed, err := s.removeLayerIfUnused(l.DiffID)
		if err != nil {
			return gone, err
		}
		if removed {
			gone = append(gone, l)
		}
	}
	if err := s.content.removeBlob(e.image.ID); err != nil {
		return gone, err
	}
	if e.Manifest.Digest != "" && !s.manifestUsed(e.Manifest.Digest) {
		return gone, s.content.removeBlob(e.Manifest.Digest)
	}
	return gone, nil
}

func (s *Store) manifestUsed(d digest.Digest) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.byID {
		if e.Manifest.Digest == d {
			return true
		}
	}
	return false
}

// removeLayerIfUnused removes a layer's files unless an image or a pull needs them. It holds s.mu throughout, so that
// no pull can find the layer and count on it meanwhile.
func (s *Store) removeLayerIfUnused(diffID digest.Digest) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds[diffID] > 0 {
		return false, nil
	}
	for _, e := range s.byID {
		if slices.ContainsFunc(e.image.Layers, func(l Layer) bool { return l.DiffID == diffID }) {
			return false, nil
		}
	}
	return s.content.removeLayer(diffID)
}

// hold keeps layers from being removed until release is called, which removes those that no image came to need.
func (s *Store) hold(diffIDs []digest.Digest) (release func()) {
	s.mu.Lock()
	for _, d := range diffIDs {
		s.holds[d]++
	}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		for _, d := range diffIDs {
			if s.holds[d]--; s.holds[d] == 0 {
				delete(s.holds, d)
			}
		}
		s.mu.Unlock()
		for _, d := range diffIDs {
			if _, err := s.removeLayerIfUnused(d); err != nil {
				s.log.Warn("removing a layer", "diffID", d, "error", err)
			}
		}
	}
}

// emit tells of something that happened to an image.
func (s *Store) emit(action events.Action, id, name string, img *Image) {
	attributes := map[string]string{}
	if img != nil {
		for k, v := range img.Config.Labels {
			attributes[k] = v
		}
	}
	attributes["name"] = name
	s.opts.Emit(action, id, attributes)
}

// keyedMutex is a mutex for each key that is in use.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*keyLock
}

type keyLock struct {
	taken chan struct{} // holds one element while locked
	users int
}

// lock waits for the key and returns what gives it back, or ctx's error.
func (k *keyedMutex) lock(ctx context.Context, key string) (unlock func(), err error) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*keyLock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &keyLock{taken: make(chan struct{}, 1)}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
		k.mu.Unlock()
	}
	select {
	case l.taken <- struct{}{}:
		return func() { <-l.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
