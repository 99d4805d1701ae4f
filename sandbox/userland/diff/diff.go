// Package diff holds diff, which writes unified differences.
package diff

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

type differ struct {
	c       *applet.Context
	o       *applet.Options
	context int
	code    int
}

// Diff compares files and trees: 0 the same, 1 different, 2 an error.
func Diff(c *applet.Context) int {
	o := c.Getopt("abdiL:NqrsS:tTU:uwB", "recursive=r", "new-file=N", "brief=q", "report-identical-files=s", "unified=U", "label=L", "text=a",
		"ignore-space-change=b", "ignore-blank-lines=B", "minimal=d", "ignore-case=i", "expand-tabs=t", "initial-tab=T", "ignore-all-space=w", "starting-file=S")
	c.NArgs(2, 2)
	d := &differ{c: c, o: o, context: 3}
	if text, ok := o.Arg('U'); ok {
		d.context = int(c.Number(text, nil))
	}
	var st [2]*abi.Stat
	paths := [2]string(c.Args)
	for i, path := range paths {
		var err error
		if path == "-" {
			st[i], err = sys.Fstat(0)
		} else {
			st[i], err = sys.Stat(path)
		}
		if err != nil {
			if o.Has("N") && err == abi.ENOENT {
				continue
			}
			c.Errorf("can't stat '%s': %s", path, applet.Strerror(err))
			return 2
		}
	}
	dir := func(i int) bool { return st[i] != nil && st[i].Mode&abi.S_IFMT == abi.S_IFDIR }
	switch {
	case dir(0) && dir(1):
		d.trees(paths[0], paths[1])
		return d.code
	case dir(0):
		paths[0] += "/" + base(paths[1])
	case dir(1):
		paths[1] += "/" + base(paths[0])
	}
	d.files(paths[0], paths[1])
	return d.code
}

func isDir(path string) bool {
	st, err := sys.Stat(path)
	return err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// trees compares two directories, file by file in the order of their names.
func (d *differ) trees(a, b string) {
	a, b = strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/")
	var lists [2][]string
	d.list(a, b, "", &lists[0])
	d.list(b, a, "", &lists[1])
	if start, ok := d.o.Arg('S'); ok {
		for i := range lists {
			lists[i] = slices.DeleteFunc(lists[i], func(name string) bool { return name < start })
		}
	}
	i, j := 0, 0
	for i < len(lists[0]) || j < len(lists[1]) {
		order := 0
		switch {
		case i == len(lists[0]):
			order = 1
		case j == len(lists[1]):
			order = -1
		default:
			order = strings.Compare(lists[0][i], lists[1][j])
		}
		switch {
		case order == 0 && !d.o.Has("r") && isDir(a+"/"+lists[0][i]):
			d.c.Out.WriteString("Common subdirectories: " + a + "/" + lists[0][i] + " and " + b + "/" + lists[1][j] + "\n")
			i++
			j++
		case order == 0:
			d.files(a+"/"+lists[0][i], b+"/"+lists[1][j])
			i++
			j++
		case order < 0:
			d.only(a, b, lists[0][i], false)
			i++
		default:
			d.only(b, a, lists[1][j], true)
			j++
		}
	}
}

func (d *differ) only(here, there, name string, second bool) {
	if !d.o.Has("N") {
		d.c.Out.WriteString("Only in " + here + ": " + name + "\n")
		d.code = max(d.code, 1)
		return
	}
	if second {
		d.files("/dev/null", here+"/"+name)
	} else {
		d.files(here+"/"+name, "/dev/null")
	}
}

// list collects the files below a directory; a directory that the other side lacks is left out without -N.
func (d *differ) list(root, other, rel string, list *[]string) {
	entries, err := sys.ReadDir(root + "/" + rel)
	if err != nil {
		d.c.Errorf("can't open '%s': %s", root+"/"+rel, applet.Strerror(err))
		d.code = 2
		return
	}
	for _, e := range entries {
		path := strings.TrimPrefix(rel+"/"+e.Name, "/")
		st, err := sys.Stat(root + "/" + path)
		if err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
			there, err := sys.Stat(other + "/" + path)
			both := err == nil && there.Mode&abi.S_IFMT == abi.S_IFDIR
			switch {
			case !d.o.Has("r") && both:
				*list = append(*list, path)
			case d.o.Has("r") && (d.o.Has("N") || both):
				d.list(root, other, path, list)
			}
			continue
		}
		*list = append(*list, path)
	}
	if rel == "" {
		slices.Sort(*list)
	}
}

