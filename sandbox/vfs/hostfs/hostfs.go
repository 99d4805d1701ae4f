// Package hostfs shows directories and single files of the host as filesystems: binds (docker run -v /host:/there) and
// volumes.
//
// A container never gets out of what was bound. The sandbox's path walk resolves ".." and symbolic links inside the
// container's own namespace, so that this package only ever sees single names; each is taken relative to an open
// directory of the host and never followed when it is a symbolic link (openat(2) with O_NOFOLLOW). Whoever swaps a
// directory for a link between two steps gets ENOTDIR, ELOOP or ESTALE, not a way out. On hosts other than Linux, os.Root
// keeps the same promise.
//
// Owners. A daemon that runs as root shows and sets the host's own ids. For any other, what belongs to the daemon's user
// is shown as Options.UID and Options.GID (0 by default) and everything else as nobody (65534); what an ordinary user
// may not do on the host, as chown or mknod of a device, is EPERM in a bind, and kept beside the volume in a volume
// (see Owners).
//
// What the host's other users could use against the daemon's user is refused in binds: set-user-ID and set-group-ID bits
// on files (EPERM). Devices, sockets and fifos of the host are seen, but cannot be opened (ENXIO).
package hostfs

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Nobody is the id that stands for users of the host other than the daemon's own (user_namespaces(7), overflowuid).
const Nobody = 65534

// Options say how a directory or file of the host is shown.
type Options struct {
	// ReadOnly makes every change EROFS.
	ReadOnly bool
	// UID and GID are what the daemon's own ids are shown as, unless the daemon is root.
	UID, GID uint32
	// Owners keeps what the host refuses; nil for a plain bind. It is not closed with the filesystem.
	Owners *Owners
	// Source is the device column of /proc/mounts; the host's path when empty.
	Source string
}

// FS is a directory or file of the host.
type FS struct {
	opts Options
	ids  ids
	root *node
	dirs dirCache
	vfs  *vfs.Filesystem

	watcher watcher

	mu      sync.Mutex
	special map[fileID]struct{} // fifos and sockets made through us: the sandbox's own, never opened on the host
}

// ids are the daemon's own ids on the host.
type ids struct {
	uid, gid uint32
	root     bool
}

// Open shows the directory or file at a path of the host, which is resolved by the host's rules, links included, now and
// never again. A single file is found by its name in its directory each time, so that one which was replaced on the host
// is seen anew (where Docker keeps showing the old one).
func Open(path string, opts Options) (*FS, error) {
	uid, gid := os.Geteuid(), os.Getegid()
	return open(path, opts, ids{uint32(uid), uint32(gid), uid == 0})
}

func open(path string, opts Options, id ids) (*FS, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	info, err := os.Lstat(real)
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	dir, name := real, ""
	if !info.IsDir() {
		dir, name = filepath.Split(real)
	}
	fs := &FS{opts: opts, ids: id, special: make(map[fileID]struct{})}
	handle, err := openHostDir(dir)
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	a, err := handle.stat("")
	if err != nil {
		handle.close()
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	fs.dirs.init(handle)
	fs.root = &node{fs: fs, id: a.id(), isDir: true}
	var top vfs.Inode = dirNode{fs.root}
	if name != "" {
		if top, err = fs.root.Lookup(name); err != nil {
			fs.Close()
			return nil, fmt.Errorf("bind %s: %w", path, err)
		}
	}
	source := opts.Source
	if source == "" {
		source = path
	}
	fs.vfs = vfs.NewFilesystem("hostfs", source, top, true)
	fs.vfs.Shared = true
	fs.vfs.Statfs = fs.statfs
	fs.vfs.Watcher = fs.watch
	return fs, nil
}

// Filesystem returns what is mounted.
func (fs *FS) Filesystem() *vfs.Filesystem { return fs.vfs }

// Close gives the open directories of the host back. Files that are still open stay usable; everything else fails with
// EIO from now on.
func (fs *FS) Close() error {
	fs.watcher.close()
	fs.dirs.close()
	return nil
}

func (fs *FS) statfs() abi.Statfs {
	var out abi.Statfs
	fs.root.use(func(d *hostDir) error {
		out = d.statfs()
		return nil
	})
	return out
}

func (fs *FS) writable() error {
	if fs.opts.ReadOnly {
		return abi.EROFS
	}
	return nil
}

// show converts the host's attributes to what the container sees.
func (fs *FS) show(a attr) abi.Stat {
	st := a.Stat
	if !fs.ids.root {
		st.UID, st.GID = fs.showID(st.UID, fs.ids.uid, fs.opts.UID), fs.showID(st.GID, fs.ids.gid, fs.opts.GID)
	}
	if m, ok := fs.opts.Owners.get(a); ok {
		st.UID, st.GID, st.Mode = m.UID, m.GID, m.Mode
		if m.Rdev != 0 || st.Mode&abi.S_IFMT != a.Mode&abi.S_IFMT {
			st.Rdev = m.Rdev
		}
	}
	return st
}

func (fs *FS) showID(id, own, as uint32) uint32 {
	if id == own {
		return as
	}
	return Nobody
}

// hostMode is the mode that a file gets on the host when the container is to see mode: without set-id bits, and never
// one that locks out an ordinary user who must read the file on the container's behalf. Only volumes have both.
func (fs *FS) hostMode(mode uint32) uint32 {
	perm := mode & abi.PermMask
	if fs.opts.Owners == nil {
		return perm
	}
	isDir := mode&abi.S_IFMT == abi.S_IFDIR
	if !isDir {
		perm &= 0o777
	}
	if !fs.ids.root {
		perm |= 0o600
		if isDir {
			perm = perm&0o777 | 0o700
		}
	}
	return perm
}
