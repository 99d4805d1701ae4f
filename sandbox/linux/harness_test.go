package linux_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
)

// machine is a task with a memory, whose system calls a test makes.
type machine struct {
	*testing.T
	task *kernel.Task
	mem  memory
	next uint64
}

// memory is a program's memory from address 4096 on.
type memory []byte

const memoryStart = 4096

func (m memory) Slice(addr, n uint64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if addr < memoryStart || addr-memoryStart > uint64(len(m)) || n > uint64(len(m))-(addr-memoryStart) {
		return nil, abi.EFAULT
	}
	return m[addr-memoryStart:][:n], nil
}

// inMachine runs f in a task of a new sandbox.
func inMachine(t *testing.T, opt guesttest.Options, f func(b *guesttest.Box, m *machine)) {
	t.Helper()
	b := guesttest.New(t, kernel.Limits{})
	b.InTask(opt, func(task *kernel.Task) { f(b, newMachine(t, task)) })
}

func newMachine(t *testing.T, task *kernel.Task) *machine {
	return &machine{T: t, task: task, mem: make(memory, 1<<17), next: memoryStart}
}

// call makes a system call; arguments are numbers, and strings, which become addresses of zero-ended copies.
func (m *machine) call(nr abi.Sysno, args ...any) int64 {
	var a [6]uint64
	for i, v := range args {
		switch v := v.(type) {
		case int:
			a[i] = uint64(v)
		case int64:
			a[i] = uint64(v)
		case uint64:
			a[i] = v
		case string:
			a[i] = m.bytes(append([]byte(v), 0))
		case abi.Signal:
			a[i] = uint64(v)
		default:
			panic(fmt.Sprintf("argument %T", v))
		}
	}
	return linux.Syscall(m.task, m.mem, nr, a)
}

// bytes puts bytes into memory.
func (m *machine) bytes(b []byte) uint64 {
	addr := m.alloc(len(b))
	copy(m.at(addr, len(b)), b)
	return addr
}

// alloc makes room for n bytes; what was allocated long ago is used again.
func (m *machine) alloc(n int) uint64 {
	if m.next+uint64(n) > memoryStart+uint64(len(m.mem)) {
		m.next = memoryStart
	}
	addr := m.next
	m.next += uint64(n+15) &^ 15
	clear(m.at(addr, n))
	return addr
}

func (m *machine) at(addr uint64, n int) []byte {
	b, err := m.mem.Slice(addr, uint64(n))
	if err != nil {
		panic(err)
	}
	return b
}

func (m *machine) u64(addr uint64) uint64 { return binary.LittleEndian.Uint64(m.at(addr, 8)) }
func (m *machine) u32(addr uint64) uint32 { return binary.LittleEndian.Uint32(m.at(addr, 4)) }

// words puts 64-bit numbers into memory.
func (m *machine) words(list ...uint64) uint64 {
	var b []byte
	for _, w := range list {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return m.bytes(b)
}

// want checks a result: a number, or an errno.
func (m *machine) want(what string, got int64, want any) {
	m.Helper()
	switch w := want.(type) {
	case abi.Errno:
		if got != -int64(w) {
			if got < 0 {
				m.Errorf("%s: %v, want %v", what, abi.Errno(-got).Name(), w.Name())
			} else {
				m.Errorf("%s: %d, want %v", what, got, w.Name())
			}
		}
	case int:
		if got != int64(w) {
			if got < 0 {
				m.Errorf("%s: %v, want %d", what, abi.Errno(-got).Name(), w)
			} else {
				m.Errorf("%s: %d, want %d", what, got, w)
			}
		}
	}
}

// step is a call and its result.
type step struct {
	nr   abi.Sysno
	args []any
	want any
}

func (m *machine) steps(list ...step) {
	m.Helper()
	for i, s := range list {
		m.want(sysname(s.nr, i), m.call(s.nr, s.args...), s.want)
	}
}

func do(want any, nr abi.Sysno, args ...any) step { return step{nr, args, want} }
