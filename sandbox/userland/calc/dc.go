package calc

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// value is what dc's stack holds: a number, or a string with num nil.
type value struct {
	num  *number
	text string
}

// desk is dc's state.
type desk struct {
	c         *applet.Context
	stack     []value
	registers map[string][]value
	arrays    map[string]map[int64]value
	scale     int
	ibase     int
	obase     int
	in        *applet.Lines
}

// leave unwinds levels of macros; one past all of them ends dc.
type leave int

// Dc is the calculator in reverse Polish notation.
func Dc(c *applet.Context) int {
	o := c.Getopt("e:f:xiqh", "expression=e", "file=f", "extended-register=x")
	d := &desk{c: c, registers: map[string][]value{}, arrays: map[string]map[int64]value{}, ibase: 10, obase: 10}
	var programs []string
	e, f := 0, 0
	for _, x := range o.Order {
		switch x {
		case 'e':
			programs = append(programs, o.All('e')[e])
			e++
		case 'f':
			c.Args = append([]string{o.All('f')[f]}, c.Args...)
			f++
		}
	}
	for _, program := range programs {
		if code, done := d.program(program); done {
			return code
		}
	}
	for _, name := range c.Args {
		data, err := applet.ReadAll(c.MustOpen(name))
		if err != nil {
			c.Fatal(name, err)
		}
		if code, done := d.program(string(data)); done {
			return code
		}
	}
	if len(programs) > 0 || len(c.Args) > 0 {
		return 0
	}
	d.in = applet.NewLines(0)
	for {
		text, ok := d.line()
		if !ok {
			return 0
		}
		// A string may go over lines.
		for open(text) {
			more, ok := d.line()
			if !ok {
				c.Errorf("string end could not be found")
				return 1
			}
			text += more
		}
		if code, done := d.program(text); done {
			return code
		}
	}
}

func (d *desk) line() (string, bool) {
	d.c.Out.Flush()
	if d.in == nil {
		d.in = applet.NewLines(0)
	}
	line, _, ok := d.in.Next()
	return string(line) + "\n", ok
}

// open reports whether a bracket has not been closed.
func open(text string) bool { return strings.Count(text, "[") > strings.Count(text, "]") }

// program runs text; done tells that dc is to end.
func (d *desk) program(text string) (code int, done bool) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case runtimeError:
			d.c.Errorf("%s", e.error)
			code, done = 1, true
		case syntaxError:
			d.c.Errorf("%s", e)
			code, done = 1, true
		case leave:
			code, done = 0, true
		default:
			panic(e)
		}
	}()
	return 0, d.macro(text, 0) > 0
}

func (d *desk) need(n int) {
	if len(d.stack) < n {
		panic(syntaxError("stack has too few elements"))
	}
}

func (d *desk) push(v value)         { d.stack = append(d.stack, v) }
func (d *desk) pushNumber(n *number) { d.push(value{num: n}) }

func (d *desk) pop() value {
	d.need(1)
	v := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	return v
}

func (d *desk) popNumber() *number {
	v := d.pop()
	if v.num == nil {
		panic(syntaxError("variable is wrong type"))
	}
	return v.num
}

func (d *desk) show(v value) string {
	if v.num == nil {
		return v.text
	}
	return wrapped(v.num.text(d.obase), lineWidth)
}

// maxMacros bounds the depth of macros that call macros not at their end.
const maxMacros = 10000

