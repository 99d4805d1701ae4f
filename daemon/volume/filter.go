package volume

import (
	"fmt"
	"regexp"
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
	dangling, asked, err := boolFilter(filters, "dangling")
	if err != nil {
		return nil, err
	}
	return func(name string, e *entry) bool {
		if names := filters["name"]; len(names) > 0 && !slices.ContainsFunc(names, func(want string) bool { return matchName(want, name) }) {
			return false
		}
		if drivers := filters["driver"]; len(drivers) > 0 && !slices.Contains(drivers, Driver) {
			return false
		}
		if asked && dangling != (len(e.users) == 0) {
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

// matchName compares a name with a filter's value: a regular expression, as dockerd takes it. A broken one matches itself
// alone.
func matchName(want, name string) bool {
	if want == name {
		return true
	}
	found, err := regexp.MatchString(want, name)
	return err == nil && found
}

// hasLabel looks for "key" or "key=value".
func hasLabel(labels map[string]string, want string) bool {
	key, value, both := strings.Cut(want, "=")
	have, found := labels[key]
	return found && (!both || have == value)
}

// boolFilter reads a filter that is one of 1, true, 0 and false.
func boolFilter(filters map[string][]string, name string) (value, asked bool, err error) {
	values := filters[name]
	if len(values) == 0 {
		return false, false, nil
	}
	var yes, no bool
	for _, v := range values {
		yes = yes || v == "1" || v == "true"
		no = no || v == "0" || v == "false"
	}
	if yes == no {
		return false, true, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter '%s=[%s]'", name, strings.Join(values, " ")))
	}
	return yes, true, nil
}

// allFilter reads the filter all of a prune.
func allFilter(filters map[string][]string) (bool, error) {
	values := filters["all"]
	if len(values) == 0 {
		return false, nil
	}
	if len(values) > 1 {
		return false, errdefs.ErrInvalidArgument.WithMessage("invalid filter 'all': only one value may be specified")
	}
	all, err := strconv.ParseBool(values[0])
	if err != nil {
		return false, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter 'all': %v", err))
	}
	return all, nil
}
