package linux

import "github.com/sockerless/sockerless/sandbox/abi"

// calls are the system calls by number. exit and exit_group are the caller's of Syscall.
var calls = [...]handler{
	// files
	abi.SYS_READ: read, abi.SYS_WRITE: write, abi.SYS_PREAD64: pread64, abi.SYS_PWRITE64: pwrite64,
	abi.SYS_READV: readv, abi.SYS_WRITEV: writev, abi.SYS_PREADV: preadv, abi.SYS_PWRITEV: pwritev,
	abi.SYS_PREADV2: preadv2, abi.SYS_PWRITEV2: pwritev2, abi.SYS_LSEEK: lseek,
	abi.SYS_CLOSE: closeFD, abi.SYS_CLOSE_RANGE: closeRange, abi.SYS_DUP: dup, abi.SYS_DUP2: dup2, abi.SYS_DUP3: dup3,
	abi.SYS_PIPE: pipe, abi.SYS_PIPE2: pipe2, abi.SYS_FCNTL: fcntl, abi.SYS_FLOCK: flock, abi.SYS_IOCTL: ioctl,
	abi.SYS_FSYNC: fsync, abi.SYS_FDATASYNC: fsync, abi.SYS_SYNC: syncAll, abi.SYS_SYNCFS: syncfs,
	abi.SYS_FTRUNCATE: ftruncate, abi.SYS_FALLOCATE: fallocate, abi.SYS_FADVISE64: fadvise64,
	abi.SYS_SENDFILE: sendfile, abi.SYS_COPY_FILE_RANGE: copyFileRange, abi.SYS_GETDENTS64: getdents64,
	abi.SYS_INOTIFY_INIT: inotifyInit, abi.SYS_INOTIFY_INIT1: inotifyInit1,
	abi.SYS_INOTIFY_ADD_WATCH: inotifyAddWatch, abi.SYS_INOTIFY_RM_WATCH: inotifyRmWatch,
	abi.SYS_EPOLL_CREATE: epollCreate, abi.SYS_EPOLL_CREATE1: epollCreate1, abi.SYS_EPOLL_CTL: epollCtl,
	abi.SYS_EPOLL_WAIT: epollWait, abi.SYS_EPOLL_PWAIT: epollPwait, abi.SYS_EPOLL_PWAIT2: epollPwait2,
	abi.SYS_TIMERFD_CREATE: timerfdCreate, abi.SYS_TIMERFD_SETTIME: timerfdSettime, abi.SYS_TIMERFD_GETTIME: timerfdGettime,
	abi.SYS_SIGNALFD: signalfd, abi.SYS_SIGNALFD4: signalfd4, abi.SYS_MEMFD_CREATE: memfdCreate,
	abi.SYS_EVENTFD: eventfd, abi.SYS_EVENTFD2: eventfd2,
	abi.SYS_POLL: poll, abi.SYS_PPOLL: ppoll, abi.SYS_SELECT: selectCall, abi.SYS_PSELECT6: pselect6,

	// paths
	abi.SYS_OPEN: open, abi.SYS_CREAT: creat, abi.SYS_OPENAT: openat, abi.SYS_OPENAT2: openat2,
	abi.SYS_ACCESS: access, abi.SYS_FACCESSAT: faccessat, abi.SYS_FACCESSAT2: faccessat2,
	abi.SYS_GETCWD: getcwd, abi.SYS_CHDIR: chdir, abi.SYS_FCHDIR: fchdir, abi.SYS_CHROOT: chroot,
	abi.SYS_RENAME: rename, abi.SYS_RENAMEAT: renameat, abi.SYS_RENAMEAT2: renameat2,
	abi.SYS_MKDIR: mkdir, abi.SYS_MKDIRAT: mkdirat, abi.SYS_MKNOD: mknod, abi.SYS_MKNODAT: mknodat,
	abi.SYS_RMDIR: rmdir, abi.SYS_UNLINK: unlink, abi.SYS_UNLINKAT: unlinkat, abi.SYS_LINK: link, abi.SYS_LINKAT: linkat,
	abi.SYS_SYMLINK: symlink, abi.SYS_SYMLINKAT: symlinkat, abi.SYS_READLINK: readlink, abi.SYS_READLINKAT: readlinkat,
	abi.SYS_CHMOD: chmod, abi.SYS_FCHMOD: fchmod, abi.SYS_FCHMODAT: fchmodat,
	abi.SYS_CHOWN: chown, abi.SYS_LCHOWN: lchown, abi.SYS_FCHOWN: fchown, abi.SYS_FCHOWNAT: fchownat,
	abi.SYS_TRUNCATE: truncate, abi.SYS_UMASK: umask,
	abi.SYS_STAT: stat, abi.SYS_LSTAT: lstat, abi.SYS_FSTAT: fstat, abi.SYS_NEWFSTATAT: newfstatat, abi.SYS_STATX: statx,
	abi.SYS_STATFS: statfs, abi.SYS_FSTATFS: fstatfs,
	abi.SYS_UTIME: utime, abi.SYS_UTIMES: utimes, abi.SYS_FUTIMESAT: futimesat, abi.SYS_UTIMENSAT: utimensat,
	abi.SYS_GETXATTR: getxattr(follow), abi.SYS_LGETXATTR: getxattr(noFollow), abi.SYS_FGETXATTR: getxattr(byFD),
	abi.SYS_SETXATTR: setxattr(follow), abi.SYS_LSETXATTR: setxattr(noFollow), abi.SYS_FSETXATTR: setxattr(byFD),
	abi.SYS_LISTXATTR: listxattr(follow), abi.SYS_LLISTXATTR: listxattr(noFollow), abi.SYS_FLISTXATTR: listxattr(byFD),
	abi.SYS_REMOVEXATTR: removexattr(follow), abi.SYS_LREMOVEXATTR: removexattr(noFollow), abi.SYS_FREMOVEXATTR: removexattr(byFD),

	// processes
	abi.SYS_EXECVE: execve, abi.SYS_WAIT4: wait4, abi.SYS_WAITID: waitid, abi.SYS_PRCTL: prctl,
	abi.SYS_GETPID: getpid, abi.SYS_GETTID: getpid, abi.SYS_SET_TID_ADDRESS: getpid, abi.SYS_GETPPID: getppid,
	abi.SYS_GETPGID: getpgid, abi.SYS_GETPGRP: getpgrp, abi.SYS_SETPGID: setpgid, abi.SYS_GETSID: getsid, abi.SYS_SETSID: setsid,
	abi.SYS_KILL: kill, abi.SYS_TKILL: tkill, abi.SYS_TGKILL: tgkill,
	abi.SYS_PIDFD_OPEN: pidfdOpen, abi.SYS_PIDFD_SEND_SIGNAL: pidfdSendSignal,
	abi.SYS_RT_SIGACTION: rtSigaction, abi.SYS_RT_SIGPROCMASK: rtSigprocmask, abi.SYS_RT_SIGPENDING: rtSigpending,
	abi.SYS_RT_SIGSUSPEND: rtSigsuspend, abi.SYS_PAUSE: pause, abi.SYS_SIGALTSTACK: sigaltstack,
	abi.SYS_ALARM: alarm, abi.SYS_GETITIMER: getitimer, abi.SYS_SETITIMER: setitimer,
	abi.SYS_GETRLIMIT: getrlimit, abi.SYS_SETRLIMIT: setrlimit, abi.SYS_PRLIMIT64: prlimit64,
	abi.SYS_GETPRIORITY: getpriority, abi.SYS_SETPRIORITY: setpriority, abi.SYS_GETRUSAGE: getrusage, abi.SYS_TIMES: times,
	abi.SYS_SCHED_YIELD: schedYield, abi.SYS_SCHED_GETAFFINITY: schedGetaffinity, abi.SYS_GETCPU: getcpu,

	// identities
	abi.SYS_GETUID: getuid, abi.SYS_GETEUID: geteuid, abi.SYS_GETGID: getgid, abi.SYS_GETEGID: getegid,
	abi.SYS_GETRESUID: getresuid, abi.SYS_GETRESGID: getresgid, abi.SYS_SETUID: setID(false), abi.SYS_SETGID: setID(true),
	abi.SYS_SETREUID: setREID(false), abi.SYS_SETREGID: setREID(true),
	abi.SYS_SETRESUID: setRESID(false), abi.SYS_SETRESGID: setRESID(true),
	abi.SYS_CAPGET: capget, abi.SYS_CAPSET: capset,
	abi.SYS_SETFSUID: geteuid, abi.SYS_SETFSGID: getegid, abi.SYS_GETGROUPS: getgroups, abi.SYS_SETGROUPS: setgroups,

	// time
	abi.SYS_NANOSLEEP: nanosleep, abi.SYS_CLOCK_NANOSLEEP: clockNanosleep, abi.SYS_CLOCK_GETTIME: clockGettime,
	abi.SYS_CLOCK_GETRES: clockGetres, abi.SYS_CLOCK_SETTIME: clockSettime, abi.SYS_SETTIMEOFDAY: clockSettime,
	abi.SYS_GETTIMEOFDAY: gettimeofday, abi.SYS_TIME: timeCall,

	// the system
	abi.SYS_UNAME: uname, abi.SYS_SETHOSTNAME: sethostname, abi.SYS_SETDOMAINNAME: setdomainname, abi.SYS_SYSINFO: sysinfo,
	abi.SYS_GETRANDOM: getrandom,
	abi.SYS_MOUNT:     refused, abi.SYS_UMOUNT2: refused, abi.SYS_PIVOT_ROOT: refused, abi.SYS_SWAPON: refused, abi.SYS_SWAPOFF: refused,
	abi.SYS_REBOOT: refused, abi.SYS_INIT_MODULE: refused, abi.SYS_FINIT_MODULE: refused, abi.SYS_DELETE_MODULE: refused,
	abi.SYS_UNSHARE: refused, abi.SYS_SETNS: refused, abi.SYS_ACCT: refused, abi.SYS_SYSLOG: refused,

	// sockets
	abi.SYS_SOCKET: socket, abi.SYS_SOCKETPAIR: socketpair, abi.SYS_BIND: bind, abi.SYS_LISTEN: listen, abi.SYS_CONNECT: connect,
	abi.SYS_ACCEPT: accept, abi.SYS_ACCEPT4: accept4, abi.SYS_SENDTO: sendto, abi.SYS_RECVFROM: recvfrom,
	abi.SYS_SENDMSG: sendmsg, abi.SYS_RECVMSG: recvmsg, abi.SYS_SENDMMSG: sendmmsg, abi.SYS_RECVMMSG: recvmmsg,
	abi.SYS_SHUTDOWN: shutdown, abi.SYS_GETSOCKNAME: getsockname, abi.SYS_GETPEERNAME: getpeername,
	abi.SYS_SETSOCKOPT: setsockopt, abi.SYS_GETSOCKOPT: getsockopt,
}

// extraCalls are those of abi/spawn.go and abi/hash.go, from SYS_SPAWN on.
var extraCalls = [...]handler{
	0:                                   spawn,
	abi.SYS_EXEC - abi.SYS_SPAWN:        exec,
	abi.SYS_ARGS - abi.SYS_SPAWN:        argList,
	abi.SYS_ENVIRON - abi.SYS_SPAWN:     environ,
	abi.SYS_SIGNAL_NEXT - abi.SYS_SPAWN: signalNext,
	abi.SYS_HASH - abi.SYS_SPAWN:        hashBlocks,
}
