package shell

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// builtin is a command of the shell itself; args[0] is its name. An error of a special one ends a script (XCU 2.14).
type builtin struct {
	run     func(sh *shell, args []string) int
	special bool
}

// builtinTable makes the table of builtins, which all shells of a loader share.
func builtinTable() map[string]builtin {
	table := map[string]builtin{
		".": {source, true}, "source": {source, true}, ":": {colon, true}, "break": {leaveLoop, true}, "continue": {leaveLoop, true},
		"eval": {eval, true}, "exec": {colon, true}, "exit": {exit, true}, "return": {returnFrom, true},
		"export": {declare, true}, "readonly": {declare, true}, "set": {set, true}, "shift": {shift, true},
		"times": {times, true}, "trap": {trap, true}, "unset": {unset, true},
		"true": {colon, false}, "false": {falseStatus, false}, "cd": {cd, false}, "chdir": {cd, false}, "pwd": {pwd, false},
		"alias": {alias, false}, "unalias": {unalias, false}, "command": {commandBuiltin, false},
		"echo": {echo, false}, "printf": {printf, false}, "read": {read, false}, "test": {test, false}, "[": {test, false},
		"getopts": {getopts, false}, "hash": {hash, false}, "help": {help, false}, "type": {typeBuiltin, false},
		"jobs": {listJobs, false}, "fg": {foreground, false}, "bg": {foreground, false}, "wait": {wait, false}, "kill": {kill, false},
		"local": {declare, false}, "let": {let, false}, "umask": {umask, false}, "ulimit": {ulimit, false},
		"declare": {declare, false}, "typeset": {declare, false}, "mapfile": {mapfile, false}, "readarray": {mapfile, false},
		"pushd": {pushd, false}, "popd": {popd, false}, "dirs": {dirs, false}, "shopt": {shopt, false}, "builtin": {builtinBuiltin, false},
		"disown": {disown, false}, "history": {history, false},
	}
	return table
}

func colon(*shell, []string) int       { return 0 }
func falseStatus(*shell, []string) int { return 1 }

func (sh *shell) number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0
}

// source is . and source: it runs a file in this shell.
func source(sh *shell, args []string) int {
	args = skipDashes(args)
	if len(args) < 2 {
		sh.raised = true
		return 2
	}
	name := args[1]
	path := name
	if !strings.Contains(name, "/") {
		for _, dir := range strings.Split(sh.getenv("PATH"), ":") {
			if dir == "" {
				dir = "."
			}
			if st, err := sh.stat(dir+"/"+name, true); err == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
				path = dir + "/" + name
				break
			}
		}
	}
	f, err := sh.openScript(path)
	if err != nil {
		if path == name && !strings.Contains(name, "/") && err == abi.ENOENT && !sh.bash {
			return sh.fail("%s: not found", name)
		}
		sh.fail("can't open '%s': %s", name, strerror(err))
		if sh.bash {
			return 1
		}
		return 2
	}
	defer f.Release()
	if err := sh.enter(); err != nil {
		return sh.fail("%v", err)
	}
	defer sh.leave()
	oldName, oldArgs, oldBuiltin := sh.name, sh.args, sh.builtin
	sh.name, sh.builtin = path, ""
	if len(args) > 2 {
		sh.args = args[2:]
	}
	sh.sourced++
	sh.status = 0
	sh.run(&fileSource{sh: sh, file: f}, nil)
	sh.sourced--
	if len(args) > 2 {
		sh.args = oldArgs
	}
	sh.name, sh.builtin = oldName, oldBuiltin
	if sh.flow == flowReturn {
		sh.flow = flowNone
	}
	return sh.status
}

// openScript opens a file to read commands from: EISDIR for a directory.
func (sh *shell) openScript(path string) (*vfs.OpenFile, error) {
	if _, ok := fdPath(path); ok {
		return sh.open(path, abi.O_RDONLY)
	}
	fs := sh.task.FS()
	f, err := fs.Open(fs.Cwd, path, abi.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
		f.Release()
		return nil, abi.EISDIR
	}
	return f, nil
}

func skipDashes(args []string) []string {
	if len(args) > 1 && args[1] == "--" {
		return append([]string{args[0]}, args[2:]...)
	}
	return args
}

