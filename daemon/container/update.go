package container

import (
	"context"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
)

// Update changes the limits and the restart policy of a container, running or not. What is zero stays as it is.
func (m *Manager) Update(_ context.Context, ref string, u types.UpdateConfig) (types.UpdateResponse, error) {
	none := types.UpdateResponse{Warnings: []string{}}
	c, err := m.get(ref)
	if err != nil {
		return none, err
	}
	if err := types.ValidateRestartPolicy(u.RestartPolicy); err != nil {
		return none, err
	}
	c.op.Lock()
	defer c.op.Unlock()
	c.mu.Lock()
	def, removing := c.def, c.state.Removing
	c.mu.Unlock()
	if removing {
		return none, conflict("Container is marked for removal and cannot be \"update\".")
	}
	host := *def.HostConfig
	if u.Memory != 0 {
		if host.Memory != 0 && u.MemorySwap == 0 && host.MemorySwap > 0 && u.Memory > host.MemorySwap {
			return none, conflict("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
		}
		host.Memory = u.Memory
	}
	if u.MemorySwap != 0 {
		host.MemorySwap = u.MemorySwap
	}
	if u.MemoryReservation != 0 {
		host.MemoryReservation = u.MemoryReservation
	}
	if u.PidsLimit != nil {
		limit := *u.PidsLimit
		host.PidsLimit = &limit
	}
	none.Warnings = append(none.Warnings, limitWarnings(&u.Resources)...)
	if u.RestartPolicy.Name != "" {
		if host.AutoRemove && !u.RestartPolicy.IsNone() {
			return none, invalid("Restart policy cannot be updated because AutoRemove is enabled for the container")
		}
		host.RestartPolicy = u.RestartPolicy
	}
	if err := checkResources(&host.Resources); err != nil {
		return none, err
	}
	def.HostConfig = &host
	c.mu.Lock()
	if err = m.defs.Put(c.id, &def); err == nil {
		c.def = def
	}
	c.mu.Unlock()
	if err != nil {
		return none, err
	}
	if box := c.box.open(); box != nil {
		box.SetLimits(limitsOf(&host.Resources))
	}
	m.emit(c, events.ActionUpdate)
	return none, nil
}
