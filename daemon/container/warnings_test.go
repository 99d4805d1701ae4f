package container

import (
	"strings"
	"testing"

	types "github.com/moby/moby/api/types/container"
)

func TestWhatHasNoEffectIsWarnedOfByName(t *testing.T) {
	t.Parallel()
	if w := hostWarnings(&types.HostConfig{}); w == nil || len(w) != 0 {
		t.Errorf("warnings without a cause: %#v", w)
	}
	for _, c := range []struct {
		host types.HostConfig
		want string
	}{
		{types.HostConfig{Privileged: true}, "Privileged"},
		{types.HostConfig{CapAdd: []string{"NET_ADMIN"}}, "Added capabilities"},
		{types.HostConfig{CapDrop: []string{"ALL"}}, "Dropped capabilities"},
		{types.HostConfig{SecurityOpt: []string{"seccomp=unconfined"}}, "Security profiles"},
		{types.HostConfig{OomScoreAdj: 5}, "OOM score"},
		{types.HostConfig{Resources: types.Resources{CgroupParent: "x"}}, "cgroup parent"},
		{types.HostConfig{Resources: types.Resources{CpusetCpus: "0"}}, "cpuset"},
		{types.HostConfig{Resources: types.Resources{BlkioWeight: 10}}, "Block I/O"},
		{types.HostConfig{Resources: types.Resources{MemoryReservation: 1 << 20}}, "memory soft limit"},
		{types.HostConfig{Resources: types.Resources{Memory: 1 << 20, MemorySwap: 3 << 20}}, "swap"},
	} {
		if w := hostWarnings(&c.host); len(w) != 1 || !strings.Contains(w[0], c.want) {
			t.Errorf("warnings = %q, want one of %s", w, c.want)
		}
	}
}
