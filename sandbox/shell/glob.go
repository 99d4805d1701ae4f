package shell

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// glob finds the pathnames that a word in marked form matches, sorted by bytes (XCU 2.13.3).
func (sh *shell) glob(word string) ([]string, error) {
	prefix := ""
	for strings.HasPrefix(word, "/") || strings.HasPrefix(word, "\x00/") {
		prefix += "/"
		word = strings.TrimPrefix(strings.TrimPrefix(word, "\x00"), "/")
	}
	found := []string{prefix}
	parts := splitPath(word)
	for i, part := range parts {
		last := i == len(parts)-1
		var next []string
		for _, dir := range found {
			if sh.task.Checkpoint() != nil {
				return nil, errDying
			}
			switch {
			case part == "" && last: // the word ends with a slash, which dir has
				if sh.isDir(dir) {
					next = append(next, dir)
				}
			case part == "":
				next = append(next, dir+"/")
			case part == "**" && sh.opt.globstar:
				next = sh.descend(next, dir, last)
			case !hasMeta(part) && !(sh.bash && hasExtGlob(part)):
				name := dir + unmark(unbackslash(part))
				if last && sh.exists(name) || !last && sh.isDir(name) {
					next = append(next, name)
				}
			default:
				for _, e := range sh.matching(dir, part) {
					if name := dir + e.Name; last || e.Type == abi.DT_DIR || e.Type != abi.DT_REG && sh.isDir(name) {
						next = append(next, name)
					}
				}
			}
		}
		if !last {
			for i, name := range next {
				if name != "" && !strings.HasSuffix(name, "/") {
					next[i] = name + "/"
				}
			}
		}
		found = next
		if len(found) == 0 {
			return nil, nil
		}
	}
	slices.Sort(found)
	return found, nil
}

// splitPath splits a word in marked form at its slashes.
func splitPath(s string) []string {
	var parts []string
	for {
		i := strings.IndexByte(s, '/')
		if i < 0 {
			return append(parts, s)
		}
		parts = append(parts, strings.TrimSuffix(s[:i], "\x00"))
		s = s[i+1:]
	}
}

func unbackslash(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (i == 0 || s[i-1] != mark) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// matching lists the entries of a directory that a pattern matches; a leading dot must be matched by a dot.
func (sh *shell) matching(dir, part string) []vfs.Dirent {
	p := sh.pattern(part)
	if sh.opt.nocaseglob {
		p = sh.pattern(strings.ToLower(part))
	}
	dots := strings.HasPrefix(part, ".") || strings.HasPrefix(part, "\x00.") || strings.HasPrefix(part, "\\.")
	var list []vfs.Dirent
	for _, e := range sh.readDir(dir) {
		name := e.Name
		if name[0] == '.' && !dots && (!sh.opt.dotglob || name == "." || name == "..") {
			continue
		}
		if sh.opt.nocaseglob {
			name = strings.ToLower(name)
		}
		if p.match(name) {
			list = append(list, e)
		}
	}
	return list
}

// descend lists a directory and all below it, for **.
func (sh *shell) descend(list []string, dir string, last bool) []string {
	if !last {
		list = append(list, strings.TrimSuffix(dir, "/"))
	} else if dir != "" {
		list = append(list, dir)
	}
	for _, e := range sh.readDir(dir) {
		if e.Name[0] == '.' || sh.task.Checkpoint() != nil {
			continue
		}
		name := dir + e.Name
		if e.Type == abi.DT_DIR {
			if last {
				list = append(list, name)
			}
			sub := sh.descend(nil, name+"/", last)
			if last && len(sub) > 0 {
				sub = sub[1:]
			}
			list = append(list, sub...)
		} else if last {
			list = append(list, name)
		}
	}
	return list
}

// readDir lists a directory of the sandbox, "" the current one; what cannot be read is empty.
func (sh *shell) readDir(dir string) []vfs.Dirent {
	if dir == "" {
		dir = "."
	}
	fs := sh.task.FS()
	f, err := fs.Open(fs.Cwd, dir, abi.O_RDONLY|abi.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	defer f.Release()
	var list []vfs.Dirent
	f.ReadDir(func(e vfs.Dirent, _ int64) bool {
		list = append(list, e)
		return true
	})
	return list
}

// stat returns the attributes of a file of the sandbox.
func (sh *shell) stat(name string, follow bool) (abi.Stat, error) {
	fs := sh.task.FS()
	p, err := fs.Walk(fs.Cwd, name, follow)
	if err != nil {
		return abi.Stat{}, err
	}
	return p.Inode().Stat()
}

func (sh *shell) exists(name string) bool {
	_, err := sh.stat(name, false)
	return err == nil
}

func (sh *shell) isDir(name string) bool {
	st, err := sh.stat(name, true)
	return err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR
}

// homeOf finds a user's home directory in the sandbox's /etc/passwd.
func (sh *shell) homeOf(user string) (string, bool) {
	if f := sh.passwd(func(f []string) bool { return f[0] == user }); f != nil {
		return f[5], true
	}
	return "", false
}

// passwd returns the fields of the first line of /etc/passwd for which ok holds, nil for none.
func (sh *shell) passwd(ok func([]string) bool) []string {
	data, err := sh.readFile("/etc/passwd", 1<<20)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(data) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), ":"); len(f) >= 7 && ok(f) {
			return f
		}
	}
	return nil
}

// readFile returns a file of the sandbox, as far as limit.
func (sh *shell) readFile(name string, limit int) (string, error) {
	fs := sh.task.FS()
	f, err := fs.Open(fs.Cwd, name, abi.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Release()
	return sh.readAll(f, limit)
}
