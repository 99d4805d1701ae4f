package process

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/core"
	"github.com/sockerless/sockerless/sandbox/userland/regex"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
	"github.com/sockerless/sockerless/sandbox/userland/system"
)

// ticks is the unit of times in /proc/PID/stat: hundredths of a second.
const ticks = 100

// process is what /proc tells of one.
type process struct {
	pid, ppid, pgid, sid int
	uid, gid             int
	tty                  int
	comm, state          string
	argv                 []string
	vsz, rss             uint64 // KiB
	utime, stime, start  uint64 // ticks
	nice                 int
}

// processes lists the processes in the order of their pids.
func processes(c *applet.Context) []*process {
	dir, err := sys.ReadDir("/proc")
	if err != nil {
		c.Fatalf("can't open '/proc': %s", applet.Strerror(err))
	}
	var list []*process
	for _, d := range dir {
		pid, err := strconv.Atoi(d.Name)
		if err != nil {
			continue
		}
		if p := readProcess(pid); p != nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *process) int { return a.pid - b.pid })
	return list
}

// readProcess reads /proc/PID/stat and cmdline (proc(5)); nil when the process is gone.
func readProcess(pid int) *process {
	dir := "/proc/" + strconv.Itoa(pid)
	st, err := sys.Stat(dir)
	if err != nil {
		return nil
	}
	data, err := applet.ReadFile(dir + "/stat")
	if err != nil {
		return nil
	}
	text := string(data)
	open, closing := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || closing < open {
		return nil
	}
	f := strings.Fields(text[closing+1:])
	if len(f) < 22 {
		return nil
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(f[i-3]) // numbered as in proc(5)
		return n
	}
	p := &process{
		pid: pid, uid: int(st.UID), gid: int(st.GID), comm: text[open+1 : closing], state: f[0], ppid: number(4), pgid: number(5), sid: number(6),
		tty: number(7), utime: uint64(number(14)), stime: uint64(number(15)), nice: number(19), start: uint64(number(22)),
		vsz: uint64(number(23)) / 1024, rss: uint64(number(24)) * 4,
	}
	if cmdline, err := applet.ReadFile(dir + "/cmdline"); err == nil && len(cmdline) > 0 {
		p.argv = strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	}
	return p
}

// args returns the command line as ps shows it: "[name]" without one, "{name} …" for a program by another name.
func (p *process) args() string {
	if len(p.argv) == 0 {
		return "[" + p.comm + "]"
	}
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.Join(p.argv, " "))
	base := strings.TrimPrefix(p.argv[0], "-")
	base = base[strings.LastIndexByte(base, '/')+1:]
	if !strings.HasPrefix(base, p.comm) && !strings.HasPrefix(p.argv[0], p.comm) {
		return "{" + p.comm + "} " + line
	}
	return line
}

// named reports whether killall and pidof mean this process: by its short name, its program or its argv[0].
func (p *process) named(name string) bool {
	if p.comm == name || len(p.comm) == 15 && strings.HasPrefix(name, p.comm) {
		return true
	}
	if exe, err := sys.Readlink("/proc/" + strconv.Itoa(p.pid) + "/exe"); err == nil && (exe == name || strings.HasSuffix(exe, "/"+name)) {
		return true
	}
	return len(p.argv) > 0 && (p.argv[0] == name || strings.HasSuffix(p.argv[0], "/"+name))
}

// stat returns the state as ps shows it.
func (p *process) stat() string {
	s := p.state
	if p.rss == 0 && p.state != "Z" && len(p.argv) == 0 {
		s += "W"
	}
	switch {
	case p.nice < 0:
		s += "<"
	case p.nice > 0:
		s += "N"
	}
	return s
}

// column is one of ps -o.
type column struct {
	name, header string
	width        int // negative is left-aligned
	value        func(l *listing, p *process) string
}

type listing struct {
	accounts *applet.Accounts
	uptime   uint64 // seconds
}

func (l *listing) user(uid int) string {
	if name, ok := l.accounts.UserName(uid); ok {
		return name
	}
	return strconv.Itoa(uid)
}

func (l *listing) group(gid int) string {
	if name, ok := l.accounts.GroupName(gid); ok {
		return name
	}
	return strconv.Itoa(gid)
}

