package api

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sockerless/sockerless/daemon/container"
	imagestore "github.com/sockerless/sockerless/daemon/image"
)

// Backend is what stands behind the routes.
type Backend struct {
	System     System
	Containers *container.Manager
	Images     Images
	Volumes    Volumes
	Events     Events
}

// System tells of the daemon as a whole.
type System interface {
	Version() string
	VersionInfo(ctx context.Context) (system.VersionResponse, error)
	Info(ctx context.Context) (*system.Info, error)
}

// Images is the image store (daemon/image).
type Images interface {
	Get(ref string) (*imagestore.Image, error)
	List(ctx context.Context, opts imagestore.ListOptions) ([]image.Summary, error)
	HistoryOf(ref string) ([]image.HistoryResponseItem, error)
	Tag(source, repo, tag string) error
	Remove(ctx context.Context, ref string, opts imagestore.RemoveOptions) ([]image.DeleteResponse, error)
	Pull(ctx context.Context, ref string, platform *ocispec.Platform, auth registry.AuthConfig, progress func(jsonstream.Message)) error
}

// Volumes is the volume service (daemon/volume).
type Volumes interface {
	Create(ctx context.Context, req volume.CreateRequest) (*volume.Volume, error)
	Get(ctx context.Context, name string) (*volume.Volume, error)
	List(ctx context.Context, filters map[string][]string) (volume.ListResponse, error)
	Remove(ctx context.Context, name string, force bool) error
	Prune(ctx context.Context, filters map[string][]string) (volume.PruneReport, error)
}

// Events is the event bus (daemon/events). Subscribe gives past events from since on, and new ones until until or the
// end of ctx; zero times mean no past, and no end.
type Events interface {
	Subscribe(ctx context.Context, since, until time.Time, filters map[string][]string) (<-chan events.Message, error)
}
