// Package vfs is the sandbox's virtual filesystem: inodes, dentries, mounts, path walk and open files, with Linux's
// rules (path_resolution(7)). The filesystems themselves are its subpackages: overlay (image layers and a container's
// writable layer), tmpfs, hostfs (binds and volumes) and procfs; archive turns trees into tar and back.
//
// Nothing in this package blocks: a read that would wait returns EAGAIN, and WaitQueue tells when to try again. Who
// waits, and what ends the wait, is the kernel's matter.
//
// Locks, in the order they are taken: Filesystem.rename, then Dentry.mu (parent before child), then whatever a
// filesystem holds inside. Filesystems guard themselves; a dentry's lock makes the cache and the directory agree.
package vfs
