// Command exit is a reactor whose run does not return but exits.
package main

import "os"

//go:wasmexport run
func run() int32 {
	os.Stdout.WriteString("exiting\n")
	os.Exit(9)
	return 0
}

func main() {}
