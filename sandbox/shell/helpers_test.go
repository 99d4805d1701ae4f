package shell

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

// helperMagic begins the files that toolLoader runs; the name of a tool follows.
const helperMagic = "\x00test-tool "

// toolLoader runs small programs written in Go, so that the shell's tests need no userland.
type toolLoader struct{}

func (toolLoader) Load(_ *kernel.Task, _ *vfs.OpenFile, head []byte) (kernel.Program, error) {
	name, ok := bytes.CutPrefix(head, []byte(helperMagic))
	if !ok {
		return nil, nil
	}
	tool := tools[strings.TrimSpace(string(name))]
	return kernel.ProgramFunc(func(t *kernel.Task) int { return tool(&toolIO{t}, t.Image().Argv) }), nil
}

type toolIO struct{ t *kernel.Task }

func (io *toolIO) file(fd int) *vfs.OpenFile {
	f, err := io.t.Files.Get(fd)
	if err != nil {
		return nil
	}
	f.Release()
	return f
}

func (io *toolIO) read(f *vfs.OpenFile) []byte {
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := io.t.Read(f, buf)
		if n == 0 || err != nil || io.t.Checkpoint() != nil {
			return all
		}
		all = append(all, buf[:n]...)
	}
}

func (io *toolIO) print(fd int, s string) bool {
	f := io.file(fd)
	if f == nil {
		return false
	}
	_, err := io.t.Write(f, []byte(s))
	return err == nil
}

// input reads the named files, or the standard input.
func (io *toolIO) input(names []string) (string, bool) {
	if len(names) == 0 {
		return string(io.read(io.file(0))), true
	}
	var b strings.Builder
	for _, name := range names {
		if name == "-" {
			b.Write(io.read(io.file(0)))
			continue
		}
		if fd, ok := fdPath(name); ok {
			b.Write(io.read(io.file(fd)))
			continue
		}
		fs := io.t.FS()
		f, err := fs.Open(fs.Cwd, name, abi.O_RDONLY, 0)
		if err != nil {
			io.print(2, "cat: can't open '"+name+"': "+err.(abi.Errno).Strerror()+"\n")
			return b.String(), false
		}
		b.Write(io.read(f))
		f.Release()
	}
	return b.String(), true
}

type toolFunc func(io *toolIO, args []string) int

