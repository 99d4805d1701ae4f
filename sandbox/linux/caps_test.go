package linux_test

import (
	"fmt"
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// privileged is root with all capabilities, as in a privileged container.
var privileged = &vfs.Cred{Caps: &vfs.Caps{Bounding: vfs.AllCaps}}

const capVersion3 = 0x20080522

// caps sets the effective, permitted and inheritable capabilities of both words.
func (m *machine) capset(effective, permitted, inheritable uint64) int64 {
	head := m.words(capVersion3)
	data := m.words(effective&0xffffffff|permitted<<32, inheritable&0xffffffff|effective>>32<<32, permitted>>32|inheritable>>32<<32)
	return m.call(abi.SYS_CAPSET, head, data)
}

func (m *machine) capget() string {
	data := m.alloc(24)
	m.want("capget", m.call(abi.SYS_CAPGET, m.words(capVersion3), data), 0)
	return fmt.Sprintf("%x %x %x", m.u32(data), m.u32(data+4), m.u32(data+8))
}

func TestRootHasWhatItsCapabilitiesAllow(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Write("/tmp/secret", 0o600, []byte("x"))
		m.want("chown", m.call(abi.SYS_CHOWN, "/tmp/secret", 7, 7), 0)
		if got, want := m.capget(), fmt.Sprintf("%x %x 0", vfs.DefaultCaps, vfs.DefaultCaps); got != want {
			t.Errorf("root has %s, want %s", got, want)
		}
		const all = vfs.DefaultCaps
		m.steps(
			do(abi.EPERM, abi.SYS_SETHOSTNAME, "x", 1), // as in a container that is not privileged
			do(abi.EPERM, abi.SYS_SETRLIMIT, abi.RLIMIT_NICE, m.words(5, 5)),
			do(abi.EACCES, abi.SYS_SETPRIORITY, 0, 0, -1),
			do(0, abi.SYS_CAPGET, m.words(1), 0), // asks for the version
			do(abi.EINVAL, abi.SYS_CAPGET, m.words(1), m.alloc(24)),
			do(abi.ESRCH, abi.SYS_CAPGET, m.words(capVersion3|9999<<32), m.alloc(24)),
			do(abi.EFAULT, abi.SYS_CAPGET, 8, m.alloc(24)),
			do(3, abi.SYS_OPEN, "/tmp/secret", abi.O_RDONLY),
		)
		m.want("drop DAC_OVERRIDE", m.capset(all&^(1<<vfs.CapDACOverride), all, 0), 0)
		m.want("open", m.call(abi.SYS_OPEN, "/tmp/secret", abi.O_RDONLY), abi.EACCES)
		m.want("take it again", m.capset(all, all, 0), 0)
		m.want("open", m.call(abi.SYS_OPEN, "/tmp/secret", abi.O_RDONLY), 4)
		m.want("more than is permitted", m.capset(all|1<<vfs.CapSysAdmin, all|1<<vfs.CapSysAdmin, 0), abi.EPERM)
		for _, c := range []struct {
			drop int
			step step
		}{
			{vfs.CapChown, do(abi.EPERM, abi.SYS_CHOWN, "/tmp/secret", 8, 8)},
			{vfs.CapFowner, do(abi.EPERM, abi.SYS_CHMOD, "/tmp/secret", 0o777)},
			{vfs.CapMknod, do(abi.EPERM, abi.SYS_MKNOD, "/tmp/n", abi.S_IFCHR, 259)},
			{vfs.CapSysChroot, do(abi.EPERM, abi.SYS_CHROOT, "/tmp")},
			{vfs.CapSetgid, do(abi.EPERM, abi.SYS_SETGROUPS, 0, 0)},
			{vfs.CapSetuid, do(abi.EPERM, abi.SYS_SETUID, 5)},
		} {
			m.want("drop", m.capset(all&^(1<<c.drop), all, 0), 0)
			m.steps(c.step)
		}
		m.want("all again", m.capset(all, all, 0), 0)
		m.steps(
			do(1, abi.SYS_PRCTL, 23, vfs.CapChown),
			do(0, abi.SYS_PRCTL, 24, vfs.CapChown),
			do(0, abi.SYS_PRCTL, 23, vfs.CapChown),
			do(abi.EINVAL, abi.SYS_PRCTL, 23, 41),
			do(abi.EPERM, abi.SYS_PRCTL, 47, 2, vfs.CapKill, 0, 0), // not inheritable
		)
		m.want("inherit", m.capset(all, all, 1<<vfs.CapKill), 0)
		m.steps(
			do(0, abi.SYS_PRCTL, 47, 2, vfs.CapKill, 0, 0),
			do(1, abi.SYS_PRCTL, 47, 1, vfs.CapKill, 0, 0),
			do(0, abi.SYS_SETRESUID, -1, 5, -1),
		)
		if got, want := m.capget(), fmt.Sprintf("0 %x 20", all); got != want {
			t.Errorf("with another effective user: %s, want %s", got, want)
		}
		m.want("setresuid", m.call(abi.SYS_SETRESUID, 5, 5, 5), 0)
		if got := m.capget(); got != "0 0 20" {
			t.Errorf("without being root: %s", got)
		}
	})
}

