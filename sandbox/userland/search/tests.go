package search

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/files"
	"github.com/sockerless/sockerless/sandbox/userland/regex"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// parse reads the expression; without an action, -print is done on what it finds.
func (f *finder) parse() test {
	var expression test
	if len(f.args) > 0 {
		expression = f.or()
		if len(f.args) > 0 {
			f.c.Fatalf("unpaired '%s'", f.args[0])
		}
	}
	switch {
	case expression == nil:
		return printPath
	case f.hasAction:
		return expression
	}
	return func(f *finder, v *visited) bool { return expression(f, v) && printPath(f, v) }
}

func printPath(f *finder, v *visited) bool {
	f.c.Out.WriteString(v.path + "\n")
	return true
}

func always(*finder, *visited) bool { return true }

func (f *finder) take() string {
	arg := f.args[0]
	f.args = f.args[1:]
	return arg
}

func (f *finder) or() test {
	left := f.and()
	for len(f.args) > 0 && (f.args[0] == "-o" || f.args[0] == "-or") {
		f.take()
		a, b := left, f.and()
		left = func(f *finder, v *visited) bool { return a(f, v) || b(f, v) }
	}
	return left
}

func (f *finder) and() test {
	left := f.not()
	for len(f.args) > 0 && f.args[0] != "-o" && f.args[0] != "-or" && f.args[0] != ")" {
		if f.args[0] == "-a" || f.args[0] == "-and" {
			f.take()
		}
		a, b := left, f.not()
		left = func(f *finder, v *visited) bool { return a(f, v) && b(f, v) }
	}
	return left
}

func (f *finder) not() test {
	if len(f.args) > 0 && (f.args[0] == "!" || f.args[0] == "-not") {
		f.take()
		a := f.not()
		return func(f *finder, v *visited) bool { return !a(f, v) }
	}
	return f.primary()
}

func (f *finder) operand(option string) string {
	if len(f.args) == 0 {
		f.c.Fatalf("%s requires an argument", option)
	}
	return f.take()
}

func (f *finder) primary() test {
	if len(f.args) == 0 {
		return always
	}
	switch name := f.take(); name {
	case "(":
		t := f.or()
		if len(f.args) == 0 {
			f.c.Fatalf("unpaired '('")
		}
		f.take()
		return t
	case "-name", "-iname":
		pattern, fold := f.operand(name), name == "-iname"
		return func(f *finder, v *visited) bool { return Glob(pattern, v.name, fold) }
	case "-path", "-ipath", "-wholename":
		pattern, fold := f.operand(name), name == "-ipath"
		return func(f *finder, v *visited) bool { return Glob(pattern, v.path, fold) }
	case "-regex":
		re, err := regex.Compile(f.operand(name), regex.Flags{Line: true})
		if err != nil {
			f.c.Fatalf("bad regex: %s", err)
		}
		return func(f *finder, v *visited) bool { return re.Test([]byte(v.path)) }
	case "-type":
		return f.kind(f.operand(name))
	case "-perm":
		return f.perm(f.operand(name))
	case "-mtime", "-atime", "-ctime", "-mmin", "-amin", "-cmin":
		return f.age(name, f.operand(name))
	case "-newer":
		st := f.statOperand(f.operand(name))
		return func(f *finder, v *visited) bool { return v.st.Mtim.Sec > st.Mtim.Sec } // whole seconds, as busybox
	case "-samefile":
		st := f.statOperand(f.operand(name))
		return func(f *finder, v *visited) bool { return v.st.Ino == st.Ino && v.st.Dev == st.Dev }
	case "-inum":
		return f.number(f.operand(name), func(v *visited) int64 { return int64(v.st.Ino) })
	case "-links":
		return f.number(f.operand(name), func(v *visited) int64 { return int64(v.st.Nlink) })
	case "-user":
		text := f.operand(name)
		uid, ok := applet.LoadAccounts().UID(text)
		if !ok {
			f.c.Fatalf("unknown user %s", text)
		}
		return func(f *finder, v *visited) bool { return int(v.st.UID) == uid }
	case "-group":
		text := f.operand(name)
		gid, ok := applet.LoadAccounts().GID(text)
		if !ok {
			f.c.Fatalf("unknown group %s", text)
		}
		return func(f *finder, v *visited) bool { return int(v.st.GID) == gid }
	case "-size":
		return f.size(f.operand(name))
	case "-empty":
		return func(f *finder, v *visited) bool {
			if v.st.Mode&abi.S_IFMT == abi.S_IFDIR {
				list, err := sys.ReadDir(v.path)
				return err == nil && len(list) == 0
			}
			return v.st.Mode&abi.S_IFMT == abi.S_IFREG && v.st.Size == 0
		}
	case "-executable":
		return func(f *finder, v *visited) bool { return sys.Access(v.path, abi.X_OK) == nil }
	case "-true":
		return always
	case "-false":
		return func(*finder, *visited) bool { return false }
	case "-depth", "-d":
		f.depthFirst = true
		return always
	case "-xdev", "-mount":
		f.xdev = true
		return always
	case "-follow":
		f.follow = true
		return always
	case "-noleaf":
		return always
	case "-maxdepth", "-mindepth":
		n := int(f.c.Number(f.operand(name), nil))
		if name == "-maxdepth" {
			f.maxDepth = n
		} else {
			f.minDepth = n
		}
		return always
	case "-prune":
		return func(f *finder, v *visited) bool {
			f.pruned = true
			return true
		}
	case "-quit":
		f.hasAction = true
		return func(f *finder, v *visited) bool {
			f.quit = true
			return true
		}
	case "-print":
		f.hasAction = true
		return printPath
	case "-print0":
		f.hasAction = true
		return func(f *finder, v *visited) bool {
			f.c.Out.WriteString(v.path + "\x00")
			return true
		}
	case "-delete":
		f.hasAction, f.depthFirst = true, true
		return remove
	case "-exec", "-ok":
		return f.exec(name)
	default:
		f.c.Errorf("unrecognized: %s", name)
		f.c.Usage()
	}
	return nil
}

