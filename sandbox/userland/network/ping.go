package network

import (
	"encoding/binary"
	"strconv"
	"time"

	"net/netip"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Ping sends ICMP echo requests, by the socket of icmp(7) that needs no privilege.
func Ping(c *applet.Context) int {
	o := c.Getopt("c:s:i:W:w:t:I:p:q46A")
	c.NArgs(1, 1)
	family := 0
	switch o.Last("46") {
	case '4':
		family = abi.AF_INET
	case '6':
		family = abi.AF_INET6
	}
	if c.Name == "ping6" {
		family = abi.AF_INET6
	}
	count, size := number(c, o, 'c', 0), number(c, o, 's', 56)
	interval := time.Second
	if o.Has("i") {
		interval = seconds(c, o, 'i')
	}
	linger := 10 * time.Second
	if o.Has("W") {
		linger = seconds(c, o, 'W')
	}
	end := time.Time{}
	if w := seconds(c, o, 'w'); w > 0 {
		end = time.Now().Add(w)
	}
	if size > 65507-8 {
		c.Fatalf("invalid number '%d'", size)
	}
	addrs, err := lookup(c.Args[0], family)
	if err != nil {
		c.Fatalf("bad address '%s'", c.Args[0])
	}
	p := &pinger{c: c, to: addrs[0], size: size, quiet: o.Has("q")}
	proto, request := abi.IPPROTO_ICMP, byte(8)
	if p.to.Is6() {
		proto, request = abi.IPPROTO_ICMPV6, 128
	}
	fd, err := sys.Socket(sys.Family(p.to), abi.SOCK_DGRAM, proto)
	if err == abi.EACCES || err == abi.EPERM {
		c.Fatalf("permission denied (are you root?)")
	}
	if err != nil {
		c.Fatal("can't create raw socket", err)
	}
	p.fd = fd
	c.Out.Printf("PING %s (%s): %d data bytes\n", c.Args[0], p.to, size)
	c.Out.Flush()
	packet := make([]byte, 8+size)
	for i := range size {
		packet[8+i] = byte(i)
	}
	next := time.Now()
	var last time.Time // when to give up after the last request
	for {
		now := time.Now()
		if !end.IsZero() && !now.Before(end) {
			break
		}
		if last.IsZero() && !now.Before(next) {
			packet[0] = request
			binary.BigEndian.PutUint16(packet[6:], uint16(p.sent))
			if size >= 8 {
				binary.LittleEndian.PutUint64(packet[8:], uint64(now.UnixNano()))
			}
			if err := sys.Sendto(fd, packet, netip.AddrPortFrom(p.to, 0)); err != nil {
				c.Fatal("sendto", err)
			}
			p.times = append(p.times, now)
			p.sent++
			next = next.Add(interval)
			if count > 0 && p.sent == count {
				last = now.Add(max(linger, interval))
				if p.received > 0 {
					last = now.Add(max(2*p.max, interval))
				}
			}
		}
		if count > 0 && p.received >= count {
			break
		}
		wake := next
		if !last.IsZero() {
			if !now.Before(last) {
				break
			}
			wake = last
		}
		if !end.IsZero() && end.Before(wake) {
			wake = end
		}
		if ready(fd, abi.POLLIN, max(time.Until(wake)+time.Millisecond-1, 0)) {
			p.receive()
		}
	}
	return p.summary()
}

func number(c *applet.Context, o *applet.Options, x byte, otherwise int) int {
	s, ok := o.Arg(x)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		c.Fatalf("invalid number '%s'", s)
	}
	return n
}

type pinger struct {
	c              *applet.Context
	fd, size       int
	to             netip.Addr
	quiet          bool
	sent, received int
	times          []time.Time
	seen           map[int]bool
	dups           int
	min, max, sum  time.Duration
}

func (p *pinger) receive() {
	buf := make([]byte, 65536)
	n, from, err := sys.Recvfrom(p.fd, buf, 0)
	if err != nil || n < 8 || buf[0] != 0 && buf[0] != 129 {
		return
	}
	seq := int(binary.BigEndian.Uint16(buf[6:]))
	if seq >= len(p.times) {
		return
	}
	took := time.Since(p.times[seq])
	if p.seen == nil {
		p.seen = map[int]bool{}
	}
	dup := ""
	if p.seen[seq] {
		p.dups++
		dup = " (DUP!)"
	} else {
		p.seen[seq] = true
		if p.received == 0 || took < p.min {
			p.min = took
		}
		p.received++
		p.max, p.sum = max(p.max, took), p.sum+took
	}
	if !p.quiet {
		p.c.Out.Printf("%d bytes from %s: seq=%d ttl=64 time=%s ms%s\n", n, from.Addr(), seq, millis(took), dup)
		p.c.Out.Flush()
	}
}

func millis(d time.Duration) string {
	us := d.Microseconds()
	return strconv.FormatInt(us/1000, 10) + "." + pad3(us%1000)
}

func pad3(n int64) string {
	s := strconv.FormatInt(n, 10)
	return "000"[len(s):] + s
}

func (p *pinger) summary() int {
	c := p.c
	c.Out.Printf("\n--- %s ping statistics ---\n%d packets transmitted, %d packets received, ", c.Args[0], p.sent, p.received)
	if p.dups > 0 {
		c.Out.Printf("%d duplicates, ", p.dups)
	}
	loss := 0
	if p.sent > 0 {
		loss = (p.sent - p.received) * 100 / p.sent
	}
	c.Out.Printf("%d%% packet loss\n", loss)
	if p.received == 0 {
		return 1
	}
	c.Out.Printf("round-trip min/avg/max = %s/%s/%s ms\n", millis(p.min), millis(p.sum/time.Duration(p.received)), millis(p.max))
	return 0
}
