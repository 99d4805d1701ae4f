package wasi_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/wasi"
)

// onePage is a module with a memory of 64 KiB.
var onePage = []byte("\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x01\x07\x0a\x01\x06memory\x02\x00")

// inGuest runs f in a task whose guest has a memory of one page.
func inGuest(t *testing.T, f func(b *guesttest.Box, g *guest.Guest, mem []byte)) {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	mod, err := rt.Instantiate(ctx, onePage)
	if err != nil {
		t.Fatal(err)
	}
	mem, _ := mod.Memory().Read(0, 1<<16)
	b := guesttest.New(t, kernel.Limits{})
	b.InTask(guesttest.Options{}, func(task *kernel.Task) {
		f(b, &guest.Guest{Task: task, Mem: guest.NewMemory(mod.Memory())}, mem)
	})
}

func TestThereAreTheFunctionsOfPreview1(t *testing.T) {
	t.Parallel()
	if n := len(wasi.Calls()) + 1; n != 46 { // and proc_exit; sock_accept came after the 45
		t.Errorf("%d functions", n)
	}
}

func TestHostileArgumentsGiveErrorsOnly(t *testing.T) {
	t.Parallel()
	values := []uint64{0, 1, 2, 3, 4, 5, 8, 48, 1 << 10, 1<<16 - 8, 1<<16 - 1, 1 << 16, 1<<16 + 1, 1<<31 - 1, 1 << 31, 1<<32 - 8,
		1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	for name, f := range wasi.Calls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inGuest(t, func(b *guesttest.Box, g *guest.Guest, mem []byte) {
				rng := rand.New(rand.NewPCG(1, 2))
				dir, err := b.Root.Open(b.Root.Cwd, "/tmp", abi.O_RDONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				g.Task.Files.Add(dir, 3, false)
				file, err := b.Root.Open(b.Root.Cwd, "/tmp/file", abi.O_RDWR|abi.O_CREAT, 0o644)
				if err != nil {
					t.Error(err)
					return
				}
				g.Task.Files.Add(file, 3, false)
				for range 3000 {
					// A caught signal that is not taken ends every wait.
					g.Task.SetAction(abi.SIGUSR1, kernel.Handle)
					g.Task.Signal(abi.SIGUSR1)
					for i := range 8 {
						mem[rng.IntN(256)] = byte(rng.Uint32() >> i)
					}
					stack := make([]uint64, 9)
					for i, p := range f.Params {
						stack[i] = values[rng.IntN(len(values))]
						if p == 'i' {
							stack[i] = uint64(uint32(stack[i]))
						}
					}
					if name == "proc_raise" && stack[0] == 9 {
						continue
					}
					_ = wasi.Errno(f.Call(g, stack))
				}
			})
		})
	}
}

