package core

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/regex"
)

// Expr evaluates an expression: 0 when the value is neither null nor 0, 1 when it is, 2 for a wrong expression.
func Expr(c *applet.Context) int {
	args := c.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		c.Errorf("too few arguments")
		return 2
	}
	e := &expression{c: c, args: args}
	v := e.or()
	if len(e.args) > 0 {
		e.die("syntax error")
	}
	c.Out.WriteString(v + "\n")
	if null(v) {
		return 1
	}
	return 0
}

type expression struct {
	c    *applet.Context
	args []string
}

func (e *expression) die(text string) {
	e.c.Errorf("%s", text)
	e.c.Exit(2)
}

func null(v string) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	return v == "" || err == nil && n == 0
}

func (e *expression) take(ops ...string) string {
	if len(e.args) > 0 {
		for _, op := range ops {
			if e.args[0] == op {
				e.args = e.args[1:]
				return op
			}
		}
	}
	return ""
}

func (e *expression) number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		e.die("non-numeric argument")
	}
	return n
}

func (e *expression) or() string {
	left := e.and()
	for e.take("|") != "" {
		right := e.and()
		if null(left) {
			left = right
		}
	}
	return left
}

func (e *expression) and() string {
	left := e.comparison()
	for e.take("&") != "" {
		right := e.comparison()
		if null(left) || null(right) {
			left = "0"
		}
	}
	return left
}

func (e *expression) comparison() string {
	left := e.sum()
	for {
		op := e.take("<", "<=", "=", "==", "!=", ">=", ">")
		if op == "" {
			return left
		}
		right := e.sum()
		order := strings.Compare(left, right)
		x, err1 := strconv.ParseInt(left, 10, 64)
		y, err2 := strconv.ParseInt(right, 10, 64)
		if err1 == nil && err2 == nil {
			order = 0
			if x < y {
				order = -1
			} else if x > y {
				order = 1
			}
		}
		left = "0"
		if strings.Contains(op, "<") && order < 0 || strings.HasPrefix(op, ">") && order > 0 ||
			op != "<" && op != ">" && op != "!=" && order == 0 || op == "!=" && order != 0 {
			left = "1"
		}
	}
}

func (e *expression) sum() string {
	left := e.product()
	for {
		op := e.take("+", "-")
		if op == "" {
			return left
		}
		right := e.product()
		x, y := e.number(left), e.number(right)
		if op == "-" {
			y = -y
		}
		left = strconv.FormatInt(x+y, 10)
	}
}

func (e *expression) product() string {
	left := e.match()
	for {
		op := e.take("*", "/", "%")
		if op == "" {
			return left
		}
		right := e.match()
		x, y := e.number(left), e.number(right)
		switch {
		case op == "*":
			x *= y
		case y == 0:
			e.die("division by zero")
		case op == "/":
			x /= y
		default:
			x %= y
		}
		left = strconv.FormatInt(x, 10)
	}
}

func (e *expression) match() string {
	left := e.primary()
	for e.take(":") != "" {
		left = e.pattern(left, e.primary())
	}
	return left
}

// pattern matches an anchored basic regular expression: the first group, or the number of characters.
func (e *expression) pattern(text, pattern string) string {
	re, err := regex.Compile(strings.TrimPrefix(pattern, "^"), regex.Flags{Anchored: true})
	if err != nil {
		e.die(err.Error())
	}
	m := re.Match([]byte(text), 0)
	groups := re.Groups() > 0
	switch {
	case m == nil && groups:
		return ""
	case m == nil:
		return "0"
	case groups && m[2] >= 0:
		return text[m[2]:m[3]]
	}
	return strconv.Itoa(m[1])
}

func (e *expression) primary() string {
	if len(e.args) == 0 {
		e.die("syntax error")
	}
	word := e.args[0]
	e.args = e.args[1:]
	next := func() string {
		if len(e.args) == 0 {
			e.die("syntax error")
		}
		return e.primary()
	}
	switch {
	case word == "(":
		v := e.or()
		if e.take(")") == "" {
			e.die("syntax error")
		}
		return v
	case word == ")":
		e.die("syntax error")
	case len(e.args) == 0:
	case word == "quote":
		word, e.args = e.args[0], e.args[1:]
	case word == "length":
		return strconv.Itoa(len(next()))
	case word == "match":
		text := next()
		return e.pattern(text, next())
	case word == "index":
		text := next()
		return strconv.Itoa(strings.IndexAny(text, next()) + 1)
	case word == "substr":
		text := next()
		from, n := next(), next()
		start, err1 := strconv.Atoi(from)
		size, err2 := strconv.Atoi(n)
		if err1 != nil || err2 != nil || start < 1 || start > len(text) || size <= 0 {
			return ""
		}
		return text[start-1:][:min(size, len(text)-start+1)]
	}
	return word
}
