package procfs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// taskStat is /proc/PID/stat (proc_pid_stat(5)).
func (fs *filesystem) taskStat(s Status, pid int) string {
	start := max(s.Start.Sub(fs.k.System().Boot), 0)
	low := func(set abi.SigSet) uint64 { return uint64(set) & 0x7fffffff }
	rsslim := s.Limits[abi.RLIMIT_RSS].Cur
	exit := uint32(0)
	if s.State == 'Z' {
		exit = uint32(s.ExitStatus)
	}
	return fmt.Sprintf("%d (%s) %c %d %d %d %d %d %d "+ // pid to flags
		"0 0 0 0 %d %d %d %d "+ // page faults, times
		"%d %d %d 0 %d %d %d %d "+ // priority to rsslim
		"0 0 0 0 0 "+ // addresses
		"%d %d %d %d "+ // signals
		"0 0 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 %d\n",
		pid, s.Comm, s.State, s.PPID, s.PGID, s.SID, s.TTY, s.Foreground, 0x400000,
		ticks(s.User), ticks(s.System), ticks(s.ChildUser), ticks(s.ChildSystem),
		20+s.Nice, s.Nice, max(len(s.Threads), 1), ticks(start), s.Size, s.RSS/pageSize, rsslim,
		low(s.Pending), low(s.Blocked), low(s.Ignored), low(s.Caught),
		abi.SIGCHLD, exit)
}

// statm is /proc/PID/statm: size resident shared text lib data dt, in pages.
func statm(s Status) string {
	return fmt.Sprintf("%d %d 0 0 0 %d 0\n", s.Size/pageSize, s.RSS/pageSize, s.Size/pageSize)
}

// taskStatus is /proc/PID/status (proc_pid_status(5)).
func taskStatus(s Status, pid, cpus int) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	cred := s.Cred
	if cred == nil {
		cred = &vfs.Cred{}
	}
	p("Name:\t%s\n", nameEscaper.Replace(s.Comm))
	if s.State != 'Z' {
		p("Umask:\t%04o\n", s.Umask)
	}
	p("State:\t%c (%s)\n", s.State, stateName(s.State))
	p("Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", s.PID, pid, s.PPID)
	p("Uid:\t%d\t%d\t%d\t%d\n", cred.RealUID, cred.UID, cred.SavedUID, cred.UID)
	p("Gid:\t%d\t%d\t%d\t%d\n", cred.RealGID, cred.GID, cred.SavedGID, cred.GID)
	p("FDSize:\t%d\nGroups:\t", s.FDSize)
	for i, g := range cred.Groups {
		if i > 0 {
			b.WriteByte(' ')
		}
		p("%d", g)
	}
	p(" \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", s.PID, pid, s.PGID, s.SID)
	if s.State != 'Z' {
		kb := func(name string, bytes uint64) { p("%s:\t%8d kB\n", name, bytes>>10) }
		kb("VmPeak", max(s.PeakSize, s.Size))
		kb("VmSize", s.Size)
		kb("VmLck", 0)
		kb("VmPin", 0)
		kb("VmHWM", max(s.Peak, s.RSS))
		kb("VmRSS", s.RSS)
		kb("RssAnon", s.RSS)
		kb("RssFile", 0)
		kb("RssShmem", 0)
		kb("VmData", s.Size)
		for _, name := range []string{"VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "HugetlbPages"} {
			kb(name, 0)
		}
		p("CoreDumping:\t0\nTHP_enabled:\t0\n")
	}
	p("Threads:\t%d\nSigQ:\t0/%d\n", max(len(s.Threads), 1), s.Limits[abi.RLIMIT_SIGPENDING].Cur)
	for _, set := range []struct {
		name string
		set  abi.SigSet
	}{{"SigPnd", 0}, {"ShdPnd", s.Pending}, {"SigBlk", s.Blocked}, {"SigIgn", s.Ignored}, {"SigCgt", s.Caught}} {
		p("%s:\t%016x\n", set.name, uint64(set.set))
	}
	caps := cred.CapSets()
	p("CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\n",
		caps.Inheritable, caps.Permitted, caps.Effective, caps.Bounding, caps.Ambient)
	noNewPrivs := 0
	if cred.NoNewPrivs {
		noNewPrivs = 1
	}
	p("NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", noNewPrivs)
	p("Cpus_allowed:\t%x\nCpus_allowed_list:\t%sMems_allowed:\t1\nMems_allowed_list:\t0\n", uint64(1)<<min(cpus, 63)-1, cpuList(cpus))
	p("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n")
	return b.String()
}

var nameEscaper = strings.NewReplacer("\n", `\n`, `\`, `\\`)

func stateName(state byte) string {
	switch state {
	case 'R':
		return "running"
	case 'S':
		return "sleeping"
	case 'D':
		return "disk sleep"
	case 'T':
		return "stopped"
	case 't':
		return "tracing stop"
	case 'Z':
		return "zombie"
	case 'X':
		return "dead"
	}
	return "unknown"
}

// limits is /proc/PID/limits.
func limits(s Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units")
	for i, l := range limitNames {
		fmt.Fprintf(&b, "%-25s %-20s %-20s ", l.name, limit(s.Limits[i].Cur), limit(s.Limits[i].Max))
		if l.unit != "" {
			fmt.Fprintf(&b, "%-10s", l.unit)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func limit(n uint64) string {
	if n == abi.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

var limitNames = [abi.RLIM_NLIMITS]struct{ name, unit string }{
	abi.RLIMIT_CPU:        {"Max cpu time", "seconds"},
	abi.RLIMIT_FSIZE:      {"Max file size", "bytes"},
	abi.RLIMIT_DATA:       {"Max data size", "bytes"},
	abi.RLIMIT_STACK:      {"Max stack size", "bytes"},
	abi.RLIMIT_CORE:       {"Max core file size", "bytes"},
	abi.RLIMIT_RSS:        {"Max resident set", "bytes"},
	abi.RLIMIT_NPROC:      {"Max processes", "processes"},
	abi.RLIMIT_NOFILE:     {"Max open files", "files"},
	abi.RLIMIT_MEMLOCK:    {"Max locked memory", "bytes"},
	abi.RLIMIT_AS:         {"Max address space", "bytes"},
	abi.RLIMIT_LOCKS:      {"Max file locks", "locks"},
	abi.RLIMIT_SIGPENDING: {"Max pending signals", "signals"},
	abi.RLIMIT_MSGQUEUE:   {"Max msgqueue size", "bytes"},
	abi.RLIMIT_NICE:       {"Max nice priority", ""},
	abi.RLIMIT_RTPRIO:     {"Max realtime priority", ""},
	abi.RLIMIT_RTTIME:     {"Max realtime timeout", "us"},
}
