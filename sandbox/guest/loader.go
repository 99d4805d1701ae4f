package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/wasm"
)

// MaxModule bounds the size of a module's file, in bytes; a larger one is ENOEXEC.
const MaxModule = 256 << 20

// Loader is the kernel.Loader for WebAssembly modules: commands (_start) and reactors (_initialize and run). One serves
// all sandboxes. The host modules that programs import must have been instantiated on the engine's runtime.
type Loader struct {
	engine *wasm.Engine
	log    *slog.Logger
}

// NewLoader makes a loader; log may be nil.
func NewLoader(engine *wasm.Engine, log *slog.Logger) *Loader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Loader{engine, log}
}

// Load implements kernel.Loader. What the engine cannot compile or link is ENOEXEC; the log tells why.
func (l *Loader) Load(t *kernel.Task, exe *vfs.OpenFile, head []byte) (kernel.Program, error) {
	if !bytes.HasPrefix(head, []byte("\x00asm")) {
		return nil, nil
	}
	var m *wasm.Module
	var err error
	if id := identify(exe); id != nil {
		m, err = l.engine.LoadFile(t.Context(), id, func() ([]byte, error) { return readAll(t, exe) })
	} else if code, rerr := readAll(t, exe); rerr != nil {
		err = rerr
	} else {
		m, err = l.engine.Load(t.Context(), code)
	}
	var bad *wasm.ModuleError
	var errno abi.Errno
	switch {
	case err == nil:
		return &program{m, l.log}, nil
	case errors.As(err, &bad):
		name, _ := t.Kernel().Namespace().Name(exe.Path, t.Root())
		l.log.Info("cannot run WebAssembly module", "path", name, "reason", bad.Err)
		return nil, abi.ENOEXEC
	case errors.Is(err, context.Canceled):
		return nil, abi.EINTR
	case errors.As(err, &errno):
		return nil, errno
	}
	l.log.Error("cannot load WebAssembly module", "error", err)
	return nil, abi.EIO
}

type contentID string

type fileID struct {
	dev, ino     uint64
	size         int64
	mtime, ctime abi.Timespec
}

// settled is how old a file must be for its times to tell that it has not changed since: later changes within the
// granularity of a host's clock would not show.
const settled = 2 * time.Second

// identify returns what stands for a file's contents without reading it: the identity of the contents that files of
// image layers have, else inode and times; nil when these cannot be trusted yet.
func identify(exe *vfs.OpenFile) any {
	if f, ok := exe.File.(interface{ ContentID() (string, bool) }); ok {
		if id, ok := f.ContentID(); ok {
			return contentID(id)
		}
	}
	st, err := exe.Stat()
	if err != nil || time.Since(time.Unix(0, max(st.Ctim.Nanoseconds(), st.Mtim.Nanoseconds()))) < settled {
		return nil
	}
	return fileID{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
}

func readAll(t *kernel.Task, exe *vfs.OpenFile) ([]byte, error) {
	st, err := exe.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size > MaxModule {
		return nil, abi.ENOEXEC
	}
	code := make([]byte, st.Size)
	for n := 0; n < len(code); {
		if t.Dying() {
			return nil, abi.EINTR
		}
		c, err := exe.Pread(code[n:min(len(code), n+1<<20)], int64(n))
		if err != nil {
			return nil, err
		}
		if c == 0 {
			return code[:n], nil
		}
		n += c
	}
	return code, nil
}

type program struct {
	module *wasm.Module
	log    *slog.Logger
}

// Run implements kernel.Program.
func (p *program) Run(t *kernel.Task) int {
	code, err := p.module.Run(context.Background(), &Guest{Task: t})
	var trap *wasm.Trap
	switch {
	case err == nil:
		return int(code)
	case t.Dying(), errors.Is(err, errReplaced):
	case errors.Is(err, wasm.ErrMemoryLimit):
		t.OOM()
	case errors.As(err, &trap):
		t.Fault(signalOf(trap.Reason))
		report(t, trap)
	default:
		p.log.Error("WebAssembly program failed", "pid", t.Pid(), "comm", t.Image().Comm, "error", err)
		t.Fault(abi.SIGSEGV)
	}
	return 0
}

// signalOf returns the signal by which a native program with the same fault dies. abort(3) of wasi-libc and panics of
// languages that abort are "unreachable".
func signalOf(reason string) abi.Signal {
	switch reason {
	case "unreachable":
		return abi.SIGABRT
	case "integer divide by zero", "integer overflow", "invalid conversion to integer":
		return abi.SIGFPE
	case "unaligned atomic":
		return abi.SIGBUS
	case "indirect call type mismatch", "expected shared memory", "too many waiters":
		return abi.SIGILL
	}
	return abi.SIGSEGV // out of bounds memory access, invalid table access, stack overflow
}

// report writes the trap to the program's standard error, as WebAssembly runtimes do.
func report(t *kernel.Task, trap *wasm.Trap) {
	stderr, err := t.Files.Get(2)
	if err != nil {
		return
	}
	defer stderr.Release()
	text := fmt.Sprintf("%s: wasm trap: %s\n", t.Image().Comm, trap.Reason)
	for i, frame := range strings.Split(trap.Stack, "\n") {
		if i == 32 {
			text += "\t…\n"
			break
		}
		if frame != "" {
			text += "\tat " + frame + "\n"
		}
	}
	_, _ = t.TryWrite(stderr, []byte(text)) // what does not fit now is lost: nobody can wait for a dying task
}
