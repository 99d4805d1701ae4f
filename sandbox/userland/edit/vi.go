package edit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Keys that are not characters.
const (
	keyUp = 0x100 + iota
	keyDown
	keyRight
	keyLeft
	keyHome
	keyEnd
	keyDelete
	keyPageUp
	keyPageDown
)

const escape = 27

// vi is one run of the editor.
type vi struct {
	buffer
	c          *applet.Context
	row, col   int // of the cursor, in the text
	top        int // first line on the screen
	rows, cols int
	status     string
	yanked     []string // what p puts
	whole      bool     // it is lines
	pattern    string
	backward   bool
	readonly   bool
	input      [256]byte
	pending    []byte
	files      []string
	done       bool
	code       int
}

// Vi edits files on the terminal.
func Vi(c *applet.Context) int {
	o := c.Getopt("c:RH")
	v := &vi{c: c, rows: 24, cols: 80, readonly: o.Has("R"), files: c.Args}
	if len(v.files) == 0 {
		v.files = []string{""}
	}
	saved, err := sys.GetTermios(0)
	if err == nil {
		raw := *saved
		raw.Iflag &^= abi.ICRNL | abi.IXON
		raw.Lflag &^= abi.ICANON | abi.ECHO | abi.ISIG
		raw.Cc[abi.VMIN], raw.Cc[abi.VTIME] = 1, 0
		sys.SetTermios(0, &raw)
	}
	v.size()
	c.Out.WriteString("\x1b[?1049h")
	v.edit(v.files[0])
	for _, command := range o.All('c') {
		v.colon(command)
	}
	for !v.done {
		v.draw()
		v.command()
	}
	c.Out.WriteString(fmt.Sprintf("\x1b[%d;1H\x1b[K\x1b[?1049l", v.rows))
	c.Out.Flush()
	if err == nil {
		sys.SetTermios(0, saved)
	}
	return v.code
}

func (v *vi) size() {
	if w, err := sys.GetWinsize(0); err == nil && w.Row > 1 && w.Col > 1 {
		v.rows, v.cols = int(w.Row), int(w.Col)
	}
}

// edit opens a file.
func (v *vi) edit(name string) {
	v.row, v.col, v.top, v.undo, v.dirty = 0, 0, 0, nil, false
	found, err := v.load(name)
	switch {
	case name == "":
		v.status = "- No file 1/1 100%"
	case err != nil:
		v.status = "'" + name + "' " + applet.Strerror(err)
	case !found:
		v.status = "'" + name + "' [New file] 1/1 100%"
	default:
		v.status = fmt.Sprintf("'%s' %d/%d %d%%", name, 1, len(v.lines), 100/len(v.lines))
	}
}

// key reads a key; the end of the input ends the editor.
func (v *vi) key() int {
	b, ok := v.readByte(-1)
	if !ok {
		v.done, v.code = true, 1
		return escape
	}
	if b != escape {
		return int(b)
	}
	// An escape alone is the key; more that comes at once is a key's name.
	first, ok := v.readByte(50)
	if !ok {
		return escape
	}
	if first != '[' && first != 'O' {
		v.pending = append([]byte{first}, v.pending...)
		return escape
	}
	name := ""
	for {
		x, ok := v.readByte(50)
		if !ok {
			return escape
		}
		name += string(rune(x))
		if x >= '@' {
			break
		}
	}
	switch name {
	case "A":
		return keyUp
	case "B":
		return keyDown
	case "C":
		return keyRight
	case "D":
		return keyLeft
	case "H", "1~", "7~":
		return keyHome
	case "F", "4~", "8~":
		return keyEnd
	case "3~":
		return keyDelete
	case "5~":
		return keyPageUp
	case "6~":
		return keyPageDown
	}
	return 0
}

// readByte reads a byte, waiting so many milliseconds at most; -1 waits for ever.
func (v *vi) readByte(timeout int) (byte, bool) {
	if len(v.pending) == 0 {
		if timeout >= 0 {
			fds := []abi.PollFd{{Fd: 0, Events: abi.POLLIN}}
			if n, err := sys.Poll(fds, timeout); n <= 0 || err != nil {
				return 0, false
			}
		}
		n, err := sys.Read(0, v.input[:])
		if n <= 0 || err != nil {
			return 0, false
		}
		v.pending = append(v.pending, v.input[:n]...)
	}
	b := v.pending[0]
	v.pending = v.pending[1:]
	return b, true
}

// draw shows the text around the cursor.
func (v *vi) draw() {
	v.row = min(max(v.row, 0), len(v.lines)-1)
	v.col = min(max(v.col, 0), max(len(v.lines[v.row])-1, 0))
	v.show()
}

func (v *vi) show() {
	if len(v.pending) > 0 {
		return // more keys are there already
	}
	height := v.rows - 1
	if v.row < v.top {
		v.top = v.row
	}
	if v.row >= v.top+height {
		v.top = v.row - height + 1
	}
	out := &v.c.Out
	out.WriteString("\x1b[H")
	cursor := columns(v.lines[v.row][:min(v.col, len(v.lines[v.row]))])
	left := max(0, cursor-v.cols+1)
	for i := range height {
		line := "~"
		if v.top+i < len(v.lines) {
			line = shown(v.lines[v.top+i])
			r := []rune(line)
			line = string(r[min(left, len(r)):min(left+v.cols, len(r))])
		}
		out.WriteString(line + "\x1b[K\r\n")
	}
	status := v.status
	out.WriteString(status[:min(len(status), v.cols-1)] + "\x1b[K")
	out.Printf("\x1b[%d;%dH", v.row-v.top+1, cursor-left+1)
	out.Flush()
}

