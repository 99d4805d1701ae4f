package text

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// sortKey is one -k, fields and characters from 1; endField 0 is the end of the line, endChar 0 the end of the field.
type sortKey struct {
	field, char, endField, endChar int
	order
	endBlanks bool // b on the end
}

type sorter struct {
	keys      []sortKey
	order         // global
	separator int // -1: between blanks and non-blanks
	stable    bool
}

// Sort sorts lines.
func Sort(c *applet.Context) int {
	c.ErrorCode = 2
	o := c.Getopt("nghuMVcszbrdfiCmS:T:o:k:t:", "numeric-sort=n", "reverse=r", "unique=u", "key=k", "field-separator=t", "output=o",
		"ignore-case=f", "version-sort=V", "human-numeric-sort=h", "check=c", "stable=s", "zero-terminated=z", "general-numeric-sort=g",
		"month-sort=M", "merge=m", "ignore-leading-blanks=b", "dictionary-order=d")
	s := &sorter{separator: -1, order: orderOf(string(o.Order))}
	if t, ok := o.Arg('t'); ok {
		if t == "\\0" {
			t = "\x00"
		}
		if len(t) != 1 {
			c.Fatalf("bad -t parameter")
		}
		s.separator = int(t[0])
	}
	for _, text := range o.All('k') {
		s.keys = append(s.keys, s.parseKey(c, text))
	}
	delim := byte('\n')
	if o.Has("z") {
		delim = 0
	}
	lines := readLines(c, delim)
	if o.Has("cC") {
		return s.check(c, lines, o.Has("u"))
	}
	s.stable = o.Has("s")
	lines = s.sort(lines)
	if o.Has("u") {
		lines = slices.CompactFunc(lines, func(a, b []byte) bool { return s.compare(a, b) == 0 })
	}
	if name, ok := o.Arg('o'); ok {
		fd, err := create(name, false)
		if err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		sys.Dup3(fd, 1, 0)
	}
	for _, line := range lines {
		if cap(line) > len(line) { // the delimiter follows
			c.Out.Write(line[:len(line)+1])
			continue
		}
		c.Out.Write(line)
		c.Out.WriteByte(delim)
	}
	return 0
}

// readLines reads the lines of all operands. Where a line's delimiter was there, it follows within the capacity.
func readLines(c *applet.Context, delim byte) [][]byte {
	var lines [][]byte
	for _, name := range c.Operands() {
		fd, ok := c.FOpen(name)
		if !ok {
			c.Exit(2)
		}
		data, err := applet.ReadAll(fd)
		if err != nil {
			c.Perror(name, err)
			c.Exit(2)
		}
		applet.CloseInput(fd)
		lines = slices.Grow(lines, applet.Count(data, delim)+1)
		for len(data) > 0 {
			i := bytes.IndexByte(data, delim)
			if i < 0 {
				lines = append(lines, slices.Clip(data))
				break
			}
			lines = append(lines, data[:i:i+1])
			data = data[i+1:]
		}
	}
	return lines
}

func (s *sorter) check(c *applet.Context, lines [][]byte, unique bool) int {
	for i := 1; i < len(lines); i++ {
		d := s.compare(lines[i-1], lines[i])
		if d > 0 || d == 0 && unique {
			sys.Write(2, []byte("Check line "+strconv.Itoa(i)+"\n"))
			return 1
		}
	}
	return 0
}

func (s *sorter) parseKey(c *applet.Context, text string) sortKey {
	bad := func() {
		c.Fatalf("unknown key option")
	}
	part := func(t string) (field, char int, flags string) {
		i := 0
		number := func() int {
			start := i
			for i < len(t) && t[i] >= '0' && t[i] <= '9' {
				i++
			}
			n, err := strconv.Atoi(t[start:i])
			if err != nil {
				c.Fatalf("bad field specification")
			}
			return n
		}
		field = number()
		if i < len(t) && t[i] == '.' {
			i++
			char = number()
		}
		flags = t[i:]
		if strings.Trim(flags, "nghMVbrdfi") != "" {
			bad()
		}
		return field, char, flags
	}
	start, end, hasEnd := strings.Cut(text, ",")
	var k sortKey
	field, char, flags := part(start)
	k.field, k.char = field, char
	if hasEnd {
		var more string
		k.endField, k.endChar, more = part(end)
		k.endBlanks = strings.Contains(more, "b")
		flags += strings.ReplaceAll(more, "b", "")
	}
	if k.order = s.order; flags != "" {
		k.order = orderOf(flags)
	}
	return k
}

