// Package guest runs WebAssembly programs as tasks of the kernel: it is the kernel's Loader for files that begin with
// "\0asm", and what the host modules (packages wasi and linux) know of the program that calls them.
package guest

import (
	"context"
	"errors"
	"runtime"

	"github.com/tetratelabs/wazero/api"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/wasm"
)

// Guest is a task that runs a WebAssembly program. Its fields belong to the task's goroutine.
type Guest struct {
	// Task is nil while a reactor's _initialize runs, once for all later tasks: there are no descriptors, arguments
	// and environment then.
	Task *kernel.Task
	// Mem is the memory of the call under way; Enter sets it.
	Mem Memory
	// ClosedPreopens and Nonblock are package wasi's: bits of the preopened directories that the program closed, and
	// the descriptors that it set non-blocking.
	ClosedPreopens uint8
	Nonblock       map[int]bool
}

// Init returns the guest for wasm.Config.InitGuest: one without a task.
func Init() *Guest { return &Guest{} }

// Checkpoint implements wasm.Guest: a slice of computing is over.
func (g *Guest) Checkpoint() error {
	if g.Task == nil {
		runtime.Gosched()
		return nil
	}
	return g.Task.Yield()
}

// Reserve implements wasm.Guest. A program that wants more than its sandbox may have is killed, as the kernel's
// out-of-memory killer does in a memory cgroup: few programs would make something of a refusal.
func (g *Guest) Reserve(delta int64) bool {
	if g.Task == nil || g.Task.Reserve(delta) {
		return true
	}
	if !g.Task.OverLimit(delta) { // memory.grow fails at a limit of the process's own
		g.Task.OOM()
	}
	return false
}

// Enter returns the guest that calls a host function, with its memory. It must be called first.
func Enter(ctx context.Context, mod api.Module) *Guest {
	g := wasm.GuestOf(ctx).(*Guest)
	g.Mem = Memory{mod.Memory()}
	return g
}

var (
	errEnded    = errors.New("task is dying")
	errReplaced = errors.New("task has another program")
)

// Leave acts on the signals that came in during a host function. It does not return when they end the task.
func (g *Guest) Leave() {
	if g.Task != nil && g.Task.Checkpoint() != nil {
		wasm.Abort(errEnded)
	}
}

// Replaced ends the program after a successful Task.Exec. It does not return.
func Replaced() { wasm.Abort(errReplaced) }

// Memory is a guest's linear memory.
type Memory struct{ mem api.Memory }

// NewMemory returns the memory of a module, for calls that do not come from it.
func NewMemory(mem api.Memory) Memory { return Memory{mem} }

// Slice returns n bytes at addr, to read and to write, valid until the host function returns: EFAULT. No bytes are at
// every address.
func (m *Memory) Slice(addr, n uint64) ([]byte, error) {
	const max = 1<<32 - 1
	if n == 0 {
		return nil, nil
	}
	if m.mem == nil || addr > max || n > max {
		return nil, abi.EFAULT
	}
	b, ok := m.mem.Read(uint32(addr), uint32(n))
	if !ok {
		return nil, abi.EFAULT
	}
	return b, nil
}
