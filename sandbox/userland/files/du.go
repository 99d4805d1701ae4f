package files

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Du sums up the space of files.
func Du(c *applet.Context) int {
	o := c.Getopt("aHkLsxd:lchmb", "max-depth=d", "all=a", "summarize=s", "total=c", "human-readable=h", "one-file-system=x")
	d := &usage{c: c, o: o, depth: 1 << 30, seen: map[[2]uint64]bool{}}
	if text, ok := o.Arg('d'); ok {
		d.depth = int(c.Number(text, nil))
	}
	if o.Has("s") {
		d.depth = 0
	}
	operands := c.Args
	if len(operands) == 0 {
		operands = []string{"."}
	}
	total := int64(0)
	for _, path := range operands {
		total += d.tree(path, 0, 0)
	}
	if o.Has("c") {
		d.print(total, "total")
	}
	return d.code
}

type usage struct {
	c     *applet.Context
	o     *applet.Options
	depth int
	code  int
	seen  map[[2]uint64]bool
}

// tree returns the blocks of 512 bytes that path and what is below it take.
func (d *usage) tree(path string, level int, dev uint64) int64 {
	st, err := sys.Lstat(path)
	if err == nil && st.Mode&abi.S_IFMT == abi.S_IFLNK && (d.o.Has("L") || d.o.Has("H") && level == 0) {
		st, err = sys.Stat(path)
	}
	if err != nil {
		d.c.Perror(path, err)
		d.code = 1
		return 0
	}
	if d.o.Has("x") && level > 0 && st.Dev != dev {
		return 0
	}
	isDir := st.Mode&abi.S_IFMT == abi.S_IFDIR
	if !d.o.Has("l") && (st.Nlink > 1 && !isDir || isDir) {
		key := [2]uint64{st.Dev, st.Ino}
		if d.seen[key] {
			return 0
		}
		d.seen[key] = true
	}
	sum := st.Blocks
	if isDir {
		list, err := sys.ReadDir(path)
		if err != nil {
			d.c.Errorf("can't open '%s': %s", path, applet.Strerror(err))
			d.code = 1
			return sum
		}
		for _, e := range list {
			sum += d.tree(join(path, e.Name), level+1, st.Dev)
		}
	} else if !d.o.Has("a") && level != 0 {
		return sum
	}
	if level <= d.depth {
		d.print(sum, path)
	}
	return sum
}

func (d *usage) print(blocks int64, path string) {
	switch d.o.Last("hmkb") {
	case 'b':
		d.c.Out.Int(blocks * 512)
	case 'h':
		d.c.Out.WriteString(applet.HumanSize(uint64(blocks) * 512))
	case 'm':
		d.c.Out.Int((blocks*512 + 1<<20 - 1) >> 20)
	default:
		d.c.Out.Int((blocks + 1) / 2)
	}
	d.c.Out.WriteString("\t" + path + "\n")
}

// Mount is a line of /proc/mounts.
type Mount struct{ Device, Dir, Type, Options string }

// Mounts reads /proc/mounts.
func Mounts() ([]Mount, error) {
	text, err := applet.ReadFile("/proc/mounts")
	if err != nil {
		return nil, err
	}
	var list []Mount
	for line := range strings.SplitSeq(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		list = append(list, Mount{unescapeMount(f[0]), unescapeMount(f[1]), f[2], f[3]})
	}
	return list, nil
}

