package e2e

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
)

func TestContainersOfTheDefaultNetworkReachEachOther(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "mkdir /www && echo hello >/www/index.html && exec httpd -f -p 80 -h /www"})
	own := e.exec(id, []string{"hostname", "-i"})
	addr := strings.TrimSpace(own.stdout)
	if !strings.HasPrefix(addr, "172.17.") {
		t.Fatalf("hostname -i: %s", own)
	}
	check(t, e.exec(id, []string{"sh", "-c", "until netstat -tln | grep -q :80; do sleep 0.01; done"}), "", 0)
	check(t, e.sh("wget -q -O - http://"+addr+"/"), "hello\n", 0)
	alone := withHost(func(h *container.HostConfig) { h.NetworkMode = "none" })
	got := e.sh("ip route; wget -q -O - http://"+addr+"/", alone)
	if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, "Network is unreachable") {
		t.Errorf("without a network: %s", got)
	}
}
