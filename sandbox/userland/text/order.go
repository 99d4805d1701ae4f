package text

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// order is how sort compares keys.
type order struct {
	kind                                    byte // of nghMV, 0 for text
	reverse, blanks, fold, dictionary, only bool // r, b, f, d, i
}

// orderOf reads option letters; of several kinds the first counts.
func orderOf(letters string) order {
	var o order
	for _, x := range []byte(letters) {
		switch x {
		case 'n', 'g', 'h', 'M', 'V':
			if o.kind == 0 {
				o.kind = x
			}
		case 'r':
			o.reverse = true
		case 'b':
			o.blanks = true
		case 'f':
			o.fold = true
		case 'd':
			o.dictionary = true
		case 'i':
			o.only = true
		}
	}
	return o
}

// plain reports whether keys are compared as bytes.
func (o order) plain() bool { return o.kind == 0 && !o.fold && !o.dictionary && !o.only }

// compare compares two keys.
func (o order) compare(a, b []byte) int {
	d := o.ascending(a, b)
	if o.reverse {
		return -d
	}
	return d
}

func (o order) ascending(a, b []byte) int {
	switch o.kind {
	case 'n':
		return compareNumbers(a, b)
	case 'g':
		x, errX := generalNumber(a)
		y, errY := generalNumber(b)
		switch {
		case errX != errY && errX, !errX && !errY && x < y:
			return -1
		case errX != errY, x > y:
			return 1
		}
		return 0
	case 'h':
		return compareHuman(a, b)
	case 'M':
		return month(a) - month(b)
	case 'V':
		return applet.CompareVersions(string(a), string(b))
	}
	return o.text(a, b)
}

// skips reports whether -d or -i leave a byte out.
func (o order) skips(c byte) bool {
	return o.dictionary && !(blank(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9') || o.only && (c < ' ' || c > '~')
}

func (o order) text(a, b []byte) int {
	if o.plain() {
		return bytes.Compare(a, b)
	}
	i, j := 0, 0
	for {
		for i < len(a) && o.skips(a[i]) {
			i++
		}
		for j < len(b) && o.skips(b[j]) {
			j++
		}
		if i >= len(a) || j >= len(b) {
			return (len(a) - i) - (len(b) - j)
		}
		x, y := a[i], b[j]
		if o.fold {
			x, y = upper(x), upper(y)
		}
		if x != y {
			return int(x) - int(y)
		}
		i++
		j++
	}
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 32
	}
	return c
}

// number splits a decimal number: sign, digits before and after the point.
func number(s []byte) (negative bool, whole, fraction []byte) {
	s = bytes.TrimLeft(s, " \t")
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	whole = bytes.TrimLeft(s[:i], "0")
	if i < len(s) && s[i] == '.' {
		j := i + 1
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		fraction = bytes.TrimRight(s[i+1:j], "0")
	}
	if len(whole) == 0 && len(fraction) == 0 {
		negative = false
	}
	return negative, whole, fraction
}

func compareNumbers(a, b []byte) int {
	negA, wholeA, fracA := number(a)
	negB, wholeB, fracB := number(b)
	if negA != negB {
		if negA {
			return -1
		}
		return 1
	}
	d := len(wholeA) - len(wholeB)
	if d == 0 {
		d = bytes.Compare(wholeA, wholeB)
	}
	if d == 0 {
		d = bytes.Compare(fracA, fracB)
	}
	if negA {
		return -d
	}
	return d
}

// generalNumber reads the longest floating point number at the beginning.
func generalNumber(s []byte) (float64, bool) {
	text := strings.TrimLeft(string(s), " \t")
	for end := len(text); end > 0; end-- {
		if f, err := strconv.ParseFloat(text[:end], 64); err == nil {
			return f, false
		}
	}
	return 0, true
}

func compareHuman(a, b []byte) int {
	scale := func(s []byte) int {
		s = bytes.TrimLeft(s, " \t+-0123456789.")
		if len(s) > 0 {
			return strings.IndexByte("KMGTPEZY", upper(s[0])) + 1
		}
		return 0
	}
	negA, wholeA, fracA := number(a)
	negB, _, _ := number(b)
	if negA == negB && (len(wholeA) > 0 || len(fracA) > 0) {
		if d := scale(a) - scale(b); d != 0 {
			if negA {
				return -d
			}
			return d
		}
	}
	return compareNumbers(a, b)
}

func month(s []byte) int {
	s = bytes.TrimLeft(s, " \t")
	if len(s) < 3 {
		return 0
	}
	i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", strings.ToUpper(string(s[:3])))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}
