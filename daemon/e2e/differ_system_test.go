package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

// question is a request whose answer must be dockerd's: the status, an error's text, a JSON value.
type question struct {
	since              string // API version of the oldest dockerd that answers so; "" is Debian's
	method, path, body string
	only               string // "status", "keys": what is compared; "" is all
}

// The questions build on each other. Volumes have the label sys, so that a dockerd that others use too answers the same.
var systemQuestions = []question{
	{"", "GET", "/_ping", "", ""},
	{"", "HEAD", "/_ping", "", ""},
	{"", "OPTIONS", "/_ping", "", ""},
	{"", "OPTIONS", "/no/such", "", ""},
	{"", "POST", "/_ping", "", ""},
	{"", "HEAD", "/version", "", ""},
	{"", "GET", "/version/", "", ""},
	{"", "POST", "/version", "", ""},
	{"", "GET", "/version", "", "keys"},
	{"1.56", "GET", "/info", "", "keys"},
	{"1.56", "GET", "/v1.41/info", "", "keys"},
	{"1.56", "GET", "/v1.48/info", "", "keys"},
	{"", "GET", "/vfoo/version", "", ""},
	{"", "GET", "/v1.a/version", "", ""},
	{"", "GET", "/v1.-4/version", "", ""},
	{"", "GET", "/v1.40.1/version", "", "status"},
	{"", "GET", "/v1.2/version", "", "status"},
	{"", "GET", "/v1..44/version", "", "status"},
	{"", "GET", "/v99999999999999999999.1/version", "", "status"},
	{"1.56", "GET", "/v99999999999999999999.1/version", "", ""},
	{"1.56", "GET", "/v1.57/version", "", ""},
	{"", "GET", "//version", "", "status"},
	{"", "GET", "/containers//json", "", "status"},
	{"", "GET", "/volumes?%zz", "", "status"},

	{"", "GET", "/events?since=x", "", "status"},
	{"1.56", "GET", "/events?since=x", "", ""},
	{"1.56", "GET", "/events?until=2023-11-14T22:13:20Z", "", ""},
	{"1.56", "GET", "/events?until=1.x", "", ""},
	{"1.56", "GET", "/events?since=5.5&until=5.4", "", ""},
	{"", "GET", "/events?since=5&until=4", "", ""},
	{"", "GET", "/events?since=1&until=2", "", ""},
	{"", "GET", `/events?since=1&until=2&filters={"frob":["x"]}`, "", ""},
	{"", "GET", "/events?until=2&filters=[", "", "status"},
	{"1.56", "GET", "/events?until=2&filters=[", "", ""},

	{"1.56", "GET", "/system/df?type=frob", "", ""},
	{"1.56", "GET", "/system/df?type=build-cache", "", ""},
	{"1.56", "GET", "/v1.44/system/df?type=build-cache", "", ""},
	{"1.56", "GET", "/system/df?verbose=1&type=build-cache", "", ""},
	{"1.56", "POST", "/build/prune", "", ""},
	{"1.56", "POST", "/build/prune?filters=[", "", ""},
	{"1.56", "POST", "/auth", "", ""},
	{"1.56", "POST", "/auth", "[", ""},
	{"", "POST", "/auth", `{"username":"a","password":"b","serveraddress":"127.0.0.1:1"}`, "status"},

	{"", "GET", "/swarm", "", ""},
	{"", "POST", "/swarm/leave", "", "status"},
	{"1.56", "POST", "/swarm/leave?force=1", "", ""},
	{"", "POST", "/swarm/update?version=1", "{}", ""},
	{"1.56", "POST", "/swarm/update", "{}", ""},
	{"1.56", "POST", "/swarm/update", "{", ""},
	{"1.56", "POST", "/swarm/init", "{", ""},
	{"1.56", "POST", "/swarm/join", "{", ""},
	{"", "GET", "/swarm/unlockkey", "", ""},
	{"", "POST", "/swarm/unlock", "{}", ""},
	{"", "GET", "/nodes", "", ""},
	{"1.56", "GET", `/nodes?filters={"frob":["x"]}`, "", ""},
	{"", "GET", "/nodes/x", "", ""},
	{"", "DELETE", "/nodes/x", "", ""},
	{"", "POST", "/nodes/x/update?version=1", "{}", ""},
	{"1.56", "POST", "/nodes/x/update", "{}", ""},
	{"", "GET", "/services", "", ""},
	{"1.56", "GET", `/services?filters=[`, "", ""},
	{"", "POST", "/services/create", "{}", ""},
	{"1.56", "POST", "/services/create", "{", ""},
	{"", "GET", "/services/x", "", ""},
	{"", "DELETE", "/services/x", "", ""},
	{"", "POST", "/services/x/update?version=1", "{}", ""},
	{"1.56", "GET", "/services/x/logs", "", ""},
	{"", "GET", "/services/x/logs?stdout=1", "", ""},
	{"", "GET", "/tasks", "", ""},
	{"1.56", "GET", `/tasks?filters={"frob":["x"]}`, "", ""},
	{"", "GET", "/tasks/x", "", ""},
	{"", "GET", "/tasks/x/logs?stdout=1", "", ""},
	{"", "GET", "/secrets", "", ""},
	{"", "POST", "/secrets/create", "{}", ""},
	{"", "GET", "/secrets/x", "", ""},
	{"", "DELETE", "/secrets/x", "", ""},
	{"1.56", "POST", "/secrets/x/update", "{}", ""},
	{"", "POST", "/secrets/x/update?version=1", "{}", ""},
	{"", "GET", "/configs", "", ""},
	{"", "POST", "/configs/create", "{}", ""},
	{"", "GET", "/configs/x", "", ""},
	{"", "DELETE", "/configs/x", "", ""},
	{"", "POST", "/configs/x/update?version=1", "{}", ""},
	{"1.56", "POST", "/configs/x/update", "{}", ""},

	{"", "GET", "/plugins", "", ""},
	{"1.56", "GET", `/plugins?filters={"frob":["x"]}`, "", ""},
	{"", "GET", "/plugins/x/json", "", ""},
	{"", "DELETE", "/plugins/x", "", ""},
	{"1.56", "POST", "/plugins/x/enable", "", ""},
	{"1.56", "POST", "/plugins/x/enable?timeout=z", "", ""},
	{"", "POST", "/plugins/x/enable?timeout=0", "", ""},
	{"", "POST", "/plugins/x/disable", "", ""},
	{"", "POST", "/plugins/x/push", "", ""},
	{"", "POST", "/plugins/x/set", "[]", ""},
	{"", "GET", "/containers/x/checkpoints", "", "status"},
	{"", "POST", "/containers/x/checkpoints", "{}", "status"},

	{"", "POST", "/volumes/create", `{"Name":"sys-one","Labels":{"sys":"1","a":"b"}}`, ""},
	{"", "POST", "/volumes/create", `{"Name":"sys-one","Labels":{"c":"d"}}`, ""},
	{"", "POST", "/volumes/create", `{"Name":"sys-two","DriverOpts":{},"Labels":{"sys":"2"}}`, ""},
	{"", "POST", "/volumes/create", `{"Name":"sys-mem","Labels":{"sys":"3"},"DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,uid=1000"}}`, ""},
	{"", "POST", "/volumes/create", `{"Name":"sys-nolabel"}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Labels":{"sys":"4"}}`, ""},
	{"1.56", "POST", "/volumes/create", "", "status"},
	{"1.56", "POST", "/volumes/create", "null", "status"},
	{"", "POST", "/volumes/create", `{"Name":"a"}`, "status"},
	{"1.56", "POST", "/volumes/create", `{"Name":"a"}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"a/b"}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":".x"}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-opt","DriverOpts":{"foo":"bar"}}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-opt","DriverOpts":{"type":"tmpfs"}}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-opt","DriverOpts":{"device":"/x"}}`, ""},
	{"", "POST", "/volumes/create", `{"Name":"sys-opt","DriverOpts":{"o":"bind"}}`, "status"},
	{"", "POST", "/volumes/create", `{"Name":"sys-opt","DriverOpts":{"size":"many"}}`, "status"},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-opt","DriverOpts":{"size":"10m"}}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-cluster","ClusterVolumeSpec":{}}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":7}`, ""},
	{"1.56", "POST", "/volumes/create", `[]`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-one"}{}`, ""},
	{"1.56", "POST", "/volumes/create", `{"Name":"sys-one"`, ""},
	{"", "GET", "/volumes/sys-one", "", ""},
	{"", "GET", "/volumes/sys-mem", "", ""},
	{"", "GET", "/volumes/sys-nolabel", "", ""},
	{"", "GET", "/volumes/none", "", ""},
	{"", "GET", "/volumes/a/b", "", ""},
	{"", "GET", `/volumes?filters={"label":["a=b"]}`, "", ""},
	{"", "GET", `/volumes?filters={"label":["a=c"]}`, "", ""},
	{"", "GET", `/volumes?filters={"label":{"a":true},"name":{"sys-":true}}`, "", ""},
	{"", "GET", `/volumes?filters={"name":["^sys-o"]}`, "", ""},
	{"", "GET", `/volumes?filters={"name":["["]}`, "", ""},
	{"", "GET", `/volumes?filters={"driver":["x"]}`, "", ""},
	{"", "GET", `/volumes?filters={"name":["^sys-one"],"dangling":["1"],"driver":["local"]}`, "", ""},
	{"", "GET", `/volumes?filters={"name":["^sys-one"],"dangling":["false"]}`, "", ""},
	{"", "GET", `/volumes?filters={"dangling":["x"]}`, "", "status"},
	{"1.56", "GET", `/volumes?filters={"dangling":["x"]}`, "", ""},
	{"1.56", "GET", `/volumes?filters={"label!":["x"]}`, "", ""},
	{"1.56", "GET", `/volumes?filters={"frob":["x"]}`, "", ""},
	{"1.56", "GET", `/volumes?filters={"dangling":true}`, "", ""},
	{"1.56", "GET", `/volumes?filters=["x"]`, "", ""},
	{"1.56", "PUT", "/volumes/sys-one", "{}", ""},
	{"1.56", "PUT", "/volumes/sys-one?version=1", `{"Spec":{}}`, ""},
	{"", "POST", "/containers/create?name=sys-user", `{"Image":"alpine","HostConfig":{"NetworkMode":"none","Binds":["sys-one:/v"]}}`, "status"},
	{"", "POST", "/containers/create?name=sys-user2", `{"Image":"alpine","HostConfig":{"NetworkMode":"none","Mounts":[{"Type":"volume","Target":"/v"}]}}`, "status"},
	{"", "DELETE", "/volumes/sys-one", "", ""},
	{"", "DELETE", "/volumes/sys-one?force=1", "", ""},
	{"", "GET", `/volumes?filters={"name":["^sys-one"],"dangling":["false"]}`, "", ""},
	{"1.56", "POST", `/volumes/prune?filters={"all":["1"],"label":["sys"]}`, "", "status"},
	{"1.56", "GET", `/volumes?filters={"label":["sys"]}`, "", ""},
	{"", "DELETE", "/containers/sys-user?v=1", "", ""},
	{"", "DELETE", "/containers/sys-user2?v=1", "", ""},
	{"", "GET", "/volumes/sys-one", "", ""},
	{"", "POST", `/volumes/prune?filters={"frob":["x"]}`, "", "status"},
	{"1.56", "POST", `/volumes/prune?filters={"frob":["x"]}`, "", ""},
	{"1.56", "POST", `/volumes/prune?filters={"all":["x"]}`, "", ""},
	{"1.56", "POST", `/volumes/prune?filters={"dangling":["1"]}`, "", ""},
	{"1.56", "POST", `/volumes/prune?filters={"label":["sys=1"]}`, "", ""},
	{"1.56", "POST", `/volumes/prune?filters={"label":["sys=1"],"all":["true"]}`, "", ""},
	{"", "POST", `/v1.40/volumes/prune?filters={"label":["sys"]}`, "", "status"},
	{"", "DELETE", "/volumes/sys-one", "", ""},
	{"", "DELETE", "/volumes/sys-one?force=1", "", ""},
	{"", "DELETE", "/volumes/sys-nolabel", "", ""},
}

