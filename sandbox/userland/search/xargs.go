package search

import (
	"bytes"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// xargs is one run of xargs.
type xargs struct {
	c        *applet.Context
	o        *applet.Options
	in       int
	data     []byte
	eof      bool
	eofWord  string
	command  []string
	parallel int
	running  map[int]bool
	code     int
}

// Xargs runs a program with the items of standard input.
func Xargs(c *applet.Context) int {
	o := c.Getopt("+trn:s:e::E:pP:I:i::0a:xL:l::", "no-run-if-empty=r", "null=0", "max-args=n", "max-procs=P", "verbose=t", "replace=i",
		"arg-file=a", "max-chars=s", "exit=x", "interactive=p", "eof=e", "max-lines=l")
	x := &xargs{c: c, o: o, command: c.Args, parallel: 1, running: map[int]bool{}}
	if len(x.command) == 0 {
		x.command = []string{"echo"}
	}
	if name, ok := o.Arg('a'); ok {
		x.in = c.MustOpen(name)
	}
	if x.eofWord = o.Str('E'); o.Last("eE") == 'e' {
		x.eofWord = o.Str('e')
	}
	if text, ok := o.Arg('P'); ok {
		if x.parallel = int(c.Number(text, nil)); x.parallel == 0 {
			x.parallel = 1 << 30
		}
	}
	replace := o.Has("Ii")
	limit, maxArgs := 32<<10, 1<<30
	if text, ok := o.Arg('s'); ok {
		limit = int(c.Number(text, nil))
	}
	if text, ok := o.Arg('n'); ok {
		if maxArgs = int(c.Number(text, nil)); maxArgs == 0 {
			c.Fatalf("number 0 is not in 1..2147483647 range")
		}
	}
	if replace {
		x.replacing()
	} else {
		x.batches(maxArgs, limit)
	}
	x.wait(0)
	return x.code
}

// batches collects items into command lines.
func (x *xargs) batches(maxArgs, limit int) {
	base := 0
	for _, arg := range x.command {
		base += len(arg) + 1
	}
	var items []string
	size, first := base, true
	for {
		item, ok := x.item()
		if ok && len(items) > 0 && (len(items) == maxArgs || size+len(item)+1 > limit) {
			x.run(append(append([]string{}, x.command...), items...))
			items, size, first = nil, base, false
		}
		if !ok {
			break
		}
		if size+len(item)+1 > limit {
			x.c.Errorf("argument line too long")
			x.wait(0)
			x.c.Exit(1)
		}
		items = append(items, item)
		size += len(item) + 1
	}
	if len(items) > 0 || first && !x.o.Has("r") {
		x.run(append(append([]string{}, x.command...), items...))
	}
}

// replacing runs the command once for each line.
func (x *xargs) replacing() {
	word := "{}"
	if text, ok := x.o.Arg('I'); ok {
		word = text
	} else if text := x.o.Str('i'); text != "" {
		word = text
	}
	for {
		line, ok := x.line()
		if !ok {
			return
		}
		argv := make([]string, len(x.command))
		for i, arg := range x.command {
			argv[i] = strings.ReplaceAll(arg, word, line)
		}
		x.run(argv)
	}
}

// next returns the next byte of the input.
func (x *xargs) next() (byte, bool) {
	if len(x.data) == 0 && !x.eof {
		buf := make([]byte, 64<<10)
		n, err := sys.Read(x.in, buf)
		if err != nil {
			x.c.Perror("read error", err)
		}
		x.data = buf[:max(n, 0)]
		x.eof = n <= 0
	}
	if x.eof {
		return 0, false
	}
	b := x.data[0]
	x.data = x.data[1:]
	return b, true
}

// item reads an item: words with quotes and backslashes, or what ends with NUL.
func (x *xargs) item() (string, bool) {
	if x.o.Has("0") {
		return x.until(0)
	}
	var word []byte
	started := false
	for {
		b, ok := x.next()
		switch {
		case !ok || b == ' ' || b == '\t' || b == '\n':
			if started {
				return x.ended(string(word))
			}
			if !ok {
				return "", false
			}
		case b == '"' || b == '\'':
			started = true
			word = x.quoted(b, word)
		case b == '\\':
			started = true
			if b, ok = x.next(); ok {
				word = append(word, b)
			}
		default:
			started = true
			word = append(word, b)
		}
	}
}

func (x *xargs) ended(word string) (string, bool) {
	if x.eofWord != "" && word == x.eofWord {
		x.eof, x.data = true, nil
		return "", false
	}
	return word, true
}

func (x *xargs) quoted(quote byte, word []byte) []byte {
	for {
		b, ok := x.next()
		if !ok || b == '\n' {
			kind := "double"
			if quote == '\'' {
				kind = "single"
			}
			x.c.Fatalf("unmatched %s quote", kind)
		}
		if b == quote {
			return word
		}
		word = append(word, b)
	}
}

func (x *xargs) until(delim byte) (string, bool) {
	var word []byte
	for {
		if i := bytes.IndexByte(x.data, delim); i >= 0 {
			word = append(word, x.data[:i]...)
			x.data = x.data[i+1:]
			return string(word), true
		}
		word = append(word, x.data...)
		x.data = nil
		b, ok := x.next()
		if !ok {
			return string(word), len(word) > 0
		}
		if b == delim {
			return string(word), true
		}
		word = append(word, b)
	}
}

// line reads a line for -I: leading blanks go, quotes and backslashes count as in items.
func (x *xargs) line() (string, bool) {
	if x.o.Has("0") {
		return x.until(0)
	}
	var line []byte
	started := false
	for {
		b, ok := x.next()
		switch {
		case !ok:
			return string(line), started
		case b == '\n':
			if started {
				return x.ended(string(line))
			}
		case !started && (b == ' ' || b == '\t'):
		case b == '"' || b == '\'':
			started = true
			line = x.quoted(b, line)
		case b == '\\':
			started = true
			if b, ok = x.next(); ok {
				line = append(line, b)
			}
		default:
			started = true
			line = append(line, b)
		}
	}
}

func (x *xargs) run(argv []string) {
	if x.o.Has("tp") {
		x.c.Out.Flush()
		text := strings.Join(argv, " ")
		if !x.o.Has("p") {
			sys.Write(2, []byte(text+"\n"))
		} else {
			sys.Write(2, []byte(text+" ?..."))
			if !answerFromTerminal() {
				return
			}
		}
	}
	x.wait(x.parallel - 1)
	null, err := sys.Open("/dev/null", abi.O_RDONLY|abi.O_CLOEXEC, 0)
	p := &sys.Process{Argv: argv}
	if err == nil && x.in == 0 {
		p.Files = []abi.SpawnFile{{From: int32(null), To: 0}}
	}
	pid, spawnErr := x.c.Spawn(p)
	if err == nil {
		sys.Close(null)
	}
	if spawnErr != nil {
		x.c.Perror(argv[0], spawnErr)
		x.wait(0)
		x.c.Exit(applet.ExecCode(spawnErr))
	}
	x.running[pid] = true
	if x.parallel == 1 {
		x.wait(0)
	}
}

// wait waits until at most that many programs run.
func (x *xargs) wait(most int) {
	for len(x.running) > most {
		pid, status, err := sys.Wait4(-1, 0, nil)
		if err != nil {
			x.c.Fatal("wait", err)
		}
		if !x.running[pid] {
			continue
		}
		delete(x.running, pid)
		switch {
		case status.IsSignaled():
			x.stop(125, "'%s' terminated by signal %d", x.command[0], status.Signal())
		case status.ExitCode() == 255:
			x.stop(124, "%s: exited with status 255; aborting", x.command[0])
		case status.ExitCode() != 0:
			x.code = 123
		}
	}
}

func (x *xargs) stop(code int, format string, args ...any) {
	x.c.Errorf(format, args...)
	x.c.Exit(code)
}

func answerFromTerminal() bool {
	tty, err := sys.Open("/dev/tty", abi.O_RDONLY|abi.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer sys.Close(tty)
	line, _, _ := applet.NewLines(tty).Next()
	return len(line) > 0 && (line[0] == 'y' || line[0] == 'Y')
}
