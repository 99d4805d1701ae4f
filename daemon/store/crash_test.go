package store

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// life makes a series of changes, and returns the contents and the tail's length after each.
func life(t *testing.T, s *Store, from, to int) (states []map[string]string, ends []int64) {
	t.Helper()
	states = append(states, contents(s))
	ends = append(ends, s.tail.size)
	for i := from; i < to; i++ {
		b := s.Bucket(fmt.Sprint("bucket", i%2))
		if i%5 == 4 {
			if err := b.Delete(fmt.Sprint("key", (i-2)%4)); err != nil {
				t.Fatal(err)
			}
		} else {
			mustPut(t, b, fmt.Sprint("key", i%4), strings.Repeat(fmt.Sprint(i), i%7))
		}
		states = append(states, contents(s))
		ends = append(ends, s.tail.size)
	}
	return states, ends
}

// expect opens the files as a crash left them, twice, with a change in between: what is there is want, and what comes
// after is neither lost nor mixed with what had been dropped.
func expect(t *testing.T, what string, db, wal []byte, want map[string]string) {
	t.Helper()
	dir := t.TempDir()
	writeState(t, dir, db, wal)
	s := mustOpen(t, dir, never)
	if got := contents(s); !maps.Equal(got, want) {
		t.Fatalf("%s: found %v, want %v", what, got, want)
	}
	mustPut(t, s.Bucket("after"), "crash", "v")
	db, wal = copyState(t, dir)
	s.Close()

	again := t.TempDir()
	writeState(t, again, db, wal)
	want = maps.Clone(want)
	want["after/crash"] = "v"
	s = mustOpen(t, again, never)
	if got := contents(s); !maps.Equal(got, want) {
		t.Fatalf("%s, then one change: found %v, want %v", what, got, want)
	}
	s.Close()
}

func TestCrashAtEveryByteOfTheTailLeavesWhatWasWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, never)
	mustPut(t, s.Bucket("old"), "key", "in bbolt")
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	states, ends := life(t, s, 0, 12)
	db, wal := copyState(t, dir)
	whole := 0
	for n := range len(wal) + 1 {
		if whole+1 < len(ends) && int64(n) >= ends[whole+1] {
			whole++
		}
		expect(t, fmt.Sprintf("tail cut at %d", n), db, wal[:n], states[whole])
	}
	if whole != len(ends)-1 {
		t.Fatalf("reached %d of %d changes", whole, len(ends)-1)
	}
}

func TestDamagedTailEndsBeforeTheDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, never)
	states, ends := life(t, s, 0, 6)
	db, wal := copyState(t, dir)
	for n := range len(wal) {
		whole := 0
		for ends[whole+1] <= int64(n) {
			whole++
		}
		flipped := append([]byte{}, wal...)
		flipped[n] ^= 0x10
		expect(t, fmt.Sprintf("bit flipped at %d", n), db, flipped, states[whole])
	}
	// A page that never reached the disk reads as zeros.
	hole := append([]byte{}, wal...)
	clear(hole[ends[2]:ends[3]])
	expect(t, "hole", db, hole, states[2])
	expect(t, "zeros behind", db, append(append([]byte{}, wal...), make([]byte, 100)...), states[len(states)-1])
}

func TestCrashBetweenTheStepsOfAFoldLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, never)
	first, _ := life(t, s, 0, 6)
	_, firstTail := copyState(t, dir)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	folded, empty := copyState(t, dir)
	if len(empty) != 0 {
		t.Fatalf("%d bytes in the tail after a fold", len(empty))
	}
	expect(t, "committed, tail not emptied", folded, firstTail, first[6])
	expect(t, "committed, tail emptied", folded, nil, first[6])

	second, _ := life(t, s, 6, 12)
	_, secondTail := copyState(t, dir)
	expect(t, "next changes behind folded ones", folded, append(append([]byte{}, firstTail...), secondTail...), second[6])
	// The tail's old length and bytes come back behind the new ones.
	for n := 1; n < len(firstTail); n++ {
		expect(t, fmt.Sprintf("old bytes from %d behind new ones", n), folded,
			append(append([]byte{}, secondTail...), firstTail[n:]...), second[6])
	}
}

func TestTailNewerThanItsBboltFileIsNotTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, never)
	empty, _ := copyState(t, dir)
	life(t, s, 0, 3)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	life(t, s, 3, 6)
	_, wal := copyState(t, dir)
	expect(t, "records with a gap before them", empty, wal, map[string]string{})
}

func TestFailedAppendLeavesMemoryAndTailAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, never)
	mustPut(t, s.Bucket("b"), "k", "v")
	readOnly, err := os.Open(filepath.Join(dir, walName))
	if err != nil {
		t.Fatal(err)
	}
	writable := s.tail.f
	s.tail.f = readOnly
	if err := s.Bucket("b").PutBytes("k", []byte("new")); err == nil {
		t.Fatal("a write to a read-only tail was taken")
	}
	if got := contents(s)["b/k"]; got != "v" {
		t.Errorf("memory has %q", got)
	}
	s.tail.f = writable
	readOnly.Close()
	mustPut(t, s.Bucket("b"), "k", "newer")
	db, wal := copyState(t, dir)
	expect(t, "a change after the failed one", db, wal, map[string]string{"b/k": "newer"})
}
