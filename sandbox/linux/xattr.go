package linux

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// The extended attributes (xattr(7)). All calls: EACCES, EBADF, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR,
// EOPNOTSUPP, ERANGE for a name that is too long and a buffer that is too small.

const (
	xattrNameMax = 256      // XATTR_NAME_MAX and the zero byte
	xattrSizeMax = 64 << 10 // XATTR_SIZE_MAX
	follow       = 0        // the link's target, as flags of walk
	noFollow     = abi.AT_SYMLINK_NOFOLLOW
	byFD         = -1 // the argument is a descriptor
)

// xattrOf resolves the file of a call, argument 0.
func xattrOf(t *kernel.Task, m Memory, a args, how int) (*vfs.Context, vfs.Path, error) {
	if how != byFD {
		return walk(t, m, cwd(a), 1, how)
	}
	o, err := t.Files.Get(a.int(0))
	if err != nil {
		return nil, vfs.Path{}, err
	}
	defer o.Release()
	switch {
	case o.Flags()&abi.O_PATH != 0:
		return nil, vfs.Path{}, abi.EBADF
	case o.Path.IsZero():
		return nil, vfs.Path{}, abi.EOPNOTSUPP
	}
	return t.FS(), o.Path, nil
}

// attrs returns the place of a file and its attributes, which the caller may access in the given way (abi.R_OK or W_OK).
func attrs(t *kernel.Task, m Memory, a args, how int, want uint32) (vfs.Path, vfs.Xattrs, error) {
	fs, p, err := xattrOf(t, m, a, how)
	if err != nil {
		return p, nil, err
	}
	x, ok := p.Inode().(vfs.Xattrs)
	if !ok {
		return p, nil, abi.EOPNOTSUPP
	}
	if want == abi.W_OK && p.Mount != nil && p.Mount.Flags()&vfs.ReadOnly != 0 {
		return p, nil, abi.EROFS
	}
	st, err := p.Inode().Stat()
	if err != nil {
		return p, nil, err
	}
	if want != 0 && st.Mode&abi.S_IFMT != abi.S_IFLNK {
		err = fs.Cred.Access(&st, want)
	}
	return p, x, err
}

// named is attrs for a call whose argument 1 is the name of an attribute, with the checks that its namespace asks for.
func named(t *kernel.Task, m Memory, a args, how int, want uint32) (vfs.Path, vfs.Xattrs, string, error) {
	name, err := cstring(m, a[1], xattrNameMax, abi.ERANGE)
	if err == nil && name == "" {
		err = abi.ERANGE
	}
	if err != nil {
		return vfs.Path{}, nil, "", err
	}
	p, x, err := attrs(t, m, a, how, want)
	if err == nil {
		err = mayUse(t, name, want == abi.W_OK)
	}
	return p, x, name, err
}

// mayUse checks what a namespace of attributes asks of the caller: EPERM, or ENODATA for reading.
func mayUse(t *kernel.Task, name string, write bool) error {
	const trusted, security = "trusted.", "security."
	if t.Cred().Has(vfs.CapSysAdmin) {
		return nil
	}
	switch {
	case len(name) > len(trusted) && name[:len(trusted)] == trusted:
		if !write {
			return abi.ENODATA
		}
		return abi.EPERM
	case write && len(name) > len(security) && name[:len(security)] == security:
		return abi.EPERM
	}
	return nil
}

// fill copies a value into the buffer at addr, or only tells its size when the buffer's is 0.
func fill(m Memory, addr, size uint64, value []byte) (int64, error) {
	if size == 0 {
		return int64(len(value)), nil
	}
	if size < uint64(len(value)) {
		return 0, abi.ERANGE
	}
	buf, err := m.Slice(addr, uint64(len(value)))
	return int64(copy(buf, value)), err
}

// getxattr, lgetxattr and fgetxattr: ENODATA.
func getxattr(how int) handler {
	return func(t *kernel.Task, m Memory, a args) (int64, error) {
		_, x, name, err := named(t, m, a, how, abi.R_OK)
		if err != nil {
			return 0, err
		}
		value, err := x.GetXattr(name)
		if err != nil {
			return 0, err
		}
		return fill(m, a[2], a[3], value)
	}
}

// setxattr, lsetxattr and fsetxattr: E2BIG, EEXIST, EINVAL, ENODATA, EPERM, EROFS.
func setxattr(how int) handler {
	return changeXattr(how, func(x vfs.Xattrs, name string, m Memory, a args) error {
		if a[4]&^(vfs.XattrCreate|vfs.XattrReplace) != 0 {
			return abi.EINVAL
		}
		if a[3] > xattrSizeMax {
			return abi.E2BIG
		}
		value, err := m.Slice(a[2], a[3])
		if err != nil {
			return err
		}
		return x.SetXattr(name, append([]byte{}, value...), a.int(4))
	})
}

// removexattr, lremovexattr and fremovexattr: ENODATA, EPERM, EROFS.
func removexattr(how int) handler {
	return changeXattr(how, func(x vfs.Xattrs, name string, _ Memory, _ args) error { return x.RemoveXattr(name) })
}

// changeXattr is a call that changes an attribute.
func changeXattr(how int, change func(x vfs.Xattrs, name string, m Memory, a args) error) handler {
	return func(t *kernel.Task, m Memory, a args) (int64, error) {
		p, x, name, err := named(t, m, a, how, abi.W_OK)
		if err == nil {
			err = change(x, name, m, a)
		}
		if err != nil {
			return 0, err
		}
		p.XattrChanged()
		return 0, nil
	}
}

// listxattr, llistxattr and flistxattr.
func listxattr(how int) handler {
	return func(t *kernel.Task, m Memory, a args) (int64, error) {
		_, x, err := attrs(t, m, a, how, 0)
		if err != nil {
			return 0, err
		}
		names, err := x.ListXattr()
		if err != nil {
			return 0, err
		}
		var list []byte
		for _, name := range names {
			if mayUse(t, name, false) == nil {
				list = append(append(list, name...), 0)
			}
		}
		return fill(m, a[1], a[2], list)
	}
}
