package text

import (
	"fmt"
	"path"
	"strconv"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// followed is a file of tail -f.
type followed struct {
	fd      int // -1: it is not there
	name    string
	ino     uint64
	watch   int  // what inotify(7) calls it
	watched bool // no change of it goes unseen
	dir     bool // nor does one of its name, with -F
}

// follow prints what is added, for ever; with -F a file that was replaced is opened again. It sleeps until inotify(7)
// tells of a change, or, when there is a file that cannot be watched (a pipe), for the period of -s.
func (t *tailer) follow() {
	period := int64(1e9)
	if text, ok := t.o.Arg('s'); ok {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.c.Fatalf("invalid number '%s'", text)
		}
		period = int64(f * 1e9)
	}
	inotify, err := sys.InotifyInit1(abi.O_CLOEXEC | abi.O_NONBLOCK)
	if err != nil {
		inotify = -1
	}
	t.inotify = inotify
	buf := make([]byte, 64<<10)
	for {
		allWatched := true
		for i, f := range t.files {
			// Watched before it is read, so that nothing comes in between.
			if !t.watch(f) {
				allWatched = false
			}
			if t.o.Has("F") && f.name != "-" && t.reopen(f) && !t.watch(f) {
				allWatched = false
			}
			if f.fd >= 0 {
				t.more(i, f, buf)
			}
		}
		t.c.Out.Flush()
		if !allWatched {
			sys.Nanosleep(period)
			continue
		}
		sys.Poll([]abi.PollFd{{Fd: int32(inotify), Events: abi.POLLIN}}, -1)
		for { // what happened is looked up
			if n, err := sys.Read(inotify, buf); n <= 0 || err != nil {
				break
			}
		}
	}
}

// more prints what was added to a file.
func (t *tailer) more(i int, f *followed, buf []byte) {
	if st, err := sys.Fstat(f.fd); err == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
		if pos, err := sys.Lseek(f.fd, 0, abi.SEEK_CUR); err == nil && pos > st.Size {
			t.c.Errorf("%s: file truncated", f.name)
			sys.Lseek(f.fd, 0, abi.SEEK_SET)
		}
	}
	for {
		n, err := sys.Read(f.fd, buf)
		if err != nil {
			t.c.Perror(f.name, err)
		}
		if n <= 0 {
			return
		}
		t.header(i)
		t.c.Out.Write(buf[:n])
	}
}

// watch has a file watched, with -F its directory too, and reports whether no change of it goes unseen.
func (t *tailer) watch(f *followed) bool {
	if t.inotify < 0 {
		return false
	}
	if !f.watched && f.fd >= 0 {
		if st, err := sys.Fstat(f.fd); err != nil || st.Mode&abi.S_IFMT != abi.S_IFREG {
			return false
		}
		wd, err := sys.InotifyAddWatch(t.inotify, fmt.Sprint("/proc/self/fd/", f.fd), abi.IN_MODIFY)
		f.watch, f.watched = wd, err == nil
	}
	if !f.dir && t.o.Has("F") && f.name != "-" {
		const names = abi.IN_CREATE | abi.IN_DELETE | abi.IN_MOVED_FROM | abi.IN_MOVED_TO | abi.IN_ONLYDIR
		_, err := sys.InotifyAddWatch(t.inotify, path.Dir(f.name), names)
		f.dir = err == nil
	}
	return (f.watched || f.fd < 0) && (f.dir || !t.o.Has("F") || f.name == "-")
}

func (t *tailer) unwatch(f *followed) {
	if f.watched {
		sys.InotifyRmWatch(t.inotify, f.watch)
		f.watched = false
	}
}

// reopen opens a file anew that has another inode than before, and reports whether it did.
func (t *tailer) reopen(f *followed) bool {
	st, err := sys.Stat(f.name)
	if err == nil && f.fd >= 0 && st.Ino == f.ino {
		return false
	}
	if f.fd >= 0 {
		if err != nil {
			t.c.Errorf("%s has been renamed or deleted", f.name)
		} else {
			t.c.Errorf("%s has been replaced", f.name)
		}
		t.unwatch(f)
		sys.Close(f.fd)
		f.fd = -1
	}
	if err != nil {
		return false
	}
	fd, err := sys.Open(f.name, abi.O_RDONLY|abi.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	f.fd, f.ino = fd, st.Ino
	t.c.Errorf("%s has appeared", f.name)
	return true
}
