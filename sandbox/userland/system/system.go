// Package system holds the applets that tell about the system, its users, its terminal and the time.
package system

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

func text(field [65]byte) string {
	b, _, _ := bytes.Cut(field[:], []byte{0})
	return string(b)
}

// Uname describes the system.
func Uname(c *applet.Context) int {
	o := c.Getopt("snrvmpioa", "all=a", "kernel-name=s", "nodename=n", "kernel-release=r", "kernel-version=v", "machine=m", "processor=p", "hardware-platform=i", "operating-system=o")
	c.NArgs(0, 0)
	u, err := sys.Uname()
	if err != nil {
		c.Fatal("uname", err)
	}
	if len(o.Order) == 0 {
		o.Order = []byte("s")
	}
	var words []string
	for _, f := range []struct{ x, value string }{
		{"s", text(u.Sysname)}, {"n", text(u.Nodename)}, {"r", text(u.Release)}, {"v", text(u.Version)}, {"m", text(u.Machine)},
		{"p", "unknown"}, {"i", "unknown"}, {"o", "GNU/Linux"},
	} {
		if o.Has(f.x) || o.Has("a") && f.x != "p" && f.x != "i" {
			words = append(words, f.value)
		}
	}
	c.Out.WriteString(strings.Join(words, " ") + "\n")
	return 0
}

// Arch prints the machine's architecture.
func Arch(c *applet.Context) int {
	c.NArgs(0, 0)
	u, err := sys.Uname()
	if err != nil {
		c.Fatal("uname", err)
	}
	c.Out.WriteString(text(u.Machine) + "\n")
	return 0
}

// Hostname prints or sets the host's name.
func Hostname(c *applet.Context) int {
	o := c.Getopt("dfisF:vy", "file=F", "short=s", "fqdn=f", "long=f", "domain=d", "ip-address=i")
	name := ""
	if file, ok := o.Arg('F'); ok {
		data, err := applet.ReadFile(file)
		if err != nil {
			c.Fatalf("can't open '%s': %s", file, applet.Strerror(err))
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				name = line
				break
			}
		}
	} else if len(c.Args) > 0 {
		name = c.Args[0]
	}
	if name != "" {
		if err := sys.Sethostname(name); err != nil {
			c.Fatalf("sethostname: %s", applet.Strerror(err))
		}
		return 0
	}
	u, err := sys.Uname()
	if err != nil {
		c.Fatal("uname", err)
	}
	host := text(u.Nodename)
	address, full := hostEntry(host)
	_, domain, _ := strings.Cut(full, ".")
	switch o.Last("dfis") {
	case 's':
		host, _, _ = strings.Cut(host, ".")
	case 'f':
		host = full
	case 'd':
		host = domain
	case 'i':
		host = address
	}
	c.Out.WriteString(host + "\n")
	return 0
}

// hostEntry finds the address and the full name of a host in /etc/hosts.
func hostEntry(host string) (address, full string) {
	data, _ := applet.ReadFile("/etc/hosts")
	for line := range strings.SplitSeq(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 1 && slices.Contains(f[1:], host) {
			return f[0], f[1]
		}
	}
	return "", host
}

// ID prints user and group ids.
func ID(c *applet.Context) int {
	o := c.Getopt("rnugGZ", "user=u", "group=g", "groups=G", "name=n", "real=r")
	c.NArgs(0, 1)
	if o.Has("nr") && !o.Has("ugG") || o.Count('u')+o.Count('g')+o.Count('G') > 1 {
		c.Usage()
	}
	a := applet.LoadAccounts()
	uid, gid, euid, egid := sys.Getuid(), sys.Getgid(), sys.Geteuid(), sys.Getegid()
	var groups []int
	if len(c.Args) > 0 {
		u := a.User(c.Args[0])
		if u == nil {
			c.Fatalf("unknown user %s", c.Args[0])
		}
		uid, euid, gid, egid = u.UID, u.UID, u.GID, u.GID
		groups = memberships(a, u)
	} else {
		groups, _ = sys.Getgroups()
	}
	userName := func(id int) string { return nameOr(a.UserName, id) }
	groupName := func(id int) string { return nameOr(a.GroupName, id) }
	if o.Has("r") {
		euid, egid = uid, gid
	}
	switch o.Last("ugG") {
	case 'u', 'g':
		id, name := euid, userName
		if o.Last("ugG") == 'g' {
			id, name = egid, groupName
		}
		if o.Has("n") {
			c.Out.WriteString(name(id) + "\n")
		} else {
			c.Out.WriteString(strconv.Itoa(id) + "\n")
		}
		return 0
	case 'G':
		list := []string{}
		for i, id := range append([]int{egid}, groups...) {
			if i > 0 && id == egid {
				continue
			}
			if o.Has("n") {
				list = append(list, groupName(id))
			} else {
				list = append(list, strconv.Itoa(id))
			}
		}
		c.Out.WriteString(strings.Join(list, " ") + "\n")
		return 0
	}
	show := func(label string, id int, name func(int) (string, bool)) {
		c.Out.WriteString(label + "=" + strconv.Itoa(id))
		if n, ok := name(id); ok {
			c.Out.WriteString("(" + n + ")")
		}
	}
	show("uid", uid, a.UserName)
	show(" gid", gid, a.GroupName)
	if euid != uid {
		show(" euid", euid, a.UserName)
	}
	if egid != gid {
		show(" egid", egid, a.GroupName)
	}
	for i, id := range groups {
		if i == 0 {
			show(" groups", id, a.GroupName)
			continue
		}
		c.Out.WriteString("," + strconv.Itoa(id))
		if n, ok := a.GroupName(id); ok {
			c.Out.WriteString("(" + n + ")")
		}
	}
	c.Out.WriteByte('\n')
	return 0
}

