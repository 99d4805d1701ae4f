// Package linux is the linux/amd64 system-call interface on the kernel: what a program sees that makes system calls by
// number, with Linux's structures and error numbers. WebAssembly programs reach it by one imported function
// (Instantiate), others by Syscall.
//
// Each call is a function of the family's file, named for it; its comment says which of the errors in section 2 of the
// man pages it gives, and where it differs from Linux. Calls that are not in the table give ENOSYS.
//
// There are no asynchronous signal handlers: a handler that a program sets makes the signal interrupt blocking calls,
// and SYS_SIGNAL_NEXT tells which it was (docs/sandbox_abi.md).
package linux
