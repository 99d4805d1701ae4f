package shell

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// terminal edits the lines of an interactive shell on its controlling terminal.
type terminal struct {
	sh      *shell
	tty     *kernel.TTY
	in      *vfs.OpenFile
	cooked  abi.Termios // the settings for commands
	history []string
	warned  int // about stopped jobs: counted down by each command line

	prompt  string // its last line
	line    []rune
	pos     int // of the cursor in line
	row     int // of the cursor, below the prompt's line
	at      int // of the history; len(history) is the new line
	draft   string
	killed  []rune
	lastTab bool
	pending []byte // typed ahead, not yet a whole character
}

const maxHistory = 1000

// Keys that are no character, beyond Unicode.
const (
	keyUp rune = 0x110000 + iota
	keyDown
	keyLeft
	keyRight
	keyHome
	keyEnd
	keyDelete
	keyWordLeft
	keyWordRight
	keyKillWord
	keyRubWord
	keyNone
)

func ctrl(c rune) rune { return c & 0x1f }

// readLine edits one line: io.EOF for ^D on an empty one, errInterrupted for ^C.
func (t *terminal) readLine(prompt string) (string, error) {
	t.cooked = t.tty.Termios()
	raw := t.cooked
	raw.Lflag &^= abi.ICANON | abi.ECHO | abi.ISIG | abi.IEXTEN
	raw.Iflag &^= abi.ICRNL | abi.INLCR | abi.IXON
	raw.Cc[abi.VMIN], raw.Cc[abi.VTIME] = 1, 0
	t.tty.SetTermios(raw, false)
	defer func() { t.tty.SetTermios(t.cooked, false) }()

	if i := strings.LastIndexByte(prompt, '\n'); i >= 0 {
		t.write(prompt[:i+1])
		prompt = prompt[i+1:]
	}
	t.prompt, t.line, t.pos, t.row = prompt, nil, 0, 0
	t.at, t.draft, t.lastTab = len(t.history), "", false
	t.write(prompt)
	for {
		key, err := t.key()
		if err != nil {
			return "", err
		}
		tab := false
		switch key {
		case '\r', '\n':
			t.end()
			t.write("\n")
			return t.accept(), nil
		case ctrl('c'):
			t.end()
			t.write("^C\n")
			t.sh.status = 130
			return "", errInterrupted
		case ctrl('d'):
			if len(t.line) == 0 {
				return "", io.EOF
			}
			t.remove(t.pos, t.pos+1)
		case '\t':
			tab = true
			t.complete()
		case ctrl('r'):
			if done, err := t.search(); done || err != nil {
				if err != nil {
					return "", err
				}
				t.end()
				t.write("\n")
				return t.accept(), nil
			}
		default:
			t.edit(key)
		}
		t.lastTab = tab
	}
}

// accept gives the line, and keeps it in the history.
func (t *terminal) accept() string {
	s := string(t.line)
	if strings.TrimSpace(s) != "" && (len(t.history) == 0 || t.history[len(t.history)-1] != s) {
		t.history = append(t.history, s)
		if len(t.history) > maxHistory {
			t.history = t.history[1:]
		}
	}
	return s
}

