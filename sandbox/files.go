package sandbox

import (
	"bytes"
	"context"
	"io"
	"path"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/archive"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
)

// context is for the sandbox's own operations: as root, from the root directory, without devices and fifos.
func (in *instance) context() *vfs.Context {
	return &vfs.Context{NS: in.ns, Root: in.ns.Root(), Cwd: in.ns.Root(), Cred: superuser, Umask: 0o022, Special: in.kernel.OpenDevice}
}
