package network

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

var queryTypes = map[string]uint16{
	"a": typeA, "ns": typeNS, "cname": typeCNAME, "soa": typeSOA, "ptr": typePTR, "mx": typeMX, "txt": typeTXT, "aaaa": typeAAAA,
	"srv": typeSRV, "any": typeANY,
}

// Nslookup queries DNS about a host.
func Nslookup(c *applet.Context) int {
	var types []uint16
	var operands []string
	for _, a := range c.Args {
		switch v, isType := strings.CutPrefix(strings.TrimPrefix(a, "-"), "type="); {
		case strings.HasPrefix(a, "-") && isType:
			t, ok := queryTypes[strings.ToLower(v)]
			if !ok {
				c.Fatalf("invalid query type \"%s\"", v)
			}
			types = append(types, t)
		case a == "-debug":
		case strings.HasPrefix(a, "-"):
			if v, ok := strings.CutPrefix(strings.TrimPrefix(a, "-"), "querytype="); ok {
				types = append(types, queryTypes[strings.ToLower(v)])
				continue
			}
			c.Fatalf("invalid option '%s'", a)
		default:
			operands = append(operands, a)
		}
	}
	c.Args = operands
	c.NArgs(1, 2)
	conf := readResolvConf()
	if len(operands) == 2 {
		addrs, err := lookup(operands[1], 0)
		if err != nil {
			c.Fatalf("couldn't connect socket: bad address '%s'", operands[1])
		}
		conf.servers = []netip.AddrPort{netip.AddrPortFrom(addrs[0], 53)}
		conf.search = nil
	}
	names := conf.names(operands[0])
	if a, err := netip.ParseAddr(operands[0]); err == nil {
		names = []string{reverse(a)}
		if len(types) == 0 {
			types = []uint16{typePTR}
		}
	}
	if len(types) == 0 {
		types = []uint16{typeA, typeAAAA}
	}
	failed := false
	for _, name := range names {
		failed = false
		for _, server := range conf.servers {
			found, answered := nslookup(c, server, name, types, name == names[len(names)-1])
			if found {
				return 0
			}
			failed = true
			if answered {
				break
			}
		}
	}
	if failed {
		return 1
	}
	return 0
}

// nslookup asks one server, and prints what it answers when it is something or the last name.
func nslookup(c *applet.Context, server netip.AddrPort, name string, types []uint16, last bool) (found, answered bool) {
	var answers []*message
	for _, t := range types {
		m, err := ask(server, name, t, 5000)
		if err != nil {
			if err != abi.ETIMEDOUT {
				c.Errorf("read from '%s': %s", host(server.Addr()), applet.Strerror(err))
			}
			c.Out.WriteString(";; connection timed out; no servers could be reached\n\n")
			return false, false
		}
		found = found || m.code == 0
		answers = append(answers, m)
	}
	if !found && !last {
		return false, true
	}
	c.Out.Printf("Server:\t\t%s\nAddress:\t%s\n\n", host(server.Addr()), server)
	for _, m := range answers {
		switch {
		case m.code != 0:
			code := fmt.Sprint(m.code)
			if m.code < len(rcodes) {
				code = rcodes[m.code]
			}
			c.Out.Printf("** server can't find %s: %s\n", name, code)
		case len(m.answers) == 0:
			if !m.authoritative {
				c.Out.WriteString("Non-authoritative answer:\n")
			}
			c.Out.Printf("*** Can't find %s: No answer\n", name)
		default:
			if !m.authoritative {
				c.Out.WriteString("Non-authoritative answer:\n")
			}
			for _, r := range m.answers {
				printRecord(c, r)
			}
		}
		c.Out.WriteString("\n")
	}
	return found, true
}

func printRecord(c *applet.Context, r record) {
	label := map[uint16]string{typeNS: "nameserver", typeCNAME: "canonical name", typePTR: "name", typeMX: "mail exchanger", typeTXT: "text", typeSRV: "service"}
	switch {
	case r.addr.IsValid():
		c.Out.Printf("Name:\t%s\nAddress: %s\n", r.name, r.addr)
	case r.typ == typeSOA:
		c.Out.Printf("%s\n\torigin = %s\n", r.name, r.text)
	case label[r.typ] != "":
		c.Out.Printf("%s\t%s = %s\n", r.name, label[r.typ], r.text)
	}
}

// host is an address as it is shown with a port.
func host(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return "[" + a.String() + "]"
}

// reverse is the name that an address has a PTR record at.
func reverse(a netip.Addr) string {
	var b strings.Builder
	if a = a.Unmap(); a.Is4() {
		v := a.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", v[3], v[2], v[1], v[0])
	}
	v := a.As16()
	for i := 15; i >= 0; i-- {
		fmt.Fprintf(&b, "%x.%x.", v[i]&15, v[i]>>4)
	}
	return b.String() + "ip6.arpa"
}