func TestPointersOutsideMemoryGiveFault(t *testing.T) {
	t.Parallel()
	const bad, fault = 1<<32 - 4, 21
	inGuest(t, func(b *guesttest.Box, g *guest.Guest, mem []byte) {
		b.Write("/tmp/file", 0o644, []byte("x"))
		file, err := b.Root.Open(b.Root.Cwd, "/tmp/file", abi.O_RDWR, 0)
		if err != nil {
			t.Error(err)
			return
		}
		g.Task.Files.Add(file, 3, false) // 5 of the program's
		copy(mem[64:], "tmp/file")
		mem[129] = 1 // an iovec of one byte at 256
		mem[132] = 1
		calls := wasi.Calls()
		for _, c := range []struct {
			name string
			args []uint64
		}{
			{"args_get", []uint64{bad, 0}}, {"args_get", []uint64{0, bad}}, {"args_sizes_get", []uint64{bad, 0}},
			{"args_sizes_get", []uint64{0, bad}}, {"environ_get", []uint64{bad, 0}}, {"environ_get", []uint64{0, bad}},
			{"environ_sizes_get", []uint64{0, bad}}, {"clock_res_get", []uint64{0, 1<<32 - 4}}, {"clock_time_get", []uint64{0, 0, bad}},
			{"fd_fdstat_get", []uint64{5, bad}}, {"fd_filestat_get", []uint64{5, bad}},
			{"fd_read", []uint64{5, bad, 1, 0}}, {"fd_read", []uint64{5, 128, 1, bad}}, {"fd_write", []uint64{5, bad, 1, 0}},
			{"fd_write", []uint64{5, 128, 1, bad}}, {"fd_pread", []uint64{5, bad, 1, 0, 0}}, {"fd_pwrite", []uint64{5, bad, 1, 0, 0}},
			{"fd_prestat_get", []uint64{3, bad}}, {"fd_prestat_dir_name", []uint64{3, bad, 8}},
			{"fd_readdir", []uint64{3, bad, 100, 0, 0}}, {"fd_readdir", []uint64{3, 0, 100, 0, bad}}, {"fd_seek", []uint64{5, 0, 0, bad}},
			{"fd_tell", []uint64{5, bad}}, {"path_create_directory", []uint64{3, bad, 8}},
			{"path_filestat_get", []uint64{3, 0, bad, 8, 0}}, {"path_filestat_get", []uint64{3, 0, 64, 8, bad}},
			{"path_filestat_set_times", []uint64{3, 0, bad, 8, 0, 0, 0}}, {"path_link", []uint64{3, 0, bad, 8, 3, 64, 8}},
			{"path_link", []uint64{3, 0, 64, 8, 3, bad, 8}}, {"path_open", []uint64{3, 0, bad, 8, 0, 0, 0, 0, 0}},
			{"path_open", []uint64{3, 0, 64, 8, 0, 0, 0, 0, 1<<32 - 2}}, {"path_readlink", []uint64{3, bad, 8, 0, 8, 0}},
			{"path_remove_directory", []uint64{3, bad, 8}}, {"path_rename", []uint64{3, bad, 8, 3, 64, 8}},
			{"path_rename", []uint64{3, 64, 8, 3, bad, 8}}, {"path_symlink", []uint64{bad, 8, 3, 64, 8}},
			{"path_symlink", []uint64{64, 8, 3, bad, 8}}, {"path_unlink_file", []uint64{3, bad, 8}},
			{"poll_oneoff", []uint64{bad, 0, 1, 0}}, {"poll_oneoff", []uint64{0, bad, 1, 0}}, {"poll_oneoff", []uint64{0, 0, 1, bad + 1}},
			{"random_get", []uint64{bad, 8}},
		} {
			stack := make([]uint64, 9)
			copy(stack, c.args)
			if got := wasi.Errno(calls[c.name].Call(g, stack)); got != fault {
				t.Errorf("%s%v = %d, want fault", c.name, c.args, got)
			}
		}
	})
}

func TestDescriptorsAreTheKernelsAfterThePreopens(t *testing.T) {
	t.Parallel()
	inGuest(t, func(b *guesttest.Box, g *guest.Guest, mem []byte) {
		copy(mem, "tmp/new")
		calls := wasi.Calls()
		call := func(name string, args ...uint64) uint8 {
			stack := make([]uint64, 9)
			copy(stack, args)
			return wasi.Errno(calls[name].Call(g, stack))
		}
		const read, write = 1 << 1, 1 << 6
		if e := call("path_open", 3, 1, 0, 7, 1, read|write, 0, 0, 100); e != 0 || mem[100] != 5 {
			t.Errorf("path_open = %d, descriptor %d; want 5", e, mem[100])
		}
		if _, err := g.Task.Files.Get(3); err != nil {
			t.Error("the kernel's descriptor 3: ", err)
		}
		if e := call("fd_prestat_get", 5, 0); e != 8 {
			t.Errorf("fd_prestat_get of a file = %d, want badf", e)
		}
		if e := call("fd_renumber", 5, 0); e != 0 {
			t.Errorf("fd_renumber = %d", e)
		}
		if e := call("fd_filestat_get", 5, 0); e != 8 {
			t.Errorf("the old descriptor = %d, want badf", e)
		}
		if e := call("fd_close", 3); e != 0 {
			t.Errorf("fd_close of a preopen = %d", e)
		}
		if e := call("path_unlink_file", 3, 0, 7); e != 8 {
			t.Errorf("a path in the closed preopen = %d, want badf", e)
		}
		if e := call("path_unlink_file", 4, 0, 7); e != 44 && e != 0 {
			t.Errorf("a path in the other = %d", e)
		}
	})
}

func TestNonblockIsTheDescriptorsOwn(t *testing.T) {
	t.Parallel()
	b := guesttest.New(t, kernel.Limits{})
	b.Func("/bin/f", func(task *kernel.Task) int {
		g := &guest.Guest{Task: task}
		const nonblock = 4
		if e := wasi.Errno(wasi.Calls()["fd_fdstat_set_flags"].Call(g, []uint64{0, nonblock})); e != 0 {
			return 1
		}
		o, err := task.Files.Get(0)
		if err != nil || o.Nonblocking() || !g.Nonblock[0] {
			return 2
		}
		o.Release()
		return 0
	})
	if _, _, status := b.Run(guesttest.Options{}, "/bin/f"); status != 0 {
		t.Errorf("status %#x", status)
	}
}
