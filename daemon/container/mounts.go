package container

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/mount"
	volumetypes "github.com/moby/moby/api/types/volume"

	"github.com/sockerless/sockerless/daemon/image"
	"github.com/sockerless/sockerless/daemon/volume"
	"github.com/sockerless/sockerless/sandbox"
)

// addMounts works out a container's mounts and makes the volumes that are missing: those of --volumes-from first, then
// binds and mounts of the request, tmpfs, and last the image's volumes where nothing else is mounted. It runs before
// anybody else knows c.
func (m *Manager) addMounts(c *container) error {
	host := c.def.HostConfig
	for _, spec := range host.VolumesFrom {
		if err := m.volumesFrom(c, spec); err != nil {
			return err
		}
	}
	own := map[string]bool{}
	add := func(p mountPoint) error {
		if own[p.Destination] {
			return invalid("Duplicate mount point: %s", p.Destination)
		}
		own[p.Destination] = true
		return m.addMount(c, p)
	}
	for _, bind := range host.Binds {
		p, err := parseBind(bind)
		if err == nil {
			err = add(p)
		}
		if err != nil {
			return err
		}
	}
	for i := range host.Mounts {
		p, err := parseMount(&host.Mounts[i])
		if err == nil {
			err = add(p)
		}
		if err != nil {
			return err
		}
	}
	for _, target := range slices.Sorted(maps.Keys(host.Tmpfs)) {
		p, err := parseTmpfs(target, host.Tmpfs[target])
		if err == nil {
			err = add(p)
		}
		if err != nil {
			return err
		}
	}
	for _, target := range slices.Sorted(maps.Keys(c.def.Config.Volumes)) {
		clean := path.Clean(target)
		if slices.ContainsFunc(c.def.Mounts, func(p mountPoint) bool { return p.Destination == clean }) {
			continue
		}
		if !path.IsAbs(clean) || clean == "/" {
			return invalid("invalid volume specification: '%s'", target)
		}
		p := mountPoint{MountPoint: types.MountPoint{Type: mount.TypeVolume, Destination: clean, RW: true}}
		if err := m.addMount(c, p); err != nil {
			return err
		}
	}
	return nil
}

// addMount adds a mount, in the place of another one at its destination.
func (m *Manager) addMount(c *container, p mountPoint) error {
	if p.Type == mount.TypeVolume {
		if p.Driver == "" {
			p.Driver = c.def.HostConfig.VolumeDriver
		}
		v, err := m.volumes.Create(context.Background(), volumetypes.CreateRequest{Name: p.Name, Driver: p.Driver, DriverOpts: p.DriverOpts, Labels: p.Labels})
		if err != nil {
			return err
		}
		p.Anonymous = p.Anonymous || p.Name == ""
		p.Name, p.Driver, p.Source, p.Labels, p.DriverOpts = v.Name, v.Driver, v.Mountpoint, nil, nil
		if _, err := m.volumes.Mount(v.Name, c.id); err != nil {
			return err
		}
	}
	if p.Type == mount.TypeImage && p.ImageID == "" {
		img, err := m.images.Get(p.Name)
		if errdefs.IsNotFound(err) {
			return notFound("No such image: %s", withTag(p.Name))
		} else if err != nil {
			return err
		}
		p.ImageID = img.ID
	}
	c.def.Mounts = slices.DeleteFunc(c.def.Mounts, func(old mountPoint) bool { return old.Destination == p.Destination })
	c.def.Mounts = append(c.def.Mounts, p)
	return nil
}

// dropMounts gives the volumes back; anonymous ones are removed if asked.
func (m *Manager) dropMounts(c *container, anonymous bool) {
	for _, p := range c.def.Mounts {
		if p.Type != mount.TypeVolume {
			continue
		}
		m.volumes.Unmount(p.Name, c.id)
		if anonymous && p.Anonymous {
			if err := m.volumes.Remove(context.Background(), p.Name, true); err != nil {
				m.log.Debug("anonymous volume kept", "volume", p.Name, "container", c.id, "error", err)
			}
		}
	}
}

