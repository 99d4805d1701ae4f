package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"

	"github.com/sockerless/sockerless/daemon/api"
	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/daemon/image"
	"github.com/sockerless/sockerless/daemon/volume"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// runtimeName is what /info and HostConfig.Runtime call the sandbox.
const runtimeName = "sockerless"

// loopback are the registries that may be spoken to without TLS.
var loopback = []netip.Prefix{netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("127.0.0.0/8")}

// Version returns the daemon's version.
func (d *Daemon) Version() string { return Version() }

// VersionInfo is the answer to GET /version.
func (d *Daemon) VersionInfo(context.Context) (system.VersionResponse, error) {
	v := system.VersionResponse{
		Version: Version(), APIVersion: api.Version, MinAPIVersion: api.MinVersion,
		Os: "linux", Arch: runtime.GOARCH, GitCommit: Commit(), GoVersion: runtime.Version(), KernelVersion: kernel.Release,
	}
	v.Platform.Name = "Sockerless Engine"
	v.Components = []system.ComponentVersion{{
		Name: "Engine", Version: Version(),
		Details: map[string]string{
			"ApiVersion": api.Version, "MinAPIVersion": api.MinVersion, "Os": "linux", "Arch": runtime.GOARCH,
			"GitCommit": Commit(), "GoVersion": runtime.Version(), "KernelVersion": kernel.Release, "Experimental": "false",
		},
	}}
	if t := BuildTime(); t != "" {
		v.BuildTime, v.Components[0].Details["BuildTime"] = t, t
	}
	return v, nil
}

// Info is the answer to GET /info. What the sandbox has no part of (cgroups, runc, plugins) is empty.
func (d *Daemon) Info(ctx context.Context) (*system.Info, error) {
	images, err := d.images.List(ctx, image.ListOptions{})
	if err != nil {
		return nil, err
	}
	n := d.containers.Count()
	runtimes := map[string]system.RuntimeWithStatus{runtimeName: {}}
	info := &system.Info{
		ID: d.id, Name: hostname(), ServerVersion: Version(),
		Containers: n.Total, ContainersRunning: n.Running, ContainersPaused: n.Paused, ContainersStopped: n.Stopped,
		Images: len(images),
		Driver: "sockerless", DriverStatus: [][2]string{{"Layers", "uncompressed tar with index"}},
		Plugins:     system.PluginsInfo{Volume: []string{volume.Driver}, Network: []string{}, Log: container.LogDrivers()},
		MemoryLimit: !d.cfg.Synthetic, PidsLimit: !d.cfg.Synthetic,
		Debug: d.debug.Load(), NFd: openFDs(), NGoroutines: runtime.NumGoroutine(), NEventsListener: d.events.Subscribers(),
		SystemTime: time.Now().UTC().Format(time.RFC3339Nano), LoggingDriver: d.containers.LogDriver(), CgroupDriver: "none",
		KernelVersion: kernel.Release, OperatingSystem: "Sockerless (WebAssembly sandbox)", OSType: "linux", Architecture: architecture(),
		IndexServerAddress: "https://index.docker.io/v1/", NCPU: runtime.NumCPU(), MemTotal: totalMemory(),
		RegistryConfig: &registry.ServiceConfig{InsecureRegistryCIDRs: loopback, IndexConfigs: map[string]*registry.IndexInfo{
			"docker.io": {Name: "docker.io", Mirrors: []string{}, Secure: true, Official: true},
		}, Mirrors: []string{}},
		DockerRootDir: d.cfg.DataRoot, Labels: []string{},
		HTTPProxy: maskCredentials(environment("HTTP_PROXY")), HTTPSProxy: maskCredentials(environment("HTTPS_PROXY")), NoProxy: environment("NO_PROXY"),
		Runtimes: runtimes, DefaultRuntime: runtimeName,
		Swarm:           swarm.Info{LocalNodeState: swarm.LocalNodeStateInactive, RemoteManagers: nil},
		SecurityOptions: []string{"name=wasm"},
		Warnings:        nil,
	}
	if d.cfg.Synthetic {
		info.SecurityOptions = []string{}
		info.Warnings = []string{"WARNING: synthetic mode: containers run nothing and exit 0 at once"}
	}
	return info, nil
}

// hostname is the host's name as dockerd tells it.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// environment looks a variable up, in capitals or not.
func environment(name string) string {
	return cmp.Or(os.Getenv(name), os.Getenv(strings.ToLower(name)))
}

// maskCredentials hides the user and password of a URL, in dockerd's way.
func maskCredentials(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	u.User = url.UserPassword("xxxxx", "xxxxx")
	return u.String()
}

// identity returns the daemon's own id, which is made once for a data root.
func (d *Daemon) identity() (string, error) {
	b := d.state.Bucket("daemon")
	var id string
	if found, err := b.Get("id", &id); err != nil || found {
		return id, err
	}
	id = uuid.NewString()
	return id, b.Put("id", id)
}

// architecture is uname -m's name, as dockerd gives it.
func architecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return runtime.GOARCH
}

// openFDs counts the daemon's open files; 0 where the system does not tell.
func openFDs() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// totalMemory is the machine's memory in bytes, 0 where the system does not tell.
func totalMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
			var kib int64
			for _, c := range f[1] {
				kib = kib*10 + int64(c-'0')
			}
			return kib << 10
		}
	}
	return 0
}
