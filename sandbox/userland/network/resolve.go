// Package network holds the applets of the network: nc, wget, httpd, nslookup, ping, and those that show interfaces, routes and
// sockets. They tell the state from /proc/net and ioctl(2), and change nothing: a container's network is given from outside.
package network

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

var errBadName = errors.New("bad address")

// Types of DNS records (RFC 1035, RFC 3596, RFC 2782).
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typePTR   = 12
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeSRV   = 33
	typeANY   = 255
)

// lookup finds the addresses of a host: a number, an entry of /etc/hosts, a name of DNS. family is 0 for any.
func lookup(host string, family int) ([]netip.Addr, error) {
	fits := func(a netip.Addr) bool { return family == 0 || sys.Family(a) == family }
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if a = a.Unmap(); fits(a) {
			return []netip.Addr{a}, nil
		}
		return nil, errBadName
	}
	var found []netip.Addr
	data, _ := applet.ReadFile("/etc/hosts")
	for line := range strings.SplitSeq(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 1 && slices.Contains(f[1:], host) {
			if a, err := netip.ParseAddr(f[0]); err == nil && fits(a.Unmap()) {
				found = append(found, a.Unmap())
			}
		}
	}
	if len(found) > 0 {
		slices.SortStableFunc(found, func(a, b netip.Addr) int { return sys.Family(a) - sys.Family(b) })
		return found, nil
	}
	conf := readResolvConf()
	for _, name := range conf.names(host) {
		for _, typ := range []uint16{typeA, typeAAAA} {
			if family == abi.AF_INET && typ == typeAAAA || family == abi.AF_INET6 && typ == typeA {
				continue
			}
			for _, server := range conf.servers {
				m, err := ask(server, name, typ, 5000)
				if err != nil {
					continue
				}
				for _, r := range m.answers {
					if r.addr.IsValid() {
						found = append(found, r.addr)
					}
				}
				break
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, errBadName
}

// resolvConf is resolv.conf(5).
type resolvConf struct {
	servers []netip.AddrPort
	search  []string
	ndots   int
}

func readResolvConf() resolvConf {
	c := resolvConf{ndots: 1}
	data, _ := applet.ReadFile("/etc/resolv.conf")
	for line := range strings.SplitSeq(string(data), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) < 2:
		case f[0] == "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil {
				c.servers = append(c.servers, netip.AddrPortFrom(a, 53))
			}
		case f[0] == "search" || f[0] == "domain":
			c.search = f[1:]
		case f[0] == "options":
			for _, o := range f[1:] {
				if v, ok := strings.CutPrefix(o, "ndots:"); ok {
					c.ndots, _ = strconv.Atoi(v)
				}
			}
		}
	}
	if len(c.servers) == 0 {
		c.servers = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)}
	}
	return c
}

// names are what a name may stand for, in the order to ask.
func (c *resolvConf) names(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{strings.TrimSuffix(host, ".")}
	}
	var list []string
	for _, s := range c.search {
		if s = strings.Trim(s, "."); s != "" {
			list = append(list, host+"."+s)
		}
	}
	if strings.Count(host, ".") >= c.ndots {
		return append([]string{host}, list...)
	}
	return append(list, host)
}

// message is an answer of a DNS server.
type message struct {
	code          int // RCODE
	authoritative bool
	answers       []record
	authority     []record
}

type record struct {
	name string
	typ  uint16
	addr netip.Addr // of A and AAAA
	text string     // of others
}

var rcodes = []string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}

// ask sends a query to a server by UDP, twice if need be: an error of the socket, or ETIMEDOUT.
func ask(server netip.AddrPort, name string, typ uint16, ms int) (*message, error) {
	fd, err := sys.Socket(sys.Family(server.Addr()), abi.SOCK_DGRAM|abi.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer sys.Close(fd)
	if err := sys.Connect(fd, server); err != nil {
		return nil, err
	}
	id := uint16(rand.Uint32())
	query, err := newQuery(id, name, typ)
	if err != nil {
		return nil, err
	}
	for range 2 {
		if err := sys.Sendto(fd, query, netip.AddrPort{}); err != nil {
			return nil, err
		}
		poll := []abi.PollFd{{Fd: int32(fd), Events: abi.POLLIN}}
		if n, err := sys.Poll(poll, ms/2); err != nil || n == 0 {
			continue
		}
		buf := make([]byte, 4096)
		n, _, err := sys.Recvfrom(fd, buf, 0)
		if err != nil {
			return nil, err
		}
		if m, ok := parseMessage(buf[:n], id); ok {
			return m, nil
		}
	}
	return nil, abi.ETIMEDOUT
}

func newQuery(id uint16, name string, typ uint16) ([]byte, error) {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0) // recursion desired, one question
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return nil, errBadName
		}
		b = append(append(b, byte(len(label))), label...)
	}
	if len(b) > 255+12 {
		return nil, errBadName
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, typ)
	return append(b, 0, 1), nil
}

