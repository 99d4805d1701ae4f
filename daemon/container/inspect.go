package container

import (
	"context"
	"fmt"
	"slices"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"
)

// Inspect describes a container; with size, what it takes on the disk, too.
func (m *Manager) Inspect(_ context.Context, ref string, size bool) (*types.InspectResponse, error) {
	c, err := m.get(ref)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	def, st := c.def, c.state
	execs := c.openExecs()
	health := c.healthState()
	c.mu.Unlock()

	program, args := command(def.Config)
	r := &types.InspectResponse{
		ID: c.id, Created: def.Created.Format(time.RFC3339Nano), Path: program, Args: args,
		State: &types.State{
			Status: st.status(), Running: st.Running, Paused: st.Paused, Restarting: st.Restarting,
			OOMKilled: st.OOMKilled, Pid: st.Pid, ExitCode: st.ExitCode, Error: st.Error,
			StartedAt: st.StartedAt.Format(time.RFC3339Nano), FinishedAt: st.FinishedAt.Format(time.RFC3339Nano),
			Health: health,
		},
		Image: def.ImageID.String(), Name: "/" + def.Name, RestartCount: st.RestartCount, Driver: m.driver,
		Platform: def.Platform, HostConfig: shownHost(def.HostConfig), Config: shownConfig(def.Config),
		GraphDriver: &storage.DriverData{Name: m.driver, Data: map[string]string{}},
		Mounts:      shownMounts(&def),
		NetworkSettings: &types.NetworkSettings{
			Ports: network.PortMap{}, Networks: endpoints(c.id, &def),
		},
	}
	if len(execs) > 0 {
		r.ExecIDs = execs
	}
	if def.HostConfig.LogConfig.Type == logJSONFile && !st.StartedAt.IsZero() {
		r.LogPath = m.logPath(c.id)
	}
	for port := range openPorts(&def, &st) {
		r.NetworkSettings.Ports[port] = nil
	}
	if size {
		rw, root, err := m.diskUsage(c)
		if err != nil {
			return nil, err
		}
		r.SizeRw, r.SizeRootFs = &rw, &root
	}
	return r, nil
}

// shownHost is the HostConfig as inspect shows it: dockerd's defaults, which mean nothing here, are filled in.
func shownHost(h *types.HostConfig) *types.HostConfig {
	shown := *h
	off := false
	if shown.OomKillDisable == nil {
		shown.OomKillDisable = &off
	}
	if shown.PortBindings == nil {
		shown.PortBindings = network.PortMap{}
	}
	shown.MaskedPaths = slices.Clone(h.MaskedPaths)
	shown.ReadonlyPaths = slices.Clone(h.ReadonlyPaths)
	return &shown
}

func shownConfig(c *types.Config) *types.Config {
	shown := *c
	shown.Labels = labelsOf(c)
	if shown.Env == nil {
		shown.Env = []string{}
	}
	return &shown
}

// endpoints are the container's networks by name. They have no addresses yet.
func endpoints(id string, def *definition) map[string]*network.EndpointSettings {
	list := make(map[string]*network.EndpointSettings, len(def.Networks))
	for _, name := range def.Networks {
		ep := &network.EndpointSettings{Aliases: slices.Clone(def.Aliases)}
		if !knownNetwork(name) {
			ep.DNSNames = append([]string{def.Name, shortID(id)}, def.Aliases...)
		}
		list[name] = ep
	}
	return list
}

// diskUsage returns the bytes of the container's writable layer, and with those of its image.
func (m *Manager) diskUsage(c *container) (rw, root int64, err error) {
	box, err := m.acquire(c)
	if err != nil {
		return 0, 0, err
	}
	defer m.release(c)
	rw, root = box.DiskUsage()
	return rw, root, nil
}

// statusText is the STATUS column of docker ps.
func (s *state) statusText(health *types.Health) string {
	switch {
	case s.Removing:
		return "Removal In Progress"
	case s.Restarting:
		return fmt.Sprintf("Restarting (%d) %s ago", s.ExitCode, since(s.FinishedAt))
	case s.Paused:
		return fmt.Sprintf("Up %s (Paused)", since(s.StartedAt))
	case s.Running && health != nil && health.Status != types.NoHealthcheck:
		text := string(health.Status)
		if health.Status == types.Starting {
			text = "health: starting"
		}
		return fmt.Sprintf("Up %s (%s)", since(s.StartedAt), text)
	case s.Running:
		return "Up " + since(s.StartedAt)
	case s.StartedAt.IsZero():
		return "Created"
	case s.FinishedAt.IsZero():
		return ""
	}
	return fmt.Sprintf("Exited (%d) %s ago", s.ExitCode, since(s.FinishedAt))
}
