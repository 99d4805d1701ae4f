package wasm

import (
	"io/fs"
	"syscall"
	"time"
)

// lastUse is when a file was last read, as far as the host notes that (at least
// once a day by default: relatime in mount(8)), or written.
func lastUse(info fs.FileInfo) time.Time {
	used := info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if read := time.Unix(st.Atim.Unix()); read.After(used) {
			return read
		}
	}
	return used
}
