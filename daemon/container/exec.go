package container

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/term"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
)

// execKept is how long an exec that has ended can be inspected.
const execKept = 5 * time.Minute

// exec is a further program in a container. container.mu guards what follows config.
type exec struct {
	id      string
	c       *container
	config  types.ExecCreateRequest
	keys    []byte
	streams *streams

	started  bool
	running  bool
	proc     Process
	pid      int // also when it has ended
	exitCode *int
	ended    time.Time
	tried    chan struct{} // closed when it has been started, or could not be
	done     chan struct{} // closed when it has ended
}

func noSuchExec(id string) error { return notFound("No such exec instance: %s", id) }

// command is the program with its arguments, as dockerd's events show it: with a blank even if there are none.
func (e *exec) command() string { return e.config.Cmd[0] + " " + strings.Join(e.config.Cmd[1:], " ") }

// ExecCreate prepares a program to run in a running container and returns its ID.
func (m *Manager) ExecCreate(_ context.Context, ref string, req *types.ExecCreateRequest) (string, error) {
	c, err := m.get(ref)
	if err != nil {
		return "", err
	}
	if len(req.Cmd) == 0 {
		return "", invalid("No exec command specified")
	}
	c.mu.Lock()
	err = c.mayExec(ref)
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	keys, err := detachKeys(req.DetachKeys)
	if err != nil {
		return "", invalid("Invalid escape keys (%s) provided", req.DetachKeys)
	}
	e := m.newExec(c, *req, keys)
	c.mu.Lock()
	err = c.mayExec(ref)
	var old []string
	if err == nil {
		for id, x := range c.execs {
			if !x.ended.IsZero() && time.Since(x.ended) > execKept {
				delete(c.execs, id)
				old = append(old, id)
			}
		}
		if c.execs == nil {
			c.execs = map[string]*exec{}
		}
		c.execs[e.id] = e
	}
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	m.execs[e.id] = e
	for _, id := range old {
		delete(m.execs, id)
	}
	m.mu.Unlock()
	m.emit(c, events.ActionExecCreate+": "+events.Action(e.command()), "execID", e.id)
	return e.id, nil
}

func (m *Manager) newExec(c *container, req types.ExecCreateRequest, keys []byte) *exec {
	req.Cmd, req.Env = slices.Clone(req.Cmd), slices.Clone(req.Env)
	return &exec{id: newID(), c: c, config: req, keys: keys, streams: newStreams(nil, m.log), tried: make(chan struct{}), done: make(chan struct{})}
}

// mayExec tells why nothing can be started in the container; c.mu is held.
func (c *container) mayExec(ref string) error {
	switch s := &c.state; {
	case s.Restarting:
		return conflict("Container %s is restarting, wait until the container is running", ref)
	case !s.Running:
		return notRunning(c.id)
	case s.Paused:
		return conflict("Container %s is paused, unpause the container before exec", ref)
	}
	return nil
}

