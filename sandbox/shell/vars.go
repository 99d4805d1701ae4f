package shell

import (
	"maps"
	"sort"
	"strconv"
	"strings"
	"time"
)

// owner says who may change a map or an array in place. A fork gives both sides new owners, so that each copies what
// they share before it changes it.
type owner struct{ _ byte }

type varKind uint8

const (
	scalar varKind = iota
	indexed
	associative
	nameref
)

type varFlags uint8

const (
	isSet varFlags = 1 << iota
	isExported
	isReadonly
	isInteger
	isLower
	isUpper
)

// variable is a shell variable. Values are replaced, and arrays copied unless their owner is the shell's.
type variable struct {
	kind  varKind
	flags varFlags
	str   string
	arr   *array
	assoc *assoc
}

func (v *variable) set() bool { return v.flags&isSet != 0 }

// value is what $name gives: the string, or an array's element 0.
func (v *variable) value() (string, bool) {
	switch v.kind {
	case indexed:
		return v.arr.get(0)
	case associative:
		return v.assoc.get("0")
	}
	return v.str, v.set()
}

// ownVars makes the map of variables the shell's own.
func (sh *shell) ownVars() map[string]variable {
	if sh.varsOwner != sh.owner {
		sh.vars, sh.varsOwner = maps.Clone(sh.vars), sh.owner
	}
	return sh.vars
}

// lookup finds a variable, following name references.
func (sh *shell) lookup(name string) (string, variable, bool) {
	for range 16 {
		v, ok := sh.vars[name]
		if !ok || v.kind != nameref || !v.set() {
			return name, v, ok
		}
		name = v.str
	}
	return name, variable{}, false
}

// get returns the value of a variable, of the dynamic ones too.
func (sh *shell) get(name string) (string, bool) {
	if s, ok := sh.dynamic(name); ok {
		return s, true
	}
	_, v, ok := sh.lookup(name)
	if !ok {
		return "", false
	}
	return v.value()
}

func (sh *shell) getenv(name string) string {
	s, _ := sh.get(name)
	return s
}

// dynamic gives the variables that are computed.
func (sh *shell) dynamic(name string) (string, bool) {
	switch name {
	case "LINENO":
		return strconv.Itoa(sh.line), true
	case "RANDOM":
		sh.random = sh.random*1103515245 + 12345
		return strconv.Itoa(int(sh.random >> 16 & 0x7fff)), !sh.lost[name]
	case "SECONDS":
		return strconv.Itoa(int(time.Since(sh.started) / time.Second)), !sh.lost[name]
	case "PPID":
		return strconv.Itoa(sh.ppid), true
	case "BASHPID":
		return strconv.Itoa(sh.task.Pid()), sh.bash
	case "EPOCHSECONDS":
		return strconv.FormatInt(time.Now().Unix(), 10), sh.bash
	case "BASH_SUBSHELL":
		return strconv.Itoa(sh.level), sh.bash
	case "FUNCNAME":
		if n := len(sh.frames); n > 0 {
			return sh.frames[n-1].name, true
		}
	}
	return "", false
}

type readonlyError string

func (e readonlyError) Error() string { return string(e) + ": is read only" }

// maxValue bounds a variable's value and the output of a command substitution, in bytes.
const maxValue = 64 << 20

type shellError string

func (e shellError) Error() string { return string(e) }

const errTooLong = shellError("value too long")

// maxMemory bounds the variables and functions of one shell, in bytes, besides the sandbox's own limit.
const maxMemory = 1 << 30

const errNoMemory = shellError("out of memory")

// account notes that the shell's variables have grown by delta bytes. The sandbox's memory is reserved a MiB at a time;
// when there is none left, the task is ended as the kernel's OOM killer does it.
func (sh *shell) account(delta int) error {
	sh.memory += delta
	if delta <= 0 || sh.memory <= sh.reserved {
		return nil
	}
	if sh.memory > maxMemory {
		sh.memory -= delta
		return errNoMemory
	}
	need := (sh.memory - sh.reserved + 1<<20 - 1) &^ (1<<20 - 1)
	if !sh.task.Reserve(int64(need)) {
		sh.task.OOM()
		return errDying
	}
	sh.reserved += need
	return nil
}

// varSize is what an element or a variable takes besides its text, roughly.
const varSize = 64

// setVar assigns a string to a variable, to an array's element 0 if it is one.
func (sh *shell) setVar(name, value string) error {
	if len(value) > maxValue {
		return errTooLong
	}
	name, v, _ := sh.lookup(name)
	if v.flags&isReadonly != 0 {
		return readonlyError(name)
	}
	value, err := sh.convert(&v, value)
	if err != nil {
		return err
	}
	old, had := v.value()
	grown := len(value) - len(old)
	if !had {
		grown += varSize + len(name)
	}
	if grown > 1024 || !had {
		if err := sh.account(grown); err != nil {
			return err
		}
	}
	switch v.kind {
	case indexed:
		v.arr = sh.ownArray(v.arr)
		v.arr.put(0, value)
	case associative:
		v.assoc = sh.ownAssoc(v.assoc)
		v.assoc.put("0", value)
	default:
		v.str = value
	}
	v.flags |= isSet
	if sh.opt.allexport {
		v.flags |= isExported
	}
	sh.store(name, v)
	return nil
}

// convert applies the attributes integer, lower and upper to a value.
func (sh *shell) convert(v *variable, value string) (string, error) {
	switch {
	case v.flags&isInteger != 0:
		n, err := sh.arithText(value)
		return strconv.FormatInt(n, 10), err
	case v.flags&isLower != 0:
		return strings.ToLower(value), nil
	case v.flags&isUpper != 0:
		return strings.ToUpper(value), nil
	}
	return value, nil
}