func TestCapabilitiesAreKeptWhenAsked(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(_ *guesttest.Box, m *machine) {
		m.steps(
			do(0, abi.SYS_PRCTL, 7),
			do(0, abi.SYS_PRCTL, 8, 1),
			do(1, abi.SYS_PRCTL, 7),
			do(0, abi.SYS_SETUID, 5),
		)
		if got, want := m.capget(), fmt.Sprintf("0 %x 0", vfs.DefaultCaps); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		m.want("capset", m.capset(1<<vfs.CapChown, 1<<vfs.CapChown, 0), 0)
		m.want("chown", m.call(abi.SYS_CHOWN, "/tmp", 9, 9), 0)
	})
}

func TestSetIDBitsCountAtExec(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		mode       uint32
		noNewPrivs bool
		want       string // real, effective and saved user; real, effective and saved group
	}{
		{"plain", 0o755, false, "5 5 5 6 6 6"},
		{"set-user-ID", 0o4755, false, "5 0 0 6 6 6"},
		{"set-group-ID", 0o2755, false, "5 5 5 6 0 0"},
		{"set-group-ID without the group's x", 0o2745, false, "5 5 5 6 6 6"},
		{"no new privileges", 0o6755, true, "5 5 5 6 6 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := guesttest.Options{Cred: &vfs.Cred{UID: 5, RealUID: 5, SavedUID: 5, GID: 6, RealGID: 6, SavedGID: 6}}
			inMachine(t, opt, func(b *guesttest.Box, m *machine) {
				got := ""
				b.Func("/bin/id", func(task *kernel.Task) int {
					cred := task.Cred()
					got = fmt.Sprint(cred.RealUID, cred.UID, cred.SavedUID, cred.RealGID, cred.GID, cred.SavedGID)
					return 0
				})
				p, err := b.Root.Walk(b.Root.Cwd, "/bin/id", true)
				if err == nil {
					err = b.Root.Chmod(p, c.mode)
				}
				if err != nil {
					t.Fatal(err)
				}
				if c.noNewPrivs {
					m.steps(do(0, abi.SYS_PRCTL, 39, 0, 0, 0, 0), do(0, abi.SYS_PRCTL, 38, 1, 0, 0, 0), do(1, abi.SYS_PRCTL, 39, 0, 0, 0, 0))
				}
				child, err := m.task.Spawn("/bin/id", &kernel.SpawnAttr{Argv: []string{"id"}})
				if err != nil {
					t.Fatal(err)
				}
				<-child.Done()
				if got != c.want {
					t.Errorf("ids %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestOrphansGoToTheSubreaper(t *testing.T) {
	t.Parallel()
	inMachine(t, guesttest.Options{}, func(b *guesttest.Box, m *machine) {
		b.Func("/bin/grandchild", func(task *kernel.Task) int {
			task.SetAction(abi.SIGUSR1, kernel.Handle)
			task.SetDeathSignal(abi.SIGUSR1)
			for task.NextSignal() != abi.SIGUSR1 {
				if task.Pause(); task.Dying() {
					return 1
				}
			}
			return task.Ppid() + 10
		})
		b.Func("/bin/child", func(task *kernel.Task) int {
			c, err := task.Spawn("/bin/grandchild", &kernel.SpawnAttr{Argv: []string{"grandchild"}})
			for err == nil && c.DeathSignal() == 0 && c.State() != 'Z' {
				task.Sleep(1e6)
			}
			return 0
		})
		b.Func("/bin/reaper", func(task *kernel.Task) int {
			r := newMachine(t, task)
			r.steps(do(0, abi.SYS_PRCTL, 36, 1), do(0, abi.SYS_PRCTL, 37, r.alloc(4)))
			if _, err := task.Spawn("/bin/child", &kernel.SpawnAttr{Argv: []string{"child"}}); err != nil {
				t.Error(err)
			}
			last := 0
			for {
				res, err := task.Wait(-1, 0)
				if err != nil {
					break
				}
				last = res.Status.ExitCode()
			}
			if last != task.Pid()+10 {
				t.Errorf("the orphan's parent was %d, want %d", last-10, task.Pid())
			}
			return 0
		})
		c, err := m.task.Spawn("/bin/reaper", &kernel.SpawnAttr{Argv: []string{"reaper"}})
		if err != nil {
			t.Fatal(err)
		}
		m.task.Wait(c.Pid(), 0)
	})
}
