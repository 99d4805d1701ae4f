package abi

import "io/fs"

// File type and permission bits of st_mode (inode(7)).
const (
	S_IFMT   = 0o170000
	S_IFSOCK = 0o140000
	S_IFLNK  = 0o120000
	S_IFREG  = 0o100000
	S_IFBLK  = 0o060000
	S_IFDIR  = 0o040000
	S_IFCHR  = 0o020000
	S_IFIFO  = 0o010000
	S_ISUID  = 0o4000
	S_ISGID  = 0o2000
	S_ISVTX  = 0o1000

	PermMask = 0o7777 // permission bits with set-id and sticky
)

// Entry types of getdents64(2).
const (
	DT_UNKNOWN = 0
	DT_FIFO    = 1
	DT_CHR     = 2
	DT_DIR     = 4
	DT_BLK     = 6
	DT_REG     = 8
	DT_LNK     = 10
	DT_SOCK    = 12
)

// DirentType returns the DT_ value for an st_mode.
func DirentType(mode uint32) uint8 { return uint8(mode & S_IFMT >> 12) }

// FileMode converts st_mode to Go's form.
func FileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & S_IFMT {
	case S_IFDIR:
		m |= fs.ModeDir
	case S_IFLNK:
		m |= fs.ModeSymlink
	case S_IFIFO:
		m |= fs.ModeNamedPipe
	case S_IFSOCK:
		m |= fs.ModeSocket
	case S_IFBLK:
		m |= fs.ModeDevice
	case S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	}
	if mode&S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// ModeOf converts Go's file mode to st_mode.
func ModeOf(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	switch {
	case m&fs.ModeDir != 0:
		mode |= S_IFDIR
	case m&fs.ModeSymlink != 0:
		mode |= S_IFLNK
	case m&fs.ModeNamedPipe != 0:
		mode |= S_IFIFO
	case m&fs.ModeSocket != 0:
		mode |= S_IFSOCK
	case m&fs.ModeCharDevice != 0:
		mode |= S_IFCHR
	case m&fs.ModeDevice != 0:
		mode |= S_IFBLK
	default:
		mode |= S_IFREG
	}
	if m&fs.ModeSetuid != 0 {
		mode |= S_ISUID
	}
	if m&fs.ModeSetgid != 0 {
		mode |= S_ISGID
	}
	if m&fs.ModeSticky != 0 {
		mode |= S_ISVTX
	}
	return mode
}

// Mkdev packs a device number as the kernel's new_encode_dev does for 64-bit st_rdev (makedev(3)).
func Mkdev(major, minor uint32) uint64 {
	return uint64(minor&0xff) | uint64(major&0xfff)<<8 | uint64(minor&^0xff)<<12 | uint64(major&^0xfff)<<32
}

// Major returns the major number of a device (makedev(3)).
func Major(dev uint64) uint32 { return uint32(dev>>8&0xfff) | uint32(dev>>32)&^0xfff }

// Minor returns the minor number of a device (makedev(3)).
func Minor(dev uint64) uint32 { return uint32(dev&0xff) | uint32(dev>>12)&^0xff }
