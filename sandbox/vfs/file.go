package vfs

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// File is what stands behind an open file description: a regular file's data, a pipe's end, a terminal, a device.
// No method blocks. Errors are abi.Errno.
type File interface {
	// Read reads at most len(p) bytes; regular files read at off, streams ignore it. Zero bytes are end of file;
	// EAGAIN means that there is nothing yet.
	Read(p []byte, off int64) (int, error)
	// Write writes p; regular files write at off, or at their end when off is Append. A stream may take a part.
	// EAGAIN: no room yet; EPIPE: nobody reads.
	Write(p []byte, off int64) (int, error)
	// Ready returns the poll(2) events that hold now.
	Ready() Events
	// Queue is where changes of Ready are announced; nil when the file is always ready.
	Queue() *WaitQueue
	// Close is called once, when the last descriptor is gone.
	Close() error
}

// Append as the offset of a Write means the end of the file (O_APPEND).
const Append = -1

// Seekable is what a file with a position has: its size, for SEEK_END. Files without it give ESPIPE.
type Seekable interface {
	Size() (int64, error)
}

// Ioctler is what a file with ioctl(2) requests has. arg is the caller's memory from the argument on, read or written
// as the request says; requests that carry a number take it as value. Unknown requests: ENOTTY.
type Ioctler interface {
	Ioctl(ctx IoctlContext, req uint32, value uint64, arg []byte) (int, error)
}

// IoctlContext is what an ioctl may know of its caller: the kernel's task.
type IoctlContext any

// Reopener is what a file has that may be opened once more without a name, as through /proc/PID/fd/N: a pipe's end, a
// terminal. flags are those of open(2).
type Reopener interface {
	Reopen(flags int) (File, error)
}

// Syncer is what a file with data on a disk has (fsync(2)); a directory's inode too.
type Syncer interface {
	Sync() error
}

// OpenFile is an open file description (open(2)): a File with a position and status flags. Descriptors of many
// tasks may share it; the last Release closes the File.
type OpenFile struct {
	File  File   // nil for O_PATH
	Inode Inode  // nil for anonymous pipes and sockets
	Path  Path   // where it was opened; zero when anonymous
	ID    uint64 // unique among open files; the inode number of anonymous ones

	flags atomic.Uint32 // status flags, O_ACCMODE included
	refs  atomic.Int32

	dropIDs bool // a write takes set-id bits away: not root has opened it

	mu      sync.Mutex // guards what follows
	pos     int64
	dir     *dirStream
	locks   [2]*LockOwner // of description locks and of flock(2)
	onClose map[int]func()
	hooks   int // ever added to onClose
}

var lastOpenFile atomic.Uint64

// NewOpenFile wraps a File that has no path. It starts with one reference.
func NewOpenFile(f File, flags int) *OpenFile {
	o := &OpenFile{File: f, ID: lastOpenFile.Add(1)}
	o.flags.Store(uint32(flags))
	o.refs.Store(1)
	return o
}

// NewOpenFileAt wraps a File that was opened at a place.
func NewOpenFileAt(p Path, f File, flags int) *OpenFile {
	o := NewOpenFile(f, flags)
	o.Inode, o.Path = p.Inode(), p
	p.Dentry.opens.Add(1)
	return o
}

// Retain adds a reference, for a further descriptor.
func (o *OpenFile) Retain() *OpenFile {
	o.refs.Add(1)
	return o
}

// Release drops a reference; the last one closes the file.
func (o *OpenFile) Release() error {
	if o.refs.Add(-1) != 0 {
		return nil
	}
	if o.hooks > 0 { // nobody else has the file any more
		for _, f := range o.onClose {
			f()
		}
	}
	var err error
	if o.File != nil {
		err = o.File.Close()
	}
	if d := o.Path.Dentry; d != nil {
		d.opens.Add(-1)
		o.noteClosed()
	}
	return err
}

