// Package files holds the applets that list, copy, move, remove and change files.
package files

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// lister is one run of ls.
type lister struct {
	c        *applet.Context
	o        *applet.Options
	accounts *applet.Accounts
	loc      *time.Location
	now      time.Time
	width    int
	color    bool
	code     int
	printed  bool // something was printed: the next directory is set off by a blank line
}

// entry is a file that ls shows.
type entry struct {
	name   string // as printed
	path   string
	st     *abi.Stat
	target uint32 // st_mode of a symbolic link's target, for -F and colours
}

const (
	lsFullTime = 0x80 + iota
	lsGroupDirs
	lsColor
)

// Ls lists directories.
func Ls(c *applet.Context) int {
	o := c.Getopt("1AaCxdLHRFplinshrSXvctuw:T:Qkg"+string([]byte{lsFullTime, lsGroupDirs, lsColor})+"::",
		"full-time="+string([]byte{lsFullTime}), "group-directories-first="+string([]byte{lsGroupDirs}), "color="+string([]byte{lsColor}),
		"all=a", "almost-all=A", "human-readable=h", "recursive=R", "directory=d", "size=s", "reverse=r")
	l := &lister{c: c, o: o, width: 80}
	if w, err := sys.GetWinsize(1); err == nil {
		if w.Col > 0 {
			l.width = int(w.Col)
		}
		if !o.Has("1Clx") {
			o.Order = append(o.Order, 'C')
		}
	}
	if n, ok := o.Arg('w'); ok {
		l.width = int(c.Number(n, nil))
	}
	if o.Has(string([]byte{lsColor})) {
		switch o.Str(lsColor) {
		case "always", "yes", "force", "":
			l.color = true
		case "auto", "tty", "if-tty":
			l.color = sys.Isatty(1)
		}
	}
	if l.long() {
		if !o.Has("n") {
			l.accounts = applet.LoadAccounts()
		}
		l.loc = c.Location()
		l.now = applet.Time(sys.Now(), l.loc)
	}
	operands := c.Args
	if len(operands) == 0 {
		operands = []string{"."}
	}
	var files, dirs []*entry
	for _, name := range operands {
		e, ok := l.stat(name, name, true)
		switch {
		case !ok:
		case e.st.Mode&abi.S_IFMT == abi.S_IFDIR && !o.Has("d"):
			dirs = append(dirs, e)
		default:
			files = append(files, e)
		}
	}
	if len(files) > 0 {
		l.sort(files)
		l.print(files)
		l.printed = true
	}
	l.sort(dirs)
	for _, d := range dirs {
		l.directory(d, len(operands) > 1 || o.Has("R"))
	}
	return l.code
}

func (l *lister) long() bool {
	return l.o.Has("lng"+string([]byte{lsFullTime})) && !l.laterFormat()
}

// laterFormat reports whether a format of columns was asked for after the long one.
func (l *lister) laterFormat() bool {
	x := l.o.Last("1Cxlng" + string([]byte{lsFullTime}))
	return x == 'C' || x == 'x' || x == '1' && !l.o.Has("lng"+string([]byte{lsFullTime}))
}

func (l *lister) stat(name, path string, operand bool) (*entry, bool) {
	follow := l.o.Has("L") || operand && (l.o.Has("H") || !l.o.Has("lFdng"+string([]byte{lsFullTime})))
	var st *abi.Stat
	var err error
	if follow {
		st, err = sys.Stat(path)
		if err != nil && !l.o.Has("L") {
			st, err = sys.Lstat(path)
		}
		if err == nil && operand && !l.o.Has("LH") && st.Mode&abi.S_IFMT != abi.S_IFDIR {
			st, err = sys.Lstat(path)
		}
	} else {
		st, err = sys.Lstat(path)
	}
	if err != nil {
		l.c.Perror(path, err)
		l.code = 1
		return nil, false
	}
	e := &entry{name: name, path: path, st: st}
	if st.Mode&abi.S_IFMT == abi.S_IFLNK && (l.color || l.o.Has("Fp")) {
		if t, err := sys.Stat(path); err == nil {
			e.target = t.Mode
		}
	}
	return e, true
}

