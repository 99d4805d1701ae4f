package files

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Stat describes files, or with -f their file systems.
func Stat(c *applet.Context) int {
	o := c.Getopt("ltfLc:", "terse=t", "dereference=L", "file-system=f", "format=c")
	c.NArgs(1, -1)
	s := &statter{c: c, accounts: applet.LoadAccounts(), loc: c.Location(), terse: o.Has("t")}
	s.format, s.hasFormat = o.Arg('c')
	code := 0
	for _, path := range c.Args {
		if o.Has("f") {
			fs, err := sys.Statfs(path)
			if err != nil {
				c.Errorf("can't read file system information for '%s': %s", path, applet.Strerror(err))
				code = 1
				continue
			}
			s.fileSystem(path, fs)
			continue
		}
		st, err := sys.Lstat(path)
		if o.Has("L") {
			st, err = sys.Stat(path)
		}
		if err != nil {
			c.Errorf("can't stat '%s': %s", path, applet.Strerror(err))
			code = 1
			continue
		}
		s.file(path, st)
	}
	return code
}

type statter struct {
	c                *applet.Context
	accounts         *applet.Accounts
	loc              *time.Location
	format           string
	hasFormat, terse bool
}

func (s *statter) file(path string, st *abi.Stat) {
	format := s.format
	switch {
	case s.hasFormat:
	case s.terse:
		format = "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %o"
	default:
		name := "  File: %N\n"
		if st.Mode&abi.S_IFMT != abi.S_IFLNK {
			name = "  File: %n\n"
		}
		device := ""
		if k := st.Mode & abi.S_IFMT; k == abi.S_IFBLK || k == abi.S_IFCHR {
			device = " Device type: %t,%T"
		}
		links := "%-5h"
		if device == "" {
			links = "%h"
		}
		format = name + "  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n" +
			"Device: %Dh/%dd\tInode: %-10i  Links: " + links + device + "\n" +
			"Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n" +
			"Access: %x\nModify: %y\nChange: %z"
	}
	s.expand(format, func(x byte) any { return s.value(path, st, x) })
}

func (s *statter) value(path string, st *abi.Stat, x byte) any {
	switch x {
	case 'n':
		return path
	case 'N':
		if st.Mode&abi.S_IFMT == abi.S_IFLNK {
			target, err := sys.Readlink(path)
			if err == nil {
				return "'" + path + "' -> '" + target + "'"
			}
		}
		return path
	case 'd':
		return st.Dev
	case 'D':
		return strconv.FormatUint(st.Dev, 16)
	case 'i':
		return st.Ino
	case 'a':
		return octal(st.Mode & abi.PermMask)
	case 'A':
		return ModeString(st.Mode)
	case 'f':
		return strconv.FormatUint(uint64(st.Mode), 16)
	case 'F':
		return kindName(st)
	case 'h':
		return st.Nlink
	case 'u':
		return st.UID
	case 'g':
		return st.GID
	case 'U':
		if name, ok := s.accounts.UserName(int(st.UID)); ok {
			return name
		}
		return "UNKNOWN"
	case 'G':
		if name, ok := s.accounts.GroupName(int(st.GID)); ok {
			return name
		}
		return "UNKNOWN"
	case 't':
		return strconv.FormatUint(uint64(abi.Major(st.Rdev)), 16)
	case 'T':
		return strconv.FormatUint(uint64(abi.Minor(st.Rdev)), 16)
	case 's':
		return st.Size
	case 'b':
		return st.Blocks
	case 'B':
		return 512
	case 'o':
		return st.Blksize
	case 'x':
		return s.when(st.Atim)
	case 'y':
		return s.when(st.Mtim)
	case 'z':
		return s.when(st.Ctim)
	case 'X':
		return st.Atim.Sec
	case 'Y':
		return st.Mtim.Sec
	case 'Z':
		return st.Ctim.Sec
	}
	return nil
}

// octal is a number that %a writes in base eight.
type octal uint32

func (s *statter) when(ts abi.Timespec) string {
	return applet.Time(ts, s.loc).Format("2006-01-02 15:04:05.000000000 -0700")
}

// expand writes a format with printf's flags, width and precision, and a newline.
func (s *statter) expand(format string, value func(x byte) any) {
	out := &s.c.Out
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		j := i + 1
		for j < len(format) && strings.IndexByte("#-+.I 0123456789", format[j]) >= 0 {
			j++
		}
		if j == len(format) {
			out.WriteByte('%')
			break
		}
		spec := format[i:j]
		i = j
		if format[j] == '%' {
			out.WriteByte('%')
			continue
		}
		switch v := value(format[j]).(type) {
		case nil:
			out.WriteByte('?')
		case string:
			out.WriteString(fmt.Sprintf(spec+"s", v))
		case octal:
			out.WriteString(fmt.Sprintf(spec+"o", uint32(v)))
		default:
			out.WriteString(fmt.Sprintf(spec+"d", v))
		}
	}
	out.WriteByte('\n')
}

func kindName(st *abi.Stat) string {
	switch st.Mode & abi.S_IFMT {
	case abi.S_IFREG:
		if st.Size == 0 {
			return "regular empty file"
		}
		return "regular file"
	case abi.S_IFDIR:
		return "directory"
	case abi.S_IFLNK:
		return "symbolic link"
	case abi.S_IFIFO:
		return "fifo"
	case abi.S_IFSOCK:
		return "socket"
	case abi.S_IFBLK:
		return "block special file"
	case abi.S_IFCHR:
		return "character special file"
	}
	return "weird file"
}

var fileSystemTypes = map[int64]string{
	0xef53: "ext2/ext3", 0x01021994: "tmpfs", 0x9fa0: "proc", 0x62656572: "sysfs", 0x794c7630: "overlayfs",
	0x58465342: "xfs", 0x9123683e: "btrfs", 0x6969: "nfs", 0x1cd1: "devpts",
}

func (s *statter) fileSystem(path string, fs *abi.Statfs) {
	format := s.format
	switch {
	case s.hasFormat:
	case s.terse:
		format = "%n %i %l %t %s %b %f %a %c %d"
	default:
		format = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\nBlock size: %-10s\n" +
			"Blocks: Total: %-10b Free: %-10f Available: %a\nInodes: Total: %-10c Free: %d"
	}
	s.expand(format, func(x byte) any {
		switch x {
		case 'n':
			return path
		case 'i':
			return fmt.Sprintf("%x", uint64(uint32(fs.Fsid[0]))<<32|uint64(uint32(fs.Fsid[1])))
		case 'l':
			return fs.Namelen
		case 't':
			return strconv.FormatInt(fs.Type, 16)
		case 'T':
			if name, ok := fileSystemTypes[fs.Type]; ok {
				return name
			}
			return "UNKNOWN"
		case 'b':
			return fs.Blocks
		case 'f':
			return fs.Bfree
		case 'a':
			return fs.Bavail
		case 's', 'S':
			return fs.Bsize
		case 'c':
			return fs.Files
		case 'd':
			return fs.Ffree
		}
		return nil
	})
}
