// Command echo is built as a reactor, as the userland is: _initialize runs
// once, run for each process.
package main

import (
	"os"
	"strings"
)

//go:wasmexport run
func run() int32 {
	args := os.Args
	if len(args) > 1 {
		os.Stdout.WriteString(strings.Join(args[1:], " ") + "\n")
	} else {
		os.Stdout.WriteString("hello from a reactor\n")
	}
	return 7
}

func main() {}
