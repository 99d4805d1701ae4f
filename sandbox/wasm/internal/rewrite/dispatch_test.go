package rewrite

import (
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	. "github.com/sockerless/sockerless/sandbox/wasm/internal/asm"
)

// tabled is a module whose f calls the entry of its argument in a table of n
// entries: functions i32 -> i32 that differ, some of another type, some null.
// Op is a call_indirect or a return_call_indirect; more is added to f.
func tabled(n int, op byte, more []byte) *Wasm {
	m := &Wasm{Types: types, Tables: [][]byte{Cat(Funcref, 0, U32(uint32(n)))}, Exports: []Export{{Name: "f"}},
		Funcs: []Func{{Type: 1, Code: Cat(more, I32Const, S32(1000), LocalGet, 0, op, 1, 0)}}}
	elems := Cat(0, I32Const, 3, End, U32(uint32(n-10))) // the first 3 and the last 7 are null
	for i := range n - 10 {
		switch {
		case i%11 == 5:
			m.Funcs = append(m.Funcs, Func{Type: 0})
		default:
			m.Funcs = append(m.Funcs, Func{Type: 1, Code: Cat(LocalGet, 0, I32Const, S32(int32(i)), I32Add)})
		}
		elems = Cat(elems, U32(uint32(i+1)))
	}
	m.Elems = [][]byte{elems}
	return m
}

func TestCallsThroughAConstantTableAreDispatched(t *testing.T) {
	t.Parallel()
	rt, _ := newRuntime(t, wazero.NewRuntimeConfigCompiler(), 1000)
	const n = 700
	for name, op := range map[string]byte{"call": CallInd, "tail call": 0x13} {
		wasm := tabled(n, op, nil).Bytes()
		res, err := Rewrite(wasm)
		if err != nil {
			t.Fatal(err)
		}
		if res.TableEntries != trapSize || !res.Resettable {
			t.Errorf("%s: %d entries are left, resettable %v", name, res.TableEntries, res.Resettable)
		}
		before, err := rt.Instantiate(ctx, wasm)
		if err != nil {
			t.Fatal(err)
		}
		defer before.Close(ctx)
		after, err := rt.InstantiateWithConfig(ctx, res.Wasm, wazero.NewModuleConfig().WithName("after "+name))
		if err != nil {
			t.Fatal(err)
		}
		defer after.Close(ctx)
		reason := func(err error) string {
			if err == nil {
				return ""
			}
			text, _, _ := strings.Cut(err.Error(), "\n")
			return text
		}
		for _, i := range []uint64{0, 2, 3, 8, 9, 255, 256, 257, 511, 512, 600, 692, 693, 699, 700, 767, 768, 65536, 1<<32 - 1, 1 << 31} {
			want, wantErr := before.ExportedFunction("f").Call(ctx, i)
			got, gotErr := after.ExportedFunction("f").Call(ctx, i)
			if reason(wantErr) != reason(gotErr) || wantErr == nil && want[0] != got[0] {
				t.Errorf("%s of entry %d: %v, %v; want %v, %v", name, i, got, gotErr, want, wantErr)
			}
		}
		for i := uint64(0); i < n; i++ {
			want, wantErr := before.ExportedFunction("f").Call(ctx, i)
			got, gotErr := after.ExportedFunction("f").Call(ctx, i)
			if reason(wantErr) != reason(gotErr) || wantErr == nil && want[0] != got[0] {
				t.Fatalf("%s of entry %d: %v, %v; want %v, %v", name, i, got, gotErr, want, wantErr)
			}
		}
	}
}

func TestATableThatIsUsedOtherwiseStays(t *testing.T) {
	t.Parallel()
	exported := tabled(600, CallInd, nil)
	exported.Exports = append(exported.Exports, Export{Name: "table", Kind: 1})
	two := tabled(600, CallInd, nil)
	two.Tables = append(two.Tables, []byte{Funcref, 0, 1})
	passive := tabled(600, CallInd, nil)
	passive.Elems = append(passive.Elems, []byte{1, 0, 1, 0})
	for name, m := range map[string]*Wasm{
		"small": tabled(300, CallInd, nil), "exported": exported, "one of two": two, "with a passive segment": passive,
		"set":  tabled(600, CallInd, Cat(I32Const, 0, RefNull, Funcref, 0x26, 0)),
		"get":  tabled(600, CallInd, Cat(I32Const, 0, TableGet, 0, Drop)),
		"size": tabled(600, CallInd, Cat(0xfc, 16, 0, Drop)),
		"grow": tabled(600, CallInd, Cat(RefNull, Funcref, I32Const, 1, 0xfc, 15, 0, Drop)),
	} {
		rt, _ := newRuntime(t, wazero.NewRuntimeConfigInterpreter(), 1000)
		wasm := m.Bytes()
		res, err := Rewrite(wasm)
		if err != nil {
			t.Fatal(err)
		}
		if res.TableEntries < 300 {
			t.Errorf("the table that is %s has %d entries", name, res.TableEntries)
		}
		want, wantErr := call(rt, wasm, nil, 100)
		got, gotErr := call(rt, res.Wasm, nil, 100)
		if want != got || wantErr != nil || gotErr != nil {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, gotErr, want, wantErr)
		}
	}
}
