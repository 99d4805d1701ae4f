package files

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// remover removes files and trees.
type remover struct {
	c                              *applet.Context
	force, ask, recursive, verbose bool
}

// Rm removes files.
func Rm(c *applet.Context) int {
	o := c.Getopt("firRv", "force=f", "interactive=i", "recursive=r", "verbose=v")
	if !o.Has("f") {
		c.NArgs(1, -1)
	}
	r := &remover{c: c, force: o.Last("fi") == 'f', ask: o.Last("fi") == 'i', recursive: o.Has("rR"), verbose: o.Has("v")}
	code := 0
	for _, path := range c.Args {
		switch last := lastComponent(path); {
		case last == "." || last == "..":
			c.Errorf("can't remove '.' or '..'")
			code = 1
			continue
		case last == "/":
			c.Errorf("can't remove '/'")
			code = 1
			continue
		}
		if !r.remove(path) {
			code = 1
		}
	}
	return code
}

func (r *remover) remove(path string) bool {
	st, err := sys.Lstat(path)
	if err != nil {
		if r.force && err == abi.ENOENT {
			return true
		}
		return r.fail("can't %s '%s': %s", "remove", path, err)
	}
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		return r.directory(path)
	}
	if r.ask || !r.force && st.Mode&abi.S_IFMT != abi.S_IFLNK && sys.Access(path, abi.W_OK) != nil && sys.Isatty(0) {
		if !confirm(r.c, "remove '"+path+"'?") {
			return true
		}
	}
	if err := sys.Unlink(path); err != nil {
		return r.fail("can't %s '%s': %s", "remove", path, err)
	}
	if r.verbose {
		r.c.Out.WriteString("removed '" + path + "'\n")
	}
	return true
}

func (r *remover) directory(path string) bool {
	if !r.recursive {
		r.c.Errorf("'%s' is a directory", path)
		return false
	}
	if r.ask && !confirm(r.c, "descend into directory '"+path+"'?") {
		return true
	}
	list, err := sys.ReadDir(path)
	if err != nil {
		return r.fail("can't %s '%s': %s", "open", path, err)
	}
	ok := true
	for _, d := range list {
		if !r.remove(join(path, d.Name)) {
			ok = false
		}
	}
	if r.ask && !confirm(r.c, "remove directory '"+path+"'?") {
		return ok
	}
	if err := sys.Rmdir(path); err != nil {
		return r.fail("can't %s '%s': %s", "remove", path, err)
	}
	if r.verbose {
		r.c.Out.WriteString("removed directory: '" + path + "'\n")
	}
	return ok
}

func (r *remover) fail(format, what, path string, err error) bool {
	r.c.Errorf(format, what, path, applet.Strerror(err))
	return false
}

// Rmdir removes empty directories.
func Rmdir(c *applet.Context) int {
	o := c.Getopt("pv\x80", "parents=p", "ignore-fail-on-non-empty=\x80", "verbose=v")
	c.NArgs(1, -1)
	code := 0
	for _, path := range c.Args {
		for {
			if err := sys.Rmdir(path); err != nil {
				if o.Has("\x80") && (err == abi.ENOTEMPTY || err == abi.EEXIST) {
					break
				}
				c.Errorf("'%s': %s", path, applet.Strerror(err))
				code = 1
				break
			}
			i := strings.LastIndexByte(path, '/')
			if !o.Has("p") || i <= 0 {
				break
			}
			path = path[:i]
		}
	}
	return code
}

// Unlink removes one name.
func Unlink(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(1, 1)
	if err := sys.Unlink(c.Args[0]); err != nil {
		c.Fatalf("can't remove file '%s': %s", c.Args[0], applet.Strerror(err))
	}
	return 0
}

// Link makes one hard link.
func Link(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(2, 2)
	if err := sys.Link(c.Args[0], c.Args[1], 0); err != nil {
		c.Fatalf("can't create hardlink '%s' to '%s': %s", c.Args[1], c.Args[0], applet.Strerror(err))
	}
	return 0
}