func (l *lister) directory(dir *entry, heading bool) {
	list, err := sys.ReadDir(dir.path)
	if heading {
		if l.printed {
			l.c.Out.WriteByte('\n')
		}
		l.c.Out.WriteString(dir.name + ":\n")
	}
	l.printed = true
	if err != nil {
		l.c.Errorf("can't open '%s': %s", dir.path, applet.Strerror(err))
		l.code = 1
		return
	}
	var entries []*entry
	if l.o.Has("a") {
		list = append(list, sys.Dirent{Name: "."}, sys.Dirent{Name: ".."})
	}
	prefix := strings.TrimSuffix(dir.path, "/") + "/"
	for _, d := range list {
		if d.Name[0] == '.' && !l.o.Has("aA") {
			continue
		}
		if e, ok := l.stat(d.Name, prefix+d.Name, false); ok {
			entries = append(entries, e)
		}
	}
	if l.long() || l.o.Has("s") {
		var blocks int64
		for _, e := range entries {
			blocks += e.st.Blocks
		}
		if l.o.Has("h") {
			l.c.Out.Printf("total %-7s\n", humanTotal(uint64(blocks)*512))
		} else {
			l.c.Out.Printf("total %d\n", blocks/2)
		}
	}
	l.sort(entries)
	l.print(entries)
	if !l.o.Has("R") {
		return
	}
	for _, e := range entries {
		if e.st.Mode&abi.S_IFMT == abi.S_IFDIR && e.name != "." && e.name != ".." {
			l.directory(&entry{name: e.path, path: e.path, st: e.st}, true)
		}
	}
}

// humanTotal writes the total of -h, in units without a fraction of zero.
func humanTotal(n uint64) string {
	return strings.Replace(applet.HumanSize(n), ".0", "", 1)
}

func (l *lister) time(st *abi.Stat) abi.Timespec {
	switch l.o.Last("cu") {
	case 'c':
		return st.Ctim
	case 'u':
		return st.Atim
	}
	return st.Mtim
}

func (l *lister) sort(list []*entry) {
	var by func(a, b *entry) int
	switch l.o.Last("SXvt") {
	case 'S':
		by = func(a, b *entry) int { return cmp.Compare(b.st.Size, a.st.Size) }
	case 't':
		by = func(a, b *entry) int {
			return cmp.Compare(l.time(b.st).Nanoseconds(), l.time(a.st).Nanoseconds())
		}
	case 'X':
		by = func(a, b *entry) int { return cmp.Compare(extension(a.name), extension(b.name)) }
	case 'v':
		by = func(a, b *entry) int { return applet.CompareVersions(a.name, b.name) }
	default:
		by = func(a, b *entry) int { return 0 }
	}
	reverse := l.o.Has("r")
	slices.SortStableFunc(list, func(a, b *entry) int {
		if l.o.Has(string([]byte{lsGroupDirs})) {
			if d := isDir(b) - isDir(a); d != 0 {
				return d
			}
		}
		d := by(a, b)
		if d == 0 {
			d = cmp.Compare(a.name, b.name)
		}
		if reverse {
			return -d
		}
		return d
	})
}

func isDir(e *entry) int {
	if e.st.Mode&abi.S_IFMT == abi.S_IFDIR {
		return 1
	}
	return 0
}

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i:]
	}
	return ""
}

func (l *lister) print(list []*entry) {
	if l.long() || !l.o.Has("Cx") || l.laterLines() {
		for _, e := range list {
			l.one(e)
			l.c.Out.WriteByte('\n')
		}
		return
	}
	column := 0
	for _, e := range list {
		column = max(column, len(e.name))
	}
	column += 2
	if l.o.Has("i") {
		column += 8
	}
	if l.o.Has("s") {
		column += 7
	}
	if l.o.Has("Fp") {
		column++
	}
	columns := max(1, l.width/column)
	rows := (len(list) + columns - 1) / columns
	for row := range rows {
		at := 0
		for col := range columns {
			i := col*rows + row
			if l.o.Last("Cx") == 'x' {
				i = row*columns + col
			}
			if i >= len(list) {
				continue
			}
			if at > 0 {
				l.c.Out.WriteString(strings.Repeat(" ", col*column-at))
				at = col * column
			}
			at += l.one(list[i])
		}
		l.c.Out.WriteByte('\n')
	}
}

func (l *lister) laterLines() bool { return l.o.Last("1Cx") == '1' }

// one prints one file and returns the width of what it printed.
func (l *lister) one(e *entry) int {
	out, st, width := &l.c.Out, e.st, 0
	if l.o.Has("i") {
		out.Printf("%7d ", st.Ino)
		width += 8
	}
	if l.o.Has("s") {
		out.Printf("%6d ", st.Blocks/2)
		width += 7
	}
	if l.long() {
		l.attributes(st)
	}
	start, end := "", ""
	if l.color {
		start, end = colorOf(st.Mode), "\x1b[m"
	}
	out.WriteString(start + printable(e.name) + end)
	width += len(e.name)
	if l.long() && st.Mode&abi.S_IFMT == abi.S_IFLNK {
		target, err := sys.Readlink(e.path)
		if err == nil {
			if l.color {
				start = colorOf(e.target)
			}
			out.WriteString(" -> " + start + printable(target) + end)
			if mark := l.mark(e.target); mark != 0 && e.target != 0 {
				out.WriteByte(mark)
			}
		}
		return width
	}
	if mark := l.mark(st.Mode); mark != 0 {
		out.WriteByte(mark)
		width++
	}
	return width
}

