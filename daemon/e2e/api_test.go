package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
	"github.com/sockerless/sockerless/daemon/image"
)

// answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

// message is the text of an error response.
func (a answer) message() string {
	var m struct{ Message string }
	if json.Unmarshal([]byte(a.body), &m) != nil {
		return ""
	}
	return m.Message
}

// request sends what no client library would.
func (e *engine) request(method, path, body string, headers ...string) answer {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.ctx, method, "http://docker"+path, strings.NewReader(body))
	must(e.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.host, "unix://"))
	}}}
	defer c.CloseIdleConnections()
	resp, err := c.Do(req)
	must(e.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(e.t, err)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func TestErrorsHaveDockersStatusCodesAndTexts(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"}, named("errors-created"))
	up := e.launch([]string{"sleep", "1000"}, named("errors-up"))
	for _, c := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"GET", "/containers/ghost/json", "", 404, "No such container: ghost"},
		{"POST", "/containers/ghost/start", "", 404, "No such container: ghost"},
		{"POST", "/containers/ghost/stop", "", 404, "No such container: ghost"},
		{"POST", "/containers/ghost/kill", "", 404, "cannot kill container: ghost: No such container: ghost"},
		{"POST", "/containers/ghost/wait", "", 404, "No such container: ghost"},
		{"POST", "/containers/ghost/attach", "", 404, "No such container: ghost"},
		{"POST", "/containers/ghost/rename?name=x", "", 404, "No such container: ghost"},
		{"DELETE", "/containers/ghost", "", 404, "No such container: ghost"},
		{"GET", "/containers/ghost/logs?stdout=1", "", 404, "No such container: ghost"},
		{"GET", "/containers/ghost/top", "", 404, "No such container: ghost"},
		{"GET", "/containers/ghost/stats?stream=0", "", 404, "No such container: ghost"},
		{"POST", "/containers/ghost/exec", `{"Cmd":["true"]}`, 404, "No such container: ghost"},
		{"GET", "/exec/ghost/json", "", 404, "No such exec instance: ghost"},
		{"POST", "/exec/ghost/start", `{}`, 404, "No such exec instance: ghost"},
		{"GET", "/images/ghost/json", "", 404, "No such image: ghost:latest"},
		{"DELETE", "/images/ghost", "", 404, "No such image: ghost:latest"},
		{"POST", "/images/ghost/tag?repo=x", "", 404, "No such image: ghost:latest"},
		{"GET", "/volumes/ghost", "", 404, "get ghost: no such volume"},
		{"DELETE", "/volumes/ghost", "", 404, "get ghost: no such volume"},
		{"POST", "/containers/create", `{"Image":"ghost"}`, 404, "No such image: ghost:latest"},
		{"POST", "/containers/create?name=errors-up", `{"Image":"alpine"}`, 409, fmt.Sprintf(`Conflict. The container name "/errors-up" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.`, up)},
		{"POST", "/containers/create?name=a/b", `{"Image":"alpine"}`, 400, "Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"},
		{"POST", "/containers/create", `{`, 400, ""},
		{"POST", "/containers/create", `{"Image":"alpine","Cmd":7}`, 400, ""},
		{"POST", "/containers/create", `{"Image":"alpine"} {}`, 400, "unexpected content after JSON"},
		{"POST", "/containers/create", `null`, 400, "config cannot be empty in order to create a container"},
		{"POST", "/containers/errors-created/kill", "", 409, "cannot kill container: errors-created: container " + id + " is not running"},
		{"POST", "/containers/errors-created/pause", "", 409, "container " + id + " is not running"},
		{"POST", "/containers/errors-created/exec", `{"Cmd":["true"]}`, 409, "container " + id + " is not running"},
		{"POST", "/containers/errors-created/resize?h=1&w=1", "", 409, "container " + id + " is not running"},
		{"GET", "/containers/errors-created/top", "", 409, "container " + id + " is not running"},
		{"POST", "/containers/errors-created/stop", "", 304, ""},
		{"POST", "/containers/errors-up/start", "", 304, ""},
		{"POST", "/containers/errors-up/unpause", "", 409, "Container " + up + " is not paused"},
		{"POST", "/containers/errors-up/kill?signal=FROB", "", 400, "cannot kill container: errors-up: invalid signal: FROB"},
		{"POST", "/containers/errors-up/exec", `{"Cmd":[]}`, 400, "No exec command specified"},
		{"POST", "/containers/errors-up/rename", "", 400, "Neither old nor new names may be empty"},
		{"POST", "/containers/errors-up/wait?condition=never", "", 400, `invalid condition: "never"`},
		{"POST", "/containers/errors-up/resize?h=x&w=1", "", 400, ""},
		{"DELETE", "/containers/errors-up", "", 409, `cannot remove container "/errors-up": container is running: stop the container before removing or force remove`},
		{"GET", "/containers/errors-up/logs", "", 400, "must specify at least one of 'stdout' or 'stderr'"},
		{"GET", "/containers/json?filters={", "", 400, ""},
		{"GET", `/containers/json?filters={"frob":["x"]}`, "", 400, "invalid filter 'frob'"},
		{"GET", "/containers/json?limit=x", "", 400, ""},
		{"GET", "/no/such/page", "", 404, "page not found"},
		{"PUT", "/containers/json", "", 404, "page not found"},
		{"GET", "/swarm", "", 503, `This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.`},
		{"GET", "/v1.99/version", "", 400, "client version 1.99 is too new. Maximum supported API version is 1.56"},
	} {
		got := e.request(c.method, c.path, c.body)
		if got.status != c.status || c.text != "" && got.message() != c.text {
			t.Errorf("%s %s: got %d %q\nwant %d %q", c.method, c.path, got.status, got.body, c.status, c.text)
		}
		if c.status >= 400 && got.message() == "" {
			t.Errorf("%s %s: no message in %q", c.method, c.path, got.body)
		}
	}
}

