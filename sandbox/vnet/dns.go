package vnet

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// ResolverAddr is where a stack's Resolver answers, by UDP and TCP.
var ResolverAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 11}), 53)

// Resolver answers DNS queries. Query and answer are messages in wire format (RFC 1035); tcp tells how they travel. An error
// leaves the query without an answer.
type Resolver interface {
	Resolve(ctx context.Context, query []byte, tcp bool) ([]byte, error)
}

const (
	maxQueries   = 128 // under way at once in a stack
	queryTimeout = 30 * time.Second
)

// ask has the resolver answer; without one of the stack's places for queries the query is lost.
func (st *Stack) ask(query []byte, tcp bool) []byte {
	select {
	case st.dnsBusy <- struct{}{}:
	default:
		return nil
	}
	defer func() { <-st.dnsBusy }()
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	answer, err := st.resolver.Resolve(ctx, query, tcp)
	if err != nil {
		return nil
	}
	return answer
}

// askDNS is a datagram to the resolver.
func (d *datagram) askDNS(bufs [][]byte) {
	q := newPacket(InetAddr(ResolverAddr), bufs)
	go func() {
		if answer := d.stack.ask(q.data, false); answer != nil {
			q.data = append(q.data[:0], answer...)
			deliver(d, q)
			return
		}
		q.free()
	}()
}

// serveDNS connects a stream to the resolver (RFC 1035, 4.2.2).
func (st *Stack) serveDNS(s *stream) error {
	conn := newFar(s)
	s.established()
	go func() {
		defer conn.Close()
		for {
			var head [2]byte
			conn.SetReadDeadline(time.Now().Add(queryTimeout))
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(head[:]))
			if _, err := io.ReadFull(conn, query); err != nil {
				return
			}
			answer := st.ask(query, true)
			if answer == nil || len(answer) > 1<<16-1 {
				return
			}
			if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
				return
			}
		}
	}()
	return nil
}

// newFar makes the far end of a connecting stream, for the host.
func newFar(s *stream) net.Conn {
	far := newStream(nil, int(s.domain), s.typ, s.protocol, abi.Ucred{})
	far.state, far.told = connected, true
	s.mu.Lock()
	far.local, far.peer = s.peer, s.local
	s.mu.Unlock()
	join(s, far)
	return newConn(far)
}
