package text

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// record stands for a line while it is sorted. Most comparisons are of prefix: if a's is less than b's, a comes first.
type record struct {
	prefix     uint64
	line       int32
	start, end int32 // of the first key in the line
}

// sort returns the lines in order. Lines are sorted by their first key upwards, then turned round for -r.
func (s *sorter) sort(lines [][]byte) [][]byte {
	first := s.order
	if len(s.keys) > 0 {
		first = s.keys[0].order
	}
	records := make([]record, len(lines))
	for i, line := range lines {
		key := line
		if len(s.keys) > 0 {
			key = s.key(line, &s.keys[0])
		} else {
			key = s.trim(line)
		}
		start := 0
		if len(key) > 0 {
			start = cap(line) - cap(key)
		}
		records[i] = record{line: int32(i), start: int32(start), end: int32(start + len(key))}
	}
	a := &arranger{lines: lines}
	a.ties = func(x, y record) int {
		d := s.compareFrom(1, lines[x.line], lines[y.line])
		if d == 0 && !s.stable {
			if d = bytes.Compare(lines[x.line], lines[y.line]); s.reverse {
				d = -d
			}
		}
		if d == 0 {
			d = int(x.line - y.line)
		}
		if first.reverse {
			d = -d
		}
		return d
	}
	if first.plain() {
		a.same = len(s.keys) == 0 && !s.blanks // equal lines
		a.text(records, 0)
	} else {
		for i := range records {
			records[i].prefix = first.prefix(a.key(records[i]))
		}
		byPrefix(records)
		runs(records, func(run []record) {
			slices.SortFunc(run, func(x, y record) int {
				if d := first.ascending(a.key(x), a.key(y)); d != 0 {
					return d
				}
				return a.ties(x, y)
			})
		})
	}
	if first.reverse {
		slices.Reverse(records)
	}
	sorted := make([][]byte, len(lines))
	for i, r := range records {
		sorted[i] = lines[r.line]
	}
	return sorted
}

// arranger sorts records.
type arranger struct {
	lines [][]byte
	ties  func(a, b record) int // the order of records with equal first keys
	same  bool                  // ties need no order
}

func (a *arranger) key(r record) []byte { return a.lines[r.line][r.start:r.end] }

// text sorts records by the bytes of their keys from depth on, eight at a time: those before are the same in all.
func (a *arranger) text(records []record, depth int) {
	for i := range records {
		records[i].prefix = textPrefix(a.key(records[i])[depth:])
	}
	byPrefix(records)
	runs(records, func(run []record) {
		// Keys that end within the prefix come first, the shorter before the longer, which have zero bytes.
		ended := 0
		for i := range run {
			if int(run[i].end-run[i].start) <= depth+8 {
				run[i], run[ended] = run[ended], run[i]
				ended++
			}
		}
		if ended > 1 && !a.same {
			slices.SortFunc(run[:ended], func(x, y record) int {
				if d := int((x.end - x.start) - (y.end - y.start)); d != 0 {
					return d
				}
				return a.ties(x, y)
			})
		} else if ended > 1 {
			slices.SortFunc(run[:ended], func(x, y record) int { return int((x.end - x.start) - (y.end - y.start)) })
		}
		if len(run)-ended > 1 {
			a.text(run[ended:], depth+8)
		}
	})
}

// textPrefix returns the first eight bytes, zeros after a shorter text.
func textPrefix(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	v := uint64(0)
	for i, c := range b {
		v |= uint64(c) << (56 - 8*i)
	}
	return v
}

// prefix returns a number that is not greater than another key's when the key comes first.
func (o order) prefix(key []byte) uint64 {
	switch o.kind {
	case 'n':
		return numberPrefix(key)
	case 'M':
		return uint64(month(key))
	case 0:
		var b [8]byte
		n := 0
		for _, c := range key {
			if o.skips(c) {
				continue
			}
			if o.fold {
				c = upper(c)
			}
			if b[n] = c; n == 7 {
				break
			}
			n++
		}
		return binary.BigEndian.Uint64(b[:])
	}
	return 0
}

// numberPrefix has the sign, the number of digits before the point and the first 13 digits.
func numberPrefix(key []byte) uint64 {
	negative, whole, fraction := number(key)
	const longest = 1<<11 - 1
	v, left := uint64(min(len(whole), longest)), 13
	if len(whole) >= longest {
		whole, fraction = nil, nil
	}
	for _, digits := range [2][]byte{whole, fraction} {
		for _, d := range digits[:min(left, len(digits))] {
			v = v<<4 | uint64(d-'0')
			left--
		}
	}
	v <<= 4 * left
	if negative {
		return 1<<63 - v
	}
	return 1<<63 | v
}

// runs calls f for each run of several records with equal prefixes.
func runs(records []record, f func([]record)) {
	for start := 0; start < len(records); {
		end := start + 1
		for end < len(records) && records[end].prefix == records[start].prefix {
			end++
		}
		if end-start > 1 {
			f(records[start:end])
		}
		start = end
	}
}

// byPrefix sorts records by their prefixes: a quicksort that leaves alone what equals the pivot.
func byPrefix(r []record) {
	seed := uint32(len(r))
	for len(r) > 12 {
		// The middle of three places that an input cannot foresee.
		pick := func() uint64 {
			seed = seed*1664525 + 1013904223
			return r[int(uint64(seed)*uint64(len(r))>>32)].prefix
		}
		x, y, z := pick(), pick(), pick()
		pivot := max(min(x, y), min(max(x, y), z))
		less, i, greater := 0, 0, len(r)
		for i < greater {
			switch p := r[i].prefix; {
			case p < pivot:
				r[less], r[i] = r[i], r[less]
				less++
				i++
			case p > pivot:
				greater--
				r[greater], r[i] = r[i], r[greater]
			default:
				i++
			}
		}
		// The smaller side by recursion, so that the stack stays small.
		if less < len(r)-greater {
			byPrefix(r[:less])
			r = r[greater:]
		} else {
			byPrefix(r[greater:])
			r = r[:less]
		}
	}
	for i := 1; i < len(r); i++ {
		for j := i; j > 0 && r[j].prefix < r[j-1].prefix; j-- {
			r[j], r[j-1] = r[j-1], r[j]
		}
	}
}
