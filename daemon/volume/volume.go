// Package volume keeps volumes: directories under the data root that belong to no container. Its one driver is "local".
package volume

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/volume"

	"github.com/sockerless/sockerless/daemon/store"
)

// Driver is the name of the only volume driver.
const Driver = "local"

// AnonymousLabel marks volumes that were made without a name.
const AnonymousLabel = "com.docker.volume.anonymous"

// Emit is told what happens to a volume: create, mount, unmount, destroy, prune.
type Emit func(action events.Action, id string, attributes map[string]string)

// Service is the volumes of one data root. It is safe for concurrent use.
type Service struct {
	dir    string // <data-root>/volumes
	bucket store.Bucket
	log    *slog.Logger
	emit   Emit

	mu   sync.Mutex
	vols map[string]*entry
}

// entry is one volume.
type entry struct {
	record
	users map[string]struct{} // IDs of containers that refer to it
}

// record is what the state store has of a volume, under its name.
type record struct {
	Created time.Time
	Labels  map[string]string // nil and empty are shown as such
	Options map[string]string
}

// Open opens the volumes under dir, whose records are in st. emit may be nil.
func Open(dir string, st *store.Store, log *slog.Logger, emit Emit) (*Service, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if emit == nil {
		emit = func(events.Action, string, map[string]string) {}
	}
	s := &Service{dir: dir, bucket: st.Bucket("volumes"), log: log, emit: emit, vols: map[string]*entry{}}
	for name, value := range s.bucket.All() {
		e := &entry{users: map[string]struct{}{}}
		if err := json.Unmarshal(value, &e.record); err != nil {
			return nil, fmt.Errorf("reading volume %s: %w", name, err)
		}
		s.vols[name] = e
	}
	return s, s.sweep()
}

// removed begins the names of directories of volumes that are no more. No volume's name does.
const removed = ".removed-"

