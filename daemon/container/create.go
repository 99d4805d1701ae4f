package container

import (
	"context"
	"fmt"
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
	"github.com/sockerless/sockerless/sandbox/abi"
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
	if c.StopSignal != "" {
		if _, ok := abi.ParseSignal(c.StopSignal); !ok {
			return invalid("invalid signal: %s", c.StopSignal)
		}
	}
	if c.StopTimeout != nil && *c.StopTimeout < -1 {
		return invalid("invalid stop timeout: %d", *c.StopTimeout)
	}
	return mergeHealth(c, base.Healthcheck)
}

// checkHost refuses a HostConfig that can't be granted, completes it with the defaults that dockerd shows, and returns
// warnings of what has no effect here.
func checkHost(c *types.Config, h *types.HostConfig) (warnings []string, err error) {
	if err := types.ValidateRestartPolicy(h.RestartPolicy); err != nil {
		return nil, err
	}
	if h.AutoRemove && !h.RestartPolicy.IsNone() {
		return nil, invalid("can't create 'AutoRemove' container with restart policy")
	}
	if err := checkResources(&h.Resources); err != nil {
		return nil, err
	}
	if err := checkSupported(c, h); err != nil {
		return nil, err
	}
	completeHost(h)
	return hostWarnings(h), nil
}

// checkSupported refuses what there isn't, by its name.
func checkSupported(c *types.Config, h *types.HostConfig) error {
	unsupported := func(format string, args ...any) error {
		return errdefs.ErrNotImplemented.WithMessage(fmt.Sprintf(format, args...))
	}
	switch {
	case len(h.PortBindings) > 0, h.PublishAllPorts && len(c.ExposedPorts) > 0:
		return unsupported("publishing ports is not supported yet")
	case len(h.Links) > 0:
		return unsupported("links are not supported")
	case h.NetworkMode.IsContainer():
		return unsupported("joining another container's network is not supported yet")
	case h.PidMode != "":
		return unsupported("PID mode %q is not supported", h.PidMode)
	case h.UTSMode != "":
		return unsupported("UTS mode %q is not supported", h.UTSMode)
	case !h.IpcMode.Valid():
		return invalid("invalid IPC mode: %s", h.IpcMode)
	case h.IpcMode.IsHost(), h.IpcMode.IsContainer():
		return unsupported("IPC mode %q is not supported", h.IpcMode)
	case len(h.Sysctls) > 0:
		return unsupported("sysctls are not supported")
	case len(h.DeviceRequests) > 0:
		return invalid("could not select device driver %q with capabilities: %v", h.DeviceRequests[0].Driver, h.DeviceRequests[0].Capabilities)
	case len(h.Devices) > 0, len(h.DeviceCgroupRules) > 0:
		return unsupported("devices of the host are not supported")
	case h.Umask != nil:
		return unsupported("setting the umask of a container is not supported")
	case h.Isolation != "" && !h.Isolation.IsDefault():
		return invalid("invalid isolation '%s' on linux", h.Isolation)
	case h.ShmSize < 0:
		return invalid("SHM size can not be less than 0")
	}
	switch h.Runtime {
	case "", RuntimeName, "runc", "io.containerd.runc.v2":
		return nil
	}
	return invalid("unknown or invalid runtime name: %s", h.Runtime)
}

// completeHost fills in dockerd's defaults.
func completeHost(h *types.HostConfig) {
	h.Runtime = RuntimeName
	if h.RestartPolicy.Name == "" {
		h.RestartPolicy.Name = types.RestartPolicyDisabled
	}
	if h.NetworkMode == "" || h.NetworkMode.IsDefault() {
		h.NetworkMode = network.NetworkBridge
	}
	if h.IpcMode == "" {
		h.IpcMode = types.IPCModePrivate
	}
	if h.CgroupnsMode == "" {
		h.CgroupnsMode = types.CgroupnsModePrivate
	}
	if h.ShmSize == 0 {
		h.ShmSize = defaultShmSize
	}
}

// hostWarnings tells what was asked for and has no effect; never nil.
func hostWarnings(h *types.HostConfig) []string {
	warnings := []string{}
	for _, w := range []struct {
		asked bool
		text  string
	}{
		{h.Privileged, "Privileged mode has no effect: programs run in a WebAssembly sandbox and get no privileges on the host."},
		{len(h.CapAdd) > 0, "Added capabilities have no effect in a WebAssembly sandbox."},
		{len(h.CapDrop) > 0, "Dropped capabilities have no effect inside the sandbox yet. On the host, programs have none."},
		{len(h.SecurityOpt) > 0, "Security options have no effect: programs run in a WebAssembly sandbox."},
		{h.Init != nil && *h.Init, "An init process is not supported yet: the container's program is process 1."},
		{h.CgroupParent != "", "A cgroup parent has no effect: there are no cgroups."},
		{h.OomScoreAdj != 0, "OOM score adjustment has no effect: the program that passes the memory limit is ended."},
	} {
		if w.asked {
			warnings = append(warnings, w.text)
		}
	}
	return append(warnings, limitWarnings(&h.Resources)...)
}

// limitWarnings tells the limits that are not kept.
func limitWarnings(r *types.Resources) (warnings []string) {
	if r.NanoCPUs != 0 || r.CPUShares != 0 || r.CPUQuota != 0 || r.CPUPeriod != 0 || r.CpusetCpus != "" || r.CPURealtimeRuntime != 0 {
		warnings = append(warnings, "CPU limits are not supported yet. Limitation discarded.")
	}
	if r.BlkioWeight != 0 || len(r.BlkioDeviceReadBps)+len(r.BlkioDeviceWriteBps)+len(r.BlkioDeviceReadIOps)+len(r.BlkioDeviceWriteIOps)+len(r.BlkioWeightDevice) > 0 {
		warnings = append(warnings, "Block I/O limits are not supported. Limitation discarded.")
	}
	if r.MemoryReservation != 0 || r.MemorySwap > 0 && r.MemorySwap != r.Memory {
		warnings = append(warnings, "Memory reservation and swap are not supported. Limitation discarded.")
	}
	return warnings
}

const (
	// RuntimeName is the name of the one OCI runtime, as HostConfig.Runtime shows it.
	RuntimeName = "sockerless"

	defaultShmSize = 64 << 20
	minMemory      = 6 << 20
)

// checkResources refuses limits as dockerd does, and completes them.
func checkResources(r *types.Resources) error {
	switch {
	case r.Memory != 0 && r.Memory < minMemory:
		return invalid("Minimum memory limit allowed is 6MB")
	case r.Memory > 0 && r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
	case r.Memory == 0 && r.MemorySwap > 0:
		return invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.Memory > 0 && r.MemoryReservation > 0 && r.Memory < r.MemoryReservation:
		return invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
	case r.NanoCPUs < 0:
		return invalid("NanoCPUs cannot be negative")
	}
	if r.Memory > 0 && r.MemorySwap == 0 {
		r.MemorySwap = 2 * r.Memory
	}
	for _, u := range r.Ulimits {
		if _, ok := rlimitNumbers[u.Name]; !ok {
			return invalid("invalid ulimit type: %s", u.Name)
		}
	}
	return nil
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