var columns = []column{
	{"user", "USER", -8, func(l *listing, p *process) string { return l.user(p.uid) }},
	{"group", "GROUP", -8, func(l *listing, p *process) string { return l.group(p.gid) }},
	{"comm", "COMMAND", -16, func(l *listing, p *process) string { return p.comm }},
	{"args", "COMMAND", -256, func(l *listing, p *process) string { return p.args() }},
	{"pid", "PID", 5, func(l *listing, p *process) string { return strconv.Itoa(p.pid) }},
	{"ppid", "PPID", 5, func(l *listing, p *process) string { return strconv.Itoa(p.ppid) }},
	{"pgid", "PGID", 5, func(l *listing, p *process) string { return strconv.Itoa(p.pgid) }},
	{"etime", "ELAPSED", -7, func(l *listing, p *process) string { return duration(l.uptime - min(l.uptime, p.start/ticks)) }},
	{"nice", "NI", 5, func(l *listing, p *process) string { return strconv.Itoa(p.nice) }},
	{"rgroup", "RGROUP", -8, func(l *listing, p *process) string { return l.group(p.gid) }},
	{"ruser", "RUSER", -8, func(l *listing, p *process) string { return l.user(p.uid) }},
	{"time", "TIME", -5, func(l *listing, p *process) string { return duration((p.utime + p.stime) / ticks) }},
	{"tty", "TT", -6, func(l *listing, p *process) string { return terminal(p.tty) }},
	{"vsz", "VSZ", -4, func(l *listing, p *process) string { return scaled(p.vsz, 4) }},
	{"sid", "SID", 5, func(l *listing, p *process) string { return strconv.Itoa(p.sid) }},
	{"stat", "STAT", -4, func(l *listing, p *process) string { return p.stat() }},
	{"rss", "RSS", -4, func(l *listing, p *process) string { return scaled(p.rss, 4) }},
}

func terminal(tty int) string {
	if tty == 0 {
		return "?"
	}
	return strconv.Itoa(int(abi.Major(uint64(tty)))) + "," + strconv.Itoa(int(abi.Minor(uint64(tty))))
}

// scaled writes KiB in a width, in units m and g when need be.
func scaled(kib uint64, width int) string {
	s := strconv.FormatUint(kib, 10)
	for _, unit := range "mgt" {
		if len(s) <= width {
			break
		}
		kib /= 1024
		s = strconv.FormatUint(kib, 10) + string(unit)
	}
	return s
}

// duration writes seconds as ps does: 1:02, or 1h02, or 1d02.
func duration(seconds uint64) string {
	two := func(n uint64) string { return string([]byte{byte('0' + n/10%10), byte('0' + n%10)}) }
	switch {
	case seconds < 3600:
		return strconv.FormatUint(seconds/60, 10) + ":" + two(seconds%60)
	case seconds < 86400:
		return strconv.FormatUint(seconds/3600, 10) + "h" + two(seconds/60%60)
	}
	return strconv.FormatUint(seconds/86400, 10) + "d" + two(seconds/3600%24)
}

// Ps lists processes. Options other than -o are taken and change nothing, as in busybox.
func Ps(c *applet.Context) int {
	var chosen []column
	for i := 0; i < len(c.Args); i++ {
		list, ok := strings.CutPrefix(c.Args[i], "-o")
		if !ok {
			continue
		}
		if list == "" {
			if i++; i == len(c.Args) {
				c.Errorf("option requires an argument -- 'o'")
				c.Usage()
			}
			list = c.Args[i]
		}
		chosen = append(chosen, parseColumns(c, list)...)
	}
	if chosen == nil {
		chosen = parseColumns(c, "pid,user,args")
	}
	list := processes(c)
	l := &listing{accounts: applet.LoadAccounts()}
	if info, err := sys.Sysinfo(); err == nil {
		l.uptime = uint64(info.Uptime)
	}
	limit := 1 << 30
	if w, err := sys.GetWinsize(1); err == nil && w.Col > 0 {
		limit = int(w.Col)
	}
	line := func(value func(k column) string, header bool) {
		var b strings.Builder
		for i, k := range chosen {
			text := value(k)
			width := max(k.width, -k.width, len(k.header))
			if i > 0 {
				b.WriteByte(' ')
			}
			switch {
			case i == len(chosen)-1 && (k.width < 0 || header):
				b.WriteString(text)
			case k.width < 0 || header:
				if len(text) > width {
					text = text[:width]
				}
				b.WriteString(text + strings.Repeat(" ", width-len(text)))
			default:
				b.WriteString(strings.Repeat(" ", max(0, width-len(text))) + text)
			}
		}
		text := b.String()
		c.Out.WriteString(text[:min(len(text), limit)] + "\n")
	}
	line(func(k column) string { return k.header }, true)
	for _, p := range list {
		line(func(k column) string { return k.value(l, p) }, false)
	}
	return 0
}

