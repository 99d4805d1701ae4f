// Package userland holds the container's busybox: a Go program compiled to WebAssembly, whose source is in the
// packages below. It is built, with the Go toolchain alone, by
//
//	go run ./sandbox/userland/build -o sandbox/userland/embedded/busybox.wasm
package userland

import (
	"embed"
	"errors"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

//go:embed embedded
var embedded embed.FS

// Busybox returns the WebAssembly module of the busybox: a WASI preview 1 reactor that imports linux.syscall
// (sandbox/abi) and exports run() -> exit code.
func Busybox() ([]byte, error) {
	module, err := embedded.ReadFile("embedded/busybox.wasm")
	if err != nil {
		return nil, errors.New("the busybox is not built into this program: run make, or go run ./sandbox/userland/build -o sandbox/userland/embedded/busybox.wasm, and build again")
	}
	return module, nil
}

// Applets returns the names of the busybox's applets, sorted.
func Applets() []string { return applet.Names() }
