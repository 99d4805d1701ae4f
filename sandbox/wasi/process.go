package wasi

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/wasm"
)

// procExit is proc_exit; it does not return.
func procExit(_ context.Context, _ api.Module, s []uint64) { wasm.Exit(uint32(s[0])) }

// signals translates the signal numbers of preview 1 from 16 on; those below are Linux's.
var signals = [...]abi.Signal{
	abi.SIGCHLD, abi.SIGCONT, abi.SIGSTOP, abi.SIGTSTP, abi.SIGTTIN, abi.SIGTTOU, abi.SIGURG, abi.SIGXCPU, abi.SIGXFSZ,
	abi.SIGVTALRM, abi.SIGPROF, abi.SIGWINCH, abi.SIGIO, abi.SIGPWR, abi.SIGSYS,
}

// procRaise is proc_raise; signal none does nothing.
func procRaise(g *guest.Guest, s []uint64) error {
	n := uint32(s[0])
	var signal abi.Signal
	switch {
	case n < 16:
		signal = abi.Signal(n)
	case n-16 < uint32(len(signals)):
		signal = signals[n-16]
	default:
		return abi.EINVAL
	}
	return g.Task.Kill(g.Task.Pid(), signal)
}

// schedYield is sched_yield.
func schedYield(g *guest.Guest, _ []uint64) error {
	_ = g.Checkpoint() // what ends the task is seen on the way out
	return nil
}

// randomGet is random_get.
func randomGet(g *guest.Guest, s []uint64) error {
	b, err := slice(g, s[0], s[1])
	if err != nil {
		return err
	}
	for len(b) > 0 {
		n := min(len(b), 1<<20)
		rand.Read(b[:n]) // never fails (crypto/rand)
		b = b[n:]
		if g.Task != nil && g.Task.Checkpoint() != nil {
			return abi.EINTR
		}
	}
	return nil
}

// Clocks of preview 1.
const (
	clockRealtime  = 0
	clockMonotonic = 1
	clockProcess   = 2 // CPU time
	clockThread    = 3
)

// clock reads a clock in nanoseconds: EINVAL.
func clock(g *guest.Guest, id uint64) (int64, error) {
	switch uint32(id) {
	case clockRealtime:
		return time.Now().UnixNano(), nil
	case clockMonotonic:
		return int64(kernel.Monotonic()), nil
	case clockProcess, clockThread:
		if g.Task == nil {
			return 0, nil
		}
		return int64(g.Task.CPU()), nil
	}
	return 0, abi.EINVAL
}

// clockTimeGet is clock_time_get.
func clockTimeGet(g *guest.Guest, s []uint64) error {
	ns, err := clock(g, s[0])
	if err != nil {
		return err
	}
	return putU64(g, s[2], uint64(ns))
}

// clockResGet is clock_res_get.
func clockResGet(g *guest.Guest, s []uint64) error {
	if _, err := clock(g, s[0]); err != nil {
		return err
	}
	return putU64(g, s[1], 1)
}

// arguments returns the program's arguments, none without a task.
func arguments(g *guest.Guest) []string {
	if g.Task == nil {
		return nil
	}
	return g.Task.Image().Argv
}

// environ returns the environment. PWD is the working directory, whatever it was set to: preview 1 has no working
// directory, and Go takes it from there.
func environ(g *guest.Guest) []string {
	if g.Task == nil {
		return nil
	}
	cwd, _ := g.Task.Kernel().Namespace().Name(g.Task.Cwd(), g.Task.Root())
	env := g.Task.Image().Env
	list := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if !strings.HasPrefix(kv, "PWD=") {
			list = append(list, kv)
		}
	}
	return append(list, "PWD="+cwd)
}

// argsGet and argsSizesGet are args_get and args_sizes_get.
func argsGet(g *guest.Guest, s []uint64) error      { return putStrings(g, s, arguments(g)) }
func argsSizesGet(g *guest.Guest, s []uint64) error { return putSizes(g, s, arguments(g)) }

// environGet and environSizesGet are environ_get and environ_sizes_get.
func environGet(g *guest.Guest, s []uint64) error      { return putStrings(g, s, environ(g)) }
func environSizesGet(g *guest.Guest, s []uint64) error { return putSizes(g, s, environ(g)) }

// putStrings writes an array of pointers to s[0], and the strings that they point to, each ended by a zero, to s[1].
func putStrings(g *guest.Guest, s []uint64, list []string) error {
	pointers, err := slice(g, s[0], 4*uint64(len(list)))
	if err != nil {
		return err
	}
	at := uint32(s[1])
	for i, text := range list {
		b, err := slice(g, uint64(at), uint64(len(text)+1))
		if err != nil {
			return err
		}
		b[copy(b, text)] = 0
		le.PutUint32(pointers[4*i:], at)
		at += uint32(len(b))
	}
	return nil
}

func putSizes(g *guest.Guest, s []uint64, list []string) error {
	size := 0
	for _, text := range list {
		size += len(text) + 1
	}
	if err := putU32(g, s[0], uint32(len(list))); err != nil {
		return err
	}
	return putU32(g, s[1], uint32(size))
}
