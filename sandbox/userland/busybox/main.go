// Command busybox is the container's multi-call binary: the applet is chosen by the name it is called by. In the
// sandbox it is a reactor: the host runs _initialize once, keeps the memory as a template, and calls run for every
// process (main_wasip1.go). Natively it is an ordinary program, for tests.
package main

import (
	"os"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// context is made before the template is taken, so that a process finds its output buffer ready.
var context applet.Context

func main() { os.Exit(run(sys.Args())) }

// run runs the applet that argv[0] names.
func run(argv []string) int {
	if len(argv) == 0 {
		return 127
	}
	name := argv[0]
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimPrefix(name, "-") // a login shell's name
	if strings.HasPrefix(name, "busybox") {
		return multiplexer(argv)
	}
	return call(name, argv[1:])
}

func call(name string, args []string) int {
	f, ok := applets[name]
	if !ok {
		sys.Write(2, []byte(name+": applet not found\n"))
		return 127
	}
	return context.Run(name, args, f)
}

// multiplexer is what the busybox does when it is called by its own name.
func multiplexer(argv []string) int {
	if len(argv) < 2 {
		return context.Run("busybox", nil, about)
	}
	switch args := argv[2:]; argv[1] {
	case "--list", "--list-full":
		return context.Run("busybox", argv[1:], list)
	case "--install":
		return context.Run("busybox", args, install)
	case "--help":
		if len(args) > 0 {
			return call(args[0], []string{"--help"})
		}
		return context.Run("busybox", nil, about)
	default:
		return call(argv[1], args)
	}
}

func about(c *applet.Context) int {
	c.Out.WriteString(applet.Version + `
Usage: busybox [function [arguments]...]
   or: busybox --list[-full]
   or: busybox --install [-s] [DIR]
   or: function [arguments]...

	The functions of a small Linux box in one WebAssembly program. Most people
	will create a link to busybox for each function they wish to use.

Currently defined functions:
`)
	line := "\t"
	names := applet.Names()
	for i, name := range names {
		word := name
		if i < len(names)-1 {
			word += ", "
		}
		if len(line)+len(word) > 79 {
			c.Out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "\t"
		}
		line += word
	}
	c.Out.WriteString(line + "\n")
	return 0
}

func list(c *applet.Context) int {
	for _, name := range applet.Names() {
		if c.Args[0] == "--list-full" {
			name = "bin/" + name
		}
		c.Out.WriteString(name + "\n")
	}
	return 0
}

// install makes a link for every applet, symbolic ones with -s, in DIR or /bin.
func install(c *applet.Context) int {
	o := c.Getopt("s")
	dir := "/bin"
	if len(c.Args) > 0 {
		dir = c.Args[0]
	}
	self, err := sys.Readlink("/proc/self/exe")
	if err != nil {
		c.Fatal("/proc/self/exe", err)
	}
	code := 0
	for _, name := range applet.Names() {
		if name == "busybox" {
			continue
		}
		if o.Has("s") {
			err = sys.Symlink(self, dir+"/"+name)
		} else {
			err = sys.Link(self, dir+"/"+name, 0)
		}
		if err != nil && err != abi.EEXIST {
			c.Perror(dir+"/"+name, err)
			code = 1
		}
	}
	return code
}
