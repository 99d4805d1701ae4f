package shell

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// unsetError is the failure of ${x?word} and of set -u.
type unsetError struct{ name, msg string }

func (e unsetError) Error() string { return e.name + ": " + e.msg }

// paramValue is what a parameter stands for: one string, or a list for $@, $* and whole arrays.
type paramValue struct {
	str  string
	list []string
	many bool // list counts
	star bool // joined when quoted
	set  bool
}

// param expands ${…} (XCU 2.6.2).
func (x *expander) param(p *syntax.ParamExp, quoted bool) error {
	sh := x.sh
	if p.Param == nil {
		return shellError("bad substitution")
	}
	if p.Short && p.Index == nil { // $name
		return x.simple(p.Param.Value, quoted)
	}
	if p.Excl {
		return x.indirect(p, quoted)
	}
	v, err := sh.paramValue(p.Param.Value, p.Index)
	if err != nil {
		return err
	}
	return x.operate(p, p.Param.Value, v, quoted)
}

func (x *expander) simple(name string, quoted bool) error {
	sh := x.sh
	if c := name[0]; c == '@' || c == '*' {
		x.list(sh.args, quoted, c == '*')
		return nil
	}
	s, ok := sh.parameter(name)
	if !ok && sh.opt.nounset {
		return unsetError{name, "parameter not set"}
	}
	x.value(s, quoted)
	return nil
}

// operate applies the operators of ${name…} to a value.
func (x *expander) operate(p *syntax.ParamExp, name string, v paramValue, quoted bool) error {
	sh := x.sh
	switch {
	case p.Length:
		n := len(v.list)
		if !v.many {
			if !v.set && sh.opt.nounset {
				return unsetError{name, "parameter not set"}
			}
			n = utf8.RuneCountInString(v.str)
		}
		x.value(strconv.Itoa(n), quoted)
		return nil
	case p.Slice != nil:
		if err := sh.checkSet(name, v); err != nil {
			return err
		}
		var err error
		if v, err = sh.slice(p, v); err != nil {
			return err
		}
	case p.Repl != nil:
		if err := sh.checkSet(name, v); err != nil {
			return err
		}
		if err := sh.replace(p.Repl, &v); err != nil {
			return err
		}
	case p.Exp != nil:
		return x.operator(p, name, v, quoted)
	default:
		if err := sh.checkSet(name, v); err != nil {
			return err
		}
	}
	x.result(v, quoted)
	return nil
}

func (x *expander) result(v paramValue, quoted bool) {
	if v.many {
		x.list(v.list, quoted, v.star)
	} else {
		x.value(v.str, quoted)
	}
}

func (sh *shell) checkSet(name string, v paramValue) error {
	if !v.set && sh.opt.nounset && !v.many {
		return unsetError{name, "parameter not set"}
	}
	return nil
}

