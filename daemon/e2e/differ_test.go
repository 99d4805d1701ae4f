package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// differVersion is the newest API that Debian's dockerd speaks.
const differVersion = "/v1.41"

// call is a request that both daemons get. {name} stands for the id that an earlier call with that name gave.
type call struct {
	id           string // what its answer's Id is called by
	method, path string
	body         string
	only         string // "status", "keys": what is compared; "" is all
}

// The requests build on each other: the same state is in both daemons.
var calls = []call{
	{"", "GET", "/_ping", "", ""},
	{"", "GET", `/containers/json?all=1&filters={"name":["differ"]}`, "", ""},
	{"c", "POST", "/containers/create?name=differ", `{"Image":"alpine","Cmd":["sh","-c","echo out; echo err >&2; exit 3"],"HostConfig":{"NetworkMode":"none"}}`, ""},
	{"", "POST", "/containers/create?name=differ", `{"Image":"alpine","Cmd":["true"]}`, ""},
	{"", "POST", "/containers/create?name=differ-x", `{"Image":"no-such-image"}`, ""},
	{"", "POST", "/containers/create?name=not/valid", `{"Image":"alpine"}`, ""},
	{"", "POST", "/containers/create", `{"Image":"alpine","HostConfig":{"Binds":["a:relative"]}}`, ""},
	{"", "POST", "/containers/create", `{"Image":"alpine","HostConfig":{"Binds":["a:b:c:d"]}}`, ""},
	{"", "POST", "/containers/create", `{"Image":"alpine","HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}}`, ""},
	{"", "POST", "/containers/create", `{"Image":"alpine","HostConfig":{"RestartPolicy":{"Name":"sometimes"}}}`, ""},
	{"", "POST", "/containers/create", `{"Image":"alpine","StopSignal":"FROB"}`, "status"},
	{"", "POST", "/containers/create", `{"Image":"alpine","WorkingDir":"relative"}`, ""},
	{"", "GET", "/containers/{c}/json", "", "keys"},
	{"", "GET", `/containers/json?all=1&filters={"name":["differ"]}`, "", "keys"},
	{"", "GET", "/containers/differ/top", "", ""},
	{"", "POST", "/containers/differ/kill", "", ""},
	{"", "POST", "/containers/differ/pause", "", ""},
	{"", "POST", "/containers/differ/stop", "", ""},
	{"", "POST", "/containers/differ/exec", `{"Cmd":["true"]}`, ""},
	{"", "POST", "/containers/differ/start", "", ""},
	{"", "POST", "/containers/differ/wait", "", ""},
	{"", "GET", "/containers/differ/json", "", "keys"},
	{"", "GET", "/containers/differ/logs?stdout=1&stderr=1", "", "status"},
	{"", "GET", "/containers/differ/logs", "", ""},
	{"", "GET", "/containers/differ/changes", "", "status"},
	{"", "GET", "/containers/differ/stats?stream=0", "", "status"},
	{"", "POST", "/containers/differ/rename", "", ""},
	{"", "POST", "/containers/differ/rename?name=not/valid", "", ""},
	{"", "POST", "/containers/differ/rename?name=differ2", "", ""},
	{"", "GET", "/containers/differ/json", "", ""},
	{"", "POST", "/containers/differ2/update", `{"RestartPolicy":{"Name":"on-failure"}}`, "status"},
	{"", "DELETE", "/containers/differ2", "", ""},
	{"", "DELETE", "/containers/differ2", "", ""},
	{"r", "POST", "/containers/create?name=differ-run", `{"Image":"alpine","Cmd":["sleep","1000"],"Labels":{"a":"b"},"HostConfig":{"NetworkMode":"none","Binds":["differ-volume:/data"]}}`, ""},
	{"", "POST", "/containers/differ-run/start", "", ""},
	{"", "POST", "/containers/differ-run/start", "", ""},
	{"", "GET", "/containers/json", "", "keys"},
	{"", "GET", "/containers/differ-run/json?size=1", "", "keys"},
	{"", "POST", "/containers/differ-run/kill?signal=FROB", "", ""},
	{"", "POST", "/containers/differ-run/unpause", "", ""},
	{"", "POST", "/containers/differ-run/pause", "", ""},
	{"", "POST", "/containers/differ-run/pause", "", ""},
	{"", "POST", "/containers/differ-run/exec", `{"Cmd":["true"]}`, ""},
	{"", "POST", "/containers/differ-run/start", "", ""},
	{"", "POST", "/containers/differ-run/unpause", "", ""},
	{"x", "POST", "/containers/differ-run/exec", `{"Cmd":["sh","-c","exit 5"],"AttachStdout":true}`, ""},
	{"", "POST", "/containers/differ-run/exec", `{"Cmd":[]}`, ""},
	{"", "GET", "/exec/{x}/json", "", "keys"},
	{"", "POST", "/exec/{x}/start", `{"Detach":true}`, ""},
	{"", "POST", "/exec/none/start", `{}`, ""},
	{"", "GET", "/exec/none/json", "", ""},
	{"", "POST", "/containers/differ-run/resize?h=x&w=y", "", "status"},
	{"", "DELETE", "/containers/differ-run", "", "status"},
	{"", "GET", "/containers/differ-run/archive?path=/no/such", "", ""},
	{"", "HEAD", "/containers/differ-run/archive?path=/no/such", "", "status"},
	{"", "HEAD", "/containers/differ-run/archive?path=/etc/passwd", "", "status"},
	{"", "GET", "/containers/differ-run/archive", "", "status"},
	{"", "PUT", "/containers/differ-run/archive?path=/no/such", "", "status"},
	{"", "GET", "/volumes/differ-volume", "", "keys"},
	{"", "GET", `/volumes?filters={"name":["differ"]}`, "", "keys"},
	{"", "DELETE", "/volumes/differ-volume", "", ""},
	{"", "POST", "/volumes/create", `{"Name":"not/valid"}`, ""},
	{"", "POST", "/volumes/create", `{"Name":"x","Driver":"ghost"}`, "status"},
	{"", "GET", "/volumes/ghost", "", ""},
	{"", "DELETE", "/volumes/ghost", "", ""},
	{"", "POST", "/containers/differ-run/stop?t=0", "", ""},
	{"", "POST", "/containers/differ-run/stop?t=x", "", "status"},
	{"", "POST", "/containers/differ-run/restart?t=0", "", ""},
	{"", "DELETE", "/containers/differ-run?force=1", "", ""},
	{"", "DELETE", "/volumes/differ-volume", "", ""},
	{"n", "POST", "/containers/create?name=differ-bad", `{"Image":"alpine","Cmd":["no-such"],"HostConfig":{"NetworkMode":"none"}}`, ""},
	{"", "POST", "/containers/differ-bad/start", "", "status"},
	{"", "GET", "/containers/differ-bad/json", "", "keys"},
	{"", "DELETE", "/containers/differ-bad", "", ""},
	{"", "GET", "/containers/ghost/json", "", ""},
	{"", "POST", "/containers/ghost/start", "", ""},
	{"", "POST", "/containers/ghost/stop", "", ""},
	{"", "POST", "/containers/ghost/kill", "", ""},
	{"", "POST", "/containers/ghost/wait", "", ""},
	{"", "POST", "/containers/ghost/attach", "", ""},
	{"", "DELETE", "/containers/ghost", "", ""},
	{"", "GET", "/containers/ghost/logs?stdout=1", "", ""},
	{"", "GET", "/containers/ghost/archive?path=/", "", ""},
	{"", "POST", "/containers/create", `{`, "status"},
	{"", "POST", "/containers/create", `{"Image":"alpine","Cmd":7}`, "status"},
	{"", "GET", `/containers/json?filters={"frob":["x"]}`, "", ""},
	{"", "GET", `/containers/json?filters={"status":["frob"]}`, "", "status"},
	{"", "GET", `/containers/json?filters=[`, "", "status"},
	{"", "GET", "/containers/json?limit=x", "", "status"},
	{"", "GET", "/images/json", "", "keys"},
	{"", "GET", "/images/alpine/json", "", "keys"},
	{"", "GET", "/images/alpine/history", "", "status"},
	{"", "POST", "/images/alpine/tag?repo=differ/tag&tag=1", "", ""},
	{"", "POST", "/images/alpine/tag?repo=NOT", "", "status"},
	{"", "DELETE", "/images/differ/tag:1", "", ""},
	{"", "DELETE", "/images/differ/tag:1", "", ""},
	{"", "GET", "/images/ghost/json", "", ""},
	{"", "POST", "/images/ghost/tag?repo=x", "", ""},
	{"", "GET", "/swarm", "", ""},
	{"", "GET", "/services", "", ""},
	{"", "GET", "/no/such", "", ""},
	{"", "GET", "/events?since=2&until=1", "", "status"},
}

