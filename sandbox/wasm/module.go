package wasm

import (
	"context"
	"errors"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/sockerless/sockerless/sandbox/wasm/internal/rewrite"
)

// Module is a loaded program. It may be run by any number of goroutines at a
// time, and stays usable as long as it is referenced.
type Module struct {
	eng         *Engine
	info        rewrite.Result // without bytes
	res         *resources
	template    template
	entry       string // "_start" or "run"
	initialise  string // "_initialize" of a reactor, else empty
	initialised bool   // the template is the state after initialise
	retired     bool   // keeps no idle instances; guarded by pool.mu
}

// findEntry tells what a program's exports make of it: a command (initialise
// is empty) or a reactor.
func findEntry(exports map[string]rewrite.Signature) (entry, initialise string, err error) {
	void := func(name string) bool {
		f, ok := exports[name]
		return ok && f.Params == 0 && len(f.Results) == 0
	}
	run, isReactor := exports["run"]
	switch {
	case void("_start"):
		return "_start", "", nil
	case void("_initialize") && isReactor:
		if run.Params != 0 || !slices.Equal(run.Results, []byte{api.ValueTypeI32}) {
			return "", "", errors.New("run is not a function that returns an i32")
		}
		return "run", "_initialize", nil
	}
	return "", "", errors.New("neither _start nor _initialize and run are exported")
}

// prologue names what is called before the entry in the module's first state.
func (m *Module) prologue() []string {
	var names []string
	if m.info.HasStart {
		names = append(names, rewrite.StartExport)
	}
	if m.initialise != "" {
		names = append(names, m.initialise)
	}
	return names
}

// Run runs the program on the calling goroutine in a fresh state and returns
// its exit code, or the error that ended it: a *Trap, what Guest.Checkpoint or
// Abort gave, ErrMemoryLimit. ctx is the context of the host functions it
// calls; that it is done does not end the program, only g does.
func (m *Module) Run(ctx context.Context, g Guest) (exitCode uint32, err error) {
	inst := m.eng.pool.take(m)
	if inst == nil {
		if inst, err = m.instantiate(ctx); err != nil {
			return 0, err
		}
	}
	if !inst.attach(g) {
		m.eng.pool.put(inst)
		return 0, ErrMemoryLimit
	}
	exitCode, err = m.run(&runContext{Context: ctx, guest: g}, inst)
	inst.detach()
	if inst.reset() {
		m.eng.pool.put(inst)
	} else {
		inst.close()
	}
	return exitCode, err
}

func (m *Module) run(ctx *runContext, inst *instance) (uint32, error) {
	if !m.initialised {
		for _, name := range m.prologue() {
			if code, exited, err := inst.call(ctx, name); exited || err != nil {
				return code, err
			}
		}
	}
	code, _, err := inst.call(ctx, m.entry)
	return code, err
}
