package kernel

import (
	"bytes"
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
		t.erase(1)
	case ext && t.is(c, abi.VWERASE):
		n := len(t.line)
		for n > 0 && (t.line[n-1] == ' ' || t.line[n-1] == '\t') {
			n--
		}
		for n > 0 && t.line[n-1] != ' ' && t.line[n-1] != '\t' {
			n--
		}
		for len(t.line) > n {
			t.erase(1)
		}
	case t.is(c, abi.VKILL):
		if t.termios.Lflag&abi.ECHOKE != 0 || t.termios.Lflag&abi.ECHOK == 0 {
			for len(t.line) > 0 {
				t.erase(1)
			}
		} else {
			t.echo(c)
			t.echoRaw("\n")
			t.line = nil
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
	t.line = append(t.line, c)
	t.echo(c)
}

// erase takes the last character, of one or more bytes, off the line and the screen; t.mu is held.
func (t *TTY) erase(count int) {
	for ; count > 0 && len(t.line) > 0; count-- {
		_, size := utf8.DecodeLastRune(t.line)
		last := t.line[len(t.line)-size:]
		t.line = t.line[:len(t.line)-size]
		if t.termios.Lflag&abi.ECHO == 0 {
			continue
		}
		if t.termios.Lflag&abi.ECHOE == 0 {
			t.echo(t.termios.Cc[abi.VERASE])
			continue
		}
		width := 1
		switch {
		case last[0] == '\t':
			// The column before the tab is that of the line without it, counted from where the line began; as the
			// start is not known, step back to the last tab stop.
			width = max(1, t.column-(t.column-1)&^7)
			t.echoRaw(string(bytes.Repeat([]byte{'\b'}, width)))
			continue
		case last[0] < ' ' || last[0] == 127:
			width = 2
		}
		for range width {
			t.echoRaw("\b \b")
		}
	}
}

// echo shows a typed character, control characters as ^X; t.mu is held.
func (t *TTY) echo(c byte) {
	lflag := t.termios.Lflag
	if lflag&abi.ECHO == 0 {
		return
	}
	if lflag&abi.ECHOCTL != 0 && (c < ' ' && c != '\t' && c != '\n' || c == 127) {
		t.echoRaw(string([]byte{'^', c ^ 0x40}))
		return
	}
	t.echoRaw(string([]byte{c}))
}

// echoRaw shows text. What the master cannot take now is lost, as on Linux.
func (t *TTY) echoRaw(s string) { _ = t.emit(t.process([]byte(s))) }
