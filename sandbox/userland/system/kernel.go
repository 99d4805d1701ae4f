package system

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Hostid prints the machine's number: /etc/hostid's, or one made of its address, as gethostid(3) does.
func Hostid(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(0, 0)
	id := uint32(0)
	if data, err := applet.ReadFile("/etc/hostid"); err == nil && len(data) >= 4 {
		id = binary.LittleEndian.Uint32(data)
	} else if u, err := sys.Uname(); err == nil {
		host, _ := hostEntry(text(u.Nodename))
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
			b := ip.As4()
			n := binary.LittleEndian.Uint32(b[:])
			id = n<<16 | n>>16
		}
	}
	c.Out.Printf("%08x\n", id)
	return 0
}

// Ttysize prints the width and height of the terminal.
func Ttysize(c *applet.Context) int {
	rows, cols := 24, 80
	for fd := range 3 {
		if w, err := sys.GetWinsize(fd); err == nil && w.Row > 0 && w.Col > 0 {
			rows, cols = int(w.Row), int(w.Col)
			break
		}
	}
	if len(c.Args) == 0 {
		c.Out.Printf("%d %d\n", cols, rows)
		return 0
	}
	var words []string
	for _, arg := range c.Args {
		switch {
		case strings.HasPrefix(arg, "w"):
			words = append(words, fmt.Sprint(cols))
		case strings.HasPrefix(arg, "h"):
			words = append(words, fmt.Sprint(rows))
		default:
			c.Usage()
		}
	}
	c.Out.WriteString(strings.Join(words, " ") + "\n")
	return 0
}

// Dmesg prints the kernel's log.
func Dmesg(c *applet.Context) int {
	o := c.Getopt("cs:n:r")
	const readAll, readClear, consoleLevel = 3, 4, 8
	if text, ok := o.Arg('n'); ok {
		if _, err := sys.Klog(consoleLevel, nil, int(c.Number(text, nil))); err != nil {
			c.Fatal("klogctl", err)
		}
		return 0
	}
	size := 16 << 10
	if text, ok := o.Arg('s'); ok {
		size = int(c.Number(text, nil))
	}
	action := readAll
	if o.Has("c") {
		action = readClear
	}
	buf := make([]byte, max(size, 2))
	n, err := sys.Klog(action, buf, len(buf))
	if err == abi.ENOSYS {
		return 0 // a kernel that keeps no log has an empty one
	}
	if err != nil {
		c.Fatal("klogctl", err)
	}
	for line := range strings.Lines(string(buf[:n])) {
		if !o.Has("r") && strings.HasPrefix(line, "<") {
			if i := strings.IndexByte(line, '>'); i > 0 {
				line = line[i+1:]
			}
		}
		c.Out.WriteString(line)
	}
	return 0
}

// Sysctl reads and sets kernel parameters below /proc/sys.
func Sysctl(c *applet.Context) int {
	o := c.Getopt("neAapwqr", "quiet=q")
	s := &sysctl{c: c, o: o}
	switch {
	case o.Has("aA"):
		s.walk("/proc/sys")
	case o.Has("p"):
		files := c.Args
		if len(files) == 0 {
			files = []string{"/etc/sysctl.conf"}
		}
		for _, file := range files {
			s.file(file)
		}
	default:
		for _, arg := range c.Args {
			s.argument(arg, o.Has("w"))
		}
	}
	return s.code
}

type sysctl struct {
	c    *applet.Context
	o    *applet.Options
	code int
}

// path turns a key with dots or slashes into a path: the first of the two is the separator.
func (s *sysctl) path(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '.' {
		key = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, key)
	}
	return "/proc/sys/" + key
}

func (s *sysctl) argument(arg string, write bool) {
	key, value, set := strings.Cut(arg, "=")
	if write && !set {
		s.c.Errorf("error: '%s' must be of the form name=value", arg)
		s.code = 1
		return
	}
	key = strings.TrimSpace(key)
	path := s.path(key)
	st, err := sys.Stat(path)
	switch {
	case err != nil:
		s.failed(key, err)
	case set:
		s.set(key, path, strings.TrimSpace(value))
	case st.Mode&abi.S_IFMT == abi.S_IFDIR:
		s.walk(path)
	default:
		s.show(key, path)
	}
}

// failed tells of a key that cannot be read or set. With -e, one that does not exist is not told.
func (s *sysctl) failed(key string, err error) {
	s.code = 1
	switch {
	case err == abi.ENOENT:
		if !s.o.Has("e") {
			s.c.Errorf("error: '%s' is an unknown key", key)
		}
	default:
		s.c.Errorf("error %sing key '%s': %s", map[bool]string{true: "sett", false: "read"}[s.o.Has("wp")], key, applet.Strerror(err))
	}
}

func (s *sysctl) set(key, path, value string) {
	fd, err := sys.Open(path, abi.O_WRONLY|abi.O_CLOEXEC, 0)
	if err == nil {
		err = sys.Write(fd, []byte(value+"\n"))
		sys.Close(fd)
	}
	if err != nil {
		if err == abi.ENOENT {
			s.failed(key, err)
			return
		}
		s.c.Errorf("error setting key '%s': %s", key, applet.Strerror(err))
		s.code = 1
		return
	}
	if !s.o.Has("q") {
		s.print(key, value)
	}
}

func (s *sysctl) print(key, value string) {
	if s.o.Has("n") {
		s.c.Out.WriteString(value + "\n")
		return
	}
	s.c.Out.WriteString(key + " = " + value + "\n")
}

func (s *sysctl) show(key, path string) {
	data, err := applet.ReadFile(path)
	if err != nil {
		s.failed(key, err)
		return
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(data), "\n"), "\n") {
		s.print(strings.ReplaceAll(key, "/", "."), line)
	}
}

// walk shows all below a directory.
func (s *sysctl) walk(dir string) {
	list, err := sys.ReadDir(dir)
	if err != nil {
		s.failed(strings.TrimPrefix(dir, "/proc/sys/"), err)
		return
	}
	slices.SortFunc(list, func(a, b sys.Dirent) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range list {
		path := dir + "/" + d.Name
		st, err := sys.Lstat(path)
		switch {
		case err != nil:
		case st.Mode&abi.S_IFMT == abi.S_IFDIR:
			s.walk(path)
		case st.Mode&0o444 != 0:
			s.show(strings.TrimPrefix(path, "/proc/sys/"), path)
		}
	}
}

// file sets what a configuration file says: lines "key = value", comments after # and ;.
func (s *sysctl) file(name string) {
	data, err := applet.ReadFile(name)
	if err != nil {
		s.c.Perror(name, err)
		return
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		s.argument(line, true)
	}
}
