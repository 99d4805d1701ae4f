package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	eventtypes "github.com/moby/moby/api/types/events"

	"github.com/sockerless/sockerless/daemon/events"
)

func (s *Server) systemRoutes() {
	s.handle("GET", "/_ping", s.ping)
	s.handle("HEAD", "/_ping", s.ping)
	s.handle("GET", "/version", s.version)
	s.handle("GET", "/info", s.info)
	s.handle("GET", "/events", s.events)
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
	return writeJSON(w, http.StatusOK, info)
}

// events answers GET /events: a stream of JSON objects.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	since, err := timeParam(r, "since")
	if err != nil {
		return err
	}
	until, err := timeParam(r, "until")
	if err != nil {
		return err
	}
	filters, err := filtersParam(r)
	if err != nil {
		return err
	}
	if !since.IsZero() && !until.IsZero() && until.Before(since) {
		return badRequest(fmt.Errorf("`since` time (%s) cannot be after `until` time (%s)", r.Form.Get("since"), r.Form.Get("until")))
	}
	filter, err := events.ParseFilter(filters)
	if err != nil {
		return err
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err = s.backend.Events.Stream(ctx, since, until, filter, func() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		flush(w)
	}, func(m eventtypes.Message) error {
		var v any = m
		if !atLeast(r, "1.52") {
			v = legacyEvent(m)
		}
		if err := enc.Encode(v); err != nil {
			return err
		}
		flush(w)
		return nil
	})
	if err != nil {
		s.log.Debug("stream of events ended", "error", err)
	}
	return nil
}
