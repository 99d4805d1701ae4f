package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

// volume makes a volume of the local driver that is removed at the test's end.
func (e *engine) volume(name string, opts map[string]string) {
	e.t.Helper()
	_, err := e.VolumeCreate(e.ctx, client.VolumeCreateOptions{Name: name, DriverOpts: opts})
	must(e.t, err)
	e.t.Cleanup(func() {
		cli, err := client.New(client.WithHost(e.host))
		if err == nil {
			_, _ = cli.VolumeRemove(e.t.Context(), name, client.VolumeRemoveOptions{Force: true})
			cli.Close()
		}
	})
}

func TestAVolumeInMemoryIsSharedWhileAContainerRuns(t *testing.T) {
	t.Parallel()
	e := shared(t)
	e.volume("vol-memory", map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=64k,uid=7,gid=8,mode=755"})
	one := e.launch([]string{"sh", "-c", "echo kept >/v/f; echo ready; exec sleep 1000"}, binds("vol-memory:/v"))
	e.printed(one, "ready")
	check(t, e.sh("cat /v/f; stat -c '%u %g %a' /v; grep ' /v ' /proc/mounts | cut -d' ' -f3", binds("vol-memory:/v")), "kept\n7 8 755\ntmpfs\n", 0)
	check(t, e.sh("echo x >/v/g", binds("vol-memory:/v:ro")), "", 1)
	check(t, e.sh("dd if=/dev/zero of=/v/big bs=1k count=100 2>/dev/null", binds("vol-memory:/v")), "", 1)
	check(t, e.exec(one, []string{"ls", "/v"}), "big\nf\n", 0)
	_, err := e.ContainerStop(e.ctx, one, stopAfter(0))
	must(t, err)
	check(t, e.sh("ls /v", binds("vol-memory:/v")), "", 0)
}

func TestAVolumeMayShowADirectoryOfTheHost(t *testing.T) {
	t.Parallel()
	e := shared(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("host\n"), 0o644))
	e.volume("vol-bind", map[string]string{"type": "none", "device": dir, "o": "bind"})
	check(t, e.sh("cat /v/f; echo guest >/v/g", binds("vol-bind:/v")), "host\n", 0)
	if b, err := os.ReadFile(filepath.Join(dir, "g")); string(b) != "guest\n" {
		t.Errorf("the host sees %q, %v", b, err)
	}
	e.volume("vol-bind-ro", map[string]string{"type": "none", "device": dir, "o": "bind,ro"})
	check(t, e.sh("echo guest >/v/h", binds("vol-bind-ro:/v")), "", 1)
	_, err := e.VolumeRemove(e.ctx, "vol-bind", client.VolumeRemoveOptions{})
	if !errdefs.IsConflict(err) { // the container of the first check is there until the end
		t.Errorf("removing a used volume: %v", err)
	}
	e.volume("vol-bind-lost", map[string]string{"type": "none", "device": filepath.Join(dir, "lost"), "o": "bind"})
	id := e.create([]string{"true"}, binds("vol-bind-lost:/v"))
	if err := e.tryStart(id); err == nil || !strings.Contains(err.Error(), "failed to mount local volume") {
		t.Errorf("starting without the directory: %v", err)
	}
	must(t, os.Mkdir(filepath.Join(dir, "lost"), 0o755))
	e.begin(id)
	e.wait(id)
	empty := t.TempDir()
	e.volume("vol-bind-empty", map[string]string{"type": "none", "device": empty, "o": "bind"})
	e.run([]string{"true"}, binds("vol-bind-empty:/etc"))
	if _, err := os.Stat(filepath.Join(empty, "passwd")); err != nil {
		t.Errorf("an empty directory is not filled from the image: %v", err)
	}
}

