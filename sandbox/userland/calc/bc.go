package calc

import (
	"errors"
	"math/big"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Limits that bc tells.
const (
	maxBase     = 999
	lineWidth   = 70
	maxDepth    = 5000
	maxElements = 1 << 24
)

// quit ends bc from the middle of anything.
type quit struct{}

// control is a statement that ends others.
type control int

const (
	goOn control = iota
	breakLoop
	continueLoop
	returnNow
)

// machine runs bc's statements.
type machine struct {
	c      *applet.Context
	p      *parser
	vars   map[string]*number
	arrays map[string]map[int64]*number
	scale  int
	ibase  int
	obase  int
	last   *number
	result *number
	depth  int
	math   bool
	width  int
	input  func() (string, bool)
}

// Bc is the calculator with a language of its own.
func Bc(c *applet.Context) int {
	o := c.Getopt("qlswi", "quiet=q", "mathlib=l", "standard=s", "warn=w", "interactive=i")
	m := &machine{c: c, vars: map[string]*number{}, arrays: map[string]map[int64]*number{}, ibase: 10, obase: 10, last: integer(0), width: lineWidth}
	if text := c.Getenv("BC_LINE_LENGTH"); text != "" {
		if n, err := strconv.Atoi(text); err == nil {
			m.width = n
		}
	}
	if o.Has("l") {
		m.math, m.scale = true, 20
	}
	fns := map[string]*function{}
	for _, name := range c.Args {
		if code, done := m.run(c.MustOpen(name), fns, false); done {
			return code
		}
	}
	code, _ := m.run(0, fns, sys.Isatty(0))
	return code
}

// run executes a file. done tells that bc is to end.
func (m *machine) run(fd int, fns map[string]*function, interactive bool) (code int, done bool) {
	in := applet.NewLines(fd)
	next := func() (string, bool) {
		m.c.Out.Flush()
		line, ended, ok := in.Next()
		if !ok {
			return "", false
		}
		text := string(line)
		if ended {
			text += "\n"
		}
		return text, true
	}
	m.input = next
	m.p = &parser{lex: lexer{next: next}, fns: fns}
	for {
		more, err := m.step()
		switch {
		case err == nil && more:
		case err == nil:
			return 0, false
		case err == errQuit:
			return 0, true
		default:
			m.c.Errorf("%s", err)
			if !interactive {
				return 1, true
			}
			m.p = &parser{lex: lexer{next: next}, fns: fns} // the rest of the line is lost
		}
	}
}

var errQuit = errors.New("quit")

// step reads and runs one statement.
func (m *machine) step() (more bool, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case quit:
			err = errQuit
		case syntaxError:
			err = e
		case runtimeError:
			err = e.error
		default:
			panic(e)
		}
	}()
	n := m.p.next()
	if n == nil {
		return false, nil
	}
	m.depth = 0
	m.exec(n)
	return true, nil
}

// runtimeError is how a calculation that fails leaves the statement.
type runtimeError struct{ error }

func must(n *number, err error) *number {
	if err != nil {
		panic(runtimeError{err})
	}
	return n
}

func (m *machine) fail(text string) { panic(runtimeError{errors.New(text)}) }

func (m *machine) exec(n *node) control {
	switch n.op {
	case "block":
		for _, s := range n.args {
			if x := m.exec(s); x != goOn {
				return x
			}
		}
	case "string":
		m.c.Out.WriteString(n.text)
	case "show":
		m.last = m.eval(n.args[0])
		m.c.Out.WriteString(wrapped(m.last.text(m.obase), m.width) + "\n")
	case "silent":
		m.eval(n.args[0])
	case "print":
		for _, a := range n.args {
			if a.op == "string" {
				m.c.Out.WriteString(unescaped(a.text))
				continue
			}
			m.last = m.eval(a)
			m.c.Out.WriteString(wrapped(m.last.text(m.obase), m.width))
		}
	case "if":
		if !m.eval(n.args[0]).isZero() {
			return m.exec(n.args[1])
		}
		if len(n.args) > 2 {
			return m.exec(n.args[2])
		}
	case "for":
		if n.args[0] != nil {
			m.eval(n.args[0])
		}
		for n.args[1] == nil || !m.eval(n.args[1]).isZero() {
			switch x := m.exec(n.args[3]); x {
			case breakLoop:
				return goOn
			case returnNow:
				return x
			}
			if n.args[2] != nil {
				m.eval(n.args[2])
			}
		}
	case "break":
		return breakLoop
	case "continue":
		return continueLoop
	case "return":
		m.result = integer(0)
		if len(n.args) > 0 {
			m.result = m.eval(n.args[0])
		}
		return returnNow
	case "halt":
		panic(quit{})
	case "limits":
		m.c.Out.WriteString("BC_BASE_MAX     = 999\nBC_DIM_MAX      = 2147483647\nBC_SCALE_MAX    = 4294967295\nBC_STRING_MAX   = 4294967294\n" +
			"MAX Exponent    = 999999999\nNumber of vars  = 999999999\n")
	}
	return goOn
}

