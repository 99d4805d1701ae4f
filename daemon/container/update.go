package container

import (
	"context"
	"fmt"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
)

// Update changes the limits and the restart policy of a container, running or not. What is zero stays as it is.
func (m *Manager) Update(_ context.Context, ref string, u types.UpdateConfig) (types.UpdateResponse, error) {
	var r types.UpdateResponse
	if u.RestartPolicy.Name == "" && u.RestartPolicy.MaximumRetryCount != 0 {
		return r, invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
	}
	if err := types.ValidateRestartPolicy(u.RestartPolicy); err != nil {
		return r, err
	}
	if err := checkResources(&u.Resources, true); err != nil {
		return r, err
	}
	c, err := m.get(ref)
	if err != nil {
		return r, err
	}
	c.op.Lock()
	defer c.op.Unlock()
	c.mu.Lock()
	def, removing := c.def, c.state.Removing
	c.mu.Unlock()
	if removing {
		return r, conflict("Cannot update container %s: Container is marked for removal and cannot be \"update\".", c.id)
	}
	host := *def.HostConfig
	if err := updateResources(&host.Resources, &u.Resources); err != nil {
		return r, fmt.Errorf("Cannot update container %s: %w", c.id, err)
	}
	if u.RestartPolicy.Name != "" {
		if host.AutoRemove && !u.RestartPolicy.IsNone() {
			return r, fmt.Errorf("Cannot update container %s: %w", c.id,
				conflict("Restart policy cannot be updated because AutoRemove is enabled for the container"))
		}
		host.RestartPolicy = u.RestartPolicy
	}
	def.HostConfig = &host
	c.mu.Lock()
	if err = m.defs.Put(c.id, &def); err == nil {
		c.def = def
	}
	c.mu.Unlock()
	if err != nil {
		return r, err
	}
	if box := c.box.open(); box != nil {
		box.SetLimits(limitsOf(&host.Resources))
	}
	m.emit(c, events.ActionUpdate)
	r.Warnings = limitWarnings(&u.Resources)
	return r, nil
}

// updateResources changes limits to those of u that are set. The error is dockerd's, of kind errdefs.ErrConflict.
func updateResources(r, u *types.Resources) error {
	switch {
	case u.NanoCPUs > 0 && (r.CPUPeriod > 0 || r.CPUQuota > 0):
		return conflict("Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set")
	case (u.CPUPeriod > 0 || u.CPUQuota > 0) && r.NanoCPUs > 0:
		return conflict("Conflicting options: CPU Period/Quota cannot be updated as NanoCPUs has already been set")
	case u.Memory > 0 && u.MemorySwap == 0 && r.MemorySwap != -1 && u.Memory > r.MemorySwap:
		return conflict("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
	}
	set := func(to *int64, v int64) {
		if v != 0 {
			*to = v
		}
	}
	set(&r.Memory, u.Memory)
	set(&r.MemorySwap, u.MemorySwap)
	set(&r.MemoryReservation, u.MemoryReservation)
	set(&r.NanoCPUs, u.NanoCPUs)
	set(&r.CPUShares, u.CPUShares)
	set(&r.CPUPeriod, u.CPUPeriod)
	set(&r.CPUQuota, u.CPUQuota)
	set(&r.CPURealtimePeriod, u.CPURealtimePeriod)
	set(&r.CPURealtimeRuntime, u.CPURealtimeRuntime)
	if u.CpusetCpus != "" {
		r.CpusetCpus = u.CpusetCpus
	}
	if u.CpusetMems != "" {
		r.CpusetMems = u.CpusetMems
	}
	if u.PidsLimit != nil {
		limit := max(*u.PidsLimit, 0)
		r.PidsLimit = &limit
	}
	return nil
}
