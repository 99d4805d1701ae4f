package files

import (
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// copier copies files and trees; cp, mv and install set its fields.
type copier struct {
	c         *applet.Context
	recursive bool
	preserve  bool // modes, owners and times
	linksTop  bool // follow symbolic links that are operands
	linksAll  bool // follow all symbolic links
	force     bool
	ask       bool
	noClobber bool
	update    bool
	hardLink  bool
	symLink   bool
	verbose   bool
	seen      map[[2]uint64]string // hard links already copied, when preserving
	buf       []byte
}

// Cp copies files.
func Cp(c *applet.Context) int {
	o := c.Getopt("pdRfinsLHarPvuTlt:", "archive=a", "force=f", "interactive=i", "no-clobber=n", "link=l", "dereference=L",
		"no-dereference=P", "recursive=R", "symbolic-link=s", "no-target-directory=T", "target-directory=t", "verbose=v", "update=u", "preserve=p")
	k := &copier{
		c: c, recursive: o.Has("aRr"), preserve: o.Has("ap"), linksAll: o.Has("L"), force: o.Has("f"), ask: o.Has("i"),
		noClobber: o.Has("n"), update: o.Has("u"), hardLink: o.Has("l"), symLink: o.Has("s"), verbose: o.Has("v"),
	}
	k.linksTop = o.Has("H")
	if !o.Has("dPa") && !k.recursive {
		k.linksTop = true
	}
	if o.Last("LdPa") == 'L' {
		k.linksAll = true
	} else if o.Has("dPa") {
		k.linksAll = false
	}
	return k.operands(o, func(source, dest string) bool { return k.copy(source, dest, true) })
}

// operands works through SOURCE... DEST; f does one of them.
func (k *copier) operands(o *applet.Options, f func(source, dest string) bool) int {
	c, sources := k.c, k.c.Args
	dir, toDir := o.Arg('t')
	if !toDir {
		c.NArgs(2, -1)
		dir, sources = sources[len(sources)-1], sources[:len(sources)-1]
		st, err := sys.Stat(dir)
		isDir := err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR
		if o.Has("T") {
			if len(sources) > 1 {
				c.Usage()
			}
			if isDir {
				src, err := sys.Stat(sources[0])
				if err == nil && src.Mode&abi.S_IFMT != abi.S_IFDIR {
					c.Fatalf("'%s' is a directory", dir)
				}
			}
			isDir = false
		}
		if len(sources) == 1 && !isDir {
			if f(sources[0], dir) {
				return 0
			}
			return 1
		}
	} else {
		c.NArgs(1, -1)
	}
	code := 0
	for _, source := range sources {
		if !f(source, join(dir, lastComponent(source))) {
			code = 1
		}
	}
	return code
}

// lastComponent returns the last name of a path, without trailing slashes.
func lastComponent(path string) string {
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" {
		if path != "" {
			return "/"
		}
		return ""
	}
	return trimmed[strings.LastIndexByte(trimmed, '/')+1:]
}

// copy copies source to dest, which is its final name.
func (k *copier) copy(source, dest string, operand bool) bool {
	follow := k.linksAll || operand && k.linksTop
	st, err := sys.Lstat(source)
	if err == nil && follow && st.Mode&abi.S_IFMT == abi.S_IFLNK {
		st, err = sys.Stat(source)
	}
	if err != nil {
		return k.fail("can't stat '%s': %s", source, err)
	}
	target, destErr := sys.Lstat(dest)
	if destErr == nil && target.Mode&abi.S_IFMT == abi.S_IFLNK && !k.linkLike(st) {
		if t, err := sys.Stat(dest); err == nil {
			target = t
		}
	}
	exists := destErr == nil
	if exists && target.Dev == st.Dev && target.Ino == st.Ino && !k.hardLink && !k.symLink {
		k.c.Errorf("'%s' and '%s' are the same file", source, dest)
		return false
	}
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		return k.directory(source, dest, st, exists, target)
	}
	if exists {
		switch {
		case k.noClobber:
			return true
		case k.update && target.Mtim.Nanoseconds() >= st.Mtim.Nanoseconds():
			return true
		case k.ask && !confirm(k.c, "overwrite '"+dest+"'?"):
			return true
		}
	}
	if k.hardLink || k.symLink {
		return k.link(source, dest, exists)
	}
	ok := k.file(source, dest, st, exists)
	if ok && k.verbose {
		k.c.Out.WriteString("'" + source + "' -> '" + dest + "'\n")
	}
	return ok
}

