package wasm

import (
	"container/list"
	"sync"
)

// pool keeps instances in their template's state, ready to run, over all
// modules: the most recently used of a module is used first, the least
// recently used of all makes room.
type pool struct {
	limit      int
	limitBytes int64

	mu      sync.Mutex
	all     list.List // of *idle, most recent first
	bytes   int64
	modules map[*Module][]*list.Element // most recent last
}

type idle struct {
	inst *instance
	cost int64
}

// heapCost estimates the host memory an idle instance keeps: its tables, the
// function references in them, what wazero holds for it, and its private pages.
func (i *instance) heapCost() int64 {
	cost := 16<<10 + 64*int64(i.module.info.TableEntries)
	if i.mem != nil {
		cost += i.mem.private
	}
	return cost
}

func (p *pool) take(m *Module) *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	stack := p.modules[m]
	if len(stack) == 0 {
		return nil
	}
	return p.remove(stack[len(stack)-1])
}

// remove takes an element out; p.mu is held. It is its module's most or least
// recent.
func (p *pool) remove(e *list.Element) *instance {
	it := p.all.Remove(e).(*idle)
	p.bytes -= it.cost
	m := it.inst.module
	stack := p.modules[m]
	if stack[0] == e {
		stack = append(stack[:0], stack[1:]...)
	} else {
		stack = stack[:len(stack)-1]
	}
	if len(stack) == 0 {
		delete(p.modules, m)
	} else {
		p.modules[m] = stack
	}
	return it.inst
}

func (p *pool) put(inst *instance) {
	var evicted []*instance
	p.mu.Lock()
	if p.modules == nil {
		p.modules = map[*Module][]*list.Element{}
	}
	m := inst.module
	if m.retired {
		evicted = append(evicted, inst)
	} else {
		cost := inst.heapCost()
		p.modules[m] = append(p.modules[m], p.all.PushFront(&idle{inst, cost}))
		p.bytes += cost
	}
	for p.all.Len() > max(p.limit, 0) || p.all.Len() > 0 && p.bytes > p.limitBytes {
		evicted = append(evicted, p.remove(p.all.Back()))
	}
	p.mu.Unlock()
	closeAll(evicted)
}

// retire closes a module's instances, and from now on each when it is put.
func (p *pool) retire(m *Module) {
	var evicted []*instance
	p.mu.Lock()
	m.retired = true
	for stack := p.modules[m]; len(stack) > 0; stack = p.modules[m] {
		evicted = append(evicted, p.remove(stack[0]))
	}
	p.mu.Unlock()
	closeAll(evicted)
}

func (p *pool) trim() {
	var evicted []*instance
	p.mu.Lock()
	for p.all.Len() > 0 {
		evicted = append(evicted, p.remove(p.all.Back()))
	}
	p.mu.Unlock()
	closeAll(evicted)
}

func closeAll(instances []*instance) {
	for _, i := range instances {
		i.close()
	}
}
