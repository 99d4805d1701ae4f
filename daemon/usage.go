package daemon

import (
	"context"
	"slices"

	"github.com/moby/moby/api/types/build"
	containertypes "github.com/moby/moby/api/types/container"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
	"github.com/opencontainers/go-digest"

	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/daemon/image"
)

// Login asks a registry whether it takes credentials.
func (d *Daemon) Login(ctx context.Context, auth registry.AuthConfig) error {
	return d.images.Login(ctx, auth)
}

// DiskUsage is the answer to GET /system/df: what the objects of the given kinds take.
func (d *Daemon) DiskUsage(ctx context.Context, of ...system.DiskUsageObject) (*system.DiskUsage, error) {
	du := &system.DiskUsage{}
	var err error
	for _, kind := range of {
		switch kind {
		case system.ContainerObject:
			du.ContainerUsage, err = d.containerUsage(ctx)
		case system.ImageObject:
			du.ImageUsage, err = d.imageUsage(ctx)
		case system.VolumeObject:
			du.VolumeUsage, err = d.volumeUsage(ctx)
		case system.BuildCacheObject:
			du.BuildCacheUsage = &build.DiskUsage{} // there is none
		}
		if err != nil {
			return nil, err
		}
	}
	return du, nil
}

// containerUsage counts the writable layers; those of containers that don't run can be reclaimed.
func (d *Daemon) containerUsage(ctx context.Context) (*containertypes.DiskUsage, error) {
	list, err := d.containers.List(ctx, container.ListOptions{All: true, Size: true})
	if err != nil {
		return nil, err
	}
	u := &containertypes.DiskUsage{TotalCount: int64(len(list)), Items: list}
	for _, c := range list {
		u.TotalSize += c.SizeRw
		switch c.State {
		case containertypes.StateRunning, containertypes.StatePaused, containertypes.StateRestarting:
			u.ActiveCount++
		default:
			u.Reclaimable += c.SizeRw
		}
	}
	return u, nil
}

// imageUsage counts each layer once, however many images have it. What an image has in common with others is its
// SharedSize; the rest of an image that no container has can be reclaimed.
func (d *Daemon) imageUsage(ctx context.Context) (*imagetypes.DiskUsage, error) {
	list, err := d.images.List(ctx, image.ListOptions{})
	if err != nil {
		return nil, err
	}
	containers, err := d.containers.List(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, err
	}
	layers := make([][]image.Layer, len(list))
	users := map[digest.Digest]int{}
	u := &imagetypes.DiskUsage{TotalCount: int64(len(list)), Items: list}
	for i := range list {
		img, ok := d.images.ByID(digest.Digest(list[i].ID))
		if !ok {
			continue // removed meanwhile
		}
		for _, l := range img.Layers {
			if slices.ContainsFunc(layers[i], func(other image.Layer) bool { return other.DiffID == l.DiffID }) {
				continue
			}
			layers[i] = append(layers[i], l)
			if users[l.DiffID]++; users[l.DiffID] == 1 {
				u.TotalSize += l.Size
			}
		}
	}
	for i := range list {
		img := &list[i]
		img.SharedSize, img.Containers = 0, 0
		for _, l := range layers[i] {
			if users[l.DiffID] > 1 {
				img.SharedSize += l.Size
			}
		}
		for _, c := range containers {
			if c.ImageID == img.ID {
				img.Containers++
			}
		}
		if img.Containers > 0 {
			u.ActiveCount++
		} else {
			u.Reclaimable += img.Size - img.SharedSize
		}
	}
	return u, nil
}

// volumeUsage counts the volumes' files; those of volumes that no container refers to can be reclaimed.
func (d *Daemon) volumeUsage(ctx context.Context) (*volume.DiskUsage, error) {
	list, err := d.volumes.DiskUsage(ctx)
	if err != nil {
		return nil, err
	}
	u := &volume.DiskUsage{TotalCount: int64(len(list)), Items: list}
	for _, v := range list {
		u.TotalSize += v.UsageData.Size
		if v.UsageData.RefCount > 0 {
			u.ActiveCount++
		} else {
			u.Reclaimable += v.UsageData.Size
		}
	}
	return u, nil
}
