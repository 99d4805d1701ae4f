// Package search holds grep, find and xargs.
package search

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/regex"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

type grep struct {
	c             *applet.Context
	o             *applet.Options
	patterns      []*regex.Regexp
	delim         byte
	searches      []regex.Search
	limit         int64 // -m
	before, after int
	names         bool
	matched       bool // anything in any file
	code          int
	numbers       bool   // of lines are asked for
	needed        []byte // what every matching line contains, for a single pattern

	buf []byte

	// Of the file at hand.
	name    string
	found   int64
	line    int64
	context []contextLine // lines before that were not printed
	ahead   int           // lines of context still to print
	printed int64         // number of the last line printed, in whichever file
	any     bool          // a group was printed
}

type contextLine struct {
	number int64
	text   []byte
}

// Grep prints lines that match: 0 when any did, 1 when none, 2 for an error.
func Grep(c *applet.Context) int {
	c.ErrorCode = 2
	c.Args = oldContext(c.Args)
	o := c.Getopt("lnqvscFiHhe:f:LorRm:A:B:C:EwxzaIU\x80::", "regexp=e", "file=f", "ignore-case=i", "invert-match=v", "word-regexp=w", "line-regexp=x",
		"count=c", "files-with-matches=l", "files-without-match=L", "max-count=m", "only-matching=o", "quiet=q", "silent=q",
		"no-messages=s", "line-number=n", "with-filename=H", "no-filename=h", "recursive=r", "extended-regexp=E", "fixed-strings=F",
		"after-context=A", "before-context=B", "context=C", "null-data=z", "color=\x80", "text=a")
	g := &grep{c: c, o: o, delim: '\n', limit: math.MaxInt64}
	if o.Has("z") {
		g.delim = 0
	}
	if text, ok := o.Arg('m'); ok {
		g.limit = c.Number(text, nil)
	}
	if text, ok := o.Arg('C'); ok {
		g.before = int(c.Number(text, nil))
		g.after = g.before
	}
	if text, ok := o.Arg('A'); ok {
		g.after = int(c.Number(text, nil))
	}
	if text, ok := o.Arg('B'); ok {
		g.before = int(c.Number(text, nil))
	}
	g.compile()
	g.numbers = o.Has("n")
	if o.Has("cqlLo") {
		g.before, g.after = 0, 0
	}
	g.names = (len(c.Args) > 1 || o.Has("rR")) && !o.Has("h") || o.Last("Hh") == 'H'
	if len(c.Args) == 0 {
		if o.Has("rR") {
			g.tree(".", "", true)
		} else {
			g.file(0, "(standard input)")
		}
	}
	for _, name := range c.Args {
		if name == "-" {
			g.file(0, "(standard input)")
			continue
		}
		g.path(name)
	}
	switch {
	case g.code != 0 && !(o.Has("q") && g.matched):
		return g.code
	case g.matched != o.Has("L"):
		return 0
	}
	return 1
}

// oldContext rewrites -NUM as -C NUM.
func oldContext(args []string) []string {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "0123456789") == "" {
			return append(append(append([]string{}, args[:i]...), "-C", arg[1:]), args[i+1:]...)
		}
	}
	return args
}

func (g *grep) compile() {
	c, o := g.c, g.o
	flags := regex.Flags{
		Extended: o.Has("E") || c.Name == "egrep", Fixed: o.Has("F") || c.Name == "fgrep", IgnoreCase: o.Has("i"), Word: o.Has("w"), Line: o.Has("x"),
	}
	texts := o.All('e')
	for _, name := range o.All('f') {
		data, err := applet.ReadFile(name)
		if err != nil {
			c.Errorf("%s: %s", name, applet.Strerror(err))
			c.Exit(2)
		}
		if len(data) > 0 {
			texts = append(texts, strings.TrimSuffix(string(data), "\n"))
		}
	}
	if !o.Has("ef") {
		if len(c.Args) == 0 {
			c.Usage()
		}
		texts, c.Args = []string{c.Args[0]}, c.Args[1:]
	}
	for _, text := range texts {
		for pattern := range strings.SplitSeq(text, "\n") {
			re, err := regex.Compile(pattern, flags)
			if err != nil {
				c.Errorf("bad regex '%s'", pattern)
				c.Exit(2)
			}
			g.patterns = append(g.patterns, re)
		}
	}
	if len(g.patterns) == 1 {
		g.needed = g.patterns[0].Needed()
	}
}

