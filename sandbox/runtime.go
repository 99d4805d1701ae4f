package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
	"github.com/sockerless/sockerless/sandbox/shell"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
	"github.com/sockerless/sockerless/sandbox/vfs/overlay"
	"github.com/sockerless/sockerless/sandbox/vnet"
	"github.com/sockerless/sockerless/sandbox/wasi"
	"github.com/sockerless/sockerless/sandbox/wasm"
)

// RuntimeConfig says how programs are run.
type RuntimeConfig struct {
	// CacheDir keeps compiled programs, so that only the first start on a machine compiles them. "" keeps none.
	CacheDir string
	Log      *slog.Logger // nil discards
}

// Runtime is what all sandboxes share: the WebAssembly engine with the programs that it has compiled, open image layers
// and volumes.
type Runtime struct {
	engine  *wasm.Engine
	loaders []kernel.Loader
	layers  layer.Cache
	kernels kernel.Shared // fifos and locks on binds and volumes
	sched   *kernel.Scheduler
	names   vnet.Names // of sockets on binds and volumes
	log     *slog.Logger

	mu     sync.Mutex
	shared map[string]*sharedVolume // by host path
	memory map[string]*sharedTmpfs  // by name
}

// sharedTmpfs is a tmpfs that several sandboxes may have mounted.
type sharedTmpfs struct {
	fs    *vfs.Filesystem
	users int
}

// sharedVolume is a volume that sandboxes have mounted; all see the same owners.
type sharedVolume struct {
	owners *hostfs.Owners
	users  int
}

// NewRuntime starts the engine.
func NewRuntime(ctx context.Context, cfg RuntimeConfig) (*Runtime, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	engine, err := wasm.New(ctx, wasm.Config{CacheDir: cfg.CacheDir, InitGuest: guest.Init()})
	if err != nil {
		return nil, fmt.Errorf("starting the WebAssembly engine: %w", err)
	}
	if err := wasi.Instantiate(ctx, engine.Runtime()); err != nil {
		engine.Close(ctx)
		return nil, fmt.Errorf("registering WASI: %w", err)
	}
	if err := linux.Instantiate(ctx, engine.Runtime()); err != nil {
		engine.Close(ctx)
		return nil, fmt.Errorf("registering the Linux system calls: %w", err)
	}
	return &Runtime{
		engine:  engine,
		loaders: []kernel.Loader{guest.NewLoader(engine, log), shell.Loader()},
		sched:   kernel.NewScheduler(0),
		log:     log,
		shared:  make(map[string]*sharedVolume),
		memory:  make(map[string]*sharedTmpfs),
	}, nil
}

// Warm compiles a program, so that its first start in a sandbox finds it done.
func (rt *Runtime) Warm(ctx context.Context, program []byte) error {
	_, err := rt.engine.Load(ctx, program)
	return err
}

// Close gives the compiled programs back. The sandboxes have been closed.
func (rt *Runtime) Close() error { return rt.engine.Close(context.Background()) }

// Remove deletes a writable layer; nothing is there is no error.
func (rt *Runtime) Remove(upper string) error { return overlay.Remove(upper) }
