package accounts

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// cryptAlphabet is that of crypt(3)'s base 64.
const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Rounds of SHA-crypt (https://www.akkadia.org/drepper/SHA-crypt.txt).
const (
	defaultRounds = 5000
	minRounds     = 1000
	maxRounds     = 999999999
	saltSize      = 16
)

// crypt hashes a password with SHA-crypt; setting is "$5$salt" or "$6$salt", with "rounds=N$" before the salt if wanted.
// An empty result means a setting that is not known.
func crypt(password, setting string) string {
	var newHash func() hash.Hash
	prefix := setting[:min(3, len(setting))]
	switch prefix {
	case "$5$":
		newHash = sha256.New
	case "$6$":
		newHash = sha512.New
	default:
		return ""
	}
	salt, rounds, explicit := setting[3:], defaultRounds, ""
	if rest, ok := strings.CutPrefix(salt, "rounds="); ok {
		number, after, ok := strings.Cut(rest, "$")
		n, err := strconv.Atoi(number)
		if !ok || err != nil {
			return ""
		}
		rounds, salt = min(max(n, minRounds), maxRounds), after
		explicit = "rounds=" + strconv.Itoa(rounds) + "$"
	}
	salt, _, _ = strings.Cut(salt, "$")
	salt = salt[:min(saltSize, len(salt))]
	sum := shaCrypt(newHash, []byte(password), []byte(salt), rounds)
	return prefix + explicit + salt + "$" + encodeCrypt(sum)
}

// shaCrypt is the steps of the specification, by its numbers.
func shaCrypt(newHash func() hash.Hash, key, salt []byte, rounds int) []byte {
	b := newHash() // 4-8
	b.Write(key)
	b.Write(salt)
	b.Write(key)
	digestB := b.Sum(nil)
	size := len(digestB)
	a := newHash() // 1-3, 9-12
	a.Write(key)
	a.Write(salt)
	for n := len(key); n > 0; n -= size {
		a.Write(digestB[:min(n, size)])
	}
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			a.Write(digestB)
		} else {
			a.Write(key)
		}
	}
	sum := a.Sum(nil)
	repeated := func(digest []byte, n int) []byte {
		var out []byte
		for ; n > 0; n -= size {
			out = append(out, digest[:min(n, size)]...)
		}
		return out
	}
	dp := newHash() // 13-16
	for range key {
		dp.Write(key)
	}
	p := repeated(dp.Sum(nil), len(key))
	ds := newHash() // 17-20
	for range 16 + int(sum[0]) {
		ds.Write(salt)
	}
	s := repeated(ds.Sum(nil), len(salt))
	h := newHash()
	for i := range rounds { // 21
		h.Reset()
		if i&1 != 0 {
			h.Write(p)
		} else {
			h.Write(sum)
		}
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i&1 != 0 {
			h.Write(sum)
		} else {
			h.Write(p)
		}
		sum = h.Sum(sum[:0])
	}
	return sum
}

// encodeCrypt writes a digest in the order of the specification (22e), three bytes as four characters, lowest first.
func encodeCrypt(sum []byte) string {
	var out strings.Builder
	put := func(v uint32, n int) {
		for range n {
			out.WriteByte(cryptAlphabet[v&0x3f])
			v >>= 6
		}
	}
	third := len(sum) / 3
	i := [3]int{0, third, 2 * third}
	for range third {
		put(uint32(sum[i[0]])<<16|uint32(sum[i[1]])<<8|uint32(sum[i[2]]), 4)
		if len(sum) == sha256.Size {
			i = [3]int{i[2] + 1, i[0] + 1, i[1] + 1}
		} else {
			i = [3]int{i[1] + 1, i[2] + 1, i[0] + 1}
		}
	}
	if len(sum) == sha256.Size {
		put(uint32(sum[31])<<8|uint32(sum[30]), 3)
	} else {
		put(uint32(sum[63]), 2)
	}
	return out.String()
}

// newSalt makes a random salt.
func newSalt() (string, error) {
	b := make([]byte, saltSize)
	if err := sys.Random(b); err != nil {
		return "", err
	}
	for i := range b {
		b[i] = cryptAlphabet[b[i]&0x3f]
	}
	return string(b), nil
}
