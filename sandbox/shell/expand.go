package shell

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

type expandMode uint8

const (
	fieldMode   expandMode = iota // split into fields, then pathnames
	stringMode                    // one string: assignments, redirections, here-documents
	patternMode                   // one pattern in marked form
)

// expander turns words into fields (XCU 2.6). The field under way is in buf, in marked form: a quoted character that
// would be special in a pattern has a mark before it.
type expander struct {
	sh      *shell
	mode    expandMode
	hdoc    bool // a here-document: \" stays
	assign  bool // a tilde after a colon counts too
	split   bool // unquoted literal text is split: it stands in ${x:-word}
	has     bool // the field exists, though it may be empty
	glob    bool // it holds an unquoted pattern character
	marks   bool // it holds marks
	wsEnded bool // the last field was ended by IFS white space, which a separator may follow
	total   int  // bytes of the fields so far
	buf     []byte
	fields  []string
}

// ifs is the set of field separators.
type ifs struct {
	kind  [256]uint8 // 1 white space, 2 other
	first string     // the character that joins "$*"
	off   bool       // no splitting: IFS is empty
}

func newIFS(s string, set bool) *ifs {
	if !set {
		s = " \t\n"
	}
	f := &ifs{off: s == ""}
	for i := range len(s) {
		f.kind[s[i]] = 2
		if c := s[i]; c == ' ' || c == '\t' || c == '\n' {
			f.kind[c] = 1
		}
	}
	if s != "" {
		_, n := utf8.DecodeRuneInString(s)
		f.first = s[:n]
	}
	return f
}

// expandFields expands words to the arguments of a command.
func (sh *shell) expandFields(words []*syntax.Word) ([]string, error) {
	x := expander{sh: sh, fields: make([]string, 0, len(words)+2)}
	for _, w := range words {
		if s, ok := plainWord(w); ok {
			x.fields = append(x.fields, s)
			continue
		}
		if sh.opt.braces {
			done, err := x.braces(w)
			if err != nil {
				return nil, err
			}
			if done {
				continue
			}
		}
		if err := x.word(w); err != nil {
			return nil, err
		}
	}
	return x.fields, nil
}

// plainWord returns a word that is one literal with nothing special in it.
func plainWord(w *syntax.Word) (string, bool) {
	if len(w.Parts) != 1 {
		return "", false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.Lit:
		if p.Value == "[" || p.Value == "]" {
			return p.Value, true
		}
		return p.Value, !strings.ContainsAny(p.Value, "\\*?[~{\x00")
	case *syntax.SglQuoted:
		return p.Value, !p.Dollar
	}
	return "", false
}

func (x *expander) word(w *syntax.Word) error {
	if err := x.parts(w.Parts, false); err != nil {
		return err
	}
	if x.has {
		return x.emit()
	}
	x.reset()
	return nil
}

func (x *expander) reset() {
	x.buf, x.has, x.glob, x.marks, x.wsEnded = x.buf[:0], false, false, false, false
}

// expandString expands a word to one string: tilde, parameters, commands and arithmetic, no more.
func (sh *shell) expandString(w *syntax.Word) (string, error) {
	return sh.expandTo(w, stringMode, false)
}

// expandAssign is expandString for the value of an assignment.
func (sh *shell) expandAssign(w *syntax.Word) (string, error) {
	return sh.expandTo(w, stringMode, true)
}

func (sh *shell) expandTo(w *syntax.Word, mode expandMode, assign bool) (string, error) {
	if w == nil {
		return "", nil
	}
	if mode == stringMode {
		if s, ok := plainWord(w); ok {
			return s, nil
		}
	}
	x := expander{sh: sh, mode: mode, assign: assign}
	if err := x.parts(w.Parts, false); err != nil {
		return "", err
	}
	if len(x.buf) > maxValue {
		return "", errTooLong
	}
	return string(x.buf), nil
}

// expandDocument expands the body of a here-document.
func (sh *shell) expandDocument(w *syntax.Word) (string, error) {
	x := expander{sh: sh, mode: stringMode, hdoc: true}
	if err := x.parts(w.Parts, true); err != nil {
		return "", err
	}
	return string(x.buf), nil
}

// expandPattern expands a word to a pattern.
func (sh *shell) expandPattern(w *syntax.Word) (*pattern, error) {
	src, err := sh.expandTo(w, patternMode, false)
	if err != nil {
		return nil, err
	}
	return sh.pattern(src), nil
}

// pattern compiles a pattern, remembering some.
func (sh *shell) pattern(src string) *pattern {
	if p := sh.patterns[src]; p != nil {
		return p
	}
	p := compilePattern(src, sh.bash)
	p.dying = func() bool { return sh.task.Checkpoint() != nil }
	if len(sh.patterns) >= 128 || sh.patterns == nil {
		sh.patterns = make(map[string]*pattern, 16)
	}
	sh.patterns[src] = p
	return p
}

