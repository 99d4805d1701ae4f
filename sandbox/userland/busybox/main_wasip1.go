package main

import (
	"runtime/debug"

	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// The first collection comes when 16 MiB are in use: short commands never collect.
var _ = debug.SetGCPercent(400)

// runProcess runs one process in a fresh copy of the template and returns its exit code.
//
//go:wasmexport run
func runProcess() int32 { return int32(run(sys.Args())) }
