package procfs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sockerless/sockerless/sandbox/vfs"
)

// smaps is /proc/PID/smaps (proc_pid_smaps(5)): all of a program's memory is its own, and there.
func smaps(s Status) string {
	var b strings.Builder
	for _, m := range s.Maps {
		b.WriteString(mapLine(m))
		size := m.End - m.Start
		fmt.Fprintf(&b, "%-16s%8d kB\n%-16s%8d kB\n%-16s%8d kB\n", "Size:", size>>10, "KernelPageSize:", pageSize>>10, "MMUPageSize:", pageSize>>10)
		usage(&b, size)
		b.WriteString("THPeligible:           0\nVmFlags: rd wr mr mw me ac sd\n")
	}
	return b.String()
}

// smapsRollup is /proc/PID/smaps_rollup: the sum of smaps.
func smapsRollup(s Status) string {
	if len(s.Maps) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(mapLine(Mapping{Start: s.Maps[0].Start, End: s.Maps[len(s.Maps)-1].End, Perms: "---p", Name: "[rollup]"}))
	sum := uint64(0)
	for _, m := range s.Maps {
		sum += m.End - m.Start
	}
	usage(&b, sum)
	return b.String()
}

func usage(b *strings.Builder, size uint64) {
	line := func(name string, bytes uint64) { fmt.Fprintf(b, "%-16s%8d kB\n", name+":", bytes>>10) }
	for _, name := range []string{"Rss", "Pss", "Pss_Dirty"} {
		line(name, size)
	}
	for _, name := range []string{"Shared_Clean", "Shared_Dirty", "Private_Clean"} {
		line(name, 0)
	}
	for _, name := range []string{"Private_Dirty", "Referenced", "Anonymous"} {
		line(name, size)
	}
	for _, name := range []string{
		"KSM", "LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss", "Locked",
	} {
		line(name, 0)
	}
}

// auxv is /proc/PID/auxv (getauxval(3)): what does not depend on where a program lies in memory.
func auxv(s Status) string {
	const pageSz, uid, euid, gid, egid, clkTck, secure = 6, 11, 12, 13, 14, 17, 23
	cred := s.Cred
	if cred == nil {
		cred = &vfs.Cred{}
	}
	other := uint64(0)
	if cred.UID != cred.RealUID || cred.GID != cred.RealGID {
		other = 1
	}
	var b []byte
	for _, v := range [][2]uint64{
		{pageSz, pageSize}, {clkTck, 100}, {uid, uint64(cred.RealUID)}, {euid, uint64(cred.UID)}, {gid, uint64(cred.RealGID)},
		{egid, uint64(cred.GID)}, {secure, other}, {0, 0},
	} {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, v[0]), v[1])
	}
	return string(b)
}
