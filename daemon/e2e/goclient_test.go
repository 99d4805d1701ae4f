package e2e

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

// outcome is how a call must end.
type outcome struct {
	name string
	is   func(error) bool
}

var (
	works   = outcome{"works", func(err error) bool { return err == nil }}
	notYet  = outcome{"works, or is not there yet", func(err error) bool { return err == nil || errdefs.IsNotImplemented(err) }}
	refused = outcome{"is not supported", errdefs.IsNotImplemented}
	absent  = outcome{"is not found", errdefs.IsNotFound}
	noSwarm = outcome{"needs a swarm", errdefs.IsUnavailable}
	atOnce  = outcome{"needs nothing of the daemon", func(err error) bool { return err == nil }}
)

// invocation calls one method of moby's client.
type invocation struct {
	method string
	want   outcome
	call   func() error
}

// drop reads a stream to its end.
func drop(r io.ReadCloser, err error) error {
	if err != nil || r == nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// only is the error of a call.
func only[T any](_ T, err error) error { return err }

func TestEveryMethodOfTheGoClientIsAnswered(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	c, ctx := e.Client, e.ctx
	up := e.launch([]string{"sleep", "1000"}, named("go-up"))
	tty := e.launch([]string{"sleep", "1000"}, withTTY)
	done := e.launch([]string{"true"}, named("go-done"))
	e.wait(done)
	var spare, execID string
	registry := authRegistry(t, false)
	node, service := swarm.Version{Index: 1}, swarm.ServiceSpec{}
	calls := []invocation{
		{"ClientVersion", atOnce, func() error { _ = c.ClientVersion(); return nil }},
		{"DaemonHost", atOnce, func() error { _ = c.DaemonHost(); return nil }},
		{"Dialer", atOnce, func() error {
			conn, err := c.Dialer()(ctx)
			if err == nil {
				conn.Close()
			}
			return err
		}},
		{"DialHijack", works, func() error {
			conn, err := c.DialHijack(ctx, "/containers/go-up/attach?stream=1&stdout=1", "tcp", map[string][]string{})
			if err == nil {
				conn.Close()
			}
			return err
		}},

		{"Ping", works, func() error { return only(c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})) }},
		{"ServerVersion", works, func() error { return only(c.ServerVersion(ctx, client.ServerVersionOptions{})) }},
		{"Info", works, func() error { return only(c.Info(ctx, client.InfoOptions{})) }},
		{"DiskUsage", works, func() error { return only(c.DiskUsage(ctx, client.DiskUsageOptions{})) }},
		{"RegistryLogin", works, func() error {
			return only(c.RegistryLogin(ctx, client.RegistryLoginOptions{Username: "me", Password: "secret", ServerAddress: registry}))
		}},
		{"Events", works, func() error {
			r := c.Events(ctx, client.EventsListOptions{Since: "1", Until: "2"})
			if err := <-r.Err; err != io.EOF {
				return err
			}
			return nil
		}},

		{"ContainerCreate", works, func() error {
			r, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{Image: "alpine", Name: "go-spare"})
			spare = r.ID
			return err
		}},
		{"ContainerList", works, func() error { return only(c.ContainerList(ctx, client.ContainerListOptions{All: true, Size: true})) }},
		{"ContainerInspect", works, func() error { return only(c.ContainerInspect(ctx, up, client.ContainerInspectOptions{Size: true})) }},
		{"ContainerRename", works, func() error {
			return only(c.ContainerRename(ctx, spare, client.ContainerRenameOptions{NewName: "go-renamed"}))
		}},
		{"ContainerStart", works, func() error { return only(c.ContainerStart(ctx, spare, client.ContainerStartOptions{})) }},
		{"ContainerWait", works, func() error {
			w := c.ContainerWait(ctx, spare, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
			select {
			case <-w.Result:
				return nil
			case err := <-w.Error:
				return err
			}
		}},
		{"ContainerTop", works, func() error { return only(c.ContainerTop(ctx, up, client.ContainerTopOptions{})) }},
		{"ContainerStats", works, func() error {
			r, err := c.ContainerStats(ctx, up, client.ContainerStatsOptions{})
			return drop(r.Body, err)
		}},
		{"ContainerLogs", works, func() error {
			r, err := c.ContainerLogs(ctx, done, client.ContainerLogsOptions{ShowStdout: true})
			return drop(r, err)
		}},
		{"ContainerDiff", works, func() error { return only(c.ContainerDiff(ctx, done, client.ContainerDiffOptions{})) }},
		{"ContainerAttach", works, func() error {
			r, err := c.ContainerAttach(ctx, up, client.ContainerAttachOptions{Stream: true, Stdout: true})
			if err == nil {
				r.Close()
			}
			return err
		}},
		{"ContainerResize", works, func() error {
			return only(c.ContainerResize(ctx, tty, client.ContainerResizeOptions{Height: 10, Width: 20}))
		}},
		{"ContainerPause", works, func() error { return only(c.ContainerPause(ctx, up, client.ContainerPauseOptions{})) }},
		{"ContainerUnpause", works, func() error { return only(c.ContainerUnpause(ctx, up, client.ContainerUnpauseOptions{})) }},
		{"ContainerUpdate", works, func() error {
			return only(c.ContainerUpdate(ctx, up, client.ContainerUpdateOptions{RestartPolicy: &container.RestartPolicy{Name: "no"}}))
		}},
		{"ContainerStatPath", works, func() error {
			return only(c.ContainerStatPath(ctx, up, client.ContainerStatPathOptions{Path: "/etc"}))
		}},
		{"CopyToContainer", works, func() error {
			content := pack(t, []entry{{name: "f", typ: '0', mode: 0o644, data: []byte("x")}})
			return only(c.CopyToContainer(ctx, up, client.CopyToContainerOptions{DestinationPath: "/tmp", Content: bytes.NewReader(content)}))
		}},
		{"CopyFromContainer", works, func() error {
			r, err := c.CopyFromContainer(ctx, up, client.CopyFromContainerOptions{SourcePath: "/tmp/f"})
			return drop(r.Content, err)
		}},
		{"ContainerCommit", notYet, func() error { return only(c.ContainerCommit(ctx, done, client.ContainerCommitOptions{Reference: "x"})) }},
		{"ContainerExport", notYet, func() error {
			r, err := c.ContainerExport(ctx, done, client.ContainerExportOptions{})
			return drop(r, err)
		}},
		{"ExecCreate", works, func() error {
			r, err := c.ExecCreate(ctx, up, client.ExecCreateOptions{Cmd: []string{"sleep", "1000"}, TTY: true})
			execID = r.ID
			return err
		}},
		{"ExecStart", works, func() error { return only(c.ExecStart(ctx, execID, client.ExecStartOptions{Detach: true, TTY: true})) }},
		{"ExecResize", works, func() error { return only(c.ExecResize(ctx, execID, client.ExecResizeOptions{Height: 10, Width: 20})) }},
		{"ExecInspect", works, func() error { return only(c.ExecInspect(ctx, execID, client.ExecInspectOptions{})) }},
		{"ExecAttach", works, func() error {
			x, err := c.ExecCreate(ctx, up, client.ExecCreateOptions{Cmd: []string{"true"}, AttachStdout: true})
			if err != nil {
				return err
			}
			r, err := c.ExecAttach(ctx, x.ID, client.ExecAttachOptions{})
			if err == nil {
				r.Close()
			}
			return err
		}},
		{"ContainerRestart", works, func() error { return only(c.ContainerRestart(ctx, spare, client.ContainerRestartOptions{})) }},
		{"ContainerStop", works, func() error { return only(c.ContainerStop(ctx, up, client.ContainerStopOptions{Timeout: new(int)})) }},
		{"ContainerKill", works, func() error { return only(c.ContainerKill(ctx, tty, client.ContainerKillOptions{Signal: "KILL"})) }},
		{"ContainerRemove", works, func() error { return only(c.ContainerRemove(ctx, spare, client.ContainerRemoveOptions{Force: true})) }},
		{"ContainerPrune", works, func() error { return only(c.ContainerPrune(ctx, client.ContainerPruneOptions{})) }},
		{"CheckpointCreate", refused, func() error {
			return only(c.CheckpointCreate(ctx, up, client.CheckpointCreateOptions{CheckpointID: "x"}))
		}},
		{"CheckpointList", refused, func() error { return only(c.CheckpointList(ctx, up, client.CheckpointListOptions{})) }},
		{"CheckpointRemove", refused, func() error {
			return only(c.CheckpointRemove(ctx, up, client.CheckpointRemoveOptions{CheckpointID: "x"}))
		}},

		{"VolumeCreate", works, func() error { return only(c.VolumeCreate(ctx, client.VolumeCreateOptions{Name: "go-volume"})) }},
		{"VolumeInspect", works, func() error { return only(c.VolumeInspect(ctx, "go-volume", client.VolumeInspectOptions{})) }},
		{"VolumeList", works, func() error { return only(c.VolumeList(ctx, client.VolumeListOptions{})) }},
		{"VolumeUpdate", noSwarm, func() error { return only(c.VolumeUpdate(ctx, "go-volume", client.VolumeUpdateOptions{})) }},
		{"VolumeRemove", works, func() error { return only(c.VolumeRemove(ctx, "go-volume", client.VolumeRemoveOptions{})) }},
		{"VolumePrune", works, func() error { return only(c.VolumePrune(ctx, client.VolumePruneOptions{All: true})) }},

		{"ImageList", works, func() error { return only(c.ImageList(ctx, client.ImageListOptions{})) }},
		{"ImageInspect", works, func() error { return only(c.ImageInspect(ctx, "alpine")) }},
		{"ImageHistory", works, func() error { return only(c.ImageHistory(ctx, "alpine")) }},
		{"ImageTag", works, func() error {
			return only(c.ImageTag(ctx, client.ImageTagOptions{Source: "alpine", Target: "go-tag:1"}))
		}},
		{"ImageRemove", works, func() error { return only(c.ImageRemove(ctx, "go-tag:1", client.ImageRemoveOptions{})) }},
		{"ImagePull", works, func() error {
			r, err := c.ImagePull(ctx, "busybox", client.ImagePullOptions{})
			return drop(r, err)
		}},
		{"ImageAttestations", notYet, func() error { return only(c.ImageAttestations(ctx, "alpine")) }},
		{"ImageSearch", outcome{"fails without a network, or is not there yet", func(err error) bool { return err != nil }}, func() error {
			return only(c.ImageSearch(ctx, "x", client.ImageSearchOptions{}))
		}},
		{"DistributionInspect", outcome{"fails without a registry, or is not there yet", func(err error) bool { return err != nil }}, func() error {
			return only(c.DistributionInspect(ctx, "127.0.0.1:1/x", client.DistributionInspectOptions{}))
		}},
		{"ImagePush", outcome{"fails without a registry, or is not there yet", func(error) bool { return true }}, func() error {
			r, err := c.ImagePush(ctx, "127.0.0.1:1/x", client.ImagePushOptions{RegistryAuth: "e30="})
			return drop(r, err)
		}},
		{"ImageSave", notYet, func() error {
			r, err := c.ImageSave(ctx, []string{"alpine"})
			return drop(r, err)
		}},
		{"ImageLoad", notYet, func() error {
			r, err := c.ImageLoad(ctx, bytes.NewReader(pack(t, nil)))
			if err != nil && !errdefs.IsNotImplemented(err) {
				return nil // an empty archive is no image
			}
			return drop(r, err)
		}},
		{"ImageImport", notYet, func() error {
			r, err := c.ImageImport(ctx, client.ImageImportSource{Source: bytes.NewReader(pack(t, nil)), SourceName: "-"}, "go-import", client.ImageImportOptions{})
			return drop(r, err)
		}},
		{"ImagePrune", notYet, func() error { return only(c.ImagePrune(ctx, client.ImagePruneOptions{})) }},
		{"ImageBuild", notYet, func() error {
			r, err := c.ImageBuild(ctx, bytes.NewReader(pack(t, []entry{{name: "Dockerfile", typ: '0', mode: 0o644, data: []byte("FROM alpine\n")}})), client.ImageBuildOptions{})
			return drop(r.Body, err)
		}},
		{"BuildCachePrune", works, func() error { return only(c.BuildCachePrune(ctx, client.BuildCachePruneOptions{})) }},
		{"BuildCancel", notYet, func() error { return only(c.BuildCancel(ctx, "x", client.BuildCancelOptions{})) }},

		{"NetworkList", notYet, func() error { return only(c.NetworkList(ctx, client.NetworkListOptions{})) }},
		{"NetworkCreate", notYet, func() error { return only(c.NetworkCreate(ctx, "go-network", client.NetworkCreateOptions{})) }},
		{"NetworkInspect", notYet, func() error { return only(c.NetworkInspect(ctx, "go-network", client.NetworkInspectOptions{})) }},
		{"NetworkConnect", notYet, func() error {
			r, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{Image: "alpine"})
			if err != nil {
				return err
			}
			spare = r.ID
			return only(c.NetworkConnect(ctx, "go-network", client.NetworkConnectOptions{Container: spare}))
		}},
		{"NetworkDisconnect", notYet, func() error {
			return only(c.NetworkDisconnect(ctx, "go-network", client.NetworkDisconnectOptions{Container: spare}))
		}},
		{"NetworkRemove", notYet, func() error { return only(c.NetworkRemove(ctx, "go-network", client.NetworkRemoveOptions{})) }},
		{"NetworkPrune", notYet, func() error { return only(c.NetworkPrune(ctx, client.NetworkPruneOptions{})) }},

		{"PluginList", works, func() error { return only(c.PluginList(ctx, client.PluginListOptions{})) }},
		{"PluginInspect", absent, func() error { return only(c.PluginInspect(ctx, "x", client.PluginInspectOptions{})) }},
		{"PluginRemove", absent, func() error { return only(c.PluginRemove(ctx, "x", client.PluginRemoveOptions{})) }},
		{"PluginEnable", absent, func() error { return only(c.PluginEnable(ctx, "x", client.PluginEnableOptions{})) }},
		{"PluginDisable", absent, func() error { return only(c.PluginDisable(ctx, "x", client.PluginDisableOptions{})) }},
		{"PluginPush", absent, func() error { return only(c.PluginPush(ctx, "x", client.PluginPushOptions{})) }},
		{"PluginSet", absent, func() error { return only(c.PluginSet(ctx, "x", client.PluginSetOptions{Args: []string{"a=b"}})) }},
		{"PluginUpgrade", refused, func() error {
			return only(c.PluginUpgrade(ctx, "x", client.PluginUpgradeOptions{RemoteRef: "y", AcceptAllPermissions: true}))
		}},
		{"PluginInstall", refused, func() error {
			return only(c.PluginInstall(ctx, "x", client.PluginInstallOptions{RemoteRef: "y", AcceptAllPermissions: true}))
		}},
		{"PluginCreate", refused, func() error {
			return only(c.PluginCreate(ctx, bytes.NewReader(pack(t, nil)), client.PluginCreateOptions{RepoName: "x"}))
		}},

		{"SwarmInit", refused, func() error { return only(c.SwarmInit(ctx, client.SwarmInitOptions{ListenAddr: "127.0.0.1:0"})) }},
		{"SwarmJoin", refused, func() error { return only(c.SwarmJoin(ctx, client.SwarmJoinOptions{})) }},
		{"SwarmInspect", noSwarm, func() error { return only(c.SwarmInspect(ctx, client.SwarmInspectOptions{})) }},
		{"SwarmUpdate", noSwarm, func() error { return only(c.SwarmUpdate(ctx, client.SwarmUpdateOptions{Version: node})) }},
		{"SwarmLeave", noSwarm, func() error { return only(c.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true})) }},
		{"SwarmGetUnlockKey", noSwarm, func() error { return only(c.SwarmGetUnlockKey(ctx)) }},
		{"SwarmUnlock", noSwarm, func() error { return only(c.SwarmUnlock(ctx, client.SwarmUnlockOptions{})) }},
		{"NodeList", noSwarm, func() error { return only(c.NodeList(ctx, client.NodeListOptions{})) }},
		{"NodeInspect", noSwarm, func() error { return only(c.NodeInspect(ctx, "x", client.NodeInspectOptions{})) }},
		{"NodeUpdate", noSwarm, func() error { return only(c.NodeUpdate(ctx, "x", client.NodeUpdateOptions{Version: node})) }},
		{"NodeRemove", noSwarm, func() error { return only(c.NodeRemove(ctx, "x", client.NodeRemoveOptions{})) }},
		{"ServiceList", noSwarm, func() error { return only(c.ServiceList(ctx, client.ServiceListOptions{})) }},
		{"ServiceInspect", noSwarm, func() error { return only(c.ServiceInspect(ctx, "x", client.ServiceInspectOptions{})) }},
		{"ServiceCreate", noSwarm, func() error {
			spec := swarm.ServiceSpec{TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: "alpine"}}}
			return only(c.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: spec}))
		}},
		{"ServiceUpdate", noSwarm, func() error {
			return only(c.ServiceUpdate(ctx, "x", client.ServiceUpdateOptions{Version: node, Spec: service}))
		}},
		{"ServiceRemove", noSwarm, func() error { return only(c.ServiceRemove(ctx, "x", client.ServiceRemoveOptions{})) }},
		{"ServiceLogs", noSwarm, func() error { return only(c.ServiceLogs(ctx, "x", client.ServiceLogsOptions{ShowStdout: true})) }},
		{"TaskList", noSwarm, func() error { return only(c.TaskList(ctx, client.TaskListOptions{})) }},
		{"TaskInspect", noSwarm, func() error { return only(c.TaskInspect(ctx, "x", client.TaskInspectOptions{})) }},
		{"TaskLogs", noSwarm, func() error { return only(c.TaskLogs(ctx, "x", client.TaskLogsOptions{ShowStdout: true})) }},
		{"SecretList", noSwarm, func() error { return only(c.SecretList(ctx, client.SecretListOptions{})) }},
		{"SecretInspect", noSwarm, func() error { return only(c.SecretInspect(ctx, "x", client.SecretInspectOptions{})) }},
		{"SecretCreate", noSwarm, func() error { return only(c.SecretCreate(ctx, client.SecretCreateOptions{})) }},
		{"SecretUpdate", noSwarm, func() error { return only(c.SecretUpdate(ctx, "x", client.SecretUpdateOptions{Version: node})) }},
		{"SecretRemove", noSwarm, func() error { return only(c.SecretRemove(ctx, "x", client.SecretRemoveOptions{})) }},
		{"ConfigList", noSwarm, func() error { return only(c.ConfigList(ctx, client.ConfigListOptions{})) }},
		{"ConfigInspect", noSwarm, func() error { return only(c.ConfigInspect(ctx, "x", client.ConfigInspectOptions{})) }},
		{"ConfigCreate", noSwarm, func() error { return only(c.ConfigCreate(ctx, client.ConfigCreateOptions{})) }},
		{"ConfigUpdate", noSwarm, func() error { return only(c.ConfigUpdate(ctx, "x", client.ConfigUpdateOptions{Version: node})) }},
		{"ConfigRemove", noSwarm, func() error { return only(c.ConfigRemove(ctx, "x", client.ConfigRemoveOptions{})) }},
	}
	for _, x := range calls {
		if err := x.call(); !x.want.is(err) {
			t.Errorf("%s: got %v; it %s", x.method, err, x.want.name)
		} else if errdefs.IsNotImplemented(err) && !strings.Contains(err.Error(), "is not supported by Sockerless") {
			t.Errorf("%s does not say what is missing: %v", x.method, err)
		}
	}
	methods := reflect.TypeFor[client.APIClient]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if name != "Close" && !slices.ContainsFunc(calls, func(x invocation) bool { return x.method == name }) {
			t.Errorf("%s is never called", name)
		}
	}
}
