package vfs

import "sync"

// Events is a set of poll(2) events, abi.POLL*.
type Events uint16

// WaitQueue announces that a file's readiness changed. Its zero value is ready for use.
type WaitQueue struct {
	mu   sync.Mutex
	head *Waiter
}

// Waiter is one who waits on a queue. Wake is called, without locks of the file held, when an event in Mask may hold;
// it must not block. A Waiter is on one queue at a time.
type Waiter struct {
	Mask Events
	Wake func()

	prev, next *Waiter
	on         bool
}

// Add puts w on the queue. Look at the file's readiness after it, not before, so that no change is missed.
func (q *WaitQueue) Add(w *Waiter) {
	q.mu.Lock()
	w.prev, w.next, w.on = nil, q.head, true
	if q.head != nil {
		q.head.prev = w
	}
	q.head = w
	q.mu.Unlock()
}

// Remove takes w off the queue; it may have gone already.
func (q *WaitQueue) Remove(w *Waiter) {
	q.mu.Lock()
	if w.on {
		if w.prev != nil {
			w.prev.next = w.next
		} else {
			q.head = w.next
		}
		if w.next != nil {
			w.next.prev = w.prev
		}
		w.prev, w.next, w.on = nil, nil, false
	}
	q.mu.Unlock()
}

// Notify wakes those who wait for one of the events. Call it after the change, without holding the file's lock.
// Errors and hang-ups (POLLERR, POLLHUP) concern everybody.
func (q *WaitQueue) Notify(events Events) {
	q.mu.Lock()
	for w := q.head; w != nil; w = w.next {
		if w.Mask&events != 0 || events&(pollErr|pollHup) != 0 {
			w.Wake()
		}
	}
	q.mu.Unlock()
}

const pollErr, pollHup = 0x8, 0x10
