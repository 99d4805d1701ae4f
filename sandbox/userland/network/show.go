package network

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// iface is an interface as the kernel tells it.
type iface struct {
	name      string
	index     int
	flags     uint16
	mtu       int
	mac       string
	loop      bool
	queue     int
	addrs     []netip.Prefix
	broadcast netip.Addr
	scope     []int // of addrs; IPv6's, as /proc/net/if_inet6 has it
}

func word(v [24]byte) int { return int(int32(binary.LittleEndian.Uint32(v[:]))) }

// interfaces lists the interfaces in the order of their numbers.
func interfaces(c *applet.Context) []*iface {
	fd, err := sys.Socket(abi.AF_INET, abi.SOCK_DGRAM|abi.SOCK_CLOEXEC, 0)
	if err != nil {
		c.Fatal("socket", err)
	}
	defer sys.Close(fd)
	data, _ := applet.ReadFile("/proc/net/dev")
	six, _ := applet.ReadFile("/proc/net/if_inet6")
	var list []*iface
	for line := range strings.SplitSeq(string(data), "\n") {
		name, _, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		i := &iface{name: name}
		get := func(request uintptr) ([24]byte, bool) {
			v, err := sys.Ifreq(fd, request, name)
			return v, err == nil
		}
		v, ok := get(abi.SIOCGIFFLAGS)
		if !ok {
			continue
		}
		i.flags = binary.LittleEndian.Uint16(v[:])
		i.loop = i.flags&abi.IFF_LOOPBACK != 0
		v, _ = get(abi.SIOCGIFINDEX)
		i.index = word(v)
		v, _ = get(abi.SIOCGIFMTU)
		i.mtu = word(v)
		v, _ = get(abi.SIOCGIFTXQLEN)
		i.queue = word(v)
		v, _ = get(abi.SIOCGIFHWADDR)
		var mac []string
		for _, b := range v[2:8] {
			mac = append(mac, hex.EncodeToString([]byte{b}))
		}
		i.mac = strings.Join(mac, ":")
		if v, ok = get(abi.SIOCGIFADDR); ok {
			addr := netip.AddrFrom4([4]byte(v[4:8]))
			m, _ := get(abi.SIOCGIFNETMASK)
			i.addrs, i.scope = append(i.addrs, netip.PrefixFrom(addr, ones(m[4:8]))), append(i.scope, 0)
			if v, ok = get(abi.SIOCGIFBRDADDR); ok {
				i.broadcast = netip.AddrFrom4([4]byte(v[4:8]))
			}
		}
		for line := range strings.SplitSeq(string(six), "\n") {
			f := strings.Fields(line)
			if len(f) != 6 || f[5] != name {
				continue
			}
			b, err := hex.DecodeString(f[0])
			bits, _ := strconv.ParseInt(f[2], 16, 32)
			scope, _ := strconv.ParseInt(f[3], 16, 32)
			if err == nil && len(b) == 16 {
				i.addrs, i.scope = append(i.addrs, netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), int(bits))), append(i.scope, int(scope))
			}
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b *iface) int { return a.index - b.index })
	return list
}

func ones(mask []byte) int {
	n := 0
	for _, b := range mask {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
	}
	return n
}

// Ifconfig shows the interfaces. Changing them is refused: the network is given from outside.
func Ifconfig(c *applet.Context) int {
	args := c.Args
	all := len(args) > 0 && args[0] == "-a"
	if all {
		args = args[1:]
	}
	list := interfaces(c)
	if len(args) > 1 {
		c.Fatalf("SIOCSIFADDR: %s", abi.EPERM.Strerror())
	}
	if len(args) == 1 {
		for _, i := range list {
			if i.name == args[0] {
				i.ifconfig(c)
				return 0
			}
		}
		c.Fatalf("%s: error fetching interface information: Device not found", args[0])
	}
	slices.SortFunc(list, func(a, b *iface) int { return strings.Compare(a.name, b.name) })
	for _, i := range list {
		i.ifconfig(c)
	}
	return 0
}

