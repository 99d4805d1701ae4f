package abi

// Numbers of sockets: socket(2), ip(7), ipv6(7), tcp(7), udp(7), unix(7), as linux/amd64 has them.

// Address families.
const (
	AF_UNSPEC  = 0
	AF_UNIX    = 1
	AF_INET    = 2
	AF_INET6   = 10
	AF_NETLINK = 16
	AF_PACKET  = 17
	AF_MAX     = 46
)

// Types of sockets, and the flags in the same argument.
const (
	SOCK_STREAM    = 1
	SOCK_DGRAM     = 2
	SOCK_RAW       = 3
	SOCK_RDM       = 4
	SOCK_SEQPACKET = 5
	SOCK_PACKET    = 10
	SOCK_TYPE_MASK = 0xf
	SOCK_CLOEXEC   = O_CLOEXEC
	SOCK_NONBLOCK  = O_NONBLOCK
)

// Protocols.
const (
	IPPROTO_IP      = 0
	IPPROTO_ICMP    = 1
	IPPROTO_TCP     = 6
	IPPROTO_UDP     = 17
	IPPROTO_IPV6    = 41
	IPPROTO_ICMPV6  = 58
	IPPROTO_UDPLITE = 136
)

// Levels of options besides the protocols.
const (
	SOL_SOCKET = 1
	SOL_RAW    = 255
)

// Options of SOL_SOCKET.
const (
	SO_DEBUG         = 1
	SO_REUSEADDR     = 2
	SO_TYPE          = 3
	SO_ERROR         = 4
	SO_DONTROUTE     = 5
	SO_BROADCAST     = 6
	SO_SNDBUF        = 7
	SO_RCVBUF        = 8
	SO_KEEPALIVE     = 9
	SO_OOBINLINE     = 10
	SO_PRIORITY      = 12
	SO_LINGER        = 13
	SO_REUSEPORT     = 15
	SO_PASSCRED      = 16
	SO_PEERCRED      = 17
	SO_RCVLOWAT      = 18
	SO_SNDLOWAT      = 19
	SO_RCVTIMEO      = 20
	SO_SNDTIMEO      = 21
	SO_BINDTODEVICE  = 25
	SO_TIMESTAMP     = 29
	SO_ACCEPTCONN    = 30
	SO_PEERSEC       = 31
	SO_SNDBUFFORCE   = 32
	SO_RCVBUFFORCE   = 33
	SO_MARK          = 36
	SO_PROTOCOL      = 38
	SO_DOMAIN        = 39
	SO_INCOMING_CPU  = 49
	SO_BUSY_POLL     = 46
	SO_COOKIE        = 57
	SO_PEERGROUPS    = 59
	SO_ZEROCOPY      = 60
	SO_ATTACH_FILTER = 26
)

// Options of TCP.
const (
	TCP_NODELAY       = 1
	TCP_MAXSEG        = 2
	TCP_CORK          = 3
	TCP_KEEPIDLE      = 4
	TCP_KEEPINTVL     = 5
	TCP_KEEPCNT       = 6
	TCP_SYNCNT        = 7
	TCP_LINGER2       = 8
	TCP_DEFER_ACCEPT  = 9
	TCP_WINDOW_CLAMP  = 10
	TCP_INFO          = 11
	TCP_QUICKACK      = 12
	TCP_CONGESTION    = 13
	TCP_USER_TIMEOUT  = 18
	TCP_FASTOPEN      = 23
	TCP_NOTSENT_LOWAT = 25
)

// Options of IP and IPv6.
const (
	IP_TOS             = 1
	IP_TTL             = 2
	IP_HDRINCL         = 3
	IP_PKTINFO         = 8
	IP_MTU_DISCOVER    = 10
	IP_RECVERR         = 11
	IP_RECVTTL         = 12
	IP_MULTICAST_IF    = 32
	IP_MULTICAST_TTL   = 33
	IP_MULTICAST_LOOP  = 34
	IP_ADD_MEMBERSHIP  = 35
	IP_DROP_MEMBERSHIP = 36
	IP_MULTICAST_ALL   = 49

	IPV6_UNICAST_HOPS   = 16
	IPV6_MULTICAST_IF   = 17
	IPV6_MULTICAST_HOPS = 18
	IPV6_MULTICAST_LOOP = 19
	IPV6_JOIN_GROUP     = 20
	IPV6_LEAVE_GROUP    = 21
	IPV6_MTU_DISCOVER   = 23
	IPV6_RECVERR        = 25
	IPV6_V6ONLY         = 26
	IPV6_RECVPKTINFO    = 49
	IPV6_RECVHOPLIMIT   = 51
	IPV6_TCLASS         = 67
)

// Flags of send and recv.
const (
	MSG_OOB          = 0x1
	MSG_PEEK         = 0x2
	MSG_DONTROUTE    = 0x4
	MSG_CTRUNC       = 0x8
	MSG_TRUNC        = 0x20
	MSG_DONTWAIT     = 0x40
	MSG_EOR          = 0x80
	MSG_WAITALL      = 0x100
	MSG_CONFIRM      = 0x800
	MSG_ERRQUEUE     = 0x2000
	MSG_NOSIGNAL     = 0x4000
	MSG_MORE         = 0x8000
	MSG_WAITFORONE   = 0x10000
	MSG_CMSG_CLOEXEC = 0x40000000
)

// Types of control messages of SOL_SOCKET, and how many descriptors one carries at most (unix(7)).
const (
	SCM_RIGHTS      = 1
	SCM_CREDENTIALS = 2
	SCM_MAX_FD      = 253
)

// How to shut down.
const (
	SHUT_RD   = 0
	SHUT_WR   = 1
	SHUT_RDWR = 2
)

// SOMAXCONN bounds the backlog of a listener (/proc/sys/net/core/somaxconn).
const SOMAXCONN = 4096

// Further events of poll(2).
const (
	POLLRDNORM = 0x40
	POLLRDBAND = 0x80
	POLLWRNORM = 0x100
	POLLWRBAND = 0x200
	POLLRDHUP  = 0x2000
)

// Requests of ioctl(2) of sockets (netdevice(7)).
const (
	SIOCADDRT      = 0x890b
	SIOCDELRT      = 0x890c
	SIOCGIFNAME    = 0x8910
	SIOCGIFCONF    = 0x8912
	SIOCGIFFLAGS   = 0x8913
	SIOCSIFFLAGS   = 0x8914
	SIOCGIFADDR    = 0x8915
	SIOCSIFADDR    = 0x8916
	SIOCGIFDSTADDR = 0x8917
	SIOCGIFBRDADDR = 0x8919
	SIOCGIFNETMASK = 0x891b
	SIOCSIFNETMASK = 0x891c
	SIOCGIFMETRIC  = 0x891d
	SIOCGIFMTU     = 0x8921
	SIOCSIFMTU     = 0x8922
	SIOCGIFHWADDR  = 0x8927
	SIOCGIFINDEX   = 0x8933
	SIOCGIFTXQLEN  = 0x8942
	SIOCGIFMAP     = 0x8970
	SIOCOUTQ       = TIOCOUTQ
)

// Flags of interfaces.
const (
	IFF_UP          = 0x1
	IFF_BROADCAST   = 0x2
	IFF_LOOPBACK    = 0x8
	IFF_POINTOPOINT = 0x10
	IFF_RUNNING     = 0x40
	IFF_MULTICAST   = 0x1000
)

// Ucred is struct ucred (SO_PEERCRED).
type Ucred struct {
	PID int32
	UID uint32
	GID uint32
}