// parseMessage reads an answer to the query with the id.
func parseMessage(b []byte, id uint16) (*message, bool) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != id || b[2]&0x80 == 0 {
		return nil, false
	}
	m := &message{code: int(b[3] & 15), authoritative: b[2]&4 != 0}
	at := 12
	for range binary.BigEndian.Uint16(b[4:]) {
		_, next, ok := readName(b, at)
		if !ok {
			return nil, false
		}
		at = next + 4
	}
	for section, list := range []*[]record{&m.answers, &m.authority} {
		for range binary.BigEndian.Uint16(b[6+2*section:]) {
			r, next, ok := readRecord(b, at)
			if !ok {
				return nil, false
			}
			*list = append(*list, r)
			at = next
		}
	}
	return m, true
}

// readName reads a name, whose end may be elsewhere in the message.
func readName(b []byte, at int) (name string, next int, ok bool) {
	next = -1
	for jumps := 0; ; {
		if at >= len(b) {
			return "", 0, false
		}
		n := int(b[at])
		switch {
		case n == 0:
			if next < 0 {
				next = at + 1
			}
			return strings.TrimSuffix(name, "."), next, true
		case n&0xc0 == 0xc0:
			if at+1 >= len(b) {
				return "", 0, false
			}
			if next < 0 {
				next = at + 2
			}
			if jumps++; jumps > 32 {
				return "", 0, false
			}
			at = n&0x3f<<8 | int(b[at+1])
		case n > 63 || at+1+n > len(b):
			return "", 0, false
		default:
			name += string(b[at+1:at+1+n]) + "."
			at += 1 + n
		}
	}
}

func readRecord(b []byte, at int) (r record, next int, ok bool) {
	if r.name, at, ok = readName(b, at); !ok || at+10 > len(b) {
		return r, 0, false
	}
	r.typ = binary.BigEndian.Uint16(b[at:])
	n := int(binary.BigEndian.Uint16(b[at+8:]))
	at += 10
	next = at + n
	if next > len(b) {
		return r, 0, false
	}
	data := b[at:next]
	switch {
	case r.typ == typeA && n == 4:
		r.addr = netip.AddrFrom4([4]byte(data))
	case r.typ == typeAAAA && n == 16:
		r.addr = netip.AddrFrom16([16]byte(data))
	case r.typ == typeCNAME || r.typ == typePTR || r.typ == typeNS:
		r.text, _, ok = readName(b, at)
	case r.typ == typeMX && n > 2:
		r.text, _, ok = readName(b, at+2)
		r.text = strconv.Itoa(int(binary.BigEndian.Uint16(data))) + " " + r.text
	case r.typ == typeSRV && n > 6:
		r.text, _, ok = readName(b, at+6)
		var numbers []string
		for i := 0; i < 6; i += 2 {
			numbers = append(numbers, strconv.Itoa(int(binary.BigEndian.Uint16(data[i:]))))
		}
		r.text = strings.Join(numbers, " ") + " " + r.text
	case r.typ == typeTXT:
		var parts []string
		for len(data) > 0 && int(data[0]) < len(data) {
			parts = append(parts, strconv.Quote(string(data[1:1+data[0]])))
			data = data[1+data[0]:]
		}
		r.text = strings.Join(parts, " ")
	case r.typ == typeSOA:
		var mail string
		var rest int
		if r.text, rest, ok = readName(b, at); ok {
			if mail, _, ok = readName(b, rest); ok {
				r.text += "\n\tmail addr = " + mail
			}
		}
	}
	return r, next, ok
}