// volumesFromModes are the modes of --volumes-from; labels of SELinux change nothing here.
var volumesFromModes = []string{"ro", "rw", "z", "Z", "ro,z", "ro,Z", "rw,z", "rw,Z", "z,ro", "Z,ro", "z,rw", "Z,rw"}

func (m *Manager) volumesFrom(c *container, spec string) error {
	ref, mode, hasMode := strings.Cut(spec, ":")
	switch {
	case spec == "":
		return invalid("volumes-from specification cannot be an empty string")
	case hasMode && !slices.Contains(volumesFromModes, mode):
		return invalid("invalid mode: %s", mode)
	case ref == "":
		return invalid("invalid name or ID supplied: \"\"")
	}
	from, err := m.get(ref)
	if err != nil {
		return invalid("%v", err)
	}
	def, _ := from.snapshot()
	for _, p := range def.Mounts {
		if strings.Contains(mode, "ro") {
			p.RW = false
		}
		p.Anonymous = false // it is the other one's
		if err := m.addMount(c, p); err != nil {
			return err
		}
	}
	return nil
}

// parseBind reads SOURCE:TARGET[:OPTIONS], where a source that is no absolute path is a volume's name, or TARGET alone,
// for an anonymous volume.
func parseBind(spec string) (mountPoint, error) {
	bad := func(why string) (mountPoint, error) {
		if why != "" {
			why = ": " + why
		}
		return mountPoint{}, invalid("invalid volume specification: '%s'%s", spec, why)
	}
	parts := strings.Split(spec, ":")
	p := mountPoint{MountPoint: types.MountPoint{RW: true}}
	switch {
	case spec == "" || len(parts) > 3:
		return bad("")
	case len(parts) == 1:
		parts = []string{"", parts[0]}
	case parts[0] == "" || parts[1] == "":
		return bad("")
	}
	source, target := parts[0], parts[1]
	if !path.IsAbs(target) {
		return bad(fmt.Sprintf("invalid mount config for type %q: invalid mount path: '%s' mount path must be absolute", kindOf(source), target))
	}
	p.Destination = path.Clean(target)
	if p.Destination == "/" {
		return bad(fmt.Sprintf("invalid mount config for type %q: invalid specification: destination can't be '/'", kindOf(source)))
	}
	if p.Type = kindOf(source); p.Type == mount.TypeBind {
		p.Source, p.Propagation, p.CreateSource = path.Clean(source), mount.PropagationRPrivate, true
	} else {
		p.Name, p.Mode = source, "z"
		if source == "" {
			p.Mode = ""
		}
	}
	if len(parts) == 3 {
		p.Mode = parts[2]
		if err := bindOptions(&p, spec); err != nil {
			return mountPoint{}, err
		}
	}
	return p, nil
}

// bindOptions applies p.Mode, the options of the bind spec. Each kind of them may be given once.
func bindOptions(p *mountPoint, spec string) error {
	seen := map[string]bool{}
	for _, option := range strings.Split(p.Mode, ",") {
		kind := option
		switch option {
		case "ro", "rw":
			kind, p.RW = "access", option == "rw"
		case "z", "Z":
			kind = "label"
		case "cached", "delegated", "consistent", "default":
			kind = "consistency"
		case "nocopy":
			if p.Type == mount.TypeBind {
				return invalid("invalid volume specification: '%s': invalid mount config for type \"bind\": field VolumeOptions must not be specified", spec)
			}
			p.NoCopy = true
		default:
			if !slices.Contains(mount.Propagations, mount.Propagation(option)) {
				return invalid("invalid mode: %s", p.Mode)
			}
			if p.Type != mount.TypeBind {
				return invalid("invalid volume specification: '%s': invalid mount config for type \"volume\": field BindOptions must not be specified", spec)
			}
			kind, p.Propagation = "propagation", mount.Propagation(option)
		}
		if seen[kind] {
			return invalid("invalid mode: %s", p.Mode)
		}
		seen[kind] = true
	}
	return nil
}

