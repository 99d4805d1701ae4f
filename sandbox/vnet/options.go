package vnet

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// options are what setsockopt(2) has set.
type options struct {
	reuse, reusePort    bool
	broadcast, passCred bool
	v6only              bool
	noLoop              bool // IP_MULTICAST_LOOP is off
	sndBuf, rcvBuf      int  // as getsockopt tells them; 0 for the default
	linger              struct {
		on      bool
		seconds int32
	}
	rcvTimeout, sndTimeout time.Duration
	ttl                    int
	groups                 []netip.Addr // multicast groups it has joined
	kept                   []keptOption // what has no effect here and is remembered
}

type keptOption struct {
	level, name int
	value       int32
}

// kept are the options of connections and packets that do not concern a network without packets, with their first values.
var kept = []keptOption{
	{abi.SOL_SOCKET, abi.SO_KEEPALIVE, 0}, {abi.SOL_SOCKET, abi.SO_OOBINLINE, 0}, {abi.SOL_SOCKET, abi.SO_PRIORITY, 0},
	{abi.SOL_SOCKET, abi.SO_DONTROUTE, 0}, {abi.SOL_SOCKET, abi.SO_RCVLOWAT, 1}, {abi.SOL_SOCKET, abi.SO_TIMESTAMP, 0},
	{abi.SOL_SOCKET, abi.SO_BUSY_POLL, 0},
	{abi.IPPROTO_TCP, abi.TCP_NODELAY, 0}, {abi.IPPROTO_TCP, abi.TCP_CORK, 0}, {abi.IPPROTO_TCP, abi.TCP_KEEPIDLE, 7200},
	{abi.IPPROTO_TCP, abi.TCP_KEEPINTVL, 75}, {abi.IPPROTO_TCP, abi.TCP_KEEPCNT, 9}, {abi.IPPROTO_TCP, abi.TCP_SYNCNT, 6},
	{abi.IPPROTO_TCP, abi.TCP_LINGER2, 60}, {abi.IPPROTO_TCP, abi.TCP_DEFER_ACCEPT, 0}, {abi.IPPROTO_TCP, abi.TCP_QUICKACK, 1},
	{abi.IPPROTO_TCP, abi.TCP_USER_TIMEOUT, 0}, {abi.IPPROTO_TCP, abi.TCP_NOTSENT_LOWAT, 0}, {abi.IPPROTO_TCP, abi.TCP_FASTOPEN, 0},
	{abi.IPPROTO_TCP, abi.TCP_WINDOW_CLAMP, 0}, {abi.IPPROTO_TCP, abi.TCP_MAXSEG, 536},
	{abi.IPPROTO_IP, abi.IP_TOS, 0}, {abi.IPPROTO_IP, abi.IP_TTL, 64}, {abi.IPPROTO_IP, abi.IP_MTU_DISCOVER, 1},
	{abi.IPPROTO_IP, abi.IP_RECVERR, 0}, {abi.IPPROTO_IP, abi.IP_MULTICAST_TTL, 1}, {abi.IPPROTO_IP, abi.IP_MULTICAST_ALL, 1},
	{abi.IPPROTO_IPV6, abi.IPV6_UNICAST_HOPS, 64}, {abi.IPPROTO_IPV6, abi.IPV6_MULTICAST_HOPS, 1},
	{abi.IPPROTO_IPV6, abi.IPV6_RECVERR, 0}, {abi.IPPROTO_IPV6, abi.IPV6_MTU_DISCOVER, 1}, {abi.IPPROTO_IPV6, abi.IPV6_TCLASS, 0},
	{abi.IPPROTO_IPV6, abi.IPV6_MULTICAST_IF, 0},
}

const (
	defaultBuffer = 212992 // rmem_default, wmem_default
	maxBuffer     = 212992 // rmem_max, wmem_max
	minSndBuf     = 4608
	minRcvBuf     = 2304
)

// capacity is the size of a stream's buffer, for what the options of its two ends ask.
func capacity(snd, rcv *options, records bool) int {
	if snd.sndBuf == 0 && rcv.rcvBuf == 0 && !records {
		return bufferSize
	}
	if records {
		return 3 * orDefault(snd.sndBuf)
	}
	n := 0
	for _, v := range []int{snd.sndBuf, rcv.rcvBuf} {
		if v == 0 {
			v = bufferSize / 2
		}
		n += v
	}
	return n
}

