package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// Operations of prctl(2).
const (
	prSetPdeathsig  = 1
	prGetPdeathsig  = 2
	prGetKeepcaps   = 7
	prSetKeepcaps   = 8
	prSetName       = 15
	prGetName       = 16
	prCapbsetRead   = 23
	prCapbsetDrop   = 24
	prGetSecurebits = 27
	prSetSubreaper  = 36
	prGetSubreaper  = 37
	prSetNoNewPrivs = 38
	prGetNoNewPrivs = 39
	prCapAmbient    = 47
)

// prctl: EFAULT, EINVAL for operations that are not above, and their own: EPERM.
func prctl(t *kernel.Task, m Memory, a args) (int64, error) {
	c := *t.Cred()
	switch a.int(0) {
	case prSetPdeathsig:
		if a[1] > uint64(abi.SIGRTMAX) {
			return 0, abi.EINVAL
		}
		t.SetDeathSignal(abi.Signal(a[1]))
		return 0, nil
	case prGetPdeathsig:
		sig := uint32(t.DeathSignal())
		return ok(put(m, a[1], &sig))
	case prGetKeepcaps:
		return flag(c.KeepCaps)
	case prSetKeepcaps:
		if a[1] > 1 {
			return 0, abi.EINVAL
		}
		c.KeepCaps = a[1] == 1
		t.SetCred(&c)
		return 0, nil
	case prSetName:
		return ok(setTaskName(t, m, a[1]))
	case prGetName:
		b, err := m.Slice(a[1], 16)
		if err == nil {
			clear(b[copy(b, t.Image().Comm):])
		}
		return 0, err
	case prCapbsetRead:
		if a[1] > vfs.CapLast {
			return 0, abi.EINVAL
		}
		return flag(c.CapSets().Bounding>>a[1]&1 != 0)
	case prCapbsetDrop:
		switch {
		case !c.Has(vfs.CapSetpcap):
			return 0, abi.EPERM
		case a[1] > vfs.CapLast:
			return 0, abi.EINVAL
		}
		s := c.CapSets()
		s.Bounding &^= 1 << a[1]
		t.SetCred(c.WithCaps(s))
		return 0, nil
	case prGetSecurebits:
		return 0, nil
	case prSetSubreaper:
		t.SetSubreaper(a[1] != 0)
		return 0, nil
	case prGetSubreaper:
		var on uint32
		if t.Subreaper() {
			on = 1
		}
		return ok(put(m, a[1], &on))
	case prSetNoNewPrivs:
		if a[1] != 1 || a[2] != 0 || a[3] != 0 || a[4] != 0 {
			return 0, abi.EINVAL
		}
		c.NoNewPrivs = true
		t.SetCred(&c)
		return 0, nil
	case prGetNoNewPrivs:
		if a[1] != 0 || a[2] != 0 || a[3] != 0 || a[4] != 0 {
			return 0, abi.EINVAL
		}
		return flag(c.NoNewPrivs)
	case prCapAmbient:
		return ambient(t, a)
	}
	return 0, abi.EINVAL
}

func flag(on bool) (int64, error) {
	if on {
		return 1, nil
	}
	return 0, nil
}

// setTaskName renames the task; longer names are cut.
func setTaskName(t *kernel.Task, m Memory, addr uint64) error {
	name, err := cstring(m, addr, 16, nil)
	if err == nil && name == "" {
		var b []byte
		if b, err = m.Slice(addr, 15); err == nil && b[0] != 0 {
			name = string(b)
		}
	}
	if err != nil {
		return err
	}
	t.SetComm(name)
	return nil
}

