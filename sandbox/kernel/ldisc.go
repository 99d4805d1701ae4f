package kernel

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Input is what the master writes: keys typed. It returns how many bytes it took; fewer, with EAGAIN, when programs do
// not read.
func (t *TTY) Input(p []byte) (int, error) {
	var signals []abi.Signal
	t.mu.Lock()
	n := 0
	var err error
	for _, c := range p {
		if t.hungup {
			err = abi.EIO
			break
		}
		if len(t.input)+len(t.line) >= maxInput {
			err = abi.EAGAIN
			break
		}
		if s := t.key(c); s != 0 {
			signals = append(signals, s)
		}
		n++
	}
	t.masterReady()
	t.mu.Unlock()
	for _, s := range signals {
		t.signal(s)
	}
	t.slaveQueue.Notify(abi.POLLIN | abi.POLLOUT)
	return n, err
}

// key is input processing of one byte; it returns the signal that the key stands for. t.mu is held.
func (t *TTY) key(c byte) abi.Signal {
	tio := &t.termios
	if tio.Iflag&abi.ISTRIP != 0 {
		c &= 0x7f
	}
	if t.literal {
		t.literal = false
		t.accept(c)
		return 0
	}
	if tio.Iflag&abi.IXON != 0 {
		switch {
		case t.is(c, abi.VSTOP):
			t.stopped = true
			return 0
		case t.is(c, abi.VSTART), t.stopped && tio.Iflag&abi.IXANY != 0:
			t.stopped = false
			if t.is(c, abi.VSTART) {
				return 0
			}
		}
	}
	if tio.Lflag&abi.ISIG != 0 {
		for _, k := range [...]struct {
			cc int
			s  abi.Signal
		}{{abi.VINTR, abi.SIGINT}, {abi.VQUIT, abi.SIGQUIT}, {abi.VSUSP, abi.SIGTSTP}} {
			if t.is(c, k.cc) {
				t.stopped = false
				if tio.Lflag&abi.NOFLSH == 0 {
					t.flushInput()
				}
				t.echo(c)
				return k.s
			}
		}
	}
	switch {
	case c == '\r' && tio.Iflag&abi.IGNCR != 0:
		return 0
	case c == '\r' && tio.Iflag&abi.ICRNL != 0:
		c = '\n'
		if tio.Lflag&abi.ICANON == 0 { // shown as a new line, where one that was typed is shown as ^J
			t.input = append(t.input, c)
			if tio.Lflag&abi.ECHO != 0 {
				t.echoRaw("\n")
			}
			return 0
		}
	case c == '\n' && tio.Iflag&abi.INLCR != 0:
		c = '\r'
	}
	if tio.Lflag&abi.ICANON != 0 && t.edit(c) {
		return 0
	}
	t.accept(c)
	return 0
}

// is reports whether c is a control character of the settings; 0 switches one off.
func (t *TTY) is(c byte, cc int) bool { return c != 0 && c == t.termios.Cc[cc] }

// edit handles the keys of canonical mode that edit the line; t.mu is held.
func (t *TTY) edit(c byte) bool {
	ext := t.termios.Lflag&abi.IEXTEN != 0
	switch {
	case t.is(c, abi.VERASE):
		if t.termios.Lflag&abi.ECHOE == 0 && len(t.line) > 0 {
			t.line = t.line[:len(t.line)-t.lastSize()]
			t.echo(c)
			break
		}
		t.erase()
	case ext && t.is(c, abi.VWERASE):
		for seen := false; len(t.line) > 0; t.erase() {
			if in := inWord(t.line[len(t.line)-t.lastSize()]); seen && !in {
				break
			} else if in {
				seen = true
			}
		}
	case t.is(c, abi.VKILL):
		if len(t.line) == 0 {
			break
		}
		const whole = abi.ECHOK | abi.ECHOKE | abi.ECHOE
		if t.termios.Lflag&whole == whole {
			for len(t.line) > 0 {
				t.erase()
			}
			break
		}
		t.line = nil
		t.echo(c)
		if t.termios.Lflag&(abi.ECHO|abi.ECHOK) == abi.ECHO|abi.ECHOK {
			t.echoRaw("\n")
		}
	case t.is(c, abi.VEOF):
		t.endLine()
	case ext && t.is(c, abi.VLNEXT):
		t.literal = true
		if t.termios.Lflag&abi.ECHO != 0 && t.termios.Lflag&abi.ECHOCTL != 0 {
			t.echoRaw("^\b")
		}
	case ext && t.is(c, abi.VREPRINT):
		t.echo(c)
		t.echoRaw("\n")
		for _, b := range t.line {
			t.echo(b)
		}
	case c == '\n' || t.is(c, abi.VEOL) || ext && t.is(c, abi.VEOL2):
		t.line = append(t.line, c)
		if c == '\n' {
			if t.termios.Lflag&(abi.ECHO|abi.ECHONL) != 0 {
				t.echoRaw("\n")
			}
		} else {
			t.echo(c)
		}
		t.endLine()
	default:
		return false
	}
	return true
}

