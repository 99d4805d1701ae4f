package linux

import "golang.org/x/sys/unix"

// hostMemory returns the bytes of the host's memory, 0 when it cannot be told.
func hostMemory() uint64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return uint64(s.Totalram) * uint64(s.Unit)
}
