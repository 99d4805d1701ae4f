//go:build !unix

package main

import "os"

// withUmask runs f: this system has no file mode creation mask.
func withUmask(_ int, f func()) { f() }

// notifyResize does nothing: this system doesn't tell of a terminal's window size.
func notifyResize(chan<- os.Signal) {}
