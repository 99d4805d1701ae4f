package kernel

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

// programs is a Loader for tests: a file whose text is "test:NAME" runs the function of that name.
type programs map[string]func(t *Task) int

func (p programs) Load(_ *Task, _ *vfs.OpenFile, head []byte) (Program, error) {
	name, ok := strings.CutPrefix(string(head), "test:")
	if !ok {
		return nil, nil
	}
	return ProgramFunc(p[name]), nil
}

// boot makes a kernel on a tmpfs that has an executable in / for each program.
func boot(t *testing.T, p programs) *Kernel {
	t.Helper()
	ns := vfs.NewNamespace(tmpfs.New(tmpfs.Options{Mode: 0o755}), 0)
	k := New(Config{Hostname: "test", NS: ns, Loaders: []Loader{p}})
	t.Cleanup(k.Close)
	for name := range p {
		writeFile(t, k, "/"+name, "test:"+name, 0o755)
	}
	return k
}

func rootContext(k *Kernel) *vfs.Context {
	return &vfs.Context{NS: k.ns, Root: k.ns.Root(), Cwd: k.ns.Root(), Cred: &vfs.Cred{}}
}

func writeFile(t *testing.T, k *Kernel, path, text string, mode uint32) {
	t.Helper()
	ctx := rootContext(k)
	o, err := ctx.Open(ctx.Root, path, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, mode)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	if _, err := o.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// start starts a program as root with standard output on a buffer.
func start(t *testing.T, k *Kernel, path string, argv ...string) *Task {
	t.Helper()
	task, err := k.Start(&InitAttr{Path: path, Argv: append([]string{path}, argv...), Env: []string{"PATH=/"}, Cred: &vfs.Cred{}, Umask: 0o022})
	if err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return task
}

// status waits for a task's end.
func status(t *testing.T, task *Task) abi.WaitStatus {
	t.Helper()
	select {
	case <-task.Done():
		return task.Status()
	case <-time.After(20 * time.Second):
		t.Fatalf("task %d (%s) does not end", task.Pid(), task.Image().Comm)
		return 0
	}
}

// spin computes until it is killed, as a guest in a loop.
func spin(t *Task) int {
	for t.Yield() == nil {
	}
	return 0
}

// sleepLong sleeps until it is killed.
func sleepLong(t *Task) int {
	for !t.Dying() {
		if _, err := t.Sleep(time.Hour); err != nil && t.NextSignal() != 0 {
			return 7
		}
	}
	return 0
}

// recorder collects what is written from many tasks.
type recorder struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

func TestATaskTellsItsExitCodeAndLeavesTheTable(t *testing.T) {
	t.Parallel()
	k := boot(t, programs{"init": func(*Task) int { return 3 }})
	if got := status(t, start(t, k, "/init")); got != abi.Exited(3) {
		t.Errorf("status = %#x", uint32(got))
	}
	if list := k.Tasks(); len(list) != 0 {
		t.Errorf("%d tasks are left", len(list))
	}
}

func TestStartTellsWhatIsWrongWithAProgram(t *testing.T) {
	t.Parallel()
	k := boot(t, programs{"ok": func(*Task) int { return 0 }})
	writeFile(t, k, "/plain", "test:ok", 0o644)
	writeFile(t, k, "/strange", "\x7fELF", 0o755)
	writeFile(t, k, "/loop", "#!/loop\n", 0o755)
	writeFile(t, k, "/orphan", "#!/nowhere\n", 0o755)
	for _, c := range []struct {
		path, dir string
		want      error
	}{
		{"/nowhere", "", abi.ENOENT}, {"nowhere", "", abi.ENOENT}, {"/plain", "", abi.EACCES}, {"/", "", abi.EACCES},
		{"/strange", "", abi.ENOEXEC}, {"/loop", "", abi.ELOOP}, {"/orphan", "", abi.ENOENT}, {"/ok/x", "", abi.ENOTDIR},
		{"/ok", "/nowhere", abi.ENOENT}, {"/ok", "/plain", abi.ENOTDIR},
	} {
		_, err := k.Start(&InitAttr{Path: c.path, Argv: []string{c.path}, Env: []string{"PATH=/:/bin"}, Dir: c.dir, Cred: &vfs.Cred{}})
		if se, ok := err.(*StartError); !ok || se.Err != c.want {
			t.Errorf("start of %q in %q = %v, want %v", c.path, c.dir, err, c.want)
		}
	}
	if got := status(t, start(t, k, "ok")); got != 0 {
		t.Errorf("a name found in PATH: status %#x", uint32(got))
	}
}

func TestAScriptRunsItsInterpreterWithOneArgument(t *testing.T) {
	t.Parallel()
	var argv []string
	k := boot(t, programs{"interp": func(t *Task) int { argv = t.Image().Argv; return 0 }})
	writeFile(t, k, "/script", "#! /interp  -a b \nrest\n", 0o755)
	status(t, start(t, k, "/script", "x", "y"))
	if got := strings.Join(argv, "|"); got != "/interp|-a b|/script|x|y" {
		t.Errorf("argv = %s", got)
	}
}

func TestAPanicInAProgramEndsItsTaskOnly(t *testing.T) {
	t.Parallel()
	k := boot(t, programs{"bad": func(*Task) int { panic("defect") }, "good": func(*Task) int { return 0 }})
	if got := status(t, start(t, k, "/bad")); got != abi.Signaled(abi.SIGSEGV) {
		t.Errorf("status = %#x", uint32(got))
	}
	if got := status(t, start(t, k, "/good")); got != 0 {
		t.Errorf("status of the next = %#x", uint32(got))
	}
}

func TestTheLimitOfTasksIsEAGAIN(t *testing.T) {
	t.Parallel()
	var errs []error
	k := boot(t, programs{"child": sleepLong, "init": func(t *Task) int {
		for range 4 {
			_, err := t.Spawn("/child", &SpawnAttr{Argv: []string{"child"}})
			errs = append(errs, err)
		}
		return 0
	}})
	k.SetLimits(Limits{Pids: 3})
	status(t, start(t, k, "/init"))
	if len(errs) != 4 || errs[1] != nil || errs[2] != abi.EAGAIN || errs[3] != abi.EAGAIN {
		t.Errorf("errors = %v", errs)
	}
}

func TestMemoryOverTheLimitIsRefusedAndGivenBackAtTheEnd(t *testing.T) {
	t.Parallel()
	var got []bool
	k := boot(t, programs{"init": func(t *Task) int {
		got = append(got, t.Reserve(600), t.Reserve(600), t.Reserve(400), t.Reserve(-400), t.Reserve(400))
		return 0
	}})
	k.SetLimits(Limits{Memory: 1000})
	status(t, start(t, k, "/init"))
	if want := []bool{true, false, true, true, true}; !equal(got, want) {
		t.Errorf("reservations = %v, want %v", got, want)
	}
	if u := k.Usage(); u.Memory != 0 || u.MaxMemory != 1000 {
		t.Errorf("usage = %+v", u)
	}
}

func equal[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
