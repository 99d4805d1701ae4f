package calc

import "strings"

// node is an expression or a statement.
type node struct {
	op   string // an operator, or the kind of node
	text string // name, number or string
	args []*node
	bare bool // an expression in parentheses: its assignment is printed
}

// function is what define makes.
type function struct {
	params, autos []string // arrays with "[]"
	body          *node
}

// parser reads statements by recursive descent.
type parser struct {
	lex  lexer
	tok  token
	have bool
	fns  map[string]*function
	loop int
	def  bool
}

func (p *parser) peek() token {
	if !p.have {
		p.tok, p.have = p.lex.token(), true
	}
	return p.tok
}

func (p *parser) take() token {
	t := p.peek()
	p.have = false
	return t
}

func (p *parser) is(op string) bool {
	t := p.peek()
	return t.kind == tokOperator && t.text == op
}

func (p *parser) accept(op string) bool {
	if p.is(op) {
		p.have = false
		return true
	}
	return false
}

func (p *parser) word(name string) bool {
	t := p.peek()
	return t.kind == tokName && t.text == name
}

// bad is a syntax error at the next token.
func (p *parser) bad(what string) {
	panic(syntaxError(what + " at '" + p.lex.rest(p.peek().at) + "'"))
}

func (p *parser) expect(op, what string) {
	if !p.accept(op) {
		p.bad(what)
	}
}

func (p *parser) newlines() {
	for p.peek().kind == tokNewline {
		p.take()
	}
}

// next reads a statement and what ends it; nil at the end of the input.
func (p *parser) next() *node {
	for p.accept(";") || p.peek().kind == tokNewline {
		p.newlines()
	}
	if p.peek().kind == tokEnd {
		return nil
	}
	if p.word("define") {
		p.define()
		return &node{op: "block"}
	}
	n := p.statement()
	switch t := p.peek(); {
	case p.accept(";"):
	case t.kind == tokNewline || t.kind == tokEnd:
		p.take()
	default:
		p.bad("bad statement terminator")
	}
	return n
}

func (p *parser) define() {
	p.take()
	name := p.name()
	p.expect("(", "bad function definition")
	f := &function{}
	for !p.accept(")") {
		f.params = append(f.params, p.parameter())
		if !p.accept(",") && !p.is(")") {
			p.bad("bad function definition")
		}
	}
	p.newlines()
	p.expect("{", "bad function definition")
	p.newlines()
	if p.word("auto") {
		p.take()
		for {
			f.autos = append(f.autos, p.parameter())
			if !p.accept(",") {
				break
			}
		}
	}
	p.def = true
	f.body = p.block()
	p.def = false
	p.fns[name] = f
	switch t := p.peek(); t.kind {
	case tokNewline, tokEnd:
		p.take()
	default:
		if !p.accept(";") {
			p.bad("bad statement terminator")
		}
	}
}

func (p *parser) name() string {
	t := p.peek()
	if t.kind != tokName {
		p.bad("bad token")
	}
	p.take()
	return t.text
}

func (p *parser) parameter() string {
	name := p.name()
	if p.accept("[") {
		p.expect("]", "bad function definition")
		name += "[]"
	}
	return name
}

// block reads statements up to the closing brace.
func (p *parser) block() *node {
	block := &node{op: "block"}
	for {
		for p.accept(";") || p.peek().kind == tokNewline {
			p.newlines()
		}
		if p.accept("}") {
			return block
		}
		if p.peek().kind == tokEnd {
			p.bad("bad expression")
		}
		block.args = append(block.args, p.statement())
		if !p.is(";") && !p.is("}") && p.peek().kind != tokNewline {
			p.bad("bad statement terminator")
		}
	}
}

func (p *parser) statement() *node {
	t := p.peek()
	if t.kind == tokString {
		p.take()
		return &node{op: "string", text: t.text}
	}
	if p.accept("{") {
		return p.block()
	}
	if t.kind == tokName {
		switch t.text {
		case "if":
			p.take()
			n := &node{op: "if", args: []*node{p.condition(), p.body()}}
			// "else" may stand on the next line inside braces only.
			if p.word("else") {
				p.take()
				n.args = append(n.args, p.body())
			}
			return n
		case "while":
			p.take()
			condition := p.condition()
			p.loop++
			n := &node{op: "for", args: []*node{nil, condition, nil, p.body()}}
			p.loop--
			return n
		case "for":
			return p.forLoop()
		case "break", "continue":
			if p.loop == 0 {
				p.bad("bad token")
			}
			p.take()
			return &node{op: t.text}
		case "return":
			if !p.def {
				panic(syntaxError("'return' not in a function"))
			}
			p.take()
			n := &node{op: "return"}
			if !p.is(";") && !p.is("}") && p.peek().kind != tokNewline {
				n.args = append(n.args, p.expression())
			}
			return n
		case "quit":
			// As soon as it is read, even in a branch that is not taken.
			panic(quit{})
		case "halt", "limits":
			p.take()
			return &node{op: t.text}
		case "print":
			p.take()
			n := &node{op: "print"}
			for {
				if t := p.peek(); t.kind == tokString {
					p.take()
					n.args = append(n.args, &node{op: "string", text: t.text})
				} else {
					n.args = append(n.args, p.expression())
				}
				if !p.accept(",") {
					return n
				}
			}
		}
	}
	e := p.expression()
	if t := p.peek(); t.kind == tokNumber || t.kind == tokName && t.text != "else" || t.kind == tokString {
		p.bad("bad expression")
	}
	if isAssignment(e) && !e.bare {
		return &node{op: "silent", args: []*node{e}}
	}
	return &node{op: "show", args: []*node{e}}
}

