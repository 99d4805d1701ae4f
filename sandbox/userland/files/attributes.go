package files

import (
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// join appends a name to a directory's path.
func join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// Chmod changes permission bits.
func Chmod(c *applet.Context) int {
	// A mode such as -x is an operand.
	for i, arg := range c.Args {
		if arg == "--" {
			break
		}
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "rwxXstugo,+=-") == "" && arg != "-R" {
			c.Args = append(append(append([]string{}, c.Args[:i]...), "--"), c.Args[i:]...)
			break
		}
	}
	o := c.Getopt("Rcvf", "recursive=R", "changes=c", "verbose=v", "silent=f", "quiet=f")
	c.NArgs(2, -1)
	umask := sys.Umask(0)
	sys.Umask(umask)
	text, code := c.Args[0], 0
	if _, ok := ParseMode(text, 0, umask); !ok {
		c.Fatalf("invalid mode '%s'", text)
	}
	var change func(path string, depth int)
	change = func(path string, depth int) {
		st, err := sys.Lstat(path)
		if err == nil && st.Mode&abi.S_IFMT == abi.S_IFLNK {
			if depth > 0 {
				return
			}
			st, err = sys.Stat(path)
		}
		if err == nil {
			mode, _ := ParseMode(text, st.Mode, umask)
			if err = sys.Chmod(path, mode); err == nil {
				if o.Has("v") || o.Has("c") && mode != st.Mode&abi.PermMask {
					c.Out.Printf("mode of '%s' changed to %04o (%s)\n", path, mode, permissions(mode))
				}
				if o.Has("R") && st.Mode&abi.S_IFMT == abi.S_IFDIR {
					list, err := sys.ReadDir(path)
					if err != nil && !o.Has("f") {
						c.Errorf("can't open '%s': %s", path, applet.Strerror(err))
						code = 1
					}
					for _, d := range list {
						change(join(path, d.Name), depth+1)
					}
				}
				return
			}
		}
		if !o.Has("f") || st == nil {
			c.Perror(path, err)
		}
		code = 1
	}
	for _, path := range c.Args[1:] {
		change(path, 0)
	}
	return code
}

// Chown changes owner and group.
func Chown(c *applet.Context) int { return chown(c, false) }

// Chgrp changes the group.
func Chgrp(c *applet.Context) int { return chown(c, true) }

func chown(c *applet.Context, groupOnly bool) int {
	o := c.Getopt("RhLHPcvf", "recursive=R", "changes=c", "verbose=v", "silent=f", "quiet=f", "no-dereference=h", "dereference=\x80")
	c.NArgs(2, -1)
	spec := c.Args[0]
	if groupOnly {
		spec = ":" + spec
	}
	uid, gid := ParseOwner(c, spec)
	code := 0
	var change func(path string, depth int)
	change = func(path string, depth int) {
		follow := !o.Has("h") && (!o.Has("R") || o.Has("L") || depth == 0 && o.Has("H"))
		var st *abi.Stat
		var err error
		flags := abi.AT_SYMLINK_NOFOLLOW
		if follow {
			flags = 0
			st, err = sys.Stat(path)
		} else {
			st, err = sys.Lstat(path)
		}
		if err == nil && o.Has("R") && st.Mode&abi.S_IFMT == abi.S_IFDIR {
			list, err := sys.ReadDir(path)
			if err != nil && !o.Has("f") {
				c.Errorf("can't open '%s': %s", path, applet.Strerror(err))
				code = 1
			}
			for _, d := range list {
				change(join(path, d.Name), depth+1)
			}
		}
		if err == nil {
			if !follow && st.Mode&abi.S_IFMT == abi.S_IFLNK && !o.Has("h") && o.Has("R") {
				return
			}
			if err = sys.Chown(path, uid, gid, flags); err == nil {
				u, g := uid, gid
				if u < 0 {
					u = int(st.UID)
				}
				if g < 0 {
					g = int(st.GID)
				}
				if o.Has("v") || o.Has("c") && (u != int(st.UID) || g != int(st.GID)) {
					c.Out.Printf("changed ownership of '%s' to %d:%d\n", path, u, g)
				}
				return
			}
		}
		if !o.Has("f") {
			c.Perror(path, err)
		}
		code = 1
	}
	for _, path := range c.Args[1:] {
		change(path, 0)
	}
	return code
}

// ParseOwner reads USER, USER:GROUP, USER: and :GROUP; -1 is left as it is. An unknown name ends the applet.
func ParseOwner(c *applet.Context, spec string) (uid, gid int) {
	a := applet.LoadAccounts()
	uid, gid = -1, -1
	user, group, hasGroup := strings.Cut(spec, ":")
	if !hasGroup {
		if _, ok := a.UID(user); !ok {
			user, group, hasGroup = strings.Cut(spec, ".")
		}
	}
	var ok bool
	if user != "" {
		if uid, ok = a.UID(user); !ok {
			c.Fatalf("unknown user %s", user)
		}
		if u := a.User(user); hasGroup && group == "" && u != nil {
			gid = u.GID
		}
	}
	if group != "" {
		if gid, ok = a.GID(group); !ok {
			c.Fatalf("unknown group %s", group)
		}
	}
	return uid, gid
}