func TestVersionsAreNegotiated(t *testing.T) {
	t.Parallel()
	e := shared(t)
	ping := e.request("GET", "/_ping", "")
	if ping.body != "OK" || ping.header.Get("Api-Version") != "1.56" || ping.header.Get("Ostype") != "linux" || ping.header.Get("Swarm") != "inactive" {
		t.Errorf("got %+v", ping)
	}
	head := e.request("HEAD", "/_ping", "")
	if head.status != 200 || head.body != "" || head.header.Get("Api-Version") != "1.56" {
		t.Errorf("got %+v", head)
	}
	for _, v := range []string{"1.24", "1.30", "1.41", "1.56"} {
		got := e.request("GET", "/v"+v+"/version", "")
		var version struct{ ApiVersion, MinAPIVersion, Os string }
		must(t, json.Unmarshal([]byte(got.body), &version))
		if version.ApiVersion != "1.56" || version.MinAPIVersion != "1.24" || version.Os != "linux" {
			t.Errorf("v%s: got %s", v, got.body)
		}
	}
	// Clients of that age read errors as plain text.
	got := e.request("GET", "/v1.23/version", "")
	if want := "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n"; got.status != 400 || got.body != want {
		t.Errorf("v1.23: got %d %q", got.status, got.body)
	}
	old, err := client.New(client.WithHost(e.host), client.WithAPIVersion("1.44"))
	must(t, err)
	defer old.Close()
	list, err := old.ContainerList(e.ctx, client.ContainerListOptions{All: true})
	if err != nil {
		t.Errorf("an older client: %v, %v", list, err)
	}
}

func TestInfoTellsOfTheDaemon(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	e.create([]string{"true"})
	e.launch([]string{"sleep", "1000"})
	r, err := e.Info(e.ctx, client.InfoOptions{})
	must(t, err)
	i := r.Info
	if i.Containers != 2 || i.ContainersRunning != 1 || i.ContainersStopped != 1 || i.Images < 1 || i.OSType != "linux" || i.ID == "" || i.NCPU == 0 {
		t.Errorf("got %+v", i)
	}
}

