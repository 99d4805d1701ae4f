package system

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Tty prints the name of the terminal.
func Tty(c *applet.Context) int {
	o := c.Getopt("s")
	name, code := "not a tty", 1
	if sys.Isatty(0) {
		if link, err := sys.Readlink("/proc/self/fd/0"); err == nil {
			name, code = link, 0
		}
	}
	if !o.Has("s") {
		c.Out.WriteString(name + "\n")
	}
	return code
}

// Clear clears the screen.
func Clear(c *applet.Context) int {
	c.Out.WriteString("\x1b[H\x1b[J")
	return 0
}

// Reset resets the terminal.
func Reset(c *applet.Context) int {
	if sys.Isatty(0) && sys.Isatty(1) {
		c.Out.WriteString("\x1bc\x1b(B\x1b[m\x1b[J\x1b[?25h")
		c.Out.Flush()
		if t, err := sys.GetTermios(0); err == nil {
			sane(t)
			sys.SetTermios(0, t)
		}
	}
	return 0
}

// Mesg tells or sets whether others may write to the terminal.
func Mesg(c *applet.Context) int {
	c.NArgs(0, 1)
	fd := -1
	for i := range 3 {
		if sys.Isatty(i) {
			fd = i
			break
		}
	}
	if fd < 0 {
		c.Fatalf("not a tty")
	}
	st, err := sys.Fstat(fd)
	if err != nil {
		c.Fatal("stat", err)
	}
	if len(c.Args) == 0 {
		if st.Mode&0o020 != 0 {
			c.Out.WriteString("is y\n")
			return 0
		}
		c.Out.WriteString("is n\n")
		return 1
	}
	mode := st.Mode & abi.PermMask &^ 0o022
	switch c.Args[0] {
	case "y":
		mode |= 0o020
	case "n":
	default:
		c.Usage()
	}
	if err := sys.Fchmod(fd, mode); err != nil {
		c.Fatal("fchmod", err)
	}
	return 0
}

// flag is a switch of stty.
type flag struct {
	name string
	set  byte // 'i', 'o', 'c' or 'l'
	bit  uint32
	sane byte // '+' on, '-' off in stty sane, 0 left alone
}

var flags = []flag{
	{"hupcl", 'c', abi.HUPCL, 0}, {"cread", 'c', abi.CREAD, '+'},
	{"ignbrk", 'i', abi.IGNBRK, '-'}, {"brkint", 'i', abi.BRKINT, '+'}, {"istrip", 'i', abi.ISTRIP, 0},
	{"inlcr", 'i', abi.INLCR, '-'}, {"igncr", 'i', abi.IGNCR, '-'}, {"icrnl", 'i', abi.ICRNL, '+'}, {"ixon", 'i', abi.IXON, '+'},
	{"ixany", 'i', abi.IXANY, '-'}, {"imaxbel", 'i', abi.IMAXBEL, '+'}, {"iutf8", 'i', abi.IUTF8, 0},
	{"opost", 'o', abi.OPOST, '+'}, {"ocrnl", 'o', abi.OCRNL, '-'}, {"onlcr", 'o', abi.ONLCR, '+'}, {"onocr", 'o', abi.ONOCR, '-'}, {"onlret", 'o', abi.ONLRET, '-'},
	{"isig", 'l', abi.ISIG, '+'}, {"icanon", 'l', abi.ICANON, '+'}, {"iexten", 'l', abi.IEXTEN, '+'}, {"echo", 'l', abi.ECHO, '+'},
	{"echoe", 'l', abi.ECHOE, '+'}, {"echok", 'l', abi.ECHOK, '+'}, {"echonl", 'l', abi.ECHONL, '-'}, {"noflsh", 'l', abi.NOFLSH, '-'},
	{"tostop", 'l', abi.TOSTOP, '-'}, {"echoctl", 'l', abi.ECHOCTL, '+'}, {"echoke", 'l', abi.ECHOKE, '+'},
}

