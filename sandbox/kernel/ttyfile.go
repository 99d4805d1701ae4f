package kernel

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// ttyFile is an open slave side.
type ttyFile struct{ t *TTY }

// Reopen opens the terminal once more.
func (f *ttyFile) Reopen(int) (vfs.File, error) { return f.t.newSlave(), nil }

// Name is what a link to the open file shows (/proc/PID/fd/N).
func (f *ttyFile) Name() string { return f.t.Name() }

// Stat gives the attributes of the slave's device.
func (f *ttyFile) Stat() (abi.Stat, error) {
	return abi.Stat{Mode: abi.S_IFCHR | 0o620, Nlink: 1, Ino: uint64(f.t.index) + 3, Dev: ptsMajor, Blksize: 1024,
		Rdev: abi.Mkdev(ptsMajor, uint32(f.t.index)), GID: 5}, nil
}

func (f *ttyFile) Read(p []byte, _ int64) (int, error) {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.termios.Lflag&abi.ICANON == 0 {
		if len(t.input) == 0 {
			if t.hungup || t.termios.Cc[abi.VMIN] == 0 {
				return 0, nil
			}
			return 0, abi.EAGAIN
		}
		n := copy(p, t.input)
		t.takeInput(n)
		t.masterQueue.Notify(abi.POLLOUT)
		return n, nil
	}
	if len(t.marks) == 0 {
		if t.hungup {
			return 0, nil
		}
		return 0, abi.EAGAIN
	}
	n := copy(p, t.input[:t.marks[0]])
	if t.marks[0] -= n; t.marks[0] == 0 {
		t.marks = t.marks[1:]
	}
	t.input = t.input[n:]
	t.masterQueue.Notify(abi.POLLOUT)
	return n, nil
}

// takeInput drops n bytes of raw input, and the marks within.
func (t *TTY) takeInput(n int) {
	t.input = t.input[n:]
	for n > 0 && len(t.marks) > 0 {
		m := min(n, t.marks[0])
		n -= m
		if t.marks[0] -= m; t.marks[0] == 0 {
			t.marks = t.marks[1:]
		}
	}
}

func (f *ttyFile) Write(p []byte, _ int64) (int, error) {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hungup {
		return 0, abi.EIO
	}
	done := 0
	for done < len(p) {
		if t.stopped {
			return done, abi.EAGAIN
		}
		chunk := p[done:min(len(p), done+2048)]
		if err := t.emit(t.process(chunk)); err != nil {
			return done, err
		}
		done += len(chunk)
	}
	t.masterReady()
	return done, nil
}

// process is output processing (OPOST); t.mu is held.
func (t *TTY) process(p []byte) []byte {
	if t.termios.Oflag&abi.OPOST == 0 {
		return p
	}
	out := make([]byte, 0, len(p)+16)
	for _, c := range p {
		switch {
		case c == '\n' && t.termios.Oflag&abi.ONLCR != 0:
			out = append(out, '\r', '\n')
			t.column = 0
			continue
		case c == '\r' && t.termios.Oflag&abi.OCRNL != 0:
			c = '\n'
		case c == '\r':
			t.column = 0
		case c == '\t':
			t.column = t.column&^7 + 8
		case c == 8:
			t.column = max(t.column-1, 0)
		case c >= ' ' && c&0xc0 != 0x80:
			t.column++
		}
		out = append(out, c)
	}
	return out
}

// emit sends processed output to the master; t.mu is held.
func (t *TTY) emit(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if t.sink != nil {
		_, err := t.sink.Write(p)
		return err
	}
	if len(t.output)+len(p) > maxOutput {
		return abi.EAGAIN
	}
	t.output = append(t.output, p...)
	return nil
}

// masterReady announces output on a /dev/ptmx; the waiters' Wake takes no lock of ours.
func (t *TTY) masterReady() {
	if t.sink == nil {
		t.masterQueue.Notify(abi.POLLIN)
	}
}

func (f *ttyFile) Ready() vfs.Events {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	var ev vfs.Events
	if t.termios.Lflag&abi.ICANON != 0 && len(t.marks) > 0 || t.termios.Lflag&abi.ICANON == 0 && len(t.input) > 0 {
		ev |= abi.POLLIN
	}
	if !t.stopped && (t.sink != nil || len(t.output) < maxOutput-4096) {
		ev |= abi.POLLOUT
	}
	if t.hungup {
		ev |= abi.POLLHUP | abi.POLLIN
	}
	return ev
}

func (f *ttyFile) Queue() *vfs.WaitQueue { return &f.t.slaveQueue }

func (f *ttyFile) Close() error {
	t := f.t
	t.mu.Lock()
	t.slaves--
	last := t.slaves == 0
	t.mu.Unlock()
	if last {
		t.masterQueue.Notify(abi.POLLHUP)
	}
	return nil
}

