package container

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/opencontainers/go-digest"
)

// ListOptions are the parameters of GET /containers/json.
type ListOptions struct {
	All     bool // those that don't run, too
	Size    bool
	Limit   int // the newest so many, running or not; 0 for no limit
	Filters map[string][]string
}

// List describes the containers that the options and filters let through, newest first.
func (m *Manager) List(_ context.Context, opts ListOptions) ([]types.Summary, error) {
	f, err := m.parseFilters(opts)
	if err != nil {
		return nil, err
	}
	list := []types.Summary{}
	images := map[string]digest.Digest{} // what the names mean now
	for _, c := range m.all() {
		if f.stop(c) {
			break
		}
		c.mu.Lock()
		def, st := c.def, c.state
		health := c.healthState()
		c.mu.Unlock()
		if !f.match(c, &def, &st, health) {
			continue
		}
		s := m.summary(c, &def, &st, health, images)
		if opts.Size {
			if s.SizeRw, s.SizeRootFs, err = m.diskUsage(c); err != nil {
				return nil, err
			}
		}
		if list = append(list, s); opts.Limit > 0 && len(list) == opts.Limit {
			break
		}
	}
	return list, nil
}

func (m *Manager) summary(c *container, def *definition, st *state, health *types.Health, images map[string]digest.Digest) types.Summary {
	program, args := command(def.Config)
	s := types.Summary{
		ID: c.id, Names: []string{"/" + def.Name}, Image: def.Config.Image, ImageID: def.ImageID.String(),
		Command: strings.TrimSpace(program + " " + quoted(args)), Created: def.Created.Unix(), Labels: labelsOf(def.Config),
		State: st.status(), Status: st.statusText(health), Mounts: shownMounts(def),
		NetworkSettings: &types.NetworkSettingsSummary{Networks: endpoints(c.id, def)},
		Ports:           []types.PortSummary{},
	}
	// An image whose name has gone to another one is shown by its ID.
	id, known := images[def.Config.Image]
	if !known {
		if img, err := m.images.Get(def.Config.Image); err == nil {
			id = img.ID
		}
		images[def.Config.Image] = id
	}
	if id != def.ImageID {
		s.Image = def.ImageID.String()
	}
	s.HostConfig.NetworkMode = string(def.HostConfig.NetworkMode)
	s.HostConfig.Annotations = def.HostConfig.Annotations
	if health != nil {
		s.Health = &types.HealthSummary{Status: health.Status, FailingStreak: health.FailingStreak}
	} else {
		s.Health = &types.HealthSummary{Status: types.NoHealthcheck}
	}
	for port := range openPorts(def, st) {
		s.Ports = append(s.Ports, types.PortSummary{PrivatePort: port.Num(), Type: string(port.Proto())})
	}
	slices.SortFunc(s.Ports, func(a, b types.PortSummary) int { return int(a.PrivatePort) - int(b.PrivatePort) })
	return s
}

// quoted joins arguments as docker ps shows them.
func quoted(args []string) string {
	shown := make([]string, len(args))
	for i, a := range args {
		if shown[i] = a; strings.Contains(a, " ") {
			shown[i] = "'" + a + "'"
		}
	}
	return strings.Join(shown, " ")
}

// since is the time from t to now in words.
func since(t time.Time) string { return units.HumanDuration(time.Since(t)) }

// filters are List's options, checked.
type filters struct {
	values map[string][]string
	all    bool

	nothing       bool // no container can match
	names         []*regexp.Regexp
	exited        []int
	images        map[digest.Digest]bool // of the filter ancestor
	before, since *container
	expose        []network.PortRange
}

// filterNames are the filters that there are.
var filterNames = []string{
	"ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
	"publish", "since", "status", "volume",
}

