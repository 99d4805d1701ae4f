package shell

import (
	"slices"
	"sort"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

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
