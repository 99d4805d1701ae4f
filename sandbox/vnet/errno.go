package vnet

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// hostErrno translates an error of the host's network. The host's numbers need not be Linux's.
func hostErrno(err error) abi.Errno {
	var e abi.Errno
	if errors.As(err, &e) {
		return e
	}
	for _, t := range []struct {
		host syscall.Errno
		e    abi.Errno
	}{
		{syscall.ECONNREFUSED, abi.ECONNREFUSED}, {syscall.ECONNRESET, abi.ECONNRESET}, {syscall.ETIMEDOUT, abi.ETIMEDOUT},
		{syscall.ENETUNREACH, abi.ENETUNREACH}, {syscall.EHOSTUNREACH, abi.EHOSTUNREACH}, {syscall.EADDRINUSE, abi.EADDRINUSE},
		{syscall.EADDRNOTAVAIL, abi.EADDRNOTAVAIL}, {syscall.EACCES, abi.EACCES}, {syscall.EPERM, abi.EPERM},
		{syscall.EMSGSIZE, abi.EMSGSIZE}, {syscall.ENOBUFS, abi.ENOBUFS}, {syscall.EMFILE, abi.EMFILE}, {syscall.ENFILE, abi.ENFILE},
		{syscall.EPIPE, abi.EPIPE},
	} {
		if errors.Is(err, t.host) {
			return t.e
		}
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return abi.ETIMEDOUT
	}
	return abi.EHOSTUNREACH
}
