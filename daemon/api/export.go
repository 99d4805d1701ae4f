package api

import (
	"io"
	"net/http"

	"github.com/distribution/reference"
	containertypes "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/daemon/container"
	imagestore "github.com/sockerless/sockerless/daemon/image"
)

// exportContainer answers GET /containers/{id}/export: a tar.
func (s *Server) exportContainer(w http.ResponseWriter, r *http.Request) error {
	started := false
	err := s.backend.Containers.Export(r.Context(), name(r), func() (io.Writer, error) {
		started = true
		w.Header().Set("Content-Type", "application/octet-stream")
		return w, nil
	})
	if err != nil && started {
		s.log.Warn("export broke off", "container", name(r), "error", err)
		panic(http.ErrAbortHandler) // no end of the body: the client must see that it is not whole
	}
	return err
}

// commit answers POST /commit.
func (s *Server) commit(w http.ResponseWriter, r *http.Request) error {
	var config *containertypes.Config
	if err := readJSON(r, &config); err != nil {
		return err
	}
	var named reference.Named
	if repo := r.Form.Get("repo"); repo != "" {
		var err error
		if named, err = imagestore.ParseTarget(repo, r.Form.Get("tag")); err != nil {
			return err
		}
	}
	id, err := s.backend.Containers.Commit(r.Context(), r.Form.Get("container"), container.CommitOptions{
		Name: named, Author: r.Form.Get("author"), Comment: r.Form.Get("comment"), Config: config,
		NoPause: r.Form.Has("pause") && !boolParam(r, "pause"), Changes: r.Form["changes"],
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, containertypes.CommitResponse{ID: id})
}
