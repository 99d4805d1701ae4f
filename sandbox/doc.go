// Package sandbox runs Linux-like programs in WebAssembly, as a library: no privileges, no other process, no Docker.
//
// A [Runtime] holds what all sandboxes share: the WebAssembly engine, compiled programs, opened image layers. A [Sandbox]
// is one container: the filesystem that it sees (layers of an image, a writable layer, mounts) and, while something runs,
// a kernel with its processes. A [Process] is a program started in it from outside, with its standard streams.
//
// What programs find inside, and what a WebAssembly program can use, is written down in docs/sandbox_abi.md. The shell and
// the applets of the embedded image come from the packages below userland.
//
// All methods may be called from several goroutines. Nothing that runs in a sandbox reaches the host but by what its
// [Config] mounts, the network that it gives, the clock, and random numbers.
package sandbox