func (l *lister) attributes(st *abi.Stat) {
	out := &l.c.Out
	out.Printf("%s %4d ", ModeString(st.Mode), st.Nlink)
	user, group := strconv.Itoa(int(st.UID)), strconv.Itoa(int(st.GID))
	if l.accounts != nil {
		if name, ok := l.accounts.UserName(int(st.UID)); ok {
			user = name
		}
		if name, ok := l.accounts.GroupName(int(st.GID)); ok {
			group = name
		}
	}
	if l.o.Has("g") && !l.o.Has("ln") {
		out.Printf("%-8.8s ", group)
	} else {
		out.Printf("%-8.8s %-8.8s ", user, group)
	}
	switch kind := st.Mode & abi.S_IFMT; {
	case kind == abi.S_IFBLK || kind == abi.S_IFCHR:
		out.Printf("%4d, %3d ", abi.Major(st.Rdev), abi.Minor(st.Rdev))
	case l.o.Has("h"):
		out.Printf("%7s ", applet.HumanSize(uint64(st.Size)))
	default:
		out.Printf("%9d ", st.Size)
	}
	t := applet.Time(l.time(st), l.loc)
	age := l.now.Sub(t)
	switch {
	case l.o.Has(string([]byte{lsFullTime})):
		out.WriteString(t.Format("2006-01-02 15:04:05 -0700 "))
	case age < 365*24*time.Hour/2 && age > -15*time.Minute:
		out.WriteString(t.Format("Jan _2 15:04 "))
	default:
		out.WriteString(t.Format("Jan _2  2006 "))
	}
}

// mark returns the indicator of -F and -p.
func (l *lister) mark(mode uint32) byte {
	kind := mode & abi.S_IFMT
	if l.o.Has("p") && !l.o.Has("F") {
		if kind == abi.S_IFDIR {
			return '/'
		}
		return 0
	}
	if !l.o.Has("F") {
		return 0
	}
	switch {
	case kind == abi.S_IFDIR:
		return '/'
	case kind == abi.S_IFLNK:
		return '@'
	case kind == abi.S_IFSOCK:
		return '='
	case kind == abi.S_IFIFO:
		return '|'
	case kind == abi.S_IFREG && mode&0o111 != 0:
		return '*'
	}
	return 0
}

func colorOf(mode uint32) string {
	switch mode & abi.S_IFMT {
	case abi.S_IFDIR:
		return "\x1b[1;34m"
	case abi.S_IFLNK:
		return "\x1b[1;36m"
	case abi.S_IFIFO:
		return "\x1b[0;35m"
	case abi.S_IFBLK, abi.S_IFCHR:
		return "\x1b[1;35m"
	case abi.S_IFSOCK:
		return "\x1b[1;35m"
	case abi.S_IFREG:
		if mode&0o111 != 0 {
			return "\x1b[1;32m"
		}
	case 0:
		return "\x1b[31;1m"
	}
	return "\x1b[0;0m"
}

// printable replaces control characters, as ls does on any output.
func printable(name string) string {
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			b := []byte(name)
			for j, c := range b {
				if c < ' ' || c == 0x7f {
					b[j] = '?'
				}
			}
			return string(b)
		}
	}
	return name
}

// ModeString writes st_mode as ls -l does: "-rwxr-xr-x".
func ModeString(mode uint32) string {
	b := []byte("?" + permissions(mode))
	switch mode & abi.S_IFMT {
	case abi.S_IFREG:
		b[0] = '-'
	case abi.S_IFDIR:
		b[0] = 'd'
	case abi.S_IFLNK:
		b[0] = 'l'
	case abi.S_IFCHR:
		b[0] = 'c'
	case abi.S_IFBLK:
		b[0] = 'b'
	case abi.S_IFIFO:
		b[0] = 'p'
	case abi.S_IFSOCK:
		b[0] = 's'
	}
	return string(b)
}

// permissions writes the lower twelve bits as nine characters.
func permissions(mode uint32) string {
	b := []byte("rwxrwxrwx")
	for i := range b {
		if mode&(0o400>>i) == 0 {
			b[i] = '-'
		}
	}
	for _, s := range []struct {
		bit uint32
		at  int
		set byte
	}{{abi.S_ISUID, 2, 's'}, {abi.S_ISGID, 5, 's'}, {abi.S_ISVTX, 8, 't'}} {
		if mode&s.bit == 0 {
			continue
		}
		if b[s.at] == '-' {
			b[s.at] = s.set - 'a' + 'A'
		} else {
			b[s.at] = s.set
		}
	}
	return string(b)
}
