package api

import (
	"context"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"

	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/daemon/events"
	imagestore "github.com/sockerless/sockerless/daemon/image"
)

// Backend is what stands behind the routes.
type Backend struct {
	System     System
	Containers *container.Manager
	Images     Images
	Volumes    Volumes
	Events     *events.Bus
}

// System tells of the daemon as a whole.
type System interface {
	Version() string
	VersionInfo(ctx context.Context) (system.VersionResponse, error)
	Info(ctx context.Context) (*system.Info, error)
	DiskUsage(ctx context.Context, of ...system.DiskUsageObject) (*system.DiskUsage, error)
	Login(ctx context.Context, auth registry.AuthConfig) error
}

// Images is the image store (daemon/image).
type Images interface {
	Get(ref string) (*imagestore.Image, error)
	List(ctx context.Context, opts imagestore.ListOptions) ([]image.Summary, error)
	HistoryOf(ref string) ([]image.HistoryResponseItem, error)
	Tag(source, repo, tag string) error
	Remove(ctx context.Context, ref string, opts imagestore.RemoveOptions) ([]image.DeleteResponse, error)
	Pull(ctx context.Context, ref, platform string, auth registry.AuthConfig, progress imagestore.Progress) error
}

// Volumes is the volume service (daemon/volume).
type Volumes interface {
	Create(ctx context.Context, req volume.CreateRequest) (volume.Volume, error)
	Get(ctx context.Context, name string) (volume.Volume, error)
	List(ctx context.Context, filters map[string][]string) ([]volume.Volume, error)
	Remove(ctx context.Context, name string, force bool) error
	Prune(ctx context.Context, filters map[string][]string) (*volume.PruneReport, error)
}
