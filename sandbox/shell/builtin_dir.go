package shell

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// cd changes the working directory (XCU cd). Without -P the path keeps the symbolic links it was reached by.
func cd(sh *shell, args []string) int {
	physical, show := false, false
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		if args[i] == "--" {
			i++
			break
		}
		for _, c := range args[i][1:] {
			switch c {
			case 'P':
				physical = true
			case 'L':
				physical = false
			case 'e', '@':
			default:
				return sh.fail("illegal option -%c", c)
			}
		}
	}
	dest := ""
	switch {
	case i >= len(args):
		dest = sh.getenv("HOME")
		if dest == "" {
			return 0
		}
	case args[i] == "-":
		dest, show = sh.getenv("OLDPWD"), true
		if dest == "" {
			dest = sh.getenv("PWD")
		}
	default:
		dest = args[i]
	}
	if dest == "" {
		return 0
	}
	tries := []string{dest}
	if first, _, _ := strings.Cut(dest, "/"); dest[0] != '/' && first != "." && first != ".." {
		tries = tries[:0]
		if list := sh.getenv("CDPATH"); list != "" {
			for _, dir := range strings.Split(list, ":") {
				tries = append(tries, path.Join(dir, dest))
				if dir != "" && dir != "." {
					tries[len(tries)-1] = strings.TrimSuffix(dir, "/") + "/" + dest
				}
			}
		}
		tries = append(tries, dest)
	}
	var err error
	for _, try := range tries {
		if err = sh.chdir(try, physical); err == nil {
			if show || try != dest {
				return sh.print(sh.getenv("PWD") + "\n")
			}
			return 0
		}
	}
	if sh.bash {
		sh.errorf("%s: %s", dest, strerror(err))
	} else {
		sh.errorf("can't cd to %s: %s", dest, strerror(err))
		return 2
	}
	return 1
}

// chdir changes the directory and sets PWD and OLDPWD.
func (sh *shell) chdir(dest string, physical bool) error {
	old := sh.getenv("PWD")
	target := dest
	if !physical {
		if target[0] != '/' {
			target = strings.TrimSuffix(old, "/") + "/" + target
		}
		if strings.Contains(target, "..") && !sh.isDir(target) {
			return sh.task.Chdir(dest)
		}
		target = path.Clean(target)
	}
	if err := sh.task.Chdir(target); err != nil {
		if physical || target == dest {
			return err
		}
		if err2 := sh.task.Chdir(dest); err2 != nil {
			return err2
		}
		physical = true
	}
	if physical {
		target = sh.physicalCwd()
	}
	exported := isSet | isExported
	sh.store("OLDPWD", variable{flags: exported, str: old})
	sh.store("PWD", variable{flags: exported, str: target})
	return nil
}

func (sh *shell) physicalCwd() string {
	name, _ := sh.task.Kernel().Namespace().Name(sh.task.Cwd(), sh.task.Root())
	return name
}

func pwd(sh *shell, args []string) int {
	dir := sh.getenv("PWD")
	for _, a := range args[1:] {
		if a == "-P" {
			dir = sh.physicalCwd()
		}
	}
	return sh.print(dir + "\n")
}

// pushd, popd and dirs keep bash's directory stack; dirStack holds what is below the working directory.
func pushd(sh *shell, args []string) int {
	cwd := sh.getenv("PWD")
	switch {
	case len(args) == 1:
		if len(sh.dirStack) == 0 {
			sh.errorf("no other directory")
			return 1
		}
		if err := sh.chdir(sh.dirStack[0], false); err != nil {
			sh.errorf("%s: %s", sh.dirStack[0], strerror(err))
			return 1
		}
		sh.dirStack[0] = cwd
	default:
		if err := sh.chdir(args[len(args)-1], false); err != nil {
			sh.errorf("%s: %s", args[len(args)-1], strerror(err))
			return 1
		}
		sh.dirStack = append([]string{cwd}, sh.dirStack...)
	}
	return dirs(sh, nil)
}

func popd(sh *shell, _ []string) int {
	if len(sh.dirStack) == 0 {
		sh.errorf("directory stack empty")
		return 1
	}
	dir := sh.dirStack[0]
	sh.dirStack = sh.dirStack[1:]
	if err := sh.chdir(dir, false); err != nil {
		sh.errorf("%s: %s", dir, strerror(err))
		return 1
	}
	return dirs(sh, nil)
}

func dirs(sh *shell, args []string) int {
	if len(args) > 1 && args[1] == "-c" {
		sh.dirStack = nil
		return 0
	}
	list := append([]string{sh.getenv("PWD")}, sh.dirStack...)
	home := sh.getenv("HOME")
	sep := " "
	for i, d := range list {
		if home != "" && home != "/" && (d == home || strings.HasPrefix(d, home+"/")) {
			list[i] = "~" + d[len(home):]
		}
	}
	if len(args) > 1 && args[1] == "-p" {
		sep = "\n"
	}
	return sh.print(strings.Join(list, sep) + "\n")
}

