package wasm

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// Guest is whoever runs in an instance: the engine's view of a task.
type Guest interface {
	// Checkpoint is called at least once per slice of guest execution, on the
	// goroutine of Run. It may block, and is where others get their turn:
	// it should yield (runtime.Gosched) at least. An error ends the program: Run returns
	// an error that wraps it.
	Checkpoint() error
	// Reserve accounts delta bytes of linear memory, tables and large stacks,
	// negative when freed. False refuses: memory.grow gives -1, the start or a
	// stack that has grown ends Run with ErrMemoryLimit. A negative delta is
	// never refused.
	Reserve(delta int64) bool
}

// ErrMemoryLimit tells that a guest's Reserve refused the memory its program
// starts with or the stack it has grown to.
var ErrMemoryLimit = errors.New("memory limit reached")

// Trap is the end of a program by a fault of its own (core spec 4.2.4).
type Trap struct {
	Reason string // "unreachable", "out of bounds memory access", "stack overflow", ...
	Stack  string // function names, innermost first, one a line; may be empty
}

func (t *Trap) Error() string { return "wasm trap: " + t.Reason }

// runContext is the context of a guest's host calls. wazero passes it on
// unchanged, so that GuestOf needs neither a search nor an allocation.
type runContext struct {
	context.Context
	guest Guest
	bound bool // the program ends when the context is done

	stack   reflect.Value // of the call under way: a slice, or invalid
	charged int64         // bytes of it charged to guest
}

// chargeStack charges the guest for what its stack has grown to: wazero keeps
// it on Go's heap, up to some 100 MB, and offers neither a limit nor a figure;
// the length of the slice is read from its call engine.
func (c *runContext) chargeStack() bool {
	if !c.stack.IsValid() {
		return true
	}
	size := int64(c.stack.Len())
	if size <= c.charged || size < stackFree {
		return true
	}
	if !c.guest.Reserve(size - c.charged) {
		return false
	}
	c.charged = size
	return true
}

// stackFree is the size in bytes below which a stack is not charged.
const stackFree = 256 << 10

// stackOf finds the stack of a function about to be called.
func stackOf(f api.Function) reflect.Value {
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	if s := v.Elem().FieldByName("stack"); s.IsValid() && s.Kind() == reflect.Slice && s.Type().Elem().Kind() == reflect.Uint8 {
		return s
	}
	return reflect.Value{}
}

type guestKey struct{}

func (c *runContext) Value(key any) any {
	if _, ok := key.(guestKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// GuestOf returns the guest on whose behalf a host function is called, nil
// outside such a call.
func GuestOf(ctx context.Context) Guest {
	if c, ok := ctx.(*runContext); ok {
		return c.guest
	}
	if c, ok := ctx.Value(guestKey{}).(*runContext); ok {
		return c.guest
	}
	return nil
}

// Exit ends the program on whose behalf a host function runs; Run returns code.
// It does not return.
func Exit(code uint32) { panic(sys.NewExitError(code)) }

// Abort ends the program on whose behalf a host function runs; Run returns an
// error that wraps err. It does not return.
func Abort(err error) { panic(&aborted{err}) }

type aborted struct{ err error }

func (a *aborted) Error() string { return a.err.Error() }
func (a *aborted) Unwrap() error { return a.err }

// outcome translates the error that ended a call into a guest.
func outcome(err error) (code uint32, exited bool, _ error) {
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), true, nil
	}
	var abort *aborted
	if errors.As(err, &abort) {
		return 0, false, abort.err
	}
	// wazero's type for traps is internal to it; its text is stable.
	text := err.Error()
	if text == "stack overflow" {
		return 0, false, &Trap{Reason: text}
	}
	if rest, ok := strings.CutPrefix(text, "wasm error: "); ok {
		reason, stack, _ := strings.Cut(rest, "\n")
		stack = strings.TrimPrefix(stack, "wasm stack trace:")
		return 0, false, &Trap{Reason: reason, Stack: strings.TrimSpace(strings.ReplaceAll(stack, "\n\t", "\n"))}
	}
	return 0, false, fmt.Errorf("host function failed: %w", err)
}