// operator is ${name op word}.
func (x *expander) operator(p *syntax.ParamExp, name string, v paramValue, quoted bool) error {
	sh := x.sh
	null := v.str == ""
	if v.many {
		null = len(v.list) == 0 || len(v.list) == 1 && v.list[0] == ""
	}
	switch op := p.Exp.Op; op {
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		if v.set && !(op == syntax.AlternateUnsetOrNull && null) {
			return x.operand(p.Exp.Word, quoted)
		}
		x.has = x.has || quoted && !v.many
		return nil
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
		if !v.set || op == syntax.DefaultUnsetOrNull && null {
			return x.operand(p.Exp.Word, quoted)
		}
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		if !v.set || op == syntax.ErrorUnsetOrNull && null {
			msg, err := sh.expandString(p.Exp.Word)
			if err != nil {
				return err
			}
			if msg == "" {
				msg = "parameter not set"
				if op == syntax.ErrorUnsetOrNull {
					msg = "parameter null or not set"
				}
			}
			return unsetError{name, msg}
		}
	case syntax.AssignUnset, syntax.AssignUnsetOrNull:
		if !v.set || op == syntax.AssignUnsetOrNull && null {
			s, err := sh.expandString(p.Exp.Word)
			if err != nil {
				return err
			}
			if !validName(name) {
				return shellError(name + ": bad variable name")
			}
			if p.Index != nil {
				err = sh.assignElem(name, p.Index, s, false)
			} else {
				err = sh.setVar(name, s)
			}
			if err != nil {
				return err
			}
			x.value(s, quoted)
			return nil
		}
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		if err := sh.checkSet(name, v); err != nil {
			return err
		}
		pat, err := sh.expandPattern(p.Exp.Word)
		if err != nil {
			return err
		}
		longest := op == syntax.RemLargePrefix || op == syntax.RemLargeSuffix
		v.each(func(s string) string {
			if op == syntax.RemSmallPrefix || op == syntax.RemLargePrefix {
				if n, ok := pat.prefix(s, longest); ok {
					return s[n:]
				}
			} else if n, ok := pat.suffix(s, longest); ok {
				return s[:n]
			}
			return s
		})
	case syntax.UpperFirst, syntax.UpperAll, syntax.LowerFirst, syntax.LowerAll:
		if err := x.changeCase(p, &v); err != nil {
			return err
		}
	case syntax.OtherParamOps:
		if err := sh.transform(p, name, &v); err != nil {
			return err
		}
	default:
		return shellError("bad substitution")
	}
	x.result(v, quoted)
	return nil
}

// operand expands the word of ${x:-word} in place, so that its own quotes and lists keep their meaning.
func (x *expander) operand(w *syntax.Word, quoted bool) error {
	if w == nil {
		if quoted {
			x.has = true
		}
		return nil
	}
	old := x.split
	x.split = true
	err := x.parts(w.Parts, quoted)
	x.split = old
	return err
}

// list adds the elements of "$@" or "$*".
func (x *expander) list(list []string, quoted, star bool) {
	joined := x.mode != fieldMode
	if quoted && (star || joined) {
		sep := " "
		if star {
			sep = x.sh.ifs.first
		}
		x.quote(strings.Join(list, sep))
		x.has = true
		return
	}
	if joined {
		sep := " "
		if star {
			sep = x.sh.ifs.first
		}
		x.value(strings.Join(list, sep), false)
		return
	}
	for i, s := range list {
		if i > 0 && (x.has || quoted) {
			x.has = true
			x.emit()
		}
		if quoted {
			x.quote(s)
			x.has = true
		} else {
			x.splitValue(s)
		}
	}
}

func (v *paramValue) each(f func(string) string) {
	if !v.many {
		v.str = f(v.str)
		return
	}
	list := make([]string, len(v.list))
	for i, s := range v.list {
		list[i] = f(s)
	}
	v.list = list
}

// parameter is the value of a parameter that is one string: a variable, a positional or a special one.
func (sh *shell) parameter(name string) (string, bool) {
	switch c := name[0]; {
	case c >= '0' && c <= '9':
		n, err := strconv.Atoi(name)
		switch {
		case err != nil || n > len(sh.args):
			return "", false
		case n == 0:
			return sh.arg0, true
		}
		return sh.args[n-1], true
	case len(name) == 1:
		switch c {
		case '?':
			return strconv.Itoa(sh.status), true
		case '$':
			return strconv.Itoa(sh.pid), true
		case '#':
			return strconv.Itoa(len(sh.args)), true
		case '!':
			if sh.lastBackground == 0 {
				return "", false
			}
			return strconv.Itoa(sh.lastBackground), true
		case '-':
			return sh.opt.String(), true
		}
	}
	return sh.get(name)
}

