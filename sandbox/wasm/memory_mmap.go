//go:build linux && !portable_memory

package wasm

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// image is the initial contents of a linear memory: an anonymous file that
// instances map copy-on-write. Bytes past the end of the file are zero.
type image struct {
	file *os.File
	size uint64 // of the linear memory
	kept uint64 // bytes in the file, a multiple of the host's page size

	viewOnce sync.Once
	mapped   []byte // the file, to be read; see view
}

func hostPages(n uint64) uint64 {
	page := uint64(os.Getpagesize())
	return (n + page - 1) / page * page
}

// newImage makes an image of a memory of size bytes: the pieces, in order, on
// zeros. Where there is no piece the file has a hole.
func newImage(size uint64, pieces []piece) (*image, error) {
	if len(pieces) == 0 {
		return &image{size: size}, nil
	}
	file, err := anonymousFile()
	if err != nil {
		return nil, err
	}
	img := &image{file: file, size: size}
	for _, p := range pieces {
		if _, err := file.WriteAt(p.bytes, int64(p.offset)); err != nil {
			file.Close()
			return nil, fmt.Errorf("write memory image: %w", err)
		}
		img.kept = max(img.kept, hostPages(p.offset+uint64(len(p.bytes))))
	}
	if err := file.Truncate(int64(img.kept)); err != nil {
		file.Close()
		return nil, fmt.Errorf("write memory image: %w", err)
	}
	return img, nil
}

// anonymousFile returns a file without a name: a memfd, or where there is none
// an unlinked temporary file.
func anonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("wasm-image", unix.MFD_CLOEXEC)
	if err == nil {
		return os.NewFile(uintptr(fd), "wasm-image"), nil
	}
	file, err := os.CreateTemp("", "wasm-image-")
	if err != nil {
		return nil, fmt.Errorf("create memory image: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, fmt.Errorf("unlink memory image: %w", err)
	}
	return file, nil
}

func (img *image) close() {
	if img == nil || img.file == nil {
		return
	}
	img.viewOnce.Do(func() {}) // no view any more
	if img.mapped != nil {
		_ = unix.Munmap(img.mapped)
		img.mapped = nil
	}
	img.file.Close()
}

// memory is the linear memory of one instance: address space reserved for all
// it may grow to, of which [0, len) is accessible. It takes three mappings of
// the kernel's: the image, anonymous memory, the inaccessible rest.
type memory struct {
	img      *image
	base     []byte // the reservation
	writable uint64 // accessible bytes from the base, >= size
	size     uint64 // bytes the guest sees
	guest    Guest  // whom growth is charged to, nil between runs
	shrink   bool   // the next Reallocate is the reset's
	moved    bool   // the reservation was too small once: no longer the image
	private  int64  // bytes that the memory keeps from the host between runs
}

// newMemory maps the image with room to grow to limit bytes.
func newMemory(img *image, limit uint64) (*memory, error) {
	m := &memory{img: img}
	need := max(hostPages(img.size), uint64(os.Getpagesize()))
	var err error
	for room := max(hostPages(limit), need); ; room = max(room/2, need) {
		if m.base, err = reserve(room); err == nil {
			break
		}
		// Address space may be limited (RLIMIT_AS): take less and move later.
		if room == need {
			return nil, fmt.Errorf("reserve linear memory: %w", err)
		}
	}
	if err := m.mapImage(); err != nil {
		unmap(m.base)
		return nil, err
	}
	m.size = img.size
	return m, nil
}

func (m *memory) mapImage() error {
	if m.img.kept > 0 {
		_, err := unix.MmapPtr(int(m.img.file.Fd()), 0, unsafe.Pointer(&m.base[0]), uintptr(m.img.kept),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
		if err != nil {
			return fmt.Errorf("map memory image: %w", err)
		}
	}
	m.writable = m.img.kept
	if err := m.open(m.img.size); err != nil {
		return fmt.Errorf("map linear memory: %w", err)
	}
	return nil
}

func reserve(n uint64) ([]byte, error) {
	if uint64(int(n)) != n {
		return nil, unix.ENOMEM
	}
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), int(n)), nil
}

func unmap(b []byte) {
	if len(b) > 0 {
		_ = unix.MunmapPtr(unsafe.Pointer(&b[0]), uintptr(len(b)))
	}
}

// open makes the first n bytes accessible.
func (m *memory) open(n uint64) error {
	if n = hostPages(n); n <= m.writable {
		return nil
	}
	if err := unix.Mprotect(m.base[m.writable:n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return err
	}
	m.writable = n
	return nil
}

// Reallocate implements experimental.LinearMemory.
func (m *memory) Reallocate(size uint64) []byte {
	if m.shrink {
		m.size = m.img.size
	} else if size > m.size && !m.grow(size) {
		return nil
	}
	return m.base[:m.size:m.size]
}

func (m *memory) grow(size uint64) bool {
	delta := int64(size - m.size)
	if m.guest != nil && !m.guest.Reserve(delta) {
		return false
	}
	if m.room(size) != nil {
		if m.guest != nil {
			m.guest.Reserve(-delta)
		}
		return false
	}
	m.size = size
	return true
}

func (m *memory) room(size uint64) error {
	if size <= uint64(len(m.base)) {
		return m.open(size)
	}
	bigger, err := reserve(hostPages(size + size/2))
	if err != nil {
		return err
	}
	old := *m
	m.base, m.writable = bigger, 0
	if err := m.open(size); err != nil {
		m.base, m.writable = old.base, old.writable
		unmap(bigger)
		return err
	}
	copy(m.base, old.base[:old.size])
	unmap(old.base)
	m.moved = true
	return nil
}

// reset brings the contents of the image back: a few private pages are copied
// over, more are dropped. False tells that the memory cannot be used again.
func (m *memory) reset() bool {
	if m.moved {
		return false
	}
	if m.writable == 0 || m.restore() {
		return true
	}
	m.private = 0
	return unix.Madvise(m.base[:m.writable], unix.MADV_DONTNEED) == nil
}

// discharge gives back to the guest what it was charged for.
func (m *memory) discharge() {
	if m.guest != nil {
		m.guest.Reserve(-int64(m.size))
		m.guest = nil
	}
}

// Free implements experimental.LinearMemory.
func (m *memory) Free() {
	m.discharge()
	unmap(m.base)
	m.base, m.writable, m.size = nil, 0, 0
}
