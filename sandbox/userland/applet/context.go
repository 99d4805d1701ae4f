// Package applet holds what every applet of the busybox shares: the context of one run, options in getopt's manner,
// messages in busybox's words, buffered output, line input and the table of names.
package applet

import (
	"fmt"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Func is an applet's main function; it returns the exit code.
type Func func(c *Context) int

// Context is one run of an applet.
type Context struct {
	Name string   // how messages call it
	Args []string // arguments, without the name
	Out  Writer   // standard output

	// ErrorCode is the exit code after a wrong option and of Fatal, 1 unless an applet sets another.
	ErrorCode int

	env []string
}

// Run runs one applet and flushes its output.
func (c *Context) Run(name string, args []string, f Func) int {
	c.Name, c.Args, c.ErrorCode = name, args, 1
	if len(args) == 1 && args[0] == "--help" && !takesHelpLiterally[name] {
		c.Out.WriteString(usage(name))
		c.Out.Flush()
		return 0
	}
	c.Out.c = c
	code := f(c)
	c.Out.Flush()
	return code
}

// takesHelpLiterally names the applets for which --help is an operand.
var takesHelpLiterally = map[string]bool{"echo": true, "test": true, "[": true, "[[": true, "true": true, "false": true}

// Exit flushes the output and ends the process.
func (c *Context) Exit(code int) {
	c.Out.Flush()
	sys.Exit(code)
}

// Errorf prints "name: message" to standard error, after what is buffered for standard output.
func (c *Context) Errorf(format string, args ...any) {
	c.Out.Flush()
	c.warn(fmt.Sprintf(format, args...))
}

func (c *Context) warn(text string) { sys.Write(2, []byte(c.Name+": "+text+"\n")) }

// Perror prints "name: what: error text".
func (c *Context) Perror(what string, err error) { c.Errorf("%s: %s", what, Strerror(err)) }

// Fatalf prints a message as Errorf does and exits with ErrorCode.
func (c *Context) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	c.Exit(c.ErrorCode)
}

// Fatal prints "name: what: error text" and exits with ErrorCode.
func (c *Context) Fatal(what string, err error) {
	c.Perror(what, err)
	c.Exit(c.ErrorCode)
}

// Usage prints the usage text to standard error and exits with ErrorCode.
func (c *Context) Usage() {
	c.Out.Flush()
	sys.Write(2, []byte(usage(c.Name)))
	c.Exit(c.ErrorCode)
}

// Strerror returns an error's text in strerror(3)'s words.
func Strerror(err error) string {
	if e, ok := err.(abi.Errno); ok {
		return e.Strerror()
	}
	return err.Error()
}

// Environ returns the environment as KEY=value strings.
func (c *Context) Environ() []string {
	if c.env == nil {
		c.env = sys.Environ()
	}
	return c.env
}

// Getenv returns the value of an environment variable, or "".
func (c *Context) Getenv(key string) string {
	v, _ := Lookup(c.Environ(), key)
	return v
}

// Lookup finds a variable in an environment.
func Lookup(env []string, key string) (string, bool) {
	for _, kv := range env {
		if len(kv) > len(key) && kv[len(key)] == '=' && strings.HasPrefix(kv, key) {
			return kv[len(key)+1:], true
		}
	}
	return "", false
}

// LookPath finds a program: a name with a slash as it is, others in PATH of the given environment.
func LookPath(env []string, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path, ok := Lookup(env, "PATH")
	if !ok {
		path = "/sbin:/usr/sbin:/bin:/usr/bin"
	}
	var found error = abi.ENOENT
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		st, err := sys.Stat(file)
		if err != nil || st.Mode&abi.S_IFMT != abi.S_IFREG {
			continue
		}
		if sys.Access(file, abi.X_OK) != nil {
			found = abi.EACCES
			continue
		}
		return file, nil
	}
	return "", found
}

// Spawn flushes the output and starts p.Argv, looked up in PATH.
func (c *Context) Spawn(p *sys.Process) (int, error) {
	c.Out.Flush()
	path, err := c.lookPath(p)
	if err != nil {
		return -1, err
	}
	pid, err := sys.Spawn(path, p)
	if err == abi.ENOEXEC {
		pid, err = sys.Spawn("/bin/sh", asScript(path, p))
	}
	return pid, err
}

// Exec flushes the output and replaces this program by p.Argv, looked up in PATH. When that fails it says so and
// exits with 127 for a program that does not exist, or 126.
func (c *Context) Exec(p *sys.Process) {
	c.Out.Flush()
	path, err := c.lookPath(p)
	if err == nil {
		err = sys.Exec(path, p)
		if err == abi.ENOEXEC {
			err = sys.Exec("/bin/sh", asScript(path, p))
		}
	}
	c.Errorf("can't execute '%s': %s", p.Argv[0], Strerror(err))
	c.Exit(ExecCode(err))
}

// ExecCode returns the exit code for a program that could not be started.
func ExecCode(err error) int {
	if err == abi.ENOENT {
		return 127
	}
	return 126
}

func (c *Context) lookPath(p *sys.Process) (string, error) {
	env := p.Env
	if env == nil {
		env = c.Environ()
	}
	return LookPath(env, p.Argv[0])
}

// asScript runs a file without a known format by the shell, as execvp(3) does.
func asScript(path string, p *sys.Process) *sys.Process {
	script := *p
	script.Argv = append([]string{"sh", path}, p.Argv[1:]...)
	return &script
}

// Wait waits for a child and returns its status as shells tell it.
func Wait(pid int) int {
	_, status, err := sys.Wait4(pid, 0, nil)
	if err != nil {
		return 127
	}
	return status.ShellCode()
}
