package shell

import (
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// readOptions are the options of read.
type readOptions struct {
	raw, silent bool
	prompt      string
	array       string
	delim       byte
	count       int // bytes at most; -1 for no limit
	exact       bool
	fd          int
	timeout     time.Duration // -1 for none
}

// read reads a line into variables (XCU read), with the options of ash and bash.
func read(sh *shell, args []string) int {
	o := readOptions{delim: '\n', count: -1, timeout: -1}
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		if args[i] == "--" {
			i++
			break
		}
		a := args[i][1:]
		for len(a) > 0 {
			c := a[0]
			a = a[1:]
			switch c {
			case 'r':
				o.raw = true
				continue
			case 's':
				o.silent = true
				continue
			case 'e':
				continue
			case 'p', 'a', 'd', 'n', 'N', 't', 'u', 'i':
			default:
				return sh.fail("illegal option -%c", c)
			}
			if a == "" {
				if i++; i >= len(args) {
					return sh.fail("option -%c requires an argument", c)
				}
				a = args[i]
			}
			n, err := strconv.Atoi(a)
			switch c {
			case 'p':
				o.prompt = a
			case 'a':
				o.array = a
			case 'd':
				o.delim = 0
				if a != "" {
					o.delim = a[0]
				}
			case 'n', 'N':
				if err != nil || n < 0 {
					return sh.fail("invalid count")
				}
				o.count, o.exact = n, c == 'N'
			case 'u':
				if err != nil || n < 0 {
					return sh.fail("invalid file descriptor")
				}
				o.fd = n
			case 't':
				s, err := strconv.ParseFloat(a, 64)
				if err != nil || s < 0 || s > 1e9 {
					return sh.fail("invalid timeout")
				}
				o.timeout = time.Duration(s * float64(time.Second))
			}
			a = ""
		}
	}
	names := args[min(i, len(args)):]
	for _, name := range names {
		if !validName(name) {
			sh.warnf("read: '%s': bad variable name", name)
			return 1
		}
	}
	return sh.readVars(names, o)
}

func (sh *shell) readVars(names []string, o readOptions) int {
	f, err := sh.task.Files.Get(o.fd)
	if err != nil {
		return 1
	}
	defer f.Release()
	if tty := sh.ttyOf(f); tty != nil {
		if o.prompt != "" {
			sh.write(2, o.prompt)
		}
		if o.silent || o.count >= 0 || o.delim != '\n' {
			old := tty.Termios()
			now := old
			if o.silent {
				now.Lflag &^= abi.ECHO
			}
			if o.count >= 0 || o.delim != '\n' {
				now.Lflag &^= abi.ICANON
			}
			tty.SetTermios(now, false)
			defer tty.SetTermios(old, false)
		}
	}
	text, status := sh.readRaw(f, o)
	if status > 1 && sh.flow != flowNone {
		return status
	}
	set := func(name, value string) bool {
		if err := sh.setVar(name, unmark(value)); err != nil {
			status = sh.fail("%v", err)
			return false
		}
		return true
	}
	switch {
	case o.array != "":
		fields := sh.splitRead(text, -1)
		for i := range fields {
			fields[i] = unmark(fields[i])
		}
		if err := sh.setArray(o.array, fields); err != nil {
			return sh.fail("%v", err)
		}
	case len(names) == 0:
		set("REPLY", text)
	case o.exact:
		set(names[0], text)
		for _, name := range names[1:] {
			set(name, "")
		}
	default:
		fields := sh.splitRead(text, len(names))
		for i, name := range names {
			value := ""
			if i < len(fields) {
				value = fields[i]
			}
			if !set(name, value) {
				break
			}
		}
	}
	return status
}

// readRaw reads up to the delimiter. Escaped characters are marked.
func (sh *shell) readRaw(f *vfs.OpenFile, o readOptions) (string, int) {
	var deadline time.Time
	if o.timeout >= 0 {
		deadline = time.Now().Add(o.timeout)
	}
	var b strings.Builder
	escaped := false
	count := 0
	var c [1]byte
	for o.count < 0 || count < o.count {
		if o.timeout >= 0 && f.Ready()&(abi.POLLIN|abi.POLLHUP) == 0 {
			if err := sh.task.Await(f, abi.POLLIN, deadline); err == abi.ETIMEDOUT {
				return b.String(), 1
			} else if err == abi.EINTR {
				if status := sh.readInterrupted(); status != 0 {
					return b.String(), status
				}
				continue
			}
		}
		n, err := sh.readWaiting(f, c[:])
		if err == abi.EINTR {
			if status := sh.readInterrupted(); status != 0 {
				return b.String(), status
			}
			continue
		}
		if err != nil {
			sh.warnf("read error: %s", strerror(err))
			return b.String(), 1
		}
		if n == 0 {
			return b.String(), 1
		}
		if b.Len() > maxValue {
			sh.warnf("read error: %v", errTooLong)
			return "", 1
		}
		switch {
		case escaped:
			escaped = false
			if c[0] == '\n' {
				continue
			}
			b.WriteByte(mark)
		case c[0] == '\\' && !o.raw:
			escaped = true
			continue
		case c[0] == o.delim && !o.exact:
			return b.String(), 0
		case c[0] == 0:
			continue
		}
		b.WriteByte(c[0])
		count++
	}
	return b.String(), 0
}

