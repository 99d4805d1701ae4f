package events

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
)

// Filter selects messages, with the meaning that dockerd gives the filters of GET /events: values of one name are
// alternatives, apart from labels, which must all match. The zero Filter lets everything through.
type Filter struct {
	values map[string][]string
}

// NewFilter makes a filter of the values that a request gives by name: config, container, daemon, event, image, label,
// network, node, plugin, scope, secret, service, type, volume. Other names are not looked at, as in dockerd.
func NewFilter(values map[string][]string) Filter { return Filter{values} }

// actors are the filters that ask for the ID or name of what a message is about, and the type of message that has them.
var actors = []events.Type{
	events.ConfigEventType, events.ContainerEventType, events.DaemonEventType, events.NetworkEventType, events.NodeEventType,
	events.PluginEventType, events.SecretEventType, events.ServiceEventType, events.VolumeEventType,
}

// Match reports whether the filter lets m through.
func (f Filter) Match(m events.Message) bool {
	if len(f.values) == 0 {
		return true
	}
	if !f.event(m.Action) || !f.exact("type", string(m.Type)) || !f.exact("scope", m.Scope) || !f.image(m) || !f.labels(m.Actor.Attributes) {
		return false
	}
	for _, kind := range actors {
		if !f.fuzzy(string(kind), m.Actor.ID) && !f.fuzzy(string(kind), m.Actor.Attributes["name"]) {
			return false
		}
	}
	return true
}

// event compares actions. Those of exec and health carry more behind a colon ("exec_create: ls"); their bare names
// stand for all of them.
func (f Filter) event(action events.Action) bool {
	for _, v := range f.values["event"] {
		switch events.Action(v) {
		case events.ActionExecCreate, events.ActionExecStart, events.ActionHealthStatus:
			return f.fuzzy("event", string(action))
		}
	}
	return f.exact("event", string(action))
}

// image compares the image that a message is about, or that its container was made from, with and without tag.
func (f Filter) image(m events.Message) bool {
	if len(f.values["image"]) == 0 {
		return true
	}
	name := m.Actor.Attributes["image"]
	if m.Type == events.ImageEventType {
		name = m.Actor.Attributes["name"]
	}
	for _, s := range []string{m.Actor.ID, name, untagged(m.Actor.ID), untagged(name)} {
		if f.exact("image", s) {
			return true
		}
	}
	return false
}

func untagged(image string) string {
	ref, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.FamiliarName(ref)
}

func (f Filter) labels(attributes map[string]string) bool {
	for _, want := range f.values["label"] {
		key, value, both := strings.Cut(want, "=")
		have, found := attributes[key]
		if !found || both && have != value {
			return false
		}
	}
	return true
}

func (f Filter) exact(name, s string) bool {
	values := f.values[name]
	return len(values) == 0 || slices.Contains(values, s)
}

func (f Filter) fuzzy(name, s string) bool {
	values := f.values[name]
	return len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(s, v) })
}
