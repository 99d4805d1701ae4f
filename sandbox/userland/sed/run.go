package sed

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/regex"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// editor is one run of sed.
type editor struct {
	c        *applet.Context
	quiet    bool
	delim    byte
	inPlace  bool
	suffix   string
	commands []*command
	files    map[string]*output
	code     int

	names   []string
	lines   *applet.Lines
	fd      int
	next    []byte // the line after the one at hand
	hasNext bool
	ended   bool // the next line ended with a newline

	pattern   []byte
	changed   []byte // the former pattern space, for the next one
	hold      []byte
	newline   bool // the line at hand ended with a newline
	number    int64
	name      string
	appended  []appended
	replaced  bool // since the last line or t
	last      *regex.Regexp
	out       *output
	temporary string
	missing   bool // the output's last line has no newline yet
}

// appended is what goes out after the line: text, or a file's content.
type appended struct {
	text string
	file bool
}

// output is where lines go.
type output struct {
	fd  int
	c   *applet.Context // standard output when fd is 1
	buf []byte
}

func (o *output) write(b []byte) {
	if o.fd == 1 {
		o.c.Out.Write(b)
		return
	}
	o.buf = append(o.buf, b...)
	if len(o.buf) > 64<<10 {
		o.flush()
	}
}

func (o *output) flush() {
	if len(o.buf) > 0 {
		if err := sys.Write(o.fd, o.buf); err != nil {
			o.c.Fatal("write error", err)
		}
		o.buf = o.buf[:0]
	}
}

// open opens a file of w, once for all commands.
func (e *editor) open(name string) *output {
	if o := e.files[name]; o != nil {
		return o
	}
	fd := 1
	switch name {
	case "/dev/stdout":
	case "/dev/stderr":
		fd = 2
	default:
		var err error
		fd, err = sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC, 0o666)
		if err != nil {
			e.c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
	}
	o := &output{fd: fd, c: e.c}
	e.files[name] = o
	return o
}

// Sed edits lines.
func Sed(c *applet.Context) int {
	o := c.Getopt("i::rEne:f:sz", "in-place=i", "quiet=n", "silent=n", "expression=e", "file=f", "regexp-extended=r", "separate=s", "null-data=z", "version=\x80")
	e := &editor{c: c, quiet: o.Has("n"), delim: '\n', inPlace: o.Has("i"), suffix: o.Str('i'), files: map[string]*output{}, fd: -1}
	if o.Has("z") {
		e.delim = 0
	}
	var scripts []string
	texts, files := o.All('e'), o.All('f')
	for _, x := range o.Order {
		switch x {
		case 'e':
			scripts = append(scripts, texts[0])
			texts = texts[1:]
		case 'f':
			data, err := applet.ReadFile(files[0])
			if err != nil {
				c.Fatal(files[0], err)
			}
			scripts = append(scripts, strings.TrimSuffix(string(data), "\n"))
			files = files[1:]
		}
	}
	if len(scripts) == 0 {
		if len(c.Args) == 0 {
			c.Usage()
		}
		scripts, c.Args = c.Args[:1], c.Args[1:]
	}
	p := &parser{c: c, s: e, text: strings.Join(scripts, "\n"), extended: o.Has("rE")}
	e.commands = p.parse()
	e.out = &output{fd: 1, c: c}
	if e.inPlace || o.Has("s") {
		for _, name := range c.Operands() {
			e.number = 0
			for _, cmd := range e.commands {
				cmd.active = false
			}
			e.names = []string{name}
			if !e.edit(name) {
				break
			}
		}
	} else {
		e.names = c.Operands()
		e.run()
	}
	for _, out := range e.files {
		out.flush()
	}
	return e.code
}

