package wasm

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// testGuest is a guest with an output, arguments, a memory limit and a
// checkpoint of the test's choosing.
type testGuest struct {
	out        io.Writer
	args       []string
	checkpoint func() error
	limit      int64 // 0: none

	mu       sync.Mutex
	reserved int64
	peak     int64
}

func (g *testGuest) Checkpoint() error {
	if g.checkpoint == nil {
		return nil
	}
	return g.checkpoint()
}

func (g *testGuest) Reserve(delta int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if delta > 0 && g.limit > 0 && g.reserved+delta > g.limit {
		return false
	}
	g.reserved += delta
	g.peak = max(g.peak, g.reserved)
	return true
}

// newEngine is an engine with just enough WASI for the test programs.
func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	ctx := context.Background()
	e, err := New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	registerWASI(t, e)
	return e
}

func load(t testing.TB, e *Engine, wasm []byte) *Module {
	t.Helper()
	m, err := e.Load(context.Background(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// registerWASI registers the calls of WASI preview 1 that Go's runtime and
// wasi-libc make; files are not among them.
func registerWASI(t testing.TB, e *Engine) {
	t.Helper()
	const badf, inval, nosys = 8, 28, 52
	b := e.Runtime().NewHostModuleBuilder("wasi_snapshot_preview1")
	i32 := api.ValueTypeI32
	i64 := api.ValueTypeI64
	def := func(name string, params []api.ValueType, f func(ctx context.Context, mem api.Memory, s []uint64) uint32) {
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(
			func(ctx context.Context, mod api.Module, s []uint64) {
				s[0] = uint64(f(ctx, mod.Memory(), s))
			}), params, []api.ValueType{i32}).Export(name)
	}
	p := func(n int) []api.ValueType {
		out := make([]api.ValueType, n)
		for i := range out {
			out[i] = i32
		}
		return out
	}
	guest := func(ctx context.Context) *testGuest {
		g, ok := GuestOf(ctx).(*testGuest)
		if !ok {
			return &testGuest{}
		}
		return g
	}
	def("args_sizes_get", p(2), func(ctx context.Context, mem api.Memory, s []uint64) uint32 {
		args := guest(ctx).args
		size := 0
		for _, a := range args {
			size += len(a) + 1
		}
		mem.WriteUint32Le(uint32(s[0]), uint32(len(args)))
		mem.WriteUint32Le(uint32(s[1]), uint32(size))
		return 0
	})
	def("args_get", p(2), func(ctx context.Context, mem api.Memory, s []uint64) uint32 {
		at, buf := uint32(s[0]), uint32(s[1])
		for _, a := range guest(ctx).args {
			mem.WriteUint32Le(at, buf)
			mem.WriteString(buf, a+"\x00")
			at, buf = at+4, buf+uint32(len(a))+1
		}
		return 0
	})
	def("environ_sizes_get", p(2), func(_ context.Context, mem api.Memory, s []uint64) uint32 {
		mem.WriteUint32Le(uint32(s[0]), 0)
		mem.WriteUint32Le(uint32(s[1]), 0)
		return 0
	})
	def("environ_get", p(2), func(context.Context, api.Memory, []uint64) uint32 { return 0 })
	def("clock_time_get", []api.ValueType{i32, i64, i32}, func(_ context.Context, mem api.Memory, s []uint64) uint32 {
		mem.WriteUint64Le(uint32(s[2]), 1e18)
		return 0
	})
	def("random_get", p(2), func(_ context.Context, mem api.Memory, s []uint64) uint32 {
		if b, ok := mem.Read(uint32(s[0]), uint32(s[1])); ok {
			for i := range b {
				b[i] = byte(i * 7)
			}
		}
		return 0
	})
	def("fd_write", p(4), func(ctx context.Context, mem api.Memory, s []uint64) uint32 {
		out := guest(ctx).out
		total := uint32(0)
		for i := range uint32(s[2]) {
			at, _ := mem.ReadUint32Le(uint32(s[1]) + 8*i)
			n, _ := mem.ReadUint32Le(uint32(s[1]) + 8*i + 4)
			b, ok := mem.Read(at, n)
			if !ok {
				return inval
			}
			if out != nil {
				out.Write(b)
			}
			total += n
		}
		mem.WriteUint32Le(uint32(s[3]), total)
		return 0
	})
	def("fd_fdstat_get", p(2), func(_ context.Context, mem api.Memory, s []uint64) uint32 {
		if uint32(s[0]) > 2 {
			return badf
		}
		mem.Write(uint32(s[1]), append([]byte{2}, make([]byte, 23)...))
		return 0
	})
	for name, n := range map[string]int{
		"fd_prestat_get": 2, "fd_prestat_dir_name": 3, "fd_close": 1, "fd_read": 4, "fd_filestat_get": 2,
		"fd_fdstat_set_flags": 2,
	} {
		def(name, p(n), func(context.Context, api.Memory, []uint64) uint32 { return badf })
	}
	def("fd_seek", []api.ValueType{i32, i64, i32, i32}, func(context.Context, api.Memory, []uint64) uint32 { return badf })
	def("poll_oneoff", p(4), func(_ context.Context, mem api.Memory, s []uint64) uint32 {
		mem.WriteUint32Le(uint32(s[3]), 0)
		return 0
	})
	def("sched_yield", nil, func(context.Context, api.Memory, []uint64) uint32 { return nosys })
	b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, s []uint64) {
		Exit(uint32(s[0]))
	}), p(1), nil).Export("proc_exit")
	if _, err := b.Instantiate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

