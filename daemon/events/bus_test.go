package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
)

// actions streams what has been published.
func actions(t *testing.T, b *Bus, filters map[string][]string) []string {
	t.Helper()
	var list []string
	err := b.Stream(t.Context(), time.Unix(1, 0), time.Now(), NewFilter(filters), nil, func(m events.Message) error {
		list = append(list, string(m.Action))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFiltersSelectAsDockerdDoes(t *testing.T) {
	t.Parallel()
	var b Bus
	ctr := map[string]string{"image": "alpine:3", "name": "web", "tier": "front"}
	b.Publish(events.ContainerEventType, "create", "abc123", ctr)
	b.Publish(events.ContainerEventType, "exec_create: ls -l", "abc123", ctr)
	b.Publish(events.ContainerEventType, "die", "def456", map[string]string{"image": "busybox", "name": "job"})
	b.Publish(events.ImageEventType, "pull", "alpine:3", map[string]string{"name": "alpine"})
	b.Publish(events.VolumeEventType, "mount", "data", map[string]string{"driver": "local"})
	all := []string{"create", "exec_create: ls -l", "die", "pull", "mount"}
	for _, tt := range []struct {
		name    string
		filters map[string][]string
		want    []string
	}{
		{"none", nil, all},
		{"type", map[string][]string{"type": {"image", "volume"}}, []string{"pull", "mount"}},
		{"event", map[string][]string{"event": {"die"}}, []string{"die"}},
		{"event exec_create without its command", map[string][]string{"event": {"exec_create"}}, []string{"exec_create: ls -l"}},
		{"container by name", map[string][]string{"container": {"web"}}, []string{"create", "exec_create: ls -l"}},
		{"container by prefix of its ID", map[string][]string{"container": {"de"}}, []string{"die"}},
		{"image without its tag", map[string][]string{"image": {"alpine"}}, []string{"create", "exec_create: ls -l", "pull"}},
		{"image with its tag", map[string][]string{"image": {"alpine:3"}}, []string{"create", "exec_create: ls -l", "pull"}},
		{"label", map[string][]string{"label": {"tier"}}, []string{"create", "exec_create: ls -l"}},
		{"label with value", map[string][]string{"label": {"tier=back"}}, nil},
		{"volume", map[string][]string{"volume": {"data"}}, []string{"mount"}},
		{"scope", map[string][]string{"scope": {"local"}}, all},
		{"scope swarm", map[string][]string{"scope": {"swarm"}}, nil},
		{"unknown", map[string][]string{"foo": {"bar"}}, all},
		{"together", map[string][]string{"type": {"container"}, "event": {"create", "pull"}}, []string{"create"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := actions(t, &b, tt.filters); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBusRemembersTheLast256Messages(t *testing.T) {
	t.Parallel()
	var b Bus
	for i := range 300 {
		b.Publish(events.ContainerEventType, events.Action(fmt.Sprint(i)), "id", nil)
	}
	got := actions(t, &b, nil)
	if len(got) != 256 || got[0] != "44" || got[255] != "299" {
		t.Errorf("%d messages, %s to %s", len(got), got[0], got[len(got)-1])
	}
}

func TestSubscribersGetEverythingInOrderAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	var b Bus
	const n, subscribers = 1000, 5
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ready, done sync.WaitGroup
	for range subscribers {
		ready.Add(1)
		done.Go(func() {
			next := 0
			err := b.Stream(ctx, time.Time{}, time.Time{}, Filter{}, ready.Done, func(m events.Message) error {
				if string(m.Action) != fmt.Sprint(next) {
					return fmt.Errorf("got %s, want %d", m.Action, next)
				}
				if next++; next == n {
					return context.Canceled
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	for i := range n {
		b.Publish(events.ContainerEventType, events.Action(fmt.Sprint(i)), "id", nil)
	}
	done.Wait()
	if b.Subscribers() != 0 {
		t.Error("subscribers are left")
	}
}

func TestSubscriberThatDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	var b Bus
	ready, published := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- b.Stream(t.Context(), time.Time{}, time.Time{}, Filter{}, func() { close(ready) }, func(events.Message) error {
			<-published
			return nil
		})
	}()
	<-ready
	for range 2*backlog + 2 {
		b.Publish(events.ContainerEventType, "create", "id", nil)
	}
	close(published)
	if err := <-done; !errors.Is(err, ErrSlow) {
		t.Errorf("got %v", err)
	}
}

func TestUntilAloneTellsOfThePast(t *testing.T) {
	t.Parallel()
	var b Bus
	b.Publish(events.ContainerEventType, "create", "id", nil)
	var got []string
	err := b.Stream(t.Context(), time.Time{}, time.Now(), Filter{}, nil, func(m events.Message) error {
		got = append(got, string(m.Action))
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"create"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
