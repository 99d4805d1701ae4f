package container

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	types "github.com/moby/moby/api/types/container"
	eventtypes "github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/mount"

	"github.com/sockerless/sockerless/daemon/events"
	"github.com/sockerless/sockerless/sandbox"
)

func TestFilesAreCopiedIntoAndOutOfARunningContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	id := w.run("ctr", nil, "sleep")
	var in bytes.Buffer
	tw := tar.NewWriter(&in)
	tw.WriteHeader(&tar.Header{Name: "f", Mode: 0o644, Size: 4})
	io.WriteString(tw, "text")
	tw.Close()
	if err := w.ArchivePut(ctx, "ctr", "/dir", &in, ArchiveOptions{}); err != nil {
		t.Fatal(err)
	}
	if st, err := w.ArchiveStat(ctx, "ctr", "dir/f"); err != nil || st.Name != "f" || st.Size != 4 {
		t.Errorf("stat %+v, %v", st, err)
	}
	var out bytes.Buffer
	err := w.ArchiveGet(ctx, "ctr", "/dir/f", func(st *types.PathStat) (io.Writer, error) { return &out, nil })
	if err != nil {
		t.Fatal(err)
	}
	if h, err := tar.NewReader(&out).Next(); err != nil || h.Name != "f" {
		t.Errorf("archive has %+v, %v", h, err)
	}
	_, err = w.ArchiveStat(ctx, "ctr", "/nope")
	if !errdefs.IsNotFound(err) || err.Error() != "Could not find the file /nope in container ctr" {
		t.Errorf("missing file: %v", err)
	}
	changes, err := w.Changes(ctx, "ctr")
	if err != nil || len(changes) != 1 || changes[0].Kind != types.ChangeAdd {
		t.Errorf("changes %+v, %v", changes, err)
	}
	got := w.past(eventtypes.ContainerEventType, id)
	if !slices.Equal(got, []string{"create", "start", "extract-to-dir", "archive-path"}) {
		t.Errorf("events %q", got)
	}
}

func TestStoppedContainerIsOpenedForACopyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create("", nil, "true")
	if _, err := w.ArchiveStat(t.Context(), id, "/"); err != nil {
		t.Fatal(err)
	}
	if n := w.rt.opened(); n != 0 {
		t.Errorf("%d sandboxes open", n)
	}
}

func TestTopShowsTheColumnsThatPsWould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run("ctr", nil, "sleep")
	for args, want := range map[string]string{
		"":                     "UID PID PPID C STIME TTY TIME CMD",
		"-ef":                  "UID PID PPID C STIME TTY TIME CMD",
		"aux":                  "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND",
		"-ax":                  "PID TTY STAT TIME COMMAND",
		"-e":                   "PID TTY TIME CMD",
		"-o pid,cmd":           "PID CMD",
		"-eo pid,user -o comm": "PID USER COMMAND",
		"axo pid,ppid,args":    "PID PPID COMMAND",
	} {
		r, err := w.Top(t.Context(), "ctr", args)
		if err != nil || strings.Join(r.Titles, " ") != want {
			t.Errorf("ps %s: %q, %v", args, r.Titles, err)
			continue
		}
		if len(r.Processes) != 1 || len(r.Processes[0]) != len(r.Titles) {
			t.Errorf("ps %s: %q", args, r.Processes)
		}
	}
	if r, err := w.Top(t.Context(), "ctr", "-o pid,time,cmd"); err != nil || strings.Join(r.Processes[0], "|") != "1|00:01:01|sleep 100" {
		t.Errorf("got %q, %v", r.Processes, err)
	}
	for _, args := range []string{"-o pid,foo", "-Z", "-o cmd"} {
		if _, err := w.Top(t.Context(), "ctr", args); !errdefs.IsInvalidArgument(err) {
			t.Errorf("ps %s: %v", args, err)
		}
	}
}

func TestStatsCompareASampleWithTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run("ctr", func(_ *types.Config, h *types.HostConfig) { h.Memory = 1 << 30 }, "sleep")
	var list []*types.StatsResponse
	keep := func(s *types.StatsResponse) error {
		list = append(list, s)
		if len(list) == 2 {
			return context.Canceled
		}
		return nil
	}
	if err := w.Stats(t.Context(), "ctr", StatsOptions{Stream: true}, keep); err != context.Canceled {
		t.Fatal(err)
	}
	s := list[1]
	if s.Name != "/ctr" || s.CPUStats.CPUUsage.TotalUsage != 1e9 || s.MemoryStats.Usage != 4096 || s.MemoryStats.Limit != 1<<30 ||
		s.PidsStats.Current != 1 || s.CPUStats.OnlineCPUs == 0 {
		t.Errorf("sample %+v", s)
	}
	if s.PreRead != list[0].Read || s.PreCPUStats.CPUUsage.TotalUsage != 1e9 || !list[0].PreRead.IsZero() {
		t.Errorf("samples %+v, %+v", list[0], s)
	}
	w.create("idle", nil, "sleep")
	list = nil
	if err := w.Stats(t.Context(), "idle", StatsOptions{}, keep); err != nil || len(list) != 1 || !list[0].Read.IsZero() {
		t.Errorf("idle: %+v, %v", list, err)
	}
}

func TestUpdateChangesLimitsOfARunningContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.run("", nil, "sleep")
	pids := int64(7)
	u := types.UpdateConfig{Resources: types.Resources{Memory: 64 << 20, MemorySwap: 64 << 20, PidsLimit: &pids}, RestartPolicy: types.RestartPolicy{Name: "always"}}
	if _, err := w.Update(t.Context(), id, u); err != nil {
		t.Fatal(err)
	}
	c, err := w.get(id)
	if err != nil {
		t.Fatal(err)
	}
	box := c.box.open().(*fakeSandbox)
	if box.limits != (sandbox.Limits{Memory: 64 << 20, Pids: 7}) {
		t.Errorf("limits %+v", box.limits)
	}
	r, err := w.Inspect(t.Context(), id, false)
	if err != nil || r.HostConfig.Memory != 64<<20 || !r.HostConfig.RestartPolicy.IsAlways() {
		t.Errorf("%+v, %v", r.HostConfig, err)
	}
	u = types.UpdateConfig{Resources: types.Resources{Memory: 1 << 20}}
	if _, err := w.Update(t.Context(), id, u); !errdefs.IsInvalidArgument(err) || err.Error() != "Minimum memory limit allowed is 6MB" {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationIsMergedWithThatOfTheImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.image.Config.Entrypoint = []string{"echo"}
	w.image.Config.Volumes = map[string]struct{}{"/image": {}, "/both": {}}
	w.image.Config.WorkingDir = "/work"
	id := w.create("merged", func(c *types.Config, h *types.HostConfig) {
		c.Cmd = []string{"hello"}
		c.Env = []string{"FROM=user", "NEW=1"}
		c.Labels = map[string]string{"own": "1"}
		c.Tty = true
		h.Binds = []string{"named:/both:ro", w.root + ":/host"}
		h.Tmpfs = map[string]string{"/tmp": "size=64k,mode=700"}
		h.ShmSize = 1 << 20
		h.ReadonlyRootfs = true
	})
	r, err := w.Inspect(t.Context(), id, true)
	if err != nil {
		t.Fatal(err)
	}
	if r.Path != "echo" || !slices.Equal(r.Args, []string{"hello"}) || r.Config.WorkingDir != "/work" || r.Config.Hostname != id[:12] {
		t.Errorf("%+v", r.Config)
	}
	if want := []string{"FROM=user", "NEW=1", "PATH=/bin"}; !slices.Equal(r.Config.Env, want) {
		t.Errorf("Env %q", r.Config.Env)
	}
	if r.Config.Labels["from"] != "image" || r.Config.Labels["own"] != "1" {
		t.Errorf("Labels %v", r.Config.Labels)
	}
	if *r.SizeRw != 10 || *r.SizeRootFs != 100 || r.HostConfig.NetworkMode != "bridge" || r.NetworkSettings.Networks["bridge"] == nil {
		t.Errorf("%+v", r)
	}
	var mounts []string
	for _, p := range r.Mounts {
		mounts = append(mounts, string(p.Type)+" "+p.Destination)
	}
	if want := []string{"volume /both", "bind /host", "volume /image"}; !slices.Equal(mounts, want) {
		t.Errorf("mounts %q", mounts)
	}

	cfg := w.rt.last // of Inspect's look at the size
	var targets []string
	for _, p := range cfg.Mounts {
		targets = append(targets, string(p.Type)+" "+p.Target)
	}
	if want := []string{"volume /both", "bind /host", "tmpfs /tmp", "volume /image"}; !slices.Equal(targets, want) {
		t.Errorf("sandbox mounts %q", targets)
	}
	if tmp := cfg.Mounts[2]; tmp.Size != 64<<10 || *tmp.Mode != 0o700 || !cfg.Mounts[0].ReadOnly || !cfg.Mounts[0].Populate {
		t.Errorf("sandbox mounts %+v", cfg.Mounts)
	}
	if !cfg.ReadOnly || cfg.ShmSize != 1<<20 || string(cfg.Files["/etc/hostname"]) != id[:12]+"\n" || !strings.Contains(string(cfg.Files["/etc/hosts"]), "127.0.0.1\tlocalhost\n") {
		t.Errorf("sandbox %+v", cfg)
	}
	c, err := w.get(id)
	if err != nil {
		t.Fatal(err)
	}
	p := processConfig(&c.def, c.streams)
	want := []string{"PATH=/bin", "HOSTNAME=" + id[:12], "TERM=xterm", "FROM=user", "NEW=1"}
	if !slices.Equal(p.Env, want) || p.Dir != "/work" || !p.TTY || p.Stderr != nil {
		t.Errorf("process %+v", p)
	}

	// Its anonymous volume goes with it, the named one stays.
	if err := w.Remove(t.Context(), id, RemoveOptions{Volumes: true}); err != nil {
		t.Fatal(err)
	}
	left, err := w.volumes.List(t.Context(), nil)
	if err != nil || len(left) != 1 || left[0].Name != "named" {
		t.Errorf("volumes left: %+v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(w.root, "containers", id)); !os.IsNotExist(err) {
		t.Errorf("directory left: %v", err)
	}
}

func TestRequestsThatCannotBeGrantedAreRefusedAtCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		change func(c *types.Config, h *types.HostConfig)
		is     func(error) bool
		text   string
	}{
		{"image", func(c *types.Config, _ *types.HostConfig) { c.Image = "nosuch" }, errdefs.IsNotFound, "No such image: nosuch:latest"},
		{"memory", func(_ *types.Config, h *types.HostConfig) { h.Memory = 1 << 20 }, errdefs.IsInvalidArgument, "Minimum memory limit allowed is 6MB"},
		{"bind to the root", bind("/a:/"), errdefs.IsInvalidArgument, `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`},
		{"bind mode", bind("/a:/b:foo"), errdefs.IsInvalidArgument, "invalid mode: foo"},
		{"relative target", bind("a:b"), errdefs.IsInvalidArgument, "mount path must be absolute"},
		{"same target twice", bind("/a:/b", "c:/b"), errdefs.IsInvalidArgument, "Duplicate mount point: /b"},
		{"missing source", func(_ *types.Config, h *types.HostConfig) {
			h.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: "/no/such/dir", Target: "/x"}}
		}, errdefs.IsInvalidArgument, `invalid mount config for type "bind": bind source path does not exist: /no/such/dir`},
		{"working directory", func(c *types.Config, _ *types.HostConfig) { c.WorkingDir = "rel" }, errdefs.IsInvalidArgument,
			"the working directory 'rel' is invalid, it needs to be an absolute path"},
		{"log driver", func(_ *types.Config, h *types.HostConfig) { h.LogConfig.Type = "foo" }, errdefs.IsInvalidArgument, `error looking up logging plugin foo: plugin "foo" not found`},
		{"log option", func(_ *types.Config, h *types.HostConfig) { h.LogConfig.Config = map[string]string{"foo": "bar"} }, errdefs.IsInvalidArgument,
			"unknown log opt 'foo' for json-file log driver"},
		{"runtime", func(_ *types.Config, h *types.HostConfig) { h.Runtime = "foo" }, errdefs.IsInvalidArgument, "unknown or invalid runtime name: foo"},
		{"volume driver", func(_ *types.Config, h *types.HostConfig) { h.VolumeDriver, h.Binds = "foo", []string{"vol:/x"} }, errdefs.IsNotFound, `plugin "foo" not found`},
		{"restart policy", policy("foo", 0), errdefs.IsInvalidArgument, "invalid restart policy: unknown policy 'foo'"},
		{"auto-remove with a policy", func(_ *types.Config, h *types.HostConfig) {
			h.AutoRemove, h.RestartPolicy.Name = true, "always"
		}, errdefs.IsInvalidArgument, "can't create 'AutoRemove' container with restart policy"},
		{"stop signal", func(c *types.Config, _ *types.HostConfig) { c.StopSignal = "FOO" }, errdefs.IsInvalidArgument, "invalid signal: FOO"},
		{"PID mode", func(_ *types.Config, h *types.HostConfig) { h.PidMode = "host" }, errdefs.IsNotImplemented, "not supported"},
	} {
		c, h := &types.Config{Image: "test"}, &types.HostConfig{}
		tt.change(c, h)
		_, err := w.Create(t.Context(), "refused", &types.CreateRequest{Config: c, HostConfig: h}, nil)
		if err != nil && strings.Contains(err.Error(), "already in use") {
			t.Fatalf("%s: the name is still taken by the one before", tt.name)
		}
		if err == nil || !tt.is(err) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if n := len(w.all()); n != 0 {
		t.Errorf("%d containers", n)
	}
}