func (g *grep) path(name string) {
	if g.o.Has("rR") {
		st, err := sys.Stat(name)
		if err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
			g.tree(name, strings.TrimSuffix(name, "/")+"/", true)
			return
		}
	}
	fd, err := sys.Open(name, abi.O_RDONLY|abi.O_CLOEXEC, 0)
	if err != nil {
		g.fail(name, err)
		return
	}
	g.file(fd, name)
	sys.Close(fd)
}

func (g *grep) fail(name string, err error) {
	if !g.o.Has("s") {
		g.c.Perror(name, err)
	}
	g.code = 2
}

// tree searches the files below a directory; symbolic links are followed with -R alone.
func (g *grep) tree(dir, prefix string, top bool) {
	list, err := sys.ReadDir(dir)
	if err != nil {
		g.fail(dir, err)
		return
	}
	for _, d := range list {
		path := prefix + d.Name
		kind, err := uint32(d.Type)<<12, error(nil) // a DT_ value is the type in a mode
		if d.Type == abi.DT_UNKNOWN {
			kind, err = kindOf(sys.Lstat(path))
		}
		if err == nil && kind == abi.S_IFLNK {
			if !g.o.Has("R") {
				continue
			}
			kind, err = kindOf(sys.Stat(path))
		}
		switch {
		case err != nil:
			g.fail(path, err)
		case kind == abi.S_IFDIR:
			g.tree(path, path+"/", false)
		case kind == abi.S_IFREG:
			fd, err := sys.Open(path, abi.O_RDONLY|abi.O_CLOEXEC, 0)
			if err != nil {
				g.fail(path, err)
				continue
			}
			g.file(fd, path)
			sys.Close(fd)
		}
	}
}

func kindOf(st *abi.Stat, err error) (uint32, error) {
	if err != nil {
		return 0, err
	}
	return st.Mode & abi.S_IFMT, nil
}

// file searches one file. It reads blocks of whole lines, so that a needed string is looked for in a block at once.
func (g *grep) file(fd int, name string) {
	g.name, g.found, g.line, g.ahead = name, 0, 0, 0
	g.context = g.context[:0]
	if g.buf == nil {
		g.buf = make([]byte, 64<<10)
	}
	buf := g.buf
	have := 0
	done := false
	for !done {
		n, err := sys.Read(fd, buf[have:])
		if n <= 0 {
			if err != nil && err != abi.EISDIR {
				g.fail(name, err)
			}
			if have > 0 {
				g.block(buf[:have])
			}
			break
		}
		have += n
		end := bytes.LastIndexByte(buf[:have], g.delim) + 1
		if end > 0 {
			done = !g.block(buf[:end])
			have = copy(buf, buf[end:have])
		}
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
			g.buf = buf
		}
	}
	if g.found > 0 {
		g.matched = true
	}
	o, out := g.o, &g.c.Out
	if o.Has("q") {
		if g.found > 0 {
			g.c.Exit(0)
		}
		return
	}
	if o.Has("c") && !o.Has("lL") {
		if g.names {
			out.WriteString(name + ":")
		}
		out.WriteString(strconv.FormatInt(g.found, 10) + "\n")
	}
	if o.Has("l") && g.found > 0 || o.Has("L") && g.found == 0 {
		out.WriteString(name + "\n")
	}
}