// controls are the special characters of stty, with their values in stty sane.
var controls = []struct {
	name  string
	index int
	sane  byte
}{
	{"intr", abi.VINTR, 3}, {"quit", abi.VQUIT, 28}, {"erase", abi.VERASE, 127}, {"kill", abi.VKILL, 21}, {"eof", abi.VEOF, 4},
	{"eol", abi.VEOL, 0}, {"eol2", abi.VEOL2, 0}, {"start", abi.VSTART, 17}, {"stop", abi.VSTOP, 19}, {"susp", abi.VSUSP, 26},
	{"rprnt", abi.VREPRINT, 18}, {"werase", abi.VWERASE, 23}, {"lnext", abi.VLNEXT, 22},
}

func (f *flag) word(t *abi.Termios) *uint32 {
	switch f.set {
	case 'i':
		return &t.Iflag
	case 'o':
		return &t.Oflag
	case 'c':
		return &t.Cflag
	}
	return &t.Lflag
}

func (f *flag) apply(t *abi.Termios, on bool) {
	if on {
		*f.word(t) |= f.bit
	} else {
		*f.word(t) &^= f.bit
	}
}

func sane(t *abi.Termios) {
	for i := range flags {
		if flags[i].sane != 0 {
			flags[i].apply(t, flags[i].sane == '+')
		}
	}
	for _, c := range controls {
		t.Cc[c.index] = c.sane
	}
}

// Stty shows and changes the settings of a terminal.
func Stty(c *applet.Context) int {
	fd, device := 0, "standard input"
	var settings []string
	all, saved := false, false
	for i := 0; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case arg == "-a":
			all = true
		case arg == "-g":
			saved = true
		case strings.HasPrefix(arg, "-F"):
			device = arg[2:]
			if device == "" {
				if i++; i == len(c.Args) {
					c.Usage()
				}
				device = c.Args[i]
			}
			var err error
			if fd, err = sys.Open(device, abi.O_RDONLY|abi.O_NONBLOCK|abi.O_CLOEXEC, 0); err != nil {
				c.Fatalf("can't open '%s': %s", device, applet.Strerror(err))
			}
		default:
			settings = append(settings, arg)
		}
	}
	t, err := sys.GetTermios(fd)
	if err != nil {
		c.Fatal(device, err)
	}
	switch {
	case saved:
		c.Out.Printf("%x:%x:%x:%x", t.Iflag, t.Oflag, t.Cflag, t.Lflag)
		for _, b := range t.Cc {
			c.Out.Printf(":%x", b)
		}
		c.Out.WriteByte('\n')
		return 0
	case len(settings) == 0:
		showTerminal(c, fd, t, all)
		return 0
	}
	change := *t
	for i := 0; i < len(settings); i++ {
		i = setTerminal(c, fd, &change, settings, i)
	}
	if change != *t {
		if err := sys.SetTermios(fd, &change); err != nil {
			c.Fatal(device, err)
		}
	}
	return 0
}

func size(fd int) (rows, cols int) {
	w, err := sys.GetWinsize(fd)
	if err != nil {
		return 0, 0
	}
	return int(w.Row), int(w.Col)
}

func showTerminal(c *applet.Context, fd int, t *abi.Termios, all bool) {
	c.Out.WriteString("speed 38400 baud;")
	if all {
		rows, cols := size(fd)
		c.Out.Printf(" rows %d; columns %d;", rows, cols)
	}
	c.Out.WriteString(" line = " + strconv.Itoa(int(t.Line)) + ";\n")
	var words []string
	for _, k := range controls {
		if v := t.Cc[k.index]; all || v != k.sane {
			words = append(words, k.name+" = "+controlName(v)+";")
		}
	}
	if all {
		words = append(words, "min = "+strconv.Itoa(int(t.Cc[abi.VMIN]))+"; time = "+strconv.Itoa(int(t.Cc[abi.VTIME]))+";")
	}
	if len(words) > 0 {
		c.Out.WriteString(strings.Join(words, " ") + "\n")
	}
	words = nil
	for i := range flags {
		f := &flags[i]
		on := *f.word(t)&f.bit != 0
		switch {
		case on && (all || f.sane == '-'):
			words = append(words, f.name)
		case !on && (all || f.sane == '+'):
			words = append(words, "-"+f.name)
		}
	}
	if len(words) > 0 {
		c.Out.WriteString(strings.Join(words, " ") + "\n")
	}
}