func TestSystemAndVolumesAnswerAsDockerd(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dockerd")
	}
	t.Parallel()
	theirs := answering(t)
	ours := start(t, daemon.Config{})
	ping, err := theirs.Ping(theirs.ctx, client.PingOptions{})
	must(t, err)
	newest := ping.APIVersion == "1.56"
	for _, q := range systemQuestions {
		if q.since != "" && !newest {
			continue
		}
		path := q.path
		if !newest && !strings.HasPrefix(path, "/v") && !strings.HasPrefix(path, "//") {
			path = differVersion + path
		} else if !newest && strings.HasPrefix(path, "/volumes") || !newest && strings.HasPrefix(path, "/version") {
			path = differVersion + path
		}
		us, them := ours.request(q.method, path, q.body), theirs.request(q.method, path, q.body)
		what := q.method + " " + path + " " + q.body
		if us.status != them.status && (newest || !sameStatus(us.status, them.status)) {
			t.Errorf("%s\nours:    %d %s\ndockerd: %d %s", what, us.status, us.body, them.status, them.body)
			continue
		}
		if q.only == "status" {
			continue
		}
		if newest {
			compareHeaders(t, what, us.header, them.header)
		}
		if q.only == "keys" {
			missing := slices.DeleteFunc(missingKeys(us.body, them.body), notOurs.MatchString)
			if len(missing) > 0 {
				t.Errorf("%s: dockerd's answer has %v besides\nours:    %s\ndockerd: %s", what, missing, clip(us.body), clip(them.body))
			}
			continue
		}
		if us.status >= 400 && us.message() != "" && !newest {
			if a, b := anonymous(us.message()), anonymous(them.message()); !strings.EqualFold(a, b) {
				t.Errorf("%s\nours:    %q\ndockerd: %q", what, a, b)
			}
			continue
		}
		if a, b := neutral(us.body), neutral(them.body); !reflect.DeepEqual(a, b) {
			t.Errorf("%s\nours:    %s\ndockerd: %s", what, us.body, them.body)
		}
	}
}

