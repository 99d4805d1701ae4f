package files

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Fsync writes what is buffered of files to their store.
func Fsync(c *applet.Context) int {
	o := c.Getopt("d")
	c.NArgs(1, -1)
	code := 0
	for _, name := range c.Args {
		fd, err := sys.Open(name, abi.O_RDONLY|abi.O_NOATIME|abi.O_NOCTTY, 0)
		if err != nil {
			c.Errorf("can't open '%s': %s", name, applet.Strerror(err))
			code = 1
			continue
		}
		write := sys.Fsync
		if o.Has("d") {
			write = sys.Fdatasync
		}
		if err := write(fd); err != nil {
			c.Perror(name, err)
			code = 1
		}
		sys.Close(fd)
	}
	return code
}

// Fallocate reserves space for a file.
func Fallocate(c *applet.Context) int {
	o := c.Getopt("l:o:", "length=l", "offset=o")
	length, ok := o.Arg('l')
	if !ok || len(c.Args) != 1 {
		c.Usage()
	}
	size, offset := c.Number(length, applet.CWBKMG), int64(0)
	if text, ok := o.Arg('o'); ok {
		offset = c.Number(text, applet.CWBKMG)
	}
	name := c.Args[0]
	fd, err := sys.Open(name, abi.O_RDWR|abi.O_CREAT, 0o666)
	if err != nil {
		c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
	}
	if err := sys.Fallocate(fd, offset, size); err != nil {
		c.Errorf("fallocate '%s': %s", name, applet.Strerror(err))
		return 1
	}
	return 0
}

// Mountpoint tells whether a directory is one.
func Mountpoint(c *applet.Context) int {
	o := c.Getopt("qdxn", "quiet=q", "fs-devno=d")
	c.NArgs(1, 1)
	name := c.Args[0]
	st, err := sys.Lstat(name)
	fail := func(reason string) int {
		if !o.Has("q") {
			c.Errorf("%s: %s", name, reason)
		}
		return 1
	}
	if err != nil {
		return fail(applet.Strerror(err))
	}
	kind := st.Mode & abi.S_IFMT
	if o.Has("x") {
		if kind != abi.S_IFBLK {
			return fail("Block device required")
		}
		c.Out.Printf("%d:%d\n", abi.Major(st.Rdev), abi.Minor(st.Rdev))
		return 0
	}
	if kind == abi.S_IFLNK {
		if st, err = sys.Stat(name); err != nil {
			return fail(applet.Strerror(err))
		}
		kind = st.Mode & abi.S_IFMT
	}
	if kind != abi.S_IFDIR {
		return fail("Not a directory")
	}
	is, source := mountAt(name, st)
	switch {
	case o.Has("d"):
		c.Out.Printf("%d:%d\n", abi.Major(st.Dev), abi.Minor(st.Dev))
	case o.Has("n"):
		if !is {
			source = "UNKNOWN"
		}
		c.Out.WriteString(source + " " + name + "\n")
	case !o.Has("q"):
		not := "not "
		if is {
			not = ""
		}
		c.Out.WriteString(name + " is " + not + "a mountpoint\n")
	}
	if is {
		return 0
	}
	return 1
}

// mountAt reports whether something is mounted on a directory: it has another device than its parent, or is the
// root, or stands in the list of mounts (a bind mount has its parent's device).
func mountAt(name string, st *abi.Stat) (is bool, source string) {
	up, err := sys.Stat(name + "/..")
	if err == nil {
		is = st.Dev != up.Dev || st.Ino == up.Ino
	}
	path := realpath(name)
	mounts, _ := applet.ReadFile("/proc/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == path {
			return true, f[0]
		}
	}
	return is, source
}

// realpath returns the path of a directory without links.
func realpath(dir string) string {
	if fd, err := sys.Open(dir, abi.O_RDONLY|abi.O_DIRECTORY|abi.O_CLOEXEC, 0); err == nil {
		defer sys.Close(fd)
		if path, err := sys.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil {
			return path
		}
	}
	return dir
}

// PipeProgress copies standard input to standard output, with a dot on standard error for every second that it takes.
func PipeProgress(c *applet.Context) int {
	buf := make([]byte, 64<<10)
	last := sys.ClockGettime(sys.CLOCK_MONOTONIC).Sec
	for {
		n, err := sys.Read(0, buf)
		if n <= 0 || err != nil {
			break
		}
		if sys.Write(1, buf[:n]) != nil {
			break
		}
		if now := sys.ClockGettime(sys.CLOCK_MONOTONIC).Sec; now != last {
			last = now
			sys.Write(2, []byte("."))
		}
	}
	sys.Write(2, []byte("\n"))
	return 0
}
