package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/registry"
)

func (s *Server) systemRoutes() {
	s.handle("GET", "/_ping", s.ping)
	s.handle("HEAD", "/_ping", s.ping)
	s.handle("GET", "/version", s.version)
	s.handle("GET", "/info", s.info)
	s.handle("GET", "/events", s.events)
	s.handle("GET", "/system/df", s.diskUsage)
	s.handle("POST", "/auth", s.auth)
	s.handle("POST", "/build/prune", s.pruneBuildCache)
	s.handle("OPTIONS", "/{any:.*}", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	})
}

// ping answers GET and HEAD /_ping.
func (s *Server) ping(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Builder-Version", "1")
	h.Set("Swarm", "inactive")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if r.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		return nil
	}
	_, err := w.Write([]byte("OK"))
	return err
}

// version answers GET /version.
func (s *Server) version(w http.ResponseWriter, r *http.Request) error {
	v, err := s.backend.System.VersionInfo(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// info answers GET /info.
func (s *Server) info(w http.ResponseWriter, r *http.Request) error {
	info, err := s.backend.System.Info(r.Context())
	if err != nil {
		return err
	}
	legacy := legacyInfo(r, info)
	if len(legacy) == 0 {
		return writeJSON(w, http.StatusOK, info)
	}
	merged, err := withFields(info, legacy)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, merged)
}

// auth answers POST /auth: it asks the registry.
func (s *Server) auth(w http.ResponseWriter, r *http.Request) error {
	var auth registry.AuthConfig
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&auth); err != nil {
		return badRequest(fmt.Errorf("invalid X-Registry-Auth header: invalid JSON: %w", err))
	}
	if err := s.backend.System.Login(r.Context(), auth); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, registry.AuthResponse{Status: "Login Succeeded"})
}

// pruneBuildCache answers POST /build/prune. There is no build cache.
func (s *Server) pruneBuildCache(w http.ResponseWriter, r *http.Request) error {
	if _, err := filtersParam(r); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, build.CachePruneReport{})
}
