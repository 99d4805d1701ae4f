package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/files"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// extractor unpacks members.
type extractor struct {
	*tarrer
	r        *tar.Reader
	buf      []byte
	loc      *time.Location
	symlinks []*tar.Header // those that lead elsewhere, made when all files are there
	dirs     []*tar.Header // whose times are set when all files are there
}

// member lists or unpacks one member.
func (e *extractor) member(h *tar.Header, list bool) {
	if !e.wanted(h.Name) || e.isExcluded(h.Name) {
		return
	}
	h.Name = e.safe(h.Name)
	if h.Typeflag == tar.TypeLink {
		h.Linkname = e.safe(h.Linkname)
	}
	for range e.strip {
		i := strings.IndexByte(h.Name, '/')
		if i < 0 || strings.Trim(h.Name[i:], "/") == "" {
			return
		}
		h.Name = strings.TrimLeft(h.Name[i:], "/")
	}
	if h.Name == "" {
		return
	}
	switch {
	case list && e.o.Has("v"):
		e.long(h)
		return
	case list:
		e.c.Out.WriteString(h.Name + "\n")
		return
	case e.o.Has("v"):
		if e.o.Has("O") {
			sys.Write(2, []byte(h.Name+"\n"))
		} else {
			e.c.Out.WriteString(h.Name + "\n")
		}
	}
	if e.o.Has("O") {
		if h.Typeflag == tar.TypeReg {
			e.copy(&e.c.Out)
		}
		return
	}
	e.extract(h)
}

// long lists a member as ls -l would.
func (e *extractor) long(h *tar.Header) {
	mode := uint32(h.Mode) & abi.PermMask
	switch h.Typeflag {
	case tar.TypeDir:
		mode |= abi.S_IFDIR
	case tar.TypeSymlink:
		mode |= abi.S_IFLNK
	case tar.TypeChar:
		mode |= abi.S_IFCHR
	case tar.TypeBlock:
		mode |= abi.S_IFBLK
	case tar.TypeFifo:
		mode |= abi.S_IFIFO
	default:
		mode |= abi.S_IFREG
	}
	user, group := h.Uname, h.Gname
	if user == "" || e.o.Has(string([]byte{optNumeric})) {
		user = fmt.Sprint(h.Uid)
	}
	if group == "" || e.o.Has(string([]byte{optNumeric})) {
		group = fmt.Sprint(h.Gid)
	}
	e.c.Out.Printf("%s %s/%s %9d %s %s", files.ModeString(mode), user, group, h.Size, h.ModTime.In(e.loc).Format("2006-01-02 15:04:05"), h.Name)
	if h.Linkname != "" {
		e.c.Out.WriteString(" -> " + h.Linkname)
	}
	e.c.Out.WriteByte('\n')
}

func (e *extractor) copy(w io.Writer) {
	for {
		n, err := e.r.Read(e.buf)
		if n > 0 {
			if _, err := w.Write(e.buf[:n]); err != nil {
				e.c.Fatalf("write error: %s", applet.Strerror(err))
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			e.c.Fatalf("%s", readError(err))
		}
	}
}

func readError(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "short read"
	}
	return applet.Strerror(err)
}

func (e *extractor) fail(format, path string, err error) {
	e.c.Errorf(format, path, applet.Strerror(err))
	e.code = 1
}

