//go:build !linux

package hostfs

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// watcher needs inotify(7) of the host.
type watcher struct{}

// watch returns ENOSYS: without the host's help, changes by others would go unseen.
func (*FS) watch(vfs.Inode, uint32, func(vfs.WatchEvent)) (func(), error) { return nil, abi.ENOSYS }

func (*watcher) close() {}
