//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// withUmask runs f with a file mode creation mask. The mask is the process's: nothing else may create files meanwhile.
func withUmask(mask int, f func()) {
	old := syscall.Umask(mask)
	defer syscall.Umask(old)
	f()
}

// notifyResize announces changes of our terminal's window size.
func notifyResize(c chan<- os.Signal) { signal.Notify(c, syscall.SIGWINCH) }
