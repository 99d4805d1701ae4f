package container

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	types "github.com/moby/moby/api/types/container"
	eventtypes "github.com/moby/moby/api/types/events"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/containerd/errdefs"
	"github.com/sockerless/sockerless/daemon/events"
	"github.com/sockerless/sockerless/daemon/image"
	"github.com/sockerless/sockerless/daemon/store"
	"github.com/sockerless/sockerless/daemon/volume"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// fakeRuntime runs "programs" that are Go functions.
type fakeRuntime struct {
	programs map[string]program

	mu      sync.Mutex
	open    int // sandboxes
	removed []string
	last    *sandbox.Config
}

// program returns its exit code, or ends by calling proc.die.
type program func(p *fakeProc) int

func (r *fakeRuntime) Open(cfg *sandbox.Config) (Sandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	r.last = cfg
	return &fakeSandbox{r: r, cfg: cfg, files: map[string]string{}}, nil
}

func (r *fakeRuntime) Remove(upper string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed = append(r.removed, upper)
	return nil
}

func (r *fakeRuntime) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

type fakeSandbox struct {
	r   *fakeRuntime
	cfg *sandbox.Config

	mu     sync.Mutex
	procs  []*fakeProc
	paused bool
	limits sandbox.Limits
	files  map[string]string
}

func (b *fakeSandbox) Start(cfg *sandbox.ProcessConfig) (Process, error) {
	if cfg.User == "nobody" {
		return nil, fmt.Errorf("starting: %w", fmt.Errorf("unable to find user nobody: no matching entries in passwd file: %w", sandbox.ErrNoUser))
	}
	if cfg.Dir == "/etc/passwd" {
		return nil, &kernel.StartError{Op: "mkdir", Path: cfg.Dir, Err: abi.ENOTDIR}
	}
	name := cfg.Argv[0]
	run := b.r.programs[name]
	if run == nil {
		err := error(abi.ENOENT)
		if name == "/etc" {
			err = abi.EACCES
		}
		return nil, &kernel.StartError{Op: "exec", Path: name, Err: err}
	}
	p := &fakeProc{box: b, cfg: cfg, done: make(chan struct{}), signals: make(chan abi.Signal, 16), killed: make(chan struct{}), room: make(chan struct{}, 1)}
	for _, s := range []sandbox.Sink{cfg.Stdout, cfg.Stderr} {
		if s != nil {
			s.OnRoom(func() {
				select {
				case p.room <- struct{}{}:
				default:
				}
			})
		}
	}
	if cfg.Stdin {
		p.in, p.inw = io.Pipe()
	}
	b.mu.Lock()
	p.pid = len(b.procs) + 1
	b.procs = append(b.procs, p)
	b.mu.Unlock()
	go func() {
		code := run(p)
		if p.in != nil {
			p.in.CloseWithError(io.ErrClosedPipe)
		}
		p.status = abi.Exited(code)
		select {
		case <-p.killed:
			p.status = abi.Signaled(abi.SIGKILL)
		default:
			if p.fatal != 0 {
				p.status = abi.Signaled(p.fatal)
			}
		}
		close(p.done)
	}()
	return p, nil
}

func (b *fakeSandbox) Pause()  { b.mu.Lock(); b.paused = true; b.mu.Unlock() }
func (b *fakeSandbox) Resume() { b.mu.Lock(); b.paused = false; b.mu.Unlock() }
func (b *fakeSandbox) Signal(s abi.Signal) error {
	b.procs[0].Signal(s)
	return nil
}
func (b *fakeSandbox) Tasks() []sandbox.TaskInfo {
	return []sandbox.TaskInfo{{Pid: 1, User: "root", State: 'S', StartUnix: time.Now().Unix(), TTY: "?", Command: "sleep 100", CPUNanos: 61e9}}
}
func (b *fakeSandbox) Usage() sandbox.Usage {
	return sandbox.Usage{CPU: time.Second, Memory: 4096, Tasks: 1}
}
func (b *fakeSandbox) SetLimits(l sandbox.Limits) { b.mu.Lock(); b.limits = l; b.mu.Unlock() }
func (b *fakeSandbox) Stat(p string) (sandbox.PathStat, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p == "/" || p == "/dir" {
		return sandbox.PathStat{Name: path.Base(p), Mode: fs.ModeDir | 0o755}, nil
	}
	data, ok := b.files[p]
	if !ok {
		return sandbox.PathStat{}, abi.ENOENT
	}
	return sandbox.PathStat{Name: path.Base(p), Size: int64(len(data)), Mode: 0o644}, nil
}
func (b *fakeSandbox) ReadArchive(_ context.Context, p, as string, w io.Writer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	tw := tar.NewWriter(w)
	tw.WriteHeader(&tar.Header{Name: as, Mode: 0o644, Size: int64(len(b.files[p]))})
	io.WriteString(tw, b.files[p])
	return tw.Close()
}
func (b *fakeSandbox) Export(ctx context.Context, w io.Writer) error {
	return b.ReadArchive(ctx, "/", ".", w)
}
func (b *fakeSandbox) WriteLayer(ctx context.Context, w io.Writer) error {
	return b.ReadArchive(ctx, "/", ".", w)
}
func (b *fakeSandbox) WriteArchive(_ context.Context, dir string, r io.Reader, _ sandbox.WriteOptions) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.files[path.Join(dir, h.Name)] = string(data)
		b.mu.Unlock()
	}
}
func (b *fakeSandbox) Changes() ([]sandbox.Change, error) {
	return []sandbox.Change{{Path: "/a", Kind: sandbox.Added}}, nil
}
func (b *fakeSandbox) DiskUsage() (int64, int64) { return 10, 100 }
func (b *fakeSandbox) Close() error {
	b.mu.Lock()
	procs := b.procs
	b.mu.Unlock()
	for _, p := range procs {
		p.kill()
		<-p.done
	}
	b.r.mu.Lock()
	b.r.open--
	b.r.mu.Unlock()
	return nil
}

