package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/plugin"
)

// pluginRoutes answer as an engine without plugins; none can be installed.
func (s *Server) pluginRoutes() {
	const what = "installing plugins"
	refused := func(http.ResponseWriter, *http.Request) error { return unsupported(what) }
	s.handle("GET", "/plugins", s.listPlugins)
	s.handle("GET", "/plugins/privileges", refused)
	s.handle("POST", "/plugins/pull", refused)
	s.handle("POST", "/plugins/create", refused)
	s.handle("GET", "/plugins/{name:.+}/json", noPlugin)
	s.handle("DELETE", "/plugins/{name:.+}", noPlugin)
	s.handle("POST", "/plugins/{name:.+}/enable", s.enablePlugin)
	s.handle("POST", "/plugins/{name:.+}/disable", noPlugin)
	s.handle("POST", "/plugins/{name:.+}/upgrade", noPlugin)
	s.handle("POST", "/plugins/{name:.+}/push", noPlugin)
	s.handle("POST", "/plugins/{name:.+}/set", noPlugin)
}

// listPlugins answers GET /plugins.
func (s *Server) listPlugins(w http.ResponseWriter, r *http.Request) error {
	if err := filterNames("enabled", "capability")(r); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, plugin.ListResponse{})
}

// enablePlugin answers POST /plugins/{name}/enable.
func (s *Server) enablePlugin(w http.ResponseWriter, r *http.Request) error {
	if _, err := strconv.Atoi(r.Form.Get("timeout")); err != nil {
		return badRequest(err)
	}
	return noPlugin(w, r)
}

// noPlugin is the answer about any plugin.
func noPlugin(_ http.ResponseWriter, r *http.Request) error {
	return errdefs.ErrNotFound.WithMessage(fmt.Sprintf("plugin %q not found", name(r)))
}
