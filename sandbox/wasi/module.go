package wasi

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
)

// Module is the name under which programs import the functions.
const Module = "wasi_snapshot_preview1"

// function is a call: s holds the parameters. The error is an abi.Errno.
type function func(g *guest.Guest, s []uint64) error

// functions are all of preview 1. In a signature i is an i32, I an i64; all return an errno. Those marked early work
// while a reactor is initialised too, when there is no task; others give badf then.
var functions = []struct {
	name, params string
	early        bool
	call         function
}{
	{"args_get", "ii", true, argsGet},
	{"args_sizes_get", "ii", true, argsSizesGet},
	{"environ_get", "ii", true, environGet},
	{"environ_sizes_get", "ii", true, environSizesGet},
	{"clock_res_get", "ii", true, clockResGet},
	{"clock_time_get", "iIi", true, clockTimeGet},
	{"fd_advise", "iIIi", false, fdAdvise},
	{"fd_allocate", "iII", false, fdAllocate},
	{"fd_close", "i", false, fdClose},
	{"fd_datasync", "i", false, fdSync},
	{"fd_fdstat_get", "ii", false, fdFdstatGet},
	{"fd_fdstat_set_flags", "ii", false, fdFdstatSetFlags},
	{"fd_fdstat_set_rights", "iII", false, fdFdstatSetRights},
	{"fd_filestat_get", "ii", false, fdFilestatGet},
	{"fd_filestat_set_size", "iI", false, fdFilestatSetSize},
	{"fd_filestat_set_times", "iIIi", false, fdFilestatSetTimes},
	{"fd_pread", "iiiIi", false, fdPread},
	{"fd_prestat_get", "ii", true, fdPrestatGet},
	{"fd_prestat_dir_name", "iii", true, fdPrestatDirName},
	{"fd_pwrite", "iiiIi", false, fdPwrite},
	{"fd_read", "iiii", false, fdRead},
	{"fd_readdir", "iiiIi", false, fdReaddir},
	{"fd_renumber", "ii", false, fdRenumber},
	{"fd_seek", "iIii", false, fdSeek},
	{"fd_sync", "i", false, fdSync},
	{"fd_tell", "ii", false, fdTell},
	{"fd_write", "iiii", false, fdWrite},
	{"path_create_directory", "iii", false, pathCreateDirectory},
	{"path_filestat_get", "iiiii", false, pathFilestatGet},
	{"path_filestat_set_times", "iiiiIIi", false, pathFilestatSetTimes},
	{"path_link", "iiiiiii", false, pathLink},
	{"path_open", "iiiiiIIii", false, pathOpen},
	{"path_readlink", "iiiiii", false, pathReadlink},
	{"path_remove_directory", "iii", false, pathRemoveDirectory},
	{"path_rename", "iiiiii", false, pathRename},
	{"path_symlink", "iiiii", false, pathSymlink},
	{"path_unlink_file", "iii", false, pathUnlinkFile},
	{"poll_oneoff", "iiii", false, pollOneoff},
	{"proc_raise", "i", false, procRaise},
	{"random_get", "ii", true, randomGet},
	{"sched_yield", "", true, schedYield},
	{"sock_accept", "iii", false, sockAccept},
	{"sock_recv", "iiiiii", false, sockRecv},
	{"sock_send", "iiiii", false, sockSend},
	{"sock_shutdown", "ii", false, sockShutdown},
}

// Instantiate registers the host module.
func Instantiate(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(Module)
	result := []api.ValueType{api.ValueTypeI32}
	for _, f := range functions {
		params := make([]api.ValueType, len(f.params))
		for i, p := range f.params {
			params[i] = api.ValueTypeI32
			if p == 'I' {
				params[i] = api.ValueTypeI64
			}
		}
		b.NewFunctionBuilder().WithGoModuleFunction(hostFunction(f.call, f.early), params, result).Export(f.name)
	}
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(procExit), result, nil).Export("proc_exit")
	_, err := b.Instantiate(ctx)
	return err
}

func hostFunction(f function, early bool) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		g := guest.Enter(ctx, mod)
		var err error = abi.EBADF
		if early || g.Task != nil {
			err = f(g, stack)
		}
		g.Leave()
		stack[0] = uint64(errno(err))
	}
}

var le = binary.LittleEndian

// slice is Memory.Slice of two parameters.
func slice(g *guest.Guest, addr, n uint64) ([]byte, error) {
	return g.Mem.Slice(uint64(uint32(addr)), uint64(uint32(n)))
}

// putU32 writes a size or descriptor at an address: EFAULT.
func putU32(g *guest.Guest, addr uint64, v uint32) error {
	b, err := slice(g, addr, 4)
	if err == nil {
		le.PutUint32(b, v)
	}
	return err
}

// putU64 writes a filesize or timestamp at an address: EFAULT.
func putU64(g *guest.Guest, addr uint64, v uint64) error {
	b, err := slice(g, addr, 8)
	if err == nil {
		le.PutUint64(b, v)
	}
	return err
}
