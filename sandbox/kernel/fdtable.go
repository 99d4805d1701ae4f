package kernel

import (
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// FDTable maps descriptors to open files.
type FDTable struct {
	mu    sync.RWMutex
	fds   []fdEntry
	free  int // no free descriptor below it
	limit int
	locks atomic.Pointer[lockHolder] // nil until the process locks a file
}

type fdEntry struct {
	file    *vfs.OpenFile
	cloexec bool
}

// maxFDs bounds a table whatever RLIMIT_NOFILE says (/proc/sys/fs/nr_open).
const maxFDs = 1 << 20

// NewFDTable makes an empty table.
func NewFDTable() *FDTable { return &FDTable{limit: maxFDs} }

// SetLimit sets RLIMIT_NOFILE: one more than the highest descriptor that may be made.
func (f *FDTable) SetLimit(n uint64) {
	f.mu.Lock()
	f.limit = int(min(n, maxFDs))
	f.mu.Unlock()
}

// Get returns the file of a descriptor, with a reference that the caller releases: EBADF.
func (f *FDTable) Get(fd int) (*vfs.OpenFile, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if fd < 0 || fd >= len(f.fds) || f.fds[fd].file == nil {
		return nil, abi.EBADF
	}
	return f.fds[fd].file.Retain(), nil
}

// Add gives a file the lowest free descriptor from min on: EMFILE. The table takes over the reference, also on error.
func (f *FDTable) Add(file *vfs.OpenFile, min int, cloexec bool) (int, error) {
	f.mu.Lock()
	fd, err := f.lowest(min)
	if err == nil {
		f.set(fd, fdEntry{file, cloexec})
	}
	f.mu.Unlock()
	if err != nil {
		file.Release()
	}
	return fd, err
}

func (f *FDTable) lowest(min int) (int, error) {
	if min < 0 || min > 0 && min >= f.limit {
		return 0, abi.EINVAL
	}
	fd := max(min, f.free)
	for fd < len(f.fds) && f.fds[fd].file != nil {
		fd++
	}
	if min <= f.free {
		f.free = fd
	}
	if fd >= f.limit {
		return 0, abi.EMFILE
	}
	return fd, nil
}

func (f *FDTable) set(fd int, e fdEntry) (old *vfs.OpenFile) {
	for fd >= len(f.fds) {
		f.fds = append(f.fds, fdEntry{})
	}
	old = f.fds[fd].file
	f.fds[fd] = e
	return old
}

// Set puts a file at a descriptor, closing what was there (dup2(2)): EBADF out of range. It takes over the reference.
func (f *FDTable) Set(fd int, file *vfs.OpenFile, cloexec bool) error {
	f.mu.Lock()
	if fd < 0 || fd >= f.limit {
		f.mu.Unlock()
		file.Release()
		return abi.EBADF
	}
	old := f.set(fd, fdEntry{file, cloexec})
	f.mu.Unlock()
	if old != nil {
		f.closed(old)
	}
	return nil
}

// Close closes a descriptor: EBADF.
func (f *FDTable) Close(fd int) error {
	f.mu.Lock()
	if fd < 0 || fd >= len(f.fds) || f.fds[fd].file == nil {
		f.mu.Unlock()
		return abi.EBADF
	}
	old := f.set(fd, fdEntry{})
	f.free = min(f.free, fd)
	f.mu.Unlock()
	return f.closed(old)
}

// Cloexec returns a descriptor's close-on-exec flag: EBADF.
func (f *FDTable) Cloexec(fd int) (bool, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if fd < 0 || fd >= len(f.fds) || f.fds[fd].file == nil {
		return false, abi.EBADF
	}
	return f.fds[fd].cloexec, nil
}

// SetCloexec sets it: EBADF.
func (f *FDTable) SetCloexec(fd int, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fd < 0 || fd >= len(f.fds) || f.fds[fd].file == nil {
		return abi.EBADF
	}
	f.fds[fd].cloexec = on
	return nil
}

// List returns the descriptors in use.
func (f *FDTable) List() []int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var list []int
	for fd, e := range f.fds {
		if e.file != nil {
			list = append(list, fd)
		}
	}
	return list
}

// clone copies the table as fork(2) does, or with exec, as execve(2) leaves it: without what is close-on-exec.
func (f *FDTable) clone(exec bool) *FDTable {
	f.mu.RLock()
	defer f.mu.RUnlock()
	c := &FDTable{fds: make([]fdEntry, len(f.fds)), limit: f.limit}
	for fd, e := range f.fds {
		if e.file != nil && !(exec && e.cloexec) {
			e.file.Retain()
			c.fds[fd] = e
		}
	}
	return c
}

// replace makes the table what another is, which nobody may use any more, and closes what it held.
func (f *FDTable) replace(by *FDTable) {
	f.mu.Lock()
	old := f.fds
	f.fds, f.free = by.fds, by.free
	f.mu.Unlock()
	for fd, e := range old {
		switch {
		case e.file == nil:
		case fd < len(by.fds) && by.fds[fd].file == e.file: // it was not closed
			e.file.Release()
		default:
			f.closed(e.file)
		}
	}
}

// closeAll empties the table.
func (f *FDTable) closeAll() {
	f.mu.Lock()
	fds := f.fds
	f.fds, f.free = nil, 0
	f.limit = 0 // nothing is added to a dead task's table
	f.mu.Unlock()
	if h := f.locks.Swap(nil); h != nil {
		h.table.ReleaseAll(h.owner)
	}
	for _, e := range fds {
		if e.file != nil {
			e.file.Release()
		}
	}
}
