package vfs

import "github.com/sockerless/sockerless/sandbox/abi"

// Inode is one file of a filesystem: regular file, directory, link or device. Its methods may be called from many
// tasks at once. Errors are abi.Errno. Names are single components, checked by the caller: not empty, not "." or
// "..", no slash, at most NAME_MAX bytes. The caller checks permissions too.
//
// Embed NotDir or NotSupported for the methods that a kind of file has not.
type Inode interface {
	// Stat returns the attributes. Dev is the filesystem's, Ino is stable while the inode lives.
	Stat() (abi.Stat, error)
	// SetStat changes the attributes that attr names.
	SetStat(attr SetStat) error

	// Lookup finds an entry of a directory: ENOENT, ENOTDIR.
	Lookup(name string) (Inode, error)
	// Create makes a regular file, fifo, socket or device, told by the type bits of mode: EEXIST, EROFS, ENOSPC.
	Create(name string, mode uint32, rdev uint64, own Owner) (Inode, error)
	// Mkdir makes a directory: EEXIST.
	Mkdir(name string, mode uint32, own Owner) (Inode, error)
	// Symlink makes a symbolic link: EEXIST.
	Symlink(name, target string, own Owner) (Inode, error)
	// Link makes a hard link to an inode of the same filesystem: EEXIST, EMLINK, EPERM for a directory.
	Link(name string, target Inode) error
	// Unlink removes an entry that is not a directory: ENOENT, EISDIR.
	Unlink(name string) error
	// Rmdir removes an empty directory: ENOENT, ENOTDIR, ENOTEMPTY.
	Rmdir(name string) error
	// Rename moves an entry to newdir, a directory of the same filesystem; flags are RENAME_ of renameat2(2). The
	// caller has refused moves of a directory into itself.
	Rename(name string, newdir Inode, newname string, flags uint32) error
	// ReadDir lists a directory without "." and "..", in an order of the filesystem's choice.
	ReadDir() ([]Dirent, error)

	// Readlink returns a symbolic link's target: EINVAL for others.
	Readlink() (string, error)
	// Open opens a regular file; flags are those of open(2), without O_CREAT, O_EXCL and O_TRUNC, which the caller
	// has dealt with. Fifos, devices and directories are opened by the caller.
	Open(flags int) (File, error)
}

// Xattrs is what an inode with extended attributes has besides (xattr(7)).
type Xattrs interface {
	// GetXattr returns an attribute's value: ENODATA.
	GetXattr(name string) ([]byte, error)
	// SetXattr sets it; flags are XATTR_CREATE (1) and XATTR_REPLACE (2).
	SetXattr(name string, value []byte, flags int) error
	// ListXattr returns the names.
	ListXattr() ([]string, error)
	// RemoveXattr removes one: ENODATA.
	RemoveXattr(name string) error
}

// Opener is what an inode has that opens itself, whatever its type: a file of procfs, for one.
type Opener interface {
	OpenSelf(ctx *Context, flags int) (File, error)
}

// Jumper is what a symbolic link has that leads to a place rather than to a path, as /proc/PID/cwd and /proc/PID/fd/N
// do (proc(5), "magic links"). The place of an anonymous file has no mount; reading the link asks its inode's Readlink.
type Jumper interface {
	Jump(ctx *Context) (Path, error)
}

// CallerLink is what a symbolic link has whose target depends on who asks, as /proc/self.
type CallerLink interface {
	ReadlinkFor(ctx *Context) (string, error)
}

func readlink(ctx *Context, link Inode) (string, error) {
	if l, ok := link.(CallerLink); ok {
		return l.ReadlinkFor(ctx)
	}
	return link.Readlink()
}

// Owner is the owner of a new inode.
type Owner struct {
	UID, GID uint32
}

// Dirent is an entry of a directory.
type Dirent struct {
	Name string
	Ino  uint64
	Type uint8 // abi.DT_
}

// SetStat names the attributes to change and their new values; a nil field stays.
type SetStat struct {
	Mode  *uint32 // permission bits, abi.PermMask
	UID   *uint32
	GID   *uint32
	Size  *int64 // truncate(2)
	Atime *abi.Timespec
	Mtime *abi.Timespec
}

// NotDir gives a file that is no directory its directory methods, which all fail with ENOTDIR.
type NotDir struct{}

// Lookup returns ENOTDIR.
func (NotDir) Lookup(string) (Inode, error) { return nil, abi.ENOTDIR }

// Create returns ENOTDIR.
func (NotDir) Create(string, uint32, uint64, Owner) (Inode, error) { return nil, abi.ENOTDIR }

// Mkdir returns ENOTDIR.
func (NotDir) Mkdir(string, uint32, Owner) (Inode, error) { return nil, abi.ENOTDIR }

// Symlink returns ENOTDIR.
func (NotDir) Symlink(string, string, Owner) (Inode, error) { return nil, abi.ENOTDIR }

// Link returns ENOTDIR.
func (NotDir) Link(string, Inode) error { return abi.ENOTDIR }

// Unlink returns ENOTDIR.
func (NotDir) Unlink(string) error { return abi.ENOTDIR }

// Rmdir returns ENOTDIR.
func (NotDir) Rmdir(string) error { return abi.ENOTDIR }

// Rename returns ENOTDIR.
func (NotDir) Rename(string, Inode, string, uint32) error { return abi.ENOTDIR }

// ReadDir returns ENOTDIR.
func (NotDir) ReadDir() ([]Dirent, error) { return nil, abi.ENOTDIR }

// Immutable gives a directory whose entries cannot be changed the methods that would: all fail with EPERM, as in
// Linux's procfs.
type Immutable struct{}

// Create returns EPERM.
func (Immutable) Create(string, uint32, uint64, Owner) (Inode, error) { return nil, abi.EPERM }

// Mkdir returns EPERM.
func (Immutable) Mkdir(string, uint32, Owner) (Inode, error) { return nil, abi.EPERM }

// Symlink returns EPERM.
func (Immutable) Symlink(string, string, Owner) (Inode, error) { return nil, abi.EPERM }

// Link returns EPERM.
func (Immutable) Link(string, Inode) error { return abi.EPERM }

// Unlink returns EPERM.
func (Immutable) Unlink(string) error { return abi.EPERM }

// Rmdir returns EPERM.
func (Immutable) Rmdir(string) error { return abi.EPERM }

// Rename returns EPERM.
func (Immutable) Rename(string, Inode, string, uint32) error { return abi.EPERM }
