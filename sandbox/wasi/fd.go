package wasi

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Descriptors 0 to 2 are the kernel's, 3 and 4 the preopened directories, and n the kernel's n-2 from there on: the
// program's descriptors are the kernel's, and what it inherits comes after the preopens.
const (
	rootFD   = 3 // "/"
	cwdFD    = 4 // "."
	preopens = 2
)

// preopenName returns the name of an open preopened directory.
func preopenName(g *guest.Guest, fd int) (string, bool) {
	if fd < rootFD || fd > cwdFD || g.ClosedPreopens>>(fd-rootFD)&1 != 0 {
		return "", false
	}
	if fd == rootFD {
		return "/", true
	}
	return ".", true
}

// kernelFD returns the kernel's number of a descriptor: EBADF for preopened directories, which have none.
func kernelFD(fd int) (int, error) {
	switch {
	case fd < 0 || fd == rootFD || fd == cwdFD:
		return 0, abi.EBADF
	case fd < rootFD:
		return fd, nil
	}
	return fd - preopens, nil
}

// programFD returns the program's number of a kernel's descriptor.
func programFD(fd int) int {
	if fd < rootFD {
		return fd
	}
	return fd + preopens
}

func fdArg(v uint64) int { return int(int32(v)) }

// file returns the open file of a descriptor, with a reference that the caller releases: EBADF. A preopened directory is
// opened for it.
func file(g *guest.Guest, fd int) (*vfs.OpenFile, error) {
	if _, ok := preopenName(g, fd); ok {
		fs := g.Task.FS()
		p := fs.Root
		if fd == cwdFD {
			p = fs.Cwd
		}
		return fs.OpenPath(p, abi.O_RDONLY|abi.O_DIRECTORY)
	}
	n, err := kernelFD(fd)
	if err != nil {
		return nil, err
	}
	return g.Task.Files.Get(n)
}

// nonblocking reports the descriptor's own non-blocking flag. It is not the open file's: Go's runtime sets it for its
// standard descriptors, which other programs share.
func nonblocking(g *guest.Guest, fd int) bool { return g.Nonblock[fd] }

func setNonblocking(g *guest.Guest, fd int, on bool) {
	if !on {
		delete(g.Nonblock, fd)
		return
	}
	if g.Nonblock == nil {
		g.Nonblock = make(map[int]bool)
	}
	g.Nonblock[fd] = true
}

// fdClose is fd_close.
func fdClose(g *guest.Guest, s []uint64) error {
	fd := fdArg(s[0])
	if _, ok := preopenName(g, fd); ok {
		g.ClosedPreopens |= 1 << (fd - rootFD)
		return nil
	}
	n, err := kernelFD(fd)
	if err != nil {
		return err
	}
	setNonblocking(g, fd, false)
	return g.Task.Files.Close(n)
}

// fdRenumber is fd_renumber: notsup for the preopened directories.
func fdRenumber(g *guest.Guest, s []uint64) error {
	from, to := fdArg(s[0]), fdArg(s[1])
	for _, fd := range []int{from, to} {
		if _, ok := preopenName(g, fd); ok {
			return abi.ENOTSUP
		}
	}
	n, err := kernelFD(from)
	if err != nil {
		return err
	}
	target, err := kernelFD(to)
	if err != nil {
		return err
	}
	files := g.Task.Files
	old, err := files.Get(target)
	if err != nil {
		return err
	}
	old.Release()
	o, err := files.Get(n)
	if err != nil {
		return err
	}
	if n == target {
		o.Release()
		return nil
	}
	if err := files.Set(target, o, false); err != nil {
		return err
	}
	setNonblocking(g, to, nonblocking(g, from))
	setNonblocking(g, from, false)
	return files.Close(n)
}

// fdPrestatGet is fd_prestat_get; prestat is { tag u8, name_len u32 }, the tag 0 is a directory.
func fdPrestatGet(g *guest.Guest, s []uint64) error {
	name, ok := preopenName(g, fdArg(s[0]))
	if !ok {
		return abi.EBADF
	}
	b, err := slice(g, s[1], 8)
	if err != nil {
		return err
	}
	clear(b)
	le.PutUint32(b[4:], uint32(len(name)))
	return nil
}

