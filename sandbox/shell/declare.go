package shell

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// declaration is one operand of export, readonly, local or declare.
type declaration struct {
	name   string
	value  string
	assign bool // there is a value
	add    bool
	node   *syntax.Assign // of an array or element
}

// declClause executes export, readonly, local, declare and typeset as the parser sees them.
func (sh *shell) declClause(c *syntax.DeclClause) {
	sh.substStatus = 0
	var options []string
	var decls []declaration
	trace := []string{c.Variant.Value}
	for _, a := range c.Args {
		switch {
		case a.Name == nil: // an option, or a word that expands to operands
			words, err := sh.expandFields([]*syntax.Word{a.Value})
			if err != nil {
				sh.abort(err)
				return
			}
			trace = append(trace, words...)
			for _, w := range words {
				if len(decls) == 0 && len(w) > 1 && (w[0] == '-' || w[0] == '+') {
					options = append(options, w)
					continue
				}
				decls = append(decls, parseDeclaration(w))
			}
		case a.Naked && a.Index == nil:
			decls = append(decls, declaration{name: a.Name.Value})
			trace = append(trace, a.Name.Value)
		case a.Array != nil || a.Index != nil:
			decls = append(decls, declaration{name: a.Name.Value, node: a, assign: true})
			trace = append(trace, a.Name.Value)
		default:
			value, err := sh.expandAssign(a.Value)
			if err != nil {
				sh.abort(err)
				return
			}
			decls = append(decls, declaration{name: a.Name.Value, value: value, assign: true, add: a.Append})
			trace = append(trace, a.Name.Value+"="+value)
		}
	}
	if sh.opt.xtrace {
		sh.trace(nil, trace)
	}
	if sh.funcs[c.Variant.Value] != nil && (sh.bash || !sh.builtins[c.Variant.Value].special) {
		sh.callFunc(sh.funcs[c.Variant.Value], trace)
		sh.failed()
		return
	}
	special := c.Variant.Value == "export" || c.Variant.Value == "readonly" || c.Variant.Value == "local"
	sh.callBuiltin(builtin{special: special, run: func(sh *shell, _ []string) int {
		return sh.declare(c.Variant.Value, options, decls)
	}}, []string{c.Variant.Value})
	sh.failed()
}

// declare is the same called as an ordinary builtin, by command or from a variable.
func declare(sh *shell, args []string) int {
	var options []string
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && (args[i][0] == '-' || args[i][0] == '+'); i++ {
		options = append(options, args[i])
	}
	var decls []declaration
	for _, a := range args[i:] {
		decls = append(decls, parseDeclaration(a))
	}
	return sh.declare(args[0], options, decls)
}

func parseDeclaration(s string) declaration {
	name, value, ok := strings.Cut(s, "=")
	d := declaration{name: name, value: value, assign: ok}
	if ok && strings.HasSuffix(name, "+") {
		d.name, d.add = name[:len(name)-1], true
	}
	return d
}

func (sh *shell) declare(command string, options []string, decls []declaration) int {
	var on, off varFlags
	kind := scalar
	var show, funcs, names, global bool
	for _, o := range options {
		if o == "--" {
			continue
		}
		for _, c := range o[1:] {
			var f varFlags
			switch c {
			case 'x':
				f = isExported
			case 'r':
				f = isReadonly
			case 'i':
				f = isInteger
			case 'l':
				f = isLower
			case 'u':
				f = isUpper
			case 'a':
				kind = indexed
			case 'A':
				kind = associative
			case 'n':
				if command == "export" {
					off |= isExported
					continue
				}
				kind = nameref
			case 'p':
				show = true
			case 'f':
				funcs = true
			case 'F':
				funcs, names = true, true
			case 'g':
				global = true
			default:
				return sh.fail("illegal option -%c", c)
			}
			if o[0] == '+' {
				off |= f
			} else {
				on |= f
			}
		}
	}
	switch command {
	case "export":
		if off&isExported == 0 {
			on |= isExported
		}
	case "readonly":
		on |= isReadonly
	case "nameref":
		kind = nameref
	case "local":
		if len(sh.frames) == 0 {
			return sh.fail("not in a function")
		}
	}
	if funcs {
		return sh.showFuncs(decls, names)
	}
	if len(decls) == 0 {
		sh.showDeclarations(command, on, kind)
		return 0
	}
	status := 0
	for _, d := range decls {
		if show && command != "local" {
			_, v, ok := sh.lookup(d.name)
			if !ok {
				sh.errorf("%s: not found", d.name)
				status = 1
				continue
			}
			sh.print(sh.declarationLine(command, d.name, &v))
			continue
		}
		if command == "local" && d.name == "-" {
			f := &sh.frames[len(sh.frames)-1]
			if f.opts == nil {
				opts := sh.opt
				f.opts = &opts
			}
			continue
		}
		if !validName(d.name) {
			return sh.fail("%s: bad variable name", d.name)
		}
		local := command == "local" || (command == "declare" || command == "typeset" || command == "nameref") && len(sh.frames) > 0 && !global
		if err := sh.declareOne(d, local, kind, on, off); err != nil {
			sh.raised = true
			sh.errorf("%s", strerror(err))
			if _, ok := err.(readonlyError); ok && sh.bash {
				status = 1
				continue
			}
			return 2
		}
	}
	return status
}

