package applet

import "strings"

// CompareVersions orders strings as strverscmp(3) does: runs of digits by their value, those with leading zeros as
// fractions.
func CompareVersions(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) && i == len(b) {
		return 0
	}
	start := i
	for start > 0 && isDigit(at(a, start-1)) {
		start--
	}
	if !isDigit(at(a, i)) && !isDigit(at(b, i)) || start == i && !(isDigit(at(a, i)) && isDigit(at(b, i))) {
		return int(at(a, i)) - int(at(b, i))
	}
	// A difference within a run of digits.
	if at(a, start) == '0' && (start < i || at(b, start) == '0') {
		return compareFractions(a[start:], b[start:])
	}
	if start == i && (at(a, i) == '0' || at(b, i) == '0') {
		return int(at(a, i)) - int(at(b, i))
	}
	da, db := digitRun(a[i:]), digitRun(b[i:])
	if da != db {
		return da - db
	}
	return int(at(a, i)) - int(at(b, i))
}

// compareFractions compares runs of digits that begin with zero: the one with more zeros comes first.
func compareFractions(a, b string) int {
	za, zb := len(a)-len(strings.TrimLeft(a, "0")), len(b)-len(strings.TrimLeft(b, "0"))
	if za != zb {
		endA, endB := !isDigit(at(a, za)), !isDigit(at(b, zb))
		if za > zb {
			if endB && zb > 0 {
				return -1
			}
			return -1
		}
		if endA && za > 0 {
			return 1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func at(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

func digitRun(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
