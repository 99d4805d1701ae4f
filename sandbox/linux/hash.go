package linux

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"hash"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// resumable is a hash whose state can be set and read: its magic bytes, the words, a block that is not whole and the
// length, big-endian.
type resumable interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// hashBlocks is SYS_HASH: EFAULT, EINVAL for an algorithm that it does not have and for a length that is no multiple of
// the block or too long.
func hashBlocks(_ *kernel.Task, m Memory, a args) (int64, error) {
	var h hash.Hash
	words, size := 8, 4
	switch a.int(0) {
	case abi.HASH_SHA1:
		h, words = sha1.New(), 5
	case abi.HASH_SHA256:
		h = sha256.New()
	case abi.HASH_SHA512:
		h, size = sha512.New(), 8
	default:
		return 0, abi.EINVAL
	}
	if a[3] > abi.HASH_MAX || a[3]%uint64(h.BlockSize()) != 0 {
		return 0, abi.EINVAL
	}
	state, err := m.Slice(a[1], uint64(words*size))
	if err != nil {
		return 0, err
	}
	data, err := m.Slice(a[2], a[3])
	if err != nil {
		return 0, err
	}
	r := h.(resumable)
	var buf [256]byte
	form, err := r.AppendBinary(buf[:0])
	if err != nil {
		return 0, abi.EINVAL
	}
	const magic = 4
	for i := range words {
		swap(form[magic+i*size:], state[i*size:], size)
	}
	if err := r.UnmarshalBinary(form); err != nil {
		return 0, abi.EINVAL
	}
	r.Write(data)
	if form, err = r.AppendBinary(form[:0]); err != nil {
		return 0, abi.EINVAL
	}
	for i := range words {
		swap(state[i*size:], form[magic+i*size:], size)
	}
	return 0, nil
}

// swap copies a word of 4 or 8 bytes in the other order of bytes.
func swap(dst, src []byte, size int) {
	if size == 4 {
		binary.BigEndian.PutUint32(dst, le.Uint32(src))
	} else {
		binary.BigEndian.PutUint64(dst, le.Uint64(src))
	}
}
