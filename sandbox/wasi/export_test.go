package wasi

import "github.com/sockerless/sockerless/sandbox/guest"

// Calls returns the functions by name, with their signatures.
func Calls() map[string]struct {
	Params string
	Call   func(*guest.Guest, []uint64) error
} {
	calls := map[string]struct {
		Params string
		Call   func(*guest.Guest, []uint64) error
	}{}
	for _, f := range functions {
		c := calls[f.name]
		c.Params, c.Call = f.params, f.call
		calls[f.name] = c
	}
	return calls
}

// Errno is errno.
func Errno(err error) uint8 { return errno(err) }
