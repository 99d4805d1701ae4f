package shell

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

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
		if err := sh.task.SetLimit(sh.task, l.resource, cur); err != nil {
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
