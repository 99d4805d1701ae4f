package procfs

import (
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// node is what directories, files and links have in common. Its inode number comes from its path, so that it is the same
// each time the file is looked up.
type node struct {
	fs       *filesystem
	path     string
	mode     uint32
	uid, gid uint32
	made     abi.Timespec
}

// Stat returns the attributes; the times are when the file was looked up, and the size is 0.
func (n *node) Stat() (abi.Stat, error) {
	h := fnv.New64a()
	h.Write([]byte(n.path))
	st := abi.Stat{
		Dev: n.fs.dev, Ino: h.Sum64() >> 16, Nlink: 1, Mode: n.mode, UID: n.uid, GID: n.gid, Blksize: 1024,
		Atim: n.made, Mtim: n.made, Ctim: n.made,
	}
	if n.mode&abi.S_IFMT == abi.S_IFDIR {
		st.Nlink = 2
	}
	return st, nil
}

// SetStat returns EPERM, but lets a size of 0 pass.
func (n *node) SetStat(set vfs.SetStat) error {
	if set == (vfs.SetStat{Size: set.Size}) && set.Size != nil && *set.Size == 0 {
		return nil
	}
	return abi.EPERM
}

// Readlink returns EINVAL.
func (n *node) Readlink() (string, error) { return "", abi.EINVAL }

// Open returns EISDIR; what can be opened opens itself.
func (n *node) Open(int) (vfs.File, error) { return nil, abi.EISDIR }

// entry is a name with what makes its inode, below the directory whose node is given.
type entry struct {
	name string
	mode uint32
	make func(n node) vfs.Inode
}

// dir is a directory: fixed entries, and those that find and list tell.
type dir struct {
	node
	vfs.Immutable
	fixed []entry
	find  func(name string) (entry, bool)
	list  func() []entry
}

// Lookup finds an entry: ENOENT.
func (d *dir) Lookup(name string) (vfs.Inode, error) {
	i := slices.IndexFunc(d.fixed, func(e entry) bool { return e.name == name })
	if i >= 0 {
		return d.child(d.fixed[i]), nil
	}
	if d.find != nil {
		if e, ok := d.find(name); ok {
			return d.child(e), nil
		}
	}
	return nil, abi.ENOENT
}

func (d *dir) child(e entry) vfs.Inode {
	return e.make(node{
		fs: d.fs, path: d.path + "/" + e.name, mode: e.mode, uid: d.uid, gid: d.gid, made: abi.TimespecOf(time.Now().UnixNano()),
	})
}

// ReadDir lists the entries.
func (d *dir) ReadDir() ([]vfs.Dirent, error) {
	entries := d.fixed
	if d.list != nil {
		entries = slices.Concat(entries, d.list())
	}
	out := make([]vfs.Dirent, len(entries))
	for i, e := range entries {
		n := node{fs: d.fs, path: d.path + "/" + e.name}
		st, _ := n.Stat()
		out[i] = vfs.Dirent{Name: e.name, Ino: st.Ino, Type: abi.DirentType(e.mode)}
	}
	return out, nil
}

// folder is an entry for a directory of fixed entries.
func folder(name string, entries ...entry) entry {
	return entry{name, abi.S_IFDIR | 0o555, func(n node) vfs.Inode { return &dir{node: n, fixed: entries} }}
}

// text is an entry for a file that anybody may read; gen writes it.
func text(name string, gen func() string) entry {
	return private(name, 0o444, func() (string, error) { return gen(), nil })
}

// fixedText is an entry for a file that never changes.
func fixedText(name, content string) entry { return text(name, func() string { return content }) }

// private is an entry for a file with its own mode, whose text may fail.
func private(name string, perm uint32, gen func() (string, error)) entry {
	return entry{name, abi.S_IFREG | perm, func(n node) vfs.Inode { return &file{node: n, gen: gen} }}
}

// writable is an entry for a file that can be written: set gets each write, without its newline at the end.
func writable(name string, gen func() (string, error), set func(string) error) entry {
	return entry{name, abi.S_IFREG | 0o644, func(n node) vfs.Inode { return &file{node: n, gen: gen, set: set} }}
}

// file is a file whose text is made when it is read.
type file struct {
	node
	vfs.NotDir
	gen func() (string, error)
	set func(string) error // nil when it can't be written
}

// OpenSelf opens the file: EROFS for writing what can't be written.
func (f *file) OpenSelf(_ *vfs.Context, flags int) (vfs.File, error) { return f.Open(flags) }

// Open is OpenSelf.
func (f *file) Open(flags int) (vfs.File, error) {
	if flags&abi.O_ACCMODE != abi.O_RDONLY && f.set == nil {
		return nil, abi.EROFS
	}
	return &reader{file: f}, nil
}

// reader is an open file. Its text is taken at the first read, and anew when it is read from the start again, as top(1)
// does.
type reader struct {
	file *file

	mu    sync.Mutex
	text  string
	taken bool
}

func (r *reader) Read(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if off == 0 || !r.taken {
		text, err := r.file.gen()
		if err != nil {
			return 0, err
		}
		r.text, r.taken = text, true
	}
	if off >= int64(len(r.text)) {
		return 0, nil
	}
	return copy(p, r.text[off:]), nil
}

func (r *reader) Write(p []byte, _ int64) (int, error) {
	if r.file.set == nil {
		return 0, abi.EINVAL
	}
	if err := r.file.set(strings.TrimSuffix(string(p), "\n")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Size returns EINVAL: the end of these files can't be sought (seq_lseek in Linux).
func (r *reader) Size() (int64, error)  { return 0, abi.EINVAL }
func (r *reader) Ready() vfs.Events     { return abi.POLLIN | abi.POLLOUT }
func (r *reader) Queue() *vfs.WaitQueue { return nil }
func (r *reader) Close() error          { return nil }

// link is a symbolic link whose target is a path.
type link struct {
	node
	vfs.NotDir
	target func(ctx *vfs.Context) (string, error)
}

// Readlink returns the target for nobody in particular.
func (l *link) Readlink() (string, error) { return l.target(&vfs.Context{}) }

// ReadlinkFor returns the target for the caller.
func (l *link) ReadlinkFor(ctx *vfs.Context) (string, error) { return l.target(ctx) }

func symlink(name string, target func(ctx *vfs.Context) (string, error)) entry {
	return entry{name, abi.S_IFLNK | 0o777, func(n node) vfs.Inode { return &link{node: n, target: target} }}
}

func fixedLink(name, target string) entry {
	return symlink(name, func(*vfs.Context) (string, error) { return target, nil })
}
