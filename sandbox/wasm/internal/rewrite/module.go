package rewrite

import (
	"errors"
	"fmt"
)

// Section identifiers (core spec 2.0, 5.5.2).
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
	numSections
)

// sectionOrder is the order in which known sections appear in a module.
var sectionOrder = [...]int{secType, secImport, secFunction, secTable, secMemory, secGlobal,
	secExport, secStart, secElement, secDataCount, secCode, secData}

const header = "\x00asm\x01\x00\x00\x00"

var errNotModule = errors.New("not a WebAssembly 1.0 module")

// sections holds a module's sections, undecoded. Of the custom sections only
// "name" is kept: the others (DWARF, producers, target features) describe
// bytes that the rewriting moves.
type sections struct {
	known [numSections][]byte
	has   [numSections]bool
	name  []byte // contents of the "name" section after its name, nil when absent
}

func split(wasm []byte) (*sections, error) {
	if len(wasm) < len(header) || string(wasm[:len(header)]) != header {
		return nil, errNotModule
	}
	s := &sections{}
	r := &reader{buf: wasm, pos: len(header)}
	place := -1 // position in sectionOrder of the last known section
	for !r.empty() {
		id := r.byte()
		body := r.bytes(r.u32())
		if r.err != nil {
			return nil, r.err
		}
		if id == secCustom {
			c := &reader{buf: body}
			name := c.name()
			if c.err != nil {
				return nil, fmt.Errorf("custom section: %w", c.err)
			}
			if name == "name" && s.name == nil {
				s.name = body[c.pos:]
			}
			continue
		}
		at := -1
		for i, want := range sectionOrder {
			if int(id) == want {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("section %d is not supported", id)
		}
		if at <= place {
			return nil, fmt.Errorf("section %d is out of order or there twice", id)
		}
		place = at
		s.known[id], s.has[id] = body, true
	}
	return s, nil
}

func (s *sections) join() []byte {
	size := len(header) + len(s.name) + 16
	for i := range s.known {
		size += len(s.known[i]) + 6
	}
	out := append(make([]byte, 0, size), header...)
	for _, id := range sectionOrder {
		if s.has[id] {
			out = append(out, byte(id))
			out = appendU32(out, uint32(len(s.known[id])))
			out = append(out, s.known[id]...)
		}
	}
	if s.name != nil {
		out = append(out, secCustom)
		out = appendU32(out, uint32(len("name")+1+len(s.name)))
		out = append(appendName(out, "name"), s.name...)
	}
	return out
}

func (s *sections) set(id int, body []byte) { s.known[id], s.has[id] = body, true }

// section runs decode over the vector in a section's bytes and checks that
// nothing is left over; an absent section is an empty vector.
func (s *sections) section(id int, what string, decode func(r *reader, n int)) error {
	if !s.has[id] {
		return nil
	}
	r := &reader{buf: s.known[id]}
	n := r.count()
	if r.err == nil {
		decode(r, n)
	}
	if r.err == nil && !r.empty() {
		r.fail("%d bytes left over", len(r.buf)-r.pos)
	}
	if r.err != nil {
		return fmt.Errorf("%s section: %w", what, r.err)
	}
	return nil
}

type funcType struct {
	params  int
	results []byte
	body    []byte // as encoded, without the leading 0x60
}

type global struct {
	typ     byte
	mutable bool
	value   int32 // initial value, when known
	known   bool
}

// limits of a table or the memory, in elements or pages.
type limits struct {
	min, max uint32
	hasMax   bool
}

func (r *reader) limits() (l limits) {
	flag := r.byte()
	switch flag {
	case 0, 1:
		l.min = r.u32()
		if l.hasMax = flag == 1; l.hasMax {
			if l.max = r.u32(); r.err == nil && l.max < l.min {
				r.fail("maximum %d below minimum %d", l.max, l.min)
			}
		}
	case 2, 3:
		r.fail("shared memory is not supported")
	default:
		r.fail("limits of kind %#x are not supported", flag)
	}
	return l
}

func appendLimits(b []byte, l limits) []byte {
	if !l.hasMax {
		return appendU32(append(b, 0), l.min)
	}
	return appendU32(appendU32(append(b, 1), l.min), l.max)
}
