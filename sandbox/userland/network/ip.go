package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// IP shows addresses, links and routes, as ip(8). What changes them is refused.
func IP(c *applet.Context) int {
	family, oneline := "", false
	args := c.Args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch opt := args[0]; {
		case opt == "-4":
			family = "inet"
		case opt == "-6":
			family = "inet6"
		case opt == "-0":
			family = "link"
		case opt == "-o" || opt == "-oneline":
			oneline = true
		case (opt == "-f" || opt == "-family") && len(args) > 1:
			family = args[1]
			args = args[1:]
		default:
			c.Usage()
		}
		args = args[1:]
	}
	if len(args) == 0 {
		c.Usage()
	}
	object, args := args[0], args[1:]
	for _, name := range []string{"address", "route", "link", "neigh", "rule", "tunnel"} {
		if strings.HasPrefix(name, object) && object != "" {
			return ipObject(c, name, args, family, oneline)
		}
	}
	c.Usage()
	return 1
}

func ipObject(c *applet.Context, object string, args []string, family string, oneline bool) int {
	verb := "show"
	if len(args) > 0 && slices.Contains([]string{"show", "list", "lst", "add", "del", "delete", "set", "flush", "change", "append", "replace", "get", "s", "l", "a", "sh"}, args[0]) {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "show", "list", "lst", "s", "l", "sh":
	case "get":
		if object != "route" || len(args) == 0 {
			c.Usage()
		}
		return ipRouteGet(c, args[0])
	default:
		c.Out.Flush()
		sys.Write(2, []byte("ip: RTNETLINK answers: "+abi.EPERM.Strerror()+"\n"))
		return 2
	}
	dev := ""
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "dev" && i+1 < len(args):
			i++
			dev = args[i]
		case (object == "address" || object == "link") && dev == "" && args[i] != "up":
			dev = args[i]
		case args[i] == "default" || args[i] == "up" || args[i] == "table" || args[i] == "main":
		default:
			c.Fatalf("invalid argument '%s' to 'ip'", args[i])
		}
	}
	switch object {
	case "address", "link":
		return ipLinks(c, object == "address", dev, family, oneline)
	case "route":
		if family != "inet6" {
			ipRoutes(c, dev, slices.Contains(args, "default"))
		}
	case "rule":
		c.Out.WriteString("0:\tfrom all lookup local \n32766:\tfrom all lookup main \n32767:\tfrom all lookup default \n")
	}
	return 0
}

func ipLinks(c *applet.Context, addresses bool, dev, family string, oneline bool) int {
	found := false
	eol := "\n"
	if oneline {
		eol = "\\"
	}
	for _, i := range interfaces(c) {
		if dev != "" && i.name != dev {
			continue
		}
		found = true
		if addresses && family != "" && family != "link" && !slices.ContainsFunc(i.addrs, func(p netip.Prefix) bool { return p.Addr().Is4() == (family == "inet") }) {
			continue
		}
		flags := "BROADCAST,MULTICAST,UP,LOWER_UP"
		qdisc := "qdisc noqueue "
		link := "link/ether " + i.mac + " brd ff:ff:ff:ff:ff:ff"
		if i.loop {
			flags, link = "LOOPBACK,UP,LOWER_UP", "link/loopback "+i.mac+" brd 00:00:00:00:00:00"
		}
		qlen := ""
		if i.queue > 0 {
			qlen = fmt.Sprintf("qlen %d", i.queue)
		}
		if !oneline || !addresses {
			c.Out.Printf("%d: %s: <%s> mtu %d %s%s", i.index, i.name, flags, i.mtu, qdisc, qlen)
			if family == "" || family == "link" || !addresses {
				c.Out.Printf("%s    %s", eol, link)
			}
			c.Out.WriteString("\n")
		}
		if !addresses || family == "link" {
			continue
		}
		for n, p := range i.addrs {
			if family != "" && p.Addr().Is4() != (family == "inet") {
				continue
			}
			if oneline {
				c.Out.Printf("%d: %s", i.index, i.name)
			}
			if p.Addr().Is4() {
				scope, brd := "global", " brd "+i.broadcast.String()
				if i.loop {
					scope, brd = "host", ""
				}
				c.Out.Printf("    inet %s%s scope %s %s%s", p, brd, scope, i.name, eol)
			} else {
				scope := map[int]string{0: "global", 0x10: "host", 0x20: "link"}[i.scope[n]]
				flags := ""
				if scope == "global" {
					flags = "flags 02 "
				}
				c.Out.Printf("    inet6 %s scope %s %s%s", p, scope, flags, eol)
			}
			c.Out.WriteString("       valid_lft forever preferred_lft forever\n")
		}
	}
	if dev != "" && !found {
		c.Fatalf("can't find device '%s'", dev)
	}
	return 0
}

func ipRoutes(c *applet.Context, dev string, onlyDefault bool) {
	src := map[string]string{}
	for _, i := range interfaces(c) {
		if len(i.addrs) > 0 {
			src[i.name] = i.addrs[0].Addr().String()
		}
	}
	for _, r := range routes() {
		if dev != "" && r.iface != dev || onlyDefault && r.bits != 0 {
			continue
		}
		on := "dev " + r.iface + " "
		if dev != "" {
			on = ""
		}
		if r.bits == 0 {
			c.Out.Printf("default via %s %s\n", r.gw, on)
		} else {
			c.Out.Printf("%s/%d %sscope link  src %s \n", r.dst, r.bits, on, src[r.iface])
		}
	}
}

// ipRouteGet asks the kernel where it would send to, by connecting a socket of datagrams.
func ipRouteGet(c *applet.Context, to string) int {
	addrs, err := lookup(to, 0)
	if err != nil {
		c.Fatalf("an inet address is expected rather than \"%s\"", to)
	}
	fd, err := sys.Socket(sys.Family(addrs[0]), abi.SOCK_DGRAM, 0)
	if err != nil {
		c.Fatal("socket", err)
	}
	if err := sys.Connect(fd, netip.AddrPortFrom(addrs[0], 9)); err != nil {
		sys.Write(2, []byte("ip: RTNETLINK answers: "+applet.Strerror(err)+"\n"))
		return 2
	}
	own, _ := sys.Getsockname(fd)
	via, dev := "", "lo"
	for _, i := range interfaces(c) {
		for _, p := range i.addrs {
			if p.Addr() == own.Addr() && own.Addr() != addrs[0] {
				dev = i.name
				if !p.Contains(addrs[0]) {
					for _, r := range routes() {
						if r.bits == 0 {
							via = "via " + r.gw.String() + " "
						}
					}
				}
			}
		}
	}
	c.Out.Printf("%s %sdev %s  src %s \n", addrs[0], via, dev, own.Addr())
	return 0
}
