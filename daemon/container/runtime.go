package container

import (
	"context"
	"io"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// Runtime makes sandboxes.
type Runtime interface {
	// Open sets a sandbox up. Nothing runs in it until Start.
	Open(cfg *sandbox.Config) (Sandbox, error)
	// Remove deletes a writable layer, the Upper of a Config. It is no error that there is none.
	Remove(upper string) error
}

// Sandbox is a container's filesystem, and its programs while it runs.
type Sandbox interface {
	// Start starts a program. The first is pid 1, later ones are execs; when pid 1 has ended and all tasks are gone,
	// the next is pid 1 again. Errors of the program are *kernel.StartError and sandbox.ErrNoUser.
	Start(p *sandbox.ProcessConfig) (Process, error)
	Pause()
	Resume()
	// Signal sends a signal to pid 1.
	Signal(s abi.Signal) error
	Tasks() []sandbox.TaskInfo
	Usage() sandbox.Usage
	SetLimits(sandbox.Limits)

	// Stat describes a path, without following it when it is a link. The error is an abi.Errno.
	Stat(path string) (sandbox.PathStat, error)
	// ReadArchive writes a tar of what is at path, which is called as in it: a name, "." or "/".
	ReadArchive(ctx context.Context, path, as string, w io.Writer) error
	// WriteArchive unpacks a tar in the directory path. The error is an abi.Errno for the path, among them ENOENT,
	// ENOTDIR and EROFS, and for entries that can't be unpacked.
	WriteArchive(ctx context.Context, path string, r io.Reader, opts sandbox.WriteOptions) error
	Changes() ([]sandbox.Change, error)
	// Export writes a tar of the root filesystem without what is mounted in it.
	Export(ctx context.Context, w io.Writer) error
	// WriteLayer writes Changes as a layer of an image.
	WriteLayer(ctx context.Context, w io.Writer) error
	// DiskUsage returns the bytes of the writable layer, and those of all layers.
	DiskUsage() (rw, root int64)

	// Close kills everything, waits for it and gives the mounts back.
	Close() error
}

// Process is a program started by Sandbox.Start.
type Process interface {
	Pid() int
	// Done is closed when it has ended and everything it wrote is in its sinks.
	Done() <-chan struct{}
	// Status tells how it ended; valid after Done.
	Status() abi.WaitStatus
	// OOMKilled reports whether the memory limit ended it; valid after Done.
	OOMKilled() bool
	// Stdin is its standard input, or terminal; nil unless ProcessConfig asked for it. Write waits for room and returns
	// io.ErrClosedPipe when nobody reads.
	Stdin() kernel.Input
	Resize(abi.Winsize)
	Signal(abi.Signal)
}
