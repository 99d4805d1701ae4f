package archive

import (
	"archive/zip"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/search"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// unzipper is one run of unzip.
type unzipper struct {
	c                *applet.Context
	names, excluded  []string
	never, always    bool
	flat, out, check bool
	quiet            int
	in               *applet.Lines
	code             int
}

// Unzip lists, checks and unpacks zip archives.
func Unzip(c *applet.Context) int {
	u := &unzipper{c: c}
	list, long := false, false
	dir, archive := "", ""
	excluding := false
	options := true
	for args := c.Args; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		if options && arg == "--" {
			options = false
			continue
		}
		if !options || len(arg) < 2 || arg[0] != '-' {
			switch {
			case archive == "":
				archive = arg
			case excluding:
				u.excluded = append(u.excluded, arg)
			default:
				u.names = append(u.names, arg)
			}
			continue
		}
		for i := 1; i < len(arg); i++ {
			switch arg[i] {
			case 'd', 'x':
				value := arg[i+1:]
				if arg[i] == 'x' {
					excluding = true
					if value != "" {
						u.excluded = append(u.excluded, value)
					}
					i = len(arg)
					continue
				}
				if value == "" {
					if len(args) == 0 {
						c.Errorf("option requires an argument -- 'd'")
						c.Usage()
					}
					value, args = args[0], args[1:]
				}
				dir, i = value, len(arg)
			case 'l':
				list = true
			case 'v':
				list, long = true, true
			case 'n':
				u.never = true
			case 'o':
				u.always = true
			case 'j':
				u.flat = true
			case 'p':
				u.out, u.quiet = true, u.quiet+1
			case 't':
				u.check, u.quiet = true, u.quiet+1
			case 'q':
				u.quiet++
			case 'K':
			default:
				c.Errorf("invalid option -- '%c'", arg[i])
				c.Usage()
			}
		}
	}
	if archive == "" {
		c.Usage()
	}
	r := u.open(archive)
	if dir != "" {
		if err := makeParents(dir + "/"); err != nil {
			c.Fatalf("can't create directory '%s': %s", dir, applet.Strerror(err))
		}
		if err := sys.Chdir(dir); err != nil {
			c.Fatalf("can't change directory to '%s': %s", dir, applet.Strerror(err))
		}
	}
	if list {
		u.list(r, long)
		return 0
	}
	for _, f := range r.File {
		if u.wanted(f.Name) {
			u.extract(f)
		}
	}
	return u.code
}

// seekable reads a file at offsets.
type seekable int

