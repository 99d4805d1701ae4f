package shell

import (
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"mvdan.cc/sh/v3/syntax"
)

// test is test and [ (XCU test). An expression that is wrong gives status 2.
func test(sh *shell, args []string) int {
	name := args[0]
	args = args[1:]
	if name == "[" {
		if len(args) == 0 || args[len(args)-1] != "]" {
			sh.warnf("missing ]")
			return 2
		}
		args = args[:len(args)-1]
	}
	t := tester{sh: sh, args: args}
	ok, err := t.evaluate()
	if err != nil {
		sh.warnf("%v", err)
		return 2
	}
	return int(truth(!ok))
}

type tester struct {
	sh   *shell
	args []string
}

// evaluate follows POSIX by the number of arguments, and the grammar with -a, -o and parentheses beyond.
func (t *tester) evaluate() (bool, error) {
	a := t.args
	switch len(a) {
	case 0:
		return false, nil
	case 1:
		return a[0] != "", nil
	case 2:
		if a[0] == "!" {
			return a[1] == "", nil
		}
	case 3:
		if isBinaryTest(a[1]) {
			return t.sh.binaryTest(a[1], a[0], a[2])
		}
		if a[0] == "!" {
			sub := tester{t.sh, a[1:]}
			ok, err := sub.evaluate()
			return !ok, err
		}
		if a[0] == "(" && a[2] == ")" {
			return a[1] != "", nil
		}
	case 4:
		if a[0] == "!" {
			sub := tester{t.sh, a[1:]}
			ok, err := sub.evaluate()
			return !ok, err
		}
	}
	ok, err := t.or()
	if err == nil && len(t.args) > 0 {
		err = shellError(t.args[0] + ": unknown operand")
	}
	return ok, err
}

func (t *tester) peek() string {
	if len(t.args) == 0 {
		return ""
	}
	return t.args[0]
}

func (t *tester) next() string {
	s := t.args[0]
	t.args = t.args[1:]
	return s
}

func (t *tester) or() (bool, error) {
	ok, err := t.and()
	for err == nil && len(t.args) > 0 && t.peek() == "-o" {
		t.next()
		var right bool
		right, err = t.and()
		ok = ok || right
	}
	return ok, err
}

func (t *tester) and() (bool, error) {
	ok, err := t.not()
	for err == nil && len(t.args) > 0 && t.peek() == "-a" {
		t.next()
		var right bool
		right, err = t.not()
		ok = ok && right
	}
	return ok, err
}

func (t *tester) not() (bool, error) {
	negate := false
	for len(t.args) > 1 && t.peek() == "!" {
		t.next()
		negate = !negate
	}
	ok, err := t.primary()
	return ok != negate, err
}

func (t *tester) primary() (bool, error) {
	if len(t.args) == 0 {
		return false, shellError("argument expected")
	}
	if len(t.args) >= 3 && isBinaryTest(t.args[1]) {
		x, op, y := t.next(), t.next(), t.next()
		return t.sh.binaryTest(op, x, y)
	}
	s := t.next()
	if s == "(" && len(t.args) > 0 {
		if err := t.sh.enter(); err != nil {
			return false, err
		}
		defer t.sh.leave()
		ok, err := t.or()
		if err == nil {
			if t.peek() != ")" {
				return false, shellError("closing paren expected")
			}
			t.next()
		}
		return ok, err
	}
	if len(s) == 2 && s[0] == '-' && strings.IndexByte(unaryTests, s[1]) >= 0 && len(t.args) > 0 {
		return t.sh.unaryTest(s, t.next())
	}
	return s != "", nil
}

const unaryTests = "abcdefghkLnoprsStuvwxzGNOR"

func isBinaryTest(op string) bool {
	switch op {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "=~":
		return true
	}
	return false
}