func bind(specs ...string) func(*types.Config, *types.HostConfig) {
	return func(_ *types.Config, h *types.HostConfig) { h.Binds = specs }
}

func TestListFollowsItsFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.create("one", func(c *types.Config, _ *types.HostConfig) { c.Labels = map[string]string{"a": "1"} }, "true")
	two := w.run("two", bind("vol1:/data"), "false")
	w.exitCode(two, types.WaitConditionNotRunning)
	w.run("three", nil, "sleep")
	for _, tt := range []struct {
		opts ListOptions
		want string
	}{
		{ListOptions{}, "three"},
		{ListOptions{All: true}, "three two one"},
		{ListOptions{Limit: 2}, "three two"},
		{ListOptions{All: true, Filters: map[string][]string{"name": {"^t"}}}, "three two"},
		{ListOptions{All: true, Filters: map[string][]string{"id": {one[:8]}}}, "one"},
		{ListOptions{Filters: map[string][]string{"status": {"exited", "created"}}}, "two one"},
		{ListOptions{Filters: map[string][]string{"exited": {"1"}}, All: true}, "two"},
		{ListOptions{All: true, Filters: map[string][]string{"label": {"a=1"}}}, "one"},
		{ListOptions{All: true, Filters: map[string][]string{"ancestor": {"test"}}}, "three two one"},
		{ListOptions{All: true, Filters: map[string][]string{"ancestor": {"other"}}}, ""},
		{ListOptions{All: true, Filters: map[string][]string{"volume": {"vol1"}}}, "two"},
		{ListOptions{All: true, Filters: map[string][]string{"network": {"bridge"}}}, "three two one"},
		{ListOptions{Filters: map[string][]string{"before": {"two"}}}, "one"},
		{ListOptions{Filters: map[string][]string{"since": {"two"}}}, "three"},
	} {
		list, err := w.List(t.Context(), tt.opts)
		if err != nil {
			t.Errorf("%+v: %v", tt.opts, err)
			continue
		}
		var names []string
		for _, s := range list {
			names = append(names, strings.TrimPrefix(s.Names[0], "/"))
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.opts, got, tt.want)
		}
	}
	for _, f := range []map[string][]string{{"foo": {""}}, {"status": {"foo"}}, {"exited": {"x"}}} {
		if _, err := w.List(t.Context(), ListOptions{Filters: f}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%v: %v", f, err)
		}
	}
	if got, want := w.past(eventtypes.VolumeEventType, "vol1"), []string{"create", "mount", "unmount"}; !slices.Equal(got, want) {
		t.Errorf("events of the volume %q", got)
	}
	r, err := w.Prune(t.Context(), map[string][]string{"label!": {"a"}})
	if err != nil || !slices.Equal(r.ContainersDeleted, []string{two}) || r.SpaceReclaimed != 10 {
		t.Errorf("pruned %+v, %v", r, err)
	}
}

func TestHealthCheckTurnsAContainerHealthyOrNot(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]types.HealthStatus{"true": types.Healthy, "false": types.Unhealthy} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			told := make(chan eventtypes.Action, 10)
			f := w.bus
			ready := make(chan struct{})
			filter := events.NewFilter(map[string][]string{"event": {"health_status"}})
			go f.Stream(t.Context(), time.Time{}, time.Time{}, filter, func() { close(ready) }, func(m eventtypes.Message) error {
				told <- m.Action
				return nil
			})
			<-ready
			id := w.run("", func(c *types.Config, _ *types.HostConfig) {
				c.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", program}, Interval: time.Millisecond, Retries: 2}
			}, "sleep")
			if got := <-told; got != "health_status: "+eventtypes.Action(want) {
				t.Errorf("told %q", got)
			}
			s := w.state(id)
			if s.Health == nil || s.Health.Status != want || len(s.Health.Log) == 0 {
				t.Errorf("health %+v", s.Health)
			}
		})
	}
}
