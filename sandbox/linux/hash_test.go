package linux_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
)

// padded returns a message with the padding of FIPS 180-4.
func padded(message []byte, block int) []byte {
	b := append(bytes.Clone(message), 0x80)
	for len(b)%block != block-8 {
		b = append(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(len(message))*8)
}

func TestBlocksAreHashedFromAnyState(t *testing.T) {
	t.Parallel()
	message := bytes.Repeat([]byte("some text. "), 100)
	sum1, sum256, sum512 := sha1.Sum(message), sha256.Sum256(message), sha512.Sum512(message)
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		for _, c := range []struct {
			algorithm, block, word int
			initial                []uint64
			want                   []byte
		}{
			{abi.HASH_SHA1, 64, 4, []uint64{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, sum1[:]},
			{abi.HASH_SHA256, 64, 4, []uint64{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, sum256[:]},
			{abi.HASH_SHA512, 128, 8, []uint64{0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
				0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}, sum512[:]},
		} {
			var state []byte
			for _, w := range c.initial {
				state = append(state, binary.LittleEndian.AppendUint64(nil, w)[:c.word]...)
			}
			data := padded(message, c.block)
			at, from := m.bytes(state), m.bytes(data)
			m.want("the first block", m.call(abi.SYS_HASH, c.algorithm, at, from, c.block), 0)
			m.want("the others", m.call(abi.SYS_HASH, c.algorithm, at, from+uint64(c.block), len(data)-c.block), 0)
			m.want("none", m.call(abi.SYS_HASH, c.algorithm, at, from, 0), 0)
			got := bytes.Clone(m.at(at, len(state)))
			for i := 0; i < len(got); i += c.word {
				for j := range c.word / 2 {
					got[i+j], got[i+c.word-1-j] = got[i+c.word-1-j], got[i+j]
				}
			}
			if !bytes.Equal(got, c.want) {
				t.Errorf("algorithm %d: % x, want % x", c.algorithm, got, c.want)
			}
		}
		at := m.alloc(256)
		m.steps(
			do(abi.EINVAL, abi.SYS_HASH, 0, at, at, 64),
			do(abi.EINVAL, abi.SYS_HASH, 4, at, at, 64),
			do(abi.EINVAL, abi.SYS_HASH, abi.HASH_SHA512, at, at, 64),
			do(abi.EINVAL, abi.SYS_HASH, abi.HASH_SHA1, at, at, abi.HASH_MAX+64),
			do(abi.EFAULT, abi.SYS_HASH, abi.HASH_SHA1, 8, at, 64),
			do(abi.EFAULT, abi.SYS_HASH, abi.HASH_SHA1, at, 8, 64),
			do(abi.EFAULT, abi.SYS_HASH, abi.HASH_SHA1, at, -64, 64),
		)
	})
}

// FuzzHash makes the call with any arguments: it fails or changes the state, and nothing else.
func FuzzHash(f *testing.F) {
	f.Add(int32(1), uint64(4096), uint64(8192), uint64(64))
	f.Add(int32(3), uint64(4096), uint64(4096), uint64(128))
	f.Add(int32(2), uint64(1)<<63, uint64(4096), uint64(1<<20))
	f.Fuzz(func(t *testing.T, algorithm int32, state, data, size uint64) {
		mem := make(memory, 1<<16)
		before := bytes.Clone(mem)
		b := guesttest.New(t, kernel.Limits{})
		var result int64
		b.InTask(guesttest.Options{}, func(task *kernel.Task) {
			result = linux.Syscall(task, mem, abi.SYS_HASH, [6]uint64{uint64(uint32(algorithm)), state, data, size})
		})
		for i := range mem {
			if mem[i] != before[i] && (result < 0 || uint64(i)+memoryStart < state || uint64(i)+memoryStart >= state+64) {
				t.Fatalf("byte %d was written; result %d", i, result)
			}
		}
	})
}
