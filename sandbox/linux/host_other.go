//go:build !linux

package linux

// hostMemory returns the bytes of the host's memory, 0 when it cannot be told.
func hostMemory() uint64 { return 0 }
