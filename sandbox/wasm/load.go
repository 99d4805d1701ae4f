package wasm

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sockerless/sockerless/sandbox/wasm/internal/rewrite"
)

// loading is a module being loaded or loaded.
type loading struct {
	key     digest
	done    chan struct{}
	module  *Module // after done
	err     error   // after done
	waiters int     // guarded by Engine.mu
	cancel  context.CancelFunc
	files   []any         // keys in Engine.files; guarded by Engine.mu
	place   *list.Element // in Engine.recent once loaded; guarded by Engine.mu
}

// Load rewrites and compiles a module and makes its template, once for the same
// bytes: callers at the same time share the work, later ones the result. The
// work goes on until the last caller's context is done. A *ModuleError means
// that the bytes are at fault. wasm must not be changed any more.
func (e *Engine) Load(ctx context.Context, wasm []byte) (*Module, error) {
	l, err := e.share(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return l.module, nil
}

// LoadFile is Load for bytes that are costly to read and to digest: read is
// called only when nothing is loaded for key, a comparable value that stands
// for the same bytes as long as the engine lives (a layer's digest and a path;
// device, inode, size and times of a file).
func (e *Engine) LoadFile(ctx context.Context, key any, read func() ([]byte, error)) (*Module, error) {
	e.mu.Lock()
	l := e.files[key]
	if l != nil {
		e.recent.MoveToFront(l.place)
	}
	e.mu.Unlock()
	if l != nil {
		return l.module, nil
	}
	wasm, err := read()
	if err != nil {
		return nil, err
	}
	if l, err = e.share(ctx, wasm); err != nil {
		return nil, err
	}
	e.mu.Lock()
	if l.place != nil { // not evicted since
		if e.files[key] == nil {
			l.files = append(l.files, key)
		}
		e.files[key] = l
	}
	e.mu.Unlock()
	return l.module, nil
}

// share waits for the module of wasm to be loaded, by whom ever.
func (e *Engine) share(ctx context.Context, wasm []byte) (*loading, error) {
	key := sha256.Sum256(wasm)
	e.mu.Lock()
	l := e.modules[key]
	if l == nil {
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		l = &loading{key: key, done: make(chan struct{}), cancel: cancel}
		e.modules[key] = l
		go e.load(work, l, wasm)
	}
	l.waiters++
	if l.place != nil {
		e.recent.MoveToFront(l.place)
	}
	e.mu.Unlock()

	select {
	case <-l.done:
		return l, l.err
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.waiters--; l.waiters == 0 && l.place == nil {
		l.cancel()
		if e.modules[key] == l {
			delete(e.modules, key)
		}
	}
	return nil, ctx.Err()
}

func (e *Engine) load(ctx context.Context, l *loading, wasm []byte) {
	defer l.cancel()
	m, err := e.build(ctx, wasm)
	e.mu.Lock()
	l.module, l.err = m, err
	switch {
	case e.modules[l.key] != l: // given up
	case err != nil:
		delete(e.modules, l.key)
	default:
		l.place = e.recent.PushFront(l)
	}
	var evicted []*Module
	for e.recent.Len() > e.cfg.Modules {
		old := e.recent.Remove(e.recent.Back()).(*loading)
		old.place = nil
		delete(e.modules, old.key)
		for _, key := range old.files {
			delete(e.files, key)
		}
		evicted = append(evicted, old.module)
	}
	e.mu.Unlock()
	for _, old := range evicted {
		e.pool.retire(old)
	}
	close(l.done)
}

// maxModule bounds the bytes of a module: a compilation, at some 5 MB a second,
// cannot be cancelled.
const maxModule = 256 << 20

// build makes a module from bytes.
func (e *Engine) build(ctx context.Context, wasm []byte) (_ *Module, err error) {
	if len(wasm) > maxModule {
		return nil, &ModuleError{fmt.Errorf("%d bytes (at most %d)", len(wasm), maxModule)}
	}
	res, err := rewrite.Rewrite(wasm)
	if err != nil {
		return nil, &ModuleError{err}
	}
	m := &Module{eng: e, info: *res}
	m.info.Wasm, m.info.Data, m.info.Exports = nil, nil, nil // they keep wasm
	if m.entry, m.initialise, err = findEntry(res.Exports); err != nil {
		return nil, &ModuleError{err}
	}
	compiled, err := e.compile(ctx, res.Wasm)
	if err != nil {
		return nil, err
	}
	m.res = &resources{compiled: compiled}
	defer func() {
		if err != nil {
			m.res.close()
		}
	}()
	if m.template.image, err = initialImage(res); err != nil {
		return nil, err
	}
	m.res.image = m.template.image
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	// The compiled code and the image live as long as somebody can run them.
	runtime.AddCleanup(m, (*resources).close, m.res)
	return m, nil
}

// compile compiles rewritten bytes, or takes the result from the cache.
func (e *Engine) compile(ctx context.Context, wasm []byte) (wazero.CompiledModule, error) {
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if e.disk != nil {
		defer func() { _ = e.disk.trim(time.Now()) }() // what cannot be removed now is tried the next time
	}
	compiled, err := e.tryCompile(ctx, wasm)
	if err != nil && e.disk != nil && strings.Contains(err.Error(), "compilationcache:") {
		// A damaged file. Which one is not told; what is dropped is made anew.
		if err := e.disk.purge(); err != nil {
			return nil, fmt.Errorf("purge damaged compilation cache: %w", err)
		}
		compiled, err = e.tryCompile(ctx, wasm)
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return nil, fmt.Errorf("compilation cache: %w", err) // not the module's fault
	}
	if err != nil {
		return nil, &ModuleError{err}
	}
	return compiled, nil
}

// tryCompile turns a panic in the compiler into an error: it is to end the
// load, not the process.
func (e *Engine) tryCompile(ctx context.Context, wasm []byte) (_ wazero.CompiledModule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compiler panicked: %v", r)
		}
	}()
	return e.rt.CompileModule(ctx, wasm)
}