// parseColumns reads NAME[=HEADER],…
func parseColumns(c *applet.Context, list string) []column {
	var chosen []column
	for list != "" {
		word := list
		name, header, named := strings.Cut(list, "=")
		if i := strings.IndexByte(list, ','); named && i >= 0 && i < len(name) {
			named = false
		}
		if named {
			list = "" // a header goes to the end of the argument
		} else {
			word, list, _ = strings.Cut(list, ",")
			name = word
		}
		i := slices.IndexFunc(columns, func(k column) bool {
			return k.name == name || name == "command" && k.name == "args" || name == "cmd" && k.name == "args"
		})
		if i < 0 {
			var known []string
			for _, k := range columns {
				known = append(known, k.name)
			}
			c.Fatalf("bad -o argument '%s', supported arguments: %s", name, strings.Join(known, ","))
		}
		k := columns[i]
		if named {
			k.header = header
		}
		chosen = append(chosen, k)
	}
	return chosen
}

// Pgrep and Pkill select processes by a pattern.
func Pgrep(c *applet.Context) int {
	o := c.Getopt("vlafxons:P:d:u:")
	list, ok := selected(c, o)
	if !ok {
		return 2
	}
	for _, p := range list {
		switch {
		case o.Has("a"):
			c.Out.WriteString(strconv.Itoa(p.pid) + " " + p.args() + "\n")
		case o.Has("l"):
			c.Out.WriteString(strconv.Itoa(p.pid) + " " + p.comm + "\n")
		default:
			c.Out.WriteString(strconv.Itoa(p.pid) + "\n")
		}
	}
	if len(list) == 0 {
		return 1
	}
	return 0
}

// Pkill signals what Pgrep lists.
func Pkill(c *applet.Context) int {
	sig := abi.SIGTERM
	if len(c.Args) > 0 && len(c.Args[0]) > 1 && c.Args[0][0] == '-' {
		if c.Args[0] == "-l" {
			c.Args = c.Args[:1]
			listSignals(c)
			return 0
		}
		if s, ok := abi.ParseSignal(c.Args[0][1:]); ok {
			sig, c.Args = s, c.Args[1:]
		} else if c.Args[0] == "-0" {
			sig, c.Args = 0, c.Args[1:]
		}
	}
	o := c.Getopt("vfxones:P:u:")
	list, ok := selected(c, o)
	if !ok {
		return 2
	}
	for _, p := range list {
		if err := sys.Kill(p.pid, sig); err != nil && o.Has("e") {
			c.Errorf("can't kill pid %d: %s", p.pid, applet.Strerror(err))
		}
	}
	if len(list) == 0 {
		return 1
	}
	return 0
}

func selected(c *applet.Context, o *applet.Options) ([]*process, bool) {
	if len(c.Args) != 1 && !o.Has("sPu") || len(c.Args) > 1 {
		c.Usage()
	}
	var re *regex.Regexp
	if len(c.Args) == 1 {
		var err error
		if re, err = regex.Compile(c.Args[0], regex.Flags{Extended: true, Line: o.Has("x")}); err != nil {
			c.Errorf("bad regex '%s'", c.Args[0])
			return nil, false
		}
	}
	self := sys.Getpid()
	var list []*process
	for _, p := range processes(c) {
		if p.pid == self {
			continue
		}
		text := p.comm
		if o.Has("f") && len(p.argv) > 0 {
			text = strings.Join(p.argv, " ")
		}
		match := re == nil || re.Test([]byte(text))
		if s, ok := o.Arg('P'); ok && int(c.Number(s, nil)) != p.ppid {
			match = false
		}
		if s, ok := o.Arg('s'); ok && int(c.Number(s, nil)) != p.sid {
			match = false
		}
		if s, ok := o.Arg('u'); ok {
			if uid, known := applet.LoadAccounts().UID(s); !known || uid != p.uid {
				match = false
			}
		}
		if match != o.Has("v") {
			list = append(list, p)
		}
	}
	if len(list) > 1 {
		switch o.Last("no") {
		case 'n':
			list = list[len(list)-1:]
		case 'o':
			list = list[:1]
		}
	}
	return list, true
}

// Top shows the busiest processes again and again; in batch mode as plain text.
func Top(c *applet.Context) int {
	o := c.Getopt("d:n:bHm")
	turns, period := 1<<30, int64(5e9)
	if s, ok := o.Arg('n'); ok {
		turns = int(c.Number(s, nil))
	}
	if s, ok := o.Arg('d'); ok {
		seconds, valid := core.Duration(s)
		if !valid {
			c.Fatalf("invalid number '%s'", s)
		}
		period = int64(seconds * 1e9)
	}
	batch := o.Has("b") || !sys.Isatty(1)
	before, at := map[int]uint64{}, int64(0)
	pause := func() bool { sys.Nanosleep(period); return true }
	if saved, err := sys.GetTermios(0); err == nil && !batch {
		raw := *saved
		raw.Lflag &^= abi.ICANON | abi.ECHO | abi.ISIG
		raw.Cc[abi.VMIN], raw.Cc[abi.VTIME] = 1, 0
		sys.SetTermios(0, &raw)
		defer sys.SetTermios(0, saved)
		pause = func() bool { return topGoesOn(period) }
	}
	for turn := range turns {
		if turn > 0 {
			c.Out.Flush()
			if !pause() {
				return 0
			}
		}
		now := sys.ClockGettime(sys.CLOCK_MONOTONIC).Nanoseconds()
		lines, cols := 1<<30, 1<<30
		if w, err := sys.GetWinsize(1); err == nil && w.Row > 0 && !batch {
			lines, cols = int(w.Row), int(w.Col)
		}
		if !batch {
			c.Out.WriteString("\x1b[H\x1b[J")
		}
		before = showTop(c, before, now-at, lines, cols)
		at = now
	}
	return 0
}