// store puts a variable and what follows from it.
func (sh *shell) store(name string, v variable) {
	if old := sh.vars[name]; (v.flags|old.flags)&isExported != 0 {
		sh.env = nil
	}
	sh.ownVars()[name] = v
	sh.changed(name)
}

// changed updates what the shell keeps of its variables.
func (sh *shell) changed(name string) {
	switch name {
	case "IFS":
		sh.ifs = newIFS(sh.getSet("IFS"))
	case "PATH":
		clear(sh.hashed)
	case "OPTIND":
		sh.optPos = 0
	case "SECONDS":
		n, _ := strconv.Atoi(sh.vars[name].str)
		sh.started = time.Now().Add(-time.Duration(n) * time.Second)
	case "RANDOM":
		n, _ := strconv.Atoi(sh.vars[name].str)
		sh.random = uint32(n)
	}
}

func (sh *shell) getSet(name string) (string, bool) {
	v := sh.vars[name]
	return v.value()
}

// unset removes a variable.
func (sh *shell) unset(name string) error {
	name, v, ok := sh.lookup(name)
	if name == "RANDOM" || name == "SECONDS" {
		sh.lost[name] = true
	}
	if !ok {
		return nil
	}
	if v.flags&isReadonly != 0 {
		return readonlyError(name)
	}
	if v.flags&isExported != 0 {
		sh.env = nil
	}
	sh.account(-v.size())
	delete(sh.ownVars(), name)
	sh.changed(name)
	return nil
}

// size is about what a variable takes in memory.
func (v *variable) size() int {
	n := len(v.str)
	for _, s := range v.arr.values() {
		n += varSize + len(s)
	}
	for _, s := range v.assoc.values() {
		n += varSize + len(s)
	}
	return n
}

// setElem assigns to an element of an array; key is the index as text of an associative one.
func (sh *shell) setElem(name string, index func(assoc bool) (string, int, error), value string, add bool) error {
	name, v, _ := sh.lookup(name)
	if v.flags&isReadonly != 0 {
		return readonlyError(name)
	}
	key, i, err := index(v.kind == associative)
	if err != nil {
		return err
	}
	if v.kind == associative {
		v.assoc = sh.ownAssoc(v.assoc)
		if add {
			old, _ := v.assoc.get(key)
			value = old + value
		}
		if value, err = sh.convert(&v, value); err != nil {
			return err
		}
		v.assoc.put(key, value)
	} else {
		if v.kind == scalar {
			s, set := v.str, v.set()
			v.kind, v.str, v.arr = indexed, "", nil
			v.arr = sh.ownArray(nil)
			if set {
				v.arr.put(0, s)
			}
		}
		if i < 0 {
			i += v.arr.end()
		}
		if i < 0 {
			return shellError(name + ": bad array subscript")
		}
		v.arr = sh.ownArray(v.arr)
		if add {
			old, _ := v.arr.get(i)
			value = old + value
		}
		if value, err = sh.convert(&v, value); err != nil {
			return err
		}
		v.arr.put(i, value)
	}
	if len(value) > maxValue {
		return errTooLong
	}
	if err := sh.account(varSize + len(value)); err != nil {
		return err
	}
	v.flags |= isSet
	sh.store(name, v)
	return nil
}

// setArray assigns a list to an indexed array.
func (sh *shell) setArray(name string, list []string) error {
	name, v, _ := sh.lookup(name)
	if v.flags&isReadonly != 0 {
		return readonlyError(name)
	}
	grown := -v.size()
	for _, s := range list {
		grown += varSize + len(s)
	}
	if err := sh.account(grown); err != nil {
		return err
	}
	v.kind, v.str, v.assoc = indexed, "", nil
	v.arr = &array{owner: sh.owner, vals: list}
	v.flags |= isSet
	sh.store(name, v)
	return nil
}

// setFlags changes the attributes of a variable, which is declared when it is not there.
func (sh *shell) setFlags(name string, on, off varFlags) error {
	name, v, _ := sh.lookup(name)
	if v.flags&isReadonly != 0 && off&isReadonly != 0 {
		return readonlyError(name)
	}
	v.flags = v.flags&^off | on
	sh.env = nil
	sh.ownVars()[name] = v
	return nil
}

// environ lists the exported variables as NAME=value, for a program.
func (sh *shell) environ() []string {
	if sh.env == nil {
		sh.env = make([]string, 0, 32)
		for _, name := range sh.varNames() {
			v := sh.vars[name]
			if v.flags&isExported == 0 || v.kind != scalar || !v.set() {
				continue
			}
			sh.env = append(sh.env, name+"="+v.str)
		}
	}
	return sh.env
}

func (sh *shell) varNames() []string {
	names := make([]string, 0, len(sh.vars))
	for name := range sh.vars {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func validName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return s != ""
}

// quote writes a value as ash does where it can be read back: in single quotes, and those it holds in double ones.
func quote(s string) string {
	var b strings.Builder
	for {
		n := strings.IndexByte(s, '\'')
		if n < 0 {
			n = len(s)
		}
		b.WriteString("'" + s[:n] + "'")
		if s = s[n:]; s == "" {
			return b.String()
		}
		rest := strings.TrimLeft(s, "'")
		b.WriteString(`"` + s[:len(s)-len(rest)] + `"`)
		if s = rest; s == "" {
			return b.String()
		}
	}
}

// quoteIfNeeded quotes a word for set -x: only when it holds something special.
func quoteIfNeeded(s string) string {
	if s == "" {
		return "''"
	}
	for i := range len(s) {
		if c := s[i]; c < '+' || ';' <= c && c <= '?' || c == '`' || c == '[' || c == '\\' || c > 'z' {
			return quote(s)
		}
	}
	return s
}
