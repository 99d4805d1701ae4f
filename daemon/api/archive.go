package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/daemon/container"
)

// archivePath reads the path parameter.
func archivePath(r *http.Request) (string, error) {
	path := r.Form.Get("path")
	if path == "" {
		return "", badRequest(errors.New("bad parameter: path cannot be empty"))
	}
	return path, nil
}

// setStat tells of the file in a header, as clients want it before the tar.
func setStat(w http.ResponseWriter, st containertypes.PathStat) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(b))
	return nil
}

// headArchive answers HEAD /containers/{id}/archive.
func (s *Server) headArchive(w http.ResponseWriter, r *http.Request) error {
	path, err := archivePath(r)
	if err != nil {
		return err
	}
	st, err := s.backend.Containers.ArchiveStat(r.Context(), name(r), path)
	if err != nil {
		return err
	}
	return setStat(w, *st)
}

// getArchive answers GET /containers/{id}/archive: a tar.
func (s *Server) getArchive(w http.ResponseWriter, r *http.Request) error {
	path, err := archivePath(r)
	if err != nil {
		return err
	}
	started := false
	err = s.backend.Containers.ArchiveGet(r.Context(), name(r), path, func(st *containertypes.PathStat) (io.Writer, error) {
		if err := setStat(w, *st); err != nil {
			return nil, err
		}
		started = true
		w.Header().Set("Content-Type", "application/x-tar")
		return w, nil
	})
	if err != nil && started {
		s.log.Warn("archive broke off", "container", name(r), "path", path, "error", err)
		panic(http.ErrAbortHandler) // no end of the body: the client must see that it is not whole
	}
	return err
}

// putArchive answers PUT /containers/{id}/archive.
func (s *Server) putArchive(w http.ResponseWriter, r *http.Request) error {
	path, err := archivePath(r)
	if err != nil {
		return err
	}
	err = s.backend.Containers.ArchivePut(r.Context(), name(r), path, r.Body, container.ArchiveOptions{
		NoOverwriteDirNonDir: boolParam(r, "noOverwriteDirNonDir"), CopyUIDGID: boolParam(r, "copyUIDGID"),
	})
	if err == nil {
		w.WriteHeader(http.StatusOK)
	}
	return err
}
