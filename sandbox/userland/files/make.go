package files

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Mkdir makes directories.
func Mkdir(c *applet.Context) int {
	o := c.Getopt("m:pv", "mode=m", "parents=p", "verbose=v")
	c.NArgs(1, -1)
	mode, hasMode := uint32(0o777), false
	if text, ok := o.Arg('m'); ok {
		umask := sys.Umask(0)
		sys.Umask(umask)
		if mode, hasMode = ParseMode(text, 0o777, umask); !hasMode {
			c.Fatalf("invalid mode '%s'", text)
		}
	}
	code := 0
	for _, path := range c.Args {
		if o.Has("p") {
			if !makePath(c, path, 0o777, o.Has("v")) {
				code = 1
				continue
			}
			if !hasMode {
				continue
			}
		} else if err := sys.Mkdir(path, mode); err != nil {
			c.Errorf("can't create directory '%s': %s", path, applet.Strerror(err))
			code = 1
			continue
		} else if o.Has("v") {
			c.Out.WriteString("created directory: '" + path + "'\n")
		}
		if hasMode {
			if err := sys.Chmod(path, mode); err != nil {
				c.Errorf("can't set permissions of directory '%s': %s", path, applet.Strerror(err))
				code = 1
			}
		}
	}
	return code
}

// makePath makes a directory and those above it; one that is there already is fine.
func makePath(c *applet.Context, path string, mode uint32, verbose bool) bool {
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' || path[i-1] == '/' && i < len(path) {
			continue
		}
		part := path[:i]
		partMode := mode
		if i < len(path) {
			part += "/"
		}
		if i < len(path) {
			partMode |= 0o300
		}
		err := sys.Mkdir(part, partMode)
		if err == nil {
			if verbose {
				c.Out.WriteString("created directory: '" + part + "'\n")
			}
			continue
		}
		if st, statErr := sys.Stat(part); statErr == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
			continue
		}
		if err == abi.EEXIST && i < len(path) {
			err = abi.ENOTDIR
		}
		c.Errorf("can't create directory '%s': %s", part, applet.Strerror(err))
		return false
	}
	return true
}

// Mkfifo makes named pipes.
func Mkfifo(c *applet.Context) int {
	o := c.Getopt("m:", "mode=m")
	c.NArgs(1, -1)
	mode := nodeMode(c, o)
	code := 0
	for _, path := range c.Args {
		if err := sys.Mknod(path, abi.S_IFIFO|mode, 0); err != nil {
			c.Perror(path, err)
			code = 1
		}
	}
	return code
}

// nodeMode returns the mode of -m, which the umask does not touch.
func nodeMode(c *applet.Context, o *applet.Options) uint32 {
	text, ok := o.Arg('m')
	if !ok {
		return 0o666
	}
	mode, ok := ParseMode(text, 0o666, 0)
	if !ok {
		c.Fatalf("invalid mode '%s'", text)
	}
	sys.Umask(0)
	return mode
}

// Mknod makes devices and named pipes.
func Mknod(c *applet.Context) int {
	o := c.Getopt("m:", "mode=m")
	mode := nodeMode(c, o)
	c.NArgs(2, 4)
	kind, dev := uint32(0), uint64(0)
	switch c.Args[1] {
	case "p":
		kind = abi.S_IFIFO
	case "c", "u":
		kind = abi.S_IFCHR
	case "b":
		kind = abi.S_IFBLK
	default:
		c.Usage()
	}
	if kind == abi.S_IFIFO {
		c.NArgs(2, 2)
	} else {
		c.NArgs(4, 4)
		dev = abi.Mkdev(uint32(c.Number(c.Args[2], nil)), uint32(c.Number(c.Args[3], nil)))
	}
	if err := sys.Mknod(c.Args[0], kind|mode, dev); err != nil {
		c.Fatal(c.Args[0], err)
	}
	return 0
}

// Ln makes links.
func Ln(c *applet.Context) int {
	o := c.Getopt("sfnbS:vTt:", "symbolic=s", "force=f", "no-dereference=n", "verbose=v", "no-target-directory=T", "suffix=S", "backup=b")
	c.NArgs(1, -1)
	suffix := "~"
	if s, ok := o.Arg('S'); ok {
		suffix = s
	}
	targets, dest := c.Args, "."
	if len(targets) > 1 {
		dest, targets = targets[len(targets)-1], targets[:len(targets)-1]
	} else {
		dest = lastComponent(targets[0])
	}
	isDir := func() bool {
		st, err := sys.Stat(dest)
		if o.Has("n") {
			st, err = sys.Lstat(dest)
		}
		return err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR
	}()
	if len(c.Args) == 1 || o.Has("T") {
		isDir = false
	}
	if len(targets) > 1 && !isDir {
		c.Fatalf("target '%s' is not a directory", dest)
	}
	code := 0
	for _, target := range targets {
		path := dest
		if isDir {
			path = join(dest, lastComponent(target))
		}
		if !o.Has("s") {
			st, err := sys.Stat(target)
			if err != nil {
				c.Perror(target, err)
				code = 1
				continue
			}
			if there, err := sys.Lstat(path); err == nil && o.Has("f") && there.Ino == st.Ino && there.Dev == st.Dev {
				c.Errorf("'%s' and '%s' are the same file", target, path)
				code = 1
				continue
			}
		}
		if o.Has("bS") {
			if err := sys.Rename(path, path+suffix); err != nil && err != abi.ENOENT {
				c.Perror(path, err)
				code = 1
				continue
			}
		} else if o.Has("f") {
			sys.Unlink(path)
		}
		var err error
		if o.Has("s") {
			err = sys.Symlink(target, path)
		} else {
			err = sys.Link(target, path, 0)
		}
		if err != nil {
			c.Perror(path, err)
			code = 1
			continue
		}
		if o.Has("v") {
			c.Out.WriteString("'" + path + "' -> '" + target + "'\n")
		}
	}
	return code
}