func (x *expander) parts(parts []syntax.WordPart, quoted bool) error {
	for i, part := range parts {
		if len(x.buf) > maxValue || x.total > maxFields {
			return errTooLong
		}
		if x.sh.task.Checkpoint() != nil {
			return errDying
		}
		var s string
		var err error
		switch p := part.(type) {
		case *syntax.Lit:
			if quoted {
				x.quotedLit(p.Value)
			} else {
				x.lit(p.Value, i == 0, i == len(parts)-1)
			}
			continue
		case *syntax.SglQuoted:
			s = p.Value
			if p.Dollar {
				s = unescapeANSI(s)
			}
			if quoted && !p.Dollar && x.hdoc {
				s = "'" + s + "'"
			}
			x.quote(s)
			x.has = true
			continue
		case *syntax.DblQuoted:
			if len(p.Parts) == 0 {
				x.has = true
			}
			if err := x.parts(p.Parts, true); err != nil {
				return err
			}
			continue
		case *syntax.ParamExp:
			if err := x.param(p, quoted); err != nil {
				return err
			}
			continue
		case *syntax.CmdSubst:
			s, err = x.sh.commandSubst(p)
		case *syntax.ArithmExp:
			var n int64
			n, err = x.sh.arith(p.X)
			s = strconv.FormatInt(n, 10)
		case *syntax.ProcSubst:
			s, err = x.sh.processSubst(p)
		case *syntax.ExtGlob:
			x.buf = append(append(append(x.buf, p.Op.String()...), p.Pattern.Value...), ')')
			x.has, x.glob = true, true
			continue
		default:
			err = shellError("unsupported word")
		}
		if err != nil {
			return err
		}
		x.value(s, quoted)
	}
	return nil
}

// lit adds unquoted literal text.
func (x *expander) lit(s string, first, last bool) {
	if first && !x.has && s != "" && s[0] == '~' {
		s = x.tilde(s, last)
	}
	if x.split && x.mode == fieldMode && !strings.Contains(s, "\\") {
		x.splitValue(s)
		return
	}
	x.has, x.wsEnded = true, false
	start := len(x.buf)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				x.quoteByte(s[i])
			}
			continue
		case c == '\\':
			x.quoteByte(c)
			continue
		case c == '*', c == '?', c == '[':
			x.glob = true
		case c == ':' && x.assign && i+1 < len(s) && s[i+1] == '~':
			x.buf = append(x.buf, ':')
			rest, after, more := strings.Cut(s[i+1:], ":")
			rest = x.tilde(rest, last && !more)
			x.buf = append(x.buf, rest...)
			if more {
				x.lit(":"+after, false, last)
			}
			return
		case x.split && x.mode == fieldMode && x.sh.ifs.kind[c] != 0:
			x.separate(x.sh.ifs.kind[c])
			continue
		}
		x.has = true
		x.buf = append(x.buf, c)
	}
	if x.split && len(x.buf) == start {
		x.has = false
	}
}

// quotedLit adds literal text in double quotes or a here-document.
func (x *expander) quotedLit(s string) {
	x.has, x.wsEnded = true, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			switch d := s[i+1]; {
			case d == '\n':
				i++
				continue
			case d == '$', d == '`', d == '\\', d == '"' && !x.hdoc:
				i++
				c = d
			}
		}
		x.quoteByte(c)
	}
}

func (x *expander) quoteByte(c byte) {
	if x.mode != stringMode && isSpecial[c] {
		x.buf = append(x.buf, mark)
		x.marks = true
	}
	x.buf = append(x.buf, c)
	x.has, x.wsEnded = true, false
}

func (x *expander) quote(s string) {
	if x.mode == stringMode || !strings.ContainsAny(s, special) {
		x.buf = append(x.buf, s...)
		x.wsEnded = false
		return
	}
	for i := range len(s) {
		x.quoteByte(s[i])
	}
}

// value adds the result of an expansion.
func (x *expander) value(s string, quoted bool) {
	switch {
	case quoted:
		x.quote(s)
		x.has = true
	case x.mode == fieldMode:
		x.splitValue(s)
	default:
		x.buf = append(x.buf, s...)
		x.has = true
	}
}

// splitValue adds a value, splitting it into fields (XCU 2.6.5).
func (x *expander) splitValue(s string) {
	f := x.sh.ifs
	if f.off {
		if s != "" {
			x.add(s)
		}
		return
	}
	for i := 0; i < len(s); {
		if k := f.kind[s[i]]; k != 0 {
			x.separate(k)
			i++
			continue
		}
		start := i
		for i < len(s) && f.kind[s[i]] == 0 {
			i++
		}
		x.add(s[start:i])
	}
}

