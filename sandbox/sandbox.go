package sandbox

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
	"github.com/sockerless/sockerless/sandbox/vfs/overlay"
)

// Sandbox is one container: a root filesystem and, while something runs, a kernel.
type Sandbox struct {
	rt   *Runtime
	cfg  Config
	root *overlay.FS
	// temporary is the directory of a writable layer that ends with the sandbox, "" for one that is kept.
	temporary string

	mu     sync.Mutex
	live   *instance // the mounts and the kernel; nil when nobody uses them
	closed bool
}

// instance is the mounts of a sandbox with a kernel on them. It is made for the first user (a process, a look at a
// file) and ends with the last: tmpfs and processes don't outlive it.
type instance struct {
	ns     *vfs.Namespace
	kernel *kernel.Kernel
	undo   []func() // closes what mounts opened
	users  int
	init   *Process // pid 1
}

// Open opens a sandbox's root filesystem; nothing runs yet.
func (rt *Runtime) Open(cfg *Config) (*Sandbox, error) {
	s := &Sandbox{rt: rt, cfg: *cfg}
	if cfg.Upper == "" {
		dir, err := os.MkdirTemp("", "sandbox-")
		if err != nil {
			return nil, fmt.Errorf("making a writable layer: %w", err)
		}
		s.temporary = dir
		s.cfg.Upper, s.cfg.Volatile = dir, true
	}
	root, err := rt.openRoot(cfg.Layers, s.cfg.Upper, overlay.Options{SizeLimit: cfg.SizeLimit, Volatile: s.cfg.Volatile})
	if err != nil {
		s.removeTemporary()
		return nil, err
	}
	s.root = root
	return s, nil
}

// openRoot opens layers, and the writable one above them.
func (rt *Runtime) openRoot(paths []string, upper string, opts overlay.Options) (*overlay.FS, error) {
	var layers []*layer.Layer
	defer func() { // the overlay has its own reference to each
		for _, l := range layers {
			l.Close()
		}
	}()
	for _, path := range paths {
		l, err := rt.layers.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening image layer: %w", err)
		}
		layers = append(layers, l)
	}
	root, err := overlay.Open(layers, upper, opts)
	if err != nil {
		return nil, fmt.Errorf("opening root filesystem: %w", err)
	}
	return root, nil
}

// use returns the instance, made when there is none, with a user more.
func (s *Sandbox) use() (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.live == nil {
		in, err := s.mount()
		if err != nil {
			return nil, err
		}
		s.live = in
	}
	s.live.users++
	return s.live, nil
}

// drop takes a user away; after the last one the instance ends.
func (s *Sandbox) drop(in *instance) {
	s.mu.Lock()
	in.users--
	last := in.users == 0
	if last && s.live == in {
		s.live = nil
	}
	s.mu.Unlock()
	if last {
		in.end()
	}
}

func (in *instance) end() {
	in.kernel.Close()
	for i := len(in.undo) - 1; i >= 0; i-- {
		in.undo[i]()
	}
}

// running returns the kernel if a first process runs.
func (s *Sandbox) running() *kernel.Kernel {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil || s.live.init == nil {
		return nil
	}
	return s.live.kernel
}

// Pause stops all processes where they are, until Resume.
func (s *Sandbox) Pause() {
	if k := s.running(); k != nil {
		k.Freeze()
	}
}

// Resume lets them go on.
func (s *Sandbox) Resume() {
	if k := s.running(); k != nil {
		k.Thaw()
	}
}

// Signal sends a signal to the first process: ESRCH when it has ended.
func (s *Sandbox) Signal(sig abi.Signal) error {
	k := s.running()
	if k == nil {
		return abi.ESRCH
	}
	t := k.Task(1)
	if t == nil {
		return abi.ESRCH
	}
	t.Signal(sig)
	return nil
}

// Usage tells what the running processes use.
func (s *Sandbox) Usage() Usage {
	if k := s.running(); k != nil {
		return k.Usage()
	}
	return Usage{}
}

// SetLimits changes the limits, of running processes too.
func (s *Sandbox) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Limits = l
	if s.live != nil {
		s.live.kernel.SetLimits(kernel.Limits(l))
	}
}

// DiskUsage returns the bytes that the writable layer takes, and those of the whole root filesystem's files.
func (s *Sandbox) DiskUsage() (rw, root int64) {
	rw, _ = s.root.UpperUsage()
	root = rw
	for _, path := range s.cfg.Layers {
		if st, err := os.Stat(path); err == nil {
			root += st.Size()
		}
	}
	return rw, root
}

// Close kills the processes, waits for them to end and closes the root filesystem.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	in := s.live
	var init *Process
	if in != nil {
		in.users++
		init = in.init
	}
	s.mu.Unlock()
	if in != nil {
		in.kernel.Close()
		if init != nil {
			<-init.done
		}
		s.drop(in)
	}
	return errors.Join(s.root.Close(), s.removeTemporary())
}

func (s *Sandbox) removeTemporary() error {
	if s.temporary == "" {
		return nil
	}
	return overlay.Remove(s.temporary)
}

// errno returns the errno in an error of the filesystem.
func errno(err error) (abi.Errno, bool) {
	var e abi.Errno
	ok := errors.As(err, &e)
	return e, ok
}
