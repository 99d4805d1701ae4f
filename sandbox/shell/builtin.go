package shell

import (
	"fmt"
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
