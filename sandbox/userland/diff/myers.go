package diff

// change is a difference: lines [a, a+na) of the first file are replaced by [b, b+nb) of the second, from 0.
type change struct{ a, na, b, nb int }

// compare returns the differences of two lists of line numbers, by Myers' algorithm in linear space ("An O(ND)
// Difference Algorithm", 1986).
func compare(a, b []int) []change {
	m := &myers{a: a, b: b, delA: make([]bool, len(a)), addB: make([]bool, len(b))}
	size := 2*(len(a)+len(b)) + 4
	m.forward, m.backward = make([]int, size), make([]int, size)
	m.solve(0, len(a), 0, len(b))
	var list []change
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if (i >= len(a) || !m.delA[i]) && (j >= len(b) || !m.addB[j]) {
			i++
			j++
			continue
		}
		c := change{a: i, b: j}
		for i < len(a) && m.delA[i] {
			i++
		}
		for j < len(b) && m.addB[j] {
			j++
		}
		c.na, c.nb = i-c.a, j-c.b
		list = append(list, c)
	}
	slide(list, a, b)
	return list
}

type myers struct {
	a, b              []int
	delA, addB        []bool
	forward, backward []int
}

// slide moves pure deletions and insertions down as far as they read the same, as diff programs show them.
func slide(list []change, a, b []int) {
	for i := range list {
		c := &list[i]
		if c.na > 0 && c.nb > 0 {
			continue
		}
		endA, endB := len(a), len(b)
		if i+1 < len(list) {
			endA, endB = list[i+1].a, list[i+1].b
		}
		for c.a+c.na < endA && c.b+c.nb < endB {
			if c.na > 0 && a[c.a] != a[c.a+c.na] || c.nb > 0 && b[c.b] != b[c.b+c.nb] {
				break
			}
			c.a++
			c.b++
		}
	}
}

func (m *myers) solve(a0, a1, b0, b1 int) {
	for a0 < a1 && b0 < b1 && m.a[a0] == m.b[b0] {
		a0++
		b0++
	}
	for a0 < a1 && b0 < b1 && m.a[a1-1] == m.b[b1-1] {
		a1--
		b1--
	}
	switch {
	case a0 == a1:
		for ; b0 < b1; b0++ {
			m.addB[b0] = true
		}
		return
	case b0 == b1:
		for ; a0 < a1; a0++ {
			m.delA[a0] = true
		}
		return
	}
	x, y := m.middle(a0, a1, b0, b1)
	if x == a0 && y == b0 || x == a1 && y == b1 {
		for i := a0; i < a1; i++ {
			m.delA[i] = true
		}
		for j := b0; j < b1; j++ {
			m.addB[j] = true
		}
		return
	}
	m.solve(a0, x, b0, y)
	m.solve(x, a1, y, b1)
}

// middle finds a point on a shortest path from both ends.
func (m *myers) middle(a0, a1, b0, b1 int) (int, int) {
	n, k := a1-a0, b1-b0
	delta := n - k
	offset := len(m.forward) / 2
	f, r := m.forward, m.backward
	f[offset+1], r[offset+1] = 0, 0
	for d := 0; ; d++ {
		for i := -d; i <= d; i += 2 {
			x := f[offset+i-1] + 1
			if i == -d || i != d && f[offset+i-1] < f[offset+i+1] {
				x = f[offset+i+1]
			}
			y := x - i
			for x < n && y < k && x >= 0 && y >= 0 && m.a[a0+x] == m.b[b0+y] {
				x++
				y++
			}
			f[offset+i] = x
			if delta%2 != 0 && i-delta >= -(d-1) && i-delta <= d-1 && x+r[offset+delta-i] >= n {
				return a0 + min(x, n), b0 + min(max(y, 0), k)
			}
		}
		for i := -d; i <= d; i += 2 {
			x := r[offset+i-1] + 1
			if i == -d || i != d && r[offset+i-1] < r[offset+i+1] {
				x = r[offset+i+1]
			}
			y := x - i
			for x < n && y < k && x >= 0 && y >= 0 && m.a[a1-1-x] == m.b[b1-1-y] {
				x++
				y++
			}
			r[offset+i] = x
			if delta%2 == 0 && i-delta >= -d && i-delta <= d && x+f[offset+delta-i] >= n {
				return a1 - min(x, n), b1 - min(max(y, 0), k)
			}
		}
	}
}
