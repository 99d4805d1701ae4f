package vnet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// States of connections as /proc/net/tcp numbers them.
const (
	tcpEstablished = 1
	tcpSynSent     = 2
	tcpFinWait2    = 5
	tcpClose       = 7
	tcpCloseWait   = 8
	tcpListen      = 10
)

// ProcNet is the content of a file of /proc/net (proc(5)): tcp, tcp6, udp, udp6, icmp, unix, dev, route, if_inet6, ipv6_route,
// arp. ok is false for others.
func (st *Stack) ProcNet(name string) (text string, ok bool) {
	var b strings.Builder
	switch name {
	case "tcp", "tcp6":
		st.procTCP(&b, name == "tcp6")
	case "udp", "udp6":
		procDatagrams(&b, &st.udp, name == "udp6")
	case "icmp", "icmp6":
		procDatagrams(&b, &st.icmp, name == "icmp6")
	case "unix":
		st.procUnix(&b)
	case "dev":
		st.procDev(&b)
	case "route":
		st.procRoute(&b)
	case "ipv6_route":
		st.procRoute6(&b)
	case "if_inet6":
		for _, i := range st.Interfaces() {
			for _, p := range i.Addrs {
				if p.Addr().Is4() {
					continue
				}
				scope, flags := 0, 0x80
				switch {
				case i.Loopback:
					scope = 0x10
				case p.Addr().IsLinkLocalUnicast():
					scope = 0x20
				}
				fmt.Fprintf(&b, "%x %02x %02x %02x %02x %8s\n", p.Addr().As16(), i.Index, p.Bits(), scope, flags, i.Name)
			}
		}
	case "arp":
		b.WriteString("IP address       HW type     Flags       HW address            Mask     Device\n")
	default:
		return "", false
	}
	return b.String(), true
}

// hexAddr writes an address as the kernel does: words in the machine's order.
func hexAddr(ap netip.AddrPort, six bool) string {
	if !six {
		a := ap.Addr().As4()
		return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(a[:]), ap.Port())
	}
	a := ap.Addr().As16()
	var b strings.Builder
	for i := 0; i < 16; i += 4 {
		fmt.Fprintf(&b, "%08X", binary.LittleEndian.Uint32(a[i:]))
	}
	fmt.Fprintf(&b, ":%04X", ap.Port())
	return b.String()
}

