package sandbox

import (
	"io/fs"
	"time"

	"github.com/sockerless/sockerless/sandbox/kernel"
)

// Usage is what a sandbox uses.
type Usage = kernel.Usage

// PathStat describes a file of a sandbox, as lstat(2) does.
type PathStat struct {
	Name       string // base name
	Size       int64  // bytes
	Mode       fs.FileMode
	Mtime      time.Time
	LinkTarget string // of a symbolic link: where it leads, as an absolute path in the sandbox
}

// WriteOptions say how an archive is unpacked.
type WriteOptions struct {
	// NoOverwriteDirNonDir refuses to replace a directory by something else, and the other way around.
	NoOverwriteDirNonDir bool
	// Owner is who everything unpacked belongs to, as ProcessConfig.User; "" for whom the archive says.
	Owner string
}

// ChangeKind tells what happened to a path of the image; the numbers are the Docker API's.
type ChangeKind uint8

// Kinds of changes.
const (
	Modified ChangeKind = 0
	Added    ChangeKind = 1
	Deleted  ChangeKind = 2
)

// Change is a difference between a sandbox's root filesystem and its image.
type Change struct {
	Path string // absolute
	Kind ChangeKind
}
