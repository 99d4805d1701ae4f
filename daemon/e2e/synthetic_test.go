package e2e

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

// A CI runner's job: a volume for the sources, a container that stays for the steps, files in, steps by exec, files
// out, and everything away again.
func TestSyntheticModeServesACIRunner(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{Synthetic: true})
	e.volume("ci-builds", nil)
	id := e.create([]string{"sh", "-c", "exec runner-helper wait"}, named("ci-job"), binds("ci-builds:/builds"), withStdin, withConfig(func(c *container.Config) {
		c.Labels = map[string]string{"ci.job": "1"}
	}))
	attached, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	must(t, err)
	defer attached.Close()
	waiting := e.ContainerWait(e.ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	e.begin(id)
	_, _ = attached.Conn.Write([]byte("script\n"))
	if code := e.waitFor(waiting); code != 0 {
		t.Errorf("exit code %d", code)
	}
	e.put(id, "/builds", pack(t, []entry{{name: "src", typ: '5', mode: 0o755}, {name: "src/main.go", typ: '0', mode: 0o644, data: []byte("package main\n")}}))
	if got := e.get(id, "/builds/src/main.go"); string(got[0].data) != "package main\n" {
		t.Errorf("got %q", got)
	}
	x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{Cmd: []string{"make"}, AttachStdout: true, AttachStderr: true})
	if err == nil { // the container has ended: dockerd refuses, too
		state, ierr := e.ExecInspect(e.ctx, x.ID, client.ExecInspectOptions{})
		must(t, ierr)
		if state.ExitCode != 0 {
			t.Errorf("exec: %+v", state)
		}
	}
	list, err := e.ContainerList(e.ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", "ci.job=1")})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].State != "exited" {
		t.Errorf("got %+v", list.Items)
	}
	_, err = e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	must(t, err)
	_, err = e.VolumeRemove(e.ctx, "ci-builds", client.VolumeRemoveOptions{})
	must(t, err)
}

// Every endpoint answers as the mapping says: nothing fails for want of a sandbox.
func TestEveryEndpointAnswersInSyntheticMode(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{Synthetic: true})
	id := e.launch([]string{"sleep", "1000"})
	e.wait(id)
	created := e.create([]string{"sleep", "1000"}, withTTY)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/_ping", "", 200},
		{"GET", "/version", "", 200},
		{"GET", "/info", "", 200},
		{"GET", "/events?since=1&until=2", "", 200},
		{"GET", "/system/df", "", 200},
		{"GET", "/containers/json?all=1&size=1", "", 200},
		{"GET", "/containers/{id}/json?size=1", "", 200},
		{"GET", "/containers/{id}/logs?stdout=1&follow=1", "", 200},
		{"GET", "/containers/{id}/changes", "", 200},
		{"GET", "/containers/{id}/stats?stream=0", "", 200},
		{"GET", "/containers/{id}/top", "", 409},
		{"POST", "/containers/{id}/start", "", 204},
		{"POST", "/containers/{id}/wait", "", 200},
		{"POST", "/containers/{id}/stop", "", 304},
		{"POST", "/containers/{id}/kill", "", 409},
		{"POST", "/containers/{id}/pause", "", 409},
		{"POST", "/containers/{id}/unpause", "", 409},
		{"POST", "/containers/{id}/restart", "", 204},
		{"POST", "/containers/{id}/update", `{"RestartPolicy":{"Name":"no"}}`, 200},
		{"POST", "/containers/{id}/rename?name=synthetic-renamed", "", 204},
		{"POST", "/containers/{id}/exec", `{"Cmd":["true"]}`, 409},
		{"GET", "/containers/{id}/archive?path=/etc", "", 200},
		{"HEAD", "/containers/{id}/archive?path=/etc", "", 200},
		{"GET", "/containers/{id}/archive?path=/no/such", "", 404},
		{"GET", "/images/json", "", 200},
		{"GET", "/images/alpine/json", "", 200},
		{"GET", "/images/alpine/history", "", 200},
		{"POST", "/volumes/create", `{"Name":"synthetic","DriverOpts":{"type":"tmpfs","device":"tmpfs"}}`, 201},
		{"GET", "/volumes", "", 200},
		{"GET", "/volumes/synthetic", "", 200},
		{"DELETE", "/volumes/synthetic", "", 204},
		{"POST", "/volumes/prune", "", 200},
		{"GET", "/plugins", "", 200},
		{"GET", "/swarm", "", 503},
		{"POST", "/containers/{created}/resize?h=1&w=1", "", 409},
		{"POST", "/containers/prune", "", 200},
	} {
		path := strings.NewReplacer("{id}", id, "{created}", created).Replace(c.path)
		if got := e.request(c.method, path, c.body); got.status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, got.status, clip(got.body), c.status)
		}
	}
}

func TestTheDockerCLIWorksInSyntheticMode(t *testing.T) {
	t.Parallel()
	d := ownCLI(t, daemon.Config{Synthetic: true})
	check(t, d.run("run", "--rm", "alpine", "no-such-program"), "", 0)
	if got := d.run("run", "-d", "--name", "syn", "-v", "syn-volume:/v", "alpine", "sleep", "1000"); got.code != 0 {
		t.Errorf("got %s", got)
	}
	check(t, d.run("wait", "syn"), "0\n", 0)
	check(t, d.run("logs", "syn"), "", 0)
	dir := t.TempDir()
	check(t, d.run("cp", "-q", "synthetic_test.go", "syn:/tmp/"), "", 0)
	check(t, d.run("cp", "-q", "syn:/tmp/synthetic_test.go", dir), "", 0)
	check(t, d.run("ps", "-a", "--format", "{{.Names}} {{.State}}"), "syn exited\n", 0)
	check(t, d.run("rm", "syn"), "syn\n", 0)
	check(t, d.run("volume", "rm", "syn-volume"), "syn-volume\n", 0)
}