func remoteOr(ap netip.AddrPort, six bool) netip.AddrPort {
	switch {
	case ap.IsValid():
		return ap
	case six:
		return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
}

func (st *Stack) procTCP(b *strings.Builder, six bool) {
	if six {
		b.WriteString("  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt" +
			"   uid  timeout inode\n")
	} else {
		fmt.Fprintf(b, "%-149s\n", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")
	}
	n := 0
	for _, x := range st.tcp.list() {
		s := x.sock.(*stream)
		if (s.domain == abi.AF_INET6) != six {
			continue
		}
		state, tx, rx := s.summary()
		if state == tcpClose {
			continue // bound, and not in Linux's tables
		}
		line := fmt.Sprintf("%4d: %s %s %02X %08X:%08X %02X:%08X %08X %5d %8d %d 1 %016x 100 0 0 10 0", n, hexAddr(x.addr, six),
			hexAddr(remoteOr(x.remote, six), six), state, tx, rx, 0, 0, 0, s.owner.UID, 0, s.ino, 0)
		if six {
			b.WriteString(line + "\n")
		} else {
			fmt.Fprintf(b, "%-149s\n", line)
		}
		n++
	}
}

// summary is a stream's state and what waits in its buffers.
func (s *stream) summary() (state, tx, rx int) {
	l := s.link.Load()
	if l == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch s.state {
		case listening:
			s.listener.mu.Lock()
			defer s.listener.mu.Unlock()
			return tcpListen, 0, len(s.listener.queue)
		case connecting:
			return tcpSynSent, 0, 0
		}
		return tcpClose, 0, 0
	}
	rx, _, fin, dead, _, _ := l.rx.state()
	_, _, _, _, shut, _ := l.tx.state()
	switch {
	case dead || fin && shut:
		return tcpClose, 0, rx
	case fin:
		return tcpCloseWait, 0, rx
	case shut:
		return tcpFinWait2, 0, rx
	}
	return tcpEstablished, 0, rx
}

func procDatagrams(b *strings.Builder, t *ports, six bool) {
	if six {
		b.WriteString("  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt" +
			"   uid  timeout inode ref pointer drops\n")
	} else {
		fmt.Fprintf(b, "%-127s\n", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops")
	}
	for n, x := range t.list() {
		d := x.sock.(*datagram)
		if (d.domain == abi.AF_INET6) != six {
			continue
		}
		state := tcpClose
		if x.remote.IsValid() {
			state = tcpEstablished
		}
		d.mu.Lock()
		held := d.held
		d.mu.Unlock()
		line := fmt.Sprintf("%5d: %s %s %02X %08X:%08X %02X:%08X %08X %5d %8d %d 2 %016x 0", n, hexAddr(x.addr, six),
			hexAddr(remoteOr(x.remote, six), six), state, 0, held, 0, 0, 0, d.owner.UID, 0, d.ino, 0)
		if six {
			b.WriteString(line + "\n")
		} else {
			fmt.Fprintf(b, "%-127s\n", line)
		}
	}
}

// procUnix lists the sockets that have names.
func (st *Stack) procUnix(b *strings.Builder) {
	b.WriteString("Num       RefCount Protocol Flags    Type St Inode Path\n")
	st.mu.Lock()
	var list []Socket
	for _, s := range st.abstract {
		list = append(list, s)
	}
	for s := range st.paths {
		list = append(list, s)
	}
	st.mu.Unlock()
	for _, s := range list {
		base := baseOf(s)
		flags, state := 0, 1
		if t, ok := s.(*stream); ok && t.listens() {
			flags = 0x10000
		}
		fmt.Fprintf(b, "%016x: %08X %08X %08X %04X %02X %5d %s\n", 0, 2, 0, flags, base.typ, state, base.ino, base.LocalAddr())
	}
}

func (st *Stack) procDev(b *strings.Builder) {
	b.WriteString("Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n")
	for _, i := range st.Interfaces() {
		fmt.Fprintf(b, "%6s: %7d %7d %4d %4d %4d %5d %10d %9d %8d %7d %4d %4d %4d %5d %7d %10d\n", i.Name,
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
}

func (st *Stack) procRoute(b *strings.Builder) {
	line := func(format string, args ...any) { fmt.Fprintf(b, "%-127s\n", fmt.Sprintf(format, args...)) }
	line("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")
	hex := func(a netip.Addr) uint32 {
		v := a.As4()
		return binary.LittleEndian.Uint32(v[:])
	}
	zero := netip.IPv4Unspecified()
	row := func(i *Interface, dst, gw netip.Addr, flags, bits int) {
		line("%s\t%08X\t%08X\t%04X\t%d\t%d\t%d\t%08X\t%d\t%d\t%d", i.Name, hex(dst), hex(gw), flags, 0, 0, 0, hex(mask4(bits)), 0, 0, 0)
	}
	list := st.Interfaces()
	for _, i := range list {
		if i.Gateway4.IsValid() {
			row(i, zero, i.Gateway4, 3, 0) // RTF_UP, RTF_GATEWAY
			break
		}
	}
	for _, i := range list {
		for _, p := range i.Addrs {
			if p.Addr().Is4() && !i.Loopback {
				row(i, p.Masked().Addr(), zero, 1, p.Bits())
			}
		}
	}
}

func (st *Stack) procRoute6(b *strings.Builder) {
	zero := netip.IPv6Unspecified().As16()
	for _, i := range st.Interfaces() {
		for _, p := range i.Addrs {
			if !p.Addr().Is4() {
				fmt.Fprintf(b, "%x %02x %x 00 %x %08x %08x %08x %08x %8s\n", p.Masked().Addr().As16(), p.Bits(), zero, zero, 256, 1, 0, 1, i.Name)
			}
		}
		if i.Gateway6.IsValid() {
			fmt.Fprintf(b, "%x 00 %x 00 %x %08x %08x %08x %08x %8s\n", zero, zero, i.Gateway6.As16(), 1024, 1, 0, 3, i.Name)
		}
	}
}
