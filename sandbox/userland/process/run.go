// Package process holds the applets that start, watch, signal and list programs.
package process

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/core"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Env prints the environment or runs a program in a changed one.
func Env(c *applet.Context) int {
	o := c.Getopt("+iu:0", "ignore-environment=i", "unset=u", "null=0")
	if len(c.Args) > 0 && c.Args[0] == "-" {
		o.Order = append(o.Order, 'i')
		c.Args = c.Args[1:]
	}
	env := []string{}
	if !o.Has("i") {
		env = slices.Clone(c.Environ())
	}
	for _, name := range o.All('u') {
		env = without(env, name)
	}
	for len(c.Args) > 0 {
		name, _, ok := strings.Cut(c.Args[0], "=")
		if !ok {
			break
		}
		env = set(env, name, c.Args[0])
		c.Args = c.Args[1:]
	}
	if len(c.Args) > 0 {
		c.Exec(&sys.Process{Argv: c.Args, Env: env})
	}
	end := "\n"
	if o.Has("0") {
		end = "\x00"
	}
	for _, kv := range env {
		c.Out.WriteString(kv + end)
	}
	return 0
}

func without(env []string, name string) []string {
	return slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
}

// set replaces a variable where it stands, or adds it.
func set(env []string, name, kv string) []string {
	for i := range env {
		if strings.HasPrefix(env[i], name+"=") {
			env[i] = kv
			return env
		}
	}
	return append(env, kv)
}

// Printenv prints variables.
func Printenv(c *applet.Context) int {
	if len(c.Args) == 0 {
		for _, kv := range c.Environ() {
			c.Out.WriteString(kv + "\n")
		}
		return 0
	}
	code := 0
	for _, name := range c.Args {
		value, ok := applet.Lookup(c.Environ(), name)
		if !ok {
			code = 1
			continue
		}
		c.Out.WriteString(value + "\n")
	}
	return code
}

// Nohup runs a program that hangups do not end.
func Nohup(c *applet.Context) int {
	c.Getopt("+")
	c.NArgs(1, -1)
	if sys.Isatty(0) {
		if fd, err := sys.Open("/dev/null", abi.O_RDONLY, 0); err == nil {
			sys.Dup3(fd, 0, 0)
			sys.Close(fd)
		}
	}
	if sys.Isatty(1) {
		name := "nohup.out"
		fd, err := sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_APPEND, 0o600)
		if err != nil {
			name = c.Getenv("HOME") + "/nohup.out"
			if fd, err = sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_APPEND, 0o600); err != nil {
				c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
			}
		}
		sys.Dup3(fd, 1, 0)
		sys.Close(fd)
		c.Errorf("appending output to %s", name)
	}
	if sys.Isatty(2) {
		sys.Dup3(1, 2, 0)
	}
	sys.Ignore(abi.SIGHUP)
	c.Exec(&sys.Process{Argv: c.Args})
	return 127
}

// Nice runs a program at a lower priority.
func Nice(c *applet.Context) int {
	if len(c.Args) > 0 && len(c.Args[0]) > 1 && c.Args[0][0] == '-' && strings.Trim(c.Args[0][1:], "-+0123456789") == "" {
		c.Args = slices.Insert(slices.Clone(c.Args), 0, "-n")
		c.Args[1] = c.Args[1][1:]
	}
	o := c.Getopt("+n:", "adjustment=n")
	nice, _ := sys.Getpriority()
	if len(c.Args) == 0 {
		c.Out.Printf("%d\n", nice)
		return 0
	}
	adjust := 10
	if text, ok := o.Arg('n'); ok {
		adjust = int(c.Signed(text))
	}
	if err := sys.Setpriority(nice + adjust); err != nil {
		c.Fatalf("setpriority(%d): %s", nice+adjust, applet.Strerror(err))
	}
	c.Exec(&sys.Process{Argv: c.Args})
	return 127
}