// notOurs are keys about what we have no part of: cgroups, containerd, runc, a firewall; and those of a build.
var notOurs = regexp.MustCompile(`^\.(CgroupVersion|Containerd|FirewallBackend|Runtimes|BuildTime)\b|Details\.(BuildTime|Module|ModuleVersion)$`)

// compareHeaders compares the headers that clients look at.
func compareHeaders(t *testing.T, what string, us, them http.Header) {
	t.Helper()
	for _, name := range []string{"Content-Type", "Api-Version", "Ostype", "Docker-Experimental", "Cache-Control", "Pragma", "Swarm"} {
		if a, b := us.Get(name), them.Get(name); a != b {
			t.Errorf("%s: header %s is %q, dockerd's %q", what, name, a, b)
		}
	}
	if (us.Get("Server") == "") != (them.Get("Server") == "") {
		t.Errorf("%s: header Server is %q, dockerd's %q", what, us.Get("Server"), them.Get("Server"))
	}
}

var (
	moment    = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	directory = regexp.MustCompile(`"Mountpoint":"[^"]*/volumes/`)
	warnings  = regexp.MustCompile(`"Warnings":(null|\[\])`)
)

// neutral is a JSON answer without what is never the same. Lists of volumes have no order.
func neutral(body string) any {
	body = anonymous(body)
	body = moment.ReplaceAllString(body, `"TIME"`)
	body = directory.ReplaceAllString(body, `"Mountpoint":"volumes/`)
	body = warnings.ReplaceAllString(body, `"Warnings":null`)
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return body
	}
	if m, ok := v.(map[string]any); ok {
		if list, ok := m["Volumes"].([]any); ok {
			set := map[string]bool{}
			for _, x := range list {
				set[fmt.Sprint(x)] = true
			}
			m["Volumes"] = set
		}
	}
	return v
}