func (sh *shell) binaryTest(op, x, y string) (bool, error) {
	switch op {
	case "=", "==":
		return x == y, nil
	case "!=":
		return x != y, nil
	case "<":
		return x < y, nil
	case ">":
		return x > y, nil
	case "=~":
		re, err := sh.regexp(y)
		if err != nil {
			return false, err
		}
		return sh.submatches(re, x) != nil, nil
	case "-nt", "-ot":
		a, err1 := sh.stat(x, true)
		b, err2 := sh.stat(y, true)
		if op == "-ot" {
			a, err1, b, err2 = b, err2, a, err1
		}
		if err1 != nil || err2 != nil {
			return err1 == nil && sh.bash, nil
		}
		return a.Mtim.Sec > b.Mtim.Sec || a.Mtim.Sec == b.Mtim.Sec && a.Mtim.Nsec > b.Mtim.Nsec, nil
	case "-ef":
		a, err1 := sh.stat(x, true)
		b, err2 := sh.stat(y, true)
		return err1 == nil && err2 == nil && a.Dev == b.Dev && a.Ino == b.Ino, nil
	}
	a, err := testNumber(x)
	if err != nil {
		return false, err
	}
	b, err := testNumber(y)
	if err != nil {
		return false, err
	}
	return compare(op, a, b), nil
}

func compare(op string, a, b int64) bool {
	switch op {
	case "-eq":
		return a == b
	case "-ne":
		return a != b
	case "-lt":
		return a < b
	case "-le":
		return a <= b
	case "-gt":
		return a > b
	}
	return a >= b
}

func testNumber(s string) (int64, error) {
	t := strings.Trim(s, " \t\n")
	n, err := strconv.ParseInt(strings.TrimPrefix(t, "+"), 10, 64)
	if err != nil {
		if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
			return 0, shellError(s + ": out of range")
		}
		return 0, shellError(s + ": bad number")
	}
	return n, nil
}

// unaryTest is one of the tests of a file, a string or a descriptor.
func (sh *shell) unaryTest(op, arg string) (bool, error) {
	switch op[1] {
	case 'n':
		return arg != "", nil
	case 'z':
		return arg == "", nil
	case 't':
		fd, err := strconv.Atoi(strings.TrimSpace(arg))
		if err != nil {
			return false, shellError(arg + ": bad number")
		}
		f, err := sh.task.Files.Get(fd)
		if err != nil {
			return false, nil
		}
		defer f.Release()
		return sh.ttyOf(f) != nil, nil
	case 'o':
		o := named(options, arg)
		return o != nil && *o.flag(&sh.opt), nil
	case 'v':
		name, sub, isElem := strings.Cut(arg, "[")
		if isElem {
			_, v, _ := sh.lookup(name)
			sub = strings.TrimSuffix(sub, "]")
			if v.kind == associative {
				_, ok := v.assoc.get(sub)
				return ok, nil
			}
			n, err := sh.arithText(sub)
			_, ok := v.arr.get(int(n))
			return ok, err
		}
		_, ok := sh.get(name)
		return ok, nil
	case 'R':
		return sh.vars[arg].kind == nameref, nil
	}
	st, err := sh.stat(arg, op[1] != 'h' && op[1] != 'L')
	if fd, ok := fdPath(arg); ok && err != nil {
		f, gerr := sh.task.Files.Get(fd)
		if gerr != nil {
			return false, nil
		}
		st, err = f.Stat()
		f.Release()
	}
	if err != nil {
		return false, nil
	}
	cred := sh.task.Cred()
	typ := st.Mode & abi.S_IFMT
	switch op[1] {
	case 'e', 'a':
		return true, nil
	case 'f':
		return typ == abi.S_IFREG, nil
	case 'd':
		return typ == abi.S_IFDIR, nil
	case 'h', 'L':
		return typ == abi.S_IFLNK, nil
	case 'b':
		return typ == abi.S_IFBLK, nil
	case 'c':
		return typ == abi.S_IFCHR, nil
	case 'p':
		return typ == abi.S_IFIFO, nil
	case 'S':
		return typ == abi.S_IFSOCK, nil
	case 's':
		return st.Size > 0, nil
	case 'k':
		return st.Mode&abi.S_ISVTX != 0, nil
	case 'g':
		return st.Mode&abi.S_ISGID != 0, nil
	case 'u':
		return st.Mode&abi.S_ISUID != 0, nil
	case 'O':
		return st.UID == cred.UID, nil
	case 'G':
		return st.GID == cred.GID, nil
	case 'N':
		return st.Mtim.Sec > st.Atim.Sec || st.Mtim.Sec == st.Atim.Sec && st.Mtim.Nsec > st.Atim.Nsec, nil
	case 'r':
		return cred.Access(&st, abi.R_OK) == nil, nil
	case 'w':
		return cred.Access(&st, abi.W_OK) == nil, nil
	case 'x':
		return cred.Access(&st, abi.X_OK) == nil, nil
	}
	return false, shellError(op + ": unknown operand")
}