func (m *Manager) parseFilters(opts ListOptions) (*filters, error) {
	f := &filters{values: opts.Filters, all: opts.All || opts.Limit > 0}
	for _, name := range sortedKeys(opts.Filters) {
		if !slices.Contains(filterNames, name) {
			return nil, invalid("invalid filter '%s'", name)
		}
		for _, v := range opts.Filters[name] {
			if err := m.parseFilter(f, name, v); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// parseFilter takes one value of a filter.
func (m *Manager) parseFilter(f *filters, name, v string) (err error) {
	switch name {
	case "name":
		re, err := regexp.Compile(v)
		if err != nil { // dockerd takes it as the name itself
			re = regexp.MustCompile("^" + regexp.QuoteMeta(v) + "$")
		}
		f.names = append(f.names, re)
	case "exited":
		code, err := strconv.Atoi(v)
		if err != nil {
			return invalid("invalid filter 'exited=%s'", v)
		}
		f.exited = append(f.exited, code)
	case "status":
		if err := types.ValidateContainerState(types.ContainerState(v)); err != nil {
			return invalid("invalid filter 'status=%s'", v)
		}
		f.all = true
	case "health":
		if err := types.ValidateHealthStatus(types.HealthStatus(v)); err != nil {
			return invalid("invalid filter 'health=%s'", v)
		}
	case "is-task":
		switch v {
		case "true", "1": // no container is a task of a swarm
			f.nothing = true
		case "false", "0":
		default:
			return invalid("invalid filter 'is-task=%s'", v)
		}
	case "ancestor":
		if f.images == nil {
			f.images = map[digest.Digest]bool{}
		}
		img, err := m.images.Get(v)
		if err != nil {
			m.log.Debug("filter ancestor", "image", v, "error", err)
			return nil // no such image: it has no containers
		}
		f.images[img.ID] = true
	case "before":
		f.before, err = m.get(v)
		f.all = true
	case "since":
		f.since, err = m.get(v)
		f.all = true
	case "expose", "publish":
		ports, err := network.ParsePortRange(v)
		if err != nil {
			return invalid("invalid filter '%s=%s': %v", name, v, err)
		}
		f.nothing = f.nothing || name == "publish" // no container publishes a port yet
		f.expose = append(f.expose, ports)
	}
	return err
}

// stop reports that c and what is older isn't asked for.
func (f *filters) stop(c *container) bool {
	return f.since != nil && (c == f.since || c.created.Before(f.since.created))
}

func (f *filters) match(c *container, def *definition, st *state, health *types.Health) bool {
	if f.nothing || !f.all && !st.Running {
		return false
	}
	if f.before != nil && !c.created.Before(f.before.created) {
		return false
	}
	if f.images != nil && !f.images[def.ImageID] {
		return false
	}
	if len(f.exited) > 0 && (st.Running || st.StartedAt.IsZero() || !slices.Contains(f.exited, st.ExitCode)) {
		return false
	}
	if len(f.names) > 0 && !slices.ContainsFunc(f.names, func(re *regexp.Regexp) bool {
		return re.MatchString(def.Name) || re.MatchString("/"+def.Name)
	}) {
		return false
	}
	status := types.NoHealthcheck
	if health != nil {
		status = health.Status
	}
	some := func(filter string, has func(v string) bool) bool {
		values := f.values[filter]
		return len(values) == 0 || slices.ContainsFunc(values, has)
	}
	if !some("id", func(v string) bool { return strings.HasPrefix(c.id, v) }) ||
		!some("status", func(v string) bool { return v == string(st.status()) }) ||
		!some("health", func(v string) bool { return v == string(status) }) ||
		!some("network", func(v string) bool { return slices.Contains(def.Networks, v) }) ||
		!some("volume", func(v string) bool { return usesVolume(def, v) }) {
		return false
	}
	if len(f.expose) > 0 && !exposes(openPorts(def, st), f.expose) {
		return false
	}
	for _, want := range f.values["label"] {
		if !hasLabel(def.Config.Labels, want) {
			return false
		}
	}
	return true
}

// openPorts are the exposed ports that others can reach: those of a container that runs and has a network.
func openPorts(def *definition, st *state) network.PortSet {
	if !st.Running || !slices.ContainsFunc(def.Networks, func(name string) bool { return name != network.NetworkNone && name != network.NetworkHost }) {
		return nil
	}
	return def.Config.ExposedPorts
}

// exposes reports whether one of the ports is in one of the ranges.
func exposes(ports network.PortSet, ranges []network.PortRange) bool {
	for port := range ports {
		if slices.ContainsFunc(ranges, func(r network.PortRange) bool {
			return r.Proto() == port.Proto() && r.Start() <= port.Num() && port.Num() <= r.End()
		}) {
			return true
		}
	}
	return false
}

// hasLabel looks for "key" or "key=value".
func hasLabel(labels map[string]string, want string) bool {
	key, value, both := strings.Cut(want, "=")
	have, found := labels[key]
	return found && (!both || have == value)
}

// usesVolume looks for a mount by the volume's name, or by where it is mounted.
func usesVolume(def *definition, v string) bool {
	return slices.ContainsFunc(def.Mounts, func(p mountPoint) bool {
		return p.Destination == v || p.Type == mount.TypeVolume && p.Name == v || p.Type == mount.TypeBind && p.Source == v
	})
}

// Prune removes the containers that don't run. Filters: until, label, label!.
func (m *Manager) Prune(ctx context.Context, filters map[string][]string) (*types.PruneReport, error) {
	until := time.Time{}
	for _, name := range sortedKeys(filters) {
		switch name {
		case "label", "label!":
		case "until":
			if len(filters[name]) != 1 {
				return nil, invalid("more than one until filter specified")
			}
			var err error
			if until, err = parseUntil(filters[name][0]); err != nil {
				return nil, err
			}
		default:
			return nil, invalid("invalid filter '%s'", name)
		}
	}
	report := &types.PruneReport{}
	for _, c := range m.all() {
		if ctx.Err() != nil {
			break
		}
		def, st := c.snapshot()
		keep := st.Running || !until.IsZero() && def.Created.After(until)
		for _, want := range filters["label"] {
			keep = keep || !hasLabel(def.Config.Labels, want)
		}
		for _, not := range filters["label!"] {
			keep = keep || hasLabel(def.Config.Labels, not)
		}
		if keep {
			continue
		}
		rw, _, err := m.diskUsage(c)
		if err != nil {
			m.log.Debug("size of a container not known", "container", c.id, "error", err)
		}
		if err := m.remove(ctx, c, def.Name, RemoveOptions{}); err != nil {
			m.log.Warn("container not pruned", "container", c.id, "error", err)
			continue
		}
		report.ContainersDeleted = append(report.ContainersDeleted, c.id)
		report.SpaceReclaimed += uint64(rw)
	}
	m.events.Publish("container", "prune", "", map[string]string{"reclaimed": fmt.Sprint(report.SpaceReclaimed)})
	return report, nil
}

// parseUntil reads a time, or a duration before now.
func parseUntil(v string) (time.Time, error) {
	if d, err := time.ParseDuration(v); err == nil {
		return time.Now().Add(-d), nil
	}
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		return time.UnixMicro(int64(seconds * 1e6)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, v, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, invalid("failed to parse value as time or duration: invalid seconds %q: invalid syntax", v)
}