func TestANewVolumeIsFilledFromTheImage(t *testing.T) {
	t.Parallel()
	e := shared(t)
	want := e.sh("cat /etc/passwd").stdout
	e.volume("vol-fill", nil)
	check(t, e.sh("cat /v/passwd; chown 1000:1001 /v/group; chmod 4711 /v/group", binds("vol-fill:/v")), "", 1) // /v is not in the image
	check(t, e.sh("cat /etc/passwd", binds("vol-fill:/etc")), want, 0)
	check(t, e.sh("chown 1000:1001 /v/group; chmod 4711 /v/group; echo more >>/v/passwd", binds("vol-fill:/v")), "", 0)
	check(t, e.sh("stat -c '%u %g %a' /v/group; tail -n1 /v/passwd", binds("vol-fill:/v")), "1000 1001 4711\nmore\n", 0)
	check(t, e.sh("tail -n1 /etc/passwd", binds("vol-fill:/etc")), "more\n", 0) // filled once
	e.volume("vol-nocopy", nil)
	check(t, e.sh("ls /etc | grep -c passwd", binds("vol-nocopy:/etc:nocopy")), "0\n", 1)
	check(t, e.sh("ls /etc | grep -c passwd", withHost(func(h *container.HostConfig) {
		h.Mounts = []mount.Mount{{Type: mount.TypeVolume, Target: "/etc", VolumeOptions: &mount.VolumeOptions{NoCopy: true}}}
	})), "0\n", 1)
}

func TestAMountMayMakeItsVolumeWithOptions(t *testing.T) {
	t.Parallel()
	e := shared(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("host\n"), 0o644))
	with := func(opts map[string]string) option {
		return withHost(func(h *container.HostConfig) {
			h.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: "vol-made", Target: "/v", VolumeOptions: &mount.VolumeOptions{
				Labels: map[string]string{"a": "b"}, DriverConfig: &mount.Driver{Name: "local", Options: opts},
			}}}
		})
	}
	check(t, e.sh("cat /v/f", with(map[string]string{"type": "none", "device": dir, "o": "bind"})), "host\n", 0)
	v, err := e.VolumeInspect(e.ctx, "vol-made", client.VolumeInspectOptions{})
	must(t, err)
	if v.Volume.Options["device"] != dir || v.Volume.Labels["a"] != "b" {
		t.Errorf("got %+v", v.Volume)
	}
	e.volume("vol-made", nil) // removed at the end
}

// volumeEvents are the messages about volumes in an engine since a time, in the form "action id {attributes}".
func (e *engine) volumeEvents(since time.Time, name string) []string {
	e.t.Helper()
	stream := e.Events(e.ctx, client.EventsListOptions{
		Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()), Until: fmt.Sprint(time.Now().Unix() + 1),
		Filters: client.Filters{}.Add("type", "volume").Add("volume", name),
	})
	var list []string
	for {
		select {
		case m := <-stream.Messages:
			attributes := map[string]string{}
			for k, v := range m.Actor.Attributes {
				attributes[k] = anonymous(v)
			}
			list = append(list, fmt.Sprintf("%s %s %v %s", m.Action, m.Actor.ID, attributes, m.Scope))
		case <-stream.Err:
			return list
		}
	}
}

func TestEventsOfVolumesAreThoseOfDockerd(t *testing.T) {
	t.Parallel()
	story := func(e *engine) []string {
		since := time.Now()
		e.volume("vol-events", nil)
		id := e.create([]string{"true"}, binds("vol-events:/v:ro"))
		e.begin(id)
		e.wait(id)
		_, err := e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{})
		must(t, err)
		_, err = e.VolumeRemove(e.ctx, "vol-events", client.VolumeRemoveOptions{})
		must(t, err)
		return e.volumeEvents(since, "vol-events")
	}
	got := story(shared(t))
	want := []string{
		"create vol-events map[driver:local] local",
		"mount vol-events map[container:ID destination:/v driver:local propagation: read/write:false] local",
		"unmount vol-events map[container:ID driver:local] local",
		"destroy vol-events map[driver:local] local",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Debian's dockerd tells of a create again when a container asks for the volume.
	if theirs := slices.Compact(story(dockerd(t))); !slices.Equal(got, theirs) {
		t.Errorf("ours\n%s\ndockerd\n%s", strings.Join(got, "\n"), strings.Join(theirs, "\n"))
	}
}

func TestPruningVolumesIsAnEvent(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	since := time.Now()
	id := e.launch([]string{"sh", "-c", "head -c 1000 /dev/zero >/v/f"}, binds("/v"))
	e.wait(id)
	_, err := e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{})
	must(t, err)
	pruned, err := e.VolumePrune(e.ctx, client.VolumePruneOptions{})
	must(t, err)
	if len(pruned.Report.VolumesDeleted) != 1 || pruned.Report.SpaceReclaimed != 1000 {
		t.Errorf("got %+v", pruned.Report)
	}
	got := e.volumeEvents(since, "")
	if last := got[len(got)-1]; last != "prune  map[reclaimed:1000] local" {
		t.Errorf("got %q", got)
	}
}
