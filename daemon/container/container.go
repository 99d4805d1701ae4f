package container

import (
	"sync"
	"time"

	types "github.com/moby/moby/api/types/container"
	"github.com/opencontainers/go-digest"

	"github.com/sockerless/sockerless/sandbox"
)

// definition is what a container is: its record in the bucket "containers".
type definition struct {
	Name       string // without the slash that the API shows
	Created    time.Time
	ImageID    digest.Digest
	Platform   string // of the image: "linux"
	Config     *types.Config
	HostConfig *types.HostConfig
	Mounts     []mountPoint `json:",omitempty"`
	Networks   []string     `json:",omitempty"` // names
	Aliases    []string     `json:",omitempty"` // DNS names in the networks
}

// state is how a container is: its record in the bucket "container-states".
type state struct {
	Running    bool   `json:",omitempty"` // true while Restarting, too
	Paused     bool   `json:",omitempty"`
	Restarting bool   `json:",omitempty"`
	OOMKilled  bool   `json:",omitempty"`
	Removing   bool   `json:",omitempty"`
	Pid        int    `json:",omitempty"`
	ExitCode   int    `json:",omitempty"`
	Error      string `json:",omitempty"`
	StartedAt  time.Time
	FinishedAt time.Time
	// RestartCount counts restarts by policy since the last start by hand.
	RestartCount int `json:",omitempty"`
	// Stopped is set when somebody stopped it by hand: unless-stopped doesn't start it again then.
	Stopped bool `json:",omitempty"`
	// Interrupted is set when the daemon's end has stopped it.
	Interrupted bool `json:",omitempty"`
	// Opened is set when its filesystem has been used: volumes have been populated.
	Opened bool `json:",omitempty"`
}

// container is a container known to a Manager.
type container struct {
	id      string
	created time.Time

	op sync.Mutex // see the package comment

	mu      sync.Mutex
	def     definition // replaced parts are not written to: copies may be in use
	state   state
	proc    Process // pid 1 while it runs
	box     *sandboxRef
	waiters []*waiter
	ending  bool // its end is not told yet; who waits is answered after that
	gone    bool // removed; nobody finds it any more

	restart    restarts
	cancelStop bool // stop was asked for: the policy doesn't restart it after this end

	log     logDriver // nil for the driver none
	logErr  error     // why there is none; it is told at the start
	streams *streams
	execs   map[string]*exec
	health  *health
}

// status is the container's state in the API's words; mu is held.
func (s *state) status() types.ContainerState {
	switch {
	case s.Removing:
		return types.StateRemoving
	case s.Paused:
		return types.StatePaused
	case s.Restarting:
		return types.StateRestarting
	case s.Running:
		return types.StateRunning
	case s.StartedAt.IsZero():
		return types.StateCreated
	}
	return types.StateExited
}

// alive reports whether a program runs in it; mu is held.
func (s *state) alive() bool { return s.Running && !s.Restarting }

// mountPoint is a mount of a container with what inspect shows of it.
type mountPoint struct {
	types.MountPoint
	NoCopy  bool          `json:",omitempty"` // the image's content is not copied into the volume
	Subpath string        `json:",omitempty"` // of the volume or image
	ImageID digest.Digest `json:",omitempty"` // of an image
	Tmpfs   sandbox.Mount // options of a tmpfs

	CreateSource bool              `json:",omitempty"` // a missing source directory of a bind is made
	Anonymous    bool              `json:",omitempty"` // volume without a name, removed with its container
	Hidden       bool              `json:",omitempty"` // not among the mounts that inspect shows: --tmpfs
	Labels       map[string]string `json:"-"`          // of a volume that is to be made
	DriverOpts   map[string]string `json:"-"`          // the same
}

// snapshot returns copies of what inspect and list show.
func (c *container) snapshot() (definition, state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.def, c.state
}

func (c *container) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.def.Name
}

// waiter is a call of Wait. ch has room for its one answer.
type waiter struct {
	condition types.WaitCondition
	ch        chan types.WaitResponse
	stop      func() bool // ends the watch over its context; may be nil
}

// notify answers the waiters that what has happened satisfies; mu is held.
func (c *container) notify(satisfied func(types.WaitCondition) bool) {
	rest := c.waiters[:0]
	for _, w := range c.waiters {
		if satisfied(w.condition) {
			w.ch <- c.response()
			if w.stop != nil {
				w.stop()
			}
		} else {
			rest = append(rest, w)
		}
	}
	clear(c.waiters[len(rest):])
	c.waiters = rest
	if len(rest) == 0 {
		c.waiters = nil
	}
}

// response is the answer to a waiter; mu is held. A removal is no error, whatever was before it.
func (c *container) response() types.WaitResponse {
	r := types.WaitResponse{StatusCode: int64(c.state.ExitCode)}
	if c.state.Error != "" && !c.gone {
		r.Error = &types.WaitExitError{Message: c.state.Error}
	}
	return r
}
