package vnet

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

const (
	flowIdle = 2 * time.Minute // after which a flow of datagrams ends, as in a NAT
	maxFlows = 256             // of one socket
)

// flow carries the datagrams between a socket and one host outside.
type flow struct {
	conn net.Conn
	idle *time.Timer
}

// sendOutside sends a datagram through the network's Uplink. The first to a host makes the flow.
func (d *datagram) sendOutside(h hop, bufs [][]byte) error {
	d.mu.Lock()
	f := d.flows[h.to]
	full := len(d.flows) >= maxFlows
	d.mu.Unlock()
	if f == nil {
		if full {
			return abi.ENOBUFS
		}
		conn, err := h.uplink.Dial(context.Background(), "udp", h.to)
		if err != nil {
			return hostErrno(err)
		}
		f = &flow{conn: conn, idle: time.AfterFunc(flowIdle, func() { conn.Close() })}
		d.mu.Lock()
		other, closed := d.flows[h.to], d.done
		if other == nil && !closed {
			if d.flows == nil {
				d.flows = make(map[netip.AddrPort]*flow)
			}
			d.flows[h.to] = f
		}
		d.mu.Unlock()
		switch {
		case closed:
			conn.Close()
			return abi.EBADF
		case other != nil:
			conn.Close()
			f = other
		default:
			go d.receiveOutside(h.to, f)
		}
	}
	f.idle.Reset(flowIdle)
	p := newPacket(Addr{}, bufs)
	defer p.free()
	if _, err := f.conn.Write(p.data); err != nil {
		return hostErrno(err)
	}
	return nil
}

// receiveOutside brings in what the host outside sends, until the flow is closed.
func (d *datagram) receiveOutside(from netip.AddrPort, f *flow) {
	defer func() {
		f.idle.Stop()
		f.conn.Close()
		d.mu.Lock()
		if d.flows[from] == f {
			delete(d.flows, from)
		}
		d.mu.Unlock()
	}()
	buf := make([]byte, maxDatagram)
	for {
		n, err := f.conn.Read(buf)
		if err != nil {
			if hostErrno(err) != abi.ECONNREFUSED {
				return
			}
			d.mu.Lock()
			connected := d.peer.IP == from
			d.mu.Unlock()
			if connected {
				d.fail(abi.ECONNREFUSED)
				d.queue.Notify(abi.POLLIN | abi.POLLERR)
			}
			continue
		}
		f.idle.Reset(flowIdle)
		deliver(d, newPacket(InetAddr(from), [][]byte{buf[:n]}))
	}
}
