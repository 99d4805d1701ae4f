package userland

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// fakeKernel answers the few system calls that a test's applet makes.
type fakeKernel struct {
	args, env []string
	out       bytes.Buffer
}

// kernelKey carries the fake kernel of a call in its context.
type kernelKey struct{}

func syscall(ctx context.Context, m api.Module, stack []uint64) {
	k := ctx.Value(kernelKey{}).(*fakeKernel)
	nr, mem := abi.Sysno(stack[0]), m.Memory()
	result := -int64(abi.ENOSYS)
	switch nr {
	case abi.SYS_ARGS, abi.SYS_ENVIRON:
		list := k.args
		if nr == abi.SYS_ENVIRON {
			list = k.env
		}
		var b []byte
		for _, s := range list {
			b = append(append(b, s...), 0)
		}
		if len(b) <= int(stack[2]) {
			mem.Write(uint32(stack[1]), b)
		}
		result = int64(len(b))
	case abi.SYS_WRITE:
		b, _ := mem.Read(uint32(stack[2]), uint32(stack[3]))
		k.out.Write(b)
		result = int64(len(b))
	case abi.SYS_CLOCK_GETTIME:
		b := make([]byte, 16)
		binary.LittleEndian.PutUint64(b, 86400)
		mem.Write(uint32(stack[2]), b)
		result = 0
	}
	stack[0] = uint64(result)
}

// program is the compiled busybox, once for all tests of this process.
var program = sync.OnceValues(func() (wazero.Runtime, error) {
	wasm, err := Busybox()
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	_, err = r.NewHostModuleBuilder("linux").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(syscall), []api.ValueType{i32, i64, i64, i64, i64, i64, i64}, []api.ValueType{i64}).
		Export("syscall").Instantiate(ctx)
	if err != nil {
		return nil, err
	}
	compiled, err = r.CompileModule(ctx, wasm)
	return r, err
})

var compiled wazero.CompiledModule

// start instantiates the busybox and runs _initialize, up to where the template is taken. The returned function runs
// a process on a fake kernel.
func start(t testing.TB) (m api.Module, process func(k *fakeKernel) (code uint64, err error)) {
	t.Helper()
	r, err := program()
	if err != nil {
		t.Skip(err)
	}
	// Without a kernel in the context: _initialize must not make system calls.
	m, err = r.InstantiateModule(context.Background(), compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	return m, func(k *fakeKernel) (uint64, error) {
		code, err := m.ExportedFunction("run").Call(context.WithValue(context.Background(), kernelKey{}, k))
		if err != nil {
			return 0, err
		}
		return code[0], nil
	}
}

func TestReactorRunsAppletOnSystemCallsAlone(t *testing.T) {
	k := &fakeKernel{args: []string{"echo", "-e", `a\tb`}}
	_, process := start(t)
	code, err := process(k)
	if err != nil || code != 0 {
		t.Fatalf("run = %v, %v", code, err)
	}
	if got := k.out.String(); got != "a\tb\n" {
		t.Errorf("output %q", got)
	}
}

func TestReactorReturnsExitCodes(t *testing.T) {
	for name, want := range map[string]uint64{"true": 0, "false": 1, "nosuch": 127} {
		_, process := start(t)
		if code, err := process(&fakeKernel{args: []string{name}}); err != nil || code != want {
			t.Errorf("%s: run = %v, %v; want %d", name, code, err, want)
		}
	}
}

func TestAppletsAreSorted(t *testing.T) {
	if !slices.IsSorted(Applets()) {
		t.Error("the applet table is not sorted")
	}
}

// BenchmarkRun measures the guest's own time from the call of run to its return, in a fresh instance.
func BenchmarkRun(b *testing.B) {
	for _, args := range [][]string{{"true"}, {"echo", "hello"}, {"basename", "/a/b"}, {"expr", "abc", ":", `a\(.*\)`}, {"awk", "BEGIN{print 1}"}} {
		b.Run(args[0], func(b *testing.B) {
			var total time.Duration
			memory := uint32(0)
			for range b.N {
				m, process := start(b)
				memory = m.Memory().Size()
				begin := time.Now()
				if _, err := process(&fakeKernel{args: args}); err != nil {
					b.Fatal(err)
				}
				total += time.Since(begin)
			}
			b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/run")
			b.ReportMetric(float64(memory)/(1<<20), "MiB/template")
		})
	}
}
