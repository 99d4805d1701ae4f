// Package guesttest runs WebAssembly programs in small sandboxes, for the tests of the packages that offer them their
// system interfaces.
package guesttest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/linux"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
	"github.com/sockerless/sockerless/sandbox/wasi"
	"github.com/sockerless/sockerless/sandbox/wasm"
)

// loader is one for all tests of a process: what is compiled once need not be again.
var loader = sync.OnceValues(func() (*guest.Loader, error) { return NewLoader() })

// Host adds a host module to a runtime.
type Host func(context.Context, wazero.Runtime) error

// NewLoader makes a loader with an engine of its own, whose programs may also import these modules.
func NewLoader(more ...Host) (*guest.Loader, error) {
	ctx := context.Background()
	e, err := wasm.New(ctx, wasm.Config{InitGuest: guest.Init()})
	if err != nil {
		return nil, err
	}
	for _, instantiate := range append([]Host{wasi.Instantiate, linux.Instantiate}, more...) {
		if err := instantiate(ctx, e.Runtime()); err != nil {
			return nil, err
		}
	}
	return guest.NewLoader(e, nil), nil
}

// Box is a sandbox with an empty tmpfs as its root.
type Box struct {
	t      testing.TB
	Kernel *kernel.Kernel
	Root   *vfs.Context // for root's work on the files

	functions functions
}

// New makes a sandbox, with /dev/null and /tmp, that ends with the test.
func New(t testing.TB, limits kernel.Limits) *Box {
	t.Helper()
	return NewWith(t, limits, defaultLoader(t))
}

func defaultLoader(t testing.TB) *guest.Loader {
	t.Helper()
	l, err := loader()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// NewPair makes two sandboxes that have a directory of the host at /mnt in common, as a volume.
func NewPair(t testing.TB) (dir string, boxes [2]*Box) {
	t.Helper()
	dir = t.TempDir()
	shared := new(kernel.Shared)
	for i := range boxes {
		b := newBox(t, kernel.Limits{}, defaultLoader(t), shared)
		b.check(b.Root.Mkdir(b.Root.Cwd, "/mnt", 0o755))
		fs, err := hostfs.Open(dir, hostfs.Options{})
		b.check(err)
		t.Cleanup(func() { fs.Close() })
		at, err := b.Root.Walk(b.Root.Cwd, "/mnt", true)
		b.check(err)
		_, err = b.Kernel.Namespace().Mount(fs.Filesystem().Root(), at, 0)
		b.check(err)
		boxes[i] = b
	}
	return dir, boxes
}

// NewWith is New with a loader of the caller's, as NewLoader makes it.
func NewWith(t testing.TB, limits kernel.Limits, l *guest.Loader) *Box {
	t.Helper()
	return newBox(t, limits, l, nil)
}

func newBox(t testing.TB, limits kernel.Limits, l *guest.Loader, shared *kernel.Shared) *Box {
	t.Helper()
	ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{Mode: 0o755}), 0)
	b := &Box{t: t, Root: &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: &vfs.Cred{}}}
	b.Kernel = kernel.New(kernel.Config{Hostname: "box", NS: ns, Loaders: []kernel.Loader{l, &b.functions}, Limits: limits, Shared: shared})
	t.Cleanup(b.Kernel.Close)
	for dir, mode := range map[string]uint32{"/bin": 0o755, "/dev": 0o755, "/tmp": abi.S_ISVTX | 0o777} {
		b.check(b.Root.Mkdir(b.Root.Cwd, dir, mode))
	}
	b.check(b.Root.Mknod(b.Root.Cwd, "/dev/null", abi.S_IFCHR|0o666, kernel.DevNull))
	return b
}

func (b *Box) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// Write makes a file.
func (b *Box) Write(path string, mode uint32, data []byte) {
	b.t.Helper()
	o, err := b.Root.Open(b.Root.Cwd, path, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, mode)
	b.check(err)
	defer o.Release()
	_, err = o.Write(data)
	b.check(err)
}

// Read reads a file.
func (b *Box) Read(path string) string {
	b.t.Helper()
	o, err := b.Root.Open(b.Root.Cwd, path, abi.O_RDONLY, 0)
	b.check(err)
	defer o.Release()
	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := o.Read(buf)
		b.check(err)
		if n == 0 {
			return string(out)
		}
		out = append(out, buf[:n]...)
	}
}

