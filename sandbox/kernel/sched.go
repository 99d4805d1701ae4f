package kernel

import (
	"container/heap"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Scheduler shares the processors among the sandboxes of a process, at the points where programs check in; nothing
// runs in between, and there is no goroutine of its own.
//
// As many tasks as there are processors compute at a time; each holds a slot. Further ones queue, outside of Go's run
// queues, so that a task that wakes up to answer a system call finds these short however many compute. A task that
// wakes up needs no slot before it has computed for a slice. Slots go round by weighted fair queueing: a sandbox has a
// virtual time, which its CPU time advances in inverse proportion to its shares, and the one that is least far is next;
// within a sandbox tasks take turns.
type Scheduler struct {
	mu     sync.Mutex
	free   int        // slots that nobody holds; below zero after a stall
	queue  groupQueue // sandboxes with tasks that wait for a slot
	floor  time.Duration
	grants uint64
	stall  *time.Timer // runs while a task waits
	seen   uint64      // grants when stall was set
}

const (
	defaultShares = 1024
	minShares     = 2
	maxShares     = 1 << 18
	defaultPeriod = 100 * time.Millisecond
	// lookAfter is how many checkpoints a task passes before it looks at its clock, and turnAfter how long it runs
	// before it asks for a slot: about a slice of a WebAssembly program.
	lookAfter = 32
	turnAfter = 500 * time.Microsecond
	// stallAfter is how long a slot may be held by a task that waits for the host (a slow disk) before another one is
	// given out in its place.
	stallAfter = 10 * time.Millisecond
	// maxLag bounds what a sandbox may catch up that could not use its share.
	maxLag = 20 * time.Millisecond
)

// NewScheduler makes a scheduler for a number of processors; 0 is what Go uses.
func NewScheduler(processors int) *Scheduler {
	if processors <= 0 {
		processors = runtime.GOMAXPROCS(0)
	}
	return &Scheduler{free: processors}
}

// cpuGroup is a sandbox to its scheduler. All but throttled is guarded by Scheduler.mu.
type cpuGroup struct {
	shares    int64
	virtual   time.Duration
	waiting   []*Task // for a slot, in order
	place     int     // in Scheduler.queue while there are some
	bandwidth bandwidth
	throttled atomic.Bool // the quota is used up
}

// groupQueue is a heap of sandboxes by virtual time.
type groupQueue []*cpuGroup

func (q groupQueue) Len() int           { return len(q) }
func (q groupQueue) Less(i, j int) bool { return q[i].virtual < q[j].virtual }
func (q groupQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}
func (q *groupQueue) Push(x any) {
	g := x.(*cpuGroup)
	g.place = len(*q)
	*q = append(*q, g)
}
func (q *groupQueue) Pop() any {
	old := *q
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return g
}

// taskCPU is what the scheduler keeps with a task. All but waits and slot, which Scheduler.mu guards while the task
// waits, is the task's own.
type taskCPU struct {
	clock   cpuClock
	charged time.Duration // of the clock, to the sandbox
	looks   int           // checkpoints until the next look at the clock
	slot    bool          // holds one
	waits   bool          // is in cpuGroup.waiting or bandwidth.waiting
	turn    chan struct{} // told when it need not wait any more; made when first needed
}

// CPU returns the time that the task has run: neither blocked nor waiting for a processor.
func (t *Task) CPU() time.Duration { return t.cpu.clock.read() }

// Yield is Checkpoint for a program that has computed for about a slice: others get their turn.
func (t *Task) Yield() error {
	if !t.takeTurn() {
		t.cpu.clock.stop()
		runtime.Gosched()
		t.cpu.clock.start()
	}
	return t.Checkpoint()
}

// share is the part of every checkpoint that looks whether it is another's turn.
func (t *Task) share() {
	if t.cpu.looks--; t.cpu.looks >= 0 && !t.k.cpu.throttled.Load() {
		return
	}
	t.cpu.looks = lookAfter
	if t.CPU()-t.cpu.charged >= turnAfter || t.k.cpu.throttled.Load() {
		t.takeTurn()
	}
}

// takeTurn charges what the task has run and waits until it may go on, or must attend to a signal. It reports whether
// it has waited.
func (t *Task) takeTurn() (waited bool) {
	for {
		if t.k.sched.goesOn(t) {
			return waited
		}
		waited = true
		if !t.awaitTurn() || t.cpu.slot {
			return waited
		}
	}
}

// goesOn charges what a task has run and reports whether it may go on; else it waits from now on, or has waited already
// when it is next itself.
func (s *Scheduler) goesOn(t *Task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charge(t)
	g := &t.k.cpu
	switch {
	case g.bandwidth.exhausted():
		s.giveUp(t)
		s.throttle(g, t)
		return false
	case !t.cpu.slot && s.free > 0:
		s.free--
		t.cpu.slot = true
		return true
	case t.cpu.slot && s.free >= 0 && !s.preempts(g):
		return true
	}
	s.enqueue(g, t)
	s.giveUp(t)
	s.dispatch()
	return false
}

// preempts reports whether a task that waits comes before those of g; s.mu is held.
func (s *Scheduler) preempts(g *cpuGroup) bool {
	return len(s.queue) > 0 && (s.queue[0] == g || s.queue[0].virtual <= g.virtual)
}

// charge charges a task's CPU time since the last time to its sandbox; s.mu is held.
func (s *Scheduler) charge(t *Task) {
	now, g := t.CPU(), &t.k.cpu
	ran := now - t.cpu.charged
	t.cpu.charged = now
	g.bandwidth.use(ran)
	// What is used while nobody waits is taken from nobody.
	if len(s.queue) > 0 {
		g.virtual = max(g.virtual, s.floor-maxLag) + ran*defaultShares/time.Duration(g.shares)
		if len(g.waiting) > 0 {
			heap.Fix(&s.queue, g.place)
		}
	}
}

// enqueue lets a task wait for a slot; s.mu is held.
func (s *Scheduler) enqueue(g *cpuGroup, t *Task) {
	t.waits(true)
	if g.waiting = append(g.waiting, t); len(g.waiting) == 1 {
		g.virtual = max(g.virtual, s.floor-maxLag)
		heap.Push(&s.queue, g)
	}
	if s.stall == nil {
		s.seen = s.grants
		s.stall = time.AfterFunc(stallAfter, s.stalled)
	}
}

// waits marks that the task waits, or does not any more; Scheduler.mu is held.
func (t *Task) waits(yes bool) {
	if t.cpu.waits = yes; yes && t.cpu.turn == nil {
		t.cpu.turn = make(chan struct{}, 1)
	}
}

// giveUp gives the task's slot back; s.mu is held.
func (s *Scheduler) giveUp(t *Task) {
	if t.cpu.slot {
		t.cpu.slot = false
		s.free++
	}
}

// dispatch gives free slots out; s.mu is held.
func (s *Scheduler) dispatch() {
	for s.free > 0 && len(s.queue) > 0 {
		s.grant()
	}
}

// grant gives a slot to the task that is next; s.mu is held.
func (s *Scheduler) grant() {
	g := s.queue[0]
	t := g.waiting[0]
	s.remove(g, 0)
	s.floor = max(s.floor, g.virtual)
	s.free--
	s.grants++
	t.cpu.slot = true
	t.waits(false)
	t.cpu.turn <- struct{}{}
}

// remove takes a task out of the queue; s.mu is held.
func (s *Scheduler) remove(g *cpuGroup, i int) {
	g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
	if len(g.waiting) == 0 {
		g.waiting = nil
		heap.Remove(&s.queue, g.place)
	}
}

// stalled gives out a slot more when none has changed hands for long.
func (s *Scheduler) stalled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.stall = nil
		return
	}
	if s.grants == s.seen {
		s.grant()
	}
	s.seen = s.grants
	s.stall.Reset(stallAfter)
}

