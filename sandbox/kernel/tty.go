package kernel

import (
	"io"
	"strconv"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// TTY is a pseudo-terminal: the slave side that programs use, the line discipline, and a master side, which is either
// /dev/ptmx's or, for a container's terminal, the world outside (Input and an output writer).
type TTY struct {
	k     *Kernel
	index int

	slaveQueue  vfs.WaitQueue // input to read, room to write
	masterQueue vfs.WaitQueue // output to read, room for input

	mu         sync.Mutex
	termios    abi.Termios
	size       abi.Winsize
	line       []byte  // canonical mode: the line being edited
	input      []byte  // what read(2) may take
	marks      []int   // lengths of the complete lines in input; canonical mode reads one at a time
	output     []byte  // for the master to read, when there is no sink
	sink       TTYSink // nil: output is kept for the master
	column     int     // of the cursor, for the echo's erasing of tabs and for ONOCR
	lineColumn int     // where the cursor was when line began
	literal    bool    // the last character was VLNEXT
	stopped    bool    // VSTOP
	hungup     bool    // the master has gone
	slaves     int     // open slave files
	hadSlave   bool    // one was open once

	// guarded by Kernel.mu
	sid        int // the session whose controlling terminal it is; 0 for none
	foreground int // process group
}

// TTYSink is the outside of a container's terminal. Write takes all of p or, when it can't now, nothing and returns
// abi.EAGAIN; it then calls TTY.OutputReady when it can.
type TTYSink interface {
	io.Writer
}

const (
	maxLine   = 4096 // bytes of an edited line (termios(3))
	maxInput  = 64 << 10
	maxOutput = 64 << 10
)

// NewTTY makes a terminal whose master is the outside.
func (k *Kernel) NewTTY(sink TTYSink, size abi.Winsize) *TTY {
	t := k.ptys.add(k)
	t.sink = sink
	t.size = size
	return t
}

func defaultTermios() abi.Termios {
	t := abi.Termios{
		Iflag: abi.ICRNL | abi.IXON | abi.IUTF8,
		Oflag: abi.OPOST | abi.ONLCR,
		Cflag: abi.B38400 | abi.CS8 | abi.CREAD,
		Lflag: abi.ISIG | abi.ICANON | abi.ECHO | abi.ECHOE | abi.ECHOK | abi.ECHOCTL | abi.ECHOKE | abi.IEXTEN,
	}
	for i, c := range map[int]byte{abi.VINTR: 3, abi.VQUIT: 28, abi.VERASE: 127, abi.VKILL: 21, abi.VEOF: 4, abi.VMIN: 1,
		abi.VSTART: 17, abi.VSTOP: 19, abi.VSUSP: 26, abi.VREPRINT: 18, abi.VWERASE: 23, abi.VLNEXT: 22, 13: 15} {
		t.Cc[i] = c
	}
	return t
}

// Name returns the slave's path, as ttyname(3).
func (t *TTY) Name() string { return "/dev/pts/" + strconv.Itoa(t.index) }

// Index returns the N of /dev/pts/N.
func (t *TTY) Index() int { return t.index }

// Open opens the slave, for a task's standard descriptors.
func (t *TTY) Open() *vfs.OpenFile { return vfs.NewOpenFile(t.newSlave(), abi.O_RDWR) }

func (t *TTY) newSlave() *ttyFile {
	t.mu.Lock()
	t.slaves++
	t.hadSlave = true
	t.mu.Unlock()
	return &ttyFile{t}
}

// open opens the slave on a task's behalf; a session leader without a terminal gets it (O_NOCTTY: not).
func (t *TTY) open(task *Task, flags int) vfs.File {
	if flags&abi.O_NOCTTY == 0 {
		t.k.mu.Lock()
		if task.pid == task.sid && task.tty == nil && t.sid == 0 {
			t.setController(task)
		}
		t.k.mu.Unlock()
	}
	return t.newSlave()
}

// setController makes the terminal a session leader's; k.mu is held.
func (t *TTY) setController(leader *Task) {
	t.sid, t.foreground = leader.sid, leader.pgid
	leader.tty = t
}

// sessionEnded is called when the session's leader exits (exit(2)): the foreground group gets SIGHUP and everybody
// loses the terminal; k.mu is held.
func (t *TTY) sessionEnded(leader *Task) {
	if t.sid != leader.sid {
		return
	}
	for _, o := range t.k.tasks {
		if o.sid != leader.sid {
			continue
		}
		o.tty = nil
		if o.pgid == t.foreground && o != leader {
			o.sendLocked(abi.SIGHUP)
			o.sendLocked(abi.SIGCONT)
		}
	}
	t.sid, t.foreground = 0, 0
}

// Resize sets the window size; a change sends SIGWINCH to the foreground group.
func (t *TTY) Resize(size abi.Winsize) {
	t.mu.Lock()
	same := t.size == size
	t.size = size
	t.mu.Unlock()
	if !same {
		t.signal(abi.SIGWINCH)
	}
}

// Size returns the window size.
func (t *TTY) Size() abi.Winsize {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// Hangup is the master's close: reads find end of file, writes fail with EIO, the session's leader gets SIGHUP.
func (t *TTY) Hangup() {
	t.mu.Lock()
	t.hungup = true
	t.mu.Unlock()
	t.k.mu.Lock()
	for _, o := range t.k.tasks {
		if t.sid != 0 && (o.pid == t.sid || o.pgid == t.foreground) {
			o.sendLocked(abi.SIGHUP)
			o.sendLocked(abi.SIGCONT)
		}
	}
	t.k.mu.Unlock()
	t.slaveQueue.Notify(abi.POLLHUP)
	t.masterQueue.Notify(abi.POLLHUP)
}

// Close forgets the terminal, when neither side will use it again.
func (t *TTY) Close() {
	t.Hangup()
	t.k.ptys.remove(t.index)
}

// OutputReady tells that the sink can take more.
func (t *TTY) OutputReady() { t.slaveQueue.Notify(abi.POLLOUT) }

// signal sends a signal to the foreground group; t.mu is not held.
func (t *TTY) signal(s abi.Signal) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.foreground != 0 {
		t.k.signalGroup(t.foreground, s)
	}
}

// mayUse stops a background job that reads from, or with TOSTOP writes to, its terminal (termios(3), "job control").
func (t *TTY) mayUse(task *Task, write bool) error {
	k := t.k
	t.mu.Lock()
	tostop := t.termios.Lflag&abi.TOSTOP != 0
	t.mu.Unlock()
	if write && !tostop {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for task.tty == t && t.foreground != 0 && task.pgid != t.foreground {
		s := abi.SIGTTIN
		if write {
			s = abi.SIGTTOU
		}
		if task.ignores(s) || task.sig.blocked.Has(s) {
			if write {
				return nil
			}
			return abi.EIO
		}
		if task.orphanedGroup() {
			return abi.EIO
		}
		k.signalGroup(task.pgid, s)
		k.mu.Unlock()
		err := task.attend(true)
		k.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// ptyTable numbers a sandbox's terminals.
type ptyTable struct {
	mu   sync.Mutex
	ttys map[int]*TTY
}

func (p *ptyTable) add(k *Kernel) *TTY {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := 0
	for p.ttys[i] != nil {
		i++
	}
	t := &TTY{k: k, index: i, termios: defaultTermios()}
	if p.ttys == nil {
		p.ttys = make(map[int]*TTY)
	}
	p.ttys[i] = t
	return t
}

func (p *ptyTable) get(i int) *TTY {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ttys[i]
}

func (p *ptyTable) remove(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ttys, i)
}

// console is the terminal of the container itself, if it has one.
func (p *ptyTable) console() *TTY { return p.get(0) }

// PTYs lists the numbers of the terminals, for /dev/pts.
func (k *Kernel) PTYs() []int {
	k.ptys.mu.Lock()
	defer k.ptys.mu.Unlock()
	var list []int
	for i := range k.ptys.ttys {
		list = append(list, i)
	}
	return list
}
