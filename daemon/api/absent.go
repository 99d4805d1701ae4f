package api

import "net/http"

// absentRoutes answer what Docker has and this daemon has not, by name.
func (s *Server) absentRoutes() {
	for _, c := range []struct{ method, path, what string }{
		{"POST", "/build", "building images (POST /build)"},
		{"POST", "/build/cancel", "building images (POST /build)"},
		{"POST", "/session", "BuildKit sessions"},
		{"POST", "/grpc", "BuildKit"},
		{"GET", "/containers/{name:.+}/checkpoints", "checkpoints"},
		{"POST", "/containers/{name:.+}/checkpoints", "checkpoints"},
		{"DELETE", "/containers/{name:.+}/checkpoints/{checkpoint}", "checkpoints"},
		{"POST", "/images/load", "loading images"},
		{"GET", "/images/get", "saving images"},
		{"GET", "/images/{name:.+}/get", "saving images"},
		{"POST", "/images/{name:.+}/push", "pushing images"},
		{"GET", "/images/search", "searching registries"},
		{"POST", "/images/prune", "pruning images"},
		{"GET", "/distribution/{name:.+}/json", "looking into registries"},
		{"GET", "/images/{name:.+}/attestations", "attestations of images"},
		{"GET", "/networks", "networks"},
		{"GET", "/networks/{name:.+}", "networks"},
		{"DELETE", "/networks/{name:.+}", "networks"},
		{"POST", "/networks/create", "networks"},
		{"POST", "/networks/prune", "networks"},
		{"POST", "/networks/{name:.+}/connect", "networks"},
		{"POST", "/networks/{name:.+}/disconnect", "networks"},
	} {
		s.handle(c.method, c.path, func(http.ResponseWriter, *http.Request) error { return unsupported(c.what) })
	}
}
