package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/search"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Letters of tar's options that have only a long name.
const (
	optExclude = 0x80 + iota
	optStrip
	optNumeric
	optNoRecursion
	optOverwrite
	optNoSamePermissions
	optToCommand
	optLzma
)

// tarrer is one run of tar.
type tarrer struct {
	c        *applet.Context
	o        *applet.Options
	accounts *applet.Accounts
	names    []string // members to take, or files to put in
	found    []bool   // which of the names were there
	excluded []string
	strip    int
	code     int
	warned   map[string]bool
	verbose  io.Writer
}

// Tar makes, unpacks and lists archives.
func Tar(c *applet.Context) int {
	args := c.Args
	if len(args) == 0 {
		c.Usage()
	}
	if args[0] != "" && args[0][0] != '-' {
		c.Args = bundled(args)
	}
	long := func(name string, x int) string { return name + "=" + string([]byte{byte(x)}) }
	o := c.Getopt("txcf:C:zjJZaT:X:vOmopkhwSP"+string([]byte{optExclude, ':', optStrip, ':', optNumeric, optNoRecursion, optOverwrite, optNoSamePermissions, optToCommand, ':', optLzma}),
		"list=t", "extract=x", "get=x", "create=c", "directory=C", "file=f", "to-stdout=O", "gzip=z", "gunzip=z", "ungzip=z", "bzip2=j", "xz=J", "verbose=v",
		"touch=m", "no-same-owner=o", "same-permissions=p", "preserve-permissions=p", "keep-old=k", "keep-old-files=k", "dereference=h", "files-from=T",
		"exclude-from=X", "auto-compress=a", "absolute-names=P", "sparse=S", long("exclude", optExclude), long("strip-components", optStrip), long("numeric-owner", optNumeric),
		long("no-recursion", optNoRecursion), long("overwrite", optOverwrite), long("no-same-permissions", optNoSamePermissions), long("to-command", optToCommand), long("lzma", optLzma), "compress=Z", "uncompress=Z")
	t := &tarrer{c: c, o: o, accounts: applet.LoadAccounts(), names: c.Args, warned: map[string]bool{}, verbose: &c.Out}
	mode := o.Last("txc")
	if mode == 0 {
		c.Usage()
	}
	if o.Has(string([]byte{optToCommand})) {
		c.Fatalf("--to-command is not supported")
	}
	if text, ok := o.Arg(optStrip); ok {
		t.strip = int(c.Number(text, nil))
	}
	t.excluded = o.All(optExclude)
	for _, file := range o.All('X') {
		t.excluded = append(t.excluded, t.list(file)...)
	}
	for _, file := range o.All('T') {
		t.names = append(t.names, t.list(file)...)
	}
	name := "-"
	if f, ok := o.Arg('f'); ok {
		name = f
	}
	if mode == 'c' {
		return t.create(name)
	}
	return t.read(name, mode == 't')
}

// bundled turns the old form "cvf archive …", whose option arguments follow in order, into options.
func bundled(args []string) []string {
	var list []string
	rest := args[1:]
	for _, x := range []byte(args[0]) {
		list = append(list, "-"+string(x))
		if strings.IndexByte("fCTX", x) >= 0 && len(rest) > 0 {
			list = append(list, rest[0])
			rest = rest[1:]
		}
	}
	return append(list, rest...)
}

// list reads names from a file, one a line.
func (t *tarrer) list(file string) []string {
	data, err := applet.ReadFile(file)
	if err != nil {
		t.c.Fatalf("can't open '%s': %s", file, applet.Strerror(err))
	}
	var names []string
	for line := range strings.SplitSeq(string(data), "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			names = append(names, line)
		}
	}
	return names
}

func (t *tarrer) changeDir() {
	if dir, ok := t.o.Arg('C'); ok {
		if err := sys.Chdir(dir); err != nil {
			t.c.Fatalf("can't change directory to '%s': %s", dir, applet.Strerror(err))
		}
	}
}

// isExcluded reports whether a pattern matches the name or what follows one of its slashes.
func (t *tarrer) isExcluded(name string) bool {
	name = strings.TrimSuffix(name, "/")
	for _, pattern := range t.excluded {
		pattern = strings.TrimSuffix(pattern, "/")
		for rest := name; ; {
			if search.Glob(pattern, rest, false) || strings.HasPrefix(rest, pattern+"/") {
				return true
			}
			i := strings.IndexByte(rest, '/')
			if i < 0 {
				break
			}
			rest = rest[i+1:]
		}
	}
	return false
}

