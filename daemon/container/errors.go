package container

import (
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// ErrNotModified is the kind of errors that say that a container already is what was asked for: 304 in the API.
var ErrNotModified = errors.New("not modified")

func invalid(format string, args ...any) error {
	return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf(format, args...))
}

func conflict(format string, args ...any) error {
	return errdefs.ErrConflict.WithMessage(fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) error {
	return errdefs.ErrNotFound.WithMessage(fmt.Sprintf(format, args...))
}

func noSuchContainer(ref string) error { return notFound("No such container: %s", ref) }

func notRunning(id string) error { return conflict("container %s is not running", id) }

// isGone reports that somebody else removes a container, or has.
func isGone(err error) bool { return errdefs.IsNotFound(err) || errdefs.IsConflict(err) }

// Exit codes of programs that could not be started, as dockerd sets them.
const (
	exitUnknown    = 128
	exitNotFound   = 127
	exitPermission = 126
	// exitUnclean is that of a container whose end no daemon has seen.
	exitUnclean = 255
)

// startFailure gives an error of Sandbox.Start the text and kind that dockerd has for it, and the container's exit code.
func startFailure(err error) (int, error) {
	const prefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: "
	var start *kernel.StartError
	switch {
	case errors.Is(err, sandbox.ErrNoUser):
		return exitPermission, errdefs.ErrInvalidArgument.WithMessage(userError(err))
	case errors.As(err, &start) && start.Op == "mkdir":
		return exitUnknown, invalid("%s", mkdirText(start))
	case errors.As(err, &start):
		reason, code := reason(start)
		text := prefix + reason + ": unknown"
		if errors.Is(start.Err, abi.ENOTDIR) {
			text += ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
		}
		return code, errdefs.ErrInvalidArgument.WithMessage(text)
	}
	return exitUnknown, fmt.Errorf("failed to create task for container: %w", err)
}

// mkdirText says why the working directory could not be made: before runc has anything to do with it.
func mkdirText(e *kernel.StartError) string {
	if errors.Is(e.Err, abi.ENOTDIR) || errors.Is(e.Err, abi.EEXIST) {
		return "Cannot mkdir: " + e.Path + " is not a directory"
	}
	return "mkdir " + e.Path + ": " + errnoText(e.Err)
}

// execFailure does the same for execs, whose errors runc reports in another way.
func execFailure(err error) (int, error) {
	const prefix = "OCI runtime exec failed: exec failed: unable to start container process: "
	var start *kernel.StartError
	switch {
	case errors.Is(err, sandbox.ErrNoUser):
		return exitPermission, errdefs.ErrInvalidArgument.WithMessage(userError(err))
	case errors.As(err, &start):
		reason, code := reason(start)
		text := prefix + reason + ": unknown"
		if errors.Is(start.Err, abi.ENOTDIR) {
			text += ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
		}
		return code, errdefs.ErrInvalidArgument.WithMessage(text)
	}
	return exitPermission, fmt.Errorf("exec failed: %w", err)
}

// userError is what the sandbox says about a user that isn't there, without what was wrapped around it and its kind.
func userError(err error) string {
	for inner := err; inner != nil && inner != sandbox.ErrNoUser; inner = errors.Unwrap(inner) {
		err = inner
	}
	return strings.TrimSuffix(err.Error(), ": "+sandbox.ErrNoUser.Error())
}

// reason says in runc's words why a program could not be started.
func reason(e *kernel.StartError) (string, int) {
	if e.Op == "chdir" {
		code := exitUnknown
		switch {
		case errors.Is(e.Err, abi.ENOENT), errors.Is(e.Err, abi.ENOTDIR):
			code = exitNotFound
		case errors.Is(e.Err, abi.EACCES):
			code = exitPermission
		}
		return fmt.Sprintf("chdir to cwd (%q) set in config.json failed: %s", e.Path, errnoText(e.Err)), code
	}
	code := exitPermission
	if errors.Is(e.Err, abi.ENOTDIR) {
		code = exitNotFound
	}
	text := errnoText(e.Err)
	if errors.Is(e.Err, abi.ENOENT) {
		code = exitNotFound
		if !strings.Contains(e.Path, "/") {
			text = "executable file not found in $PATH"
		} else {
			text = "stat " + e.Path + ": no such file or directory"
			return fmt.Sprintf("exec: %q: %s", e.Path, text), code
		}
	}
	return fmt.Sprintf("exec: %q: %s", e.Path, text), code
}

func errnoText(err error) string {
	var errno abi.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
