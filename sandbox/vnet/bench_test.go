package vnet

import (
	"io"
	"net"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// drain reads a socket until it ends.
func drain(s Socket) {
	w := newWaiter()
	for buf := make([]byte, 64<<10); ; {
		n, err := s.Read(buf, 0)
		switch {
		case err == abi.EAGAIN:
			w.wait(s.Queue(), nil, func() bool { return s.Ready()&abi.POLLIN != 0 })
		case err != nil || n == 0:
			return
		}
	}
}

// BenchmarkThroughput moves 64 KiB a step between two containers, and over the host's loopback.
func BenchmarkThroughput(b *testing.B) {
	chunk := make([]byte, 64<<10)
	b.Run("containers", func(b *testing.B) {
		st := lan(b, nil, 2)
		l := listenAt(b, st[1], at(1, 80), 1)
		x := connectTo(b, st[0], at(1, 80))
		y := acceptFrom(b, l)
		done := make(chan struct{})
		go func() { drain(y); close(done) }()
		w := newWaiter()
		b.SetBytes(int64(len(chunk)))
		b.ReportAllocs()
		for b.Loop() {
			for p := chunk; len(p) > 0; {
				n, err := x.Write(p, 0)
				p = p[n:]
				if err == abi.EAGAIN {
					w.wait(x.Queue(), nil, func() bool { return x.Ready()&abi.POLLOUT != 0 })
				}
			}
		}
		x.Shutdown(abi.SHUT_WR)
		<-done
	})
	b.Run("host's loopback", func(b *testing.B) {
		x, y := hostPair(b)
		done := make(chan struct{})
		go func() { io.CopyBuffer(io.Discard, struct{ io.Reader }{y}, make([]byte, 64<<10)); close(done) }()
		b.SetBytes(int64(len(chunk)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.Write(chunk); err != nil {
				b.Fatal(err)
			}
		}
		x.Close()
		<-done
	})
}

func hostPair(b *testing.B) (x, y net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if x, err = net.Dial("tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if y, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close(); y.Close() })
	return x, y
}

// BenchmarkLatency is one byte there and back.
func BenchmarkLatency(b *testing.B) {
	b.Run("containers", func(b *testing.B) {
		st := lan(b, nil, 2)
		l := listenAt(b, st[1], at(1, 80), 1)
		x := connectTo(b, st[0], at(1, 80))
		y := acceptFrom(b, l)
		go func() {
			w, buf := newWaiter(), make([]byte, 1)
			for {
				n, err := y.Read(buf, 0)
				if err == abi.EAGAIN {
					w.wait(y.Queue(), nil, func() bool { return y.Ready()&abi.POLLIN != 0 })
					continue
				}
				if n == 0 {
					return
				}
				y.Write(buf, 0)
			}
		}()
		w, buf := newWaiter(), make([]byte, 1)
		b.ReportAllocs()
		for b.Loop() {
			x.Write(buf, 0)
			w.wait(x.Queue(), nil, func() bool { return x.Ready()&abi.POLLIN != 0 })
			x.Read(buf, 0)
		}
		x.Close()
	})
	b.Run("host's loopback", func(b *testing.B) {
		x, y := hostPair(b)
		go func() { io.Copy(struct{ io.Writer }{y}, struct{ io.Reader }{y}) }()
		buf := make([]byte, 1)
		for b.Loop() {
			x.Write(buf)
			x.Read(buf)
		}
	})
}

// BenchmarkConnections connects, accepts and closes.
func BenchmarkConnections(b *testing.B) {
	b.Run("containers", func(b *testing.B) {
		st := lan(b, nil, 2)
		l := listenAt(b, st[1], at(1, 80), 10)
		b.ReportAllocs()
		for b.Loop() {
			x, err := st[0].Socket(abi.AF_INET, abi.SOCK_STREAM, 0, root)
			if err == nil {
				err = x.Connect(at(1, 80))
			}
			if err != nil {
				b.Fatal(err)
			}
			y, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			x.Close()
			y.Close()
		}
	})
	b.Run("host's loopback", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		for b.Loop() {
			x, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			y, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			x.(*net.TCPConn).SetLinger(0)
			x.Close()
			y.Close()
		}
	})
}