func leaveLoop(sh *shell, args []string) int {
	n := 1
	if len(args) > 1 {
		var ok bool
		if n, ok = sh.number(args[1]); !ok || n == 0 {
			return sh.fail("Illegal number: %s", args[1])
		}
	}
	if sh.loops == 0 {
		return 0
	}
	sh.count = min(n, sh.loops)
	sh.flow = flowBreak
	if args[0] == "continue" {
		sh.flow = flowContinue
	}
	return 0
}

func eval(sh *shell, args []string) int {
	args = skipDashes(args)
	text := strings.Join(args[1:], " ")
	if strings.TrimSpace(text) == "" {
		return 0
	}
	line := sh.line
	sh.runString(text, false)
	sh.line = line
	return sh.status
}

func exit(sh *shell, args []string) int {
	status := sh.status
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 && !sh.bash {
			return sh.fail("Illegal number: %s", args[1])
		}
		status = n
	}
	if sh.opt.interactive && sh.stoppedJobs() {
		return 0
	}
	sh.exit(status)
	return sh.status
}

func returnFrom(sh *shell, args []string) int {
	status := sh.status
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 && !sh.bash {
			return sh.fail("Illegal number: %s", args[1])
		}
		status = n & 0xff
	}
	if len(sh.frames) == 0 && sh.sourced == 0 {
		if sh.opt.interactive {
			return status
		}
		sh.exit(status)
		return status
	}
	sh.flow = flowReturn
	return status
}

func shift(sh *shell, args []string) int {
	n := 1
	if len(args) > 1 {
		var ok bool
		if n, ok = sh.number(args[1]); !ok {
			return sh.fail("Illegal number: %s", args[1])
		}
	}
	if n > len(sh.args) {
		return 1
	}
	sh.args = sh.args[n:]
	return 0
}

func times(sh *shell, _ []string) int {
	show := func(d time.Duration) string {
		return fmt.Sprintf("%dm%.3fs", int(d.Minutes()), (d % time.Minute).Seconds())
	}
	return sh.print(show(sh.task.CPU()) + " 0m0.000s\n" + show(sh.task.ChildCPU()) + " 0m0.000s\n")
}

func unset(sh *shell, args []string) int {
	what := byte(0)
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		if args[i] == "--" {
			i++
			break
		}
		for _, c := range args[i][1:] {
			switch c {
			case 'f', 'v', 'n':
				what = byte(c)
			default:
				return sh.fail("illegal option -%c", c)
			}
		}
	}
	for _, name := range args[i:] {
		if what == 'f' {
			delete(sh.ownFuncs(), name)
			continue
		}
		if base, sub, ok := strings.Cut(name, "["); ok && validName(base) {
			if status := sh.unsetElem(base, strings.TrimSuffix(sub, "]")); status != 0 {
				return status
			}
			continue
		}
		if !validName(name) {
			if sh.bash {
				delete(sh.ownFuncs(), name)
				continue
			}
			return sh.fail("%s: bad variable name", name)
		}
		if what == 'n' {
			delete(sh.ownVars(), name)
			continue
		}
		_, _, isVar := sh.lookup(name)
		if !isVar && what == 0 && sh.bash {
			delete(sh.ownFuncs(), name)
			continue
		}
		if err := sh.unset(name); err != nil {
			return sh.fail("%v", err)
		}
	}
	return 0
}

func (sh *shell) unsetElem(name, sub string) int {
	name, v, _ := sh.lookup(name)
	if v.flags&isReadonly != 0 {
		return sh.fail("%v", readonlyError(name))
	}
	switch {
	case v.kind == associative:
		v.assoc = sh.ownAssoc(v.assoc)
		v.assoc.remove(strings.Trim(sub, `"'`))
	case v.kind == indexed && (sub == "@" || sub == "*"):
		v.arr = &array{owner: sh.owner}
	case v.kind == indexed:
		n, err := sh.arithText(sub)
		if err != nil {
			return sh.fail("%v", err)
		}
		if n < 0 {
			n += int64(v.arr.end())
		}
		v.arr = sh.ownArray(v.arr)
		v.arr.remove(int(n))
	}
	sh.store(name, v)
	return 0
}

func set(sh *shell, args []string) int {
	if len(args) == 1 {
		var b strings.Builder
		for _, name := range sh.varNames() {
			if v := sh.vars[name]; v.kind == scalar && v.set() {
				b.WriteString(name + "=" + quote(v.str) + "\n")
			} else if v.set() {
				b.WriteString(name + "=" + sh.arrayText(&v) + "\n")
			}
		}
		return sh.print(b.String())
	}
	rest, positional, status := sh.setOptions(args[1:], false)
	if status != 0 {
		return status
	}
	if positional {
		sh.args = slices.Clone(rest)
		sh.optPos = 0
	}
	return 0
}