// readInterrupted takes a signal that came while reading; a status other than 0 ends the read.
func (sh *shell) readInterrupted() int {
	if sh.task.Dying() {
		sh.exit(sh.status)
		return 1
	}
	sh.collectSignals()
	if sh.interrupted {
		sh.flow = flowInterrupt
		sh.status = 130
		return 130
	}
	if s := firstSignal(sh.pending); s != 0 {
		return 128 + int(s)
	}
	return 0
}

// splitRead splits a line into at most n fields, the last of which takes the rest; n < 0 for all.
func (sh *shell) splitRead(s string, n int) []string {
	f := sh.ifs
	kind := func(i int) uint8 { return f.kind[s[i]] }
	space := func(i int) int {
		for i < len(s) && kind(i) == 1 {
			i++
		}
		return i
	}
	word := func(i int) int {
		for i < len(s) && kind(i) == 0 {
			if s[i] == mark {
				i++
			}
			i++
		}
		return min(i, len(s))
	}
	gap := func(i int) int { // after a field: white space and one separator
		i = space(i)
		if i < len(s) && kind(i) == 2 {
			i = space(i + 1)
		}
		return i
	}
	var fields []string
	i := space(0)
	for i < len(s) {
		end := word(i)
		next := gap(end)
		if n > 0 && len(fields) == n-1 && next < len(s) { // the rest, without the white space at its end
			end = len(s)
			for end > i && kind(end-1) == 1 && (end < 2 || s[end-2] != mark) {
				end--
			}
			next = len(s)
		}
		fields = append(fields, s[i:end])
		i = next
	}
	return fields
}

// readLine reads a line from a descriptor.
func (sh *shell) readLine(fd int) (string, error) {
	f, err := sh.task.Files.Get(fd)
	if err != nil {
		return "", err
	}
	defer f.Release()
	text, status := sh.readRaw(f, readOptions{delim: '\n', count: -1, timeout: -1, raw: true})
	if status != 0 && text == "" {
		return "", shellError("end of file")
	}
	return text, nil
}

// mapfile reads lines into an array (bash).
func mapfile(sh *shell, args []string) int {
	name, delim, trim, fd := "MAPFILE", byte('\n'), false, 0
	limit, origin, skip := 0, -1, 0
	i := 1
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		c := args[i][1]
		if c == 't' {
			trim = true
			continue
		}
		v := args[i][2:]
		if v == "" {
			if i++; i >= len(args) {
				return sh.fail("-%c: option requires an argument", c)
			}
			v = args[i]
		}
		n, err := strconv.Atoi(v)
		if c == 'd' {
			delim = 0
			if v != "" {
				delim = v[0]
			}
			continue
		}
		if err != nil || n < 0 {
			return sh.fail("%s: invalid number", v)
		}
		switch c {
		case 'u':
			fd = n
		case 'n':
			limit = n
		case 'O':
			origin = n
		case 's':
			skip = n
		default:
			return sh.fail("-%c: invalid option", c)
		}
	}
	if i < len(args) {
		name = args[i]
	}
	f, err := sh.task.Files.Get(fd)
	if err != nil {
		return sh.fail("%d: %s", fd, strerror(err))
	}
	defer f.Release()
	text, err := sh.readAll(f, maxValue)
	if err != nil {
		return sh.fail("%s", strerror(err))
	}
	var list []string
	for text != "" && (limit == 0 || len(list) < limit) {
		line, rest, found := strings.Cut(text, string(delim))
		if found && !trim {
			line += string(delim)
		}
		text = rest
		if skip > 0 {
			skip--
			continue
		}
		list = append(list, line)
	}
	if origin >= 0 {
		for n, s := range list {
			if err := sh.setElem(name, func(bool) (string, int, error) { return "", origin + n, nil }, s, false); err != nil {
				return sh.fail("%v", err)
			}
		}
		return 0
	}
	if err := sh.setArray(name, list); err != nil {
		return sh.fail("%v", err)
	}
	return 0
}
