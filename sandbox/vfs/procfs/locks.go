package procfs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// locks is /proc/locks (proc_locks(5)): the locks of the sandbox's processes.
func locks(list []vfs.HeldLock) string {
	var b strings.Builder
	for i, l := range list {
		kind, pid, typ, end := "POSIX ", l.Owner.PID, "READ ", "EOF"
		switch l.Owner.Kind {
		case vfs.FlockLock:
			kind = "FLOCK "
		case vfs.DescriptionLock:
			kind, pid = "OFDLCK", -1
		}
		if l.Type == abi.F_WRLCK {
			typ = "WRITE"
		}
		if l.End != vfs.LockEnd {
			end = strconv.FormatInt(l.End, 10)
		}
		fmt.Fprintf(&b, "%d: %s ADVISORY  %s %d %02x:%02x:%d %d %s\n", i+1, kind, typ, pid,
			abi.Major(l.File.Dev), abi.Minor(l.File.Dev), l.File.Ino, l.Start, end)
	}
	return b.String()
}
