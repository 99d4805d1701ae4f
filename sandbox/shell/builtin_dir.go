package shell

import (
	"path"
	"strings"
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
