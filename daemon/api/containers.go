package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	containertypes "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/daemon/container"
	imagestore "github.com/sockerless/sockerless/daemon/image"
)

func (s *Server) containerRoutes() {
	s.handle("GET", "/containers/json", s.listContainers)
	s.handle("POST", "/containers/create", s.createContainer)
	s.handle("POST", "/containers/prune", s.pruneContainers)
	s.handle("GET", "/containers/{name:.+}/json", s.inspectContainer)
	s.handle("GET", "/containers/{name:.+}/top", s.topContainer)
	s.handle("GET", "/containers/{name:.+}/changes", s.containerChanges)
	s.handle("POST", "/containers/{name:.+}/start", s.startContainer)
	s.handle("POST", "/containers/{name:.+}/stop", s.stopContainer)
	s.handle("POST", "/containers/{name:.+}/restart", s.restartContainer)
	s.handle("POST", "/containers/{name:.+}/kill", s.killContainer)
	s.handle("POST", "/containers/{name:.+}/pause", s.pauseContainer)
	s.handle("POST", "/containers/{name:.+}/unpause", s.unpauseContainer)
	s.handle("POST", "/containers/{name:.+}/rename", s.renameContainer)
	s.handle("POST", "/containers/{name:.+}/update", s.updateContainer)
	s.handle("POST", "/containers/{name:.+}/resize", s.resizeContainer)
	s.handle("DELETE", "/containers/{name:.+}", s.removeContainer)
}

func name(r *http.Request) string { return mux.Vars(r)["name"] }

