package system

import (
	"strconv"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// variable is a value that getconf knows.
type variable struct {
	name string
	path bool // it is asked of a path
	get  func() string
}

// variables lists what scripts ask getconf for: limits.h, sysconf(3) and pathconf(3), with the values of Linux and musl.
func variables() []variable {
	fixed := func(s string) func() string { return func() string { return s } }
	limit := func(resource int) func() string {
		return func() string {
			l, err := sys.Getrlimit(resource)
			if err != nil || l.Cur == abi.RLIM_INFINITY {
				return "undefined"
			}
			return strconv.FormatUint(l.Cur, 10)
		}
	}
	cpus := func() string {
		n, err := sys.CPUs()
		if err != nil {
			n = 1
		}
		return strconv.Itoa(max(n, 1))
	}
	pages := func(free bool) func() string {
		return func() string {
			info, err := sys.Sysinfo()
			if err != nil {
				return "undefined"
			}
			n := info.Totalram
			if free {
				n = info.Freeram
			}
			return strconv.FormatUint(n*uint64(info.Unit)/4096, 10)
		}
	}
	list := []variable{
		{"_NPROCESSORS_CONF", false, cpus}, {"_NPROCESSORS_ONLN", false, cpus}, {"NPROCESSORS_CONF", false, cpus}, {"NPROCESSORS_ONLN", false, cpus},
		{"_PHYS_PAGES", false, pages(false)}, {"_AVPHYS_PAGES", false, pages(true)},
		{"OPEN_MAX", false, limit(abi.RLIMIT_NOFILE)}, {"CHILD_MAX", false, limit(abi.RLIMIT_NPROC)},
	}
	for _, v := range [][2]string{
		{"PAGESIZE", "4096"}, {"PAGE_SIZE", "4096"}, {"ARG_MAX", "131072"}, {"CLK_TCK", "100"}, {"IOV_MAX", "1024"}, {"NGROUPS_MAX", "32"},
		{"HOST_NAME_MAX", "255"}, {"LOGIN_NAME_MAX", "256"}, {"TTY_NAME_MAX", "32"}, {"LINE_MAX", "4096"}, {"RE_DUP_MAX", "255"}, {"SYMLOOP_MAX", "40"},
		{"CHAR_BIT", "8"}, {"CHAR_MAX", "127"}, {"CHAR_MIN", "-128"}, {"SCHAR_MAX", "127"}, {"SCHAR_MIN", "-128"}, {"UCHAR_MAX", "255"},
		{"SHRT_MAX", "32767"}, {"SHRT_MIN", "-32768"}, {"USHRT_MAX", "65535"}, {"INT_MAX", "2147483647"}, {"INT_MIN", "-2147483648"},
		{"UINT_MAX", "4294967295"}, {"LONG_BIT", "64"}, {"LONG_MAX", "9223372036854775807"}, {"LONG_MIN", "-9223372036854775808"},
		{"ULONG_MAX", "18446744073709551615"}, {"SSIZE_MAX", "9223372036854775807"}, {"WORD_BIT", "32"}, {"MB_LEN_MAX", "4"}, {"NZERO", "20"},
		{"BC_BASE_MAX", "99"}, {"BC_DIM_MAX", "2048"}, {"BC_SCALE_MAX", "99"}, {"BC_STRING_MAX", "1000"}, {"COLL_WEIGHTS_MAX", "2"}, {"EXPR_NEST_MAX", "32"},
		{"PATH", "/bin:/usr/bin"}, {"CS_PATH", "/bin:/usr/bin"}, {"_CS_PATH", "/bin:/usr/bin"},
		{"POSIX_VERSION", "200809"}, {"_POSIX_VERSION", "200809"}, {"POSIX2_VERSION", "200809"}, {"_POSIX2_VERSION", "200809"}, {"_XOPEN_VERSION", "700"},
		{"_POSIX_JOB_CONTROL", "1"}, {"_POSIX_SAVED_IDS", "1"}, {"GNU_LIBC_VERSION", "undefined"},
	} {
		list = append(list, variable{v[0], false, fixed(v[1])})
	}
	for _, v := range [][2]string{
		{"NAME_MAX", "255"}, {"PATH_MAX", "4096"}, {"PIPE_BUF", "4096"}, {"LINK_MAX", "127"}, {"MAX_CANON", "255"}, {"MAX_INPUT", "255"}, {"SYMLINK_MAX", "255"},
		{"FILESIZEBITS", "64"}, {"_POSIX_CHOWN_RESTRICTED", "1"}, {"_POSIX_NO_TRUNC", "1"}, {"_POSIX_VDISABLE", "0"},
	} {
		list = append(list, variable{v[0], true, fixed(v[1])})
	}
	return list
}

// Getconf prints configuration values.
func Getconf(c *applet.Context) int {
	o := c.Getopt("+av:")
	if o.Has("a") {
		for _, v := range variables() {
			c.Out.Printf("%-35s %s\n", v.name, v.get())
		}
		return 0
	}
	c.NArgs(1, 2)
	for _, v := range variables() {
		if v.name != c.Args[0] {
			continue
		}
		if v.path != (len(c.Args) == 2) {
			c.Usage()
		}
		if v.path {
			if _, err := sys.Stat(c.Args[1]); err != nil {
				c.Fatal(c.Args[1], err)
			}
		}
		c.Out.WriteString(v.get() + "\n")
		return 0
	}
	c.Errorf("unknown variable '%s'", c.Args[0])
	return 1
}
