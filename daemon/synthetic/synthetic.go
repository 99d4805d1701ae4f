// Package synthetic is a runtime that runs nothing, for CI runners that bring their own helper binaries and only need
// the daemon's bookkeeping: every program ends at once with exit code 0 and no output. A container's files are the
// sandbox's: those of its image, its volumes, and what is copied in.
package synthetic

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// Runtime makes sandboxes that run nothing.
type Runtime struct{ *sandbox.Runtime }

var _ container.Runtime = Runtime{}

// Open implements container.Runtime.
func (r Runtime) Open(cfg *sandbox.Config) (container.Sandbox, error) {
	s, err := r.Runtime.Open(cfg)
	if err != nil {
		return nil, err
	}
	return box{s}, nil
}

// box is a sandbox whose programs have all ended.
type box struct{ *sandbox.Sandbox }

// Start mounts what a container has, which fills new volumes, makes the working directory, and runs nothing.
func (b box) Start(c *sandbox.ProcessConfig) (container.Process, error) {
	if _, err := b.Stat("/"); err != nil {
		return nil, fmt.Errorf("mounting the container's files: %w", err)
	}
	if dir := strings.Trim(path.Clean("/"+c.Dir), "/"); c.MakeDir && dir != "" {
		if _, err := b.Stat("/" + dir); err == abi.ENOENT {
			if err := b.makeDir(dir); err != nil {
				return nil, fmt.Errorf("making the working directory: %w", err)
			}
		}
	}
	done := make(chan struct{})
	close(done)
	return ended{done}, nil
}

func (b box) makeDir(dir string) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return b.WriteArchive(context.Background(), "/", &archive, sandbox.WriteOptions{})
}

// Signal succeeds: nobody is there to take it.
func (box) Signal(abi.Signal) error { return nil }

// ended is a program that has ended.
type ended struct{ done chan struct{} }

func (ended) Pid() int                { return 1 }
func (e ended) Done() <-chan struct{} { return e.done }
func (ended) Status() abi.WaitStatus  { return abi.Exited(0) }
func (ended) OOMKilled() bool         { return false }
func (ended) Stdin() kernel.Input     { return nil }
func (ended) Resize(abi.Winsize)      {}
func (ended) Signal(abi.Signal)       {}
