package system

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// login is a record of utmp(5).
type login struct {
	kind             int
	line, user, host string
	time             int64
}

// Kinds of a login record.
const (
	userProcess = 7
	utmpSize    = 384
)

// logins reads the login records of a file; what is not there has none.
func logins(file string) []login {
	data, _ := applet.ReadFile(file)
	var list []login
	for ; len(data) >= utmpSize; data = data[utmpSize:] {
		field := func(from, size int) string {
			s, _, _ := strings.Cut(string(data[from:from+size]), "\x00")
			return s
		}
		list = append(list, login{
			kind: int(binary.LittleEndian.Uint16(data)), line: field(8, 32), user: field(44, 32), host: field(76, 256),
			time: int64(binary.LittleEndian.Uint32(data[340:])),
		})
	}
	return list
}

// Who lists who is logged in.
func Who(c *applet.Context) int {
	all, header := false, true
	if c.Name == "who" {
		o := c.Getopt("aH")
		c.NArgs(0, 2) // "who am i"
		all, header = o.Has("a"), o.Has("H")
	} else {
		c.Getopt("")
		c.NArgs(0, 0)
	}
	if header {
		c.Out.WriteString("USER\t\tTTY\t\tIDLE\tTIME\t\t HOST\n")
	}
	for _, l := range logins("/var/run/utmp") {
		if !all && l.kind != userProcess || l.user == "" {
			continue
		}
		idle := "?"
		if st, err := sys.Stat("/dev/" + l.line); err == nil {
			idle = idleTime(sys.Now().Sec - st.Atim.Sec)
		}
		at := Strftime("%b %e %H:%M", time.Unix(l.time, 0).In(c.Location()))
		c.Out.Printf("%-15.15s %-15.15s %-7s %-16.16s %s\n", l.user, l.line, idle, at, l.host)
	}
	return 0
}

// idleTime writes how long a terminal has not been used.
func idleTime(seconds int64) string {
	switch {
	case seconds < 60:
		return "."
	case seconds < 24*3600:
		return fmt.Sprintf("%02d:%02d", seconds/3600, seconds/60%60)
	}
	return "old"
}

// Users prints the names of those that are logged in, on one line.
func Users(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(0, 1)
	file := "/var/run/utmp"
	if len(c.Args) > 0 {
		file = c.Args[0]
	}
	var names []string
	for _, l := range logins(file) {
		if l.kind == userProcess {
			names = append(names, l.user)
		}
	}
	sort.Strings(names)
	if len(names) > 0 {
		c.Out.WriteString(strings.Join(names, " ") + "\n")
	}
	return 0
}