// topGoesOn waits for a key, at most for a period in nanoseconds, and tells whether it was another than q and ^C.
func topGoesOn(period int64) bool {
	fds := []abi.PollFd{{Fd: 0, Events: abi.POLLIN}}
	if n, err := sys.Poll(fds, int(period/1e6)); err != nil || n == 0 {
		return true
	}
	key := make([]byte, 1)
	n, err := sys.Read(0, key)
	return n > 0 && err == nil && key[0] != 'q' && key[0] != 'Q' && key[0] != 3
}

// showTop prints one turn and returns the processor time of each process so far.
func showTop(c *applet.Context, before map[int]uint64, elapsed int64, lines, cols int) map[int]uint64 {
	put := func(text string) {
		if lines > 0 {
			c.Out.WriteString(text[:min(len(text), cols)] + "\n")
			lines--
		}
	}
	m := system.Meminfo()
	put(strings.Join([]string{"Mem: ", strconv.FormatUint(m["MemTotal"]-m["MemFree"], 10), "K used, ", strconv.FormatUint(m["MemFree"], 10), "K free, ",
		strconv.FormatUint(m["Shmem"], 10), "K shrd, ", strconv.FormatUint(m["Buffers"], 10), "K buff, ", strconv.FormatUint(m["Cached"], 10), "K cached"}, ""))
	put("CPU:" + processorShares())
	load, _ := applet.ReadFile("/proc/loadavg")
	put("Load average: " + strings.TrimSpace(string(load)))
	put("  PID  PPID USER     STAT   VSZ %VSZ %CPU COMMAND")
	list := processes(c)
	used := map[int]uint64{}
	share := func(p *process) uint64 {
		old, ok := before[p.pid]
		if !ok || elapsed <= 0 {
			return 0
		}
		return (p.utime + p.stime - old) * (1e11 / ticks) / uint64(elapsed)
	}
	for _, p := range list {
		used[p.pid] = p.utime + p.stime
	}
	slices.SortStableFunc(list, func(a, b *process) int {
		if d := cmp.Compare(share(b), share(a)); d != 0 {
			return d
		}
		return cmp.Compare(b.vsz, a.vsz)
	})
	l := &listing{accounts: applet.LoadAccounts()}
	pad := func(s string, width int) string { return strings.Repeat(" ", max(0, width-len(s))) + s }
	for _, p := range list {
		user := l.user(p.uid)
		if len(user) > 8 {
			user = user[:8]
		}
		put(pad(strconv.Itoa(p.pid), 5) + " " + pad(strconv.Itoa(p.ppid), 5) + " " + user + strings.Repeat(" ", 9-len(user)) + p.stat() + strings.Repeat(" ", max(0, 4-len(p.stat()))) +
			pad(scaled(p.vsz, 5), 6) + pad(strconv.FormatUint(p.vsz*100/max(1, m["MemTotal"]), 10), 4) + "%" + pad(strconv.FormatUint(share(p), 10), 4) + "% " + p.args())
	}
	return used
}

// processorShares reads /proc/stat's first line as percents since the start.
func processorShares() string {
	data, _ := applet.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(data), "\n")
	f := strings.Fields(line)
	var v [8]uint64 // user nice system idle iowait irq softirq, and their sum
	for i := 0; i < 7 && i+1 < len(f); i++ {
		v[i], _ = strconv.ParseUint(f[i+1], 10, 64)
		v[7] += v[i]
	}
	var b strings.Builder
	for _, k := range []struct {
		i    int
		name string
	}{{0, "usr"}, {2, "sys"}, {1, "nic"}, {3, "idle"}, {4, "io"}, {5, "irq"}, {6, "sirq"}} {
		n := strconv.FormatUint(v[k.i]*100/max(1, v[7]), 10)
		b.WriteString(strings.Repeat(" ", max(0, 4-len(n))) + n + "% " + k.name)
	}
	return b.String()
}
