package procfs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// process is the entry of /proc/PID.
func (fs *filesystem) process(pid int, t Task) entry {
	return fs.taskDir(strconv.Itoa(pid), t, pid, true)
}

// taskDir is the entry of a process's directory, or of one of its threads'.
func (fs *filesystem) taskDir(name string, t Task, tid int, leader bool) entry {
	return entry{name, abi.S_IFDIR | 0o555, func(n node) vfs.Inode {
		if c := t.Status().Cred; c != nil {
			n.uid, n.gid = c.UID, c.GID
		}
		d := &dir{node: n, fixed: fs.taskFiles(t, tid)}
		if leader {
			d.fixed = append(d.fixed, fs.threads(t), net(fs))
		}
		return d
	}}
}

func (fs *filesystem) taskFiles(t Task, tid int) []entry {
	status := func(f func(Status) string) func() string { return func() string { return f(t.Status()) } }
	return []entry{
		private("auxv", 0o400, func() (string, error) { return auxv(t.Status()), nil }),
		fixedText("cgroup", "0::/\n"),
		text("cmdline", func() string { return nulTerminated(t.Args()) }),
		writable("comm", func() (string, error) { return t.Status().Comm + "\n", nil }, func(s string) error {
			t.SetComm(s)
			return nil
		}),
		fixedText("cpuset", "/\n"),
		magic("cwd", t, Task.Cwd),
		private("environ", 0o400, func() (string, error) { return nulTerminated(t.Environ()), nil }),
		magic("exe", t, Task.Exe),
		fdDir(t),
		fdinfoDir(t),
		fixedText("gid_map", idMap),
		private("io", 0o400, func() (string, error) { return ioText(t.Status().IO), nil }),
		text("limits", status(limits)),
		fixedText("loginuid", "4294967295"),
		text("maps", status(maps)),
		text("mountinfo", func() string { return fs.mountinfo(t) }),
		private("mountstats", 0o400, func() (string, error) { return fs.mountstats(t), nil }),
		text("mounts", func() string { return fs.mounts(t) }),
		fs.namespaces(),
		text("oom_score", status(func(s Status) string { return strconv.Itoa((1000+s.OOMScoreAdj)*2/3) + "\n" })),
		writable("oom_score_adj", func() (string, error) { return strconv.Itoa(t.Status().OOMScoreAdj) + "\n", nil },
			func(s string) error {
				n, err := strconv.Atoi(strings.TrimSpace(s))
				if err != nil || n < -1000 || n > 1000 {
					return abi.EINVAL
				}
				return t.SetOOMScoreAdj(n)
			}),
		private("personality", 0o400, func() (string, error) { return "00000000\n", nil }),
		magic("root", t, Task.Root),
		text("schedstat", status(func(s Status) string { return fmt.Sprintf("%d 0 0\n", s.User+s.System) })),
		fixedText("sessionid", "4294967295"),
		fixedText("setgroups", "allow\n"),
		text("smaps", status(smaps)),
		text("smaps_rollup", status(smapsRollup)),
		text("stat", status(func(s Status) string { return fs.taskStat(s, tid) })),
		text("statm", status(statm)),
		text("status", status(func(s Status) string { return taskStatus(s, tid, fs.k.System().CPUs) })),
		fixedText("uid_map", idMap),
		fixedText("wchan", "0"),
	}
}

// idMap is that of the initial user namespace (user_namespaces(7)).
const idMap = "         0          0 4294967295\n"

// threads is the entry of /proc/PID/task.
func (fs *filesystem) threads(t Task) entry {
	tids := func() []int {
		s := t.Status()
		if s.Threads == nil {
			return []int{s.PID}
		}
		return s.Threads
	}
	return entry{"task", abi.S_IFDIR | 0o555, func(n node) vfs.Inode {
		return &dir{
			node: n,
			find: func(name string) (entry, bool) {
				tid, err := strconv.Atoi(name)
				if err != nil || strconv.Itoa(tid) != name || !slices.Contains(tids(), tid) {
					return entry{}, false
				}
				return fs.taskDir(name, t, tid, false), true
			},
			list: func() []entry { return numbered(tids(), abi.S_IFDIR|0o555) },
		}
	}}
}

func numbered(numbers []int, mode uint32) []entry {
	out := make([]entry, len(numbers))
	for i, n := range numbers {
		out[i] = entry{name: strconv.Itoa(n), mode: mode}
	}
	return out
}

func nulTerminated(list []string) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.String()
}

// mayInspect checks that the caller may look into a process (ptrace(2), access mode checking): EACCES.
func mayInspect(ctx *vfs.Context, t Task) error {
	c, of := ctx.Cred, t.Status().Cred
	if c == nil || of == nil {
		return abi.EACCES
	}
	same := c.UID == of.UID && c.UID == of.RealUID && c.UID == of.SavedUID &&
		c.GID == of.GID && c.GID == of.RealGID && c.GID == of.SavedGID
	if c.UID == 0 || same {
		return nil
	}
	return abi.EACCES
}

// jump is a link to a place: cwd, exe and root of a process.
type jump struct {
	node
	vfs.NotDir
	task  Task
	place func(Task) vfs.Path
}

func magic(name string, t Task, place func(Task) vfs.Path) entry {
	return entry{name, abi.S_IFLNK | 0o777, func(n node) vfs.Inode { return &jump{node: n, task: t, place: place} }}
}

// Jump returns the place: EACCES, and ENOENT when there is none.
func (j *jump) Jump(ctx *vfs.Context) (vfs.Path, error) {
	if err := mayInspect(ctx, j.task); err != nil {
		return vfs.Path{}, err
	}
	p := j.place(j.task)
	if p.IsZero() {
		return vfs.Path{}, abi.ENOENT
	}
	return p, nil
}

func ioText(i IO) string {
	return fmt.Sprintf("rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n",
		i.ReadChars, i.WriteChars, i.Reads, i.Writes, i.ReadBytes, i.WriteBytes)
}

func maps(s Status) string {
	var b strings.Builder
	for _, m := range s.Maps {
		b.WriteString(mapLine(m))
	}
	return b.String()
}

func mapLine(m Mapping) string {
	line := fmt.Sprintf("%08x-%08x %s %08x %02x:%02x %d ", m.Start, m.End, m.Perms, m.Offset, abi.Major(m.Dev), abi.Minor(m.Dev), m.Ino)
	if m.Name != "" {
		line = fmt.Sprintf("%-73s%s", line, m.Name)
	}
	return line + "\n"
}
