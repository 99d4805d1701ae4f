// Package archive turns a tree of a sandbox's filesystem into a tar archive and back: docker cp (GET, PUT and HEAD of
// /containers/{id}/archive), docker export. Everything goes through the sandbox's own path walk, mounts and all, and
// never through the host's.
package archive

import (
	"io/fs"
	"path"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// xattrPrefix is how a PAX record names an extended attribute.
const xattrPrefix = "SCHILY.xattr."

// PathStat is what HEAD tells of a path (container.PathStat, Docker API 1.20 and later).
type PathStat struct {
	Name       string // the last component, "/" for the root
	Size       int64  // bytes
	Mode       fs.FileMode
	Mtime      time.Time
	LinkTarget string // where a symbolic link leads, as an absolute path; "" for others
}

// Stat returns what HEAD tells of a place.
func Stat(v *vfs.Context, p vfs.Path) (PathStat, error) {
	st, err := p.Inode().Stat()
	if err != nil {
		return PathStat{}, err
	}
	name, _ := v.NS.Name(p, v.Root)
	out := PathStat{
		Name: path.Base(name), Size: st.Size, Mode: abi.FileMode(st.Mode), Mtime: time.Unix(st.Mtim.Sec, st.Mtim.Nsec),
	}
	if st.Mode&abi.S_IFMT == abi.S_IFLNK {
		out.LinkTarget, err = resolve(v, name)
	}
	return out, err
}

// resolve follows the symbolic link at a path; one that leads nowhere is resolved as far as its text goes.
func resolve(v *vfs.Context, name string) (string, error) {
	if p, err := v.Walk(v.Root, name, true); err == nil {
		to, _ := v.NS.Name(p, v.Root)
		return to, nil
	}
	target, err := v.Readlink(v.Root, name)
	if err != nil {
		return "", err
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	return path.Clean(target), nil
}
