package regex

// captures finds the groups of a match whose ends are known: it tries the program's choices in their order and visits
// every instruction at every place once. So a group has the part that the first of the longest matches gives it, as in
// package regexp.
type captures struct {
	prog    *program
	visited []uint64
	stack   []job
}

// job is an instruction to go on with at a place, or, with an instruction below 0, a group's offset to put back.
type job struct {
	inst int32
	pos  int
}

// find sets caps, from the third on (where they are -1), for the match of text[caps[0]:caps[1]].
func (c *captures) find(text []byte, caps []int) {
	start, end := caps[0], caps[1]
	n := end - start + 1
	if words := (n*len(c.prog.insts) + 63) / 64; words <= cap(c.visited) {
		c.visited = c.visited[:words]
		clear(c.visited)
	} else {
		c.visited = make([]uint64, words)
	}
	c.stack = append(c.stack[:0], job{c.prog.start, start})
	for len(c.stack) > 0 {
		j := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		if j.inst < 0 {
			caps[-1-j.inst] = j.pos
			continue
		}
		if c.run(text, caps, j.inst, j.pos, start, end, n) {
			return
		}
	}
}

// run follows one path until it fails (false) or matches.
func (c *captures) run(text []byte, caps []int, i int32, pos, start, end, n int) bool {
	for {
		bit := int(i)*n + pos - start
		if c.visited[bit/64]&(1<<(bit%64)) != 0 {
			return false
		}
		c.visited[bit/64] |= 1 << (bit % 64)
		in := &c.prog.insts[i]
		switch in.op {
		case iByte:
			if pos == end || text[pos] < in.lo || text[pos] > in.hi {
				return false
			}
			pos++
		case iSet:
			if pos == end || !c.prog.sets[in.arg][text[pos]] {
				return false
			}
			pos++
		case iSplit:
			c.stack = append(c.stack, job{in.alt, pos})
		case iAssert:
			if in.arg&holding(kindAt(text, pos-1), kindAt(text, pos)) == 0 {
				return false
			}
		case iSave:
			if k := int(in.arg); k < len(caps) {
				c.stack = append(c.stack, job{-1 - int32(k), caps[k]})
				caps[k] = pos
			}
		case iMatch:
			if pos == end {
				return true
			}
			return false
		}
		i = in.out
	}
}
