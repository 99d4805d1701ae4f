package procfs

import (
	"fmt"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// namespaces is the entry of /proc/PID/ns (namespaces(7)). All processes of a sandbox are in the same.
func (fs *filesystem) namespaces() entry {
	var links []entry
	number := uint64(0xf0000000) + uint64(abi.Minor(fs.dev))<<4
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"} {
		kind, forChildren := strings.CutSuffix(name, "_for_children")
		if !forChildren {
			number++
		}
		ns := nsFile{kind: kind, number: number}
		links = append(links, entry{name, abi.S_IFLNK | 0o777, func(n node) vfs.Inode { return &nsLink{node: n, to: ns} }})
	}
	return entry{"ns", abi.S_IFDIR | 0o511, func(n node) vfs.Inode { return &dir{node: n, fixed: links} }}
}

// nsLink leads to a namespace.
type nsLink struct {
	node
	vfs.NotDir
	to nsFile
}

// Jump returns the namespace, which has no name of its own.
func (l *nsLink) Jump(*vfs.Context) (vfs.Path, error) {
	ns := l.to
	ns.node = l.node
	ns.mode = abi.S_IFREG | 0o444
	return vfs.Path{Dentry: vfs.NewFilesystem("nsfs", "nsfs", &ns, true).Root()}, nil
}

// nsFile is a namespace. It tells namespaces apart by its inode number, and cannot be opened.
type nsFile struct {
	node
	vfs.NotDir
	kind   string
	number uint64
}

// Stat tells the number.
func (f *nsFile) Stat() (abi.Stat, error) {
	st, err := f.node.Stat()
	st.Ino = f.number
	return st, err
}

// Readlink returns what ns/KIND shows, as "mnt:[7]".
func (f *nsFile) Readlink() (string, error) { return fmt.Sprintf("%s:[%d]", f.kind, f.number), nil }

// OpenSelf returns EACCES: nobody enters a namespace.
func (*nsFile) OpenSelf(*vfs.Context, int) (vfs.File, error) { return nil, abi.EACCES }
