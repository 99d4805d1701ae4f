package linux

import (
	"math"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/wasm"
)

// exit ends a WebAssembly program; it does not return.
func exit(code uint32) { wasm.Exit(code & 0xff) }

// getpid, gettid, set_tid_address: a task is one thread.
func getpid(t *kernel.Task, _ Memory, _ args) (int64, error) { return int64(t.Pid()), nil }

// getppid cannot fail.
func getppid(t *kernel.Task, _ Memory, _ args) (int64, error) { return int64(t.Ppid()), nil }

// getpgid: ESRCH.
func getpgid(t *kernel.Task, _ Memory, a args) (int64, error) {
	id, err := t.Pgid(a.int(0))
	return int64(id), err
}

// getpgrp cannot fail.
func getpgrp(t *kernel.Task, m Memory, _ args) (int64, error) { return getpgid(t, m, args{}) }

// setpgid: EINVAL, EPERM, ESRCH.
func setpgid(t *kernel.Task, _ Memory, a args) (int64, error) {
	return ok(t.Setpgid(a.int(0), a.int(1)))
}

// getsid: ESRCH.
func getsid(t *kernel.Task, _ Memory, a args) (int64, error) {
	id, err := t.Sid(a.int(0))
	return int64(id), err
}

// setsid: EPERM.
func setsid(t *kernel.Task, _ Memory, _ args) (int64, error) {
	id, err := t.Setsid()
	return int64(id), err
}

func timeval(d time.Duration) abi.Timeval {
	return abi.Timeval{Sec: int64(d / time.Second), Usec: int64(d % time.Second / time.Microsecond)}
}

// Options of wait4 and waitid that are about threads.
const (
	wNoThread = 1 << 29 // __WNOTHREAD
	wAll      = 1 << 30 // __WALL
	wClone    = 1 << 31 // __WCLONE: only children that send no SIGCHLD, which there are none of
)

// wait4: ECHILD, EFAULT, EINTR, EINVAL, ESRCH for the smallest int.
func wait4(t *kernel.Task, m Memory, a args) (int64, error) {
	options := a.u32(2)
	switch {
	case options&^(abi.WNOHANG|abi.WUNTRACED|abi.WCONTINUED|wNoThread|wAll|wClone) != 0:
		return 0, abi.EINVAL
	case a.int(0) == math.MinInt32:
		return 0, abi.ESRCH
	case options&(wClone|wAll) == wClone:
		return 0, abi.ECHILD
	}
	res, err := t.Wait(a.int(0), a.int(2)&(abi.WNOHANG|abi.WUNTRACED|abi.WCONTINUED))
	if err != nil || res.Pid == 0 {
		return 0, err
	}
	if err := putOpt(m, a[1], &res.Status); err != nil {
		return 0, err
	}
	return int64(res.Pid), putUsage(m, a[3], res)
}

// putUsage writes what a child used.
func putUsage(m Memory, addr uint64, res kernel.WaitResult) error {
	usage := abi.Rusage{Utime: timeval(res.CPU), Maxrss: res.MaxMem / 1024}
	return putOpt(m, addr, &usage)
}

// waitid: EBADF, ECHILD, EFAULT, EINTR, EINVAL.
func waitid(t *kernel.Task, m Memory, a args) (int64, error) {
	const pAll, pPid, pPgid, pPidfd = 0, 1, 2, 3
	const what = abi.WUNTRACED | abi.WCONTINUED | abi.WEXITED
	options := a.u32(3)
	if options&^(what|abi.WNOHANG|abi.WNOWAIT|wNoThread|wAll|wClone) != 0 || options&what == 0 {
		return 0, abi.EINVAL
	}
	who := kernel.WaitFor{Pid: a.int(1)}
	switch {
	case a.int(0) == pAll:
		who.Pid = -1
	case a.int(0) == pPid && who.Pid > 0:
	case a.int(0) == pPgid && who.Pid >= 0:
		who.Pid = -who.Pid
	case a.int(0) == pPidfd && who.Pid >= 0:
		o, err := t.Files.Get(who.Pid)
		if err != nil {
			return 0, err
		}
		defer o.Release()
		f, isPid := o.File.(*pidFile)
		if !isPid {
			return 0, abi.EBADF
		}
		who.Only = f.task
	default:
		return 0, abi.EINVAL
	}
	if options&(wClone|wAll) == wClone {
		return 0, abi.ECHILD
	}
	res, err := t.WaitID(who, int(options&(what|abi.WNOHANG|abi.WNOWAIT)))
	if err != nil {
		return 0, err
	}
	if a[2] != 0 {
		info, err := m.Slice(a[2], 128)
		if err != nil {
			return 0, err
		}
		clear(info)
		if res.Pid != 0 {
			code, status := siginfo(res.Status)
			for i, v := range []uint32{uint32(abi.SIGCHLD), 0, code, 0, uint32(res.Pid), res.UID, status} {
				le.PutUint32(info[4*i:], v)
			}
		}
	}
	return ok(putUsage(m, a[4], res))
}

