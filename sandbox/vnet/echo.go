package vnet

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

const (
	echoRequest4, echoReply4 = 8, 0     // RFC 792
	echoRequest6, echoReply6 = 128, 129 // RFC 4443
	pingTimeout              = 30 * time.Second
)

// sendEcho sends an ICMP echo request; the reply comes back to the same socket. The identifier is the socket's port, as
// Linux has it. An address that nobody answers loses the request.
func (d *datagram) sendEcho(h hop, m *Message) (int, error) {
	p := newPacket(InetAddr(netip.AddrPortFrom(h.to.Addr(), 0)), m.Bufs)
	b := p.data
	request, reply := byte(echoRequest4), byte(echoReply4)
	if d.domain == abi.AF_INET6 {
		request, reply = echoRequest6, echoReply6
	}
	if len(b) < 8 || b[0] != request || b[1] != 0 {
		p.free()
		return 0, abi.EINVAL
	}
	n := len(b)
	binary.BigEndian.PutUint16(b[4:], d.portLocked())
	b[0] = reply
	checksum(b)
	switch {
	case h.many, h.service:
		p.free()
	case h.stack != nil, h.network != nil && h.to.Addr() == h.network.gateway(h.to.Addr().Is4()):
		deliver(d, p)
	default:
		pinger, ok := h.uplink.(Pinger)
		if !ok {
			p.free()
			return 0, abi.EACCES
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
			defer cancel()
			if pinger.Ping(ctx, h.to.Addr(), b[8:]) == nil {
				deliver(d, p)
			}
		}()
	}
	return n, nil
}

// checksum sets the Internet checksum of an ICMP message (RFC 1071).
func checksum(b []byte) {
	b[2], b[3] = 0, 0
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
}
