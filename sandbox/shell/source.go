package shell

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"mvdan.cc/sh/v3/syntax"
)

// maxFrames bounds how deep the parser may recurse. It reads at most 1 KiB between two looks at its stack, so that no
// script can use the stack up, which would end the whole process.
const maxFrames = 20000

// guard ends the input of a parser that has recursed too deep.
func guard() error {
	var pc [1]uintptr
	if runtime.Callers(maxFrames, pc[:]) > 0 {
		return errTooDeep
	}
	return nil
}

// commandSource is where a parser reads from. line is the one being read, for errors at the end.
type commandSource interface {
	io.Reader
	line() int
}

func (r *stringSource) line() int { return r.lines + 1 }
func (r *fileSource) line() int   { return r.lines + 1 }

// stringSource is source text in memory. It gives a newline at the end, which makes the parser hand out the last line.
type stringSource struct {
	s     string
	done  bool
	lines int
}

func newStringSource(s string) *stringSource { return &stringSource{s: s} }

func (r *stringSource) Read(p []byte) (int, error) {
	if err := guard(); err != nil {
		return 0, err
	}
	if len(r.s) > 0 {
		n := copy(p, r.s)
		r.lines += strings.Count(r.s[:n], "\n")
		r.s = r.s[n:]
		return n, nil
	}
	if !r.done {
		r.done = true
		p[0] = '\n'
		return 1, nil
	}
	return 0, io.EOF
}

// fileSource reads a script from an open file. What is no regular file, as the standard input, is read byte by byte,
// so that the commands find what the shell has not read yet.
type fileSource struct {
	sh     *shell
	file   *vfs.OpenFile
	single bool
	done   bool
	lines  int
}

func (r *fileSource) Read(p []byte) (int, error) {
	if err := guard(); err != nil {
		return 0, err
	}
	if r.done {
		return 0, io.EOF
	}
	if r.single && len(p) > 1 {
		p = p[:1]
	}
	n, err := r.sh.read(r.file, p)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		r.done = true
		p[0] = '\n'
		return 1, nil
	}
	r.lines += bytes.Count(p[:n], []byte("\n"))
	if r.sh.opt.verbose {
		r.sh.write(2, string(p[:n]))
	}
	return n, nil
}

// read reads from a file of the task, across caught signals; their traps wait for the command to end.
func (sh *shell) read(f *vfs.OpenFile, p []byte) (int, error) {
	for {
		n, err := sh.readWaiting(f, p)
		if err != abi.EINTR {
			return n, err
		}
		if sh.task.Dying() {
			return 0, errDying
		}
		sh.collectSignals()
		if sh.interrupted {
			return 0, errInterrupted
		}
	}
}

// readWaiting is Task.Read that waits even when a program has left the file non-blocking behind it.
func (sh *shell) readWaiting(f *vfs.OpenFile, p []byte) (int, error) {
	for {
		n, err := sh.task.Read(f, p)
		if err != abi.EAGAIN {
			return n, err
		}
		if err := sh.task.Await(f, abi.POLLIN, time.Time{}); err != nil {
			return 0, err
		}
	}
}

const errInterrupted = shellError("interrupted")

// readAll reads to the end of a file: errTooLong past limit. Zero bytes are dropped, as shells do.
func (sh *shell) readAll(f *vfs.OpenFile, limit int) (string, error) {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := sh.read(f, buf)
		if err != nil {
			return b.String(), err
		}
		if n == 0 {
			break
		}
		if b.Len()+n > limit {
			return b.String(), errTooLong
		}
		b.Write(buf[:n])
		if n == len(buf) && n < 64<<10 {
			buf = make([]byte, 2*n)
		}
	}
	s := b.String()
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s, nil
}

// run parses a source and executes it line by line, as it is read. rest tells, for text in memory, whether nothing
// follows a position: then the last command may replace the shell.
func (sh *shell) run(src commandSource, rest func(end uint) bool) {
	parser := syntax.NewParser()
	for stmts, err := range parser.InteractiveSeq(src) {
		if err != nil {
			sh.syntaxError(err, src.line())
			return
		}
		if parser.Incomplete() {
			continue
		}
		for i, st := range stmts {
			if sh.opt.noexec && !sh.opt.interactive {
				break
			}
			sh.stmt(st, i == len(stmts)-1 && rest != nil && rest(st.End().Offset()))
			if sh.flow != flowNone {
				return
			}
		}
	}
}

