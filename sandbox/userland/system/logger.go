package system

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// The names of syslog(3)'s facilities and levels, by number.
var (
	facilities = strings.Fields("kern user mail daemon auth syslog lpr news uucp cron authpriv ftp - - - - local0 local1 local2 local3 local4 local5 local6 local7")
	levels     = strings.Fields("emerg alert crit err warning notice info debug")
)

// priorityOf reads FACILITY.LEVEL, or a number; on an error it returns the part that is wrong.
func priorityOf(text string) (priority int, wrong string) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return n, ""
	}
	find := func(list []string, name string) int {
		switch name {
		case "security":
			name = "auth"
		case "error":
			name = "err"
		case "warn":
			name = "warning"
		case "panic":
			name = "emerg"
		}
		for i, s := range list {
			if s == name {
				return i
			}
		}
		return -1
	}
	facility := 1
	name := text
	if before, after, ok := strings.Cut(text, "."); ok {
		if facility = find(facilities, before); facility < 0 {
			return 0, "facility name: " + before
		}
		name = after
	}
	level := find(levels, name)
	if level < 0 {
		return 0, "priority name: " + text
	}
	return facility<<3 | level, ""
}

// Logger sends a message to the system's log.
func Logger(c *applet.Context) int {
	o := c.Getopt("+st:p:")
	priority := 1<<3 | 5
	if text, ok := o.Arg('p'); ok {
		var wrong string
		if priority, wrong = priorityOf(text); wrong != "" {
			c.Fatalf("unknown %s", wrong)
		}
	}
	tag, ok := o.Arg('t')
	if !ok {
		if tag, ok = applet.LoadAccounts().UserName(sys.Geteuid()); !ok {
			tag = strconv.Itoa(sys.Geteuid())
		}
	}
	send := func(message string) {
		if o.Has("s") {
			sys.Write(2, []byte(tag+": "+message+"\n"))
		}
		// As syslog(3): where no logger listens the message is lost.
		sys.Syslog("<" + strconv.Itoa(priority) + ">" + Strftime("%b %e %H:%M:%S", c.Now()) + " " + tag + ": " + message)
	}
	if len(c.Args) > 0 {
		send(strings.Join(c.Args, " "))
		return 0
	}
	for in := applet.NewLines(0); ; {
		line, _, ok := in.Next()
		if !ok {
			return 0
		}
		if len(line) > 0 {
			send(string(line))
		}
	}
}