var tools = map[string]toolFunc{
	"true":  func(*toolIO, []string) int { return 0 },
	"true_": func(*toolIO, []string) int { return 0 },
	"false": func(*toolIO, []string) int { return 1 },
	"cat": func(io *toolIO, args []string) int {
		if len(args) == 1 {
			buf := make([]byte, 64<<10)
			in, out := io.file(0), io.file(1)
			for in != nil && out != nil {
				n, err := io.t.Read(in, buf)
				if n == 0 || err != nil {
					break
				}
				if _, err := io.t.Write(out, buf[:n]); err != nil {
					return 1
				}
			}
			return 0
		}
		s, ok := io.input(args[1:])
		io.print(1, s)
		return int(truth(!ok))
	},
	"sleep": func(io *toolIO, args []string) int {
		s, _ := strconv.ParseFloat(args[1], 64)
		io.t.Sleep(time.Duration(s * float64(time.Second)))
		return 0
	},
	"yes": func(io *toolIO, args []string) int {
		line := strings.Join(append(args, "y")[1:2], "") + "\n"
		for io.t.Checkpoint() == nil && io.print(1, line) {
		}
		return 1
	},
	"head": func(io *toolIO, args []string) int {
		n := 10
		if len(args) > 1 {
			n, _ = strconv.Atoi(strings.TrimPrefix(args[len(args)-1], "-"))
		}
		in := io.file(0)
		var c [1]byte
		for n > 0 {
			if k, err := io.t.Read(in, c[:]); k == 0 || err != nil {
				break
			}
			io.print(1, string(c[:]))
			if c[0] == '\n' {
				n--
			}
		}
		return 0
	},
	"echo": func(io *toolIO, args []string) int {
		io.print(1, strings.Join(args[1:], " ")+"\n")
		return 0
	},
	"sort": func(io *toolIO, args []string) int {
		s, _ := io.input(nil)
		lines := slices.Collect(strings.Lines(s))
		sort.Strings(lines)
		if len(args) > 1 && args[1] == "-r" {
			slices.Reverse(lines)
		}
		io.print(1, strings.Join(lines, ""))
		return 0
	},
	"wc": func(io *toolIO, args []string) int {
		s, _ := io.input(nil)
		n := strings.Count(s, "\n")
		if len(args) > 1 && args[1] == "-c" {
			n = len(s)
		}
		io.print(1, strconv.Itoa(n)+"\n")
		return 0
	},
	"tr": func(io *toolIO, args []string) int {
		s, _ := io.input(nil)
		switch {
		case args[1] == "-d":
			s = strings.Map(func(r rune) rune {
				if strings.ContainsRune(args[2], r) {
					return -1
				}
				return r
			}, s)
		case args[1] == "a-z" && args[2] == "A-Z":
			s = strings.ToUpper(s)
		default:
			s = strings.ReplaceAll(s, args[1], args[2])
		}
		io.print(1, s)
		return 0
	},
	"grep": func(io *toolIO, args []string) int {
		count := args[1] == "-c"
		if count {
			args = args[1:]
		}
		re := regexp.MustCompile(args[1])
		matched := 0
		s, _ := io.input(args[2:])
		status := 1
		for line := range strings.Lines(s) {
			if re.MatchString(strings.TrimSuffix(line, "\n")) {
				if matched++; !count {
					io.print(1, line)
				}
				status = 0
			}
		}
		if count {
			io.print(1, strconv.Itoa(matched)+"\n")
		}
		return status
	},
	"seq": func(io *toolIO, args []string) int {
		lo, hi := 1, 0
		if len(args) == 3 {
			lo, _ = strconv.Atoi(args[1])
		}
		hi, _ = strconv.Atoi(args[len(args)-1])
		var b strings.Builder
		for i := lo; i <= hi; i++ {
			fmt.Fprintln(&b, i)
		}
		io.print(1, b.String())
		return 0
	},
	"env": func(io *toolIO, args []string) int {
		io.print(1, strings.Join(io.t.Image().Env, "\n")+"\n")
		return 0
	},
	"args": func(io *toolIO, args []string) int {
		for _, a := range args {
			io.print(1, "<"+a+">")
		}
		io.print(1, "\n")
		return 0
	},
	"pid": func(io *toolIO, _ []string) int {
		pgid, _ := io.t.Pgid(0)
		io.print(1, fmt.Sprintf("%d %d %d\n", io.t.Pid(), io.t.Ppid(), pgid))
		return 0
	},
	"touch": func(io *toolIO, args []string) int {
		fs := io.t.FS()
		for _, a := range args[1:] {
			if f, err := fs.Open(fs.Cwd, a, abi.O_WRONLY|abi.O_CREAT, 0o666); err == nil {
				f.Release()
			}
		}
		return 0
	},
	"mkdir": func(io *toolIO, args []string) int {
		fs := io.t.FS()
		for _, a := range args[1:] {
			if a == "-p" {
				continue
			}
			at := ""
			for _, part := range strings.Split(a, "/") {
				at += part
				fs.Mkdir(fs.Cwd, at, 0o777)
				at += "/"
			}
		}
		return 0
	},
	"rm": func(io *toolIO, args []string) int {
		fs := io.t.FS()
		for _, a := range args[1:] {
			fs.Unlink(fs.Cwd, a)
		}
		return 0
	},
	"ln": func(io *toolIO, args []string) int {
		fs := io.t.FS()
		if args[1] == "-s" {
			return int(truth(fs.Symlink(args[2], fs.Cwd, args[3]) != nil))
		}
		return 1
	},
	"mkfifo": func(io *toolIO, args []string) int {
		fs := io.t.FS()
		return int(truth(fs.Mknod(fs.Cwd, args[1], abi.S_IFIFO|0o666, 0) != nil))
	},
	"chmod": func(io *toolIO, args []string) int {
		fs := io.t.FS()
		mode, _ := strconv.ParseUint(args[1], 8, 32)
		if args[1] == "+x" {
			mode = 0o755
		}
		for _, a := range args[2:] {
			p, err := fs.Walk(fs.Cwd, a, true)
			if err != nil || fs.Chmod(p, uint32(mode)) != nil {
				return 1
			}
		}
		return 0
	},
	"die": func(io *toolIO, args []string) int { // die SIGNAL
		s, _ := abi.ParseSignal(args[1])
		io.t.Kill(io.t.Pid(), s)
		io.t.Pause()
		return 0
	},
	"spin": func(io *toolIO, _ []string) int {
		for io.t.Checkpoint() == nil {
		}
		return 0
	},
}

