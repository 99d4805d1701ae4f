package process

import (
	"strconv"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Renice changes the nice value of processes, groups of processes and users' processes.
func Renice(c *applet.Context) int {
	args := c.Args
	relative := false
	if len(args) > 0 && (args[0] == "-n" || args[0] == "--priority") {
		relative, args = true, args[1:]
	}
	if len(args) == 0 {
		c.Usage()
	}
	adjust := int(c.Signed(args[0]))
	args = args[1:]
	which, code := sys.PRIO_PROCESS, 0
	var accounts *applet.Accounts
	for _, arg := range args {
		switch arg {
		case "-p":
			which = sys.PRIO_PROCESS
			continue
		case "-g":
			which = sys.PRIO_PGRP
			continue
		case "-u":
			which = sys.PRIO_USER
			continue
		}
		who, err := strconv.Atoi(arg)
		if which == sys.PRIO_USER {
			if accounts == nil {
				accounts = applet.LoadAccounts()
			}
			u := accounts.User(arg)
			if u == nil {
				c.Errorf("unknown user %s", arg)
				code = 1
				continue
			}
			who, err = u.UID, nil
		}
		if err != nil || who < 0 {
			c.Errorf("invalid number '%s'", arg)
			code = 1
			continue
		}
		now, callErr := sys.PriorityOf(which, who)
		nice, what := adjust, "getpriority"
		if !relative || callErr == nil {
			if relative {
				nice += now
			}
			what = "setpriority"
			callErr = sys.SetPriorityOf(which, who, nice)
		}
		if callErr != nil {
			c.Errorf("%s: %s", what, applet.Strerror(callErr))
			code = 1
		}
	}
	return code
}

// ioClasses are the names of ioprio_get(2)'s classes.
var ioClasses = [...]string{"none", "realtime", "best-effort", "idle"}

// classShift is where the class begins in a priority of ioprio_get(2).
const classShift = 13

// Ionice shows or sets a program's class and priority of input and output.
func Ionice(c *applet.Context) int {
	o := c.Getopt("+n:c:p:t", "class=c", "classdata=n", "pid=p", "ignore=t")
	class, priority := -1, 0
	if text, ok := o.Arg('n'); ok {
		priority = int(c.Signed(text))
	}
	if text, ok := o.Arg('c'); ok {
		for i, name := range ioClasses {
			if name == text || strconv.Itoa(i) == text {
				class = i
			}
		}
		if class < 0 {
			if _, err := strconv.Atoi(text); err != nil {
				c.Fatalf("invalid number '%s'", text)
			}
			c.Fatalf("bad class %s", text)
		}
	}
	pid, ok := 0, false
	if text, given := o.Arg('p'); given {
		pid, ok = int(c.Signed(text)), true
	} else if len(c.Args) > 0 && class < 0 && !o.Has("n") {
		pid, ok = int(c.Signed(c.Args[0])), true
	}
	if class < 0 && !o.Has("n") {
		value, err := sys.Ioprio(pid)
		if err != nil {
			c.Fatal("ioprio_get", err)
		}
		class = value >> classShift & 3
		if class == 3 {
			c.Out.WriteString(ioClasses[3] + "\n")
		} else {
			c.Out.Printf("%s: prio %d\n", ioClasses[class], value&0xff)
		}
		return 0
	}
	if class < 0 {
		class = 2
	}
	if err := sys.SetIoprio(pid, class<<classShift|priority); err != nil && !o.Has("t") {
		c.Fatal("ioprio_set", err)
	}
	if !ok && len(c.Args) > 0 {
		c.Exec(&sys.Process{Argv: c.Args})
	}
	return 0
}