type fakeProc struct {
	box     *fakeSandbox
	cfg     *sandbox.ProcessConfig
	pid     int
	in      *io.PipeReader
	inw     *io.PipeWriter
	done    chan struct{}
	signals chan abi.Signal
	killed  chan struct{}
	once    sync.Once
	room    chan struct{}
	status  abi.WaitStatus
	fatal   abi.Signal
	oom     bool

	mu   sync.Mutex
	size abi.Winsize
}

func (p *fakeProc) Pid() int               { return p.pid }
func (p *fakeProc) Done() <-chan struct{}  { return p.done }
func (p *fakeProc) Status() abi.WaitStatus { return p.status }
func (p *fakeProc) OOMKilled() bool        { return p.oom }
func (p *fakeProc) Stdin() kernel.Input {
	if p.inw == nil {
		return nil
	}
	return fakeInput{p.inw}
}

// fakeInput is a pipe as a program's input.
type fakeInput struct{ *io.PipeWriter }

// WriteUntil gives up when cancel is closed, and closes the pipe then.
func (in fakeInput) WriteUntil(p []byte, cancel <-chan struct{}) (int, error) {
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-cancel:
			in.CloseWithError(context.Canceled)
		case <-done:
		}
	}()
	return in.Write(p)
}
func (p *fakeProc) Resize(w abi.Winsize) { p.mu.Lock(); p.size = w; p.mu.Unlock() }
func (p *fakeProc) Signal(s abi.Signal) {
	if s == abi.SIGKILL {
		p.kill()
		return
	}
	select {
	case p.signals <- s:
	default:
	}
}
func (p *fakeProc) kill() {
	p.once.Do(func() {
		close(p.killed)
		if p.in != nil {
			p.in.CloseWithError(io.ErrClosedPipe)
		}
	})
}

// print writes to stdout, or stderr, and waits for room.
func (p *fakeProc) print(to sandbox.Sink, s string) {
	for {
		_, err := to.Write([]byte(s))
		if err == nil {
			return
		}
		select {
		case <-p.room:
		case <-p.killed:
			return
		}
	}
}

// wait returns the signal that came; SIGKILL when it was killed.
func (p *fakeProc) wait() abi.Signal {
	select {
	case s := <-p.signals:
		return s
	case <-p.killed:
		return abi.SIGKILL
	}
}

// programs that the tests run.
func programs() map[string]program {
	return map[string]program{
		"true":  func(*fakeProc) int { return 0 },
		"false": func(*fakeProc) int { return 1 },
		"echo": func(p *fakeProc) int {
			p.print(p.cfg.Stdout, strings.Join(p.cfg.Argv[1:], " ")+"\n")
			return 0
		},
		"both": func(p *fakeProc) int {
			p.print(p.cfg.Stdout, "out\n")
			p.print(p.cfg.Stderr, "err\n")
			return 0
		},
		"sleep": func(p *fakeProc) int { p.fatal = p.wait(); return 0 },
		"stubborn": func(p *fakeProc) int {
			for p.wait() != abi.SIGKILL {
			}
			return 0
		},
		"cat": func(p *fakeProc) int {
			buf := make([]byte, 1024)
			for {
				n, err := p.in.Read(buf)
				if n > 0 {
					p.print(p.cfg.Stdout, string(buf[:n]))
				}
				if err != nil {
					return 0
				}
			}
		},
		"flood": func(p *fakeProc) int {
			line := strings.Repeat("x", 1023) + "\n"
			for {
				select {
				case <-p.killed:
					return 0
				default:
					p.print(p.cfg.Stdout, line)
				}
			}
		},
		"oom": func(p *fakeProc) int { p.oom = true; p.kill(); return 0 },
	}
}

