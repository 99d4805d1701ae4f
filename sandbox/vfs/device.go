package vfs

import (
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

var lastDevice atomic.Uint32

// NewDevice returns a device number (st_dev) for a filesystem that is on no device, as Linux gives major 0. It is
// unique in the process, for as long as fewer than a million filesystems live.
func NewDevice() uint64 {
	const minors = 1 << 20 // MINORBITS
	return abi.Mkdev(0, 16+(lastDevice.Add(1)-1)%(minors-16))
}
