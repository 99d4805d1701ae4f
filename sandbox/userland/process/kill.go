package process

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// signalOption takes a leading -SIG, -s SIG or -l off the arguments.
func signalOption(c *applet.Context) (sig abi.Signal, listed bool) {
	sig = abi.SIGTERM
	if len(c.Args) == 0 || len(c.Args[0]) < 2 || c.Args[0][0] != '-' || c.Args[0] == "--" {
		return sig, false
	}
	arg := c.Args[0][1:]
	switch {
	case arg == "l":
		listSignals(c)
		return sig, true
	case arg == "s":
		if len(c.Args) < 2 {
			c.Errorf("option requires an argument -- 's'")
			c.Usage()
		}
		arg, c.Args = c.Args[1], c.Args[1:]
	case arg[0] == 's' && len(arg) > 1:
		if _, ok := abi.ParseSignal(arg); !ok {
			arg = arg[1:]
		}
	}
	if arg == "0" {
		sig = 0
	} else if s, ok := abi.ParseSignal(arg); ok {
		sig = s
	} else {
		c.Fatalf("bad signal name '%s'", arg)
	}
	c.Args = c.Args[1:]
	return sig, false
}

// listSignals prints all signals, or converts the operands between names and numbers.
func listSignals(c *applet.Context) {
	if len(c.Args) == 1 {
		for s := abi.SIGHUP; s <= abi.SIGSYS; s++ {
			c.Out.Printf("%2d) %s\n", s, s.Name())
		}
		c.Out.Printf("%2d) RTMIN\n%2d) RTMAX\n", abi.SIGRTMIN, abi.SIGRTMAX)
		return
	}
	for _, arg := range c.Args[1:] {
		if n, err := strconv.Atoi(arg); err == nil {
			if n > 128 {
				n -= 128
			}
			if n == 0 {
				c.Out.WriteString("0\n")
			} else if abi.Signal(n).Valid() {
				c.Out.WriteString(abi.Signal(n).Name() + "\n")
			} else {
				c.Fatalf("unknown signal '%s'", arg)
			}
			continue
		}
		s, ok := abi.ParseSignal(arg)
		if !ok {
			c.Fatalf("unknown signal '%s'", arg)
		}
		c.Out.Printf("%d\n", s)
	}
}

// Kill signals processes by number.
func Kill(c *applet.Context) int {
	sig, listed := signalOption(c)
	if listed {
		return 0
	}
	if len(c.Args) > 0 && c.Args[0] == "--" {
		c.Args = c.Args[1:]
	}
	if len(c.Args) == 0 {
		c.Errorf("you need to specify whom to kill")
		return 1
	}
	code := 0
	for _, arg := range c.Args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			c.Errorf("invalid number '%s'", arg)
			code = 1
			continue
		}
		if err := sys.Kill(pid, sig); err != nil {
			c.Errorf("can't kill pid %d: %s", pid, applet.Strerror(err))
			code = 1
		}
	}
	return code
}

// Killall signals processes by name.
func Killall(c *applet.Context) int {
	quiet := len(c.Args) > 0 && c.Args[0] == "-q"
	if quiet {
		c.Args = c.Args[1:]
	}
	sig, listed := signalOption(c)
	if listed {
		return 0
	}
	if len(c.Args) > 0 && c.Args[0] == "-q" {
		quiet, c.Args = true, c.Args[1:]
	}
	if len(c.Args) == 0 {
		c.Errorf("you need to specify whom to kill")
		return 1
	}
	self, code := sys.Getpid(), 0
	list := processes(c)
	for _, name := range c.Args {
		found := false
		for _, p := range list {
			if p.pid != self && p.named(name) {
				found = true
				if err := sys.Kill(p.pid, sig); err != nil {
					c.Errorf("can't kill pid %d: %s", p.pid, applet.Strerror(err))
					code = 1
				}
			}
		}
		if !found {
			code = 1
			if !quiet {
				c.Errorf("%s: no process killed", name)
			}
		}
	}
	return code
}

// Pidof lists the pids of processes by name.
func Pidof(c *applet.Context) int {
	o := c.Getopt("so:")
	omit := map[int]bool{}
	for _, text := range o.All('o') {
		if text == "%PPID" {
			omit[sys.Getppid()] = true
			continue
		}
		omit[int(c.Number(text, nil))] = true
	}
	var found []string
	list := processes(c)
	for _, name := range c.Args {
		for i := len(list) - 1; i >= 0; i-- {
			if p := list[i]; p.named(name) && !omit[p.pid] && (!o.Has("s") || len(found) == 0) {
				found = append(found, strconv.Itoa(p.pid))
			}
		}
	}
	if len(found) == 0 {
		return 1
	}
	c.Out.WriteString(strings.Join(found, " ") + "\n")
	return 0
}
