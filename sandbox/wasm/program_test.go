package wasm

import (
	"bytes"
	"os"
	"testing"
)

func TestReactorRunsFromTemplate(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{InitGuest: &testGuest{out: os.Stderr}})
	m := load(t, e, goProgram(t, "echo", true))
	for range 5 {
		var out bytes.Buffer
		g := &testGuest{out: &out}
		if code := run(t, m, g); code != 7 || out.String() != "hello from a reactor\n" {
			t.Fatalf("code %d, output %q", code, out.String())
		}
		if g.reserved != 0 {
			t.Errorf("%d bytes still reserved", g.reserved)
		}
	}
}
