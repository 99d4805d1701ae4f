package vfs

import "github.com/sockerless/sockerless/sandbox/abi"

// Capabilities (capabilities(7)), as bit numbers of the sets of Caps.
const (
	CapChown       = 0
	CapDACOverride = 1
	CapFowner      = 3
	CapFsetid      = 4
	CapKill        = 5
	CapSetgid      = 6
	CapSetuid      = 7
	CapSetpcap     = 8
	CapSysChroot   = 18
	CapSysAdmin    = 21
	CapSysNice     = 23
	CapSysResource = 24
	CapMknod       = 27
	CapLast        = 40 // CAP_LAST_CAP
	AllCaps        = 1<<(CapLast+1) - 1
	DefaultCaps    = 0xa80425fb // that root of a container has
)

// Caps are the sets of capabilities of a process.
type Caps struct {
	Effective, Permitted, Inheritable, Bounding, Ambient uint64
}

// CapSets returns the sets, those that go with the user ids when none were set.
func (c *Cred) CapSets() Caps {
	if c.Caps != nil {
		return *c.Caps
	}
	s := Caps{Bounding: DefaultCaps}
	if c.anyRoot() {
		s.Permitted = DefaultCaps
	}
	if c.UID == 0 {
		s.Effective = DefaultCaps
	}
	return s
}

func (c *Cred) anyRoot() bool { return c.UID == 0 || c.RealUID == 0 || c.SavedUID == 0 }

// Has reports whether a capability is effective.
func (c *Cred) Has(capability int) bool {
	if c.Caps == nil {
		return c.UID == 0 && DefaultCaps>>capability&1 != 0
	}
	return c.Caps.Effective>>capability&1 != 0
}

// WithCaps returns the credentials with other sets.
func (c *Cred) WithCaps(s Caps) *Cred {
	n := *c
	n.Caps = &s
	return &n
}

// WithUIDs returns the credentials with other user ids. Who gives up being root gives up its capabilities, unless KeepCaps
// says otherwise (capabilities(7), "Effect of user ID changes on capabilities").
func (c *Cred) WithUIDs(real, effective, saved uint32) *Cred {
	n := *c
	n.RealUID, n.UID, n.SavedUID = real, effective, saved
	if c.Caps == nil && !c.KeepCaps {
		return &n // they follow from the ids
	}
	s := c.CapSets()
	if c.anyRoot() && !n.anyRoot() {
		if !c.KeepCaps {
			s.Permitted, s.Effective = 0, 0
		}
		s.Ambient = 0
	}
	switch {
	case c.UID == 0 && effective != 0:
		s.Effective = 0
	case c.UID != 0 && effective == 0:
		s.Effective = s.Permitted
	}
	n.Caps = &s
	return &n
}

// ForExec returns the credentials of a program that is started from a file with attributes st: those of the file's owner
// or group as well, where its set-id bits say so and nothing forbids it (execve(2)).
func (c *Cred) ForExec(st *abi.Stat, nosuid bool) *Cred {
	n := *c
	if !nosuid && !c.NoNewPrivs {
		if st.Mode&abi.S_ISUID != 0 {
			n.UID = st.UID
		}
		if st.Mode&abi.S_ISGID != 0 && st.Mode&0o010 != 0 {
			n.GID = st.GID
		}
	}
	if n.UID == c.UID && n.GID == c.GID && c.Caps == nil && c.SavedUID == c.UID && c.SavedGID == c.GID && !c.KeepCaps {
		return c
	}
	n.SavedUID, n.SavedGID, n.KeepCaps = n.UID, n.GID, false
	if c.Caps == nil {
		return &n
	}
	s := *c.Caps
	if n.UID != c.UID || n.GID != c.GID {
		s.Ambient = 0
	}
	s.Permitted = s.Ambient
	if n.UID == 0 || n.RealUID == 0 {
		s.Permitted |= s.Inheritable | s.Bounding
	}
	s.Effective = s.Ambient
	if n.UID == 0 {
		s.Effective = s.Permitted
	}
	n.Caps = &s
	return &n
}