// edit edits one file by itself, in place or not; it reports whether to go on.
func (e *editor) edit(name string) bool {
	if !e.inPlace || name == "-" {
		return e.run()
	}
	st, err := sys.Stat(name)
	if err != nil {
		e.c.Perror(name, err)
		e.code = 1
		return true
	}
	if st.Mode&abi.S_IFMT != abi.S_IFREG {
		e.c.Errorf("%s: not a regular file", name)
		e.code = 1
		return true
	}
	e.temporary = name + "." + strconv.Itoa(sys.Getpid()) + ".sed"
	fd, err := sys.Open(e.temporary, abi.O_WRONLY|abi.O_CREAT|abi.O_EXCL|abi.O_CLOEXEC, st.Mode&0o777)
	if err != nil {
		e.c.Fatalf("can't create temp file %s: %s", e.temporary, applet.Strerror(err))
	}
	sys.Fchmod(fd, st.Mode&abi.PermMask)
	sys.Chown(e.temporary, int(st.UID), int(st.GID), 0)
	out := e.out
	e.out = &output{fd: fd, c: e.c}
	more := e.run()
	e.copyRest()
	e.out.flush()
	sys.Close(fd)
	e.out = out
	e.missing = false
	if e.suffix != "" {
		backup := name + e.suffix
		if err := sys.Rename(name, backup); err != nil {
			e.c.Fatal(backup, err)
		}
	}
	if err := sys.Rename(e.temporary, name); err != nil {
		e.c.Fatal(name, err)
	}
	return more
}

// copyRest copies the lines that q left, so that an edit in place loses nothing.
func (e *editor) copyRest() {
	for e.read() {
		e.print(e.out, e.pattern)
	}
}

// fill reads the line after the one at hand, from the next file if need be.
func (e *editor) fill() {
	for !e.hasNext {
		if e.lines == nil {
			if len(e.names) == 0 {
				return
			}
			name := e.names[0]
			e.names = e.names[1:]
			fd, ok := e.c.FOpen(name)
			if !ok {
				e.code = 1
				continue
			}
			e.fd, e.name = fd, name
			e.lines = applet.NewRecords(fd, e.delim)
		}
		line, ended, ok := e.lines.Next()
		if !ok {
			if e.lines.Err != nil {
				e.c.Perror(e.name, e.lines.Err)
				e.code = 1
			}
			applet.CloseInput(e.fd)
			e.lines = nil
			continue
		}
		e.next = append(e.next[:0], line...)
		e.ended, e.hasNext = ended, true
	}
}

// read takes the next line into the pattern space.
func (e *editor) read() bool {
	e.fill()
	if !e.hasNext {
		return false
	}
	e.pattern, e.next = append(e.pattern[:0], e.next...), e.next[:0]
	e.newline, e.hasNext = e.ended, false
	e.number++
	return true
}

func (e *editor) isLast() bool {
	e.fill()
	return !e.hasNext
}

// print writes a line with its newline, but for the last line of an input that ended without one.
func (e *editor) print(o *output, line []byte) {
	if o == e.out && e.missing {
		o.write([]byte{e.delim})
		e.missing = false
	}
	o.write(line)
	if e.newline || !e.isLast() {
		o.write([]byte{e.delim})
	} else if o == e.out {
		e.missing = true
	}
}

// text writes text that has its own newlines.
func (e *editor) text(text string) {
	if e.missing {
		e.out.write([]byte{e.delim})
		e.missing = false
	}
	e.out.write([]byte(text))
}

// run runs the script over the input; it reports false after q.
func (e *editor) run() bool {
	restart := false // D: go on without a new line
	for restart || e.read() {
		if !restart {
			e.replaced = false
		}
		restart = false
		action := e.cycle()
		if action == 'D' {
			restart = true
			e.flushAppended()
			continue
		}
		if action != 'd' && action != 'Q' && !e.quiet {
			e.print(e.out, e.pattern)
		}
		e.flushAppended()
		if action == 'q' || action == 'Q' {
			return false
		}
	}
	return true
}

func (e *editor) flushAppended() {
	for _, a := range e.appended {
		if !a.file {
			e.text(a.text)
			continue
		}
		if data, err := applet.ReadFile(a.text); err == nil && len(data) > 0 {
			e.text(string(data))
			e.missing = false
		}
	}
	e.appended = e.appended[:0]
}

