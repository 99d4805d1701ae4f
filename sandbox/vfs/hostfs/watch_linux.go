package hostfs

import (
	"os"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// watcher hears from the host what changes, whoever does it: a program of the sandbox, of another one, or of the host. It
// has one inotify instance of the host while anybody watches, and a goroutine that waits for its events.
type watcher struct {
	mu      sync.Mutex
	inotify *os.File // nil while nobody watches
	byWd    map[int32][]*watch
}

type watch struct {
	mask uint32
	fn   func(vfs.WatchEvent)
}

// watch is a vfs.Watcher: EACCES when the host does not let the daemon read the file, EMFILE and ENOSPC at the host's
// limits.
func (fs *FS) watch(i vfs.Inode, mask uint32, fn func(vfs.WatchEvent)) (cancel func(), err error) {
	n, err := fs.nodeOf(i)
	if err != nil {
		return nil, err
	}
	w := &fs.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inotify == nil {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil {
			return nil, errno(err)
		}
		w.inotify, w.byWd = os.NewFile(uintptr(fd), "inotify"), make(map[int32][]*watch)
		go w.read(w.inotify)
	}
	// Filters are ours, as several who watch one file have one watch of the host.
	const all = unix.IN_ALL_EVENTS | unix.IN_MASK_ADD
	var wd int
	add := func(path string) error {
		return control(w.inotify, func(fd int) error {
			wd, err = unix.InotifyAddWatch(fd, path, all)
			return err
		})
	}
	if f := n.opened(); f != nil {
		err = control(f.f, func(fd int) error { return add(procFD(fd)) })
	} else {
		err = n.at(func(d *hostDir, name string) error { return d.pinned(name, add) })
	}
	if err != nil {
		w.stopIfIdle()
		return nil, errno(err)
	}
	own, of := &watch{mask, fn}, w.inotify
	w.byWd[int32(wd)] = append(w.byWd[int32(wd)], own)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.inotify == of {
			w.drop(int32(wd), own)
			w.stopIfIdle()
		}
	}, nil
}

// pinned calls f with a path that leads to an entry, or to the directory itself for "", whatever becomes of its name.
func (d *hostDir) pinned(name string, f func(path string) error) error {
	if name == "" {
		return f(procFD(d.fd))
	}
	fd, err := d.openat(name, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(procFD(fd))
}

// drop forgets a watch; w.mu is held.
func (w *watcher) drop(wd int32, own *watch) {
	list := w.byWd[wd]
	i := slices.Index(list, own)
	if i < 0 {
		return
	}
	if len(list) > 1 {
		w.byWd[wd] = slices.Delete(slices.Clone(list), i, i+1)
		return
	}
	delete(w.byWd, wd)
	control(w.inotify, func(fd int) error {
		_, err := unix.InotifyRmWatch(fd, uint32(wd))
		return err
	})
}

// stopIfIdle ends the instance when nobody watches any more; w.mu is held.
func (w *watcher) stopIfIdle() {
	if w.inotify != nil && len(w.byWd) == 0 {
		w.inotify.Close()
		w.inotify = nil
	}
}

// close ends the instance; who still watches hears nothing more.
func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inotify != nil {
		clear(w.byWd)
		w.stopIfIdle()
	}
}

// read hands out events until the instance is closed.
func (w *watcher) read(from *os.File) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		if w.inotify == from {
			for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
				ev := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
				end := unix.SizeofInotifyEvent + int(ev.Len)
				w.send(ev, strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00"))
				b = b[end:]
			}
			w.stopIfIdle()
		}
		w.mu.Unlock()
	}
}

// send gives an event to those whose watch it is; w.mu is held.
func (w *watcher) send(ev *unix.InotifyEvent, name string) {
	out := vfs.WatchEvent{Mask: ev.Mask, Cookie: ev.Cookie, Name: name}
	if ev.Mask&unix.IN_Q_OVERFLOW != 0 {
		for _, list := range w.byWd {
			for _, own := range list {
				own.fn(out)
			}
		}
		return
	}
	for _, own := range w.byWd[ev.Wd] {
		always := ev.Mask&(unix.IN_IGNORED|unix.IN_UNMOUNT) != 0
		if !always && ev.Mask&own.mask&unix.IN_ALL_EVENTS == 0 {
			continue
		}
		own.fn(out)
		if own.mask&abi.IN_ONESHOT != 0 && !always {
			own.fn(vfs.WatchEvent{Mask: abi.IN_IGNORED})
			w.drop(ev.Wd, own)
		}
	}
	if ev.Mask&unix.IN_IGNORED != 0 {
		delete(w.byWd, ev.Wd)
	}
}