func nameOr(name func(int) (string, bool), id int) string {
	if n, ok := name(id); ok {
		return n
	}
	return strconv.Itoa(id)
}

// memberships lists a user's groups, the primary one first.
func memberships(a *applet.Accounts, u *applet.User) []int {
	groups := []int{u.GID}
	for _, g := range a.Groups {
		if g.GID != u.GID && slices.Contains(g.Members, u.Name) {
			groups = append(groups, g.GID)
		}
	}
	return groups
}

// Whoami prints the name of the effective user.
func Whoami(c *applet.Context) int {
	c.NArgs(0, 0)
	name, ok := applet.LoadAccounts().UserName(sys.Geteuid())
	if !ok {
		c.Fatalf("unknown uid %d", sys.Geteuid())
	}
	c.Out.WriteString(name + "\n")
	return 0
}

// Groups prints the names of groups.
func Groups(c *applet.Context) int {
	c.Getopt("")
	c.NArgs(0, 1)
	a := applet.LoadAccounts()
	var ids []int
	if len(c.Args) > 0 {
		u := a.User(c.Args[0])
		if u == nil {
			c.Fatalf("unknown user %s", c.Args[0])
		}
		ids = memberships(a, u)
	} else {
		egid := sys.Getegid()
		ids = []int{egid}
		more, _ := sys.Getgroups()
		for _, id := range more {
			if id != egid {
				ids = append(ids, id)
			}
		}
	}
	var names []string
	for _, id := range ids {
		names = append(names, nameOr(a.GroupName, id))
	}
	c.Out.WriteString(strings.Join(names, " ") + "\n")
	return 0
}

// Logname prints the login name; there is no login record in a container.
func Logname(c *applet.Context) int {
	c.NArgs(0, 0)
	if name := c.Getenv("LOGNAME"); name != "" && sys.Isatty(0) {
		c.Out.WriteString(name + "\n")
		return 0
	}
	c.Fatalf("getlogin: %s", abi.ENXIO.Strerror())
	return 1
}

// Nproc prints the number of processors.
func Nproc(c *applet.Context) int {
	o := c.Getopt("\x80\x81:", "all=\x80", "ignore=\x81")
	n, err := sys.CPUs()
	if err != nil || n == 0 {
		data, _ := applet.ReadFile("/proc/cpuinfo")
		n = max(1, bytes.Count(data, []byte("processor\t")))
	}
	if text, ok := o.Arg('\x81'); ok {
		n = max(1, n-int(c.Number(text, nil)))
	}
	c.Out.WriteString(strconv.Itoa(n) + "\n")
	return 0
}

// Uptime prints how long the system runs and its load.
func Uptime(c *applet.Context) int {
	c.Getopt("")
	info, err := sys.Sysinfo()
	if err != nil {
		c.Fatal("sysinfo", err)
	}
	days, hours, minutes := info.Uptime/86400, info.Uptime/3600%24, info.Uptime/60%60
	c.Out.WriteString(c.Now().Format(" 15:04:05 up "))
	if days > 0 {
		c.Out.Printf("%d day", days)
		if days != 1 {
			c.Out.WriteByte('s')
		}
		c.Out.WriteString(", ")
	}
	if hours > 0 {
		c.Out.Printf("%2d:%02d", hours, minutes)
	} else {
		c.Out.Printf("%d min", minutes)
	}
	c.Out.WriteString(",  0 users,  load average: ")
	for i, load := range info.Loads {
		if i > 0 {
			c.Out.WriteString(", ")
		}
		load += 655 / 2 // round to a hundredth
		c.Out.Printf("%d.%02d", load>>16, (load&0xffff)*100>>16)
	}
	c.Out.WriteByte('\n')
	return 0
}

// Free prints the use of memory.
func Free(c *applet.Context) int {
	o := c.Getopt("bkmgh")
	memory := Meminfo()
	show := func(kib uint64) string {
		switch o.Last("bkmgh") {
		case 'b':
			return strconv.FormatUint(kib*1024, 10)
		case 'm':
			return strconv.FormatUint(kib/1024, 10)
		case 'g':
			return strconv.FormatUint(kib/1024/1024, 10)
		case 'h':
			return applet.HumanSize(kib * 1024)
		}
		return strconv.FormatUint(kib, 10)
	}
	cached := memory["Buffers"] + memory["Cached"] + memory["SReclaimable"]
	used := memory["MemTotal"] - min(memory["MemTotal"], memory["MemFree"]+cached)
	c.Out.WriteString("              total        used        free      shared  buff/cache   available\n")
	c.Out.Printf("Mem:    %11s %11s %11s %11s %11s %11s\n", show(memory["MemTotal"]), show(used), show(memory["MemFree"]), show(memory["Shmem"]), show(cached), show(memory["MemAvailable"]))
	c.Out.Printf("Swap:   %11s %11s %11s\n", show(memory["SwapTotal"]), show(memory["SwapTotal"]-memory["SwapFree"]), show(memory["SwapFree"]))
	return 0
}

// Meminfo reads /proc/meminfo; the values are in KiB.
func Meminfo() map[string]uint64 {
	data, _ := applet.ReadFile("/proc/meminfo")
	values := map[string]uint64{}
	for line := range strings.SplitSeq(string(data), "\n") {
		key, rest, ok := strings.Cut(line, ":")
		if f := strings.Fields(rest); ok && len(f) > 0 {
			values[key], _ = strconv.ParseUint(f[0], 10, 64)
		}
	}
	return values
}
