// Package sums holds the checksum and base-64 applets.
package sums

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Md5sum, Sha1sum, Sha256sum, Sha512sum and Sha3sum print or check sums.
func Md5sum(c *applet.Context) int { return sum(c, md5.New) }

// Sha1sum is Md5sum for SHA-1.
func Sha1sum(c *applet.Context) int { return sum(c, hosted(abi.HASH_SHA1, sha1.New)) }

// Sha256sum is Md5sum for SHA-256.
func Sha256sum(c *applet.Context) int { return sum(c, hosted(abi.HASH_SHA256, sha256.New)) }

// Sha512sum is Md5sum for SHA-512.
func Sha512sum(c *applet.Context) int { return sum(c, hosted(abi.HASH_SHA512, sha512.New)) }

// Sha3sum is Md5sum for SHA-3 of 224 bits, or as -a says.
func Sha3sum(c *applet.Context) int { return sum(c, nil) }

func sum(c *applet.Context, algorithm func() hash.Hash) int {
	spec := "scwbt"
	if algorithm == nil {
		spec += "a:"
	}
	o := c.Getopt(spec, "status=s", "quiet=s", "check=c", "warn=w", "binary=b", "text=t")
	if algorithm == nil {
		bits := int64(224)
		if text, ok := o.Arg('a'); ok {
			bits = c.Number(text, nil)
		}
		algorithm = sha3Of(c, bits)
	}
	if !o.Has("c") && o.Has("sw") {
		c.Usage()
	}
	code := 0
	for _, name := range c.Operands() {
		if !o.Has("c") {
			digest, ok := digestOf(c, algorithm(), name)
			if !ok {
				code = 1
				continue
			}
			c.Out.WriteString(digest + "  " + name + "\n")
			continue
		}
		if !check(c, o, algorithm, name) {
			code = 1
		}
	}
	return code
}

func sha3Of(c *applet.Context, bits int64) func() hash.Hash {
	switch bits {
	case 224:
		return func() hash.Hash { return sha3.New224() }
	case 256:
		return func() hash.Hash { return sha3.New256() }
	case 384:
		return func() hash.Hash { return sha3.New384() }
	case 512:
		return func() hash.Hash { return sha3.New512() }
	}
	c.Fatalf("bad -a%d", bits)
	return nil
}

func digestOf(c *applet.Context, h hash.Hash, name string) (string, bool) {
	fd, ok := c.Open(name)
	if !ok {
		return "", false
	}
	defer applet.CloseInput(fd)
	buf := make([]byte, 256<<10)
	for {
		n, err := sys.Read(fd, buf)
		if err != nil {
			c.Errorf("can't read '%s': %s", name, applet.Strerror(err))
			return "", false
		}
		if n == 0 {
			return hex.EncodeToString(h.Sum(nil)), true
		}
		h.Write(buf[:n])
	}
}

// check compares the sums of a list.
func check(c *applet.Context, o *applet.Options, algorithm func() hash.Hash, list string) bool {
	fd, ok := c.Open(list)
	if !ok {
		return false
	}
	defer applet.CloseInput(fd)
	checked, failed := 0, 0
	lines := applet.NewLines(fd)
	for line, _, ok := lines.Next(); ok; line, _, ok = lines.Next() {
		want, name, found := strings.Cut(string(line), " ")
		if !found || name == "" || name[0] != ' ' && name[0] != '*' {
			if o.Has("w") {
				c.Errorf("invalid format")
			}
			continue
		}
		name = name[1:]
		checked++
		digest, ok := digestOf(c, algorithm(), name)
		if ok && strings.EqualFold(digest, want) {
			if !o.Has("s") {
				c.Out.WriteString(name + ": OK\n")
			}
			continue
		}
		failed++
		if !o.Has("s") {
			c.Out.WriteString(name + ": FAILED\n")
		}
	}
	if failed > 0 && !o.Has("s") {
		c.Errorf("WARNING: %d of %d computed checksums did NOT match", failed, checked)
	}
	if checked == 0 {
		c.Errorf("no checksum lines found")
		return false
	}
	return failed == 0
}

// Cksum prints POSIX checksums.
func Cksum(c *applet.Context) int {
	c.Getopt("")
	// table[k][b] is what byte b does when k bytes follow it.
	var table [8][256]uint32
	for i := range table[0] {
		v := uint32(i) << 24
		for range 8 {
			if v&0x80000000 != 0 {
				v = v<<1 ^ 0x04c11db7
			} else {
				v <<= 1
			}
		}
		table[0][i] = v
	}
	for k := 1; k < 8; k++ {
		for i, v := range table[k-1] {
			table[k][i] = v<<8 ^ table[0][v>>24]
		}
	}
	buf := make([]byte, 64<<10)
	return c.EachInput(func(fd int, name string) error {
		crc, size := uint32(0), int64(0)
		for {
			n, err := sys.Read(fd, buf)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			b := buf[:n]
			for ; len(b) >= 8; b = b[8:] {
				crc ^= binary.BigEndian.Uint32(b)
				crc = table[7][crc>>24] ^ table[6][crc>>16&0xff] ^ table[5][crc>>8&0xff] ^ table[4][crc&0xff] ^
					table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]] ^ table[0][b[7]]
			}
			for _, x := range b {
				crc = crc<<8 ^ table[0][byte(crc>>24)^x]
			}
			size += int64(n)
		}
		for n := size; n > 0; n >>= 8 {
			crc = crc<<8 ^ table[0][byte(crc>>24)^byte(n)]
		}
		c.Out.Printf("%d %d", ^crc, size)
		if len(c.Args) > 0 {
			c.Out.WriteString(" " + name)
		}
		c.Out.WriteByte('\n')
		return nil
	})
}

// Crc32 prints the CRC-32 of IEEE 802.3.
func Crc32(c *applet.Context) int {
	c.Getopt("")
	code := 0
	for _, name := range c.Operands() {
		digest, ok := digestOf(c, crc32.NewIEEE(), name)
		if !ok {
			code = 1
			continue
		}
		c.Out.WriteString(digest)
		if len(c.Args) > 0 {
			c.Out.WriteString(" " + name)
		}
		c.Out.WriteByte('\n')
	}
	return code
}
