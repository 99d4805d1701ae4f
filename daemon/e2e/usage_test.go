package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

func TestDiskUsageAddsUp(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	stopped := e.create([]string{"sh", "-c", "head -c 3000 /dev/zero >/root/f"})
	e.begin(stopped)
	e.wait(stopped)
	running := e.launch([]string{"sh", "-c", "head -c 5000 /dev/zero >/v/f; head -c 2000 /dev/zero >/root/f; echo done; exec sleep 1000"}, binds("df-used:/v"))
	e.printed(running, "done")
	e.volume("df-unused", nil)
	e.volume("df-options", map[string]string{"type": "tmpfs", "device": "tmpfs"})
	du, err := e.DiskUsage(e.ctx, client.DiskUsageOptions{Containers: true, Images: true, Volumes: true, BuildCache: true, Verbose: true})
	must(t, err)
	c := du.Containers
	if c.TotalCount != 2 || c.ActiveCount != 1 || c.TotalSize != 5000 || c.Reclaimable != 3000 || len(c.Items) != 2 {
		t.Errorf("containers: %+v", c)
	}
	v := du.Volumes
	if v.TotalCount != 2 || v.ActiveCount != 1 || v.TotalSize != 5000 || v.Reclaimable != 0 || len(v.Items) != 2 {
		t.Errorf("volumes: %+v", v)
	}
	for _, item := range v.Items {
		used := int64(0)
		if item.Name == "df-used" {
			used = 1
		}
		if item.UsageData == nil || item.UsageData.RefCount != used || item.UsageData.Size != 5000*used {
			t.Errorf("volume %s: %+v", item.Name, item.UsageData)
		}
	}
	i := du.Images
	if i.TotalCount != 1 || i.ActiveCount != 1 || i.TotalSize == 0 || i.Reclaimable != 0 || len(i.Items) != 1 || i.Items[0].Containers != 2 || i.Items[0].SharedSize != 0 || i.Items[0].Size != i.TotalSize {
		t.Errorf("images: %+v", i)
	}
	if b := du.BuildCache; b.TotalCount != 0 || b.TotalSize != 0 {
		t.Errorf("build cache: %+v", b)
	}
	// The older form, and a part of it.
	var old struct {
		LayersSize int64
		Images     []image.Summary
		Containers []container.Summary
		Volumes    []volume.Volume
		BuildCache []build.CacheRecord
	}
	must(t, json.Unmarshal([]byte(e.request("GET", "/v1.43/system/df", "").body), &old))
	if old.LayersSize != i.TotalSize || len(old.Images) != 1 || len(old.Containers) != 2 || len(old.Volumes) != 2 || old.BuildCache == nil {
		t.Errorf("got %+v", old)
	}
	if got := e.request("GET", "/v1.43/system/df?type=volume", "").body; strings.Contains(got, `"Containers":[`) || !strings.Contains(got, `"Volumes":[{`) {
		t.Errorf("type=volume: %s", got)
	}
	if got := e.request("GET", "/v1.43/system/df?type=image", "").body; !strings.Contains(got, "VirtualSize") {
		t.Errorf("no VirtualSize in %s", got)
	}
	_, err = exec.LookPath("docker")
	if err != nil {
		return
	}
	d := cli{t, e}
	check(t, d.run("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"), "Images 1 1\nContainers 2 1\nLocal Volumes 2 1\nBuild Cache 0 0\n", 0)
	got := d.run("system", "df", "-v")
	for _, want := range []string{"df-used", "df-unused", "alpine", "5kB", "3kB"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in docker system df -v: %s", want, got)
		}
	}
}
