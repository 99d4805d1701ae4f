package kernel

import (
	"crypto/rand"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

var noDeadline time.Time

// Character devices (Documentation/admin-guide/devices.txt).
var (
	DevNull    = abi.Mkdev(1, 3)
	DevZero    = abi.Mkdev(1, 5)
	DevFull    = abi.Mkdev(1, 7)
	DevRandom  = abi.Mkdev(1, 8)
	DevUrandom = abi.Mkdev(1, 9)
	DevTTY     = abi.Mkdev(5, 0)
	DevConsole = abi.Mkdev(5, 1)
	DevPtmx    = abi.Mkdev(5, 2)
)

const ptsMajor = 136

// openSpecial opens what is no data: fifos and devices. ENXIO for a device that the sandbox has not.
func (t *Task) openSpecial(p vfs.Path, st abi.Stat, flags int) (vfs.File, error) {
	switch st.Mode & abi.S_IFMT {
	case abi.S_IFIFO:
		return t.openFifo(p.Dentry.Filesystem(), st, flags)
	case abi.S_IFCHR:
		if f := memoryDevice(st.Rdev); f != nil {
			return f, nil
		}
		switch st.Rdev {
		case DevTTY:
			tty := t.TTY()
			if tty == nil {
				return nil, abi.ENXIO
			}
			return tty.open(t, flags|abi.O_NOCTTY), nil
		case DevConsole:
			if tty := t.k.ptys.console(); tty != nil {
				return tty.open(t, flags), nil
			}
			return nil, abi.ENXIO
		case DevPtmx:
			return t.k.ptys.openMaster(t.k), nil
		}
		if abi.Major(st.Rdev) == ptsMajor {
			if tty := t.k.ptys.get(int(abi.Minor(st.Rdev))); tty != nil {
				return tty.open(t, flags), nil
			}
		}
	}
	return nil, abi.ENXIO
}

// OpenDevice opens the memory devices (null, zero, full, random), for who is no task: ENXIO for all else.
func (k *Kernel) OpenDevice(_ vfs.Path, st abi.Stat, _ int) (vfs.File, error) {
	if st.Mode&abi.S_IFMT == abi.S_IFCHR {
		if f := memoryDevice(st.Rdev); f != nil {
			return f, nil
		}
	}
	return nil, abi.ENXIO
}

func memoryDevice(rdev uint64) vfs.File {
	switch rdev {
	case DevNull:
		return nullDevice{}
	case DevZero:
		return zeroDevice{}
	case DevFull:
		return fullDevice{}
	case DevRandom, DevUrandom:
		return randomDevice{}
	}
	return nil
}

// always is a device that is ready for everything.
type always struct{}

func (always) Ready() vfs.Events     { return abi.POLLIN | abi.POLLOUT }
func (always) Queue() *vfs.WaitQueue { return nil }
func (always) Close() error          { return nil }

type nullDevice struct{ always }

func (nullDevice) Read([]byte, int64) (int, error)      { return 0, nil }
func (nullDevice) Write(p []byte, _ int64) (int, error) { return len(p), nil }

type zeroDevice struct{ always }

func (zeroDevice) Read(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}
func (zeroDevice) Write(p []byte, _ int64) (int, error) { return len(p), nil }

type fullDevice struct{ zeroDevice }

func (fullDevice) Write([]byte, int64) (int, error) { return 0, abi.ENOSPC }

type randomDevice struct{ always }

func (randomDevice) Read(p []byte, _ int64) (int, error) {
	p = p[:min(len(p), 1<<25-1)] // as Linux (random(4)), and so that a task in it can be killed
	rand.Read(p)                 // never fails (crypto/rand)
	return len(p), nil
}
func (randomDevice) Write(p []byte, _ int64) (int, error) { return len(p), nil }
