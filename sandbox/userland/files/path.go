package files

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Canonical returns the absolute path without symbolic links, "." and "..". With missingLast, what a link stands for
// need not exist.
func Canonical(path string, missingLast bool) (string, error) {
	if path == "" {
		return "", abi.ENOENT
	}
	done := ""
	if path[0] != '/' {
		cwd, err := sys.Getcwd()
		if err != nil {
			return "", err
		}
		done = strings.TrimSuffix(cwd, "/")
	}
	rest := path
	links := 0
	for rest != "" {
		name := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			name, rest = rest[:i], strings.TrimLeft(rest[i:], "/")
		} else {
			rest = ""
		}
		switch name {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, strings.LastIndexByte(done, '/'))]
			continue
		}
		next := done + "/" + name
		st, err := sys.Lstat(next)
		if err != nil {
			if err == abi.ENOENT && rest == "" && missingLast && links > 0 {
				return next, nil
			}
			return "", err
		}
		if st.Mode&abi.S_IFMT != abi.S_IFLNK {
			if rest != "" && st.Mode&abi.S_IFMT != abi.S_IFDIR {
				return "", abi.ENOTDIR
			}
			done = next
			continue
		}
		if links++; links > abi.SYMLOOPS {
			return "", abi.ELOOP
		}
		target, err := sys.Readlink(next)
		if err != nil {
			return "", err
		}
		if rest != "" {
			target += "/" + rest
		}
		if target[0] == '/' {
			done = ""
		}
		rest = target
	}
	if done == "" {
		done = "/"
	}
	return done, nil
}

// Readlink prints the target of a link, or with -f the canonical path.
func Readlink(c *applet.Context) int {
	o := c.Getopt("fnvsq", "canonicalize=f", "no-newline=n", "verbose=v")
	c.NArgs(1, 1)
	path := c.Args[0]
	var target string
	var err error
	if o.Has("f") {
		target, err = Canonical(path, true)
	} else {
		target, err = sys.Readlink(path)
	}
	if err != nil {
		if o.Has("v") {
			c.Errorf("%s: cannot read link: %s", path, applet.Strerror(err))
		}
		return 1
	}
	c.Out.WriteString(target)
	if !o.Has("n") {
		c.Out.WriteByte('\n')
	}
	return 0
}

// Realpath prints canonical paths.
func Realpath(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(1, -1)
	code := 0
	for _, path := range c.Args {
		real, err := Canonical(path, true)
		if err != nil {
			c.Perror(path, err)
			code = 1
			continue
		}
		c.Out.WriteString(real + "\n")
	}
	return code
}

// Basename strips directories and suffixes.
func Basename(c *applet.Context) int {
	o := c.Getopt("+as:", "multiple=a", "suffix=s")
	c.NArgs(1, -1)
	suffix, names := o.Str('s'), c.Args
	if !o.Has("as") {
		c.NArgs(1, 2)
		names = names[:1]
		if len(c.Args) == 2 {
			suffix = c.Args[1]
		}
	}
	for _, path := range names {
		name := lastComponent(path)
		if name != suffix {
			name = strings.TrimSuffix(name, suffix)
		}
		c.Out.WriteString(name + "\n")
	}
	return 0
}

// Dirname strips the last component.
func Dirname(c *applet.Context) int {
	c.Getopt("+")
	c.NArgs(1, 1)
	c.Out.WriteString(parent(c.Args[0]) + "\n")
	return 0
}

func parent(path string) string {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" {
		if path == "" {
			return "."
		}
		return "/"
	}
	i := strings.LastIndexByte(trimmed, '/')
	if i < 0 {
		return "."
	}
	if dir := strings.TrimRight(trimmed[:i], "/"); dir != "" {
		return dir
	}
	return "/"
}

// Pwd prints the working directory; with -L as $PWD has it, when that is right.
func Pwd(c *applet.Context) int {
	o := c.Getopt("LP", "logical=L", "physical=P")
	if o.Last("LP") == 'L' {
		pwd := c.Getenv("PWD")
		if strings.HasPrefix(pwd, "/") && !strings.Contains(pwd+"/", "/./") && !strings.Contains(pwd+"/", "/../") {
			a, err1 := sys.Stat(pwd)
			b, err2 := sys.Stat(".")
			if err1 == nil && err2 == nil && a.Ino == b.Ino && a.Dev == b.Dev {
				c.Out.WriteString(pwd + "\n")
				return 0
			}
		}
	}
	cwd, err := sys.Getcwd()
	if err != nil {
		c.Fatal("getcwd", err)
	}
	c.Out.WriteString(cwd + "\n")
	return 0
}

// Which finds programs in PATH.
func Which(c *applet.Context) int {
	o := c.Getopt("a")
	c.NArgs(1, -1)
	path := c.Getenv("PATH")
	if path == "" {
		path = "/sbin:/usr/sbin:/bin:/usr/bin"
	}
	code := 0
	for _, name := range c.Args {
		found := false
		dirs := strings.Split(path, ":")
		if strings.Contains(name, "/") {
			dirs = dirs[:1]
		}
		for _, dir := range dirs {
			file := name
			if !strings.Contains(name, "/") {
				if dir == "" {
					dir = "."
				}
				file = join(dir, name)
			}
			st, err := sys.Stat(file)
			if err != nil || st.Mode&abi.S_IFMT != abi.S_IFREG || sys.Access(file, abi.X_OK) != nil {
				continue
			}
			found = true
			c.Out.WriteString(file + "\n")
			if !o.Has("a") {
				break
			}
		}
		if !found {
			code = 1
		}
	}
	return code
}