func (x *expander) add(s string) {
	if !x.glob && strings.ContainsAny(s, "*?[") {
		x.glob = true
	}
	x.buf = append(x.buf, s...)
	x.has, x.wsEnded = true, false
}

// separate ends a field at an IFS character: 1 white space, 2 other.
func (x *expander) separate(kind uint8) {
	switch {
	case x.has:
		x.emit()
		x.wsEnded = kind == 1
	case kind == 2 && x.wsEnded:
		x.wsEnded = false
	case kind == 2:
		x.has = true
		x.emit()
	}
}

// emit ends the field under way.
func (x *expander) emit() error {
	if x.mode != fieldMode {
		x.buf = append(x.buf, ' ')
		x.has = false
		return nil
	}
	s := string(x.buf)
	glob, marks := x.glob, x.marks
	x.reset()
	if glob && !x.sh.opt.noglob && hasMeta(s) || glob && x.sh.bash && hasExtGlob(s) {
		list, err := x.sh.glob(s)
		if err != nil {
			return err
		}
		if len(list) > 0 || x.sh.opt.nullglob {
			x.fields = append(x.fields, list...)
			return nil
		}
	}
	if marks {
		s = unmark(s)
	}
	x.total += varSize + len(s)
	x.fields = append(x.fields, s)
	return nil
}

// maxFields bounds the words of one command, in bytes.
const maxFields = 4 * maxValue

// tilde expands a leading ~ or ~user of s; whole tells that the word ends with s.
func (x *expander) tilde(s string, whole bool) string {
	name, rest := s[1:], ""
	end := strings.IndexByte(name, '/')
	if x.assign {
		if i := strings.IndexByte(name, ':'); i >= 0 && (end < 0 || i < end) {
			end = i
		}
	}
	switch {
	case end >= 0:
		name, rest = name[:end], name[end:]
	case !whole:
		return s
	}
	if strings.ContainsAny(name, "\\'\"") {
		return s
	}
	var dir string
	ok := true
	switch {
	case name == "":
		dir, ok = x.sh.get("HOME")
	case name == "+" && x.sh.bash:
		dir, ok = x.sh.get("PWD")
	case name == "-" && x.sh.bash:
		dir, ok = x.sh.get("OLDPWD")
	default:
		dir, ok = x.sh.homeOf(name)
	}
	if !ok {
		return s
	}
	x.quote(dir)
	x.has = true
	return rest
}

// unescapeANSI resolves the escapes of $'…'.
func unescapeANSI(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case '\'', '"', '?', '\\':
			b.WriteByte(c)
		case 'c':
			if i+1 < len(s) {
				i++
				b.WriteByte(s[i] & 0x1f)
			}
		case 'u', 'U':
			n := 4
			if c == 'U' {
				n = 8
			}
			v, used := parseDigits(s[i+1:], 16, n)
			if used == 0 {
				b.WriteString("\\" + string(c))
				continue
			}
			b.WriteRune(rune(v))
			i += used
		default:
			r, used := escape(s[i:])
			if used == 0 {
				b.WriteByte('\\')
				b.WriteByte(c)
				continue
			}
			if r == 0 {
				return b.String()
			}
			b.WriteByte(r)
			i += used - 1
		}
	}
	return b.String()
}

// escape resolves what follows a backslash as printf(1) does: \a \b \e \f \n \r \t \v \NNN \xHH. used is 0 when it is no
// escape.
func escape(s string) (c byte, used int) {
	switch s[0] {
	case 'a':
		return 7, 1
	case 'b':
		return 8, 1
	case 'e', 'E':
		return 27, 1
	case 'f':
		return 12, 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'v':
		return 11, 1
	case '\\':
		return '\\', 1
	case 'x':
		v, n := parseDigits(s[1:], 16, 2)
		if n == 0 {
			return 0, 0
		}
		return byte(v), n + 1
	case '0', '1', '2', '3', '4', '5', '6', '7':
		v, n := parseDigits(s, 8, 3)
		return byte(v), n
	}
	return 0, 0
}

func parseDigits(s string, base uint64, most int) (v uint64, n int) {
	for n < len(s) && n < most {
		d := uint64(99)
		switch c := s[n]; {
		case '0' <= c && c <= '9':
			d = uint64(c - '0')
		case 'a' <= c && c <= 'f':
			d = uint64(c-'a') + 10
		case 'A' <= c && c <= 'F':
			d = uint64(c-'A') + 10
		}
		if d >= base {
			break
		}
		v = v*base + d
		n++
	}
	return v, n
}