// Setsid runs a program in a new session.
func Setsid(c *applet.Context) int {
	o := c.Getopt("+cw")
	c.NArgs(1, -1)
	if err := sys.Setsid(); err != nil {
		// The leader of a process group cannot; its child can.
		pid, err := c.Spawn(&sys.Process{Argv: c.Args, Setsid: true})
		if err != nil {
			c.Errorf("can't execute '%s': %s", c.Args[0], applet.Strerror(err))
			return applet.ExecCode(err)
		}
		if o.Has("w") {
			return applet.Wait(pid)
		}
		return 0
	}
	c.Exec(&sys.Process{Argv: c.Args})
	return 127
}

// Time runs a program and tells what it took.
func Time(c *applet.Context) int {
	o := c.Getopt("+vpaf:o:", "verbose=v", "portability=p", "append=a", "format=f", "output=o")
	c.NArgs(1, -1)
	start := sys.ClockGettime(sys.CLOCK_MONOTONIC).Nanoseconds()
	pid, err := c.Spawn(&sys.Process{Argv: c.Args})
	var usage abi.Rusage
	var status abi.WaitStatus
	if err != nil {
		c.Errorf("can't execute '%s': %s", c.Args[0], applet.Strerror(err))
		status = abi.Exited(applet.ExecCode(err))
	} else {
		sys.Ignore(abi.SIGINT)
		sys.Ignore(abi.SIGQUIT)
		if _, status, err = sys.Wait4(pid, 0, &usage); err != nil {
			c.Fatal("wait", err)
		}
	}
	elapsed := sys.ClockGettime(sys.CLOCK_MONOTONIC).Nanoseconds() - start
	var text string
	if status.IsSignaled() {
		text = fmt.Sprintf("Command terminated by signal %d\n", status.Signal())
	} else if status.ExitCode() != 0 && !o.Has("p") {
		text = fmt.Sprintf("Command exited with non-zero status %d\n", status.ExitCode())
	}
	user, system := usage.Utime.Sec*100+usage.Utime.Usec/10000, usage.Stime.Sec*100+usage.Stime.Usec/10000
	real := elapsed / 1e7
	switch format, ok := o.Arg('f'); {
	case ok:
		text += strings.NewReplacer("%e", hundredths(real), "%E", clock(real), "%U", hundredths(user), "%S", hundredths(system),
			"%M", strconv.FormatInt(usage.Maxrss, 10), "%x", strconv.Itoa(status.ExitCode()), "%C", strings.Join(c.Args, " "),
			"%%", "%", `\n`, "\n", `\t`, "\t").Replace(format) + "\n"
	case o.Has("p"):
		text += "real " + hundredths(real) + "\nuser " + hundredths(user) + "\nsys " + hundredths(system) + "\n"
	case o.Has("v"):
		text += fmt.Sprintf("\tCommand being timed: %q\n\tUser time (seconds): %s\n\tSystem time (seconds): %s\n\tElapsed (wall clock) time (h:mm:ss or m:ss): %s\n\tMaximum resident set size (kbytes): %d\n\tExit status: %d\n",
			strings.Join(c.Args, " "), hundredths(user), hundredths(system), clock(real), usage.Maxrss, status.ExitCode())
	default:
		text += "real\t" + clock(real) + "\nuser\t" + clock(user) + "\nsys\t" + clock(system) + "\n"
	}
	out := 2
	if name, ok := o.Arg('o'); ok {
		flags := abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC
		if o.Has("a") {
			flags = abi.O_WRONLY | abi.O_CREAT | abi.O_APPEND
		}
		if out, err = sys.Open(name, flags, 0o666); err != nil {
			c.Fatal(name, err)
		}
	}
	sys.Write(out, []byte(text))
	return status.ShellCode()
}

