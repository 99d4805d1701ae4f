package vnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

var root = abi.Ucred{PID: 1}

// lan makes a network with stacks at 10.1.0.2, .3, …
func lan(t testing.TB, uplink Uplink, n int) []*Stack {
	t.Helper()
	network := NewNetwork(NetworkConfig{Uplink: uplink, Subnets: []Subnet{
		{Prefix: netip.MustParsePrefix("10.1.0.0/16"), Gateway: netip.MustParseAddr("10.1.0.1")}}})
	var list []*Stack
	for i := range n {
		st := NewStack(StackConfig{})
		if _, err := st.Attach(network, InterfaceConfig{Addrs: []netip.Addr{ip(i)}}); err != nil {
			t.Fatal(err)
		}
		list = append(list, st)
	}
	return list
}

func ip(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte((i + 2) >> 8), byte(i + 2)}) }

func at(i, port int) Addr { return InetAddr(netip.AddrPortFrom(ip(i), uint16(port))) }

func sock(t testing.TB, st *Stack, typ int) Socket {
	t.Helper()
	s, err := st.Socket(abi.AF_INET, typ, 0, root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func listenAt(t testing.TB, st *Stack, a Addr, backlog int) Socket {
	t.Helper()
	l := sock(t, st, abi.SOCK_STREAM)
	if err := l.Bind(a); err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(backlog); err != nil {
		t.Fatal(err)
	}
	return l
}

// await waits until an event holds, or an error or hang-up does.
func await(s Socket, ev vfs.Events) {
	newWaiter().wait(s.Queue(), nil, func() bool { return s.Ready()&(ev|abi.POLLERR|abi.POLLHUP) != 0 })
}

func connectTo(t testing.TB, st *Stack, a Addr) Socket {
	t.Helper()
	s := sock(t, st, abi.SOCK_STREAM)
	err := s.Connect(a)
	if err == abi.EINPROGRESS {
		await(s, abi.POLLOUT)
		err = s.Error()
	}
	if err != nil {
		t.Fatalf("connecting to %v: %v", a, err)
	}
	return s
}

func acceptFrom(t testing.TB, l Socket) Socket {
	t.Helper()
	await(l, abi.POLLIN)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBytesArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	st := lan(t, nil, 2)
	l := listenAt(t, st[1], at(1, 80), 1)
	a := connectTo(t, st[0], at(1, 80))
	b := acceptFrom(t, l)
	const total = 8 << 20
	sent, got := sha256.New(), sha256.New()
	var wg sync.WaitGroup
	wg.Go(func() { // a reader that is slow at first
		buf := make([]byte, 10007)
		for n := 0; n < total; {
			await(b, abi.POLLIN)
			m, err := b.Read(buf, 0)
			if err == abi.EAGAIN {
				continue
			}
			if err != nil || m == 0 {
				t.Errorf("after %d: %d, %v", n, m, err)
				return
			}
			got.Write(buf[:m])
			n += m
		}
	})
	chunk := make([]byte, 33333)
	for n := 0; n < total; {
		for i := range chunk {
			chunk[i] = byte(n + i*7)
		}
		await(a, abi.POLLOUT)
		m, err := a.Write(chunk[:min(len(chunk), total-n)], 0)
		if err != nil && err != abi.EAGAIN {
			t.Fatal(err)
		}
		sent.Write(chunk[:m])
		n += m
	}
	wg.Wait()
	if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Error("other bytes")
	}
}

func TestAStormOfConnectionsIsServed(t *testing.T) {
	t.Parallel()
	const storm = 10000
	st := lan(t, nil, 2)
	l := listenAt(t, st[1], at(1, 80), 64)
	before := runtime.NumGoroutine()
	clients := make([]Socket, storm)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range clients {
			s := sock(t, st[0], abi.SOCK_STREAM)
			if err := s.Connect(at(1, 80)); err != nil && err != abi.EINPROGRESS {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			clients[i] = s
		}
	})
	for range storm {
		acceptFrom(t, l)
	}
	wg.Wait()
	if n := runtime.NumGoroutine(); n > before+10 {
		t.Errorf("%d goroutines for idle connections", n-before)
	}
	if text, _ := st[1].ProcNet("tcp"); bytes.Count([]byte(text), []byte("\n")) != storm+2 {
		t.Errorf("/proc/net/tcp has %d lines", bytes.Count([]byte(text), []byte("\n")))
	}
}

func TestPortsRunOutAndComeBack(t *testing.T) {
	t.Parallel()
	st := lan(t, nil, 2)
	listenAt(t, st[1], at(1, 80), abi.SOMAXCONN)
	const ports = lastEphemeral - firstEphemeral + 1
	var last Socket
	for i := range ports {
		s := sock(t, st[0], abi.SOCK_STREAM)
		if err := s.Connect(at(1, 80)); err != nil && err != abi.EINPROGRESS {
			t.Fatalf("connection %d: %v", i, err)
		}
		last = s
	}
	s := sock(t, st[0], abi.SOCK_STREAM)
	if err := s.Connect(at(1, 80)); err != abi.EADDRNOTAVAIL {
		t.Errorf("without a free port: %v", err)
	}
	last.Close()
	if err := s.Connect(at(1, 80)); err != nil && err != abi.EINPROGRESS {
		t.Errorf("with a free port: %v", err)
	}
}

