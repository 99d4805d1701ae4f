package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

// Many clients at once do what they like to the same few containers. Whatever meets, no call fails for a reason of the
// daemon's, none hangs, and at the end everything can be stopped and removed.
func TestACrowdOfClientsOnTheSameContainers(t *testing.T) {
	t.Parallel()
	clients, containers, calls := 200, 20, 12
	if testing.Short() {
		clients, calls = 50, 8
	}
	e := start(t, daemon.Config{})
	names := make([]string, containers)
	for i := range names {
		names[i] = fmt.Sprintf("crowd-%d", i)
		created := e.request("POST", "/containers/create?name="+names[i], `{"Image":"alpine","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"none"}}`)
		if created.status != http.StatusCreated {
			t.Fatalf("%d %s", created.status, created.body)
		}
	}
	actions := []struct{ method, path, body string }{
		{"POST", "start", ""}, {"POST", "start", ""}, {"POST", "stop?t=0", ""}, {"POST", "restart?t=0", ""}, {"POST", "kill", ""},
		{"POST", "kill?signal=URG", ""}, {"POST", "pause", ""}, {"POST", "unpause", ""}, {"POST", "unpause", ""}, {"GET", "json", ""},
		{"GET", "json?size=1", ""}, {"GET", "top", ""}, {"GET", "stats?stream=0&one-shot=1", ""}, {"GET", "logs?stdout=1", ""},
		{"POST", "exec", `{"Cmd":["true"]}`}, {"POST", "update", `{"PidsLimit":50}`}, {"GET", "changes", ""},
		{"DELETE", "", ""}, {"DELETE", "?force=1", ""},
	}
	var crowd sync.WaitGroup
	for n := range clients {
		crowd.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range calls {
				name := names[random.IntN(len(names))]
				a := actions[random.IntN(len(actions))]
				path := "/containers/" + name
				if a.path != "" && a.path[0] != '?' {
					path += "/"
				}
				got := e.request(a.method, path+a.path, a.body)
				if got.status >= 500 {
					t.Errorf("%s %s%s: %d %s", a.method, path, a.path, got.status, got.body)
				}
				if a.method == "DELETE" && got.status == http.StatusNoContent { // somebody else may be quicker
					again := e.request("POST", "/containers/create?name="+name, `{"Image":"alpine","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"none"}}`)
					if again.status != http.StatusCreated && again.status != http.StatusConflict {
						t.Errorf("creating %s again: %d %s", name, again.status, again.body)
					}
				}
			}
		})
	}
	crowd.Wait()
	list, err := e.ContainerList(e.ctx, client.ContainerListOptions{All: true})
	must(t, err)
	for _, c := range list.Items {
		st := e.state(c.ID)
		if st.Running != (st.Status == "running" || st.Status == "paused") || st.Running != (st.Pid != 0) {
			t.Errorf("%v: status %s, running %v, pid %d", c.Names, st.Status, st.Running, st.Pid)
		}
		if name := strings.TrimPrefix(c.Names[0], "/"); !slices.Contains(names, name) {
			t.Errorf("a container is called %s", name)
		}
		if got := e.request("DELETE", "/containers/"+c.ID+"?force=1", ""); got.status != http.StatusNoContent {
			t.Errorf("removing %v, %s: %d %s", c.Names, st.Status, got.status, got.body)
		}
	}
}