// fdPrestatDirName is fd_prestat_dir_name: nametoolong for a buffer that is too small.
func fdPrestatDirName(g *guest.Guest, s []uint64) error {
	name, ok := preopenName(g, fdArg(s[0]))
	if !ok {
		return abi.EBADF
	}
	b, err := slice(g, s[1], s[2])
	if err != nil {
		return err
	}
	if len(b) < len(name) {
		return abi.ENAMETOOLONG
	}
	copy(b, name)
	return nil
}

// fdflags
const (
	flagAppend   = 1
	flagDsync    = 2
	flagNonblock = 4
	flagRsync    = 8
	flagSync     = 16
	allFlags     = 31
)

// openFlags translates fdflags to those of open(2), but for nonblock.
func openFlags(fdflags uint32) int {
	flags := 0
	if fdflags&flagAppend != 0 {
		flags |= abi.O_APPEND
	}
	if fdflags&flagDsync != 0 {
		flags |= abi.O_DSYNC
	}
	if fdflags&(flagRsync|flagSync) != 0 {
		flags |= abi.O_SYNC
	}
	return flags
}

// rights
const (
	rightFDRead  = 1 << 1
	rightFDSeek  = 1 << 2
	rightFDTell  = 1 << 5
	rightFDWrite = 1 << 6

	allRights    = 1<<30 - 1
	socketRights = 1<<28 | 1<<29                                                 // sock_shutdown, sock_accept
	fileRights   = allRights &^ (pathRights | socketRights | 1<<14)              // 14: fd_readdir
	pathRights   = 0x1ff<<9&^(1<<14) | 1<<18 | 1<<19 | 1<<20 | 0x7<<24           // path_…
	dirRights    = pathRights | 1<<14 | 1<<2 | 1<<3 | 1<<4 | 1<<21 | 1<<23       // fd_readdir, seek, set_flags, sync, filestat
	noSeek       = rightFDSeek | rightFDTell | 1<<8 | 1<<22                      // nor allocate, filestat_set_size
	writeRights  = rightFDWrite | 1 /* datasync */ | 1<<8 /* allocate */ | 1<<22 // filestat_set_size
)

// fdFdstatGet is fd_fdstat_get; fdstat is { filetype u8, flags u16, base u64, inheriting u64 }.
func fdFdstatGet(g *guest.Guest, s []uint64) error {
	fd := fdArg(s[0])
	o, err := file(g, fd)
	if err != nil {
		return err
	}
	defer o.Release()
	st, err := o.Stat()
	if err != nil {
		return err
	}
	b, err := slice(g, s[1], 24)
	if err != nil {
		return err
	}
	clear(b)
	b[0] = filetype(st.Mode)
	if sock, err := kernel.SocketOf(o); err == nil && sock.Type() == abi.SOCK_DGRAM {
		b[0] = socketDgram
	}
	flags := uint16(0)
	if o.Flags()&abi.O_APPEND != 0 {
		flags |= flagAppend
	}
	if o.Flags()&abi.O_DSYNC != 0 {
		flags |= flagDsync
	}
	if o.Flags()&abi.O_SYNC == abi.O_SYNC {
		flags |= flagSync
	}
	if o.Nonblocking() || nonblocking(g, fd) {
		flags |= flagNonblock
	}
	le.PutUint16(b[2:], flags)
	base, inheriting := uint64(fileRights), uint64(0)
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		base, inheriting = dirRights, allRights&^socketRights
	} else {
		switch o.Flags() & abi.O_ACCMODE {
		case abi.O_RDONLY:
			base &^= writeRights
		case abi.O_WRONLY:
			base &^= rightFDRead
		}
		// wasi-libc takes a character device that cannot seek for a terminal.
		switch typ := st.Mode & abi.S_IFMT; {
		case typ == abi.S_IFSOCK:
			base = base&^noSeek | socketRights
		case typ == abi.S_IFIFO, isTerminal(g, o):
			base &^= noSeek
		}
	}
	le.PutUint64(b[8:], base)
	le.PutUint64(b[16:], inheriting)
	return nil
}

func isTerminal(g *guest.Guest, o *vfs.OpenFile) bool {
	f, ok := o.File.(vfs.Ioctler)
	if !ok {
		return false
	}
	var tio abi.Termios
	_, err := f.Ioctl(g.Task, abi.TCGETS, 0, abi.Bytes(&tio))
	return err == nil
}