// edit does what a key stands for, other than those that end the line.
func (t *terminal) edit(key rune) {
	switch key {
	case ctrl('a'), keyHome:
		t.move(0)
	case ctrl('e'), keyEnd:
		t.move(len(t.line))
	case ctrl('b'), keyLeft:
		t.move(t.pos - 1)
	case ctrl('f'), keyRight:
		t.move(t.pos + 1)
	case keyWordLeft:
		t.move(t.wordLeft(unicode.IsSpace))
	case keyWordRight:
		t.move(t.wordRight())
	case 127, ctrl('h'):
		t.remove(t.pos-1, t.pos)
	case keyDelete:
		t.remove(t.pos, t.pos+1)
	case ctrl('k'):
		t.kill(t.pos, len(t.line))
	case ctrl('u'):
		t.kill(0, t.pos)
	case ctrl('w'):
		t.kill(t.wordLeft(unicode.IsSpace), t.pos)
	case keyRubWord:
		t.kill(t.wordLeft(notWord), t.pos)
	case keyKillWord:
		t.kill(t.pos, t.wordRight())
	case ctrl('y'):
		t.insert(t.killed)
	case ctrl('t'):
		if t.pos > 0 && len(t.line) > 1 {
			i := min(t.pos, len(t.line)-1)
			t.line[i-1], t.line[i] = t.line[i], t.line[i-1]
			t.pos = i + 1
			t.refresh()
		}
	case ctrl('l'):
		t.write("\x1b[H\x1b[2J")
		t.row = 0
		t.refresh()
	case ctrl('p'), keyUp:
		t.recall(t.at - 1)
	case ctrl('n'), keyDown:
		t.recall(t.at + 1)
	default:
		if key >= ' ' && key < keyUp {
			t.insert([]rune{key})
		}
	}
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func (t *terminal) wordLeft(sep func(rune) bool) int {
	i := t.pos
	for i > 0 && sep(t.line[i-1]) {
		i--
	}
	for i > 0 && !sep(t.line[i-1]) {
		i--
	}
	return i
}

func (t *terminal) wordRight() int {
	i := t.pos
	for i < len(t.line) && notWord(t.line[i]) {
		i++
	}
	for i < len(t.line) && !notWord(t.line[i]) {
		i++
	}
	return i
}

func (t *terminal) write(s string) { t.sh.write(2, s) }

func (t *terminal) insert(text []rune) {
	if len(text) == 0 || len(t.line)+len(text) > abi.ARG_STRLN {
		return
	}
	atEnd := t.pos == len(t.line)
	t.line = append(t.line[:t.pos:t.pos], append(text[:len(text):len(text)], t.line[t.pos:]...)...)
	t.pos += len(text)
	col := t.column(t.pos)
	if atEnd && len(text) == 1 && col/t.width() == t.row && col%t.width() != 0 {
		t.write(string(text))
		return
	}
	t.refresh()
}

func (t *terminal) remove(from, to int) {
	if from < 0 || to > len(t.line) || from >= to {
		return
	}
	t.line = append(t.line[:from:from], t.line[to:]...)
	t.pos = from
	t.refresh()
}

func (t *terminal) kill(from, to int) {
	if from < to {
		t.killed = append([]rune(nil), t.line[from:to]...)
		t.remove(from, to)
	}
}

func (t *terminal) move(to int) {
	if to < 0 || to > len(t.line) || to == t.pos {
		return
	}
	t.pos = to
	t.place()
}

// end puts the cursor behind the line.
func (t *terminal) end() {
	t.move(len(t.line))
}

func (t *terminal) recall(i int) {
	if i < 0 || i > len(t.history) {
		return
	}
	if t.at == len(t.history) {
		t.draft = string(t.line)
	}
	t.at = i
	text := t.draft
	if i < len(t.history) {
		text = t.history[i]
	}
	t.line = []rune(text)
	t.pos = len(t.line)
	t.refresh()
}

func (t *terminal) width() int {
	if w := int(t.tty.Size().Col); w > 0 {
		return w
	}
	return 80
}

// column is the cells before a position, from the start of the prompt's line.
func (t *terminal) column(pos int) int {
	n := visibleWidth(t.prompt)
	w := t.width()
	for _, r := range t.line[:pos] {
		c := runeWidth(r)
		if c == 2 && n%w == w-1 { // a wide character does not fit
			n++
		}
		n += c
	}
	return n
}

// place moves the cursor to where it belongs.
func (t *terminal) place() {
	var b strings.Builder
	t.goTo(&b, t.column(t.pos))
	t.write(b.String())
}

func (t *terminal) goTo(b *strings.Builder, col int) {
	w := t.width()
	row := col / w
	switch {
	case row < t.row:
		fmt.Fprintf(b, "\x1b[%dA", t.row-row)
	case row > t.row:
		fmt.Fprintf(b, "\x1b[%dB", row-t.row)
	}
	b.WriteByte('\r')
	if col %= w; col > 0 {
		fmt.Fprintf(b, "\x1b[%dC", col)
	}
	t.row = row
}

// refresh writes prompt and line anew.
func (t *terminal) refresh() {
	var b strings.Builder
	if t.row > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", t.row)
	}
	b.WriteString("\r" + t.prompt + string(t.line))
	end := t.column(len(t.line))
	t.row = end / t.width()
	if end > 0 && end%t.width() == 0 { // the terminal waits to wrap
		b.WriteString("\r\n")
	}
	b.WriteString("\x1b[J")
	t.goTo(&b, t.column(t.pos))
	t.write(b.String())
}

// visibleWidth counts the cells of a prompt, without its escape sequences.
func visibleWidth(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] == 27 && i+1 < len(s) {
			i += 2
			if s[i-1] == '[' {
				for i < len(s) && (s[i] < '@' || s[i] > '~') {
					i++
				}
				i++
			} else if s[i-1] == ']' {
				for i < len(s) && s[i] != 7 {
					i++
				}
				i++
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		n += runeWidth(r)
		i += size
	}
	return n
}

// runeWidth is the cells that a character takes (Unicode East Asian Width W and F: two).
func runeWidth(r rune) int {
	switch {
	case r < ' ' || r == 127 || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	case r <= 0x115f, 0x2e80 <= r && r <= 0x303e, 0x3041 <= r && r <= 0x33ff, 0x3400 <= r && r <= 0x4dbf, 0x4e00 <= r && r <= 0x9fff,
		0xa000 <= r && r <= 0xa4cf, 0xac00 <= r && r <= 0xd7a3, 0xf900 <= r && r <= 0xfaff, 0xfe30 <= r && r <= 0xfe6f,
		0xff00 <= r && r <= 0xff60, 0xffe0 <= r && r <= 0xffe6, 0x1f300 <= r && r <= 0x1f64f, 0x1f900 <= r && r <= 0x1f9ff,
		0x20000 <= r && r <= 0x3fffd:
		return 2
	}
	return 1
}