// sweep deletes what a crash has left of removed volumes.
func (s *Service) sweep() error {
	list, err := filepath.Glob(filepath.Join(s.dir, removed+"*"))
	for _, dir := range list {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// checkName refuses names with dockerd's words.
func checkName(name string) error {
	if len(name) == 1 {
		return errdefs.ErrInvalidArgument.WithMessage(`volume name is too short, names should be at least two alphanumeric characters`)
	}
	if !validName.MatchString(name) {
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf(
			`%q includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`, name))
	}
	return nil
}

// Create makes a volume, or returns the one of that name. With the name "" it makes an anonymous one.
func (s *Service) Create(_ context.Context, req volume.CreateRequest) (volume.Volume, error) {
	name, labels := req.Name, maps.Clone(req.Labels)
	if name == "" {
		name = randomName()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[AnonymousLabel] = ""
	}
	fail := func(err error) (volume.Volume, error) {
		return volume.Volume{}, fmt.Errorf("create %s: %w", name, err)
	}
	if req.Driver != "" && req.Driver != Driver {
		return fail(noDriver(req.Driver))
	}
	if err := checkName(name); err != nil {
		return fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.vols[name]; e != nil {
		return s.view(name, e), nil
	}
	if err := checkOptions(req.DriverOpts); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(s.path(name), 0o755); err != nil {
		return fail(err)
	}
	e := &entry{record{Created: time.Now().UTC(), Labels: labels, Options: maps.Clone(req.DriverOpts)}, map[string]struct{}{}}
	if err := s.bucket.Put(name, e.record); err != nil {
		return volume.Volume{}, err
	}
	s.vols[name] = e
	s.emit(events.ActionCreate, name, map[string]string{"driver": Driver})
	return s.view(name, e), nil
}

// noDriver is the error for a driver that is not there: a plugin would have it.
func noDriver(name string) error {
	return errdefs.ErrNotFound.WithMessage(fmt.Sprintf("error looking up volume plugin %s: plugin %q not found", name, name))
}

func randomName() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (s *Service) path(name string) string { return filepath.Join(s.dir, name, "_data") }

func (s *Service) view(name string, e *entry) volume.Volume {
	return volume.Volume{
		Name: name, Driver: Driver, Mountpoint: s.path(name), Scope: "local",
		CreatedAt: e.Created.Format(time.RFC3339), Labels: maps.Clone(e.Labels), Options: maps.Clone(e.Options),
	}
}

func noSuch(name string) error {
	return errdefs.ErrNotFound.WithMessage(fmt.Sprintf("get %s: no such volume", name))
}

// Get returns a volume.
func (s *Service) Get(_ context.Context, name string) (volume.Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.vols[name]
	if e == nil {
		return volume.Volume{}, noSuch(name)
	}
	return s.view(name, e), nil
}

// Remove deletes a volume with its data. With force it is no error that there is none.
func (s *Service) Remove(_ context.Context, name string, force bool) error {
	dir, err := s.take(name, force)
	if err != nil || dir == "" {
		return err
	}
	return s.destroy(name, dir)
}

// take makes a volume's name free and returns where its files are now, "" when there was no volume.
func (s *Service) take(name string, missingOK bool) (dir string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.vols[name]
	if e == nil {
		if missingOK {
			return "", nil
		}
		return "", noSuch(name)
	}
	if len(e.users) > 0 {
		return "", errdefs.ErrConflict.WithMessage(fmt.Sprintf("remove %s: volume is in use - [%s]", name,
			strings.Join(slices.Sorted(maps.Keys(e.users)), ", ")))
	}
	dir = filepath.Join(s.dir, removed+randomName())
	if err := os.Rename(filepath.Join(s.dir, name), dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove %s: %w", name, err)
	}
	if err := s.bucket.Delete(name); err != nil {
		return "", err
	}
	delete(s.vols, name)
	return dir, nil
}

// destroy deletes the files of a volume that is no more.
func (s *Service) destroy(name, dir string) error {
	s.emit(events.ActionDestroy, name, map[string]string{"driver": Driver})
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// Mount tells that a container refers to a volume, which can't be removed then, and returns what is to be mounted.
func (s *Service) Mount(name, container string) (Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.vols[name]
	if e == nil {
		return Source{}, noSuch(name)
	}
	e.users[container] = struct{}{}
	return source(s.path(name), e.Options)
}

// Unmount takes Mount back.
func (s *Service) Unmount(name, container string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.vols[name]; e != nil {
		delete(e.users, container)
	}
}

// List returns the volumes that the filters let through, by name: name (a regular expression), label, dangling, driver.
func (s *Service) List(_ context.Context, filters map[string][]string) ([]volume.Volume, error) {
	match, err := parseFilters(filters, "name", "label", "dangling", "driver")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []volume.Volume{}
	for _, name := range slices.Sorted(maps.Keys(s.vols)) {
		if e := s.vols[name]; match(name, e) {
			list = append(list, s.view(name, e))
		}
	}
	return list, nil
}

// Prune removes the volumes that no container refers to: anonymous ones, and with the filter all=true the others too,
// but for those with options, as dockerd does. Further filters: label, label!.
func (s *Service) Prune(ctx context.Context, filters map[string][]string) (*volume.PruneReport, error) {
	match, err := parseFilters(filters, "label", "label!", "all")
	if err != nil {
		return nil, err
	}
	all, err := allFilter(filters)
	if err != nil {
		return nil, err
	}
	report := &volume.PruneReport{VolumesDeleted: []string{}}
	for _, name := range s.unused(all, match) {
		if ctx.Err() != nil {
			break
		}
		dir, err := s.take(name, true)
		if err != nil || dir == "" {
			continue // used, or removed, meanwhile
		}
		size := diskUsage(filepath.Join(dir, "_data"))
		if err := s.destroy(name, dir); err != nil {
			s.log.Warn("files of a pruned volume are left", "volume", name, "error", err)
			continue
		}
		report.VolumesDeleted = append(report.VolumesDeleted, name)
		report.SpaceReclaimed += uint64(size)
	}
	s.emit(events.ActionPrune, "", map[string]string{"reclaimed": fmt.Sprint(report.SpaceReclaimed)})
	return report, nil
}

// unused lists the volumes that a prune is about.
func (s *Service) unused(all bool, match func(string, *entry) bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.vols)) {
		e := s.vols[name]
		if _, anonymous := e.Labels[AnonymousLabel]; len(e.users) == 0 && len(e.Options) == 0 && (anonymous || all) && match(name, e) {
			names = append(names, name)
		}
	}
	return names
}

// DiskUsage returns the volumes with their sizes and counts of users, for GET /system/df. Those with options, which may
// be elsewhere, are left out, as dockerd does.
func (s *Service) DiskUsage(ctx context.Context) ([]volume.Volume, error) {
	s.mu.Lock()
	var list []volume.Volume
	for _, name := range slices.Sorted(maps.Keys(s.vols)) {
		if e := s.vols[name]; len(e.Options) == 0 {
			v := s.view(name, e)
			v.UsageData = &volume.UsageData{RefCount: int64(len(e.users))}
			list = append(list, v)
		}
	}
	s.mu.Unlock()
	for i := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list[i].UsageData.Size = diskUsage(list[i].Mountpoint)
	}
	return list, nil
}

// diskUsage sums the sizes of the files under dir, a file with several links once; what can't be read counts nothing.
func diskUsage(dir string) (size int64) {
	var linked []fs.FileInfo
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if links(info) > 1 {
			if slices.ContainsFunc(linked, func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
				return nil
			}
			linked = append(linked, info)
		}
		size += info.Size()
		return nil
	})
	return size
}
