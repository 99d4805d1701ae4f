package api

import "net/http"

// absentRoutes answer what Docker has and this daemon has not, by name.
func (s *Server) absentRoutes() {
	swarm := func(http.ResponseWriter, *http.Request) error { return errNotSwarm }
	for _, path := range []string{"/swarm", "/swarm/unlockkey", "/nodes", "/nodes/{id}", "/services", "/services/{id}", "/services/{id}/logs",
		"/tasks", "/tasks/{id}", "/tasks/{id}/logs", "/secrets", "/secrets/{id}", "/configs", "/configs/{id}"} {
		s.handle("GET", path, swarm)
	}
	for _, c := range []struct{ method, path, what string }{
		{"POST", "/swarm/init", "swarm mode"},
		{"POST", "/swarm/join", "swarm mode"},
		{"POST", "/build", "building images (POST /build)"},
		{"POST", "/build/prune", "the build cache"},
		{"POST", "/session", "BuildKit sessions"},
		{"POST", "/grpc", "BuildKit"},
		{"GET", "/containers/{name:.+}/checkpoints", "checkpoints"},
		{"POST", "/containers/{name:.+}/checkpoints", "checkpoints"},
		{"POST", "/images/load", "loading images"},
		{"GET", "/images/get", "saving images"},
		{"GET", "/images/{name:.+}/get", "saving images"},
		{"POST", "/images/{name:.+}/push", "pushing images"},
		{"GET", "/images/search", "searching registries"},
		{"POST", "/images/prune", "pruning images"},
		{"GET", "/distribution/{name:.+}/json", "looking into registries"},
		{"GET", "/networks", "networks"},
		{"GET", "/networks/{name:.+}", "networks"},
		{"POST", "/networks/{name:.+}", "networks"},
		{"DELETE", "/networks/{name:.+}", "networks"},
		{"GET", "/plugins", "plugins"},
		{"POST", "/plugins/{name:.+}", "plugins"},
		{"GET", "/system/df", "disk usage (system df)"},
		{"POST", "/auth", "logging in to registries"},
	} {
		s.handle(c.method, c.path, func(http.ResponseWriter, *http.Request) error { return unsupported(c.what) })
	}
}