func (k *copier) linkLike(st *abi.Stat) bool { return st.Mode&abi.S_IFMT == abi.S_IFLNK }

func (k *copier) fail(format, path string, err error) bool {
	k.c.Errorf(format, path, applet.Strerror(err))
	return false
}

func (k *copier) link(source, dest string, exists bool) bool {
	if exists && k.force {
		sys.Unlink(dest)
	}
	what := "link"
	var err error
	if k.symLink {
		what = "symlink"
		err = sys.Symlink(source, dest)
	} else {
		err = sys.Link(source, dest, 0)
	}
	if err != nil {
		k.c.Errorf("can't create %s '%s': %s", what, dest, applet.Strerror(err))
		return false
	}
	return true
}

func (k *copier) directory(source, dest string, st *abi.Stat, exists bool, target *abi.Stat) bool {
	if !k.recursive {
		k.c.Errorf("omitting directory '%s'", source)
		return false
	}
	if exists && target.Mode&abi.S_IFMT != abi.S_IFDIR {
		k.c.Errorf("target '%s' is not a directory", dest)
		return false
	}
	if inside(dest, st) {
		k.c.Errorf("recursion detected, omitting directory '%s'", source)
		return false
	}
	if !exists {
		// Writable until its entries are there.
		if err := sys.Mkdir(dest, st.Mode&0o777|0o700); err != nil {
			return k.fail("can't create directory '%s': %s", dest, err)
		}
		if k.verbose {
			k.c.Out.WriteString("'" + source + "' -> '" + dest + "'\n")
		}
	}
	list, err := sys.ReadDir(source)
	if err != nil {
		return k.fail("can't open '%s': %s", source, err)
	}
	ok := true
	for _, d := range list {
		if !k.copy(join(source, d.Name), join(dest, d.Name), false) {
			ok = false
		}
	}
	if !exists {
		if k.preserve {
			k.attributes(dest, st)
		} else {
			umask := sys.Umask(0)
			sys.Umask(umask)
			if err := sys.Chmod(dest, st.Mode&0o7777&^umask); err != nil {
				ok = k.fail("can't preserve permissions of '%s': %s", dest, err)
			}
		}
	}
	return ok
}

// inside reports whether path lies in the directory st describes.
func inside(path string, st *abi.Stat) bool {
	dir := path
	for {
		i := strings.LastIndexByte(strings.TrimRight(dir, "/"), '/')
		if i < 0 {
			dir = "."
		} else {
			dir = dir[:i+1]
		}
		up, err := sys.Stat(dir)
		if err != nil {
			return false
		}
		if up.Dev == st.Dev && up.Ino == st.Ino {
			return true
		}
		if i <= 0 {
			break
		}
	}
	// Beyond the path's own components: the directories above.
	for dir = strings.TrimSuffix(dir, "/") + "/.."; len(dir) < abi.PATH_MAX; dir += "/.." {
		up, err := sys.Stat(dir)
		if err != nil {
			return false
		}
		if up.Dev == st.Dev && up.Ino == st.Ino {
			return true
		}
		above, err := sys.Stat(dir + "/..")
		if err != nil || above.Ino == up.Ino && above.Dev == up.Dev {
			return false
		}
	}
	return false
}