// Touch updates times.
func Touch(c *applet.Context) int {
	o := c.Getopt("chfamr:d:t:", "no-create=c", "reference=r", "date=d")
	c.NArgs(1, -1)
	atim := abi.Timespec{Nsec: abi.UTIME_NOW}
	mtim := atim
	if ref, ok := o.Arg('r'); ok {
		st, err := sys.Stat(ref)
		if err != nil {
			c.Fatal(ref, err)
		}
		atim, mtim = st.Atim, st.Mtim
	}
	text, ok := o.Arg('d')
	if !ok {
		text, ok = o.Arg('t')
	}
	if ok {
		t, valid := ParseDate(text, c.Now())
		if !valid {
			c.Fatalf("invalid date '%s'", text)
		}
		atim = abi.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
		mtim = atim
	}
	if o.Has("a") && !o.Has("m") {
		mtim.Nsec = abi.UTIME_OMIT
	}
	if o.Has("m") && !o.Has("a") {
		atim.Nsec = abi.UTIME_OMIT
	}
	flags := 0
	if o.Has("h") {
		flags = abi.AT_SYMLINK_NOFOLLOW
	}
	code := 0
	for _, path := range c.Args {
		err := sys.Utimens(path, atim, mtim, flags)
		if err == abi.ENOENT {
			if o.Has("ch") {
				continue
			}
			var fd int
			if fd, err = sys.Open(path, abi.O_RDWR|abi.O_CREAT|abi.O_CLOEXEC, 0o666); err == nil {
				sys.Close(fd)
				if o.Has("rdt") {
					err = sys.Utimens(path, atim, mtim, flags)
				}
			}
		}
		if err != nil {
			c.Perror(path, err)
			code = 1
		}
	}
	return code
}

// ParseDate reads the forms of date that busybox's date -d and touch -d take; what a form leaves out is taken from
// now, the parts smaller than the smallest given being zero.
func ParseDate(text string, now time.Time) (time.Time, bool) {
	loc := now.Location()
	if strings.HasPrefix(text, "@") {
		sec, ok := parseInt(text[1:])
		return time.Unix(sec, 0).In(loc), ok
	}
	y, m, d := now.Date()
	if t, ok := parseCalendar(text, loc); ok {
		return t, true
	}
	for _, layout := range []string{"Jan 2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, true
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, loc), true
		}
	}
	if t, err := time.Parse("01.02-15:04:05", text); err == nil {
		return time.Date(y, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, loc), true
	}
	if t, err := time.Parse("01.02-15:04", text); err == nil {
		return time.Date(y, t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, loc), true
	}
	return parseCompactDate(text, now)
}

// parseCalendar reads YYYY-MM-DD [hh[:mm[:ss]]] and YYYY.MM.DD-hh:mm[:ss]; a day that the month lacks runs over.
func parseCalendar(text string, loc *time.Location) (time.Time, bool) {
	v := [6]int{0, 1, 1, 0, 0, 0}
	forms := []string{"-- ::", "..-::"}
	for _, separators := range forms {
		rest, n := text, 0
		for n < 6 {
			digits := 0
			for digits < len(rest) && digits < 4 && rest[digits] >= '0' && rest[digits] <= '9' {
				digits++
			}
			if digits == 0 || n == 0 && digits != 4 || n > 0 && digits > 2 {
				break
			}
			v[n], _ = strconv.Atoi(rest[:digits])
			rest = rest[digits:]
			n++
			if rest == "" || n == 6 || rest[0] != separators[n-1] {
				break
			}
			rest = rest[1:]
		}
		if rest != "" || n < 3 || n < 5 && separators == forms[1] || strings.IndexByte("-. :", text[len(text)-1]) >= 0 {
			v = [6]int{0, 1, 1, 0, 0, 0}
			continue
		}
		if v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 24 || v[4] > 59 || v[5] > 61 {
			return time.Time{}, false
		}
		return time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], 0, loc), true
	}
	return time.Time{}, false
}

// parseCompactDate reads [[[[[YY]YY]MM]DD]hh]mm[.ss].
func parseCompactDate(text string, now time.Time) (time.Time, bool) {
	digits, seconds, hasSeconds := strings.Cut(text, ".")
	if digits == "" || strings.Trim(digits+seconds, "0123456789") != "" || hasSeconds && len(seconds) != 2 {
		return now, false
	}
	y, m, d := now.Date()
	v := [6]int{y, int(m), d, now.Hour(), now.Minute(), 0}
	two := func(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }
	fields := []int{4, 3, 2, 1}
	switch len(digits) {
	case 2, 4, 6, 8, 10, 12:
	default:
		return now, false
	}
	rest := digits
	for _, f := range fields {
		if len(rest) < 2 {
			break
		}
		v[f] = two(rest[len(rest)-2:])
		rest = rest[:len(rest)-2]
	}
	switch len(rest) {
	case 2:
		v[0] = 1900 + two(rest)
		if two(rest) < 69 {
			v[0] += 100
		}
	case 4:
		v[0] = two(rest[:2])*100 + two(rest[2:])
	}
	if hasSeconds {
		v[5] = two(seconds)
	}
	if v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 60 {
		return now, false
	}
	return time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], 0, now.Location()), true
}

func parseInt(s string) (int64, bool) {
	neg := strings.HasPrefix(s, "-")
	n, ok := applet.ParseNumber(strings.TrimPrefix(s, "-"), nil)
	if neg {
		n = -n
	}
	return n, ok
}