// compare compares lines by the keys, or without any as a whole.
func (s *sorter) compare(a, b []byte) int {
	if len(s.keys) == 0 {
		return s.order.compare(s.trim(a), s.trim(b))
	}
	return s.compareFrom(0, a, b)
}

func (s *sorter) compareFrom(first int, a, b []byte) int {
	for i := first; i < len(s.keys); i++ {
		k := &s.keys[i]
		if d := k.compare(s.key(a, k), s.key(b, k)); d != 0 {
			return d
		}
	}
	return 0
}

func (s *sorter) trim(line []byte) []byte {
	if s.blanks {
		return bytes.TrimLeft(line, " \t")
	}
	return line
}

// field returns where a field begins and ends; blanks before it belong to it without a separator.
func (s *sorter) field(line []byte, n int) (start, end int) {
	for i := 1; ; i++ {
		end = start
		if s.separator < 0 {
			for end < len(line) && blank(line[end]) {
				end++
			}
			for end < len(line) && !blank(line[end]) {
				end++
			}
		} else {
			for end < len(line) && int(line[end]) != s.separator {
				end++
			}
		}
		if i == n || end >= len(line) {
			if i < n {
				return len(line), len(line)
			}
			return start, end
		}
		start = end
		if s.separator >= 0 {
			start++
		}
	}
}

func blank(b byte) bool { return b == ' ' || b == '\t' }

func (s *sorter) key(line []byte, k *sortKey) []byte {
	start, _ := s.field(line, max(1, k.field))
	if k.blanks {
		for start < len(line) && blank(line[start]) {
			start++
		}
	}
	if k.char > 1 {
		start = min(len(line), start+k.char-1)
	}
	end := len(line)
	if k.endField > 0 {
		var fieldStart int
		fieldStart, end = s.field(line, k.endField)
		if k.endChar > 0 {
			if k.endBlanks {
				for fieldStart < len(line) && blank(line[fieldStart]) {
					fieldStart++
				}
			}
			end = min(len(line), fieldStart+k.endChar)
		}
	}
	if end < start {
		return nil
	}
	return line[start:end]
}

// Uniq drops or shows repeated lines.
func Uniq(c *applet.Context) int {
	o := c.Getopt("cduf:s:w:iz", "count=c", "repeated=d", "unique=u", "skip-fields=f", "skip-chars=s", "check-chars=w", "ignore-case=i", "zero-terminated=z")
	c.NArgs(0, 2)
	skipFields, skipChars, width := 0, 0, -1
	if s, ok := o.Arg('f'); ok {
		skipFields = int(c.Number(s, nil))
	}
	if s, ok := o.Arg('s'); ok {
		skipChars = int(c.Number(s, nil))
	}
	if s, ok := o.Arg('w'); ok {
		width = int(c.Number(s, nil))
	}
	delim := byte('\n')
	if o.Has("z") {
		delim = 0
	}
	in := 0
	if len(c.Args) > 0 {
		var ok bool
		if in, ok = c.Open(c.Args[0]); !ok {
			return 1
		}
	}
	if len(c.Args) > 1 && c.Args[1] != "-" {
		fd, err := create(c.Args[1], false)
		if err != nil {
			c.Fatalf("can't open '%s': %s", c.Args[1], applet.Strerror(err))
		}
		sys.Dup3(fd, 1, 0)
	}
	part := func(line []byte) []byte {
		for range skipFields {
			line = bytes.TrimLeft(line, " \t")
			if i := bytes.IndexAny(line, " \t"); i >= 0 {
				line = line[i:]
			} else {
				line = nil
			}
		}
		line = line[min(skipChars, len(line)):]
		if width >= 0 {
			line = line[:min(width, len(line))]
		}
		return line
	}
	same := bytes.Equal
	if o.Has("i") {
		same = bytes.EqualFold
	}
	var current []byte
	count := 0
	flush := func() {
		if count == 0 || o.Has("d") && count == 1 || o.Has("u") && count > 1 {
			return
		}
		if o.Has("c") {
			c.Out.WriteString(pad(strconv.Itoa(count), 7) + " ")
		}
		c.Out.Write(current)
		c.Out.WriteByte(delim)
	}
	lines := applet.NewRecords(in, delim)
	for {
		if count > 0 {
			count += lines.SkipEqual(current)
		}
		line, _, ok := lines.Next()
		if !ok {
			break
		}
		if count > 0 && same(part(line), part(current)) {
			count++
			continue
		}
		flush()
		current = append(current[:0], line...)
		count = 1
	}
	flush()
	return 0
}