func kindOf(source string) mount.Type {
	if path.IsAbs(source) {
		return mount.TypeBind
	}
	return mount.TypeVolume
}

// parseMount reads an entry of HostConfig.Mounts.
func parseMount(spec *mount.Mount) (mountPoint, error) {
	bad := func(format string, args ...any) (mountPoint, error) {
		return mountPoint{}, invalid("invalid mount config for type %q: %s", spec.Type, fmt.Sprintf(format, args...))
	}
	if err := foreignOptions(spec); err != nil {
		return mountPoint{}, err
	}
	switch {
	case spec.Target == "":
		return bad("field Target must not be empty")
	case !path.IsAbs(spec.Target):
		return bad("invalid mount path: '%s' mount path must be absolute", spec.Target)
	case path.Clean(spec.Target) == "/":
		return bad("invalid specification: destination can't be '/'")
	}
	p := mountPoint{MountPoint: types.MountPoint{Type: spec.Type, Destination: path.Clean(spec.Target), RW: !spec.ReadOnly}}
	switch spec.Type {
	case mount.TypeBind:
		if spec.Source == "" {
			return bad("field Source must not be empty")
		}
		if !path.IsAbs(spec.Source) {
			return bad("invalid mount path: '%s' mount path must be absolute", spec.Source)
		}
		p.Source, p.Propagation = path.Clean(spec.Source), mount.PropagationRPrivate
		if o := spec.BindOptions; o != nil {
			if o.Propagation != "" && !slices.Contains(mount.Propagations, o.Propagation) {
				return bad("invalid propagation mode: %s", o.Propagation)
			}
			if o.Propagation != "" {
				p.Propagation = o.Propagation
			}
			p.CreateSource = o.CreateMountpoint
		}
		if _, err := os.Lstat(p.Source); err != nil && !p.CreateSource {
			return bad("bind source path does not exist: %s", spec.Source)
		}
	case mount.TypeVolume:
		p.Name, p.Mode = spec.Source, "z"
		if spec.Source == "" {
			p.Mode = ""
		}
		if o := spec.VolumeOptions; o != nil {
			p.NoCopy, p.Labels, p.Subpath = o.NoCopy, o.Labels, o.Subpath
			if o.DriverConfig != nil {
				p.Driver, p.DriverOpts = o.DriverConfig.Name, o.DriverConfig.Options
			}
			if p.Subpath != "" && spec.Source == "" {
				return bad("must not set Subpath when using anonymous volumes")
			}
			if p.Subpath != "" && !fs.ValidPath(p.Subpath) {
				return bad("subpath must be a relative path within the volume")
			}
		}
	case mount.TypeTmpfs:
		if spec.Source != "" {
			return bad("field Source must not be specified")
		}
		p.Tmpfs = sandbox.Mount{}
		if o := spec.TmpfsOptions; o != nil {
			p.Tmpfs.Size = o.SizeBytes
			if o.Mode != 0 {
				mode := uint32(o.Mode.Perm())
				if o.Mode&fs.ModeSticky != 0 || uint32(o.Mode)&0o1000 != 0 {
					mode |= 0o1000
				}
				p.Tmpfs.Mode = &mode
			}
			for _, option := range o.Options {
				if n := len(option); n != 1 && n != 2 {
					return bad("invalid option array length")
				}
				if !tmpfsFlag(&p, option[0]) {
					return bad("invalid option: %s", option[0])
				}
			}
		}
	case mount.TypeImage:
		if spec.Source == "" {
			return bad("field Source must not be empty")
		}
		p.Name, p.RW, p.Propagation = spec.Source, false, mount.PropagationRPrivate
		if o := spec.ImageOptions; o != nil && o.Subpath != "" {
			if p.Subpath = o.Subpath; !fs.ValidPath(p.Subpath) {
				return bad("subpath must be a relative path within the volume")
			}
		}
	default:
		return bad("mount type unknown")
	}
	return p, nil
}

