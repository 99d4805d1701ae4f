package vnet

import (
	"fmt"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Names finds the sockets of AF_UNIX behind inodes. Kernels that share filesystems share a table. The zero value is ready.
type Names struct {
	mu    sync.Mutex
	socks map[nodeKey]Socket
}

type nodeKey struct{ dev, ino uint64 }

func (t *Names) set(n Node, s Socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.socks == nil {
		t.socks = make(map[nodeKey]Socket)
	}
	t.socks[nodeKey{n.Dev, n.Ino}] = s
}

func (t *Names) get(n Node) Socket {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.socks[nodeKey{n.Dev, n.Ino}]
}

func (t *Names) drop(n Node, b *base) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := nodeKey{n.Dev, n.Ino}
	if s := t.socks[k]; s != nil && baseOf(s) == b {
		delete(t.socks, k)
	}
}

// bindName gives a socket of AF_UNIX its name; self is the whole socket. "" chooses an abstract name (unix(7), autobind).
func (b *base) bindName(self Socket, a Addr) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bound {
		return abi.EINVAL
	}
	switch {
	case a.Path == "":
		if b.stack == nil {
			return abi.EADDRNOTAVAIL
		}
		name, err := b.stack.autobind(self)
		if err != nil {
			return err
		}
		a.Path = name
	case a.Path[0] == 0:
		if b.stack == nil {
			return abi.EADDRNOTAVAIL
		}
		if !b.stack.bindAbstract(a.Path, self) {
			return abi.EADDRINUSE
		}
	default:
		a.Node.Table.set(a.Node, self)
		b.stack.setPath(self, true)
	}
	b.local, b.bound = a, true
	b.local.Family = abi.AF_UNIX
	return nil
}

// dropName gives the name back. Who closes a socket that was accepted gives back nothing: its name is the listener's.
func (b *base) dropName(self Socket) {
	b.mu.Lock()
	a, bound := b.local, b.bound
	b.mu.Unlock()
	if !bound || b.domain != abi.AF_UNIX {
		return
	}
	if a.Node.Table != nil {
		a.Node.Table.drop(a.Node, b)
		b.stack.setPath(self, false)
	} else if b.stack != nil {
		b.stack.dropAbstract(a.Path, b)
	}
}

// named finds the socket that an address of AF_UNIX leads to: ECONNREFUSED.
func (b *base) named(a Addr) (Socket, error) {
	var s Socket
	switch {
	case a.Node.Table != nil:
		s = a.Node.Table.get(a.Node)
	case b.stack != nil:
		s = b.stack.abstractName(a.Path)
	}
	if s == nil {
		return nil, abi.ECONNREFUSED
	}
	return s, nil
}

func (s *stream) connectUnix(a Addr) error {
	to, err := s.named(a)
	if err != nil {
		return err
	}
	target, ok := to.(*stream)
	if !ok || target.typ != s.typ {
		return abi.EPROTOTYPE
	}
	target.mu.Lock()
	l, path := target.listener, target.local
	target.mu.Unlock()
	if l == nil {
		return abi.ECONNREFUSED
	}
	s.mu.Lock()
	s.peer = path
	s.mu.Unlock()
	return l.offer(s)
}

func baseOf(s Socket) *base {
	switch s := s.(type) {
	case *stream:
		return &s.base
	case *datagram:
		return &s.base
	}
	return nil
}

// The abstract names of a stack.

func (st *Stack) bindAbstract(name string, s Socket) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.abstract[name] != nil {
		return false
	}
	if st.abstract == nil {
		st.abstract = make(map[string]Socket)
	}
	st.abstract[name] = s
	return true
}

func (st *Stack) setPath(s Socket, on bool) {
	if st == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if !on {
		delete(st.paths, s)
		return
	}
	if st.paths == nil {
		st.paths = make(map[Socket]struct{})
	}
	st.paths[s] = struct{}{}
}

func (st *Stack) autobind(s Socket) (string, error) {
	for range 1 << 20 {
		name := fmt.Sprintf("\x00%05x", st.lastName.Add(1)&0xfffff)
		if st.bindAbstract(name, s) {
			return name, nil
		}
	}
	return "", abi.ENOSPC
}

func (st *Stack) abstractName(name string) Socket {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.abstract[name]
}

func (st *Stack) dropAbstract(name string, b *base) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s := st.abstract[name]; s != nil && baseOf(s) == b {
		delete(st.abstract, name)
	}
}
