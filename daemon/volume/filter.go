package volume

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
)

// parseFilters makes a predicate of an API request's filters; allowed are their names.
func parseFilters(filters map[string][]string, allowed ...string) (func(name string, e *entry) bool, error) {
	for name := range filters {
		if !slices.Contains(allowed, name) {
			return nil, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter '%s'", name))
		}
	}
	dangling := []bool{}
	for _, v := range filters["dangling"] {
		b, err := parseBool("dangling", v)
		if err != nil {
			return nil, err
		}
		dangling = append(dangling, b)
	}
	return func(name string, e *entry) bool {
		if names := filters["name"]; len(names) > 0 && !slices.ContainsFunc(names, func(part string) bool { return strings.Contains(name, part) }) {
			return false
		}
		if drivers := filters["driver"]; len(drivers) > 0 && !slices.Contains(drivers, Driver) {
			return false
		}
		if len(dangling) > 0 && !slices.Contains(dangling, len(e.users) == 0) {
			return false
		}
		for _, want := range filters["label"] {
			if !hasLabel(e.Labels, want) {
				return false
			}
		}
		return !slices.ContainsFunc(filters["label!"], func(label string) bool { return hasLabel(e.Labels, label) })
	}, nil
}

// hasLabel looks for "key" or "key=value".
func hasLabel(labels map[string]string, want string) bool {
	key, value, both := strings.Cut(want, "=")
	have, found := labels[key]
	return found && (!both || have == value)
}

func parseBool(filter, v string) (bool, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid value for %q filter: %q", filter, v))
	}
	return b, nil
}
