// Package rewrite makes WebAssembly modules interruptible and resettable: it
// decodes the binary format (core spec 2.0, plus tail calls, atomics on
// unshared memory and extended constants), adds the checks that call the host
// once per slice of execution, and takes out what a template of the started
// module makes needless (data segments and the start section).
//
// The decoder is strict: what it does not know is an error, never copied
// unread, and every count and index is checked, because wazero trusts counts
// with memory and because an index out of range could come to name something
// that the rewriting adds.
package rewrite

import (
	"fmt"
	"slices"
	"strings"
)

// Reserved is the name of the host module that rewritten modules import
// ("checkpoint", func() i32, returns the units of the next slice) and the
// prefix of the exports the rewriting adds.
const Reserved = "sockerless"

const (
	// StartExport is the export that takes the place of the start section.
	StartExport = Reserved + ".start"
	// FuelExport is the counter: units left in the current slice.
	FuelExport = Reserved + ".fuel"
	// MaxResetGlobals bounds the mutable globals a resettable module may have.
	MaxResetGlobals = 64

	globalExport = Reserved + ".global."
	// maxTableEntries is how far a table may grow that declares no maximum:
	// its entries are host memory, 8 bytes each.
	maxTableEntries = 1 << 20
	pageSize        = 1 << 16
)

// Segment is a piece of the initial contents of linear memory.
type Segment struct {
	Offset uint32
	Bytes  []byte // part of the module's bytes
}

// Result is a rewritten module and what its host needs to know of it.
type Result struct {
	Wasm      []byte
	HasMemory bool
	MinPages  uint32    // initial size of the memory in pages of 64 KiB
	MaxPages  uint32    // bound of its growth, in pages
	Data      []Segment // active data segments in order; the host applies them
	// Globals are the exports of the mutable globals, in order, when
	// Resettable; the counter is FuelExport and not among them.
	Globals []string
	// Resettable tells that memory and Globals are all the state a run can
	// change: no instruction changes a table or drops a segment.
	Resettable   bool
	HasStart     bool                 // StartExport is to be called first
	TableEntries uint64               // initial entries of all tables
	Exports      map[string]Signature // exported functions
}

// Signature is the type of an exported function.
type Signature struct {
	Params  int
	Results []byte // value types as in the binary format
}

// Rewrite rewrites one module. wasm is not changed; the result refers to it.
func Rewrite(wasm []byte) (*Result, error) {
	s, err := split(wasm)
	if err != nil {
		return nil, err
	}
	w := &rewriter{sections: s}
	res := &Result{Exports: map[string]Signature{}}
	for _, step := range []func(*Result) error{
		w.readTypes, w.readImports, w.readFunctions, w.readTables, w.readMemory,
		w.countSegments, w.readGlobals, w.writeCode,
		w.writeData, w.writeElements, w.writeExports, w.writeTables,
		w.writeDeclarations, w.writeName,
	} {
		if err := step(res); err != nil {
			return nil, err
		}
	}
	res.Wasm = s.join()
	return res, nil
}

func (w *rewriter) readTypes(*Result) error {
	err := w.section(secType, "type", func(r *reader, n int) {
		for ; n > 0 && r.err == nil; n-- {
			if form := r.byte(); r.err == nil && form != 0x60 {
				r.fail("type of form %#x is not supported", form)
			}
			var t funcType
			start := r.pos
			for p := r.count(); p > 0 && r.err == nil; p-- {
				r.valueType()
				t.params++
			}
			from := r.count()
			results := r.pos
			for ; from > 0 && r.err == nil; from-- {
				r.valueType()
			}
			t.results = r.buf[results:r.pos]
			t.body = r.buf[start:r.pos]
			w.types = append(w.types, t)
		}
	})
	w.space.types = len(w.types)
	return err
}

func (w *rewriter) readImports(*Result) error {
	err := w.section(secImport, "import", func(r *reader, n int) {
		for ; n > 0 && r.err == nil; n-- {
			module, name := r.name(), r.name()
			kind := r.byte()
			if r.err != nil {
				return
			}
			if module == Reserved {
				r.fail("import from the reserved module %q", module)
			}
			if kind != 0 {
				what := "something unknown"
				if kinds := []string{"", "table", "memory", "global", "tag"}; int(kind) < len(kinds) {
					what = "a " + kinds[kind]
				}
				r.fail("import %q.%q: importing %s is not supported", module, name, what)
			}
			w.funcTypes = append(w.funcTypes, r.indexBelow(w.space.types, "type"))
			w.importedFuncs++
		}
	})
	return err
}

