package volume

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
)

// Source is what a sandbox mounts for a volume.
type Source struct {
	Dir      string // of the host: the volume's own, or what its options name; a name for a Tmpfs
	Bind     bool   // Dir is not the volume's own
	ReadOnly bool
	NoExec   bool
	Tmpfs    *Tmpfs // the volume is in memory, as long as a container runs that has it
}

// Tmpfs are the options of a volume in memory (tmpfs(5)).
type Tmpfs struct {
	Size     int64   // bytes; 0 is no limit
	Mode     *uint32 // permission bits of its root; nil for 01777
	UID, GID uint32  // owner of its root
}

// options are those of the local driver, needs what each of them needs besides.
var (
	options = []string{"device", "o", "size", "type"}
	needs   = map[string][]string{"device": {"type"}, "o": {"device", "type"}, "type": {"device"}}
)

// checkOptions refuses options of the local driver: with dockerd's words those that dockerd refuses, and by name what
// needs a mount(2) that an unprivileged daemon cannot make.
func checkOptions(opts map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(opts)) {
		if !slices.Contains(options, name) {
			return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid option: %q", name))
		}
	}
	if v, ok := opts["size"]; ok {
		size, err := units.RAMInBytes(v)
		if err != nil {
			return errdefs.ErrInvalidArgument.WithMessage(err.Error())
		}
		if size > 0 {
			return errdefs.ErrInvalidArgument.WithMessage("quota size requested but no quota support")
		}
	}
	for _, name := range options {
		if _, ok := opts[name]; !ok {
			continue
		}
		for _, other := range needs[name] {
			if _, ok := opts[other]; !ok {
				return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("missing required option: %q", other))
			}
		}
	}
	_, err := source("", opts)
	return err
}

// source works out what the options of a volume, whose own directory is dir, ask to mount.
func source(dir string, opts map[string]string) (Source, error) {
	src := Source{Dir: dir}
	kind, device := opts["type"], opts["device"]
	if kind == "" && device == "" {
		return src, nil
	}
	list := strings.Split(opts["o"], ",")
	switch {
	case kind == "tmpfs":
		src.Tmpfs = &Tmpfs{}
	case slices.Contains(list, "bind") || slices.Contains(list, "rbind"):
		if !filepath.IsAbs(device) {
			return src, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("device of a bind must be an absolute path: %q", device))
		}
		src.Bind, src.Dir = true, filepath.Clean(device)
	default:
		return src, errdefs.ErrNotImplemented.WithMessage(fmt.Sprintf(
			"a volume of type %q needs a mount by the kernel and is not supported by Sockerless: mount it on the host and use type=none,o=bind,device=/PATH", kind))
	}
	for _, option := range list {
		if err := src.apply(option); err != nil {
			return src, err
		}
	}
	return src, nil
}

// apply takes one mount option over. Those that say what is so anyway, or what has no meaning here, change nothing.
func (s *Source) apply(option string) error {
	name, value, valued := strings.Cut(option, "=")
	if s.Tmpfs != nil && valued {
		var err error
		switch name {
		case "size":
			s.Tmpfs.Size, err = units.RAMInBytes(value)
		case "mode":
			var mode uint64
			if mode, err = strconv.ParseUint(value, 8, 12); err == nil {
				bits := uint32(mode)
				s.Tmpfs.Mode = &bits
			}
		case "uid":
			s.Tmpfs.UID, err = number(value)
		case "gid":
			s.Tmpfs.GID, err = number(value)
		case "nr_inodes", "nr_blocks":
			_, err = units.RAMInBytes(value)
		default:
			return unsupportedOption(option)
		}
		if err != nil {
			return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid mount option %q", option))
		}
		return nil
	}
	switch option {
	case "ro":
		s.ReadOnly = true
	case "noexec":
		s.NoExec = true
	case "", "rw", "exec", "bind", "rbind", "suid", "nosuid", "dev", "nodev", "sync", "async", "atime", "noatime", "diratime",
		"nodiratime", "relatime", "norelatime", "strictatime", "defaults", "private", "rprivate":
	default:
		return unsupportedOption(option)
	}
	return nil
}

func unsupportedOption(option string) error {
	return errdefs.ErrNotImplemented.WithMessage(fmt.Sprintf("mount option %q is not supported by Sockerless", option))
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
