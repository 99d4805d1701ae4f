// Package api serves the Docker Engine API over HTTP: routes, version negotiation, streams, and the mapping of errors to
// status codes. What happens behind the routes is the other packages' of daemon.
//
// The specification is moby's swagger file and dockerd's behaviour; the wire types are github.com/moby/moby/api's.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
)

// API versions that the server speaks (Docker API, "Versioning").
const (
	Version    = "1.56"
	MinVersion = "1.24"
)

// Server is the Engine API.
type Server struct {
	backend Backend
	log     *slog.Logger
	router  *mux.Router
	ctx     context.Context // ends with the daemon: so do streams
}

// New makes the server. ctx ends the streams that requests leave open.
func New(ctx context.Context, b Backend, log *slog.Logger) *Server {
	s := &Server{backend: b, log: log, router: mux.NewRouter(), ctx: ctx}
	s.routes()
	return s
}

// handler answers a request; what it returns as an error becomes dockerd's error response.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle adds a route, with and without a version in front.
func (s *Server) handle(method, path string, h handler) {
	s.router.Path("/v{version:[0-9.]+}" + path).Methods(method).Handler(s.wrap(h))
	s.router.Path(path).Methods(method).Handler(s.wrap(h))
}

func (s *Server) routes() {
	s.absentRoutes() // first: some are below paths that take any name
	s.systemRoutes()
	s.containerRoutes()
	s.streamRoutes()
	s.execRoutes()
	s.imageRoutes()
	s.volumeRoutes()
	s.pluginRoutes()
	s.swarmRoutes()
	notFound := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errPageNotFound) })
	s.router.NotFoundHandler = notFound
	s.router.MethodNotAllowedHandler = notFound
}

// ServeHTTP serves a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

type versionKey struct{}

func (s *Server) wrap(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Server", "Sockerless/"+s.backend.System.Version()+" (linux)")
		head.Set("Api-Version", Version)
		head.Set("Ostype", "linux")
		version := mux.Vars(r)["version"]
		if version == "" {
			version = Version
		}
		err := checkVersion(version)
		r = r.WithContext(context.WithValue(r.Context(), versionKey{}, version))
		if err == nil {
			head.Set("Docker-Experimental", "false")
			err = r.ParseForm()
			if err != nil && !strings.HasPrefix(err.Error(), "mime:") {
				err = badRequest(err)
			} else {
				err = h(w, r)
			}
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// checkVersion refuses what is older or newer than we speak, in dockerd's words.
func checkVersion(v string) error {
	switch {
	case compareVersions(v, MinVersion) < 0:
		return badRequest(fmt.Errorf("client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", v, MinVersion))
	case compareVersions(v, Version) > 0:
		return badRequest(fmt.Errorf("client version %s is too new. Maximum supported API version is %s", v, Version))
	}
	return nil
}

// compareVersions compares dotted numbers; what is no number counts as 0.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m, _ = strconv.Atoi(x[i])
		}
		if i < len(y) {
			n, _ = strconv.Atoi(y[i])
		}
		if m != n {
			return m - n
		}
	}
	return 0
}

// atLeast reports whether the request's API version is v or newer.
func atLeast(r *http.Request, v string) bool {
	got, _ := r.Context().Value(versionKey{}).(string)
	return compareVersions(got, v) >= 0
}

// writeJSON answers with a value, as dockerd encodes it.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// maxBody bounds a JSON body: more is no request that a client makes.
const maxBody = 8 << 20

// readJSON reads a request's body into v, with dockerd's errors for what is no JSON. An empty body leaves v as it is.
func readJSON(r *http.Request, v any) error {
	if err := checkJSON(r); err != nil {
		return err
	}
	if r.Body == nil || r.ContentLength == 0 {
		return nil
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return badRequest(errors.New("invalid JSON: got EOF while reading request body"))
		}
		return badRequest(fmt.Errorf("invalid JSON: %w", err))
	}
	if dec.More() {
		return badRequest(errors.New("unexpected content after JSON"))
	}
	return nil
}

func checkJSON(r *http.Request) error {
	ct := r.Header.Get("Content-Type")
	if r.Body == nil || ct == "" && r.ContentLength == 0 {
		return nil
	}
	if typ, _, err := mime.ParseMediaType(ct); err != nil {
		return badRequest(fmt.Errorf("malformed Content-Type header (%s): %w", ct, err))
	} else if typ != "application/json" {
		return badRequest(fmt.Errorf("unsupported Content-Type header (%s): must be 'application/json'", ct))
	}
	return nil
}

// boolParam reads a query parameter as dockerd does: everything but "", "0", "no", "false" and "none" is true.
func boolParam(r *http.Request, name string) bool {
	switch strings.ToLower(strings.TrimSpace(r.Form.Get(name))) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// intParam reads a number: nil when it is missing.
func intParam(r *http.Request, name string) (*int, error) {
	text := r.Form.Get(name)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, badRequest(err)
	}
	return &n, nil
}

// filtersParam reads the filters parameter: {"name":["a","b"]}, or the older {"name":{"a":true}}.
func filtersParam(r *http.Request) (map[string][]string, error) {
	text := r.Form.Get("filters")
	if text == "" {
		return nil, nil
	}
	lists := map[string][]string{}
	if json.Unmarshal([]byte(text), &lists) == nil {
		return lists, nil
	}
	sets := map[string]map[string]bool{}
	if err := json.Unmarshal([]byte(text), &sets); err != nil {
		return nil, badRequest(errors.New("invalid filter"))
	}
	lists = map[string][]string{}
	for name, set := range sets {
		for value, on := range set {
			if on {
				lists[name] = append(lists[name], value)
			}
		}
	}
	return lists, nil
}
