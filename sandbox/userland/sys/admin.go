package sys

import (
	"unsafe"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Flock takes or drops a lock on an open file; how is made of abi.LOCK_ values.
func Flock(fd, how int) error {
	return failed(raw(abi.SYS_FLOCK, uintptr(fd), uintptr(how), 0, 0, 0, 0))
}

// Fallocate reserves a range of a file, in bytes, making the file longer if needed.
func Fallocate(fd int, offset, length int64) error {
	return failed(raw(abi.SYS_FALLOCATE, uintptr(fd), 0, uintptr(offset), uintptr(length), 0, 0))
}

// Fdatasync writes a file's data, and no more of its metadata than that needs.
func Fdatasync(fd int) error { return failed(raw(abi.SYS_FDATASYNC, uintptr(fd), 0, 0, 0, 0, 0)) }

// Chroot makes a directory the root.
func Chroot(path string) error {
	return failed(raw(abi.SYS_CHROOT, uintptr(cstr(path)), 0, 0, 0, 0, 0))
}

// Setuid sets the user ids of the caller.
func Setuid(uid int) error { return failed(raw(abi.SYS_SETUID, uintptr(uid), 0, 0, 0, 0, 0)) }

// Setgid sets the group ids of the caller.
func Setgid(gid int) error { return failed(raw(abi.SYS_SETGID, uintptr(gid), 0, 0, 0, 0, 0)) }

// Setgroups sets the supplementary groups of the caller.
func Setgroups(gids []int) error {
	list := make([]uint32, len(gids)+1)
	for i, gid := range gids {
		list[i] = uint32(gid)
	}
	return failed(raw(abi.SYS_SETGROUPS, uintptr(len(gids)), uintptr(unsafe.Pointer(&list[0])), 0, 0, 0, 0))
}

// What PriorityOf and SetPriorityOf mean by who.
const (
	PRIO_PROCESS = 0
	PRIO_PGRP    = 1
	PRIO_USER    = 2
)

// SetPriorityOf sets the nice value of processes.
func SetPriorityOf(which, who, nice int) error {
	return failed(raw(abi.SYS_SETPRIORITY, uintptr(which), uintptr(who), uintptr(nice), 0, 0, 0))
}

// PriorityOf returns the lowest nice value of processes.
func PriorityOf(which, who int) (int, error) {
	r, err := result(raw(abi.SYS_GETPRIORITY, uintptr(which), uintptr(who), 0, 0, 0, 0))
	return 20 - r, err
}

// Ioprio returns a process's class and priority of input and output, as ioprio_get(2) has them.
func Ioprio(pid int) (int, error) {
	return result(raw(abi.SYS_IOPRIO_GET, 1, uintptr(pid), 0, 0, 0, 0))
}

// SetIoprio sets them.
func SetIoprio(pid, value int) error {
	return failed(raw(abi.SYS_IOPRIO_SET, 1, uintptr(pid), uintptr(value), 0, 0, 0))
}

// Klog reads or controls the kernel's log (syslog(2)); it returns what the action returns.
func Klog(action int, buf []byte, size int) (int, error) {
	return result(raw(abi.SYS_SYSLOG, uintptr(action), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(size), 0, 0, 0))
}

// Syslog sends a message to /dev/log, when a logger listens there.
func Syslog(message string) error {
	const afUnix, datagram, cloexec = 1, 2, abi.O_CLOEXEC
	fd, err := result(raw(abi.SYS_SOCKET, afUnix, datagram|cloexec, 0, 0, 0, 0))
	if err != nil {
		return err
	}
	defer Close(fd)
	addr := append([]byte{afUnix, 0}, "/dev/log\x00"...)
	if err := failed(raw(abi.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)), 0, 0, 0)); err != nil {
		return err
	}
	return Write(fd, []byte(message))
}

// Getrlimit returns a limit of the caller.
func Getrlimit(resource int) (*abi.Rlimit, error) {
	l := new(abi.Rlimit)
	return l, failed(raw(abi.SYS_PRLIMIT64, 0, uintptr(resource), 0, uintptr(unsafe.Pointer(l)), 0, 0))
}