func (w *rewriter) readFunctions(*Result) error {
	err := w.section(secFunction, "function", func(r *reader, n int) {
		w.funcTypes = slices.Grow(w.funcTypes, n)
		for ; n > 0 && r.err == nil; n-- {
			w.funcTypes = append(w.funcTypes, r.indexBelow(w.space.types, "type"))
		}
	})
	w.funcs = len(w.funcTypes)
	return err
}

func (w *rewriter) readTables(res *Result) error {
	var out []byte
	err := w.section(secTable, "table", func(r *reader, n int) {
		out = appendU32(nil, uint32(n))
		for ; n > 0 && r.err == nil; n-- {
			typ := r.byte()
			if r.err == nil && !isRefType(typ) {
				r.fail("table of type %#x is not supported", typ)
			}
			l := r.limits()
			if res.TableEntries += uint64(l.min); r.err == nil && res.TableEntries > 10*maxTableEntries {
				r.fail("tables of %d entries", res.TableEntries)
			}
			if grown := max(l.min, maxTableEntries); !l.hasMax || l.max > grown {
				l.hasMax, l.max = true, grown
			}
			out = appendLimits(append(out, typ), l)
			w.tables++
			w.tableType, w.tableMin = typ, l.min
		}
	})
	if w.tables > 0 {
		w.set(secTable, out)
	}
	return err
}

func (w *rewriter) readMemory(res *Result) error {
	return w.section(secMemory, "memory", func(r *reader, n int) {
		if n > 1 {
			r.fail("more than one memory is not supported")
		}
		if n == 1 {
			l := r.limits()
			if r.err == nil && (l.min > 1<<16 || (l.hasMax && l.max > 1<<16)) {
				r.fail("memory of more than 65536 pages")
			}
			if !l.hasMax {
				l.max = 1 << 16
			}
			w.hasMemory, res.HasMemory, res.MinPages, res.MaxPages = true, true, l.min, l.max
		}
	})
}

// countSegments learns how many segments there are before the code, which
// names them, is read.
func (w *rewriter) countSegments(*Result) error {
	peek := func(id int) int {
		if !w.has[id] {
			return 0
		}
		return (&reader{buf: w.known[id]}).count()
	}
	w.elems, w.datas = peek(secElement), peek(secData)
	if w.has[secDataCount] {
		r := &reader{buf: w.known[secDataCount]}
		if n := r.u32(); r.err != nil || !r.empty() || int64(n) != int64(w.datas) {
			return fmt.Errorf("data count section: %d segments announced, %d there", n, w.datas)
		}
	}
	return nil
}

func (w *rewriter) globalValue(i uint32) (int32, bool) {
	if int(i) >= len(w.globals) {
		return 0, false
	}
	g := w.globals[i]
	return g.value, g.known && !g.mutable
}

func (w *rewriter) readGlobals(*Result) error {
	var out []byte
	err := w.section(secGlobal, "global", func(r *reader, n int) {
		for ; n > 0 && r.err == nil; n-- {
			// A constant expression sees earlier globals only.
			w.space.globals = len(w.globals)
			g := global{typ: r.valueType()}
			mut := r.byte()
			if r.err == nil && mut > 1 {
				r.fail("mutability %#x", mut)
			}
			g.mutable = mut == 1
			out = append(out, g.typ, mut)
			out, g.value, g.known = r.constExpr(out, &w.space, w.shift, w.globalValue)
			g.known = g.known && g.typ == typeI32
			w.globals = append(w.globals, g)
		}
	})
	w.space.globals = len(w.globals)
	w.added.fuel = uint32(len(w.globals))
	out = append(out, typeI32, 1, opI32Const, 0, opEnd)
	w.set(secGlobal, append(appendU32(nil, uint32(len(w.globals)+1)), out...))
	return err
}

