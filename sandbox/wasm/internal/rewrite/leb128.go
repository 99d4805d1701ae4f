package rewrite

import "fmt"

// reader is a bounds-checked cursor over a part of a module. The first error
// sticks: later reads return zero values, so a caller may check once after a
// group of reads, but must check before it loops on a count it read.
type reader struct {
	buf []byte
	pos int
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("offset %#x: "+format, append([]any{r.pos}, args...)...)
		r.pos = len(r.buf)
	}
}

func (r *reader) empty() bool { return r.pos >= len(r.buf) }

func (r *reader) byte() byte {
	if r.pos >= len(r.buf) {
		r.fail("unexpected end")
		return 0
	}
	b := r.buf[r.pos]
	r.pos++
	return b
}

// bytes returns the next n bytes without copying them.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.buf)-r.pos) {
		r.fail("%d bytes wanted, %d left", n, len(r.buf)-r.pos)
		return nil
	}
	b := r.buf[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

// u32 reads an unsigned LEB128 of at most 32 bits (core spec 5.2.2): at most
// five bytes, the unused bits of the fifth zero.
func (r *reader) u32() uint32 {
	if r.pos < len(r.buf) && r.buf[r.pos] < 0x80 {
		r.pos++
		return uint32(r.buf[r.pos-1])
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		if shift == 28 && b > 0x0f {
			r.fail("integer does not fit 32 bits")
			return 0
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	return v
}

// signed reads a signed LEB128 of the given width in bits: 32, 33 or 64.
func (r *reader) signed(width int) int64 {
	var v int64
	for shift := 0; shift < width; shift += 7 {
		b := r.byte()
		if left := width - shift; left < 7 {
			// The last byte: the bits past the width repeat the sign bit.
			ext := int8(b<<1) >> left // sign-extended from bit 6
			if b >= 0x80 || (ext != 0 && ext != -1) {
				r.fail("integer does not fit %d bits", width)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	r.fail("integer does not fit %d bits", width)
	return 0
}

// count reads the length of a vector whose elements take at least one byte
// each, so that no count can ask for more memory than the module has bytes.
func (r *reader) count() int {
	n := r.u32()
	if uint64(n) > uint64(len(r.buf)-r.pos) {
		r.fail("vector of %d elements in %d bytes", n, len(r.buf)-r.pos)
		return 0
	}
	return int(n)
}

func (r *reader) name() string { return string(r.bytes(r.u32())) }

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