// fakeImages has one image, "test:latest".
type fakeImages struct{ img *image.Image }

func (f fakeImages) Get(ref string) (*image.Image, error) {
	if ref != "test" && ref != "test:latest" && ref != f.img.ID.String() {
		return nil, errdefs.ErrNotFound.WithMessage("No such image: " + ref)
	}
	return f.img, nil
}

func (f fakeImages) ByID(id digest.Digest) (*image.Image, bool) { return f.img, id == f.img.ID }
func (fakeImages) Create(context.Context, image.Description, reference.Named) (digest.Digest, error) {
	return "", errdefs.ErrNotImplemented
}
func (fakeImages) Collect(context.Context) error { return nil }

// world is a manager with what it needs.
type world struct {
	*Manager
	t       testing.TB
	root    string
	store   *store.Store
	bus     *events.Bus
	rt      *fakeRuntime
	volumes *volume.Service
	image   *image.Image
	shut    bool

	patience time.Duration // of close
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, root: t.TempDir(), rt: &fakeRuntime{programs: programs()}}
	w.image = &image.Image{ID: digest.FromString("test"), Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}
	w.image.Config = dockerspec.DockerOCIImageConfig{}
	w.image.Config.Cmd = []string{"true"}
	w.image.Config.Env = []string{"PATH=/bin", "FROM=image"}
	w.image.Config.Labels = map[string]string{"from": "image"}
	w.openAgain()
	t.Cleanup(w.close)
	return w
}

func (w *world) openAgain() {
	w.t.Helper()
	st, err := store.Open(w.root)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.bus, w.shut = st, &events.Bus{}, false
	emit := func(a eventtypes.Action, id string, attrs map[string]string) {
		w.bus.Publish(eventtypes.VolumeEventType, a, id, attrs)
	}
	if w.volumes, err = volume.Open(w.root+"/volumes", st, nil, emit); err != nil {
		w.t.Fatal(err)
	}
	w.Manager, err = New(Deps{
		Root: w.root, Store: st, Images: fakeImages{w.image}, Volumes: w.volumes, Events: w.bus, Runtime: w.rt, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.shut {
		return
	}
	w.shut = true
	if err := w.Shutdown(context.Background(), w.patience); err != nil {
		w.t.Error(err)
	}
	if n := w.rt.opened(); n != 0 {
		w.t.Errorf("%d sandboxes are still open", n)
	}
	w.store.Close()
}

// create makes a container that runs argv; change may be nil.
func (w *world) create(name string, change func(*types.Config, *types.HostConfig), argv ...string) string {
	w.t.Helper()
	c, h := &types.Config{Image: "test", Cmd: argv}, &types.HostConfig{}
	if change != nil {
		change(c, h)
	}
	r, err := w.Create(w.t.Context(), name, &types.CreateRequest{Config: c, HostConfig: h}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.ID
}

func (w *world) run(name string, change func(*types.Config, *types.HostConfig), argv ...string) string {
	w.t.Helper()
	id := w.create(name, change, argv...)
	if err := w.Start(w.t.Context(), id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// exitCode waits for a container's end.
func (w *world) exitCode(id string, condition types.WaitCondition) int64 {
	w.t.Helper()
	ch, err := w.Wait(w.t.Context(), id, condition)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer(w.t, ch).StatusCode
}

func answer(t testing.TB, ch <-chan types.WaitResponse) types.WaitResponse {
	t.Helper()
	select {
	case r := <-ch:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came to an end")
		return types.WaitResponse{}
	}
}

func (w *world) state(id string) *types.State {
	w.t.Helper()
	r, err := w.Inspect(w.t.Context(), id, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.State
}

// logged is everything a container has logged.
func (w *world) logged(id string, opts LogsOptions) string {
	w.t.Helper()
	r, err := w.Logs(w.t.Context(), id, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	var b strings.Builder
	for {
		e, err := r.Next(w.t.Context())
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			w.t.Fatal(err)
		}
		b.Write(e.Line)
	}
}

// past are the events so far, as "type action".
func (w *world) past(kind eventtypes.Type, id string) []string {
	w.t.Helper()
	f := events.NewFilter(map[string][]string{"type": {string(kind)}})
	var list []string
	err := w.bus.Stream(w.t.Context(), time.Unix(1, 0), time.Now(), f, nil, func(m eventtypes.Message) error {
		if id == "" || m.Actor.ID == id {
			list = append(list, string(m.Action))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// safeBuffer can be written and read at once.
type safeBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return len(p), nil
}

// waitFor waits until s has been written.
func (b *safeBuffer) waitFor(t *testing.T, s string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		b.mu.Lock()
		have := b.buf.String()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if strings.Contains(have, s) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("have %q, want %q in it", have, s)
		}
	}
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
