package hostfs

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Flags of setxattr(2).
const (
	xattrCreate  = 1
	xattrReplace = 2
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
	return n.keepXattr(func(r *record) error {
		_, has := r.Xattrs[key]
		switch {
		case has && flags&xattrCreate != 0:
			return abi.EEXIST
		case !has && flags&xattrReplace != 0:
			return abi.ENODATA
		}
		if r.Xattrs == nil {
			r.Xattrs = make(map[string][]byte)
		}
		r.Xattrs[key] = bytes.Clone(value)
		return nil
	})
}

// RemoveXattr removes an extended attribute.
func (n *node) RemoveXattr(key string) error {
	if err := n.fs.writable(); err != nil {
		return err
	}
	if user(key) {
		return n.at(func(d *hostDir, name string) error { return d.removeXattr(name, key) })
	}
	return n.keepXattr(func(r *record) error {
		if _, has := r.Xattrs[key]; !has {
			return abi.ENODATA
		}
		delete(r.Xattrs, key)
		return nil
	})
}

func (n *node) keepXattr(f func(*record) error) error {
	if n.fs.opts.Owners == nil {
		return abi.EPERM
	}
	a, err := n.attr()
	if err != nil {
		return err
	}
	return errno(n.fs.opts.Owners.update(a, f))
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