// file copies what is not a directory.
func (k *copier) file(source, dest string, st *abi.Stat, exists bool) bool {
	if k.preserve && st.Nlink > 1 {
		key := [2]uint64{st.Dev, st.Ino}
		if first, ok := k.seen[key]; ok {
			if exists {
				sys.Unlink(dest)
			}
			if err := sys.Link(first, dest, 0); err != nil {
				return k.fail("can't create link '%s': %s", dest, err)
			}
			return true
		}
		if k.seen == nil {
			k.seen = map[[2]uint64]string{}
		}
		k.seen[key] = dest
	}
	kind := st.Mode & abi.S_IFMT
	if kind == abi.S_IFREG || !k.recursive && kind != abi.S_IFLNK {
		return k.contents(source, dest, st, exists)
	}
	if exists {
		if err := sys.Unlink(dest); err != nil {
			return k.fail("can't remove '%s': %s", dest, err)
		}
	}
	if kind == abi.S_IFLNK {
		target, err := sys.Readlink(source)
		if err == nil {
			err = sys.Symlink(target, dest)
		}
		if err != nil {
			return k.fail("can't create symlink '%s': %s", dest, err)
		}
		if k.preserve {
			sys.Chown(dest, int(st.UID), int(st.GID), abi.AT_SYMLINK_NOFOLLOW)
			sys.Utimens(dest, st.Atim, st.Mtim, abi.AT_SYMLINK_NOFOLLOW)
		}
		return true
	}
	if err := sys.Mknod(dest, st.Mode, st.Rdev); err != nil {
		return k.fail("can't create '%s': %s", dest, err)
	}
	if k.preserve {
		k.attributes(dest, st)
	}
	return true
}

func (k *copier) contents(source, dest string, st *abi.Stat, exists bool) bool {
	in, err := sys.Open(source, abi.O_RDONLY|abi.O_CLOEXEC, 0)
	if err != nil {
		return k.fail("can't open '%s': %s", source, err)
	}
	defer sys.Close(in)
	flags, mode := abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC|abi.O_CLOEXEC, st.Mode&0o777
	if !exists {
		flags |= abi.O_EXCL
	}
	out, err := sys.Open(dest, flags, mode)
	if err != nil && exists && k.force {
		sys.Unlink(dest)
		out, err = sys.Open(dest, flags|abi.O_EXCL, mode)
	}
	if err != nil {
		return k.fail("can't create '%s': %s", dest, err)
	}
	if k.buf == nil {
		k.buf = make([]byte, 128<<10)
	}
	ok := true
	for {
		n, err := sys.Read(in, k.buf)
		if err != nil {
			ok = k.fail("error reading '%s': %s", source, err)
		}
		if n <= 0 {
			break
		}
		if err := sys.Write(out, k.buf[:n]); err != nil {
			ok = k.fail("error writing to '%s': %s", dest, err)
			break
		}
	}
	if err := sys.Close(out); err != nil {
		ok = k.fail("error writing to '%s': %s", dest, err)
	}
	if k.preserve {
		k.attributes(dest, st)
	}
	return ok
}

// attributes gives a copy the times, owner and mode of its source; a refused owner drops the set-id bits.
func (k *copier) attributes(dest string, st *abi.Stat) {
	mode := st.Mode & abi.PermMask
	if err := sys.Utimens(dest, st.Atim, st.Mtim, 0); err != nil {
		k.fail("can't preserve times of '%s': %s", dest, err)
	}
	if err := sys.Chown(dest, int(st.UID), int(st.GID), 0); err != nil {
		mode &^= abi.S_ISUID | abi.S_ISGID
		k.fail("can't preserve ownership of '%s': %s", dest, err)
	}
	if err := sys.Chmod(dest, mode); err != nil {
		k.fail("can't preserve permissions of '%s': %s", dest, err)
	}
}

// confirm asks on standard error and reads the answer.
func confirm(c *applet.Context, question string) bool {
	c.Out.Flush()
	sys.Write(2, []byte(c.Name+": "+question+" "))
	answer, first := byte(0), true
	b := make([]byte, 1)
	for {
		n, _ := sys.Read(0, b)
		if n <= 0 || b[0] == '\n' {
			return answer == 'y' || answer == 'Y'
		}
		if first && b[0] != ' ' {
			answer, first = b[0], false
		}
	}
}

