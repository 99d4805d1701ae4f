package vnet

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Socket is an open socket (socket(2)). It is a file: Read and Write are recv and send without flags. As with every file no
// method waits: EAGAIN, and EINPROGRESS from Connect, say that the queue will tell when to look again. Errors are abi.Errno.
type Socket interface {
	vfs.File
	vfs.Ioctler

	// Domain, Type and Protocol are what it was made with.
	Domain() int
	Type() int
	Protocol() int
	// Bind gives it an address: EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL when it has one.
	Bind(a Addr) error
	// Listen makes it accept connections: EOPNOTSUPP, EADDRINUSE, EINVAL.
	Listen(backlog int) error
	// Accept takes the next connection: EAGAIN, EINVAL.
	Accept() (Socket, error)
	// Connect connects it, or sets where datagrams go. EINPROGRESS: POLLOUT tells the end, and Error whether it went well.
	// EAGAIN: the listener, of AF_UNIX, has no room, and announces it on Waiting's queue.
	Connect(a Addr) error
	// Send sends a message. Flags are abi.MSG_OOB alone: EOPNOTSUPP. It owns m.Files unless it fails.
	Send(m *Message, flags int) (int, error)
	// Receive receives one; flags are abi.MSG_PEEK and MSG_TRUNC. The caller owns m.Files then.
	Receive(m *Message, flags int) (int, error)
	// Shutdown ends a direction or both: ENOTCONN, EINVAL.
	Shutdown(how int) error
	// LocalAddr is what getsockname(2) gives, PeerAddr what getpeername(2) does: ENOTCONN.
	LocalAddr() Addr
	PeerAddr() (Addr, error)
	// SetOption and Option are setsockopt(2) and getsockopt(2): ENOPROTOOPT, EINVAL, EDOM.
	SetOption(level, name int, value []byte) error
	Option(level, name int) ([]byte, error)
	// Error takes the pending error (SO_ERROR); nil for none.
	Error() error
	// Timeouts are SO_RCVTIMEO and SO_SNDTIMEO; 0 for none.
	Timeouts() (receive, send time.Duration)
	// Stat describes the socket's own inode, which fstat(2) and /proc/PID/fd show.
	Stat() (abi.Stat, error)
}

// Message is what sendmsg(2) and recvmsg(2) move.
type Message struct {
	Bufs  [][]byte
	Addr  Addr            // to send to, or where it came from; AF_UNSPEC for none
	Files []*vfs.OpenFile // SCM_RIGHTS
	Cred  *abi.Ucred      // SCM_CREDENTIALS
	Flags int             // of what was received: MSG_TRUNC, MSG_EOR
}

// base is what all sockets have.
type base struct {
	stack    *Stack // nil for a pair of AF_UNIX without one
	domain   uint16
	typ      int
	protocol int
	ino      uint64
	owner    abi.Ucred
	made     time.Time

	queue   vfs.WaitQueue
	pending atomic.Int32  // SO_ERROR
	portNum atomic.Uint32 // in the table of ports

	mu    sync.Mutex
	opts  options
	local Addr
	peer  Addr
	done  bool // closed
	bound bool // has a place in the stack's table of ports, or a name
}

var lastIno atomic.Uint64

func (b *base) init(stack *Stack, domain, typ, protocol int, owner abi.Ucred) {
	b.stack, b.domain, b.typ, b.protocol, b.owner = stack, uint16(domain), typ, protocol, owner
	b.ino, b.made = firstIno+lastIno.Add(1), time.Now()
	b.opts = options{ttl: -1}
}

// firstIno keeps the numbers of sockets apart from those of pipes, which are small.
const firstIno = 1 << 20

func (b *base) Domain() int           { return int(b.domain) }
func (b *base) Type() int             { return b.typ }
func (b *base) Protocol() int         { return b.protocol }
func (b *base) Queue() *vfs.WaitQueue { return &b.queue }

// Stat gives the attributes of sockfs.
func (b *base) Stat() (abi.Stat, error) {
	t := abi.TimespecOf(b.made.UnixNano())
	return abi.Stat{
		Dev: sockDev, Ino: b.ino, Nlink: 1, Mode: abi.S_IFSOCK | 0o777, UID: b.owner.UID, GID: b.owner.GID, Blksize: 4096,
		Atim: t, Mtim: t, Ctim: t,
	}, nil
}

const sockDev = 8

// LocalAddr is what the program sees of the address.
func (b *base) LocalAddr() Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.localLocked()
}

func (b *base) localLocked() Addr {
	if b.local.Family == abi.AF_UNSPEC {
		return b.anyAddr()
	}
	return b.local.as(b.domain)
}

// anyAddr is the address of a socket that has none.
func (b *base) anyAddr() Addr {
	a := Addr{Family: b.domain}
	if b.domain != abi.AF_UNIX {
		a.IP = b.wildcard()
	}
	return a
}

func (b *base) Error() error {
	if e := b.pending.Swap(0); e != 0 {
		return abi.Errno(e)
	}
	return nil
}

// fail sets the pending error.
func (b *base) fail(e abi.Errno) { b.pending.Store(int32(e)) }

func (b *base) Timeouts() (receive, send time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opts.rcvTimeout, b.opts.sndTimeout
}

// size is the length of all buffers.
func size(bufs [][]byte) int {
	n := 0
	for _, p := range bufs {
		n += len(p)
	}
	return n
}