// files compares two files.
func (d *differ) files(a, b string) {
	var data [2][]byte
	for i, path := range []string{a, b} {
		if path == "/dev/null" {
			continue
		}
		var err error
		if data[i], err = applet.ReadFile(path); err != nil {
			if d.o.Has("N") && err == abi.ENOENT {
				continue
			}
			d.c.Perror(path, err)
			d.code = 2
			return
		}
	}
	if bytes.Equal(data[0], data[1]) {
		if a != b {
			d.same(a, b)
		}
		return
	}
	out := &d.c.Out
	if !d.o.Has("a") && (bytes.IndexByte(data[0], 0) >= 0 || bytes.IndexByte(data[1], 0) >= 0) {
		out.WriteString("Files " + a + " and " + b + " differ\n")
		d.code = max(d.code, 1)
		return
	}
	var lines [2][][]byte
	var numbers [2][]int
	known := map[string]int{}
	for i := range data {
		lines[i] = split(data[i])
		for k, line := range lines[i] {
			key := d.normal(line)
			if k == len(lines[i])-1 && len(data[i]) > 0 && data[i][len(data[i])-1] != '\n' {
				key += "\n" // a last line without its end differs from one with it
			}
			n, ok := known[key]
			if !ok {
				n = len(known)
				known[key] = n
			}
			numbers[i] = append(numbers[i], n)
		}
	}
	changes := compare(numbers[0], numbers[1])
	if d.o.Has("B") {
		changes = slices.DeleteFunc(changes, func(c change) bool {
			return allBlank(lines[0][c.a:c.a+c.na]) && allBlank(lines[1][c.b:c.b+c.nb])
		})
	}
	if len(changes) == 0 {
		d.same(a, b)
		return
	}
	d.code = max(d.code, 1)
	if d.o.Has("q") {
		out.WriteString("Files " + a + " and " + b + " differ\n")
		return
	}
	labels := d.o.All('L')
	for i, path := range []string{a, b} {
		if i < len(labels) {
			path = labels[i]
		}
		out.WriteString([]string{"--- ", "+++ "}[i] + path + "\n")
	}
	d.hunks(changes, lines, data)
}

func (d *differ) same(a, b string) {
	if d.o.Has("s") {
		d.c.Out.WriteString("Files " + a + " and " + b + " are identical\n")
	}
}

func allBlank(lines [][]byte) bool {
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) > 0 {
			return false
		}
	}
	return true
}

func split(data []byte) [][]byte {
	var lines [][]byte
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		lines = append(lines, line)
		data = rest
	}
	return lines
}

// normal returns what of a line counts.
func (d *differ) normal(line []byte) string {
	text := string(line)
	if d.o.Has("i") {
		text = strings.ToLower(text)
	}
	switch {
	case d.o.Has("w"):
		text = strings.Join(strings.Fields(text), "")
	case d.o.Has("b"):
		joined := strings.Join(strings.Fields(text), " ")
		if text != "" && (text[0] == ' ' || text[0] == '\t') {
			joined = " " + joined
		}
		text = joined
	}
	return text
}

// hunks writes the differences with their context.
func (d *differ) hunks(changes []change, lines [2][][]byte, data [2][]byte) {
	for i := 0; i < len(changes); {
		j := i + 1
		for j < len(changes) && changes[j].a-(changes[j-1].a+changes[j-1].na) <= 2*d.context {
			j++
		}
		group := changes[i:j]
		i = j
		last := group[len(group)-1]
		a0, b0 := max(0, group[0].a-d.context), max(0, group[0].b-d.context)
		lead := min(group[0].a-a0, group[0].b-b0)
		a0, b0 = group[0].a-lead, group[0].b-lead
		tail := min(d.context, len(lines[0])-(last.a+last.na), len(lines[1])-(last.b+last.nb))
		a1, b1 := last.a+last.na+tail, last.b+last.nb+tail
		d.c.Out.WriteString("@@ -" + span(a0, a1) + " +" + span(b0, b1) + " @@\n")
		at := a0
		for _, c := range group {
			d.lines(' ', lines[0], data[0], at, c.a)
			d.lines('-', lines[0], data[0], c.a, c.a+c.na)
			d.lines('+', lines[1], data[1], c.b, c.b+c.nb)
			at = c.a + c.na
		}
		d.lines(' ', lines[0], data[0], at, a1)
	}
}

// span writes the lines [from, to) as a hunk's header does.
func span(from, to int) string {
	switch to - from {
	case 0:
		return strconv.Itoa(from) + ",0"
	case 1:
		return strconv.Itoa(from + 1)
	}
	return strconv.Itoa(from+1) + "," + strconv.Itoa(to-from)
}

func (d *differ) lines(mark byte, lines [][]byte, data []byte, from, to int) {
	out := &d.c.Out
	for i := from; i < to; i++ {
		out.WriteByte(mark)
		if d.o.Has("T") {
			out.WriteByte('\t')
		}
		if d.o.Has("t") {
			column := 0
			for _, b := range lines[i] {
				if b == '\t' {
					n := 8 - column%8
					out.WriteString(strings.Repeat(" ", n))
					column += n
					continue
				}
				out.WriteByte(b)
				column++
			}
			out.WriteByte('\n')
		} else {
			out.Line(lines[i])
		}
		if i == len(lines)-1 && data[len(data)-1] != '\n' {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}
