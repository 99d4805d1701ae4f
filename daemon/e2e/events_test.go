package e2e

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// containerEvents are the messages about a container since a time, in the form "action {attributes}".
func (e *engine) containerEvents(since time.Time, id string) []string {
	e.t.Helper()
	stream := e.Events(e.ctx, client.EventsListOptions{
		Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()), Until: fmt.Sprint(time.Now().Unix() + 1),
		Filters: client.Filters{}.Add("type", "container").Add("container", id),
	})
	var list []string
	for {
		select {
		case m := <-stream.Messages:
			attributes := map[string]string{}
			for k, v := range m.Actor.Attributes {
				// What the image has for labels, and what only later dockerds tell.
				if !strings.HasPrefix(k, "org.opencontainers.") && k != "execDuration" {
					attributes[k] = anonymous(v)
				}
			}
			list = append(list, fmt.Sprintf("%s %v %s", m.Action, attributes, m.Scope))
		case <-stream.Err:
			return list
		}
	}
}

func TestEventsOfContainersAreThoseOfDockerd(t *testing.T) {
	t.Parallel()
	story := func(e *engine) []string {
		since := time.Now()
		id := e.create([]string{"sleep", "1000"}, named("events-story"), withConfig(func(c *container.Config) { c.Labels = map[string]string{"l": "v"} }))
		e.begin(id)
		attached, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true})
		must(t, err)
		attached.Close()
		x, err := e.ExecCreate(e.ctx, id, client.ExecCreateOptions{Cmd: []string{"sh", "-c", "exit 3"}, AttachStdout: true})
		must(t, err)
		running, err := e.ExecAttach(e.ctx, x.ID, client.ExecAttachOptions{})
		must(t, err)
		_, err = io.Copy(io.Discard, running.Reader)
		must(t, err)
		running.Close()
		eventually(t, "the exec has ended", func() bool {
			s, err := e.ExecInspect(e.ctx, x.ID, client.ExecInspectOptions{})
			return err == nil && !s.Running
		})
		_, err = e.ContainerTop(e.ctx, id, client.ContainerTopOptions{})
		must(t, err)
		_, err = e.ContainerPause(e.ctx, id, client.ContainerPauseOptions{})
		must(t, err)
		_, err = e.ContainerUnpause(e.ctx, id, client.ContainerUnpauseOptions{})
		must(t, err)
		_, err = e.ContainerRename(e.ctx, id, client.ContainerRenameOptions{NewName: "events-renamed"})
		must(t, err)
		_, err = e.ContainerUpdate(e.ctx, id, client.ContainerUpdateOptions{RestartPolicy: &container.RestartPolicy{Name: "no"}})
		must(t, err)
		content := pack(t, []entry{{name: "f", typ: '0', mode: 0o644, data: []byte("x")}})
		_, err = e.CopyToContainer(e.ctx, id, client.CopyToContainerOptions{DestinationPath: "/tmp", Content: strings.NewReader(string(content))})
		must(t, err)
		out, err := e.CopyFromContainer(e.ctx, id, client.CopyFromContainerOptions{SourcePath: "/tmp/f"})
		must(t, drop(out.Content, err))
		_, err = e.ContainerKill(e.ctx, id, client.ContainerKillOptions{Signal: "WINCH"})
		must(t, err)
		_, err = e.ContainerRestart(e.ctx, id, client.ContainerRestartOptions{Timeout: new(int)})
		must(t, err)
		_, err = e.ContainerStop(e.ctx, id, client.ContainerStopOptions{Timeout: new(int)})
		must(t, err)
		_, err = e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{})
		must(t, err)
		return e.containerEvents(since, id)
	}
	ours, theirs := story(shared(t)), story(dockerd(t))
	if !slices.Equal(ours, theirs) {
		t.Errorf("ours\n%s\ndockerd\n%s", strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
	}
}
