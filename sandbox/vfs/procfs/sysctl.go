package procfs

import (
	"crypto/rand"
	"fmt"
	"strconv"
)

// sysctl is /proc/sys. Nothing in it can be written: EROFS, as in a container of Docker's.
func (fs *filesystem) sysctl() entry {
	value := func(name string, f func(s System) string) entry {
		return text(name, func() string { return f(fs.k.System()) + "\n" })
	}
	fixed := func(name, v string) entry { return fixedText(name, v+"\n") }
	return folder("sys",
		folder("fs",
			fixed("aio-max-nr", "65536"),
			fixed("aio-nr", "0"),
			folder("epoll", fixed("max_user_watches", "1048576")),
			value("file-max", func(s System) string { return strconv.FormatUint(s.MaxFiles, 10) }),
			value("file-nr", func(s System) string { return fmt.Sprintf("%d\t0\t%d", s.OpenFiles, s.MaxFiles) }),
			folder("inotify",
				fixed("max_queued_events", "16384"), fixed("max_user_instances", "1048576"), fixed("max_user_watches", "8192")),
			fixed("lease-break-time", "45"),
			fixed("nr_open", "1048576"),
			fixed("overflowgid", "65534"),
			fixed("overflowuid", "65534"),
			fixed("pipe-max-size", "1048576"),
		),
		folder("kernel",
			fixed("cap_last_cap", "40"),
			fixed("core_pattern", "core"),
			fixed("core_uses_pid", "0"),
			fixed("dmesg_restrict", "1"),
			value("domainname", func(s System) string {
				if s.Domainname == "" {
					return "(none)"
				}
				return s.Domainname
			}),
			value("hostname", func(s System) string { return s.Hostname }),
			fixed("msgmax", "8192"),
			fixed("msgmnb", "16384"),
			fixed("msgmni", "32000"),
			fixed("ngroups_max", "65536"),
			value("ns_last_pid", func(s System) string { return strconv.Itoa(s.LastPID) }),
			value("osrelease", func(s System) string { return s.Release }),
			fixed("ostype", "Linux"),
			fixed("panic", "0"),
			fixed("printk", "4\t4\t1\t7"),
			fixed("overflowgid", "65534"),
			fixed("overflowuid", "65534"),
			value("pid_max", func(s System) string { return strconv.Itoa(s.MaxPID) }),
			folder("random",
				value("boot_id", func(s System) string { return s.BootID }),
				fixed("entropy_avail", "256"),
				fixed("poolsize", "256"),
				text("uuid", func() string { return uuid() + "\n" }),
			),
			fixed("randomize_va_space", "2"),
			fixed("sem", "32000\t1024000000\t500\t32000"),
			fixed("shmall", "18446744073692774399"),
			fixed("shmmax", "18446744073692774399"),
			fixed("shmmni", "4096"),
			fixed("tainted", "0"),
			value("threads-max", func(s System) string { return strconv.Itoa(s.MaxPID) }),
			value("version", func(s System) string { return s.Version }),
		),
		folder("net",
			folder("core", fixed("somaxconn", "4096")),
			folder("ipv4",
				fixed("ip_forward", "1"),
				fixed("ip_local_port_range", "32768\t60999"),
				fixed("ip_unprivileged_port_start", "0"),
			),
		),
		folder("vm",
			fixed("max_map_count", "65530"),
			fixed("mmap_min_addr", "65536"),
			fixed("overcommit_memory", "1"),
			fixed("overcommit_kbytes", "0"),
			fixed("overcommit_ratio", "50"),
			fixed("panic_on_oom", "0"),
			fixed("swappiness", "60"),
		),
	)
}

// uuid returns a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0xf|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
