package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"

	imagestore "github.com/sockerless/sockerless/daemon/image"
)

func (s *Server) imageRoutes() {
	s.handle("GET", "/images/json", s.listImages)
	s.handle("POST", "/images/create", s.createImage)
	s.handle("GET", "/images/{name:.+}/json", s.inspectImage)
	s.handle("GET", "/images/{name:.+}/history", s.imageHistory)
	s.handle("POST", "/images/{name:.+}/tag", s.tagImage)
	s.handle("DELETE", "/images/{name:.+}", s.removeImage)
}

// listImages answers GET /images/json.
func (s *Server) listImages(w http.ResponseWriter, r *http.Request) error {
	filters, err := filtersParam(r)
	if err != nil {
		return err
	}
	list, err := s.backend.Images.List(r.Context(), imagestore.ListOptions{All: boolParam(r, "all"), Filters: filters})
	if err != nil {
		return err
	}
	if list == nil {
		list = []image.Summary{}
	}
	return writeJSON(w, http.StatusOK, list)
}

// inspectImage answers GET /images/{name}/json.
func (s *Server) inspectImage(w http.ResponseWriter, r *http.Request) error {
	img, err := s.backend.Images.Get(name(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, img.Inspect())
}

// imageHistory answers GET /images/{name}/history.
func (s *Server) imageHistory(w http.ResponseWriter, r *http.Request) error {
	history, err := s.backend.Images.HistoryOf(name(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, history)
}

// tagImage answers POST /images/{name}/tag.
func (s *Server) tagImage(w http.ResponseWriter, r *http.Request) error {
	if err := s.backend.Images.Tag(name(r), r.Form.Get("repo"), r.Form.Get("tag")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// removeImage answers DELETE /images/{name}.
func (s *Server) removeImage(w http.ResponseWriter, r *http.Request) error {
	ref := name(r)
	if strings.TrimSpace(ref) == "" {
		return badRequest(errors.New("image name cannot be blank"))
	}
	list, err := s.backend.Images.Remove(r.Context(), ref, imagestore.RemoveOptions{Force: boolParam(r, "force"), NoPrune: boolParam(r, "noprune")})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, list)
}

// createImage answers POST /images/create: a pull, told of as it goes.
func (s *Server) createImage(w http.ResponseWriter, r *http.Request) error {
	from := r.Form.Get("fromImage")
	if from == "" {
		if r.Form.Get("fromSrc") != "" {
			return unsupported("importing an image (fromSrc)")
		}
		return badRequest(errors.New("missing required parameter: fromImage"))
	}
	if tag := r.Form.Get("tag"); tag != "" {
		if strings.Contains(tag, ":") {
			from += "@" + tag
		} else {
			from += ":" + tag
		}
	}
	out := &progress{w: w}
	err := s.backend.Images.Pull(r.Context(), from, r.Form.Get("platform"), authHeader(r), out.send)
	if err != nil && !out.started {
		return err
	}
	if err != nil {
		out.send(jsonstream.Message{Error: &jsonstream.Error{Message: err.Error()}})
	}
	if !out.started {
		w.WriteHeader(http.StatusOK)
	}
	return nil
}

// authHeader reads X-Registry-Auth. As dockerd, we take what cannot be read for no credentials.
func authHeader(r *http.Request) registry.AuthConfig {
	var auth registry.AuthConfig
	text := r.Header.Get(registry.AuthHeader)
	if text == "" {
		return auth
	}
	b, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		if b, err = base64.RawURLEncoding.DecodeString(text); err != nil {
			return auth
		}
	}
	if json.Unmarshal(b, &auth) != nil {
		return registry.AuthConfig{}
	}
	return auth
}

// progress writes the messages of a pull as they come.
type progress struct {
	w       http.ResponseWriter
	started bool
}

// message adds to a message what older clients read.
type message struct {
	jsonstream.Message
	ProgressText string `json:"progress,omitempty"`
	ErrorText    string `json:"error,omitempty"`
}

func (p *progress) send(m jsonstream.Message) {
	if !p.started {
		p.started = true
		p.w.Header().Set("Content-Type", "application/json")
		p.w.WriteHeader(http.StatusOK)
	}
	out := message{Message: m}
	if m.Error != nil {
		out.ErrorText = m.Error.Message
	}
	if m.Progress != nil && m.Progress.Total > 0 {
		out.ProgressText = fmt.Sprintf("%d/%d", m.Progress.Current, m.Progress.Total)
	}
	enc := json.NewEncoder(p.w)
	enc.SetEscapeHTML(false)
	if enc.Encode(out) == nil {
		flush(p.w)
	}
}
