package image

import (
	"context"
	"slices"
	"sync"

	"github.com/moby/moby/api/types/jsonstream"
)

// Progress is told how a pull goes, in the messages of the API's JSON stream.
type Progress func(jsonstream.Message)

// flights lets those who want the same thing at the same time share one piece of work and its progress.
type flights struct {
	mu      sync.Mutex
	running map[string]*flight
}

type flight struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when err is set
	err    error

	mu        sync.Mutex
	listeners []*listener
	last      []jsonstream.Message // the latest message of each ID, for those who join late
}

// do runs work, or joins who runs it already under that key. progress is called on the caller's goroutine; one that is
// slow misses intermediate states, and holds nobody up. When ctx ends, only this caller leaves; the work is cancelled
// with the last of them, who waits until it has cleaned up.
func (f *flights) do(ctx context.Context, key string, progress Progress, work func(context.Context, Progress) error) error {
	f.mu.Lock()
	fl := f.running[key]
	if fl == nil {
		workCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		fl = &flight{cancel: cancel, done: make(chan struct{})}
		if f.running == nil {
			f.running = map[string]*flight{}
		}
		f.running[key] = fl
		go func() {
			fl.err = work(workCtx, fl.tell)
			f.remove(key, fl)
			cancel()
			close(fl.done)
		}()
	}
	l := fl.join()
	f.mu.Unlock()

	for {
		select {
		case <-l.wake:
			fl.deliver(l, progress)
		case <-fl.done:
			fl.deliver(l, progress)
			return fl.err
		case <-ctx.Done():
			f.mu.Lock()
			last := fl.leave(l)
			if last {
				// Who comes from now on must not join what is being cancelled.
				if f.running[key] == fl {
					delete(f.running, key)
				}
				fl.cancel()
			}
			f.mu.Unlock()
			if last {
				<-fl.done
			}
			return ctx.Err()
		}
	}
}

func (f *flights) remove(key string, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[key] == fl {
		delete(f.running, key)
	}
}

// listener is one caller's queue of messages.
type listener struct {
	queue []jsonstream.Message
	wake  chan struct{}
}

func (fl *flight) join() *listener {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	l := &listener{queue: slices.Clone(fl.last), wake: make(chan struct{}, 1)}
	l.wake <- struct{}{}
	fl.listeners = append(fl.listeners, l)
	return l
}

// leave tells whether l was the last one.
func (fl *flight) leave(l *listener) bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.listeners = slices.DeleteFunc(fl.listeners, func(other *listener) bool { return other == l })
	return len(fl.listeners) == 0
}

func (fl *flight) tell(m jsonstream.Message) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.last = enqueue(fl.last, m, func(old jsonstream.Message) bool { return m.ID != "" && old.ID == m.ID })
	for _, l := range fl.listeners {
		l.queue = enqueue(l.queue, m, func(old jsonstream.Message) bool {
			return m.ID != "" && old.ID == m.ID && old.Status == m.Status
		})
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// enqueue adds m, in place of a message that it replaces.
func enqueue(queue []jsonstream.Message, m jsonstream.Message, replaces func(jsonstream.Message) bool) []jsonstream.Message {
	if i := slices.IndexFunc(queue, replaces); i >= 0 {
		queue[i] = m
		return queue
	}
	return append(queue, m)
}

func (fl *flight) deliver(l *listener, progress Progress) {
	fl.mu.Lock()
	queue := l.queue
	l.queue = nil
	fl.mu.Unlock()
	for _, m := range queue {
		progress(m)
	}
}
