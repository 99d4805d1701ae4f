package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/moby/moby/api/types/registry"
)

// hub is the host that serves Docker Hub's registry.
const hub = "registry-1.docker.io"

// Login asks a registry whether it takes credentials, as GET /v2/ with a token or basic authentication (Distribution
// API, "API version check"). Refused credentials are an error of kind errdefs.ErrUnauthenticated, in dockerd's words.
func (s *Store) Login(ctx context.Context, auth registry.AuthConfig) error {
	host := loginHost(auth.ServerAddress)
	reg, err := name.NewRegistry(host, name.StrictValidation)
	if err != nil {
		return invalid(err)
	}
	credentials := authn.FromConfig(authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	})
	if auth == (registry.AuthConfig{ServerAddress: auth.ServerAddress}) {
		credentials = authn.Anonymous
	}
	c := &contact{}
	ctx = context.WithValue(ctx, contactKey{}, c)
	challenge, err := transport.Ping(ctx, reg, s.remote)
	if err != nil {
		var first *url.Error // of HTTPS; plain HTTP, which is tried on loopback, fails the same
		if errors.As(err, &first) {
			return first
		}
		return err
	}
	address := (&url.URL{Scheme: scheme(reg, challenge.Insecure), Host: reg.RegistryStr(), Path: "/v2/"}).String()
	refused := func(err error) error {
		var answer *transport.Error
		if errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
			return errdefs.ErrUnauthenticated.WithMessage(fmt.Sprintf("Get %q: unauthorized: incorrect username or password", address))
		}
		return err
	}
	if strings.EqualFold(challenge.Scheme, "basic") && (auth.Auth == "" && (auth.Username == "" || auth.Password == "")) {
		return fmt.Errorf("Get %q: no basic auth credentials", address)
	}
	rt, err := transport.NewWithContext(ctx, reg, credentials, s.remote, nil)
	if err != nil {
		return refused(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return invalid(err)
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			return refused(failed.Err)
		}
		return refused(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("login attempt to %s failed with status: %d %s", address, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

// loginHost is the registry that a login's server address means: "", docker.io and Docker Hub's index are Docker Hub;
// scheme and path are left out, as dockerd does.
func loginHost(address string) string {
	host := address
	for _, scheme := range []string{"http://", "https://"} {
		host = strings.TrimPrefix(host, scheme)
	}
	host, _, _ = strings.Cut(host, "/")
	switch strings.TrimSuffix(host, ":") {
	case "", "docker.io", "index.docker.io":
		return hub
	}
	return strings.TrimSuffix(host, ":")
}

func scheme(reg name.Registry, insecure bool) string {
	if insecure {
		return "http"
	}
	return reg.Scheme()
}