// cycle runs the commands on one line. It returns 'd' when the line is deleted, 'D' to start again with what is left,
// 'q' or 'Q' to end, and 0 otherwise.
func (e *editor) cycle() byte {
	for i := 0; i < len(e.commands); i++ {
		cmd := e.commands[i]
		if e.selected(cmd) == cmd.negated {
			if cmd.name == '{' {
				i = cmd.number
			}
			continue
		}
		switch cmd.name {
		case '=':
			e.text(strconv.FormatInt(e.number, 10) + "\n")
		case 'a':
			e.appended = append(e.appended, appended{text: cmd.text})
		case 'i':
			e.text(cmd.text)
		case 'c':
			if cmd.to == nil || cmd.negated || !cmd.active {
				e.text(cmd.text)
			}
			return 'd'
		case 'd':
			return 'd'
		case 'D':
			at := bytes.IndexByte(e.pattern, '\n')
			if at < 0 {
				return 'd'
			}
			e.pattern = append(e.pattern[:0], e.pattern[at+1:]...)
			return 'D'
		case 'g':
			e.pattern = append(e.pattern[:0], e.hold...)
		case 'G':
			e.pattern = append(append(e.pattern, '\n'), e.hold...)
		case 'h':
			e.hold = append(e.hold[:0], e.pattern...)
		case 'H':
			e.hold = append(append(e.hold, '\n'), e.pattern...)
		case 'x':
			e.pattern, e.hold = e.hold, e.pattern
			e.newline = true // what was held has one
		case 'l':
			e.visible()
		case 'n':
			if e.isLast() {
				return 'q'
			}
			if !e.quiet {
				e.print(e.out, e.pattern)
			}
			e.flushAppended()
			e.read()
		case 'N':
			if e.isLast() {
				return 'q'
			}
			e.flushAppended()
			before := append(bytes.Clone(e.pattern), '\n')
			e.read()
			e.pattern = append(before, e.pattern...)
		case 'p':
			e.print(e.out, e.pattern)
		case 'P':
			line, _, _ := bytes.Cut(e.pattern, []byte{'\n'})
			e.text(string(line) + "\n")
		case 'q':
			e.code = max(e.code, cmd.number)
			return 'q'
		case 'Q':
			e.code = max(e.code, cmd.number)
			return 'Q'
		case 'r':
			e.appended = append(e.appended, appended{text: cmd.text, file: true})
		case 'w':
			e.print(e.target(cmd.out), e.pattern)
		case 's':
			e.substitute(cmd.sub)
		case 'y':
			for j, b := range e.pattern {
				e.pattern[j] = cmd.table[b]
			}
		case 'z':
			e.pattern = e.pattern[:0]
		case 'F':
			name := e.name
			e.text(name + "\n")
		case 'b':
			i = cmd.number - 1
		case 't', 'T':
			if e.replaced == (cmd.name == 't') {
				i = cmd.number - 1
			}
			e.replaced = false
		}
	}
	return 0
}

// target returns where w writes: /dev/stdout is the edited output itself.
func (e *editor) target(o *output) *output {
	if o.fd == 1 && e.out.fd == 1 {
		return e.out
	}
	return o
}

func (e *editor) matches(re *regex.Regexp) bool {
	return e.expression(re).Test(e.pattern)
}

// expression returns the expression, or the last one used for an empty one.
func (e *editor) expression(re *regex.Regexp) *regex.Regexp {
	if re == nil {
		if e.last == nil {
			e.c.Fatalf("no previous regexp")
		}
		return e.last
	}
	e.last = re
	return re
}

// at reports whether a single address selects the line.
func (e *editor) at(a *address) bool {
	switch a.kind {
	case 'n':
		return e.number == a.n
	case '$':
		return e.isLast()
	case '~':
		if a.step <= 0 {
			return e.number == a.n
		}
		return e.number >= a.n && (e.number-a.n)%a.step == 0
	}
	return e.matches(a.re)
}

