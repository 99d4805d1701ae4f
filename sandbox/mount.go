package sandbox

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
	"github.com/sockerless/sockerless/sandbox/vfs/overlay"
	"github.com/sockerless/sockerless/sandbox/vfs/procfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
)

const defaultShmSize = 64 << 20

// superuser is whose rights the sandbox's own file operations have: root's, inside.
var superuser = &vfs.Cred{}

// mount builds the mounts and the kernel of a sandbox; s.mu is held.
func (s *Sandbox) mount() (_ *instance, err error) {
	in := &instance{ns: vfs.NewNamespace(s.root.Filesystem(), 0)}
	in.kernel = kernel.New(kernel.Config{
		Hostname: s.cfg.Hostname, Domainname: s.cfg.Domainname, NS: in.ns, Loaders: s.rt.loaders,
		Limits: kernel.Limits(s.cfg.Limits), Shared: &s.rt.kernels, Scheduler: s.rt.sched, Net: s.cfg.Net, Names: &s.rt.names,
		Log: s.rt.log.With("sandbox", s.cfg.ID),
	})
	defer func() {
		if err != nil {
			in.end()
		}
	}()
	m := mounter{s: s, in: in, ctx: &vfs.Context{NS: in.ns, Root: in.ns.Root(), Cwd: in.ns.Root(), Cred: superuser, Umask: 0o022}}
	if err := m.system(); err != nil {
		return nil, err
	}
	mounts := slices.Clone(s.cfg.Mounts)
	slices.SortStableFunc(mounts, func(a, b Mount) int { // a mount point comes before those below it
		return strings.Count(path.Clean(a.Target), "/") - strings.Count(path.Clean(b.Target), "/")
	})
	for i := range mounts {
		if err := m.add(&mounts[i]); err != nil {
			return nil, fmt.Errorf("mounting %s: %w", mounts[i].Target, err)
		}
	}
	if err := m.files(); err != nil {
		return nil, err
	}
	var flags vfs.MountFlags
	if s.cfg.ReadOnly {
		flags |= vfs.ReadOnly
	}
	if s.cfg.NoNewPrivileges {
		flags |= vfs.NoSuid
	}
	if flags != 0 {
		in.ns.Root().Mount.Remount(flags)
	}
	return in, nil
}

type mounter struct {
	s   *Sandbox
	in  *instance
	ctx *vfs.Context
}

// system mounts what every Linux system has.
func (m *mounter) system() error {
	k := m.in.kernel
	shm := m.s.cfg.ShmSize
	if shm == 0 {
		shm = defaultShmSize
	}
	proc := k.Proc()
	const plain = vfs.NoExec | vfs.NoSuid | vfs.NoDev
	for _, f := range []struct {
		at    string
		fs    *vfs.Filesystem
		flags vfs.MountFlags
	}{
		{"/proc", procfs.New(proc), plain},
		{"/dev", tmpfs.New(tmpfs.Options{Mode: 0o755, Size: 64 << 20}), vfs.NoSuid | vfs.NoExec},
		{"/dev/pts", k.DevPTS(), vfs.NoSuid | vfs.NoExec},
		{"/dev/shm", tmpfs.New(tmpfs.Options{Size: shm, Source: "shm", Charge: k.Reserve}), plain},
		{"/sys", procfs.NewSys(proc), plain | vfs.ReadOnly},
		{"/sys/fs/cgroup", procfs.NewCgroup(proc), plain | vfs.ReadOnly},
	} {
		if err := m.mountFS(f.fs, f.at, f.flags); err != nil {
			return fmt.Errorf("mounting %s: %w", f.at, err)
		}
		if f.at == "/dev" {
			if err := m.devices(); err != nil {
				return fmt.Errorf("filling /dev: %w", err)
			}
		}
	}
	return nil
}

