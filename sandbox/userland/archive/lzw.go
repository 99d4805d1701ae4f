package archive

import (
	"bufio"
	"errors"
	"io"
)

// Constants of the format of compress(1).
const (
	lzwBlockMode = 0x80 // the table may be cleared
	lzwMaskBits  = 0x1f
	lzwClear     = 256
	lzwMinBits   = 9
	lzwMaxBits   = 16
)

// lzwReader decodes what compress(1) writes: codes of 9 to 16 bits, lowest bit first, in groups of eight.
// compress/lzw reads other variants, those of GIF and PDF.
type lzwReader struct {
	in       *bufio.Reader
	maxBits  uint
	block    bool
	bits     uint // width of a code now
	group    [lzwMaxBits]byte
	have     uint // bits in the group
	at       uint // bits of the group that are used
	next     int  // the code that the next entry gets
	prefix   [1 << lzwMaxBits]uint16
	suffix   [1 << lzwMaxBits]byte
	previous int // the code before, -1 for none
	first    byte
	stack    []byte // decoded bytes, last first
}

func compressReader(b *bufio.Reader) (io.Reader, error) {
	var header [3]byte
	if _, err := io.ReadFull(b, header[:]); err != nil || header[0] != 0x1f || header[1] != 0x9d {
		return nil, errMagic
	}
	r := &lzwReader{in: b, maxBits: uint(header[2] & lzwMaskBits), block: header[2]&lzwBlockMode != 0}
	if r.maxBits < lzwMinBits || r.maxBits > lzwMaxBits {
		return nil, errors.New("compressed with " + string([]byte{'0' + byte(r.maxBits/10), '0' + byte(r.maxBits%10)}) + " bits, can only handle 16 bits")
	}
	r.clear()
	return r, nil
}

func (r *lzwReader) clear() {
	r.bits, r.previous, r.next = lzwMinBits, -1, lzwClear
	if r.block {
		r.next++
	}
	r.have, r.at = 0, 0 // the rest of the group is padding
}

// code reads the next code.
func (r *lzwReader) code() (int, error) {
	if r.at+r.bits > r.have {
		n, err := io.ReadFull(r.in, r.group[:r.bits])
		if n == 0 {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return 0, err
		}
		r.have, r.at = uint(n)*8, 0
		if r.bits > r.have {
			return 0, io.EOF
		}
	}
	code := 0
	for i := range r.bits {
		bit := r.at + i
		code |= int(r.group[bit/8]>>(bit%8)&1) << i
	}
	r.at += r.bits
	return code, nil
}

// Read implements io.Reader.
func (r *lzwReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.stack) == 0 {
			if err := r.decode(); err != nil {
				if n > 0 && err == io.EOF {
					return n, nil
				}
				return n, err
			}
			continue
		}
		p[n] = r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		n++
	}
	return n, nil
}

// decode puts the bytes of the next code on the stack.
func (r *lzwReader) decode() error {
	code, err := r.code()
	if err != nil {
		return err
	}
	if code == lzwClear && r.block {
		r.clear()
		return nil
	}
	if r.previous < 0 {
		if code > 255 {
			return errCRC
		}
		r.previous, r.first = code, byte(code)
		r.stack = append(r.stack, r.first)
		return nil
	}
	this := code
	if code > r.next {
		return errCRC
	}
	if code == r.next { // the string before and its own first byte
		r.stack = append(r.stack, r.first)
		code = r.previous
	}
	for code > 255 {
		r.stack = append(r.stack, r.suffix[code])
		code = int(r.prefix[code])
	}
	r.first = byte(code)
	r.stack = append(r.stack, r.first)
	if r.next < 1<<r.maxBits {
		r.prefix[r.next], r.suffix[r.next] = uint16(r.previous), r.first
		r.next++
		if r.next == 1<<r.bits && r.bits < r.maxBits {
			r.bits++
			r.have, r.at = 0, 0 // a wider code begins a group
		}
	}
	r.previous = this
	return nil
}
