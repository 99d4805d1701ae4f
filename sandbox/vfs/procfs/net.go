package procfs

import (
	"fmt"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// net is the entry of /proc/PID/net. Most of its files are the network's to write (Kernel.Net).
func net(fs *filesystem) entry {
	const raw = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
	entries := []entry{
		fixedText("netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"),
		fixedText("packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
		fixedText("raw", raw+"\n"),
	}
	for _, name := range []string{"arp", "dev", "icmp", "icmp6", "if_inet6", "ipv6_route", "route", "tcp", "tcp6", "udp", "udp6", "unix"} {
		entries = append(entries, text(name, func() string { return fs.k.Net(name) }))
	}
	return folder("net", entries...)
}

// sysClassNet is /sys/class/net: a directory for each interface.
func (fs *filesystem) sysClassNet() entry {
	one := func(i Interface) entry {
		value := func(name, v string) entry { return fixedText(name, v+"\n") }
		carrier, state := "1", "up"
		if i.Type != 1 {
			state = "unknown"
		}
		return folder(i.Name, value("address", i.Address), value("addr_len", "6"), value("mtu", fmt.Sprint(i.MTU)),
			value("type", fmt.Sprint(i.Type)), value("flags", fmt.Sprintf("0x%x", i.Flags)), value("ifindex", fmt.Sprint(i.Index)),
			value("iflink", fmt.Sprint(i.Index)), value("carrier", carrier), value("operstate", state),
			value("tx_queue_len", "1000"), value("dev_id", "0x0"), value("broadcast", broadcastOf(i)))
	}
	return entry{"net", abi.S_IFDIR | 0o555, func(n node) vfs.Inode {
		return &dir{
			node: n,
			find: func(name string) (entry, bool) {
				for _, i := range fs.k.System().Interfaces {
					if i.Name == name {
						return one(i), true
					}
				}
				return entry{}, false
			},
			list: func() []entry {
				var out []entry
				for _, i := range fs.k.System().Interfaces {
					out = append(out, one(i))
				}
				return out
			},
		}
	}}
}

func broadcastOf(i Interface) string {
	if i.Type != 1 {
		return "00:00:00:00:00:00"
	}
	return strings.TrimSuffix(strings.Repeat("ff:", 6), ":")
}