// extract makes a member's file.
func (e *extractor) extract(h *tar.Header) {
	path := strings.TrimRight(h.Name, "/")
	e.parents(path)
	there, err := sys.Lstat(path)
	exists := err == nil
	if exists && h.Typeflag != tar.TypeDir {
		if e.o.Has("k") {
			return
		}
		if there.Mode&abi.S_IFMT != abi.S_IFDIR && !e.o.Has(string([]byte{optOverwrite})) {
			if err := sys.Unlink(path); err != nil {
				e.fail("can't remove old file %s: %s", path, err)
				return
			}
		}
	}
	mode := uint32(h.Mode) & abi.PermMask
	switch h.Typeflag {
	case tar.TypeReg:
		fd, err := sys.Open(path, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC|abi.O_NOFOLLOW, mode&0o777)
		if err != nil {
			e.fail("can't open '%s': %s", path, err)
			return
		}
		e.copy(sys.FD(fd))
		if err := sys.Close(fd); err != nil {
			e.fail("%s: %s", path, err)
		}
	case tar.TypeDir:
		if err := sys.Mkdir(path, mode|0o700); err != nil && !(exists && there.Mode&abi.S_IFMT == abi.S_IFDIR) {
			e.fail("can't make dir %s: %s", path, err)
			return
		}
		e.dirs = append(e.dirs, h)
	case tar.TypeLink:
		if err := sys.Link(h.Linkname, path, 0); err != nil {
			e.c.Errorf("can't create hardlink '%s' to '%s': %s", path, h.Linkname, applet.Strerror(err))
			e.code = 1
		}
		return
	case tar.TypeSymlink:
		if strings.HasPrefix(h.Linkname, "/") || strings.Contains("/"+h.Linkname+"/", "/../") {
			e.symlinks = append(e.symlinks, h)
			return
		}
		e.symlink(h)
		return
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		kind := map[byte]uint32{tar.TypeChar: abi.S_IFCHR, tar.TypeBlock: abi.S_IFBLK, tar.TypeFifo: abi.S_IFIFO}[h.Typeflag]
		if err := sys.Mknod(path, kind|mode, abi.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))); err != nil {
			e.fail("can't create node %s: %s", path, err)
			return
		}
	default:
		e.c.Errorf("unknown typeflag: 0x%x", h.Typeflag)
		e.code = 1
		return
	}
	e.owner(path, h, 0)
	if !e.o.Has(string([]byte{optNoSamePermissions})) {
		if h.Typeflag == tar.TypeDir {
			mode |= 0o700 // until its files are there
		}
		sys.Chmod(path, mode)
	}
	if !e.o.Has("m") && h.Typeflag != tar.TypeDir {
		t := abi.TimespecOf(h.ModTime.UnixNano())
		sys.Utimens(path, t, t, 0)
	}
}

func (e *extractor) owner(path string, h *tar.Header, flags int) {
	if e.o.Has("o") || sys.Geteuid() != 0 {
		return
	}
	uid, gid := h.Uid, h.Gid
	if !e.o.Has(string([]byte{optNumeric})) {
		if u := e.accounts.User(h.Uname); h.Uname != "" && u != nil {
			uid = u.UID
		}
		if g := e.accounts.Group(h.Gname); h.Gname != "" && g != nil {
			gid = g.GID
		}
	}
	sys.Chown(path, uid, gid, flags)
}

// symlink makes a symbolic link.
func (e *extractor) symlink(h *tar.Header) {
	if err := sys.Symlink(h.Linkname, h.Name); err != nil {
		e.c.Errorf("can't create symlink '%s' to '%s': %s", h.Name, h.Linkname, applet.Strerror(err))
		e.code = 1
		return
	}
	e.owner(h.Name, h, abi.AT_SYMLINK_NOFOLLOW)
}

// parents makes the directories above a path.
func (e *extractor) parents(path string) {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && path[i-1] != '/' {
			if err := sys.Mkdir(path[:i], 0o777); err != nil && err != abi.EEXIST {
				e.fail("can't create directory '%s': %s", path[:i], err)
			}
		}
	}
}

// finish makes the links that lead elsewhere and sets the modes and times of directories.
func (e *extractor) finish() {
	for _, h := range e.symlinks {
		e.symlink(h)
	}
	for i := len(e.dirs) - 1; i >= 0; i-- {
		h := e.dirs[i]
		if !e.o.Has(string([]byte{optNoSamePermissions})) {
			sys.Chmod(h.Name, uint32(h.Mode)&abi.PermMask)
		}
		if !e.o.Has("m") {
			t := abi.TimespecOf(h.ModTime.UnixNano())
			sys.Utimens(h.Name, t, t, 0)
		}
	}
}