// macro runs a string of commands and returns how many levels above it are to end too.
func (d *desk) macro(text string, depth int) int {
	if depth > maxMacros {
		panic(syntaxError("stack too deep"))
	}
	for i := 0; i < len(text); {
		x := text[i]
		i++
		switch {
		case x == ' ' || x == '\t' || x == '\n' || x == '\r':
		case isDigit(x) || x == '.' || x == '_':
			start := i - 1
			for i < len(text) && (isDigit(text[i]) || text[i] == '.' && !strings.Contains(text[start:i], ".")) {
				i++
			}
			n := parseNumber(strings.TrimPrefix(text[start:i], "_"), d.ibase)
			if x == '_' {
				n = n.neg()
			}
			d.pushNumber(n)
		case x == '[':
			start, level := i, 1
			for ; i < len(text) && level > 0; i++ {
				switch text[i] {
				case '[':
					level++
				case ']':
					level--
				}
			}
			if level > 0 {
				panic(syntaxError("string end could not be found"))
			}
			d.push(value{text: text[start : i-1]})
		case x == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case strings.IndexByte("slSL:;", x) >= 0:
			if i >= len(text) {
				panic(syntaxError("bad token"))
			}
			d.register(x, text[i:i+1])
			i++
		case strings.IndexByte("<>=!", x) >= 0:
			not := x == '!'
			if not && i < len(text) {
				x = text[i]
				i++
			}
			if i >= len(text) || strings.IndexByte("<>=", x) < 0 {
				panic(syntaxError("bad token"))
			}
			if run, ok := d.compare(x, not, text[i:i+1]); ok {
				if levels := d.macro(run, depth+1); levels > 0 {
					return levels - 1
				}
			}
			i++
		case x == 'x':
			d.need(1)
			if v := d.pop(); v.num != nil {
				d.push(v)
			} else if strings.TrimSpace(text[i:]) == "" && depth > 0 {
				text, i = v.text, 0 // a call at the end needs no level of its own
			} else if levels := d.macro(v.text, depth+1); levels > 0 {
				return levels - 1
			}
		case x == '?':
			line, _ := d.line()
			d.macro(line, depth+1)
		case x == 'q':
			if depth < 2 {
				panic(leave(0))
			}
			return 1
		case x == 'Q':
			n, err := d.popNumber().whole()
			if err != nil || n < 1 {
				continue
			}
			if int(n) > depth {
				panic(syntaxError("stack has too few elements"))
			}
			return int(n) - 1
		default:
			d.command(x)
		}
	}
	return 0
}

func (d *desk) register(x byte, name string) {
	values := d.registers[name]
	switch x {
	case 's':
		v := d.pop()
		if len(values) == 0 {
			d.registers[name] = []value{v}
		} else {
			values[len(values)-1] = v
		}
	case 'S':
		if len(values) == 0 {
			values = append(values, value{num: integer(0)})
		}
		d.registers[name] = append(values, d.pop())
	case 'l':
		if len(values) == 0 {
			d.pushNumber(integer(0))
		} else {
			d.push(values[len(values)-1])
		}
	case 'L':
		if len(values) == 0 {
			panic(syntaxError("stack has too few elements"))
		}
		d.push(values[len(values)-1])
		d.registers[name] = values[:len(values)-1]
	default:
		i, err := d.popNumber().to(0).whole()
		if err != nil || i < 0 || i >= maxElements {
			panic(syntaxError("bad array index"))
		}
		if d.arrays[name] == nil {
			d.arrays[name] = map[int64]value{}
		}
		if x == ':' {
			d.arrays[name][i] = d.pop()
		} else if v, ok := d.arrays[name][i]; ok {
			d.push(v)
		} else {
			d.pushNumber(integer(0))
		}
	}
}

// compare takes two numbers off; the macro of a register is to be run if they compare so, the top one on the left.
func (d *desk) compare(x byte, not bool, name string) (string, bool) {
	d.need(2)
	a := d.popNumber()
	c := a.cmp(d.popNumber())
	if (x == '<' && c < 0 || x == '>' && c > 0 || x == '=' && c == 0) == not {
		return "", false
	}
	values := d.registers[name]
	if len(values) == 0 || values[len(values)-1].num != nil {
		return "", false
	}
	return values[len(values)-1].text, true
}