// blocks is called before the task blocks, and when it ends: a processor that it does not need is another's.
func (t *Task) blocks() {
	s := t.k.sched
	if !t.cpu.slot {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charge(t)
	s.giveUp(t)
	s.dispatch()
}

// ends is called when the task ends.
func (t *Task) ends() {
	s := t.k.sched
	t.cpu.clock.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charge(t)
	s.giveUp(t)
	s.dispatch()
}

// awaitTurn waits until another has ended the wait, or a signal must be attended to: false.
func (t *Task) awaitTurn() bool {
	t.cpu.clock.stop()
	defer t.cpu.clock.start()
	woken := false
	defer func() {
		if woken { // perhaps for what the task waits for elsewhere: it must look again
			t.wakeUp()
		}
	}()
	for {
		select {
		case <-t.cpu.turn:
			return true
		case <-t.wake:
			woken = true
		}
		if !t.urgent() {
			continue
		}
		s := t.k.sched
		s.mu.Lock()
		if t.cpu.waits {
			s.leave(t)
			s.mu.Unlock()
			return false
		}
		s.mu.Unlock()
		<-t.cpu.turn
		return true
	}
}

// urgent reports whether a signal ends or stops the task, or its sandbox is frozen.
func (t *Task) urgent() bool {
	if !t.attention.Load() {
		return false
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	t.deliverLocked()
	return t.dying || t.sig.stopped || t.k.frozen
}

// leave takes a task out of what it waits in; s.mu is held.
func (s *Scheduler) leave(t *Task) {
	g := &t.k.cpu
	t.waits(false)
	for i, o := range g.waiting {
		if o == t {
			s.remove(g, i)
			return
		}
	}
	g.bandwidth.forget(t)
}
