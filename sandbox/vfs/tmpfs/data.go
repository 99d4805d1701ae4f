package tmpfs

// data is the contents of a regular file, in chunks; a chunk that was never written takes no memory and reads as
// zeros, and so does what lies behind a short chunk's end.
type data struct {
	size   int64
	pages  int64            // that the chunks take
	chunks map[int64][]byte // by offset / chunkSize; whole pages, at most chunkSize
}

const chunkSize = 64 << 10

// readAt reads at off, at most to the end.
func (d *data) readAt(p []byte, off int64) int {
	if off >= d.size {
		return 0
	}
	p = p[:min(int64(len(p)), d.size-off)]
	for rest := p; len(rest) > 0; {
		chunk, in := d.chunks[off/chunkSize], off%chunkSize
		part := rest[:min(int64(len(rest)), chunkSize-in)]
		n := 0
		if in < int64(len(chunk)) {
			n = copy(part, chunk[in:])
		}
		clear(part[n:])
		rest, off = rest[len(part):], off+int64(len(part))
	}
	return len(p)
}

// writeAt writes at off and returns how much found room: reserve takes pages, or tells that there are none.
func (d *data) writeAt(p []byte, off int64, reserve func(pages int64) bool) int {
	if d.chunks == nil {
		d.chunks = make(map[int64][]byte)
	}
	done := 0
	for done < len(p) {
		at := off / chunkSize
		chunk, in := d.chunks[at], int(off%chunkSize)
		part := p[done:min(len(p), done+chunkSize-in)]
		if need := in + len(part) - len(chunk); need > 0 {
			pages := pagesOf(int64(need))
			for pages > 0 && !reserve(pages) {
				pages--
			}
			d.pages += pages
			chunk = append(chunk, make([]byte, pages*pageSize)...)
			d.chunks[at] = chunk
		}
		if in >= len(chunk) {
			break
		}
		n := copy(chunk[in:], part)
		done, off = done+n, off+int64(n)
		d.size = max(d.size, off)
		if n < len(part) {
			break
		}
	}
	return done
}

// truncate sets the size and returns how many pages became free.
func (d *data) truncate(size int64) (freed int64) {
	if size < d.size {
		last, keep := size/chunkSize, size%chunkSize
		for at, chunk := range d.chunks {
			switch {
			case at > last || at == last && keep == 0:
				freed += pagesOf(int64(len(chunk)))
				delete(d.chunks, at)
			case at == last && keep < int64(len(chunk)):
				whole := pagesOf(keep) * pageSize
				freed += pagesOf(int64(len(chunk)) - whole)
				chunk = append([]byte(nil), chunk[:whole]...)
				clear(chunk[keep:])
				d.chunks[at] = chunk
			}
		}
		if len(d.chunks) == 0 {
			d.chunks = nil
		}
	}
	d.size = size
	d.pages -= freed
	return freed
}

// nextData returns where the next data from off on begins, -1 for nowhere. Bytes that a chunk holds are data.
func (d *data) nextData(off int64) int64 {
	if chunk := d.chunks[off/chunkSize]; off%chunkSize < int64(len(chunk)) {
		return off
	}
	next := int64(-1)
	for at, chunk := range d.chunks {
		if at > off/chunkSize && len(chunk) > 0 && (next < 0 || at*chunkSize < next) {
			next = at * chunkSize
		}
	}
	if next >= d.size {
		return -1
	}
	return next
}

// nextHole returns where the next hole from off on begins, at the latest at the end.
func (d *data) nextHole(off int64) int64 {
	for ; off < d.size; off = (off/chunkSize + 1) * chunkSize {
		if n := int64(len(d.chunks[off/chunkSize])); n < chunkSize {
			return min(max(off, off/chunkSize*chunkSize+n), d.size)
		}
	}
	return d.size
}

// punch makes n bytes from off on zeros, and returns how many pages became free: whole chunks, and their ends.
func (d *data) punch(off, n int64) (freed int64) {
	for at, chunk := range d.chunks {
		from, to := max(off-at*chunkSize, 0), min(off+n-at*chunkSize, int64(len(chunk)))
		if from >= to {
			continue
		}
		clear(chunk[from:to])
		if keep := pagesOf(from) * pageSize; to == int64(len(chunk)) && keep < to {
			freed += pagesOf(to - keep)
			if keep == 0 {
				delete(d.chunks, at)
			} else {
				d.chunks[at] = append([]byte(nil), chunk[:keep]...)
			}
		}
	}
	d.pages -= freed
	return freed
}