func (d *desk) command(x byte) {
	switch x {
	case '+', '-', '*', '/', '%', '^', '~':
		d.need(2)
		b, a := d.popNumber(), d.popNumber()
		switch x {
		case '+':
			d.pushNumber(a.add(b))
		case '-':
			d.pushNumber(a.sub(b))
		case '*':
			d.pushNumber(a.mul(b, d.scale))
		case '/':
			d.pushNumber(must(a.div(b, d.scale)))
		case '%':
			d.pushNumber(must(a.mod(b, d.scale)))
		case '^':
			d.pushNumber(must(a.pow(b, d.scale)))
		case '~':
			d.pushNumber(must(a.div(b, d.scale)))
			d.pushNumber(must(a.mod(b, d.scale)))
		}
	case '|':
		d.need(3)
		m, e, b := d.popNumber(), d.popNumber(), d.popNumber()
		if m.isZero() {
			panic(runtimeError{errDivide})
		}
		if e.digits.Sign() < 0 {
			panic(runtimeError{errNegative})
		}
		for _, n := range []*number{m, e, b} {
			if n.to(0).cmp(n) != 0 {
				panic(runtimeError{errInteger})
			}
		}
		r := new(big.Int).Exp(b.to(0).digits, e.to(0).digits, new(big.Int).Abs(m.to(0).digits))
		d.pushNumber(&number{r, 0})
	case 'v':
		d.pushNumber(must(d.popNumber().sqrt(d.scale)))
	case 'p':
		d.need(1)
		d.c.Out.WriteString(d.show(d.stack[len(d.stack)-1]) + "\n")
	case 'n':
		d.c.Out.WriteString(d.show(d.pop()) + "\n") // busybox ends the line
	case 'P':
		if v := d.pop(); v.num == nil {
			d.c.Out.WriteString(v.text)
		} else {
			d.c.Out.Write(new(big.Int).Abs(v.num.to(0).digits).Bytes())
		}
	case 'f':
		for i := len(d.stack) - 1; i >= 0; i-- {
			d.c.Out.WriteString(d.show(d.stack[i]) + "\n")
		}
	case 'c':
		d.stack = nil
	case 'd':
		d.need(1)
		d.push(d.stack[len(d.stack)-1])
	case 'r':
		d.need(2)
		n := len(d.stack)
		d.stack[n-1], d.stack[n-2] = d.stack[n-2], d.stack[n-1]
	case 'z':
		d.pushNumber(integer(int64(len(d.stack))))
	case 'Z':
		if v := d.pop(); v.num == nil {
			d.pushNumber(integer(int64(len(v.text))))
		} else {
			d.pushNumber(integer(int64(v.num.length())))
		}
	case 'X':
		d.pushNumber(integer(int64(d.popNumber().scale)))
	case 'a':
		if v := d.pop(); v.num == nil {
			d.push(value{text: v.text[:min(1, len(v.text))]})
		} else {
			n := new(big.Int).And(v.num.to(0).digits, big.NewInt(0xff)).Int64()
			d.push(value{text: string([]byte{byte(n)})})
		}
	case 'k':
		d.scale = d.parameter("scale", 0, 1<<31-1)
	case 'i':
		d.ibase = d.parameter("ibase", 2, 36)
	case 'o':
		d.obase = d.parameter("obase", 2, maxBase)
	case 'K':
		d.pushNumber(integer(int64(d.scale)))
	case 'I':
		d.pushNumber(integer(int64(d.ibase)))
	case 'O':
		d.pushNumber(integer(int64(d.obase)))
	default:
		panic(syntaxError("bad character '" + string([]byte{x}) + "'"))
	}
}

func (d *desk) parameter(name string, low, high int64) int {
	n, err := d.popNumber().to(0).whole()
	if err != nil || n < low || n > high {
		panic(syntaxError("bad " + name + "; must be [" + strconv.FormatInt(low, 10) + "," + strconv.FormatInt(high, 10) + "]"))
	}
	return int(n)
}