func (w *rewriter) writeCode(res *Result) error {
	// New indices: one import more, then the module's functions, then ours.
	w.added.yield = uint32(w.funcs) + 1
	w.added.spend = w.added.yield + 1
	w.added.bulk = w.added.yield + 2
	w.added.fill = w.added.yield + 3
	w.added.copy = w.added.yield + 4
	w.added.three = uint32(len(w.types)) + 3
	w.added.refs = uint32(w.tables)

	bodies := uint32(3)
	if w.hasMemory {
		bodies = 5
	}
	if w.dispatch = w.dispatchable(); w.dispatch != nil {
		w.dispatch.first, w.dispatch.typ = w.added.yield+bodies, uint32(len(w.types))+5
	}
	out, err := w.functions()
	if err == nil && w.dispatch != nil && (w.usesTable || w.dispatch.tooMuch()) {
		w.dispatch = nil
		w.refFuncs, w.refIndex = nil, nil
		out, err = w.functions()
	}
	if err != nil {
		return err
	}
	helpers := w.helpers(uint32(w.importedFuncs))
	if w.dispatch != nil {
		var code [][]byte
		code, w.dispatchTypes = w.dispatch.code(w)
		helpers = append(helpers, code...)
		res.TableEntries = trapSize
		w.set(secTable, appendLimits([]byte{1, typeFuncref}, limits{min: trapSize, max: trapSize, hasMax: true}))
	}
	for _, h := range helpers {
		out = append(appendU32(out, uint32(len(h))), h...)
	}
	w.set(secCode, append(appendU32(nil, uint32(len(w.funcTypes)-w.importedFuncs+len(helpers))), out...))
	return nil
}

// functions returns the module's own functions, rewritten.
func (w *rewriter) functions() (out []byte, err error) {
	defined := w.funcTypes[w.importedFuncs:]
	if !w.has[secCode] && len(defined) > 0 {
		return nil, fmt.Errorf("code section: missing for %d functions", len(defined))
	}
	err = w.section(secCode, "code", func(r *reader, n int) {
		if n != len(defined) {
			r.fail("%d bodies for %d functions", n, len(defined))
			return
		}
		out = make([]byte, 0, len(r.buf)+len(r.buf)/4)
		var code []byte
		for i := 0; i < n && r.err == nil; i++ {
			at := r.pos
			body := r.bytes(r.u32())
			if r.err != nil {
				return
			}
			var err error
			if code, err = w.function(code[:0], body, w.types[defined[i]].params); err != nil {
				r.pos = at
				r.fail("function %d: %w", w.importedFuncs+i, err)
				return
			}
			out = append(appendU32(out, uint32(len(code))), code...)
		}
	})
	return out, err
}

// writeData takes the active data segments out; the host writes them into the
// template. Where instructions name segments the indices are kept: a segment
// taken out becomes an empty passive one, which is what an active segment is
// to memory.init once it has been applied.
func (w *rewriter) writeData(res *Result) error {
	out := appendU32(nil, uint32(w.datas))
	err := w.section(secData, "data", func(r *reader, n int) {
		for ; n > 0 && r.err == nil; n-- {
			switch flag := r.u32(); flag {
			case 0, 2:
				if flag == 2 && r.u32() != 0 {
					r.fail("segment of a second memory")
				}
				_, offset, ok := r.constExpr(nil, &w.space, w.shift, w.globalValue)
				if r.err == nil && (!ok || !w.hasMemory) {
					r.fail("segment without a constant offset or without a memory")
				}
				seg := Segment{Offset: uint32(offset), Bytes: r.bytes(r.u32())}
				if end := uint64(seg.Offset) + uint64(len(seg.Bytes)); r.err == nil && end > uint64(res.MinPages)*pageSize {
					r.fail("segment ends at %#x, past the memory of %d pages", end, res.MinPages)
				}
				res.Data = append(res.Data, seg)
				out = append(out, 1, 0)
			case 1:
				b := r.bytes(r.u32())
				out = appendU32(append(out, 1), uint32(len(b)))
				out = append(out, b...)
			default:
				r.fail("data segment of kind %d is not supported", flag)
			}
		}
	})
	if w.usesDataSegments {
		if !w.has[secDataCount] {
			return fmt.Errorf("code section: memory.init and data.drop need a data count section")
		}
		w.set(secData, out)
	} else {
		w.has[secData], w.has[secDataCount] = false, false
	}
	return err
}