func isAssignment(n *node) bool { return strings.HasSuffix(n.op, "assign") }

func (p *parser) condition() *node {
	p.expect("(", "bad expression")
	e := p.expression()
	p.expect(")", "bad expression")
	return e
}

func (p *parser) body() *node {
	p.newlines()
	return p.statement()
}

func (p *parser) forLoop() *node {
	p.take()
	p.expect("(", "bad expression")
	n := &node{op: "for", args: make([]*node, 4)}
	for i, end := range []string{";", ";", ")"} {
		if !p.is(end) {
			n.args[i] = p.expression()
		}
		p.expect(end, "bad expression")
	}
	p.loop++
	n.args[3] = p.body()
	p.loop--
	return n
}

// Levels of operators, the weakest first.
var levels = [][]string{{"||"}, {"&&"}, {"<=", ">=", "==", "!=", "<", ">"}, {"+", "-"}, {"*", "/", "%"}}

func (p *parser) expression() *node { return p.binary(0) }

func (p *parser) binary(level int) *node {
	if level == len(levels) {
		return p.power()
	}
	var left *node
	if level == 2 && p.accept("!") {
		left = &node{op: "not", args: []*node{p.binary(level)}}
	} else {
		left = p.binary(level + 1)
	}
	for {
		t := p.peek()
		found := false
		if t.kind == tokOperator {
			for _, op := range levels[level] {
				found = found || op == t.text
			}
		}
		if !found {
			return left
		}
		p.take()
		left = &node{op: t.text, args: []*node{left, p.binary(level + 1)}}
	}
}

func (p *parser) power() *node {
	base := p.unary()
	if p.accept("^") {
		return &node{op: "^", args: []*node{base, p.power()}}
	}
	return base
}

func (p *parser) unary() *node {
	switch {
	case p.accept("-"):
		return &node{op: "neg", args: []*node{p.unary()}}
	case p.accept("!"):
		return &node{op: "not", args: []*node{p.unary()}}
	case p.is("++") || p.is("--"):
		op := p.take().text
		if p.peek().kind != tokName {
			p.bad("bad token")
		}
		target := p.primary()
		p.mustBeVariable(target)
		return &node{op: "pre" + op, args: []*node{target}}
	}
	e := p.primary()
	t := p.peek()
	if t.kind != tokOperator {
		return e
	}
	switch t.text {
	case "++", "--":
		p.mustBeVariable(e)
		p.take()
		return &node{op: "post" + t.text, args: []*node{e}}
	case "=", "+=", "-=", "*=", "/=", "%=", "^=":
		p.mustBeVariable(e)
		p.take()
		return &node{op: "assign", text: strings.TrimSuffix(t.text, "="), args: []*node{e, p.expression()}}
	}
	return e
}

func (p *parser) mustBeVariable(n *node) {
	if n.op != "var" && n.op != "element" {
		p.bad("bad assignment: left side must be variable or array element")
	}
}

func (p *parser) primary() *node {
	t := p.peek()
	switch {
	case t.kind == tokNumber:
		p.take()
		return &node{op: "number", text: t.text}
	case p.accept("("):
		e := p.expression()
		p.expect(")", "bad expression")
		inner := *e
		inner.bare = true
		if inner.op == "var" || inner.op == "element" {
			return &node{op: "paren", args: []*node{e}}
		}
		return &inner
	case p.accept("."):
		return &node{op: "var", text: "last"}
	case t.kind == tokName:
		p.take()
		switch {
		case p.accept("("):
			return p.call(t.text)
		case p.accept("["):
			if p.accept("]") {
				return &node{op: "array", text: t.text}
			}
			n := &node{op: "element", text: t.text, args: []*node{p.expression()}}
			p.expect("]", "bad expression")
			return n
		}
		return &node{op: "var", text: t.text}
	}
	p.bad("bad expression")
	return nil
}

func (p *parser) call(name string) *node {
	n := &node{op: "call", text: name}
	for !p.accept(")") {
		n.args = append(n.args, p.expression())
		if !p.accept(",") && !p.is(")") {
			p.bad("bad expression")
		}
	}
	return n
}