// foreignOptions refuses options of other types of mounts than this one.
func foreignOptions(spec *mount.Mount) error {
	for _, o := range []struct {
		name  string
		given bool
		types []mount.Type
	}{
		{"BindOptions", spec.BindOptions != nil, []mount.Type{mount.TypeBind, mount.TypeNamedPipe}},
		{"VolumeOptions", spec.VolumeOptions != nil, []mount.Type{mount.TypeVolume}},
		{"ImageOptions", spec.ImageOptions != nil, []mount.Type{mount.TypeImage}},
		{"TmpfsOptions", spec.TmpfsOptions != nil, []mount.Type{mount.TypeTmpfs}},
		{"ClusterOptions", spec.ClusterOptions != nil, []mount.Type{mount.TypeCluster}},
	} {
		if o.given && !slices.Contains(o.types, spec.Type) {
			return invalid("%s must not be specified on mount type %q", o.name, spec.Type)
		}
	}
	return nil
}

// parseTmpfs reads the options of --tmpfs TARGET:OPTIONS.
func parseTmpfs(target, options string) (mountPoint, error) {
	if !path.IsAbs(target) {
		return mountPoint{}, invalid("invalid mount path: '%s' mount path must be absolute", target)
	}
	if path.Clean(target) == "/" {
		return mountPoint{}, invalid("invalid specification: destination can't be '/'")
	}
	p := mountPoint{MountPoint: types.MountPoint{Type: mount.TypeTmpfs, Destination: path.Clean(target), RW: true}, Hidden: true}
	p.Tmpfs.NoExec = true // dockerd's default options are noexec,nosuid,nodev
	for _, option := range strings.Split(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		var err error
		switch name {
		case "size":
			p.Tmpfs.Size, err = units.RAMInBytes(value)
		case "mode":
			var mode uint64
			if mode, err = strconv.ParseUint(value, 8, 12); err == nil {
				bits := uint32(mode)
				p.Tmpfs.Mode = &bits
			}
		case "uid":
			err = parseOwner(value, &p.Tmpfs.UID)
		case "gid":
			err = parseOwner(value, &p.Tmpfs.GID)
		case "nr_inodes", "nr_blocks": // bounds that the size already gives
		default:
			if !tmpfsFlag(&p, option) {
				return mountPoint{}, invalid("invalid tmpfs option %q", option)
			}
		}
		if err != nil {
			return mountPoint{}, invalid("invalid tmpfs option %q: %v", option, err)
		}
	}
	return p, nil
}

func parseOwner(s string, id *uint32) error {
	n, err := strconv.ParseUint(s, 10, 32)
	*id = uint32(n)
	return err
}

// tmpfsFlag applies a mount option without a value; those about setuid programs, devices and times change nothing here,
// where there are none.
func tmpfsFlag(p *mountPoint, option string) bool {
	switch option {
	case "exec":
		p.Tmpfs.NoExec = false
	case "noexec":
		p.Tmpfs.NoExec = true
	case "ro":
		p.RW = false
	case "", "rw", "suid", "nosuid", "dev", "nodev", "sync", "async", "atime", "noatime", "diratime", "nodiratime",
		"relatime", "norelatime", "strictatime", "defaults":
	default:
		return false
	}
	return true
}

// sandboxMounts is what the sandbox is to mount, outer mounts first.
func (m *Manager) sandboxMounts(id string, def *definition, populate bool) ([]sandbox.Mount, error) {
	list := make([]sandbox.Mount, 0, len(def.Mounts))
	for _, p := range def.Mounts {
		mnt := p.Tmpfs
		mnt.Target, mnt.ReadOnly = p.Destination, !p.RW
		switch p.Type {
		case mount.TypeBind:
			mnt.Type, mnt.Source = sandbox.Bind, p.Source
			if _, err := os.Stat(p.Source); err != nil {
				if !p.CreateSource || !os.IsNotExist(err) {
					return nil, invalid("invalid mount config for type \"bind\": bind source path does not exist: %s", p.Source)
				}
				if err := os.MkdirAll(p.Source, 0o755); err != nil {
					return nil, invalid("error while creating mount source path '%s': %v", p.Source, err)
				}
			}
		case mount.TypeVolume:
			from, err := m.volumes.Mount(p.Name, id)
			if err == nil {
				err = mountVolume(&mnt, from, &p, populate)
			}
			if err != nil {
				return nil, err
			}
		case mount.TypeTmpfs:
			mnt.Type = sandbox.Tmpfs
		case mount.TypeImage:
			img, found := m.images.ByID(p.ImageID)
			if !found {
				return nil, notFound("No such image: %s", withTag(p.Name))
			}
			mnt.Type, mnt.Layers, mnt.Subpath = sandbox.Image, layerPaths(img), p.Subpath
		}
		list = append(list, mnt)
	}
	slices.SortStableFunc(list, func(a, b sandbox.Mount) int {
		return strings.Count(a.Target, "/") - strings.Count(b.Target, "/")
	})
	return list, nil
}

