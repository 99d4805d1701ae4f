package container

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sockerless/sockerless/daemon/image"
)

// Create makes a container of an image; name may be empty. The error is of kind errdefs.ErrNotFound when there is no such
// image, ErrConflict when the name is taken, ErrInvalidArgument or ErrNotImplemented when the request can't be granted.
func (m *Manager) Create(_ context.Context, name string, req *types.CreateRequest, platform *ocispec.Platform) (types.CreateResponse, error) {
	var none types.CreateResponse
	if req == nil || req.Config == nil {
		return none, invalid("config cannot be empty in order to create a container")
	}
	config, host := *req.Config, types.HostConfig{}
	if req.HostConfig != nil {
		host = *req.HostConfig
	}
	if config.Image == "" {
		return none, invalid("no command specified")
	}
	img, err := m.images.Get(config.Image)
	if err != nil {
		if errdefs.IsNotFound(err) {
			return none, notFound("No such image: %s", withTag(config.Image))
		}
		return none, err
	}
	if err := checkPlatform(config.Image, img, platform); err != nil {
		return none, err
	}
	if err := mergeConfig(&config, img); err != nil {
		return none, err
	}
	warnings, err := checkHost(&config, &host)
	if err != nil {
		return none, err
	}
	if err := m.mergeLogConfig(&host.LogConfig); err != nil {
		return none, err
	}

	c := &container{id: newID()}
	if config.Hostname == "" {
		config.Hostname = shortID(c.id)
	}
	c.def = definition{
		Created: now(), ImageID: img.ID, Platform: img.Platform.OS, Config: &config, HostConfig: &host,
		Networks: []string{networkName(host.NetworkMode)},
	}
	if err := m.networks(c, req); err != nil {
		return none, err
	}
	m.prepare(c)
	if c.def.Name, err = m.reserveName(c, name); err != nil {
		return none, err
	}
	if err := m.addMounts(c); err != nil {
		m.dropMounts(c, true)
		m.releaseName(c.def.Name)
		return none, err
	}
	if err := m.defs.Put(c.id, &c.def); err != nil {
		m.dropMounts(c, true)
		m.releaseName(c.def.Name)
		return none, err
	}
	m.mu.Lock()
	m.byID[c.id] = c
	m.mu.Unlock()
	m.emit(c, events.ActionCreate)
	return types.CreateResponse{ID: c.id, Warnings: warnings}, nil
}

// withTag is an image's name as dockerd shows it when it isn't there.
func withTag(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(reference.TagNameOnly(ref))
}

func checkPlatform(name string, img *image.Image, want *ocispec.Platform) error {
	if want == nil {
		return nil
	}
	have := img.Platform
	if want.OS != "" && want.OS != have.OS || want.Architecture != "" && want.Architecture != have.Architecture {
		return notFound("image with reference %s was found but its platform (%s/%s) does not match the specified platform (%s/%s)",
			name, have.OS, have.Architecture, want.OS, want.Architecture)
	}
	return nil
}

// mergeConfig fills in what the request left to the image.
func mergeConfig(c *types.Config, img *image.Image) error {
	base := &img.Config
	if c.User == "" {
		c.User = base.User
	}
	ports := maps.Clone(c.ExposedPorts)
	for p := range base.ExposedPorts {
		port, err := network.ParsePort(p)
		if err != nil {
			return invalid("invalid exposed port of image %s: %v", img.ID, err)
		}
		if ports == nil {
			ports = network.PortSet{}
		}
		ports[port] = struct{}{}
	}
	c.ExposedPorts = ports
	c.Env = slices.Clone(c.Env)
	for _, e := range c.Env {
		if strings.HasPrefix(e, "=") || e == "" {
			return invalid("invalid environment variable: %s", e)
		}
	}
	for _, e := range base.Env {
		key, _, _ := strings.Cut(e, "=")
		if !slices.ContainsFunc(c.Env, func(own string) bool { k, _, _ := strings.Cut(own, "="); return k == key }) {
			c.Env = append(c.Env, e)
		}
	}
	labels := maps.Clone(base.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, c.Labels)
	c.Labels = labels
	if len(c.Entrypoint) == 0 {
		if len(c.Cmd) == 0 {
			c.Cmd = base.Cmd
		}
		if c.Entrypoint == nil {
			c.Entrypoint = base.Entrypoint
		}
	}
	if len(c.Entrypoint) == 1 && c.Entrypoint[0] == "" {
		c.Entrypoint = nil
	}
	if len(c.Entrypoint) == 0 && len(c.Cmd) == 0 {
		return invalid("no command specified")
	}
	if c.WorkingDir == "" {
		c.WorkingDir = base.WorkingDir
	}
	if c.WorkingDir != "" && !path.IsAbs(c.WorkingDir) {
		return invalid("the working directory '%s' is invalid, it needs to be an absolute path", c.WorkingDir)
	}
	if c.WorkingDir != "" {
		c.WorkingDir = path.Clean(c.WorkingDir)
	}
	if len(base.Volumes) > 0 {
		volumes := maps.Clone(c.Volumes)
		if volumes == nil {
			volumes = map[string]struct{}{}
		}
		maps.Copy(volumes, base.Volumes)
		c.Volumes = volumes
	}
	if c.StopSignal == "" {
		c.StopSignal = base.StopSignal
	}
	if _, err := readSignal(c.StopSignal); c.StopSignal != "" && err != nil {
		return err
	}
	if len(c.Hostname) > maxHostname {
		return invalid("hostname %q is too long (maximum %d bytes)", c.Hostname, maxHostname)
	}
	return mergeHealth(c, base.Healthcheck)
}

// networks notes the networks a container was asked to join.
func (m *Manager) networks(c *container, req *types.CreateRequest) error {
	if req.NetworkingConfig == nil {
		return nil
	}
	for name, ep := range req.NetworkingConfig.EndpointsConfig {
		if name == "default" {
			name = "bridge"
		}
		if !slices.Contains(c.def.Networks, name) {
			c.def.Networks = append(c.def.Networks, name)
		}
		if ep != nil {
			c.def.Aliases = append(c.def.Aliases, ep.Aliases...)
		}
	}
	return nil
}

func networkName(mode types.NetworkMode) string {
	if mode == "" || mode.IsDefault() {
		return "bridge"
	}
	return string(mode)
}