// newer are texts that later dockerds, which we follow, have instead of those of Debian's.
var newer = map[string]string{
	"invalid restart policy 'sometimes'":                  "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
	"Invalid signal: FROB":                                "cannot kill container: differ-run: invalid signal: FROB",
	"no such image: ghost: No such image: ghost:latest":   "No such image: ghost:latest",
	"Bad parameters: you must choose at least one stream": "must specify at least one of 'stdout' or 'stderr'",
	"": "No such container: ghost", // attach wrote it into the stream
}

// sameText compares error messages: later dockerds begin some with a small letter.
func sameText(ours, theirs string) bool {
	return strings.EqualFold(ours, theirs) || newer[theirs] == ours
}

// sameStatus compares status codes: later dockerds know that the client is to blame for some errors that Debian's has
// for its own.
func sameStatus(ours, theirs int) bool {
	return ours == theirs || theirs == 500 && (ours == 400 || ours == 409)
}

func TestAnswersAreThoseOfDockerd(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dockerd")
	}
	t.Parallel()
	theirs := dockerd(t)
	ours := boot(t).connect(t)
	ids := [2]map[string]string{{}, {}}
	for _, c := range calls {
		var got [2]answer
		for i, e := range []*engine{ours, theirs} {
			path := c.path
			for name, id := range ids[i] {
				path = strings.ReplaceAll(path, "{"+name+"}", id)
			}
			got[i] = e.request(c.method, differVersion+path, c.body)
			if c.id != "" {
				var created struct{ ID string }
				if err := json.Unmarshal([]byte(got[i].body), &created); err != nil || created.ID == "" {
					t.Fatalf("%s %s: no id in %d %s", c.method, c.path, got[i].status, got[i].body)
				}
				ids[i][c.id] = created.ID
			}
		}
		what := c.method + " " + c.path + " " + c.body
		us, them := got[0], got[1]
		if !sameStatus(us.status, them.status) {
			t.Errorf("%s\nours:    %d %s\ndockerd: %d %s", what, us.status, us.body, them.status, them.body)
			continue
		}
		if c.only == "status" {
			continue
		}
		if us.status >= 400 {
			if a, b := anonymous(us.message()), anonymous(them.message()); !sameText(a, b) {
				t.Errorf("%s\nours:    %q\ndockerd: %q", what, a, b)
			}
			continue
		}
		if missing := missingKeys(us.body, them.body); len(missing) > 0 {
			t.Errorf("%s: dockerd's answer has %v besides\nours:    %s\ndockerd: %s", what, missing, clip(us.body), clip(them.body))
		}
	}
}