// ambient is PR_CAP_AMBIENT: EINVAL, EPERM.
func ambient(t *kernel.Task, a args) (int64, error) {
	const isSet, raise, lower, clearAll = 1, 2, 3, 4
	op, bit := a[1], uint64(0)
	if op == clearAll {
		if a[2] != 0 {
			return 0, abi.EINVAL
		}
	} else if a[2] > vfs.CapLast {
		return 0, abi.EINVAL
	} else {
		bit = 1 << a[2]
	}
	s := t.Cred().CapSets()
	switch op {
	case isSet:
		return flag(s.Ambient&bit != 0)
	case raise:
		if s.Permitted&s.Inheritable&bit == 0 {
			return 0, abi.EPERM
		}
		s.Ambient |= bit
	case lower:
		s.Ambient &^= bit
	case clearAll:
		s.Ambient = 0
	default:
		return 0, abi.EINVAL
	}
	t.SetCred(t.Cred().WithCaps(s))
	return 0, nil
}

// Versions of capget and capset, _LINUX_CAPABILITY_VERSION_.
const (
	capVersion1 = 0x19980330 // 32 capabilities
	capVersion2 = 0x20071026
	capVersion3 = 0x20080522
)

type capHeader struct {
	version uint32
	pid     int32
}

// capWords reads the header of capget and capset, and tells how many words of 32 capabilities a set has. An unknown version
// is answered with the newest: EINVAL.
func capWords(m Memory, addr uint64) (capHeader, int, error) {
	var h capHeader
	if err := get(m, addr, &h); err != nil {
		return h, 0, err
	}
	switch h.version {
	case capVersion1:
		return h, 1, nil
	case capVersion2, capVersion3:
		return h, 2, nil
	}
	newest := capHeader{capVersion3, h.pid}
	if err := put(m, addr, &newest); err != nil {
		return h, 0, err
	}
	return h, 0, abi.EINVAL
}

// capget: EFAULT, EINVAL, ESRCH.
func capget(t *kernel.Task, m Memory, a args) (int64, error) {
	h, words, err := capWords(m, a[0])
	if err != nil {
		if err == abi.EINVAL && a[1] == 0 { // only the version was asked for
			return 0, nil
		}
		return 0, err
	}
	of := t
	switch {
	case h.pid < 0:
		return 0, abi.EINVAL
	case h.pid != 0:
		if of = t.Kernel().Task(int(h.pid)); of == nil {
			return 0, abi.ESRCH
		}
	}
	b, err := m.Slice(a[1], uint64(words)*12)
	if err != nil {
		return 0, err
	}
	s := of.Cred().CapSets()
	for i := range words {
		for j, set := range []uint64{s.Effective, s.Permitted, s.Inheritable} {
			le.PutUint32(b[12*i+4*j:], uint32(set>>(32*i)))
		}
	}
	return 0, nil
}

// capset: EFAULT, EINVAL, EPERM.
func capset(t *kernel.Task, m Memory, a args) (int64, error) {
	h, words, err := capWords(m, a[0])
	if err != nil {
		return 0, err
	}
	if h.pid != 0 && int(h.pid) != t.Pid() {
		return 0, abi.EPERM
	}
	b, err := m.Slice(a[1], uint64(words)*12)
	if err != nil {
		return 0, err
	}
	var sets [3]uint64
	for i := range words {
		for j := range sets {
			sets[j] |= uint64(le.Uint32(b[12*i+4*j:])) << (32 * i)
		}
	}
	old := t.Cred().CapSets()
	s := vfs.Caps{
		Effective: sets[0] & vfs.AllCaps, Permitted: sets[1] & vfs.AllCaps, Inheritable: sets[2] & vfs.AllCaps, Bounding: old.Bounding,
	}
	switch {
	case s.Permitted&^old.Permitted != 0, s.Effective&^s.Permitted != 0, s.Inheritable&^(old.Inheritable|old.Bounding) != 0,
		!t.Cred().Has(vfs.CapSetpcap) && s.Inheritable&^(old.Inheritable|old.Permitted) != 0:
		return 0, abi.EPERM
	}
	s.Ambient = old.Ambient & s.Permitted & s.Inheritable
	t.SetCred(t.Cred().WithCaps(s))
	return 0, nil
}
