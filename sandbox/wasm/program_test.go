package wasm

import (
	"bytes"
	"context"
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

func TestReactorExitsInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Config{})
	m := load(t, e, goProgram(t, "exit", true))
	for range 5 {
		var out bytes.Buffer
		if code := run(t, m, &testGuest{out: &out}); code != 9 || out.String() != "exiting\n" {
			t.Fatalf("code %d, output %q", code, &out)
		}
	}
}

func TestGuestIsFoundInDerivedContexts(t *testing.T) {
	g := &testGuest{}
	ctx := &runContext{Context: context.Background(), guest: g}
	type key struct{}
	if GuestOf(context.WithValue(ctx, key{}, 1)) != Guest(g) || GuestOf(context.Background()) != nil {
		t.Error("wrong guest")
	}
	if n := testing.AllocsPerRun(10, func() { GuestOf(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
