//go:build linux && !portable_memory

package wasm

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxRestored is how many pages of a memory are restored by copying; beyond
	// that dropping them all costs less. They stay with the instance.
	maxRestored = 96
	// maxScanned is the largest memory whose pages are looked through, in bytes.
	maxScanned = 32 << 20

	// Of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61
)

// pagemap tells which pages of this process are its own. It is opened once and
// never closed; nil where the host does not offer it or it does not tell the
// truth, which all isolation between runs depends on.
var pagemap = sync.OnceValue(func() *os.File {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil
	}
	if !tellsTruth(f) {
		f.Close()
		return nil
	}
	return f
})

// tellsTruth tries a pagemap on a small image: of four pages the second is read,
// the third and a fourth past the file's end are written.
func tellsTruth(f *os.File) bool {
	page := uint64(os.Getpagesize())
	img, err := newImage(4*page, []piece{{0, bytes.Repeat([]byte{1}, int(3*page))}})
	if err != nil {
		return false
	}
	defer img.close()
	m, err := newMemory(img, 4*page)
	if err != nil {
		return false
	}
	defer m.Free()
	m.base[2*page], m.base[3*page] = 2, m.base[page]
	var private [maxRestored]uint32
	n, ok := m.privatePages(f, &private)
	return ok && slices.Equal(private[:n], []uint32{2, 3})
}

var scanBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// restore brings the image's contents back by copying them over the pages that
// runs have made private. Next to dropping the pages it saves as many page
// faults in the next run, most of what a short command costs. False when it
// cannot, or there are too many pages.
func (m *memory) restore() bool {
	f := pagemap()
	if f == nil || m.writable > maxScanned {
		return false
	}
	view := m.img.view()
	if m.img.kept > 0 && view == nil {
		return false
	}
	var private [maxRestored]uint32
	n, ok := m.privatePages(f, &private)
	if !ok {
		return false
	}
	page := uint64(os.Getpagesize())
	for _, p := range private[:n] {
		from := uint64(p) * page
		to := m.base[from : from+page]
		switch {
		case from < m.img.kept:
			copy(to, view[from:])
		case !bytes.Equal(to, zeros[:page]): // else it was only read
			clear(to)
		}
	}
	m.private = int64(n) * int64(page)
	return true
}

// privatePages lists the accessible pages that are not the image's, by their
// number; false when there are too many.
func (m *memory) privatePages(f *os.File, list *[maxRestored]uint32) (n int, ok bool) {
	buf := scanBuffers.Get().(*[32 << 10]byte)
	defer scanBuffers.Put(buf)
	page := uint64(os.Getpagesize())
	first := uint64(uintptr(unsafe.Pointer(&m.base[0]))) / page
	total := m.writable / page
	for at := uint64(0); at < total; {
		want := min(total-at, uint64(len(buf))/8) * 8
		got, err := unix.Pread(int(f.Fd()), buf[:want], int64((first+at)*8))
		if err != nil || got < 8 {
			return 0, false
		}
		entries := buf[:got/8*8]
		for i := 0; i < len(entries); i += 8 {
			e := binary.NativeEndian.Uint64(entries[i:])
			if e&(pagePresent|pageSwapped) == 0 || e&pageOfFile != 0 {
				continue
			}
			if n == len(list) {
				return 0, false
			}
			list[n] = uint32(at) + uint32(i/8)
			n++
		}
		at += uint64(len(entries)) / 8
	}
	return n, true
}

var zeros [64 << 10]byte // the largest page of Linux

// view maps the image to be read, nil when there is nothing or that fails.
func (img *image) view() []byte {
	if img.file == nil {
		return nil
	}
	img.viewOnce.Do(func() {
		p, err := unix.Mmap(int(img.file.Fd()), 0, int(img.kept), unix.PROT_READ, unix.MAP_SHARED)
		if err == nil {
			img.mapped = p
		}
	})
	return img.mapped
}