// fdFdstatSetFlags is fd_fdstat_set_flags; only append and nonblock can be changed, as with fcntl(2).
func fdFdstatSetFlags(g *guest.Guest, s []uint64) error {
	fd, flags := fdArg(s[0]), uint32(s[1])
	if flags&^allFlags != 0 {
		return abi.EINVAL
	}
	o, err := file(g, fd)
	if err != nil {
		return err
	}
	defer o.Release()
	setNonblocking(g, fd, flags&flagNonblock != 0)
	keep := o.Flags() & abi.O_NONBLOCK
	if flags&flagNonblock == 0 {
		keep = 0
	}
	o.SetFlags(openFlags(flags)&abi.O_APPEND | keep)
	return nil
}

// fdFdstatSetRights is fd_fdstat_set_rights: notcapable, as far as rights are not what the descriptor has anyway, is not
// told: rights can only be taken, and nothing is done about those taken.
func fdFdstatSetRights(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err == nil {
		o.Release()
	}
	return err
}

// filetype translates st_mode; a fifo is unknown.
const socketDgram = 5 // filetype; direntType knows streams alone

func filetype(mode uint32) uint8 { return direntType(abi.DirentType(mode)) }

func direntType(dt uint8) uint8 {
	switch dt {
	case abi.DT_BLK:
		return 1
	case abi.DT_CHR:
		return 2
	case abi.DT_DIR:
		return 3
	case abi.DT_REG:
		return 4
	case abi.DT_SOCK:
		return 6
	case abi.DT_LNK:
		return 7
	}
	return 0
}

// putFilestat writes a filestat: { dev u64, ino u64, filetype u8, nlink u64, size u64, atim u64, mtim u64, ctim u64 }.
func putFilestat(g *guest.Guest, addr uint64, st *abi.Stat) error {
	b, err := slice(g, addr, 64)
	if err != nil {
		return err
	}
	le.PutUint64(b, st.Dev)
	le.PutUint64(b[8:], st.Ino)
	le.PutUint64(b[16:], uint64(filetype(st.Mode)))
	le.PutUint64(b[24:], st.Nlink)
	le.PutUint64(b[32:], uint64(st.Size))
	le.PutUint64(b[40:], uint64(st.Atim.Nanoseconds()))
	le.PutUint64(b[48:], uint64(st.Mtim.Nanoseconds()))
	le.PutUint64(b[56:], uint64(st.Ctim.Nanoseconds()))
	return nil
}

// fdFilestatGet is fd_filestat_get.
func fdFilestatGet(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	st, err := o.Stat()
	if err != nil {
		return err
	}
	return putFilestat(g, s[1], &st)
}

// fdFilestatSetSize is fd_filestat_set_size.
func fdFilestatSetSize(g *guest.Guest, s []uint64) error {
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	if err := g.Task.MayGrow(int64(s[1])); err != nil {
		return err
	}
	return o.Truncate(int64(s[1]))
}

// fdFilestatSetTimes is fd_filestat_set_times.
func fdFilestatSetTimes(g *guest.Guest, s []uint64) error {
	ts, err := timesArg(s[1], s[2], uint32(s[3]))
	if err != nil {
		return err
	}
	o, err := file(g, fdArg(s[0]))
	if err != nil {
		return err
	}
	defer o.Release()
	if o.Path.IsZero() {
		return abi.EINVAL
	}
	return g.Task.FS().SetTimes(o.Path, ts)
}

// timesArg translates timestamps and fstflags to what utimensat(2) takes: EINVAL for contradictions.
func timesArg(atim, mtim uint64, flags uint32) (*[2]abi.Timespec, error) {
	ts := [2]abi.Timespec{{Nsec: abi.UTIME_OMIT}, {Nsec: abi.UTIME_OMIT}}
	for i, v := range []uint64{atim, mtim} {
		switch flags >> (2 * i) & 3 {
		case 1:
			ts[i] = abi.TimespecOf(int64(v))
		case 2:
			ts[i].Nsec = abi.UTIME_NOW
		case 3:
			return nil, abi.EINVAL
		}
	}
	if flags>>4 != 0 {
		return nil, abi.EINVAL
	}
	return &ts, nil
}
