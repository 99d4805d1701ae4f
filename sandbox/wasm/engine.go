package wasm

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sockerless/sockerless/sandbox/wasm/internal/rewrite"
)

const pageSize = 1 << 16 // of linear memory, bytes

// Config sets up an Engine; the zero value is usable.
type Config struct {
	// CacheDir keeps compiled code between processes; none when empty. Machine
	// code is loaded from it: only the daemon's user may write there.
	CacheDir string
	// CacheBytes bounds what is kept there; 0 is 512 MiB. What has not been used
	// for 30 days and what other versions of wazero have left is dropped anyway.
	CacheBytes int64
	// Slice is the length of a slice of guest execution in units of about one
	// wasm instruction; 0 is DefaultSlice.
	Slice int
	// InitGuest runs _initialize of reactors, once a module, on behalf of all
	// later runs. Host functions see it in GuestOf and know it by identity: it
	// should have no files but null ones, no arguments and no environment. Its
	// Checkpoint and Reserve are called like any guest's. nil: a guest that
	// allows everything.
	InitGuest Guest
	// Modules bounds the compiled modules kept; 0 is 64. One more drops the
	// least recently loaded; who still holds it can go on running it.
	Modules int
	// IdleInstances bounds the instances kept ready over all modules; 0 is
	// 128, negative none. IdleBytes bounds the memory they keep from the host
	// (their own, not the templates'); 0 is 64 MiB.
	IdleInstances int
	IdleBytes     int64
}

// DefaultSlice is 0.1 to 0.3 ms of execution for usual programs, and less than
// 20 times that for one that is written to outwit the count.
const DefaultSlice = 1_000_000

// Engine compiles and runs modules. Its methods may be called concurrently.
type Engine struct {
	cfg   Config
	rt    wazero.Runtime
	cache wazero.CompilationCache
	disk  *diskCache // nil without CacheDir

	mu      sync.Mutex
	modules map[digest]*loading // guarded by mu
	files   map[any]*loading    // by LoadFile's keys; guarded by mu
	recent  list.List           // of *loading that are done, most recent first; guarded by mu
	pool    pool
}

type digest = [sha256.Size]byte

// ModuleError tells why bytes cannot be run as a program: they are malformed,
// use what is not supported, import what is not offered or fail to initialise.
type ModuleError struct{ Err error }

func (e *ModuleError) Error() string { return "wasm module: " + e.Err.Error() }
func (e *ModuleError) Unwrap() error { return e.Err }

// New makes an engine with one wazero runtime: its compiler on amd64 and arm64,
// its interpreter elsewhere.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	if cfg.Slice <= 0 {
		cfg.Slice = DefaultSlice
	}
	if cfg.Slice > 1<<30 {
		return nil, fmt.Errorf("wasm engine: slice of %d units (at most %d)", cfg.Slice, 1<<30)
	}
	if cfg.Modules <= 0 {
		cfg.Modules = 64
	}
	if cfg.IdleInstances == 0 {
		cfg.IdleInstances = 128
	}
	if cfg.IdleBytes <= 0 {
		cfg.IdleBytes = 64 << 20
	}
	if cfg.InitGuest == nil {
		cfg.InitGuest = &freeGuest{}
	}
	e := &Engine{cfg: cfg, modules: map[digest]*loading{}, files: map[any]*loading{}}
	e.pool.limit, e.pool.limitBytes = cfg.IdleInstances, cfg.IdleBytes

	// Context cancellation is off: it would leave to Go at every loop head.
	rc := wazero.NewRuntimeConfig().
		WithCloseOnContextDone(false).
		WithDebugInfoEnabled(false).
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesThreads |
			experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst)
	if cfg.CacheDir != "" {
		var err error
		if e.disk, e.cache, err = openCache(cfg.CacheDir, cfg.CacheBytes); err != nil {
			return nil, fmt.Errorf("wasm engine: open compilation cache: %w", err)
		}
		rc = rc.WithCompilationCache(e.cache)
	}
	e.rt = wazero.NewRuntimeWithConfig(ctx, rc)
	_, err := e.rt.NewHostModuleBuilder(rewrite.Reserved).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(e.checkpoint), nil, []api.ValueType{api.ValueTypeI32}).
		Export("checkpoint").
		Instantiate(ctx)
	if err != nil {
		e.rt.Close(ctx)
		return nil, fmt.Errorf("wasm engine: %w", err)
	}
	return e, nil
}

// checkpoint is what rewritten modules call when their slice is used up; it
// returns the length of the next.
func (e *Engine) checkpoint(ctx context.Context, stack []uint64) {
	rc := ctx.(*runContext)
	if rc.bound {
		if err := rc.Err(); err != nil {
			Abort(err)
		}
	}
	if !rc.chargeStack() {
		Abort(ErrMemoryLimit)
	}
	if err := rc.guest.Checkpoint(); err != nil {
		Abort(err)
	}
	stack[0] = uint64(e.cfg.Slice)
}

// Runtime is for registering host modules, before the first Load that needs
// them. Modules instantiated on it directly are not under the engine's control.
func (e *Engine) Runtime() wazero.Runtime { return e.rt }

// Close ends the engine. No Run may be under way.
func (e *Engine) Close(ctx context.Context) error {
	e.Trim()
	e.mu.Lock()
	clear(e.modules)
	clear(e.files)
	e.recent.Init()
	e.mu.Unlock()
	err := e.rt.Close(ctx)
	if e.cache != nil {
		err = errors.Join(err, e.cache.Close(ctx))
	}
	return err
}

// Trim frees the instances that are kept ready.
func (e *Engine) Trim() { e.pool.trim() }

// freeGuest is the guest of _initialize when the configuration names none.
type freeGuest struct{}

func (*freeGuest) Checkpoint() error  { runtime.Gosched(); return nil }
func (*freeGuest) Reserve(int64) bool { return true }