// testClause is [[ ]].
func (sh *shell) testClause(c *syntax.TestClause) {
	ok, err := sh.testExpr(c.X)
	if err != nil {
		if err == errDying {
			sh.abort(err)
			return
		}
		if _, unset := err.(unsetError); unset {
			sh.abort(err)
			return
		}
		sh.warnf("%v", err)
		sh.status = 2
	} else {
		sh.status = int(truth(!ok))
	}
	sh.failed()
}

func (sh *shell) testExpr(e syntax.TestExpr) (bool, error) {
	if err := sh.enter(); err != nil {
		return false, err
	}
	defer sh.leave()
	switch e := e.(type) {
	case *syntax.Word:
		s, err := sh.expandString(e)
		return s != "", err
	case *syntax.ParenTest:
		return sh.testExpr(e.X)
	case *syntax.UnaryTest:
		if e.Op == syntax.TsNot {
			ok, err := sh.testExpr(e.X)
			return !ok, err
		}
		s, err := sh.expandString(e.X.(*syntax.Word))
		if err != nil {
			return false, err
		}
		return sh.unaryTest(e.Op.String(), s)
	case *syntax.BinaryTest:
		return sh.testBinary(e)
	}
	return false, shellError("unsupported test")
}

func (sh *shell) testBinary(e *syntax.BinaryTest) (bool, error) {
	if e.Op == syntax.AndTest || e.Op == syntax.OrTest {
		ok, err := sh.testExpr(e.X)
		if err != nil || ok == (e.Op == syntax.OrTest) {
			return ok, err
		}
		return sh.testExpr(e.Y)
	}
	x, err := sh.expandString(e.X.(*syntax.Word))
	if err != nil {
		return false, err
	}
	right := e.Y.(*syntax.Word)
	switch e.Op {
	case syntax.TsMatch, syntax.TsMatchShort, syntax.TsNoMatch:
		src, err := sh.expandTo(right, patternMode, false)
		if err != nil {
			return false, err
		}
		if sh.opt.nocasematch {
			x, src = strings.ToLower(x), strings.ToLower(src)
		}
		return sh.pattern(src).match(x) == (e.Op != syntax.TsNoMatch), nil
	case syntax.TsReMatch:
		return sh.regexpTest(x, right)
	}
	y, err := sh.expandString(right)
	if err != nil {
		return false, err
	}
	switch op := e.Op.String(); op {
	case "-eq", "-ne", "-lt", "-le", "-gt", "-ge":
		a, err := sh.arithText(x)
		if err != nil {
			return false, err
		}
		b, err := sh.arithText(y)
		return compare(op, a, b), err
	default:
		return sh.binaryTest(op, x, y)
	}
}

// submatches finds a match. A long text is given piece by piece, so that a kill ends the search.
func (sh *shell) submatches(re *regexp.Regexp, x string) []string {
	if len(x) < 4096 {
		return re.FindStringSubmatch(x)
	}
	loc := re.FindReaderSubmatchIndex(&killableReader{r: strings.NewReader(x), sh: sh})
	if loc == nil {
		return nil
	}
	m := make([]string, len(loc)/2)
	for i := range m {
		if loc[2*i] >= 0 {
			m[i] = x[loc[2*i]:loc[2*i+1]]
		}
	}
	return m
}

// killableReader ends when the task must die.
type killableReader struct {
	r  *strings.Reader
	sh *shell
	n  int
}

func (k *killableReader) ReadRune() (rune, int, error) {
	if k.n++; k.n&0xff == 0 && k.sh.task.Checkpoint() != nil {
		return 0, 0, io.EOF
	}
	return k.r.ReadRune()
}

// regexpTest is =~: the parts that matched go to BASH_REMATCH.
func (sh *shell) regexpTest(x string, w *syntax.Word) (bool, error) {
	src, err := sh.expandTo(w, patternMode, false)
	if err != nil {
		return false, err
	}
	src = regexpOf(src)
	if sh.opt.nocasematch {
		src = "(?i:" + src + ")"
	}
	re, err := sh.regexp(src)
	if err != nil {
		return false, err
	}
	m := sh.submatches(re, x)
	if err := sh.setArray("BASH_REMATCH", m); err != nil {
		return false, err
	}
	return m != nil, nil
}
