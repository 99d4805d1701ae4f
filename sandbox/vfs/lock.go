package vfs

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// FileID tells files apart: st_dev and st_ino.
type FileID struct{ Dev, Ino uint64 }

// IDOf returns a file's identity from its attributes.
func IDOf(st *abi.Stat) FileID { return FileID{st.Dev, st.Ino} }

// LockKind is which of Linux's three families of advisory locks a lock is of.
type LockKind uint8

// Kinds of locks. Process and description locks exclude each other; flock(2) minds neither.
const (
	ProcessLock     LockKind = iota // F_SETLK of fcntl(2), of a process
	DescriptionLock                 // F_OFD_SETLK, of an open file description
	FlockLock                       // flock(2), of an open file description; always of the whole file
)

// LockOwner is who holds locks: a process, or an open file description for each of the two other kinds.
type LockOwner struct {
	Kind   LockKind
	PID    int // of the process that locked first; as the kernel that Kernel names counts
	Kernel any

	// guarded by LockTable.mu
	held    map[FileID]int // how many locks
	blocked *LockOwner     // whose lock it waits for
}

// Lock is an advisory lock on the bytes Start to End, both included; LockEnd is the end of the file, wherever that is.
type Lock struct {
	Owner      *LockOwner
	Type       int // abi.F_RDLCK, F_WRLCK; F_UNLCK takes a lock away
	Start, End int64
}

// LockEnd as a lock's End means the end of the file.
const LockEnd = math.MaxInt64

// maxLocks bounds the locks of one owner, which are the daemon's memory.
const maxLocks = 1 << 16

// LockTable keeps the advisory locks on files by their identity. Kernels that share files share a table. Its zero value
// is empty.
type LockTable struct {
	mu    sync.Mutex
	files map[FileID]*fileLocks
}

type fileLocks struct {
	locks   []Lock // by start
	queue   WaitQueue
	waiters int
}

func (l *Lock) conflicts(o *Lock) bool {
	return l.Owner != o.Owner && (l.Owner.Kind == FlockLock) == (o.Owner.Kind == FlockLock) &&
		(l.Type == abi.F_WRLCK || o.Type == abi.F_WRLCK) && l.Start <= o.End && o.Start <= l.End
}

func (f *fileLocks) conflict(l *Lock) *Lock {
	if l.Type == abi.F_UNLCK {
		return nil
	}
	for i := range f.locks {
		if l.conflicts(&f.locks[i]) {
			return &f.locks[i]
		}
	}
	return nil
}

// Test returns a lock that keeps l from being set (F_GETLK).
func (t *LockTable) Test(id FileID, l Lock) (Lock, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.files[id]; f != nil {
		if c := f.conflict(&l); c != nil {
			return *c, true
		}
	}
	return Lock{}, false
}

// Set sets or takes away a lock, replacing what the owner has locked of those bytes: EAGAIN when another's lock is in
// the way, ENOLCK for too many. An owner that waits is remembered, and gets EDEADLK when the other, directly or not, waits
// for it; Wait ends that.
func (t *LockTable) Set(id FileID, l Lock, waits bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.files[id]
	if f == nil {
		if l.Type == abi.F_UNLCK {
			return nil
		}
		if t.files == nil {
			t.files = make(map[FileID]*fileLocks)
		}
		f = &fileLocks{}
		t.files[id] = f
	}
	defer t.tidy(id, f)
	if l.Owner.Kind == FlockLock && l.Type != abi.F_UNLCK { // a conversion gives up the old lock first (flock(2))
		if i := slices.IndexFunc(f.locks, func(h Lock) bool { return h.Owner == l.Owner }); i >= 0 && f.locks[i].Type != l.Type {
			f.set(id, Lock{Owner: l.Owner, Type: abi.F_UNLCK, End: LockEnd})
			f.queue.Notify(abi.POLLIN)
		}
	}
	if c := f.conflict(&l); c != nil {
		if !waits || l.Owner.Kind != ProcessLock {
			return abi.EAGAIN
		}
		for o := c.Owner; o != nil; o = o.blocked {
			if o == l.Owner {
				return abi.EDEADLK
			}
		}
		l.Owner.blocked = c.Owner
		return abi.EAGAIN
	}
	l.Owner.blocked = nil
	if l.Owner.held[id] >= maxLocks && l.Type != abi.F_UNLCK {
		return abi.ENOLCK
	}
	f.set(id, l)
	f.queue.Notify(abi.POLLIN) // a write lock may have become a read lock
	return nil
}