// selected reports whether the addresses of a command select the line.
func (e *editor) selected(cmd *command) bool {
	if cmd.from == nil {
		return true
	}
	if cmd.to == nil {
		return e.at(cmd.from)
	}
	if !cmd.active {
		fromZero := cmd.from.kind == 'n' && cmd.from.n == 0 && e.number == 1
		if !fromZero && !e.at(cmd.from) {
			return false
		}
		switch cmd.to.kind {
		case 'n':
			cmd.end = cmd.to.n
		case '+':
			cmd.end = e.number + cmd.to.n
		case 'm':
			cmd.end = e.number
			if cmd.to.n > 0 && e.number%cmd.to.n != 0 {
				cmd.end += cmd.to.n - e.number%cmd.to.n
			}
		case '/':
			cmd.active = !fromZero || !e.matches(cmd.to.re)
			return true
		default:
			cmd.active = !e.at(cmd.to)
			return true
		}
		cmd.active = e.number < cmd.end
		return true
	}
	switch cmd.to.kind {
	case 'n', '+', 'm':
		if e.number > cmd.end {
			cmd.active = false
			return e.at(cmd.from)
		}
		cmd.active = e.number < cmd.end
	default:
		cmd.active = !e.at(cmd.to)
	}
	return true
}

// visible is l: the pattern space with its controls made visible, in lines of 70 characters.
func (e *editor) visible() {
	var b []byte
	for _, c := range e.pattern {
		if i := strings.IndexByte("\\\a\b\f\n\r\t\v", c); i >= 0 {
			b = append(b, '\\', "\\abfnrtv"[i])
		} else if c < ' ' || c >= 0x7f {
			b = append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		} else {
			b = append(b, c)
		}
	}
	e.text(string(b) + "$\n")
}

// substitute is s.
func (e *editor) substitute(s *substitution) {
	re := e.expression(s.re)
	if s.offsets == nil {
		s.offsets = make([]int, 2+2*s.groups())
	}
	m, out := s.offsets, e.changed[:0]
	done, count := 0, 0
	for matches := re.All(e.pattern); matches.Next(m); {
		if count++; count < s.nth {
			continue
		}
		out = append(out, e.pattern[done:m[0]]...)
		out = s.replace(out, e.pattern, m)
		if done = m[1]; !s.global {
			break
		}
	}
	if count < s.nth {
		return
	}
	out = append(out, e.pattern[done:]...)
	e.pattern, e.changed = out, e.pattern
	e.replaced = true
	if s.execute {
		e.execute()
	}
	if s.print {
		e.print(e.out, e.pattern)
	}
	if s.out != nil {
		e.print(e.target(s.out), e.pattern)
	}
}

// groups returns the number of the last group that the replacement uses.
func (s *substitution) groups() int {
	n := 0
	for _, p := range s.parts {
		n = max(n, p.group)
	}
	return n
}

// replace appends the replacement of a match to b.
func (s *substitution) replace(b, text []byte, m []int) []byte {
	var all, once byte
	for _, p := range s.parts {
		if p.fold != 0 {
			switch p.fold {
			case 'u', 'l':
				once = p.fold
			case 'E':
				all = 0
			default:
				all = p.fold
			}
			continue
		}
		if p.group < 0 && all == 0 && once == 0 {
			b = append(b, p.text...)
			continue
		}
		piece := []byte(p.text)
		if p.group >= 0 {
			piece = nil
			if 2*p.group < len(m) && m[2*p.group] >= 0 {
				piece = text[m[2*p.group]:m[2*p.group+1]]
			}
		}
		switch all {
		case 'U':
			piece = bytes.ToUpper(piece)
		case 'L':
			piece = bytes.ToLower(piece)
		}
		if once != 0 && len(piece) > 0 {
			piece = bytes.Clone(piece)
			if once == 'u' {
				copy(piece, bytes.ToUpper(piece[:1]))
			} else {
				copy(piece, bytes.ToLower(piece[:1]))
			}
			once = 0
		}
		b = append(b, piece...)
	}
	return b
}

// execute runs the pattern space as a command and takes its output in its place.
func (e *editor) execute() {
	r, w, err := sys.Pipe(abi.O_CLOEXEC)
	if err != nil {
		e.c.Fatal("pipe", err)
	}
	pid, err := e.c.Spawn(&sys.Process{Argv: []string{"/bin/sh", "-c", string(e.pattern)}, Files: []abi.SpawnFile{{From: int32(w), To: 1}}})
	sys.Close(w)
	if err != nil {
		e.c.Fatal("/bin/sh", err)
	}
	out, _ := applet.ReadAll(r)
	sys.Close(r)
	applet.Wait(pid)
	e.pattern = append(e.pattern[:0], bytes.TrimSuffix(out, []byte{'\n'})...)
}
