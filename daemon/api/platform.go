package api

import (
	"fmt"
	"regexp"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var platformPart = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// parsePlatform reads "os", "os/arch" or "os/arch/variant".
func parsePlatform(text string) (*ocispec.Platform, error) {
	parts := strings.Split(text, "/")
	for _, p := range parts {
		if !platformPart.MatchString(p) {
			return nil, badRequest(fmt.Errorf("%q is an invalid component of %q: platform specifier component must match %q", p, text, platformPart))
		}
	}
	p := &ocispec.Platform{OS: strings.ToLower(parts[0])}
	switch len(parts) {
	case 1:
		p.Architecture = "amd64"
	case 2:
		p.Architecture = parts[1]
	case 3:
		p.Architecture, p.Variant = parts[1], parts[2]
	default:
		return nil, badRequest(fmt.Errorf("%q: cannot parse platform specifier", text))
	}
	return p, nil
}
