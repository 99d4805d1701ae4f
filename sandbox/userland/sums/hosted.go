package sums

import (
	"encoding/binary"
	"hash"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// hosted returns the constructor of a hash that has the sandbox compress its blocks, or software where that cannot.
func hosted(algorithm int, software func() hash.Hash) func() hash.Hash {
	if sys.HashBlocks(algorithm, new([64]byte), nil) != nil {
		return software
	}
	return func() hash.Hash {
		h := &blockHash{Hash: software(), algorithm: algorithm}
		h.Reset()
		return h
	}
}

// blockHash is a hash of FIPS 180-4; the embedded one tells its sizes.
type blockHash struct {
	hash.Hash
	algorithm int
	state     [64]byte
	rest      []byte // less than a block
	size      uint64
}

var initialStates = map[int][]uint64{
	abi.HASH_SHA1:   {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0},
	abi.HASH_SHA256: {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
	abi.HASH_SHA512: {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
		0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179},
}

// word returns the size of a word in bytes.
func (h *blockHash) word() int { return h.BlockSize() / 16 }

func (h *blockHash) Reset() {
	h.rest, h.size = h.rest[:0], 0
	for i, w := range initialStates[h.algorithm] {
		if h.word() == 8 {
			binary.LittleEndian.PutUint64(h.state[8*i:], w)
		} else {
			binary.LittleEndian.PutUint32(h.state[4*i:], uint32(w))
		}
	}
}

func (h *blockHash) Write(b []byte) (int, error) {
	n := len(b)
	h.size += uint64(n)
	if len(h.rest) > 0 {
		take := min(len(b), h.BlockSize()-len(h.rest))
		h.rest, b = append(h.rest, b[:take]...), b[take:]
		if len(h.rest) < h.BlockSize() {
			return n, nil
		}
		if err := h.blocks(h.rest); err != nil {
			return 0, err
		}
		h.rest = h.rest[:0]
	}
	whole := len(b) - len(b)%h.BlockSize()
	h.rest = append(h.rest, b[whole:]...)
	return n, h.blocks(b[:whole])
}

func (h *blockHash) blocks(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), abi.HASH_MAX)
		if err := sys.HashBlocks(h.algorithm, &h.state, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Sum appends the digest. The hash cannot be written to afterwards.
func (h *blockHash) Sum(b []byte) []byte {
	bits := h.size * 8
	pad := append(h.rest, 0x80)
	for len(pad)%h.BlockSize() != h.BlockSize()-2*h.word() {
		pad = append(pad, 0)
	}
	if h.word() == 8 {
		pad = binary.BigEndian.AppendUint64(pad, h.size>>61)
	}
	h.blocks(binary.BigEndian.AppendUint64(pad, bits))
	for i := 0; i < h.Size(); i += h.word() {
		for j := h.word() - 1; j >= 0; j-- {
			b = append(b, h.state[i+j])
		}
	}
	return b
}
