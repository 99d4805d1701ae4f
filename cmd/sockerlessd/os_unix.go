//go:build unix

package main

import (
	"context"
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

// hangups delivers SIGHUP, until ctx ends.
func hangups(ctx context.Context) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	out := make(chan os.Signal)
	go func() {
		defer close(out)
		defer signal.Stop(c)
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-c:
				out <- s
			}
		}
	}()
	return out
}

// fileOwner returns whose a file is.
func fileOwner(st os.FileInfo) (uid, gid int, ok bool) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(s.Uid), int(s.Gid), true
}
