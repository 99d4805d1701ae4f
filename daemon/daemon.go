// Package daemon is the Docker Engine: it puts state, images, volumes, containers, their sandbox and the API together.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	eventtypes "github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/daemon/api"
	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/daemon/events"
	"github.com/sockerless/sockerless/daemon/image"
	"github.com/sockerless/sockerless/daemon/network"
	"github.com/sockerless/sockerless/daemon/store"
	"github.com/sockerless/sockerless/daemon/synthetic"
	"github.com/sockerless/sockerless/daemon/volume"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/userland"
)

// Config is what a daemon is told.
type Config struct {
	DataRoot      string // images, containers, volumes: what outlives the daemon
	ExecRoot      string // what does not
	CacheDir      string // compiled programs, which daemons may share; "" keeps them in the data root
	Synthetic     bool   // run no programs
	ImageFallback image.Fallback
	Debug         bool
	LogConfig     containertypes.LogConfig // of containers that name no log driver; the zero value is json-file
	Log           *slog.Logger
}

// Daemon is a running engine.
type Daemon struct {
	cfg     Config
	log     *slog.Logger
	id      string
	started time.Time

	state      *store.Store
	images     *image.Store
	volumes    *volume.Service
	events     *events.Bus
	containers *container.Manager
	runtime    *sandbox.Runtime // nil in synthetic mode
	api        *api.Server
	debug      atomic.Bool
	cancel     context.CancelFunc
}

// New opens the data root and brings the containers back that were there. The API is ready; the caller listens.
func New(ctx context.Context, cfg Config) (_ *Daemon, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &Daemon{cfg: cfg, log: cfg.Log, started: time.Now(), cancel: cancel}
	d.debug.Store(cfg.Debug)
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if err := makeRoot(cfg.DataRoot); err != nil {
		return nil, err
	}
	if d.state, err = store.Open(cfg.DataRoot); err != nil {
		return nil, fmt.Errorf("opening the data root %s: %w", cfg.DataRoot, err)
	}
	if d.id, err = d.identity(); err != nil {
		return nil, err
	}
	d.events = &events.Bus{}
	if d.images, err = image.Open(filepath.Join(cfg.DataRoot, "image"), d.state, d.log, image.Options{
		Fallback: cfg.ImageFallback, Emit: d.emit(eventtypes.ImageEventType),
	}); err != nil {
		return nil, fmt.Errorf("opening the image store: %w", err)
	}
	busybox, err := userland.Busybox()
	if err != nil {
		return nil, err
	}
	if _, err := d.images.Seed(ctx, busybox, userland.Applets()); err != nil {
		return nil, fmt.Errorf("seeding the embedded image: %w", err)
	}
	rt, err := d.openRuntime(ctx, busybox)
	if err != nil {
		return nil, err
	}
	if d.volumes, err = volume.Open(filepath.Join(cfg.DataRoot, "volumes"), d.state, d.log, volume.Emit(d.emit(eventtypes.VolumeEventType))); err != nil {
		return nil, fmt.Errorf("opening the volumes: %w", err)
	}
	if d.containers, err = container.New(container.Deps{
		Root: cfg.DataRoot, Store: d.state, Images: d.images, Volumes: d.volumes, Events: d.events, Runtime: rt, Log: d.log,
		LogDefaults: cfg.LogConfig,
		Bridge:      network.NewBridge(),
	}); err != nil {
		return nil, fmt.Errorf("opening the containers: %w", err)
	}
	d.images.SetUsers(d.containers)
	if err := d.containers.Restore(ctx); err != nil {
		return nil, fmt.Errorf("restoring the containers: %w", err)
	}
	d.api = api.New(ctx, api.Backend{
		System: d, Containers: d.containers, Images: d.images, Volumes: d.volumes, Events: d.events,
	}, d.log)
	return d, nil
}

func makeRoot(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("making the data root: %w; choose a directory that you can write with --data-root", err)
		}
		return fmt.Errorf("making the data root: %w", err)
	}
	return nil
}