// umask shows or sets the mode that new files do not get; -S in symbols.
func umask(sh *shell, args []string) int {
	symbolic := false
	if len(args) > 1 && args[1] == "-S" {
		symbolic = true
		args = args[1:]
	}
	mask := sh.task.Umask()
	if len(args) == 1 {
		if !symbolic {
			return sh.print(fmt.Sprintf("%04o\n", mask))
		}
		show := func(bits uint32) string {
			s := ""
			for i, c := range "rwx" {
				if bits&(4>>i) == 0 {
					s += string(c)
				}
			}
			return s
		}
		return sh.print(fmt.Sprintf("u=%s,g=%s,o=%s\n", show(mask>>6), show(mask>>3), show(mask)))
	}
	if n, err := strconv.ParseUint(args[1], 8, 32); err == nil && n <= 0o777 {
		sh.task.SetUmask(uint32(n))
		return 0
	}
	perm, ok := symbolicMode(args[1], ^mask&0o777)
	if !ok {
		return sh.fail("illegal mode: %s", args[1])
	}
	sh.task.SetUmask(^perm & 0o777)
	return 0
}

// symbolicMode applies a mode such as u=rwx,g-w to permissions.
func symbolicMode(s string, perm uint32) (uint32, bool) {
	for _, clause := range strings.Split(s, ",") {
		i := strings.IndexAny(clause, "+-=")
		if i < 0 {
			return 0, false
		}
		var who uint32
		for _, c := range clause[:i] {
			switch c {
			case 'u':
				who |= 0o700
			case 'g':
				who |= 0o070
			case 'o':
				who |= 0o007
			case 'a':
				who |= 0o777
			default:
				return 0, false
			}
		}
		if who == 0 {
			who = 0o777
		}
		var bits uint32
		for _, c := range clause[i+1:] {
			switch c {
			case 'r':
				bits |= 0o444
			case 'w':
				bits |= 0o222
			case 'x':
				bits |= 0o111
			default:
				return 0, false
			}
		}
		switch clause[i] {
		case '+':
			perm |= bits & who
		case '-':
			perm &^= bits & who
		case '=':
			perm = perm&^who | bits&who
		}
	}
	return perm, true
}

// limits are the resources of ulimit: letter, resource, the size of its unit, and what ash calls it.
var limits = []struct {
	letter   byte
	resource int
	unit     uint64
	name     string
}{
	{'c', abi.RLIMIT_CORE, 512, "core file size (blocks)"}, {'d', abi.RLIMIT_DATA, 1024, "data seg size (kb)"},
	{'e', abi.RLIMIT_NICE, 1, "scheduling priority"}, {'f', abi.RLIMIT_FSIZE, 512, "file size (blocks)"},
	{'i', abi.RLIMIT_SIGPENDING, 1, "pending signals"}, {'l', abi.RLIMIT_MEMLOCK, 1024, "max locked memory (kb)"},
	{'m', abi.RLIMIT_RSS, 1024, "max memory size (kb)"}, {'n', abi.RLIMIT_NOFILE, 1, "open files"},
	{'q', abi.RLIMIT_MSGQUEUE, 1, "POSIX message queues (bytes)"}, {'r', abi.RLIMIT_RTPRIO, 1, "real-time priority"},
	{'s', abi.RLIMIT_STACK, 1024, "stack size (kb)"}, {'t', abi.RLIMIT_CPU, 1, "cpu time (seconds)"},
	{'u', abi.RLIMIT_NPROC, 1, "max user processes"}, {'v', abi.RLIMIT_AS, 1024, "virtual memory (kb)"},
	{'x', abi.RLIMIT_LOCKS, 1, "file locks"},
}

func ulimit(sh *shell, args []string) int {
	which, all := byte('f'), false
	soft, hard := false, false
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		for _, c := range args[i][1:] {
			switch c {
			case 'S':
				soft = true
			case 'H':
				hard = true
			case 'a':
				all = true
			default:
				which = byte(c)
			}
		}
	}
	show := func(v, unit uint64) string {
		if v == abi.RLIM_INFINITY {
			return "unlimited"
		}
		return strconv.FormatUint(v/unit, 10)
	}
	for _, l := range limits {
		cur := sh.task.Limit(l.resource)
		v := cur.Cur
		if hard && !soft {
			v = cur.Max
		}
		if all {
			sh.print(fmt.Sprintf("-%c: %-28s %s\n", l.letter, l.name, show(v, l.unit)))
			continue
		}
		if l.letter != which {
			continue
		}
		if i >= len(args) {
			return sh.print(show(v, l.unit) + "\n")
		}
		n := abi.RLIM_INFINITY
		if args[i] != "unlimited" {
			u, err := strconv.ParseUint(args[i], 10, 64)
			if err != nil {
				return sh.fail("invalid number '%s'", args[i])
			}
			n = u * l.unit
		}
		if hard || !soft {
			cur.Max = n
		}
		if soft || !hard {
			cur.Cur = n
		}
		if err := sh.task.SetLimit(l.resource, cur); err != nil {
			return sh.fail("error setting limit: %s", strerror(err))
		}
		return 0
	}
	if all {
		return 0
	}
	sh.write(2, fmt.Sprintf("ulimit: invalid option -- '%c'\n", which))
	return 1
}