// unescaped reads the escapes of a string of print.
func unescaped(text string) string {
	return strings.NewReplacer(`\a`, "\a", `\b`, "\b", `\f`, "\f", `\n`, "\n", `\r`, "\r", `\t`, "\t", `\q`, `"`, `\\`, `\`, `\e`, `\`).Replace(text)
}

func (m *machine) eval(n *node) *number {
	switch n.op {
	case "number":
		return parseNumber(n.text, m.ibase)
	case "paren":
		return m.eval(n.args[0])
	case "var", "element":
		get, _ := m.place(n)
		return get()
	case "assign":
		get, set := m.place(n.args[0])
		value := m.eval(n.args[1])
		if n.text != "" {
			value = m.operate(n.text, get(), value)
		}
		set(value)
		return value
	case "pre++", "pre--", "post++", "post--":
		get, set := m.place(n.args[0])
		old := get()
		value := old.add(integer(1))
		if strings.HasSuffix(n.op, "--") {
			value = old.sub(integer(1))
		}
		set(value)
		if strings.HasPrefix(n.op, "post") {
			return old
		}
		return value
	case "neg":
		return m.eval(n.args[0]).neg()
	case "not":
		return truth(m.eval(n.args[0]).isZero())
	case "call":
		return m.call(n)
	case "array":
		m.fail("bad expression")
	}
	a := m.eval(n.args[0])
	b := m.eval(n.args[1]) // both sides, whatever the first is: POSIX knows no short cut here
	return m.operate(n.op, a, b)
}

func (m *machine) operate(op string, a, b *number) *number {
	switch op {
	case "+":
		return a.add(b)
	case "-":
		return a.sub(b)
	case "*":
		return a.mul(b, m.scale)
	case "/":
		return must(a.div(b, m.scale))
	case "%":
		return must(a.mod(b, m.scale))
	case "^":
		return must(a.pow(b, m.scale))
	case "<":
		return truth(a.cmp(b) < 0)
	case ">":
		return truth(a.cmp(b) > 0)
	case "<=":
		return truth(a.cmp(b) <= 0)
	case ">=":
		return truth(a.cmp(b) >= 0)
	case "==":
		return truth(a.cmp(b) == 0)
	case "!=":
		return truth(a.cmp(b) != 0)
	case "&&":
		return truth(!a.isZero() && !b.isZero())
	}
	return truth(!a.isZero() || !b.isZero())
}

// place returns how a variable is read and set.
func (m *machine) place(n *node) (get func() *number, set func(*number)) {
	if n.op == "element" {
		i, err := m.eval(n.args[0]).to(0).whole()
		if err != nil || i < 0 || i >= maxElements {
			m.fail("bad array index")
		}
		array := m.array(n.text)
		return func() *number {
			if v := array[i]; v != nil {
				return v
			}
			return integer(0)
		}, func(v *number) { array[i] = v }
	}
	special := func(v *int, name string, low, high int64) (func() *number, func(*number)) {
		return func() *number { return integer(int64(*v)) }, func(x *number) {
			i, err := x.to(0).whole()
			if err == nil && i < 0 {
				panic(runtimeError{errNegative})
			}
			if err != nil || i < low || i > high {
				m.fail("bad " + name + "; must be [" + strconv.FormatInt(low, 10) + "," + strconv.FormatInt(high, 10) + "]")
			}
			*v = int(i)
		}
	}
	switch n.text {
	case "scale":
		return special(&m.scale, "scale", 0, 1<<31-1)
	case "ibase":
		return special(&m.ibase, "ibase", 2, 36)
	case "obase":
		return special(&m.obase, "obase", 2, maxBase)
	case "last":
		return func() *number { return m.last }, func(v *number) { m.last = v }
	}
	return func() *number {
		if v := m.vars[n.text]; v != nil {
			return v
		}
		return integer(0)
	}, func(v *number) { m.vars[n.text] = v }
}

func (m *machine) array(name string) map[int64]*number {
	if m.arrays[name] == nil {
		m.arrays[name] = map[int64]*number{}
	}
	return m.arrays[name]
}

// call calls a function: one of bc's own, of the library, or a defined one.
func (m *machine) call(n *node) *number {
	if f := m.p.fns[n.text]; f != nil {
		return m.defined(n, f)
	}
	args := make([]*number, 0, len(n.args))
	for _, a := range n.args {
		if a.op == "array" && n.text == "length" {
			return integer(int64(len(m.array(a.text))))
		}
		args = append(args, m.eval(a))
	}
	want := 1
	switch n.text {
	case "read":
		want = 0
	case "j":
		want = 2
	}
	known := strings.Contains(" length scale sqrt abs read ", " "+n.text+" ") || m.math && strings.Contains(" s c a l e j ", " "+n.text+" ")
	if !known {
		m.fail("undefined function")
	}
	if len(args) != want {
		m.fail("function has " + strconv.Itoa(want) + " parameters, but called with " + strconv.Itoa(len(args)))
	}
	switch n.text {
	case "length":
		return integer(int64(args[0].length()))
	case "scale":
		return integer(int64(args[0].scale))
	case "sqrt":
		return must(args[0].sqrt(m.scale))
	case "abs":
		return &number{new(big.Int).Abs(args[0].digits), args[0].scale}
	case "read":
		line, ok := m.input()
		if !ok {
			m.fail("read() call inside of EOF")
		}
		p := &parser{lex: lexer{next: func() (string, bool) { return "", false }, line: line}, fns: m.p.fns}
		return m.eval(p.expression())
	case "s":
		return sin(args[0], m.scale, false)
	case "c":
		return sin(args[0], m.scale, true)
	case "a":
		return atan(args[0], m.scale)
	case "l":
		return ln(args[0], m.scale)
	case "e":
		return exp(args[0], m.scale)
	}
	return bessel(args[0], args[1], m.scale)
}

// defined calls a function of the program: parameters and autos get values of their own until it returns.
func (m *machine) defined(n *node, f *function) *number {
	if len(n.args) != len(f.params) {
		m.fail("function has " + strconv.Itoa(len(f.params)) + " parameters, but called with " + strconv.Itoa(len(n.args)))
	}
	if m.depth++; m.depth > maxDepth {
		m.fail("stack too deep")
	}
	type saved struct {
		name  string
		v     *number
		array map[int64]*number
	}
	values := make([]saved, 0, len(f.params)+len(f.autos))
	for i, param := range f.params {
		if name, ok := strings.CutSuffix(param, "[]"); ok {
			if n.args[i].op != "array" && n.args[i].op != "var" {
				m.fail("variable is wrong type")
			}
			array := map[int64]*number{}
			for k, v := range m.array(n.args[i].text) {
				array[k] = v
			}
			values = append(values, saved{name: name + "[]", array: array})
			continue
		}
		values = append(values, saved{name: param, v: m.eval(n.args[i])})
	}
	for _, auto := range f.autos {
		values = append(values, saved{name: auto, v: integer(0), array: map[int64]*number{}})
	}
	swap := func() {
		for i := range values {
			if name, ok := strings.CutSuffix(values[i].name, "[]"); ok {
				values[i].array, m.arrays[name] = m.arrays[name], values[i].array
			} else {
				values[i].v, m.vars[values[i].name] = m.vars[values[i].name], values[i].v
			}
		}
	}
	swap()
	defer swap()
	m.result = integer(0)
	m.exec(f.body)
	m.depth--
	result := m.result
	m.result = integer(0)
	return result
}