// Image mounts a file whose contents have an identity, as those of an image's layers do.
func (b *Box) Image(path string, data []byte) {
	b.t.Helper()
	b.Write(path, 0o755, nil)
	at, err := b.Root.Walk(b.Root.Cwd, path, true)
	b.check(err)
	fs := vfs.NewFilesystem("image", "image", newImageFile(data), false)
	_, err = b.Kernel.Namespace().Mount(fs.Root(), at, vfs.ReadOnly)
	b.check(err)
}

// Process is a program that was started.
type Process struct {
	*kernel.Task
	t              testing.TB
	Stdout, Stderr *Buffer
	Stdin          *kernel.PipeInput
}

// Options say how to start a program, besides its arguments.
type Options struct {
	Env   []string
	Dir   string
	Stdin string
	Open  bool // leave the standard input open
	Cred  *vfs.Cred
}

// Start starts a program.
func (b *Box) Start(opt Options, argv ...string) *Process {
	b.t.Helper()
	p := &Process{t: b.t, Stdout: new(Buffer), Stderr: new(Buffer)}
	stdin, in := kernel.NewInput()
	p.Stdin = in
	if opt.Cred == nil {
		opt.Cred = &vfs.Cred{}
	}
	if opt.Env == nil {
		opt.Env = []string{"PATH=/bin", "HOME=/"}
	}
	task, err := b.Kernel.Start(&kernel.InitAttr{
		Path: argv[0], Argv: argv, Env: opt.Env, Dir: opt.Dir, Cred: opt.Cred, Umask: 0o022,
		Files: []*vfs.OpenFile{stdin, kernel.WriterFile(p.Stdout, nil, nil), kernel.WriterFile(p.Stderr, nil, nil)},
	})
	if err != nil {
		in.Close()
		b.t.Fatal(err)
	}
	p.Task = task
	if !opt.Open {
		go func() {
			in.Write([]byte(opt.Stdin))
			in.Close()
		}()
	}
	return p
}

// Wait waits for the program's end, at most a minute.
func (p *Process) Wait() abi.WaitStatus {
	p.t.Helper()
	return p.WaitFor(time.Minute)
}

// WaitFor is Wait for a program that may run longer.
func (p *Process) WaitFor(most time.Duration) abi.WaitStatus {
	p.t.Helper()
	select {
	case <-p.Done():
	case <-time.After(most):
		p.t.Fatalf("%q does not end; stdout %q, stderr %q", p.Image().Argv, p.Stdout, p.Stderr)
	}
	return p.Status()
}

// Run runs a program to its end and returns its output.
func (b *Box) Run(opt Options, argv ...string) (stdout, stderr string, status abi.WaitStatus) {
	b.t.Helper()
	p := b.Start(opt, argv...)
	status = p.Wait()
	return p.Stdout.String(), p.Stderr.String(), status
}

// Buffer is a bytes.Buffer that may be read while it is written.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Built programs by their source, and the directory that holds them.
var built struct {
	sync.Mutex
	files map[string][]byte
}

// GoProgram builds the Go program in a directory for wasip1; further arguments are go build's.
func GoProgram(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	return build(t, dir, func(out string) *exec.Cmd {
		cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-buildvcs=false"}, args...), "-o", out, dir)...)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "CGO_ENABLED=0")
		return cmd
	})
}

// CProgram builds a C file with clang and wasi-libc, or skips the test where these are not installed.
func CProgram(t testing.TB, file string) []byte {
	t.Helper()
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("clang is not on PATH: programs of wasi-libc are not tested")
	}
	if _, err := os.Stat("/usr/include/wasm32-wasi"); err != nil {
		t.Skip("wasi-libc is not installed: its programs are not tested")
	}
	return build(t, file, func(out string) *exec.Cmd {
		return exec.Command("clang", "--target=wasm32-wasi", "--sysroot=/usr", "-O1", "-o", out, file)
	})
}

func build(t testing.TB, name string, command func(out string) *exec.Cmd) []byte {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if code, ok := built.files[name]; ok {
		return code
	}
	out := filepath.Join(t.TempDir(), "program.wasm")
	if text, err := command(out).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, text)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if built.files == nil {
		built.files = make(map[string][]byte)
	}
	built.files[name] = code
	return code
}

// GoTest builds the tests of a package of the Go standard library for wasip1.
func GoTest(t testing.TB, pkg string) []byte {
	t.Helper()
	return build(t, pkg, func(out string) *exec.Cmd {
		cmd := exec.Command("go", "test", "-c", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "CGO_ENABLED=0")
		return cmd
	})
}