// writeElements maps the functions in element segments and adds the segment
// that fills the table of ref.func.
func (w *rewriter) writeElements(*Result) error {
	n := w.elems
	if w.dispatch != nil {
		n = 1
	}
	if len(w.refFuncs) > 0 {
		n++
	}
	out := appendU32(nil, uint32(n))
	var err error
	if w.dispatch != nil { // dispatchable has read the section
		out = append(out, 0, opI32Const, trapNoArgs, opEnd, 2)
		out = appendU32(appendU32(out, w.added.yield), w.added.bulk)
	} else {
		err = w.section(secElement, "element", func(r *reader, n int) {
			for ; n > 0 && r.err == nil; n-- {
				out = w.element(r, out)
			}
		})
	}
	if len(w.refFuncs) > 0 {
		out = appendU32(append(out, 2), w.added.refs)
		out = append(out, opI32Const, 0, opEnd, 0)
		out = appendU32(out, uint32(len(w.refFuncs)))
		for _, f := range w.refFuncs {
			out = appendU32(out, w.shift(f))
		}
	}
	if n > 0 {
		w.set(secElement, out)
	}
	return err
}

// element maps one segment; the bits of its kind are those of core spec 5.5.12.
func (w *rewriter) element(r *reader, out []byte) []byte {
	kind := r.u32()
	if r.err == nil && kind > 7 {
		r.fail("element segment of kind %d is not supported", kind)
		return out
	}
	out = append(out, byte(kind))
	active, explicit, exprs := kind&1 == 0, kind&2 != 0, kind&4 != 0
	if active {
		table := uint32(0)
		if explicit {
			table = r.u32()
			out = appendU32(out, table)
		}
		if r.err == nil && int(table) >= w.tables {
			r.fail("table index %d out of range (%d)", table, w.tables)
		}
		out, _, _ = r.constExpr(out, &w.space, w.shift, w.globalValue)
	}
	if !active || explicit {
		b := r.byte()
		if r.err == nil && exprs && !isRefType(b) || !exprs && b != 0 {
			r.fail("element segment of type %#x is not supported", b)
		}
		out = append(out, b)
	}
	n := r.count()
	out = appendU32(out, uint32(n))
	for ; n > 0 && r.err == nil; n-- {
		if exprs {
			out, _, _ = r.constExpr(out, &w.space, w.shift, w.globalValue)
		} else {
			out = appendU32(out, w.shift(r.indexBelow(w.funcs, "function")))
		}
	}
	return out
}

func (w *rewriter) writeExports(res *Result) error {
	n := uint32(0)
	var out []byte
	seen := map[string]bool{}
	err := w.section(secExport, "export", func(r *reader, count int) {
		for ; count > 0 && r.err == nil; count-- {
			name := r.name()
			if strings.HasPrefix(name, Reserved+".") {
				r.fail("export of the reserved name %q", name)
			}
			if seen[name] {
				r.fail("export %q is there twice", name)
			}
			seen[name] = true
			kind := r.byte()
			out = append(appendName(out, name), kind)
			n++
			switch kind {
			case 0:
				i := r.indexBelow(w.funcs, "function")
				if r.err != nil {
					return
				}
				out = appendU32(out, w.shift(i))
				t := w.types[w.funcTypes[i]]
				res.Exports[name] = Signature{Params: t.params, Results: t.results}
			case 1:
				out = appendU32(out, r.indexBelow(w.tables, "table"))
			case 2:
				out = appendU32(out, r.u32())
			case 3:
				out = appendU32(out, r.indexBelow(w.space.globals, "global"))
			default:
				r.fail("export %q of kind %d is not supported", name, kind)
			}
		}
	})
	if err != nil {
		return err
	}
	export := func(name string, kind byte, i uint32) {
		out = appendU32(append(appendName(out, name), kind), i)
		n++
	}
	if w.has[secStart] {
		r := &reader{buf: w.known[secStart]}
		i := r.indexBelow(w.funcs, "function")
		if r.err == nil && !r.empty() {
			r.fail("bytes left over")
		}
		if r.err != nil {
			return fmt.Errorf("start section: %w", r.err)
		}
		if t := w.types[w.funcTypes[i]]; t.params != 0 || len(t.results) != 0 {
			return fmt.Errorf("start section: function %d takes or returns values", i)
		}
		export(StartExport, 0, w.shift(i))
		res.HasStart, w.has[secStart] = true, false
	}
	export(FuelExport, 3, w.added.fuel)
	w.exportGlobals(res, export)
	w.set(secExport, append(appendU32(nil, n), out...))
	return nil
}

// exportGlobals exports the mutable globals of a module that can be reset.
func (w *rewriter) exportGlobals(res *Result, export func(string, byte, uint32)) {
	mutable := 0
	res.Resettable = !w.irreversible
	for _, g := range w.globals {
		if g.mutable {
			mutable++
			// References belong to an instance, and the host sets 64 bits only.
			if isRefType(g.typ) || g.typ == typeV128 {
				res.Resettable = false
			}
		}
	}
	if res.Resettable = res.Resettable && mutable <= MaxResetGlobals; !res.Resettable {
		return
	}
	for i, g := range w.globals {
		if g.mutable {
			name := fmt.Sprint(globalExport, i)
			export(name, 3, uint32(i))
			res.Globals = append(res.Globals, name)
		}
	}
}

