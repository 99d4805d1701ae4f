package procfs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func (fs *filesystem) top(entries ...entry) vfs.Inode {
	return &dir{node: node{fs: fs, mode: abi.S_IFDIR | 0o555, made: abi.TimespecOf(time.Now().UnixNano())}, fixed: entries}
}

func (fs *filesystem) sysRoot() vfs.Inode {
	cpus := func() string { return cpuList(fs.k.System().CPUs) }
	return fs.top(
		folder("block"),
		folder("bus"),
		folder("class", fs.sysClassNet()),
		folder("dev"),
		folder("devices", folder("system",
			entry{"cpu", abi.S_IFDIR | 0o555, func(n node) vfs.Inode { return fs.cpuDir(n, cpus) }},
			folder("node", fixedText("online", "0\n"), fixedText("possible", "0\n"), folder("node0", text("cpulist", cpus))),
		)),
		folder("firmware"),
		folder("fs", folder("cgroup")),
		folder("kernel", folder("mm", folder("transparent_hugepage",
			fixedText("enabled", "always madvise [never]\n"), fixedText("hpage_pmd_size", "2097152\n")))),
		folder("module"),
	)
}

// cpuDir is /sys/devices/system/cpu.
func (fs *filesystem) cpuDir(n node, cpus func() string) vfs.Inode {
	cpu := func(i int) entry {
		id := fixedText("core_id", strconv.Itoa(i)+"\n")
		return folder("cpu"+strconv.Itoa(i), folder("topology", id, fixedText("physical_package_id", "0\n")))
	}
	return &dir{
		node:  n,
		fixed: []entry{text("online", cpus), text("possible", cpus), text("present", cpus), fixedText("kernel_max", "8191\n")},
		find: func(name string) (entry, bool) {
			i, err := strconv.Atoi(strings.TrimPrefix(name, "cpu"))
			if err != nil || i < 0 || i >= fs.k.System().CPUs || name != "cpu"+strconv.Itoa(i) {
				return entry{}, false
			}
			return cpu(i), true
		},
		list: func() []entry {
			out := make([]entry, fs.k.System().CPUs)
			for i := range out {
				out[i] = cpu(i)
			}
			return out
		},
	}
}

// cpuList writes CPUs 0 to n-1 as sysfs does.
func cpuList(n int) string {
	if n <= 1 {
		return "0\n"
	}
	return fmt.Sprintf("0-%d\n", n-1)
}

// cgroupRoot is the sandbox's cgroup. Nothing in it can be written: EROFS.
func (fs *filesystem) cgroupRoot() vfs.Inode {
	value := func(name string, f func(c Cgroup) string) entry {
		return text(name, func() string { return f(fs.k.Cgroup()) + "\n" })
	}
	pids := func() string {
		var b strings.Builder
		for _, pid := range fs.k.Pids() {
			fmt.Fprintf(&b, "%d\n", pid)
		}
		return b.String()
	}
	return fs.top(
		fixedText("cgroup.controllers", "cpu memory pids\n"),
		value("cgroup.events", func(Cgroup) string { return "populated 1\nfrozen 0" }),
		text("cgroup.procs", pids),
		fixedText("cgroup.freeze", "0\n"),
		fixedText("cgroup.max.depth", "max\n"),
		fixedText("cgroup.max.descendants", "max\n"),
		fixedText("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n"),
		fixedText("cgroup.subtree_control", ""),
		text("cgroup.threads", pids),
		fixedText("cgroup.type", "domain\n"),
		value("cpu.max", func(c Cgroup) string {
			period := c.CPUPeriod
			if period == 0 {
				period = 100 * time.Millisecond
			}
			return fmt.Sprintf("%s %d", orMax(uint64(c.CPUQuota.Microseconds())), period.Microseconds())
		}),
		value("cpu.stat", func(c Cgroup) string {
			return fmt.Sprintf("usage_usec %d\nuser_usec %d\nsystem_usec %d\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0",
				(c.UserTime + c.SystemTime).Microseconds(), c.UserTime.Microseconds(), c.SystemTime.Microseconds())
		}),
		value("cpu.weight", func(c Cgroup) string {
			if c.CPUWeight == 0 {
				return "100"
			}
			return strconv.Itoa(c.CPUWeight)
		}),
		value("memory.current", func(c Cgroup) string { return strconv.FormatUint(c.MemoryCurrent, 10) }),
		value("memory.events", func(c Cgroup) string {
			return fmt.Sprintf("low 0\nhigh 0\nmax 0\noom %d\noom_kill %d\noom_group_kill 0", c.OOMKills, c.OOMKills)
		}),
		fixedText("memory.high", "max\n"),
		fixedText("memory.low", "0\n"),
		value("memory.max", func(c Cgroup) string { return orMax(c.MemoryMax) }),
		fixedText("memory.min", "0\n"),
		fixedText("memory.oom.group", "0\n"),
		value("memory.peak", func(c Cgroup) string { return strconv.FormatUint(c.MemoryPeak, 10) }),
		value("memory.stat", func(c Cgroup) string { return fmt.Sprintf("anon %d\nfile 0\nshmem 0\nslab 0", c.MemoryCurrent) }),
		fixedText("memory.swap.current", "0\n"),
		fixedText("memory.swap.max", "0\n"),
		value("pids.current", func(c Cgroup) string { return strconv.Itoa(c.PidsCurrent) }),
		value("pids.max", func(c Cgroup) string { return orMax(uint64(c.PidsMax)) }),
	)
}

// orMax writes a limit, "max" for none.
func orMax(n uint64) string {
	if n == 0 {
		return "max"
	}
	return strconv.FormatUint(n, 10)
}
