//go:build linux && !portable_memory

package wasm

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMemoryThatOutgrowsItsReservationMoves(t *testing.T) {
	t.Parallel()
	img, err := newImage(2*pageSize, []piece{{100, []byte("initial")}})
	if err != nil {
		t.Fatal(err)
	}
	defer img.close()
	m, err := newMemory(img, 3*pageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	b := m.Reallocate(2 * pageSize)
	copy(b[pageSize:], "written")
	if m.Reallocate(3 * pageSize); m.moved {
		t.Error("moved too early")
	}
	b = m.Reallocate(9 * pageSize)
	if !m.moved || len(b) != 9*pageSize || string(b[100:107]) != "initial" || string(b[pageSize:pageSize+7]) != "written" {
		t.Errorf("moved %v, %d bytes, %q %q", m.moved, len(b), b[100:107], b[pageSize:pageSize+7])
	}
	if !bytes.Equal(b[3*pageSize:], make([]byte, 6*pageSize)) {
		t.Error("grown memory is not zero")
	}
	if m.reset() {
		t.Error("a moved memory claims to be the image again")
	}
}

func TestMemoryResetBringsTheImageBack(t *testing.T) {
	t.Parallel()
	img, err := newImage(3*pageSize, []piece{{0, []byte("first")}, {pageSize + 5, []byte("second")}})
	if err != nil {
		t.Fatal(err)
	}
	defer img.close()
	m, err := newMemory(img, 1<<32)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	want := bytes.Clone(m.Reallocate(3 * pageSize))
	if string(want[:5]) != "first" || string(want[pageSize+5:pageSize+11]) != "second" {
		t.Fatalf("image reads %q", want[:16])
	}
	b := m.Reallocate(5 * pageSize)
	for i := range b {
		b[i] = 0xff
	}
	if !m.reset() {
		t.Fatal("reset failed")
	}
	m.shrink = true
	got := m.Reallocate(6 * pageSize)
	m.shrink = false
	if !bytes.Equal(got, want) {
		t.Error("the memory differs from the image")
	}
	if b = m.Reallocate(5 * pageSize); !bytes.Equal(b[3*pageSize:], make([]byte, 2*pageSize)) {
		t.Error("memory that grows again is not zero")
	}
}

func TestImageIsSharedUntilWritten(t *testing.T) {
	t.Parallel()
	img, err := newImage(pageSize, []piece{{0, []byte("image")}})
	if err != nil {
		t.Fatal(err)
	}
	defer img.close()
	var all [2]*memory
	for i := range all {
		if all[i], err = newMemory(img, pageSize); err != nil {
			t.Fatal(err)
		}
		defer all[i].Free()
	}
	copy(all[0].Reallocate(pageSize), "other")
	if s := string(all[1].Reallocate(pageSize)[:5]); s != "image" {
		t.Errorf("another instance reads %q", s)
	}
	var onDisk [5]byte
	if _, err := unix.Pread(int(img.file.Fd()), onDisk[:], 0); err != nil || string(onDisk[:]) != "image" {
		t.Errorf("the image reads %q, %v", onDisk, err)
	}
}

func TestAResetBringsEveryPageBack(t *testing.T) {
	t.Parallel()
	page := os.Getpagesize()
	const pages = 300
	first, last := bytes.Repeat([]byte("image"), page), bytes.Repeat([]byte("end"), 10*page)
	img, err := newImage(uint64(pages*page), []piece{{0, first}, {uint64(200 * page), last}})
	if err != nil {
		t.Fatal(err)
	}
	defer img.close()
	want := make([]byte, pages*page)
	copy(want, first)
	copy(want[200*page:], last)
	m, err := newMemory(img, uint64(2*pages*page))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	rng := rand.New(rand.NewPCG(1, 2))
	// Runs that touch few pages are restored, those that touch many dropped; and
	// a few after many.
	for _, touched := range []int{0, 1, 30, 10, 96, 97, 290, 5, 0, 50} {
		for range touched {
			p := rng.IntN(pages)
			if rng.IntN(3) == 0 { // read only
				_ = m.base[p*page+rng.IntN(page)]
				continue
			}
			m.base[p*page+rng.IntN(page)] ^= byte(1 + rng.IntN(255))
		}
		if !m.reset() {
			t.Fatal("the memory cannot be used again")
		}
		if !bytes.Equal(m.base[:pages*page], want) {
			t.Fatalf("after %d pages were touched the memory is not the image", touched)
		}
		if m.private > maxRestored*int64(page) {
			t.Errorf("%d bytes stay with the instance", m.private)
		}
	}
	if pagemap() == nil {
		t.Skip("the host does not tell which pages are private")
	}
	m.base[0] = 7
	if !m.restore() || m.private == 0 {
		t.Errorf("a page was not restored by copying (%d bytes private)", m.private)
	}
}
