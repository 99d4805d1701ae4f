package shell

import (
	"math"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

const (
	errArithSyntax = shellError("arithmetic syntax error")
	errDivide      = shellError("divide by zero")
	errTooDeep     = shellError("maximum recursion depth exceeded")
	errDying       = shellError("killed")
)

// arith evaluates an arithmetic expression (XCU 2.6.4) in 64-bit signed integers that wrap around.
func (sh *shell) arith(e syntax.ArithmExpr) (int64, error) {
	if err := sh.enter(); err != nil {
		return 0, err
	}
	defer sh.leave()
	switch e := e.(type) {
	case nil:
		return 0, nil
	case *syntax.Word:
		return sh.arithWord(e)
	case *syntax.ParenArithm:
		return sh.arith(e.X)
	case *syntax.UnaryArithm:
		return sh.arithUnary(e)
	case *syntax.BinaryArithm:
		return sh.arithBinary(e)
	}
	return 0, errArithSyntax
}

// arithWord evaluates a number, a name or an expansion.
func (sh *shell) arithWord(w *syntax.Word) (int64, error) {
	if len(w.Parts) == 1 {
		switch p := w.Parts[0].(type) {
		case *syntax.Lit:
			return sh.arithText(p.Value)
		case *syntax.ParamExp:
			if p.Short && p.Index == nil && p.Param != nil {
				s, ok := sh.parameter(p.Param.Value)
				if !ok && sh.opt.nounset {
					return 0, unsetError{p.Param.Value, "parameter not set"}
				}
				return sh.arithText(s)
			}
		}
	}
	s, err := sh.expandString(w)
	if err != nil {
		return 0, err
	}
	return sh.arithText(s)
}

// arithText evaluates a string: a number, a variable's value in turn, or any expression.
func (sh *shell) arithText(s string) (int64, error) {
	s = strings.Trim(s, " \t\n")
	if s == "" {
		return 0, nil
	}
	if n, ok := parseNumber(s); ok {
		return n, nil
	}
	if validName(s) {
		v, ok := sh.get(s)
		if !ok && sh.opt.nounset {
			return 0, unsetError{s, "parameter not set"}
		}
		if err := sh.enter(); err != nil {
			return 0, err
		}
		defer sh.leave()
		return sh.arithText(v)
	}
	if c := s[0]; '0' <= c && c <= '9' && !strings.ContainsAny(s, "+-*/%<>=!&|^~?:,() ") {
		return 0, errArithSyntax
	}
	e, err := syntax.NewParser().Arithmetic(newStringSource(s))
	if err != nil {
		return 0, errArithSyntax
	}
	if w, ok := e.(*syntax.Word); ok && w.Lit() == s {
		return 0, errArithSyntax
	}
	return sh.arith(e)
}

// parseNumber reads a decimal, octal (0…), hexadecimal (0x…) or base#n constant.
func parseNumber(s string) (int64, bool) {
	neg := false
	t := s
	if t[0] == '-' || t[0] == '+' {
		neg = t[0] == '-'
		t = t[1:]
	}
	if t == "" || t[0] < '0' || t[0] > '9' {
		return 0, false
	}
	base := uint64(10)
	switch {
	case len(t) > 2 && t[0] == '0' && (t[1] == 'x' || t[1] == 'X'):
		base, t = 16, t[2:]
	case len(t) > 1 && t[0] == '0' && !strings.Contains(t, "#"):
		base, t = 8, t[1:]
	default:
		if b, digits, ok := strings.Cut(t, "#"); ok {
			n, err := strconv.ParseUint(b, 10, 8)
			if err != nil || n < 2 || n > 64 || digits == "" {
				return 0, false
			}
			base, t = n, digits
		}
	}
	var v uint64
	for i := range len(t) {
		d := uint64(99)
		switch c := t[i]; {
		case '0' <= c && c <= '9':
			d = uint64(c - '0')
		case 'a' <= c && c <= 'z':
			d = uint64(c-'a') + 10
		case 'A' <= c && c <= 'Z' && base <= 36:
			d = uint64(c-'A') + 10
		case 'A' <= c && c <= 'Z':
			d = uint64(c-'A') + 36
		case c == '@':
			d = 62
		case c == '_':
			d = 63
		}
		if d >= base {
			return 0, false
		}
		v = v*base + d
	}
	if neg {
		return -int64(v), true
	}
	return int64(v), true
}

// place is what can be assigned to: a name, or an element of an array.
func (sh *shell) place(e syntax.ArithmExpr) (name string, index syntax.ArithmExpr, err error) {
	w, ok := e.(*syntax.Word)
	if !ok || len(w.Parts) != 1 {
		return "", nil, errArithSyntax
	}
	switch p := w.Parts[0].(type) {
	case *syntax.Lit:
		name = p.Value
	case *syntax.ParamExp:
		if p.Dollar.IsValid() || p.Param == nil {
			s, err := sh.expandString(w)
			if err != nil {
				return "", nil, err
			}
			name = s
			break
		}
		name, index = p.Param.Value, p.Index
	}
	if !validName(name) {
		return "", nil, errArithSyntax
	}
	return name, index, nil
}

func (sh *shell) placeValue(name string, index syntax.ArithmExpr) (int64, error) {
	if index == nil {
		return sh.arithText(name)
	}
	v, err := sh.paramValue(name, index)
	if err != nil {
		return 0, err
	}
	return sh.arithText(v.str)
}

func (sh *shell) setPlace(name string, index syntax.ArithmExpr, n int64) error {
	s := strconv.FormatInt(n, 10)
	if index == nil {
		return sh.setVar(name, s)
	}
	return sh.assignElem(name, index, s, false)
}

func (sh *shell) arithUnary(e *syntax.UnaryArithm) (int64, error) {
	if e.Op == syntax.Inc || e.Op == syntax.Dec {
		name, index, err := sh.place(e.X)
		if err != nil {
			return 0, err
		}
		old, err := sh.placeValue(name, index)
		if err != nil {
			return 0, err
		}
		now := old + 1
		if e.Op == syntax.Dec {
			now = old - 1
		}
		if err := sh.setPlace(name, index, now); err != nil {
			return 0, err
		}
		if e.Post {
			return old, nil
		}
		return now, nil
	}
	v, err := sh.arith(e.X)
	if err != nil {
		return 0, err
	}
	switch e.Op {
	case syntax.Not:
		return truth(v == 0), nil
	case syntax.BitNegation:
		return ^v, nil
	case syntax.Minus:
		return -v, nil
	case syntax.Plus:
		return v, nil
	}
	return 0, errArithSyntax
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// assignOps gives the operator that an assignment applies.
var assignOps = map[syntax.BinAritOperator]syntax.BinAritOperator{
	syntax.AddAssgn: syntax.Add, syntax.SubAssgn: syntax.Sub, syntax.MulAssgn: syntax.Mul, syntax.QuoAssgn: syntax.Quo,
	syntax.RemAssgn: syntax.Rem, syntax.AndAssgn: syntax.And, syntax.OrAssgn: syntax.Or, syntax.XorAssgn: syntax.Xor,
	syntax.ShlAssgn: syntax.Shl, syntax.ShrAssgn: syntax.Shr,
}

func (sh *shell) arithBinary(e *syntax.BinaryArithm) (int64, error) {
	op, assigns := assignOps[e.Op]
	if e.Op == syntax.Assgn || assigns {
		name, index, err := sh.place(e.X)
		if err != nil {
			return 0, err
		}
		var old int64
		if assigns {
			if old, err = sh.placeValue(name, index); err != nil {
				return 0, err
			}
		}
		v, err := sh.arith(e.Y)
		if err == nil && assigns {
			v, err = arithApply(op, old, v)
		}
		if err != nil {
			return 0, err
		}
		return v, sh.setPlace(name, index, v)
	}
	x, err := sh.arith(e.X)
	if err != nil {
		return 0, err
	}
	switch e.Op {
	case syntax.TernQuest:
		alt, ok := e.Y.(*syntax.BinaryArithm)
		if !ok || alt.Op != syntax.TernColon {
			return 0, errArithSyntax
		}
		if x != 0 {
			return sh.arith(alt.X)
		}
		return sh.arith(alt.Y)
	case syntax.AndArit:
		if x == 0 {
			return 0, nil
		}
	case syntax.OrArit:
		if x != 0 {
			return 1, nil
		}
	}
	y, err := sh.arith(e.Y)
	if err != nil {
		return 0, err
	}
	return arithApply(e.Op, x, y)
}

func arithApply(op syntax.BinAritOperator, x, y int64) (int64, error) {
	switch op {
	case syntax.Add:
		return x + y, nil
	case syntax.Sub:
		return x - y, nil
	case syntax.Mul:
		return x * y, nil
	case syntax.Quo, syntax.Rem:
		switch {
		case y == 0:
			return 0, errDivide
		case x == math.MinInt64 && y == -1:
			if op == syntax.Quo {
				return x, nil
			}
			return 0, nil
		case op == syntax.Quo:
			return x / y, nil
		}
		return x % y, nil
	case syntax.Pow:
		if y < 0 {
			return 0, shellError("negative exponent")
		}
		r := int64(1)
		for ; y > 0; y >>= 1 {
			if y&1 != 0 {
				r *= x
			}
			x *= x
		}
		return r, nil
	case syntax.Shl:
		return x << (uint64(y) & 63), nil
	case syntax.Shr:
		return x >> (uint64(y) & 63), nil
	case syntax.And:
		return x & y, nil
	case syntax.Or:
		return x | y, nil
	case syntax.Xor:
		return x ^ y, nil
	case syntax.Eql:
		return truth(x == y), nil
	case syntax.Neq:
		return truth(x != y), nil
	case syntax.Lss:
		return truth(x < y), nil
	case syntax.Leq:
		return truth(x <= y), nil
	case syntax.Gtr:
		return truth(x > y), nil
	case syntax.Geq:
		return truth(x >= y), nil
	case syntax.AndArit, syntax.OrArit:
		return truth(y != 0), nil
	case syntax.Comma:
		return y, nil
	}
	return 0, errArithSyntax
}