// unescapeMount reads the octal escapes of blanks.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// Df prints the space of file systems.
func Df(c *applet.Context) int {
	o := c.Getopt("kPhmTat:iB:", "print-type=T", "portability=P", "human-readable=h", "inodes=i", "all=a", "type=t")
	mounts, err := Mounts()
	if err != nil {
		c.Fatal("/proc/mounts", err)
	}
	unit, title := int64(1024), "1K-blocks"
	switch {
	case o.Has("i"):
		title = "   Inodes"
	case o.Last("kmhB") == 'm':
		unit, title = 1<<20, "1M-blocks"
	case o.Last("kmhB") == 'h':
		unit, title = 0, "     Size"
	case o.Last("kmhB") == 'B':
		unit = c.Number(o.Str('B'), applet.CWBKMG)
		title = strconv.FormatInt(unit, 10) + "-blocks"
	case o.Has("P"):
		title = "1024-blocks"
	}
	capacity := "Use%"
	if o.Has("P") && !o.Has("h") {
		capacity = "Capacity"
	}
	c.Out.WriteString("Filesystem           ")
	if o.Has("T") {
		c.Out.WriteString("Type       ")
	}
	c.Out.Printf("%-15sUsed Available %s Mounted on\n", title, capacity)
	code := 0
	show := func(m Mount, explicit bool) {
		fs, err := sys.Statfs(m.Dir)
		if err != nil {
			c.Perror(m.Dir, err)
			code = 1
			return
		}
		if fs.Blocks == 0 && !explicit && !o.Has("a") || m.Type == "rootfs" && !explicit {
			return
		}
		if t, ok := o.Arg('t'); ok && t != m.Type {
			return
		}
		total, free, available := fs.Blocks, fs.Bfree, fs.Bavail
		bsize := int64(fs.Frsize)
		if bsize == 0 {
			bsize = fs.Bsize
		}
		if o.Has("i") {
			total, free, available, bsize = fs.Files, fs.Ffree, fs.Ffree, 1
		}
		usedBlocks := total - free
		percent := int64(0)
		if usedBlocks+available > 0 {
			percent = int64((usedBlocks*100 + (usedBlocks+available)/2) / (usedBlocks + available))
		}
		number := func(n uint64) string {
			switch {
			case unit == 0:
				return applet.HumanSize(n * uint64(bsize))
			case o.Has("i"):
				return strconv.FormatUint(n, 10)
			}
			return strconv.FormatInt((int64(n)*bsize+unit/2)/unit, 10)
		}
		device := m.Device
		if len(device) > 20 && !o.Has("P") {
			c.Out.Printf("%s\n%-20s ", device, "")
		} else {
			c.Out.Printf("%-20s ", device)
		}
		if o.Has("T") {
			c.Out.Printf("%-10s ", m.Type)
		}
		c.Out.Printf("%9s %9s %9s %3d%% %s\n", number(total), number(usedBlocks), number(available), percent, m.Dir)
	}
	if len(c.Args) == 0 {
		for _, m := range mounts {
			show(m, false)
		}
		return code
	}
	for _, path := range c.Args {
		if m, ok := mountOf(mounts, path); ok {
			show(m, true)
			continue
		}
		c.Errorf("%s: can't find mount point", path)
		code = 1
	}
	return code
}

// mountOf finds the mount a path lies on.
func mountOf(mounts []Mount, path string) (Mount, bool) {
	real, err := Canonical(path, false)
	if err != nil {
		return Mount{}, false
	}
	best, found := Mount{}, false
	for _, m := range mounts {
		if m.Dir == "/" || real == m.Dir || strings.HasPrefix(real, m.Dir+"/") {
			if !found || len(m.Dir) >= len(best.Dir) {
				best, found = m, true
			}
		}
	}
	return best, found
}

// ListMounts is mount without arguments.
func ListMounts(c *applet.Context) int {
	if len(c.Args) > 0 {
		c.Fatalf("mounting file systems is not supported in this container: permission denied (are you root?)")
	}
	mounts, err := Mounts()
	if err != nil {
		c.Fatal("/proc/mounts", err)
	}
	for _, m := range mounts {
		c.Out.Printf("%s on %s type %s (%s)\n", m.Device, m.Dir, m.Type, m.Options)
	}
	return 0
}

// Umount refuses: the mounts of a container are the daemon's.
func Umount(c *applet.Context) int {
	c.NArgs(1, -1)
	for _, dir := range c.Args {
		var err error = abi.EPERM
		if _, missing := sys.Stat(dir); missing != nil {
			err = missing
		}
		c.Errorf("can't unmount %s: %s", dir, applet.Strerror(err))
	}
	return 1
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
