// Package abi holds the numbers, structures and texts of the linux/amd64 application binary interface:
// what a program inside a sandbox sees. It is pure data and builds for every GOOS, wasip1 included, so that
// the kernel and the programs that run on it share one copy.
//
// The identifiers keep their Linux names, so that they can be looked up in the man pages.
package abi
