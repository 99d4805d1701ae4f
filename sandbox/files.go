package sandbox

import (
	"context"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/archive"
	"github.com/sockerless/sockerless/sandbox/vfs/hostfs"
	"github.com/sockerless/sockerless/sandbox/vfs/overlay"
)

// context is for the sandbox's own operations: as root, from the root directory, without fifos and terminals.
func (in *instance) context() *vfs.Context {
	return &vfs.Context{NS: in.ns, Root: in.ns.Root(), Cwd: in.ns.Root(), Cred: superuser, Umask: 0o022, Special: in.kernel.OpenDevice}
}

// Stat describes a file, without following a symbolic link at the end.
func (s *Sandbox) Stat(name string) (PathStat, error) {
	in, err := s.use()
	if err != nil {
		return PathStat{}, err
	}
	defer s.drop(in)
	ctx := in.context()
	p, err := ctx.Walk(ctx.Root, name, false)
	if err != nil {
		return PathStat{}, err
	}
	st, err := archive.Stat(ctx, p)
	if err != nil {
		return PathStat{}, err
	}
	return PathStat(st), nil
}

// ReadArchive writes a tar of a file or a directory with what is below it, which is called as in it.
func (s *Sandbox) ReadArchive(ctx context.Context, name, as string, w io.Writer) error {
	in, err := s.use()
	if err != nil {
		return err
	}
	defer s.drop(in)
	v := in.context()
	p, err := v.Walk(v.Root, name, false)
	if err != nil {
		return err
	}
	return archive.Write(ctx, w, v, p, archive.WriteOptions{Name: as})
}

// bare is the root filesystem alone, without what is mounted in it.
func (s *Sandbox) bare() *vfs.Context {
	ns := vfs.NewNamespace(s.root.Filesystem(), 0)
	return &vfs.Context{NS: ns, Root: ns.Root(), Cwd: ns.Root(), Cred: superuser}
}

// Export writes a tar of the root filesystem without what is mounted in it; names are relative to the root.
func (s *Sandbox) Export(ctx context.Context, w io.Writer) error {
	v := s.bare()
	return archive.Write(ctx, w, v, v.Root, archive.WriteOptions{})
}

// WriteLayer writes what differs from the image's layers, as one more layer of it: an uncompressed tar. What programs
// change meanwhile may be in it or not.
func (s *Sandbox) WriteLayer(ctx context.Context, w io.Writer) error {
	changes, err := s.root.Changes()
	if err != nil {
		return err
	}
	list := make([]archive.Difference, len(changes))
	for i, c := range changes {
		list[i] = archive.Difference{Path: c.Path, Deleted: c.Kind == overlay.Deleted}
	}
	return archive.WriteLayer(ctx, w, s.bare(), list)
}

// WriteArchive unpacks a tar in a directory.
func (s *Sandbox) WriteArchive(ctx context.Context, dir string, r io.Reader, opts WriteOptions) error {
	in, err := s.use()
	if err != nil {
		return err
	}
	defer s.drop(in)
	v := in.context()
	p, err := v.Walk(v.Root, dir, true)
	if err != nil {
		return err
	}
	if st, err := archive.Stat(v, p); err != nil {
		return err
	} else if !st.Mode.IsDir() {
		return abi.ENOTDIR
	}
	x := archive.ExtractOptions{NoOverwriteDirNonDir: opts.NoOverwriteDirNonDir, Log: s.rt.log}
	if opts.Owner != "" {
		id, err := lookupIdentity(v, opts.Owner, nil)
		if err != nil {
			return err
		}
		x.Owner = &vfs.Owner{UID: id.cred.UID, GID: id.cred.GID}
	}
	return archive.Extract(ctx, r, v, p, x)
}

// Changes lists what differs from the image's layers.
func (s *Sandbox) Changes() ([]Change, error) {
	list, err := s.root.Changes()
	if err != nil {
		return nil, err
	}
	changes := make([]Change, len(list))
	for i, c := range list {
		changes[i] = Change{Path: c.Path, Kind: changeKinds[c.Kind]}
	}
	return changes, nil
}

var changeKinds = map[overlay.ChangeKind]ChangeKind{overlay.Modified: Modified, overlay.Added: Added, overlay.Deleted: Deleted}

// Tasks lists the running processes, for docker top.
func (s *Sandbox) Tasks() []TaskInfo {
	k := s.running()
	if k == nil {
		return nil
	}
	names := make(map[string]string)
	if in, err := s.use(); err == nil {
		for _, line := range readTable(in.context(), "/etc/passwd") {
			if len(line) > 2 {
				names[line[2]] = line[0]
			}
		}
		s.drop(in)
	}
	var list []TaskInfo
	for _, t := range k.Tasks() {
		uid := t.Cred().UID
		info := TaskInfo{
			Pid: t.Pid(), Ppid: t.Ppid(), UID: uid, User: strconv.FormatUint(uint64(uid), 10), State: t.State(),
			StartUnix: t.StartTime().Unix(), CPUNanos: int64(t.CPU()), TTY: "?", Memory: t.Memory(),
			Command: strings.Join(t.Image().Argv, " "),
		}
		if name, ok := names[info.User]; ok {
			info.User = name
		}
		if tty := t.TTY(); tty != nil {
			info.TTY = strings.TrimPrefix(tty.Name(), "/dev/")
		}
		if info.Command == "" {
			info.Command = "[" + t.Image().Comm + "]"
		}
		list = append(list, info)
	}
	return list
}

// populate copies what the image has at a mount's target into its volume, if that is empty.
func (m *mounter) populate(c *Mount, opts hostfs.Options) error {
	empty, err := isEmptyDir(c.Source)
	if err != nil || !empty {
		return err
	}
	from, err := m.ctx.Walk(m.ctx.Root, c.Target, true)
	if e, ok := errno(err); ok && e == abi.ENOENT {
		return nil // nothing in the image
	}
	if err != nil {
		return err
	}
	fs, err := hostfs.Open(c.Source, opts)
	if err != nil {
		return err
	}
	defer fs.Close()
	box := vfs.NewNamespace(fs.Filesystem(), 0)
	to := &vfs.Context{NS: box, Root: box.Root(), Cwd: box.Root(), Cred: superuser}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(archive.Write(context.Background(), w, m.ctx, from, archive.WriteOptions{Name: "."}))
	}()
	err = archive.Extract(context.Background(), r, to, to.Root, archive.ExtractOptions{})
	r.CloseWithError(err)
	return err
}

// makeDir makes a working directory with its parents, owned by the process's user, as runc does.
func makeDir(ctx *vfs.Context, dir string, cred *vfs.Cred) error {
	dir = path.Clean("/" + dir)
	if _, err := ctx.Walk(ctx.Root, dir, true); err == nil {
		return nil
	}
	if parent := path.Dir(dir); parent != "/" {
		if err := makeDir(ctx, parent, superuser); err != nil {
			return err
		}
	}
	err := ctx.Mkdir(ctx.Root, dir, 0o755)
	if err != nil || cred.UID == 0 && cred.GID == 0 {
		return err
	}
	p, err := ctx.Walk(ctx.Root, dir, true)
	if err != nil {
		return err
	}
	return ctx.Chown(p, cred.UID, cred.GID)
}
