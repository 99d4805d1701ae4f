package applet

import (
	"math"
	"strconv"
)

// Suffix is a unit that may follow a number.
type Suffix struct {
	Name string
	Mult uint64
}

// The sets of suffixes that busybox takes.
var (
	// BKM are those of head, tail and split.
	BKM = []Suffix{{"b", 512}, {"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20}, {"M", 1 << 20}}
	// CWBKMG are those of dd, od, hexdump and truncate.
	CWBKMG = []Suffix{
		{"c", 1}, {"w", 2}, {"b", 512}, {"kB", 1000}, {"kD", 1000}, {"k", 1 << 10}, {"KB", 1000}, {"KD", 1000}, {"K", 1 << 10},
		{"MB", 1e6}, {"MD", 1e6}, {"M", 1 << 20}, {"m", 1 << 20}, {"GB", 1e9}, {"GD", 1e9}, {"G", 1 << 30}, {"g", 1 << 30},
		{"T", 1 << 40}, {"t", 1 << 40},
	}
)

// Number reads an unsigned decimal number with one of the suffixes, or exits with "invalid number".
func (c *Context) Number(text string, suffixes []Suffix) int64 {
	n, ok := ParseNumber(text, suffixes)
	if !ok {
		c.Fatalf("invalid number '%s'", text)
	}
	return n
}

// ParseNumber reads an unsigned decimal number with one of the suffixes.
func ParseNumber(text string, suffixes []Suffix) (int64, bool) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseUint(text[:digits], 10, 63)
	if err != nil {
		return 0, false
	}
	unit := text[digits:]
	if unit == "" {
		return int64(n), true
	}
	for _, s := range suffixes {
		if s.Name == unit && n <= math.MaxInt64/s.Mult {
			return int64(n * s.Mult), true
		}
	}
	return 0, false
}

// Signed reads a decimal number that may be negative, or exits with "invalid number".
func (c *Context) Signed(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		c.Fatalf("invalid number '%s'", text)
	}
	return n
}

// HumanSize writes a size in bytes in busybox's -h form: at most three digits, a tenth below ten, 1024-based.
func HumanSize(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10)
	}
	units := "KMGTPE"
	f := n
	frac := uint64(0)
	i := -1
	for f >= 1024 {
		frac = (f%1024*10 + 512) / 1024
		f /= 1024
		i++
	}
	if frac >= 10 {
		f++
		frac = 0
	}
	if f >= 1024 && i+1 < len(units) {
		f, frac = 1, 0
		i++
	}
	return strconv.FormatUint(f, 10) + "." + strconv.FormatUint(frac, 10) + units[i:i+1]
}
