package wasm

import (
	"bytes"
	"maps"
	"slices"

	"github.com/sockerless/sockerless/sandbox/wasm/internal/rewrite"
)

// piece is a part of a linear memory's initial contents.
type piece struct {
	offset uint64
	bytes  []byte
}

// template is the state in which an instance starts.
type template struct {
	image   *image   // nil for a module without memory
	globals []uint64 // in the order of rewrite.Result.Globals
}

// initialImage is the memory as instantiation leaves it: the active data
// segments applied, in order. Go's linker writes a segment for every few bytes
// that are not zero, so they are gathered by pages before they are written.
func initialImage(res *rewrite.Result) (*image, error) {
	if !res.HasMemory {
		return nil, nil
	}
	pages := map[uint32][]byte{}
	for _, d := range res.Data {
		for at, b := d.Offset, d.Bytes; len(b) > 0; {
			page := pages[at/pageSize]
			if page == nil {
				page = make([]byte, pageSize)
				pages[at/pageSize] = page
			}
			n := copy(page[at%pageSize:], b)
			at, b = at+uint32(n), b[n:]
		}
	}
	var pieces []piece
	for _, i := range slices.Sorted(maps.Keys(pages)) {
		for _, p := range nonzero(pages[i]) {
			pieces = append(pieces, piece{uint64(i)*pageSize + p.offset, p.bytes})
		}
	}
	return newImage(uint64(res.MinPages)*pageSize, pieces)
}

// nonzero returns the parts of a memory that are not zero, in steps of 4 KiB.
func nonzero(mem []byte) []piece {
	const step = 4096
	var zero [step]byte
	var out []piece
	for at := 0; at < len(mem); at += step {
		b := mem[at:min(at+step, len(mem))]
		if bytes.Equal(b, zero[:len(b)]) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].offset+uint64(len(out[n-1].bytes)) == uint64(at) {
			start := out[n-1].offset
			out[n-1].bytes = mem[start : at+len(b)]
			continue
		}
		out = append(out, piece{uint64(at), b})
	}
	return out
}