// Ioctl serves the terminal's requests (ioctl_tty(2)).
func (f *ttyFile) Ioctl(ctx vfs.IoctlContext, req uint32, value uint64, arg []byte) (int, error) {
	return f.t.ioctl(ctx, req, value, arg)
}

func (t *TTY) ioctl(ctx vfs.IoctlContext, req uint32, value uint64, arg []byte) (int, error) {
	task, _ := ctx.(*Task)
	get := func(b []byte) (int, error) {
		if len(arg) < len(b) {
			return 0, abi.EFAULT
		}
		copy(arg, b)
		return 0, nil
	}
	switch req {
	case abi.TCGETS:
		t.mu.Lock()
		defer t.mu.Unlock()
		return get(abi.Bytes(&t.termios))
	case abi.TCSETS, abi.TCSETSW, abi.TCSETSF:
		var tio abi.Termios
		if copy(abi.Bytes(&tio), arg) < len(abi.Bytes(&tio)) {
			return 0, abi.EFAULT
		}
		if task != nil {
			if err := t.mayUse(task, true); err != nil {
				return 0, err
			}
		}
		t.SetTermios(tio, req == abi.TCSETSF)
		return 0, nil
	case abi.TCFLSH:
		t.mu.Lock()
		if value != 1 {
			t.flushInput()
		}
		t.mu.Unlock()
		return 0, nil
	case abi.TIOCGWINSZ:
		size := t.Size()
		return get(abi.Bytes(&size))
	case abi.TIOCSWINSZ:
		var size abi.Winsize
		if copy(abi.Bytes(&size), arg) < len(abi.Bytes(&size)) {
			return 0, abi.EFAULT
		}
		t.Resize(size)
		return 0, nil
	case abi.FIONREAD:
		t.mu.Lock()
		n := int32(len(t.input))
		t.mu.Unlock()
		return get(abi.Bytes(&n))
	case abi.TIOCOUTQ:
		var n int32
		return get(abi.Bytes(&n))
	case abi.TIOCGPGRP, abi.TIOCGSID:
		t.k.mu.Lock()
		id := int32(t.foreground)
		if req == abi.TIOCGSID {
			id = int32(t.sid)
		}
		ours := task != nil && task.tty == t
		t.k.mu.Unlock()
		if !ours {
			return 0, abi.ENOTTY
		}
		return get(abi.Bytes(&id))
	case abi.TIOCSPGRP:
		var pgid int32
		if copy(abi.Bytes(&pgid), arg) < 4 {
			return 0, abi.EFAULT
		}
		return 0, t.SetForeground(task, int(pgid))
	case abi.TIOCSCTTY:
		t.k.mu.Lock()
		defer t.k.mu.Unlock()
		if task == nil || task.pid != task.sid || task.tty != nil && task.tty != t || t.sid != 0 && t.sid != task.sid {
			return 0, abi.EPERM
		}
		t.setController(task)
		return 0, nil
	case abi.TIOCNOTTY:
		t.k.mu.Lock()
		defer t.k.mu.Unlock()
		if task == nil || task.tty != t {
			return 0, abi.ENOTTY
		}
		if task.pid == task.sid {
			t.sessionEnded(task)
		}
		task.tty = nil
		return 0, nil
	}
	return 0, abi.ENOTTY
}

// SetForeground makes a group of the caller's session the foreground group (tcsetpgrp(3)): ENOTTY, EPERM, and SIGTTOU
// for a caller in the background.
func (t *TTY) SetForeground(task *Task, pgid int) error {
	if task == nil {
		return abi.ENOTTY
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if task.tty != t || task.sid != t.sid {
		return abi.ENOTTY
	}
	if !k.groupIn(pgid, t.sid) {
		return abi.EPERM
	}
	if task.pgid != t.foreground && !task.ignores(abi.SIGTTOU) && !task.sig.blocked.Has(abi.SIGTTOU) && !task.orphanedGroup() {
		k.signalGroup(task.pgid, abi.SIGTTOU)
		return abi.EINTR
	}
	t.foreground = pgid
	return nil
}

// Termios returns the settings.
func (t *TTY) Termios() abi.Termios {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.termios
}

// SetTermios changes them; flush drops input that was not read.
func (t *TTY) SetTermios(tio abi.Termios, flush bool) {
	t.mu.Lock()
	was := t.termios.Lflag & abi.ICANON
	t.termios = tio
	if flush {
		t.flushInput()
	}
	if was != 0 && tio.Lflag&abi.ICANON == 0 { // what was typed so far may be read at once
		t.input = append(t.input, t.line...)
		t.line = nil
	}
	if was == 0 && tio.Lflag&abi.ICANON != 0 && len(t.input) > 0 && len(t.marks) == 0 {
		t.marks = []int{len(t.input)}
	}
	if tio.Iflag&abi.IXON == 0 {
		t.stopped = false
	}
	t.mu.Unlock()
	t.slaveQueue.Notify(abi.POLLIN | abi.POLLOUT)
}

func (t *TTY) flushInput() { t.line, t.input, t.marks = nil, nil, nil }
