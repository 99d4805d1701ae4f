package wasm

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/sockerless/sockerless/sandbox/wasm/internal/rewrite"
)

// instance is an instantiated module, in the template's state or in a run.
type instance struct {
	module  *Module
	mod     api.Module
	mem     *memory // nil for a module without memory
	fuel    api.MutableGlobal
	globals []api.MutableGlobal
	guest   Guest // whom the instance is charged to, nil between runs
}

func (m *Module) instantiate(ctx context.Context) (_ *instance, err error) {
	inst := &instance{module: m}
	if m.template.image != nil {
		if inst.mem, err = newMemory(m.template.image, uint64(m.info.MaxPages)*pageSize); err != nil {
			return nil, err
		}
		mem := inst.mem
		ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
			func(uint64, uint64) experimental.LinearMemory { return mem }))
	}
	// Instances have no name: they must not find each other.
	inst.mod, err = m.eng.rt.InstantiateModule(ctx, m.res.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		if inst.mem != nil {
			inst.mem.Free()
		}
		return nil, &ModuleError{err}
	}
	inst.fuel = inst.mod.ExportedGlobal(rewrite.FuelExport).(api.MutableGlobal)
	for _, name := range m.info.Globals {
		inst.globals = append(inst.globals, inst.mod.ExportedGlobal(name).(api.MutableGlobal))
	}
	inst.setGlobals()
	return inst, nil
}

// call calls an exported function without parameters; its result, if it has
// one, is the code, and so is what it exited with.
func (i *instance) call(ctx *runContext, name string) (code uint32, exited bool, err error) {
	// A new api.Function has a new stack: what a trap or a deep recursion left
	// in the old one goes with it.
	var result [1]uint64
	f := i.mod.ExportedFunction(name)
	ctx.stack, ctx.charged = stackOf(f), 0
	err = f.CallWithStack(ctx, result[:])
	if ctx.charged > 0 {
		ctx.guest.Reserve(-ctx.charged)
	}
	if err != nil {
		return outcome(err)
	}
	return uint32(result[0]), false, nil
}

// attach charges the instance's memory and tables to g; false when g refuses.
func (i *instance) attach(g Guest) bool {
	tables := i.tableBytes()
	if tables > 0 && !g.Reserve(tables) {
		return false
	}
	if i.mem != nil {
		if !g.Reserve(int64(i.mem.size)) {
			g.Reserve(-tables)
			return false
		}
		i.mem.guest = g
	}
	i.guest = g
	return true
}

// detach takes the charge back.
func (i *instance) detach() {
	if i.mem != nil {
		i.mem.discharge()
	}
	if tables := i.tableBytes(); tables > 0 {
		i.guest.Reserve(-tables)
	}
	i.guest = nil
}

func (i *instance) tableBytes() int64 { return 8 * int64(i.module.info.TableEntries) }

// reset brings the template's state back, whatever ended the run: memory and
// globals are all that a run of a resettable module changes, and the stack is
// new in each call. False tells that the instance cannot be used again.
func (i *instance) reset() bool {
	if !i.module.info.Resettable || i.mod.IsClosed() {
		return false
	}
	if i.mem != nil {
		if !i.mem.reset() || !i.shrink() {
			return false
		}
	}
	i.setGlobals()
	return true
}

// shrink takes back what the memory grew. wazero has no call for that, but
// takes what Reallocate returns for the memory after a Grow.
func (i *instance) shrink() bool {
	if i.mem.size == i.mem.img.size {
		return true
	}
	i.mem.shrink = true
	_, ok := i.mod.Memory().Grow(1)
	i.mem.shrink = false
	return ok && uint64(i.mod.Memory().Size()) == i.mem.img.size
}

func (i *instance) globalValues() []uint64 {
	out := make([]uint64, len(i.globals))
	for n, g := range i.globals {
		out[n] = g.Get()
	}
	return out
}

func (i *instance) setGlobals() {
	for n, v := range i.module.template.globals {
		i.globals[n].Set(v)
	}
	i.fuel.Set(uint64(i.module.eng.cfg.Slice))
}

// close frees the instance; errors are not to be had from a module without
// host resources.
func (i *instance) close() { _ = i.mod.Close(context.Background()) }