var hexID = regexp.MustCompile(`[0-9a-f]{64}`)

// anonymous takes out of a message what is never the same.
func anonymous(s string) string { return hexID.ReplaceAllString(s, "ID") }

// missingKeys lists the keys, by their paths, that a JSON answer lacks of another.
func missingKeys(ours, theirs string) []string {
	var a, b any
	if json.Unmarshal([]byte(theirs), &b) != nil {
		return nil
	}
	if json.Unmarshal([]byte(ours), &a) != nil {
		return []string{"JSON"}
	}
	have, want := map[string]bool{}, map[string]bool{}
	collectKeys("", a, have)
	collectKeys("", b, want)
	maps.DeleteFunc(want, func(k string, _ bool) bool { return have[k] || ignoredKey(k) })
	return slices.Sorted(maps.Keys(want))
}

func collectKeys(prefix string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			path := fmt.Sprintf("%s.%s", prefix, k)
			into[path] = true
			collectKeys(path, x, into)
		}
	case []any:
		for _, x := range v {
			collectKeys(prefix+"[]", x, into)
		}
	}
}

// gone are keys that API versions after 1.41 have no more, what only Debian's storage driver has, and the networks'.
var gone = regexp.MustCompile(`GraphDriver|\.Labels\.a$|^\.NetworkSettings|KernelMemory|\.VirtualSize$|^\.Config\.|^\.(ContainerConfig|Container|Comment|DockerVersion|Parent)\b|^\.Error$`)

func ignoredKey(k string) bool { return gone.MatchString(k) }