func TestImagesAreListedTaggedInspectedAndRemoved(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	_, err := e.ImageTag(e.ctx, client.ImageTagOptions{Source: "alpine", Target: "registry.example/team/app:v1"})
	must(t, err)
	a, err := e.ImageInspect(e.ctx, "alpine")
	must(t, err)
	b, err := e.ImageInspect(e.ctx, "registry.example/team/app:v1")
	must(t, err)
	if a.ID != b.ID || !slices.Contains(b.RepoTags, "registry.example/team/app:v1") || b.Os != "linux" || b.Config == nil || len(b.RootFS.Layers) == 0 {
		t.Errorf("got %+v", b)
	}
	list, err := e.ImageList(e.ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", "registry.example/*/app")})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].ID != a.ID {
		t.Errorf("got %+v", list.Items)
	}
	removed, err := e.ImageRemove(e.ctx, "registry.example/team/app:v1", client.ImageRemoveOptions{})
	must(t, err)
	if len(removed.Items) != 1 || removed.Items[0].Untagged != "registry.example/team/app:v1" {
		t.Errorf("got %+v", removed.Items)
	}
	id := e.create([]string{"true"})
	_, err = e.ImageRemove(e.ctx, "alpine", client.ImageRemoveOptions{})
	if len(a.RepoTags) == 1 && (!errdefs.IsConflict(err) || !strings.Contains(err.Error(), "container "+id[:12]+" is using its referenced image")) {
		t.Errorf("removing a used image: %v", err)
	}
}

func TestPullSaysThatTheEmbeddedImageAnswers(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	for _, name := range []string{"busybox", "debian:bookworm", "ubuntu:24.04", "docker.io/library/alpine:3.20"} {
		text := strings.Join(e.pull(name), "\n")
		if !strings.Contains(text, "embedded") {
			t.Errorf("pulling %s said %q", name, text)
		}
		check(t, e.run([]string{"echo", "runs"}, withConfig(func(c *container.Config) { c.Image = name })), "runs\n", 0)
	}
	never := dial(t, serve(t, daemon.Config{ImageFallback: image.FallbackNever}).host)
	// Port 1 of the loopback: nobody listens there.
	got := never.request("POST", "/images/create?fromImage=127.0.0.1:1/ghost&tag=latest", "")
	if got.status != 500 && !strings.Contains(got.body, "error") {
		t.Errorf("an unreachable registry: %+v", got)
	}
}

func TestEventsTellWhatHappens(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	stream := e.Events(e.ctx, client.EventsListOptions{Filters: client.Filters{}.Add("type", "container").Add("type", "volume")})
	id := e.launch([]string{"sh", "-c", "exit 3"}, named("eventful"), binds("event-vol:/v"), withConfig(func(c *container.Config) { c.Labels = map[string]string{"l": "v"} }))
	e.wait(id)
	_, err := e.ContainerRename(e.ctx, id, client.ContainerRenameOptions{NewName: "renamed"})
	must(t, err)
	_, err = e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{})
	must(t, err)
	_, err = e.VolumeRemove(e.ctx, "event-vol", client.VolumeRemoveOptions{})
	must(t, err)
	var got []string
	var die events.Message
	for len(got) == 0 || got[len(got)-1] != "volume destroy" {
		select {
		case m := <-stream.Messages:
			got = append(got, string(m.Type)+" "+string(m.Action))
			if m.Action == "die" {
				die = m
			}
		case err := <-stream.Err:
			t.Fatalf("%v after %v", err, got)
		}
	}
	for _, want := range []string{"volume create", "container create", "volume mount", "container start", "container die", "volume unmount", "container rename", "container destroy", "volume destroy"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q among %v", want, got)
		}
	}
	a := die.Actor.Attributes
	if die.Actor.ID != id || a["exitCode"] != "3" || a["image"] != "alpine" || a["name"] != "eventful" || a["l"] != "v" || die.TimeNano == 0 {
		t.Errorf("got %+v", die)
	}
	// What has been is told again to who asks since when, and the stream ends at until.
	past := e.Events(e.ctx, client.EventsListOptions{Since: "1", Until: fmt.Sprint(die.Time + 1), Filters: client.Filters{}.Add("event", "die").Add("container", id)})
	m := <-past.Messages
	if m.Action != "die" || m.Actor.ID != id {
		t.Errorf("got %+v", m)
	}
	if err := <-past.Err; err != nil && err != io.EOF {
		t.Error(err)
	}
}

func TestRestartPoliciesRestart(t *testing.T) {
	t.Parallel()
	e := shared(t)
	policy := func(name container.RestartPolicyMode, max int) option {
		return withHost(func(h *container.HostConfig) {
			h.RestartPolicy = container.RestartPolicy{Name: name, MaximumRetryCount: max}
		})
	}
	script := func(code string) []string { return []string{"sh", "-c", "echo run >>/root/runs; exit " + code} }
	failing := e.launch(script("3"), policy("on-failure", 2))
	eventually(t, "on-failure gives up after two retries", func() bool {
		c := e.inspect(failing)
		return c.State.Status == "exited" && c.RestartCount == 2
	})
	if got := e.get(failing, "/root/runs"); string(got[0].data) != "run\nrun\nrun\n" {
		t.Errorf("ran %q", got[0].data)
	}
	fine := e.launch(script("0"), policy("on-failure", 0))
	e.wait(fine)
	if c := e.inspect(fine); c.RestartCount != 0 || c.State.ExitCode != 0 {
		t.Errorf("got %+v", c.State)
	}
	always := e.launch([]string{"sh", "-c", "echo run >>/root/runs; [ $(wc -l </root/runs) -lt 3 ] && exit 0; exec sleep 1000"}, policy("always", 0))
	eventually(t, "always restarts twice", func() bool { return e.inspect(always).RestartCount == 2 && e.state(always).Status == "running" })
	_, err := e.ContainerStop(e.ctx, always, stopAfter(0))
	must(t, err)
	if st := e.state(always); st.Running {
		t.Errorf("restarted after stop: %+v", st)
	}
	if _, err := e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Image: "alpine", HostConfig: &container.HostConfig{AutoRemove: true, RestartPolicy: container.RestartPolicy{Name: "always"}}}); !errdefs.IsInvalidArgument(err) {
		t.Errorf("--rm with --restart: %v", err)
	}
}

func TestSyntheticModeKeepsBooksAndRunsNothing(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{Synthetic: true})
	got := e.run([]string{"no", "such", "program"})
	if got.code != 0 || got.stdout != "" {
		t.Errorf("got %s", got)
	}
	id := e.launch([]string{"sleep", "1000"})
	if code := e.wait(id); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if st := e.state(id); st.Status != "exited" {
		t.Errorf("got %+v", st)
	}
	out, errs := e.logs(id)
	if out != "" || errs != "" {
		t.Errorf("logs %q %q", out, errs)
	}
	e.put(id, "/tmp", pack(t, []entry{{name: "f", typ: '0', mode: 0o644, data: []byte("x")}}))
	r, err := e.Info(e.ctx, client.InfoOptions{})
	must(t, err)
	if !strings.Contains(strings.Join(r.Info.Warnings, ""), "synthetic") {
		t.Errorf("info does not say so: %v", r.Info.Warnings)
	}
	var body bytes.Buffer
	must(t, json.NewEncoder(&body).Encode(container.ExecCreateRequest{Cmd: []string{"true"}}))
	if a := e.request("POST", "/containers/"+id+"/exec", body.String()); a.status != 201 && a.status != 409 {
		t.Errorf("exec: %+v", a)
	}
}