// readByte waits for a byte typed. A change of the window's size writes the line anew.
func (t *terminal) readByte() (byte, error) {
	if len(t.pending) == 0 {
		var buf [256]byte
		for {
			n, err := t.sh.readWaiting(t.in, buf[:])
			if err == abi.EINTR {
				if t.sh.task.Dying() {
					return 0, errDying
				}
				t.sh.collectSignals()
				if t.sh.interrupted { // kill -INT: as ^C
					t.write("\n")
					return 0, errInterrupted
				}
				t.runTraps()
				if t.sh.flow != flowNone {
					return 0, errDying
				}
				t.refresh()
				continue
			}
			if err != nil || n == 0 {
				return 0, io.EOF
			}
			t.pending = append(t.pending, buf[:n]...)
			break
		}
	}
	c := t.pending[0]
	t.pending = t.pending[1:]
	return c, nil
}

func (t *terminal) runTraps() {
	if t.sh.pending != 0 {
		raw := t.tty.Termios()
		t.tty.SetTermios(t.cooked, false)
		t.sh.handleSignals()
		t.tty.SetTermios(raw, false)
	}
}

// key reads one key: a character, a control character or one of the key constants.
func (t *terminal) key() (rune, error) {
	c, err := t.readByte()
	if err != nil {
		return 0, err
	}
	if c == 27 {
		return t.escapeKey()
	}
	if c < utf8.RuneSelf {
		return rune(c), nil
	}
	buf := []byte{c}
	for !utf8.FullRune(buf) && len(buf) < utf8.UTFMax {
		if c, err = t.readByte(); err != nil {
			return 0, err
		}
		buf = append(buf, c)
	}
	r, _ := utf8.DecodeRune(buf)
	return r, nil
}

// escapeKey reads what follows an escape (ECMA-48, as xterm sends it).
func (t *terminal) escapeKey() (rune, error) {
	c, err := t.readByte()
	if err != nil {
		return 0, err
	}
	switch c {
	case 'b':
		return keyWordLeft, nil
	case 'f':
		return keyWordRight, nil
	case 'd':
		return keyKillWord, nil
	case 127, 8:
		return keyRubWord, nil
	case '[', 'O':
	default:
		return keyNone, nil
	}
	params := ""
	for {
		if c, err = t.readByte(); err != nil {
			return 0, err
		}
		if c >= '@' && c <= '~' {
			break
		}
		params += string(rune(c))
	}
	word := strings.HasSuffix(params, ";5") || strings.HasSuffix(params, ";3")
	switch c {
	case 'A':
		return keyUp, nil
	case 'B':
		return keyDown, nil
	case 'C':
		if word {
			return keyWordRight, nil
		}
		return keyRight, nil
	case 'D':
		if word {
			return keyWordLeft, nil
		}
		return keyLeft, nil
	case 'H':
		return keyHome, nil
	case 'F':
		return keyEnd, nil
	case '~':
		switch params {
		case "1", "7":
			return keyHome, nil
		case "4", "8":
			return keyEnd, nil
		case "3":
			return keyDelete, nil
		}
	}
	return keyNone, nil
}

// search is ^R: it finds the last line of the history that holds what is typed. done: the line was entered.
func (t *terminal) search() (done bool, err error) {
	query, from := "", len(t.history)-1
	saved, prompt := t.line, t.prompt
	restore := func(line []rune) {
		t.prompt = prompt
		t.line, t.pos = line, len(line)
		t.refresh()
	}
	for {
		found := -1
		for i := min(from, len(t.history)-1); i >= 0; i-- {
			if query != "" && strings.Contains(t.history[i], query) {
				found = i
				break
			}
		}
		if found >= 0 {
			t.line, from = []rune(t.history[found]), found
			t.pos = len(t.line)
		}
		t.prompt = "(reverse-i-search)`" + query + "': "
		t.refresh()
		key, err := t.key()
		if err != nil {
			return false, err
		}
		switch {
		case key == ctrl('r'):
			from--
		case key == 127 || key == 8:
			if query != "" {
				r := []rune(query)
				query, from = string(r[:len(r)-1]), len(t.history)-1
			}
		case key >= ' ' && key < keyUp:
			query += string(key)
		case key == '\r' || key == '\n':
			restore(t.line)
			return true, nil
		case key == ctrl('c') || key == ctrl('g'):
			restore(saved)
			return false, nil
		default:
			restore(t.line)
			t.edit(key)
			return false, nil
		}
	}
}