func (i *iface) ifconfig(c *applet.Context) {
	if i.loop {
		c.Out.Printf("%-9.9s Link encap:Local Loopback  \n", i.name)
	} else {
		c.Out.Printf("%-9.9s Link encap:Ethernet  HWaddr %s  \n", i.name, strings.ToUpper(i.mac))
	}
	for n, p := range i.addrs {
		if p.Addr().Is4() {
			bcast := ""
			if i.flags&abi.IFF_BROADCAST != 0 {
				bcast = "  Bcast:" + i.broadcast.String()
			}
			c.Out.Printf("          inet addr:%s%s  Mask:%s\n", p.Addr(), bcast, mask(p.Bits()))
			continue
		}
		name := map[int]string{0: "Global", 0x10: "Host", 0x20: "Link", 0x40: "Site"}[i.scope[n]]
		c.Out.Printf("          inet6 addr: %s Scope:%s\n", p, name)
	}
	var flags []string
	for _, f := range []struct {
		bit  uint16
		name string
	}{{abi.IFF_UP, "UP"}, {abi.IFF_BROADCAST, "BROADCAST"}, {abi.IFF_LOOPBACK, "LOOPBACK"}, {abi.IFF_POINTOPOINT, "POINTOPOINT"},
		{abi.IFF_RUNNING, "RUNNING"}, {abi.IFF_MULTICAST, "MULTICAST"}} {
		if i.flags&f.bit != 0 {
			flags = append(flags, f.name)
		}
	}
	c.Out.Printf("          %s  MTU:%d  Metric:1\n", strings.Join(flags, " "), i.mtu)
	counters := netDevOf(i.name)
	c.Out.Printf("          RX packets:%s errors:%s dropped:%s overruns:%s frame:%s\n", counters[1], counters[2], counters[3], counters[4], counters[5])
	c.Out.Printf("          TX packets:%s errors:%s dropped:%s overruns:%s carrier:%s\n", counters[9], counters[10], counters[11], counters[12], counters[14])
	c.Out.Printf("          collisions:%s txqueuelen:%d \n", counters[13], i.queue)
	c.Out.Printf("          RX bytes:%s (%s)  TX bytes:%s (%s)\n\n", counters[0], human(counters[0]), counters[8], human(counters[8]))
}

// netDevOf returns the sixteen counters of an interface.
func netDevOf(name string) []string {
	data, _ := applet.ReadFile("/proc/net/dev")
	for line := range strings.SplitSeq(string(data), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			if f := strings.Fields(rest); len(f) == 16 {
				return f
			}
		}
	}
	return slices.Repeat([]string{"0"}, 16)
}

func human(s string) string {
	n, _ := strconv.ParseInt(s, 10, 64)
	n *= 10
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	u := 0
	for n >= 10240 && u < len(units)-1 {
		n /= 1024
		u++
	}
	return strconv.FormatInt(n/10, 10) + "." + strconv.FormatInt(n%10, 10) + " " + units[u]
}

func mask(bits int) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(uint64(0xffffffff)<<(32-bits)))
	return netip.AddrFrom4(b).String()
}

// route4 is a line of /proc/net/route.
type route4 struct {
	iface    string
	dst, gw  netip.Addr
	bits     int
	flags    int
	metric   string
	ref, use string
	mtu      string
	window   string
	irtt     string
}

func routes() []route4 {
	data, _ := applet.ReadFile("/proc/net/route")
	var list []route4
	for n, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if n == 0 || len(f) < 11 {
			continue
		}
		addr := func(s string) netip.Addr {
			v, _ := strconv.ParseUint(s, 16, 32)
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], uint32(v))
			return netip.AddrFrom4(b)
		}
		flags, _ := strconv.ParseInt(f[3], 16, 32)
		m := addr(f[7]).As4()
		list = append(list, route4{iface: f[0], dst: addr(f[1]), gw: addr(f[2]), bits: ones(m[:]), flags: int(flags),
			ref: f[4], use: f[5], metric: f[6], mtu: f[8], window: f[9], irtt: f[10]})
	}
	return list
}

// Route shows the routes; adding and deleting is refused.
func Route(c *applet.Context) int {
	o := c.Getopt("+A:neF46")
	if len(c.Args) > 0 {
		if c.Args[0] != "add" && c.Args[0] != "del" && c.Args[0] != "delete" {
			c.Usage()
		}
		c.Fatalf("SIOCADDRT: %s", abi.EPERM.Strerror())
	}
	showRoutes(c, o.Has("n"), o.Has("e"))
	return 0
}

// showRoutes is route, and with "wide" netstat -r.
func showRoutes(c *applet.Context, numeric, wide bool) {
	head := "Flags Metric Ref    Use Iface"
	if wide {
		head = "Flags   MSS Window  irtt Iface"
	}
	c.Out.WriteString("Kernel IP routing table\nDestination     Gateway         Genmask         " + head + "\n")
	for _, r := range routes() {
		dst, gw := r.dst.String(), r.gw.String()
		if !numeric {
			if r.gw.IsUnspecified() {
				gw = "*"
			}
			if r.bits == 0 {
				dst = "default"
			}
		}
		flags := "U"
		if r.flags&2 != 0 {
			flags += "G"
		}
		if r.flags&4 != 0 {
			flags += "H"
		}
		c.Out.Printf("%-15.15s %-15.15s %-16s%-6s", dst, gw, mask(r.bits), flags)
		if wide {
			c.Out.Printf("%5s %-5s %6s %s\n", r.mtu, r.window, r.irtt, r.iface)
		} else {
			c.Out.Printf("%-6s %-2s %7s %s\n", r.metric, r.ref, r.use, r.iface)
		}
	}
}