func (b *base) SetOption(level, name int, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &b.opts
	if level == abi.SOL_SOCKET {
		switch name {
		case abi.SO_RCVTIMEO, abi.SO_SNDTIMEO:
			d, err := timeout(value)
			if err == nil && name == abi.SO_RCVTIMEO {
				o.rcvTimeout = d
			} else if err == nil {
				o.sndTimeout = d
			}
			return err
		case abi.SO_BINDTODEVICE:
			return b.bindToDevice(value)
		}
	}
	if level == abi.IPPROTO_IP || level == abi.IPPROTO_IPV6 {
		switch {
		case level == abi.IPPROTO_IP && (name == abi.IP_ADD_MEMBERSHIP || name == abi.IP_DROP_MEMBERSHIP):
			if len(value) < 8 {
				return abi.EINVAL
			}
			return o.join(netip.AddrFrom4([4]byte(value)), name == abi.IP_ADD_MEMBERSHIP)
		case level == abi.IPPROTO_IPV6 && (name == abi.IPV6_JOIN_GROUP || name == abi.IPV6_LEAVE_GROUP):
			if len(value) < 20 {
				return abi.EINVAL
			}
			return o.join(netip.AddrFrom16([16]byte(value)), name == abi.IPV6_JOIN_GROUP)
		case level == abi.IPPROTO_IP && name == abi.IP_MULTICAST_IF:
			return nil // all go to the first network
		}
	}
	var v int32
	switch {
	case len(value) >= 4:
		v = int32(binary.NativeEndian.Uint32(value))
	case len(value) >= 1 && level == abi.IPPROTO_IP:
		v = int32(value[0])
	default:
		return abi.EINVAL
	}
	on := v != 0
	if level == abi.SOL_SOCKET {
		switch name {
		case abi.SO_REUSEADDR:
			o.reuse = on
		case abi.SO_REUSEPORT:
			if b.domain == abi.AF_UNIX {
				return abi.EOPNOTSUPP
			}
			o.reusePort = on
		case abi.SO_BROADCAST:
			o.broadcast = on
		case abi.SO_PASSCRED:
			if b.domain != abi.AF_UNIX {
				return abi.EOPNOTSUPP
			}
			o.passCred = on
		case abi.SO_SNDBUF, abi.SO_SNDBUFFORCE:
			o.sndBuf = max(2*min(int(uint32(v)), maxBuffer), minSndBuf)
		case abi.SO_RCVBUF, abi.SO_RCVBUFFORCE:
			o.rcvBuf = max(2*min(int(uint32(v)), maxBuffer), minRcvBuf)
		case abi.SO_LINGER:
			if len(value) < 8 {
				return abi.EINVAL
			}
			o.linger.on, o.linger.seconds = on, int32(binary.NativeEndian.Uint32(value[4:]))
		case abi.SO_TYPE, abi.SO_PROTOCOL, abi.SO_DOMAIN, abi.SO_ERROR, abi.SO_ACCEPTCONN, abi.SO_PEERCRED, abi.SO_SNDLOWAT:
			return abi.ENOPROTOOPT
		case abi.SO_KEEPALIVE, abi.SO_OOBINLINE, abi.SO_DONTROUTE, abi.SO_TIMESTAMP:
			return o.keep(level, name, boolean(on))
		default:
			return o.keep(level, name, v)
		}
		return nil
	}
	switch {
	case b.domain == abi.AF_UNIX:
		return abi.EOPNOTSUPP
	case level == abi.IPPROTO_TCP && b.typ != abi.SOCK_STREAM,
		level == abi.IPPROTO_IPV6 && b.domain != abi.AF_INET6:
		return abi.ENOPROTOOPT
	case level == abi.IPPROTO_IPV6 && name == abi.IPV6_V6ONLY:
		if b.bound {
			return abi.EINVAL
		}
		o.v6only = on
		return nil
	case level == abi.IPPROTO_IP && name == abi.IP_MULTICAST_LOOP, level == abi.IPPROTO_IPV6 && name == abi.IPV6_MULTICAST_LOOP:
		o.noLoop = !on
		return nil
	case level == abi.IPPROTO_TCP:
		if err := checkTCP(name, v); err != nil {
			return err
		}
		if name == abi.TCP_NODELAY || name == abi.TCP_CORK {
			v = boolean(on)
		}
	}
	return o.keep(level, name, v)
}

func checkTCP(name int, v int32) error {
	limit := int32(0)
	switch name {
	case abi.TCP_KEEPIDLE, abi.TCP_KEEPINTVL:
		limit = 32767
	case abi.TCP_KEEPCNT, abi.TCP_SYNCNT:
		limit = 127
	}
	if limit != 0 && (v < 1 || v > limit) {
		return abi.EINVAL
	}
	return nil
}

// join enters or leaves a multicast group: EADDRINUSE, EADDRNOTAVAIL, EINVAL.
func (o *options) join(group netip.Addr, enter bool) error {
	i := slices.Index(o.groups, group)
	switch {
	case !group.IsMulticast():
		return abi.EINVAL
	case enter && i >= 0:
		return abi.EADDRINUSE
	case enter:
		o.groups = append(o.groups, group)
	case i < 0:
		return abi.EADDRNOTAVAIL
	default:
		o.groups = slices.Delete(o.groups, i, i+1)
	}
	return nil
}

