// Package overlay is a container's root filesystem: image layers that are only read, and a writable layer above them.
//
// An inode is known by its number. A lower layer's inode has the number that its place in the layer gives it, a new
// one the next free number; the writable layer holds the attributes of inodes that differ from the lower ones, and the
// directory entries that do, both by number. So a rename, of a lower directory too, changes two entries; a change of
// mode copies no data; and all names of a hard link see a write. (Linux's overlayfs needs redirect_dir, metacopy and
// index for that.)
//
// The writable layer is a directory on the host: "journal", which holds attributes, entries and the
// data of small files, and one file for the data of each larger one, named by inode number: all in one directory, since making more of them
// costs a short-lived container more than many files cost a long-lived one. Nothing is there before the first change. No
// name of the container's becomes a name on the host.
//
// Locks, in the order they are taken: node.wr (held by those who change a file's data, over the input and output),
// journal.writing, FS.tree (all directory entries), node.mu (attributes of one inode), journal.mu. The latter three
// are held for moments only, never over input and output on the host.
package overlay

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/layer"
)

// Options are the mount options of an overlay.
type Options struct {
	Source   string // the device column of /proc/mounts; "" is "overlay"
	ReadOnly bool   // changes give EROFS; an upper directory is still read
	// SizeLimit bounds the sum of the sizes of the files in the writable layer, in bytes (docker's --storage-opt
	// size): ENOSPC. 0 is no limit.
	SizeLimit int64
	// Volatile leaves out every fsync, as the mount option of Linux's overlayfs: for containers that are removed
	// when they end. What was written still survives the end of the daemon, though not that of the machine.
	Volatile bool
}

// FS is an open overlay.
type FS struct {
	opts   Options
	layers []*layer.Layer // lowest first
	base   []uint64       // the inode number of each layer's inode 0
	upper  string
	dev    uint64
	fs     *vfs.Filesystem
	root   *node
	closed atomic.Bool

	tree    sync.RWMutex // guards what follows, and the entries of all directories
	nodes   map[uint64]*node
	lastIno uint64

	journal journal

	bytes   atomic.Int64 // sizes of the files whose data is in the writable layer
	inlined atomic.Int64 // of those, the inline ones'
	inodes  atomic.Int64 // inodes of the writable layer
}

const (
	magic   = 0x794c7630 // OVERLAYFS_SUPER_MAGIC
	rootIno = 1
)

// Open opens the overlay of layers, lowest first, and the writable layer in upperDir, which is made at the first
// change. It adds a user to each layer; Close drops it. A writable layer that is of other layers is refused. With
// upperDir "" there is none, and the overlay may only be mounted read-only.
func Open(layers []*layer.Layer, upperDir string, opts Options) (*FS, error) {
	if opts.Source == "" {
		opts.Source = "overlay"
	}
	f := &FS{opts: opts, layers: layers, upper: upperDir, dev: vfs.NewDevice(), nodes: make(map[uint64]*node)}
	next := uint64(rootIno + 1)
	for _, l := range layers {
		f.base = append(f.base, next)
		next += uint64(l.Len())
	}
	f.lastIno = next
	f.root = f.makeRoot()
	f.nodes[rootIno] = f.root
	if upperDir != "" {
		f.journal.init(filepath.Join(upperDir, "journal"), f.identity(), !opts.Volatile)
		if err := f.load(); err != nil {
			f.journal.close()
			return nil, fmt.Errorf("open writable layer %s: %w", upperDir, err)
		}
	}
	for _, l := range layers {
		l.Retain()
	}
	f.fs = vfs.NewFilesystem("overlay", opts.Source, f.root, false)
	f.fs.Statfs = f.statfs
	return f, nil
}

// Filesystem returns what is mounted.
func (f *FS) Filesystem() *vfs.Filesystem { return f.fs }

// UpperUsage returns the sum of the sizes of the writable layer's files, and the number of its inodes.
func (f *FS) UpperUsage() (bytes, inodes int64) { return f.bytes.Load(), f.inodes.Load() }

// Close writes what is left to write and drops the layers. Unless the overlay is Volatile, the journal goes through to
// the disk; data files that no program has synced get there when the host writes them, as after any program's end.
// Nothing may use the overlay any more; a file that still is open fails with EIO.
func (f *FS) Close() error { return f.shut(true) }

// Discard closes the overlay without care for its writable layer, and removes that.
func (f *FS) Discard() error {
	err := f.shut(false)
	if rerr := Remove(f.upper); err == nil {
		err = rerr
	}
	return err
}

func (f *FS) shut(keep bool) error {
	if f.closed.Swap(true) {
		return nil
	}
	f.tree.Lock()
	for _, n := range f.nodes {
		n.shut(keep)
	}
	f.tree.Unlock()
	var err error
	if keep && f.upper != "" {
		if err = f.flush(); err == nil {
			err = f.journal.sync()
		}
	}
	f.journal.close()
	for _, l := range f.layers {
		l.Close()
	}
	if err != nil {
		return fmt.Errorf("close writable layer %s: %w", f.upper, err)
	}
	return nil
}

// Remove removes a writable layer; nothing is there is no error.
func Remove(upperDir string) error { return os.RemoveAll(upperDir) }

// reserve accounts for a change of the writable layer's size.
func (f *FS) reserve(delta int64) bool {
	n := f.bytes.Add(delta)
	if delta > 0 && f.opts.SizeLimit > 0 && n > f.opts.SizeLimit {
		f.bytes.Add(-delta)
		return false
	}
	return true
}

// statfs tells what the host's filesystem does, within the limit.
func (f *FS) statfs() abi.Statfs {
	dir := f.upper
	st, err := hostStatfs(dir)
	for err != nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		st, err = hostStatfs(dir)
	}
	st.Type, st.Namelen = magic, abi.NAME_MAX
	if limit := f.opts.SizeLimit; limit > 0 {
		const block = 4096
		free := max(0, limit-f.bytes.Load()) / block
		if st.Bsize > 0 {
			free = min(free, int64(st.Bavail)*st.Bsize/block)
		}
		st.Bsize, st.Frsize = block, block
		st.Blocks, st.Bfree, st.Bavail = uint64(limit/block), uint64(free), uint64(free)
	}
	return st
}

// dataPath returns where the data of an inode is.
func (f *FS) dataPath(ino uint64) string {
	return filepath.Join(f.upper, strconv.FormatUint(ino, 16)+dataSuffix)
}

const dataSuffix = ".data"

// sweep removes data files that no inode owns: those of files that were unlinked but open when the daemon ended.
func (f *FS) sweep() error {
	entries, err := os.ReadDir(f.upper)
	if err != nil {
		return err
	}
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), dataSuffix)
		if !ok {
			continue
		}
		ino, err := strconv.ParseUint(number, 16, 64)
		if n := f.nodes[ino]; err != nil || n != nil && n.onHost {
			continue
		}
		if err := os.Remove(filepath.Join(f.upper, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