func remove(f *finder, v *visited) bool {
	var err error
	if v.st.Mode&abi.S_IFMT == abi.S_IFDIR {
		if v.name == "." {
			return true
		}
		err = sys.Rmdir(v.path)
	} else {
		err = sys.Unlink(v.path)
	}
	if err != nil {
		f.c.Perror(v.path, err)
		f.code = 1
	}
	return err == nil
}

func (f *finder) exec(name string) test {
	f.hasAction = true
	var command []string
	for {
		arg := f.operand(name)
		if arg == ";" {
			break
		}
		if arg == "+" && len(command) > 0 && command[len(command)-1] == "{}" {
			b := &batch{command: command}
			f.batches = append(f.batches, b)
			return func(f *finder, v *visited) bool {
				b.add(f, v.path)
				return true
			}
		}
		command = append(command, arg)
	}
	if len(command) == 0 {
		f.c.Fatalf("%s requires an argument", name)
	}
	return func(f *finder, v *visited) bool {
		argv := make([]string, len(command))
		for i, arg := range command {
			argv[i] = strings.ReplaceAll(arg, "{}", v.path)
		}
		return f.run(argv)
	}
}

func (f *finder) kind(text string) test {
	kinds := map[byte]uint32{'f': abi.S_IFREG, 'd': abi.S_IFDIR, 'l': abi.S_IFLNK, 'b': abi.S_IFBLK, 'c': abi.S_IFCHR, 's': abi.S_IFSOCK, 'p': abi.S_IFIFO}
	var modes []uint32
	for part := range strings.SplitSeq(text, ",") {
		kind, ok := uint32(0), len(part) == 1
		if ok {
			kind, ok = kinds[part[0]]
		}
		if !ok {
			f.c.Fatalf("invalid argument '%s' to '-type'", text)
		}
		modes = append(modes, kind)
	}
	return func(f *finder, v *visited) bool {
		for _, kind := range modes {
			if v.st.Mode&abi.S_IFMT == kind {
				return true
			}
		}
		return false
	}
}

func (f *finder) perm(text string) test {
	how := text[:min(1, len(text))]
	mask, ok := files.ParseMode(strings.TrimLeft(text, "+-/"), 0, 0)
	if !ok {
		f.c.Fatalf("invalid mode '%s'", text)
	}
	return func(f *finder, v *visited) bool {
		bits := v.st.Mode & abi.PermMask
		switch how {
		case "-":
			return bits&mask == mask
		case "+", "/":
			return bits&mask != 0 || mask == 0
		}
		return bits == mask
	}
}

// number reads +N, -N or N and compares a value of the file with it.
func (f *finder) number(text string, value func(v *visited) int64) test {
	n := f.c.Number(strings.TrimLeft(text, "+-"), nil)
	return compare(text, n, value)
}

func compare(text string, n int64, value func(v *visited) int64) test {
	switch text[0] {
	case '+':
		return func(f *finder, v *visited) bool { return value(v) > n }
	case '-':
		return func(f *finder, v *visited) bool { return value(v) < n }
	}
	return func(f *finder, v *visited) bool { return value(v) == n }
}

func (f *finder) age(name, text string) test {
	unit := int64(86400)
	if strings.HasSuffix(name, "min") {
		unit = 60
	}
	now := f.now
	return f.number(text, func(v *visited) int64 {
		t := v.st.Mtim
		switch name[1] {
		case 'a':
			t = v.st.Atim
		case 'c':
			t = v.st.Ctim
		}
		return (now - t.Sec) / unit
	})
}

func (f *finder) size(text string) test {
	number := strings.TrimLeft(text, "+-")
	unit := int64(512)
	if n := len(number) - 1; n >= 0 {
		switch number[n] {
		case 'c':
			unit = 1
		case 'w':
			unit = 2
		case 'k':
			unit = 1 << 10
		case 'b':
			unit = 512
		default:
			n++
		}
		number = number[:n]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		f.c.Fatalf("invalid number '%s'", text)
	}
	return compare(text, n*unit, func(v *visited) int64 { return v.st.Size }) // in bytes, not rounded up, as busybox
}

func (f *finder) statOperand(path string) *abi.Stat {
	st, err := sys.Stat(path)
	if err != nil {
		f.c.Fatalf("can't stat '%s': %s", path, applet.Strerror(err))
	}
	return st
}
