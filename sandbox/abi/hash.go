package abi

// SYS_HASH applies the compression function of a hash to whole blocks of the caller's memory, where WebAssembly takes
// several times as long as the host's instructions: hash(algorithm, state *byte, data *byte, len) -> 0. The state has the
// words of the chaining value, in the machine's (little-endian) order; len is a multiple of the algorithm's block and at
// most HASH_MAX. Padding is the caller's. It touches nothing but that memory, and keeps nothing.
const SYS_HASH Sysno = 0x1005

// Algorithms of SYS_HASH (FIPS 180-4).
const (
	HASH_SHA1   = 1 // 5 words of 32 bits, blocks of 64 bytes
	HASH_SHA256 = 2 // 8 words of 32 bits, blocks of 64 bytes; SHA-224 too
	HASH_SHA512 = 3 // 8 words of 64 bits, blocks of 128 bytes; SHA-384 too

	HASH_MAX = 1 << 20
)
