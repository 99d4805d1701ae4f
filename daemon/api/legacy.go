package api

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/system"
)

// event10 is an event as API versions before 1.52 have it: the top-level status, id and from came first (v1.10).
type event10 struct {
	Status string `json:"status,omitempty"`
	ID     string `json:"id,omitempty"`
	From   string `json:"from,omitempty"`
	events.Message
}

func legacyEvent(m events.Message) event10 {
	e := event10{Message: m}
	switch m.Type {
	case events.ContainerEventType:
		e.Status, e.ID, e.From = string(m.Action), m.Actor.ID, m.Actor.Attributes["image"]
	case events.ImageEventType:
		e.Status, e.ID = string(m.Action), m.Actor.ID
	}
	return e
}

// legacyInfo takes out of an answer to GET /info what came after the client's version, and returns the fields that it
// had then and that are gone now.
func legacyInfo(r *http.Request, info *system.Info) map[string]any {
	fields := map[string]any{}
	if !atLeast(r, "1.44") {
		for name, runtime := range info.Runtimes {
			info.Runtimes[name] = system.RuntimeWithStatus{Runtime: runtime.Runtime}
		}
	}
	if !atLeast(r, "1.47") {
		fields["RegistryConfig"] = map[string]any{
			"AllowNondistributableArtifactsCIDRs": nil, "AllowNondistributableArtifactsHostnames": nil,
		}
	}
	if !atLeast(r, "1.49") {
		fields["ContainerdCommit"] = map[string]any{"Expected": info.ContainerdCommit.ID}
		fields["RuncCommit"] = map[string]any{"Expected": info.RuncCommit.ID}
		fields["InitCommit"] = map[string]any{"Expected": info.InitCommit.ID}
	}
	if !atLeast(r, "1.50") {
		fields["BridgeNfIptables"], fields["BridgeNfIp6tables"] = false, false
	}
	return fields
}

// withFields is a JSON object with more fields; those that are objects in both are merged.
func withFields(v any, fields map[string]any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, err
	}
	merge(object, fields)
	return object, nil
}

func merge(into, fields map[string]any) {
	for name, value := range fields {
		have, ok1 := into[name].(map[string]any)
		more, ok2 := value.(map[string]any)
		if ok1 && ok2 {
			have = maps.Clone(have)
			merge(have, more)
			value = have
		}
		into[name] = value
	}
}