// setOptions takes the options of set and of the shell's own command line. positional tells that the arguments that
// are left become $1…
func (sh *shell) setOptions(args []string, start bool) (rest []string, positional bool, status int) {
	for len(args) > 0 {
		a := args[0]
		if a == "--" {
			return args[1:], true, 0
		}
		if a == "-" && !start {
			sh.opt.xtrace, sh.opt.verbose = false, false
			return args[1:], len(args) > 1, 0
		}
		if len(a) < 2 || a[0] != '-' && a[0] != '+' {
			return args, true, 0
		}
		args = args[1:]
		on := a[0] == '-'
		for i := 1; i < len(a); i++ {
			if a[i] == 'o' {
				if len(args) == 0 {
					return nil, false, sh.listOptions(on)
				}
				name := args[0]
				args = args[1:]
				o := named(options, name)
				if o == nil && (name == "posix" || name == "history" || name == "hashall" || name == "nolog") {
					continue
				}
				if o == nil {
					return nil, false, sh.fail("illegal option %co %s", a[0], name)
				}
				sh.setOption(o, on)
				continue
			}
			o := letter(a[i])
			if a[i] == 'h' || a[i] == 'p' && sh.bash { // hashing is always on
				continue
			}
			if o == nil || !start && (a[i] == 's' || a[i] == 'i' || a[i] == 'c') {
				return nil, false, sh.fail("illegal option %c%c", a[0], a[i])
			}
			sh.setOption(o, on)
		}
	}
	return nil, false, 0
}

func (sh *shell) setOption(o *option, on bool) {
	*o.flag(&sh.opt) = on
	if o.name == "monitor" {
		sh.setMonitor(on)
	}
}

func (sh *shell) listOptions(on bool) int {
	var b strings.Builder
	for i := range options {
		o := &options[i]
		if !o.listed() {
			continue
		}
		state := *o.flag(&sh.opt)
		if !on {
			fmt.Fprintf(&b, "set %so %s\n", map[bool]string{true: "-", false: "+"}[state], o.name)
			continue
		}
		fmt.Fprintf(&b, "%-16s%s\n", o.name, onOff(state))
	}
	return sh.print(b.String())
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func shopt(sh *shell, args []string) int {
	list, mode, quiet := shoptions, byte(0), false
	i := 1
	for ; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		for _, c := range args[i][1:] {
			switch c {
			case 's', 'u', 'p':
				mode = byte(c)
			case 'q':
				quiet = true
			case 'o':
				list = options
			default:
				return sh.fail("-%c: invalid option", c)
			}
		}
	}
	names := args[i:]
	if len(names) == 0 {
		for _, o := range list {
			names = append(names, o.name)
		}
		if mode == 's' || mode == 'u' {
			names = slices.DeleteFunc(names, func(n string) bool { return *named(list, n).flag(&sh.opt) != (mode == 's') })
		}
		mode = 'p'
	}
	status := 0
	for _, name := range names {
		o := named(list, name)
		if o == nil {
			sh.errorf("%s: invalid shell option name", name)
			status = 1
			continue
		}
		switch p := o.flag(&sh.opt); {
		case mode == 's' || mode == 'u':
			*p = mode == 's'
		default:
			if !*p {
				status = 1
			}
			if !quiet {
				sh.print(fmt.Sprintf("%-15s\t%s\n", name, onOff(*p)))
			}
		}
	}
	return status
}

func alias(sh *shell, args []string) int {
	if len(args) == 1 {
		names := make([]string, 0, len(sh.aliases))
		for name := range sh.aliases {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			sh.print(sh.aliasText(name))
		}
		return 0
	}
	status := 0
	for _, a := range args[1:] {
		if a == "-p" {
			continue
		}
		name, text, ok := strings.Cut(a, "=")
		if ok && name != "" {
			if sh.aliases == nil {
				sh.aliases = map[string]string{}
			}
			if err := sh.account(varSize + len(name) + len(text)); err != nil {
				return sh.fail("%v", err)
			}
			sh.aliases[name] = text
			continue
		}
		if _, found := sh.aliases[name]; !found {
			sh.write(2, "alias: "+name+" not found\n")
			status = 1
			continue
		}
		sh.print(sh.aliasText(name))
	}
	return status
}

