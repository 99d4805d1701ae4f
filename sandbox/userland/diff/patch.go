package diff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// hunk is a piece of a unified difference: where it belongs and its lines, each with its mark.
type hunk struct {
	oldStart, oldCount int
	newStart, newCount int
	lines              []string
}

// patcher applies differences.
type patcher struct {
	c       *applet.Context
	o       *applet.Options
	strip   int
	name    string // the file of the command line
	code    int
	oldName string
	newName string
}

// Patch applies unified differences to files.
func Patch(c *applet.Context) int {
	o := c.Getopt("p:i:RNEuflstx", "strip=p", "input=i", "reverse=R", "forward=N", "remove-empty-files=E", "dry-run=t")
	p := &patcher{c: c, o: o, strip: -1}
	if text, ok := o.Arg('p'); ok {
		p.strip = int(c.Number(text, nil))
	}
	input := "-"
	if text, ok := o.Arg('i'); ok {
		input = text
	}
	if len(c.Args) > 0 {
		p.name = c.Args[0]
	}
	if len(c.Args) > 1 {
		input = c.Args[1]
	}
	data, err := applet.ReadAll(c.MustOpen(input))
	if err != nil {
		c.Fatal(input, err)
	}
	p.run(splitLines(string(data)))
	return p.code
}

// splitLines splits a text into lines with their newlines.
func splitLines(text string) []string { return slices.Collect(strings.Lines(text)) }

// run finds the headers and the hunks below them.
func (p *patcher) run(lines []string) {
	for i := 0; i < len(lines); {
		if !strings.HasPrefix(lines[i], "--- ") || i+1 >= len(lines) || !strings.HasPrefix(lines[i+1], "+++ ") {
			i++
			continue
		}
		p.oldName, p.newName = headerName(lines[i][4:]), headerName(lines[i+1][4:])
		i += 2
		var hunks []*hunk
		for i < len(lines) {
			h, n := parseHunk(lines[i:])
			if h == nil {
				break
			}
			hunks = append(hunks, h)
			i += n
		}
		if len(hunks) > 0 {
			p.file(hunks)
		}
	}
}

// headerName is the name in a header line: up to a tab, or the date that diff puts there.
func headerName(text string) string {
	text, _, _ = strings.Cut(strings.TrimRight(text, "\r\n"), "\t")
	return strings.TrimRight(text, " ")
}

// parseHunk reads a hunk and returns how many lines it took; nil where there is none.
func parseHunk(lines []string) (*hunk, int) {
	f := strings.Fields(lines[0])
	if len(f) < 4 || f[0] != "@@" || f[3] != "@@" {
		return nil, 0
	}
	h := &hunk{}
	var ok1, ok2 bool
	h.oldStart, h.oldCount, ok1 = lineRange(f[1], '-')
	h.newStart, h.newCount, ok2 = lineRange(f[2], '+')
	if !ok1 || !ok2 {
		return nil, 0
	}
	oldLeft, newLeft := h.oldCount, h.newCount
	n := 1
	for n < len(lines) && (oldLeft > 0 || newLeft > 0) {
		line := lines[n]
		switch line[0] {
		case ' ', '\n', '\r':
			if line[0] != ' ' {
				line = " " + line // an editor took the blank away
			}
			oldLeft--
			newLeft--
		case '-':
			oldLeft--
		case '+':
			newLeft--
		default:
			return h, n
		}
		h.lines = append(h.lines, line)
		n++
		if n < len(lines) && strings.HasPrefix(lines[n], "\\ ") {
			last := len(h.lines) - 1
			h.lines[last] = strings.TrimSuffix(h.lines[last], "\n")
			n++
		}
	}
	return h, n
}

func lineRange(text string, mark byte) (start, count int, ok bool) {
	if text == "" || text[0] != mark {
		return 0, 0, false
	}
	a, b, two := strings.Cut(text[1:], ",")
	start, err := strconv.Atoi(a)
	count = 1
	if two && err == nil {
		count, err = strconv.Atoi(b)
	}
	return start, count, err == nil
}

// stripped takes leading directories off a name.
func (p *patcher) stripped(name string) string {
	if p.strip < 0 {
		return name[strings.LastIndexByte(name, '/')+1:]
	}
	for range p.strip {
		i := strings.IndexByte(name, '/')
		if i < 0 {
			break
		}
		name = strings.TrimLeft(name[i:], "/")
	}
	return name
}

// sides returns what a hunk wants to find and what it puts there.
func (h *hunk) sides(reverse bool) (from, to []string, start int) {
	for _, line := range h.lines {
		if line[0] != '+' {
			from = append(from, line[1:])
		}
		if line[0] != '-' {
			to = append(to, line[1:])
		}
	}
	start = h.oldStart
	if reverse {
		from, to, start = to, from, h.newStart
	}
	if len(from) == 0 {
		start++ // a range of no lines names the line before
	}
	return from, to, start - 1
}