func hundredths(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// clock writes "0m 1.50s", with hours past sixty minutes.
func clock(n int64) string {
	if n >= 360000 {
		return fmt.Sprintf("%dh %dm %02ds", n/360000, n/6000%60, n/100%60)
	}
	return fmt.Sprintf("%dm %d.%02ds", n/6000, n/100%60, n%100)
}

// Timeout runs a program and signals it when its time is up. The program replaces this process, so that it keeps the
// pid; a watcher of its own does the rest.
func Timeout(c *applet.Context) int {
	o := c.Getopt("+s:k:p:", "signal=s", "kill-after=k")
	if pid, ok := o.Arg('p'); ok {
		return watcher(c, o, int(c.Number(pid, nil)))
	}
	c.NArgs(2, -1)
	sig := "TERM"
	if s, ok := o.Arg('s'); ok {
		sig = s
	}
	if _, ok := abi.ParseSignal(sig); !ok && sig != "0" {
		c.Fatalf("bad signal name '%s'", sig)
	}
	for _, text := range []string{c.Args[0], o.Str('k')} {
		if _, ok := core.Duration(text); !ok && text != "" {
			c.Fatalf("invalid number '%s'", text)
		}
	}
	argv := []string{"timeout", "-p", strconv.Itoa(sys.Getpid()), "-s", sig}
	if k, ok := o.Arg('k'); ok {
		argv = append(argv, "-k", k)
	}
	null, err := sys.Open("/dev/null", abi.O_RDWR|abi.O_CLOEXEC, 0)
	if err != nil {
		c.Fatal("/dev/null", err)
	}
	n := int32(null)
	// The first child starts the watcher and ends: the watcher is no child of the program's.
	pid, err := sys.Spawn("/proc/self/exe", &sys.Process{
		Argv:  append(argv, "start", c.Args[0]),
		Files: []abi.SpawnFile{{From: n, To: 0}, {From: n, To: 1}, {From: n, To: 2}},
	})
	if err != nil {
		c.Fatal("/proc/self/exe", err)
	}
	applet.Wait(pid)
	sys.Close(null)
	c.Exec(&sys.Process{Argv: c.Args[1:]})
	return 127
}

// watcher is the other half of Timeout.
func watcher(c *applet.Context, o *applet.Options, pid int) int {
	c.NArgs(2, 2)
	if c.Args[0] == "start" {
		argv := []string{"timeout", "-p", strconv.Itoa(pid), "-s", o.Str('s')}
		if k, ok := o.Arg('k'); ok {
			argv = append(argv, "-k", k)
		}
		if _, err := sys.Spawn("/proc/self/exe", &sys.Process{Argv: append(argv, "watch", c.Args[1]), Setsid: true}); err != nil {
			return 1
		}
		return 0
	}
	sig, _ := abi.ParseSignal(o.Str('s'))
	if !outlives(pid, c.Args[1]) {
		return 0
	}
	sys.Kill(pid, sig)
	if k, ok := o.Arg('k'); ok && outlives(pid, k) {
		sys.Kill(pid, abi.SIGKILL)
	}
	return 0
}

// outlives sleeps up to that long, in steps, and reports whether the process is still there.
func outlives(pid int, duration string) bool {
	seconds, _ := core.Duration(duration)
	left := int64(seconds * 1e9)
	for left > 0 {
		step := min(left, 1e9)
		sys.Nanosleep(step)
		left -= step
		if sys.Kill(pid, 0) != nil {
			return false
		}
	}
	return true
}

// Watch runs a program again and again.
func Watch(c *applet.Context) int {
	o := c.Getopt("+dtn:", "interval=n", "no-title=t")
	c.NArgs(1, -1)
	period := 2.0
	if text, ok := o.Arg('n'); ok {
		if period, ok = core.Duration(text); !ok {
			c.Fatalf("invalid number '%s'", text)
		}
	}
	command := strings.Join(c.Args, " ")
	for {
		c.Out.WriteString("\x1b[H\x1b[J")
		if !o.Has("t") {
			c.Out.Printf("Every %.1fs: %s\n\n", period, command)
		}
		pid, err := c.Spawn(&sys.Process{Argv: []string{"/bin/sh", "-c", command}})
		if err != nil {
			c.Fatal("/bin/sh", err)
		}
		applet.Wait(pid)
		sys.Nanosleep(int64(period * 1e9))
	}
}
