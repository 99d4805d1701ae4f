// Package wasm is the WebAssembly engine: it rewrites, compiles, caches and
// instantiates modules on wazero, and starts programs from templates of their
// initialised state. It knows nothing of tasks, files or Docker: host modules
// are registered on [Engine.Runtime] by their owners and find whom they act
// for with [GuestOf].
//
// Every module is rewritten when it is loaded (package internal/rewrite) so
// that it calls [Guest.Checkpoint] every few tenths of a millisecond; without
// that Go could neither stop nor share nor collect garbage while a guest
// computes.
//
// A module is a command (it exports _start) or a reactor (it exports
// _initialize and run, which returns the exit code as an i32, as Go's
// -buildmode=c-shared with //go:wasmexport run does). For both the engine
// keeps a template: linear memory as a file, mapped copy-on-write into each
// instance, and the values of the mutable globals. A command's template is its
// memory after the data segments, a reactor's is its state after _initialize,
// which runs once for all. What a reactor draws from random_get or reads from
// the clock in _initialize is therefore the same in all its runs: Go's map hash
// seed and the seed of math/rand's global source are shared, crypto/rand, which
// reads when it is used, is not. A program that relies on the former being
// secret must not be built as a reactor.
//
// Slices of guest memory (api.Memory.Read) are valid only until the host
// function that took them returns: afterwards the same addresses may serve
// another guest or be unmapped.
package wasm