// sandbox is a kernel with a tmpfs root, the shell at /bin/sh and /bin/bash and the tools in /bin.
type sandbox struct {
	tb testing.TB
	k  *kernel.Kernel
	fs *vfs.Context
}

func newSandbox(tb testing.TB) *sandbox {
	tb.Helper()
	ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{}), 0)
	k := kernel.New(kernel.Config{Hostname: "box", NS: ns, Loaders: []kernel.Loader{Loader(), toolLoader{}}})
	s := &sandbox{tb: tb, k: k}
	s.fs = &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}
	for _, dir := range []string{"bin", "etc", "tmp", "dev", "root", "work"} {
		s.must(s.fs.Mkdir(ns.Root(), dir, 0o755))
	}
	for _, name := range []string{"sh", "bash", "ash"} {
		s.file("/bin/"+name, abi.ShellMagic, 0o755)
	}
	for name := range tools {
		s.file("/bin/"+name, helperMagic+name+"\n", 0o755)
	}
	s.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n", 0o644)
	s.must(s.fs.Mknod(ns.Root(), "dev/null", abi.S_IFCHR|0o666, kernel.DevNull))
	s.must(s.fs.Mknod(ns.Root(), "dev/tty", abi.S_IFCHR|0o666, kernel.DevTTY))
	s.must(s.fs.Mknod(ns.Root(), "dev/zero", abi.S_IFCHR|0o666, kernel.DevZero))
	tb.Cleanup(k.Close)
	return s
}

func (s *sandbox) must(err error) {
	if err != nil {
		s.tb.Helper()
		s.tb.Fatal(err)
	}
}

func (s *sandbox) file(name, text string, mode uint32) {
	s.tb.Helper()
	f, err := s.fs.Open(s.fs.Cwd, name, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, mode)
	s.must(err)
	_, err = f.Write([]byte(text))
	s.must(err)
	f.Release()
}

// buffer collects a program's output.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type result struct {
	stdout, stderr string
	status         int
}

// start starts a program with its output in buffers.
func (s *sandbox) start(stdin string, argv ...string) (*kernel.Task, *buffer, *buffer) {
	s.tb.Helper()
	in, w := kernel.NewInput()
	var out, errs buffer
	t, err := s.k.Start(&kernel.InitAttr{
		Path: argv[0], Argv: argv, Dir: "/work", Cred: &vfs.Cred{},
		Env:   []string{"PATH=/bin", "HOME=/root", "TMP=/tmp"},
		Files: []*vfs.OpenFile{in, kernel.WriterFile(&out, nil, nil), kernel.WriterFile(&errs, nil, nil)},
		Umask: 0o022,
	})
	s.must(err)
	go func() {
		io.WriteString(w, stdin)
		w.Close()
	}()
	return t, &out, &errs
}

// run runs a program to its end.
func (s *sandbox) run(stdin string, argv ...string) result {
	s.tb.Helper()
	t, out, errs := s.start(stdin, argv...)
	<-t.Done()
	return result{out.String(), errs.String(), t.Status().ShellCode()}
}

func (s *sandbox) sh(script string) result {
	s.tb.Helper()
	return s.run("", "sh", "-c", script)
}