// devices fills /dev.
func (m *mounter) devices() error {
	all := *m.ctx
	all.Umask = 0
	for _, d := range []struct {
		name string
		rdev uint64
	}{
		{"null", kernel.DevNull}, {"zero", kernel.DevZero}, {"full", kernel.DevFull}, {"random", kernel.DevRandom},
		{"urandom", kernel.DevUrandom}, {"tty", kernel.DevTTY}, {"ptmx", kernel.DevPtmx}, {"console", kernel.DevConsole},
	} {
		if err := all.Mknod(all.Root, "/dev/"+d.name, abi.S_IFCHR|0o666, d.rdev); err != nil {
			return err
		}
	}
	for _, l := range [][2]string{{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
		{"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"}} {
		if err := all.Symlink(l[1], all.Root, "/dev/"+l[0]); err != nil {
			return err
		}
	}
	for _, dir := range []string{"pts", "shm", "mqueue"} {
		if err := all.Mkdir(all.Root, "/dev/"+dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// add mounts what the configuration asks for.
func (m *mounter) add(c *Mount) error {
	var flags vfs.MountFlags
	if c.ReadOnly {
		flags |= vfs.ReadOnly
	}
	if c.NoExec {
		flags |= vfs.NoExec
	}
	if m.s.cfg.NoNewPrivileges {
		flags |= vfs.NoSuid
	}
	switch c.Type {
	case Tmpfs:
		mode := uint32(0o1777)
		if c.Mode != nil {
			mode = *c.Mode
		}
		opts := tmpfs.Options{Size: c.Size, Mode: mode, UID: c.UID, GID: c.GID}
		if c.Source == "" {
			opts.Charge = m.in.kernel.Reserve
			return m.mountFS(tmpfs.New(opts), c.Target, flags|vfs.NoSuid|vfs.NoDev)
		}
		fs, release := m.s.rt.tmpfs(c.Source, opts)
		m.in.undo = append(m.in.undo, release)
		return m.mountFS(fs, c.Target, flags|vfs.NoSuid|vfs.NoDev)
	case Bind, Volume:
		opts := hostfs.Options{ReadOnly: c.ReadOnly}
		if c.Type == Volume {
			owners, release, err := m.s.rt.owners(c.Source)
			if err != nil {
				return err
			}
			m.in.undo = append(m.in.undo, release)
			opts.Owners = owners
		}
		if c.Populate && !c.ReadOnly {
			if err := m.populate(c, opts); err != nil {
				return fmt.Errorf("filling the volume from the image: %w", err)
			}
		}
		fs, err := hostfs.Open(c.Source, opts)
		if err != nil {
			return err
		}
		m.in.undo = append(m.in.undo, func() { fs.Close() })
		return m.mountFS(fs.Filesystem(), c.Target, flags)
	case Image:
		return m.image(c, flags|vfs.ReadOnly)
	}
	return fmt.Errorf("unknown mount type %q", c.Type)
}

// image mounts an image, or a part of it.
func (m *mounter) image(c *Mount, flags vfs.MountFlags) error {
	fs, err := m.s.rt.openRoot(c.Layers, "", overlay.Options{})
	if err != nil {
		return err
	}
	m.in.undo = append(m.in.undo, func() { fs.Close() })
	if c.Subpath == "" {
		return m.mountFS(fs.Filesystem(), c.Target, flags)
	}
	ns := vfs.NewNamespace(fs.Filesystem(), 0)
	ctx := &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: superuser}
	from, err := ctx.Walk(ctx.Root, c.Subpath, true)
	if err != nil {
		return fmt.Errorf("cannot access path %s in the image: %w", c.Subpath, err)
	}
	st, err := from.Inode().Stat()
	if err != nil {
		return err
	}
	at, err := m.point(c.Target, st.Mode&abi.S_IFMT == abi.S_IFDIR)
	if err != nil {
		return err
	}
	_, err = m.in.ns.Mount(from.Dentry, at, flags)
	return err
}

// tmpfs shares a filesystem in memory. The options are those of whoever comes first.
func (rt *Runtime) tmpfs(name string, opts tmpfs.Options) (*vfs.Filesystem, func()) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	v := rt.memory[name]
	if v == nil {
		v = &sharedTmpfs{fs: tmpfs.New(opts)}
		rt.memory[name] = v
	}
	v.users++
	return v.fs, func() {
		rt.mu.Lock()
		defer rt.mu.Unlock()
		if v.users--; v.users == 0 {
			delete(rt.memory, name)
		}
	}
}

// owners shares what a volume's files have that the host doesn't keep.
func (rt *Runtime) owners(dir string) (*hostfs.Owners, func(), error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	v := rt.shared[dir]
	if v == nil {
		o, err := hostfs.OpenOwners(strings.TrimSuffix(dir, "/") + ".owners")
		if err != nil {
			return nil, nil, err
		}
		v = &sharedVolume{owners: o}
		rt.shared[dir] = v
	}
	v.users++
	return v.owners, func() {
		rt.mu.Lock()
		defer rt.mu.Unlock()
		if v.users--; v.users == 0 {
			delete(rt.shared, dir)
			v.owners.Close()
		}
	}, nil
}

// files mounts the generated files, each on its own place.
func (m *mounter) files() error {
	if len(m.s.cfg.Files) == 0 {
		return nil
	}
	fs := tmpfs.New(tmpfs.Options{Mode: 0o755, Size: 16 << 20})
	box := vfs.NewNamespace(fs, 0)
	ctx := &vfs.Context{NS: box, Root: box.Root(), Cwd: box.Root(), Cred: superuser}
	paths := make([]string, 0, len(m.s.cfg.Files))
	for p := range m.s.cfg.Files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for i, p := range paths {
		name := fmt.Sprintf("%d", i)
		o, err := ctx.Open(ctx.Root, name, abi.O_WRONLY|abi.O_CREAT, 0o644)
		if err != nil {
			return err
		}
		_, err = o.Write(m.s.cfg.Files[p])
		o.Release()
		if err != nil {
			return err
		}
		if at, err := m.ctx.Walk(m.ctx.Root, p, true); err == nil && at.Mount != m.in.ns.Root().Mount && at.Dentry == at.Mount.Root() {
			continue // the user has mounted a file of their own there
		}
		src, err := ctx.Walk(ctx.Root, name, false)
		if err != nil {
			return err
		}
		at, err := m.point(p, false)
		if err != nil {
			return fmt.Errorf("mounting %s: %w", p, err)
		}
		if _, err := m.in.ns.Mount(src.Dentry, at, 0); err != nil {
			return fmt.Errorf("mounting %s: %w", p, err)
		}
	}
	return nil
}

// mountFS mounts a whole filesystem.
func (m *mounter) mountFS(fs *vfs.Filesystem, target string, flags vfs.MountFlags) error {
	st, err := fs.Root().Inode().Stat()
	if err != nil {
		return err
	}
	at, err := m.point(target, st.Mode&abi.S_IFMT == abi.S_IFDIR)
	if err != nil {
		return err
	}
	_, err = m.in.ns.Mount(fs.Root(), at, flags)
	return err
}

// point finds a mount point, or makes it: a directory or an empty file, in directories that are made too.
func (m *mounter) point(target string, dir bool) (vfs.Path, error) {
	target = path.Clean("/" + target)
	at, err := m.ctx.Walk(m.ctx.Root, target, true)
	if e, ok := errno(err); !ok || e != abi.ENOENT {
		return at, err
	}
	if parent := path.Dir(target); parent != "/" {
		if _, err := m.point(parent, true); err != nil {
			return vfs.Path{}, err
		}
	}
	if dir {
		err = m.ctx.Mkdir(m.ctx.Root, target, 0o755)
	} else {
		var o *vfs.OpenFile
		if o, err = m.ctx.Open(m.ctx.Root, target, abi.O_WRONLY|abi.O_CREAT|abi.O_EXCL, 0o644); err == nil {
			o.Release()
		}
	}
	if err != nil {
		return vfs.Path{}, err
	}
	return m.ctx.Walk(m.ctx.Root, target, true)
}

// isEmptyDir reports whether a directory of the host has no entries.
func isEmptyDir(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	return len(names) == 0, ignoreEOF(err)
}