// safe takes the prefix of a member's name off that would lead out of the directory: slashes and all up to the last
// "..".
func (t *tarrer) safe(name string) string {
	cut := 0
	if i := strings.LastIndex("/"+name, "/../"); i >= 0 {
		cut = i + 3
	} else if name == ".." || strings.HasSuffix(name, "/..") {
		cut = len(name)
	}
	for cut < len(name) && name[cut] == '/' {
		cut++
	}
	if cut > 0 && !t.warned[name[:cut]] {
		t.warned[name[:cut]] = true
		t.c.Errorf("removing leading '%s' from member names", name[:cut])
	}
	return name[cut:]
}

// create writes an archive of the names.
func (t *tarrer) create(name string) int {
	c := t.c
	if len(t.names) == 0 {
		c.Fatalf("empty archive")
	}
	out := 1
	var self *abi.Stat
	if name != "-" {
		var err error
		if out, err = sys.Open(name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC, 0o666); err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
		self, _ = sys.Fstat(out)
	} else {
		t.verbose = sys.FD(2)
	}
	t.changeDir()
	buffer := bufio.NewWriterSize(sys.FD(out), bufferSize)
	var stream io.Writer = buffer
	var zip io.WriteCloser
	if f := t.format(name); f != nil {
		if f.writer == nil {
			c.Fatalf("%s compression is not supported", f.name)
		}
		var err error
		if zip, err = f.writer(buffer, 6); err != nil {
			c.Fatalf("%s: %s", f.name, applet.Strerror(err))
		}
		stream = zip
	}
	w := &writer{tarrer: t, w: tar.NewWriter(stream), self: self, links: map[[2]uint64]string{}, buf: make([]byte, bufferSize)}
	for _, path := range t.names {
		w.add(path)
	}
	err := w.w.Close()
	if zip != nil && err == nil {
		err = zip.Close()
	}
	if err == nil {
		err = buffer.Flush()
	}
	if err != nil {
		c.Fatalf("write error: %s", applet.Strerror(err))
	}
	if t.code != 0 {
		c.Errorf("error exit delayed from previous errors")
	}
	return t.code
}

// format is how the archive is to be compressed: as an option says, or with -a the name's end. nil is not at all.
func (t *tarrer) format(name string) *format {
	for _, x := range []struct {
		option string
		format string
	}{{"z", "gzip"}, {"j", "bzip2"}, {"J", "xz"}, {"Z", "compress"}, {string([]byte{optLzma}), "lzma"}} {
		if t.o.Has(x.option) {
			return formatNamed(x.format)
		}
	}
	if t.o.Has("a") {
		for _, f := range formats() {
			for _, s := range f.suffixes {
				if strings.HasSuffix(name, s.from) {
					return f
				}
			}
		}
		for _, s := range [][2]string{{".tbz", "bzip2"}, {".tbz2", "bzip2"}, {".txz", "xz"}, {".tlz", "lzma"}} {
			if strings.HasSuffix(name, s[0]) {
				return formatNamed(s[1])
			}
		}
	}
	return nil
}

type writer struct {
	*tarrer
	w     *tar.Writer
	self  *abi.Stat
	links map[[2]uint64]string
	buf   []byte
}

func (w *writer) fail(path string, err error) {
	w.c.Perror(path, err)
	w.code = 1
}

func (w *writer) add(path string) {
	st, err := sys.Lstat(path)
	if err == nil && w.o.Has("h") && st.Mode&abi.S_IFMT == abi.S_IFLNK {
		st, err = sys.Stat(path)
	}
	if err != nil {
		w.fail(path, err)
		return
	}
	member := w.safe(path)
	isDir := st.Mode&abi.S_IFMT == abi.S_IFDIR
	if isDir && member != "" {
		member = strings.TrimSuffix(member, "/") + "/"
	}
	if w.isExcluded(member) {
		return
	}
	if w.self != nil && st.Ino == w.self.Ino && st.Dev == w.self.Dev {
		w.c.Errorf("%s: file is the archive; skipping", path)
		return
	}
	if member != "" && !w.member(path, member, st) {
		return
	}
	if !isDir || w.o.Has(string([]byte{optNoRecursion})) {
		return
	}
	list, err := sys.ReadDir(path)
	if err != nil {
		w.fail(path, err)
		return
	}
	for _, d := range list {
		w.add(strings.TrimSuffix(path, "/") + "/" + d.Name)
	}
}