// set changes the list; there is no conflict.
func (f *fileLocks) set(id FileID, l Lock) {
	out := make([]Lock, 0, len(f.locks)+2)
	count := 0
	keep := func(h Lock) {
		out = append(out, h)
		if h.Owner == l.Owner {
			count++
		}
	}
	for _, h := range f.locks {
		switch {
		case h.Owner != l.Owner:
			keep(h)
		case h.Type == l.Type && touches(h, l):
			l.Start, l.End = min(l.Start, h.Start), max(l.End, h.End)
		case h.End < l.Start || h.Start > l.End:
			keep(h)
		default: // what l does not cover stays
			if h.Start < l.Start {
				keep(Lock{h.Owner, h.Type, h.Start, l.Start - 1})
			}
			if h.End > l.End {
				keep(Lock{h.Owner, h.Type, l.End + 1, h.End})
			}
		}
	}
	if l.Type != abi.F_UNLCK {
		keep(l)
	}
	slices.SortStableFunc(out, func(a, b Lock) int { return cmp.Compare(a.Start, b.Start) })
	f.locks = out
	if l.Owner.held == nil {
		l.Owner.held = make(map[FileID]int)
	}
	if l.Owner.held[id] = count; count == 0 {
		delete(l.Owner.held, id)
	}
}

// touches reports whether two ranges overlap or lie side by side.
func touches(a, b Lock) bool {
	return (a.End == LockEnd || a.End+1 >= b.Start) && (b.End == LockEnd || b.End+1 >= a.Start)
}

// tidy forgets a file that nobody has a lock on or waits for; t.mu is held.
func (t *LockTable) tidy(id FileID, f *fileLocks) {
	if len(f.locks) == 0 && f.waiters == 0 && t.files[id] == f {
		delete(t.files, id)
	}
}

// Wait has w woken when a lock on the file goes, until done is called. The owner is the one that is going to wait.
func (t *LockTable) Wait(id FileID, owner *LockOwner, w *Waiter) (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.files[id]
	if f == nil {
		if t.files == nil {
			t.files = make(map[FileID]*fileLocks)
		}
		f = &fileLocks{}
		t.files[id] = f
	}
	f.waiters++
	f.queue.Add(w)
	return func() {
		f.queue.Remove(w)
		t.mu.Lock()
		defer t.mu.Unlock()
		owner.blocked = nil
		f.waiters--
		t.tidy(id, f)
	}
}

// Release takes an owner's locks on one file away.
func (t *LockTable) Release(id FileID, owner *LockOwner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(id, owner)
}

// ReleaseAll takes all of an owner's locks away.
func (t *LockTable) ReleaseAll(owner *LockOwner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range owner.held {
		t.release(id, owner)
	}
}

func (t *LockTable) release(id FileID, owner *LockOwner) {
	if f := t.files[id]; f != nil && owner.held[id] > 0 {
		f.set(id, Lock{Owner: owner, Type: abi.F_UNLCK, End: LockEnd})
		f.queue.Notify(abi.POLLIN)
		t.tidy(id, f)
	}
}

// HeldLock is a lock and the file that it is on.
type HeldLock struct {
	Lock
	File FileID
}

// List returns the locks whose owners are of a kernel (/proc/locks).
func (t *LockTable) List(kernel any) []HeldLock {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []HeldLock
	for id, f := range t.files {
		for _, l := range f.locks {
			if l.Owner.Kernel == kernel {
				list = append(list, HeldLock{l, id})
			}
		}
	}
	slices.SortFunc(list, func(a, b HeldLock) int {
		return cmp.Or(cmp.Compare(a.File.Dev, b.File.Dev), cmp.Compare(a.File.Ino, b.File.Ino), cmp.Compare(a.Start, b.Start),
			cmp.Compare(a.Owner.PID, b.Owner.PID))
	})
	return list
}
