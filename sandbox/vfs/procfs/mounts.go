package procfs

import (
	"fmt"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// mounts is /proc/PID/mounts (fstab(5)): the mounts that can be reached from the process's root.
func (fs *filesystem) mounts(t Task) string {
	var b strings.Builder
	fs.eachMount(t, func(m *vfs.Mount, point string) {
		fmt.Fprintf(&b, "%s %s %s %s 0 0\n", escape(m.Filesystem().Source), escape(point), m.Filesystem().Type, mountOptions(m))
	})
	return b.String()
}

// mountstats is /proc/PID/mountstats.
func (fs *filesystem) mountstats(t Task) string {
	var b strings.Builder
	fs.eachMount(t, func(m *vfs.Mount, point string) {
		fmt.Fprintf(&b, "device %s mounted on %s with fstype %s\n", escape(m.Filesystem().Source), escape(point), m.Filesystem().Type)
	})
	return b.String()
}

// mountinfo is /proc/PID/mountinfo (proc_pid_mountinfo(5)).
func (fs *filesystem) mountinfo(t Task) string {
	var b strings.Builder
	fs.eachMount(t, func(m *vfs.Mount, point string) {
		parent := m.ID()
		if m.Parent() != nil {
			parent = m.Parent().ID()
		}
		var dev uint64
		if st, err := m.Root().Inode().Stat(); err == nil {
			dev = st.Dev
		}
		access, _, _ := strings.Cut(mountOptions(m), ",")
		fmt.Fprintf(&b, "%d %d %d:%d %s %s %s - %s %s %s\n", m.ID(), parent, abi.Major(dev), abi.Minor(dev), escape(within(m.Root())),
			escape(point), mountOptions(m), m.Filesystem().Type, escape(m.Filesystem().Source), access)
	})
	return b.String()
}

func (fs *filesystem) eachMount(t Task, f func(m *vfs.Mount, point string)) {
	ns := fs.k.Namespace()
	root := t.Root()
	if root.IsZero() {
		root = ns.Root()
	}
	for _, m := range ns.Mounts() {
		if point, ok := ns.Name(vfs.Path{Mount: m, Dentry: m.Root()}, root); ok {
			f(m, point)
		}
	}
}

// within returns a dentry's path in its filesystem: what a bind shows of it.
func within(d *vfs.Dentry) string {
	path := ""
	for ; d.Parent() != nil; d = d.Parent() {
		path = "/" + d.Name() + path
	}
	if path == "" {
		return "/"
	}
	return path
}

func mountOptions(m *vfs.Mount) string {
	opts := "rw"
	if m.Flags()&vfs.ReadOnly != 0 {
		opts = "ro"
	}
	for _, o := range []struct {
		flag vfs.MountFlags
		name string
	}{{vfs.NoSuid, "nosuid"}, {vfs.NoDev, "nodev"}, {vfs.NoExec, "noexec"}} {
		if m.Flags()&o.flag != 0 {
			opts += "," + o.name
		}
	}
	return opts + ",relatime"
}

// escape writes what would end a field in octal, as getmntent(3) reads it.
func escape(s string) string { return mountEscaper.Replace(s) }

var mountEscaper = strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)