// block searches whole lines and reports whether to go on.
func (g *grep) block(block []byte) bool {
	var re *regex.Regexp
	skip, quick, exact := false, false, false
	if len(g.patterns) == 1 && g.before == 0 && g.after == 0 {
		re = g.patterns[0]
		_, literal := re.Literal()
		quick = len(g.needed) > 0
		skip = !quick && re.CanSkip() && g.delim == '\n'
		exact = skip && re.Exact() || quick && literal
	}
	inverted := g.o.Has("v")
	for len(block) > 0 {
		at := -1
		if quick {
			at = bytes.Index(block, g.needed)
		} else if skip {
			at = re.NextLine(block)
		} else {
			at = 0
		}
		// The lines before that one do not match.
		before := block
		if at >= 0 {
			before = block[:bytes.LastIndexByte(block[:at], g.delim)+1]
		}
		if block = block[len(before):]; !inverted {
			if g.numbers {
				g.line += int64(applet.Count(before, g.delim))
			}
		} else if !g.others(before) {
			return false
		}
		if at < 0 {
			return true
		}
		line := block
		if i := bytes.IndexByte(block, g.delim); i >= 0 {
			line, block = block[:i], block[i+1:]
		} else {
			block = nil
		}
		g.line++
		if !g.one(line, exact || g.test(line)) {
			return false
		}
	}
	return true
}

// others goes through whole lines of which none matches, for -v.
func (g *grep) others(block []byte) bool {
	for len(block) > 0 {
		line := block
		if i := bytes.IndexByte(block, g.delim); i >= 0 {
			line, block = block[:i], block[i+1:]
		} else {
			block = nil
		}
		g.line++
		if !g.one(line, false) {
			return false
		}
	}
	return true
}

// one takes a line that matches or not and reports whether to go on with the file.
func (g *grep) one(line []byte, matches bool) bool {
	o := g.o
	if g.found >= g.limit {
		return false
	}
	if matches == o.Has("v") {
		switch {
		case g.ahead > 0:
			g.print(line, '-')
			g.ahead--
		case g.before > 0:
			if len(g.context) == g.before {
				g.context = append(g.context[:0], g.context[1:]...)
			}
			g.context = append(g.context, contextLine{g.line, bytes.Clone(line)})
		}
		return true
	}
	g.found++
	if o.Has("qlL") {
		return false
	}
	if o.Has("c") {
		return g.found < g.limit
	}
	if o.Has("o") {
		if !o.Has("v") {
			g.parts(line)
		}
		return g.found < g.limit
	}
	first := g.line
	if len(g.context) > 0 {
		first = g.context[0].number
	}
	if (g.before > 0 || g.after > 0) && g.any && first != g.printed+1 {
		g.c.Out.WriteString("--\n")
	}
	number := g.line
	for _, before := range g.context {
		g.line = before.number
		g.print(before.text, '-')
	}
	g.line = number
	g.context = g.context[:0]
	g.print(line, ':')
	g.any = true
	g.ahead = g.after
	return g.found < g.limit
}

func (g *grep) test(line []byte) bool {
	for _, re := range g.patterns {
		if re.Test(line) {
			return true
		}
	}
	return false
}

func (g *grep) prefix(mark byte) {
	out := &g.c.Out
	if g.names {
		out.WriteString(g.name)
		out.WriteByte(mark)
	}
	if g.o.Has("n") {
		out.Int(g.line)
		out.WriteByte(mark)
	}
}

func (g *grep) print(line []byte, mark byte) {
	g.prefix(mark)
	g.c.Out.Write(line)
	g.c.Out.WriteByte(g.delim)
	g.printed = g.line
}

// parts prints the matching parts of a line.
func (g *grep) parts(line []byte) {
	g.searches = g.searches[:0]
	for _, re := range g.patterns {
		g.searches = append(g.searches, re.On(line))
	}
	for from := 0; from <= len(line); {
		best, found := [2]int{}, false
		for _, s := range g.searches {
			var m [2]int
			if s.Find(m[:], from) && (!found || m[0] < best[0] || m[0] == best[0] && m[1] > best[1]) {
				best, found = m, true
			}
		}
		if !found {
			return
		}
		if best[1] == best[0] {
			from = best[1] + 1
			for from < len(line) && !utf8.RuneStart(line[from]) {
				from++
			}
			continue
		}
		g.prefix(':')
		g.c.Out.Write(line[best[0]:best[1]])
		g.c.Out.WriteByte(g.delim)
		from = best[1]
	}
}
