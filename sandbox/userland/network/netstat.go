package network

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

var tcpStates = []string{"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"}

// Netstat shows sockets and routes.
func Netstat(c *applet.Context) int {
	o := c.Getopt("laentuwxrWp")
	c.NArgs(0, 0)
	if o.Has("r") {
		showRoutes(c, o.Has("n"), !o.Has("e"))
		return 0
	}
	n := &netstat{c: c, all: o.Has("a"), listening: o.Has("l"), extra: o.Has("e"), programs: o.Has("p")}
	if n.programs {
		n.owners = socketOwners()
	}
	every := !o.Has("tuwx")
	if every || o.Has("tuw") {
		n.inet(every || o.Has("t"), every || o.Has("u"), every || o.Has("w"))
	}
	if every || o.Has("x") {
		n.unix()
	}
	return 0
}

type netstat struct {
	c               *applet.Context
	all, listening  bool
	extra, programs bool
	owners          map[string]string // "PID/name" by inode
}

func (n *netstat) kinds() string {
	switch {
	case n.listening && n.all, n.all:
		return "(servers and established)"
	case n.listening:
		return "(only servers)"
	}
	return "(w/o servers)"
}

func (n *netstat) inet(tcp, udp, raw bool) {
	n.c.Out.Printf("Active Internet connections %s\nProto Recv-Q Send-Q Local Address           Foreign Address         State       ", n.kinds())
	if n.extra {
		n.c.Out.WriteString("User       Inode      ")
	}
	if n.programs {
		n.c.Out.WriteString("PID/Program name")
	}
	n.c.Out.WriteString("\n")
	for _, f := range []struct {
		on    bool
		proto string
	}{{tcp, "tcp"}, {tcp, "tcp6"}, {udp, "udp"}, {udp, "udp6"}, {raw, "raw"}, {raw, "raw6"}} {
		if f.on {
			n.table(f.proto)
		}
	}
}

func (n *netstat) table(proto string) {
	data, _ := applet.ReadFile("/proc/net/" + proto)
	for i, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) < 10 {
			continue
		}
		local, remote := endpoint(f[1]), endpoint(f[2])
		state, _ := strconv.ParseInt(f[3], 16, 32)
		server := state == 10
		text := ""
		if strings.HasPrefix(proto, "tcp") {
			if int(state) < len(tcpStates) {
				text = tcpStates[state]
			}
		} else {
			server = remote.Port() == 0
			if state == 1 {
				text = "ESTABLISHED"
			}
		}
		if !n.all && server != n.listening {
			continue
		}
		tx, rx, _ := strings.Cut(f[4], ":")
		q := func(s string) int64 {
			v, _ := strconv.ParseInt(s, 16, 64)
			return v
		}
		line := fmt.Sprintf("%-3s   %6d %6d %-23s %-23s %-12s", strings.TrimSuffix(proto, "6"), q(rx), q(tx), show(local), show(remote), text)
		if n.extra {
			line += fmt.Sprintf("%-10s %-10s ", userName(f[7]), f[9])
		}
		if n.programs {
			line += n.owner(f[9])
		}
		n.c.Out.WriteString(line + "\n")
	}
}

func userName(id string) string {
	if uid, err := strconv.Atoi(id); err == nil {
		if name, ok := applet.LoadAccounts().UserName(uid); ok {
			return name
		}
	}
	return id
}

func (n *netstat) owner(inode string) string {
	if s := n.owners[inode]; s != "" {
		return s
	}
	return "-"
}

// endpoint reads an address of /proc/net/tcp.
func endpoint(s string) netip.AddrPort {
	addr, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(addr)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}
	}
	for i := 0; i < len(b); i += 4 {
		binary.LittleEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	p, _ := strconv.ParseUint(port, 16, 16)
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(p))
}

func show(ap netip.AddrPort) string {
	port := strconv.Itoa(int(ap.Port()))
	if port == "0" {
		port = "*"
	}
	return ap.Addr().String() + ":" + port
}

var unixTypes = map[string]string{"0001": "STREAM", "0002": "DGRAM", "0003": "RAW", "0004": "RDM", "0005": "SEQPACKET"}

func (n *netstat) unix() {
	n.c.Out.Printf("Active UNIX domain sockets %s\nProto RefCnt Flags       Type       State         I-Node ", n.kinds())
	if n.programs {
		n.c.Out.WriteString("PID/Program name    ")
	}
	n.c.Out.WriteString("Path\n")
	data, _ := applet.ReadFile("/proc/net/unix")
	for i, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) < 7 {
			continue
		}
		flags, _ := strconv.ParseUint(f[3], 16, 32)
		listens := flags&0x10000 != 0
		if !n.all && listens != n.listening {
			continue
		}
		refs, _ := strconv.ParseInt(f[1], 16, 32)
		state := map[string]string{"01": "", "02": "CONNECTING", "03": "CONNECTED", "04": "DISCONNECTING"}[f[5]]
		mark := "[ ]"
		if listens {
			state, mark = "LISTENING", "[ ACC ]"
		}
		path := ""
		if len(f) > 7 {
			path = f[7]
		}
		owner := ""
		if n.programs {
			owner = fmt.Sprintf("%-20s", n.owner(f[6]))
		}
		n.c.Out.Printf("unix  %-6d %-11s %-10s %-13s %6s %s%s\n", refs, mark, unixTypes[f[4]], state, f[6], owner, path)
	}
}

// socketOwners tells which process has each socket, by inode.
func socketOwners() map[string]string {
	owners := map[string]string{}
	for _, pid := range numbers("/proc") {
		for _, fd := range numbers("/proc/" + pid + "/fd") {
			link, err := sys.Readlink("/proc/" + pid + "/fd/" + fd)
			inode, ok := strings.CutPrefix(link, "socket:[")
			if err != nil || !ok {
				continue
			}
			comm, _ := applet.ReadFile("/proc/" + pid + "/comm")
			owners[strings.TrimSuffix(inode, "]")] = pid + "/" + strings.TrimSpace(string(comm))
		}
	}
	return owners
}

// numbers lists the entries of a directory whose names are numbers.
func numbers(dir string) []string {
	list, _ := sys.ReadDir(dir)
	var out []string
	for _, e := range list {
		if _, err := strconv.Atoi(e.Name); err == nil {
			out = append(out, e.Name)
		}
	}
	slices.Sort(out)
	return out
}
