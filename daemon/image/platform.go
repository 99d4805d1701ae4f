package image

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// preferred are the platforms a pull takes that names none, best first: WebAssembly runs here as it is; linux/amd64 is
// translated, on every host.
var preferred = []ocispec.Platform{
	{OS: "wasi", Architecture: "wasm"},
	{OS: "wasip1", Architecture: "wasm"},
	{OS: "linux", Architecture: "amd64"},
}

var (
	platformPart = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	architecture = map[string]string{"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
)

// ParsePlatform reads a platform as docker's --platform takes it: os/architecture[/variant], or one of the first two
// alone. The empty string is no platform, nil. The error is of kind errdefs.ErrInvalidArgument.
func ParsePlatform(s string) (*ocispec.Platform, error) {
	if s == "" {
		return nil, nil
	}
	parts := strings.Split(s, "/")
	if len(parts) > 3 {
		return nil, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("%q: cannot parse platform specifier: invalid argument", s))
	}
	for _, part := range parts {
		if !platformPart.MatchString(part) {
			return nil, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf(
				"%q is an invalid component of %q: platform specifier component must match %q: invalid argument", part, s, platformPart))
		}
	}
	parts[0] = strings.ToLower(parts[0])
	if len(parts) == 1 {
		switch parts[0] {
		case "linux", "wasi", "wasip1", "windows", "darwin", "freebsd":
			return &ocispec.Platform{OS: parts[0]}, nil
		}
		parts = []string{"linux", parts[0]}
	}
	p := &ocispec.Platform{OS: parts[0], Architecture: strings.ToLower(parts[1])}
	if a, found := architecture[p.Architecture]; found {
		p.Architecture = a
	}
	if len(parts) == 3 {
		p.Variant = strings.ToLower(parts[2])
	}
	return p, nil
}

// matches tells whether an image for have serves who asked for want. What want leaves open matches anything.
func matches(want, have ocispec.Platform) bool {
	same := func(want, have string) bool { return want == "" || want == have }
	return same(want.OS, have.OS) && same(want.Architecture, have.Architecture) && same(variant(want), variant(have))
}

// variant leaves out the variants that say what is the case anyway.
func variant(p ocispec.Platform) string {
	if p.Architecture == "arm64" && p.Variant == "v8" || p.Architecture == "amd64" && p.Variant == "v1" {
		return ""
	}
	return p.Variant
}

// choose takes the manifest of an index that fits best: the platform asked for, or else the first preferred one.
func choose(manifests []ocispec.Descriptor, asked *ocispec.Platform) (ocispec.Descriptor, bool) {
	wants := preferred
	if asked != nil {
		wants = []ocispec.Platform{*asked}
	}
	for _, want := range wants {
		for _, m := range manifests {
			if m.Platform != nil && matches(want, *m.Platform) {
				return m, true
			}
		}
	}
	return ocispec.Descriptor{}, false
}

func platformString(p ocispec.Platform) string {
	return strings.Join(strings.FieldsFunc(p.OS+"/"+p.Architecture+"/"+p.Variant, func(r rune) bool { return r == '/' }), "/")
}
