package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/opencontainers/go-digest"

	bus "github.com/sockerless/sockerless/daemon/events"
	"github.com/sockerless/sockerless/daemon/image"
	"github.com/sockerless/sockerless/daemon/store"
	"github.com/sockerless/sockerless/daemon/volume"
)

// Images is what a Manager needs of the image store.
type Images interface {
	// Get finds an image by name, digest, ID or prefix of an ID. The error is of kind errdefs.ErrNotFound.
	Get(ref string) (*image.Image, error)
	// ByID finds one by its whole ID; removed ones, too, that containers still use.
	ByID(id digest.Digest) (*image.Image, bool)
	// Collect deletes images that were removed while containers used them.
	Collect(ctx context.Context) error
	// Create makes an image and lets name lead to it, unless that is nil.
	Create(ctx context.Context, d image.Description, name reference.Named) (digest.Digest, error)
}

// Deps are what a Manager works with. All but Log are needed.
type Deps struct {
	Root    string // data root; containers keep their files under <root>/containers/<id>
	Store   *store.Store
	Images  Images
	Volumes *volume.Service
	Events  *bus.Bus
	Runtime Runtime
	Bridge  Bridge       // nil leaves containers with loopback alone
	Log     *slog.Logger // nil discards
	// Driver is the name shown as storage driver; "" is "overlay".
	Driver string
	// LogDefaults is for containers that name no log driver; its Type "" is "json-file".
	LogDefaults types.LogConfig
}

// Manager is the containers of one data root. It is safe for concurrent use.
type Manager struct {
	root    string
	defs    store.Bucket
	states  store.Bucket
	images  Images
	volumes *volume.Service
	events  *bus.Bus
	runtime Runtime
	bridge  Bridge
	log     *slog.Logger
	driver  string

	logDefaults types.LogConfig

	ctx    context.Context // of what runs beyond a request; ends with Shutdown
	cancel context.CancelFunc
	tasks  sync.WaitGroup // ends of containers being handled

	restoring sync.WaitGroup // what Restore starts

	mu       sync.RWMutex
	byID     map[string]*container
	names    map[string]string // IDs by name; a name is taken before its container is in byID
	execs    map[string]*exec
	stopping bool // Shutdown has begun: nothing is started or restarted
}

// The state store's buckets.
const (
	definitionBucket = "containers"
	stateBucket      = "container-states"
)

// New makes a Manager of the containers that the store has. Restore brings them back to life.
func New(d Deps) (*Manager, error) {
	m := &Manager{
		root: d.Root, defs: d.Store.Bucket(definitionBucket), states: d.Store.Bucket(stateBucket),
		images: d.Images, volumes: d.Volumes, events: d.Events, runtime: d.Runtime, bridge: d.Bridge, log: d.Log, driver: d.Driver,
		byID: map[string]*container{}, names: map[string]string{}, execs: map[string]*exec{},
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.logDefaults = d.LogDefaults
	if m.logDefaults.Type == "" {
		m.logDefaults.Type = logJSONFile
	}
	if m.driver == "" {
		m.driver = "overlay"
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for id, value := range m.defs.All() {
		c := &container{id: id}
		if err := json.Unmarshal(value, &c.def); err != nil {
			return nil, fmt.Errorf("reading container %s: %w", id, err)
		}
		if _, err := m.states.Get(id, &c.state); err != nil {
			return nil, fmt.Errorf("reading the state of container %s: %w", id, err)
		}
		m.prepare(c)
		m.byID[id] = c
		m.names[c.def.Name] = id
	}
	return m, nil
}

// prepare gives a container what is not in its records.
func (m *Manager) prepare(c *container) {
	c.created = c.def.Created
	c.box = &sandboxRef{}
	c.streams = newStreams(func() logDriver { return c.log }, m.log.With("container", c.id))
	c.log, c.logErr = m.openLog(c.id, &c.def.HostConfig.LogConfig)
}

func (m *Manager) dir(id string) string { return filepath.Join(m.root, "containers", id) }

func (m *Manager) logPath(id string) string { return filepath.Join(m.dir(id), id+"-json.log") }

func (m *Manager) upper(id string) string { return filepath.Join(m.dir(id), "rw") }

// saveLogged stores the container's state; c.mu is held. What has happened has happened: a failure is only logged.
func (m *Manager) saveLogged(c *container) {
	if c.gone {
		return
	}
	if err := m.states.Put(c.id, &c.state); err != nil {
		m.log.Error("state of a container not stored", "container", c.id, "error", err)
	}
}

// get finds a container by ID, name, or a prefix of an ID that is no other's.
func (m *Manager) get(ref string) (*container, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if ref == "" {
		return nil, invalid("No container name or ID supplied")
	}
	if c := m.byID[ref]; c != nil {
		return c, nil
	}
	if c := m.byID[m.names[strings.TrimPrefix(ref, "/")]]; c != nil {
		return c, nil
	}
	var found *container
	if isHex(ref) {
		for id, c := range m.byID {
			if !strings.HasPrefix(id, ref) {
				continue
			}
			if found != nil {
				return nil, invalid("Multiple IDs found with provided prefix: %s", ref)
			}
			found = c
		}
	}
	if found == nil {
		return nil, noSuchContainer(ref)
	}
	return found, nil
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == "" && len(s) <= 64
}

// all returns the containers, newest first.
func (m *Manager) all() []*container {
	m.mu.RLock()
	list := slices.Collect(maps.Values(m.byID))
	m.mu.RUnlock()
	slices.SortFunc(list, func(a, b *container) int {
		if d := b.created.Compare(a.created); d != 0 {
			return d
		}
		return strings.Compare(a.id, b.id)
	})
	return list
}

// emit publishes what happened to a container, with dockerd's attributes: the labels, the image, the name, and more.
func (m *Manager) emit(c *container, action events.Action, more ...string) {
	c.mu.Lock()
	config, name := c.def.Config, c.def.Name
	c.mu.Unlock()
	m.emitNamed(c, action, config.Image, name, config.Labels, more...)
}

func (m *Manager) emitNamed(c *container, action events.Action, image, name string, labels map[string]string, more ...string) {
	attributes := make(map[string]string, len(labels)+2+len(more)/2)
	maps.Copy(attributes, labels)
	if image != "" {
		attributes["image"] = image
	}
	attributes["name"] = name
	for i := 0; i+1 < len(more); i += 2 {
		attributes[more[i]] = more[i+1]
	}
	m.events.Publish(events.ContainerEventType, action, c.id, attributes)
}

// ContainersUsing lists the containers made from an image, for the image store.
func (m *Manager) ContainersUsing(id digest.Digest) []image.ContainerRef {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var refs []image.ContainerRef
	for _, c := range m.byID {
		c.mu.Lock()
		if c.def.ImageID == id {
			refs = append(refs, image.ContainerRef{ID: c.id, Running: c.state.Running})
		}
		c.mu.Unlock()
	}
	return refs
}

// Counts is how many containers there are, for GET /info.
type Counts struct{ Total, Running, Paused, Stopped int }

// Count counts the containers by state.
func (m *Manager) Count() Counts {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := Counts{Total: len(m.byID)}
	for _, c := range m.byID {
		c.mu.Lock()
		switch {
		case c.state.Paused:
			n.Paused++
		case c.state.Running:
			n.Running++
		default:
			n.Stopped++
		}
		c.mu.Unlock()
	}
	return n
}

// errStopping refuses what would start something while the daemon ends.
var errStopping = errors.New("the daemon is shutting down")

// now is the time as records have it.
func now() time.Time { return time.Now().UTC() }