// file applies the hunks to one file.
func (p *patcher) file(hunks []*hunk) {
	oldName, newName, reverse := p.oldName, p.newName, p.o.Has("R")
	if reverse {
		oldName, newName = newName, oldName
	}
	first := hunks[0]
	creates := oldName == "/dev/null" || (first.oldStart == 0 && first.oldCount == 0) && !reverse
	removes := newName == "/dev/null" && p.o.Has("E")
	if reverse && !creates {
		creates = first.newStart == 0 && first.newCount == 0
	}
	name := p.name
	if name == "" {
		// The new name, whichever way, unless only the old one is there or it is none.
		choices := []string{p.newName, p.oldName}
		name = choices[0]
		if name == "/dev/null" {
			name = choices[1]
		} else if _, err := sys.Stat(p.stripped(name)); err != nil && choices[1] != "/dev/null" {
			if _, err := sys.Stat(p.stripped(choices[1])); err == nil {
				name = choices[1]
			}
		}
		name = p.stripped(name)
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		p.c.Errorf("%s: a name that leads out of the directory is refused", name)
		p.code = 1
		return
	}
	var content []string
	mode := uint32(0o666)
	st, err := sys.Stat(name)
	switch {
	case err == nil:
		p.announce("patching file ", name, removes)
		data, err := applet.ReadFile(name)
		if err != nil {
			p.c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		content, mode = splitLines(string(data)), st.Mode&abi.PermMask
	case creates:
		p.c.Out.WriteString("creating " + name + "\n")
		if !p.o.Has("t") {
			for i := 1; i < len(name); i++ {
				if name[i] == '/' {
					sys.Mkdir(name[:i], 0o777)
				}
			}
		}
	default:
		p.c.Out.WriteString("patching file " + name + "\n")
		p.c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
	}
	offset, done := 0, 0
	for i, h := range hunks {
		from, to, start := h.sides(reverse)
		at, found := locate(content, from, start+offset, done)
		if !found {
			if p.o.Has("N") {
				if _, there := locate(content, to, start+offset, done); there {
					continue
				}
			}
			p.c.Out.Flush()
			sys.Write(2, []byte("Hunk "+strconv.Itoa(i+1)+" FAILED "+strconv.Itoa(h.oldStart)+"/"+strconv.Itoa(h.newStart)+".\n"+h.text(reverse)))
			p.code = 1
			return
		}
		content = slices.Replace(content, at, at+len(from), to...)
		offset = at - start + len(to) - len(from)
		done = at + len(to)
	}
	if p.o.Has("t") {
		return
	}
	if len(content) == 0 && (removes || p.o.Has("E")) {
		if err := sys.Unlink(name); err != nil {
			p.c.Fatal(name, err)
		}
		return
	}
	p.write(name, strings.Join(content, ""), mode, st)
}

func (p *patcher) announce(verb, name string, removes bool) {
	if removes {
		verb = "removing "
	}
	p.c.Out.WriteString(verb + name + "\n")
}

// text is a hunk as it is shown when it fails.
func (h *hunk) text(reverse bool) string {
	var b strings.Builder
	for _, line := range h.lines {
		if reverse {
			switch line[0] {
			case '+':
				line = "-" + line[1:]
			case '-':
				line = "+" + line[1:]
			}
		}
		b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// locate finds lines: where they should be, else nearest to that, not before done.
func locate(content, lines []string, want, done int) (int, bool) {
	matches := func(at int) bool {
		return at >= done && at+len(lines) <= len(content) && slices.Equal(content[at:at+len(lines)], lines)
	}
	for distance := 0; distance <= len(content)+max(want, 0); distance++ {
		if matches(want + distance) {
			return want + distance, true
		}
		if matches(want - distance) {
			return want - distance, true
		}
	}
	return 0, false
}

// write replaces the file by way of a new one beside it.
func (p *patcher) write(name, text string, mode uint32, st *abi.Stat) {
	next := name + ".patch~" + strconv.Itoa(sys.Getpid())
	fd, err := sys.Open(next, abi.O_WRONLY|abi.O_CREAT|abi.O_EXCL|abi.O_CLOEXEC, mode&0o777)
	if err != nil {
		p.c.Fatalf("can't open '%s': %s", next, applet.Strerror(err))
	}
	err = sys.Write(fd, []byte(text))
	if st != nil {
		sys.Chown(next, int(st.UID), int(st.GID), 0)
		sys.Fchmod(fd, mode)
	}
	sys.Close(fd)
	if err == nil {
		err = sys.Rename(next, name)
	}
	if err != nil {
		sys.Unlink(next)
		p.c.Fatal(name, err)
	}
}
