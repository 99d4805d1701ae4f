// Package accounts holds the applets that change /etc/passwd, /etc/group and /etc/shadow, and those that ask for
// passwords.
package accounts

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// The files of passwd(5), group(5) and shadow(5).
const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
	shadowFile = "/etc/shadow"
)

// Ranges of numbers, as Alpine's busybox gives them.
const (
	firstSystem = 100
	lastSystem  = 999
	firstUser   = 1000
	lastUser    = 60000
)

// table is the lines of one of the files.
type table struct {
	path  string
	lines []string
	st    *abi.Stat
}

// load reads a file; one that is not there is empty.
func load(path string) *table {
	t := &table{path: path}
	data, err := applet.ReadFile(path)
	if err != nil {
		return t
	}
	t.st, _ = sys.Stat(path)
	if text := strings.TrimSuffix(string(data), "\n"); text != "" {
		t.lines = strings.Split(text, "\n")
	}
	return t
}

// save writes the file anew and puts it in the old one's place, with its owner and mode.
func (t *table) save() error {
	mode := uint32(0o644)
	if t.st != nil {
		mode = t.st.Mode & abi.PermMask
	} else if t.path == shadowFile {
		mode = 0o640
	}
	next := t.path + "+"
	fd, err := sys.Open(next, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	text := strings.Join(t.lines, "\n")
	if text != "" {
		text += "\n"
	}
	err = sys.Write(fd, []byte(text))
	if err == nil {
		err = sys.Fchmod(fd, mode)
	}
	if t.st != nil && err == nil {
		err = sys.Chown(next, int(t.st.UID), int(t.st.GID), 0)
	}
	sys.Close(fd)
	if err == nil {
		err = sys.Rename(next, t.path)
	}
	if err != nil {
		sys.Unlink(next)
	}
	return err
}

// find returns the index of a name's line, or -1.
func (t *table) find(name string) int {
	return slices.IndexFunc(t.lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
}

// field returns a field of a line, counted from 0.
func (t *table) field(i, n int) string {
	f := strings.Split(t.lines[i], ":")
	if n < len(f) {
		return f[n]
	}
	return ""
}

// setField changes a field of a line.
func (t *table) setField(i, n int, value string) {
	f := strings.Split(t.lines[i], ":")
	for len(f) <= n {
		f = append(f, "")
	}
	f[n] = value
	t.lines[i] = strings.Join(f, ":")
}

// numbered reports whether a number is taken; field 2 is uid and gid in both files.
func (t *table) numbered(n int) bool {
	text := strconv.Itoa(n)
	for i := range t.lines {
		if t.field(i, 2) == text {
			return true
		}
	}
	return false
}

// free returns the lowest number of a range that none of the tables has, or false.
func free(from, to int, tables ...*table) (int, bool) {
	for n := from; n <= to; n++ {
		if !slices.ContainsFunc(tables, func(t *table) bool { return t.numbered(n) }) {
			return n, true
		}
	}
	return 0, false
}

// mustSave saves, or exits with the reason.
func (t *table) mustSave(c *applet.Context) {
	if err := t.save(); err != nil {
		c.Fatalf("can't update %s: %s", t.path, applet.Strerror(err))
	}
}

// needRoot exits unless the caller is root.
func needRoot(c *applet.Context) {
	if sys.Geteuid() != 0 {
		c.Fatalf("permission denied (are you root?)")
	}
}

// checkName exits on a name that would not fit into the files: letters, digits, "_", "." and "-" are allowed, the
// last two not at the beginning, and "$" at the end.
func checkName(c *applet.Context, name string) {
	for i, x := range []byte(name) {
		ok := x == '_' || x >= 'a' && x <= 'z' || x >= 'A' && x <= 'Z' || x >= '0' && x <= '9' ||
			i > 0 && (x == '.' || x == '-' || x == '$' && i == len(name)-1)
		if !ok {
			c.Fatalf("illegal character with code %d at position %d", x, i)
		}
	}
	if name == "" || len(name) > 32 {
		c.Fatalf("illegal name")
	}
}

// today is the number of days since 1970, as shadow(5) has it.
func today() string { return strconv.FormatInt(sys.Now().Sec/86400, 10) }
