package linux

import (
	"crypto/rand"
	"runtime"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// uname: EFAULT.
func uname(t *kernel.Task, m Memory, a args) (int64, error) {
	var u abi.Utsname
	domain := t.Kernel().Domainname()
	if domain == "" {
		domain = "(none)"
	}
	copy(u.Sysname[:64], "Linux")
	copy(u.Nodename[:64], t.Kernel().Hostname())
	copy(u.Release[:64], kernel.Release)
	copy(u.Version[:64], kernel.Version)
	copy(u.Machine[:64], kernel.Machine)
	copy(u.Domainname[:64], domain)
	return ok(put(m, a[0], &u))
}

// sethostname: EFAULT, EINVAL, EPERM.
func sethostname(t *kernel.Task, m Memory, a args) (int64, error) {
	return setName(t, m, a, t.Kernel().SetHostname)
}

// setdomainname: EFAULT, EINVAL, EPERM.
func setdomainname(t *kernel.Task, m Memory, a args) (int64, error) {
	return setName(t, m, a, t.Kernel().SetDomainname)
}

func setName(t *kernel.Task, m Memory, a args, set func(string)) (int64, error) {
	if !t.Cred().Has(vfs.CapSysAdmin) {
		return 0, abi.EPERM
	}
	if a[1] > 64 { // __NEW_UTS_LEN
		return 0, abi.EINVAL
	}
	b, err := m.Slice(a[0], a[1])
	if err != nil {
		return 0, err
	}
	set(string(b))
	return 0, nil
}

// sysinfo: EFAULT. The memory is the sandbox's: its limit, or the host's memory when it has none.
func sysinfo(t *kernel.Task, m Memory, a args) (int64, error) {
	k := t.Kernel()
	u := k.Usage()
	total := uint64(k.Limits().Memory)
	if host := hostMemory(); total == 0 || host > 0 && host < total {
		total = host
	}
	s := abi.Sysinfo{
		Uptime: int64(kernel.Monotonic().Seconds()), Totalram: total, Freeram: total - min(uint64(max(u.Memory, 0)), total),
		Procs: uint16(min(u.Tasks, 1<<16-1)), Unit: 1,
	}
	return ok(put(m, a[0], &s))
}

const maxRandom = 1<<25 - 1 // bytes of one call, as Linux

// getrandom: EFAULT, EINVAL.
func getrandom(_ *kernel.Task, m Memory, a args) (int64, error) {
	const flags = 7 // GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE
	if a.u32(2)&^flags != 0 {
		return 0, abi.EINVAL
	}
	b, err := m.Slice(a[0], min(a[1], maxRandom))
	if err != nil {
		return 0, err
	}
	rand.Read(b) // never fails (crypto/rand)
	return int64(len(b)), nil
}

// sched_yield cannot fail.
func schedYield(t *kernel.Task, _ Memory, _ args) (int64, error) {
	_ = t.Yield() // what ends the task is seen on the way out
	return 0, nil
}

// sched_getaffinity: EFAULT, EINVAL, ESRCH. It returns the bytes written, as the system call does.
func schedGetaffinity(t *kernel.Task, m Memory, a args) (int64, error) {
	if pid := a.int(0); pid != 0 && t.Kernel().Task(pid) == nil {
		return 0, abi.ESRCH
	}
	cpus := runtime.NumCPU()
	size := uint64(cpus+63) / 64 * 8
	if a[1]%8 != 0 || a[1] < size {
		return 0, abi.EINVAL
	}
	b, err := m.Slice(a[2], size)
	if err != nil {
		return 0, err
	}
	clear(b)
	for i := range cpus {
		b[i/8] |= 1 << (i % 8)
	}
	return int64(size), nil
}

// getcpu: EFAULT.
func getcpu(_ *kernel.Task, m Memory, a args) (int64, error) {
	var zero uint32
	if err := putOpt(m, a[0], &zero); err != nil {
		return 0, err
	}
	return ok(putOpt(m, a[1], &zero))
}

// getrlimit: EFAULT, EINVAL.
func getrlimit(t *kernel.Task, m Memory, a args) (int64, error) {
	return prlimit64(t, m, args{0, a[0], 0, a[1]})
}

// setrlimit: EFAULT, EINVAL, EPERM.
func setrlimit(t *kernel.Task, m Memory, a args) (int64, error) {
	return prlimit64(t, m, args{0, a[0], a[1]})
}

// prlimit64: EFAULT, EINVAL, EPERM, ESRCH. Others' limits are for root, and for whom they belong to in all their ids.
func prlimit64(t *kernel.Task, m Memory, a args) (int64, error) {
	of := t
	if pid := a.int(0); pid != 0 {
		if of = t.Kernel().Task(pid); of == nil {
			return 0, abi.ESRCH
		}
	}
	r := a.int(1)
	if r < 0 || r >= abi.RLIM_NLIMITS {
		return 0, abi.EINVAL
	}
	if c, o := t.Cred(), of.Cred(); of != t && !c.Has(vfs.CapSysResource) &&
		(uids(o) != ids{c.RealUID, c.RealUID, c.RealUID} || gids(o) != ids{c.RealGID, c.RealGID, c.RealGID}) {
		return 0, abi.EPERM
	}
	old := of.Limit(r)
	if a[2] != 0 {
		var l abi.Rlimit
		if err := get(m, a[2], &l); err != nil {
			return 0, err
		}
		if err := of.SetLimit(t, r, l); err != nil {
			return 0, err
		}
	}
	return ok(putOpt(m, a[3], &old))
}

// getpriority: EINVAL, ESRCH. It returns 20 less the nice value, as the system call does.
func getpriority(t *kernel.Task, _ Memory, a args) (int64, error) {
	best := 20
	err := eachPriority(t, a, func(o *kernel.Task) error {
		best = min(best, o.Nice())
		return nil
	})
	return int64(20 - best), err
}

// setpriority: EACCES to raise it without being root, EINVAL, EPERM, ESRCH.
func setpriority(t *kernel.Task, _ Memory, a args) (int64, error) {
	nice := min(max(a.int(2), -20), 19)
	return ok(eachPriority(t, a, func(o *kernel.Task) error {
		c := t.Cred()
		switch {
		case !c.Has(vfs.CapSysNice) && c.UID != o.Cred().UID && c.UID != o.Cred().RealUID:
			return abi.EPERM
		case !c.Has(vfs.CapSysNice) && nice < o.Nice():
			return abi.EACCES
		}
		o.SetNice(nice)
		return nil
	}))
}

// eachPriority calls f for the tasks that arguments 0 (PRIO_PROCESS, PRIO_PGRP, PRIO_USER) and 1 name.
func eachPriority(t *kernel.Task, a args, f func(*kernel.Task) error) error {
	which, who := a.int(0), a.int(1)
	found := false
	for _, o := range t.Kernel().Tasks() {
		var match bool
		switch which {
		case 0:
			match = o.Pid() == who || who == 0 && o == t
		case 1:
			pgid, err := t.Pgid(o.Pid())
			want := who
			if who == 0 {
				want, _ = t.Pgid(0)
			}
			match = err == nil && pgid == want
		case 2:
			match = o.Cred().RealUID == uint32(who) || who == 0 && o.Cred().RealUID == t.Cred().RealUID
		default:
			return abi.EINVAL
		}
		if match {
			found = true
			if err := f(o); err != nil {
				return err
			}
		}
	}
	if !found {
		return abi.ESRCH
	}
	return nil
}

// refused is a call that takes privileges which no program in a sandbox has: mount, umount2, pivot_root, swapon, reboot,
// init_module…
func refused(*kernel.Task, Memory, args) (int64, error) { return 0, abi.EPERM }