// Mktemp makes a temporary file or directory.
func Mktemp(c *applet.Context) int {
	o := c.Getopt("dqtp:u", "directory=d", "quiet=q", "tmpdir=p", "dry-run=u")
	c.NArgs(0, 1)
	dir := c.Getenv("TMPDIR")
	if p, ok := o.Arg('p'); ok && (dir == "" || !o.Has("t")) {
		dir = p
	}
	if dir == "" {
		dir = "/tmp"
	}
	template := "tmp.XXXXXX"
	inDir := o.Has("tp")
	if len(c.Args) > 0 {
		template = c.Args[0]
	} else {
		inDir = true
	}
	if inDir {
		template = join(dir, template)
	}
	name, err := temporary(template, o.Has("d"), o.Has("u"))
	if err != nil {
		if !o.Has("q") {
			c.Errorf("%s: %s", "(null)", applet.Strerror(err))
		}
		return 1
	}
	c.Out.WriteString(name + "\n")
	return 0
}

// temporary replaces the six X that end a template by random letters, until the name is free; it makes the file
// (0600) or directory (0700) unless dry.
func temporary(template string, dir, dry bool) (string, error) {
	stem, ok := strings.CutSuffix(template, "XXXXXX")
	if !ok {
		return "", abi.EINVAL
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	random := make([]byte, 6)
	for range 100 {
		if err := sys.Random(random); err != nil {
			return "", err
		}
		for i, b := range random {
			random[i] = letters[int(b)%len(letters)]
		}
		name := stem + string(random)
		var err error
		switch {
		case dry:
			if _, err = sys.Lstat(name); err == nil {
				err = abi.EEXIST
			} else if err == abi.ENOENT {
				err = nil
			}
		case dir:
			err = sys.Mkdir(name, 0o700)
		default:
			var fd int
			if fd, err = sys.Open(name, abi.O_RDWR|abi.O_CREAT|abi.O_EXCL|abi.O_CLOEXEC, 0o600); err == nil {
				sys.Close(fd)
			}
		}
		if err != abi.EEXIST {
			return name, err
		}
	}
	return "", abi.EEXIST
}

// Truncate sets sizes.
func Truncate(c *applet.Context) int {
	o := c.Getopt("cs:", "size=s", "no-create=c")
	text, ok := o.Arg('s')
	if !ok {
		c.Usage()
	}
	c.NArgs(1, -1)
	sign := text[:min(1, len(text))]
	if sign == "+" || sign == "-" {
		text = text[1:]
	} else {
		sign = ""
	}
	size := c.Number(text, applet.CWBKMG)
	flags := abi.O_WRONLY | abi.O_NONBLOCK | abi.O_CLOEXEC
	if !o.Has("c") {
		flags |= abi.O_CREAT
	}
	code := 0
	for _, path := range c.Args {
		fd, err := sys.Open(path, flags, 0o666)
		if err != nil {
			if err == abi.ENOENT && o.Has("c") {
				continue
			}
			c.Errorf("%s: open: %s", path, applet.Strerror(err))
			code = 1
			continue
		}
		n := size
		if st, err := sys.Fstat(fd); err == nil && sign == "+" {
			n = st.Size + size
		} else if err == nil && sign == "-" {
			n = max(0, st.Size-size)
		}
		if err := sys.Ftruncate(fd, n); err != nil {
			c.Errorf("%s: truncate: %s", path, applet.Strerror(err))
			code = 1
		}
		sys.Close(fd)
	}
	return code
}

// Sync writes everything to its store.
func Sync(c *applet.Context) int {
	c.Getopt("df")
	code := 0
	if len(c.Args) == 0 {
		sys.Sync()
	}
	for _, path := range c.Args {
		fd, err := sys.Open(path, abi.O_RDONLY|abi.O_NONBLOCK|abi.O_CLOEXEC, 0)
		if err == nil {
			err = sys.Fsync(fd)
			sys.Close(fd)
		}
		if err != nil {
			c.Perror(path, err)
			code = 1
		}
	}
	return code
}