// resources of a module that are not memory of Go's.
type resources struct {
	compiled wazero.CompiledModule
	image    *image
}

func (r *resources) close() {
	_ = r.compiled.Close(context.Background())
	r.image.close()
}

// prepare proves that the module can be instantiated, leaves a first instance
// ready, and turns a reactor's state after _initialize into the template.
func (m *Module) prepare(ctx context.Context) error {
	inst, err := m.instantiate(ctx)
	if err != nil {
		return err
	}
	m.template.globals = inst.globalValues()
	if m.initialise == "" || !m.info.Resettable {
		m.eng.pool.put(inst)
		return nil
	}
	defer inst.close()
	g := m.eng.cfg.InitGuest
	if !inst.attach(g) {
		return &ModuleError{fmt.Errorf("%s: %w", m.initialise, ErrMemoryLimit)}
	}
	defer inst.detach()
	rc := &runContext{Context: ctx, guest: g, bound: true}
	for _, name := range m.prologue() {
		code, exited, err := inst.call(rc, name)
		if err == nil && exited {
			err = fmt.Errorf("exit code %d", code)
		}
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return err
			}
			return &ModuleError{fmt.Errorf("%s: %w", name, err)}
		}
	}
	return m.snapshot(inst)
}

// snapshot makes the state of an instance the template.
func (m *Module) snapshot(inst *instance) error {
	if inst.mem != nil {
		mem, ok := inst.mod.Memory().Read(0, inst.mod.Memory().Size())
		if !ok {
			return fmt.Errorf("wasm template: memory cannot be read")
		}
		img, err := newImage(uint64(len(mem)), nonzero(mem))
		if err != nil {
			return fmt.Errorf("wasm template: %w", err)
		}
		m.template.image.close()
		m.template.image, m.res.image = img, img
	}
	m.template.globals = inst.globalValues()
	m.initialised = true
	return nil
}
