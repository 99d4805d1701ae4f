package linux

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// args are the arguments of a call.
type args [6]uint64

// int returns an argument as C's int.
func (a *args) int(i int) int { return int(int32(a[i])) }

// u32 returns an argument as C's unsigned int.
func (a *args) u32(i int) uint32 { return uint32(a[i]) }

// handler is a system call. The error is an abi.Errno.
type handler func(t *kernel.Task, m Memory, a args) (int64, error)

// Syscall makes one system call for a task: a result that is not negative, or -errno. Signals that came in are the
// caller's to act on (Task.Checkpoint), and so is the end of the program: exit and exit_group give ENOSYS here, and
// after execve and SYS_EXEC that give 0 the program must return.
func Syscall(t *kernel.Task, m Memory, nr abi.Sysno, a [6]uint64) int64 {
	var h handler
	switch {
	case int(nr) < len(calls):
		h = calls[nr]
	case nr >= abi.SYS_SPAWN && int(nr-abi.SYS_SPAWN) < len(extraCalls):
		h = extraCalls[nr-abi.SYS_SPAWN]
	}
	if h == nil {
		t.Kernel().Log().Debug("system call is not supported", "number", uint32(nr), "pid", t.Pid(), "comm", t.Image().Comm)
		return -int64(abi.ENOSYS)
	}
	n, err := h(t, m, a)
	if err != nil {
		return -int64(errno(err))
	}
	return n
}

// errno returns the number of an error; a file's error that is none is EIO.
func errno(err error) abi.Errno {
	if e, ok := err.(abi.Errno); ok {
		return e
	}
	return abi.EIO
}

// ok is a handler's result without a value.
func ok(err error) (int64, error) { return 0, err }

// Instantiate registers the host module "linux" with its function
//
//	syscall(nr i32, a0 i64, a1 i64, a2 i64, a3 i64, a4 i64, a5 i64) -> i64
func Instantiate(ctx context.Context, rt wazero.Runtime) error {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	_, err := rt.NewHostModuleBuilder("linux").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(fromGuest), []api.ValueType{i32, i64, i64, i64, i64, i64, i64}, []api.ValueType{i64}).
		Export("syscall").Instantiate(ctx)
	return err
}

func fromGuest(ctx context.Context, mod api.Module, stack []uint64) {
	g := guest.Enter(ctx, mod)
	nr := abi.Sysno(stack[0])
	if g.Task == nil { // _initialize: what a template may not depend on does not exist yet
		stack[0] = ^uint64(abi.ENOSYS) + 1 // -ENOSYS
		return
	}
	if nr == abi.SYS_EXIT || nr == abi.SYS_EXIT_GROUP {
		exit(uint32(stack[1]))
	}
	result := Syscall(g.Task, &g.Mem, nr, [6]uint64(stack[1:7]))
	if result == 0 && (nr == abi.SYS_EXEC || nr == abi.SYS_EXECVE) {
		guest.Replaced()
	}
	g.Leave()
	stack[0] = uint64(result)
}
