package process

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// RunParts runs the programs of a directory in the order of their names.
func RunParts(c *applet.Context) int {
	o := c.Getopt("a:u:tles", "arg=a", "umask=u", "test=t", "exit-on-error=e", "reverse=s", "list=l")
	c.NArgs(1, 1)
	mask := uint32(0o22)
	if text, ok := o.Arg('u'); ok {
		n, err := parseOctal(text)
		if err != nil {
			c.Fatalf("invalid number '%s'", text)
		}
		mask = n
	}
	sys.Umask(mask)
	dir := c.Args[0]
	list, err := sys.ReadDir(dir)
	if err != nil {
		c.Perror(dir, err)
		return 0
	}
	var names []string
	for _, d := range list {
		if strings.Trim(d.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") != "" {
			continue
		}
		path := strings.TrimRight(dir, "/") + "/" + d.Name
		st, err := sys.Stat(path)
		if err != nil || st.Mode&abi.S_IFMT == abi.S_IFDIR || !o.Has("l") && sys.Access(path, abi.X_OK) != nil {
			continue
		}
		names = append(names, path)
	}
	slices.Sort(names)
	if o.Has("s") {
		slices.Reverse(names)
	}
	code := 0
	for _, name := range names {
		if o.Has("tl") {
			c.Out.WriteString(name + "\n")
			continue
		}
		pid, err := c.Spawn(&sys.Process{Argv: append([]string{name}, o.All('a')...)})
		if err != nil {
			c.Errorf("can't execute '%s': %s", name, applet.Strerror(err))
			code = 1
		} else if n := applet.Wait(pid); n != 0 {
			c.Errorf("%s: exit status %d", name, n)
			code = 1
		}
		if code != 0 && o.Has("e") {
			return code
		}
	}
	return code
}

func parseOctal(text string) (uint32, error) {
	n := uint32(0)
	for _, x := range []byte(text) {
		if x < '0' || x > '7' || n > 0o7777 {
			return 0, abi.EINVAL
		}
		n = n<<3 | uint32(x-'0')
	}
	return n, nil
}

// Flock takes a lock on a file while a program runs, or on an open descriptor.
func Flock(c *applet.Context) int {
	o := c.Getopt("+sxnuc:", "shared=s", "exclusive=x", "unlock=u", "nonblock=n", "nb=n", "command=c")
	c.NArgs(1, -1)
	fd := -1
	name, args := c.Args[0], c.Args[1:]
	if len(args) > 0 || o.Has("c") {
		// "-c PROG" may stand after the file too.
		if len(args) > 0 && (args[0] == "-c" || args[0] == "--command") {
			if len(args) != 2 {
				c.Fatalf("-c takes only one argument")
			}
			args = shellCommand(c, args[1])
		} else if text, ok := o.Arg('c'); ok {
			args = shellCommand(c, text)
		}
		var err error
		if fd, err = sys.Open(name, abi.O_RDONLY|abi.O_NOCTTY|abi.O_CREAT, 0o666); err != nil {
			if err == abi.EISDIR {
				fd, err = sys.Open(name, abi.O_RDONLY|abi.O_NOCTTY, 0)
			}
			if err != nil {
				c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
			}
		}
	} else {
		fd = int(c.Number(name, nil))
	}
	how := abi.LOCK_EX
	switch o.Last("sxu") {
	case 's':
		how = abi.LOCK_SH
	case 'u':
		how = abi.LOCK_UN
	}
	if o.Has("n") {
		how |= abi.LOCK_NB
	}
	for {
		err := sys.Flock(fd, how)
		if err == nil {
			break
		}
		if err == abi.EAGAIN {
			return 1
		}
		if err != abi.EINTR {
			c.Fatal("flock", err)
		}
	}
	if len(args) == 0 {
		return 0
	}
	pid, err := c.Spawn(&sys.Process{Argv: args})
	if err != nil {
		c.Errorf("can't execute '%s': %s", args[0], applet.Strerror(err))
		return applet.ExecCode(err)
	}
	return applet.Wait(pid)
}

// Chroot runs a program in another root directory.
func Chroot(c *applet.Context) int {
	if len(c.Args) > 0 && c.Args[0] == "--" {
		c.Args = c.Args[1:]
	}
	c.NArgs(1, -1)
	root, args := c.Args[0], c.Args[1:]
	if err := sys.Chroot(root); err != nil {
		c.Errorf("can't change root directory to '%s': %s", root, applet.Strerror(err))
		return 1
	}
	if err := sys.Chdir("/"); err != nil {
		c.Fatalf("can't change directory to '/': %s", applet.Strerror(err))
	}
	if len(args) == 0 {
		shell := c.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		args = []string{shell, "-i"}
	}
	c.Exec(&sys.Process{Argv: args})
	return 127
}

// Killall5 signals every process but those of its own session.
func Killall5(c *applet.Context) int {
	signal := abi.SIGTERM
	spared := map[int]bool{1: true, sys.Getpid(): true}
	for args := c.Args; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "-o" && len(args) > 1:
			spared[int(c.Number(args[1], nil))] = true
			args = args[1:]
		case strings.HasPrefix(args[0], "-"):
			s, ok := abi.ParseSignal(args[0][1:])
			if !ok {
				c.Fatalf("bad signal name '%s'", args[0][1:])
			}
			signal = s
		default:
			c.Usage()
		}
	}
	self := readProcess(sys.Getpid())
	code := 2
	for _, p := range processes(c) {
		if spared[p.pid] || self != nil && p.sid == self.sid || p.vsz == 0 && len(p.argv) == 0 {
			continue
		}
		if err := sys.Kill(p.pid, signal); err == nil {
			code = 0
		}
	}
	return code
}

// shellCommand is how the user's shell runs a command line.
func shellCommand(c *applet.Context, line string) []string {
	shell := c.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	return []string{shell, "-c", line}
}
