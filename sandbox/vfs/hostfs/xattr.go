package hostfs

import (
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// user reports whether an extended attribute is one that the host keeps. Others ("trusted.", "security.", "system.") give a
// file rights on the host, which no container may do: they are EPERM in a bind and kept beside the volume in a volume.
func user(key string) bool { return strings.HasPrefix(key, "user.") }

// GetXattr returns an extended attribute.
func (n *node) GetXattr(key string) (v []byte, err error) {
	if user(key) {
		err = n.at(func(d *hostDir, name string) error {
			v, err = d.getXattr(name, key)
			return err
		})
		return v, err
	}
	if n.fs.opts.Owners == nil {
		return nil, abi.ENODATA
	}
	a, err := n.attr()
	if err != nil {
		return nil, err
	}
	return n.fs.opts.Owners.getXattr(a, key)
}

// SetXattr sets an extended attribute.
func (n *node) SetXattr(key string, value []byte, flags int) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	if user(key) {
		return n.at(func(d *hostDir, name string) error { return d.setXattr(name, key, value, flags) })
	}
	return n.keepXattr(func(r *record, mode uint32) error { return r.Xattrs.Set(mode, key, value, flags) })
}

// RemoveXattr removes an extended attribute.
func (n *node) RemoveXattr(key string) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	if user(key) {
		return n.at(func(d *hostDir, name string) error { return d.removeXattr(name, key) })
	}
	return n.keepXattr(func(r *record, _ uint32) error { return r.Xattrs.Remove(key) })
}

func (n *node) keepXattr(f func(r *record, mode uint32) error) error {
	if n.fs.opts.Owners == nil {
		return abi.EPERM
	}
	a, err := n.attr()
	if err != nil {
		return err
	}
	mode := n.fs.show(a).Mode
	return errno(n.fs.opts.Owners.update(a, func(r *record) error { return f(r, mode) }))
}

// ListXattr returns the names.
func (n *node) ListXattr() (keys []string, err error) {
	err = n.at(func(d *hostDir, name string) error {
		keys, err = d.listXattr(name)
		return err
	})
	if err != nil && err != abi.EOPNOTSUPP {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k string) bool { return !user(k) })
	a, err := n.attr()
	if err != nil {
		return nil, err
	}
	return append(keys, n.fs.opts.Owners.listXattr(a)...), nil
}
