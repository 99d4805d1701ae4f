// Package events is the daemon's event bus: who changes something publishes a message, who asked for GET /events gets it.
package events

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
)

const (
	// history is how many past messages the bus keeps, as dockerd does.
	history = 256
	// backlog is how many messages may wait for one subscriber.
	backlog = 4096
)

// ErrSlow ends the stream of a subscriber that doesn't keep up.
var ErrSlow = errors.New("events: the client doesn't read as fast as events come")

// Bus passes messages on. The zero value is ready; it is safe for concurrent use.
type Bus struct {
	mu   sync.Mutex
	past []events.Message // a ring once it is full
	next int              // the oldest message of the full ring
	subs map[*subscription]struct{}
	look []func()
}

// subscription is one running Stream. Bus.mu guards it.
type subscription struct {
	filter Filter
	queue  []events.Message
	slow   bool
	wake   chan struct{} // of capacity 1
}

// Publish sends a message of scope "local" to all subscribers and remembers it. It doesn't block. The attributes are
// copied.
func (b *Bus) Publish(kind events.Type, action events.Action, id string, attributes map[string]string) {
	attributes = maps.Clone(attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now().UTC() // under the lock, so that messages are in the order of their times
	m := events.Message{
		Type: kind, Action: action, Actor: events.Actor{ID: id, Attributes: attributes},
		Scope: "local", Time: now.Unix(), TimeNano: now.UnixNano(),
	}
	if len(b.past) < history {
		b.past = append(b.past, m)
	} else {
		b.past[b.next] = m
		b.next = (b.next + 1) % history
	}
	for s := range b.subs {
		if !s.filter.Match(m) {
			continue
		}
		if len(s.queue) == backlog {
			s.slow = true
		} else {
			s.queue = append(s.queue, m)
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	for _, f := range b.look {
		f()
	}
}

// OnPublish has f called after each message, as long as the bus lives; f must not block.
func (b *Bus) OnPublish(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look = append(b.look, f)
}

// Stream calls send for each message that filter lets through: the remembered ones from since on, if one of since and
// until is not zero, and then the new ones, until the time until, if that is not zero, or ctx ends; both ends are no
// error.
// started, if not nil, is called when the subscription stands.
func (b *Bus) Stream(ctx context.Context, since, until time.Time, filter Filter, started func(), send func(events.Message) error) error {
	s := &subscription{filter: filter, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	if !since.IsZero() || !until.IsZero() {
		for i := range b.past {
			m := b.past[(b.next+i)%len(b.past)]
			if (since.IsZero() || m.TimeNano >= since.UnixNano()) && filter.Match(m) {
				s.queue = append(s.queue, m)
			}
		}
	}
	if b.subs == nil {
		b.subs = map[*subscription]struct{}{}
	}
	b.subs[s] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.subs, s)
		b.mu.Unlock()
	}()
	if started != nil {
		started()
	}
	var end <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		end = t.C
	}
	for {
		b.mu.Lock()
		queue, slow := s.queue, s.slow
		s.queue = nil
		b.mu.Unlock()
		for _, m := range queue {
			if !until.IsZero() && m.TimeNano > until.UnixNano() {
				return nil
			}
			if err := send(m); err != nil {
				return err
			}
		}
		if slow {
			return ErrSlow
		}
		if len(queue) > 0 {
			continue
		}
		if !until.IsZero() && !until.After(time.Now()) {
			return nil
		}
		select {
		case <-s.wake:
		case <-end:
		case <-ctx.Done():
			return nil
		}
	}
}

// Subscribers counts the running streams.
func (b *Bus) Subscribers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subs)
}