// paramValue finds what name[index] stands for.
func (sh *shell) paramValue(name string, index syntax.ArithmExpr) (paramValue, error) {
	switch name {
	case "@", "*":
		return paramValue{list: sh.args, many: true, star: name == "*", set: len(sh.args) > 0}, nil
	}
	if index == nil {
		s, ok := sh.parameter(name)
		return paramValue{str: s, set: ok}, nil
	}
	_, v, _ := sh.lookup(name)
	if w, ok := index.(*syntax.Word); ok {
		if lit := w.Lit(); lit == "@" || lit == "*" {
			pv := paramValue{many: true, star: lit == "*"}
			switch v.kind {
			case indexed:
				pv.list = v.arr.values()
			case associative:
				pv.list = v.assoc.values()
			default:
				if s, ok := sh.parameter(name); ok {
					pv.list = []string{s}
				}
			}
			if dyn := sh.dynamicList(name); dyn != nil {
				pv.list = dyn
			}
			pv.set = len(pv.list) > 0
			return pv, nil
		}
	}
	key, i, err := sh.index(index, v.kind == associative)
	if err != nil {
		return paramValue{}, err
	}
	var pv paramValue
	switch v.kind {
	case associative:
		pv.str, pv.set = v.assoc.get(key)
	case indexed:
		if i < 0 {
			i += v.arr.end()
		}
		pv.str, pv.set = v.arr.get(i)
	default:
		if dyn := sh.dynamicList(name); dyn != nil {
			if i >= 0 && i < len(dyn) {
				pv.str, pv.set = dyn[i], true
			}
		} else if i == 0 || i == -1 {
			pv.str, pv.set = sh.parameter(name)
		}
	}
	return pv, nil
}

// dynamicList gives the arrays that are computed.
func (sh *shell) dynamicList(name string) []string {
	if name != "FUNCNAME" || !sh.bash {
		return nil
	}
	var list []string
	for i := len(sh.frames) - 1; i >= 0; i-- {
		list = append(list, sh.frames[i].name)
	}
	return list
}

// index evaluates a subscript: a key of an associative array, a number otherwise.
func (sh *shell) index(e syntax.ArithmExpr, assoc bool) (string, int, error) {
	if assoc {
		w, ok := e.(*syntax.Word)
		if !ok {
			return exprText(e), 0, nil
		}
		s, err := sh.expandString(w)
		return s, 0, err
	}
	n, err := sh.arith(e)
	return "", int(n), err
}

func exprText(e syntax.Node) string {
	var b strings.Builder
	syntax.NewPrinter().Print(&b, e)
	return b.String()
}

func (sh *shell) assignElem(name string, index syntax.ArithmExpr, value string, add bool) error {
	return sh.setElem(name, func(assoc bool) (string, int, error) { return sh.index(index, assoc) }, value, add)
}

// indirect is ${!name}, ${!prefix*} and ${!array[@]}.
func (x *expander) indirect(p *syntax.ParamExp, quoted bool) error {
	sh, name := x.sh, p.Param.Value
	if p.Names != 0 {
		var names []string
		for _, n := range sh.varNames() {
			if strings.HasPrefix(n, name) {
				names = append(names, n)
			}
		}
		x.list(names, quoted, p.Names == syntax.NamesPrefix)
		return nil
	}
	if w, ok := p.Index.(*syntax.Word); ok && (w.Lit() == "@" || w.Lit() == "*") {
		_, v, _ := sh.lookup(name)
		var keys []string
		switch v.kind {
		case indexed:
			for _, i := range v.arr.indexes() {
				keys = append(keys, strconv.Itoa(i))
			}
		case associative:
			if v.assoc != nil {
				keys = v.assoc.keys
			}
		default:
			if v.set() {
				keys = []string{"0"}
			}
		}
		x.list(keys, quoted, w.Lit() == "*")
		return nil
	}
	if v := sh.vars[name]; v.kind == nameref && p.Index == nil {
		x.value(v.str, quoted)
		return nil
	}
	ref, err := sh.paramValue(name, p.Index)
	if err != nil {
		return err
	}
	target, sub, _ := strings.Cut(ref.str, "[")
	if !ref.set || target == "" {
		return shellError(name + ": invalid indirect expansion")
	}
	var index syntax.ArithmExpr
	if sub != "" {
		index = &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: strings.TrimSuffix(sub, "]")}}}
	} else if !validName(target) && len(target) > 1 {
		if _, err := strconv.Atoi(target); err != nil {
			return shellError(target + ": invalid variable name")
		}
	}
	v, err := sh.paramValue(target, index)
	if err != nil {
		return err
	}
	return x.operate(p, target, v, quoted)
}