// noContent answers 204 when err is nil.
func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// listContainers answers GET /containers/json.
func (s *Server) listContainers(w http.ResponseWriter, r *http.Request) error {
	filters, err := filtersParam(r)
	if err != nil {
		return err
	}
	limit, err := intParam(r, "limit")
	if err != nil {
		return err
	}
	opts := container.ListOptions{
		All: boolParam(r, "all"), Size: boolParam(r, "size"), Filters: filters,
	}
	if limit != nil {
		opts.Limit = *limit
	}
	list, err := s.backend.Containers.List(r.Context(), opts)
	if err != nil {
		return err
	}
	if !atLeast(r, "1.52") {
		for i := range list {
			list[i].Health = nil
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

// createContainer answers POST /containers/create.
func (s *Server) createContainer(w http.ResponseWriter, r *http.Request) error {
	req := containertypes.CreateRequest{}
	if r.ContentLength == 0 {
		return badRequest(errors.New("invalid JSON: EOF"))
	}
	if err := readJSON(r, &req); err != nil {
		return err
	}
	if req.Config == nil {
		return badRequest(errors.New("config cannot be empty in order to create a container"))
	}
	platform, err := imagestore.ParsePlatform(r.Form.Get("platform"))
	if err != nil {
		return err
	}
	resp, err := s.backend.Containers.Create(r.Context(), r.Form.Get("name"), &req, platform)
	if err != nil {
		return err
	}
	if resp.Warnings == nil {
		resp.Warnings = []string{}
	}
	return writeJSON(w, http.StatusCreated, resp)
}

// inspectContainer answers GET /containers/{id}/json.
func (s *Server) inspectContainer(w http.ResponseWriter, r *http.Request) error {
	c, err := s.backend.Containers.Inspect(r.Context(), name(r), boolParam(r, "size"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c)
}

// topContainer answers GET /containers/{id}/top.
func (s *Server) topContainer(w http.ResponseWriter, r *http.Request) error {
	top, err := s.backend.Containers.Top(r.Context(), name(r), r.Form.Get("ps_args"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, top)
}

// containerChanges answers GET /containers/{id}/changes.
func (s *Server) containerChanges(w http.ResponseWriter, r *http.Request) error {
	changes, err := s.backend.Containers.Changes(r.Context(), name(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, changes)
}

// startContainer answers POST /containers/{id}/start.
func (s *Server) startContainer(w http.ResponseWriter, r *http.Request) error {
	if r.Form.Get("checkpoint") != "" {
		return unsupported("starting from a checkpoint")
	}
	return noContent(w, s.backend.Containers.Start(r.Context(), name(r)))
}

// stopContainer answers POST /containers/{id}/stop.
func (s *Server) stopContainer(w http.ResponseWriter, r *http.Request) error {
	timeout, err := intParam(r, "t")
	if err != nil {
		return err
	}
	return noContent(w, s.backend.Containers.Stop(r.Context(), name(r), r.Form.Get("signal"), timeout))
}

// restartContainer answers POST /containers/{id}/restart.
func (s *Server) restartContainer(w http.ResponseWriter, r *http.Request) error {
	timeout, err := intParam(r, "t")
	if err != nil {
		return err
	}
	return noContent(w, s.backend.Containers.Restart(r.Context(), name(r), r.Form.Get("signal"), timeout))
}

// killContainer answers POST /containers/{id}/kill.
func (s *Server) killContainer(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, s.backend.Containers.Kill(r.Context(), name(r), r.Form.Get("signal")))
}

// pauseContainer answers POST /containers/{id}/pause.
func (s *Server) pauseContainer(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, s.backend.Containers.Pause(r.Context(), name(r)))
}

// unpauseContainer answers POST /containers/{id}/unpause.
func (s *Server) unpauseContainer(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, s.backend.Containers.Unpause(r.Context(), name(r)))
}

// renameContainer answers POST /containers/{id}/rename.
func (s *Server) renameContainer(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, s.backend.Containers.Rename(r.Context(), name(r), r.Form.Get("name")))
}

// updateContainer answers POST /containers/{id}/update.
func (s *Server) updateContainer(w http.ResponseWriter, r *http.Request) error {
	var req containertypes.UpdateConfig
	if err := readJSON(r, &req); err != nil {
		return err
	}
	resp, err := s.backend.Containers.Update(r.Context(), name(r), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, resp)
}

// removeContainer answers DELETE /containers/{id}.
func (s *Server) removeContainer(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, s.backend.Containers.Remove(r.Context(), name(r), container.RemoveOptions{
		Force: boolParam(r, "force"), Volumes: boolParam(r, "v"), Link: boolParam(r, "link"),
	}))
}

// pruneContainers answers POST /containers/prune.
func (s *Server) pruneContainers(w http.ResponseWriter, r *http.Request) error {
	filters, err := filtersParam(r)
	if err != nil {
		return err
	}
	report, err := s.backend.Containers.Prune(r.Context(), filters)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, report)
}

// resizeContainer answers POST /containers/{id}/resize.
func (s *Server) resizeContainer(w http.ResponseWriter, r *http.Request) error {
	h, wd, err := sizeParams(r)
	if err != nil {
		return err
	}
	if err := s.backend.Containers.Resize(r.Context(), name(r), h, wd); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// sizeParams reads the h and w of a terminal.
func sizeParams(r *http.Request) (height, width uint, err error) {
	if height, err = sizeParam(r.Form.Get("h")); err != nil {
		return 0, 0, badRequest(fmt.Errorf("invalid resize height %q: %w", r.Form.Get("h"), err))
	}
	if width, err = sizeParam(r.Form.Get("w")); err != nil {
		return 0, 0, badRequest(fmt.Errorf("invalid resize width %q: %w", r.Form.Get("w"), err))
	}
	return height, width, nil
}

// sizeParam reads a number of 32 bits; a negative one is out of range and not bad syntax.
func sizeParam(text string) (uint, error) {
	digits, negative := strings.CutPrefix(text, "-")
	n, err := strconv.ParseUint(digits, 10, 32)
	switch {
	case err != nil:
		return 0, errors.Unwrap(err) // ErrSyntax or ErrRange, without what was read
	case negative:
		return 0, strconv.ErrRange
	}
	return uint(n), nil
}
