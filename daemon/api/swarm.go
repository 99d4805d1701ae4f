package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
)

// The daemon is an engine outside a swarm: requests that dockerd refuses for their form are refused with its words, all
// others because there is no swarm. Making or joining one is not supported.
var (
	errNotSwarm    = kindError{errors.New(`This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.`), errdefs.ErrUnavailable}
	errNotInASwarm = kindError{errors.New("This node is not part of a swarm"), errdefs.ErrUnavailable}
)

// check looks at the form of a request.
type check func(r *http.Request) error

func (s *Server) swarmRoutes() {
	outside := func(err error, checks ...check) handler {
		return func(_ http.ResponseWriter, r *http.Request) error {
			for _, ok := range checks {
				if err := ok(r); err != nil {
					return err
				}
			}
			return err
		}
	}
	for _, c := range []struct {
		method, path string
		checks       []check
	}{
		{"GET", "/swarm", nil},
		{"POST", "/swarm/update", []check{jsonBody[swarm.Spec], versionParam("swarm")}},
		{"GET", "/swarm/unlockkey", nil},
		{"POST", "/swarm/unlock", []check{jsonBody[swarm.UnlockRequest]}},
		{"GET", "/nodes", []check{filterNames("name", "id", "label", "role", "membership", "node.label")}},
		{"GET", "/nodes/{id}", nil},
		{"DELETE", "/nodes/{id}", nil},
		{"POST", "/nodes/{id}/update", []check{jsonBody[swarm.NodeSpec], versionParam("node")}},
		{"GET", "/services", []check{filterNames("name", "id", "label", "mode", "runtime")}},
		{"POST", "/services/create", []check{jsonBody[swarm.ServiceSpec]}},
		{"GET", "/services/{id}", nil},
		{"DELETE", "/services/{id}", nil},
		{"POST", "/services/{id}/update", []check{jsonBody[swarm.ServiceSpec], versionParam("service")}},
		{"GET", "/services/{id}/logs", []check{someStream}},
		{"GET", "/tasks", []check{filterNames()}},
		{"GET", "/tasks/{id}", nil},
		{"GET", "/tasks/{id}/logs", []check{someStream}},
		{"GET", "/secrets", []check{filterNames("names", "name", "id", "label")}},
		{"POST", "/secrets/create", []check{jsonBody[swarm.SecretSpec]}},
		{"GET", "/secrets/{id}", nil},
		{"DELETE", "/secrets/{id}", nil},
		{"POST", "/secrets/{id}/update", []check{jsonBody[swarm.SecretSpec], plainVersion("secret")}},
		{"GET", "/configs", []check{filterNames("names", "name", "id", "label")}},
		{"POST", "/configs/create", []check{jsonBody[swarm.ConfigSpec]}},
		{"GET", "/configs/{id}", nil},
		{"DELETE", "/configs/{id}", nil},
		{"POST", "/configs/{id}/update", []check{jsonBody[swarm.ConfigSpec], plainVersion("config")}},
	} {
		s.handle(c.method, c.path, outside(errNotSwarm, c.checks...))
	}
	s.handle("POST", "/swarm/leave", outside(errNotInASwarm))
	s.handle("POST", "/swarm/init", outside(unsupported("swarm mode"), jsonBody[swarm.InitRequest]))
	s.handle("POST", "/swarm/join", outside(unsupported("swarm mode"), jsonBody[swarm.JoinRequest]))
}

// jsonBody checks that a body is a T.
func jsonBody[T any](r *http.Request) error { return readJSON(r, new(T)) }

// versionParam checks the version of the object that is to be updated.
func versionParam(what string) check {
	return func(r *http.Request) error {
		text := r.Form.Get("version")
		if _, err := strconv.ParseUint(text, 10, 64); err != nil {
			return badRequest(fmt.Errorf("invalid %s version '%s': %w", what, text, err))
		}
		return nil
	}
}

// plainVersion is versionParam with the words that secrets and configs have.
func plainVersion(what string) check {
	return func(r *http.Request) error {
		if _, err := strconv.ParseUint(r.Form.Get("version"), 10, 64); err != nil {
			return badRequest(fmt.Errorf("invalid %s version", what))
		}
		return nil
	}
}

// filterNames checks the filters' names; without any every name will do.
func filterNames(known ...string) check {
	return func(r *http.Request) error {
		filters, err := filtersParam(r)
		if err != nil {
			return err
		}
		for name := range filters {
			if len(known) > 0 && !slices.Contains(known, name) {
				return badRequest(fmt.Errorf("invalid filter '%s'", name))
			}
		}
		return nil
	}
}

// someStream checks that logs are asked for.
func someStream(r *http.Request) error {
	if !boolParam(r, "stdout") && !boolParam(r, "stderr") {
		return badRequest(errors.New("must specify at least one of 'stdout' or 'stderr'"))
	}
	return nil
}