// emit publishes events of one type.
func (d *Daemon) emit(kind eventtypes.Type) func(eventtypes.Action, string, map[string]string) {
	return func(action eventtypes.Action, id string, attributes map[string]string) {
		d.events.Publish(kind, action, id, attributes)
	}
}

// openRuntime starts what runs containers.
func (d *Daemon) openRuntime(ctx context.Context, busybox []byte) (container.Runtime, error) {
	if d.cfg.Synthetic {
		d.log.Warn("synthetic mode: containers run nothing and exit 0 at once")
		return synthetic.Runtime{}, nil
	}
	cache := d.cfg.CacheDir
	if cache == "" {
		cache = cacheDir(d.cfg.DataRoot)
	}
	rt, err := sandbox.NewRuntime(ctx, sandbox.RuntimeConfig{CacheDir: cache, Log: d.log})
	if err != nil {
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	d.runtime = rt
	go func() { // the first container finds it done
		if err := rt.Warm(ctx, busybox); err != nil && ctx.Err() == nil {
			d.log.Error("compiling the userland", "error", err)
		}
		debug.FreeOSMemory() // compiling takes memory that nothing needs afterwards
	}()
	return sandboxRuntime{rt}, nil
}

// cacheDir is where the compiled programs of a data root are.
func cacheDir(root string) string { return filepath.Join(root, "compiled") }

// Warm compiles the userland into a data root, which a daemon may use at the same time.
func Warm(ctx context.Context, root string, log *slog.Logger) error {
	busybox, err := userland.Busybox()
	if err != nil {
		return err
	}
	if err := makeRoot(root); err != nil {
		return err
	}
	rt, err := sandbox.NewRuntime(ctx, sandbox.RuntimeConfig{CacheDir: cacheDir(root), Log: log})
	if err != nil {
		return err
	}
	return errors.Join(rt.Warm(ctx, busybox), rt.Close())
}

// HTTPServer makes a server of the Engine API. It speaks HTTP/1 and, as dockerd, HTTP/2 without TLS to who begins with
// it.
func (d *Daemon) HTTPServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: d.api, Protocols: protocols, ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
}

// Healthy reports whether the daemon can still answer.
func (d *Daemon) Healthy(ctx context.Context) error {
	_, err := d.containers.List(ctx, container.ListOptions{Limit: 1})
	return err
}

// Reload takes over what of a new configuration can change while containers run: the image fallback and debug mode.
func (d *Daemon) Reload(cfg Config) {
	d.images.SetFallback(cfg.ImageFallback)
	d.debug.Store(cfg.Debug)
	d.emit(eventtypes.DaemonEventType)(eventtypes.ActionReload, d.id, map[string]string{"name": hostname(), "debug": strconv.FormatBool(cfg.Debug)})
}

// Summary is what a look at the daemon from outside tells.
type Summary struct{ Containers, Running, Images int }

// Summary counts; containers that are paused or wait to be restarted are running.
func (d *Daemon) Summary(ctx context.Context) (Summary, error) {
	images, err := d.images.List(ctx, image.ListOptions{})
	n := d.containers.Count()
	return Summary{Containers: n.Total, Running: n.Running + n.Paused, Images: len(images)}, err
}

// Watch has changed called after events; it must not block.
func (d *Daemon) Watch(changed func()) { d.events.OnPublish(changed) }

// Shutdown ends the running containers, in the time that ctx gives them, and the streams of the API.
func (d *Daemon) Shutdown(ctx context.Context) {
	timeout := time.Duration(0)
	if end, ok := ctx.Deadline(); ok {
		timeout = time.Until(end)
	}
	if err := d.containers.Shutdown(ctx, timeout); err != nil {
		d.log.Error("stopping the containers", "error", err)
	}
	d.cancel()
}

// Close gives everything back; the data root is whole then.
func (d *Daemon) Close() error {
	d.cancel()
	var errs []error
	if d.containers != nil {
		errs = append(errs, d.containers.Shutdown(context.Background(), 0))
	}
	if d.runtime != nil {
		errs = append(errs, d.runtime.Close())
	}
	if d.state != nil {
		errs = append(errs, d.state.Close())
	}
	return errors.Join(errs...)
}