func (sh *shell) aliasText(name string) string {
	prefix := ""
	if sh.bash {
		prefix = "alias "
	}
	return prefix + name + "=" + quote(sh.aliases[name]) + "\n"
}

func unalias(sh *shell, args []string) int {
	status := 0
	for _, a := range args[1:] {
		if a == "-a" {
			sh.aliases = nil
			continue
		}
		if _, ok := sh.aliases[a]; !ok {
			sh.write(2, "unalias: "+a+" not found\n")
			status = 1
		}
		delete(sh.aliases, a)
	}
	return status
}

// keywords are the reserved words, for type and command -v.
var keywords = []string{"!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select", "then",
	"time", "until", "while", "[[", "]]"}

// commandBuiltin is command: it passes functions over, or with -v and -V tells what a name is.
func commandBuiltin(sh *shell, args []string) int {
	how := byte(0)
	path := sh.getenv("PATH")
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		if args[i] == "--" {
			i++
			break
		}
		for _, c := range args[i][1:] {
			switch c {
			case 'v', 'V':
				how = byte(c)
			case 'p':
				path = defaultPath
			default:
				return sh.fail("illegal option -%c", c)
			}
		}
	}
	args = args[i:]
	if len(args) == 0 {
		return 0
	}
	if how != 0 {
		status := 0
		for _, name := range args {
			if !sh.describe(name, path, how == 'V') {
				status = 127
				if sh.bash {
					status = 1
				}
			}
		}
		return status
	}
	if b, ok := sh.builtins[args[0]]; ok {
		if args[0] == "exec" {
			sh.execBuiltin(nil, args[1:], nil)
			return sh.status
		}
		b.special = false
		sh.callBuiltin(b, args)
		return sh.status
	}
	sh.builtin = ""
	if path == defaultPath {
		if full, err := sh.task.LookPath(args[0], path); err == nil {
			sh.hashed[args[0]] = full
		}
	}
	sh.external(args, sh.environ(), false)
	return sh.status
}

func builtinBuiltin(sh *shell, args []string) int {
	if len(args) == 1 {
		return 0
	}
	b, ok := sh.builtins[args[1]]
	if !ok {
		sh.errorf("%s: not a shell builtin", args[1])
		return 1
	}
	sh.callBuiltin(b, args[1:])
	return sh.status
}

// describe tells what a command name stands for.
func (sh *shell) describe(name, path string, long bool) bool {
	say := func(short, text string) bool {
		if long {
			short = name + " is " + text
		}
		sh.print(short + "\n")
		return true
	}
	if slices.Contains(keywords, name) {
		return say(name, "a shell keyword")
	}
	if text, ok := sh.aliases[name]; ok {
		return say("alias "+name+"="+quote(text), "an alias for "+text)
	}
	if sh.funcs[name] != nil {
		if sh.bash {
			return say(name, "a function")
		}
		return say(name, "a function")
	}
	if b, ok := sh.builtins[name]; ok {
		if b.special && !sh.bash {
			return say(name, "a special shell builtin")
		}
		return say(name, "a shell builtin")
	}
	if strings.Contains(name, "/") {
		if st, err := sh.stat(name, true); err == nil && sh.task.Cred().Access(&st, abi.X_OK) == nil {
			return say(name, name)
		}
	} else if full, err := sh.task.LookPath(name, path); err == nil {
		return say(full, full)
	}
	if long {
		if sh.bash {
			sh.errorf("%s: not found", name)
		} else {
			sh.write(1, name+": not found\n")
		}
	}
	return false
}

func typeBuiltin(sh *shell, args []string) int {
	status := 0
	path := sh.getenv("PATH")
	kind := false
	for _, name := range args[1:] {
		if len(name) > 1 && name[0] == '-' && sh.bash {
			switch name {
			case "-t":
				kind = true
			case "-p", "-P":
				if full, err := sh.task.LookPath(args[len(args)-1], path); err == nil {
					return sh.print(full + "\n")
				}
				return 1
			}
			continue
		}
		if kind {
			if t := sh.kindOf(name, path); t != "" {
				sh.print(t + "\n")
			} else {
				status = 1
			}
			continue
		}
		if !sh.describe(name, path, true) {
			status = 127
			if sh.bash {
				status = 1
			}
		}
	}
	return status
}

