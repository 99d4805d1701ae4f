package wasi

import "github.com/sockerless/sockerless/sandbox/abi"

// Error numbers that the code names; the others stand in the table.
const (
	wasiInval = 28
	wasiIO    = 29
)

// errnos holds the errno of preview 1 for each of Linux's; what has none is io.
var errnos = [...]uint8{
	0: 0, abi.E2BIG: 1, abi.EACCES: 2, abi.EADDRINUSE: 3, abi.EADDRNOTAVAIL: 4, abi.EAFNOSUPPORT: 5, abi.EAGAIN: 6,
	abi.EALREADY: 7, abi.EBADF: 8, abi.EBADMSG: 9, abi.EBUSY: 10, abi.ECANCELED: 11, abi.ECHILD: 12, abi.ECONNABORTED: 13,
	abi.ECONNREFUSED: 14, abi.ECONNRESET: 15, abi.EDEADLK: 16, abi.EDESTADDRREQ: 17, abi.EDOM: 18, abi.EDQUOT: 19,
	abi.EEXIST: 20, abi.EFAULT: 21, abi.EFBIG: 22, abi.EHOSTUNREACH: 23, abi.EIDRM: 24, abi.EILSEQ: 25,
	abi.EINPROGRESS: 26, abi.EINTR: 27, abi.EINVAL: wasiInval, abi.EIO: wasiIO, abi.EISCONN: 30, abi.EISDIR: 31,
	abi.ELOOP: 32, abi.EMFILE: 33, abi.EMLINK: 34, abi.EMSGSIZE: 35, abi.EMULTIHOP: 36, abi.ENAMETOOLONG: 37,
	abi.ENETDOWN: 38, abi.ENETRESET: 39, abi.ENETUNREACH: 40, abi.ENFILE: 41, abi.ENOBUFS: 42, abi.ENODEV: 43,
	abi.ENOENT: 44, abi.ENOEXEC: 45, abi.ENOLCK: 46, abi.ENOLINK: 47, abi.ENOMEM: 48, abi.ENOMSG: 49,
	abi.ENOPROTOOPT: 50, abi.ENOSPC: 51, abi.ENOSYS: 52, abi.ENOTCONN: 53, abi.ENOTDIR: 54, abi.ENOTEMPTY: 55,
	abi.ENOTRECOVERABLE: 56, abi.ENOTSOCK: 57, abi.ENOTSUP: 58, abi.ENOTTY: 59, abi.ENXIO: 60, abi.EOVERFLOW: 61,
	abi.EOWNERDEAD: 62, abi.EPERM: 63, abi.EPIPE: 64, abi.EPROTO: 65, abi.EPROTONOSUPPORT: 66, abi.EPROTOTYPE: 67,
	abi.ERANGE: 68, abi.EROFS: 69, abi.ESPIPE: 70, abi.ESRCH: 71, abi.ESTALE: 72, abi.ETIMEDOUT: 73, abi.ETXTBSY: 74,
	abi.EXDEV: 75,
}

// errno translates an error.
func errno(err error) uint8 {
	if err == nil {
		return 0
	}
	e, ok := err.(abi.Errno)
	if ok && int(e) < len(errnos) && errnos[e] != 0 {
		return errnos[e]
	}
	return wasiIO
}
