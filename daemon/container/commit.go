package container

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sockerless/sockerless/daemon/dockerfile"
	"github.com/sockerless/sockerless/daemon/image"
)

// CommitOptions are the parameters of POST /commit.
type CommitOptions struct {
	Name            reference.Named // of the image; nil for none
	Author, Comment string
	NoPause         bool          // programs run on meanwhile
	Config          *types.Config // instead of the container's, which fills in what is missing; nil for that
	Changes         []string      // Dockerfile instructions, applied to the configuration
}

// Commit makes an image of a container's image and what differs from it, and returns its ID.
func (m *Manager) Commit(ctx context.Context, ref string, opts CommitOptions) (string, error) {
	c, err := m.get(ref)
	if err != nil {
		return "", err
	}
	def, st := c.snapshot()
	if st.Removing {
		return "", conflict("You cannot commit container %s which is being removed", c.id)
	}
	own := imageConfig(def.Config)
	config := own
	if opts.Config != nil {
		config = imageConfig(opts.Config)
	}
	if err := dockerfile.Apply(&config, opts.Changes); err != nil {
		return "", invalid("%v", err)
	}
	inherit(&config, &own)
	parent, ok := m.images.ByID(def.ImageID)
	if !ok {
		return "", notFound("No such image: %s", def.ImageID)
	}
	if !opts.NoPause && !st.Paused && m.Pause(ctx, c.id) == nil {
		defer m.Unpause(context.WithoutCancel(ctx), c.id) // it may have ended or been unpaused: nothing to tell
	}
	box, err := m.acquire(c)
	if err != nil {
		return "", err
	}
	defer m.release(c)
	id, err := m.images.Create(ctx, image.Description{
		Parent: parent, Config: config, Author: opts.Author, Comment: opts.Comment, Created: now(),
		CreatedBy: strings.Join(def.Config.Cmd, " "),
		Layer:     func(w io.Writer) error { return box.WriteLayer(ctx, w) },
	}, opts.Name)
	if err != nil {
		return "", fmt.Errorf("committing container %s: %w", ref, err)
	}
	name := ""
	if opts.Name != nil {
		name = reference.FamiliarString(opts.Name)
	}
	m.emit(c, events.ActionCommit, "comment", opts.Comment, "imageID", id.String(), "imageRef", name)
	return id.String(), nil
}

// imageConfig is the part of a container's configuration that an image has, too. It shares nothing with it.
func imageConfig(c *types.Config) dockerspec.DockerOCIImageConfig {
	var ports map[string]struct{}
	for p := range c.ExposedPorts {
		if ports == nil {
			ports = map[string]struct{}{}
		}
		ports[p.String()] = struct{}{}
	}
	out := dockerspec.DockerOCIImageConfig{
		ImageConfig: ocispec.ImageConfig{
			User: c.User, ExposedPorts: ports, Env: slices.Clone(c.Env), Entrypoint: slices.Clone(c.Entrypoint),
			Cmd: slices.Clone(c.Cmd), Volumes: maps.Clone(c.Volumes), WorkingDir: c.WorkingDir, Labels: maps.Clone(c.Labels),
			StopSignal: c.StopSignal,
		},
		DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{OnBuild: slices.Clone(c.OnBuild), Shell: slices.Clone(c.Shell)},
	}
	if h := c.Healthcheck; h != nil {
		out.Healthcheck = &dockerspec.HealthcheckConfig{
			Test: slices.Clone(h.Test), Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod,
			StartInterval: h.StartInterval, Retries: h.Retries,
		}
	}
	return out
}

// inherit fills in what a configuration leaves to another.
func inherit(c, from *dockerspec.DockerOCIImageConfig) {
	c.User = cmp.Or(c.User, from.User)
	c.WorkingDir = cmp.Or(c.WorkingDir, from.WorkingDir)
	c.StopSignal = cmp.Or(c.StopSignal, from.StopSignal)
	c.ExposedPorts = union(c.ExposedPorts, from.ExposedPorts)
	c.Volumes = union(c.Volumes, from.Volumes)
	if c.Labels = union(c.Labels, from.Labels); c.Labels == nil {
		c.Labels = map[string]string{}
	}
	for _, e := range from.Env {
		key, _, _ := strings.Cut(e, "=")
		if !slices.ContainsFunc(c.Env, func(own string) bool { k, _, _ := strings.Cut(own, "="); return k == key }) {
			c.Env = append(c.Env, e)
		}
	}
	if len(c.Entrypoint) == 0 {
		if len(c.Cmd) == 0 {
			c.Cmd = from.Cmd
		}
		if c.Entrypoint == nil {
			c.Entrypoint = from.Entrypoint
		}
	}
	switch h := from.Healthcheck; {
	case h == nil:
	case c.Healthcheck == nil:
		c.Healthcheck = h
	default:
		o := c.Healthcheck
		if len(o.Test) == 0 {
			o.Test = h.Test
		}
		o.Interval = cmp.Or(o.Interval, h.Interval)
		o.Timeout = cmp.Or(o.Timeout, h.Timeout)
		o.StartPeriod = cmp.Or(o.StartPeriod, h.StartPeriod)
		o.StartInterval = cmp.Or(o.StartInterval, h.StartInterval)
		o.Retries = cmp.Or(o.Retries, h.Retries)
	}
}

// union adds to a map what another has besides.
func union[V any](m, more map[string]V) map[string]V {
	for k, v := range more {
		if _, ok := m[k]; !ok {
			if m == nil {
				m = map[string]V{}
			}
			m[k] = v
		}
	}
	return m
}