func (sh *shell) declareOne(d declaration, local bool, kind varKind, on, off varFlags) error {
	if local {
		sh.makeLocal(d.name)
	}
	v := sh.vars[d.name]
	if v.flags&isReadonly != 0 && (d.assign || off&isReadonly != 0) {
		return readonlyError(d.name)
	}
	switch {
	case kind == nameref:
		if !d.assign {
			d.value = v.str
		}
		sh.store(d.name, variable{kind: nameref, flags: isSet, str: d.value})
		return nil
	case kind == associative && v.kind != associative:
		v.kind, v.assoc, v.arr, v.str = associative, sh.ownAssoc(nil), nil, ""
	case kind == indexed && v.kind == scalar:
		arr := sh.ownArray(nil)
		if v.set() {
			arr.put(0, v.str)
		}
		v.kind, v.arr, v.str = indexed, arr, ""
	}
	v.flags = v.flags&^off | on&^isReadonly
	if (on|off|v.flags)&isExported != 0 {
		sh.env = nil
	}
	sh.ownVars()[d.name] = v
	var err error
	switch {
	case d.node != nil:
		err = sh.assign(d.node, 0)
	case d.assign && d.add:
		old, _ := v.value()
		if v.flags&isInteger != 0 {
			err = sh.setVar(d.name, old+"+("+d.value+")")
		} else {
			err = sh.setVar(d.name, old+d.value)
		}
	case d.assign:
		err = sh.setVar(d.name, d.value)
	}
	if err == nil && on&isReadonly != 0 {
		err = sh.setFlags(d.name, isReadonly, 0)
	}
	return err
}

// makeLocal saves a variable for the end of the function; the local one begins unset.
func (sh *shell) makeLocal(name string) {
	f := &sh.frames[len(sh.frames)-1]
	if f.saved == nil {
		f.saved = map[string]savedVar{}
	}
	if _, done := f.saved[name]; done {
		return
	}
	v, ok := sh.vars[name]
	f.saved[name] = savedVar{v, ok}
	if name == "-" {
		return
	}
	sh.store(name, variable{flags: v.flags & (isReadonly | isExported)})
}

// letters gives the attributes as bash's declare names them.
func (v *variable) letters() string {
	var b []byte
	switch v.kind {
	case indexed:
		b = append(b, 'a')
	case associative:
		b = append(b, 'A')
	case nameref:
		b = append(b, 'n')
	}
	for _, f := range []struct {
		flag varFlags
		c    byte
	}{{isInteger, 'i'}, {isLower, 'l'}, {isReadonly, 'r'}, {isUpper, 'u'}, {isExported, 'x'}} {
		if v.flags&f.flag != 0 {
			b = append(b, f.c)
		}
	}
	return string(b)
}

// declaration gives a declare command that makes the variable again.
func (sh *shell) declaration(name string, v *variable) string {
	letters := v.letters()
	if letters == "" {
		letters = "-"
	}
	s := "declare -" + letters + " " + name
	if v.set() {
		s += "=" + sh.arrayText(v)
	}
	return s
}

// arrayText gives a variable's value as it is written in an assignment (bash).
func (sh *shell) arrayText(v *variable) string {
	switch v.kind {
	case indexed:
		var b strings.Builder
		b.WriteString("(")
		vals := v.arr.values()
		for n, i := range v.arr.indexes() {
			if n > 0 {
				b.WriteString(" ")
			}
			b.WriteString("[" + strconv.Itoa(i) + "]=" + doubleQuote(vals[n]))
		}
		return b.String() + ")"
	case associative:
		var b strings.Builder
		b.WriteString("(")
		if v.assoc != nil {
			for _, k := range v.assoc.keys {
				b.WriteString("[" + quoteIfNeeded(k) + "]=" + doubleQuote(v.assoc.m[k]) + " ")
			}
		}
		return b.String() + ")"
	}
	return doubleQuote(v.str)
}

var doubleQuoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")

func doubleQuote(s string) string { return `"` + doubleQuoter.Replace(s) + `"` }

func (sh *shell) declarationLine(command, name string, v *variable) string {
	if sh.bash {
		return sh.declaration(name, v) + "\n"
	}
	s := command + " " + name
	if v.set() {
		s += "=" + quote(v.str)
	}
	return s + "\n"
}

func (sh *shell) showDeclarations(command string, on varFlags, kind varKind) {
	var b strings.Builder
	for _, name := range sh.varNames() {
		v := sh.vars[name]
		if v.flags&on != on || kind != scalar && v.kind != kind {
			continue
		}
		if command == "local" {
			if _, ok := sh.frames[len(sh.frames)-1].saved[name]; !ok {
				continue
			}
		}
		b.WriteString(sh.declarationLine(command, name, &v))
	}
	sh.print(b.String())
}

func (sh *shell) showFuncs(decls []declaration, namesOnly bool) int {
	var list []string
	status := 0
	for _, d := range decls {
		if sh.funcs[d.name] == nil {
			status = 1
			continue
		}
		list = append(list, d.name)
	}
	if len(decls) == 0 {
		for name := range sh.funcs {
			list = append(list, name)
		}
		sort.Strings(list)
	}
	for _, name := range list {
		switch {
		case namesOnly && len(decls) > 0:
			sh.print(name + "\n")
		case namesOnly:
			sh.print("declare -f " + name + "\n")
		default:
			var b strings.Builder
			syntax.NewPrinter(syntax.Indent(4)).Print(&b, sh.funcs[name].body)
			sh.print(fmt.Sprintf("%s () \n%s\n", name, b.String()))
		}
	}
	return status
}
