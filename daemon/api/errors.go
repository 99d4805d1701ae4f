package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/common"

	"github.com/sockerless/sockerless/daemon/container"
)

// badRequest marks an error as the client's.
func badRequest(err error) error { return kindError{err, errdefs.ErrInvalidArgument} }

// kindError gives an error a kind without changing its text.
type kindError struct {
	error
	kind error
}

func (e kindError) Unwrap() []error { return []error{e.error, e.kind} }

// errPageNotFound is the answer to a path or method that there is not.
var errPageNotFound = kindError{errors.New("page not found"), errdefs.ErrNotFound}

// unsupported is the answer to what Docker has and we have not: it names it.
func unsupported(what string) error {
	return kindError{errors.New(what + " is not supported by Sockerless"), errdefs.ErrNotImplemented}
}

// statusOf maps a kind of error to dockerd's status code.
func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errdefs.IsNotFound(err):
		return http.StatusNotFound
	case errdefs.IsInvalidArgument(err), errdefs.IsOutOfRange(err):
		return http.StatusBadRequest
	case errdefs.IsConflict(err), errdefs.IsAlreadyExists(err), errdefs.IsFailedPrecondition(err):
		return http.StatusConflict
	case errdefs.IsUnauthorized(err):
		return http.StatusUnauthorized
	case errdefs.IsPermissionDenied(err):
		return http.StatusForbidden
	case errors.Is(err, container.ErrNotModified):
		return http.StatusNotModified
	case errdefs.IsNotImplemented(err):
		return http.StatusNotImplemented
	case errdefs.IsUnavailable(err):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail answers with an error, as {"message": text}.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if h, ok := w.(interface{ Hijacked() bool }); ok && h.Hijacked() {
		return
	}
	status := statusOf(err)
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		s.log.Debug("client has gone", "method", r.Method, "path", r.URL.Path)
		return
	}
	if status >= http.StatusInternalServerError && status != http.StatusNotImplemented && status != http.StatusServiceUnavailable {
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	} else {
		s.log.Debug("request refused", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	}
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	if version, _ := r.Context().Value(versionKey{}).(string); version != "" && compareVersions(version, "1.24") < 0 {
		http.Error(w, err.Error(), status) // before 1.24 errors were plain text
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(common.ErrorResponse{Message: err.Error()})
}