// OnClose has f called when the last descriptor is gone, before the File is closed; cancel takes it back. The caller
// holds a reference while it calls OnClose.
func (o *OpenFile) OnClose(f func()) (cancel func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.onClose == nil {
		o.onClose = make(map[int]func())
	}
	o.hooks++
	n := o.hooks
	o.onClose[n] = f
	return func() {
		o.mu.Lock()
		delete(o.onClose, n)
		o.mu.Unlock()
	}
}

// LockOwner returns the owner of the description's locks of a kind, DescriptionLock or FlockLock, which owner makes when
// there is none yet. They go from the table when the file is closed.
func (o *OpenFile) LockOwner(kind LockKind, tab *LockTable, owner func() *LockOwner) *LockOwner {
	o.mu.Lock()
	l := &o.locks[kind-DescriptionLock]
	if *l != nil {
		defer o.mu.Unlock()
		return *l
	}
	made := owner()
	*l = made
	o.mu.Unlock()
	o.OnClose(func() { tab.ReleaseAll(made) })
	return made
}

// Flags returns the status flags (F_GETFL).
func (o *OpenFile) Flags() int { return int(o.flags.Load()) }

// SetFlags changes the flags that F_SETFL may change: O_APPEND and O_NONBLOCK.
func (o *OpenFile) SetFlags(flags int) {
	const settable = abi.O_APPEND | abi.O_NONBLOCK
	for {
		old := o.flags.Load()
		if o.flags.CompareAndSwap(old, old&^settable|uint32(flags)&settable) {
			return
		}
	}
}

// Nonblocking reports O_NONBLOCK.
func (o *OpenFile) Nonblocking() bool { return o.flags.Load()&abi.O_NONBLOCK != 0 }

func (o *OpenFile) readable() error {
	if f := o.flags.Load(); o.File == nil || f&abi.O_ACCMODE == abi.O_WRONLY || f&abi.O_PATH != 0 {
		return abi.EBADF
	}
	return nil
}

func (o *OpenFile) writable() error {
	if f := o.flags.Load(); o.File == nil || f&abi.O_ACCMODE == abi.O_RDONLY || f&abi.O_PATH != 0 {
		return abi.EBADF
	}
	return nil
}

// Read reads at the position and moves it: EBADF, EISDIR, EAGAIN.
func (o *OpenFile) Read(p []byte) (int, error) {
	if err := o.readable(); err != nil {
		return 0, err
	}
	if _, ok := o.File.(Seekable); !ok {
		return o.File.Read(p, 0)
	}
	o.mu.Lock()
	n, err := o.File.Read(p, o.pos)
	o.pos += int64(n)
	o.mu.Unlock()
	if n > 0 {
		o.note(abi.IN_ACCESS)
	}
	return n, err
}

// Write writes at the position, or at the end with O_APPEND, and moves it: EBADF, EAGAIN, EPIPE, ENOSPC, EFBIG.
func (o *OpenFile) Write(p []byte) (int, error) {
	if err := o.writable(); err != nil {
		return 0, err
	}
	s, ok := o.File.(Seekable)
	if !ok {
		return o.File.Write(p, 0)
	}
	if err := o.removeSetID(); err != nil {
		return 0, err
	}
	n, err := o.writeAtPosition(s, p)
	if n > 0 {
		o.note(abi.IN_MODIFY)
	}
	return n, err
}

func (o *OpenFile) writeAtPosition(s Seekable, p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.flags.Load()&abi.O_APPEND == 0 {
		n, err := o.File.Write(p, o.pos)
		o.pos += int64(n)
		return n, err
	}
	n, err := o.File.Write(p, Append)
	if size, serr := s.Size(); serr == nil {
		o.pos = size
	}
	return n, err
}

// Pread reads at off (pread(2)): ESPIPE for streams, EINVAL for a negative offset, EISDIR.
func (o *OpenFile) Pread(p []byte, off int64) (int, error) {
	if err := o.readable(); err != nil {
		return 0, err
	}
	if o.dir != nil {
		return 0, abi.EISDIR
	}
	if _, ok := o.File.(Seekable); !ok {
		return 0, abi.ESPIPE
	}
	if off < 0 {
		return 0, abi.EINVAL
	}
	n, err := o.File.Read(p, off)
	if n > 0 {
		o.note(abi.IN_ACCESS)
	}
	return n, err
}