// Shuf prints lines in a random order.
func Shuf(c *applet.Context) int {
	o := c.Getopt("ei:n:o:z", "echo=e", "input-range=i", "head-count=n", "output=o", "zero-terminated=z")
	delim := byte('\n')
	if o.Has("z") {
		delim = 0
	}
	var lines [][]byte
	if r, ok := o.Arg('i'); ok {
		c.NArgs(0, 0)
		lo, hi, _ := strings.Cut(r, "-")
		from, to := c.Number(lo, nil), c.Number(hi, nil)
		if to < from {
			c.Fatalf("bad range '%s'", r)
		}
		for n := from; n <= to; n++ {
			lines = append(lines, strconv.AppendInt(nil, n, 10))
		}
	} else if o.Has("e") {
		for _, arg := range c.Args {
			lines = append(lines, []byte(arg))
		}
	} else {
		c.NArgs(0, 1)
		lines = readLines(c, delim)
	}
	count := len(lines)
	if n, ok := o.Arg('n'); ok {
		count = int(min(int64(count), c.Number(n, nil)))
	}
	random := make([]byte, 8*count)
	if count > 0 {
		sys.Random(random)
	}
	for i := range count {
		v := uint64(0)
		for _, b := range random[8*i : 8*i+8] {
			v = v<<8 | uint64(b)
		}
		j := i + int(v%uint64(len(lines)-i))
		lines[i], lines[j] = lines[j], lines[i]
	}
	if name, ok := o.Arg('o'); ok {
		fd, err := create(name, false)
		if err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		sys.Dup3(fd, 1, 0)
	}
	for _, line := range lines[:count] {
		c.Out.Write(line)
		c.Out.WriteByte(delim)
	}
	return 0
}

// Tsort orders the words of pairs so that the first of each pair comes before the second.
func Tsort(c *applet.Context) int {
	c.NArgs(0, 1)
	fd, ok := c.Open(c.Operands()[0])
	if !ok {
		return 1
	}
	data, err := applet.ReadAll(fd)
	if err != nil {
		c.Fatal(c.Operands()[0], err)
	}
	words := strings.Fields(string(data))
	if len(words)%2 != 0 {
		c.Fatalf("odd input")
	}
	var order []string
	before := map[string]int{}
	after := map[string][]string{}
	note := func(w string) {
		if _, ok := before[w]; !ok {
			before[w] = 0
			order = append(order, w)
		}
	}
	for i := 0; i < len(words); i += 2 {
		note(words[i])
		note(words[i+1])
		if words[i] != words[i+1] {
			before[words[i+1]]++
			after[words[i]] = append(after[words[i]], words[i+1])
		}
	}
	slices.Sort(order)
	code := 0
	for len(order) > 0 {
		var ready, rest []string
		for _, w := range order {
			if before[w] == 0 {
				ready = append(ready, w)
			} else {
				rest = append(rest, w)
			}
		}
		if len(ready) == 0 {
			c.Errorf("cycle at %s", rest[0])
			code = 1
			ready, rest = rest[:1], rest[1:]
		}
		for _, w := range ready {
			c.Out.WriteString(w + "\n")
			for _, next := range after[w] {
				before[next]--
			}
			before[w] = -1
		}
		order = rest
	}
	return code
}
