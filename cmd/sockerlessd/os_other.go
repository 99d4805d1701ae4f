//go:build !unix

package main

import (
	"context"
	"os"
)

// withUmask runs f: this system has no file mode creation mask.
func withUmask(_ int, f func()) { f() }

// notifyResize does nothing: this system doesn't tell of a terminal's window size.
func notifyResize(chan<- os.Signal) {}

// hangups is closed: this system has no SIGHUP.
func hangups(context.Context) <-chan os.Signal {
	c := make(chan os.Signal)
	close(c)
	return c
}

// fileOwner knows no owners of files here.
func fileOwner(os.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
