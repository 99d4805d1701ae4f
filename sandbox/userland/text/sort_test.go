package text

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestSortedRandomLinesAreInTheOrderOfTheComparison compares with a stable sort by the comparison alone.
func TestSortedRandomLinesAreInTheOrderOfTheComparison(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "B", "b", "aaaaaaaa", "aaaaaaaaa", "\x00", "-", "0", "12", "3.5", "100000000000000000", " ", "  ", "K", "M", "Jan", "feb", "é", "1.10", "."}
	for _, flags := range []string{"", "r", "n", "nr", "f", "fr", "d", "i", "df", "g", "M", "b", "bn"} { // -h and -V are no total orders of nonsense
		for _, key := range []string{"", "2", "1,1", "2,2r", "2n", "1.2,1.3"} {
			s := &sorter{separator: -1, order: orderOf(flags), stable: r.IntN(2) == 0}
			if key != "" {
				s.keys = append(s.keys, s.parseKey(nil, key), s.parseKey(nil, "1"))
			}
			var lines [][]byte
			for range 300 {
				var line []byte
				for range r.IntN(5) {
					line = append(line, parts[r.IntN(len(parts))]...)
				}
				lines = append(lines, slices.Clip(line))
			}
			want := slices.Clone(lines)
			slices.SortStableFunc(want, func(a, b []byte) int {
				d := s.compare(a, b)
				if d == 0 && !s.stable {
					if d = bytes.Compare(a, b); s.reverse {
						d = -d
					}
				}
				return d
			})
			if got := s.sort(lines); !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("sort -%s -k %q: another order", flags, key)
			}
		}
	}
}

// TestManyEqualLinesAreSorted sorts what a poor quicksort takes quadratic time for.
func TestManyEqualLinesAreSorted(t *testing.T) {
	t.Parallel()
	var lines [][]byte
	for i := range 200000 {
		lines = append(lines, fmt.Appendf(nil, "the same beginning %d", i%3))
	}
	s := &sorter{separator: -1}
	if got := s.sort(lines); !slices.IsSortedFunc(got, bytes.Compare) {
		t.Error("not sorted")
	}
}

func TestCountsCountAsBusyboxDoes(t *testing.T) {
	t.Parallel()
	const busybox = "/bin/busybox"
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("there is no busybox to compare with: ", err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		data := make([]byte, r.IntN(3000))
		for i := range data {
			data[i] = " \n\t\rab\x01\x7f\xc3\xa9\v\f"[r.IntN(12)]
		}
		cmd := exec.Command(busybox, "wc", "-lw")
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var n counts
		c := counter{n: &n}
		for len(data) > 0 {
			part := data[:min(len(data), 1+r.IntN(100))]
			c.add(part)
			data = data[len(part):]
		}
		c.end()
		if got, want := fmt.Sprint(n.lines, n.words), strings.Join(strings.Fields(string(out)), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