func (sh *shell) kindOf(name, path string) string {
	_, isBuiltin := sh.builtins[name]
	_, isAlias := sh.aliases[name]
	_, err := sh.task.LookPath(name, path)
	switch {
	case isAlias:
		return "alias"
	case slices.Contains(keywords, name):
		return "keyword"
	case sh.funcs[name] != nil:
		return "function"
	case isBuiltin:
		return "builtin"
	case err == nil:
		return "file"
	}
	return ""
}

func hash(sh *shell, args []string) int {
	if len(args) == 1 {
		names := make([]string, 0, len(sh.hashed))
		for name := range sh.hashed {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			sh.print(sh.hashed[name] + "\n")
		}
		return 0
	}
	status := 0
	for _, name := range args[1:] {
		if name == "-r" {
			clear(sh.hashed)
			continue
		}
		delete(sh.hashed, name)
		if _, ok := sh.builtins[name]; ok || sh.funcs[name] != nil {
			continue
		}
		if _, err := sh.find(name); err != nil {
			sh.errorf("%s: not found", name)
			status = 1
		}
	}
	return status
}

func help(sh *shell, _ []string) int {
	names := make([]string, 0, len(sh.builtins))
	for name := range sh.builtins {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("Built-in commands:\n------------------\n")
	line := "\t"
	for _, name := range names {
		if len(line)+len(name) > 70 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "\t"
		}
		line += name + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	return sh.print(b.String())
}

func let(sh *shell, args []string) int {
	var n int64
	for _, a := range args[1:] {
		var err error
		if n, err = sh.arithText(a); err != nil {
			sh.errorf("%v", err)
			return 1
		}
	}
	return int(truth(n == 0))
}

// getopts parses options, one a call (XCU getopts).
func getopts(sh *shell, args []string) int {
	if len(args) < 3 {
		return sh.fail("usage: getopts optstring var [arg]")
	}
	spec, name := args[1], args[2]
	list := sh.args
	if len(args) > 3 {
		list = args[3:]
	}
	ind, err := strconv.Atoi(sh.getenv("OPTIND"))
	if err == nil && sh.optPos > 0 && !sh.bash {
		ind-- // ash counts the argument under way as done
	}
	if err != nil || ind < 1 {
		ind = 1
	}
	silent := strings.HasPrefix(spec, ":")
	end := func() int {
		sh.setVar("OPTIND", strconv.Itoa(ind))
		sh.optPos = 0
		sh.setVar(name, "?")
		sh.unset("OPTARG")
		return 1
	}
	if sh.optPos == 0 {
		if ind > len(list) || len(list[ind-1]) < 2 || list[ind-1][0] != '-' {
			return end()
		}
		if list[ind-1] == "--" {
			ind++
			return end()
		}
		sh.optPos = 1
	}
	if ind > len(list) || sh.optPos >= len(list[ind-1]) {
		return end()
	}
	arg, pos := list[ind-1], sh.optPos
	c := arg[pos]
	if pos++; pos == len(arg) {
		pos = 0
		ind++
	}
	value, opt, hasArg := "", string(c), false
	at := strings.IndexByte(strings.TrimPrefix(spec, ":"), c)
	s := strings.TrimPrefix(spec, ":")
	switch {
	case c == ':' || at < 0:
		opt = "?"
		if silent {
			value, hasArg = string(c), true
		} else {
			sh.write(2, fmt.Sprintf("Illegal option -%c\n", c))
		}
	case at+1 < len(s) && s[at+1] == ':':
		hasArg = true
		switch {
		case pos > 0:
			value = arg[pos:]
			pos = 0
			ind++
		case ind <= len(list):
			value = list[ind-1]
			ind++
		case silent:
			opt, value = ":", string(c)
		default:
			sh.write(2, fmt.Sprintf("No arg for -%c option\n", c))
			opt, hasArg = "?", false
		}
	}
	if hasArg {
		sh.setVar("OPTARG", value)
	} else {
		sh.unset("OPTARG")
	}
	if pos > 0 && !sh.bash {
		ind++
	}
	sh.setVar("OPTIND", strconv.Itoa(ind))
	sh.optPos = pos
	if err := sh.setVar(name, opt); err != nil {
		return sh.fail("%v", err)
	}
	return 0
}
