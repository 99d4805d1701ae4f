package kernel

import (
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Locks returns the table of advisory file locks, which kernels that share files share.
func (k *Kernel) Locks() *vfs.LockTable { return k.locks }

// LockFile sets or takes away an advisory lock on an open file, waiting for others' locks to go if wait is set
// (fcntl(2), F_SETLKW; flock(2)). l's owner is found by kind. EAGAIN, EDEADLK, EINTR, ENOLCK.
func (t *Task) LockFile(o *vfs.OpenFile, kind vfs.LockKind, l vfs.Lock, wait bool) error {
	st, err := o.Stat()
	if err != nil {
		return err
	}
	id := vfs.IDOf(&st)
	tab := t.k.locks
	l.Owner = t.lockOwner(o, kind)
	if err := tab.Set(id, l, false); err != abi.EAGAIN || !wait {
		return err
	}
	w := vfs.Waiter{Mask: abi.POLLIN, Wake: t.wakeUp}
	defer tab.Wait(id, l.Owner, &w)()
	werr := t.sleepUntil(time.Time{}, func() bool {
		err = tab.Set(id, l, true)
		return err != abi.EAGAIN
	})
	if werr != nil {
		return werr
	}
	return err
}

// TestLock returns a lock that is in the way of l (F_GETLK), and the pid of its owner as the task sees it: -1 for an open
// file description, 0 for a process of another sandbox.
func (t *Task) TestLock(o *vfs.OpenFile, kind vfs.LockKind, l vfs.Lock) (found vfs.Lock, pid int, ok bool, err error) {
	st, err := o.Stat()
	if err != nil {
		return vfs.Lock{}, 0, false, err
	}
	l.Owner = t.lockOwner(o, kind)
	found, ok = t.k.locks.Test(vfs.IDOf(&st), l)
	switch {
	case !ok:
	case found.Owner.Kind == vfs.DescriptionLock:
		pid = -1
	case found.Owner.Kernel == t.k:
		pid = found.Owner.PID
	}
	return found, pid, ok, nil
}

// lockOwner returns in whose name a task locks a file.
func (t *Task) lockOwner(o *vfs.OpenFile, kind vfs.LockKind) *vfs.LockOwner {
	if kind == vfs.ProcessLock {
		return t.Files.lockOwner(t)
	}
	return o.LockOwner(kind, t.k.locks, func() *vfs.LockOwner { return &vfs.LockOwner{Kind: kind, PID: t.pid, Kernel: t.k} })
}

// lockOwner returns the owner of a process's locks, made at its first lock.
func (f *FDTable) lockOwner(t *Task) *vfs.LockOwner {
	if h := f.locks.Load(); h != nil {
		return h.owner
	}
	h := &lockHolder{&vfs.LockOwner{Kind: vfs.ProcessLock, PID: t.pid, Kernel: t.k}, t.k.locks}
	f.locks.Store(h)
	return h.owner
}

// lockHolder is a process that has used locks.
type lockHolder struct {
	owner *vfs.LockOwner
	table *vfs.LockTable
}

// closed drops the reference of a descriptor that is gone. Whichever descriptor of a file a process closes, its locks on
// the file go (fcntl(2)).
func (f *FDTable) closed(o *vfs.OpenFile) error {
	if h := f.locks.Load(); h != nil && o.Flags()&abi.O_PATH == 0 {
		if st, err := o.Stat(); err == nil {
			h.table.Release(vfs.IDOf(&st), h.owner)
		}
	}
	return o.Release()
}
