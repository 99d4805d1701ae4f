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
	calls     []abi.Sysno
}

func (k *fakeKernel) syscall(_ context.Context, m api.Module, stack []uint64) {
	nr, mem := abi.Sysno(stack[0]), m.Memory()
	k.calls = append(k.calls, nr)
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

var compiled = sync.OnceValue(func() wazero.CompilationCache { return wazero.NewCompilationCache() })

// start instantiates the busybox on a fake kernel and runs _initialize, up to where the template is taken.
func start(t testing.TB, k *fakeKernel) api.Module {
	t.Helper()
	wasm, err := Busybox()
	if err != nil {
		t.Skip(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(compiled()))
	t.Cleanup(func() { r.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	_, err = r.NewHostModuleBuilder("linux").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(k.syscall), []api.ValueType{i32, i64, i64, i64, i64, i64, i64}, []api.ValueType{i64}).
		Export("syscall").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReactorRunsAppletOnSystemCallsAlone(t *testing.T) {
	k := &fakeKernel{args: []string{"echo", "-e", `a\tb`}}
	m := start(t, k)
	if len(k.calls) != 0 {
		t.Errorf("_initialize made system calls %v, want none: the template would hold a process's state", k.calls)
	}
	code, err := m.ExportedFunction("run").Call(context.Background())
	if err != nil || code[0] != 0 {
		t.Fatalf("run = %v, %v", code, err)
	}
	if got := k.out.String(); got != "a\tb\n" {
		t.Errorf("output %q", got)
	}
}

func TestReactorReturnsExitCodes(t *testing.T) {
	for name, want := range map[string]uint64{"true": 0, "false": 1, "nosuch": 127} {
		m := start(t, &fakeKernel{args: []string{name}})
		if code, err := m.ExportedFunction("run").Call(context.Background()); err != nil || code[0] != want {
			t.Errorf("%s: run = %v, %v; want %d", name, code, err, want)
		}
	}
}

func TestAppletsAreSorted(t *testing.T) {
	if !slices.IsSorted(Applets()) {
		t.Error("the applet table is not sorted")
	}
}

// BenchmarkRun measures the guest's own time from the call of run to its return.
func BenchmarkRun(b *testing.B) {
	for _, args := range [][]string{{"true"}, {"echo", "hello"}} {
		b.Run(args[0], func(b *testing.B) {
			var total time.Duration
			for range b.N {
				b.StopTimer()
				m := start(b, &fakeKernel{args: args})
				b.StartTimer()
				begin := time.Now()
				if _, err := m.ExportedFunction("run").Call(context.Background()); err != nil {
					b.Fatal(err)
				}
				total += time.Since(begin)
			}
			b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/run")
		})
	}
}
