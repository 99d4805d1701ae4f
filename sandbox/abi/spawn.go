package abi

// Calls that Linux does not have, for programs that cannot fork. They are numbered past Linux's own and reach the
// kernel by the same import (docs/sandbox_abi.md).
const (
	// SYS_SPAWN starts a child task: spawn(path *byte, attr *SpawnAttr) -> pid. It is posix_spawn(3) in one call:
	// the child gets the caller's credentials, cwd, umask, limits and the file descriptors that are not
	// close-on-exec, changed as the attributes say. An error of exec (ENOENT, EACCES, ENOEXEC…) is the call's own.
	SYS_SPAWN Sysno = 0x1000
	// SYS_EXEC replaces the calling program: exec(path *byte, attr *SpawnAttr); it returns only on an error. Flags
	// and Pgid are not used.
	SYS_EXEC Sysno = 0x1001
	// SYS_ARGS copies the task's arguments, each ended by a zero byte: args(buf *byte, len) -> the whole size. A
	// buffer that is too small is not written. SYS_ENVIRON is the same for the environment.
	SYS_ARGS    Sysno = 0x1002
	SYS_ENVIRON Sysno = 0x1003
	// SYS_SIGNAL_NEXT takes a pending signal that the task handles (sigaction with a handler other than SIG_DFL
	// and SIG_IGN): signal_next() -> signal number, or 0. A blocking call ended by such a signal returns EINTR;
	// programs without asynchronous handlers ask then.
	SYS_SIGNAL_NEXT Sysno = 0x1004
)

// SpawnAttr is what SYS_SPAWN and SYS_EXEC take; pointers are addresses in the caller's memory.
type SpawnAttr struct {
	Argv    uint64 // NULL-ended array of 64-bit addresses of zero-ended strings
	Envp    uint64 // the same; 0 keeps the caller's environment
	Dir     uint64 // zero-ended path that becomes the cwd; 0 keeps it
	Files   uint64 // array of SpawnFile, applied in order
	NFiles  uint32
	Flags   uint32 // SPAWN_ flags
	Pgid    int32  // with SPAWN_SETPGROUP: 0 makes the child the leader of a new group
	_       uint32
	SigDfl  uint64 // signals set to their default action
	SigMask uint64 // with SPAWN_SETSIGMASK: the blocked signals
}

// SpawnFile is one action on the child's descriptors: To becomes a copy of From (an fd of the caller), or is closed
// when From is -1.
type SpawnFile struct {
	From int32
	To   int32
}

// Flags of SpawnAttr.
const (
	SPAWN_SETPGROUP  = 1
	SPAWN_SETSID     = 2
	SPAWN_SETSIGMASK = 4
)
