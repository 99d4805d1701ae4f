package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/volume"
)

func (s *Server) volumeRoutes() {
	s.handle("GET", "/volumes", s.listVolumes)
	s.handle("POST", "/volumes/create", s.createVolume)
	s.handle("POST", "/volumes/prune", s.pruneVolumes)
	s.handle("GET", "/volumes/{name:.+}", s.inspectVolume)
	s.handle("PUT", "/volumes/{name:.+}", s.updateVolume)
	s.handle("DELETE", "/volumes/{name:.+}", s.removeVolume)
}

// listVolumes answers GET /volumes.
func (s *Server) listVolumes(w http.ResponseWriter, r *http.Request) error {
	filters, err := filtersParam(r)
	if err != nil {
		return badRequest(fmt.Errorf("error reading volume filters: %w", err))
	}
	list, err := s.backend.Volumes.List(r.Context(), filters)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, volume.ListResponse{Volumes: list})
}

// createVolume answers POST /volumes/create.
func (s *Server) createVolume(w http.ResponseWriter, r *http.Request) error {
	var req volume.CreateRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	if req.ClusterVolumeSpec != nil {
		return errNotSwarm
	}
	v, err := s.backend.Volumes.Create(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, v)
}

// inspectVolume answers GET /volumes/{name}.
func (s *Server) inspectVolume(w http.ResponseWriter, r *http.Request) error {
	v, err := s.backend.Volumes.Get(r.Context(), name(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// updateVolume answers PUT /volumes/{name}: only a swarm's volumes have something to update.
func (s *Server) updateVolume(http.ResponseWriter, *http.Request) error {
	return kindError{errors.New("volume update only valid for cluster volumes, but swarm is unavailable"), errdefs.ErrUnavailable}
}

// removeVolume answers DELETE /volumes/{name}.
func (s *Server) removeVolume(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, s.backend.Volumes.Remove(r.Context(), name(r), boolParam(r, "force")))
}

// pruneVolumes answers POST /volumes/prune.
func (s *Server) pruneVolumes(w http.ResponseWriter, r *http.Request) error {
	filters, err := filtersParam(r)
	if err != nil {
		return err
	}
	if !atLeast(r, "1.42") { // prune meant all volumes then, not only the anonymous ones
		if filters == nil {
			filters = map[string][]string{}
		}
		filters["all"] = []string{"true"}
	}
	report, err := s.backend.Volumes.Prune(r.Context(), filters)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, report)
}