// siginfo returns si_code (CLD_…) and si_status of an end, stop or continue (sigaction(2)).
func siginfo(w abi.WaitStatus) (code, status uint32) {
	switch {
	case w == abi.Continued:
		return 6, uint32(abi.SIGCONT)
	case w.IsStopped():
		return 5, uint32(w.Signal())
	case w.IsSignaled():
		return 2, uint32(w.Signal())
	}
	return 1, uint32(w.ExitCode())
}

// spawn is SYS_SPAWN: EFAULT, E2BIG, EINVAL, EPERM (a group of another session), EAGAIN (the limit of tasks), and the
// errors of execve(2): EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOEXEC, ENOMEM, ENOTDIR.
func spawn(t *kernel.Task, m Memory, a args) (int64, error) {
	name, attr, err := spawnAttr(t, m, a)
	if err != nil {
		return 0, err
	}
	child, err := t.Spawn(name, attr)
	if err != nil {
		return 0, err
	}
	return int64(child.Pid()), nil
}

// exec is SYS_EXEC, with the errors of execve(2).
func exec(t *kernel.Task, m Memory, a args) (int64, error) {
	name, attr, err := spawnAttr(t, m, a)
	if err != nil {
		return 0, err
	}
	return ok(t.Replace(name, attr))
}

// execve: E2BIG, EACCES, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOEXEC, ENOTDIR. A NULL environment is an empty one.
func execve(t *kernel.Task, m Memory, a args) (int64, error) {
	name, err := path(m, a[0])
	if err != nil {
		return 0, err
	}
	var argv, env []string
	if a[1] != 0 {
		if argv, err = stringArray(m, a[1]); err != nil {
			return 0, err
		}
	}
	if a[2] != 0 {
		if env, err = stringArray(m, a[2]); err != nil {
			return 0, err
		}
	}
	return ok(t.Exec(name, argv, env))
}

const maxSpawnFiles = 1024

func spawnAttr(t *kernel.Task, m Memory, a args) (string, *kernel.SpawnAttr, error) {
	fail := func(err error) (string, *kernel.SpawnAttr, error) { return "", nil, err }
	name, err := path(m, a[0])
	if err != nil {
		return fail(err)
	}
	var raw abi.SpawnAttr
	if err := get(m, a[1], &raw); err != nil {
		return fail(err)
	}
	const flags = abi.SPAWN_SETPGROUP | abi.SPAWN_SETSID | abi.SPAWN_SETSIGMASK
	if raw.Flags&^flags != 0 || raw.Pgid < 0 || raw.NFiles > maxSpawnFiles {
		return fail(abi.EINVAL)
	}
	attr := &kernel.SpawnAttr{
		Env:    t.Image().Env,
		Setsid: raw.Flags&abi.SPAWN_SETSID != 0, Setpgrp: raw.Flags&abi.SPAWN_SETPGROUP != 0, Pgid: int(raw.Pgid),
		Default: abi.SigSet(raw.SigDfl), SetMask: raw.Flags&abi.SPAWN_SETSIGMASK != 0, Mask: abi.SigSet(raw.SigMask),
	}
	if attr.Argv, err = stringArray(m, raw.Argv); err != nil {
		return fail(err)
	}
	if raw.Envp != 0 {
		if attr.Env, err = stringArray(m, raw.Envp); err != nil {
			return fail(err)
		}
	}
	if raw.Dir != 0 {
		d, err := path(m, raw.Dir)
		if err != nil {
			return fail(err)
		}
		fs := t.FS()
		if attr.Dir, err = fs.Walk(fs.Cwd, d, true); err != nil {
			return fail(err)
		}
		if err := maySearch(fs, attr.Dir); err != nil {
			return fail(err)
		}
	}
	list, err := m.Slice(raw.Files, 8*uint64(raw.NFiles))
	if err != nil {
		return fail(err)
	}
	for ; len(list) > 0; list = list[8:] {
		attr.Files = append(attr.Files, abi.SpawnFile{From: int32(le.Uint32(list)), To: int32(le.Uint32(list[4:]))})
	}
	return name, attr, nil
}

func maySearch(fs *vfs.Context, p vfs.Path) error {
	st, err := p.Inode().Stat()
	if err != nil {
		return err
	}
	if st.Mode&abi.S_IFMT != abi.S_IFDIR {
		return abi.ENOTDIR
	}
	return fs.Cred.Access(&st, abi.X_OK)
}

// argList and environ are SYS_ARGS and SYS_ENVIRON: EFAULT.
func argList(t *kernel.Task, m Memory, a args) (int64, error) { return strings(m, a, t.Image().Argv) }

func environ(t *kernel.Task, m Memory, a args) (int64, error) { return strings(m, a, t.Image().Env) }

func strings(m Memory, a args, list []string) (int64, error) {
	size := 0
	for _, s := range list {
		size += len(s) + 1
	}
	if uint64(size) > a[1] {
		return int64(size), nil
	}
	b, err := m.Slice(a[0], uint64(size))
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		b[copy(b, s)] = 0
		b = b[len(s)+1:]
	}
	return int64(size), nil
}