func TestAListenerThatIsClosedResetsWhoWaits(t *testing.T) {
	t.Parallel()
	st := lan(t, nil, 2)
	l := listenAt(t, st[1], at(1, 80), 0)
	first := connectTo(t, st[0], at(1, 80)) // the queue has room for one more than the backlog
	second := sock(t, st[0], abi.SOCK_STREAM)
	if err := second.Connect(at(1, 80)); err != abi.EINPROGRESS {
		t.Fatalf("with a full queue: %v", err)
	}
	l.Close()
	if _, err := first.Read(make([]byte, 1), 0); err != abi.ECONNRESET {
		t.Errorf("connected: %v", err)
	}
	if err := second.Error(); err != abi.ECONNREFUSED {
		t.Errorf("connecting: %v", err)
	}
	if err := second.Connect(at(1, 80)); err != abi.ECONNREFUSED {
		t.Errorf("again: %v", err)
	}
}

func TestInternalNetworksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	st := lan(t, nil, 1)
	for to, want := range map[string]error{
		"8.8.8.8:53": abi.ENETUNREACH, "10.1.0.1:80": abi.EHOSTUNREACH, "10.1.9.9:80": abi.EHOSTUNREACH, "127.0.0.1:80": abi.ECONNREFUSED,
	} {
		s := sock(t, st[0], abi.SOCK_STREAM)
		if err := s.Connect(InetAddr(netip.MustParseAddrPort(to))); err != want {
			t.Errorf("%s: %v, want %v", to, err, want)
		}
	}
}

func TestTheUplinkRefusesTheHostsOwnAddresses(t *testing.T) {
	t.Parallel()
	u := &HostUplink{}
	for _, to := range []string{"127.0.0.1:1", "[::1]:1", "0.0.0.0:1", "[::]:1", "[::ffff:127.0.0.1]:1", "224.0.0.1:1", "255.255.255.255:1", "127.255.0.1:1"} {
		if c, err := u.Dial(context.Background(), "tcp", netip.MustParseAddrPort(to)); !errors.Is(err, abi.ECONNREFUSED) {
			t.Errorf("%s: %v, %v", to, c, err)
		}
	}
}

// loopUplink leads every address to a server of the test.
type loopUplink struct{ addr string }

func (u loopUplink) Dial(ctx context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, u.addr)
}