// member writes one member and reports whether to go on below it.
func (w *writer) member(path, name string, st *abi.Stat) bool {
	h := &tar.Header{
		Name: name, Mode: int64(st.Mode & abi.PermMask), Uid: int(st.UID), Gid: int(st.GID), ModTime: time.Unix(st.Mtim.Sec, 0), Format: tar.FormatGNU,
	}
	if !w.o.Has(string([]byte{optNumeric})) {
		h.Uname, _ = w.accounts.UserName(h.Uid)
		h.Gname, _ = w.accounts.GroupName(h.Gid)
	}
	kind := st.Mode & abi.S_IFMT
	switch kind {
	case abi.S_IFDIR:
		h.Typeflag = tar.TypeDir
	case abi.S_IFLNK:
		target, err := sys.Readlink(path)
		if err != nil {
			w.fail(path, err)
			return false
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case abi.S_IFCHR, abi.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if kind == abi.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(abi.Major(st.Rdev)), int64(abi.Minor(st.Rdev))
	case abi.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case abi.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	default:
		w.c.Errorf("%s: unknown file type", path)
		w.code = 1
		return false
	}
	if st.Nlink > 1 && kind != abi.S_IFDIR {
		key := [2]uint64{st.Dev, st.Ino}
		if first, ok := w.links[key]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			w.links[key] = name
		}
	}
	in := -1
	if h.Typeflag == tar.TypeReg {
		var err error
		if in, err = sys.Open(path, abi.O_RDONLY|abi.O_CLOEXEC, 0); err != nil {
			w.c.Errorf("can't open '%s': %s", path, applet.Strerror(err))
			w.code = 1
			return false
		}
		defer sys.Close(in)
	}
	if w.o.Has("v") {
		io.WriteString(w.verbose, name+"\n")
	}
	if err := w.w.WriteHeader(h); err != nil {
		w.c.Fatalf("%s: %s", path, applet.Strerror(err))
	}
	if in < 0 {
		return true
	}
	for left := h.Size; left > 0; {
		n, err := sys.Read(in, w.buf[:min(left, int64(len(w.buf)))])
		if err != nil || n == 0 {
			// The header has promised this many bytes.
			w.c.Errorf("short read from %s", path)
			w.code = 1
			clear(w.buf)
			n = int(min(left, int64(len(w.buf))))
		}
		if _, err := w.w.Write(w.buf[:n]); err != nil {
			w.c.Fatalf("write error: %s", applet.Strerror(err))
		}
		left -= int64(n)
	}
	return true
}

// read lists or unpacks an archive.
func (t *tarrer) read(name string, list bool) int {
	c := t.c
	in := 0
	if name != "-" {
		var err error
		if in, err = sys.Open(name, abi.O_RDONLY|abi.O_CLOEXEC, 0); err != nil {
			c.Fatalf("can't open '%s': %s", name, applet.Strerror(err))
		}
	}
	t.changeDir()
	input := bufio.NewReaderSize(sys.FD(in), bufferSize)
	stream, err := decompressed(input, true)
	if err != nil {
		c.Fatalf("%s", applet.Strerror(corrupted(err)))
	}
	if b, ok := stream.(*bufio.Reader); ok {
		if _, err := b.Peek(1); err == io.EOF {
			c.Fatalf("short read")
		}
	}
	t.found = make([]bool, len(t.names))
	e := &extractor{tarrer: t, r: tar.NewReader(stream), buf: make([]byte, bufferSize), loc: c.Location()}
	for members := 0; ; members++ {
		h, err := e.r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			switch {
			case errors.Is(err, tar.ErrHeader) && members == 0:
				c.Fatalf("invalid tar magic")
			case errors.Is(err, io.ErrUnexpectedEOF):
				c.Fatalf("short read")
			}
			c.Fatalf("%s", applet.Strerror(corrupted(err)))
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		e.member(h, list)
	}
	e.finish()
	for i, found := range t.found {
		if !found {
			c.Errorf("%s: not found in archive", t.names[i])
			t.code = 1
		}
	}
	return t.code
}

// wanted reports whether a member was asked for.
func (t *tarrer) wanted(name string) bool {
	if len(t.names) == 0 {
		return true
	}
	wanted := false
	bare := strings.TrimSuffix(name, "/")
	for i, n := range t.names {
		n = strings.TrimSuffix(n, "/")
		if bare == n || strings.HasPrefix(bare, n+"/") || search.Glob(n, bare, false) {
			t.found[i] = true
			wanted = true
		}
	}
	return wanted
}
