package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/events"
)

// RemoveOptions are the parameters of DELETE /containers/{id}.
type RemoveOptions struct {
	Force   bool // kill it if it runs
	Volumes bool // remove its anonymous volumes, too
	Link    bool // remove a link instead: not supported
}

// Remove removes a container. One that runs is a conflict, unless forced.
func (m *Manager) Remove(ctx context.Context, ref string, opts RemoveOptions) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	if opts.Link {
		return conflict("Conflict, cannot remove the default link name of the container")
	}
	return m.remove(ctx, c, ref, opts)
}

// remove is Remove; ref is what errors call the container.
func (m *Manager) remove(ctx context.Context, c *container, ref string, opts RemoveOptions) error {
	if err := m.beginRemoval(c, ref, opts.Force); err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	if err := m.discard(c, opts.Volumes); err != nil {
		c.mu.Lock()
		c.state.Removing = false
		m.saveLogged(c)
		c.mu.Unlock()
		return fmt.Errorf("cannot remove container %q: %w", ref, err)
	}
	if err := m.images.Collect(ctx); err != nil {
		m.log.Warn("removed images not deleted", "error", err)
	}
	return nil
}

// beginRemoval marks a container that is not running, and kills it before if force is set.
func (m *Manager) beginRemoval(c *container, name string, force bool) error {
	for {
		c.op.Lock()
		c.mu.Lock()
		s := &c.state
		status := s.status()
		running := s.Running
		busy, gone := s.Removing, c.gone
		if !busy && !running && !gone {
			s.Removing = true
			m.saveLogged(c) // a daemon that dies now leaves it to the next one
		}
		c.mu.Unlock()
		c.op.Unlock()
		switch {
		case gone:
			return noSuchContainer(c.id)
		case busy:
			return conflict("removal of container %s is already in progress", c.id)
		case !running:
			return nil
		case !force && status == "paused":
			return conflict("cannot remove container %q: container is paused and must be unpaused first", name)
		case !force:
			return conflict("cannot remove container %q: container is %s: stop the container before removing or force remove", name, status)
		}
		if err := m.kill(c); err != nil && !errors.Is(err, errNotRunning) {
			return fmt.Errorf("cannot remove container %q: could not kill: %w", name, err)
		}
	}
}

// discard deletes everything of a container that is marked as Removing; c.op is held.
func (m *Manager) discard(c *container, volumes bool) error {
	if c.log != nil {
		if err := c.log.Remove(); err != nil {
			return err
		}
	}
	if err := m.runtime.Remove(m.upper(c.id)); err != nil {
		return err
	}
	if err := os.RemoveAll(m.dir(c.id)); err != nil {
		return err
	}
	// From here on the container is gone, whatever happens.
	if err := m.defs.Delete(c.id); err != nil {
		return err
	}
	if err := m.states.Delete(c.id); err != nil {
		m.log.Error("state of a removed container not deleted", "container", c.id, "error", err)
	}
	def, _ := c.snapshot()
	m.mu.Lock()
	delete(m.byID, c.id)
	delete(m.names, def.Name)
	m.mu.Unlock()
	m.dropMounts(c, volumes)
	m.dropExecs(c)
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	m.emit(c, events.ActionDestroy)
	c.mu.Lock()
	c.notify(untilRemoved)
	c.mu.Unlock()
	c.streams.end()
	return nil
}

// autoRemove removes a container that was run with --rm.
func (m *Manager) autoRemove(c *container) {
	err := m.remove(m.ctx, c, c.name(), RemoveOptions{Force: true, Volumes: true})
	if err != nil && !isGone(err) {
		m.log.Error("container not removed", "container", c.id, "error", err)
	}
}

// Rename gives a container another name.
func (m *Manager) Rename(_ context.Context, ref, name string) error {
	name = strings.TrimPrefix(name, "/")
	if name == "" {
		return invalid("Neither old nor new names may be empty")
	}
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	old := c.name()
	if old == name {
		return invalid("Renaming a container with the same name as its current name")
	}
	if _, err := m.reserveName(c, "/"+name); err != nil {
		return fmt.Errorf("Error when allocating new name: %w", err)
	}
	c.mu.Lock()
	def := c.def
	def.Name = name
	if err = m.defs.Put(c.id, &def); err == nil {
		c.def = def
	}
	c.mu.Unlock()
	if err != nil {
		m.releaseName(name)
		return err
	}
	m.releaseName(old)
	m.emit(c, events.ActionRename, "oldName", "/"+old)
	return nil
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](set map[string]V) []string { return slices.Sorted(maps.Keys(set)) }