var built struct {
	sync.Mutex
	dir   string
	files map[string][]byte
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// goProgram builds a program under testdata for wasip1.
func goProgram(t testing.TB, name string, reactor bool) []byte {
	t.Helper()
	args := []string{"build", "-trimpath"}
	if reactor {
		args = append(args, "-buildmode=c-shared")
	}
	return build(t, name, func(out string) *exec.Cmd {
		cmd := exec.Command("go", append(args, "-o", out, "./testdata/"+name)...)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
		return cmd
	})
}

func build(t testing.TB, name string, command func(out string) *exec.Cmd) []byte {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if b, ok := built.files[name]; ok {
		return b
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "wasm-test-")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.files = dir, map[string][]byte{}
	}
	out := filepath.Join(built.dir, name+".wasm")
	if msg, err := command(out).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	built.files[name] = b
	return b
}

func run(t testing.TB, m *Module, g Guest) uint32 {
	t.Helper()
	code, err := m.Run(context.Background(), g)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// cProgram builds testdata/c/name.c with clang and wasi-libc, or skips.
func cProgram(t testing.TB, name string) []byte {
	t.Helper()
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("clang is not on PATH")
	}
	if _, err := os.Stat("/usr/include/wasm32-wasi"); err != nil {
		t.Skip("wasi-libc is not installed")
	}
	return build(t, name, func(out string) *exec.Cmd {
		return exec.Command("clang", "--target=wasm32-wasi", "--sysroot=/usr", "-O2", "-o", out, "testdata/c/"+name+".c")
	})
}

// runUnchecked runs a command as it is, without rewriting.
func runUnchecked(t testing.TB, e *Engine, compiled wazero.CompiledModule, g Guest) uint32 {
	t.Helper()
	ctx := &runContext{Context: context.Background(), guest: g}
	mod, err := e.rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	defer mod.Close(ctx)
	if _, err = mod.ExportedFunction("_start").Call(ctx); err == nil {
		return 0
	}
	code, exited, err := outcome(err)
	if err != nil || !exited {
		t.Fatal(err)
	}
	return code
}

func compileUnchecked(t testing.TB, e *Engine, wasm []byte) wazero.CompiledModule {
	t.Helper()
	c, err := e.rt.CompileModule(context.Background(), wasm)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
