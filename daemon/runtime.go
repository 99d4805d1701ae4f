package daemon

import (
	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/sandbox"
)

// sandboxRuntime gives containers the sandbox, in the terms that they ask for it.
type sandboxRuntime struct{ *sandbox.Runtime }

// Open opens a sandbox.
func (r sandboxRuntime) Open(cfg *sandbox.Config) (container.Sandbox, error) {
	s, err := r.Runtime.Open(cfg)
	if err != nil {
		return nil, err
	}
	return box{s}, nil
}

type box struct{ *sandbox.Sandbox }

// Start starts a program.
func (b box) Start(c *sandbox.ProcessConfig) (container.Process, error) {
	p, err := b.Sandbox.Start(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}
