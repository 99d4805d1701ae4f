// Package wasi is WASI preview 1, the module wasi_snapshot_preview1, on the kernel. The functions are those of
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md, whose heading of the same name describes each;
// docs/sandbox_abi.md tells how descriptors and paths are mapped.
//
// The sandbox is the container, not the directory: rights are reported but only reading and writing are enforced, and
// paths may lead out of the directory that they are relative to.
package wasi