// shown writes a line as the screen has it: tabs to every eighth column, controls as ^X.
func shown(line string) string {
	var b strings.Builder
	column := 0
	for _, r := range line {
		switch {
		case r == '\t':
			n := 8 - column%8
			b.WriteString(strings.Repeat(" ", n))
			column += n
			continue
		case r < ' ' || r == 127:
			b.WriteByte('^')
			r ^= 64
			column++
		}
		b.WriteRune(r)
		column++
	}
	return b.String()
}

func columns(line string) int { return len([]rune(shown(line))) }

// prompt reads a line at the bottom; false means it was given up.
func (v *vi) prompt(first string) (string, bool) {
	line := ""
	for !v.done {
		if len(v.pending) == 0 {
			v.c.Out.Printf("\x1b[%d;1H%s%s\x1b[K", v.rows, first, line)
			v.c.Out.Flush()
		}
		switch k := v.key(); {
		case k == '\r' || k == '\n':
			return line, true
		case k == escape:
			return "", false
		case k == 127 || k == 8:
			if line == "" {
				return "", false
			}
			line = line[:len(line)-1]
		case k < 0x100:
			line += string([]byte{byte(k)})
		}
	}
	return "", false
}

// colon runs a command of the bottom line.
func (v *vi) colon(line string) {
	v.status = ""
	line = strings.TrimLeft(line, ": ")
	from, to, rest, ranged := v.lineRange(line)
	if rest == "" {
		if ranged {
			v.row, v.col = to, 0
		}
		return
	}
	if rest[0] == 's' && len(rest) > 1 && strings.IndexByte("/#|,", rest[1]) >= 0 {
		if !ranged {
			from, to = v.row, v.row
		}
		v.substitute(from, to, rest[2:], rest[1:2])
		return
	}
	word := rest
	if i := strings.IndexAny(rest, " !"); i >= 0 {
		word = rest[:i]
	}
	arg := rest[len(word):]
	force := strings.HasPrefix(arg, "!")
	arg = strings.TrimSpace(strings.TrimPrefix(arg, "!"))
	switch word {
	case "w", "write", "wq", "x", "wn":
		if word == "x" && !v.dirty {
			v.quit(force)
			return
		}
		if v.write(from, to, ranged, arg, force) && word != "w" && word != "write" {
			v.quit(force)
		}
	case "q", "quit":
		v.quit(force)
	case "e", "edit":
		switch {
		case v.dirty && !force:
			v.status = "No write since last change (:" + word + "! overrides)"
		case arg == "":
			v.edit(v.name)
		default:
			v.edit(arg)
		}
	case "d", "delete":
		if !ranged {
			from, to = v.row, v.row
		}
		v.remember(v.row, v.col)
		v.yanked, v.whole = v.remove(from, to+1), true
		v.row, v.col = from, 0
	case "r", "read":
		data, err := applet.ReadFile(arg)
		if err != nil {
			v.status = "'" + arg + "' " + applet.Strerror(err)
			return
		}
		v.remember(v.row, v.col)
		v.insertLines(v.row+1, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"))
	case "set", "se":
		if arg != "" {
			v.status = "'" + arg + "' is not implemented"
		}
	default:
		v.status = "'" + rest + "' is not implemented"
	}
}

// lineRange reads the addresses before a command.
func (v *vi) lineRange(line string) (from, to int, rest string, ranged bool) {
	if strings.HasPrefix(line, "%") {
		return 0, len(v.lines) - 1, line[1:], true
	}
	address := func() (int, bool) {
		n := 0
		for n < len(line) && line[n] >= '0' && line[n] <= '9' {
			n++
		}
		switch {
		case n > 0:
			number, _ := strconv.Atoi(line[:n])
			line = line[n:]
			return min(max(number-1, 0), len(v.lines)-1), true
		case strings.HasPrefix(line, "."):
			line = line[1:]
			return v.row, true
		case strings.HasPrefix(line, "$"):
			line = line[1:]
			return len(v.lines) - 1, true
		}
		return 0, false
	}
	from, ranged = address()
	to = from
	if ranged && strings.HasPrefix(line, ",") {
		line = line[1:]
		if second, ok := address(); ok {
			to = max(second, from)
		}
	}
	return from, to, strings.TrimLeft(line, " "), ranged
}

func (v *vi) write(from, to int, ranged bool, name string, force bool) bool {
	lines := v.lines
	if ranged {
		lines = lines[from : to+1]
	}
	whole := name == "" && !ranged
	if name == "" {
		name = v.name
	}
	if name == "" {
		v.status = "No current filename"
		return false
	}
	if v.readonly && !force && whole {
		v.status = "'" + name + "' is read only"
		return false
	}
	n, err := save(name, lines)
	if err != nil {
		v.status = "'" + name + "' " + applet.Strerror(err)
		return false
	}
	if v.name == "" {
		v.name, whole = name, true
	}
	if whole {
		v.dirty = false
	}
	v.status = fmt.Sprintf("'%s' %dL, %dC", name, len(lines), n)
	return true
}

func (v *vi) quit(force bool) {
	if v.dirty && !force {
		v.status = "No write since last change (:q! overrides)"
		return
	}
	v.done = true
}