func controlName(b byte) string {
	switch {
	case b == 0:
		return "<undef>"
	case b < ' ':
		return "^" + string(rune(b+64))
	case b == 127:
		return "^?"
	}
	return string(rune(b))
}

// setTerminal applies the setting at i and returns the index of its last word.
func setTerminal(c *applet.Context, fd int, t *abi.Termios, settings []string, i int) int {
	word := settings[i]
	name, on := strings.TrimPrefix(word, "-"), !strings.HasPrefix(word, "-")
	if k := slices.IndexFunc(flags, func(f flag) bool { return f.name == name }); k >= 0 {
		flags[k].apply(t, on)
		return i
	}
	operand := func() string {
		if i++; i >= len(settings) {
			c.Fatalf("missing argument to '%s'", word)
		}
		return settings[i]
	}
	for _, k := range controls {
		if k.name == word {
			t.Cc[k.index] = controlValue(operand())
			return i
		}
	}
	switch word {
	case "sane":
		sane(t)
	case "raw", "-cooked":
		t.Iflag, t.Oflag = 0, t.Oflag&^abi.OPOST
		t.Lflag &^= abi.ISIG | abi.ICANON
		t.Cc[abi.VMIN], t.Cc[abi.VTIME] = 1, 0
	case "cooked", "-raw":
		t.Iflag |= abi.BRKINT | abi.ICRNL | abi.IXON
		t.Oflag |= abi.OPOST
		t.Lflag |= abi.ISIG | abi.ICANON
		t.Cc[abi.VEOF], t.Cc[abi.VEOL] = 4, 0
	case "cbreak":
		t.Lflag &^= abi.ICANON
	case "-cbreak":
		t.Lflag |= abi.ICANON
	case "size":
		rows, cols := size(fd)
		c.Out.Printf("%d %d\n", rows, cols)
	case "speed":
		c.Out.WriteString("38400\n")
	case "min":
		t.Cc[abi.VMIN] = byte(c.Number(operand(), nil))
	case "time":
		t.Cc[abi.VTIME] = byte(c.Number(operand(), nil))
	case "rows", "cols", "columns":
		n := uint16(c.Number(operand(), nil))
		w, err := sys.GetWinsize(fd)
		if err == nil {
			if word == "rows" {
				w.Row = n
			} else {
				w.Col = n
			}
			err = sys.SetWinsize(fd, w)
		}
		if err != nil {
			c.Fatal("TIOCSWINSZ", err)
		}
	default:
		if !restore(t, word) {
			c.Errorf("invalid argument '%s'", word)
			c.Usage()
		}
	}
	return i
}

func controlValue(text string) byte {
	switch {
	case text == "^-" || text == "undef" || text == "":
		return 0
	case text == "^?":
		return 127
	case len(text) > 1 && text[0] == '^':
		return text[1] & 0x1f
	case len(text) == 1:
		return text[0]
	}
	n, _ := strconv.ParseUint(text, 0, 8)
	return byte(n)
}

// restore applies what stty -g printed.
func restore(t *abi.Termios, text string) bool {
	f := strings.Split(text, ":")
	if len(f) != 4+len(t.Cc) {
		return false
	}
	var v [4 + 19]uint64
	for i := range f {
		n, err := strconv.ParseUint(f[i], 16, 32)
		if err != nil {
			return false
		}
		v[i] = n
	}
	t.Iflag, t.Oflag, t.Cflag, t.Lflag = uint32(v[0]), uint32(v[1]), uint32(v[2]), uint32(v[3])
	for i := range t.Cc {
		t.Cc[i] = byte(v[4+i])
	}
	return true
}