func (b *base) bindToDevice(value []byte) error {
	name := string(value)
	if i := slices.Index(value, 0); i >= 0 {
		name = name[:i]
	}
	if name == "" || name == "lo" && b.stack != nil {
		return nil
	}
	if b.stack == nil {
		return abi.ENODEV
	}
	for _, i := range b.stack.Interfaces() {
		if i.Name == name {
			return nil
		}
	}
	return abi.ENODEV
}

func (o *options) keep(level, name int, v int32) error {
	for i := range o.kept {
		if k := &o.kept[i]; k.level == level && k.name == name {
			k.value = v
			return nil
		}
	}
	for _, k := range kept {
		if k.level == level && k.name == name {
			o.kept = append(o.kept, keptOption{level, name, v})
			return nil
		}
	}
	return abi.ENOPROTOOPT
}

func (b *base) Option(level, name int) ([]byte, error) {
	if level == abi.SOL_SOCKET && name == abi.SO_ERROR {
		return number(b.pending.Swap(0)), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &b.opts
	if level == abi.SOL_SOCKET {
		switch name {
		case abi.SO_TYPE:
			return number(int32(b.typ)), nil
		case abi.SO_DOMAIN:
			return number(int32(b.domain)), nil
		case abi.SO_PROTOCOL:
			return number(int32(b.protocol)), nil
		case abi.SO_REUSEADDR:
			return number(boolean(o.reuse)), nil
		case abi.SO_REUSEPORT:
			return number(boolean(o.reusePort)), nil
		case abi.SO_BROADCAST:
			return number(boolean(o.broadcast)), nil
		case abi.SO_PASSCRED:
			return number(boolean(o.passCred)), nil
		case abi.SO_SNDBUF:
			return number(int32(orDefault(o.sndBuf))), nil
		case abi.SO_RCVBUF:
			return number(int32(orDefault(o.rcvBuf))), nil
		case abi.SO_SNDLOWAT:
			return number(1), nil
		case abi.SO_LINGER:
			return append(number(boolean(o.linger.on)), number(o.linger.seconds)...), nil
		case abi.SO_RCVTIMEO:
			return timeval(o.rcvTimeout), nil
		case abi.SO_SNDTIMEO:
			return timeval(o.sndTimeout), nil
		}
	}
	switch {
	case level == abi.SOL_SOCKET:
	case b.domain == abi.AF_UNIX:
		return nil, abi.EOPNOTSUPP
	case level == abi.IPPROTO_IPV6 && b.domain != abi.AF_INET6:
		return nil, abi.EOPNOTSUPP
	case level == abi.IPPROTO_TCP && b.typ != abi.SOCK_STREAM:
		return nil, abi.ENOPROTOOPT
	case level == abi.IPPROTO_IPV6 && name == abi.IPV6_V6ONLY:
		return number(boolean(o.v6only)), nil
	case level == abi.IPPROTO_IP && name == abi.IP_MULTICAST_LOOP, level == abi.IPPROTO_IPV6 && name == abi.IPV6_MULTICAST_LOOP:
		return number(boolean(!o.noLoop)), nil
	case level == abi.IPPROTO_TCP && name == abi.TCP_CONGESTION:
		return append([]byte("cubic"), make([]byte, 11)...), nil
	}
	for _, list := range [][]keptOption{o.kept, kept} {
		for _, k := range list {
			if k.level == level && k.name == name {
				return number(k.value), nil
			}
		}
	}
	return nil, abi.ENOPROTOOPT
}

// Option of a stream knows its listener and peer too.
func (s *stream) Option(level, name int) ([]byte, error) {
	if level == abi.SOL_SOCKET {
		switch name {
		case abi.SO_ACCEPTCONN:
			s.mu.Lock()
			defer s.mu.Unlock()
			return number(boolean(s.state == listening)), nil
		case abi.SO_PEERCRED:
			cred := abi.Ucred{UID: ^uint32(0), GID: ^uint32(0)}
			if l := s.link.Load(); l != nil && !s.inet() {
				cred = l.peer.owner
			}
			return slices.Clone(abi.Bytes(&cred)), nil
		}
	}
	return s.base.Option(level, name)
}

func orDefault(n int) int {
	if n == 0 {
		return defaultBuffer
	}
	return n
}

func boolean(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

func number(v int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }

func timeout(value []byte) (time.Duration, error) {
	if len(value) < 16 {
		return 0, abi.EINVAL
	}
	sec, usec := int64(binary.NativeEndian.Uint64(value)), int64(binary.NativeEndian.Uint64(value[8:]))
	if usec < 0 || usec >= 1e6 {
		return 0, abi.EDOM
	}
	if sec < 0 {
		return 1, nil
	}
	return time.Duration(min(sec, 1<<32))*time.Second + time.Duration(usec)*time.Microsecond, nil
}

func timeval(d time.Duration) []byte {
	tv := abi.Timeval{Sec: int64(d / time.Second), Usec: int64(d % time.Second / time.Microsecond)}
	return slices.Clone(abi.Bytes(&tv))
}
