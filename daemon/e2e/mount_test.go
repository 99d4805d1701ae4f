package e2e

import (
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

func TestAnImageIsMountedReadOnly(t *testing.T) {
	t.Parallel()
	e := shared(t)
	img := func(m mount.Mount) option {
		m.Type, m.Source = mount.TypeImage, "alpine"
		return withHost(func(h *container.HostConfig) { h.Mounts = append(h.Mounts, m) })
	}
	check(t, e.sh("ls -d /x/bin /x/etc; touch /x/new", img(mount.Mount{Target: "/x"})), "/x/bin\n/x/etc\n", 1)
	check(t, e.sh("cat /y/passwd | head -n1 | cut -d: -f1; cat /z | head -n1 | cut -d: -f1",
		img(mount.Mount{Target: "/y", ImageOptions: &mount.ImageOptions{Subpath: "etc"}}),
		img(mount.Mount{Target: "/z", ImageOptions: &mount.ImageOptions{Subpath: "etc/passwd"}})), "root\nroot\n", 0)
	id := e.create([]string{"true"}, img(mount.Mount{Target: "/x"}))
	if m := e.inspect(id).Mounts; len(m) != 1 || m[0].Type != mount.TypeImage || m[0].Name != "alpine" || m[0].RW || m[0].Destination != "/x" {
		t.Errorf("mounts are shown as %+v", m)
	}
}

func TestNoNewPrivilegesTakesSetuidAway(t *testing.T) {
	t.Parallel()
	e := shared(t)
	nnp := func(value string) option {
		return withHost(func(h *container.HostConfig) { h.SecurityOpt = []string{value} })
	}
	// A set-user-ID program shows whose rights it runs with.
	const script = `cp /bin/busybox /tmp/id && chmod 4755 /tmp/id && su nobody -s /bin/sh -c '/tmp/id -u' 2>/dev/null || echo none`
	with := e.sh(script)
	check(t, e.sh(script, nnp("no-new-privileges")), "65534\n", 0)
	check(t, e.sh(script, nnp("no-new-privileges=false")), with.stdout, 0)
	if with.stdout != "0\n" {
		t.Errorf("without the option the program runs as %q", with.stdout)
	}
}