// Pwrite writes at off (pwrite(2)); with O_APPEND at the end, as Linux does.
func (o *OpenFile) Pwrite(p []byte, off int64) (int, error) {
	if err := o.writable(); err != nil {
		return 0, err
	}
	if _, ok := o.File.(Seekable); !ok {
		return 0, abi.ESPIPE
	}
	if off < 0 {
		return 0, abi.EINVAL
	}
	if err := o.removeSetID(); err != nil {
		return 0, err
	}
	if o.flags.Load()&abi.O_APPEND != 0 {
		off = Append
	}
	n, err := o.File.Write(p, off)
	if n > 0 {
		o.note(abi.IN_MODIFY)
	}
	return n, err
}

// removeSetID takes set-id bits from a file that somebody else than root is about to write to (write(2)).
func (o *OpenFile) removeSetID() error {
	if !o.dropIDs {
		return nil
	}
	st, err := o.Inode.Stat()
	if err != nil {
		return err
	}
	if mode, drop := withoutSetID(&st); drop {
		return o.Inode.SetStat(SetStat{Mode: &mode})
	}
	return nil
}

// withoutSetID returns a regular file's permission bits without set-id bits. A set-group-ID bit without the group's
// execute bit means something else and stays.
func withoutSetID(st *abi.Stat) (mode uint32, drop bool) {
	mode = st.Mode & abi.PermMask &^ abi.S_ISUID
	if mode&0o010 != 0 {
		mode &^= abi.S_ISGID
	}
	return mode, st.Mode&abi.S_IFMT == abi.S_IFREG && mode != st.Mode&abi.PermMask
}

// Seek moves the position (lseek(2)): ESPIPE, EINVAL, ENXIO.
func (o *OpenFile) Seek(off int64, whence int) (int64, error) {
	if o.Flags()&abi.O_PATH != 0 {
		return 0, abi.EBADF
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dir != nil {
		return o.dir.seek(off, whence)
	}
	s, ok := o.File.(Seekable)
	if !ok {
		return 0, abi.ESPIPE
	}
	var size int64
	if whence != abi.SEEK_SET && whence != abi.SEEK_CUR {
		var err error
		if size, err = s.Size(); err != nil {
			return 0, err
		}
	}
	switch whence {
	case abi.SEEK_SET:
	case abi.SEEK_CUR, abi.SEEK_END:
		base := o.pos
		if whence == abi.SEEK_END {
			base = size
		}
		if off > math.MaxInt64-base {
			return 0, abi.EOVERFLOW
		}
		off += base
	case abi.SEEK_DATA, abi.SEEK_HOLE:
		var err error
		if off, err = o.nextExtent(off, size, whence == abi.SEEK_HOLE); err != nil {
			return 0, err
		}
	default:
		return 0, abi.EINVAL
	}
	if off < 0 {
		return 0, abi.EINVAL
	}
	o.pos = off
	return off, nil
}

// Stat returns the attributes of the file. An anonymous one is a fifo of mode 0600, unless its File tells otherwise.
func (o *OpenFile) Stat() (abi.Stat, error) {
	if o.Inode != nil {
		return o.Inode.Stat()
	}
	if s, ok := o.File.(interface{ Stat() (abi.Stat, error) }); ok {
		return s.Stat()
	}
	return abi.Stat{Mode: abi.S_IFIFO | 0o600, Nlink: 1, Ino: o.ID, Dev: anonDev, Blksize: abi.PIPE_BUF}, nil
}

// Ready returns the poll(2) events that hold now, without those that the access mode rules out.
func (o *OpenFile) Ready() Events {
	if o.File == nil {
		return abi.POLLNVAL
	}
	return o.File.Ready()
}

// Sync writes the file's data through to the disk (fsync(2)); of a directory, its entries.
func (o *OpenFile) Sync() error {
	if s, ok := o.File.(Syncer); ok {
		return s.Sync()
	}
	if s, ok := o.Inode.(Syncer); ok {
		return s.Sync()
	}
	return nil
}

const anonDev = 1 // st_dev of pipes and sockets
