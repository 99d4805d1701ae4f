package vnet

import (
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// bufferSize is the capacity of one direction of a stream, unless SO_SNDBUF or SO_RCVBUF ask for another.
const bufferSize = 128 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// buffer is one direction of a stream: a ring between a writer and a reader. Its memory is there only while it holds
// bytes, so that an idle connection costs none.
//
// A part of the ring can be lent: to a host connection that writes what is to be read (peek, consume) or that reads into
// the free part (grant, commit), so that bytes are copied once. Each kind has one user at a time.
type buffer struct {
	reader, writer *vfs.WaitQueue // of the two ends

	mu      sync.Mutex
	data    []byte
	start   int // of the unread bytes
	n       int
	size    int
	pos     uint64 // bytes that were read since the beginning
	marks   []mark
	records bool // keeps the boundaries of writes (SOCK_SEQPACKET)
	lent    bool // a part of data is in use without the lock
	granted bool

	fin    bool // the writer has no more: after the rest comes end of file
	dead   bool // cut off: after the rest comes the reader's error, then end of file
	shut   bool // the writer may not write any more
	closed bool // nobody reads
}

// mark is a stretch of a stream that one message wrote: a record, or the bytes that carry descriptors.
type mark struct {
	at, end uint64
	anc     *ancillary
}

// ancillary is what a message carries besides bytes (unix(7)).
type ancillary struct {
	files []*vfs.OpenFile
	cred  *abi.Ucred
}

func (a *ancillary) release() {
	if a == nil {
		return
	}
	for _, f := range a.files {
		f.Release()
	}
	a.files = nil
}

// fill makes the ring's memory; b.mu is held.
func (b *buffer) fill() {
	if b.data != nil {
		return
	}
	if b.size <= bufferSize {
		b.data = buffers.Get().(*[bufferSize]byte)[:b.size]
	} else {
		b.data = make([]byte, b.size)
	}
	b.start = 0
}

// trim gives the memory back when nothing is in it; b.mu is held.
func (b *buffer) trim() {
	if b.data == nil || b.n > 0 || b.lent || b.granted {
		return
	}
	if b.size <= bufferSize {
		buffers.Put((*[bufferSize]byte)(b.data[:bufferSize]))
	}
	b.data, b.start = nil, 0
}

// write takes as much of bufs as there is room for: EAGAIN, EPIPE when it is shut or nobody reads; with records all or
// nothing, EMSGSIZE for what can never fit.
func (b *buffer) write(bufs [][]byte, anc *ancillary) (int, error) {
	b.mu.Lock()
	if b.shut || b.closed {
		b.mu.Unlock()
		return 0, abi.EPIPE
	}
	total := 0
	for _, p := range bufs {
		total += len(p)
	}
	room := b.size - b.n
	switch {
	case b.records && total > b.size/3: // so that POLLOUT, a third of room, is enough for every record
		b.mu.Unlock()
		return 0, abi.EMSGSIZE
	case b.records && (room < total || len(b.marks) >= maxPackets), total > 0 && room == 0:
		b.mu.Unlock()
		return 0, abi.EAGAIN
	case total == 0 && !b.records:
		b.mu.Unlock()
		anc.release()
		return 0, nil
	}
	b.fill()
	at, done := b.pos+uint64(b.n), 0
	for _, p := range bufs {
		for len(p) > 0 && b.n < b.size {
			end := b.start + b.n
			limit := b.size
			if end >= b.size {
				end -= b.size
				limit = b.start
			}
			c := copy(b.data[end:limit], p)
			p = p[c:]
			b.n += c
			done += c
		}
	}
	if anc != nil || b.records {
		b.marks = append(b.marks, mark{at, at + uint64(done), anc})
	}
	b.mu.Unlock()
	b.reader.Notify(abi.POLLIN | abi.POLLRDNORM)
	return done, nil
}

// read moves bytes into bufs: EAGAIN when there are none yet, 0 at the end of file. A message with descriptors ends the
// read; anc is what it carries. The length of a record is returned even when it did not fit. With peek the bytes stay.
func (b *buffer) read(bufs [][]byte, peek bool) (n int, anc *ancillary, err error) {
	b.mu.Lock()
	if b.n == 0 && len(b.marks) == 0 {
		ended := b.fin || b.dead
		b.mu.Unlock()
		if ended {
			return 0, nil, nil
		}
		return 0, nil, abi.EAGAIN
	}
	most := b.n
	if len(b.marks) > 0 {
		most = int(b.marks[0].end - b.pos)
	}
	before := b.size - b.n
	left, start := most, b.start
	for _, p := range bufs {
		for len(p) > 0 && left > 0 {
			c := copy(p, b.data[start:min(start+left, b.size)])
			p = p[c:]
			left -= c
			if start += c; start == b.size {
				start = 0
			}
		}
	}
	n = most - left
	drop := n
	if b.records {
		n, drop = most, most
	}
	// The first mark's message is reached, as a record always is.
	marked := len(b.marks) > 0 && (b.records || b.pos+uint64(n) > b.marks[0].at)
	if marked {
		anc = b.marks[0].anc
	}
	if peek {
		b.mu.Unlock()
		return n, anc, nil
	}
	if b.start += drop; b.start >= b.size {
		b.start -= b.size
	}
	b.n -= drop
	b.pos += uint64(drop)
	if marked { // what is left of a stretch of a stream is as other bytes
		if b.marks = b.marks[1:]; len(b.marks) == 0 {
			b.marks = nil
		}
	}
	b.trim()
	after := b.size - b.n
	b.mu.Unlock()
	if third := b.size / 3; before < third && after >= third || b.records {
		b.writer.Notify(abi.POLLOUT | abi.POLLWRNORM)
	}
	return n, anc, nil
}

// finish ends the writing: the reader finds end of file after the rest.
func (b *buffer) finish() {
	b.mu.Lock()
	b.shut, b.fin = true, true
	b.mu.Unlock()
}

// cut ends both reading and writing at once, without an orderly end.
func (b *buffer) cut() {
	b.mu.Lock()
	b.shut, b.dead = true, true
	b.mu.Unlock()
}

// abandon drops what was not read, because the reader has gone, and reports whether there was anything.
func (b *buffer) abandon() (unread bool) {
	b.mu.Lock()
	unread = b.n > 0
	marks := b.marks
	b.n, b.marks, b.closed = 0, nil, true
	b.trim()
	b.mu.Unlock()
	for _, m := range marks {
		m.anc.release()
	}
	return unread
}

// state tells what poll(2) must know.
func (b *buffer) state() (unread, room int, fin, dead, shut, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	unread, room = b.n, b.size-b.n
	if len(b.marks) > 0 {
		unread = max(unread, 1)
	}
	if b.records && len(b.marks) >= maxPackets {
		room = 0
	}
	return unread, room, b.fin, b.dead, b.shut, b.closed
}

// peek lends the first stretch of unread bytes; consume gives it back. Nil: there are none now.
func (b *buffer) peek() (p []byte, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == 0 {
		return nil, b.fin || b.dead
	}
	b.lent = true
	return b.data[b.start:min(b.start+b.n, b.size)], false
}

func (b *buffer) consume(n int) {
	b.mu.Lock()
	b.lent = false
	before := b.size - b.n
	if !b.closed {
		if b.start += n; b.start >= b.size {
			b.start -= b.size
		}
		b.n -= n
		b.pos += uint64(n)
	}
	b.trim()
	after := b.size - b.n
	b.mu.Unlock()
	if third := b.size / 3; before < third && after >= third {
		b.writer.Notify(abi.POLLOUT | abi.POLLWRNORM)
	}
}

// grant lends a free stretch to be filled; commit gives it back with n bytes in it. EAGAIN: there is no room now; EPIPE.
func (b *buffer) grant() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut || b.closed {
		return nil, abi.EPIPE
	}
	if b.n == b.size {
		return nil, abi.EAGAIN
	}
	b.fill()
	b.granted = true
	end := b.start + b.n
	if end >= b.size {
		return b.data[end-b.size : b.start], nil
	}
	return b.data[end:b.size], nil
}

func (b *buffer) commit(n int) {
	b.mu.Lock()
	b.granted = false
	if !b.closed {
		b.n += n
	}
	b.trim()
	b.mu.Unlock()
	if n > 0 {
		b.reader.Notify(abi.POLLIN | abi.POLLRDNORM)
	}
}
