package kernel

import (
	"slices"
	"strconv"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// DevPTS makes the filesystem of /dev/pts: a device for each terminal of the sandbox, and ptmx.
func (k *Kernel) DevPTS() *vfs.Filesystem {
	return vfs.NewFilesystem("devpts", "devpts", &ptsDir{k: k, dev: vfs.NewDevice(), made: abi.TimespecOf(time.Now().UnixNano())}, true)
}

type ptsDir struct {
	vfs.Immutable
	k    *Kernel
	dev  uint64
	made abi.Timespec
}

func (d *ptsDir) Stat() (abi.Stat, error) {
	return abi.Stat{Dev: d.dev, Ino: 1, Nlink: 2, Mode: abi.S_IFDIR | 0o755, Blksize: 1024, Atim: d.made, Mtim: d.made, Ctim: d.made}, nil
}
func (d *ptsDir) SetStat(vfs.SetStat) error  { return abi.EPERM }
func (d *ptsDir) Readlink() (string, error)  { return "", abi.EINVAL }
func (d *ptsDir) Open(int) (vfs.File, error) { return nil, abi.EISDIR }

func (d *ptsDir) Lookup(name string) (vfs.Inode, error) {
	if name == "ptmx" {
		return &ptsNode{d: d, ino: 2, mode: 0o666, rdev: DevPtmx}, nil
	}
	n, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(n) != name || d.k.ptys.get(n) == nil {
		return nil, abi.ENOENT
	}
	return &ptsNode{d: d, ino: uint64(n) + 3, mode: 0o620, gid: 5, rdev: abi.Mkdev(ptsMajor, uint32(n))}, nil
}

func (d *ptsDir) ReadDir() ([]vfs.Dirent, error) {
	list := []vfs.Dirent{{Name: "ptmx", Ino: 2, Type: abi.DT_CHR}}
	ttys := d.k.PTYs()
	slices.Sort(ttys)
	for _, n := range ttys {
		list = append(list, vfs.Dirent{Name: strconv.Itoa(n), Ino: uint64(n) + 3, Type: abi.DT_CHR})
	}
	return list, nil
}

type ptsNode struct {
	vfs.NotDir
	d    *ptsDir
	ino  uint64
	mode uint32
	gid  uint32
	rdev uint64
}

func (n *ptsNode) Stat() (abi.Stat, error) {
	now := abi.TimespecOf(time.Now().UnixNano())
	return abi.Stat{Dev: n.d.dev, Ino: n.ino, Nlink: 1, Mode: abi.S_IFCHR | n.mode, GID: n.gid, Rdev: n.rdev, Blksize: 1024,
		Atim: now, Mtim: now, Ctim: n.d.made}, nil
}

// SetStat accepts what programs do to their terminal (mesg, chown by login); it is not kept.
func (n *ptsNode) SetStat(vfs.SetStat) error  { return nil }
func (n *ptsNode) Readlink() (string, error)  { return "", abi.EINVAL }
func (n *ptsNode) Open(int) (vfs.File, error) { return nil, abi.ENXIO }
