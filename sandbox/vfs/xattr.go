package vfs

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Flags of SetXattr (setxattr(2)).
const (
	XattrCreate  = 1
	XattrReplace = 2
)

const (
	xattrNameMax = 255      // XATTR_NAME_MAX
	xattrSizeMax = 64 << 10 // XATTR_SIZE_MAX, bytes
)

// XattrMap holds the extended attributes of an inode in memory: what a filesystem that keeps them itself needs for the
// methods of Xattrs. The zero value is empty. It does no locking.
type XattrMap map[string][]byte

// Get returns an attribute's value: ENODATA.
func (m XattrMap) Get(name string) ([]byte, error) {
	v, ok := m[name]
	if !ok {
		return nil, abi.ENODATA
	}
	return bytes.Clone(v), nil
}

// Set sets an attribute of a file of the given mode: EEXIST, ENODATA by flags, EPERM for user attributes of what is
// neither file nor directory, EOPNOTSUPP for an unknown namespace (xattr(7)), ERANGE and E2BIG for what is too long.
func (m *XattrMap) Set(mode uint32, name string, value []byte, flags int) error {
	space, rest, ok := strings.Cut(name, ".")
	switch {
	case len(name) > xattrNameMax || name == "":
		return abi.ERANGE
	case !ok || rest == "":
		return abi.EOPNOTSUPP
	case len(value) > xattrSizeMax:
		return abi.E2BIG
	}
	switch space {
	case "user":
		if t := mode & abi.S_IFMT; t != abi.S_IFREG && t != abi.S_IFDIR {
			return abi.EPERM
		}
	case "trusted", "security", "system":
	default:
		return abi.EOPNOTSUPP
	}
	_, exists := (*m)[name]
	if exists && flags&XattrCreate != 0 {
		return abi.EEXIST
	}
	if !exists && flags&XattrReplace != 0 {
		return abi.ENODATA
	}
	if *m == nil {
		*m = make(XattrMap)
	}
	(*m)[name] = append([]byte{}, value...)
	return nil
}

// List returns the names, sorted.
func (m XattrMap) List() []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Remove removes an attribute: ENODATA.
func (m XattrMap) Remove(name string) error {
	if _, ok := m[name]; !ok {
		return abi.ENODATA
	}
	delete(m, name)
	return nil
}
