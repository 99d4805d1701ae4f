package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

func getuid(t *kernel.Task, _ Memory, _ args) (int64, error)  { return int64(t.Cred().RealUID), nil }
func geteuid(t *kernel.Task, _ Memory, _ args) (int64, error) { return int64(t.Cred().UID), nil }
func getgid(t *kernel.Task, _ Memory, _ args) (int64, error)  { return int64(t.Cred().RealGID), nil }
func getegid(t *kernel.Task, _ Memory, _ args) (int64, error) { return int64(t.Cred().GID), nil }

func putIDs(m Memory, a args, ids ...uint32) (int64, error) {
	for i := range ids {
		if err := put(m, a[i], &ids[i]); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// getresuid and getresgid: EFAULT.
func getresuid(t *kernel.Task, m Memory, a args) (int64, error) {
	c := t.Cred()
	return putIDs(m, a, c.RealUID, c.UID, c.SavedUID)
}

func getresgid(t *kernel.Task, m Memory, a args) (int64, error) {
	c := t.Cred()
	return putIDs(m, a, c.RealGID, c.GID, c.SavedGID)
}

// ids are the real, effective and saved id of a user or group.
type ids struct{ real, effective, saved uint32 }

func (i ids) has(id uint32) bool { return id == i.real || id == i.effective || id == i.saved }

func uids(c *vfs.Cred) ids { return ids{c.RealUID, c.UID, c.SavedUID} }
func gids(c *vfs.Cred) ids { return ids{c.RealGID, c.GID, c.SavedGID} }

// setIDs replaces the user's or the group's ids.
func setIDs(t *kernel.Task, group bool, to ids) {
	if !group {
		t.SetCred(t.Cred().WithUIDs(to.real, to.effective, to.saved))
		return
	}
	c := *t.Cred()
	c.RealGID, c.GID, c.SavedGID = to.real, to.effective, to.saved
	t.SetCred(&c)
}

// maySet reports whether a task may take any user or group id.
func maySet(t *kernel.Task, group bool) bool {
	if group {
		return t.Cred().Has(vfs.CapSetgid)
	}
	return t.Cred().Has(vfs.CapSetuid)
}

func idsOf(t *kernel.Task, group bool) ids {
	if group {
		return gids(t.Cred())
	}
	return uids(t.Cred())
}

// setID is setuid and setgid: EINVAL, EPERM.
func setID(group bool) handler {
	return func(t *kernel.Task, _ Memory, a args) (int64, error) {
		id, now := a.u32(0), idsOf(t, group)
		switch {
		case id == vfs.NoID:
			return 0, abi.EINVAL
		case maySet(t, group):
			now = ids{id, id, id}
		case id == now.real || id == now.saved:
			now.effective = id
		default:
			return 0, abi.EPERM
		}
		setIDs(t, group, now)
		return 0, nil
	}
}

// setREID is setreuid and setregid: EPERM.
func setREID(group bool) handler {
	return func(t *kernel.Task, _ Memory, a args) (int64, error) {
		r, e, old := a.u32(0), a.u32(1), idsOf(t, group)
		now, root := old, maySet(t, group)
		if r != vfs.NoID {
			if !root && r != old.real && r != old.effective {
				return 0, abi.EPERM
			}
			now.real = r
		}
		if e != vfs.NoID {
			if !root && !old.has(e) {
				return 0, abi.EPERM
			}
			now.effective = e
		}
		if r != vfs.NoID || e != vfs.NoID && e != old.real {
			now.saved = now.effective
		}
		setIDs(t, group, now)
		return 0, nil
	}
}

// setRESID is setresuid and setresgid: EPERM.
func setRESID(group bool) handler {
	return func(t *kernel.Task, _ Memory, a args) (int64, error) {
		old := idsOf(t, group)
		now := old
		for i, field := range []*uint32{&now.real, &now.effective, &now.saved} {
			id := a.u32(i)
			if id == vfs.NoID {
				continue
			}
			if !maySet(t, group) && !old.has(id) {
				return 0, abi.EPERM
			}
			*field = id
		}
		setIDs(t, group, now)
		return 0, nil
	}
}

// setfsuid and setfsgid do not change anything, and return the id that counts for files: the effective one.

// getgroups: EFAULT, EINVAL.
func getgroups(t *kernel.Task, m Memory, a args) (int64, error) {
	groups := t.Cred().Groups
	switch n := a.int(0); {
	case n < 0 || n > 0 && n < len(groups):
		return 0, abi.EINVAL
	case n > 0:
		b, err := m.Slice(a[1], 4*uint64(len(groups)))
		if err != nil {
			return 0, err
		}
		for i, g := range groups {
			le.PutUint32(b[4*i:], g)
		}
	}
	return int64(len(groups)), nil
}

// setgroups: EFAULT, EINVAL, EPERM.
func setgroups(t *kernel.Task, m Memory, a args) (int64, error) {
	if !maySet(t, true) {
		return 0, abi.EPERM
	}
	n := uint64(a.u32(0))
	if n > abi.NGROUPS {
		return 0, abi.EINVAL
	}
	b, err := m.Slice(a[1], 4*n)
	if err != nil {
		return 0, err
	}
	c := *t.Cred()
	c.Groups = make([]uint32, n)
	for i := range c.Groups {
		c.Groups[i] = le.Uint32(b[4*i:])
	}
	t.SetCred(&c)
	return 0, nil
}