func (fd seekable) ReadAt(p []byte, offset int64) (int, error) {
	if _, err := sys.Lseek(int(fd), offset, abi.SEEK_SET); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(sys.FD(fd), p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// open opens the archive, by its name with ".zip" too.
func (u *unzipper) open(name string) *zip.Reader {
	c := u.c
	var source io.ReaderAt
	var size int64
	if name == "-" {
		data, err := applet.ReadAll(0)
		if err != nil {
			c.Fatal("stdin", err)
		}
		source, size = strings.NewReader(string(data)), int64(len(data))
	} else {
		fd, err := -1, error(nil)
		for _, ext := range []string{"", ".zip", ".ZIP"} {
			if fd, err = sys.Open(name+ext, abi.O_RDONLY|abi.O_CLOEXEC, 0); err == nil {
				name += ext
				break
			}
		}
		if err != nil {
			c.Fatalf("can't open %s[.zip]", name)
		}
		if size, err = sys.Lseek(fd, 0, abi.SEEK_END); err != nil {
			c.Fatal(name, err)
		}
		source = seekable(fd)
	}
	if u.quiet == 0 {
		c.Out.WriteString("Archive:  " + name + "\n")
	}
	r, err := zip.NewReader(source, size)
	if err != nil {
		switch {
		case size < 22:
			c.Fatalf("short read")
		case errors.Is(err, zip.ErrFormat):
			c.Fatalf("invalid zip magic")
		}
		c.Fatalf("%s", err)
	}
	return r
}

func (u *unzipper) wanted(name string) bool {
	match := func(list []string) bool {
		for _, pattern := range list {
			if search.Glob(pattern, name, false) {
				return true
			}
		}
		return false
	}
	return (len(u.names) == 0 || match(u.names)) && !match(u.excluded)
}

// list prints a table of the members.
func (u *unzipper) list(r *zip.Reader, long bool) {
	out := &u.c.Out
	if u.quiet <= 1 {
		if long {
			out.WriteString(" Length   Method    Size  Cmpr    Date    Time   CRC-32   Name\n--------  ------  ------- ---- ---------- ----- --------  ----\n")
		} else {
			out.WriteString("  Length      Date    Time    Name\n---------  ---------- -----   ----\n")
		}
	}
	var total, packed, count uint64
	for _, f := range r.File {
		if !u.wanted(f.Name) {
			continue
		}
		count++
		total += f.UncompressedSize64
		packed += f.CompressedSize64
		at := dosTime(f)
		if long {
			method := "Stored"
			if f.Method == zip.Deflate {
				method = "Defl:N"
			}
			out.Printf("%8d  %-6s %8d %3d%% %s %08x  %s\n", f.UncompressedSize64, method, f.CompressedSize64, saved(f.UncompressedSize64, f.CompressedSize64), at, f.CRC32, f.Name)
		} else {
			out.Printf("%9d  %s   %s\n", f.UncompressedSize64, at, f.Name)
		}
	}
	if u.quiet > 1 {
		return
	}
	if long {
		out.Printf("--------          ------- ----                            ----\n%8d         %8d %3d%%                            %d files\n", total, packed, saved(total, packed), count)
	} else {
		out.Printf(" --------                     -------\n%9d                     %d files\n", total, count)
	}
}

// saved is the share in percent that compression took off.
func saved(size, packed uint64) uint64 {
	if size == 0 || packed > size {
		return 0
	}
	return (size - packed) * 100 / size
}

// dosTime writes the time as it stands in the archive, without a zone.
func dosTime(f *zip.File) string {
	date, clock := f.ModifiedDate, f.ModifiedTime
	return time.Date(int(date>>9)+1980, time.Month(date>>5&15), int(date&31), int(clock>>11), int(clock>>5&63), 0, 0, time.UTC).Format("01-02-2006 15:04")
}

// clean takes off what would lead out of the directory.
func clean(name string) string {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." && part != ".." {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

func makeParents(path string) error {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && path[i-1] != '/' {
			if err := sys.Mkdir(path[:i], 0o777); err != nil && err != abi.EEXIST {
				return err
			}
		}
	}
	return nil
}

// extract unpacks, prints or checks a member.
func (u *unzipper) extract(f *zip.File) {
	c := u.c
	name := clean(f.Name)
	isDir := strings.HasSuffix(f.Name, "/")
	if u.flat {
		if isDir {
			return
		}
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	if name == "" || isDir && (u.out || u.check) {
		return
	}
	mode := uint32(f.ExternalAttrs >> 16)
	if isDir {
		if st, err := sys.Stat(name); err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
			return
		}
		if u.quiet == 0 {
			c.Out.WriteString("   creating: " + f.Name + "\n")
		}
		if mode&0o777 == 0 {
			mode = 0o777
		}
		if err := makeParents(name); err != nil {
			c.Fatalf("can't create directory '%s': %s", name, applet.Strerror(err))
		}
		if err := sys.Mkdir(name, mode&0o777|0o700); err != nil {
			c.Fatalf("can't create directory '%s': %s", name, applet.Strerror(err))
		}
		return
	}
	r, err := f.Open()
	if err != nil {
		c.Fatalf("unsupported method %d", f.Method)
	}
	defer r.Close()
	switch {
	case u.out:
		u.copy(&c.Out, r)
		return
	case u.check:
		u.copy(io.Discard, r)
		return
	}
	if name = u.target(name); name == "" {
		return
	}
	if err := makeParents(name); err != nil {
		c.Fatalf("can't create directory '%s': %s", name, applet.Strerror(err))
	}
	if mode&abi.S_IFMT == abi.S_IFLNK {
		target, err := io.ReadAll(r)
		if err == nil {
			sys.Unlink(name)
			err = sys.Symlink(string(target), name)
		}
		if err != nil {
			c.Fatalf("can't create symlink '%s' to '%s': %s", name, target, applet.Strerror(err))
		}
		return
	}
	if mode&0o777 == 0 {
		mode = 0o666
	}
	if st, err := sys.Lstat(name); err == nil && st.Mode&abi.S_IFMT == abi.S_IFLNK {
		sys.Unlink(name) // never write through a link of the archive's
	}
	fd, err := sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC|abi.O_NOFOLLOW, mode&0o777)
	if err != nil {
		c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
	}
	if u.quiet == 0 {
		c.Out.WriteString("  inflating: " + name + "\n")
	}
	u.copy(sys.FD(fd), r)
	sys.Close(fd)
}

func (u *unzipper) copy(w io.Writer, r io.Reader) {
	_, err := io.CopyBuffer(w, r, make([]byte, bufferSize))
	switch {
	case errors.Is(err, zip.ErrChecksum):
		u.c.Fatalf("crc error")
	case err != nil:
		if _, ok := err.(abi.Errno); ok {
			u.c.Fatalf("write error: %s", applet.Strerror(err))
		}
		u.c.Fatalf("inflate error")
	}
}

// target asks what to do when the file is there; "" leaves it alone.
func (u *unzipper) target(name string) string {
	for {
		st, err := sys.Stat(name)
		switch {
		case err != nil || u.always:
			return name
		case u.never:
			return ""
		case st.Mode&abi.S_IFMT != abi.S_IFREG:
			u.c.Fatalf("'%s' exists but is not a regular file", name)
		}
		if u.in == nil {
			u.in = applet.NewLines(0)
		}
		answer := u.ask("replace " + name + "? [y]es, [n]o, [A]ll, [N]one, [r]ename: ")
		switch answer[:min(1, len(answer))] {
		case "A":
			u.always = true
			return name
		case "y":
			return name
		case "N":
			u.never = true
			return ""
		case "n":
			return ""
		case "r":
			if name = u.ask("new name: "); name == "" {
				u.c.Fatalf("can't read standard input")
			}
		default:
			u.c.Out.WriteString("error: invalid response [" + answer[:min(1, len(answer))] + "]\n")
		}
	}
}

func (u *unzipper) ask(question string) string {
	u.c.Out.WriteString(question)
	u.c.Out.Flush()
	line, _, ok := u.in.Next()
	if !ok {
		u.c.Fatalf("can't read standard input")
	}
	return string(line)
}