// layerPaths are an image's layers as the sandbox opens them.
func layerPaths(img *image.Image) []string {
	paths := make([]string, len(img.Layers))
	for i, l := range img.Layers {
		paths[i] = l.Path
	}
	return paths
}

// mountVolume fills in how the sandbox mounts a volume.
func mountVolume(mnt *sandbox.Mount, from volume.Source, p *mountPoint, populate bool) error {
	mnt.ReadOnly = mnt.ReadOnly || from.ReadOnly
	mnt.Populate = populate && !p.NoCopy
	switch {
	case from.Tmpfs != nil:
		if p.Subpath != "" {
			return invalid("invalid mount config for type \"volume\": a volume in memory (%s) has no subpaths", p.Name)
		}
		mnt.Type, mnt.Source, mnt.Populate = sandbox.Tmpfs, from.Dir, false
		mnt.Size, mnt.Mode, mnt.UID, mnt.GID, mnt.NoExec = from.Tmpfs.Size, from.Tmpfs.Mode, from.Tmpfs.UID, from.Tmpfs.GID, from.NoExec
		return nil
	case from.Bind:
		mnt.Type = sandbox.Bind
		if _, err := os.Stat(from.Dir); err != nil {
			return fmt.Errorf("error while mounting volume %s: failed to mount local volume: %w", p.Name, err)
		}
	default:
		mnt.Type = sandbox.Volume
	}
	mnt.Source, mnt.NoExec = from.Dir, from.NoExec
	if p.Subpath != "" {
		dir, err := subpath(from.Dir, p.Subpath)
		if err != nil {
			return err
		}
		mnt.Source = dir
	}
	return nil
}

// emitVolumes publishes that the volumes of a container that starts or has ended are mounted or not.
func (m *Manager) emitVolumes(c *container, action events.Action) {
	def, _ := c.snapshot()
	for _, p := range def.Mounts {
		if p.Type != mount.TypeVolume {
			continue
		}
		attributes := map[string]string{"container": c.id, "driver": p.Driver}
		if action == events.ActionMount {
			attributes["destination"], attributes["propagation"] = p.Destination, ""
			attributes["read/write"] = strconv.FormatBool(p.RW)
		}
		m.events.Publish(events.VolumeEventType, action, p.Name, attributes)
	}
}

// subpath is the host path of a directory of a volume; no symbolic link in the volume leads out of it.
func subpath(dir, sub string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("opening volume: %w", err)
	}
	defer root.Close()
	at := ""
	for _, part := range strings.Split(sub, "/") {
		at = path.Join(at, part)
		info, err := root.Lstat(at)
		if err != nil {
			return "", invalid("cannot access path %s in volume: no such file or directory", sub)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return "", invalid("cannot access path %s in volume: symbolic links are not supported in subpaths", sub)
		}
	}
	return path.Join(dir, sub), nil
}

// shownMounts are a container's mounts as inspect shows them.
func shownMounts(def *definition) []types.MountPoint {
	list := make([]types.MountPoint, 0, len(def.Mounts))
	for _, p := range def.Mounts {
		if !p.Hidden {
			list = append(list, p.MountPoint)
		}
	}
	return list
}
