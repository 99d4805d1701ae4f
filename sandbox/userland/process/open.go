package process

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// openFiles returns the targets of a process's descriptors, in order.
func openFiles(pid int) (fds []int, targets []string) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	list, _ := sys.ReadDir(dir)
	for _, d := range list {
		if fd, err := strconv.Atoi(d.Name); err == nil {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	kept := fds[:0]
	for _, fd := range fds {
		if target, err := sys.Readlink(dir + "/" + strconv.Itoa(fd)); err == nil {
			kept = append(kept, fd)
			targets = append(targets, target)
		}
	}
	return kept, targets
}

// Lsof lists the open files of all processes.
func Lsof(c *applet.Context) int {
	for _, p := range processes(c) {
		exe, err := sys.Readlink("/proc/" + strconv.Itoa(p.pid) + "/exe")
		if err != nil {
			continue
		}
		_, targets := openFiles(p.pid)
		for _, target := range targets {
			c.Out.Printf("%d\t%s\t%s\n", p.pid, exe, target)
		}
	}
	return 0
}

// Fuser lists, or signals, the processes that use files.
func Fuser(c *applet.Context) int {
	signal := abi.SIGKILL
	var args []string
	for _, arg := range c.Args { // -SIGNAL stands among the options
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			if s, ok := abi.ParseSignal(arg[1:]); ok {
				signal = s
				continue
			}
		}
		args = append(args, arg)
	}
	c.Args = args
	o := c.Getopt("mks46")
	c.NArgs(1, -1)
	if o.Has("46") {
		c.Fatalf("sockets by port are not supported")
	}
	type id struct{ dev, ino uint64 }
	wanted, devices := map[id]bool{}, map[uint64]bool{}
	for _, name := range c.Args {
		st, err := sys.Stat(name)
		if err != nil {
			c.Errorf("%s: %s", name, applet.Strerror(err))
			return 1
		}
		wanted[id{st.Dev, st.Ino}] = true
		devices[st.Dev] = o.Has("m")
	}
	uses := func(path string) bool {
		st, err := sys.Stat(path)
		return err == nil && (wanted[id{st.Dev, st.Ino}] || devices[st.Dev])
	}
	code, self := 1, sys.Getpid()
	var found []string
	for _, p := range processes(c) {
		dir := "/proc/" + strconv.Itoa(p.pid)
		used := uses(dir+"/cwd") || uses(dir+"/exe") || uses(dir+"/root")
		if !used {
			fds, _ := openFiles(p.pid)
			used = slices.ContainsFunc(fds, func(fd int) bool { return uses(dir + "/fd/" + strconv.Itoa(fd)) })
		}
		if !used {
			continue
		}
		code = 0
		found = append(found, strconv.Itoa(p.pid))
		if o.Has("k") && p.pid != self {
			if err := sys.Kill(p.pid, signal); err != nil {
				c.Errorf("kill pid %d: %s", p.pid, applet.Strerror(err))
				code = 1
			}
		}
	}
	if !o.Has("s") && !o.Has("k") && len(found) > 0 {
		c.Out.WriteString(strings.Join(found, " ") + "\n")
	}
	return code
}

// Pwdx prints the working directories of processes.
func Pwdx(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(1, -1)
	for _, arg := range c.Args {
		pid, err := strconv.ParseUint(strings.TrimPrefix(arg, "/proc/"), 10, 31)
		if err != nil {
			c.Fatalf("invalid process id: '%s'", arg)
		}
		dir, err := sys.Readlink("/proc/" + strconv.FormatUint(pid, 10) + "/cwd")
		if err == abi.ENOENT {
			err = abi.ESRCH
		}
		if err != nil {
			dir = applet.Strerror(err)
		}
		c.Out.WriteString(arg + ": " + dir + "\n")
	}
	return 0
}

// Pmap prints the memory maps of processes.
func Pmap(c *applet.Context) int {
	o := c.Getopt("xq")
	c.NArgs(1, -1)
	code := 0
	for _, arg := range c.Args {
		pid := int(c.Number(arg, nil))
		p := readProcess(pid)
		if p == nil {
			code = 42 // what procps's gives for processes that are not there
			continue
		}
		c.Out.Printf("%d: %s\n", pid, p.args())
		if !o.Has("q") && o.Has("x") {
			c.Out.WriteString("Address           Kbytes     PSS   Dirty    Swap  Mode  Mapping\n")
		}
		total := uint64(0)
		maps, _ := applet.ReadFile("/proc/" + arg + "/maps")
		for line := range strings.Lines(string(maps)) {
			f := strings.Fields(line)
			if len(f) < 5 {
				continue
			}
			from, to, _ := strings.Cut(f[0], "-")
			start, _ := strconv.ParseUint(from, 16, 64)
			end, _ := strconv.ParseUint(to, 16, 64)
			name := "  [ anon ]"
			if len(f) > 5 {
				name = strings.Join(f[5:], " ")
			}
			size := (end - start) / 1024
			total += size
			if o.Has("x") {
				c.Out.Printf("%016x %7d %7d %7d %7d %.4s  %s\n", start, size, 0, 0, 0, f[1], name)
			} else {
				c.Out.Printf("%016x %7dK %.4s  %s\n", start, size, f[1], name)
			}
		}
		if !o.Has("q") {
			if o.Has("x") {
				c.Out.Printf("----------------  ------  ------  ------  ------\ntotal            %7d %7d %7d %7d\n", total, 0, 0, 0)
			} else {
				c.Out.Printf("mapped: %dK\n", total)
			}
		}
	}
	return code
}
