package vfs

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// WatchEvent is a change of a watched file (inotify(7)).
type WatchEvent struct {
	Mask   uint32 // abi.IN_ bits
	Cookie uint32 // joins the two halves of a rename
	Name   string // of the entry, when the watched file is a directory and the event its entry's
}

// Watcher watches the files of a filesystem that others change too, and so hears of changes from somebody else. fn is
// called for each event, and for IN_IGNORED at the end that the file's removal brings; it must not block.
type Watcher func(i Inode, mask uint32, fn func(WatchEvent)) (cancel func(), err error)

// watches are those who watch the files of a filesystem. Nobody watching costs an operation one atomic load.
type watches struct {
	count atomic.Int32
	mu    sync.Mutex
	files map[FileID][]*watch
}

type watch struct {
	mask uint32
	fn   func(WatchEvent)
}

var lastCookie atomic.Uint32

// Watch calls fn for the events of mask on a file and, if it is a directory, on its entries, until cancel is called or
// the file is gone, which IN_IGNORED tells. fn must not block or use the filesystem.
func (p Path) Watch(mask uint32, fn func(WatchEvent)) (cancel func(), err error) {
	fs := p.Dentry.fs
	if fs.Watcher != nil {
		return fs.Watcher(p.Inode(), mask, fn)
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return nil, err
	}
	w, id, t := &watch{mask, fn}, IDOf(&st), &fs.watches
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		t.files = make(map[FileID][]*watch)
	}
	t.files[id] = append(t.files[id], w)
	t.count.Add(1)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.drop(id, w)
	}, nil
}

// drop forgets a watch; t.mu is held.
func (t *watches) drop(id FileID, w *watch) {
	list := t.files[id]
	i := slices.Index(list, w)
	if i < 0 {
		return
	}
	t.count.Add(-1)
	if len(list) == 1 {
		delete(t.files, id)
		return
	}
	t.files[id] = slices.Delete(slices.Clone(list), i, i+1)
}

// send gives an event to those who watch a file.
func (t *watches) send(st *abi.Stat, ev WatchEvent, unlinked bool) {
	id := IDOf(st)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.files[id] {
		switch {
		case ev.Mask&w.mask&abi.IN_ALL_EVENTS == 0, unlinked && w.mask&abi.IN_EXCL_UNLINK != 0:
			continue
		}
		w.fn(ev)
		if w.mask&abi.IN_ONESHOT != 0 {
			w.fn(WatchEvent{Mask: abi.IN_IGNORED})
			t.drop(id, w)
		}
	}
}

// end tells that a file is gone.
func (t *watches) end(st *abi.Stat) {
	t.send(st, WatchEvent{Mask: abi.IN_DELETE_SELF}, false)
	id := IDOf(st)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.files[id] {
		w.fn(WatchEvent{Mask: abi.IN_IGNORED})
		t.count.Add(-1)
	}
	delete(t.files, id)
}

func dirBit(st *abi.Stat) uint32 {
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		return abi.IN_ISDIR
	}
	return 0
}

// note tells those who watch a file, and those who watch the directory that it is in, of an event.
func (d *Dentry) note(mask uint32) {
	if d.fs.watches.count.Load() != 0 {
		d.noteAll(mask, false)
	}
}

// noteAll is note when somebody watches; with unlinked, those do not care who asked for IN_EXCL_UNLINK.
func (d *Dentry) noteAll(mask uint32, unlinked bool) {
	t := &d.fs.watches
	st, err := d.inode.Stat()
	if err != nil {
		return
	}
	mask |= dirBit(&st)
	if at := d.place.Load(); at != nil {
		if pst, err := at.parent.inode.Stat(); err == nil {
			t.send(&pst, WatchEvent{Mask: mask, Name: at.name}, unlinked)
		}
	}
	t.send(&st, WatchEvent{Mask: mask}, unlinked)
}

// noteSelf tells those who watch the file itself.
func (d *Dentry) noteSelf(mask uint32) {
	if d.fs.watches.count.Load() == 0 {
		return
	}
	if st, err := d.inode.Stat(); err == nil {
		if mask&abi.IN_MOVE_SELF == 0 {
			mask |= dirBit(&st)
		}
		d.fs.watches.send(&st, WatchEvent{Mask: mask}, false)
	}
}

// noteEntry tells those who watch a directory of its entry, whose attributes are st.
func (d *Dentry) noteEntry(mask, cookie uint32, name string, st *abi.Stat) {
	if d.fs.watches.count.Load() == 0 {
		return
	}
	if dst, err := d.inode.Stat(); err == nil {
		d.fs.watches.send(&dst, WatchEvent{Mask: mask | dirBit(st), Cookie: cookie, Name: name}, false)
	}
}

// noteMade tells of a new entry.
func (d *Dentry) noteMade(name string, c *Dentry) {
	if d.fs.watches.count.Load() == 0 {
		return
	}
	if st, err := c.inode.Stat(); err == nil {
		if st.Nlink > 1 && st.Mode&abi.S_IFMT != abi.S_IFDIR {
			c.noteSelf(abi.IN_ATTRIB) // a further link
		}
		d.noteEntry(abi.IN_CREATE, 0, name, &st)
	}
}

// noteUnlinked tells those who watch a file that it has a name less, or is gone.
func (d *Dentry) noteUnlinked(byRename bool) {
	if d.fs.watches.count.Load() == 0 {
		return
	}
	st, err := d.inode.Stat()
	if err != nil {
		return
	}
	if byRename || st.Mode&abi.S_IFMT != abi.S_IFDIR {
		d.noteSelf(abi.IN_ATTRIB)
	}
	d.noteGone(&st)
}

// noteGone ends the watches of a file that has no name any more, when nobody has it open by this one. That it may be open
// by another name, which was removed too, does not count on Linux either.
func (d *Dentry) noteGone(st *abi.Stat) {
	if st.Nlink == 0 && d.opens.Load() == 0 {
		d.fs.watches.end(st)
	}
}

// XattrChanged tells who watches a file that an extended attribute of it was changed.
func (p Path) XattrChanged() { p.Dentry.note(abi.IN_ATTRIB) }

// note tells of an event on an open file. Streams have no watchers.
func (o *OpenFile) note(mask uint32) {
	if d := o.Path.Dentry; d != nil && d.fs.watches.count.Load() != 0 {
		d.noteAll(mask, d.removed.Load())
	}
}

// noteClosed tells that the file, which has a place, was closed.
func (o *OpenFile) noteClosed() {
	d := o.Path.Dentry
	if d.fs.watches.count.Load() == 0 {
		return
	}
	switch flags := o.Flags(); {
	case flags&abi.O_PATH != 0:
	case flags&abi.O_ACCMODE == abi.O_RDONLY:
		d.noteAll(abi.IN_CLOSE_NOWRITE, d.removed.Load())
	default:
		d.noteAll(abi.IN_CLOSE_WRITE, d.removed.Load())
	}
	if st, err := d.inode.Stat(); err == nil {
		d.noteGone(&st)
	}
}