func (w *rewriter) writeTables(*Result) error {
	if len(w.refFuncs) == 0 {
		return nil
	}
	n := uint32(len(w.refFuncs))
	out := appendU32(nil, uint32(w.tables+1))
	if w.tables > 0 {
		r := &reader{buf: w.known[secTable]}
		r.u32()
		out = append(out, r.buf[r.pos:]...)
	}
	out = appendLimits(append(out, typeFuncref), limits{min: n, max: n, hasMax: true})
	w.set(secTable, out)
	return nil
}

// writeDeclarations adds the types of what is added, the import, and the
// signatures of the helpers.
func (w *rewriter) writeDeclarations(*Result) error {
	n := uint32(len(w.types))
	extra := uint32(5)
	if w.dispatch != nil {
		extra += uint32(len(w.dispatch.types))
	}
	out := appendU32(nil, n+extra)
	for _, t := range w.types {
		out = append(append(out, 0x60), t.body...)
	}
	const toNothing, toI32, fromI32, overI32 = 0, 1, 2, 4 // relative to n
	out = append(out, 0x60, 0, 0)
	out = append(out, 0x60, 0, 1, typeI32)
	out = append(out, 0x60, 1, typeI32, 0)
	out = append(out, 0x60, 3, typeI32, typeI32, typeI32, 0)
	out = append(out, 0x60, 1, typeI32, 1, typeI32)
	if w.dispatch != nil {
		for _, t := range w.dispatch.types {
			out = append(append(out, 0x60), w.dispatch.typeBody(w.types[t])...)
		}
	}
	w.set(secType, out)

	out = appendU32(nil, uint32(w.importedFuncs)+1)
	if w.has[secImport] {
		r := &reader{buf: w.known[secImport]}
		r.u32()
		out = append(out, r.buf[r.pos:]...)
	}
	out = appendName(appendName(out, Reserved), "checkpoint")
	out = appendU32(append(out, 0), n+toI32)
	w.set(secImport, out)

	defined := w.funcTypes[w.importedFuncs:]
	helpers := []uint32{n + toNothing, n + overI32, n + fromI32}
	if w.hasMemory {
		helpers = append(helpers, w.added.three, w.added.three)
	}
	for _, i := range w.dispatchTypes {
		helpers = append(helpers, w.dispatch.typ+uint32(i))
	}
	out = appendU32(nil, uint32(len(defined)+len(helpers)))
	for _, t := range defined {
		out = appendU32(out, t)
	}
	for _, t := range helpers {
		out = appendU32(out, t)
	}
	w.set(secFunction, out)
	return nil
}

// writeName keeps the names of the module and its functions, for stack traces.
// A name section that cannot be read is dropped: it carries no meaning.
func (w *rewriter) writeName(*Result) error {
	if w.name == nil {
		return nil
	}
	var out []byte
	r := &reader{buf: w.name}
	for !r.empty() {
		id := r.byte()
		sub := r.bytes(r.u32())
		switch {
		case r.err != nil:
		case id == 0:
			s := &reader{buf: sub}
			if s.name(); s.err == nil && s.empty() {
				out = append(appendU32(append(out, id), uint32(len(sub))), sub...)
			}
		case id == 1:
			names := w.functionNames(sub)
			if names != nil {
				out = append(appendU32(append(out, id), uint32(len(names))), names...)
			}
		}
	}
	if w.name = out; r.err != nil || len(out) == 0 {
		w.name = nil
	}
	return nil
}

func (w *rewriter) functionNames(sub []byte) []byte {
	r := &reader{buf: sub}
	n := r.count()
	out := make([]byte, 0, len(sub)+n/8+64)
	out = appendU32(out, uint32(n))
	last := int64(-1)
	for ; n > 0 && r.err == nil; n-- {
		i := r.indexBelow(w.funcs, "function")
		if int64(i) <= last {
			r.fail("names out of order")
		}
		last = int64(i)
		out = appendU32(out, w.shift(i))
		out = appendName(out, r.name())
	}
	if r.err != nil || !r.empty() {
		return nil
	}
	return out
}