func TestTheOutsideIsReachedByTheUplink(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const size = 4 << 20
	go func() { // gives back what it gets, then ends
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	st := lan(t, loopUplink{l.Addr().String()}, 1)
	s := connectTo(t, st[0], InetAddr(netip.MustParseAddrPort("8.8.8.8:80")))
	if peer, err := s.PeerAddr(); err != nil || peer.String() != "8.8.8.8:80" {
		t.Errorf("peer %v, %v", peer, err)
	}
	go func() {
		data := make([]byte, size)
		for len(data) > 0 {
			await(s, abi.POLLOUT)
			n, err := s.Write(data, 0)
			if err != nil && err != abi.EAGAIN {
				t.Error(err)
				return
			}
			data = data[n:]
		}
		s.Shutdown(abi.SHUT_WR)
	}()
	got := 0
	for buf := make([]byte, 64<<10); ; {
		await(s, abi.POLLIN)
		n, err := s.Read(buf, 0)
		if err == abi.EAGAIN {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		got += n
	}
	if got != size {
		t.Errorf("%d bytes came back, want %d", got, size)
	}
}

func TestAHostsPeerThatDiesResetsTheConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	st := lan(t, loopUplink{l.Addr().String()}, 1)
	s := connectTo(t, st[0], InetAddr(netip.MustParseAddrPort("8.8.8.8:80")))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	await(s, abi.POLLERR)
	if _, err := s.Read(make([]byte, 1), 0); err != abi.ECONNRESET {
		t.Errorf("reading: %v", err)
	}
	l.Close()
	s = sock(t, st[0], abi.SOCK_STREAM)
	if err := s.Connect(InetAddr(netip.MustParseAddrPort("8.8.8.8:80"))); err != abi.EINPROGRESS {
		t.Fatal(err)
	}
	await(s, abi.POLLOUT)
	if err := s.Error(); err != abi.ECONNREFUSED {
		t.Errorf("with nobody there: %v", err)
	}
}

// TestNothingIsLeftOfClosedConnections counts goroutines and descriptors.
func TestNothingIsLeftOfClosedConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(io.Discard, c)
				c.Close()
			}()
		}
	}()
	st := lan(t, loopUplink{l.Addr().String()}, 2)
	server := listenAt(t, st[1], at(1, 80), 100)
	round := func() {
		for i := range 50 {
			s := connectTo(t, st[0], InetAddr(netip.MustParseAddrPort("8.8.8.8:80")))
			s.Write([]byte("x"), 0)
			in := connectTo(t, st[0], at(1, 80))
			acc := acceptFrom(t, server)
			if i%2 == 0 {
				in.Write([]byte("unread"), 0)
			}
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if err := st[1].Forward(context.Background(), c, at(1, 80).IP, at(0, 9).IP); err != nil {
				t.Fatal(err)
			}
			fwd := acceptFrom(t, server)
			fwd.Write([]byte("to the host"), 0)
			for _, s := range []Socket{s, acc, in, fwd} {
				s.Close()
			}
		}
	}
	round()
	settled := func(limit int) int {
		n := 0
		for range 200 {
			if n = runtime.NumGoroutine() + descriptors(); n <= limit {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		return n
	}
	before := settled(0)
	round()
	if after := settled(before); after > before+5 {
		t.Errorf("goroutines and descriptors: %d before, %d after", before, after)
	}
	if len(st[0].tcp.byPort) != 0 || len(st[0].tcp.conns) != 0 || len(st[1].tcp.byPort) != 1 {
		t.Errorf("ports left: %d, %d, %d", len(st[0].tcp.byPort), len(st[0].tcp.conns), len(st[1].tcp.byPort))
	}
}

func descriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

func TestDatagramsReachGroupsAndEverybody(t *testing.T) {
	t.Parallel()
	st := lan(t, nil, 3)
	var socks []Socket
	for i := range st {
		s := sock(t, st[i], abi.SOCK_DGRAM)
		if err := s.Bind(Addr{Family: abi.AF_INET, IP: netip.MustParseAddrPort("0.0.0.0:500")}); err != nil {
			t.Fatal(err)
		}
		socks = append(socks, s)
	}
	send := func(to string) error {
		_, err := socks[0].Send(&Message{Bufs: [][]byte{[]byte("x")}, Addr: InetAddr(netip.MustParseAddrPort(to))}, 0)
		return err
	}
	received := func() (list []int) {
		for i, s := range socks {
			if n, err := s.Read(make([]byte, 9), 0); err == nil && n == 1 {
				list = append(list, i)
			}
		}
		return list
	}
	if err := send("10.1.255.255:500"); err != abi.EACCES {
		t.Errorf("a broadcast without permission: %v", err)
	}
	socks[0].SetOption(abi.SOL_SOCKET, abi.SO_BROADCAST, number(1))
	for _, to := range []string{"10.1.255.255:500", "255.255.255.255:500"} {
		if err := send(to); err != nil {
			t.Errorf("%s: %v", to, err)
		}
		if got := received(); fmt.Sprint(got) != "[0 1 2]" {
			t.Errorf("%s reaches %v", to, got)
		}
	}
	socks[2].SetOption(abi.IPPROTO_IP, abi.IP_ADD_MEMBERSHIP, []byte{239, 1, 2, 3, 0, 0, 0, 0})
	if err := send("239.1.2.3:500"); err != nil {
		t.Error(err)
	}
	if got := received(); fmt.Sprint(got) != "[2]" {
		t.Errorf("the group's datagram reaches %v", got)
	}
	if err := send("10.1.0.3:500"); err != nil {
		t.Error(err)
	}
	if got := received(); fmt.Sprint(got) != "[1]" {
		t.Errorf("a datagram for one reaches %v", got)
	}
}

func TestAHostStackServesTheHostsPorts(t *testing.T) {
	t.Parallel()
	st := NewHostStack()
	l := listenAt(t, st, InetAddr(netip.MustParseAddrPort("127.0.0.1:0")), 5)
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.LocalAddr().IP.Port())))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := acceptFrom(t, l)
	c.Write([]byte("hello"))
	await(s, abi.POLLIN)
	buf := make([]byte, 9)
	if n, err := s.Read(buf, 0); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestPublishedDatagramsComeBack(t *testing.T) {
	t.Parallel()
	st := lan(t, &HostUplink{}, 1)
	s := sock(t, st[0], abi.SOCK_DGRAM)
	if err := s.Bind(Addr{Family: abi.AF_INET, IP: netip.MustParseAddrPort("0.0.0.0:53")}); err != nil {
		t.Fatal(err)
	}
	c, err := st[0].DialPacket(at(0, 53).IP, netip.MustParseAddrPort("10.1.0.1:4000"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("ask")); err != nil {
		t.Fatal(err)
	}
	m := Message{Bufs: [][]byte{make([]byte, 9)}}
	if n, err := s.Receive(&m, 0); err != nil || n != 3 || m.Addr.String() != "10.1.0.1:4000" {
		t.Fatalf("%d from %v, %v", n, m.Addr, err)
	}
	if _, err := s.Send(&Message{Bufs: [][]byte{[]byte("answer")}, Addr: m.Addr}, 0); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 9)
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "answer" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