// Mv renames files, across file systems by copying.
func Mv(c *applet.Context) int {
	o := c.Getopt("finTt:v", "interactive=i", "force=f", "no-clobber=n", "no-target-directory=T", "target-directory=t", "verbose=v")
	k := &copier{c: c, recursive: true, preserve: true, force: true}
	return k.operands(o, func(source, dest string) bool {
		target, destErr := sys.Lstat(dest)
		if destErr == nil {
			if o.Last("fin") == 'n' {
				return true
			}
			ask := o.Last("fin") == 'i' || o.Last("fi") == 0 && target.Mode&abi.S_IFMT != abi.S_IFLNK && sys.Access(dest, abi.W_OK) != nil && sys.Isatty(0)
			if ask && !confirm(c, "overwrite '"+dest+"'?") {
				return true
			}
		}
		err := sys.Rename(source, dest)
		if err == abi.EXDEV {
			if !k.across(source, dest, destErr == nil, target) {
				return false
			}
			err = nil
		}
		if err != nil {
			c.Errorf("can't rename '%s': %s", source, applet.Strerror(err))
			return false
		}
		if o.Has("v") {
			c.Out.WriteString("'" + source + "' -> '" + dest + "'\n")
		}
		return true
	})
}

// across moves between file systems.
func (k *copier) across(source, dest string, exists bool, target *abi.Stat) bool {
	st, err := sys.Lstat(source)
	if err != nil {
		return k.fail("can't rename '%s': %s", source, err)
	}
	if exists {
		srcDir, dstDir := st.Mode&abi.S_IFMT == abi.S_IFDIR, target.Mode&abi.S_IFMT == abi.S_IFDIR
		switch {
		case dstDir && !srcDir:
			k.c.Errorf("can't overwrite directory with non-directory")
			return false
		case srcDir && !dstDir:
			k.c.Errorf("can't overwrite non-directory with directory")
			return false
		case dstDir:
			err = sys.Rmdir(dest)
		default:
			err = sys.Unlink(dest)
		}
		if err != nil {
			return k.fail("can't remove '%s': %s", dest, err)
		}
	}
	if !k.copy(source, dest, false) {
		return false
	}
	r := &remover{c: k.c, force: true, recursive: true}
	return r.remove(source)
}

// Install copies files and sets their attributes.
func Install(c *applet.Context) int {
	o := c.Getopt("cvDsdpo:g:m:t:", "directory=d", "preserve-timestamps=p", "strip=s", "group=g", "mode=m", "owner=o", "target-directory=t", "verbose=v")
	c.NArgs(1, -1)
	mode := uint32(0o755)
	if text, ok := o.Arg('m'); ok {
		if mode, ok = ParseMode(text, 0, 0); !ok {
			c.Fatalf("invalid mode '%s'", text)
		}
	}
	uid, gid := -1, -1
	if u, ok := o.Arg('o'); ok {
		uid, _ = ParseOwner(c, u)
	}
	if g, ok := o.Arg('g'); ok {
		_, gid = ParseOwner(c, ":"+g)
	}
	code := 0
	finish := func(path string) {
		if uid >= 0 || gid >= 0 {
			if err := sys.Chown(path, uid, gid, 0); err != nil {
				c.Errorf("can't change %s of %s: %s", "ownership", path, applet.Strerror(err))
				code = 1
			}
		}
		if err := sys.Chmod(path, mode); err != nil {
			c.Errorf("can't change %s of %s: %s", "permissions", path, applet.Strerror(err))
			code = 1
		}
	}
	if o.Has("d") {
		for _, dir := range c.Args {
			if !makePath(c, dir, 0o755, false) {
				code = 1
				continue
			}
			finish(dir)
		}
		return code
	}
	if o.Has("D") {
		dest := c.Args[len(c.Args)-1]
		parent := dest
		if t, ok := o.Arg('t'); ok {
			parent = t
		} else if i := strings.LastIndexByte(dest, '/'); i > 0 {
			parent = dest[:i]
		} else {
			parent = "."
		}
		if !makePath(c, parent, 0o755, false) {
			return 1
		}
	}
	k := &copier{c: c, linksAll: true, force: true, preserve: o.Has("p")}
	result := k.operands(o, func(source, dest string) bool {
		if st, err := sys.Stat(dest); err == nil && st.Mode&abi.S_IFMT == abi.S_IFREG {
			if src, err := sys.Stat(source); err == nil && (src.Ino != st.Ino || src.Dev != st.Dev) {
				sys.Unlink(dest)
			}
		}
		if !k.copy(source, dest, true) {
			return false
		}
		finish(dest)
		if o.Has("v") {
			c.Out.WriteString("'" + source + "' -> '" + dest + "'\n")
		}
		return true
	})
	return max(code, result)
}