// inWord reports whether a character that begins with a byte is of a word, as VWERASE of Linux takes it: a letter or digit of
// Latin-1, whatever the terminal's encoding.
func inWord(c byte) bool {
	r := rune(c)
	return c == '_' || unicode.IsLetter(r) || '0' <= c && c <= '9'
}

// endLine hands the edited line to the readers; an empty one is an end of file.
func (t *TTY) endLine() {
	t.input = append(t.input, t.line...)
	t.marks = append(t.marks, len(t.line))
	t.line = nil
}

// accept takes a plain character; t.mu is held.
func (t *TTY) accept(c byte) {
	if t.termios.Lflag&abi.ICANON == 0 {
		t.input = append(t.input, c)
		t.echo(c)
		return
	}
	if len(t.line) >= maxLine-1 {
		if t.termios.Iflag&abi.IMAXBEL != 0 {
			t.echoRaw("\a")
		}
		return
	}
	if len(t.line) == 0 {
		t.lineColumn = t.column
	}
	t.line = append(t.line, c)
	t.echo(c)
}

// erase takes the last character off the line and the screen; t.mu is held.
func (t *TTY) erase() {
	if len(t.line) == 0 {
		return
	}
	size := t.lastSize()
	last := t.line[len(t.line)-size]
	t.line = t.line[:len(t.line)-size]
	switch {
	case t.termios.Lflag&abi.ECHO == 0:
	case last == '\t':
		t.echoRaw(strings.Repeat("\b", 8-t.columnsBefore()&7))
	default:
		t.echoRaw(strings.Repeat("\b \b", t.columns(last)))
	}
}

// lastSize returns how many bytes the last character of the line has: with IUTF8 it may be more than one.
func (t *TTY) lastSize() int {
	if t.termios.Iflag&abi.IUTF8 == 0 {
		return 1
	}
	_, size := utf8.DecodeLastRune(t.line)
	return size
}

// columns returns how many a character takes that begins with a byte.
func (t *TTY) columns(c byte) int {
	switch {
	case c >= ' ' && c != 127:
		return 1
	case t.termios.Lflag&abi.ECHOCTL != 0:
		return 2
	}
	return 0
}

// columnsBefore returns where the cursor is after the line as it is now: from the last tab on, as only the last 3 bits count.
func (t *TTY) columnsBefore() int {
	n := 0
	for i := len(t.line) - 1; i >= 0; i-- {
		c := t.line[i]
		if c == '\t' {
			return n
		}
		if t.termios.Iflag&abi.IUTF8 == 0 || utf8.RuneStart(c) {
			n += t.columns(c)
		}
	}
	return n + t.lineColumn
}

// echo shows a typed character, control characters as ^X; t.mu is held.
func (t *TTY) echo(c byte) {
	lflag := t.termios.Lflag
	if lflag&abi.ECHO == 0 {
		return
	}
	if lflag&abi.ECHOCTL != 0 && (c < ' ' && c != '\t' || c == 127) {
		t.echoRaw(string([]byte{'^', c ^ 0x40}))
		return
	}
	t.echoRaw(string([]byte{c}))
}

// echoRaw shows text. What the master cannot take now is lost, as on Linux.
func (t *TTY) echoRaw(s string) { _ = t.emit(t.process([]byte(s))) }
