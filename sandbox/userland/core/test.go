package core

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Test evaluates a condition: 0 true, 1 false, 2 an error. It is test, [ and [[.
func Test(c *applet.Context) int {
	args := c.Args
	if closing := map[string]string{"[": "]", "[[": "]]"}[c.Name]; closing != "" {
		if len(args) == 0 || args[len(args)-1] != closing {
			c.Errorf("missing %s", closing)
			return 2
		}
		args = args[:len(args)-1]
	}
	t := &tester{c: c, args: args}
	if len(args) == 0 {
		return 1
	}
	value := t.posix()
	if t.failed {
		return 2
	}
	if value {
		return 0
	}
	return 1
}

type tester struct {
	c      *applet.Context
	args   []string
	failed bool
}

// posix decides by the number of arguments as POSIX says, and parses what is longer.
func (t *tester) posix() bool {
	a := t.args
	if len(a) > 0 && a[0] == "!" && len(a) <= 4 && !(len(a) == 3 && isBinary(a[1])) && len(a) > 1 {
		t.args = a[1:]
		return !t.posix()
	}
	switch len(a) {
	case 0:
		return false
	case 1:
		return a[0] != ""
	case 2:
		if !isUnary(a[0]) {
			if isBinary(a[1]) {
				t.fail(a[1] + ": argument expected")
			} else {
				t.fail(a[1] + ": unknown operand")
			}
			return false
		}
		return t.unary(a[0], a[1])
	case 3:
		if isBinary(a[1]) {
			return t.binary(a[0], a[1], a[2])
		}
		if a[1] == "-a" {
			return a[0] != "" && a[2] != ""
		}
		if a[1] == "-o" {
			return a[0] != "" || a[2] != ""
		}
	}
	value := t.or()
	if len(t.args) > 0 && !t.failed {
		t.fail(t.args[0] + ": unknown operand")
	}
	return value
}

func (t *tester) fail(text string) {
	if !t.failed {
		t.c.Errorf("%s", text)
	}
	t.failed = true
}

func (t *tester) peek(i int) string {
	if i < len(t.args) {
		return t.args[i]
	}
	return ""
}

func (t *tester) or() bool {
	value := t.and()
	for t.peek(0) == "-o" {
		t.args = t.args[1:]
		right := t.and()
		value = value || right
	}
	return value
}

func (t *tester) and() bool {
	value := t.not()
	for t.peek(0) == "-a" {
		t.args = t.args[1:]
		right := t.not()
		value = value && right
	}
	return value
}

func (t *tester) not() bool {
	if t.peek(0) == "!" && len(t.args) > 1 && !(len(t.args) > 2 && isBinary(t.args[1])) {
		t.args = t.args[1:]
		return !t.not()
	}
	return t.primary()
}

func (t *tester) primary() bool {
	if len(t.args) == 0 {
		t.fail("argument expected")
		return false
	}
	if len(t.args) > 2 && isBinary(t.args[1]) {
		value := t.binary(t.args[0], t.args[1], t.args[2])
		t.args = t.args[3:]
		return value
	}
	if t.args[0] == "(" {
		t.args = t.args[1:]
		value := t.or()
		if t.peek(0) != ")" {
			t.fail("closing paren expected")
			return false
		}
		t.args = t.args[1:]
		return value
	}
	if isUnary(t.args[0]) && len(t.args) > 1 {
		value := t.unary(t.args[0], t.args[1])
		t.args = t.args[2:]
		return value
	}
	value := t.args[0] != ""
	t.args = t.args[1:]
	return value
}

func isUnary(s string) bool {
	return len(s) == 2 && s[0] == '-' && strings.IndexByte("bcdefghkLnOpGrsStuwxz", s[1]) >= 0
}

func isBinary(s string) bool {
	switch s {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

func (t *tester) unary(op, arg string) bool {
	switch op {
	case "-n":
		return arg != ""
	case "-z":
		return arg == ""
	case "-t":
		return sys.Isatty(int(t.number(arg)))
	case "-r":
		return access(arg, abi.R_OK)
	case "-w":
		return access(arg, abi.W_OK)
	case "-x":
		return access(arg, abi.X_OK)
	case "-L", "-h":
		st, err := sys.Lstat(arg)
		return err == nil && st.Mode&abi.S_IFMT == abi.S_IFLNK
	}
	st, err := sys.Stat(arg)
	if err != nil {
		return false
	}
	kind := st.Mode & abi.S_IFMT
	switch op[1] {
	case 'e':
		return true
	case 'f':
		return kind == abi.S_IFREG
	case 'd':
		return kind == abi.S_IFDIR
	case 'c':
		return kind == abi.S_IFCHR
	case 'b':
		return kind == abi.S_IFBLK
	case 'p':
		return kind == abi.S_IFIFO
	case 'S':
		return kind == abi.S_IFSOCK
	case 's':
		return st.Size > 0
	case 'u':
		return st.Mode&abi.S_ISUID != 0
	case 'g':
		return st.Mode&abi.S_ISGID != 0
	case 'k':
		return st.Mode&abi.S_ISVTX != 0
	case 'O':
		return int(st.UID) == sys.Geteuid()
	case 'G':
		return int(st.GID) == sys.Getegid()
	}
	return false
}

func access(path string, mode int) bool { return sys.Access(path, mode) == nil }

func (t *tester) number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		t.fail(s + ": bad number")
	}
	return n
}

func (t *tester) binary(a, op, b string) bool {
	switch op {
	case "=", "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	case "-nt", "-ot", "-ef":
		return files(a, op, b)
	}
	x, y := t.number(a), int64(0)
	if !t.failed {
		y = t.number(b)
	}
	switch op {
	case "-eq":
		return x == y
	case "-ne":
		return x != y
	case "-lt":
		return x < y
	case "-le":
		return x <= y
	case "-gt":
		return x > y
	}
	return x >= y
}

func files(a, op, b string) bool {
	x, err1 := sys.Stat(a)
	y, err2 := sys.Stat(b)
	if err1 != nil || err2 != nil {
		return false
	}
	switch op {
	case "-nt":
		return x.Mtim.Sec > y.Mtim.Sec
	case "-ot":
		return x.Mtim.Sec < y.Mtim.Sec
	}
	return x.Dev == y.Dev && x.Ino == y.Ino
}
