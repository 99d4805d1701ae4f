// Package kernel is a small Linux-like kernel: tasks, file descriptors, pipes, terminals, signals, wait, credentials and
// limits of one sandbox. It runs programs of several kinds, told apart by Loaders, and knows none of them.
//
// A task is a process of one thread, run by one goroutine. The methods of Task that stand for system calls are called
// on that goroutine by the program; they block only it, and a signal ends the wait with EINTR. A program must call
// Checkpoint often enough: that is where it is stopped, paused and killed. When a call returns EINTR or Checkpoint an
// error, and Dying reports true, the program must return from Run.
//
// Locks: Kernel.mu guards the process tree, sessions and signal state of all tasks of the sandbox. It is held briefly
// and never across I/O. A file's own lock is taken before it (a terminal sends signals); it is never the other way
// around.
package kernel
