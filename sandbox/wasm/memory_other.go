//go:build !linux || portable_memory

package wasm

// image is the initial contents of a linear memory, copied into each instance:
// the portable way, where no copy-on-write mapping is to be had.
type image struct {
	bytes []byte // up to the last byte that is not zero
	size  uint64
}

func newImage(size uint64, pieces []piece) (*image, error) {
	img := &image{size: size}
	for _, p := range pieces {
		if end := p.offset + uint64(len(p.bytes)); end > uint64(len(img.bytes)) {
			img.bytes = append(img.bytes, make([]byte, end-uint64(len(img.bytes)))...)
		}
		copy(img.bytes[p.offset:], p.bytes)
	}
	return img, nil
}

func (img *image) close() {}

// memory is the linear memory of one instance, on Go's heap.
type memory struct {
	img     *image
	base    []byte
	size    uint64 // bytes the guest sees
	guest   Guest  // whom growth is charged to, nil between runs
	shrink  bool   // the next Reallocate is the reset's
	private int64  // of this kind of memory always 0: it does not come and go
}

func newMemory(img *image, limit uint64) (*memory, error) {
	m := &memory{img: img, base: make([]byte, img.size), size: img.size}
	copy(m.base, img.bytes)
	return m, nil
}

// Reallocate implements experimental.LinearMemory.
func (m *memory) Reallocate(size uint64) []byte {
	if m.shrink {
		m.size = m.img.size
	} else if size > m.size {
		if m.guest != nil && !m.guest.Reserve(int64(size-m.size)) {
			return nil
		}
		if size > uint64(len(m.base)) {
			m.base = append(m.base, make([]byte, size-uint64(len(m.base)))...)
		}
		m.size = size
	}
	return m.base[:m.size:m.size]
}

// reset brings the contents of the image back.
func (m *memory) reset() bool {
	clear(m.base[copy(m.base, m.img.bytes):])
	return true
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
	m.base, m.size = nil, 0
}
