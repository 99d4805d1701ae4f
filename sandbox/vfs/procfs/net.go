package procfs

import (
	"fmt"
	"strings"
)

// net is the entry of /proc/PID/net. The tables of sockets have their headers alone.
func net(fs *filesystem) entry {
	const (
		tcp  = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
		tcp6 = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt" +
			"   uid  timeout inode"
		udp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
	)
	return folder("net",
		fixedText("arp", "IP address       HW type     Flags       HW address            Mask     Device\n"),
		text("dev", func() string { return netDev(fs.k.System().Interfaces) }),
		fixedText("if_inet6", ""),
		fixedText("netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"),
		fixedText("packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
		fixedText("raw", udp+"\n"),
		fixedText("route", fmt.Sprintf("%-127s\n", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")),
		fixedText("tcp", fmt.Sprintf("%-149s\n", tcp)),
		fixedText("tcp6", tcp6+"\n"),
		fixedText("udp", fmt.Sprintf("%-127s\n", " "+udp)),
		fixedText("udp6", tcp6+" ref pointer drops\n"),
		fixedText("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
	)
}

func netDev(list []Interface) string {
	var b strings.Builder
	b.WriteString("Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n")
	for _, i := range list {
		fmt.Fprintf(&b, "%6s: %7d %7d %4d %4d %4d %5d %10d %9d %8d %7d %4d %4d %4d %5d %7d %10d\n", i.Name,
			i.RxBytes, i.RxPackets, i.RxErrors, i.RxDropped, 0, 0, 0, 0,
			i.TxBytes, i.TxPackets, i.TxErrors, i.TxDropped, 0, 0, 0, 0)
	}
	return b.String()
}