// openExecs are the IDs of the execs that have not ended, sorted; c.mu is held. The others can only be inspected.
func (c *container) openExecs() []string {
	var ids []string
	for id, e := range c.execs {
		if e.exitCode == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (m *Manager) exec(id string) (*exec, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.execs[id]
	if e == nil {
		return nil, noSuchExec(id)
	}
	return e, nil
}

// dropExecs forgets the execs of a removed container.
func (m *Manager) dropExecs(c *container) {
	c.mu.Lock()
	execs := c.execs
	c.execs = nil
	c.mu.Unlock()
	m.mu.Lock()
	for id := range execs {
		delete(m.execs, id)
	}
	m.mu.Unlock()
}

// ExecStartOptions are the parameters of POST /exec/{id}/start.
type ExecStartOptions struct {
	Detach      bool
	ConsoleSize *[2]uint // height and width; nil for that of ExecCreate
}

// ExecStart starts a prepared program, and unless it is detached, connects the client to its streams until it ends or
// the client goes. connect is called when nothing stands against the start any more: an error after that can only be
// told in the streams, which is what dockerd does.
func (m *Manager) ExecStart(ctx context.Context, id string, opts ExecStartOptions, connect func() (AttachStreams, error)) error {
	e, err := m.exec(id)
	if err != nil {
		return err
	}
	c := e.c
	c.mu.Lock()
	switch {
	case e.exitCode != nil:
		err = conflict("exec command %s has already run", id)
	case e.started:
		err = conflict("exec command %s is already running", id)
	default:
		if err = c.mayExec(c.id); err == nil {
			e.started = true
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if opts.Detach {
		return m.startExec(e, opts.ConsoleSize, false)
	}
	s, err := connect()
	if err != nil {
		m.execEnded(e, exitPermission, false)
		return err
	}
	r := &e.config
	cl := e.streams.attach(r.AttachStdout, r.AttachStderr && !r.Tty, nil)
	defer cl.detach()
	if !r.AttachStdin {
		s.In = nil
	}
	if err := m.startExec(e, opts.ConsoleSize, s.In != nil); err != nil {
		return err
	}
	err = cl.serve(ctx, s, e.keys, r.Tty, true)
	if errors.As(err, new(term.EscapeError)) {
		m.emit(c, events.ActionExecDetach, "execID", e.id)
		return nil
	}
	return err
}

// startExec starts the program.
func (m *Manager) startExec(e *exec, size *[2]uint, stdin bool) error {
	c, r := e.c, &e.config
	c.mu.Lock()
	def, init := c.def, c.proc
	c.mu.Unlock()
	config := *def.Config
	if r.User != "" {
		config.User = r.User
	}
	p := &sandbox.ProcessConfig{
		Argv: r.Cmd, Env: environment(&config, r.Tty, r.Env), Dir: config.WorkingDir, User: config.User,
		Groups: def.HostConfig.GroupAdd, TTY: r.Tty, Stdin: stdin, Rlimits: rlimits(def.HostConfig.Ulimits),
		Stdout: e.streams.out[0], Exec: true,
	}
	if r.WorkingDir != "" {
		p.Dir = r.WorkingDir
		if !path.IsAbs(p.Dir) {
			m.execEnded(e, exitUnknown, false)
			return errors.New("OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown")
		}
	}
	if !r.Tty {
		p.Stderr = e.streams.out[1]
	}
	if size == nil {
		size = r.ConsoleSize
	}
	if r.Tty && size != nil {
		p.Size = abi.Winsize{Row: uint16(size[0]), Col: uint16(size[1])}
	}
	box := c.box.open()
	if box == nil || init == nil || isDone(init) {
		m.execEnded(e, exitPermission, false)
		return notRunning(c.id)
	}
	m.emit(c, events.ActionExecStart+": "+events.Action(e.command()), "execID", e.id)
	proc, err := box.Start(p)
	if errors.Is(err, sandbox.ErrClosed) {
		m.execEnded(e, exitPermission, false)
		return notRunning(c.id)
	}
	if err != nil {
		code, err := execFailure(err)
		m.execEnded(e, code, false)
		return err
	}
	c.mu.Lock()
	e.running, e.proc, e.pid = true, proc, proc.Pid()
	c.mu.Unlock()
	close(e.tried)
	e.streams.begin(proc.Stdin())
	go func() {
		<-proc.Done()
		m.execEnded(e, proc.Status().ShellCode(), true)
	}()
	return nil
}

func isDone(p Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// execEnded notes the end of an exec, or that it could not begin.
func (m *Manager) execEnded(e *exec, code int, ran bool) {
	e.c.mu.Lock()
	e.running, e.proc, e.exitCode, e.ended = false, nil, &code, now()
	e.c.mu.Unlock()
	if ran {
		m.emit(e.c, events.ActionExecDie, "execID", e.id, "exitCode", strconv.Itoa(code))
	}
	e.streams.end()
	if !ran {
		close(e.tried)
	}
	close(e.done)
}

// ExecInspect describes an exec.
func (m *Manager) ExecInspect(_ context.Context, id string) (*types.ExecInspectResponse, error) {
	e, err := m.exec(id)
	if err != nil {
		return nil, err
	}
	e.c.mu.Lock()
	defer e.c.mu.Unlock()
	r := &e.config
	privileged := r.Privileged
	info := &types.ExecInspectResponse{
		ID: e.id, Running: e.running, ExitCode: e.exitCode, ContainerID: e.c.id, DetachKeys: []byte{}, Pid: e.pid,
		OpenStdin: r.AttachStdin, OpenStdout: r.AttachStdout, OpenStderr: r.AttachStderr,
		ProcessConfig: &types.ExecProcessConfig{
			Tty: r.Tty, Entrypoint: r.Cmd[0], Arguments: r.Cmd[1:], Privileged: &privileged, User: r.User,
		},
	}
	if r.DetachKeys != "" {
		info.DetachKeys = e.keys
	}
	return info, nil
}

// startPatience is how long ExecResize waits for the start of an exec: clients ask for it at the same time.
const startPatience = 10 * time.Second

// ExecResize sets the size of an exec's terminal, in characters.
func (m *Manager) ExecResize(ctx context.Context, id string, height, width uint) error {
	e, err := m.exec(id)
	if err != nil {
		return err
	}
	timeout := time.NewTimer(startPatience)
	defer timeout.Stop()
	select {
	case <-e.tried:
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errors.New("timeout waiting for exec session ready")
	}
	e.c.mu.Lock()
	proc := e.proc
	e.c.mu.Unlock()
	if proc == nil {
		return invalid("exec process is not started")
	}
	proc.Resize(winsize(height, width))
	return nil
}

// Resize sets the size of a container's terminal, in characters.
func (m *Manager) Resize(_ context.Context, ref string, height, width uint) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	c.mu.Lock()
	proc := c.proc
	c.mu.Unlock()
	if proc == nil {
		return notRunning(c.id)
	}
	proc.Resize(winsize(height, width))
	m.emit(c, events.ActionResize, "height", strconv.Itoa(int(height)), "width", strconv.Itoa(int(width)))
	return nil
}

func winsize(height, width uint) abi.Winsize {
	return abi.Winsize{Row: uint16(min(height, 0xffff)), Col: uint16(min(width, 0xffff))}
}
