package overlay

import (
	"syscall"

	"github.com/sockerless/sockerless/sandbox/abi"
)

func hostStatfs(dir string) (abi.Statfs, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return abi.Statfs{}, err
	}
	return abi.Statfs{
		Bsize: st.Bsize, Frsize: st.Frsize, Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail,
		Files: st.Files, Ffree: st.Ffree,
	}, nil
}

// allocated returns how many blocks of 512 bytes a host file takes.
func allocated(sys any) (int64, bool) {
	st, ok := sys.(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Blocks, true
}
