package search

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// finder is one run of find.
type finder struct {
	c            *applet.Context
	follow       bool // all symbolic links
	followArgs   bool // those that are operands
	xdev         bool
	depthFirst   bool
	minDepth     int
	maxDepth     int
	now          int64    // seconds
	args         []string // of the expression, while it is parsed
	root         test
	hasAction    bool
	batches      []*batch
	code         int
	pruned, quit bool
	dev          uint64
}

// visited is the file that tests look at.
type visited struct {
	path  string
	name  string
	st    *abi.Stat
	depth int
}

// test is an expression of find.
type test func(f *finder, v *visited) bool

// Find walks directories.
func Find(c *applet.Context) int {
	f := &finder{c: c, maxDepth: 1 << 30, now: sys.Now().Sec}
	args := c.Args
options:
	for len(args) > 0 {
		switch args[0] {
		case "-H":
			f.followArgs = true
		case "-L":
			f.follow = true
		case "-P":
			f.follow, f.followArgs = false, false
		default:
			break options
		}
		args = args[1:]
	}
	n := 0
	for n < len(args) && !isExpression(args[n]) {
		n++
	}
	paths := args[:n]
	if n == 0 {
		paths = []string{"."}
	}
	f.args = args[n:]
	f.root = f.parse()
	for _, path := range paths {
		f.walk(path, path, 0)
		if f.quit {
			break
		}
	}
	for _, b := range f.batches {
		b.run(f)
	}
	return f.code
}

func isExpression(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' || arg == "(" || arg == "!" || arg == ")"
}

// walk visits a file and, when it is a directory, those below it.
func (f *finder) walk(path, name string, depth int) {
	st, err := sys.Lstat(path)
	if err == nil && st.Mode&abi.S_IFMT == abi.S_IFLNK && (f.follow || f.followArgs && depth == 0) {
		if target, err := sys.Stat(path); err == nil {
			st = target
		}
	}
	if err != nil {
		f.c.Perror(path, err)
		f.code = 1
		return
	}
	if depth == 0 {
		f.dev = st.Dev
		name = baseOf(path)
	} else if f.xdev && st.Dev != f.dev {
		return
	}
	v := &visited{path: path, name: name, st: st, depth: depth}
	f.pruned = false
	if !f.depthFirst && depth >= f.minDepth {
		f.root(f, v)
	}
	if st.Mode&abi.S_IFMT == abi.S_IFDIR && depth < f.maxDepth && !f.quit && !(f.pruned && !f.depthFirst) {
		list, err := sys.ReadDir(path)
		if err != nil {
			f.c.Perror(path, err)
			f.code = 1
		}
		prefix := path
		if !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		for _, d := range list {
			f.walk(prefix+d.Name, d.Name, depth+1)
			if f.quit {
				return
			}
		}
	}
	if f.depthFirst && depth >= f.minDepth {
		f.root(f, v)
	}
}

func baseOf(path string) string {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" {
		return path
	}
	return trimmed[strings.LastIndexByte(trimmed, '/')+1:]
}

// batch is an -exec … {} +.
type batch struct {
	command []string
	paths   []string
	size    int
}

func (b *batch) add(f *finder, path string) {
	if len(b.paths) > 0 && b.size+len(path)+9 > 128<<10 {
		b.run(f)
	}
	b.paths = append(b.paths, path)
	b.size += len(path) + 9
}

func (b *batch) run(f *finder) {
	if len(b.paths) == 0 {
		return
	}
	argv := make([]string, 0, len(b.command)+len(b.paths))
	for _, arg := range b.command {
		if arg == "{}" {
			argv = append(argv, b.paths...)
		} else {
			argv = append(argv, arg)
		}
	}
	if !f.run(argv) {
		f.code = 1
	}
	b.paths, b.size = nil, 0
}

// run runs a program and reports whether it ended well.
func (f *finder) run(argv []string) bool {
	pid, err := f.c.Spawn(&sys.Process{Argv: argv})
	if err != nil {
		f.c.Perror(argv[0], err)
		return false
	}
	return applet.Wait(pid) == 0
}