// runString executes text: -c, eval, traps.
func (sh *shell) runString(text string, tail bool) {
	if err := sh.enter(); err != nil {
		sh.errorf("%v", err)
		sh.exit(2)
		return
	}
	defer sh.leave()
	if sh.opt.verbose && tail {
		sh.write(2, text+"\n")
	}
	var rest func(uint) bool
	if tail {
		rest = func(end uint) bool {
			return int(end) <= len(text) && strings.Trim(text[end:], " \t\n;") == ""
		}
	}
	sh.run(newStringSource(text), rest)
}

// syntaxError reports what the parser found and ends the shell, or only the command line of an interactive one.
func (sh *shell) syntaxError(err error, last int) {
	switch {
	case errors.Is(err, errDying):
		sh.exit(sh.status)
		return
	case errors.Is(err, errInterrupted):
		return
	}
	var perr syntax.ParseError
	var lerr syntax.LangError
	text := err.Error()
	line := sh.line
	switch {
	case errors.As(err, &perr):
		text, line = syntaxText(perr), int(perr.Pos.Line())
		if perr.Incomplete {
			line = last
		}
	case errors.As(err, &lerr):
		text, line = "syntax error: "+lerr.Error(), int(lerr.Pos.Line())
	}
	sh.line = line
	sh.errorf("%s", text)
	sh.status = 2
	if !sh.opt.interactive {
		sh.exit(2)
	}
}

// syntaxText puts the parser's message into ash's words.
func syntaxText(e syntax.ParseError) string {
	t := e.Text
	var quoted []string // the tokens that the message names
	for _, w := range strings.Fields(t) {
		w = strings.TrimRight(w, ",")
		if len(w) > 2 && (w[0] == '`' || w[0] == '"') {
			quoted = append(quoted, strings.Trim(w, "`\""))
		}
	}
	first := ""
	if len(quoted) > 0 {
		first = quoted[0]
	}
	switch {
	case strings.Contains(t, "without closing quote"):
		return "syntax error: unterminated quoted string"
	case first == "$((" && e.Incomplete:
		return "syntax error: missing '))'"
	case strings.Contains(t, "arithm") || strings.Contains(t, "followed by an expression") || strings.Contains(t, "ternary") ||
		strings.Contains(t, "expression to start"):
		return errArithSyntax.Error()
	case first == "for" && strings.Contains(t, "must be followed by"):
		return "syntax error: bad for loop variable"
	case first == "${" && e.Incomplete:
		return "syntax error: missing '}'"
	case e.Incomplete && strings.Contains(t, "must be followed by") && followers[first] != "":
		return `syntax error: unexpected end of file (expecting "` + followers[first] + `")`
	case e.Incomplete && closers[first] != "":
		return `syntax error: unexpected end of file (expecting "` + closers[first] + `")`
	case e.Incomplete:
		return "syntax error: unexpected end of file"
	case strings.Contains(t, "encountered") && len(quoted) > 0:
		return `syntax error: unexpected "` + quoted[len(quoted)-1] + `"`
	case strings.Contains(t, "can only be used"), strings.Contains(t, "is not a valid"), strings.Contains(t, "can only immediately"):
		return `syntax error: unexpected "` + first + `"`
	}
	return "syntax error: " + strings.ReplaceAll(t, "`", `"`)
}

// followers and closers are what must come after a word, and what ends it.
var (
	followers = map[string]string{"if": "then", "elif": "then", "while": "do", "until": "do", "then": "fi", "else": "fi", "do": "done"}
	closers   = map[string]string{
		"if": "fi", "then": "fi", "elif": "then", "else": "fi", "do": "done", "while": "done", "until": "done", "for": "done",
		"case": "esac", "{": "}", "(": ")", "$(": ")", "((": "))", "[[": "]]",
	}
)
