package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/moby/moby/api/types/registry"
)

// userAgent is what registries see.
const userAgent = "sockerless"

// newTransport makes the connections to registries: through the proxy of the environment, with bounded waits.
func newTransport(opts Options) http.RoundTripper {
	if opts.Transport != nil {
		return guard{opts.Transport}
	}
	dialer := &net.Dialer{Timeout: opts.ConnectTimeout, KeepAlive: 30 * time.Second} // Timeout includes DNS
	return guard{&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   opts.ConnectTimeout,
		ResponseHeaderTimeout: time.Minute,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          16,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
	}}
}

// guard refuses plain HTTP but to this machine, as dockerd does for registries not configured as insecure (the registry
// client itself also allows it to private networks), and notes whether an answer came at all.
type guard struct{ http.RoundTripper }

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !isLoopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("%s is asked for plain HTTP, which is used only with registries on loopback addresses", req.URL.Host)
	}
	resp, err := g.RoundTripper.RoundTrip(req)
	if c, ok := req.Context().Value(contactKey{}).(*contact); ok && err == nil {
		c.reached.Store(true)
	}
	return resp, err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// contact tells whether anybody answered during one pull.
type contact struct{ reached atomic.Bool }

type contactKey struct{}

// unreachable tells whether err means that nobody could be reached: no HTTP answer at all, as opposed to a bad one. A
// certificate that does not verify is no such thing: somebody was reached, but not whom we wanted.
func (c *contact) unreachable(ctx context.Context, err error) bool {
	var certificate *tls.CertificateVerificationError
	return err != nil && ctx.Err() == nil && !c.reached.Load() && !errors.As(err, &certificate)
}

// client makes a registry client for one pull.
func (s *Store) client(c *contact, auth registry.AuthConfig) (*remote.Puller, error) {
	options := []remote.Option{
		remote.WithTransport(s.remote),
		remote.WithUserAgent(userAgent),
		remote.WithAuth(authn.Anonymous),
		// The client's own retries wait for seconds, which is for a registry that failed, not for one that is not there.
		remote.WithRetryPredicate(func(err error) bool {
			var temporary interface{ Temporary() bool }
			return c.reached.Load() && errors.As(err, &temporary) && temporary.Temporary()
		}),
	}
	if auth.Username != "" || auth.Password != "" || auth.Auth != "" || auth.IdentityToken != "" || auth.RegistryToken != "" {
		options = append(options, remote.WithAuth(authn.FromConfig(authn.AuthConfig{
			Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
			IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
		})))
	}
	return remote.NewPuller(options...)
}

// repositoryOf is where the registry client finds a name.
func repositoryOf(named reference.Named) (name.Repository, error) {
	repo, err := name.NewRepository(named.Name(), name.StrictValidation)
	if err != nil {
		return name.Repository{}, invalid(err)
	}
	return repo, nil
}

// pullError words what a registry answered as dockerd words it, with its kind.
func pullError(named reference.Named, err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return err
	}
	code, text := diagnosis(answer)
	switch code {
	case transport.DeniedErrorCode:
		return errdefs.ErrNotFound.WithMessage(fmt.Sprintf(
			"pull access denied for %s, repository does not exist or may require 'docker login': %s", reference.FamiliarName(named), text))
	case transport.ManifestUnknownErrorCode:
		return errdefs.ErrNotFound.WithMessage(fmt.Sprintf("manifest for %s not found: %s", reference.FamiliarString(named), text))
	case transport.NameUnknownErrorCode:
		return errdefs.ErrNotFound.WithMessage(fmt.Sprintf("repository %s not found: %s", reference.FamiliarName(named), text))
	case transport.UnauthorizedErrorCode:
		// Docker Hub answers so for repositories that do not exist, too, if nobody is logged in.
		if reference.Domain(named) == "docker.io" {
			return errdefs.ErrNotFound.WithMessage(fmt.Sprintf(
				"pull access denied for %s, repository does not exist or may require 'docker login': %s",
				reference.FamiliarName(named), "denied: requested access to the resource is denied"))
		}
		return errdefs.ErrUnauthenticated.WithMessage(text)
	case transport.TooManyRequestsErrorCode:
		return errdefs.ErrResourceExhausted.WithMessage(text)
	default:
		return fmt.Errorf("pulling %s: %w", reference.FamiliarString(named), err)
	}
}

// diagnosis is the error code of an answer, and its words as docker prints them. An answer without one, as proxies and
// small registries give it, gets the code that fits its status.
func diagnosis(answer *transport.Error) (transport.ErrorCode, string) {
	if len(answer.Errors) > 0 {
		d := answer.Errors[0]
		return d.Code, strings.ToLower(strings.ReplaceAll(string(d.Code), "_", " ")) + ": " + d.Message
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return transport.UnauthorizedErrorCode, "unauthorized: authentication required"
	case http.StatusForbidden:
		return transport.DeniedErrorCode, "denied: requested access to the resource is denied"
	case http.StatusNotFound:
		return transport.ManifestUnknownErrorCode, "manifest unknown: manifest unknown"
	case http.StatusTooManyRequests:
		return transport.TooManyRequestsErrorCode, "toomanyrequests: too many requests"
	}
	return "", answer.Error()
}
