package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
)

// ArchiveStat describes a file of a container, running or not: HEAD /containers/{id}/archive.
func (m *Manager) ArchiveStat(_ context.Context, ref, name string) (*types.PathStat, error) {
	c, box, err := m.files(ref)
	if err != nil {
		return nil, err
	}
	defer m.release(c)
	st, _, err := statPath(box, name)
	if err != nil {
		return nil, archiveError(err, name, ref)
	}
	return (*types.PathStat)(&st), nil
}

// ArchiveGet writes a tar of a file or directory of a container. begin is told what is there and gives the writer: an
// error after that can only break the archive off.
func (m *Manager) ArchiveGet(ctx context.Context, ref, name string, begin func(*types.PathStat) (io.Writer, error)) error {
	c, box, err := m.files(ref)
	if err != nil {
		return err
	}
	defer m.release(c)
	st, at, err := statPath(box, name)
	if err != nil {
		return archiveError(err, name, ref)
	}
	w, err := begin((*types.PathStat)(&st))
	if err != nil {
		return err
	}
	m.emit(c, events.ActionArchivePath)
	return archiveError(box.ReadArchive(ctx, at, st.Name, w), name, ref)
}

// ArchiveOptions are the parameters of PUT /containers/{id}/archive.
type ArchiveOptions struct {
	NoOverwriteDirNonDir bool // an error when a directory would be replaced by something else, or the other way around
	CopyUIDGID           bool // what is unpacked belongs to the container's user, not to whom the archive says
}

// ArchivePut unpacks an uncompressed tar in a directory of a container.
func (m *Manager) ArchivePut(ctx context.Context, ref, name string, r io.Reader, opts ArchiveOptions) error {
	c, box, err := m.files(ref)
	if err != nil {
		return err
	}
	defer m.release(c)
	st, at, err := statPath(box, absolute(name)+"/")
	if err == nil && !st.Mode.IsDir() || errors.Is(err, abi.ENOTDIR) {
		return invalid("extraction point is not a directory")
	}
	def, _ := c.snapshot() // that there is nothing is WriteArchive's to tell
	if err := def.writableAt(at); err != nil {
		return err
	}
	unpack := sandbox.WriteOptions{NoOverwriteDirNonDir: opts.NoOverwriteDirNonDir}
	if opts.CopyUIDGID {
		unpack.Owner = def.Config.User
	}
	if err := box.WriteArchive(ctx, absolute(name), r, unpack); err != nil {
		return archiveError(err, name, ref)
	}
	m.emit(c, events.ActionExtractToDir)
	return nil
}

// Changes lists what differs between a container's filesystem and its image.
func (m *Manager) Changes(_ context.Context, ref string) ([]types.FilesystemChange, error) {
	c, box, err := m.files(ref)
	if err != nil {
		return nil, err
	}
	defer m.release(c)
	changes, err := box.Changes()
	if err != nil {
		return nil, fmt.Errorf("comparing container %s with its image: %w", ref, err)
	}
	list := make([]types.FilesystemChange, len(changes))
	for i, ch := range changes {
		list[i] = types.FilesystemChange{Kind: types.ChangeType(ch.Kind), Path: ch.Path}
	}
	return list, nil
}

// files finds a container and acquires its sandbox.
func (m *Manager) files(ref string) (*container, Sandbox, error) {
	c, err := m.get(ref)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	removing := c.state.Removing
	c.mu.Unlock()
	if removing {
		return nil, nil, conflict("container %s is marked for removal", c.id)
	}
	box, err := m.acquire(c)
	return c, box, err
}

// statPath describes a path and returns the one to archive. A trailing slash, or "/.", asks for a directory, and where a
// symbolic link leads; the name stays that of the path that was asked for.
func statPath(box Sandbox, name string) (sandbox.PathStat, string, error) {
	at := absolute(name)
	st, err := box.Stat(at)
	if dot := strings.HasSuffix(name, "/."); err == nil && (dot || strings.HasSuffix(name, "/")) {
		base := st.Name
		if dot {
			base = "."
		}
		if st.Mode&fs.ModeSymlink != 0 {
			at = absolute(st.LinkTarget)
			st, err = box.Stat(at)
		}
		if err == nil && !st.Mode.IsDir() {
			err = abi.ENOTDIR
		}
		st.Name = base
	}
	return st, at, err
}

// writableAt refuses to write to a path of a mount or root filesystem that is read-only.
func (d *definition) writableAt(name string) error {
	var at *mountPoint
	for i := range d.Mounts {
		p := &d.Mounts[i]
		if (name == p.Destination || strings.HasPrefix(name, p.Destination+"/")) && (at == nil || len(at.Destination) < len(p.Destination)) {
			at = p
		}
	}
	switch {
	case at != nil && !at.RW:
		return invalid("mounted volume is marked read-only")
	case at == nil && d.HostConfig.ReadonlyRootfs:
		return invalid("container rootfs is marked read-only")
	}
	return nil
}

// absolute is a path as the sandbox takes it: requests' paths are relative to the root.
func absolute(name string) string { return path.Clean("/" + name) }

// archiveError gives an error of the sandbox dockerd's words.
func archiveError(err error, name, ref string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, abi.ENOENT):
		return notFound("Could not find the file %s in container %s", name, ref)
	case err == abi.ENOTDIR:
		return fmt.Errorf("lstat %s: %w", name, err)
	case errors.Is(err, abi.EROFS):
		return invalid("container rootfs is marked read-only")
	}
	return err
}
