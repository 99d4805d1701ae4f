// Package sandbox runs Linux-like programs in WebAssembly: a Runtime holds what all sandboxes share (the wasm engine,
// compiled programs, opened image layers), a Sandbox is one container's filesystem and kernel, a Process one program
// started in it from outside. It knows nothing of Docker.
package sandbox
