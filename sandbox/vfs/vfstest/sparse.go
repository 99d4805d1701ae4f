package vfstest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Holes writes, clears and cuts a file at random, and checks its bytes against a slice's, and that holes hold zeros.
func Holes(t *testing.T, ctx *vfs.Context, path string) {
	t.Helper()
	o, err := ctx.Open(ctx.Cwd, path, abi.O_RDWR|abi.O_CREAT, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	const top = 300 << 10
	var want []byte
	rnd := rand.New(rand.NewPCG(7, 7))
	for step := range 300 {
		off, n := rnd.Int64N(top), 1+rnd.Int64N(80<<10)
		if rnd.IntN(3) == 0 {
			off, n = off&^4095, n&^4095+4096
		}
		grow := func(size int64) {
			if int64(len(want)) < size {
				want = append(want, make([]byte, size-int64(len(want)))...)
			}
		}
		op := rnd.IntN(5)
		switch op {
		case 0:
			data := bytes.Repeat([]byte{byte(step) | 1}, int(n))
			if w, err := o.Pwrite(data, off); err != nil || w != len(data) {
				t.Fatalf("step %d: write: %d, %v", step, w, err)
			}
			grow(off + n)
			copy(want[off:], data)
		case 1, 2:
			mode := uint32(abi.FALLOC_FL_PUNCH_HOLE | abi.FALLOC_FL_KEEP_SIZE)
			if op == 2 {
				mode = abi.FALLOC_FL_ZERO_RANGE
			}
			if err := o.Allocate(mode, off, n); err != nil {
				t.Fatalf("step %d: fallocate %d: %v", step, mode, err)
			}
			if op == 2 {
				grow(off + n)
			}
			if off < int64(len(want)) {
				clear(want[off:min(off+n, int64(len(want)))])
			}
		case 3:
			if err := o.Truncate(off); err != nil {
				t.Fatal(err)
			}
			grow(off)
			want = want[:off]
		case 4:
			checkExtents(t, o, want)
		}
		got := make([]byte, len(want)+1)
		if r, err := o.Pread(got, 0); err != nil || !bytes.Equal(got[:r], want) {
			t.Fatalf("step %d, operation %d at %d, %d bytes: contents differ (%d bytes of %d, %v)", step, op, off, n, r, len(want), err)
		}
	}
	// What is no data takes no room.
	if err := o.Truncate(0); err != nil {
		t.Fatal(err)
	}
	o.Pwrite(bytes.Repeat([]byte{1}, 4096), 0)
	o.Pwrite(bytes.Repeat([]byte{1}, 4096), 8<<20)
	if at, err := o.Seek(4096, abi.SEEK_DATA); err != nil || at <= 4096 || at > 8<<20 {
		t.Errorf("data after the first page at %d, %v", at, err)
	}
	if at, err := o.Seek(0, abi.SEEK_HOLE); err != nil || at < 4096 || at >= 8<<20 {
		t.Errorf("the first hole is at %d, %v", at, err)
	}
	if _, err := o.Seek(8<<20+4096, abi.SEEK_DATA); err != abi.ENXIO {
		t.Errorf("data at the end: %v", err)
	}
	if st, err := o.Stat(); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("two pages take %d blocks, %v", st.Blocks, err)
	}
}

// checkExtents walks a file by SEEK_DATA and SEEK_HOLE.
func checkExtents(t *testing.T, o *vfs.OpenFile, want []byte) {
	t.Helper()
	for at := int64(0); at < int64(len(want)); {
		data, err := o.Seek(at, abi.SEEK_DATA)
		if err == abi.ENXIO {
			data = int64(len(want))
		} else if err != nil || data < at {
			t.Fatalf("SEEK_DATA from %d gives %d, %v", at, data, err)
		}
		if bytes.ContainsFunc(want[at:data], func(r rune) bool { return r != 0 }) {
			t.Fatalf("the hole from %d to %d has data", at, data)
		}
		if data == int64(len(want)) {
			return
		}
		if at, err = o.Seek(data, abi.SEEK_HOLE); err != nil || at <= data {
			t.Fatalf("SEEK_HOLE from %d gives %d, %v", data, at, err)
		}
	}
}

// Unnamed makes files without names in a directory, and gives one a name.
func Unnamed(t *testing.T, ctx *vfs.Context, dir string) {
	t.Helper()
	at, err := ctx.Walk(ctx.Cwd, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	made := func(flags int) *vfs.OpenFile {
		o, err := ctx.Open(at, ".", abi.O_RDWR|abi.O_TMPFILE|flags, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Write([]byte("text")); err != nil {
			t.Fatal(err)
		}
		return o
	}
	gone, kept, never := made(0), made(0), made(abi.O_EXCL)
	big := make([]byte, 100<<10)
	if _, err := kept.Write(big); err != nil {
		t.Fatal(err)
	}
	if st, err := kept.Stat(); err != nil || st.Nlink != 0 || st.Mode != abi.S_IFREG|0o640 || st.Size != int64(len(big))+4 {
		t.Errorf("without a name: %+v, %v", st, err)
	}
	if err := ctx.Link(kept.Path, at, "named"); err != nil {
		t.Errorf("link: %v", err)
	}
	if err := ctx.Link(kept.Path, at, "again"); err != nil {
		t.Errorf("second link: %v", err)
	}
	if err := ctx.Link(never.Path, at, "never"); err != abi.ENOENT {
		t.Errorf("link of what was opened with O_EXCL: %v", err)
	}
	for _, o := range []*vfs.OpenFile{gone, never, kept} {
		if err := o.Release(); err != nil {
			t.Error(err)
		}
	}
	o, err := ctx.Open(at, "named", abi.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	got := make([]byte, 4)
	if n, err := o.Read(got); n != 4 || string(got) != "text" {
		t.Errorf("the named file has %q, %v", got[:n], err)
	}
	if st, err := o.Stat(); err != nil || st.Nlink != 2 || st.Size != int64(len(big))+4 {
		t.Errorf("the named file: %+v, %v", st, err)
	}
	for _, name := range []string{"named", "again"} {
		if err := ctx.Unlink(at, name); err != nil {
			t.Error(err)
		}
	}
	if list, err := at.Inode().ReadDir(); err != nil || len(list) > 0 {
		t.Errorf("left over: %v, %v", list, err)
	}
}
